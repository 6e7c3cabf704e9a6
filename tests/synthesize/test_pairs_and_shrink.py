"""Pairs and their denoising: scales, levels, tables that agree with their singles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.curator import LabelCells
from understudy.prepare.attributes import Attribute
from understudy.schema import Kind, Storage
from understudy.source import Header
from understudy.synthesize.marginal.pairs import (
    Pair,
    Side,
    denoised,
    independent_offer,
    merged_levels,
    noise_scales,
)
from understudy.synthesize.marginal.shrink import fit_singles, shrink_table


def side(name: str, counts: list[float], into: list[int] | None = None) -> Side:
    """A column as part of pairs."""
    header = Header(name=name, storage=Storage.TEXT, arrow="string")
    known = tuple(f"{name}{place}" for place in range(len(counts) - 1))
    item = Attribute(
        header=header,
        kind=Kind.CATEGORY,
        encoding=LabelCells(column=name, labels=known),
        counts=np.array(counts),
        variances=np.ones(len(counts)),
    )
    return Side.of(item, np.array(into if into is not None else range(len(counts))))


def test_a_side_sums_what_it_merges() -> None:
    found = side("a", [5.0, 3.0, 2.0], [0, 1, 0])
    assert found.counts.tolist() == [7.0, 3.0]
    assert found.encoding.size == found.size == 2


def test_levels_grow_with_rows_and_shrink_with_noise() -> None:
    grid = [merged_levels(rows, 25.0, 2, 64) for rows in (10, 1_000, 100_000, 10**7)]
    assert grid == sorted(grid)
    assert grid[0] == 2
    assert grid[-1] == 64
    assert merged_levels(10_000, 10.0, 2, 64) > merged_levels(10_000, 100.0, 2, 64)


@pytest.mark.parametrize("sensitivity", [1.0, 4.0])
def test_scales_spend_exactly_what_is_given(sensitivity: float) -> None:
    sides = {name: side(name, [1.0] * size) for name, size in (("a", 2), ("b", 30), ("c", 8))}
    edges = [("a", "b"), ("b", "c"), ("a", "c")]
    sigmas = noise_scales(edges, sides, 0.02, sensitivity)
    assert (sensitivity**2 / (2 * sigmas**2)).sum() == pytest.approx(0.02)
    assert np.argmax(sigmas) == 2
    assert noise_scales(edges[:1], sides, 0.02, 1.0)[0] == pytest.approx(5.0)


def test_an_offer_expects_independence_and_takes_off_what_sampling_explains() -> None:
    first, second = side("a", [30.0, 70.0]), side("b", [50.0, 50.0])
    offer = independent_offer(first, second, 100.0)
    assert np.allclose(offer.expected, [[15, 15], [35, 35]])
    assert offer.penalty == pytest.approx(np.sqrt(2 / np.pi) * np.sqrt(offer.expected).sum())
    assert offer.weight == 1.0


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    sigma=st.floats(0.1, 300.0),
)
def test_denoised_tables_are_counts_that_agree_with_their_singles(
    seed: int, shape: tuple[int, int], sigma: float
) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = rng.exponential(100.0, shape[0]), rng.exponential(100.0, shape[1])
    columns *= rows.sum() / columns.sum()
    noisy = np.outer(rows, columns) / rows.sum() + rng.normal(0, sigma, shape)
    found = shrink_table(noisy, rows, columns, sigma)
    assert found.min() >= 0
    assert np.allclose(found.sum(axis=0), columns, rtol=1e-6)
    assert found.sum() == pytest.approx(rows.sum())
    assert np.abs(found.sum(axis=1) - rows).sum() < 0.02 * rows.sum()


def test_noise_is_taken_for_independence_and_signal_is_kept() -> None:
    rng = np.random.default_rng(2)
    rows, columns = np.full(8, 250.0), np.full(6, 2_000.0 / 6)
    product = np.outer(rows, columns) / 2_000.0
    noise = rng.normal(0, 20.0, (8, 6))
    alone = shrink_table(product + noise, rows, columns, 20.0)
    assert np.abs(alone - product).sum() < 0.25 * np.abs(noise).sum()
    tied = product.copy()
    tied[:4, :3] *= 1.8
    tied[4:, 3:] *= 1.8
    tied[:4, 3:] *= 0.2
    tied[4:, :3] *= 0.2
    found = shrink_table(tied + noise, rows, columns, 20.0)
    assert np.abs(found - tied).sum() < 0.65 * np.abs(noise).sum()


def test_singles_with_zeros_stay_zero() -> None:
    found = fit_singles(np.ones((2, 3)), np.array([6.0, 0.0]), np.array([3.0, 3.0, 0.0]))
    assert np.allclose(found, [[3, 3, 0], [0, 0, 0]], atol=1e-9)


def test_an_empty_pair_is_a_product() -> None:
    first, second = side("a", [10.0]), side("b", [4.0, 6.0])
    pair = Pair(counts=np.array([[100.0, -50.0]]), sigma=5.0)
    assert np.allclose(denoised(pair, first, second), [[4.0, 6.0]])
