"""pMSE: how far a model's guess of where a row comes from strays from a coin's.

Rows of the real and of another table are put together, a model estimates for each the
probability that it is of the other, and pMSE is the mean squared distance of that probability
from the share of other rows. It has no scale of its own, so it is divided by what it would be if
the other table were a second sample of the real population: near 1 says that the model finds no
more than it would between two real samples. What may not happen here: reading cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluate.apart.logistic import fit_logistic
from understudy.evaluate.apart.pooled import (
    FEWEST,
    MOST_COLUMNS,
    Pile,
    arrays_of,
    compact,
    compared_rows,
    fewer_columns,
    pile,
    rows_each,
    with_products,
)
from understudy.evaluate.figure import Anchors, Figure, Measured, Metric, Settings, Skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from understudy.evaluate.columns import Tables

REFERENCE = (
    "J. Snoke, G. M. Raab, B. Nowok, C. Dibben, A. Slavkovic, General and specific utility "
    "measures for synthetic data, JRSS A 181 (2018)"
)
ROWS = 10_000
ROWS_OF_PRODUCTS = 5_000
QUICK_ROWS = 2_000
FEATURES_WITH_PRODUCTS = 20
PERMUTATIONS = 10
_LEAVES = 50
_LEAF = 20
_Z = 1.959964
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Propensity:
    """A pMSE beside its null.

    Parameters
    ----------
    pmse
        Between 0 and max(c, 1 - c) squared for a share c of other rows.
    null
        Its expectation between two samples of one population, positive.
    freedom
        Degrees of freedom of the null: pmse / null is chi-squared over them, about.
    parameters
        Parameters of a logistic model; 0 for a tree, whose null is simulated.
    widening
        Factor on intervals for a null whose mean and spread are estimated from a few draws.
    """

    pmse: float
    null: float
    freedom: float
    parameters: int = 0
    widening: float = 1.0

    @property
    def ratio(self) -> float:
        """PMSE in units of its null: 1 for a second real sample."""
        return self.pmse / self.null

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the ratio: normal approximation of the non-central chi-squared.

        >>> low, high = Propensity(pmse=0.01, null=0.01, freedom=50.0).interval
        >>> round(low, 3), round(high, 3)
        (0.608, 1.392)
        """
        total = self.ratio * self.freedom
        beyond = max(0.0, total - self.freedom)
        half = _Z * self.widening * float(np.sqrt(2.0 * (self.freedom + 2.0 * beyond)))
        return max(0.0, (total - half) / self.freedom), (total + half) / self.freedom

    @property
    def null_range(self) -> tuple[float, float]:
        """Where 95 % of the ratios between two real samples lie."""
        from scipy.stats import chi2

        low, high = chi2.ppf([0.025, 0.975], self.freedom) / self.freedom
        return (
            max(0.0, 1.0 - self.widening * float(1.0 - low)),
            1.0 + self.widening * float(high - 1.0),
        )


def pmse(probabilities: Floats, share: float) -> float:
    """Mean squared distance of estimated probabilities from the share of other rows.

    Parameters
    ----------
    probabilities
        Estimated probability of being a row of the other table, per row.
    share
        Share of other rows, between 0 and 1.

    >>> pmse(np.array([1.0, 0.0]), 0.5)
    0.25
    """
    return float(np.mean((probabilities - share) ** 2))


def null_of_fixed_rows(parameters: int, share: float, rows: int) -> float:
    """Null of Snoke et al.: the other table is drawn from the true model fitted to these rows.

    `(k - 1) (1 - c)**2 c / N` for k parameters with the intercept, a share c of other rows and N
    rows in all (their appendix; synthpop's S_pMSE divides by it).

    >>> null_of_fixed_rows(9, 0.5, 1000)
    0.001
    """
    return (parameters - 1) * (1.0 - share) ** 2 * share / rows


def null_of_two_samples(parameters: int, share: float, rows: int) -> float:
    """Null between two samples of one population: `(k - 1) (1 - c) c / N`.

    The real rows vary too, which makes it 1 / (1 - c) times the null of fixed rows: with p - c
    linear in the estimated coefficients, N pMSE is c (1 - c) times a chi-squared of k - 1.

    >>> null_of_two_samples(9, 0.5, 1000)
    0.002
    """
    return (parameters - 1) * (1.0 - share) * share / rows


def logistic_propensity(matrix: NDArray[np.floating], other: NDArray[np.bool_]) -> Propensity:
    """PMSE of a logistic regression with its null in closed form.

    Parameters
    ----------
    matrix
        Rows x features; what is constant or repeated is no parameter.
    other
        Whether a row comes from the other table.

    >>> rng = np.random.default_rng(0)
    >>> found = logistic_propensity(rng.normal(size=(400, 5)), np.arange(400) % 2 == 0)
    >>> found.parameters, 0.0 < found.ratio < 5.0
    (6, True)
    """
    share = float(other.mean())
    fitted = fit_logistic(matrix, other)
    parameters = max(2, fitted.parameters)
    return Propensity(
        pmse=pmse(fitted.probabilities(matrix), share),
        null=null_of_two_samples(parameters, share, len(matrix)),
        freedom=float(parameters - 1),
        parameters=parameters,
    )


def tree_propensity(
    matrix: NDArray[np.floating],
    other: NDArray[np.bool_],
    rng: np.random.Generator,
    *,
    permutations: int = PERMUTATIONS,
) -> Propensity:
    """PMSE of a classification tree; its null is the mean over permuted labels.

    Parameters
    ----------
    matrix
        Rows x features.
    other
        Whether a row comes from the other table.
    rng
        Permutes the labels.
    permutations
        At least 2.
    """
    from scipy.stats import t

    share = float(other.mean())
    null = np.array(
        [_tree_pmse(matrix, rng.permutation(other), share) for _ in range(permutations)]
    )
    mean = max(float(null.mean()), 1e-12)
    spread = max(float(null.var(ddof=1)), 1e-18)
    quantile = float(t.ppf(0.975, permutations - 1))
    return Propensity(
        pmse=_tree_pmse(matrix, other, share),
        null=mean,
        freedom=max(1.0, 2 * mean**2 / spread),
        widening=quantile / _Z * float(np.sqrt(1.0 + 1.0 / permutations)),
    )


def _tree_pmse(matrix: NDArray[np.floating], other: NDArray[np.bool_], share: float) -> float:
    """PMSE of one tree."""
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(
        max_leaf_nodes=_LEAVES, min_samples_leaf=min(_LEAF, len(matrix) // 4), random_state=0
    )
    chances = tree.fit(matrix, other).predict_proba(matrix)
    return pmse(chances[:, -1], share)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Model:
    """One way to estimate propensities, and what it is called."""

    key: str
    title: str
    rows: int
    explanation: str
    measure: Callable[[Pile, np.random.Generator, int], Propensity | None]


def _main(part: Pile, _rng: np.random.Generator, _permutations: int) -> Propensity | None:
    """Main effects only."""
    return logistic_propensity(part.one_hot, part.other)


def _products(part: Pile, _rng: np.random.Generator, _permutations: int) -> Propensity | None:
    """Main effects and products of every two, None where there are too many columns."""
    small = compact(part, FEATURES_WITH_PRODUCTS)
    if small is None or small.shape[1] ** 2 > part.rows / 4:
        return None
    return logistic_propensity(with_products(small), part.other)


def _tree(part: Pile, rng: np.random.Generator, permutations: int) -> Propensity | None:
    """A classification tree."""
    return tree_propensity(part.ordinal, part.other, rng, permutations=permutations)


_MODELS = (
    _Model(
        key="pmse_logistic",
        title="pMSE ratio, logistic",
        rows=ROWS,
        explanation="A logistic regression on every column by itself: it sees means and shares.",
        measure=_main,
    ),
    _Model(
        key="pmse_interactions",
        title="pMSE ratio, logistic with interactions",
        rows=ROWS_OF_PRODUCTS,
        explanation="A logistic regression that also sees how every two columns go together.",
        measure=_products,
    ),
    _Model(
        key="pmse_cart",
        title="pMSE ratio, classification tree",
        rows=ROWS_OF_PRODUCTS,
        explanation="A classification tree: it sees thresholds and combinations.",
        measure=_tree,
    ),
)


def measure_propensity(tables: Tables, settings: Settings, rng: np.random.Generator) -> Measured:
    """PMSE ratios of three models on piles of as many real as other rows."""
    from understudy.evaluate.task.models import quiet_single_threaded

    tables = fewer_columns(tables, MOST_COLUMNS)
    if not tables.columns:
        return Measured(skipped=_skip(_MODELS, "no comparable column"))
    if rows_each(tables, ROWS) < FEWEST:
        return Measured(skipped=_skip(_MODELS, f"fewer than {FEWEST} rows in one of the tables"))
    figures: list[Figure] = []
    skipped: list[Skipped] = []
    permutations = 5 if settings.quick else PERMUTATIONS

    def one(model: _Model, name: str, rng: np.random.Generator) -> Propensity | None:
        """The propensity of one table against as many training rows."""
        rows = rows_each(tables, QUICK_ROWS if settings.quick else model.rows)
        part = pile(tables.columns, arrays_of(tables, name, rng), rows, rng)
        return model.measure(part, rng, permutations)

    def anchor(model: _Model, name: str) -> Propensity | None:
        """The same of an anchor, measured once for all synthetic tables of one size."""
        key = (model.key, name, rows_each(tables, model.rows), settings.quick)
        return tables.once(key, lambda: one(model, name, tables.generator(key)))

    with quiet_single_threaded():
        for model in _MODELS:
            ours = one(model, "synthetic", rng)
            if ours is None:
                reason = "too many columns for the rows there are to fit every product"
                skipped += _skip([model], reason)
                continue
            names = ("holdout", "independent") if tables.has_holdout else ("independent",)
            found = {name: anchor(model, name) for name in names}
            rows = rows_each(tables, QUICK_ROWS if settings.quick else model.rows)
            counts = compared_rows(tables, rows)
            figures.append(_figure(model, ours, found, counts, permutations))
    return Measured(figures=tuple(figures), skipped=tuple(skipped))


def _figure(
    model: _Model,
    ours: Propensity,
    anchors: dict[str, Propensity | None],
    rows: dict[str, int],
    permutations: int,
) -> Figure:
    """The ratio of one model with what a statistician asks for."""
    known = {name: one for name, one in anchors.items() if one is not None}
    detail: dict[str, Any] = {
        "pmse": ours.pmse,
        "null": ours.null,
        "null_range_of_the_ratio": ours.null_range,
        "within_the_null_range": ours.ratio <= ours.null_range[1],
        "anchors_pmse": {name: one.pmse for name, one in known.items()},
        "rows": rows,
        "interval": "noncentral chi-squared, normal approximation: the draw of the rows",
    }
    if ours.parameters:
        fixed = null_of_fixed_rows(ours.parameters, 0.5, 2 * rows["of_each_table"])
        detail["parameters"] = ours.parameters
        detail["ratio_of_snoke"] = ours.pmse / fixed
        detail["null_is"] = (
            "(k - 1)(1 - c) c / N, a second real sample; ratio_of_snoke divides by "
            "(k - 1)(1 - c)² c / N, rows drawn from the true model fitted to these real rows"
        )
    else:
        detail["null_is"] = f"mean over {permutations} permutations of the labels"
    return Figure(
        key=model.key,
        title=model.title,
        group="distinguishability",
        value=ours.ratio,
        better="lower",
        target=1.0,
        interval=ours.interval,
        anchors=Anchors(**{name: one.ratio for name, one in known.items()}),
        unit="× null",
        explanation=(
            f"{model.explanation} The ratio says how much more it finds than between two real "
            "samples: about 1 is as good as real, and it grows with the rows compared."
        ),
        reference=REFERENCE,
        detail=detail,
    )


def _skip(models: Sequence[_Model], reason: str) -> tuple[Skipped, ...]:
    """Figures that are not measured."""
    return tuple(
        Skipped(key=model.key, title=model.title, group="distinguishability", reason=reason)
        for model in models
    )


PROPENSITY = Metric(
    key="propensity",
    title="Propensity",
    group="distinguishability",
    measure=measure_propensity,
    weight=4.0,
)
