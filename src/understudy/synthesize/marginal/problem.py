"""Measurements against a plan: the vectors that every solver works on.

A solver sees one vector of potentials (one number per measured cell, spread over the cells it
counts) and one vector of predictions (expected counts of the measured cells). What may not happen
here: choosing steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from understudy.errors import InputError
from understudy.synthesize.marginal.calibrate import Plan, Potentials, plan_for
from understudy.synthesize.marginal.cliques import Clique
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.factor import Array
from understudy.synthesize.marginal.measurement import Measurement, estimate_total
from understudy.synthesize.marginal.model import MarkovModel


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """One measured table: its place in the plan and in the vector of all cells."""

    clique: int
    cells: slice
    index: NDArray[np.intp] | None


class Problem:
    """Measurements against a plan: potentials and predictions as one vector each.

    Parameters
    ----------
    domain, measurements, total, potentials
        As in `understudy.synthesize.marginal.estimate.mirror_descent`.

    >>> problem = Problem(Domain(("a",), (2,)), [Measurement(("a",), np.ones(2), 1.0)], 4.0, None)
    >>> problem.predict(np.zeros(2))
    array([2., 2.])
    """

    def __init__(
        self,
        domain: Domain,
        measurements: Sequence[Measurement],
        total: float | None,
        potentials: Potentials | None,
    ) -> None:
        for seen in measurements:
            seen.check(domain)
        start = potentials or Potentials(domain=domain)
        if start.domain != domain:
            raise InputError("the start and the domain of a fit differ")
        self.domain = domain
        self.log_partition = 0.0
        self.total = estimate_total(measurements) if total is None else float(total)
        if not (np.isfinite(self.total) and self.total >= 0):
            raise InputError("the total must be a number from 0 up", total=self.total)
        self.classes = common_classes(domain, measurements, start)
        self.start = start.refined(self.classes)
        pooled = _pool(domain, measurements)
        cliques = dict.fromkeys(self.start)
        cliques.update(dict.fromkeys(clique for clique, _, _, _ in pooled))
        self.plan: Plan = plan_for(domain, cliques, self.classes)
        place = {clique: i for i, clique in enumerate(self.plan.cliques)}
        self.base = [
            self._flat(clique, self.start[clique]) if clique in self.start else None
            for clique in self.plan.cliques
        ]
        self.terms: list[Term] = []
        values: list[Array] = []
        weights: list[Array] = []
        used = 0
        for clique, maps, mean, weight in pooled:
            index = self._index(clique, maps, mean.shape)
            flat = self._flat(clique, mean)
            self.terms.append(
                Term(clique=place[clique], cells=slice(used, used + flat.size), index=index)
            )
            values.append(flat)
            weights.append(np.full(flat.size, weight))
            used += flat.size
        self.size = used
        self.target: Array = np.concatenate(values) if values else np.zeros(0)
        self.weight: Array = np.concatenate(weights) if weights else np.zeros(0)

    def predict(self, point: Array) -> Array:
        """Expected counts of every measured cell."""
        run = self.plan.calibrate(self.tables(point))
        self.log_partition = run.log_partition
        marginals = self.plan.marginals(run)
        made = np.empty(self.size)
        for term in self.terms:
            values = marginals[term.clique]
            if term.index is not None:
                size = term.cells.stop - term.cells.start
                values = np.bincount(term.index, values, minlength=size).astype(np.float64)
            np.multiply(values, self.total, out=made[term.cells])
        return made

    def tables(self, point: Array) -> list[Array | None]:
        """Potentials of the plan's cliques: the start plus each term spread over its clique."""
        made = list(self.base)
        for term in self.terms:
            spread = point[term.cells]
            if term.index is not None:
                spread = spread[term.index]
            under = made[term.clique]
            made[term.clique] = spread if under is None else under + spread
        return made

    def loss(self, seen: Array) -> float:
        """Half the squared error in units of the noise."""
        off = seen - self.target
        return 0.5 * float(off @ (self.weight * off))

    def guess(self) -> Array:
        """A first point: close for measurements of disjoint attributes, zero for others."""
        point = np.zeros(self.size)
        cliques = [set(self.plan.cliques[term.clique]) for term in self.terms]
        if sum(map(len, cliques)) == len(set().union(*cliques)):
            floor = 0.5 / np.sqrt(self.weight)
            seen = np.maximum(self.predict(point), 1e-300)
            point = np.log(np.maximum(self.target, floor) / seen)
        return point

    def first_step(self) -> float:
        """A step that is safe where one cell holds all the mass."""
        most = float(self.weight.max(initial=0.0)) * max(self.total, 1.0)
        return 1.0 / most if most > 0 else 1.0

    def model(self, point: Array) -> MarkovModel:
        """The model with these potentials, recentred so that every table's peak is 0."""
        tables = {}
        for clique, table in zip(self.plan.cliques, self.tables(point), strict=True):
            base = self.domain if len(clique) == 1 else self.plan.coarse
            order = self.plan.layout(clique)
            if table is None:
                continue
            peak = table.max()
            flat = table - peak if np.isfinite(peak) else table
            tables[clique] = np.ascontiguousarray(
                flat.reshape(base.project(order).shape).transpose(
                    [order.index(name) for name in clique]
                )
            )
        return MarkovModel(
            domain=self.domain,
            total=self.total,
            potentials=Potentials(domain=self.domain, tables=tables, classes=self.classes),
        )

    def _flat(self, clique: Clique, table: Array) -> Array:
        """A table in domain order as a flat one in the plan's order."""
        order = self.plan.layout(clique)
        return table.transpose([clique.index(name) for name in order]).ravel()

    def _index(
        self, clique: Clique, maps: Sequence[NDArray[np.intp] | None], shape: Sequence[int]
    ) -> NDArray[np.intp] | None:
        """For every cell of the clique's table the measured cell it counts towards."""
        order = self.plan.layout(clique)
        made: NDArray[np.intp] = np.zeros((), dtype=np.intp)
        same = True
        for name in order:
            axis = clique.index(name)
            levels = maps[axis]
            if levels is None:
                levels = np.arange(self.domain[name])
            if len(clique) > 1 and name in self.classes:
                coarse = np.zeros(self.plan.coarse[name], dtype=np.intp)
                coarse[self.classes[name]] = levels
                levels = coarse
            same = same and np.array_equal(levels, np.arange(shape[axis]))
            made = made[..., None] * shape[axis] + levels
        return None if same else made.ravel()


def common_classes(
    domain: Domain, measurements: Iterable[Measurement], start: Potentials | None = None
) -> dict[str, NDArray[np.intp]]:
    """The coarsest classes of levels on which every joint measurement and the start are exact.

    Parameters
    ----------
    domain
        Attributes and levels.
    measurements
        Those of two or more attributes decide.
    start
        Its joint tables decide too.

    Returns
    -------
    dict
        Level to class, only for attributes with fewer classes than levels that are part of a
        joint clique. The cost of a model is that of its junction tree over these classes.

    >>> seen = Measurement(("a", "b"), np.zeros((2, 2)), 1.0, (np.array([0, 0, 1]), None))
    >>> common_classes(Domain(("a", "b"), (3, 2)), [seen])
    {'a': array([0, 0, 1])}
    """
    found: dict[str, NDArray[np.intp] | None] = {}
    for seen in measurements:
        if len(seen.clique) > 1:
            for name, levels in zip(seen.clique, seen.merge, strict=True):
                found[name] = _split(found.get(name, levels), levels)
    for clique in start.tables if start is not None else ():
        if start is not None and len(clique) > 1:
            for name in clique:
                levels = start.classes.get(name)
                found[name] = _split(found.get(name, levels), levels)
    return {
        name: classes
        for name in domain.attributes
        if (classes := found.get(name)) is not None and int(classes.max()) + 1 < domain[name]
    }


def _split(
    present: NDArray[np.intp] | None, levels: NDArray[np.intp] | None
) -> NDArray[np.intp] | None:
    """The coarsest classes that are inside those of both maps; None is one class per level."""
    if present is None or levels is None:
        return None
    pair = present * (int(levels.max()) + 1) + levels
    return np.asarray(np.unique(pair, return_inverse=True)[1], dtype=np.intp)


def _pool(
    domain: Domain, measurements: Sequence[Measurement]
) -> list[tuple[Clique, tuple[NDArray[np.intp] | None, ...], Array, float]]:
    """Measurements in domain order, repeated ones averaged, larger cliques first."""
    groups: dict[object, list[tuple[Clique, tuple[NDArray[np.intp] | None, ...], Array, float]]]
    groups = {}
    for seen in measurements:
        clique = domain.canonical(seen.clique)
        order = [seen.clique.index(name) for name in clique]
        maps = tuple(seen.merge[axis] for axis in order)
        values = seen.values.transpose(order)
        key = (clique, values.shape, tuple(None if m is None else m.tobytes() for m in maps))
        groups.setdefault(key, []).append((clique, maps, values, seen.weight))
    pooled = []
    for members in groups.values():
        clique, maps = members[0][:2]
        weight = sum(w for _, _, _, w in members)
        mean = np.asarray(sum(w * values for _, _, values, w in members) / weight)
        pooled.append((clique, maps, mean, weight))
    return sorted(pooled, key=lambda entry: -len(entry[0]))
