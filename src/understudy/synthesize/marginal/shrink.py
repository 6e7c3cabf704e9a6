"""Denoising of noisy contingency tables: keep the dependence that noise cannot explain.

The idea, in three sentences. What a pair of columns adds to its singles is the deviation of
its table from the product of the singles, and in real tables that deviation has low rank
(correspondence analysis) where noise has full rank. Singular values of the doubly centred
deviation are therefore shrunk with the optimal rule for white noise of known scale (Gavish and
Donoho 2017, Frobenius loss), and single cells that still stand out by several standard
deviations are put back. The result is made non-negative and fitted to the singles by iterative
proportional fitting, so that tables that share a column agree.

Post-processing only: nothing here sees a row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

_KEEP_CELL = 3.0
_FLOOR = 1e-3


def shrink_table(
    noisy: np.ndarray, rows: np.ndarray, columns: np.ndarray, sigma: float
) -> np.ndarray:
    """Estimate a table from noisy counts and its two singles, shrunk towards independence.

    Parameters
    ----------
    noisy
        Noisy counts, shape (r, c), independent noise of standard deviation `sigma` per cell.
    rows, columns
        Estimated singles, shapes (r,) and (c,), with equal positive sums.
    sigma
        Noise scale in counts.

    Returns
    -------
    ndarray
        Non-negative counts whose sums are `rows` and `columns`.

    >>> table = np.array([[40., 0.], [0., 60.]])
    >>> shrink_table(table, table.sum(1), table.sum(0), 1.0).round().tolist()
    [[40.0, 0.0], [0.0, 60.0]]
    """
    product = np.outer(rows, columns) / max(float(rows.sum()), 1e-300)
    return shrink_towards(noisy, product, (rows, columns), sigma)


def shrink_towards(
    noisy: np.ndarray, prior: np.ndarray, singles: Sequence[np.ndarray], sigma: float
) -> np.ndarray:
    """Estimate a table from noisy counts, its singles and what a model expects of it.

    Parameters
    ----------
    noisy
        Noisy counts, one axis per column, independent noise of deviation `sigma` per cell.
    prior
        Expected counts, same shape: what is believed where the noise can explain the deviation.
    singles
        Estimated counts of each axis, with equal positive sums.
    sigma
        Noise scale in counts.

    Returns
    -------
    ndarray
        Non-negative counts whose sums along each axis are `singles`.

    >>> table = np.array([[40., 0.], [0., 60.]])
    >>> shrink_towards(table, table, (table.sum(1), table.sum(0)), 9.0).round().tolist()
    [[40.0, 0.0], [0.0, 60.0]]
    """
    if float(singles[0].sum()) <= 0 or min(noisy.shape) < 2:
        return fit_axes(np.maximum(prior, 0.0), singles)
    deviation = noisy - prior
    for axis in range(deviation.ndim):
        others = tuple(other for other in range(deviation.ndim) if other != axis)
        deviation = deviation - deviation.mean(axis=others, keepdims=True)
    flat = deviation.reshape(_unfolding(deviation.shape))
    kept = _low_rank(flat, sigma).reshape(deviation.shape)
    spare = deviation - kept
    spare = np.sign(spare) * np.maximum(np.abs(spare) - _KEEP_CELL * sigma, 0.0)
    return fit_axes(np.maximum(prior + kept + spare, _FLOOR * prior), singles)


def _unfolding(shape: tuple[int, ...]) -> tuple[int, int]:
    """A table as a matrix: cut between two axes where it is most nearly square."""
    cuts = [(math.prod(shape[:cut]), math.prod(shape[cut:])) for cut in range(1, len(shape))]
    return min(cuts, key=max)


def _low_rank(deviation: np.ndarray, sigma: float) -> np.ndarray:
    """Optimal singular-value shrinkage for white noise of known scale."""
    left, values, right = np.linalg.svd(deviation, full_matrices=False)
    short, long = sorted(deviation.shape)
    ratio, scale = short / long, sigma * np.sqrt(long)
    relative = values / scale
    inside = np.maximum((relative**2 - ratio - 1.0) ** 2 - 4.0 * ratio, 0.0)
    above = relative > 1.0 + np.sqrt(ratio)
    shrunk = np.where(above, np.sqrt(inside) / np.maximum(relative, 1e-300), 0.0)
    return np.asarray((left * (shrunk * scale)) @ right)


def fit_singles(
    table: np.ndarray, rows: np.ndarray, columns: np.ndarray, sweeps: int = 60
) -> np.ndarray:
    """Scale a positive table to given sums (iterative proportional fitting).

    >>> fit_singles(np.ones((2, 2)), np.array([3., 1.]), np.array([2., 2.])).tolist()
    [[1.5, 1.5], [0.5, 0.5]]
    """
    return fit_axes(table, (rows, columns), sweeps)


def fit_axes(table: np.ndarray, singles: Sequence[np.ndarray], sweeps: int = 60) -> np.ndarray:
    """Scale a positive table of any number of axes to given sums along each.

    >>> fit_axes(np.ones((2, 1, 2)), ([3., 1.], [4.], [2., 2.])).ravel().tolist()
    [1.5, 1.5, 0.5, 0.5]
    """
    fitted = np.maximum(table, 1e-12)
    wanted = [np.asarray(single, dtype=float) for single in singles]
    total = float(wanted[0].sum())
    axes = range(fitted.ndim)
    for _ in range(sweeps):
        for axis in axes:
            sums = fitted.sum(axis=tuple(other for other in axes if other != axis))
            if axis == 0 and np.abs(sums - wanted[0]).sum() < 1e-9 * total:
                return np.asarray(fitted)
            shape = [-1 if other == axis else 1 for other in axes]
            fitted = fitted * (wanted[axis] / np.maximum(sums, 1e-300)).reshape(shape)
    return np.asarray(fitted)
