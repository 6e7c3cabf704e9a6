"""Mixtures of products: marginals in closed form, and a fit that meets its tables."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from understudy.errors import InputError
from understudy.synthesize.marginal.chained import chained_pairs
from understudy.synthesize.marginal.products import Pairs, Products, Wanted, fit_products

SIZES = {"a": 3, "b": 4, "c": 2, "d": 3}
NAMES = tuple(SIZES)


def joint(seed: int = 0) -> np.ndarray:
    """A dense joint distribution: every pair and every triple depends."""
    rng = np.random.default_rng(seed)
    table = rng.gamma(0.5, size=tuple(SIZES.values()))
    return np.asarray(table / table.sum())


def marginal(table: np.ndarray, clique: tuple[str, ...]) -> np.ndarray:
    away = tuple(axis for axis, name in enumerate(NAMES) if name not in clique)
    return np.asarray(table.sum(axis=away))


def wanted(table: np.ndarray, ways: int) -> list[Wanted]:
    return [
        Wanted(
            clique=clique,
            into=tuple(np.arange(SIZES[name]) for name in clique),
            shares=marginal(table, clique),
        )
        for clique in itertools.combinations(NAMES, ways)
    ]


def start(components: int = 128) -> Products:
    return Products.near({name: np.ones(size) for name, size in SIZES.items()}, components)


def off(found: Products, tables: list[Wanted]) -> float:
    return max(
        0.5 * float(np.abs(found.marginal(t.clique, t.into) - t.shares).sum()) for t in tables
    )


def dense(found: Products) -> np.ndarray:
    """The mixture's whole joint distribution, the slow way."""
    sides = [found.shares[name].astype(float) for name in NAMES]
    return np.einsum("k,ka,kb,kc,kd->abcd", found.weights.astype(float), *sides)


@pytest.mark.parametrize("ways", [1, 2, 3, 4])
def test_tables_of_any_width_are_met(ways: int) -> None:
    tables = wanted(joint(), ways)
    assert off(start(), tables) > 0.1
    assert off(fit_products(start(), tables, passes=400), tables) < 0.01


@pytest.mark.parametrize("clique", [("a",), ("b", "d"), ("d", "b"), ("a", "c", "d"), NAMES])
def test_marginals_are_those_of_the_whole(clique: tuple[str, ...]) -> None:
    found = fit_products(start(16), wanted(joint(), 2), passes=20)
    axes = [NAMES.index(name) for name in clique]
    whole = dense(found)
    away = tuple(axis for axis in range(4) if axis not in axes)
    kept = [axis for axis in range(4) if axis in axes]
    slow = whole.sum(axis=away).transpose([kept.index(axis) for axis in axes])
    assert np.allclose(found.marginal(clique), slow, atol=1e-6)
    assert float(found.marginal(clique).sum()) == pytest.approx(1.0, abs=1e-5)


def test_merged_levels_are_met_and_permuted_ones_too() -> None:
    truth = joint(1)
    into = (np.array([1, 0, 1]), np.array([2, 0, 1, 0]))
    merged = np.zeros((2, 3))
    np.add.at(merged, np.ix_(*into), marginal(truth, ("a", "b")))
    turned = (np.array([2, 0, 1]), np.arange(2))
    other = np.zeros((3, 2))
    np.add.at(other, np.ix_(*turned), marginal(truth, ("a", "c")))
    tables = [
        Wanted(clique=("a", "b"), into=into, shares=merged),
        Wanted(clique=("a", "c"), into=turned, shares=other),
    ]
    assert off(fit_products(start(), tables, passes=300), tables) < 0.005


def test_many_pairs_at_once_are_as_each_alone() -> None:
    """The matrix form of pairs makes the steps that single tables make."""
    tables = wanted(joint(), 2)
    identity = {name: np.arange(size) for name, size in SIZES.items()}
    together = Pairs(identity, {(t.clique[0], t.clique[1]): t.shares for t in tables}, 1.0)
    alone = fit_products(start(16), tables, passes=10)
    found = fit_products(start(16), [], passes=10, others=together)
    for name in NAMES:
        assert np.allclose(alone.shares[name], found.shares[name], atol=1e-4)
    assert np.allclose(alone.weights, found.weights, atol=1e-4)


def test_a_pass_makes_tables_likelier() -> None:
    """The objective rises over every ten passes, whatever the tables contradict."""
    tables = [*wanted(joint(0), 2), *wanted(joint(1), 2)]
    found, before = start(32), -np.inf
    for _ in range(8):
        found = fit_products(found, tables, passes=10)
        now = sum(
            float((t.shares * np.log(np.maximum(found.marginal(t.clique), 1e-12))).sum())
            for t in tables
        )
        assert now >= before - 1e-6
        before = now


def test_empty_cells_and_empty_tables_do_no_harm() -> None:
    nothing = Wanted(clique=("a", "b"), into=(np.arange(3), np.arange(4)), shares=np.zeros((3, 4)))
    one = np.zeros((3, 4))
    one[0, 0] = 1.0
    corner = Wanted(clique=("a", "b"), into=nothing.into, shares=one)
    for tables in ([nothing], [nothing, corner]):
        found = fit_products(start(8), tables, passes=30)
        for name in NAMES:
            assert np.isfinite(found.shares[name]).all()
            assert np.allclose(found.shares[name].sum(axis=1), 1.0, atol=1e-4)
    assert found.marginal(("a", "b"))[0, 0] > 0.99


def test_a_fit_is_the_same_every_time_and_leaves_its_start_alone() -> None:
    begun, tables = start(), wanted(joint(), 2)
    before = {name: table.copy() for name, table in begun.shares.items()}
    first, second = (fit_products(begun, tables, passes=15) for _ in range(2))
    for name in NAMES:
        assert np.array_equal(first.shares[name], second.shares[name])
        assert np.array_equal(begun.shares[name], before[name])


def test_shares_of_other_components_are_refused() -> None:
    with pytest.raises(InputError, match="every component"):
        Products(np.full(4, 0.25), {"a": np.ones((3, 2))})


def test_chained_pairs_are_those_of_the_tree() -> None:
    """a → b → c: the pair (a, c) is the product of conditionals; d, alone, is independent."""
    rng = np.random.default_rng(4)
    ab = rng.dirichlet(np.ones(12)).reshape(3, 4)
    given = rng.dirichlet(np.ones(2), size=4)
    bc = ab.sum(axis=0)[:, None] * given
    singles = {"a": ab.sum(1), "b": ab.sum(0), "c": bc.sum(0), "d": np.full(3, 1 / 3)}
    counted = {
        ("a", "b"): Wanted(clique=("a", "b"), into=(np.arange(3), np.arange(4)), shares=ab),
        ("b", "c"): Wanted(clique=("b", "c"), into=(np.arange(4), np.arange(2)), shares=bc),
    }
    identity = {name: np.arange(len(shares)) for name, shares in singles.items()}
    found = chained_pairs(singles, counted, identity)
    assert set(found) == set(itertools.combinations("abcd", 2)) - set(counted)
    assert np.allclose(found["a", "c"], ab @ given)
    assert np.allclose(found["c", "d"], np.outer(singles["c"], singles["d"]))
    merged = chained_pairs(singles, counted, {**identity, "a": np.array([0, 1, 0])})
    assert np.allclose(merged["a", "c"][0], (ab @ given)[[0, 2]].sum(axis=0))


def test_weak_edges_that_would_close_a_loop_are_left_out() -> None:
    same = np.eye(2) / 2
    loose = np.array([[0.3, 0.2], [0.2, 0.3]])
    levels = (np.arange(2), np.arange(2))
    counted = {
        clique: Wanted(clique=clique, into=levels, shares=shares)
        for clique, shares in ((("a", "b"), same), (("b", "c"), same), (("a", "c"), loose))
    }
    half = {name: np.array([0.5, 0.5]) for name in "abcd"}
    found = chained_pairs(half, counted, dict.fromkeys("abcd", np.arange(2)))
    assert set(found) == {("a", "d"), ("b", "d"), ("c", "d")}
