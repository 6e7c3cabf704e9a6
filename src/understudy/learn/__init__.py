"""Classifiers that are private themselves: a task is learned, not a table.

A learner asks the curator, as a synthesizer does, pays from the same budget into the same ledger,
and leaves a `Predictor`: one table of scores per column, free of rows. `us.learn(...)` does the whole
job; the classes here are scikit-learn estimators.

What may not happen here: rows by any other way than the curator, a class or a bound that the rows
decide, a seed for noise.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from understudy.learn.bayes import Bayes
    from understudy.learn.estimators import GaussianNB, HistogramNB, LogisticRegression
    from understudy.learn.fitting import Learner
    from understudy.learn.logistic import Logistic
    from understudy.learn.predictor import Predictor

_HOMES = {
    "Bayes": "understudy.learn.bayes",
    "GaussianNB": "understudy.learn.estimators",
    "HistogramNB": "understudy.learn.estimators",
    "Learner": "understudy.learn.fitting",
    "Logistic": "understudy.learn.logistic",
    "LogisticRegression": "understudy.learn.estimators",
    "Predictor": "understudy.learn.predictor",
}
"""Where each name lives: scikit-learn is imported with the estimators, not with the room."""

__all__ = [
    "LEARNERS",
    "Bayes",
    "GaussianNB",
    "HistogramNB",
    "Learner",
    "Logistic",
    "LogisticRegression",
    "Predictor",
]


def LEARNERS() -> tuple[type[Any], ...]:  # noqa: N802  a table of classes, as SYNTHESIZERS is
    """The estimators, each with its `name`.

    >>> [maker.name for maker in LEARNERS()]
    ['logistic', 'gaussian_nb', 'histogram_nb']
    """
    from understudy.learn.estimators import GaussianNB, HistogramNB, LogisticRegression

    return (LogisticRegression, GaussianNB, HistogramNB)


def __getattr__(name: str) -> Any:
    """Import what a public name stands for, once."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
