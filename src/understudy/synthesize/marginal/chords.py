"""What a chord would cost: cells of a junction tree once one more pair is counted.

Adding a pair (a, b) to a junction tree can be done by adding `a` to every node on the way from
the nodes that hold `a` to the nearest node that holds `b`. The result is a junction tree again,
so its size bounds that of the best one; it is found for all pairs in one walk per attribute,
where eliminating anew for every pair would take seconds on wide tables. What may not happen
here: a question to a curator.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from understudy.synthesize.marginal.cliques import JunctionTree
from understudy.synthesize.marginal.domain import Domain


def cells_with(
    domain: Domain, tree: JunctionTree, pairs: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    """An upper bound on the cells of the junction tree with each pair added alone.

    Parameters
    ----------
    domain
        Levels of the attributes.
    tree
        The junction tree of what is counted already.
    pairs
        Pairs on offer.

    Returns
    -------
    dict
        Cells by pair.

    >>> from understudy.synthesize.marginal.cliques import junction_tree
    >>> domain = Domain(("a", "b", "c"), (2, 3, 4))
    >>> tree = junction_tree(domain, [("a", "b"), ("b", "c")])
    >>> cells_with(domain, tree, [("a", "c"), ("a", "b")])
    {('a', 'c'): 30, ('a', 'b'): 18}
    """
    levels = dict(zip(domain.attributes, domain.shape, strict=True))
    holds = [frozenset(clique) for clique in tree.cliques]
    weights = [math.prod(levels[name] for name in clique) for clique in tree.cliques]
    neighbours: list[list[int]] = [[] for _ in holds]
    for node, parent in enumerate(tree.parents):
        if parent >= 0:
            neighbours[node].append(parent)
            neighbours[parent].append(node)
    asked = list(pairs)
    growth = {name: _walk(name, holds, weights, neighbours) for pair in asked for name in pair}
    found = {}
    for first, second in asked:
        ways = [
            weight * (levels[moved] - 1)
            for moved, other in ((first, second), (second, first))
            for weight in [growth[moved][other]]
        ]
        found[first, second] = tree.cells + min(ways)
    return found


def _walk(
    start: str, holds: list[frozenset[str]], weights: list[int], neighbours: list[list[int]]
) -> dict[str, int]:
    """For every attribute, the least weight of nodes to cross from `start` to reach it."""
    passed = {node: 0 for node, names in enumerate(holds) if start in names}
    queue = deque(passed)
    reached: dict[str, int] = {}
    while queue:
        node = queue.popleft()
        for name in holds[node]:
            reached[name] = min(reached.get(name, passed[node]), passed[node])
        for beyond in neighbours[node]:
            if beyond not in passed:
                passed[beyond] = passed[node] + weights[beyond]
                queue.append(beyond)
    return reached
