"""Proportional fitting, the worst table first: for targets of which most are met already.

Cycling through all targets costs a pass of belief propagation each. A fit that starts at the
last round's model has one new target and few that it disturbs; every pass tells how far off
each target is, so scaling the worst one each time is done after a fraction of the passes. What may
not happen here: rows, or noise.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from understudy.synthesize.marginal.calibrate import Potentials
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.measurement import Measurement
from understudy.synthesize.marginal.model import MarkovModel
from understudy.synthesize.marginal.problem import Problem


def worst_first_fit(
    domain: Domain,
    measurements: Sequence[Measurement],
    total: float | None = None,
    *,
    potentials: Potentials | None = None,
    iterations: int = 30,
    tolerance: float = 1e-3,
) -> MarkovModel:
    """Scale the table that is most off, again and again (Gauss–Southwell order).

    Parameters
    ----------
    domain, measurements, total
        As in `proportional_fit`: targets taken as consistent, negative values as zero.
    potentials
        Where to start; uniform when None.
    iterations
        Most passes of belief propagation, from 1 up.
    tolerance
        Stop when no target is off by more than this share of the total (half the sum of
        absolute differences).

    Returns
    -------
    MarkovModel
        With consistent targets and enough passes, the one that `proportional_fit` finds.

    >>> pair = Measurement(("a", "b"), np.array([[4.0, 1.0], [1.0, 4.0]]), 1.0)
    >>> more = Measurement(("b", "c"), np.array([[3.0, 2.0], [0.0, 5.0]]), 1.0)
    >>> model = worst_first_fit(Domain(("a", "b", "c"), (2, 2, 2)), [pair, more], 10.0)
    >>> model.marginal(("b", "c")).values.round(2)
    array([[3., 2.],
           [0., 5.]])
    """
    problem = Problem(domain, measurements, total, potentials)
    point = np.zeros(problem.size)
    positive = np.maximum(problem.target, 0.0)
    edges = [term.cells.start for term in problem.terms]
    sums = np.add.reduceat(positive, edges) if edges else np.zeros(0)
    for _ in range(iterations if problem.total > 0 and edges else 0):
        seen = problem.predict(point)
        scale = np.repeat(problem.total / np.maximum(sums, 1e-300), np.diff([*edges, problem.size]))
        off = np.add.reduceat(np.abs(seen - positive * scale), edges) / (2.0 * problem.total)
        off[sums <= 0] = 0.0
        worst = int(np.argmax(off))
        if off[worst] <= tolerance:
            break
        cells = problem.terms[worst].cells
        with np.errstate(divide="ignore", invalid="ignore"):
            change = np.log(positive[cells] * scale[cells] / seen[cells])
        change[np.isnan(change) | np.isposinf(change)] = 0.0
        point[cells] += change
    return problem.model(point)
