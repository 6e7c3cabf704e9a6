"""Marginals from noisy pairs, by their residuals: what a column is, what a pair adds to that.

A table of two columns is the sum of four orthogonal parts: the total, what the first column adds,
what the second adds (the *residuals* of the singles), and the doubly centred rest (the residual
of the pair). A noisy pair measures all four at once, and because the parts are orthogonal each
is estimated by itself: the residual of a column is the inverse-variance mean of what its own
histogram and every pair that holds it say, and the residual of a pair comes from that pair alone.
No system of equations is solved, however many pairs there are.

The closed form is that of residual planning and reconstruction (Xiao, He, Zhang and Kifer,
arXiv:2305.08175; Mullins et al., arXiv:2410.01091). Where they keep every table non-negative by
an optimisation over all of them, each pair is shrunk here towards what noise cannot explain
(`shrink`) and fitted to its two singles, which makes all tables non-negative and consistent.

Post-processing only: nothing here asks a curator.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from understudy.prepare.learn import Prepared
from understudy.synthesize.marginal.factor import Array
from understudy.synthesize.marginal.pairs import Edge, Pair, Side
from understudy.synthesize.marginal.shrink import shrink_table

LEAST_DEPENDENCE = 2e-3
"""Total variation from independence below which a pair carries nothing worth drawing."""

_LEAST_COUNT = 1e-2


def pooled_singles(
    prepared: Prepared, sides: Mapping[str, Side], pairs: Mapping[Edge, Pair]
) -> dict[str, Array]:
    """Counts of every column by merged level, from its histogram and all its pairs.

    Parameters
    ----------
    prepared
        Fine histograms with their variances, and the number of rows.
    sides
        Merged levels.
    pairs
        Noisy pairs; their sums over the other column are further measurements of a column.

    Returns
    -------
    dict
        Positive counts that sum to the number of rows.
    """
    values: dict[str, Array] = {}
    weights: dict[str, Array] = {}
    for item in prepared.attributes:
        side = sides[item.name]
        variance = np.bincount(side.into, weights=item.variances, minlength=side.size)
        weights[item.name] = 1.0 / np.maximum(variance, 1e-6)
        values[item.name] = side.counts * weights[item.name]
    for (first, second), pair in pairs.items():
        for name, axis in ((first, 1), (second, 0)):
            weight = 1.0 / (pair.sigma**2 * pair.counts.shape[axis])
            values[name] = values[name] + pair.counts.sum(axis=axis) * weight
            weights[name] = weights[name] + weight
    made = {}
    for name, value in values.items():
        counts = np.maximum(value / weights[name], _LEAST_COUNT)
        made[name] = counts * (prepared.rows / counts.sum())
    return made


def reconstructed_pairs(
    singles: Mapping[str, Array], pairs: Mapping[Edge, Pair]
) -> dict[Edge, Array]:
    """Pairs once noise is shrunk away, non-negative and consistent; those that add nothing left out.

    Parameters
    ----------
    singles
        From `pooled_singles`.
    pairs
        Noisy counts.

    Returns
    -------
    dict
        Counts by merged level with the sums of `singles`.
    """
    made = {}
    for (first, second), pair in pairs.items():
        rows, columns = singles[first], singles[second]
        table = shrink_table(pair.counts, rows, columns, pair.sigma)
        product = np.outer(rows, columns) / rows.sum()
        if 0.5 * np.abs(table - product).sum() > LEAST_DEPENDENCE * rows.sum():
            made[first, second] = table
    return made
