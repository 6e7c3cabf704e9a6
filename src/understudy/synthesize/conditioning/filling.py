"""Missing codes drawn given the known ones of the same row, for many rows at once.

Every row has its own evidence, so instead of one model per row the junction tree is passed over
once for all: upwards each node sends, per row, how likely what is known below it is for every cell
of its separator; downwards each node draws what its rows lack, given what they have by then. Rows
with the same known codes are one row on the way up and share their draw's rounding on the way down.
Inside a node rows are taken together by which of its attributes they know.

What may not happen here: a change of a known code, or keeping any of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from understudy.synthesize.conditioning.mixture import Component
from understudy.synthesize.marginal.cliques import Clique
from understudy.synthesize.marginal.factor import Array
from understudy.synthesize.marginal.model import MarkovModel
from understudy.synthesize.marginal.rounding import deal, refine

Codes = npt.NDArray[np.int64]
_CELLS = 1 << 22
_MESSAGES = 1 << 24


def fill(
    components: Sequence[Component], known: Mapping[str, Codes], generator: np.random.Generator
) -> tuple[dict[str, Codes], npt.NDArray[np.bool_]]:
    """Draw the codes that rows lack from the distribution given those they have.

    Parameters
    ----------
    components
        Weights that sum to 1 and models of one domain.
    known
        Per attribute of the domain one code per row, -1 where it is to be drawn.
    generator
        Source of randomness.

    Returns
    -------
    tuple
        Codes of every row, the known ones as they were, and a flag for the rows whose known codes
        the model holds impossible together: there, what contradicts the rest was set aside.

    >>> from understudy.synthesize.marginal.domain import Domain
    >>> from understudy.synthesize.marginal.calibrate import Potentials
    >>> domain = Domain(("a", "b"), (2, 2))
    >>> same = Potentials(domain=domain, tables={("a", "b"): np.log([[1.0, 1e-9], [1e-9, 1.0]])})
    >>> model = MarkovModel(domain=domain, total=1.0, potentials=same)
    >>> given = {"a": np.array([0, 1, -1]), "b": np.array([-1, -1, 1])}
    >>> codes, _ = fill([(1.0, model)], given, np.random.default_rng(0))
    >>> codes["a"].tolist(), codes["b"].tolist()
    ([0, 1, 1], [0, 1, 1])
    """
    names = components[0][1].domain.attributes
    table = np.stack([known[name] for name in names], axis=1)
    configurations, of_row = _distinct(table)
    made = table.copy()
    impossible = np.zeros(len(table), dtype=bool)
    width = max(_Tree(markov).message_cells for _, markov in components)
    step = max(_MESSAGES // max(width, 1), 1)
    order = np.argsort(of_row, kind="stable")
    ends = np.searchsorted(of_row[order], np.arange(0, len(configurations) + step, step))
    for place, start in enumerate(range(0, len(configurations), step)):
        rows = order[ends[place] : ends[place + 1]]
        chunk = configurations[start : start + step]
        made[rows], impossible[rows] = _fill_chunk(
            components, chunk, of_row[rows] - start, generator
        )
    return {name: made[:, place] for place, name in enumerate(names)}, impossible


def _distinct(table: Codes) -> tuple[Codes, npt.NDArray[np.intp]]:
    """Distinct rows of a table, and which of them each row is."""
    if not table.shape[1] or not len(table):
        return table[:1], np.zeros(len(table), dtype=np.intp)
    whole = np.ascontiguousarray(table.astype(np.int32))
    packed = whole.view(np.dtype((np.void, whole.dtype.itemsize * whole.shape[1]))).ravel()
    _, first, inverse = np.unique(packed, return_index=True, return_inverse=True)
    return table[first], inverse


def _fill_chunk(
    components: Sequence[Component],
    configurations: Codes,
    of_row: npt.NDArray[np.intp],
    generator: np.random.Generator,
) -> tuple[Codes, npt.NDArray[np.bool_]]:
    """The rows of some configurations; each row is first given to a component."""
    passes = [_Upward.run(_Tree(markov), configurations) for _, markov in components]
    with np.errstate(divide="ignore"):
        logs = np.stack(
            [
                one.log_mass + math.log(weight)
                for (weight, _), one in zip(components, passes, strict=True)
            ]
        )
    peak = logs.max(axis=0)
    hopeless = np.isneginf(peak)
    logs[:, hopeless] = np.log([weight for weight, _ in components])[:, None]
    shares = np.exp(logs - logs.max(axis=0))
    chosen = deal(of_row, shares.T, len(of_row), generator)
    made = configurations[of_row]
    for place, one in enumerate(passes):
        rows = np.flatnonzero(chosen == place)
        if rows.size:
            made[rows] = one.draw(of_row[rows], generator)
    return made, hopeless[of_row]


class _Tree:
    """A junction tree as it is passed over: conditionals of nodes, and who hangs below whom."""

    def __init__(self, markov: MarkovModel) -> None:
        self.markov, self.plan = markov, markov.plan
        self.names = markov.domain.attributes
        self.column = {name: place for place, name in enumerate(self.names)}
        tree = self.plan.tree
        self.separators = [self.plan.layout(one) for one in tree.separators]
        self.children: list[list[int]] = [[] for _ in tree.cliques]
        for node, parent in enumerate(tree.parents):
            if parent >= 0:
                self.children[parent].append(node)
        self.message_cells = sum(self.plan.coarse.size(one) for one in self.separators)
        self._conditionals: dict[int, Array] = {}

    def conditional(self, node: int) -> Array:
        """Probabilities of a node given its separator, in the node's shape."""
        if node not in self._conditionals:
            names, separator = self.plan.nodes[node].attributes, self.separators[node]
            belief = self.markov.calibration.beliefs[node].reshape(self.plan.nodes[node].shape)
            away = tuple(axis for axis, name in enumerate(names) if name not in separator)
            sums = belief.sum(axis=away, keepdims=True)
            with np.errstate(divide="ignore", invalid="ignore"):
                self._conditionals[node] = np.where(sums > 0, belief / sums, 0.0)
        return self._conditionals[node]

    def classes(self, codes: Codes) -> Codes:
        """Classes of levels, -1 where nothing is known."""
        made = codes.copy()
        for name, classes in self.plan.classes.items():
            at = self.column[name]
            made[:, at] = np.append(classes, -1)[codes[:, at]]
        return made


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """Rows by what they know so far: their classes (-1 unknown), and each one's configuration."""

    classes: Codes
    of: npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Rows that know the same attributes of a node and hear from the same children."""

    node: int
    members: npt.NDArray[np.intp]
    given: Clique
    free: Clique
    heard: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Upward:
    """What an upward pass leaves: messages by node, and how likely each configuration is.

    A message has one row per configuration and one column per cell of the separator; `tells` says
    which configurations know anything beyond the separator, for the others a message is all ones.
    """

    tree: _Tree
    levels: Codes
    view: _View
    messages: dict[int, Array]
    tells: dict[int, npt.NDArray[np.bool_]]
    log_mass: Array

    @classmethod
    def run(cls, tree: _Tree, levels: Codes) -> _Upward:
        """Pass what every configuration knows to the root."""
        log_mass = np.zeros(len(levels))
        with np.errstate(divide="ignore"):
            for name in tree.plan.classes:
                within = np.append(np.log(tree.markov.within(name)), 0.0)
                log_mass += within[levels[:, tree.column[name]]]
        view = _View(tree.classes(levels), np.arange(len(levels)))
        made = cls(tree, levels, view, {}, {}, log_mass)
        for node in range(len(tree.plan.nodes) - 1, -1, -1):
            made._send(node)
        return made

    def _send(self, node: int) -> None:
        """One node's message, scaled to a largest cell of 1."""
        tree, classes = self.tree, self.view.classes
        separator = tree.separators[node]
        added = [n for n in tree.plan.nodes[node].attributes if n not in separator]
        tells = np.asarray((classes[:, [tree.column[n] for n in added]] >= 0).any(axis=1))
        for child in tree.children[node]:
            tells |= self.tells[child]
        message = np.ones((len(classes), tree.plan.coarse.size(separator)))
        for group in self._groups(node, self.view, np.flatnonzero(tells)):
            inner = tuple(name for name in group.free if name in separator)
            outer = tuple(name for name in group.free if name not in separator)
            given = tuple(name for name in separator if name in group.given)
            held = given + inner
            shape = [tree.plan.coarse[name] for name in held]
            for rows, table in self._tables(group, self.view, group.members, inner + outer):
                sums = table.reshape(len(rows), tree.plan.coarse.size(inner), -1).sum(axis=2)
                target = np.zeros((len(rows), *shape))
                index = tuple(classes[rows, tree.column[name]] for name in given)
                target[(np.arange(len(rows)), *index)] = sums.reshape(
                    len(rows), *shape[len(given) :]
                )
                turned = target.transpose(0, *(1 + held.index(name) for name in separator))
                message[rows] = turned.reshape(len(rows), -1)
        peak = message.max(axis=1)
        with np.errstate(divide="ignore"):
            self.log_mass[:] += np.log(peak)
        message[peak == 0] = 1.0
        message /= np.where(peak > 0, peak, 1.0)[:, None]
        self.messages[node], self.tells[node] = message, tells

    def _groups(self, node: int, view: _View, rows: npt.NDArray[np.intp]) -> Iterator[_Group]:
        """Rows taken together by what they know in a node and which children tell them more."""
        names = self.tree.plan.nodes[node].attributes
        columns = [self.tree.column[name] for name in names]
        children = self.tree.children[node]
        if not rows.size:
            return
        at = np.zeros(len(rows), dtype=np.int64)
        for told in (
            *(np.asarray(view.classes[rows, column] >= 0) for column in columns),
            *(self.tells[child][view.of[rows]] for child in children),
        ):
            at = np.unique(2 * at + told, return_inverse=True)[1]
        order = np.argsort(at, kind="stable")
        for part in np.split(order, np.flatnonzero(np.diff(at[order])) + 1):
            first = rows[part[0]]
            knows = view.classes[first, columns] >= 0
            yield _Group(
                node,
                rows[part],
                given=tuple(name for name, there in zip(names, knows, strict=True) if there),
                free=tuple(name for name, there in zip(names, knows, strict=True) if not there),
                heard=tuple(child for child in children if self.tells[child][view.of[first]]),
            )

    def _tables(
        self, group: _Group, view: _View, rows: npt.NDArray[np.intp], order: Clique
    ) -> Iterator[tuple[npt.NDArray[np.intp], Array]]:
        """Per row the weights of what it does not know in a node, axes in this order."""
        tree = self.tree
        names = tree.plan.nodes[group.node].attributes
        shape = [tree.plan.coarse[name] for name in order]
        base = tree.conditional(group.node)
        base = base.transpose([names.index(name) for name in group.given + order])
        base = base.reshape(-1, math.prod(shape))
        step = max(_CELLS // max(base.shape[1], 1), 1)
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            cell = np.zeros(len(some), dtype=np.int64)
            for name in group.given:
                cell = cell * tree.plan.coarse[name] + view.classes[some, tree.column[name]]
            table = base[cell].reshape(len(some), *shape)
            for child in group.heard:
                table *= self._heard(child, view, some, order)
            yield some, table.reshape(len(some), -1)

    def _heard(self, child: int, view: _View, rows: npt.NDArray[np.intp], order: Clique) -> Array:
        """A child's message at what rows know, with an axis for everything they do not."""
        tree = self.tree
        separator = tree.separators[child]
        given = tuple(name for name in separator if name not in order)
        free = tuple(name for name in order if name in separator)
        message = self.messages[child][view.of[rows]]
        message = message.reshape(len(rows), *(tree.plan.coarse[name] for name in separator))
        message = message.transpose(0, *(1 + separator.index(name) for name in given + free))
        index = tuple(view.classes[rows, tree.column[name]] for name in given)
        taken = message[(np.arange(len(rows)), *index)]
        shape = (tree.plan.coarse[name] if name in separator else 1 for name in order)
        return np.asarray(taken.reshape(len(rows), *shape))

    def draw(self, of: npt.NDArray[np.intp], generator: np.random.Generator) -> Codes:
        """Levels of rows that belong to configurations, drawn from the root down."""
        tree = self.tree
        view = _View(self.view.classes[of], of)
        for node, place in enumerate(tree.plan.nodes):
            added = [n for n in place.attributes if n not in tree.separators[node]]
            unknown = view.classes[:, [tree.column[name] for name in added]] < 0
            for group in list(self._groups(node, view, np.flatnonzero(unknown.any(axis=1)))):
                self._draw_group(group, view, generator)
        return self._levels(view, generator)

    def _draw_group(self, group: _Group, view: _View, generator: np.random.Generator) -> None:
        """Fill what some rows lack in a node, with one rounding for rows that are alike."""
        tree = self.tree
        key = view.classes[group.members][:, [tree.column[name] for name in group.given]]
        if group.heard:
            key = np.column_stack([key, view.of[group.members]])
        _, alike = _distinct(key)
        order = np.argsort(alike, kind="stable")
        ends = np.searchsorted(alike[order], np.arange(int(alike.max()) + 2))
        sizes = [tree.plan.coarse[name] for name in group.free]
        done = 0
        for some, table in self._tables(group, view, group.members[order[ends[:-1]]], group.free):
            mine = order[ends[done] : ends[done + len(some)]]
            weights = self._possible(group, view, some, table)
            drawn = deal(alike[mine] - done, weights, len(mine), generator)
            done += len(some)
            for name, part in zip(group.free, np.unravel_index(drawn, sizes), strict=True):
                view.classes[group.members[mine], tree.column[name]] = part

    def _possible(
        self, group: _Group, view: _View, rows: npt.NDArray[np.intp], table: Array
    ) -> Array:
        """Weights of which every row has some: without the children's word, or without any."""
        dead = np.flatnonzero(table.sum(axis=1) <= 0)
        if dead.size:
            alone = replace(group, heard=())
            again = [part for _, part in self._tables(alone, view, rows[dead], group.free)]
            table[dead] = np.concatenate(again)
            dead = dead[table[dead].sum(axis=1) <= 0]
            plan = self.tree.plan
            order = plan.layout(group.free)
            spread = plan.table(self.tree.markov.calibration, group.node, order)
            table[dead] = spread.transpose([order.index(name) for name in group.free]).ravel()
        return table

    def _levels(self, view: _View, generator: np.random.Generator) -> Codes:
        """Levels of drawn classes; known levels as they were."""
        made = self.levels[view.of]
        for name, at in self.tree.column.items():
            free = np.flatnonzero(made[:, at] < 0)
            drawn = view.classes[free, at]
            if name in self.tree.plan.classes and free.size:
                levels = self.tree.markov.calibration.levels[name]
                drawn = refine(drawn, self.tree.plan.classes[name], levels, generator)
            made[free, at] = drawn
        return made
