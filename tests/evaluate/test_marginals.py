"""Marginal distances: levels by hand, distances against brute force, honest intervals."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest

from understudy.evaluate import evaluate
from understudy.evaluate.fidelity.marginals import MARGINALS, Coded, distances, number_levels
from understudy.evaluate.intervals import jackknife


def test_a_heavy_value_is_a_level_and_the_rest_is_cut_at_quantiles() -> None:
    values = np.concatenate([np.zeros(40), np.arange(1.0, 61.0)])
    levels = number_levels(values, bins=4)
    assert levels.heavy.tolist() == [0.0]
    codes = levels.codes(values)
    counts = np.bincount(codes)
    assert counts[1] == 40
    assert counts[2:].tolist() == [15, 15, 15, 15]
    assert levels.codes(np.array([np.nan, -5.0, 1e9])).tolist() == [0, 2, 5]


def test_exactly_one_32nd_is_heavy() -> None:
    """1/32 of the values makes a level of its own, one value fewer does not."""
    rest = np.arange(1000.0, 1000.0 + 31 * 4)
    assert 5.0 in number_levels(np.concatenate([np.full(4, 5.0), rest])).heavy
    assert 5.0 not in number_levels(np.concatenate([np.full(3, 5.0), rest])).heavy


def test_levels_come_from_the_real_values_only() -> None:
    levels = number_levels(np.arange(320.0))
    assert levels.size == 33
    assert np.bincount(levels.codes(np.arange(320.0)))[1:].tolist() == [10] * 32


def coded(rng: np.random.Generator, rows: int, sizes: tuple[int, ...]) -> Coded:
    return Coded(columns=tuple(rng.integers(0, size, rows) for size in sizes), sizes=sizes)


def brute(real: Coded, other: Coded, members: tuple[int, ...]) -> float:
    """Total variation distance by counting tuples."""

    def share(table: Coded) -> dict[tuple[int, ...], float]:
        rows = zip(*(table.columns[i].tolist() for i in members), strict=True)
        return {key: count / table.rows for key, count in Counter(rows).items()}

    left, right = share(real), share(other)
    return sum(abs(left.get(k, 0) - right.get(k, 0)) for k in {*left, *right}) / 2


@pytest.mark.parametrize("sizes", [(3, 4, 2, 5), (1, 1, 1, 1), (900, 800, 700, 2)])
@pytest.mark.parametrize("rows", [40, 333])
def test_distances_equal_brute_force(sizes: tuple[int, ...], rows: int) -> None:
    rng = np.random.default_rng(7)
    real, other = coded(rng, 200, sizes), coded(rng, rows, sizes)
    for ways in (1, 2, 3):
        cliques = list(combinations(range(4), ways))
        found, leave_out = distances(real, other, cliques)
        expected = [brute(real, other, members) for members in cliques]
        assert found == pytest.approx(expected, abs=1e-12)
        assert (leave_out is None) == (rows < 100)


def test_leaving_a_group_out_is_measuring_without_it() -> None:
    rng = np.random.default_rng(8)
    real, other = coded(rng, 150, (4, 3)), coded(rng, 120, (4, 3))
    _, leave_out = distances(real, other, [(0, 1)])
    kept = np.arange(120) % 10 != 4
    without = Coded(columns=tuple(c[kept] for c in other.columns), sizes=other.sizes)
    assert leave_out is not None
    assert leave_out[4] == pytest.approx(brute(real, without, (0, 1)), abs=1e-12)


def test_the_jackknife_interval_covers_a_mean() -> None:
    """n = 400 repetitions of 95 % intervals: fewer than 350 hits has probability below 1e-8."""
    rng = np.random.default_rng(9)
    hits = 0
    for _ in range(400):
        groups = rng.uniform(0.3, 0.7, 10)
        mean = groups.mean()
        low, high = jackknife(mean, (groups.sum() - groups) / 9) or (0, 0)
        hits += low <= 0.5 <= high
    assert hits >= 350


def test_the_anchors_frame_the_half_and_catch_independent_columns() -> None:
    rng = np.random.default_rng(10)
    x = rng.integers(0, 6, 3000)
    table = pa.table(
        {"a": [f"v{v}" for v in x], "b": [f"w{v}" for v in (x + (rng.random(3000) < 0.1)) % 6]}
    )
    train, holdout, half = table.slice(0, 1000), table.slice(1000, 1000), table.slice(2000)
    found = evaluate(train, holdout, half, metrics=(MARGINALS,)).figure("tvd_2way")
    assert found is not None
    assert found.anchors.holdout is not None
    assert found.anchors.independent is not None
    assert abs(found.value - found.anchors.holdout) < 0.05
    assert found.anchors.independent > 0.5
    shuffled = pa.table({n: rng.permutation(half.column(n).to_numpy()) for n in ("a", "b")})
    caught = evaluate(train, holdout, shuffled, metrics=(MARGINALS,)).figure("tvd_2way")
    assert caught is not None
    assert caught.value > 0.5
    equal = caught.detail["at_equal_rows"]
    assert equal["rows"] == 1000
    assert equal["holdout"] < 0.1
    assert equal["synthetic"] > 0.5
