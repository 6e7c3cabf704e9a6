"""A regression where nobody named one: main effects of what goes most with a target.

Decided on the real rows alone. What may not happen here: an interaction or a transformation that
somebody would have to defend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from understudy.evaluate.fidelity.marginals import number_levels
from understudy.evaluate.reading import CannotAnswer, Codes, Floats, holds_numbers, numbers
from understudy.evaluate.tallies import cramers_v, joint, tally
from understudy.schema.formulas import Factor, Formula, Outcome

if TYPE_CHECKING:
    from understudy.evaluate.columns import Column, Tables

MOST_PREDICTORS = 8
"""Most predictors of a regression that nobody named."""
_ROWS = 10_000
_BINS = 20
_CLOSE = 0.4
NAMED = "name one, such as 'hours ~ age + C(sex)'"


def chosen_formula(tables: Tables, target: str) -> Formula:
    """Main effects of the columns with the largest correlation ratio with a target.

    Raises
    ------
    CannotAnswer
        The target is no number and has not two labels, or is not compared.
    """
    column = tables.column(target)
    if column is None:
        raise CannotAnswer(f"the target {target!r} is not compared; {NAMED}")
    outcome = _as_number(column)
    groups = {one.name: _levels(one) for one in tables.columns if one.name != target}
    ratios = {name: correlation_ratio(outcome, *held) for name, held in groups.items()}
    found: list[str] = []
    for name in sorted((name for name in ratios if ratios[name] > 0), key=lambda n: -ratios[n]):
        if len(found) == MOST_PREDICTORS:
            break
        if all(_apart(groups[name], groups[other]) for other in found):
            found.append(name)
    if not found:
        raise CannotAnswer(f"no other column varies with the target {target!r}; {NAMED}")
    terms = tuple((Factor(column=name),) for name in found)
    text = f"{Factor(column=target)} ~ {' + '.join(str(term[0]) for term in terms)}"
    return Formula(text=text, outcome=Outcome(column=target), terms=terms)


def correlation_ratio(outcome: Floats, codes: Codes, size: int) -> float:
    """Share of an outcome's variance between groups, adjusted for their number, 0 to 1.

    Parameters
    ----------
    outcome
        Numbers, NaN for missing.
    codes
        Group of each row, below `size`.

    >>> y = np.array([0.0, 0.0, 1.0, 1.0])
    >>> correlation_ratio(y, np.array([0, 0, 1, 1]), 2)
    1.0
    """
    known = ~np.isnan(outcome)
    values, groups = outcome[known], codes[known]
    counts = np.bincount(groups, minlength=size)
    used = int(np.count_nonzero(counts))
    if values.size <= used or used < 2 or np.ptp(values) == 0:
        return 0.0
    means = np.bincount(groups, weights=values, minlength=size) / np.maximum(counts, 1)
    whole = float(((values - values.mean()) ** 2).sum())
    within = float(((values - means[groups]) ** 2).sum())
    adjusted = (within / (values.size - used)) / (whole / (values.size - 1))
    return max(0.0, 1.0 - adjusted)


def _apart(first: tuple[Codes, int], second: tuple[Codes, int]) -> bool:
    """Whether two predictors are not so close that their coefficients mean little together."""
    flat, cells = joint([first[0], second[0]], [first[1], second[1]])
    (counts,) = tally([flat], cells)
    there = np.flatnonzero(counts)
    strength = cramers_v(counts[there], there // second[1], there % second[1])
    return not strength > _CLOSE


def _as_number(column: Column) -> Floats:
    """The first rows of a target as numbers; one of two labels is 1."""
    held = column.train[:_ROWS]
    if column.is_category and column.real_levels == 2:
        return np.where(held < 0, np.nan, (held == 1).astype(np.float64))
    if not holds_numbers(column) or column.kind == "datetime":
        raise CannotAnswer(
            f"the target {column.name!r} is no number and has not two labels; {NAMED}"
        )
    return numbers(column, held)


def _levels(column: Column) -> tuple[Codes, int]:
    """Coarse groups of the first rows of a predictor, and how many there are."""
    held = column.train[:_ROWS]
    if column.is_category:
        return np.minimum(held.astype(np.int64), _BINS) + 1, _BINS + 2
    levels = number_levels(column.train, _BINS)
    return levels.codes(held), levels.size
