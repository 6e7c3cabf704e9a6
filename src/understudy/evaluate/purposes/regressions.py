"""Regressions: the same model on real and on other rows, coefficient by coefficient.

Numbers count in real standard deviations, labels are indicators against the most frequent label.
The parts are those of `evaluate.regressions`. What may not happen here: a fit or a design of its
own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from understudy.evaluate.purposes.answer import Answer, answered, broken_down
from understudy.evaluate.reading import CannotAnswer, parts_of
from understudy.evaluate.regressions.agreement import Agreement, agreement
from understudy.evaluate.regressions.design import prepared
from understudy.evaluate.regressions.fitting import Coefficients, fit, regressions_can_be_fitted
from understudy.schema.formulas import Factor, Outcome

if TYPE_CHECKING:
    from understudy.evaluate.columns import Tables
    from understudy.schema import RegressionPurpose


def answer_regression(
    purpose: RegressionPurpose, tables: Tables, rng: np.random.Generator
) -> Answer:
    """Compare the coefficients on real rows with those on every other part."""
    if not regressions_can_be_fitted():
        raise CannotAnswer("regressions need statsmodels: install understudy[regression]")
    parts = parts_of(tables, purpose.columns_named, rng)
    terms = [
        (Factor(column=name, transform="C" if parts.columns[name].is_category else ""),)
        for name in purpose.predictors
    ]
    outcome = Outcome(
        column=purpose.outcome, family=purpose.model, equals=purpose.equals, above=purpose.above
    )
    made = prepared(parts, outcome, terms, standard=True)
    fits = {
        part: fit(made.outcomes[part], made.designs[part], family=made.family)
        for part in parts.arrays
    }
    real = fits["train"]
    if real is None:
        raise CannotAnswer("the model cannot be estimated on the real rows")
    kept = ~np.isnan(real.value)
    real = real.at(kept)
    others = {
        part: None if found is None else found.at(kept)
        for part, found in fits.items()
        if part in parts.others
    }
    measures = {part: _measures(real, other) for part, other in others.items()}
    names = [name for name, there in zip(made.names, kept, strict=True) if there]
    return answered(
        purpose,
        measures["synthetic"],
        holdout=measures.get("holdout"),
        independent=measures.get("independent"),
        anchor=parts.anchor,
        reason="" if others["synthetic"] else "it cannot be estimated on the synthetic rows",
        breakdown=broken_down(_HEADS, _lines(names, real, others["synthetic"])),
    )


def _measures(real: Coefficients, other: Coefficients | None) -> dict[str, float | None]:
    """The three measures of a regression; a coefficient that is not estimated counts as lost."""
    if other is None:
        return {"interval_overlap": 0.0, "same_conclusion": 0.0, "coefficient_difference": None}
    found = agreement(real, other)
    lost = np.isnan(other.value)
    return {
        "interval_overlap": float(found.overlap.mean()),
        "same_conclusion": float(found.conclusion.mean()),
        "coefficient_difference": None
        if lost.any()
        else float(np.abs(real.value - other.value).max()),
    }


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
    found: Agreement = agreement(real, made)
    overlap, same = found.overlap, found.conclusion
    lines: list[tuple[str | float | None, ...]] = [
        (name, float(real.value[at]), float(real.low[at]), float(real.high[at]),
         float(made.value[at]), float(made.low[at]), float(made.high[at]), float(overlap[at]),
         "yes" if same[at] else "no")
        for at, name in enumerate(names)
    ]  # fmt: skip
    return [lines[at] for at in np.argsort(overlap, kind="stable")]
