"""Many pairs in one sweep: equal to brute force, to single marginals, and cheaper than those."""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np
import pytest

from understudy.errors import InputError
from understudy.synthesize.marginal import Domain, MarkovModel, Potentials, pair_marginals

CASES = {
    "nothing joint": [],
    "chain": [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("e", "f")],
    "star": [("c", x) for x in "abdef"],
    "star from the end": [("f", x) for x in "abcde"],
    "two parts": [("a", "b"), ("b", "c"), ("d", "e"), ("e", "f")],
    "cycle": [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("e", "f"), ("a", "f")],
    "wide separators": [("a", "b", "c"), ("b", "c", "d"), ("c", "d", "e"), ("d", "e", "f")],
    "two branches of one": [("a", "b", "c"), ("a", "b", "d"), ("b", "c", "e"), ("a", "c", "f")],
    "everything": [("a", "b", "c", "d", "e", "f")],
}
SHAPE = (2, 3, 4, 1, 5, 3)
CLASSES: dict[str, dict[str, Any]] = {
    "levels": {},
    "classes": {"c": np.array([0, 1, 0, 1]), "e": np.array([2, 0, 1, 1, 0])},
}
MAPS: dict[str, dict[str, Any]] = {
    "own levels": {},
    "merged": {
        "a": None,
        "b": np.array([1, 0, 1]),
        "c": np.array([0, 0, 1, 1]),
        "e": np.array([0, 0, 3, 3, 1]),
    },
}


@pytest.fixture(params=itertools.product(CASES, CLASSES), ids=" on ".join)
def model(request: pytest.FixtureRequest) -> MarkovModel:
    cliques, classes = CASES[request.param[0]], CLASSES[request.param[1]]
    domain = Domain(tuple("abcdef"), SHAPE)
    rng = np.random.default_rng(len(cliques))
    coarse = Potentials(domain=domain, classes=classes).coarse
    tables: dict[tuple[str, ...], Any] = {
        coarse.canonical(clique): 2.0 * rng.normal(size=coarse.project(sorted(clique)).shape)
        for clique in cliques
    }
    for table in tables.values():
        table[
            (rng.random(table.shape) < 0.2) & (np.arange(table.size) > 0).reshape(table.shape)
        ] = -np.inf
    tables |= {(x,): rng.normal(size=(domain[x],)) for x in "ace"}
    tables[("e",)][3] = -np.inf
    return MarkovModel(
        domain=domain,
        total=50.0,
        potentials=Potentials(domain=domain, tables=tables, classes=classes),
    )


def _merged(table: np.ndarray, edge: tuple[str, str], maps: dict[str, Any]) -> np.ndarray:
    for axis, name in enumerate(edge):
        into = maps.get(name)
        if into is not None:
            made = np.zeros((into.max() + 1, table.shape[1 - axis]))
            np.add.at(made, into, np.moveaxis(table, axis, 0))
            table = np.moveaxis(made, 0, axis)
    return table


@pytest.mark.parametrize("merge", MAPS)
def test_every_pair_both_ways(model: MarkovModel, merge: str, enumerate_joint: Any) -> None:
    joint = enumerate_joint(model.potentials)
    edges = list(itertools.permutations("abcdef", 2))
    found = pair_marginals(model, edges, MAPS[merge])
    assert list(found) == edges
    for edge, table in found.items():
        expected = 50.0 * _merged(joint.project(edge).values, edge, MAPS[merge])
        np.testing.assert_allclose(table, expected, atol=1e-10)


def test_any_choice_of_pairs(model: MarkovModel, enumerate_joint: Any) -> None:
    joint = enumerate_joint(model.potentials)
    rng = np.random.default_rng(5)
    pairs = list(itertools.combinations("abcdef", 2))
    for size in (0, 1, 2, 3, 5, 8):
        edges = [pairs[i] for i in rng.permutation(len(pairs))[:size]]
        found = pair_marginals(model, iter(edges))
        assert list(found) == edges
        for edge, table in found.items():
            np.testing.assert_allclose(table, 50.0 * joint.project(edge).values, atol=1e-10)


def test_long_chain_and_random_trees_agree_with_single_marginals() -> None:
    rng = np.random.default_rng(0)
    for case in range(6):
        names = tuple(f"x{i:02d}" for i in range(24))
        domain = Domain(names, tuple(int(n) for n in rng.integers(1, 6, size=24)))
        cliques = [
            tuple(
                domain.canonical(
                    {names[i], names[int(rng.integers(max(i - 3, 0), i))], names[i - 1]}
                )
            )
            for i in range(1, 24)
        ]
        if case % 2:
            cliques = [clique for clique in cliques if rng.random() < 0.8]
        tables = {c: rng.normal(size=domain.project(c).shape) for c in cliques}
        model = MarkovModel(
            domain=domain, total=1.0, potentials=Potentials(domain=domain, tables=tables)
        )
        edges = list(itertools.combinations(names, 2))
        for edge, table in pair_marginals(model, edges).items():
            np.testing.assert_allclose(table, model.marginal(edge).values, atol=1e-12)


def test_bad_input_is_refused() -> None:
    model = MarkovModel(domain=Domain(("a", "b"), (2, 3)), total=1.0)
    with pytest.raises(InputError, match="no such attribute"):
        pair_marginals(model, [("a", "x")])
    with pytest.raises(InputError, match="two different"):
        pair_marginals(model, [("a", "a")])
    for bad in ([0, 1], [0, 1, -1], [0.0, 1.0, 1.0]):
        with pytest.raises(InputError, match="merged level"):
            pair_marginals(model, [("a", "b")], {"b": np.array(bad)})


def test_cheaper_than_one_by_one() -> None:
    """A chain of 60 attributes: processor seconds, and a margin of three, so not a race."""
    rng = np.random.default_rng(1)
    names = tuple(f"x{i:02d}" for i in range(60))
    domain = Domain(names, (12,) * 60)
    tables = {(a, b): rng.normal(size=(12, 12)) for a, b in itertools.pairwise(names)}
    model = MarkovModel(
        domain=domain, total=1.0, potentials=Potentials(domain=domain, tables=tables)
    )
    edges = list(itertools.combinations(names, 2))
    started = time.process_time()
    found = pair_marginals(model, edges)
    swept = time.process_time() - started
    some = edges[::20]
    started = time.process_time()
    for edge in some:
        np.testing.assert_allclose(found[edge], model.marginal(edge).values, atol=1e-12)
    singly = 20 * (time.process_time() - started)
    assert swept * 3 < singly
