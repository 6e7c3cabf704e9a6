"""The two-sample Kolmogorov-Smirnov distance, exact and without sorting everything.

Both samples are counted in equal bins of their common range; within a bin the difference of the
two distribution functions cannot leave a band known from the counts, so that only the few bins
whose band reaches above the largest difference seen at their ends are sorted. Counts are whole
numbers: nothing is lost to rounding. What may not happen here: missing values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
_BINS = 1 << 14
_FEW = 1 << 12


def ks_distance(left: Floats, right: Floats) -> float:
    """Largest difference of two empirical distribution functions.

    Parameters
    ----------
    left, right
        At least one finite number each, in any order, at most 2**31 of them.

    Returns
    -------
    float
        Between 0 (identical) and 1 (disjoint), exact but for the final division.

    >>> ks_distance(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 3.0, 9.0]))
    0.25
    """
    if left.size + right.size <= _FEW:
        return _of_sorted(left, right) / (left.size * right.size)
    low = min(float(left.min()), float(right.min()))
    high = max(float(left.max()), float(right.max()))
    scale = _BINS / (high - low) if high > low else 0.0
    if scale == 0.0:
        return 0.0
    if not np.isfinite(scale):
        return _of_sorted(left, right) / (left.size * right.size)
    places = [((side - low) * scale).astype(np.intp) for side in (left, right)]
    ups, downs = (np.bincount(place, minlength=_BINS + 1) for place in places)
    ups, downs = ups * right.size, downs * left.size
    ends = np.cumsum(ups - downs)
    starts = ends - (ups - downs)
    best = int(np.abs(ends).max())
    open_bins = ((starts + ups > best) | (downs - starts > best)) & (ups > 0) & (downs > 0)
    if not open_bins.any() or (high - low <= _BINS and _are_whole(left) and _are_whole(right)):
        return best / (left.size * right.size)
    kept = [side[open_bins[place]] for side, place in zip((left, right), places, strict=True)]
    inside = np.where(open_bins, ups - downs, 0)
    offset = starts - (np.cumsum(inside) - inside)
    values, walked = _walk(kept[0], kept[1], right.size, left.size)
    at = ((values - low) * scale).astype(np.intp)
    return max(best, int(np.abs(walked + offset[at]).max())) / (left.size * right.size)


def ks_left_out(ordered: Floats, other: Floats, groups: Codes, count: int) -> NDArray[np.float64]:
    """The distance of a small sample, and of what is left of it without each of its groups.

    Parameters
    ----------
    ordered
        The large sample, ascending, at least one number.
    other, groups
        The small one in any order, and the group of each of its numbers, below `count`; no group
        holds all of them.
    count
        Number of groups.

    Returns
    -------
    ndarray
        `1 + count` distances. Between two of its numbers the small sample's distribution function
        is flat and the other rises, so that the largest difference lies at one of its numbers.

    >>> ks_left_out(np.array([1.0, 2.0, 3.0, 4.0]), np.array([9.0, 1.0]), np.array([0, 1]), 2)
    array([0.5 , 0.75, 1.  ])
    """
    values, places = np.unique(other, return_inverse=True)
    steps = np.bincount(groups * values.size + places, minlength=count * values.size)
    steps = steps.reshape(count, values.size)
    steps = np.vstack([steps.sum(axis=0), steps.sum(axis=0) - steps])
    reached = np.cumsum(steps, axis=1)
    sizes = reached[:, -1:]
    upper = np.searchsorted(ordered, values, side="right") / ordered.size
    lower = np.searchsorted(ordered, values, side="left") / ordered.size
    at = np.abs(reached / sizes - upper).max(axis=1)
    before = np.abs((reached - steps) / sizes - lower).max(axis=1)
    return np.asarray(np.maximum(at, before))


def _are_whole(values: Floats) -> bool:
    """Tell whether numbers are whole, so that every bin of a narrow range holds one value."""
    some = values[:256]
    return bool(np.all(some == np.rint(some)) and np.all(values == np.rint(values)))


def _of_sorted(left: Floats, right: Floats) -> int:
    """The distance times both sizes, by sorting both samples."""
    return int(np.abs(_walk(left, right, right.size, left.size)[1]).max())


def _walk(left: Floats, right: Floats, up: int, down: int) -> tuple[Floats, Codes]:
    """Distinct values, and the sum of steps up (left) and down (right) until each."""
    both = np.concatenate([np.sort(left), np.sort(right)])
    order = np.argsort(both, kind="stable")
    values = both[order]
    walked = np.cumsum(np.where(order < left.size, up, -down))
    last = np.append(values[1:] != values[:-1], True)
    return values[last], walked[last]
