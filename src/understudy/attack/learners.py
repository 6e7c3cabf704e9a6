"""Classifiers that attackers train: the only module of this room that imports scikit-learn.

What may not happen here: touching tables; a learner gets matrices.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from understudy.attack.protocol import Mask, Records

_FEW = 4_000


def boosted(
    matrix: NDArray[np.float32], labels: Mask, queries: NDArray[np.float32], *, seed: int
) -> NDArray[np.float64]:
    """Log-odds of being labelled, by gradient-boosted trees with balanced classes.

    Parameters
    ----------
    matrix, labels
        Rows to learn from.
    queries
        Rows to score.
    seed
        Of the learner.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    if labels.all() or not labels.any():
        return np.zeros(len(queries))
    few = len(labels) < _FEW
    model = HistGradientBoostingClassifier(
        max_iter=60 if few else 120,
        max_leaf_nodes=15 if few else 31,
        learning_rate=0.1,
        min_samples_leaf=20,
        class_weight="balanced",
        early_stopping=False,
        random_state=seed,
    )
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(matrix, labels)
        return np.asarray(model.decision_function(queries), dtype=np.float64)


def logistic(
    matrix: NDArray[np.float32], labels: Mask, queries: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Log-odds of being labelled, by logistic regression on ranks of the features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if labels.all() or not labels.any():
        return np.zeros(len(queries))
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(matrix, labels)
        return np.asarray(model.decision_function(queries), dtype=np.float64)


def forest(
    matrix: NDArray[np.float32],
    labels: NDArray[np.intp],
    queries: NDArray[np.float32],
    *,
    trees: int,
    seed: int,
) -> NDArray[np.intp]:
    """The likeliest label of every query, by full-grown random trees.

    Parameters
    ----------
    matrix, labels
        Rows to learn from, and the label of each.
    queries
        Rows to label.
    trees
        How many.
    seed
        Of the learner.
    """
    from sklearn.ensemble import RandomForestClassifier

    if (labels == labels[0]).all():
        return np.full(len(queries), labels[0])
    model = RandomForestClassifier(n_estimators=trees, random_state=seed)
    model.fit(matrix, labels)
    return np.asarray(model.predict(queries))


def matrix_of(records: Records) -> NDArray[np.float32]:
    """Records as features of trees: numbers as they are, codes as numbers, NaN for missing."""
    columns = [
        array.astype(np.float32)
        if array.dtype.kind == "f"
        else np.where(array < 0, np.nan, array).astype(np.float32)
        for array in records.arrays
    ]
    return np.clip(np.column_stack(columns), -1e30, 1e30)
