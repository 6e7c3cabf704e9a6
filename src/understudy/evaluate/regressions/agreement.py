"""How well two estimates of the same coefficients agree: overlap, difference, conclusion.

Pure functions on coefficients. What may not happen here: a fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from understudy.evaluate.regressions.fitting import GROUPS, Coefficients, Floats

SIGNIFICANT = 0.05
_T = 2.262157  # 97.5 % quantile of Student's t with nine degrees of freedom
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """Coefficient by coefficient, real beside other.

    Parameters
    ----------
    overlap
        Overlap of the 95 % intervals, 0 (apart) to 1 (equal); 0 where not estimated.
    signed
        The same, negative where the intervals are apart.
    difference
        Distance of the values in real standard errors; NaN where not estimated.
    sign, significance, conclusion
        Whether the sign agrees, whether significance at 5 % does, and both or neither.
    overlap_interval, difference_interval
        95 % intervals of the means, from leaving out tenths of the other rows.
    """

    overlap: Floats = field(repr=False)
    signed: Floats = field(repr=False)
    difference: Floats = field(repr=False)
    sign: Mask = field(repr=False)
    significance: Mask = field(repr=False)
    conclusion: Mask = field(repr=False)
    overlap_interval: tuple[float, float] | None = None
    difference_interval: tuple[float, float] | None = None

    @property
    def mean_difference(self) -> float | None:
        """Mean difference of what is estimated, or None."""
        known = self.difference[~np.isnan(self.difference)]
        return float(known.mean()) if known.size else None


def agreement(real: Coefficients, other: Coefficients) -> Agreement:
    """Compare two estimates of the same coefficients.

    Parameters
    ----------
    real
        On real rows, every coefficient estimated.
    other
        On other rows; NaN where not estimated.
    """
    there = ~np.isnan(other.value)
    ends, others = (real.low, real.high), (other.low, other.high)
    error = real.error
    overlap = np.where(there, interval_overlap(ends, others), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = np.abs(other.value - real.value) / error
    difference = np.where(other.value == real.value, 0.0, difference)
    overlaps, differences = [], []
    if other.left_out is not None:
        for moved in other.left_out - other.value:
            shifted = interval_overlap(ends, (other.low + moved, other.high + moved))
            overlaps.append(float(np.where(there, shifted, 0.0).mean()))
            apart = np.abs(other.value + moved - real.value)[there] / error[there]
            differences.append(float(apart.mean()) if apart.size else 0.0)
    known = difference[there]
    return Agreement(
        overlap=overlap,
        signed=np.where(there, signed_overlap(ends, others), np.nan),
        difference=difference,
        sign=np.asarray((np.sign(real.value) == np.sign(other.value)) & there),
        significance=np.asarray(((real.p < SIGNIFICANT) == (other.p < SIGNIFICANT)) & there),
        conclusion=same_conclusion(real, other),
        overlap_interval=_around(float(overlap.mean()), overlaps, most=1.0),
        difference_interval=_around(float(known.mean()), differences) if known.size else None,
    )


def interval_overlap(first: tuple[Floats, Floats], second: tuple[Floats, Floats]) -> Floats:
    """Mean overlap of intervals, as a part of each; 0 where they are apart, 1 where they are equal.

    Reference: A. F. Karr et al., A framework for evaluating the utility of data altered to protect
    confidentiality, The American Statistician 60 (2006); negative overlaps are counted as 0.

    >>> a, b = (np.array([0.0]), np.array([4.0])), (np.array([3.0]), np.array([5.0]))
    >>> interval_overlap(a, b).tolist()
    [0.375]
    """
    return np.clip(signed_overlap(first, second), 0.0, 1.0)


def signed_overlap(first: tuple[Floats, Floats], second: tuple[Floats, Floats]) -> Floats:
    """The overlap of intervals, negative by their gap where they are apart.

    Reference: J. Snoke et al., General and specific utility measures for synthetic data, JRSS A
    181 (2018), who let the overlap of Karr et al. be negative.

    >>> a, b = (np.array([0.0]), np.array([4.0])), (np.array([6.0]), np.array([8.0]))
    >>> signed_overlap(a, b).tolist()
    [-0.75]
    """
    common = np.minimum(first[1], second[1]) - np.maximum(first[0], second[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = 0.5 * (common / (first[1] - first[0]) + common / (second[1] - second[0]))
    same = (first[0] == second[0]) & (first[1] == second[1])
    return np.asarray(np.where(same, 1.0, np.nan_to_num(parts, nan=0.0)))


def same_conclusion(real: Coefficients, other: Coefficients) -> Mask:
    """Both significant at 5 % with the same sign, or neither significant."""
    significant = real.p < SIGNIFICANT, other.p < SIGNIFICANT
    both = significant[0] & significant[1] & (np.sign(real.value) == np.sign(other.value))
    neither = ~significant[0] & ~significant[1]
    return np.asarray((both | neither) & ~np.isnan(other.value))


def _around(
    value: float, left_out: Sequence[float], *, most: float = np.inf
) -> tuple[float, float] | None:
    """A delete-a-group jackknife interval of a value that is at least 0."""
    if len(left_out) < GROUPS:
        return None
    values = np.asarray(left_out)
    error = float(np.sqrt((GROUPS - 1) / GROUPS * ((values - values.mean()) ** 2).sum()))
    return max(0.0, value - _T * error), min(most, value + _T * error)
