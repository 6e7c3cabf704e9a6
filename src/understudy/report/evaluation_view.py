"""What the page of an evaluation shows: bars, figures of several tables side by side, charts.

What may not happen here: a figure without its anchors where it has some, and praise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from understudy import __version__
from understudy.release.questions import lead_of
from understudy.release.wording import HANDLE_AS_PERSONAL, SMOKE_TEST
from understudy.report.anchors import Lane, draw_lanes, draw_marks, marks_of
from understudy.report.charts import Chart, draw_charts
from understudy.report.internal_view import (
    card_of,
    explain,
    heat_levels,
    spell_fixed,
    spell_value,
    worst_first,
)
from understudy.report.matrix import draw_matrix, worst_pairs
from understudy.report.purposes_view import internal_purposes
from understudy.report.spelling import spell_number, spell_share
from understudy.report.standing import (
    Bar,
    asked,
    bars_of,
    letters_of,
    sentences,
    words_of,
)
from understudy.report.task_view import task_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from understudy.release.internal import InternalFigure
    from understudy.release.judged import EvaluationEvidence, JudgedTable
    from understudy.release.questions import Question

_MOST_CARDS = 60
_MOST_FIGURES = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A figure of several tables: its track and its numbers."""

    key: str
    title: str
    explanation: str
    reference: str
    better: str
    track: Any
    values: tuple[tuple[str, str, tuple[str, ...]], ...]
    independent: str
    holdout: str
    seeds: int


def evaluation_view(evidence: EvaluationEvidence) -> dict[str, Any]:
    """Everything the template of an evaluation needs besides the evidence itself."""
    bars = bars_of(evidence)
    letters = letters_of(evidence)
    parts = tuple(_part(evidence, question, bars) for question in asked(evidence))
    parts = tuple(part for part in parts if part["rows"] or part["charts"] or part["skipped"])
    tables = tuple(_table(table, letters[table.name]) for table in evidence.tables)
    leads = {(bar.figure.key, bar.figure.columns) for bar in bars}
    across = tuple(_row(evidence, [(None, one)]) for one in evidence.across)
    shown = (
        ("answer", "In short", True),
        ("purposes", "Purposes", any(table["purposes"] for table in tables)),
        ("statistician", "For the statistician", True),
        ("tables", "Each column, each pair", True),
        ("everything", "Everything", True),
        ("run", "How it was measured", True),
    )
    return {
        "contents": tuple((anchor, name) for anchor, name, there in shown if there),
        "handling": HANDLE_AS_PERSONAL,
        "software": f"understudy {__version__}",
        "letters": tuple(letters.items()),
        "single": len(letters) == 1,
        "sentences": sentences(evidence, bars),
        "bars": bars,
        "parts": parts,
        "leads": leads,
        "across": across,
        "across_charts": draw_charts(evidence.across_charts),
        "tables": tables,
        "levels": heat_levels(),
        "smoke_wording": SMOKE_TEST,
        "counts": tuple(_counts(evidence)),
        "asked_rows": tuple(
            (name, str(value)) for name, value in evidence.asked if value not in ("", None)
        ),
        "seconds": f"{evidence.seconds:.0f}",
        "timing_rows": tuple(_timings(evidence)),
        "notes": tuple(
            dict.fromkeys(
                note if len(letters) == 1 else f"{table.name}: {note}"
                for table in evidence.tables
                for note in table.evidence.notes
            )
        ),
    }


def _part(
    evidence: EvaluationEvidence, question: Question, bars: tuple[Bar, ...]
) -> dict[str, Any]:
    """A question: its one-line answer, the figures of its groups, their charts."""
    own = [bar for bar in bars if bar.question.key == question.key]
    keys = {bar.figure.key for bar in own} if not question.groups else set()
    taken = {bar.figure.key for bar in bars if not bar.question.groups}
    merged = [
        found
        for found in _merged(evidence)
        if found[0][1].key in keys
        or (found[0][1].group in question.groups and found[0][1].key not in taken)
    ]
    rows = [_row(evidence, found) for found in merged]
    charts: list[tuple[str, Chart]] = []
    for table in evidence.tables:
        charts += [
            (table.name, chart)
            for chart in draw_charts(table.evidence.charts)
            if chart.group in question.groups
        ]
    return {
        "question": question,
        "answers": tuple(_answer(bar) for bar in own) or _plain_answer(evidence, question),
        "rows": tuple(rows[:_MOST_FIGURES]),
        "left_out": max(0, len(rows) - _MOST_FIGURES),
        "charts": tuple(charts),
        "tasks": tuple(
            (table.name, task_of(task))
            for table in evidence.tables
            for task in table.evidence.tasks
            if "task" in question.groups
        ),
        "skipped": tuple(_skipped(evidence, question)),
    }


def _answer(bar: Bar) -> tuple[str, str]:
    """What a bar says in one line: the question's name, then each table's words."""
    if len(bar.marks) == 1:
        mark = bar.marks[0]
        told = f"{words_of(mark.part)} ({mark.told} of the way, {bar.figure.title} {mark.value})"
        if mark.subsample:
            told += f"; as good as a {mark.subsample} sample of the real rows"
        return bar.about, told
    return bar.about, "; ".join(f"{mark.name} {mark.told} of the way" for mark in bar.marks)


def _plain_answer(evidence: EvaluationEvidence, question: Question) -> tuple[tuple[str, str], ...]:
    """What the leading figure says where there is no way between its anchors."""
    told = []
    figure = None
    for table in evidence.tables:
        found = lead_of(question, table.evidence.figures)
        if found:
            figure = found[0]
            name = f"{table.name} " if len(evidence.tables) > 1 else ""
            told.append(f"{name}{spell_value(figure, figure.value)}")
    if figure is None:
        return ()
    end = figure.anchors.holdout
    real = "" if end is None else f"; real rows reach {spell_value(figure, end)}"
    return ((figure.title, ", ".join(told) + real),)


def _skipped(evidence: EvaluationEvidence, question: Question) -> Iterator[tuple[str, str]]:
    """What was not measured of a question's groups, and why; the same reason once."""
    found: dict[tuple[str, str], list[str]] = {}
    for table in evidence.tables:
        for one in table.evidence.skipped:
            if one.group in question.groups:
                found.setdefault((one.title, one.reason), []).append(table.name)
    for (title, reason), names in found.items():
        some = len(names) < len(evidence.tables)
        yield title, f"{reason} ({', '.join(names)})" if some else reason


def _merged(
    evidence: EvaluationEvidence,
) -> list[list[tuple[JudgedTable | None, InternalFigure]]]:
    """Figures of the same key and columns, of one table after the other."""
    found: dict[tuple[str, ...], list[tuple[JudgedTable | None, InternalFigure]]] = {}
    for table in evidence.tables:
        for figure in table.evidence.figures:
            if figure.group in ("smoke", "purposes"):
                continue
            found.setdefault((figure.key, figure.title, *figure.columns), []).append(
                (table, figure)
            )
    return list(found.values())


def _row(
    evidence: EvaluationEvidence, found: list[tuple[JudgedTable | None, InternalFigure]]
) -> Row:
    """One figure of several tables as a row."""
    letters = letters_of(evidence)
    first = found[0][1]
    anchored = next((figure for _, figure in found if figure.anchors.holdout is not None), first)
    lanes = [
        Lane(
            letter="" if table is None else letters[table.name],
            name=first.title if table is None else table.name,
            value=figure.value,
            interval=figure.interval,
        )
        for table, figure in found
    ]
    by_letter = {lane.letter: figure for lane, (_, figure) in zip(lanes, found, strict=True)}
    shown = [""] if found[0][0] is None else list(letters.values())
    several = len(evidence.tables) > 1 and found[0][0] is not None
    anchors = anchored.anchors
    title, explanation = explain(first, subsample=not several)
    return Row(
        key=first.key,
        title=title,
        explanation=explanation,
        reference=first.reference,
        better={"near": f"near {spell_number(first.target)}"}.get(first.better, first.better),
        track=draw_lanes(
            first.title, first.better, lanes, floor=anchors.independent, ceiling=anchors.holdout
        )
        if several
        else _single_track(first),
        values=tuple(_cell(letter, by_letter.get(letter)) for letter in shown),
        independent="" if anchors.independent is None else spell_bare(first, anchors.independent),
        holdout="" if anchors.holdout is None else spell_bare(first, anchors.holdout),
        seeds=first.seeds,
    )


def _single_track(figure: InternalFigure) -> Any:
    """The track of one table's figure, nothing where there is nothing to compare with."""
    marks = marks_of(figure)
    return draw_marks(marks) if len(marks.values) > 1 else ""


def _cell(letter: str, figure: InternalFigure | None) -> tuple[str, str, tuple[str, ...]]:
    """A table's letter, value, and below it interval and sample size, a line each."""
    if figure is None:
        return letter, "–", ()
    more = []
    if figure.interval is not None:
        low, high = figure.interval
        more.append(f"{spell_bare(figure, low)} to {spell_bare(figure, high)}")
    if figure.anchors.subsample is not None:
        more.append(f"= {spell_share(figure.anchors.subsample)} sample")
    return letter, spell_value(figure, figure.value), tuple(more)


def spell_bare(figure: InternalFigure, value: float) -> str:
    """A value without its unit, which stands beside the figure's own value."""
    return spell_value(figure.model_copy(update={"unit": ""}), value)


def _table(table: JudgedTable, letter: str) -> dict[str, Any]:
    """Columns, pairs, rules, purposes and smoke test of one table."""
    internal = table.evidence
    pairs = internal.pairs
    columns = worst_first(internal)
    smoke = [one for one in internal.figures if one.group == "smoke"]
    return {
        "name": table.name,
        "letter": letter,
        "cards": tuple(card_of(column) for column in columns[:_MOST_CARDS]),
        "cards_left_out": max(0, len(columns) - _MOST_CARDS),
        "matrix": draw_matrix(pairs) if pairs else None,
        "matrix_width": min(38, 12 + len(pairs.columns)) if pairs else 0,
        "pair_rows": tuple(
            (first, second, spell_fixed(value)) for first, second, value in worst_pairs(pairs)
        )
        if pairs
        else (),
        "rule_rows": tuple(
            (one.name, one.expr, spell_share(one.synthetic), spell_share(one.real))
            for one in internal.rules
        ),
        "smoke": internal.smoke,
        "smoke_rows": tuple(
            (
                one.title,
                spell_value(one, one.value),
                spell_value(one, one.anchors.holdout),
                one.explanation,
            )
            for one in smoke
        ),
        **internal_purposes(internal),
    }


def _counts(evidence: EvaluationEvidence) -> Iterator[tuple[str, str]]:
    """Rows of the real tables, then of each synthetic one."""
    first = dict(evidence.tables[0].evidence.counts)
    for name in ("train rows", "holdout rows"):
        if name in first:
            yield name, spell_number(float(first[name] or 0), 9)
    for table in evidence.tables:
        rows = dict(table.evidence.counts).get("synthetic rows")
        if rows is not None:
            yield f"rows of {table.name}", spell_number(float(rows), 9)


def _timings(evidence: EvaluationEvidence) -> Iterator[tuple[str, str]]:
    """Seconds of each part over the tables, the longest first."""
    seconds: dict[str, float] = {}
    for table in evidence.tables:
        for one in table.evidence.timings:
            name = one.name.removeprefix("evaluate: ")
            if name != "total":
                seconds[name] = seconds.get(name, 0.0) + one.seconds
    for name, value in sorted(seconds.items(), key=lambda item: -item[1]):
        yield name, f"{value:.2f}"
