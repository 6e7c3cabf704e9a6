"""Denoising by the least estimated risk: full tables, empty ones, and what lies between."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.synthesize.marginal import denoise as room
from understudy.synthesize.marginal.denoise import denoise, sparse
from understudy.synthesize.marginal.shrink import fit_axes, shrink_towards

SIGMA = 30.0


def noisy(table: np.ndarray, seed: int) -> np.ndarray:
    return np.asarray(table + np.random.default_rng(seed).normal(0.0, SIGMA, table.shape))


def independent(table: np.ndarray) -> np.ndarray:
    return np.asarray(np.outer(table.sum(1), table.sum(0)) / table.sum())


def mean_error(truth: np.ndarray, how: object, tables: int = 20) -> float:
    """Mean total variation distance over independent noises."""
    assert callable(how)
    singles, prior = (truth.sum(1), truth.sum(0)), independent(truth)
    found = [how(noisy(truth, seed), prior, singles, SIGMA) for seed in range(tables)]
    return float(np.mean([np.abs(made - truth).sum() for made in found]) / (2 * truth.sum()))


CODES = np.diag([4_000.0, 2_500.0, 1_500.0, 900.0, 600.0, 400.0, 250.0, 150.0])
GENTLE = np.outer(np.linspace(400, 50, 8), np.linspace(1, 0.3, 8)) * (
    1 + 0.4 * np.outer(np.linspace(-1, 1, 8), np.linspace(-1, 1, 8))
)


def test_a_code_beside_its_label_keeps_its_empty_cells() -> None:
    assert mean_error(CODES, denoise) < 0.25 * mean_error(CODES, shrink_towards)
    assert mean_error(CODES, denoise) < 0.01


def test_a_table_that_departs_gently_is_served_by_few_singular_values() -> None:
    assert mean_error(GENTLE, denoise) < 1.05 * mean_error(GENTLE, shrink_towards)
    half = np.asarray(
        [
            sparse(noisy(GENTLE, s), GENTLE, (GENTLE.sum(1), GENTLE.sum(0)), SIGMA, 3.0)
            for s in range(5)
        ]
    )
    assert mean_error(GENTLE, denoise) < np.abs(half - GENTLE).sum() / (10 * GENTLE.sum())


def test_an_estimate_that_follows_the_noise_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the part that says how an estimate gives way, the closest to the noise would win."""
    truth = independent(GENTLE)
    honest = mean_error(truth, denoise)
    monkeypatch.setattr(room, "_patterns", lambda shape: np.zeros((2, *shape)))
    assert mean_error(truth, denoise) > 1.5 * honest


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    shape=st.lists(st.integers(1, 6), min_size=2, max_size=3).map(tuple),
    sigma=st.floats(0.1, 300.0),
)
def test_what_comes_out_are_counts_that_agree_with_their_singles(
    seed: int, shape: tuple[int, ...], sigma: float
) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.exponential(100.0, shape)
    axes = range(truth.ndim)
    singles = [truth.sum(axis=tuple(a for a in axes if a != axis)) for axis in axes]
    prior = fit_axes(np.ones(shape), singles)
    found = denoise(truth + rng.normal(0, sigma, shape), prior, singles, sigma)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(truth.sum(), rel=1e-6)
    for axis, single in zip(axes, singles, strict=True):
        off = found.sum(axis=tuple(a for a in axes if a != axis)) - single
        assert np.abs(off).sum() < 0.05 * truth.sum()


def test_the_same_counts_give_the_same_table_and_no_global_state_moves() -> None:
    prior, singles = independent(CODES), (CODES.sum(1), CODES.sum(0))
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    first = denoise(noisy(CODES, 1), prior, singles, SIGMA)
    assert np.array_equal(first, denoise(noisy(CODES, 1), prior, singles, SIGMA))
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_small_tables_and_tables_of_nothing_are_left_to_shrinkage() -> None:
    table = np.array([[40.0, 0.0], [0.0, 60.0]])
    singles = (table.sum(1), table.sum(0))
    made = denoise(table, independent(table), singles, 1.0)
    assert np.array_equal(made, shrink_towards(table, independent(table), singles, 1.0))
    nothing = np.zeros((4, 4))
    assert denoise(nothing, nothing, (np.zeros(4), np.zeros(4)), 1.0).sum() < 1e-6
