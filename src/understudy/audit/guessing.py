"""From one run's guesses about randomly included canaries to lower bounds on ε and μ.

Each of m canaries is included by a fair coin; the auditor guesses some of the coins and abstains
on the others. Two bounds on how many guesses may be right:

- (ε, δ): no more than a binomial of rate e^ε/(1 + e^ε), but for what δ allows (Steinke, Nasr &
  Jagielski 2023, arXiv:2305.08846, Theorem 5.2);
- any trade-off curve f: a recursion over the number of right guesses (Mahloujifar, Melis &
  Chaudhuri 2024, arXiv:2410.22235); with f of a Gaussian it bounds μ.

Pure functions of numbers. What may not happen here: a coin, a guess.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from understudy.errors import InputError

_LARGEST = 60.0


def check_counts(canaries: int, guesses: int, right: int) -> None:
    """Refuse counts that cannot be.

    Raises
    ------
    InputError
        Not 0 ≤ right ≤ guesses ≤ canaries, or no guess at all.
    """
    if not (0 <= right <= guesses <= canaries and guesses > 0):
        raise InputError(
            "right guesses, guesses and canaries must satisfy 0 <= right <= guesses <= canaries",
            right=right,
            guesses=guesses,
            canaries=canaries,
        )


def chance_of(canaries: int, guesses: int, right: int, epsilon: float, delta: float) -> float:
    """Upper bound on the probability that an (ε, δ)-DP run allows so many right guesses.

    Parameters
    ----------
    canaries, guesses, right
        m, r and v of the paper.
    epsilon, delta
        What is supposed; both 0 or more.

    >>> round(chance_of(100, 100, 100, 3.4919, 0.0), 2)
    0.05
    """
    from scipy.stats import binom

    check_counts(canaries, guesses, right)
    rate = 1.0 / (1.0 + math.exp(-epsilon))
    tail = float(binom.sf(right - 1, guesses, rate))
    if delta == 0 or right == 0:
        return min(tail, 1.0)
    below = np.cumsum(binom.pmf(np.arange(right - 1, -1, -1), guesses, rate))
    steepest = float((below / np.arange(1, right + 1)).max())
    return min(tail + 2.0 * canaries * delta * steepest, 1.0)


def epsilon_from_guesses(
    canaries: int, guesses: int, right: int, *, delta: float, failure: float = 0.05
) -> float:
    """Largest ε that so many right guesses refute at δ; 0 when they refute none.

    Parameters
    ----------
    failure
        Probability that the bound may be wrong.

    >>> round(epsilon_from_guesses(100, 100, 100, delta=0.0), 2)
    3.49
    >>> round(epsilon_from_guesses(1_000, 1_000, 1_000, delta=0.0), 2)
    5.81
    """
    return _largest(lambda epsilon: chance_of(canaries, guesses, right, epsilon, delta) < failure)


def refutes(
    canaries: int,
    guesses: int,
    right: int,
    inverse: Callable[[float], float],
    failure: float = 0.05,
) -> bool:
    """Whether so many right guesses refute a trade-off curve.

    Parameters
    ----------
    inverse
        Inverse of x ↦ 1 − f(x) on [0, 1]: the least share of false alarms with which a hit rate
        can be had.

    Notes
    -----
    Suppose `right` or more of `guesses` occurred with probability `failure`. Of runs with at
    least i right guesses let hit and miss be the probabilities that a given canary is among the
    right and among the wrong ones. Turning a right canary's coin makes it wrong and takes one
    from their number, so that f binds the misses of i to the hits of i + 1; step by step down
    to 0 probabilities add up, and to no more than guesses/canaries.
    """
    check_counts(canaries, guesses, right)
    hit = failure * right / canaries
    miss = failure * (guesses - right) / canaries
    for count in range(right - 1, -1, -1):
        least = max(miss, inverse(min(hit, 1.0)))
        hit += count / (guesses - count) * (least - miss)
        miss = least
    return hit + miss > guesses / canaries


def mu_from_guesses(canaries: int, guesses: int, right: int, *, failure: float = 0.05) -> float:
    """Largest μ whose Gaussian trade-off curve so many right guesses refute; 0 when none.

    >>> round(mu_from_guesses(1_000, 1_000, 690), 2)
    0.34
    """
    from statistics import NormalDist

    normal = NormalDist()

    def refuted(mu: float) -> bool:
        def inverse(hit: float) -> float:
            if hit <= 0:
                return 0.0
            return 1.0 if hit >= 1 else normal.cdf(normal.inv_cdf(hit) - mu)

        return refutes(canaries, guesses, right, inverse, failure)

    return _largest(refuted)


def epsilon_from_curve(
    canaries: int, guesses: int, right: int, *, delta: float, failure: float = 0.05
) -> float:
    """Largest ε whose (ε, δ) trade-off curve so many right guesses refute by the f-DP recursion.

    >>> epsilon_from_curve(100, 100, 100, delta=0.0) > 3.4
    True
    """

    def refuted(epsilon: float) -> bool:
        grown = math.exp(epsilon)

        def inverse(hit: float) -> float:
            return max(0.0, (hit - delta) / grown, 1.0 - delta - grown * (1.0 - hit))

        return refutes(canaries, guesses, right, inverse, failure)

    return _largest(refuted)


def _largest(refuted: Callable[[float], bool]) -> float:
    """The largest value that is refuted, by bisection; refutation is monotone."""
    if not refuted(0.0):
        return 0.0
    low, high = 0.0, 1.0
    while refuted(high):
        low, high = high, 2.0 * high
        if high > _LARGEST:
            return math.inf
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if refuted(middle) else (low, middle)
    return low
