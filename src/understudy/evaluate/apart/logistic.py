"""Logistic regression by maximum likelihood, for telling two tables apart.

Newton's method on rotated features, with slopes in double and curvature in single precision: a direction that the rows do not vary in is left out, so
the number of parameters is the rank that the null distribution of pMSE needs. scikit-learn's
solvers penalise or iterate longer; this is ten times faster on the sizes met here. What may not
happen here: touching tables; a model gets matrices.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_STEPS = 15
_SETTLED = 1e-10
_FLAT = 1e-8
_FARTHEST = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Logistic:
    """A fitted logistic regression.

    Parameters
    ----------
    centre
        Mean of each feature.
    turn
        Features x rank: standardises and rotates.
    weights
        Intercept and one coefficient per rotated direction.
    """

    centre: Floats = field(repr=False)
    turn: Floats = field(repr=False)
    weights: Floats = field(repr=False)

    @property
    def parameters(self) -> int:
        """Number of estimated parameters, the intercept among them."""
        return int(self.weights.size)

    def probabilities(self, matrix: NDArray[np.floating]) -> Floats:
        """Probability of label 1 for every row.

        Parameters
        ----------
        matrix
            Rows x features.
        """
        turned = (matrix.astype(np.float64) - self.centre) @ self.turn
        return _sigmoid(self.weights[0] + turned @ self.weights[1:])


def fit_logistic(
    matrix: NDArray[np.floating], labels: NDArray[np.bool_], *, ridge: float = 0.0
) -> Logistic:
    """Fit a logistic regression with an intercept.

    Parameters
    ----------
    matrix
        Rows x features, at least one row of each label; features may repeat or be constant.
    labels
        True or False per row.
    ridge
        Penalty on the squared coefficients of the rotated directions, in rows; 0 for maximum
        likelihood. Where labels are separated the iteration stops when the probabilities have
        settled.

    References
    ----------
    P. McCullagh, J. A. Nelder, Generalized Linear Models, 1989, section 4.4.

    >>> matrix = np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [1.0]])
    >>> labels = np.array([False, False, True, False, True, True])
    >>> fit_logistic(matrix, labels).probabilities(matrix).round(3).tolist()
    [0.333, 0.333, 0.333, 0.667, 0.667, 0.667]
    """
    wide = matrix.astype(np.float64)
    centre = wide.mean(axis=0)
    wide -= centre
    turn = _rotation(wide)
    design = np.column_stack([np.ones(len(wide)), wide @ turn])
    truth = labels.astype(np.float64)
    share = truth.mean()
    light = design.astype(np.float32)
    weights = np.zeros(design.shape[1])
    weights[0] = np.log(share / (1.0 - share))
    penalty = np.full(weights.size, ridge)
    penalty[0] = 0.0
    chances = _sigmoid(design @ weights)
    for _ in range(_STEPS):
        slope = design.T @ (truth - chances) - penalty * weights
        spread = np.maximum(chances * (1.0 - chances), 1e-10)
        bend = ((light * spread[:, None].astype(np.float32)).T @ light).astype(np.float64)
        bend[np.diag_indices_from(bend)] += penalty + 1e-9 * len(wide)
        step = np.linalg.solve(bend, slope)
        longest = float(np.abs(design @ step).max())
        weights = weights + step * min(1.0, 8.0 / max(longest, 1e-300))
        before, chances = chances, _sigmoid(design @ weights)
        if np.mean((chances - before) ** 2) < _SETTLED:
            break
    return Logistic(centre=centre, turn=turn, weights=weights)


def _rotation(centred: Floats) -> Floats:
    """Directions of unit variance that the rows vary in: features x rank."""
    scale = np.sqrt(np.mean(centred**2, axis=0))
    vary = scale > 1e-12 * max(1.0, float(scale.max(initial=0.0)))
    inverse = np.where(vary, 1.0 / np.where(vary, scale, 1.0), 0.0)
    scaled = centred * inverse
    values, vectors = np.linalg.eigh(scaled.T @ scaled / len(scaled))
    kept = values > _FLAT * max(float(values.max(initial=0.0)), 1e-300)
    return np.asarray(inverse[:, None] * vectors[:, kept] / np.sqrt(values[kept]))


def _sigmoid(score: Floats) -> Floats:
    """Probability of a score, within what a float64 tells from 0 and 1."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(score, -_FARTHEST, _FARTHEST))))
