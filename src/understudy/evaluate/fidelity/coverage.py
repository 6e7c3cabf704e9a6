"""What a column keeps besides its shape: missing cells, labels, range and bounds.

Four similarities between 0 and 1 with the definitions of SDMetrics. Each can be perfect where the
shape is poor and the other way round: a table without the rare labels has a fine shape. What may
not happen here: reading cells, or looking at two columns together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluate.figure import Anchors, Figure, Skipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from understudy.evaluate.columns import Column

Floats = NDArray[np.float64]
NOTHING = float("nan")


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One table's values of a column, counted once for every measure of single columns.

    Parameters
    ----------
    rows
        Rows of the table.
    known
        Numbers that are not missing; empty for labels.
    counts
        Rows of each label; empty for numbers.
    low, high
        Range of the numbers; NaN if there are none.
    """

    rows: int
    known: Floats = field(repr=False)
    counts: NDArray[np.int64] = field(repr=False)
    low: float = NOTHING
    high: float = NOTHING

    @property
    def missing(self) -> float:
        """Share of missing cells."""
        return 1.0 - (self.known.size + int(self.counts.sum())) / max(1, self.rows)


def seen(values: NDArray[Any], levels: int | None) -> Seen:
    """Count one table's values of a column.

    Parameters
    ----------
    values
        Numbers with NaN for missing, or codes with -1 for missing.
    levels
        Number of labels; None for numbers.

    >>> seen(np.array([2.0, np.nan, 5.0]), None).high, seen(np.array([0, -1]), 2).missing
    (5.0, 0.5)
    """
    if levels is not None:
        counts = np.bincount(values + 1, minlength=levels + 1)[1:]
        return Seen(rows=values.size, known=np.empty(0), counts=counts)
    holes = np.isnan(values)
    known = values[~holes] if holes.any() else values
    low, high = (float(known.min()), float(known.max())) if known.size else (NOTHING, NOTHING)
    none = np.empty(0, dtype=np.int64)
    return Seen(rows=values.size, known=known, counts=none, low=low, high=high)


def missing_similarity(real: Seen, other: Seen) -> float:
    """One minus the difference of the shares of missing cells.

    >>> missing_similarity(seen(np.array([1.0, np.nan]), None), seen(np.array([1.0]), None))
    0.5
    """
    return 1.0 - abs(real.missing - other.missing)


def category_coverage(real: Seen, other: Seen) -> float:
    """Share of the real labels that occur in the other table; NaN without real labels.

    >>> category_coverage(seen(np.array([0, 1, 1]), 2), seen(np.array([1]), 2))
    0.5
    """
    occurs = real.counts > 0
    return float(np.mean(other.counts[occurs] > 0)) if occurs.any() else NOTHING


def range_coverage(real: Seen, other: Seen) -> float:
    """Share of the real range that the other range covers; NaN for a range of no width.

    >>> range_coverage(seen(np.array([0.0, 10.0]), None), seen(np.array([2.0, 30.0]), None))
    0.8
    """
    width = real.high - real.low
    if not width > 0 or not other.known.size:
        return NOTHING
    missed = max((other.low - real.low) / width, 0.0) + max((real.high - other.high) / width, 0.0)
    return max(1.0 - missed, 0.0)


def boundary_adherence(real: Seen, other: Seen) -> float:
    """Share of the other values within the real bounds; NaN if one side has no value.

    A missing value is out of bounds if no real one is missing.

    >>> boundary_adherence(seen(np.array([0.0, 5.0]), None), seen(np.array([1.0, 9.0]), None))
    0.5
    """
    judged = other.known.size if real.known.size < real.rows else other.rows
    if not real.known.size or not judged:
        return NOTHING
    if other.known.size and (other.low < real.low or other.high > real.high):
        inside = int(np.count_nonzero((other.known >= real.low) & (other.known <= real.high)))
    else:
        inside = other.known.size
    return inside / judged


def kept(column: Column, real: Seen, other: Seen) -> dict[str, float]:
    """The measures that are defined for a column, by key; NaN where they have no value."""
    found = {}
    if real.missing > 0 or other.missing > 0:
        found["missing_similarity"] = missing_similarity(real, other)
    if column.is_category:
        found["category_coverage"] = category_coverage(real, other)
    else:
        found["range_coverage"] = range_coverage(real, other)
        found["boundary_adherence"] = boundary_adherence(real, other)
    return found


_TOLD = {
    "missing_similarity": (
        "Missing values",
        "MissingValueSimilarity",
        (
            "How alike the shares of missing cells are, averaged over the columns that have any in "
            "one of the two tables."
        ),
        "no cell is missing in either table",
    ),
    "category_coverage": (
        "Labels covered",
        "CategoryCoverage",
        (
            "Share of the real labels that occur in the synthetic table, averaged over the columns. "
            "A label of few people may be left out on purpose."
        ),
        "no column of labels",
    ),
    "range_coverage": (
        "Range covered",
        "RangeCoverage",
        (
            "Share of the real range, from the smallest to the largest number, that the synthetic "
            "numbers span, averaged over the columns. The ends are single people: reaching them is "
            "no aim in itself."
        ),
        "no column of numbers whose range has a width",
    ),
    "boundary_adherence": (
        "Within the real bounds",
        "BoundaryAdherence",
        (
            "Share of synthetic numbers between the smallest and the largest real one, averaged over "
            "the columns."
        ),
        "no column of numbers",
    ),
}


def coverage_figures(
    rows: Sequence[Mapping[str, Any]], counts: Mapping[str, int]
) -> tuple[list[Figure], list[Skipped]]:
    """The mean of each measure over the columns it is defined for.

    Parameters
    ----------
    rows
        One mapping per column: `column`, and `kept` and `kept_holdout` as `kept` returns them
        (`kept_holdout` is empty without a holdout).
    counts
        Rows of each table by name.
    """
    figures: list[Figure] = []
    skipped: list[Skipped] = []
    for key, (title, name, explanation, reason) in _TOLD.items():
        values = {row["column"]: row["kept"].get(key, NOTHING) for row in rows}
        known = {column: value for column, value in values.items() if not np.isnan(value)}
        if not known:
            skipped.append(Skipped(key=key, title=title, group="shapes", reason=reason))
            continue
        held = [row["kept_holdout"].get(key, NOTHING) for row in rows if row["column"] in known]
        figures.append(
            Figure(
                key=key,
                title=title,
                group="shapes",
                value=float(np.mean(list(known.values()))),
                better="higher",
                target=1.0,
                anchors=Anchors(holdout=_mean(held), independent=1.0),
                explanation=explanation,
                reference=f"SDMetrics 0.32, {name}",
                columns=tuple(known),
                detail={
                    "per_column": known,
                    "rows": dict(counts),
                    "interval": "none: computed on all rows, nothing is drawn",
                },
            )
        )
    return figures, skipped


def _mean(values: Iterable[float]) -> float | None:
    """Mean of the values that are known; None if there is none."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else None
