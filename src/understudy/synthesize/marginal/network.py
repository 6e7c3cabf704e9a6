"""Bayesian networks whose conditionals are log-linear: many parents, drawn row by row.

A junction tree over hundreds of columns cannot hold more than a thin graph of pairs: every loop
multiplies the cells of a node. A network needs no such table. Columns are drawn one after the
other, and the distribution of a column given those before it is a product of factors, each over
the column and *some* of its parents, divided by its own sum:

    P(x | parents)  =  exp( sum of factor[parents of the factor, x] )  /  normaliser(parents).

One factor over all parents is the classic conditional table (PrivBayes). One factor per parent
holds any number of pairs, at the price of one small table each, and `fit` chooses the factors so
that the pairs come out as asked: proportional fitting of the column against rows drawn so far,
which of all conditionals that meet the pairs finds the one of largest entropy.

Drawing is exact (ancestral) and spends little sampling noise: rows are sorted by their parents
and given evenly spread numbers, so that every run of rows with like parents receives each level
about as often as it is expected. What may not happen here: a curator, noise for privacy.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from understudy.errors import InputError, ModelError
from understudy.synthesize.marginal.calibrate import Potentials
from understudy.synthesize.marginal.cliques import Clique, tree_cells
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.factor import Array
from understudy.synthesize.marginal.model import MarkovModel

_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0
_CHUNK = 1 << 18
_FLOOR = 1e-12
_CELLS = 1 << 21


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A distribution over columns, drawn one column after the other.

    Parameters
    ----------
    domain
        Columns and their levels, in table order.
    order
        The columns in the order in which they are drawn.
    factors
        Log-weights by clique; the last column of a clique is the one drawn, the others come
        before it in `order`. Axes follow the clique, and are classes where there are classes.
    classes
        Per column the map from level to class (classes numbered from 0); a column not named has
        one class per level.
    within
        Per column the probability of every level given its class.
    total
        Expected number of rows, 0 or more.

    Raises
    ------
    InputError
        The parts do not fit each other.

    >>> toss = Network(domain=Domain(("a", "b"), (2, 2)), order=("a", "b"), total=4.0,
    ...                factors={("a",): np.zeros(2), ("a", "b"): np.log(np.eye(2) + 1e-300)})
    >>> codes = toss.draw(1_000, np.random.default_rng(0))
    >>> int(codes["a"].sum()), bool((codes["a"] == codes["b"]).all())
    (500, True)
    """

    domain: Domain
    order: tuple[str, ...]
    factors: Mapping[Clique, Array]
    total: float
    classes: Mapping[str, NDArray[np.intp]] = field(default_factory=dict)
    within: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        place = {name: index for index, name in enumerate(self.order)}
        if set(place) != set(self.domain.attributes) or len(place) != len(self.order):
            raise InputError("a network must draw every column once")
        if not (np.isfinite(self.total) and self.total >= 0):
            raise InputError("the total of a network must be a number from 0 up", total=self.total)
        for name in self.classes:
            if name not in self.domain:
                raise InputError("a network has classes of a column it does not have")
        for clique, table in self.factors.items():
            fits = clique and all(name in place for name in clique)
            if not fits or any(place[name] >= place[clique[-1]] for name in clique[:-1]):
                raise InputError("a factor's parents must be drawn before its column")
            if table.shape != tuple(self.size(name) for name in clique):
                raise InputError("a factor does not fit the columns it speaks of", clique=clique)
        for name, shares in self.within.items():
            if shares.shape != (self.domain[name],):
                raise InputError("a column has a share for every level", column=name)

    def size(self, name: str) -> int:
        """Number of classes of a column."""
        return int(self.classes[name].max()) + 1 if name in self.classes else self.domain[name]

    def terms(self, name: str) -> tuple[tuple[Clique, Array], ...]:
        """The factors by which a column is drawn."""
        return tuple((c, table) for c, table in self.factors.items() if c[-1] == name)

    def draw(self, rows: int, generator: np.random.Generator) -> dict[str, NDArray[Any]]:
        """Codes of new rows, in random order.

        Parameters
        ----------
        rows
            How many, 0 or more.
        generator
            The same state gives the same rows.

        Raises
        ------
        InputError
            `rows` is negative.

        Guarantees
        ----------
        Every row has the network's distribution.
        """
        if rows < 0:
            raise InputError("the number of rows must be 0 or more", rows=rows)
        terms: dict[str, list[tuple[Clique, Array]]] = {name: [] for name in self.order}
        for clique, table in self.factors.items():
            terms[clique[-1]].append((clique, table))
        drawn: dict[str, NDArray[Any]] = {}
        for name in self.order:
            drawn[name] = draw_column(terms[name], self.size(name), drawn, rows, generator)
        for name in self.domain.attributes:
            if name in self.classes:
                drawn[name] = self._level(name, self.classes[name], drawn[name], generator)
        shuffled = generator.permutation(rows)
        return {name: drawn[name][shuffled] for name in self.domain.attributes}

    def _level(
        self,
        name: str,
        classes: NDArray[np.intp],
        drawn: NDArray[Any],
        generator: np.random.Generator,
    ) -> NDArray[Any]:
        """A level of its class for every row."""
        shares = self.within.get(name, np.ones(classes.size))
        table = np.zeros((self.size(name), classes.size))
        table[classes, np.arange(classes.size)] = np.maximum(shares, _FLOOR)
        return _pick(drawn.astype(np.int64), table, generator)

    def markov(self) -> MarkovModel | None:
        """The same distribution as a Markov model, when its tables stay small; else None.

        A column with one factor needs no more than that factor; a column with several needs a
        table of all its parents, for its normaliser.

        >>> toss = Network(domain=Domain(("a",), (2,)), order=("a",), total=4.0,
        ...                factors={("a",): np.log(np.array([0.25, 0.75]))})
        >>> toss.markov().marginal(("a",)).values
        array([1., 3.])
        """
        coarse = Domain(self.domain.attributes, tuple(self.size(n) for n in self.domain))
        families = {}
        for name in self.order:
            terms = self.terms(name)
            parents = {other for clique, _ in terms for other in clique[:-1]}
            families[name] = coarse.canonical({*parents, name})
        if any(coarse.size(f) > _CELLS for f in families.values()):
            return None
        if tree_cells(coarse, families.values()) > _CELLS:
            return None
        tables: dict[Clique, Array] = {}
        for name, family in families.items():
            table = np.zeros(coarse.project(family).shape)
            for clique, factor in self.terms(name):
                ranked = coarse.canonical(clique)
                shape = [coarse[n] if n in clique else 1 for n in family]
                table += factor.transpose([clique.index(n) for n in ranked]).reshape(shape)
            table = _log_normalised(table, family.index(name))
            tables[family] = tables[family] + table if family in tables else table
        singles = {name: np.log(np.maximum(self._shares(name), 1e-300)) for name in self.classes}
        for name, shares in singles.items():
            spread = tables.get((name,), np.zeros(self.size(name)))[self.classes[name]]
            tables[name,] = spread + shares
        return MarkovModel(
            domain=self.domain,
            total=self.total,
            potentials=Potentials(domain=self.domain, tables=tables, classes=self.classes),
        )

    def _shares(self, name: str) -> Array:
        """Probability of every level given its class."""
        classes = self.classes[name]
        shares = np.maximum(self.within.get(name, np.ones(classes.size)), _FLOOR)
        return np.asarray(shares / np.bincount(classes, shares)[classes])


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkCodes:
    """A network as a generator of codes; attribute names are column names."""

    kind: ClassVar[str] = "network"

    network: Network

    def draw(self, rows: int, generator: np.random.Generator) -> Mapping[str, NDArray[Any]]:
        """Codes of new rows."""
        return self.network.draw(rows, generator)

    def components(self) -> tuple[tuple[float, MarkovModel], ...]:
        """The network as a Markov model, for conditioning and queries in closed form.

        Raises
        ------
        InputError
            Its tables would be too large: some columns have many parents.
        """
        markov = self.network.markov()
        if markov is None:
            raise InputError(
                "this model has too many pairs to be conditioned or asked in closed form",
                hint="use aim or mst where conditional questions matter; plain samples can be drawn",
                generator=self.kind,
            )
        return ((1.0, markov),)

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Facts and arrays of the network."""
        network = self.network
        classes, within = sorted(network.classes), sorted(network.within)
        arrays: dict[str, Any] = {
            f"table_{i}": np.asarray(table, np.float64)
            for i, table in enumerate(network.factors.values())
        }
        for i, name in enumerate(classes):
            arrays[f"classes_{i}"] = network.classes[name].astype(np.int32)
        for i, name in enumerate(within):
            arrays[f"within_{i}"] = np.asarray(network.within[name], np.float64)
        return {
            "attributes": list(network.domain.attributes),
            "levels": list(network.domain.shape),
            "total": network.total,
            "order": list(network.order),
            "cliques": [list(clique) for clique in network.factors],
            "classes": classes,
            "within": within,
        }, arrays

    @classmethod
    def from_arrays(cls, facts: Mapping[str, Any], arrays: Mapping[str, Any]) -> NetworkCodes:
        """The generator that `to_arrays` described.

        Raises
        ------
        ModelError
            A fact or an array is missing or does not fit.
        """
        try:
            network = Network(
                domain=Domain(tuple(facts["attributes"]), tuple(facts["levels"])),
                order=tuple(facts["order"]),
                total=float(facts["total"]),
                factors={
                    tuple(clique): np.asarray(arrays[f"table_{i}"], np.float64)
                    for i, clique in enumerate(facts["cliques"])
                },
                classes={
                    name: np.asarray(arrays[f"classes_{i}"]).astype(np.intp)
                    for i, name in enumerate(facts["classes"])
                },
                within={
                    name: np.asarray(arrays[f"within_{i}"], np.float64)
                    for i, name in enumerate(facts["within"])
                },
            )
        except (KeyError, TypeError, ValueError, InputError) as damage:
            raise ModelError("a saved network is damaged", part=type(damage).__name__) from damage
        return cls(network=network)


def drawing_order(names: Sequence[str], pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """An order in which every column has few of its pairs before it.

    The column with the fewest pairs among those left is taken off, again and again; drawn
    backwards, no column has more parents than the graph's degeneracy. A tree gives one parent
    each.

    >>> drawing_order(["a", "b", "c"], [("a", "b"), ("b", "c")])
    ('c', 'b', 'a')
    """
    near: dict[str, set[str]] = {name: set() for name in names}
    for first, second in pairs:
        near[first].add(second)
        near[second].add(first)
    rank = {name: index for index, name in enumerate(names)}
    heap = [(len(near[name]), rank[name]) for name in names]
    heapq.heapify(heap)
    gone: list[str] = []
    left = set(names)
    while heap:
        degree, index = heapq.heappop(heap)
        name = names[index]
        if name not in left or degree != len(near[name]):
            continue
        left.remove(name)
        gone.append(name)
        for other in near[name]:
            near[other].discard(name)
            heapq.heappush(heap, (len(near[other]), rank[other]))
    return tuple(reversed(gone))


def draw_column(
    terms: Sequence[tuple[Clique, Array]],
    size: int,
    drawn: Mapping[str, NDArray[Any]],
    rows: int,
    generator: np.random.Generator,
) -> NDArray[Any]:
    """Codes of one column given those drawn before it."""
    named = dict.fromkeys(name for clique, _ in terms for name in clique[:-1])
    if len(terms) <= 1 or not named:
        table = np.zeros((1, size))
        group = np.zeros(rows, np.int64)
        for clique, factor in terms:
            group = _joined([drawn[n] for n in clique[:-1]], factor.shape[:-1], rows)
            table = table + factor.reshape(-1, size)
        return _pick(group, np.exp(table - table.max(axis=1, keepdims=True)), generator)
    keys = [_joined([drawn[n] for n in c[:-1]], t.shape[:-1], rows) for c, t in terms]
    weights: list[NDArray[Any]] = [t.reshape(-1, size).astype(np.float32) for _, t in terms]
    ranked = sorted(range(len(terms)), key=lambda i: -float(np.ptp(weights[i])))
    spread = _even(_sorted_by([keys[i] for i in ranked], weights, ranked, generator), generator)
    made = np.empty(rows, np.min_scalar_type(max(size - 1, 0)))
    for start in range(0, rows, _CHUNK):
        part = slice(start, start + _CHUNK)
        scores = weights[0][keys[0][part]]
        for table, key in zip(weights[1:], keys[1:], strict=True):
            scores += table[key[part]]
        scores -= scores.max(axis=1, keepdims=True)
        np.exp(scores, out=scores)
        np.cumsum(scores, axis=1, out=scores)
        cut = spread[part] * scores[:, -1]
        made[part] = np.minimum((scores <= cut[:, None]).sum(axis=1), size - 1)
    return made


def _sorted_by(
    keys: Sequence[NDArray[Any]],
    weights: Sequence[NDArray[Any]],
    ranked: Sequence[int],
    generator: np.random.Generator,
) -> NDArray[np.intp]:
    """Rows sorted by their configuration, the strongest factor first, at random within."""
    joined = np.zeros(keys[0].size, np.int64)
    span = 1
    for key, index in zip(keys, ranked, strict=True):
        size = weights[index].shape[0]
        if span * size > 1 << 40:
            break
        span *= size
        joined = joined * size + key
    mixed = generator.permutation(joined.size)
    return np.asarray(mixed[np.argsort(joined[mixed], kind="stable")])


def _even(order: NDArray[np.intp], generator: np.random.Generator) -> Array:
    """Numbers in [0, 1) that are evenly spread over every run of rows in this order."""
    made = np.empty(order.size, np.float32)
    steps = np.arange(order.size) * _GOLDEN + generator.random()
    made[order] = steps - np.floor(steps)
    return np.minimum(made, np.float32(1.0 - 1e-7))


def _pick(group: NDArray[Any], table: Array, generator: np.random.Generator) -> NDArray[Any]:
    """A column of the table for every row, by the weights of its group, evenly spread."""
    size = table.shape[1]
    width = np.min_scalar_type(max(size - 1, 0))
    if not group.size or size == 1:
        return np.zeros(group.size, width)
    ends = np.cumsum(table, axis=1)
    ends /= ends[:, -1:]
    mixed = generator.permutation(group.size)
    order = mixed[np.argsort(group[mixed], kind="stable")]
    sums = np.bincount(group, minlength=table.shape[0])
    starts = np.cumsum(sums) - sums
    within = np.arange(group.size) - np.repeat(starts, sums)
    offset = generator.random(sums.size)
    spread = (within + np.repeat(offset, sums)) / np.repeat(np.maximum(sums, 1), sums)
    at = np.repeat(np.arange(sums.size), sums)
    # One search for all groups: group g occupies the numbers from g to g + 1.
    flat = (ends + np.arange(table.shape[0])[:, None]).ravel()
    found = np.searchsorted(flat, at + np.minimum(spread, 1.0 - 1e-9), side="right") - at * size
    made = np.empty(group.size, width)
    made[order] = np.clip(found, 0, size - 1)
    return made


def _joined(codes: Sequence[NDArray[Any]], sizes: Sequence[int], rows: int) -> NDArray[np.int64]:
    """One number per row for its configuration of several columns; 0 for none."""
    made = np.zeros(rows, np.int64)
    for more, size in zip(codes, sizes, strict=True):
        made = made * size + more
    return made


def _log_normalised(table: Array, axis: int) -> Array:
    """Log-weights less the logarithm of their sum over one axis."""
    peak = table.max(axis=axis, keepdims=True)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    with np.errstate(divide="ignore"):
        mass = np.log(np.exp(table - peak).sum(axis=axis, keepdims=True)) + peak
    return np.asarray(table - mass)
