"""Private discretisation of a number line nobody described, from noisy histograms alone.

The idea, in three sentences. Powers of two cut every number line the same way for everybody,
so a first noisy histogram over them finds where the numbers are. Cells that hold many rows are
then cut further, twice, each time by a fixed rule applied to noisy counts, down to the lattice
step of the column where a value is frequent. All rounds are measurements of one tree, so the
final estimate combines them by generalised least squares and shrinks what noise alone could
explain towards a uniform spread inside the parent.

The splitting rule follows PrivTree (Zhang, Xiao, Xie 2016) in spirit: cells are split only
where the noisy count warrants it. Unlike PrivTree, depth is fixed and fan-out is wide, so every
row is counted once per round and the cost is that of three histograms. The consistency step is
that of Hay, Rastogi, Miklau and Suciu (2010) for trees of unequal fan-out; the shrinkage is the
positive-part James-Stein estimator per family of siblings.

Everything here is post-processing of noisy counts: no function sees a row.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from understudy.errors import InternalError

RANGE_PART = 0.4
"""Part of a number column's domain budget that finds its range; the rest pays the first cut."""

LEAVES = (64, 256)
"""About how many cells a column is cut into at least and at most (frequent values on top)."""

WHOLE = 64
"""Cells of at most so many lattice points are cut into all of them when they hold signal."""

_DOUBLINGS = 62
_DETECT = 4.2
_GROW = 2.0


def magnitude_edges(unit: float | None) -> np.ndarray:
    """Edges of the public first cut: zero, then powers of two times the lattice step.

    Parameters
    ----------
    unit
        Lattice step of the column, or None for a continuous one (then 2⁻⁶⁰ … 2⁶⁰ are used).

    >>> magnitude_edges(1.0)[60:68].tolist()
    [-3.0, -1.0, 0.0, 1.0, 2.0, 4.0, 8.0, 16.0]
    """
    if unit is None:
        powers = 2.0 ** np.arange(-60, 61, dtype=float)
        return np.concatenate([-powers[::-1], powers])
    powers = 2.0 ** np.arange(0, _DOUBLINGS + 1, dtype=float)
    return np.concatenate([1.0 - powers[::-1], powers]) * unit


def occupied(counts: np.ndarray, sigma: float, edges: np.ndarray | None = None) -> tuple[int, int]:
    """First and last cell worth keeping, from a noisy histogram.

    A cell counts as occupied when noise alone would reach its count once in some 10⁵ cells;
    the range then grows over neighbours that are probably occupied and by one cell each side,
    so that thin tails are measured later rather than cut off now. When no cell stands out, the
    most likely run of neighbours is taken, and smaller numbers are more plausible than huge ones
    (`edges`, the public first cut, says which is which).

    >>> occupied(np.array([0., 1., 900., 40., 0., 0.]), 10.0)
    (1, 4)
    """
    found = np.flatnonzero(counts > _DETECT * sigma)
    if len(found) == 0:
        found = _likeliest(counts / sigma, edges)
    first, last = int(found[0]), int(found[-1])
    while first > 0 and counts[first - 1] > _GROW * sigma:
        first -= 1
    while last < len(counts) - 1 and counts[last + 1] > _GROW * sigma:
        last += 1
    return max(first - 1, 0), min(last + 1, len(counts) - 1)


def _likeliest(strength: np.ndarray, edges: np.ndarray | None) -> np.ndarray:
    """The run of up to four cells with the most evidence, less what is implausible beforehand."""
    evidence = np.maximum(strength, 0.0) ** 2 / 2.0
    if edges is not None:
        size = np.log2(np.maximum(np.abs(edges[:-1]), np.abs(edges[1:])) + 1.0)
        evidence = evidence - 0.1 * np.maximum(size - 16.0, 0.0) - 1.5 * (edges[1:] <= 0.0)
    width = min(4, len(evidence))
    runs = np.convolve(evidence, np.ones(width), mode="valid")
    start = int(np.argmax(runs))
    return np.arange(start, start + width)


def leaves(rows: float, sigma: float) -> float:
    """About how many cells a column is worth cutting into, given rows and noise per cell.

    >>> leaves(24_000, 25.0), leaves(24_000, 2.5)
    (64.0, 256.0)
    """
    return float(np.clip(rows / (16.0 * sigma), *LEAVES))


def split(
    edges: np.ndarray,
    counts: np.ndarray,
    *,
    target: float,
    unit: float | None,
    signal: float = np.inf,
) -> tuple[np.ndarray, np.ndarray]:
    """Cut every cell into as many equal parts as its count warrants.

    Parameters
    ----------
    edges, counts
        Cell edges (k+1) and noisy or estimated counts (k).
    target
        Count a part should hold.
    unit
        Lattice step: parts hold numbers of lattice points as equal as can be, one at least.
    signal
        Count per square root of lattice points from which a cell of at most `WHOLE` points is
        cut into all of them: columns of few values have spikes, and values between must not be
        invented.

    Returns
    -------
    The new edges and, for every new cell, the index of the cell it came from.

    >>> fine, parents = split(np.array([0., 8., 16.]), np.array([40., 5.]), target=10, unit=1.0)
    >>> fine.tolist(), parents.tolist()
    ([0.0, 2.0, 4.0, 6.0, 8.0, 16.0], [0, 0, 0, 0, 1])
    """
    pieces: list[np.ndarray] = []
    parents: list[int] = []
    for index, count in enumerate(counts):
        low, high = float(edges[index]), float(edges[index + 1])
        points = round((high - low) / unit) if unit else None
        if points is not None and points <= WHOLE and count >= signal * np.sqrt(points):
            parts = max(points, 1)
        else:
            parts = _parts(min(count / target, LEAVES[1]), points)
        if points is None or unit is None:
            pieces.append(low + (high - low) * np.arange(parts) / parts)
        else:
            pieces.append(low + np.floor(points * (np.arange(parts) / parts)) * unit)
        parents.extend([index] * parts)
    return np.append(np.concatenate(pieces), edges[-1]), np.array(parents)


def _parts(wanted: float, points: int | None) -> int:
    """Number of parts: a power of two, or every lattice point."""
    if points is not None and points <= wanted * 1.5:
        return max(1, points)
    parts = 1
    while parts * 2 <= wanted:
        parts *= 2
    return parts


@dataclass(frozen=True, kw_only=True)
class Round:
    """One noisy histogram of the tree: edges, counts, noise, and where each cell came from.

    `uniform` marks equal bins that were asked for and are not to be cut further.
    """

    edges: np.ndarray
    counts: np.ndarray
    sigma: float
    parents: np.ndarray | None = None
    uniform: bool = False


def to_simplex(values: np.ndarray, total: float) -> np.ndarray:
    """Nearest non-negative vector with a given sum (Euclidean).

    >>> to_simplex(np.array([5., -3., 1.]), 4.0).tolist()
    [4.0, 0.0, 0.0]
    """
    if total <= 0 or len(values) == 0:
        return np.zeros(len(values))
    ordered = np.sort(values)[::-1]
    excess = (np.cumsum(ordered) - total) / np.arange(1, len(values) + 1)
    last = int(np.flatnonzero(ordered - excess >= 0)[-1])
    return np.asarray(np.maximum(values - excess[last], 0.0))


def combine(rounds: list[Round]) -> tuple[np.ndarray, np.ndarray]:
    """Best non-negative counts of the finest cells from all rounds, and their variances.

    Parameters
    ----------
    rounds
        From the coarsest to the finest; each but the first names its `parents`.

    Returns
    -------
    Estimated counts and approximate variances, one per cell of the last round.
    """
    if not rounds:
        raise InternalError("nothing was measured")
    means, variances, sums, sum_variances = _upwards(rounds)
    counts = _keep_signal(means[0], variances[0])
    for level in range(1, len(rounds)):
        parents = rounds[level].parents
        assert parents is not None
        gain = (counts - sums[level - 1]) / sum_variances[level - 1]
        means[level] = means[level] + gain[parents] * variances[level]
        widths = np.diff(rounds[level].edges)
        counts = _families(counts, means[level], variances[level], parents, widths)
    return counts, variances[-1]


def _upwards(rounds: list[Round]) -> tuple[list[np.ndarray], ...]:
    """Combine every cell's own count with the sum of its children's estimates."""
    depth = len(rounds)
    means: list[np.ndarray] = [np.empty(0)] * depth
    variances, sums, sum_variances = means.copy(), means.copy(), means.copy()
    for level in reversed(range(depth)):
        own = rounds[level].counts
        variance = np.full(len(own), rounds[level].sigma ** 2)
        mean = own
        if level + 1 < depth:
            parents = rounds[level + 1].parents
            assert parents is not None
            below = np.bincount(parents, weights=means[level + 1], minlength=len(own))
            spread = np.bincount(parents, weights=variances[level + 1], minlength=len(own))
            sums[level], sum_variances[level] = below, spread
            weight = spread / (spread + variance)
            mean = weight * own + (1 - weight) * below
            variance = variance * weight
        means[level], variances[level] = mean, variance
    return means, variances, sums, sum_variances


def _keep_signal(means: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Coarsest cells: what noise alone would often reach is set to zero."""
    return np.where(means > np.sqrt(variances), means, 0.0)


def _families(
    totals: np.ndarray,
    means: np.ndarray,
    variances: np.ndarray,
    parents: np.ndarray,
    widths: np.ndarray,
) -> np.ndarray:
    """Share every parent's total among its children, shrunk towards a uniform spread."""
    counts = np.empty(len(parents))
    bounds = np.flatnonzero(np.diff(parents, prepend=-1, append=parents[-1] + 1))
    for start, stop in itertools.pairwise(bounds.tolist()):
        total = totals[parents[start]]
        family = slice(start, stop)
        size = stop - start
        if size == 1 or total <= 0:
            counts[family] = total / size
            continue
        uniform = total * widths[family] / widths[family].sum()
        deviation = means[family] - uniform
        noise = max(size - 2, 0.75) * float(variances[family].mean())
        kept = max(0.0, 1.0 - noise / max(float(deviation @ deviation), 1e-300))
        counts[family] = to_simplex(uniform + kept * deviation, total)
    return counts


def trim_tails(counts: np.ndarray, sigma: float) -> np.ndarray:
    """Empty the outermost cells whose mass, added up from the end, noise could explain.

    A handful of rows invented far out would stretch the range of the column; what noise of
    two standard deviations over the occupied cells could have put there is taken away at both
    ends, at most one row in a hundred each.

    >>> trim_tails(np.array([0., 3., 500., 480., 4., 0., 3.]), 10.0).tolist()
    [0.0, 0.0, 500.0, 480.0, 0.0, 0.0, 0.0]
    """
    kept = counts.copy()
    for ends in (kept, kept[::-1]):
        mass, cells = np.cumsum(ends), np.cumsum(ends > 0)
        noise = 2.0 * sigma * np.sqrt(np.maximum(cells, 1))
        ends[mass < np.minimum(noise, 0.01 * counts.sum())] = 0.0
    return kept if kept.sum() > 0 else counts
