"""Mechanisms: refusals, shapes, support, entropy; what does not need a statistical test."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from understudy.errors import InputError
from understudy.privacy import discrete_gaussian, exponential_choice, partition_threshold
from understudy.privacy.mechanisms import _gaussian, _largest, _tail


@pytest.mark.parametrize("shape", [(), (0,), (1,), (7,), (3, 4), (2, 0), (2, 3, 4), (20_000,)])
def test_shape_and_integers(shape: tuple[int, ...]) -> None:
    """Traps 9 and 13: every cell of the domain gets an integer, in order, in any shape."""
    noisy = discrete_gaussian(np.full(shape, 10_000_000), 3.0)
    assert noisy.shape == shape
    assert noisy.dtype == np.int64
    assert np.all(np.abs(noisy - 10_000_000) < 100)


def test_order_survives_batches_and_threads() -> None:
    counts = np.arange(50_000) * 1000
    assert np.array_equal(np.rint(discrete_gaussian(counts, 2.0) / 1000), np.arange(50_000))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64, np.int64, bool])
def test_integer_types(dtype: type) -> None:
    counts = np.array([0, 1, 1], dtype=dtype)
    noisy = discrete_gaussian(counts, 1e-3)
    assert noisy.tolist() == [0, 1, 1]
    assert counts.tolist() == np.array([0, 1, 1], dtype=dtype).tolist()


@pytest.mark.parametrize("counts", [[0.5], [1.0], ["1"], [None], [1 + 2j]])
def test_only_integers(counts: list[object]) -> None:
    """Trap 13: probabilities and other floats are refused, not rounded."""
    with pytest.raises(InputError):
        discrete_gaussian(counts, 1.0)


def test_nothing_wraps_around() -> None:
    """Trap 13: the largest and smallest integers stay large and small."""
    info = np.iinfo(np.int64)
    high, low = discrete_gaussian(np.array([info.max, info.min]), 1e12)
    assert high > 2**61
    assert low < -(2**61)
    assert discrete_gaussian(np.array([2**64 - 1], dtype=np.uint64), 5.0)[0] > 2**61


@pytest.mark.parametrize("scale", [0.0, -0.0, -1.0, math.nan, math.inf, -math.inf, 1e-300, 1e300])
def test_edge_scales_are_refused(scale: float) -> None:
    """Trap 8: no setting can make the noise vanish or overflow."""
    with pytest.raises(InputError):
        discrete_gaussian([1, 2], scale)
    with pytest.raises(InputError):
        exponential_choice([1, 2], scale, 1.0)
    with pytest.raises(InputError):
        exponential_choice([1, 2], 1.0, scale)
    with pytest.raises(InputError):
        partition_threshold(scale, 1e-7)
    with pytest.raises(InputError):
        partition_threshold(1.0, scale)


def test_open_dp_agrees_about_rho() -> None:
    """The privacy maps of the library are the costs our events state."""
    for sigma in (0.3, 1.0, math.pi, 17.123, 1e4):
        for sensitivity in (1.0, 2.0, 5.0):
            ours = sensitivity**2 / (2 * sigma**2)
            assert _gaussian(sigma).map(sensitivity) == pytest.approx(ours, rel=1e-12)
    for reach in (1, 3, 2**20 + 1):
        for epsilon in (1e-3, 0.7, 5.0):
            assert _largest(reach, epsilon).map(reach) == pytest.approx(epsilon**2 / 8, rel=1e-9)


def test_noise_cannot_be_seeded_and_seeds_nothing() -> None:
    """Trap 14: equal seeds give different noise, and global generators do not move."""
    draws, choices = [], []
    for _ in range(2):
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        python, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
        draws.append(discrete_gaussian(np.zeros(64, dtype=np.int64), 1000.0))
        choices.append([exponential_choice(np.zeros(1000), 1.0, 0.1) for _ in range(16)])
        assert random.getstate() == python
        after = np.random.get_state()  # noqa: NPY002
        assert after[0] == numpy_state[0]
        assert np.array_equal(after[1], numpy_state[1])
        assert after[2:] == numpy_state[2:]
    assert not np.array_equal(draws[0], draws[1])
    assert choices[0] != choices[1]
    assert len(set(draws[0].tolist())) > 32


@pytest.mark.parametrize(
    "scores", [[], [[1.0]], [math.nan], [0.0, math.inf], [-math.inf, 1.0], ["a"], [None]]
)
def test_impossible_scores_are_refused(scores: list[object]) -> None:
    with pytest.raises(InputError):
        exponential_choice(scores, 1.0, 1.0)


def test_choice_takes_any_numbers() -> None:
    assert exponential_choice([3], 1, 1e-6) == 0
    assert exponential_choice([0.0, 1e300], 1.0, 1.0) == 1
    assert exponential_choice([-1e300, 0.0], 1e-3, 1.0) == 1
    assert exponential_choice(np.array([0, 2**63], dtype=np.uint64), 1, 1.0) == 1
    assert exponential_choice([0, 5000], 2, 5) == 1


def exact_tail(sigma: float, least: int) -> float:
    """P[N ≥ least] of the discrete Gaussian by summation over ±60σ."""
    reach = math.ceil(60 * sigma) + abs(least)
    support = np.arange(-reach, reach + 1, dtype=np.float64)
    mass = np.exp(-(support**2) / (2 * sigma**2))
    return float(mass[support >= least].sum() / mass.sum())


@pytest.mark.parametrize("sigma", [0.4, 1.0, 3.3, 20.0, 300.0])
def test_tail_is_an_upper_bound_and_close(sigma: float) -> None:
    for least in {1, 2, 3, math.ceil(sigma), math.ceil(3 * sigma), math.ceil(5 * sigma)}:
        exact = exact_tail(sigma, least)
        assert exact <= _tail(sigma, least) * (1 + 1e-9) <= exact * 1.06 + 1e-300


def splits(rows: int, parts: int, largest: int) -> list[tuple[int, ...]]:
    """All ways of putting up to `rows` rows on up to `parts` labels."""
    found: list[tuple[int, ...]] = [()]
    if parts:
        for first in range(1, min(rows, largest) + 1):
            found += [(first, *rest) for rest in splits(rows - first, parts - 1, first)]
    return found


@pytest.mark.parametrize("sigma", [0.5, 2.0, 10.0])
@pytest.mark.parametrize("delta", [1e-3, 1e-7, 1e-12])
@pytest.mark.parametrize(("partitions", "rows"), [(1, 1), (1, 6), (2, 6), (6, 6), (9, 4)])
def test_threshold_against_brute_force(
    sigma: float, delta: float, partitions: int, rows: int
) -> None:
    """Every way a unit can spread its rows crosses with probability ≤ δ; τ − 2 would not do."""

    def worst(threshold: int) -> float:
        return max(
            1 - math.prod(1 - exact_tail(sigma, threshold - count) for count in split)
            for split in splits(rows, partitions, rows)
        )

    threshold = partition_threshold(sigma, delta, partitions, rows)
    assert worst(threshold) <= delta
    assert threshold == rows + 1 or worst(threshold - 2) > delta


def test_threshold_grows_with_its_bounds() -> None:
    base = partition_threshold(10.0, 1e-7)
    assert partition_threshold(10.0, 1e-9) > base
    assert partition_threshold(20.0, 1e-7) > base
    assert partition_threshold(10.0, 1e-7, 1, 5) == base + 4
    assert partition_threshold(10.0, 1e-7, 5, 5) >= base + 4
    for bad in ({"max_partitions": 0}, {"max_rows": 0}, {"delta": 1.0}):
        with pytest.raises(InputError):
            partition_threshold(**{"sigma": 1.0, "delta": 1e-7, **bad})
