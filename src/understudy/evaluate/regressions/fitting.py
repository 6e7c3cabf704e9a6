"""Estimating a regression: coefficients, errors and intervals by statsmodels.

The only module of this room that imports statsmodels (the extra `regression`). What cannot be
estimated is NaN: columns that do not vary or follow from earlier ones, and coefficients that a
perfect separation sends to infinity. What may not happen here: knowing what a column means.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from understudy.schema.formulas import Family

Floats = NDArray[np.float64]
GROUPS = 10
"""Groups of rows that are left out in turn for an interval."""
_FOLLOWS = 1e-9
_FAR = 8.0
_STEPS = 30
_FARTHEST = 30.0
_NEAR = 1e-10
_Z = 1.959964


def regressions_can_be_fitted() -> bool:
    """Whether statsmodels is installed."""
    return find_spec("statsmodels") is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Coefficients:
    """Coefficients with their 95 % intervals and p-values, NaN where they are not estimated.

    Parameters
    ----------
    value, low, high, p
        One entry for each column of the design.
    constant
        Value, ends and p-value of the intercept.
    left_out
        Values with each tenth of the rows left out (groups x columns), by one step of Newton's
        method from the estimate; None below 100 rows.
    rows
        Rows the estimate rests on.
    dispersion
        Pearson's chi-squared per degree of freedom; 1 for a logistic regression.
    half_width
        Standard errors from a value to an end of its interval.
    """

    value: Floats
    low: Floats
    high: Floats
    p: Floats
    constant: tuple[float, float, float, float] = (np.nan, np.nan, np.nan, np.nan)
    left_out: Floats | None = field(default=None, repr=False)
    rows: int = 0
    dispersion: float = 1.0
    half_width: float = _Z

    @property
    def error(self) -> Floats:
        """Standard errors."""
        return np.asarray((self.high - self.low) / (2 * self.half_width))

    def at(self, chosen: NDArray[np.bool_]) -> Coefficients:
        """Some of the coefficients."""
        return replace(
            self,
            value=self.value[chosen],
            low=self.low[chosen],
            high=self.high[chosen],
            p=self.p[chosen],
            left_out=None if self.left_out is None else self.left_out[:, chosen],
        )

    def per(self, scales: Floats) -> Coefficients:
        """The coefficients for columns that are so many times larger."""
        return replace(
            self,
            value=self.value / scales,
            low=self.low / scales,
            high=self.high / scales,
            left_out=None if self.left_out is None else self.left_out / scales,
        )


def fit(outcome: Floats, design: Floats, *, family: Family = "linear") -> Coefficients | None:
    """Estimate a regression with an intercept.

    Parameters
    ----------
    outcome
        One finite number per row; 0 or 1 for `logistic`, at least 0 for `poisson`.
    design
        Rows x columns, finite, without the intercept.
    family
        `linear` (least squares), `logistic`, or `poisson` with errors scaled by Pearson's
        chi-squared, for counts vary more than a Poisson's.

    Returns
    -------
    Coefficients or None
        None if nothing can be estimated: too few rows, an outcome or predictors that do not
        vary, no convergence.

    Reference: P. McCullagh, J. A. Nelder, Generalized Linear Models, 1989, chapters 4 and 6.

    >>> x = np.arange(8.0)
    >>> found = fit(1 + 2 * x + np.array([1, -1, -1, 1, 1, -1, -1, 1]), x[:, None])
    >>> found.value.round(9).tolist()
    [2.0]
    """
    if outcome.size <= design.shape[1] + 1 or np.ptp(outcome) == 0:
        return None
    kept = independent_columns(design)
    if not kept.any():
        return None
    matrix = np.column_stack([np.ones(outcome.size), design[:, kept]])
    fitted = _estimated(outcome, matrix, family)
    if fitted is None:
        return None
    values = np.asarray(fitted.params, dtype=np.float64)
    ends = np.asarray(fitted.conf_int(), dtype=np.float64)
    errors = np.asarray(fitted.bse, dtype=np.float64)
    p = np.asarray(fitted.pvalues, dtype=np.float64)
    means = np.asarray(fitted.fittedvalues, dtype=np.float64)
    lost = ~np.isfinite(values) | ~np.isfinite(errors)
    if family != "linear":
        effect = np.abs(values[1:]) * np.ptp(matrix[:, 1:], axis=0)
        lost[1:] |= (effect > _FAR) & (errors[1:] > np.abs(values[1:]))
    if lost[1:].all():
        return None
    shown = np.where(lost, np.nan, values)
    left_out = _left_out(outcome, matrix, values, means, family)
    return Coefficients(
        value=_spread(shown[1:], kept),
        low=_spread(np.where(lost, np.nan, ends[:, 0])[1:], kept),
        high=_spread(np.where(lost, np.nan, ends[:, 1])[1:], kept),
        p=_spread(np.where(lost, np.nan, p)[1:], kept),
        constant=(float(values[0]), float(ends[0, 0]), float(ends[0, 1]), float(p[0])),
        left_out=None if left_out is None else _spread(left_out[:, 1:], kept),
        rows=int(outcome.size),
        dispersion=1.0 if family == "logistic" else float(fitted.scale),
        half_width=float((ends[0, 1] - values[0]) / errors[0]) if errors[0] > 0 else _Z,
    )


def independent_columns(design: Floats) -> NDArray[np.bool_]:
    """Mark the columns that vary and do not follow from the intercept and earlier columns.

    Parameters
    ----------
    design
        Rows x columns, finite.

    >>> x = np.array([[1.0, 2.0, 5.0], [2.0, 4.0, 5.0], [4.0, 8.0, 5.0]])
    >>> independent_columns(x).tolist()
    [True, False, False]
    """
    kept = np.ptp(design, axis=0) > 0 if design.size else np.zeros(design.shape[1], dtype=bool)
    spread = np.where(kept, design.std(axis=0) if design.size else 1.0, 1.0)
    kept &= spread > 0
    spread[spread == 0] = 1.0
    scaled = (design - design.mean(axis=0)) / spread if design.size else design
    gram = scaled.T @ scaled / max(1, design.shape[0])
    for at in range(design.shape[1]):
        pivot = gram[at, at]
        if not kept[at] or pivot < _FOLLOWS:
            kept[at] = False
            continue
        gram = gram - np.outer(gram[:, at], gram[at]) / pivot
    return np.asarray(kept)


def _estimated(outcome: Floats, matrix: Floats, family: Family) -> Any:
    """The results of statsmodels, or None."""
    from statsmodels.genmod.families import Binomial, Poisson
    from statsmodels.genmod.generalized_linear_model import GLM
    from statsmodels.regression.linear_model import OLS
    from statsmodels.tools.sm_exceptions import PerfectSeparationError

    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if family == "linear":
                return OLS(outcome, matrix).fit(method="qr")
            start = _started(outcome, matrix, family)
            how = {"start_params": start, "maxiter": _STEPS, "wls_method": "qr"}
            if family == "logistic":
                return GLM(outcome, matrix, family=Binomial()).fit(**how)
            return GLM(outcome, matrix, family=Poisson()).fit(scale="X2", **how)
    except (np.linalg.LinAlgError, PerfectSeparationError, ValueError):
        return None


def _started(outcome: Floats, matrix: Floats, family: Family) -> Floats | None:
    """Where the likelihood is nearly largest, by Newton's method on small matrices; or None."""
    mean = float(outcome.mean())
    values = np.zeros(matrix.shape[1])
    values[0] = np.log(mean / (1 - mean)) if family == "logistic" else np.log(mean)
    for _ in range(_STEPS):
        linear = np.clip(matrix @ values, -_FARTHEST, _FARTHEST)
        means = 1 / (1 + np.exp(-linear)) if family == "logistic" else np.exp(linear)
        weights = means * (1 - means) if family == "logistic" else means
        score = matrix.T @ (outcome - means)
        curve = (matrix * weights[:, None]).T @ matrix
        try:
            step = np.linalg.solve(curve, score)
        except np.linalg.LinAlgError:
            return None
        if not np.isfinite(step).all():
            return None
        values = values + step
        if float(score @ step) < _NEAR:
            return values
    return None


def _left_out(
    outcome: Floats, matrix: Floats, values: Floats, means: Floats, family: Family
) -> Floats | None:
    """Values with each group of rows left out, groups x columns, or None for few rows."""
    if outcome.size < 10 * GROUPS or not np.isfinite(values).all():
        return None
    weights = {
        "linear": np.ones_like(means),
        "logistic": means * (1 - means),
        "poisson": means,
    }[family]
    groups = np.arange(outcome.size) % GROUPS
    parts = [groups == group for group in range(GROUPS)]
    curves = [(matrix[part] * weights[part, None]).T @ matrix[part] for part in parts]
    scores = [matrix[part].T @ (outcome - means)[part] for part in parts]
    whole = np.sum(curves, axis=0)
    try:
        with np.errstate(all="ignore"):
            steps = [
                np.linalg.solve(whole - curve, score)
                for curve, score in zip(curves, scores, strict=True)
            ]
    except np.linalg.LinAlgError:
        return None
    return np.asarray(values - np.stack(steps))


def _spread(values: Floats, kept: NDArray[np.bool_]) -> Floats:
    """Values at the kept columns, NaN at the others."""
    result = np.full((*values.shape[:-1], kept.size), np.nan)
    result[..., kept] = values
    return result
