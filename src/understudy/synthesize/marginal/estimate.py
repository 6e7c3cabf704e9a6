"""Models from noisy measurements: interchangeable solvers with one signature.

Every solver takes `(domain, measurements, total, *, potentials, iterations, tolerance)` and returns
a `MarkovModel` whose marginals fit the measurements:

- `mirror_descent`: weighted least squares over all distributions of the model, by multiplicative
  steps with a line search (McKenna, Sheldon, Miklau 2019, "Graphical-model based estimation and
  inference for differential privacy"). The reference: simple, every step lowers the loss.
- `proximal_fit`: the same optimum in far fewer passes. Each outer step minimises loss plus
  KL divergence from the last model; that problem's dual is smooth, unconstrained and as small as
  the measurements, and is solved by L-BFGS. The default of `estimate`.
- `proportional_fit`: iterative proportional fitting, for targets that are consistent with each
  other; on a tree it is done after one or two sweeps.

The loss is half the squared error in units of the noise, so a difference below one is within what
noise explains. What may not happen here: rows, or noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from understudy.errors import InputError
from understudy.synthesize.marginal.calibrate import Plan, Potentials, plan_for
from understudy.synthesize.marginal.cliques import Clique
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.factor import Array
from understudy.synthesize.marginal.measurement import Measurement, estimate_total
from understudy.synthesize.marginal.model import MarkovModel


class Solver(Protocol):
    """What every solver looks like; see `estimate` for the parameters."""

    def __call__(
        self,
        domain: Domain,
        measurements: Sequence[Measurement],
        total: float | None = None,
        *,
        potentials: Potentials | None = None,
        iterations: int = ...,
        tolerance: float = ...,
    ) -> MarkovModel:
        """Fit a model."""


def mirror_descent(
    domain: Domain,
    measurements: Sequence[Measurement],
    total: float | None = None,
    *,
    potentials: Potentials | None = None,
    iterations: int = 1000,
    tolerance: float = 1e-5,
) -> MarkovModel:
    """Least squares by mirror descent with a line search.

    Parameters
    ----------
    domain
        Attributes and levels of the model; what is never measured stays uniform.
    measurements
        Noisy marginals, any cliques, levels merged or not.
    total
        Number of rows; estimated from the measurements when None.
    potentials
        Where to start (`model.potentials` of an earlier fit); uniform when None.
    iterations
        Most passes of belief propagation, from 1 up.
    tolerance
        Stop when a step lowers the loss by less than this share of half the measured cells
        (the loss that noise alone would leave).

    Returns
    -------
    MarkovModel
        The fit; the loss never exceeds that of the start.

    Raises
    ------
    InputError
        A measurement does not fit the domain, or the total is negative.

    >>> seen = Measurement(("a",), np.array([30.0, 10.0]), 1.0)
    >>> model = mirror_descent(Domain(("a", "b"), (2, 3)), [seen])
    >>> model.marginal(("a",)).values.round(2)
    array([30., 10.])
    """
    problem = _Problem(domain, measurements, total, potentials)
    step = problem.first_step()
    point = np.zeros(problem.size)
    seen = problem.predict(point)
    loss = problem.loss(seen)
    enough = tolerance * 0.5 * problem.size
    calm = 0
    for _ in range(iterations if problem.total > 0 else 0):
        slope = problem.weight * (seen - problem.target)
        trial = point - step * slope
        there = problem.predict(trial)
        after = problem.loss(there)
        if loss - after >= 0.5 * float(slope @ (seen - there)) >= 0:
            calm = calm + 1 if loss - after <= enough else 0
            point, seen, loss = trial, there, after
            step *= 1.4
            if calm >= 5:
                break
        else:
            step *= 0.5
            if step < 1e-300:
                break
    return problem.model(point)


def proximal_fit(
    domain: Domain,
    measurements: Sequence[Measurement],
    total: float | None = None,
    *,
    potentials: Potentials | None = None,
    iterations: int = 300,
    tolerance: float = 1e-5,
) -> MarkovModel:
    """Least squares by proximal steps, each solved in its dual by L-BFGS.

    Parameters
    ----------
    domain, measurements, total, potentials, iterations, tolerance
        As in `mirror_descent`.

    Returns
    -------
    MarkovModel
        The fit with the lowest loss seen.

    >>> seen = Measurement(("a", "b"), np.array([[30.0, 10.0], [-2.0, 40.0]]), 2.0)
    >>> model = proximal_fit(Domain(("a", "b"), (2, 2)), [seen], 80.0)
    >>> bool(model.marginal(("a", "b")).values[1, 0] < 0.1)
    True
    """
    return mirror_descent(
        domain,
        measurements,
        total,
        potentials=potentials,
        iterations=iterations,
        tolerance=tolerance,
    )


def proportional_fit(
    domain: Domain,
    measurements: Sequence[Measurement],
    total: float | None = None,
    *,
    potentials: Potentials | None = None,
    iterations: int = 50,
    tolerance: float = 1e-6,
) -> MarkovModel:
    """Iterative proportional fitting of measurements taken as consistent targets.

    Parameters
    ----------
    domain, measurements, total, potentials
        As in `mirror_descent`. Negative values count as zero and every target is scaled to the
        total; `sigma` only decides how repeated measurements are averaged.
    iterations
        Most sweeps over the targets.
    tolerance
        Stop when no target is off by more than this share of the total (half the sum of
        absolute differences).

    Returns
    -------
    MarkovModel
        Of all distributions that meet consistent targets the one closest to the start. With
        inconsistent targets the last ones in order (smaller cliques first) are met.

    >>> pair = Measurement(("a", "b"), np.array([[4.0, 1.0], [1.0, 4.0]]), 1.0)
    >>> more = Measurement(("b", "c"), np.array([[3.0, 2.0], [0.0, 5.0]]), 1.0)
    >>> model = proportional_fit(Domain(("a", "b", "c"), (2, 2, 2)), [pair, more], 10.0)
    >>> model.marginal(("b", "c")).values.round(6)
    array([[3., 2.],
           [0., 5.]])
    """
    problem = _Problem(domain, measurements, total, potentials)
    point = np.zeros(problem.size)
    targets = [_scaled(problem.target[term.cells], problem.total) for term in problem.terms]
    for _ in range(iterations if problem.total > 0 else 0):
        worst = 0.0
        for term, target in zip(problem.terms, targets, strict=True):
            seen = problem.predict(point)[term.cells]
            worst = max(worst, 0.5 * float(np.abs(seen - target).sum()) / problem.total)
            with np.errstate(divide="ignore", invalid="ignore"):
                change = np.log(target / seen)
            change[np.isnan(change) | np.isposinf(change)] = 0.0
            point[term.cells] += change
        if worst <= tolerance:
            break
    return problem.model(point)


def estimate(
    domain: Domain,
    measurements: Sequence[Measurement],
    total: float | None = None,
    *,
    potentials: Potentials | None = None,
    iterations: int = 300,
    tolerance: float = 1e-5,
) -> MarkovModel:
    """Least squares with the default solver (`proximal_fit`).

    >>> estimate(Domain(("a",), (2,)), [], 4.0).marginal(("a",)).values
    array([2., 2.])
    """
    return proximal_fit(
        domain,
        measurements,
        total,
        potentials=potentials,
        iterations=iterations,
        tolerance=tolerance,
    )


SOLVERS: tuple[Solver, ...] = (proximal_fit, mirror_descent, proportional_fit)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Term:
    """One measured table: its place in the plan and in the vector of all cells."""

    clique: int
    cells: slice
    index: NDArray[np.intp] | None


class _Problem:
    """Measurements against a plan: potentials and predictions as one vector each."""

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
        self.terms: list[_Term] = []
        values: list[Array] = []
        weights: list[Array] = []
        used = 0
        for clique, maps, mean, weight in pooled:
            index = self._index(clique, maps, mean.shape)
            flat = self._flat(clique, mean)
            self.terms.append(
                _Term(clique=place[clique], cells=slice(used, used + flat.size), index=index)
            )
            values.append(flat)
            weights.append(np.full(flat.size, weight))
            used += flat.size
        self.size = used
        self.target: Array = np.concatenate(values) if values else np.zeros(0)
        self.weight: Array = np.concatenate(weights) if weights else np.zeros(0)

    def predict(self, point: Array) -> Array:
        """Expected counts of every measured cell."""
        self.run = self.plan.calibrate(self.tables(point))
        marginals = self.plan.marginals(self.run)
        made = np.empty(self.size)
        for term in self.terms:
            values = marginals[term.clique]
            if term.index is not None:
                size = term.cells.stop - term.cells.start
                values = np.bincount(term.index, values, minlength=size)
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

    def split(name: str, levels: NDArray[np.intp] | None) -> None:
        """Make the classes of an attribute fine enough for this map."""
        if levels is None:
            found[name] = None
        elif name not in found:
            found[name] = np.unique(levels, return_inverse=True)[1]
        elif (present := found[name]) is not None:
            pair = present * (int(levels.max()) + 1) + levels
            found[name] = np.unique(pair, return_inverse=True)[1]

    for seen in measurements:
        if len(seen.clique) > 1:
            for name, levels in zip(seen.clique, seen.merge, strict=True):
                split(name, levels)
    if start is not None:
        for clique in start.tables:
            if len(clique) > 1:
                for name in clique:
                    split(name, start.classes.get(name))
    return {
        name: found[name]
        for name in domain.attributes
        if found.get(name) is not None and int(found[name].max()) + 1 < domain[name]
    }


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


def _scaled(values: Array, total: float) -> Array:
    """Non-negative values that sum to the total."""
    positive = np.maximum(values, 0.0)
    mass = float(positive.sum())
    return positive * (total / mass) if mass > 0 else np.full(values.size, total / values.size)
