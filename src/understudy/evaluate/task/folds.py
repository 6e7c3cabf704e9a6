"""Repeated k-fold cross-validation: how folds are cut, and an interval that is wide enough.

The values of folds are not independent, because the rows that teach overlap; the plain variance
of their mean is then too small. Nadeau and Bengio's correction adds the overlap. What may not
happen here: training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

REFERENCE = (
    "C. Nadeau and Y. Bengio, Inference for the generalization error, Machine Learning 52 (2003); "
    "repeated folds: R. R. Bouckaert and E. Frank, PAKDD 2004"
)


def corrected_interval(
    values: NDArray[np.float64], test_share: float, *, level: float = 0.95
) -> tuple[float, float]:
    """Interval of the expected score of a model trained on one fold's teaching rows.

    Parameters
    ----------
    values
        A score, or a difference of two, by fold and repetition: J of them, at least 2.
    test_share
        Judging rows over teaching rows of a fold: 1/(k - 1) for k folds.
    level
        Nominal coverage, between 0 and 1.

    Returns
    -------
    tuple of float
        Mean -/+ t(J - 1) · sqrt((1/J + test_share) · S²), with S² the variance of the values.

    Raises
    ------
    ValueError
        With fewer than two values: there is no variance.

    Reference: Nadeau and Bengio (2003), equation 8 (corrected resampled t); Bouckaert and Frank
    (2004) for repeated folds.

    >>> [round(end, 3) for end in corrected_interval(np.array([0.7, 0.8, 0.9]), 0.5)]
    [0.407, 1.193]
    """
    if values.size < 2:
        raise ValueError("an interval over folds needs at least two values")
    from scipy.stats import t

    mean, variance = float(values.mean()), float(values.var(ddof=1))
    error = np.sqrt((1 / values.size + test_share) * variance)
    half = float(t.ppf(0.5 + level / 2, values.size - 1) * error)
    return mean - half, mean + half


def cut(
    rows: int, folds: int, rng: np.random.Generator, *, labels: NDArray[Any] | None = None
) -> NDArray[np.int64]:
    """Number of the fold each row falls into, equal in size and balanced over labels.

    Parameters
    ----------
    rows
        Number of rows.
    folds
        Number of folds, at least 2.
    rng
        Draws the order.
    labels
        A code per row: each label is spread over the folds as evenly as it can be.

    >>> cut(6, 3, np.random.default_rng(0), labels=np.array([0, 0, 0, 1, 1, 1])).tolist()
    [1, 2, 0, 0, 2, 1]
    """
    order = rng.permutation(rows)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    fold = np.empty(rows, dtype=np.int64)
    fold[order] = np.arange(rows) % folds
    return fold
