"""Clique sets and their junction trees, and what a model will weigh before it is built.

A junction tree is found by greedy elimination (least fill, then least weight; the smaller of the
two results wins) and a maximum spanning tree over separators. Everything is deterministic: the
same domain and cliques give the same tree. What may not happen here: allocating tables.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from understudy.synthesize.marginal.domain import Domain

Clique: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class JunctionTree:
    """Maximal cliques of a triangulated graph, each after its parent.

    Parameters
    ----------
    cliques
        Nodes; attributes in the order of the domain.
    parents
        Index of each node's parent, smaller than its own; -1 for the first.
    separators
        Attributes shared with the parent; empty where parts of the tree are independent.
    cells
        Sum of the cells of all nodes.
    """

    cliques: tuple[Clique, ...]
    parents: tuple[int, ...]
    separators: tuple[Clique, ...]
    cells: int

    @property
    def bytes(self) -> int:
        """Memory of one float64 table per node."""
        return 8 * self.cells


def maximal_cliques(cliques: Iterable[Iterable[str]]) -> tuple[Clique, ...]:
    """The cliques that no other clique contains, first spelling kept, in order of appearance.

    >>> maximal_cliques([("a",), ("a", "b"), ("b", "a"), ("c",)])
    (('a', 'b'), ('c',))
    """
    listed: list[tuple[Clique, frozenset[str]]] = []
    seen: set[frozenset[str]] = set()
    for clique in cliques:
        names = tuple(clique)
        key = frozenset(names)
        if key not in seen:
            seen.add(key)
            listed.append((names, key))
    return tuple(names for names, key in listed if not any(key < other for other in seen))


def tree_cells(domain: Domain, cliques: Iterable[Iterable[str]]) -> int:
    """Cells of the junction tree of these cliques, counted without building a table.

    Parameters
    ----------
    domain
        Every attribute is part of the model, also those no clique names.
    cliques
        Any sets of attributes.

    Returns
    -------
    int
        Sum over the nodes of the product of their levels.

    >>> tree_cells(Domain(("a", "b", "c"), (2, 3, 4)), [("a", "b"), ("b", "c")])
    18
    """
    return _cells(_eliminate(domain, cliques), domain.shape)


def tree_bytes(domain: Domain, cliques: Iterable[Iterable[str]]) -> int:
    """Memory of the junction tree's tables in bytes (float64).

    >>> tree_bytes(Domain(("a", "b"), (2, 3)), [("a", "b")])
    48
    """
    return 8 * tree_cells(domain, cliques)


def junction_tree(domain: Domain, cliques: Iterable[Iterable[str]]) -> JunctionTree:
    """A junction tree over all attributes of the domain that holds every clique in a node.

    Parameters
    ----------
    domain
        Every attribute gets a node, also those no clique names.
    cliques
        Any sets of attributes: nested, disconnected, with loops.

    Returns
    -------
    JunctionTree
        Rooted at its largest node; parents come before children.

    >>> tree = junction_tree(Domain(("a", "b", "c"), (2, 3, 4)), [("a", "b"), ("b", "c")])
    >>> tree.cliques, tree.parents, tree.separators
    ((('b', 'c'), ('a', 'b')), (-1, 0), ((), ('b',)))
    """
    masks = _eliminate(domain, cliques)
    weights = [math.prod(domain.shape[i] for i in _bits(mask)) for mask in masks]
    order: list[int] = []
    parents: list[int] = []
    best = [(-1, -1)] * len(masks)
    left = set(range(len(masks)))
    while left:
        if order:
            node = max(left, key=lambda i: (best[i][0], weights[i], -i))
        else:
            node = max(left, key=lambda i: (weights[i], -i))
        left.remove(node)
        parents.append(order.index(best[node][1]) if order else -1)
        order.append(node)
        for other in left:
            shared = (masks[node] & masks[other]).bit_count()
            if shared > best[other][0]:
                best[other] = (shared, node)
    nodes = [masks[i] for i in order]
    return JunctionTree(
        cliques=tuple(_names(domain, mask) for mask in nodes),
        parents=tuple(parents),
        separators=tuple(
            _names(domain, mask & nodes[parent]) if parent >= 0 else ()
            for mask, parent in zip(nodes, parents, strict=True)
        ),
        cells=sum(weights),
    )


def _eliminate(domain: Domain, cliques: Iterable[Iterable[str]]) -> list[int]:
    """Maximal elimination cliques as bit masks, by the better of two greedy orders."""
    place = {name: i for i, name in enumerate(domain.attributes)}
    neighbours = [0] * len(place)
    for clique in cliques:
        bits = (
            domain.axes(clique)
            if not set(clique) <= place.keys()
            else [place[name] for name in clique]
        )
        mask = 0
        for i in bits:
            mask |= 1 << i
        for i in bits:
            neighbours[i] |= mask
    neighbours = [mask & ~(1 << i) for i, mask in enumerate(neighbours)]
    logs = [math.log(n) for n in domain.shape]
    first, filled = _greedy(neighbours, logs, by_fill=True)
    if not filled:
        return first
    second, _ = _greedy(neighbours, logs, by_fill=False)
    return min(first, second, key=lambda masks: _cells(masks, domain.shape))


def _greedy(
    neighbours: Sequence[int], logs: Sequence[float], *, by_fill: bool
) -> tuple[list[int], bool]:
    """One greedy elimination; the maximal cliques and whether any edge was added."""
    near = list(neighbours)
    cost: dict[int, tuple[float, float, int]] = {}
    stale = set(range(len(near)))
    found: list[int] = []
    filled = False
    while stale or cost:
        for i in stale:
            around = near[i]
            members = _bits(around)
            missing = sum((around & ~near[j]).bit_count() - 1 for j in members) // 2
            weight = logs[i] + sum(logs[j] for j in members)
            cost[i] = (missing, weight, i) if by_fill else (weight, missing, i)
        i = min(cost, key=cost.__getitem__)
        filled |= cost[i][0 if by_fill else 1] > 0
        del cost[i]
        around = near[i]
        clique = around | 1 << i
        if not any(clique & other == clique for other in found):
            found.append(clique)
        touched = around
        for j in _bits(around):
            near[j] = (near[j] | around) & ~(1 << j) & ~(1 << i)
            touched |= near[j]
        stale = {j for j in _bits(touched) if j in cost}
    return found, filled


def _bits(mask: int) -> list[int]:
    """Positions of the set bits, ascending."""
    found = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return found


def _names(domain: Domain, mask: int) -> Clique:
    """Attributes of a bit mask in the order of the domain."""
    return tuple(domain.attributes[i] for i in _bits(mask))


def _cells(masks: Iterable[int], shape: Sequence[int]) -> int:
    """Sum of the table sizes of these cliques."""
    return sum(math.prod(shape[i] for i in _bits(mask)) for mask in masks)
