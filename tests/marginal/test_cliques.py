"""Junction trees: every clique held, running intersection, sizes, determinism."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.synthesize.marginal import (
    Domain,
    JunctionTree,
    junction_tree,
    maximal_cliques,
    tree_bytes,
    tree_cells,
)

NAMES = tuple("abcdefgh")
DOMAIN = Domain(NAMES, (2, 3, 4, 5, 2, 3, 1, 7))
cliques = st.lists(
    st.sets(st.sampled_from(NAMES), min_size=1, max_size=4).map(lambda s: tuple(sorted(s))),
    max_size=10,
)


def check(domain: Domain, wanted: list[tuple[str, ...]], tree: JunctionTree) -> None:
    """All the properties that make it a junction tree of these cliques."""
    nodes = [set(clique) for clique in tree.cliques]
    assert set().union(*nodes) == set(domain.attributes)
    for clique in wanted:
        assert any(set(clique) <= node for node in nodes)
    for first, second in itertools.combinations(nodes, 2):
        assert not first <= second
        assert not second <= first
    for i, (parent, separator) in enumerate(zip(tree.parents, tree.separators, strict=True)):
        assert parent < i
        if parent >= 0:
            assert set(separator) == nodes[i] & nodes[parent]
            earlier = set().union(*nodes[:i])
            assert nodes[i] & earlier == set(separator)
    assert tree.cells == sum(domain.size(clique) for clique in tree.cliques)
    assert tree.cells == tree_cells(domain, wanted)
    assert tree_bytes(domain, wanted) == tree.bytes


@settings(max_examples=150, deadline=None)
@given(cliques)
def test_any_clique_set_gets_a_junction_tree(wanted: list[tuple[str, ...]]) -> None:
    tree = junction_tree(DOMAIN, wanted)
    check(DOMAIN, wanted, tree)
    assert tree == junction_tree(DOMAIN, wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        [],
        [("a",)],
        [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")],
        [("a", "b"), ("c", "d")],
        [("a", "b", "c"), ("b",), ("a", "b")],
        [tuple(NAMES)],
        list(itertools.combinations(NAMES, 2)),
    ],
)
def test_awkward_clique_sets(wanted: list[tuple[str, ...]]) -> None:
    check(DOMAIN, wanted, junction_tree(DOMAIN, wanted))


def test_trees_are_not_filled() -> None:
    chain = list(itertools.pairwise(NAMES))
    assert set(junction_tree(DOMAIN, chain).cliques) == set(chain)


def test_a_ring_needs_one_chord_per_missing_corner() -> None:
    domain = Domain(("a", "b", "c", "d"), (10, 10, 2, 10))
    tree = junction_tree(domain, [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")])
    assert tree.cells == 2 * (10 * 10 * 2)
    assert len(tree.cliques) == 2


def test_maximal_cliques() -> None:
    assert maximal_cliques([("a",), ("b", "a"), ("a", "b"), ("c",)]) == (("b", "a"), ("c",))


def test_a_hundred_columns_are_sized_without_tables() -> None:
    domain = Domain(tuple(f"x{i}" for i in range(100)), (100,) * 100)
    generator = np.random.default_rng(0)
    pairs = [(f"x{generator.integers(i)}", f"x{i}") for i in range(1, 100)]
    assert tree_cells(domain, pairs) == 99 * 100**2
