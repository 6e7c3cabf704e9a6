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

import numpy as np

_KEEP_CELL = 3.0
_FLOOR = 1e-3


def shrink_table(
    noisy: np.ndarray, rows: np.ndarray, columns: np.ndarray, sigma: float
) -> np.ndarray:
    """Estimate a table from noisy counts and its two singles.

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
    total = float(rows.sum())
    if total <= 0 or min(noisy.shape) < 2:
        return np.outer(rows, columns) / max(total, 1e-300)
    product = np.outer(rows, columns) / total
    deviation = noisy - product
    deviation = deviation - deviation.mean(axis=1, keepdims=True)
    deviation = deviation - deviation.mean(axis=0, keepdims=True)
    kept = _low_rank(deviation, sigma)
    spare = deviation - kept
    spare = np.sign(spare) * np.maximum(np.abs(spare) - _KEEP_CELL * sigma, 0.0)
    table = np.maximum(product + kept + spare, _FLOOR * product)
    return fit_singles(table, rows, columns)


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
    fitted = np.maximum(table, 1e-12)
    for _ in range(sweeps):
        fitted = fitted * (rows / np.maximum(fitted.sum(axis=1), 1e-300))[:, None]
        fitted = fitted * (columns / np.maximum(fitted.sum(axis=0), 1e-300))
        if np.abs(fitted.sum(axis=1) - rows).sum() < 1e-9 * rows.sum():
            break
    return np.asarray(fitted)
