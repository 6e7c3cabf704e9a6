"""One penalised fit: loss plus Kullback-Leibler divergence from a centre, solved in its dual.

Minimising  1/2 |M x - y|^2 / sigma^2  +  KL(x, centre) / strength  over all distributions x of a
model is, in its dual, the smooth strictly convex problem

    total * log Z(centre + M' c)  -  c . y  +  1/2 c . (sigma^2 / strength) c

in one number c per measured cell, whose gradient costs one pass of belief propagation. It is
solved by L-BFGS (Liu and Nocedal 1989) with the diagonal of the Hessian, predictions plus
sigma^2 / strength, as the first guess at every step. Moves are kept below a factor of e^3 in any
cell, because far from the solution the quadratic picture is wrong.

What may not happen here: deciding how strong the penalty is.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from understudy.synthesize.marginal.factor import Array
from understudy.synthesize.marginal.problem import Problem

_MEMORY = 10
_FURTHEST = 3.0


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Step:
    """Where a minimisation ended.

    Parameters
    ----------
    change
        One potential per measured cell, relative to the centre.
    seen
        Predictions there.
    passes
        Passes of belief propagation used.
    """

    change: Array
    seen: Array
    passes: int


def minimise(
    problem: Problem,
    centre: Array,
    *,
    strength: float,
    passes: int,
    tolerance: float,
    change: Array | None = None,
) -> Step:
    """Solve one penalised fit.

    Parameters
    ----------
    problem
        Measurements and their plan, with a total above 0.
    centre
        Potentials of the centre, one per measured cell, on top of the problem's own start.
    strength
        Above 0; large values approach least squares.
    passes
        Most passes of belief propagation, from 1 up.
    tolerance
        Stop when the expected further decrease is below half of this (in nats). Cells on their
        way to zero count by what is left of them.
    change
        Where to start, relative to the centre; zeros when None.

    Returns
    -------
    Step
        The best point found.

    >>> from understudy.synthesize.marginal.domain import Domain
    >>> from understudy.synthesize.marginal.measurement import Measurement
    >>> seen = [Measurement(("a",), np.array([30.0, 10.0]), 1.0)]
    >>> problem = Problem(Domain(("a",), (2,)), seen, 40.0, None)
    >>> minimise(problem, np.zeros(2), strength=1e6, passes=50, tolerance=1e-9).seen.round(3)
    array([30., 10.])
    """
    ridge = 1.0 / (problem.weight * strength)
    start = np.zeros(problem.size) if change is None else change

    def look(at: Array) -> tuple[float, Array, Array]:
        """Value, gradient and predictions."""
        seen = problem.predict(centre + at)
        pull = ridge * at
        value = problem.total * problem.log_partition - float(at @ (problem.target - 0.5 * pull))
        return value, seen - problem.target + pull, seen

    value, slope, seen = look(start)
    at, used = start, 1
    pairs: deque[tuple[Array, Array, float]] = deque(maxlen=_MEMORY)
    while used < passes:
        scale = 1.0 / (seen + ridge)
        matters = np.where(slope > 0, seen * scale, 1.0)
        if float(slope @ (scale * matters * slope)) <= tolerance:
            break
        way = _direction(slope, scale, pairs)
        fall = float(way @ slope)
        if fall >= 0:
            pairs.clear()
            way = -scale * slope
            fall = float(way @ slope)
        share = min(1.0, _FURTHEST / float(np.abs(way).max()))
        moved = False
        while used < passes and share > 1e-8:
            there = at + share * way
            after, steeper, predicted = look(there)
            used += 1
            if after <= value + 1e-4 * share * fall:
                moved = True
                break
            share *= 0.4
        if not moved:
            if not pairs:
                break
            pairs.clear()
            continue
        step, turn = there - at, steeper - slope
        curve = float(step @ turn)
        if curve > 1e-12 * float(np.sqrt((step @ step) * (turn @ turn))):
            pairs.append((step, turn, 1.0 / curve))
        at, value, slope, seen = there, after, steeper, predicted
    return Step(change=at, seen=seen, passes=used)


def _direction(slope: Array, scale: Array, pairs: deque[tuple[Array, Array, float]]) -> Array:
    """The L-BFGS direction by two loops over the remembered steps."""
    way = -slope
    shares = []
    for step, turn, inverse in reversed(pairs):
        share = inverse * float(step @ way)
        way = way - share * turn
        shares.append(share)
    way = way * scale
    if pairs:
        _, turn, inverse = pairs[-1]
        way *= 1.0 / (inverse * float(turn @ (scale * turn)))
    for (step, turn, inverse), share in zip(pairs, reversed(shares), strict=True):
        way += (share - inverse * float(turn @ way)) * step
    return way
