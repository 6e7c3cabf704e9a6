"""A spanning tree of pairs for wide tables, chosen edge by edge through the door.

Every draw of the exponential mechanism chooses among the edges that leave the smallest part of
the forest so far (Borůvka's order). By the cut property of spanning trees the best edge out of
any part belongs to the best tree, so without noise the tree is Kruskal's; but a draw has
hundreds of candidates instead of all pairs of hundreds of columns. For n columns that is about
n²·log₂(n)/2 scores to weigh instead of n³/2, and since an exponential mechanism loses about
2·ln(candidates)/ε, it is the less noisy order too.

Which edges are on offer depends on earlier choices alone, which are public once made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from understudy.curator import Candidate, Choose, Curator
from understudy.synthesize.marginal.pairs import Edge


def choose_spanning_tree(
    curator: Curator, names: Sequence[str], offer: Callable[[Edge], Candidate], epsilon: float
) -> list[Edge]:
    """SELECT: a spanning tree, each edge among those that leave the smallest part so far.

    Parameters
    ----------
    curator
        Charged ε²/8 for each of the `len(names) - 1` edges, stage `select`.
    names
        Columns, all different.
    offer
        The candidate of a pair, names in the order of `names`; asked for once per pair.
    epsilon
        Of each choice.

    Returns
    -------
    list
        Edges in the order of their choice.
    """
    place = {name: index for index, name in enumerate(names)}
    offers: dict[Edge, Candidate] = {}
    part: dict[str, tuple[str, ...]] = {name: (name,) for name in names}
    tree: list[Edge] = []
    while len(tree) < len(names) - 1:
        inside = min(part.values(), key=lambda members: (len(members), place[members[0]]))
        held = set(inside)
        edges = [
            (a, b) if place[a] < place[b] else (b, a)
            for a in inside
            for b in names
            if b not in held
        ]
        for edge in edges:
            if edge not in offers:
                offers[edge] = offer(edge)
        candidates = tuple(offers[edge] for edge in edges)
        question = Choose(candidates=candidates, epsilon=epsilon, stage="select")
        first, second = edge = edges[int(curator.ask([question])[0])]
        tree.append(edge)
        joined = tuple(sorted((*part[first], *part[second]), key=place.__getitem__))
        part |= dict.fromkeys(joined, joined)
    return tree
