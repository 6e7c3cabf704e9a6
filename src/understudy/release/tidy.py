"""Every figure of an evaluation as one tidy table: a row for each value, anchor and model.

What may not happen here: a number that is not in the evidence.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from understudy.release.internal import InternalFigure
    from understudy.release.judged import EvaluationEvidence

HEADER = ("table", "group", "key", "title", "columns", "series", "item", "value", "low", "high",
          "better", "target", "unit", "seeds")  # fmt: skip
"""`series` says what the value was measured on; `item` names a model, a column or a pair."""

ACROSS = "(all tables)"
_ANCHORS = ("holdout", "independent", "subsample")
Row = tuple[Any, ...]


def tidy(evidence: EvaluationEvidence) -> str:
    """Write every figure as CSV text, with the columns of `HEADER`.

    Parameters
    ----------
    evidence
        The evidence of one evaluation.

    Returns
    -------
    str
        UTF-8 text with one line for each figure, table and series: `synthetic` is the table's
        own value, `holdout`, `independent` and `subsample` are anchors, and what a figure
        breaks down by model or column follows with `item` filled. Empty cells were not measured.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for table in evidence.tables:
        for figure in table.evidence.figures:
            writer.writerows(_rows(table.name, figure))
    for figure in evidence.across:
        writer.writerows(_rows(ACROSS, figure))
    return text.getvalue()


def _rows(table: str, figure: InternalFigure) -> Iterator[Row]:
    """The rows of one figure."""
    about = (table, figure.group, figure.key, figure.title, " | ".join(figure.columns))
    goal = "" if figure.target is None else figure.target
    rest = (figure.better, goal, figure.unit, figure.seeds)
    low, high = figure.interval or ("", "")
    yield (*about, "synthetic", "", figure.value, low, high, *rest)
    for name in _ANCHORS:
        value = getattr(figure.anchors, name)
        if value is not None:
            yield (*about, name, "", value, "", "", *rest)
    for series, item, value in _breakdown(figure.detail):
        yield (*about, series, item, value, "", "", *rest)


def _breakdown(detail: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    """What a figure breaks down: `per_model` by training table, `per_column` and the like."""
    for key, found in detail.items():
        if not key.startswith("per_"):
            continue
        if isinstance(found, Mapping):
            yield from _by_series(found)
        elif isinstance(found, Sequence) and not isinstance(found, str):
            for row in found:
                if isinstance(row, Mapping):
                    yield from _by_item(row)


def _by_series(found: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    """Name to model to value, or model to value."""
    for series, values in found.items():
        if isinstance(values, Mapping):
            for item, value in values.items():
                if _is_number(value):
                    yield series, str(item), value
        elif _is_number(values):
            yield "synthetic", str(series), values


def _by_item(row: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    """A row with one name (or several) and numbers; `score` and `value` are the table's own."""
    item = " | ".join(str(value) for value in row.values() if isinstance(value, str))
    for name, value in row.items():
        if _is_number(value):
            yield ("synthetic" if name in {"score", "value"} else name), item, value


def _is_number(value: object) -> bool:
    """Whether a value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)
