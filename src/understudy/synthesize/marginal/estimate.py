"""Models from noisy measurements: interchangeable solvers with one signature.

Every solver takes `(domain, measurements, total, *, potentials, iterations, tolerance)` and returns
a `MarkovModel`. The loss is half the squared error in units of the noise.

- `penalised_fit` (what `estimate` runs): loss plus a Kullback-Leibler pull towards a reference, the
  model of independent columns unless given. How strongly the measurements are trusted against the
  reference is chosen by an estimate of the risk that needs no data (Stein 1981). Fitting the noise
  is what makes plain least squares inaccurate where cells are smaller than the noise.
- `proximal_fit`: the least-squares optimum in few passes, by proximal steps.
- `mirror_descent`: least squares by multiplicative steps with a line search (McKenna, Sheldon,
  Miklau 2019, "Graphical-model based estimation and inference for differential privacy"). The
  reference: simple, every step lowers the loss.
- `proportional_fit`: iterative proportional fitting, for targets that are consistent with each
  other; on a tree it is done after one or two sweeps.

What may not happen here: rows, or noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from understudy.errors import InputError
from understudy.synthesize.marginal.calibrate import Potentials
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.dual import minimise
from understudy.synthesize.marginal.factor import Array
from understudy.synthesize.marginal.measurement import Measurement, estimate_total
from understudy.synthesize.marginal.model import MarkovModel
from understudy.synthesize.marginal.problem import Problem

STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
WIDE = (10.0, 100.0, 1e3, 1e4, 1e5, 1e6)


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
    problem = Problem(domain, measurements, total, potentials)
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
    iterations: int = 500,
    tolerance: float = 1e-4,
) -> MarkovModel:
    """Least squares by proximal steps, each solved in its dual by L-BFGS.

    Parameters
    ----------
    domain, measurements, total, potentials, iterations
        As in `mirror_descent`.
    tolerance
        Stop when a proximal step lowers the loss by less than this share of half the measured
        cells.

    Returns
    -------
    MarkovModel
        The last fit; the loss never exceeds that of the start.

    >>> seen = Measurement(("a", "b"), np.array([[30.0, 10.0], [-2.0, 40.0]]), 2.0)
    >>> model = proximal_fit(Domain(("a", "b"), (2, 2)), [seen], 80.0)
    >>> bool(model.marginal(("a", "b")).values[1, 0] < 0.1)
    True
    """
    problem = Problem(domain, measurements, total, potentials)
    point = np.zeros(problem.size)
    if problem.total == 0 or not problem.size:
        return problem.model(point)
    unit = tolerance * 0.5 * problem.size
    loss = problem.loss(problem.predict(point))
    strength, used = 10.0, 1
    while used < iterations:
        step = minimise(problem, point, strength=strength, passes=iterations - used, tolerance=unit)
        used += step.passes
        gain = loss - problem.loss(step.seen)
        if gain < 0:
            break
        point, loss = point + step.change, loss - gain
        if gain <= unit:
            break
        strength = min(strength * 3.0, 100.0)
    return problem.model(point)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fit:
    """A penalised fit and how it was chosen.

    Parameters
    ----------
    model
        The fitted model.
    strength
        Trust in the measurements against the reference: at 1 the reference counts as much as if
        the rows had been drawn from it; at infinity the fit is least squares.
    risk
        Estimated squared error of all measured cells in units of the noise, plus a constant.
    passes
        Passes of belief propagation used.
    """

    model: MarkovModel
    strength: float
    risk: float
    passes: int


def penalised_path(
    domain: Domain,
    measurements: Sequence[Measurement],
    total: float | None = None,
    *,
    potentials: Potentials | None = None,
    strengths: Sequence[float] = STRENGTHS,
    iterations: int = 400,
    tolerance: float = 1e-3,
) -> Fit:
    """Fit at growing strengths and keep the one with the least estimated risk.

    Parameters
    ----------
    domain, measurements, total
        As in `mirror_descent`.
    potentials
        The reference the fit is pulled towards; uniform when None.
    strengths
        Ascending values above 0 to try; the search ends when the risk rises. One value: no
        choice.
    iterations
        Most passes of belief propagation for each strength.
    tolerance
        Accuracy of each fit as a share of half the measured cells.

    Returns
    -------
    Fit
        The largest strength within 0.3 % of the least risk (the estimate takes measured cells
        as distinct, so it errs towards small strengths).

    >>> seen = Measurement(("a",), np.array([300.0, 100.0]), 10.0)
    >>> fit = penalised_path(Domain(("a",), (2,)), [seen], 400.0)
    >>> bool(abs(fit.model.marginal(("a",)).values[0] - 300) < 3), fit.strength > 1
    (True, True)
    """
    if not strengths or min(strengths) <= 0:
        raise InputError("strengths must be above 0")
    problem = Problem(domain, measurements, total, potentials)
    point = problem.guess()
    if problem.total == 0 or not problem.size:
        return Fit(model=problem.model(point), strength=strengths[0], risk=0.0, passes=0)
    found: list[tuple[float, float, Array]] = []
    used = 0
    for strength in strengths:
        step = minimise(
            problem,
            np.zeros(problem.size),
            strength=strength,
            passes=iterations,
            tolerance=tolerance * 0.5 * problem.size,
            change=point,
        )
        used += step.passes
        point = step.change
        freedom = step.seen / (step.seen + 1.0 / (strength * problem.weight))
        risk = 2.0 * problem.loss(step.seen) + 2.0 * float(freedom.sum())
        found.append((risk, strength, point))
        if risk > 1.003 * min(found, key=lambda entry: entry[0])[0]:
            break
    least = min(risk for risk, _, _ in found)
    risk, strength, point = [entry for entry in found if entry[0] <= 1.003 * least][-1]
    return Fit(model=problem.model(point), strength=strength, risk=risk, passes=used)


def penalised_fit(
    domain: Domain,
    measurements: Sequence[Measurement],
    total: float | None = None,
    *,
    potentials: Potentials | None = None,
    iterations: int = 400,
    tolerance: float = 1e-3,
) -> MarkovModel:
    """Trade the measurements off against a reference, at the strength with the least risk.

    Parameters
    ----------
    domain, measurements, total
        As in `mirror_descent`.
    potentials
        The reference. None: the model of independent columns, fitted first from the measurements
        of single attributes.
    iterations, tolerance
        As in `penalised_path`.

    Returns
    -------
    MarkovModel
        Closer to the truth than least squares where noise is not small against the cells.

    References
    ----------
    C. Stein, "Estimation of the mean of a multivariate normal distribution", 1981.

    >>> seen = Measurement(("a",), np.array([3000.0, 1000.0]), 1.0)
    >>> model = penalised_fit(Domain(("a", "b"), (2, 3)), [seen])
    >>> model.marginal(("a",)).values.round(-1)
    array([3000., 1000.])
    """
    rows = estimate_total(measurements) if total is None else total
    single = [seen for seen in measurements if len(seen.clique) == 1]
    reference = potentials
    if reference is None and single:
        alone = penalised_path(
            domain,
            single,
            rows,
            strengths=WIDE,
            iterations=min(iterations, 60),
            tolerance=tolerance,
        )
        if len(single) == len(measurements):
            return alone.model
        reference = alone.model.potentials
    return penalised_path(
        domain,
        measurements,
        rows,
        potentials=reference,
        iterations=iterations,
        tolerance=tolerance,
    ).model


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
    problem = Problem(domain, measurements, total, potentials)
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
    iterations: int = 400,
    tolerance: float = 1e-3,
) -> MarkovModel:
    """A model from noisy measurements by the default solver, `penalised_fit`.

    >>> estimate(Domain(("a",), (2,)), [], 4.0).marginal(("a",)).values
    array([2., 2.])
    """
    return penalised_fit(
        domain,
        measurements,
        total,
        potentials=potentials,
        iterations=iterations,
        tolerance=tolerance,
    )


SOLVERS: tuple[Solver, ...] = (penalised_fit, proximal_fit, mirror_descent, proportional_fit)


def _scaled(values: Array, total: float) -> Array:
    """Non-negative values that sum to the total."""
    positive = np.maximum(values, 0.0)
    mass = float(positive.sum())
    return positive * (total / mass) if mass > 0 else np.full(values.size, total / values.size)
