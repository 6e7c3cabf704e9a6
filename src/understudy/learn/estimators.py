"""The learners as scikit-learn estimators.

`fit` takes a frame and a column of classes, opens a run under the promise, and learns through a
curator over rows in memory. What scikit-learn reads from `y` (the classes) comes from what is
declared or was found privately. What may not happen here: a seed under a promise, or a row that is
kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError

from understudy.curator import MemoryCurator
from understudy.errors import InputError
from understudy.learn.bayes import Bayes
from understudy.learn.fitting import Learner, open_budget, statement
from understudy.learn.frames import classes_given, column_of, names_of, with_classes
from understudy.learn.logistic import Logistic
from understudy.learn.predictor import Predictor
from understudy.privacy.budget import DEFAULT_DELTA, Promise
from understudy.privacy.ledger import Ledger
from understudy.privacy.unit import Unit
from understudy.schema import Schema, check_against, load_schema


class Refused(InputError, ValueError):
    """Bad input to an estimator: an `InputError`, and the `ValueError` scikit-learn's users expect."""


@contextmanager
def _refusing() -> Iterator[None]:
    """Let bad input be refused in the way of both."""
    try:
        yield
    except Refused:
        raise
    except InputError as refused:
        raise Refused(refused.message, hint=refused.hint, **refused.facts) from refused


class _Private(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """What the estimators share: a fit through the curator, and a predictor."""

    name: ClassVar[str]
    epsilon: float | Promise
    delta: float
    schema: Schema | str | Path | None
    classes: Sequence[Any] | None
    unit: Unit | None
    ledger: Ledger | str | Path | None
    asset: str | None

    def _learner(self) -> Learner:
        """The learner with these settings; refuses those out of range."""
        raise NotImplementedError

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803  scikit-learn's names
        """Learn to predict `y` from `X`, within ε and δ.

        Parameters
        ----------
        X
            A pandas, polars or Arrow table, or an array of two dimensions.
        y
            The name of a column of `X`, or the classes themselves, one per row.

        Raises
        ------
        InputError, SchemaError
            Bad input; nothing was charged. Or no class stood out of the noise: declare them.
        BudgetError, LedgerError
            The ledger refused.
        """
        with _refusing():
            return self._fit(X, y)

    def _fit(self, X: Any, y: Any) -> Self:  # noqa: N803
        """`fit`, with this project's errors."""
        learner = self._learner()
        table, target = with_classes(X, y)
        declared = self.schema
        if isinstance(declared, str | Path):
            declared = load_schema(declared)
        declared = declared or Schema()
        check_against(declared, table.headers)
        budget = open_budget(
            self.epsilon,
            self.delta,
            self.unit or _unit_of(declared),
            ledger=self.ledger,
            asset=self.asset,
            purpose=f"learning to predict {target}",
        )
        curator = MemoryCurator(table, budget=budget)
        made = learner.fit(curator, declared, target=target, classes=self.classes)
        self._keep(Predictor(**{**_fields(made), "privacy": statement(budget)}))
        self.feature_names_in_ = np.array(
            [name for name in table.column_names if name != target], dtype=object
        )
        self.n_features_in_ = len(self.feature_names_in_)
        return self

    def _keep(self, made: Predictor) -> None:
        """Take a predictor for one's own."""
        self.predictor_ = made
        self.classes_ = made.classes
        self.privacy_ = made.privacy
        self.epsilon_spent_ = float(made.privacy.get("epsilon_spent", np.inf))

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:  # noqa: N803
        """Probability of every class, in the order of `classes_`, shape `(rows, classes)`."""
        with _refusing():
            return self._fitted(X).predict_proba(X)

    def decision_function(self, X: Any) -> npt.NDArray[np.float64]:  # noqa: N803
        """Scores, shape `(rows, classes)`; of two classes, how far the second is ahead."""
        with _refusing():
            scores = self._fitted(X).scores(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict(self, X: Any) -> npt.NDArray[Any]:  # noqa: N803
        """The most probable class of every row."""
        with _refusing():
            return self._fitted(X).predict(X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """Share of rows predicted rightly; `y` as in `fit`, a class that was not learned is wrong."""
        with _refusing():
            truth = column_of(X, y) if isinstance(y, str) else classes_given(y)
            told = self.predict(X)
            if len(truth) != len(told):
                raise InputError("there must be one class for every row")
        right = np.array([a == b for a, b in zip(told.tolist(), truth.tolist(), strict=True)])
        return float(np.average(right, weights=sample_weight))

    def save(self, folder: str | Path) -> Path:
        """Write the predictor into a folder: JSON and arrays, no pickle."""
        return self._fitted().save(folder)

    def _fitted(self, X: Any = None) -> Predictor:  # noqa: N803
        """The predictor, if there is one, and if an array has as many columns as it learned from."""
        if not hasattr(self, "predictor_"):
            raise NotFittedError(f"this {type(self).__name__} is not fitted yet: call `fit` first")
        if isinstance(X, np.ndarray | list) and len(names_of(X)) != self.n_features_in_:
            raise InputError(
                f"X has {len(names_of(X))} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input"
            )
        made: Predictor = self.predictor_
        return made

    def __sklearn_is_fitted__(self) -> bool:
        """Whether `fit` has come to an end."""
        return hasattr(self, "predictor_")

    def __sklearn_tags__(self) -> Any:
        """Noise cannot be repeated; frames of text and missing cells are welcome."""
        tags = super().__sklearn_tags__()
        tags.non_deterministic = isinstance(self.epsilon, float | int)
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


def _unit_of(schema: Schema) -> Unit | None:
    """The unit a schema declares."""
    if schema.unit is None:
        return None
    return Unit(column=schema.unit, max_rows=schema.max_rows_per_unit or 1)


def _fields(made: Predictor) -> dict[str, Any]:
    """A predictor's fields as they are."""
    return {name: getattr(made, name) for name in Predictor.__dataclass_fields__}


class LogisticRegression(_Private):
    """Logistic regression under differential privacy.

    Parameters
    ----------
    epsilon, delta
        The promise, for adding or removing one unit: ε > 0, 0 < δ < 0.01. `us.NON_PRIVATE` in the
        place of ε promises nothing: the form to compare with.
    schema
        Declared public facts, or the path of a schema file; nothing is declared by default.
    classes
        The classes, where they are public; by default the schema's, or those found privately.
    unit
        Whom the promise protects; by default the schema's unit, or a row.
    ledger, asset
        Where charges are written, and under which name; none by default.
    bins, steps, clip, ridge
        Public constants; see `Logistic`.

    Attributes
    ----------
    classes_
        From the declared or privately found domain, never from `y`.
    predictor_
        What is saved: a `Predictor`, whose `scorecard()` can be read.
    epsilon_spent_, privacy_
        The accountant's figure, and the statement with every charge.

    Guarantees
    ----------
    (ε, δ)-differential privacy of the fitted estimator under the unit; see `Logistic`.

    >>> from sklearn.base import clone
    >>> clone(LogisticRegression(epsilon=1.0)).get_params()["epsilon"]
    1.0
    """

    name: ClassVar[str] = "logistic"

    def __init__(
        self,
        *,
        epsilon: float | Promise,
        delta: float = DEFAULT_DELTA,
        schema: Schema | str | Path | None = None,
        classes: Sequence[Any] | None = None,
        unit: Unit | None = None,
        ledger: Ledger | str | Path | None = None,
        asset: str | None = None,
        bins: int | None = None,
        steps: int | None = None,
        clip: float = 2.0,
        ridge: float | None = None,
    ) -> None:
        self.epsilon, self.delta = epsilon, delta
        self.schema, self.classes, self.unit = schema, classes, unit
        self.ledger, self.asset = ledger, asset
        self.bins, self.steps, self.clip, self.ridge = bins, steps, clip, ridge

    def _learner(self) -> Learner:
        """Logistic regression with these settings."""
        return Logistic(bins=self.bins, steps=self.steps, clip=self.clip, ridge=self.ridge)


class _NaiveBayes(_Private):
    """Naive Bayes from noisy tables; its two forms differ in how a number speaks."""

    numbers: ClassVar[Literal["levels", "gaussian"]]

    def __init__(
        self,
        *,
        epsilon: float | Promise,
        delta: float = DEFAULT_DELTA,
        schema: Schema | str | Path | None = None,
        classes: Sequence[Any] | None = None,
        unit: Unit | None = None,
        ledger: Ledger | str | Path | None = None,
        asset: str | None = None,
        bins: int | None = None,
    ) -> None:
        self.epsilon, self.delta = epsilon, delta
        self.schema, self.classes, self.unit = schema, classes, unit
        self.ledger, self.asset = ledger, asset
        self.bins = bins

    def _learner(self) -> Learner:
        """Naive Bayes with these settings."""
        return Bayes(numbers=self.numbers, bins=self.bins)


class GaussianNB(_NaiveBayes):
    """Naive Bayes under differential privacy: numbers Gaussian within a class, labels as counted.

    Parameters and attributes are those of `LogisticRegression`, of whose settings there is `bins`
    alone. Moments come from noisy tables over ranges that were paid for or declared; see `Bayes`.

    >>> GaussianNB(epsilon=1.0).name
    'gaussian_nb'
    """

    name: ClassVar[str] = "gaussian_nb"
    numbers: ClassVar[Literal["levels", "gaussian"]] = "gaussian"


class HistogramNB(_NaiveBayes):
    """Naive Bayes under differential privacy: numbers by ranges of about equal mass, as counted.

    Parameters and attributes are those of `GaussianNB`. It makes no assumption about the shape of
    a number's distribution, and mostly ranks better for it.

    >>> HistogramNB(epsilon=1.0).name
    'histogram_nb'
    """

    name: ClassVar[str] = "histogram_nb"
    numbers: ClassVar[Literal["levels", "gaussian"]] = "levels"
