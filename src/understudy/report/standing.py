"""The first screen of an evaluation: where each table stands between its floor and its ceiling.

Sentences say what the bars show and nothing more. What may not happen here: praise, an overall
score, or a word about privacy other than that nothing here shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from understudy.release.questions import QUESTIONS, Question, lead_of, standing
from understudy.report.spelling import spell_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from understudy.release.internal import InternalFigure
    from understudy.release.judged import EvaluationEvidence, JudgedTable

_WORDS = (
    (0.95, "as good as real rows, within 5 %"),
    (0.8, "close to real rows"),
    (0.5, "nearer to real rows than to independent columns"),
    (0.05, "nearer to independent columns than to real rows"),
    (-9e9, "no better than independent columns"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """One table on one bar: where it stands, in per cent of the way, and the value behind it."""

    name: str
    letter: str
    part: float
    told: str
    value: str
    subsample: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """A question with a mark for each table on the way from independent columns to real rows."""

    question: Question
    about: str
    figure: InternalFigure
    marks: tuple[Mark, ...]
    end: str


def letters_of(evidence: EvaluationEvidence) -> dict[str, str]:
    """A letter for each table, by its name."""
    return {table.name: _letter(place) for place, table in enumerate(evidence.tables)}


def _letter(place: int) -> str:
    """A to Z, then A2 to Z2."""
    turn, rest = divmod(place, 26)
    return chr(ord("A") + rest) + (str(turn + 1) if turn else "")


def bars_of(evidence: EvaluationEvidence) -> tuple[Bar, ...]:
    """The bars of the first screen, one for each question that has a way to go."""
    letters = letters_of(evidence)
    bars = []
    for question in asked(evidence):
        leads: dict[tuple[str, ...], list[tuple[JudgedTable, InternalFigure]]] = {}
        for table in evidence.tables:
            for figure in lead_of(question, table.evidence.figures):
                leads.setdefault((figure.key, *figure.columns), []).append((table, figure))
        for found in leads.values():
            marks = []
            end = ""
            for table, figure in found:
                way = standing(figure)
                if way is None:
                    continue
                part, end = way
                share = figure.anchors.subsample
                marks.append(
                    Mark(
                        name=table.name,
                        letter=letters[table.name],
                        part=100 * min(max(part, 0.0), 1.0),
                        told=f"{100 * min(max(part, 0.0), 1.0):.0f}\u202f%",
                        value=spell_number(figure.value),
                        subsample="" if share is None else f"{100 * share:.0f}\u202f%",
                    )
                )
            if marks:
                figure = found[0][1]
                bars.append(
                    Bar(
                        question=question,
                        about=_about(question, figure),
                        figure=figure,
                        marks=tuple(marks),
                        end=end,
                    )
                )
    return tuple(bars)


def asked(evidence: EvaluationEvidence) -> tuple[Question, ...]:
    """The questions of an evaluation: the known ones, then one for each unknown group."""
    known = {group for question in QUESTIONS for group in question.groups}
    known |= {"purposes", "smoke"}
    seen = dict.fromkeys(
        figure.group for table in evidence.tables for figure in table.evidence.figures
    )
    others = tuple(
        Question(
            key=group,
            short=group.replace("_", " ").capitalize(),
            text=group.replace("_", " ").capitalize(),
            groups=(group,),
            leads=(),
        )
        for group in seen
        if group not in known
    )
    return (*QUESTIONS, *others)


def _about(question: Question, figure: InternalFigure) -> str:
    """What a bar is called: one that is about a target or a sub-population names it."""
    if not figure.columns or question.key in ("pairs", "marginals", "shapes"):
        return question.short
    if question.key == "task":
        return f"{question.short} {figure.columns[0]}"
    return f"{question.short} ({', '.join(figure.columns)})"


def words_of(part: float) -> str:
    """Words for a part of the way in per cent.

    >>> words_of(97), words_of(30)
    ('as good as real rows, within 5 %', 'nearer to independent columns than to real rows')
    """
    return next(text for least, text in _WORDS if part >= 100 * least)


def sentences(evidence: EvaluationEvidence, bars: Sequence[Bar]) -> tuple[str, str, str]:
    """Three sentences: what was compared, what came out, what to watch."""
    return _compared(evidence, bars), _came_out(evidence, bars), _watch(evidence)


def _compared(evidence: EvaluationEvidence, bars: Sequence[Bar]) -> str:
    """What was compared with what, and how the scale reads."""
    counts = dict(evidence.tables[0].evidence.counts)
    train, held = counts.get("train rows"), counts.get("holdout rows")
    rows = f"{spell_number(float(train), 9)} " if isinstance(train, int) else ""
    names = [table.name for table in evidence.tables]
    told = (
        f"{names[0]} was" if len(names) == 1 else f"{len(names)} synthetic tables were"
    ) + f" compared with the {rows}real rows they stand in for"
    if len(names) == 1:
        told = told.replace("they stand", "it stands")
    if isinstance(held, int) and held:
        told += f", and with {spell_number(float(held), 9)} real rows that nothing was learned from"
    if not bars:
        return told + "."
    end = "real rows nothing was learned from" if bars[0].end == "real rows" else "an exact copy"
    return (
        f"{told}: on each line below, the left end is a table whose columns have nothing to do "
        f"with each other, the right end is {end}."
    )


def _came_out(evidence: EvaluationEvidence, bars: Sequence[Bar]) -> str:
    """What came out: one table's best and worst, or which table leads how often."""
    if not bars:
        return "No figure has both anchors: see below what was measured and what could not be."
    if len(evidence.tables) == 1:
        order = sorted(bars, key=lambda bar: -bar.marks[0].part)
        best, worst = order[0], order[-1]
        if best is worst:
            return f"{best.about}: {words_of(best.marks[0].part)} ({best.marks[0].told})."
        return (
            f"It does best in “{best.about.lower()}”, {words_of(best.marks[0].part)} "
            f"({best.marks[0].told} of the way), and worst in “{worst.about.lower()}”, "
            f"{words_of(worst.marks[0].part)} ({worst.marks[0].told})."
        )
    wins: dict[str, int] = {}
    for bar in bars:
        most = max(mark.part for mark in bar.marks)
        for mark in bar.marks:
            if mark.part >= most - _TIE:
                wins[mark.name] = wins.get(mark.name, 0) + 1
    ranked = sorted(wins.items(), key=lambda item: -item[1])
    told = [f"{name} in {count}" for name, count in ranked]
    return (
        f"Of {len(bars)} lines, nearest to real rows (or within {_TIE:.0f} point of the "
        f"nearest): {', '.join(told)}."
    )


_TIE = 1.0
"""Points of the way within which tables count as equally near."""


def _watch(evidence: EvaluationEvidence) -> str:
    """The most pressing thing to watch, and what this page cannot say."""
    leaks = [
        table.name
        for table in evidence.tables
        if table.evidence.smoke is not None and table.evidence.smoke.word == "leak detected"
    ]
    failed = [
        (table.name, sum(one.verdict == "fail" for one in table.evidence.purposes))
        for table in evidence.tables
    ]
    broken = [
        (table.name, rule.name)
        for table in evidence.tables
        for rule in table.evidence.rules
        if rule.synthetic and not rule.real
    ]
    privacy = "nothing on this page says that a table is private"
    if leaks:
        return (
            f"Rows of {_listed(leaks)} look copied from real ones, see the smoke test; {privacy}."
        )
    if any(count for _, count in failed):
        told = [f"{count} of {name}" for name, count in failed if count]
        return f"Declared purposes that are not served: {_listed(told)}; {privacy}."
    if broken:
        return (
            f"Rows of {broken[0][0]} break the rule “{broken[0][1]}”, real rows do not; {privacy}."
        )
    column = _worst_column(evidence)
    if column:
        return f"Look first at {column}; {privacy}."
    return f"{privacy[0].upper()}{privacy[1:]}."


def _worst_column(evidence: EvaluationEvidence) -> str:
    """The column that agrees least in any table, in words; nothing if all agree well."""
    found = [
        (column.score, column.name, table.name)
        for table in evidence.tables
        for column in table.evidence.columns
        if column.score is not None
    ]
    if not found or min(found)[0] > _WELL:
        return ""
    score, name, table = min(found)
    where = f" of {table}" if len(evidence.tables) > 1 else ""
    return f"the column {name}{where}, whose distribution agrees least ({score:.2f} of 1)"


_WELL = 0.97


def _listed(names: Sequence[str]) -> str:
    """Names in a sentence."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
