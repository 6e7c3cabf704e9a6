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
