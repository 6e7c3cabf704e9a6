"""Column shapes: how alike each column's distribution is, one column at a time.

Numbers and moments are compared by the Kolmogorov-Smirnov distance, labels by the total variation
distance, both as complements (1 is identical), exactly as SDMetrics' Column Shapes does. What may
not happen here: reading cells, or looking at two columns together.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluate.fidelity.coverage import Seen, coverage_figures, kept, seen
from understudy.evaluate.fidelity.kolmogorov import ks_distance, ks_left_out
from understudy.evaluate.figure import Anchors, Figure, Measured, Metric, Settings, Skipped
from understudy.evaluate.subsample import share_as_good

if TYPE_CHECKING:
    from understudy.evaluate.columns import Column, Tables

REFERENCE = "SDMetrics 0.32 Quality Report, Column Shapes (KSComplement, TVComplement)"
_DECIMALS = 14
_UNSEEN = 1e-6
_THREADS = 2
_SHOWN = ("column", "metric", "score", "holdout")
Floats = NDArray[np.float64]


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
    return _ks(real[~np.isnan(real)], other[~np.isnan(other)])


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
    return _tv(seen(real, levels).counts, seen(other, levels).counts)


def complement(real: Seen, other: Seen) -> float:
    """Compare two tables' values of a column, by its kind; NaN if either has none."""
    return _tv(real.counts, other.counts) if real.counts.size else _ks(real.known, other.known)


def ordered(values: Floats) -> Floats:
    """Known numbers as they are compared, ascending: what `complements_of_numbers` takes."""
    return np.sort(np.round(values[~np.isnan(values)], _DECIMALS))


def complements_of_numbers(
    real: Floats, other: Floats, groups: NDArray[np.intp], count: int
) -> Floats:
    """KS complement of a small sample, and without each of its groups; NaN where a side is empty.

    Parameters
    ----------
    real
        As `ordered` returns them.
    other
        Numbers with NaN for missing.
    groups
        Group of each of them, below `count`.

    >>> real = ordered(np.array([1.0, 2.0, 3.0, 4.0]))
    >>> complements_of_numbers(real, np.array([9.0, 1.0]), np.array([0, 1]), 2)
    array([0.5 , 0.25, 0.  ])
    """
    known = ~np.isnan(other)
    sizes = np.bincount(groups[known], minlength=count)
    if not real.size or (sizes == sizes.sum()).any():
        return np.full(count + 1, np.nan)
    return 1.0 - ks_left_out(real, np.round(other[known], _DECIMALS), groups[known], count)


def complements_of_labels(
    real: NDArray[np.int64], other: NDArray[np.int64], groups: NDArray[np.intp], count: int
) -> Floats:
    """TV complement of a sample of labels, and without each of its groups.

    Parameters
    ----------
    real
        Rows of each label.
    other
        Codes, -1 for missing.
    groups
        Group of each of them, below `count`.

    >>> complements_of_labels(np.array([2, 2]), np.array([0, 1, 1]), np.array([0, 1, 1]), 2)
    array([0.83333333, 0.5       , 0.5       ])
    """
    cells = groups * (real.size + 1) + other + 1
    by_group = np.bincount(cells, minlength=count * (real.size + 1))
    by_group = by_group.reshape(count, real.size + 1)[:, 1:]
    whole = by_group.sum(axis=0)
    return np.array([_tv(real, kept) for kept in (whole, *(whole - by_group))])


def measure_shapes(tables: Tables, settings: Settings, _rng: np.random.Generator) -> Measured:
    """Mean complement over the columns, on all rows, and what else a column keeps."""
    compared = _compare(tables)
    figures, skipped = coverage_figures(compared, tables.rows)
    rows = [{key: row[key] for key in _SHOWN} for row in compared]
    known = [row for row in rows if not np.isnan(row["score"])]
    if not known:
        reason = "no column has values in both tables"
        none = Skipped(key="shapes", title="Column shapes", group="shapes", reason=reason)
        return Measured(figures=tuple(figures), skipped=(none, *skipped))
    held_out = [row["holdout"] for row in known if row["holdout"] is not None]
    held_out = [value for value in held_out if not np.isnan(value)]
    worst = sorted(known, key=lambda row: row["score"])
    value = float(np.mean([row["score"] for row in known]))
    held = float(np.mean(held_out)) if held_out else None
    figure = Figure(
        key="shapes",
        title="Column shapes",
        group="shapes",
        value=value,
        better="higher",
        target=1.0,
        anchors=Anchors(
            holdout=held,
            independent=1.0,
            subsample=None
            if settings.quick
            else share_as_good(
                tables, "shapes", value, held, lambda rows: _of_sample(tables, rows)
            ),
        ),
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
    return Measured(
        figures=(figure, *figures),
        skipped=tuple(skipped),
        charts={"worst_columns": worst[:10]},
    )


def _of_sample(tables: Tables, rows: NDArray[np.intp]) -> float:
    """The mean over the columns of some rows of the holdout."""
    scores = []
    for column in tables.columns:
        if column.holdout is not None:
            levels = len(column.levels) if column.is_category else None
            scores.append(
                complement(seen(column.train, levels), seen(column.holdout[rows], levels))
            )
    return float(np.nanmean(scores))


def _compare(tables: Tables) -> list[dict[str, Any]]:
    """Every column over all rows, two at a time, each table's values counted once."""
    rows: list[dict[str, Any]] = []
    waiting: deque[Future[dict[str, Any]]] = deque()
    with ThreadPoolExecutor(_THREADS) as threads:
        for column in tables.whole():
            waiting.append(threads.submit(_row, column))
            if len(waiting) > _THREADS:
                rows.append(waiting.popleft().result())
        rows += [one.result() for one in waiting]
    return rows


def _row(column: Column) -> dict[str, Any]:
    """One column of the synthetic table and of the holdout against the training rows."""
    levels = len(column.levels) if column.is_category else None
    real, synthetic = seen(column.train, levels), seen(column.synthetic, levels)
    held = None if column.holdout is None else seen(column.holdout, levels)
    return {
        "column": column.name,
        "metric": "TVComplement" if column.is_category else "KSComplement",
        "score": complement(real, synthetic),
        "holdout": None if held is None else complement(real, held),
        "kept": kept(column, real, synthetic),
        "kept_holdout": {} if held is None else kept(column, real, held),
    }


def _ks(real: Floats, other: Floats) -> float:
    """Complement of the distance of known numbers, NaN without any on a side."""
    if real.size == 0 or other.size == 0:
        return float("nan")
    with np.errstate(over="ignore"):
        return 1.0 - ks_distance(np.round(real, _DECIMALS), np.round(other, _DECIMALS))


def _tv(real: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """Complement of the distance of two tallies, NaN without any label on a side."""
    left, right = real.astype(float), other.astype(float)
    if left.sum() == 0 or right.sum() == 0:
        return float("nan")
    left[(left == 0) & (right > 0)] = _UNSEEN
    return float(1.0 - 0.5 * np.abs(left / left.sum() - right / right.sum()).sum())


SHAPES = Metric(
    key="shapes", title="Column shapes", group="shapes", measure=measure_shapes, weight=0.2
)
