"""Pair trends: how alike pairs of columns go together, in the terms of SDMetrics.

Two numeric columns: similarity of Pearson correlations. Otherwise: one minus the total variation
distance of the two-way table, numbers cut at ten equal bins, each table over its own range. The
Quality Report counts only the pairs that are related in the real table (|r| above 0.5, Cramér's V
above 0.3); the mean over all pairs is a figure of its own. What may not happen here: reading
cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluate.figure import Anchors, Figure, Measured, Metric, Settings, Skipped
from understudy.evaluate.tallies import cramers_v, joint, tally, total_variation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from understudy.evaluate.columns import Column, Tables

REFERENCE = (
    "SDMetrics 0.32 Quality Report, Column Pair Trends (CorrelationSimilarity, "
    "ContingencySimilarity; thresholds 0.5 and 0.3)"
)
CORRELATED = 0.5
ASSOCIATED = 0.3
_BINS = 10
_SHOWN = 60
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
    """

    first: str
    second: str
    metric: str
    score: float
    strength: float
    related: bool


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
    known = np.column_stack([~np.isnan(column) for column in columns]).astype(float)
    scaled = np.column_stack([_standard(column) for column in columns])
    both = known.T @ known
    sums = scaled.T @ known
    squares = (scaled**2).T @ known
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = squares - sums**2 / both
        product = scaled.T @ scaled - sums * sums.T / both
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
    tables = [joint(real, sizes)[0], joint(other, sizes)[0]]
    left, right = tally(tables, sizes[0] * sizes[1])
    return 1.0 - total_variation(left, right), _association(real, sizes)


def pair_values(column: Column, values: NDArray[Any]) -> Values:
    """Prepare one table's values of a column: numbers are cut over their own range."""
    if column.is_category:
        return Values(
            numbers=None, codes=values.astype(np.int64) + 1, levels=len(column.levels) + 1
        )
    known = values[~np.isnan(values)]
    try:
        edges = np.histogram_bin_edges(known, bins=_BINS)
    except ValueError:  # a range too narrow for ten different edges
        edges = np.array([known.min(), known.max()])
    codes = np.digitize(values, edges).astype(np.int64)
    return Values(numbers=values, codes=codes, levels=_BINS + 2)


def compare_pairs(
    columns: Sequence[Column], real: Sequence[Values], other: Sequence[Values]
) -> list[Pair]:
    """Score every pair of columns of one table against the real one."""
    numeric = [i for i, values in enumerate(real) if values.numbers is not None]
    place = {column: at for at, column in enumerate(numeric)}
    ours = correlations([_numbers(real[i]) for i in numeric])
    theirs = correlations([_numbers(other[i]) for i in numeric])
    constant = {i for i in numeric if _is_constant(real[i]) or _is_constant(other[i])}
    pairs: list[Pair] = []
    for i, j in combinations(range(len(columns)), 2):
        if i in place and j in place:
            strength = float(ours[place[i], place[j]])
            score = correlation_similarity(strength, float(theirs[place[i], place[j]]))
            if i in constant or j in constant:
                score = strength = float("nan")
            metric, related = "CorrelationSimilarity", abs(strength) > CORRELATED
        else:
            score, strength = contingency_similarity(
                (real[i].codes, real[j].codes),
                (other[i].codes, other[j].codes),
                (real[i].levels, real[j].levels),
            )
            metric, related = "ContingencySimilarity", strength > ASSOCIATED
        pairs.append(
            Pair(
                first=columns[i].name,
                second=columns[j].name,
                metric=metric,
                score=score,
                strength=abs(strength),
                related=bool(related),
            )
        )
    return pairs


def measure_pairs(tables: Tables, _settings: Settings, rng: np.random.Generator) -> Measured:
    """Mean pair similarity: of the related pairs (the Quality Report) and of all pairs."""
    columns = tables.columns
    if len(columns) < 2:
        return Measured(skipped=_skipped("fewer than two comparable columns"))
    real = [pair_values(column, column.train) for column in columns]
    synthetic = compare_pairs(
        columns, real, [pair_values(column, column.synthetic) for column in columns]
    )
    holdout = None
    if tables.has_holdout:
        held = [pair_values(c, c.holdout) for c in columns if c.holdout is not None]
        holdout = compare_pairs(columns, real, held)
    floor = compare_pairs(
        columns,
        real,
        [pair_values(c, v) for c, v in zip(columns, tables.shuffled(rng), strict=True)],
    )
    figures = []
    skipped = []
    for key, related_only in (("pair_trends", True), ("pair_trends_all", False)):
        figure = _figure(key, synthetic, holdout, floor, tables, related_only=related_only)
        if figure is None:
            reason = (
                "no pair of columns is related in the real table (|r| > 0.5, Cramér's V > 0.3)"
                if related_only
                else "no pair of columns can be compared"
            )
            skipped.append(Skipped(key=key, title=_TITLES[key], group="shapes", reason=reason))
        else:
            figures.append(figure)
    return Measured(
        figures=tuple(figures), skipped=tuple(skipped), charts=_charts(columns, synthetic)
    )


def mean_score(pairs: Sequence[Pair], *, related_only: bool) -> float | None:
    """Mean score of the defined (and related) pairs; None if there is none."""
    scores = [pair.score for pair in pairs if pair.related or not related_only]
    scores = [score for score in scores if not np.isnan(score)]
    return float(np.mean(scores)) if scores else None


_TITLES = {"pair_trends": "Pair trends", "pair_trends_all": "Pair trends, all pairs"}


def _figure(
    key: str,
    synthetic: Sequence[Pair],
    holdout: Sequence[Pair] | None,
    floor: Sequence[Pair],
    tables: Tables,
    *,
    related_only: bool,
) -> Figure | None:
    """Build the figure of one mean, or None if no pair counts."""
    value = mean_score(synthetic, related_only=related_only)
    if value is None:
        return None
    counted = [p for p in synthetic if (p.related or not related_only) and not np.isnan(p.score)]
    related = "related in the real table " if related_only else ""
    return Figure(
        key=key,
        title=_TITLES[key],
        group="shapes",
        value=value,
        better="higher",
        target=1.0,
        anchors=Anchors(
            holdout=None if holdout is None else mean_score(holdout, related_only=related_only),
            independent=mean_score(floor, related_only=related_only),
        ),
        explanation=(
            f"How alike two columns go together in the real and the synthetic table, averaged "
            f"over all pairs {related}that can be compared."
        ),
        reference=REFERENCE if related_only else "as pair trends, without the thresholds",
        detail={
            "pairs": len(counted),
            "of": len(synthetic),
            "rows": dict(tables.sampled),
            "sampled": tables.is_sampled,
            "bins": "ten equal ones over each table's own range, so an outlier moves them all",
            "interval": "none: no draw but the row sample where `sampled` is true",
        },
    )


def _skipped(reason: str) -> tuple[Skipped, ...]:
    """Both figures, skipped for one reason."""
    return tuple(
        Skipped(key=key, title=title, group="shapes", reason=reason)
        for key, title in _TITLES.items()
    )


def _charts(columns: Sequence[Column], pairs: Sequence[Pair]) -> dict[str, Any]:
    """The pair matrix of the columns shown and the ten worst pairs."""
    names = [column.name for column in columns]
    shown = names[:_SHOWN]
    at = {name: place for place, name in enumerate(shown)}
    scores: list[list[float | None]] = [[None] * len(shown) for _ in shown]
    strengths: list[list[float | None]] = [[None] * len(shown) for _ in shown]
    for pair in pairs:
        if pair.first in at and pair.second in at:
            i, j = at[pair.first], at[pair.second]
            scores[i][j] = scores[j][i] = _rounded(pair.score)
            strengths[i][j] = strengths[j][i] = _rounded(pair.strength)
    worst = sorted((p for p in pairs if not np.isnan(p.score)), key=lambda pair: pair.score)
    return {
        "pair_trends": {
            "columns": shown,
            "score": scores,
            "real_strength": strengths,
            "columns_not_shown": max(0, len(names) - _SHOWN),
        },
        "worst_pairs": [
            {
                "first": pair.first,
                "second": pair.second,
                "metric": pair.metric,
                "score": pair.score,
                "real_strength": _rounded(pair.strength),
            }
            for pair in worst[:10]
        ],
    }


def _rounded(value: float) -> float | None:
    """Four decimals for a chart, None for NaN."""
    return None if np.isnan(value) else round(value, 4)


def _association(codes: tuple[Codes, Codes], sizes: tuple[int, int]) -> float:
    """Cramér's V of two columns of codes."""
    flat, cells = joint(codes, sizes)
    if cells <= 1 << 20:
        counts = np.bincount(flat, minlength=cells)
        occupied = np.nonzero(counts)[0]
        counts = counts[occupied]
    else:
        occupied, counts = np.unique(flat, return_counts=True)
    return cramers_v(counts, occupied // sizes[1], occupied % sizes[1])


def _numbers(values: Values) -> Floats:
    """The numbers of a numeric column."""
    return np.empty(0) if values.numbers is None else values.numbers


def _is_constant(values: Values) -> bool:
    """Tell whether exactly one number occurs."""
    known = _numbers(values)
    known = known[~np.isnan(known)]
    return bool(known.size and np.all(known == known[0]))


def _standard(column: Floats) -> Floats:
    """Centred and scaled, missing as 0."""
    known = column[~np.isnan(column)]
    if known.size == 0:
        return np.zeros_like(column)
    scale = float(known.std()) or 1.0
    scaled = (column - known.mean()) / scale
    return np.where(np.isfinite(scaled), scaled, 0.0)


def _correlation(first: Floats, second: Floats) -> float:
    """Correlation of one pair, computed directly; NaN where it is not defined."""
    both = ~(np.isnan(first) | np.isnan(second))
    x, y = first[both], second[both]
    if x.size < 2 or np.all(x == x[0]) or np.all(y == y[0]):
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    return float(np.clip(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)), -1.0, 1.0))


PAIRS = Metric(
    key="pair_trends", title="Pair trends", group="shapes", measure=measure_pairs, weight=2.0
)
