"""From a formula to numbers: outcome and design of every table, decided on the real rows.

Numbers enter as they are, labels as indicators against the most frequent label, rare labels
share one. A missing value anywhere leaves the row out. What may not happen here: a fit, or a
value from the data in a message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluate.reading import (
    CannotAnswer,
    Floats,
    Parts,
    holds_numbers,
    numbers,
    yes_or_no,
)

if TYPE_CHECKING:
    from understudy.evaluate.columns import Column
    from understudy.schema.formulas import Factor, Family, Outcome

MOST_LEVELS = 20
"""Most labels of a column that have a coefficient of their own."""
RARE = 0.01
"""Labels with a smaller share of the real rows share one coefficient."""
MOST_COLUMNS = 300
"""Most coefficients of one regression."""
_SMALLEST = 30
_RARER = -2
_YEAR = 365.25 * 86_400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """What one factor puts into a column of the design.

    Parameters
    ----------
    factor
        The factor.
    name
        What the piece is called.
    level
        None for a number, a code for a label, -2 for all rarer labels together.
    kept
        How many labels have a piece of their own, the reference included.
    labels
        Numbers used as labels, by real frequency; empty for other columns.
    centre, scale
        What a number is shifted and divided by.
    """

    factor: Factor
    name: str = field(repr=False)
    level: int | None = None
    kept: int = 0
    labels: Floats = field(default_factory=lambda: np.empty(0), repr=False)
    centre: float = 0.0
    scale: float = 1.0

    def values(self, column: Column, held: NDArray[Any]) -> Floats:
        """The piece at every row; NaN where the column is missing or the factor undefined."""
        if self.level is None:
            return (_number(column, self.factor, held) - self.centre) / self.scale
        codes = _codes(column, held, self.labels)
        there = codes >= self.kept if self.level == _RARER else codes == self.level
        return np.where(codes < 0, np.nan, there.astype(np.float64))


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A regression as arrays.

    Parameters
    ----------
    names
        What each column of the design is called.
    scales
        Size of each column, which it was divided by.
    designs, outcomes
        By part: rows x columns, and one number per row, complete rows only.
    family, event
        How the outcome is explained, and which value counts as yes.
    incomplete
        By part: rows left out because a value is missing or undefined.
    """

    names: tuple[str, ...] = field(repr=False)
    scales: Floats = field(repr=False)
    designs: Mapping[str, Floats] = field(repr=False)
    outcomes: Mapping[str, Floats] = field(repr=False)
    family: Family
    event: str = field(default="", repr=False)
    incomplete: Mapping[str, int] = field(default_factory=dict)


def prepared(
    parts: Parts,
    outcome: Outcome,
    terms: Sequence[Sequence[Factor]],
    *,
    standard: bool = False,
) -> Prepared:
    """Turn a formula into arrays.

    Parameters
    ----------
    parts
        The columns it names, of every table.
    outcome, terms
        Of a formula.
    standard
        Whether numbers are counted in real standard deviations from their real mean, the
        outcome of a linear regression too.

    Raises
    ------
    CannotAnswer
        A column does not fit what is asked of it, or too few real rows are complete.
    """
    pieces = {
        factor: _pieces(parts.columns[factor.column], factor, standard=standard)
        for term in terms
        for factor in term
    }
    columns = [column for term in terms for column in _products([pieces[one] for one in term])]
    if len(columns) > MOST_COLUMNS:
        raise CannotAnswer(f"it would have {len(columns)} coefficients, {MOST_COLUMNS} are allowed")
    family, event, outcomes = _outcomes(parts, outcome, standard=standard)
    designs = {part: _design(parts, held, columns) for part, held in parts.arrays.items()}
    whole = {
        part: ~np.isnan(outcomes[part]) & ~np.isnan(design).any(axis=1)
        for part, design in designs.items()
    }
    real = designs["train"][whole["train"]]
    if not columns or not real.size or not (np.ptp(real, axis=0) > 0).any():
        raise CannotAnswer("too few complete real rows, or no predictor that varies")
    if len(real) < max(_SMALLEST, 2 * len(columns)):
        raise CannotAnswer("too few complete real rows for so many coefficients")
    if np.ptp(outcomes["train"][whole["train"]]) == 0:
        raise CannotAnswer(f"the outcome {outcome.column!r} does not vary")
    scales = np.sqrt((real**2).mean(axis=0))
    scales[scales == 0] = 1.0
    if standard:
        scales = np.ones(len(columns))
    return Prepared(
        names=tuple(" : ".join(piece.name for piece in column) for column in columns),
        scales=scales,
        designs={part: design[whole[part]] / scales for part, design in designs.items()},
        outcomes={part: values[whole[part]] for part, values in outcomes.items()},
        family=family,
        event=event,
        incomplete={part: int((~mask).sum()) for part, mask in whole.items()},
    )


def _pieces(column: Column, factor: Factor, *, standard: bool) -> list[Piece]:
    """Pieces of one factor, decided on the real rows."""
    as_labels = factor.transform == "C" or (
        column.is_category and not factor.transform and not holds_numbers(column)
    )
    if as_labels:
        return _label_pieces(column, factor)
    known = _number(column, factor, column.train)
    known = known[~np.isnan(known)]
    if known.size == 0 or np.ptp(known) == 0:
        return []
    name = str(factor) + (" (years)" if column.kind == "datetime" else "")
    if not standard:
        return [Piece(factor=factor, name=name)]
    return [Piece(factor=factor, name=name, centre=float(known.mean()), scale=float(known.std()))]


def _label_pieces(column: Column, factor: Factor) -> list[Piece]:
    """Indicators of the labels but the most frequent; rarer ones together."""
    labels = np.empty(0)
    if column.is_category:
        names, real = column.levels, column.real_levels
    else:
        found, counted = np.unique(column.train[~np.isnan(column.train)], return_counts=True)
        labels = found[np.argsort(-counted, kind="stable")]
        names, real = tuple(f"{label:g}" for label in labels[:MOST_LEVELS]), labels.size
    codes = _codes(column, column.train, labels)
    counts = np.bincount(codes[codes >= 0], minlength=max(real, 1))
    least = max(_SMALLEST, RARE * counts.sum())
    kept = max(1, min(MOST_LEVELS, int((counts[:real] >= least).sum())))
    pieces = [
        Piece(factor=factor, name=f"{column.name} = {names[code]}", level=code, kept=kept,
              labels=labels)
        for code in range(1, kept)
    ]  # fmt: skip
    if counts[kept:].sum() > 0:
        pieces.append(
            Piece(factor=factor, name=f"{column.name}: rarer", level=_RARER, kept=kept,
                  labels=labels)
        )  # fmt: skip
    return pieces


def _codes(column: Column, held: NDArray[Any], labels: Floats) -> NDArray[Any]:
    """Codes of a column used as labels; a number that real rows lack is beyond them."""
    if column.is_category:
        return held
    order = np.argsort(labels)
    place = np.minimum(np.searchsorted(labels[order], held), max(0, labels.size - 1))
    known = labels[order][place] == held
    return np.where(np.isnan(held), -1, np.where(known, order[place], labels.size))


def _number(column: Column, factor: Factor, held: NDArray[Any]) -> Floats:
    """A column as numbers, transformed; NaN where that is not defined."""
    if column.kind == "datetime":
        values = np.asarray(held, dtype=np.float64) / _YEAR
    else:
        values = numbers(column, held)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        if factor.transform == "log":
            values = np.log(np.where(values > 0, values, np.nan))
        elif factor.transform == "sqrt":
            values = np.sqrt(np.where(values >= 0, values, np.nan))
        values = values**factor.power
    return np.where(np.isfinite(values), values, np.nan)


def _products(parts: Sequence[Sequence[Piece]]) -> list[tuple[Piece, ...]]:
    """Every product of one piece of each factor."""
    columns: list[tuple[Piece, ...]] = [()]
    for part in parts:
        columns = [(*column, one) for column in columns for one in part]
    return [] if columns == [()] else columns


def _design(
    parts: Parts, held: Mapping[str, NDArray[Any]], columns: Sequence[Sequence[Piece]]
) -> Floats:
    """Rows x columns of one table."""
    rows = len(next(iter(held.values())))
    made: dict[int, Floats] = {}
    matrix = np.empty((rows, len(columns)))
    for at, column in enumerate(columns):
        product = np.ones(rows)
        for piece in column:
            if id(piece) not in made:
                name = piece.factor.column
                made[id(piece)] = piece.values(parts.columns[name], held[name])
            product = product * made[id(piece)]
        matrix[:, at] = product
    return matrix


def _outcomes(
    parts: Parts, outcome: Outcome, *, standard: bool
) -> tuple[Family, str, dict[str, Floats]]:
    """The family, the value that counts as yes, and the outcome of every table."""
    column = parts.columns[outcome.column]
    held = {part: arrays[outcome.column] for part, arrays in parts.arrays.items()}
    family = outcome.family or _family(column)
    if family == "logistic":
        equals, above = outcome.equals, outcome.above
        if equals is None and above is None:
            equals = _event(column)
        read = {part: yes_or_no(column, values, equals, above) for part, values in held.items()}
        return family, equals if equals is not None else f"above {above:g}", read
    read = {part: numbers(column, values) for part, values in held.items()}
    if family == "poisson":
        if (read["train"] < 0).any():
            raise CannotAnswer(f"{outcome.column!r} holds negative numbers, which are no counts")
        read = {part: np.where(values < 0, np.nan, values) for part, values in read.items()}
    if outcome.log:
        with np.errstate(invalid="ignore", divide="ignore"):
            read = {p: np.log(np.where(v > 0, v, np.nan)) for p, v in read.items()}
    if standard:
        known = read["train"][~np.isnan(read["train"])]
        if known.size == 0 or np.ptp(known) == 0:
            raise CannotAnswer(f"the outcome {outcome.column!r} does not vary")
        read = {part: (values - known.mean()) / known.std() for part, values in read.items()}
    return family, "", read


def _family(column: Column) -> Family:
    """What the column itself asks for: two labels logistic, numbers linear."""
    if column.is_category and column.real_levels == 2:
        return "logistic"
    if not holds_numbers(column):
        raise CannotAnswer(
            f"{column.name!r} has neither two labels nor numbers; say which label counts as yes: "
            f"logit({column.name} == 'label') ~ …"
        )
    return "linear"


def _event(column: Column) -> str:
    """The label that counts as yes: true, the larger number, or the rarer of two labels."""
    if not column.is_category or column.real_levels != 2:
        raise CannotAnswer(
            f"{column.name!r} does not have two labels; say which counts as yes: "
            f"logit({column.name} == 'label') ~ …"
        )
    pair = column.levels[:2]
    if {label.lower() for label in pair} == {"true", "false"}:
        return next(label for label in pair if label.lower() == "true")
    if holds_numbers(column):
        return max(pair, key=float)
    return pair[1]
