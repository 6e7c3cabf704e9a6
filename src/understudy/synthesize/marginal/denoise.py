"""A counted table from its noisy counts: which of several estimates, told by its own risk.

The idea, in three sentences. A table that departs smoothly from what a model expected is served
best by few singular values (`shrink`), a table most of whose cells are empty (a code beside its
label, a child beside its parent) by leaving out what noise explains, and many lie between. The
squared error of each estimate, up to a constant that they share, follows from the noisy counts
alone: the distance to them plus twice the noise's variance times how much the estimate gives way
when counts are moved (Stein 1981). How much it gives way is found by moving them, along a few
fixed patterns of signs (Ramani, Blu and Unser 2008). The estimate of least risk is taken, but few
singular values stay unless another is clearly better, for the least of many numbers is often luck.

Post-processing only: nothing here sees a row, and the patterns are public constants.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from understudy.synthesize.marginal.shrink import fit_axes, shrink_towards

LEVELS = (1.0, 1.5, 2.0, 3.0)
"""Standard deviations below which a sparse estimate takes a cell to be empty."""

_HALVES = (0.5, 1.0)
_SWEEPS = 30
_STEEP, _MOVE = 4.0, 0.05
_PROBES = 2
_FLOOR = 1e-3
_FEWEST = 9
_CLEAR = 1.6
"""Deviations of the risk of pure noise by which another estimate must beat few singular values."""


def denoise(
    noisy: np.ndarray, expected: np.ndarray, singles: Sequence[np.ndarray], sigma: float
) -> np.ndarray:
    """Estimate a table from noisy counts, its singles and what a model expects of it.

    Parameters
    ----------
    noisy
        Noisy counts, one axis per column, independent noise of deviation `sigma` per cell.
    expected
        Expected counts, same shape.
    singles
        Estimated counts of each axis, with equal positive sums.
    sigma
        Noise scale in counts, above 0.

    Returns
    -------
    ndarray
        Non-negative counts whose sums along each axis are `singles`.

    References
    ----------
    C. Stein, "Estimation of the mean of a multivariate normal distribution", 1981.
    S. Ramani, T. Blu, M. Unser, "Monte-Carlo SURE", 2008.

    >>> codes, even = 400.0 * np.eye(8), [np.full(8, 400.0)] * 2
    >>> noisy = codes + np.where(np.indices((8, 8)).sum(axis=0) % 3, 30.0, -30.0)
    >>> float(denoise(noisy, np.full((8, 8), 50.0), even, 30.0).trace().round(-1))
    3200.0
    """
    if noisy.size < _FEWEST or min(noisy.shape) < 2 or float(singles[0].sum()) <= 0:
        return shrink_towards(noisy, expected, singles, sigma)
    found = _estimates(noisy, expected, singles, sigma)
    given = np.zeros(len(found))
    for signs in _patterns(noisy.shape):
        moved = _estimates(noisy + _MOVE * sigma * signs, expected, singles, sigma) - found
        given += _over_cells(moved * signs) / (_MOVE * sigma * _PROBES)
    risk = _over_cells((noisy - found) ** 2) + 2.0 * sigma**2 * given
    risk[0] -= _CLEAR * sigma**2 * math.sqrt(2.0 * noisy.size)
    return np.asarray(found[int(np.argmin(risk))])


def sparse(
    noisy: np.ndarray,
    expected: np.ndarray,
    singles: Sequence[np.ndarray],
    sigma: float,
    level: float,
) -> np.ndarray:
    """Cells that stand out of the noise as they were counted, hardly anything in the others.

    Parameters
    ----------
    noisy, expected, singles, sigma
        As in `denoise`.
    level
        Standard deviations at which a cell is taken half; a smooth step around it.

    >>> rows = [np.array([90.0, 10.0]), np.array([90.0, 10.0])]
    >>> sparse(np.array([[95.0, 2.0], [-3.0, 12.0]]), np.full((2, 2), 25.0), rows, 4.0, 2.0).round()
    array([[90.,  0.],
           [ 0., 10.]])
    """
    taken = 1.0 / (1.0 + np.exp(-np.clip(_STEEP * (noisy / sigma - level), -50.0, 50.0)))
    least = _FLOOR * np.minimum(expected, sigma)
    return fit_axes(np.maximum(noisy * taken, least), singles, _SWEEPS)


def _estimates(
    noisy: np.ndarray, expected: np.ndarray, singles: Sequence[np.ndarray], sigma: float
) -> np.ndarray:
    """Every estimate there is to choose from, stacked."""
    smooth = shrink_towards(noisy, expected, singles, sigma)
    held = {level: sparse(noisy, expected, singles, sigma, level) for level in {*LEVELS, *_HALVES}}
    between = [0.5 * (smooth + held[level]) for level in _HALVES]
    return np.stack([smooth, *(held[level] for level in LEVELS), *between])


@lru_cache(maxsize=64)
def _patterns(shape: tuple[int, ...]) -> np.ndarray:
    """Fixed patterns of signs over a table."""
    fixed = np.random.default_rng(1981)
    return np.asarray(fixed.choice((-1.0, 1.0), (_PROBES, *shape)))


def _over_cells(tables: np.ndarray) -> np.ndarray:
    """Sum of each table of a stack."""
    return np.asarray(tables.reshape(len(tables), -1).sum(axis=1))
