"""The models of the task: six classifiers, five regressors, built in one place.

The only module of this room that imports scikit-learn. What may not happen here: touching
tables; a model gets matrices.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")

CLASSIFIERS = (
    "LogisticRegression",
    "GaussianNB",
    "RandomForest",
    "AdaBoost",
    "Bagging",
    "GradientBoosting",
)
REGRESSORS = ("Ridge", "DecisionTree", "RandomForest", "Bagging", "GradientBoosting")
ONE_HOT = frozenset({"LogisticRegression", "GaussianNB", "Ridge"})
_MANY_ROWS = 5_000
Matrix = NDArray[np.float32]


class Model(Protocol):
    """What is used of scikit-learn's estimators; `predict_proba` and `classes_` of classifiers."""

    classes_: NDArray[np.int64]

    def fit(self, matrix: Matrix, target: NDArray[Any], /) -> Model:
        """Learn from rows of features."""

    def predict(self, matrix: Matrix, /) -> NDArray[np.float64]:
        """Predict a number or a class per row."""

    def predict_proba(self, matrix: Matrix, /) -> NDArray[np.float64]:
        """Probability of every known class, one row per row."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """A classifier and the codes its probability columns stand for; no model for one class."""

    model: Model | None
    classes: NDArray[np.int64]

    def probabilities(self, matrix: Matrix, count: int) -> NDArray[np.float64]:
        """Probability of every class: rows x count, zero for classes never seen in training."""
        result = np.zeros((len(matrix), count))
        if self.model is None:
            result[:, self.classes[0]] = 1.0
        else:
            result[:, self.classes] = self.model.predict_proba(matrix)
        return result


@contextmanager
def single_threaded() -> Iterator[None]:
    """Keep matrix products on one thread; metrics that train many models use threads of their own.

    Products of this size gain nothing from a second thread, and threads that wait for each other
    on a busy machine burn its time.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


@contextmanager
def quiet_single_threaded() -> Iterator[None]:
    """Keep matrix products on one thread and convergence warnings quiet.

    On small matrices two threads that share a busy machine are slower than one, tenfold.
    Warnings are recorded and dropped, not only filtered: a forest empties the filters for a moment,
    for all threads.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1), warnings.catch_warnings(record=True):
        warnings.simplefilter("ignore")
        yield


def in_parallel(jobs: Sequence[Callable[[], T]], workers: int | None = None) -> list[T]:
    """Results of jobs in their order, run on threads: trees and products release the lock.

    Parameters
    ----------
    jobs
        Each with whatever seed it needs, so that the results do not depend on who runs it.
    workers
        Threads; by default one per core.

    >>> in_parallel([lambda: 1, lambda: 2])
    [1, 2]
    """
    from joblib import Parallel, cpu_count, delayed

    workers = min(workers or cpu_count(), max(1, len(jobs)))
    if workers == 1:
        return [job() for job in jobs]
    pool = Parallel(n_jobs=workers, backend="threading", batch_size=1, pre_dispatch="all")
    return list(pool(delayed(job)() for job in jobs))


def train_classifier(
    name: str,
    matrix: Matrix,
    labels: NDArray[np.int64],
    *,
    classes: int,
    seed: int,
    threads: int | None = None,
) -> Trained:
    """Train one of `CLASSIFIERS` on rows of features.

    Settings are scikit-learn's defaults but for variance smoothing in naive Bayes (0.01, without
    which a rare label decides alone) and at least two rows per forest leaf. A single class
    cannot be learned from: the result then predicts it always. Boosting gets fewer rounds when
    there are many classes, because it grows one tree per class and round. `threads` is of a
    forest; by default two on many rows.
    """
    present = np.unique(labels)
    if present.size == 1:
        return Trained(model=None, classes=present)
    model: Model = _classifier(name, classes, seed, threads or _jobs(len(matrix)))
    model.fit(matrix, labels)
    return Trained(model=model, classes=np.asarray(model.classes_, dtype=np.int64))


def train_regressor(
    name: str,
    matrix: Matrix,
    target: NDArray[np.float64],
    *,
    seed: int,
    threads: int | None = None,
) -> Model:
    """Train one of `REGRESSORS`; the result has `predict`."""
    model: Model = _regressor(name, seed, threads or _jobs(len(matrix)))
    return model.fit(matrix, target)


def boosting_rounds(classes: int) -> int:
    """Rounds of gradient boosting: 100 for two classes, fewer for more, at least 10.

    >>> [boosting_rounds(classes) for classes in (2, 3, 10, 23)]
    [100, 66, 20, 10]
    """
    return 100 if classes <= 2 else max(10, 200 // classes)


def _classifier(name: str, classes: int, seed: int, threads: int) -> Any:
    """Build an untrained classifier."""
    from sklearn import ensemble, linear_model, naive_bayes

    if name == "LogisticRegression":
        return linear_model.LogisticRegression(max_iter=200)
    if name == "GaussianNB":
        return naive_bayes.GaussianNB(var_smoothing=0.01)
    if name == "RandomForest":
        return ensemble.RandomForestClassifier(
            n_estimators=100, min_samples_leaf=2, n_jobs=threads, random_state=seed
        )
    if name == "AdaBoost":
        return ensemble.AdaBoostClassifier(random_state=seed)
    if name == "Bagging":
        return ensemble.BaggingClassifier(random_state=seed)
    return ensemble.GradientBoostingClassifier(
        n_estimators=boosting_rounds(classes), random_state=seed
    )


def _regressor(name: str, seed: int, threads: int) -> Any:
    """Build an untrained regressor."""
    from sklearn import ensemble, linear_model, tree

    if name == "Ridge":
        return linear_model.Ridge()
    if name == "DecisionTree":
        return tree.DecisionTreeRegressor(min_samples_leaf=20, random_state=seed)
    if name == "RandomForest":
        return ensemble.RandomForestRegressor(
            n_estimators=50,
            min_samples_leaf=2,
            max_features=0.5,
            n_jobs=threads,
            random_state=seed,
        )
    if name == "Bagging":
        return ensemble.BaggingRegressor(random_state=seed)
    return ensemble.GradientBoostingRegressor(random_state=seed)


def _jobs(rows: int) -> int:
    """Two threads for a forest on many rows; on few, handing out work costs more."""
    return 2 if rows >= _MANY_ROWS else 1
