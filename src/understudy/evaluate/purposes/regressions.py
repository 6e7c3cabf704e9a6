"""Regressions: the same model on real and on other rows, coefficient by coefficient.

The design is decided on the real rows: numbers are centred and scaled by them, labels become
indicators against the most frequent label, rare labels share one. Rows with a missing value are
left out. The only module of this room that imports statsmodels. What may not happen here:
fitting a design to other rows than the real ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluate.purposes.answer import Answer, answered, broken_down
from understudy.evaluate.purposes.reading import (
    CannotAnswer,
    Floats,
    Parts,
    numbers,
    parts_of,
    yes_or_no,
)

if TYPE_CHECKING:
    from understudy.evaluate.columns import Column, Tables
    from understudy.schema import RegressionPurpose

MOST_LEVELS = 20
RARE = 0.01
SIGNIFICANT = 0.05
_SMALLEST = 30


def regressions_can_be_fitted() -> bool:
    """Whether statsmodels is installed."""
    return find_spec("statsmodels") is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Coefficients:
    """Coefficients with their 95 % intervals and p-values, NaN where they are not estimated."""

    value: Floats
    low: Floats
    high: Floats
    p: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """A column of the design: a number, scaled by the real rows, or the indicator of a label.

    `level` is None for a number, a code for a label, -2 for all rarer labels together.
    """

    column: str
    name: str = field(repr=False)
    level: int | None = None
    kept: int = 0
    centre: float = 0.0
    scale: float = 1.0


def answer_regression(
    purpose: RegressionPurpose, tables: Tables, rng: np.random.Generator
) -> Answer:
    """Compare the coefficients on real rows with those on every other part."""
    if not regressions_can_be_fitted():
        raise CannotAnswer("regressions need statsmodels: install understudy[regression]")
    parts = parts_of(tables, purpose.columns_named, rng)
    terms = [term for name in purpose.predictors for term in _terms(parts.columns[name])]
    outcome = _outcomes(purpose, parts)
    design = {part: _design(parts, part, terms) for part in parts.arrays}
    complete = {
        part: ~np.isnan(outcome[part]) & ~np.isnan(design[part]).any(axis=1)
        for part in parts.arrays
    }
    varies = (
        np.ptp(design["train"][complete["train"]], axis=0) > 0 if complete["train"].any() else []
    )
    kept = [at for at, one in enumerate(varies) if one]
    if not kept or complete["train"].sum() < max(_SMALLEST, 2 * len(kept)):
        raise CannotAnswer("too few complete real rows, or no predictor that varies")
    fits = {
        part: fit(
            outcome[part][complete[part]],
            design[part][complete[part]][:, kept],
            logistic=purpose.model == "logistic",
        )
        for part in parts.arrays
    }
    real = fits["train"]
    if real is None or np.isnan(real.value).any():
        raise CannotAnswer("the model cannot be estimated on the real rows")
    found = {part: _measures(real, fits[part]) for part in parts.others}
    names = [terms[at].name for at in kept]
    return answered(
        purpose,
        found["synthetic"],
        holdout=found.get("holdout"),
        independent=found.get("independent"),
        anchor=parts.anchor,
        reason="" if fits["synthetic"] else "it cannot be estimated on the synthetic rows",
        breakdown=broken_down(_HEADS, _lines(names, real, fits["synthetic"])),
    )


def interval_overlap(first: tuple[Floats, Floats], second: tuple[Floats, Floats]) -> Floats:
    """Mean overlap of intervals, as a part of each; 0 where they are apart, 1 where they are equal.

    Reference: A. F. Karr et al., A framework for evaluating the utility of data altered to protect
    confidentiality, The American Statistician 60 (2006); negative overlaps are counted as 0.

    >>> a, b = (np.array([0.0]), np.array([4.0])), (np.array([3.0]), np.array([5.0]))
    >>> interval_overlap(a, b).tolist()
    [0.375]
    """
    common = np.minimum(first[1], second[1]) - np.maximum(first[0], second[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = 0.5 * (common / (first[1] - first[0]) + common / (second[1] - second[0]))
    same = (first[0] == second[0]) & (first[1] == second[1])
    return np.where(same, 1.0, np.clip(np.nan_to_num(parts, nan=0.0), 0.0, 1.0))


def fit(outcome: Floats, design: Floats, *, logistic: bool) -> Coefficients | None:
    """Ordinary least squares or logistic regression with an intercept; None if it has no solution.

    Columns that do not vary here get no coefficient.
    """
    import statsmodels.api as sm
    from statsmodels.tools.sm_exceptions import PerfectSeparationError

    if outcome.size <= design.shape[1] + 1 or np.ptp(outcome) == 0:
        return None
    varies = np.ptp(design, axis=0) > 0
    matrix = np.column_stack([np.ones(outcome.size), design[:, varies]])
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if logistic:
                fitted: Any = sm.GLM(outcome, matrix, family=sm.families.Binomial()).fit()
            else:
                fitted = sm.OLS(outcome, matrix).fit()
            ends = np.asarray(fitted.conf_int(), dtype=np.float64)
    except (np.linalg.LinAlgError, PerfectSeparationError, ValueError):
        return None
    found = (fitted.params, ends[:, 0], ends[:, 1], fitted.pvalues)
    return Coefficients(**dict(zip(("value", "low", "high", "p"), (
        _spread(np.asarray(one, dtype=np.float64)[1:], varies) for one in found
    ), strict=True)))  # fmt: skip


def _spread(values: Floats, varies: NDArray[np.bool_]) -> Floats:
    """Values at the columns that vary, NaN at the others."""
    result = np.full(varies.size, np.nan)
    result[varies] = values
    return result


def _measures(real: Coefficients, other: Coefficients | None) -> dict[str, float | None]:
    """The three measures of a regression; a coefficient that is not estimated counts as lost."""
    if other is None:
        return {"interval_overlap": 0.0, "same_conclusion": 0.0, "coefficient_difference": None}
    lost = np.isnan(other.value)
    overlap = np.where(lost, 0.0, interval_overlap((real.low, real.high), (other.low, other.high)))
    return {
        "interval_overlap": float(overlap.mean()),
        "same_conclusion": float(same_conclusion(real, other).mean()),
        "coefficient_difference": None
        if lost.any()
        else float(np.abs(real.value - other.value).max()),
    }


def same_conclusion(real: Coefficients, other: Coefficients) -> NDArray[np.bool_]:
    """Both significant at 5 % with the same sign, or neither significant."""
    significant = real.p < SIGNIFICANT, other.p < SIGNIFICANT
    both = significant[0] & significant[1] & (np.sign(real.value) == np.sign(other.value))
    neither = ~significant[0] & ~significant[1]
    return np.asarray((both | neither) & ~np.isnan(other.value))


_HEADS = ("Term", "Real", "from", "to", "Synthetic", "from", "to", "Overlap", "Same conclusion")


def _lines(
    names: Sequence[str], real: Coefficients, made: Coefficients | None
) -> list[tuple[str | float | None, ...]]:
    """Every coefficient on real and synthetic rows, the least overlap first."""
    if made is None:
        return [
            (name, float(real.value[at]), float(real.low[at]), float(real.high[at]),
             None, None, None, 0.0, "no")
            for at, name in enumerate(names)
        ]  # fmt: skip
    overlap = interval_overlap((real.low, real.high), (made.low, made.high))
    same = same_conclusion(real, made)
    lines: list[tuple[str | float | None, ...]] = [
        (name, float(real.value[at]), float(real.low[at]), float(real.high[at]),
         float(made.value[at]), float(made.low[at]), float(made.high[at]), float(overlap[at]),
         "yes" if same[at] else "no")
        for at, name in enumerate(names)
    ]  # fmt: skip
    return [lines[at] for at in np.argsort(overlap, kind="stable")]


def _terms(column: Column) -> list[Term]:
    """Columns of the design that stand for one predictor, decided on the real rows."""
    if column.kind == "datetime" or not column.is_category:
        known = column.train[~np.isnan(column.train)]
        if known.size == 0 or np.ptp(known) == 0:
            return []
        return [
            Term(column=column.name, name=column.name, centre=float(known.mean()),
                 scale=float(known.std()))
        ]  # fmt: skip
    counts = np.bincount(column.train[column.train >= 0], minlength=max(column.real_levels, 1))
    least = max(_SMALLEST, RARE * counts.sum())
    kept = max(1, min(MOST_LEVELS, int((counts[: column.real_levels] >= least).sum())))
    terms = [
        Term(column=column.name, name=f"{column.name} = {column.levels[code]}", level=code,
             kept=kept)
        for code in range(1, kept)
    ]  # fmt: skip
    if counts[kept:].sum() > 0:
        terms.append(Term(column=column.name, name=f"{column.name}: rarer", level=-2, kept=kept))
    return terms


def _design(parts: Parts, part: str, terms: Sequence[Term]) -> Floats:
    """Rows x terms; NaN where the predictor is missing."""
    held = parts.arrays[part]
    columns = []
    for term in terms:
        values = held[term.column]
        if term.level is None:
            columns.append((values - term.centre) / term.scale)
            continue
        there = values >= term.kept if term.level == -2 else values == term.level
        columns.append(np.where(values < 0, np.nan, there.astype(np.float64)))
    return np.column_stack(columns) if columns else np.empty((parts.rows[part], 0))


def _outcomes(purpose: RegressionPurpose, parts: Parts) -> Mapping[str, Floats]:
    """The outcome of every part: yes or no, or a number in real standard deviations."""
    column = parts.columns[purpose.outcome]
    held = {part: arrays[purpose.outcome] for part, arrays in parts.arrays.items()}
    if purpose.model == "logistic":
        return {
            part: yes_or_no(column, values, purpose.equals, purpose.above)
            for part, values in held.items()
        }
    read = {part: numbers(column, values) for part, values in held.items()}
    known = read["train"][~np.isnan(read["train"])]
    if known.size == 0 or np.ptp(known) == 0:
        raise CannotAnswer(f"the outcome {purpose.outcome!r} does not vary")
    return {part: (values - known.mean()) / known.std() for part, values in read.items()}
