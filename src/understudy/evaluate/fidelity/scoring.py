"""Scores of pairs of columns: correlations of numbers, two-way tables of everything else.

Two numeric columns: similarity of Pearson correlations. Otherwise: one minus the total variation
distance of the two-way table, numbers cut at ten equal bins, each table over its own range. Pure
functions on arrays. What may not happen here: a figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluate.tallies import cramers_v, joint, tally, total_variation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from understudy.evaluate.columns import Column

CORRELATED = 0.5
ASSOCIATED = 0.3
_BINS = 10
_ROWS_AT_ONCE = 1 << 16
_DENSE = 1 << 18
Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Similarity of one pair of columns.

    Parameters
    ----------
    first, second
        Column names.
    metric
        `CorrelationSimilarity` or `ContingencySimilarity`.
    score
        Between 0 and 1, NaN where it is not defined.
    strength
        |r| or Cramér's V in the real table, NaN where it is not defined.
    related
        Whether the strength is above the Quality Report's threshold.
    error
        How far the score of the sampled rows is expected to be, at most, from that of all rows.
    """

    first: str
    second: str
    metric: str
    score: float
    strength: float
    related: bool
    error: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Values:
    """A column as pair metrics see it: numbers and ten bins, or levels; missing is a level."""

    numbers: Floats | None
    codes: Codes
    levels: int


def correlation_similarity(real: float, other: float) -> float:
    """One minus half the difference of two correlations.

    >>> correlation_similarity(0.5, -0.5)
    0.5
    """
    return 1.0 - abs(real - other) / 2.0


def correlations(columns: Sequence[Floats]) -> Floats:
    """Pearson correlations of every pair over the rows where both are known.

    Parameters
    ----------
    columns
        Arrays of one length, NaN for missing.

    Returns
    -------
    numpy.ndarray
        Square and symmetric; NaN where fewer than two rows remain or one side is constant.

    >>> correlations([np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])]).round(12).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    size = len(columns)
    if size == 0:
        return np.empty((0, 0))
    scales = [_centre_and_scale(column) for column in columns]
    both, sums, squares, products = (np.zeros((size, size)) for _ in range(4))
    for start in range(0, columns[0].size, _ROWS_AT_ONCE):
        part = [column[start : start + _ROWS_AT_ONCE] for column in columns]
        known = np.column_stack([~np.isnan(values) for values in part]).astype(float)
        scaled = np.column_stack(
            [_standard(values, *scale) for values, scale in zip(part, scales, strict=True)]
        )
        both += known.T @ known
        sums += scaled.T @ known
        squares += (scaled**2).T @ known
        products += scaled.T @ scaled
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = squares - sums**2 / both
        product = products - sums * sums.T / both
        result = np.clip(product / np.sqrt(spread * spread.T), -1.0, 1.0)
    shaky = ~(spread > 1e-7 * squares)
    for i, j in zip(*np.nonzero(shaky | shaky.T), strict=True):
        result[i, j] = _correlation(columns[i], columns[j])
    return np.asarray(result)


def contingency_similarity(
    real: tuple[Codes, Codes], other: tuple[Codes, Codes], sizes: tuple[int, int]
) -> tuple[float, float]:
    """One minus the total variation distance of two two-way tables, and the real Cramér's V.

    Parameters
    ----------
    real, other
        Two columns of codes each; missing is a level like any other.
    sizes
        Levels of the two columns.

    >>> contingency_similarity((np.array([0, 1]), np.array([0, 1])),
    ...                        (np.array([0, 1]), np.array([1, 1])), (2, 2))
    (0.5, 1.0)
    """
    return _compare_counted(_count(real, sizes), other, sizes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """A two-way table of the real rows.

    Parameters
    ----------
    codes
        Counts of every cell if dense, else the merged code of every row.
    dense
        Which of the two.
    shares
        Shares of the occupied cells.
    association
        Cramér's V.
    """

    codes: Codes
    dense: bool
    shares: Floats
    association: float


def _count(codes: tuple[Codes, Codes], sizes: tuple[int, int]) -> Counted:
    """Count the two-way table of two columns of codes, and its Cramér's V."""
    flat, cells = joint(codes, sizes)
    dense = cells <= _DENSE
    if dense:
        kept = np.bincount(flat, minlength=cells)
        occupied = np.nonzero(kept)[0]
        counts = kept[occupied]
    else:
        kept = flat
        occupied, counts = np.unique(flat, return_counts=True)
    strength = cramers_v(counts, occupied // sizes[1], occupied % sizes[1])
    return Counted(codes=kept, dense=dense, shares=counts / flat.size, association=strength)


def _compare_counted(
    real: Counted, other: tuple[Codes, Codes], sizes: tuple[int, int]
) -> tuple[float, float]:
    """Similarity of a two-way table to a counted real one, and the real Cramér's V."""
    flat, cells = joint(other, sizes)
    if real.dense:
        left, right = real.codes, np.bincount(flat, minlength=cells)
    else:
        left, right = tally([real.codes, flat], cells)
    return 1.0 - total_variation(left, right), real.association


def sampling_error(shares: Floats, thinness: float) -> float:
    """Expected distance, at most, of a total variation distance of samples from that of all rows.

    Half the sum over cells of the mean absolute error of a difference of two sampled shares,
    `sqrt(2 thinness p / pi)`.

    Parameters
    ----------
    shares
        Shares of the cells.
    thinness
        Sum over both tables of (1 - sampled / rows) / sampled; 0 where every row is taken.

    >>> round(sampling_error(np.array([0.5, 0.5]), 0.0001), 5), sampling_error(np.ones(1), 0.0)
    (0.00564, 0.0)
    """
    return float(0.5 * np.sqrt(2.0 * thinness / np.pi) * np.sqrt(shares).sum())


def pair_values(
    column: Column, values: NDArray[Any], ends: tuple[float, float] | None = None
) -> Values:
    """Prepare one table's values of a column: numbers are cut over their own range.

    Parameters
    ----------
    column, values
        The column, and one table's sampled values of it.
    ends
        Least and largest value of all the table's rows, where `values` is a sample: SDMetrics
        cuts before it samples, and one far value moves every cut.
    """
    if column.is_category:
        return Values(
            numbers=None, codes=values.astype(np.int64) + 1, levels=len(column.levels) + 1
        )
    known = values[~np.isnan(values)]
    try:
        edges = np.histogram_bin_edges(known, bins=_BINS, range=ends)
    except ValueError:  # a range too narrow for ten different edges
        edges = np.array([known.min(), known.max()])
    codes = np.digitize(values, edges).astype(np.int64)
    return Values(numbers=values, codes=codes, levels=_BINS + 2)


def compare_pairs(
    columns: Sequence[Column],
    real: Sequence[Values],
    other: Sequence[Values],
    *,
    known: tuple[Floats, Floats] | None = None,
    thinness: float = 0.0,
    counted: dict[tuple[int, int], Counted] | None = None,
) -> list[Pair]:
    """Score every pair of columns of one table against the real one.

    Parameters
    ----------
    columns, real, other
        The columns and both tables' values of them.
    known
        Correlations of the numeric columns in both tables, where they were computed on all rows.
    thinness
        As in `sampling_error`.
    counted
        Two-way tables of the real rows; those that are missing are counted and added.
    """
    counted = {} if counted is None else counted
    numeric = [i for i, values in enumerate(real) if values.numbers is not None]
    place = {column: at for at, column in enumerate(numeric)}
    ours, theirs = known or (
        correlations([_numbers(real[i]) for i in numeric]),
        correlations([_numbers(other[i]) for i in numeric]),
    )
    constant = {i for i in numeric if _is_constant(real[i]) or _is_constant(other[i])}
    pairs: list[Pair] = []
    for i, j in combinations(range(len(columns)), 2):
        if i in place and j in place:
            strength = float(ours[place[i], place[j]])
            score = correlation_similarity(strength, float(theirs[place[i], place[j]]))
            if i in constant or j in constant:
                score = strength = float("nan")
            metric, related = "CorrelationSimilarity", abs(strength) > CORRELATED
            error = 0.0 if known else float(0.5 * np.sqrt(2.0 * thinness / np.pi))
        else:
            sizes = (real[i].levels, real[j].levels)
            if (i, j) not in counted:
                counted[i, j] = _count((real[i].codes, real[j].codes), sizes)
            score, strength = _compare_counted(
                counted[i, j], (other[i].codes, other[j].codes), sizes
            )
            metric, related = "ContingencySimilarity", strength > ASSOCIATED
            error = sampling_error(counted[i, j].shares, thinness) if thinness else 0.0
        pairs.append(
            Pair(
                first=columns[i].name,
                second=columns[j].name,
                metric=metric,
                score=score,
                strength=abs(strength),
                related=bool(related),
                error=error,
            )
        )
    return pairs


def mean_score(pairs: Sequence[Pair], *, related_only: bool) -> float | None:
    """Mean score of the defined (and related) pairs; None if there is none."""
    scores = [pair.score for pair in pairs if pair.related or not related_only]
    scores = [score for score in scores if not np.isnan(score)]
    return float(np.mean(scores)) if scores else None


def _numbers(values: Values) -> Floats:
    """The numbers of a numeric column."""
    return np.empty(0) if values.numbers is None else values.numbers


def _is_constant(values: Values) -> bool:
    """Tell whether exactly one number occurs."""
    known = _numbers(values)
    known = known[~np.isnan(known)]
    return bool(known.size and np.all(known == known[0]))


def _centre_and_scale(column: Floats) -> tuple[float, float]:
    """Mean and standard deviation of the known values."""
    known = column[~np.isnan(column)]
    if known.size == 0:
        return 0.0, 1.0
    return float(known.mean()), float(known.std()) or 1.0


def _standard(column: Floats, centre: float, scale: float) -> Floats:
    """Centred and scaled, missing as 0."""
    scaled = (column - centre) / scale
    return np.where(np.isfinite(scaled), scaled, 0.0)


def _correlation(first: Floats, second: Floats) -> float:
    """Correlation of one pair, computed directly; NaN where it is not defined."""
    both = ~(np.isnan(first) | np.isnan(second))
    x, y = first[both], second[both]
    if x.size < 2 or np.all(x == x[0]) or np.all(y == y[0]):
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    return float(np.clip(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)), -1.0, 1.0))
