"""What the internal page shows, as rows of text and drawings.

What may not happen here: a figure without its anchors where it has some, and praise.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from understudy import __version__
from understudy.release.wording import HANDLE_AS_PERSONAL, SMOKE_TEST
from understudy.report.anchors import draw_marks, marks_of
from understudy.report.audits_view import audits_view
from understudy.report.charts import draw_charts
from understudy.report.distributions import Series, draw_distribution, table_of
from understudy.report.matrix import LEVELS, draw_matrix, worst_pairs
from understudy.report.public_view import Card, more_line, software_line
from understudy.report.purposes_view import internal_purposes
from understudy.report.spelling import spell_number, spell_share
from understudy.report.task_view import task_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from understudy.release.internal import (
        ComparedColumn,
        InternalEvidence,
        InternalFigure,
    )
    from understudy.release.public import PublicEvidence

_GROUPS = {
    "shapes": "Shapes of single columns",
    "pairs": "Pairs of columns",
    "marginals": "Marginals",
    "distinguishability": "Can a classifier tell them apart?",
    "task": "Task",
    "rankings": "Rankings",
    "statistics": "Official statistics",
    "subgroups": "Sub-populations",
    "rules": "Rules",
}
_MOST_FIGURES = 60


def internal_view(evidence: PublicEvidence | None, internal: InternalEvidence) -> dict[str, Any]:
    """Everything the internal template needs besides the evidence itself."""
    headline = _headline(internal)
    pairs = internal.pairs
    smoke = internal.smoke
    smoke_figures = [one for one in internal.figures if one.group == "smoke"]
    tasks = tuple(task_of(task) for task in internal.tasks)
    groups = tuple(_groups(internal, {figure.key for figure in headline}))
    shown = (
        ("purposes", "Does it serve its purposes?", internal.purposes),
        ("figures", "Is it useful?", headline),
        *(
            (f"task-{place}", f"Predicting {task['target']}", True)
            for place, task in enumerate(tasks, 1)
        ),
        ("columns", "Columns", internal.columns),
        ("pairs", "Pairs", pairs),
        ("all", "All figures", groups),
        ("rules", "Rules", internal.rules),
        ("smoke", "Smoke test", True),
        ("attacks", "What an attacker finds", internal.attacks),
        ("audits", "Audits of the program", evidence is not None and evidence.audits),
        ("run", "The run", True),
    )
    return {
        "contents": tuple((anchor, name) for anchor, name, there in shown if there),
        "handling": HANDLE_AS_PERSONAL,
        "software": software_line(evidence) if evidence else f"understudy {__version__}",
        "headline": tuple(_figure(figure) for figure in headline),
        "tasks": tasks,
        "cards": tuple(card_of(column) for column in worst_first(internal)),
        "matrix": draw_matrix(pairs) if pairs else None,
        "matrix_width": min(38, 12 + len(pairs.columns)) if pairs else 0,
        "levels": heat_levels(),
        "pair_rows": tuple(
            (first, second, spell_fixed(value)) for first, second, value in worst_pairs(pairs)
        )
        if pairs
        else (),
        "expected_rows": tuple(_expected(internal)),
        "charts": draw_charts(internal.charts),
        "groups": groups,
        "skipped_rows": tuple((one.title, one.reason) for one in internal.skipped),
        "rule_rows": tuple(
            (one.name, one.expr, spell_share(one.synthetic), spell_share(one.real))
            for one in internal.rules
        ),
        "smoke": smoke,
        "smoke_wording": SMOKE_TEST,
        "smoke_rows": tuple(
            (
                one.title,
                spell_value(one, one.value),
                spell_value(one, one.anchors.holdout),
                one.explanation,
            )
            for one in smoke_figures
        ),
        "count_rows": tuple(
            (name, value if isinstance(value, str) else spell_number(value, 6))
            for name, value in internal.counts
        ),
        "timing_rows": tuple((one.name, f"{one.seconds:.2f}") for one in internal.timings),
        "ledger_rows": tuple(
            (
                row.label,
                row.stage,
                row.cost,
                row.run,
                row.when.isoformat(sep=" ", timespec="seconds") if row.when else "–",
                row.who or "–",
            )
            for row in internal.ledger
        ),
        **internal_purposes(internal),
        **(audits_view(evidence) if evidence else {"audits": ()}),
    }


def _expected(internal: InternalEvidence) -> Iterator[tuple[str, ...]]:
    """Marginals found beside what the release expects of them, the worst found first."""
    for figure in internal.figures:
        if figure.key == "expected_tvd":
            for row in figure.detail.get("marginals", ()):
                yield (
                    " × ".join(row["columns"]),
                    spell_fixed(row["expected"]),
                    spell_fixed(row["found"]),
                    "counted" if row["counted"] else "not counted",
                )


def _headline(internal: InternalEvidence) -> list[InternalFigure]:
    """The figures named as headline; without names, those of the whole table with an anchor."""
    by_key = {figure.key: figure for figure in internal.figures}
    named = [by_key[key] for key in internal.headline if key in by_key]
    if named:
        return named
    return [
        figure
        for figure in internal.figures
        if not figure.columns
        and figure.group != "smoke"
        and (figure.anchors.holdout is not None or figure.anchors.independent is not None)
    ][:8]


def _figure(figure: InternalFigure) -> dict[str, Any]:
    """A figure as a row: its track and its numbers."""
    interval = figure.interval
    marks = marks_of(figure)
    title, explanation = explain(figure)
    return {
        "title": title,
        "explanation": explanation,
        "track": draw_marks(marks) if len(marks.values) > 1 else "",
        "value": spell_value(figure, figure.value),
        "interval": None
        if interval is None
        else f"{spell_value(figure, interval[0])} to {spell_value(figure, interval[1])}",
        "independent": _anchor(figure, figure.anchors.independent),
        "holdout": _anchor(figure, figure.anchors.holdout),
    }


def explain(figure: InternalFigure, *, subsample: bool = True) -> tuple[str, str]:
    """A figure's title, with columns it does not name yet, and its explanation."""
    share = figure.anchors.subsample
    explanation = figure.explanation
    if subsample and share is not None:
        explanation += f" As good as a {spell_share(share)} sample of the real rows."
    title = figure.title
    if figure.columns and not any(name in title for name in figure.columns):
        title += f" ({', '.join(figure.columns)})"
    return title, explanation.strip()


def _anchor(figure: InternalFigure, value: float | None) -> str:
    """An anchor of a figure, nothing where it has none."""
    return "" if value is None else spell_value(figure, value)


def spell_value(figure: InternalFigure, value: float | None) -> str:
    """A value of a figure in its unit."""
    if value is None:
        return "–"
    told = f"{value:#.3g}".replace("-", "\u2212") if 1e-3 <= abs(value) < 1 else spell_number(value)
    return f"{told}\u202f{figure.unit}" if figure.unit else told


def _groups(internal: InternalEvidence, shown: set[str]) -> Iterator[tuple[str, list[Any]]]:
    """Figures that are not headlines, by group, the worst first where there are too many."""
    names = dict.fromkeys(figure.group for figure in internal.figures)
    for group in names:
        found = [one for one in internal.figures if one.group == group and one.key not in shown]
        if group == "smoke" or not found:
            continue
        if len(found) > _MOST_FIGURES:
            found = sorted(found, key=_badness)[:_MOST_FIGURES]
        yield _GROUPS.get(group, group.capitalize()), [_figure(figure) for figure in found]


def _badness(figure: InternalFigure) -> float:
    """Order figures so that the worst comes first."""
    return figure.value if figure.better == "higher" else -figure.value


def spell_fixed(value: float | None) -> str:
    """A score with three decimals."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.3f}".replace("-", "\u2212")


def worst_first(internal: InternalEvidence) -> list[ComparedColumn]:
    """Columns that agree least come first; columns without a score keep their place at the end."""
    return sorted(internal.columns, key=lambda column: (column.score is None, column.score or 0.0))


def card_of(column: ComparedColumn) -> Card:
    """A compared column as a card."""
    series = Series(
        name=column.name,
        shares=column.synthetic,
        labels=column.labels,
        edges=column.edges,
        edge_labels=column.edge_labels,
        real=column.real,
    )
    rows = table_of(series)
    about = [column.kind]
    if column.score is not None:
        about.append(f"agreement {column.score:.3f}")
    if column.real_other or column.synthetic_other:
        about.append(
            f"other labels {spell_share(column.synthetic_other)} "
            f"(real {spell_share(column.real_other)})"
        )
    if column.real_null or column.synthetic_null:
        about.append(
            f"null {spell_share(column.synthetic_null)} (real {spell_share(column.real_null)})"
        )
    return Card(
        name=column.name,
        about=", ".join(about),
        chart=draw_distribution(series),
        heads=("Label" if column.labels is not None else "Bin", "Real", "Synthetic"),
        rows=rows,
        more=more_line(len(column.real), len(rows)),
    )


def heat_levels() -> tuple[str, ...]:
    """The ranges of the seven steps of the heat map."""
    first, last = f"below {LEVELS[0]}", f"{LEVELS[-1]} and above"
    between = (f"{low} to {high}" for low, high in itertools.pairwise(LEVELS))
    return (first, *between, last)
