"""Bounds against published values, other libraries and the mechanisms they speak of."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dp_accounting import get_epsilon_gaussian
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from understudy.audit import bounds
from understudy.evaluate.intervals import rate_at_most
from understudy.privacy.accountant import epsilon_of


@pytest.mark.parametrize(
    ("mistakes", "trials", "expected"),
    [(0, 10, 0.3085), (1, 10, 0.4450), (5, 10, 0.8129), (10, 10, 1.0), (0, 1000, 0.00368)],
)
def test_clopper_pearson_golden(mistakes: int, trials: int, expected: float) -> None:
    """The two-sided 95 % intervals of every statistics table."""
    assert float(rate_at_most(mistakes, trials, 0.025)) == pytest.approx(expected, abs=5e-5)


@given(st.integers(1, 3_000), st.data())
def test_clopper_pearson_is_scipys(trials: int, data: st.DataObject) -> None:
    mistakes = data.draw(st.integers(0, trials))
    failure = data.draw(st.floats(1e-6, 0.4))
    theirs = stats.binomtest(mistakes, trials, alternative="less").proportion_ci(1 - failure)
    ours = float(rate_at_most(mistakes, trials, failure))
    assert ours == pytest.approx(theirs.high, rel=1e-6)


def test_clopper_pearson_covers() -> None:
    """Exact, not sampled: the chance of a bound below the true rate, over every outcome."""
    for trials, rate in ((20, 0.05), (150, 0.4), (150, 0.01)):
        counts = np.arange(trials + 1)
        below = rate_at_most(counts, trials, 0.02) < rate
        assert stats.binom.pmf(counts[below], trials, rate).sum() <= 0.02


@pytest.mark.parametrize("mu", [0.05, 0.21, 0.77, 1.0, 2.5, 6.0])
@pytest.mark.parametrize("delta", [1e-3, 1e-6, 1e-10])
def test_epsilon_of_mu_is_the_librarys(mu: float, delta: float) -> None:
    ours = bounds.epsilon_of_mu(mu, delta)
    assert ours == pytest.approx(get_epsilon_gaussian(1 / mu, delta), rel=1e-6, abs=1e-9)


def test_epsilon_of_mu_at_its_ends() -> None:
    assert bounds.epsilon_of_mu(0.0, 1e-6) == 0.0
    assert bounds.epsilon_of_mu(1e-7, 1e-6) == 0.0
    assert bounds.epsilon_of_mu(math.inf, 1e-6) == math.inf


def test_a_gaussian_converts_below_its_zcdp_claim() -> None:
    """The lower bound of a perfect audit stays below what the accountant says of the same ρ."""
    for rho in (1e-4, 0.02, 0.3, 2.0):
        assert bounds.epsilon_of_mu(math.sqrt(2 * rho), 1e-6) < epsilon_of(rho, {}, 1e-6)


@given(st.floats(0.01, 5.0), st.floats(-3.0, 3.0))
def test_true_rates_never_give_more_than_the_truth(mu: float, threshold: float) -> None:
    """Exact rates of N(0, 1) against N(μ, 1), where μ, ρ = μ²/2 and ε(δ) are known."""
    fpr, fnr = stats.norm.sf(threshold), stats.norm.cdf(threshold - mu)
    assert float(bounds.mu_at_least(fpr, fnr)) == pytest.approx(mu, rel=1e-6)
    assert bounds.rho_at_least(fpr, fnr) <= mu * mu / 2 * (1 + 1e-9)
    epsilon = bounds.epsilon_of_mu(mu, 1e-6)
    assert float(bounds.epsilon_at_least(fpr, fnr, 1e-6)) <= epsilon * (1 + 1e-9) + 1e-9
    assert float(bounds.epsilon_at_least(fnr, fpr, 1e-6)) <= epsilon * (1 + 1e-9) + 1e-9


def test_rho_at_the_middle_of_a_gaussian_is_two_over_pi() -> None:
    """As μ falls, a guess at the middle keeps 2/π of the divergence."""
    mu = 0.02
    rate = stats.norm.cdf(-mu / 2)
    assert bounds.rho_at_least(rate, rate) == pytest.approx(mu * mu / 2 * 2 / math.pi, rel=0.01)


def test_randomised_response_is_bounded_exactly() -> None:
    """A coin that tells the truth with e^ε/(1 + e^ε) has exactly this ε at δ = 0."""
    lie = 1 / (1 + math.exp(1.5))
    assert float(bounds.epsilon_at_least(lie, lie, 0.0)) == pytest.approx(1.5)


def test_a_perfect_attacker_meets_the_published_ceilings() -> None:
    for runs, limit in ((100, 3.3), (500, 4.9), (1_000, 5.6), (10_000, 7.9)):
        rate = bounds.ceiling(runs, 0.025)
        assert float(bounds.epsilon_at_least(rate, rate, 0.0)) == pytest.approx(limit, abs=0.06)


def test_useless_rates_bound_nothing() -> None:
    assert bounds.rho_at_least(1.0, 1.0) == 0.0
    assert float(bounds.mu_at_least(0.7, 0.6)) == 0.0
    assert float(bounds.epsilon_at_least(1.0, 1.0, 1e-6)) == 0.0
    assert bounds.rho_at_least(0.0, 0.0) == math.inf
