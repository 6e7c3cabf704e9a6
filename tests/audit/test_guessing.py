"""One-run bounds: their ceilings, their validity over simulated runs, what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest

from understudy.audit import bounds
from understudy.audit.guessing import (
    chance_of,
    epsilon_from_curve,
    epsilon_from_guesses,
    mu_from_guesses,
)
from understudy.audit.onerun import count_right
from understudy.errors import InputError


@pytest.mark.parametrize(("guesses", "largest"), [(100, 3.5), (1_000, 5.8)])
def test_the_largest_epsilon_of_one_run(guesses: int, largest: float) -> None:
    found = epsilon_from_guesses(guesses, guesses, guesses, delta=0.0)
    assert round(found, 1) == largest
    assert epsilon_from_curve(guesses, guesses, guesses, delta=0.0) == pytest.approx(
        found, abs=1e-6
    )


@pytest.mark.parametrize(("runs", "largest"), [(100, 3.3), (500, 4.9), (1_000, 5.6), (10_000, 7.9)])
def test_the_largest_epsilon_of_paired_runs(runs: int, largest: float) -> None:
    rate = bounds.ceiling(runs, 0.025)
    assert round(float(bounds.epsilon_at_least(rate, rate, 0.0)), 1) == largest


def test_delta_makes_the_bound_smaller_and_never_larger() -> None:
    found = [epsilon_from_guesses(1_000, 200, 190, delta=delta) for delta in (0, 1e-6, 1e-5, 1e-3)]
    assert found == sorted(found, reverse=True)
    assert found[-1] < found[0]


def test_without_guesses_beyond_chance_nothing_is_refuted() -> None:
    assert epsilon_from_guesses(1_000, 200, 100, delta=0.0) == 0.0
    assert mu_from_guesses(1_000, 200, 100) == 0.0
    assert chance_of(100, 100, 0, 1.0, 1e-3) == 1.0


def guessed(rng: np.random.Generator, mu: float) -> int:
    """Right guesses of 200 about 1,000 canaries, each seen through a Gaussian of μ."""
    coins = rng.random(1_000) < 0.5
    return count_right(rng.normal(np.where(coins, mu, 0.0)), coins, 200)


@pytest.mark.parametrize("mu", [0.0, 1.0, 2.0])
def test_bounds_hold_over_simulated_runs(mu: float) -> None:
    """120 runs: each bound may be wrong in 5 %; 24 or more have probability below 1e-7.

    At μ = 1 the mean bound on μ is 0.6 (n = 40 runs: 0.615), so that a bound that is vacuous fails.
    """
    rng = np.random.default_rng(11)
    rights = [guessed(rng, mu) for _ in range(120)]
    known = {right: mu_from_guesses(1_000, 200, right) for right in set(rights)}
    found = np.array([known[right] for right in rights])
    assert (found > mu).sum() < 24
    allowed = bounds.epsilon_of_mu(mu, 1e-5) if mu else 0.0
    worst = epsilon_from_guesses(1_000, 200, sorted(rights)[-24], delta=1e-5)
    assert worst <= allowed
    if mu:
        assert found.mean() > 0.4 * mu


def test_pure_bounds_hold_for_randomised_response() -> None:
    """The tight case: 150 runs of rate e/(1+e); wrong in 5 %, 28 or more: below 1e-7."""
    rng = np.random.default_rng(3)
    rate = math.e / (1 + math.e)
    rights = rng.binomial(300, rate, 150)
    found = np.array([epsilon_from_guesses(300, 300, int(right), delta=0.0) for right in rights])
    assert (found > 1.0).sum() < 28
    assert found.mean() > 0.6


@pytest.mark.parametrize("counts", [(10, 20, 5), (10, 5, 6), (10, 0, 0), (10, 5, -1)])
def test_impossible_counts_are_refused(counts: tuple[int, int, int]) -> None:
    with pytest.raises(InputError):
        chance_of(*counts, 1.0, 0.0)
