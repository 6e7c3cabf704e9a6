"""Many two-way marginals of one model in one sweep over its junction tree.

Every separator carries one message each way: the probabilities of all attributes on the far side,
given the separator, side by side as the columns of a matrix. A message is made from those before
it by one matrix product per node, so the work is shared by all pairs that cross a separator,
where asking for pairs one by one repeats it for each. Levels are merged as soon as a table is
read, so that nothing wider than what was asked for travels.

What may not happen here: approximation. Results are those of `MarkovModel.marginal`, merged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from understudy.errors import InputError
from understudy.synthesize.marginal.cliques import Clique
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.factor import Array
from understudy.synthesize.marginal.model import MarkovModel

Pair = tuple[str, str]
Maps = Mapping[str, "NDArray[np.integer] | None"]


def pair_marginals(
    model: MarkovModel, edges: Iterable[Pair], maps: Maps | None = None
) -> dict[Pair, Array]:
    """Expected counts of many pairs of attributes, on merged levels.

    Parameters
    ----------
    model
        Any fitted model.
    edges
        Pairs of different attributes, in any order.
    maps
        Per attribute an integer map from level to merged level (from 0); an attribute that is not
        named, or has None, keeps its levels.

    Returns
    -------
    dict
        Per pair, as it was spelled and in the order given, a table with one axis per attribute;
        each sums to the model's total.

    Raises
    ------
    InputError
        An attribute is unknown, a pair names one twice, or a map does not fit.

    >>> from understudy.synthesize.marginal.domain import Domain
    >>> model = MarkovModel(domain=Domain(("a", "b"), (2, 4)), total=8.0)
    >>> pair_marginals(model, [("b", "a")], {"b": np.array([0, 0, 0, 1])})[("b", "a")]
    array([[3., 3.],
           [1., 1.]])
    """
    asked = list(dict.fromkeys((first, second) for first, second in edges))
    known = set(model.domain.attributes)
    for edge in asked:
        unknown = [name for name in edge if name not in known]
        if unknown:
            raise InputError("the domain has no such attribute", attribute=unknown[0])
        if edge[0] == edge[1]:
            raise InputError("a pair needs two different attributes", attribute=edge[0])
    sweep = _Sweep(model, {name for edge in asked for name in edge}, maps or {})
    found = sweep.run({frozenset(edge) for edge in asked})
    made = {}
    for first, second in asked:
        table = found[(first, second)] if (first, second) in found else found[(second, first)].T
        made[(first, second)] = np.ascontiguousarray(table) * model.total
    return made


@dataclass(frozen=True, slots=True, eq=False)
class _Message:
    """Probabilities of attributes, side by side as columns, given each cell of a separator."""

    names: Clique
    sizes: tuple[int, ...]
    values: Array

    def only(self, keep: Callable[[str], bool]) -> _Message | None:
        """The columns of some attributes; None when none is left."""
        kept = [keep(name) for name in self.names]
        if all(kept):
            return self
        if not any(kept):
            return None
        columns = np.repeat(kept, self.sizes)
        return _Message(
            tuple(name for name, stays in zip(self.names, kept, strict=True) if stays),
            tuple(size for size, stays in zip(self.sizes, kept, strict=True) if stays),
            self.values[:, columns],
        )


class _Sweep:
    """One pass over a junction tree whose nodes are visited in preorder.

    Of the two attributes of a pair the one first met travels to the node that adds the other:
    down from what came before, or up and then down from a branch visited earlier.
    """

    def __init__(self, model: MarkovModel, names: Iterable[str], maps: Maps) -> None:
        self.plan, self.calibration = model.plan, model.calibration
        self.gather = {name: _gathering(model, name, maps.get(name)) for name in names}
        tree = self.plan.tree
        self.separators = [self.plan.layout(separator) for separator in tree.separators]
        self.children: list[list[int]] = [[] for _ in tree.cliques]
        for node, parent in enumerate(tree.parents):
            if parent >= 0:
                self.children[parent].append(node)
        self.order: list[int] = []
        waiting = [node for node, parent in enumerate(tree.parents) if parent < 0][::-1]
        while waiting:
            node = waiting.pop()
            self.order.append(node)
            waiting.extend(reversed(self.children[node]))
        self.place = {node: at for at, node in enumerate(self.order)}
        self.last = dict(self.place)
        for node in reversed(self.order):
            self.last[node] = max([self.place[node], *(self.last[c] for c in self.children[node])])
        self.top: dict[str, int] = {}
        for node in self.order:
            for name in self.plan.nodes[node].attributes:
                self.top.setdefault(name, node)

    def run(self, wanted: Iterable[frozenset[str]]) -> dict[Pair, Array]:
        """Probabilities of every wanted pair, spelled one way round."""
        found: dict[Pair, Array] = {}
        far: dict[str, set[str]] = {}
        for pair in wanted:
            first, second = sorted(pair, key=lambda name: (self.place[self.top[name]], name))
            node = self.plan.find((first, second))
            if node >= 0:
                table = self._table(node, (first,), (second,))
                found[(first, second)] = self.gather[first].T @ table @ self.gather[second]
            else:
                far.setdefault(first, set()).add(second)
        if far:
            reach = {
                name: np.sort([self.place[self.top[second]] for second in seconds])
                for name, seconds in far.items()
            }
            up = self._upwards(reach)
            down: dict[int, _Message] = {}
            for node in self.order:
                if node in down:
                    found |= self._read(node, down[node], far)
                down |= self._downwards(node, reach, up, down)
        return found

    def _upwards(self, reach: Mapping[str, NDArray[np.intp]]) -> dict[int, _Message]:
        """Per node what lies below it and is wanted after it, given its separator."""
        made: dict[int, _Message] = {}
        for node in reversed(self.order):
            if self.plan.tree.parents[node] < 0:
                continue
            last, held = self.last[node], self.separators[node]

            def leaves(name: str, last: int = last, held: Clique = held) -> bool:
                """Whether a later part of the tree wants an attribute."""
                return name in reach and name not in held and bool(reach[name][-1] > last)

            sources = [(child, made[child]) for child in self.children[node] if child in made]
            message = self._send(node, held, leaves, sources)
            if message is not None:
                made[node] = message
        return made

    def _downwards(
        self,
        node: int,
        reach: Mapping[str, NDArray[np.intp]],
        up: Mapping[int, _Message],
        down: Mapping[int, _Message],
    ) -> dict[int, _Message]:
        """Messages to the children: what came before each and is wanted in its part of the tree."""
        made: dict[int, _Message] = {}
        sources = [(node, down[node])] if node in down else []
        for child in self.children[node]:
            first, last, held = self.place[child], self.last[child], self.separators[child]

            def enters(
                name: str, first: int = first, last: int = last, held: Clique = held
            ) -> bool:
                """Whether the child's part of the tree wants an attribute."""
                if name not in reach or name in held:
                    return False
                at = int(np.searchsorted(reach[name], first))
                return at < len(reach[name]) and bool(reach[name][at] <= last)

            message = self._send(node, held, enters, sources)
            if message is not None:
                made[child] = message
            if child in up:
                sources.append((child, up[child]))
        return made

    def _send(
        self,
        node: int,
        towards: Clique,
        goes: Callable[[str], bool],
        sources: Sequence[tuple[int, _Message]],
    ) -> _Message | None:
        """One message from a node: its own attributes, then those that came from elsewhere."""
        names, sizes, values = [], [], []
        for name in filter(goes, self.plan.nodes[node].attributes):
            own = _given(self._table(node, towards, (name,))) @ self.gather[name]
            names.append(name)
            sizes.append(own.shape[1])
            values.append(own)
        for source, message in sources:
            kept = message.only(goes)
            if kept is not None:
                names.extend(kept.names)
                sizes.extend(kept.sizes)
                values.append(self._through(node, self.separators[source], towards, kept.values))
        return _Message(tuple(names), tuple(sizes), np.hstack(values)) if names else None

    def _through(self, node: int, given: Clique, towards: Clique, values: Array) -> Array:
        """Columns given one separator of a node, turned into columns given another."""
        shared = tuple(name for name in towards if name in given)
        fresh = tuple(name for name in towards if name not in given)
        gone = tuple(name for name in given if name not in towards)
        batch, rows, inner = (self.plan.coarse.size(part) for part in (shared, fresh, gone))
        table = _given(self._table(node, shared + fresh, gone)).reshape(batch, rows, inner)
        inside = _turned(values, self.plan.coarse.project(given), shared + gone)
        made = np.matmul(table, inside.reshape(batch, inner, -1)).reshape(batch * rows, -1)
        return _turned(made, self.plan.coarse.project(shared + fresh), towards)

    def _read(self, node: int, message: _Message, far: Mapping[str, set[str]]) -> dict[Pair, Array]:
        """The pairs of what a message carries with what its node adds."""
        found = {}
        for second in self.plan.nodes[node].attributes:
            if self.top[second] != node:
                continue
            kept = message.only(lambda name, second=second: second in far[name])  # type: ignore[misc]
            if kept is not None:
                table = self._table(node, (second,), self.separators[node])
                joint = (self.gather[second].T @ table) @ kept.values
                ends = np.cumsum(kept.sizes)[:-1]
                for first, part in zip(kept.names, np.split(joint, ends, axis=1), strict=True):
                    found[(first, second)] = part.T
        return found

    def _table(self, node: int, rows: Clique, columns: Clique) -> Array:
        """Probabilities inside a node as a matrix."""
        order = self.plan.layout(rows + columns)
        table = self.plan.table(self.calibration, node, order)
        table = table.transpose([order.index(name) for name in rows + columns])
        return table.reshape(self.plan.coarse.size(rows), -1)


def _gathering(model: MarkovModel, name: str, into: NDArray[np.integer] | None) -> Array:
    """Matrix from classes to merged levels: shares of each class that fall into a level."""
    levels = model.domain[name]
    target = np.arange(levels) if into is None else np.asarray(into)
    if target.shape != (levels,) or target.dtype.kind not in "iu" or target.min() < 0:
        raise InputError(
            "a map needs one merged level, from 0 up, per level", attribute=name, levels=levels
        )
    classes = model.plan.classes.get(name, np.arange(levels))
    made = np.zeros((model.plan.coarse[name], int(target.max()) + 1))
    np.add.at(made, (classes, target), model.within(name))
    return made


def _given(table: Array) -> Array:
    """Rows scaled to sum to one; rows without mass stay zero."""
    sums = table.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(sums > 0, table / sums, 0.0)


def _turned(values: Array, domain: Domain, order: Clique) -> Array:
    """Rows that run over a domain put into another order of its attributes."""
    if domain.attributes == order:
        return values
    columns = values.shape[1]
    axes = (*domain.axes(order), len(order))
    return values.reshape(*domain.shape, columns).transpose(axes).reshape(-1, columns)
