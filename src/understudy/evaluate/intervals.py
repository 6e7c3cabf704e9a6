"""Intervals: of a share, of a mean distance, of bootstrap values.

Pure functions. What may not happen here: a random draw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_T_95 = {10: 2.262157}  # 97.5 % quantile of Student's t, one degree of freedom fewer


def wilson(share: float, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval of a share.

    Parameters
    ----------
    share
        Observed share, between 0 and 1.
    trials
        Number of observations, at least 1.
    z
        Normal quantile; 1.96 for 95 %.

    Reference: E. B. Wilson, Probable inference, JASA 22 (1927).

    >>> [round(end, 4) for end in wilson(0.0, 100)]
    [0.0, 0.037]
    """
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    inner = share * (1 - share) / trials + z * z / (4 * trials * trials)
    half = z / (1 + z * z / trials) * float(np.sqrt(inner))
    return max(0.0, centre - half), min(1.0, centre + half)


def rate_at_most(mistakes: ArrayLike, trials: int, failure: float) -> NDArray[np.float64]:
    """One-sided Clopper–Pearson upper bound on a rate.

    Parameters
    ----------
    mistakes
        Mistakes counted, 0 to `trials`; fractions are allowed when planning.
    trials
        Independent trials, at least 1.
    failure
        Probability in (0, 1) that the bound may lie below the true rate.

    >>> float(rate_at_most(0, 100, 0.025).round(4))
    0.0362
    """
    from scipy.special import betaincinv

    count = np.asarray(mistakes, dtype=np.float64)
    inside = np.minimum(count, trials - 1e-9)
    bound = betaincinv(inside + 1.0, np.maximum(trials - inside, 1e-9), 1.0 - failure)
    capped: NDArray[np.float64] = np.where(
        count >= trials, 1.0, np.asarray(bound, dtype=np.float64)
    )
    return capped


def clopper_pearson(hits: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a share.

    Reference: C. J. Clopper and E. S. Pearson, Biometrika 26 (1934).

    >>> [round(end, 4) for end in clopper_pearson(0, 100)]
    [0.0, 0.0362]
    """
    tail = (1.0 - level) / 2.0
    high = float(rate_at_most(hits, trials, tail))
    return 1.0 - float(rate_at_most(trials - hits, trials, tail)), high


def jackknife(value: float, leave_out: NDArray[np.float64] | None) -> tuple[float, float] | None:
    """95 % interval of a mean distance from its values with each group left out.

    Parameters
    ----------
    value
        The distance over all rows, between 0 and 1.
    leave_out
        Its values with each of ten equal groups of rows left out; None for no interval.

    Reference: B. Efron, The Jackknife, the Bootstrap and Other Resampling Plans, 1982, with
    deleted groups and Student's t.

    >>> jackknife(0.5, np.full(10, 0.5))
    (0.5, 0.5)
    """
    if leave_out is None:
        return None
    groups, t = leave_out.size, _T_95[leave_out.size]
    error = np.sqrt((groups - 1) / groups * ((leave_out - leave_out.mean()) ** 2).sum())
    return max(0.0, value - t * float(error)), min(1.0, value + t * float(error))


def middle(values: NDArray[np.float64]) -> tuple[float, float]:
    """The middle 95 % of bootstrap values.

    >>> middle(np.arange(101.0))
    (2.5, 97.5)
    """
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def of_mean(values: NDArray[np.float64]) -> tuple[float, float] | None:
    """95 % interval of the mean of independent values by Student's t; None for fewer than two.

    >>> [round(end, 3) for end in of_mean(np.array([1.0, 2.0, 3.0])) or ()]
    [-0.484, 4.484]
    """
    if values.size < 2:
        return None
    from scipy.stats import t

    mean, error = float(values.mean()), float(values.std(ddof=1)) / float(np.sqrt(values.size))
    half = float(t.ppf(0.975, values.size - 1)) * error
    return mean - half, mean + half
