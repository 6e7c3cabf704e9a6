"""Scores of predictions, plain and under bootstrap weights.

Pure functions on arrays: classes are codes, probabilities have one column per class. What may
not happen here: training.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]
_AT_ONCE = 50


def accuracy(truth: Codes, predicted: Codes) -> float:
    """Share of predictions that are right.

    >>> accuracy(np.array([0, 1]), np.array([0, 0]))
    0.5
    """
    return float(np.mean(truth == predicted))


def recall_and_f1(truth: Codes, predicted: Codes, positive: int | None) -> tuple[float, float]:
    """Recall and F1 of the positive class, or their mean over the classes that occur.

    Parameters
    ----------
    positive
        Code of the class that counts; None for the mean over classes (macro).

    >>> recall_and_f1(np.array([1, 1, 0, 0]), np.array([1, 0, 0, 0]), 1)
    (0.5, 0.6666666666666666)
    """
    classes = np.unique(truth) if positive is None else np.array([positive])
    recalls, scores = [], []
    for code in classes:
        hit = int(np.count_nonzero((truth == code) & (predicted == code)))
        actual = int(np.count_nonzero(truth == code))
        claimed = int(np.count_nonzero(predicted == code))
        recalls.append(hit / actual if actual else 0.0)
        scores.append(2 * hit / (actual + claimed) if actual + claimed else 0.0)
    return float(np.mean(recalls)), float(np.mean(scores))


def auc(truth: Codes, probabilities: Floats, weights: Floats | None = None) -> Floats:
    """Area under the ROC curve, one against the rest, averaged over the classes that occur.

    Parameters
    ----------
    truth
        Codes of n rows.
    probabilities
        n x classes; with two classes the curve of the second is enough.
    weights
        Repetitions x n, or None for one plain repetition.

    Returns
    -------
    numpy.ndarray
        One value per repetition; ties count half. 0.5 where no class has both sides.

    Reference: Mann and Whitney (1947); macro one-vs-rest as in Provost and Domingos (2000).

    >>> auc(np.array([0, 0, 1, 1]), np.array([[.9, .1], [.6, .4], [.65, .35], [.2, .8]])).tolist()
    [0.75]
    """
    weights = np.ones((1, truth.size)) if weights is None else weights
    classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    total = np.zeros(weights.shape[0])
    counted = np.zeros(weights.shape[0])
    for code in classes:
        positive = truth == code
        if not positive.any() or positive.all():
            continue
        for start in range(0, weights.shape[0], _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            values = _one_curve(positive, probabilities[:, code], weights[part])
            defined = ~np.isnan(values)
            total[part] += np.where(defined, values, 0.0)
            counted[part] += defined
    return np.where(counted > 0, total / np.maximum(counted, 1), 0.5)


def squared_errors(truth: Floats, predicted: Floats, weights: Floats | None = None) -> Floats:
    """Root mean squared error and R², one pair per repetition.

    Returns
    -------
    numpy.ndarray
        Repetitions x 2: RMSE in the target's unit, R² (at most 1; 0 for predicting the mean).

    >>> squared_errors(np.array([0.0, 2.0]), np.array([0.0, 1.0])).round(4).tolist()
    [[0.7071, 0.5]]
    """
    weights = np.ones((1, truth.size)) if weights is None else weights
    mass = weights.sum(axis=1)
    residual = (weights @ (truth - predicted) ** 2) / mass
    mean = (weights @ truth) / mass
    spread = np.maximum((weights @ truth**2) / mass - mean**2, 1e-300)
    return np.column_stack([np.sqrt(residual), 1.0 - residual / spread])


def bootstrap_weights(rows: int, repetitions: int, rng: np.random.Generator) -> Floats:
    """How often each row is drawn in each bootstrap sample: repetitions x rows.

    >>> bootstrap_weights(5, 2, np.random.default_rng(0)).sum(axis=1).tolist()
    [5.0, 5.0]
    """
    drawn = rng.integers(0, rows, size=(repetitions, rows))
    drawn += np.arange(repetitions)[:, None] * rows
    counts = np.bincount(drawn.ravel(), minlength=repetitions * rows)
    return counts.reshape(repetitions, rows).astype(np.float64)


def class_scores(
    truth: Codes, probabilities: Floats, positive: int | None, weights: Floats | None = None
) -> dict[str, Floats]:
    """AUC, accuracy, F1 and recall, one value of each per repetition.

    Parameters
    ----------
    truth
        Codes of n rows.
    probabilities
        n x classes; the likeliest class is the prediction.
    positive
        Code of the class that F1 and recall are of; None for their mean over the classes that
        occur (macro).
    weights
        Repetitions x n, or None for one plain repetition.

    >>> told = np.array([[.9, .1], [.4, .6], [.2, .8], [.3, .7]])
    >>> found = class_scores(np.array([0, 0, 1, 1]), told, 1)
    >>> {name: round(float(values[0]), 3) for name, values in found.items()}
    {'auc': 1.0, 'accuracy': 0.75, 'f1': 0.8, 'recall': 1.0}
    """
    plain = weights is None
    weights = np.ones((1, truth.size)) if weights is None else weights
    predicted = probabilities.argmax(axis=1)
    codes = np.unique(truth) if positive is None else np.array([positive])
    recalls, f1s = np.zeros((2, weights.shape[0]))
    for code in codes:
        hit = weights @ ((truth == code) & (predicted == code)).astype(float)
        actual = weights @ (truth == code).astype(float)
        claimed = weights @ (predicted == code).astype(float)
        recalls += hit / np.maximum(actual, 1e-300) / codes.size
        f1s += 2 * hit / np.maximum(actual + claimed, 1e-300) / codes.size
    return {
        "auc": auc(truth, probabilities, None if plain else weights),
        "accuracy": weights @ (truth == predicted).astype(float) / weights.sum(axis=1),
        "f1": f1s,
        "recall": recalls,
    }


def number_scores(
    truth: Floats, predicted: Floats, weights: Floats | None = None
) -> dict[str, Floats]:
    """R² and root mean squared error, one value of each per repetition.

    >>> found = number_scores(np.array([0.0, 2.0]), np.array([0.0, 1.0]))
    >>> {name: round(float(values[0]), 4) for name, values in found.items()}
    {'r2': 0.5, 'rmse': 0.7071}
    """
    both = squared_errors(truth, predicted, weights)
    return {"r2": both[:, 1], "rmse": both[:, 0]}


def roc(truth: Codes, probabilities: Floats, grid: Floats) -> Floats:
    """True positive rates at given false positive rates, averaged over the classes that occur.

    Parameters
    ----------
    truth
        Codes of n rows.
    probabilities
        n x classes; with two classes the curve of the second.
    grid
        False positive rates, increasing, between 0 and 1.

    >>> told = np.array([[.9, .1], [.4, .6], [.7, .3], [.2, .8]])
    >>> roc(np.array([0, 0, 1, 1]), told, np.array([0.0, 0.5, 1.0])).tolist()
    [0.5, 1.0, 1.0]
    """
    classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    curves = []
    for code in classes:
        positive = truth == code
        if not positive.any() or positive.all():
            continue
        order = np.argsort(-probabilities[:, code], kind="stable")
        ranked = probabilities[order, code]
        ends = np.concatenate([np.nonzero(np.diff(ranked))[0], [ranked.size - 1]])
        hits = np.concatenate([[0], np.cumsum(positive[order])[ends]]) / positive.sum()
        alarms = np.concatenate([[0], np.cumsum(~positive[order])[ends]]) / (~positive).sum()
        # The highest point at a rate, not the first: the curve may rise without a false alarm.
        place = np.maximum(np.searchsorted(alarms, grid, side="right") - 1, 0)
        after = np.minimum(place + 1, alarms.size - 1)
        gap = np.maximum(alarms[after] - alarms[place], 1e-300)
        part = np.where(after > place, (grid - alarms[place]) / gap, 0.0)
        curves.append(hits[place] + part * (hits[after] - hits[place]))
    return np.mean(curves, axis=0) if curves else np.asarray(grid, dtype=np.float64)


def _one_curve(positive: NDArray[np.bool_], score: Floats, weights: Floats) -> Floats:
    """Weighted AUC of one class for every row of weights, NaN without both sides."""
    order = np.argsort(score, kind="stable")
    ranked = score[order]
    starts = np.concatenate([[0], np.nonzero(np.diff(ranked))[0] + 1])
    sorted_weights = weights[:, order]
    is_positive = positive[order]
    hits = np.add.reduceat(sorted_weights * is_positive, starts, axis=1)
    misses = np.add.reduceat(sorted_weights * ~is_positive, starts, axis=1)
    below = np.cumsum(misses, axis=1) - misses / 2
    pairs = hits.sum(axis=1) * misses.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((hits * below).sum(axis=1) / pairs)
