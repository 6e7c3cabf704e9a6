"""From counted mistakes of an attacker to lower bounds on ε, ρ and μ.

Pure functions of numbers. What may not happen here: a random draw, a table, an upper bound (those
are the accountant's).

An attacker who is told one of two neighbouring tables guesses which. With a share FPR of false
alarms and FNR of misses,

- (ε, δ)-DP implies FPR·e^ε ≥ 1 − δ − FNR, and the same with the two exchanged (Kairouz, Oh &
  Viswanath 2015, arXiv:1311.0776);
- ρ-zCDP implies D_α(Bern(1 − FNR) ‖ Bern(FPR)) ≤ α·ρ for every order α > 1, because a guess is
  post-processing and Rényi divergence only falls under it (Bun & Steinke 2016);
- μ-GDP implies Φ⁻¹(1 − FPR) − Φ⁻¹(FNR) ≤ μ (Dong, Roth & Su 2022, arXiv:1905.02383), the way
  Nasr et al. 2023 (arXiv:2302.07956) audit tightly.

The last two allow a convex, symmetric set of pairs (FPR, FNR): with a pair they allow its mirror
image, and so the mean of both, in which either rate is (FPR + FNR)/2. It is enough to bound that
one number, and for it all mistakes of equally many fits on both tables can be counted together.
Their number is a sum of independent coins of two kinds, which below its mean is no likelier to be
small than a binomial of the mean rate (Hoeffding 1956, Theorem 4): Clopper–Pearson holds.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from understudy.evaluate.intervals import rate_at_most

Floats = npt.NDArray[np.float64]

_ORDERS = 1.0 + np.geomspace(1e-4, 1e3, 400)


def epsilon_at_least(fpr: npt.ArrayLike, fnr: npt.ArrayLike, delta: float) -> Floats:
    """Smallest ε of an (ε, δ)-DP mechanism that allows these rates: ln((1 − δ − FNR) / FPR).

    Parameters
    ----------
    fpr, fnr
        Upper bounds of both rates; exchange them for the other direction.
    delta
        δ of the claim.

    >>> float(epsilon_at_least(0.01, 0.2, 0.0).round(3))
    4.382
    """
    left = 1.0 - delta - np.asarray(fnr, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        bound: Floats = np.log(np.maximum(left, 0.0)) - np.log(np.asarray(fpr, dtype=np.float64))
    finite: Floats = np.nan_to_num(bound, nan=0.0, posinf=math.inf, neginf=0.0)
    return np.maximum(finite, 0.0)


def mu_at_least(fpr: npt.ArrayLike, fnr: npt.ArrayLike) -> Floats:
    """Smallest μ of a μ-GDP mechanism that allows these rates.

    >>> float(mu_at_least(0.1, 0.2).round(3))
    2.123
    """
    from scipy.special import ndtri

    one, other = np.asarray(fpr, dtype=np.float64), np.asarray(fnr, dtype=np.float64)
    return np.maximum(np.asarray(-ndtri(one) - ndtri(other), dtype=np.float64), 0.0)


def rho_at_least(fpr: float, fnr: float, delta: float = 0.0) -> float:
    """Smallest ρ of a (δ-approximately) ρ-zCDP mechanism that allows these rates.

    No shape of the trade-off curve is assumed, which costs: a Gaussian mechanism of ρ shows at
    most 2ρ/π this way when its curve is read at its middle.

    Parameters
    ----------
    fpr, fnr
        Upper bounds of both rates.
    delta
        Probability with which the claimed ρ may fail on either table.

    >>> round(rho_at_least(0.1, 0.2), 3)
    1.363
    >>> rho_at_least(0.6, 0.5)
    0.0
    """
    hit, alarm = 1.0 - fnr - delta, fpr + delta
    if not hit > alarm:
        return 0.0
    if alarm <= 0:
        return math.inf
    bounds = [0.0]
    for high, low in ((hit, alarm), (1.0 - alarm, 1.0 - hit)):
        if low <= 0:
            return math.inf
        first = _ORDERS * math.log(high) + (1 - _ORDERS) * math.log(low)
        second = (
            _ORDERS * math.log1p(-high) + (1 - _ORDERS) * math.log1p(-low)
            if high < 1
            else np.full_like(_ORDERS, -math.inf)
        )
        divergence = np.logaddexp(first, second) / (_ORDERS - 1.0)
        bounds.append(float((divergence / _ORDERS).max()))
    return max(bounds)


def delta_of_mu(mu: float, epsilon: float) -> float:
    """δ(ε) of a μ-GDP mechanism: Φ(μ/2 − ε/μ) − e^ε·Φ(−μ/2 − ε/μ).

    >>> round(delta_of_mu(1.0, 1.0), 4)
    0.1269
    """
    from scipy.special import log_ndtr

    if mu <= 0:
        return 0.0
    first = float(log_ndtr(mu / 2 - epsilon / mu))
    second = epsilon + float(log_ndtr(-mu / 2 - epsilon / mu))
    return math.exp(first) * -math.expm1(min(second - first, 0.0))


def epsilon_of_mu(mu: float, delta: float) -> float:
    """ε of a μ-GDP mechanism at δ (Balle & Wang 2018, arXiv:1805.06530), rounded down.

    Parameters
    ----------
    mu
        μ ≥ 0; infinite gives infinity.
    delta
        δ in (0, 1).

    >>> round(epsilon_of_mu(1.0, 1e-5), 3)
    4.377
    """
    if math.isinf(mu):
        return math.inf
    if delta_of_mu(mu, 0.0) <= delta:
        return 0.0
    low, high = 0.0, 1.0
    while delta_of_mu(mu, high) > delta:
        low, high = high, 2 * high
    for _ in range(100):
        middle = (low + high) / 2
        if delta_of_mu(mu, middle) > delta:
            low = middle
        else:
            high = middle
    return low


def ceiling(trials: int, failure: float) -> float:
    """Rate bound of an attacker who makes no mistake in so many trials.

    >>> rate = ceiling(1_000, 0.025)
    >>> round(math.log((1 - rate) / rate), 1)
    5.6
    """
    return float(rate_at_most(0, trials, failure))
