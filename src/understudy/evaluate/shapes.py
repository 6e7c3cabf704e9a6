"""Column shapes: how alike each column's distribution is, one column at a time.

Numbers and moments are compared by the Kolmogorov-Smirnov distance, labels by the total variation
distance, both as complements (1 is identical), exactly as SDMetrics' Column Shapes does. What may
not happen here: reading cells, or looking at two columns together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.evaluate.figure import Anchors, Figure, Measured, Metric, Settings, Skipped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from understudy.evaluate.columns import Column, Tables

REFERENCE = "SDMetrics 0.32 Quality Report, Column Shapes (KSComplement, TVComplement)"
_DECIMALS = 14
_UNSEEN = 1e-6


def ks_complement(real: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """One minus the two-sample Kolmogorov-Smirnov distance.

    Parameters
    ----------
    real, other
        Values of any lengths; NaN is left out.

    Returns
    -------
    float
        Between 0 (disjoint) and 1 (identical); NaN if either side has no value.

    Reference: SDMetrics' KSComplement (values rounded to 14 decimals).

    >>> ks_complement(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 3.0, 9.0]))
    0.75
    """
    with np.errstate(over="ignore"):
        left = np.sort(np.round(real[~np.isnan(real)], _DECIMALS))
        right = np.sort(np.round(other[~np.isnan(other)], _DECIMALS))
    if left.size == 0 or right.size == 0:
        return float("nan")
    worst = 0.0
    for at in (left, right):
        below = np.searchsorted(left, at, side="right") / left.size
        worst = max(worst, _largest(below, np.searchsorted(right, at, side="right") / right.size))
    return 1.0 - worst


def tv_complement(real: NDArray[Any], other: NDArray[Any], levels: int) -> float:
    """One minus the total variation distance of two label distributions.

    Parameters
    ----------
    real, other
        Codes below `levels`; negative ones are missing and left out.
    levels
        Number of labels.

    Returns
    -------
    float
        Between 0 and 1; NaN if either side has no label.

    Reference: SDMetrics' TVComplement, with its weight of 1e-6 for a label the real side lacks.

    >>> tv_complement(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]), 2)
    0.75
    """
    left = np.bincount(real[real >= 0], minlength=levels).astype(float)
    right = np.bincount(other[other >= 0], minlength=levels).astype(float)
    if left.sum() == 0 or right.sum() == 0:
        return float("nan")
    left[(left == 0) & (right > 0)] = _UNSEEN
    return float(1.0 - 0.5 * np.abs(left / left.sum() - right / right.sum()).sum())


def complement(column: Column, other: NDArray[Any]) -> float:
    """Compare a table's values of a column with the training ones, by the column's kind."""
    if column.is_category:
        return tv_complement(column.train, other, len(column.levels))
    return ks_complement(column.train, other)


def measure_shapes(tables: Tables, _settings: Settings, _rng: np.random.Generator) -> Measured:
    """Mean complement over the columns, on all rows, with every column's own."""
    rows: list[dict[str, Any]] = []
    for column in tables.whole():
        held = None if column.holdout is None else complement(column, column.holdout)
        rows.append(
            {
                "column": column.name,
                "metric": "TVComplement" if column.is_category else "KSComplement",
                "score": complement(column, column.synthetic),
                "holdout": held,
            }
        )
    known = [row for row in rows if not np.isnan(row["score"])]
    if not known:
        reason = "no column has values in both tables"
        return Measured(
            skipped=(Skipped(key="shapes", title="Column shapes", group="shapes", reason=reason),)
        )
    held_out = [row["holdout"] for row in known if row["holdout"] is not None]
    held_out = [value for value in held_out if not np.isnan(value)]
    worst = sorted(known, key=lambda row: row["score"])
    figure = Figure(
        key="shapes",
        title="Column shapes",
        group="shapes",
        value=float(np.mean([row["score"] for row in known])),
        better="higher",
        target=1.0,
        anchors=Anchors(holdout=float(np.mean(held_out)) if held_out else None, independent=1.0),
        explanation=(
            "How alike the distribution of each column is in the real and the synthetic table, "
            "averaged over the columns. Independent columns reach 1: shapes say nothing about "
            "how columns go together."
        ),
        reference=REFERENCE,
        columns=tuple(row["column"] for row in known),
        detail={
            "per_column": rows,
            "rows": dict(tables.rows),
            "without_values": [row["column"] for row in rows if np.isnan(row["score"])],
            "interval": "none: computed on all rows, nothing is drawn",
        },
    )
    return Measured(figures=(figure,), charts={"worst_columns": worst[:10]})


def _largest(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Largest absolute difference."""
    return float(np.max(np.abs(left - right)))


SHAPES = Metric(
    key="shapes", title="Column shapes", group="shapes", measure=measure_shapes, weight=2.0
)
