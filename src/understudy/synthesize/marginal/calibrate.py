"""Exact inference: belief propagation on a junction tree, planned once and run many times.

Potentials are logarithms. Two things make it fast. A `Plan` fixes the tree, the layouts and the
reductions for a set of cliques, so that one pass is a handful of array operations per node, with
one exponential per cell. And levels that no joint clique tells apart share a *class*: joint tables
live on classes, single tables on levels, which is exact because within a class the levels are
independent of everything else.

Upwards every node sends the logarithm of its sum over what its parent lacks; downwards it is
rescaled to its parent's belief. Sums are taken after subtracting the node's peak; where that would
lose a separator cell to underflow, the node is redone with one peak per separator cell, so zeros
and potentials of -inf are safe.

What may not happen here: learning. This module only turns potentials into probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from understudy.errors import InputError
from understudy.synthesize.marginal.cliques import Clique, JunctionTree, junction_tree
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.factor import Array

Classes: TypeAlias = Mapping[str, NDArray[np.intp]]
Reducer: TypeAlias = Callable[[Array], Array]
Views: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]
_TINY = 1e-200


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Potentials:
    """Log-potentials of a model: joint tables over classes, single tables over levels.

    Parameters
    ----------
    domain
        Attributes and their levels.
    classes
        Per attribute the map from level to class (classes numbered from 0, none empty); an
        attribute not named has one class per level.
    tables
        Log-potential of each clique, attributes in the order of the domain; -inf is allowed.

    Raises
    ------
    InputError
        A table or a map does not fit the domain.

    >>> given = Potentials(domain=Domain(("a", "b"), (3, 2)), tables={("a", "b"): np.zeros((2, 2))},
    ...                    classes={"a": np.array([0, 0, 1])})
    >>> given.coarse.shape
    (2, 2)
    """

    domain: Domain
    tables: Mapping[Clique, Array] = field(default_factory=dict)
    classes: Classes = field(default_factory=dict)

    def __post_init__(self) -> None:
        classes = {name: np.asarray(m, dtype=np.intp) for name, m in self.classes.items()}
        object.__setattr__(self, "classes", classes)
        for name, levels in classes.items():
            if levels.shape != (self.domain[name],) or set(np.unique(levels)) != set(
                range(int(levels.max()) + 1)
            ):
                raise InputError("a map of classes does not fit the domain", attribute=name)
        coarse = self.coarse
        for clique, table in self.tables.items():
            if clique != self.domain.canonical(clique) or not clique:
                raise InputError("a clique must follow the order of the domain", clique=clique)
            base = self.domain if len(clique) == 1 else coarse
            if table.shape != base.project(clique).shape:
                raise InputError("a table does not fit the domain", clique=clique)

    @property
    def coarse(self) -> Domain:
        """The domain whose levels are the classes."""
        return coarse_domain(self.domain, self.classes)

    def refined(self, classes: Classes) -> dict[Clique, Array]:
        """The tables over finer classes (each inside one of the present ones)."""
        made = {}
        for clique, table in self.tables.items():
            values = table
            for axis, name in enumerate(clique if len(clique) > 1 else ()):
                if name in self.classes:
                    values = np.take(
                        values, _class_of_class(self.classes[name], classes.get(name)), axis=axis
                    )
            made[clique] = values
        return made


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Calibration:
    """Probabilities of every node of a plan.

    Parameters
    ----------
    beliefs
        Per node a flat table in the plan's axis order, summing to 1.
    levels
        Per attribute with classes the probabilities of its levels.
    log_partition
        Logarithm of the sum of exponentials of the potentials over the whole domain; -inf when
        the potentials forbid everything (the beliefs are then meaningless).
    """

    beliefs: tuple[Array, ...]
    levels: Mapping[str, Array]
    log_partition: float


def coarse_domain(domain: Domain, classes: Classes) -> Domain:
    """The domain with classes in the place of levels.

    >>> coarse_domain(Domain(("a",), (3,)), {"a": np.array([0, 0, 1])}).shape
    (2,)
    """
    return Domain(
        domain.attributes,
        tuple(
            int(classes[name].max()) + 1 if name in classes else size
            for name, size in zip(domain.attributes, domain.shape, strict=True)
        ),
    )


class _Node:
    """Layout of one node: its parent, its separator, and what is added to it."""

    __slots__ = ("above", "attributes", "own", "parent", "shape", "size", "spread", "up")

    def __init__(self, attributes: Clique, shape: tuple[int, ...], parent: int) -> None:
        self.attributes = attributes
        self.shape = shape
        self.size = math.prod(shape)
        self.parent = parent
        self.up: Reducer | None = None
        self.own: Reducer | None = None
        self.spread: Views = ((), ())
        self.above: Views = ((), ())


class _Leaf:
    """Levels of one attribute, sorted by class."""

    __slots__ = ("classes", "host", "order", "reduce", "starts", "views")

    def __init__(self, classes: NDArray[np.intp]) -> None:
        self.classes = classes
        self.order = np.argsort(classes, kind="stable")
        self.starts = np.searchsorted(classes[self.order], np.arange(classes.max() + 1))
        self.host = 0
        self.reduce: Reducer = _same
        self.views: Views = ((), ())


class Plan:
    """Belief propagation for one set of cliques, laid out once.

    Parameters
    ----------
    domain
        Attributes and their levels.
    cliques
        Cliques that will carry potentials or be asked for; in the order of the domain.
    classes
        As in `Potentials`.

    Notes
    -----
    Inside a plan every axis order is `layout`: attributes by ascending number of classes, so that
    the last axis is long. Tables are flat. Use `plan_for`, which remembers recent plans.

    >>> plan = Plan(Domain(("a", "b"), (2, 2)), (("a",), ("a", "b")))
    >>> run = plan.calibrate([np.log([1.0, 3.0]), None])
    >>> [float(x) for x in plan.marginals(run)[0]], round(run.log_partition, 6)
    ([0.25, 0.75], 2.079442)
    """

    def __init__(
        self, domain: Domain, cliques: Sequence[Clique], classes: Classes | None = None
    ) -> None:
        self.domain = domain
        self.classes = dict(classes or {})
        self.coarse = coarse_domain(domain, self.classes)
        self.tree: JunctionTree = junction_tree(self.coarse, cliques)
        by_size = sorted(range(len(domain)), key=lambda i: (self.coarse.shape[i], i))
        self.rank = {domain.attributes[i]: rank for rank, i in enumerate(by_size)}
        self.cliques = tuple(cliques)
        self.nodes = self._nodes()
        self.leaves = {name: _Leaf(levels) for name, levels in self.classes.items()}
        self._hosts()

    def layout(self, attributes: Iterable[str]) -> Clique:
        """These attributes in the plan's axis order."""
        return tuple(sorted(attributes, key=self.rank.__getitem__))

    def find(self, attributes: Iterable[str]) -> int:
        """Smallest node that holds these attributes, or -1."""
        wanted = set(attributes)
        held = [i for i, node in enumerate(self.nodes) if wanted <= set(node.attributes)]
        return min(held, key=lambda i: self.nodes[i].size) if held else -1

    def calibrate(self, tables: Sequence[Array | None]) -> Calibration:
        """Node probabilities for these log-potentials.

        Parameters
        ----------
        tables
            One per clique of the plan, flat in the plan's axis order; None is all zero.

        Returns
        -------
        Calibration
            Exact probabilities; sums are right to about 1e-12.
        """
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return self._calibrate(tables)

    def marginals(self, run: Calibration) -> list[Array]:
        """Probabilities of every clique of the plan, flat in the plan's axis order."""
        made: list[Array] = [_NOTHING] * len(self.cliques)
        for i in self._down:
            host, reduce = self._reduce[i]
            if host is None:
                made[i] = run.levels[self.cliques[i][0]]
            elif host >= 0:
                made[i] = reduce(made[host])
            else:
                made[i] = reduce(run.beliefs[~host])
        return made

    def table(self, run: Calibration, node: int, attributes: Iterable[str]) -> Array:
        """Class-level probabilities of attributes inside a node, axes in the plan's order."""
        place = self.nodes[node]
        kept = self.layout(attributes)
        shape = tuple(self.coarse[name] for name in kept)
        flat = _reducer(place.shape, [name in kept for name in place.attributes])(run.beliefs[node])
        return flat.reshape(shape)

    def _nodes(self) -> list[_Node]:
        """Nodes in parent-first order with their reductions."""
        nodes: list[_Node] = []
        for clique, parent, separator in zip(
            self.tree.cliques, self.tree.parents, self.tree.separators, strict=True
        ):
            names = self.layout(clique)
            node = _Node(names, self._shape(names), parent)
            if separator:
                kept = [name in separator for name in names]
                node.own = _reducer(node.shape, kept)
                node.spread = _views(node.shape, kept)
                above = nodes[parent]
                kept = [name in separator for name in above.attributes]
                node.up = _reducer(above.shape, kept)
                node.above = _views(above.shape, kept)
            nodes.append(node)
        return nodes

    def _hosts(self) -> None:
        """Where each clique's table is added and where its marginal is read."""
        self._reduce: list[tuple[int | None, Reducer]] = []
        self._views: list[Views] = []
        sizes = [self.coarse.size(clique) for clique in self.cliques]
        for clique in self.cliques:
            if len(clique) == 1 and clique[0] in self.leaves:
                self._reduce.append((None, _same))
                self._views.append(((), ()))
                continue
            above = [
                j
                for j, other in enumerate(self.cliques)
                if len(other) > len(clique) and set(clique) < set(other)
            ]
            if above:
                host = min(above, key=lambda j: (sizes[j], j))
                outer, code = self.layout(self.cliques[host]), host
            else:
                node = self.find(clique)
                outer, code = self.nodes[node].attributes, ~node
            kept = [name in clique for name in outer]
            self._reduce.append((code, _reducer(self._shape(outer), kept)))
            self._views.append(_views(self._shape(outer), kept))
        self._down = sorted(range(len(self.cliques)), key=lambda i: -len(self.cliques[i]))
        self._up = self._down[::-1]
        for name, leaf in self.leaves.items():
            leaf.host = self.find((name,))
            place = self.nodes[leaf.host]
            kept = [other == name for other in place.attributes]
            leaf.reduce = _reducer(place.shape, kept)
            leaf.views = _views(place.shape, kept)

    def _shape(self, attributes: Iterable[str]) -> tuple[int, ...]:
        """Numbers of classes."""
        return tuple(self.coarse[name] for name in attributes)

    def _gather(
        self, tables: Sequence[Array | None]
    ) -> tuple[list[list[tuple[Array, tuple[int, ...]]]], dict[str, tuple[Array, Array]]]:
        """Per node the arrays to add with their view of the node; per leaf its weights and sums."""
        terms: list[list[tuple[Array, tuple[int, ...]]]] = [[] for _ in self.nodes]
        single: dict[str, Array] = {}
        folded = list(tables)
        for i in self._up:
            table = folded[i]
            if table is None:
                continue
            host = self._reduce[i][0]
            big, small = self._views[i]
            if host is None:
                single[self.cliques[i][0]] = table
            elif host >= 0:
                under = folded[host]
                spread = table.reshape(small)
                folded[host] = (
                    np.broadcast_to(spread, big).ravel()
                    if under is None
                    else (under.reshape(big) + spread).ravel()
                )
            else:
                terms[~host].append((table.reshape(small), big))
        leaves = {}
        for name, leaf in self.leaves.items():
            weights, sums, message = _leaf_up(leaf, single.get(name))
            leaves[name] = (weights, sums)
            big, small = leaf.views
            terms[leaf.host].append((message.reshape(small), big))
        return terms, leaves

    def _calibrate(self, tables: Sequence[Array | None]) -> Calibration:
        """Upward and downward pass."""
        terms, leaves = self._gather(tables)
        beliefs: list[Array] = [_NOTHING] * len(self.nodes)
        sums: list[Array] = [_NOTHING] * len(self.nodes)
        log_partition = 0.0
        for i in range(len(self.nodes) - 1, -1, -1):
            node = self.nodes[i]
            values = _total(terms[i], node.size)
            peak = float(values.max())
            if peak == -math.inf:
                return Calibration(beliefs=(), levels={}, log_partition=-math.inf)
            values -= peak
            np.exp(values, out=values)
            if node.own is None:
                mass = float(values.sum())
                log_partition += math.log(mass) + peak
                values *= 1.0 / mass
            else:
                big, small = node.spread
                own = node.own(values)
                if own.min() < _TINY:
                    values, peaks = _careful(terms[i], node, big, small)
                    own = node.own(values)
                    message = np.log(own) + peaks
                else:
                    message = np.log(own)
                    message += peak
                sums[i] = own
                big, small = node.above
                terms[node.parent].append((message.reshape(small), big))
            beliefs[i] = values
        for i, node in enumerate(self.nodes):
            if node.up is not None:
                ratio = node.up(beliefs[node.parent]) / sums[i]
                if not ratio.max() < math.inf:
                    ratio[sums[i] == 0] = 0.0
                big, small = node.spread
                view = beliefs[i].reshape(big)
                view *= ratio.reshape(small)
        levels = {}
        for name, leaf in self.leaves.items():
            weights, own = leaves[name]
            ratio = leaf.reduce(beliefs[leaf.host]) / own
            ratio[own == 0] = 0.0
            levels[name] = weights * ratio[leaf.classes]
        return Calibration(beliefs=tuple(beliefs), levels=levels, log_partition=log_partition)

    def steps(self) -> Iterator[tuple[int, Clique, Clique]]:
        """Nodes, parents first: index, separator and the attributes it adds, in the plan's order."""
        for i, (node, separator) in enumerate(zip(self.nodes, self.tree.separators, strict=True)):
            names = set(separator)
            yield (
                i,
                tuple(a for a in node.attributes if a in names),
                tuple(a for a in node.attributes if a not in names),
            )


def plan_for(domain: Domain, cliques: Iterable[Clique], classes: Classes | None = None) -> Plan:
    """The plan of these cliques, remembered for the next call with the same arguments.

    >>> domain = Domain(("a", "b"), (2, 2))
    >>> plan_for(domain, [("a", "b")]) is plan_for(domain, [("a", "b")])
    True
    """
    maps = tuple((name, levels.tobytes()) for name, levels in sorted((classes or {}).items()))
    return _remembered(domain, tuple(cliques), maps)


@lru_cache(maxsize=8)
def _remembered(
    domain: Domain, cliques: tuple[Clique, ...], maps: tuple[tuple[str, bytes], ...]
) -> Plan:
    """Build a plan from hashable arguments."""
    return Plan(
        domain, cliques, {name: np.frombuffer(levels, dtype=np.intp) for name, levels in maps}
    )


_NOTHING: Array = np.zeros(0)


def _same(values: Array) -> Array:
    """The reduction that keeps everything."""
    return values


def _total(terms: Sequence[tuple[Array, tuple[int, ...]]], size: int) -> Array:
    """Sum of broadcast arrays as a new flat array."""
    if not terms:
        return np.zeros(size)
    values = np.empty(size)
    first, big = terms[0]
    if len(terms) == 1:
        values.reshape(big)[...] = first
        return values
    second, other = terms[1]
    if other == big:
        np.add(first, second, out=values.reshape(big))
        rest = terms[2:]
    else:
        values.reshape(big)[...] = first
        rest = terms[1:]
    for array, shape in rest:
        view = values.reshape(shape)
        view += array
    return values


def _careful(
    terms: Sequence[tuple[Array, tuple[int, ...]]],
    node: _Node,
    big: tuple[int, ...],
    small: tuple[int, ...],
) -> tuple[Array, Array]:
    """A node's exponentials with one peak per separator cell, and the peaks."""
    values = _total(terms, node.size)
    view = values.reshape(big)
    away = tuple(axis for axis, (b, s) in enumerate(zip(big, small, strict=True)) if b != s)
    peaks = view.max(axis=away, keepdims=True)
    peaks[np.isneginf(peaks)] = 0.0
    view -= peaks
    np.exp(values, out=values)
    return values, peaks.ravel()


def _leaf_up(leaf: _Leaf, table: Array | None) -> tuple[Array, Array, Array]:
    """Weights of the levels relative to their class, their sums, and the class message."""
    if table is None:
        counts: Array = np.bincount(leaf.classes).astype(np.float64)
        return np.ones(leaf.classes.size), counts, np.log(counts)
    peaks = np.maximum.reduceat(table[leaf.order], leaf.starts)
    peaks[np.isneginf(peaks)] = 0.0
    weights = np.exp(table - peaks[leaf.classes])
    sums: Array = np.bincount(leaf.classes, weights, minlength=peaks.size).astype(np.float64)
    return weights, sums, np.log(sums) + peaks


def _class_of_class(coarse: NDArray[np.intp], fine: NDArray[np.intp] | None) -> NDArray[np.intp]:
    """For every fine class the coarse class it lies in."""
    if fine is None:
        return coarse
    made = np.zeros(int(fine.max()) + 1, dtype=np.intp)
    made[fine] = coarse
    return made


def _coalesce(shape: Sequence[int], kept: Sequence[bool]) -> list[tuple[int, bool]]:
    """Neighbouring axes with the same fate as one axis; axes of length one dropped."""
    groups: list[tuple[int, bool]] = []
    for size, keep in zip(shape, kept, strict=True):
        if size == 1:
            continue
        if groups and groups[-1][1] == keep:
            groups[-1] = (groups[-1][0] * size, keep)
        else:
            groups.append((size, keep))
    return groups or [(1, True)]


def _views(shape: Sequence[int], kept: Sequence[bool]) -> Views:
    """Shapes under which a table and its marginal broadcast, with as few axes as possible."""
    groups = _coalesce(shape, kept)
    return tuple(n for n, _ in groups), tuple(n if keep else 1 for n, keep in groups)


def _reducer(shape: Sequence[int], kept: Sequence[bool]) -> Reducer:
    """A function from a flat table to its flat marginal over the kept axes."""
    steps: list[Reducer] = []
    groups = _coalesce(shape, kept)
    while not all(keep for _, keep in groups):
        gone = max((i for i, g in enumerate(groups) if not g[1]), key=lambda i: groups[i][0])
        before = math.prod(n for n, _ in groups[:gone])
        size = groups[gone][0]
        after = math.prod(n for n, _ in groups[gone + 1 :])
        steps.append(_summing(before, size, after))
        groups = _coalesce(
            [n for i, (n, _) in enumerate(groups) if i != gone],
            [keep for i, (_, keep) in enumerate(groups) if i != gone],
        )
    if not steps:
        return _same
    if len(steps) == 1:
        return steps[0]

    def run(values: Array) -> Array:
        for step in steps:
            values = step(values)
        return values

    return run


def _summing(before: int, size: int, after: int) -> Reducer:
    """Sum the middle axis of a (before, size, after) table given flat."""
    ones = np.ones(size)
    if before == 1 and after == 1:
        return lambda values: values.sum(keepdims=True)
    if after == 1:
        return lambda values: values.reshape(before, size) @ ones
    if before == 1:
        return lambda values: ones @ values.reshape(size, after)
    if after >= 16:
        return lambda values: np.add.reduce(values.reshape(before, size, after), axis=1).ravel()
    return lambda values: (ones @ values.reshape(before, size, after)).ravel()
