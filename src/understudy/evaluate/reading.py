"""Columns as statistics and purposes read them: numbers, yes or no, classes, in one way.

What may not happen here: a value from the data in a message.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluate.fidelity.marginals import number_levels
from understudy.evaluate.tallies import joint

if TYPE_CHECKING:
    from understudy.evaluate.columns import Column, Tables

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
PARTS = ("train", "synthetic", "holdout", "independent")


class CannotAnswer(Exception):
    """A purpose that the tables cannot answer; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """The real table and those that stand in for it, each column in one meaning.

    `arrays[part][column]` is what `Column` holds: float64, or codes. The part `independent` is
    the real table with every column shuffled; `holdout` is there when real rows were held out.
    """

    columns: Mapping[str, Column] = field(repr=False)
    arrays: Mapping[str, Mapping[str, NDArray[Any]]] = field(repr=False)
    rows: Mapping[str, int]

    @property
    def others(self) -> tuple[str, ...]:
        """Parts that stand in for the real table."""
        return tuple(part for part in PARTS[1:] if part in self.arrays)

    @property
    def anchor(self) -> str:
        """What the holdout anchor is."""
        return f"real holdout of {self.rows['holdout']:,} rows" if "holdout" in self.rows else ""


def parts_of(tables: Tables, names: Sequence[str], rng: np.random.Generator) -> Parts:
    """The named columns of every table.

    Raises
    ------
    CannotAnswer
        A column is not comparable.
    """
    reasons = dict(tables.left_out)
    columns = {}
    for name in names:
        column = tables.column(name)
        if column is None:
            why = reasons.get(name, "not in both tables")
            raise CannotAnswer(f"column {name!r} cannot be compared: {why}")
        columns[name] = column
    arrays: dict[str, dict[str, NDArray[Any]]] = {
        "train": {name: column.train for name, column in columns.items()},
        "synthetic": {name: column.synthetic for name, column in columns.items()},
    }
    if tables.has_holdout:
        held = {n: c.holdout for n, c in columns.items() if c.holdout is not None}
        if len(held) == len(columns):
            arrays["holdout"] = held
    arrays["independent"] = {n: rng.permutation(c.train) for n, c in columns.items()}
    rows = {part: len(next(iter(held.values()))) for part, held in arrays.items()}
    return Parts(columns=columns, arrays=arrays, rows=rows)


def numbers(column: Column, values: NDArray[Any]) -> Floats:
    """Values of a column as numbers, NaN for missing; few-valued numbers are numbers again.

    Raises
    ------
    CannotAnswer
        The column holds labels or dates.
    """
    if column.kind == "numeric":
        return np.asarray(values, dtype=np.float64)
    read = _level_numbers(column) if column.is_category else None
    if read is None:
        raise CannotAnswer(f"column {column.name!r} holds no numbers")
    return np.asarray(np.append(read, np.nan)[values], dtype=np.float64)


def holds_numbers(column: Column) -> bool:
    """Whether a column can be read as numbers."""
    return column.kind == "numeric" or (column.is_category and _level_numbers(column) is not None)


def yes_or_no(
    column: Column, values: NDArray[Any], equals: str | None, above: float | None
) -> Floats:
    """1 where the column equals a label or lies above a number, 0 elsewhere, NaN for missing.

    Raises
    ------
    CannotAnswer
        The label does not occur in the real table, or the column holds no numbers.
    """
    if above is not None:
        cells = numbers(column, values)
        return np.where(np.isnan(cells), np.nan, (cells > above).astype(np.float64))
    label = str(equals)
    if not column.is_category:
        number = _as_number(label)
        if number is None:
            raise CannotAnswer(f"column {column.name!r} holds numbers, and the label is none")
        cells = np.asarray(values, dtype=np.float64)
        return np.where(np.isnan(cells), np.nan, (cells == number).astype(np.float64))
    code = _code_of(column, label)
    if code is None:
        raise CannotAnswer(f"the label of {column.name!r} does not occur in the real table")
    return np.where(values < 0, np.nan, (values == code).astype(np.float64))


@dataclass(frozen=True, kw_only=True, slots=True)
class Classes:
    """Classes of a column: codes by part, and what each class is called."""

    codes: Mapping[str, Codes] = field(repr=False)
    size: int
    names: tuple[str, ...] = field(repr=False)


def classes_of(parts: Parts, name: str, *, bins: int, cuts: tuple[float, ...] | None) -> Classes:
    """Classes of a column: labels, declared cuts, or bins of about equal real counts.

    Class 0 is missing.
    """
    column = parts.columns[name]
    held = {part: arrays[name] for part, arrays in parts.arrays.items()}
    if cuts is not None:
        edges = np.asarray(cuts)
        read = {part: numbers(column, values) for part, values in held.items()}
        codes = {
            part: np.where(
                np.isnan(values), 0, 1 + np.searchsorted(edges, values, side="right")
            ).astype(np.int64)
            for part, values in read.items()
        }
        ends = [f"{edge:g}" for edge in cuts]
        between = [f"{a} to {b}" for a, b in itertools.pairwise(ends)]
        names = ("missing", f"below {ends[0]}", *between, f"from {ends[-1]}")
        return Classes(codes=codes, size=len(names), names=names)
    if column.is_category:
        codes = {part: values.astype(np.int64) + 1 for part, values in held.items()}
        return Classes(codes=codes, size=len(column.levels) + 1, names=("missing", *column.levels))
    levels = number_levels(column.train, bins)
    codes = {part: levels.codes(values) for part, values in held.items()}
    heavy, ends = [f"{one:g}" for one in levels.heavy], [f"{one:g}" for one in levels.edges]
    last = [f"above {ends[-1]}"] if ends else ["other"]
    named = ("missing", *heavy, *(f"up to {end}" for end in ends), *last)
    return Classes(codes=codes, size=levels.size, names=named[: levels.size])


@dataclass(frozen=True, kw_only=True, slots=True)
class Groups:
    """Groups of rows by some columns: a number for each row of each part, -1 for none judged.

    Parameters
    ----------
    codes
        Group of each row, by part; -1 where the group has too few real rows.
    names
        What each group is called.
    """

    codes: Mapping[str, Codes] = field(repr=False)
    names: tuple[str, ...] = field(repr=False)

    @property
    def size(self) -> int:
        """How many groups are judged."""
        return len(self.names)


def groups_of(parts: Parts, classes: Mapping[str, Classes], *, fewest: int) -> Groups:
    """Groups that hold enough real rows; one group of all rows when nothing groups them.

    Raises
    ------
    CannotAnswer
        No group holds enough real rows.
    """
    if not classes:
        if parts.rows["train"] < fewest:
            raise CannotAnswer("there are fewer real rows than are to be judged")
        whole = {part: np.zeros(rows, dtype=np.int64) for part, rows in parts.rows.items()}
        return Groups(codes=whole, names=("all rows",))
    order = list(parts.arrays)
    stacked = [np.concatenate([one.codes[part] for part in order]) for one in classes.values()]
    flat, _ = joint(stacked, [one.size for one in classes.values()])
    ends = np.cumsum([parts.rows[part] for part in order])[:-1]
    by_part = dict(zip(order, np.split(flat, ends), strict=True))
    found, first, counts = np.unique(by_part["train"], return_index=True, return_counts=True)
    kept = counts >= fewest
    if not kept.any():
        raise CannotAnswer("no group holds as many real rows as are to be judged")
    judged, where = found[kept], first[kept]
    codes = {}
    for part, values in by_part.items():
        place = np.minimum(np.searchsorted(judged, values), judged.size - 1)
        codes[part] = np.where(judged[place] == values, place, -1)
    names = tuple(
        " · ".join(one.names[int(one.codes["train"][row])] for one in classes.values())
        for row in where
    )
    return Groups(codes=codes, names=names)


def _level_numbers(column: Column) -> Floats | None:
    """The real levels as numbers, None when one is none; levels only others have are missing."""
    read = [_as_number(level) for level in column.levels]
    if not column.levels or any(one is None for one in read[: column.real_levels]):
        return None
    return np.array([np.nan if one is None else one for one in read])


def _as_number(text: str) -> float | None:
    """A text as a finite number."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _code_of(column: Column, label: str) -> int | None:
    """The code of a label among the real levels, as spelled, as a number, or as true and false."""
    real = column.levels[: column.real_levels]
    if label in real:
        return real.index(label)
    wanted = {"true": 1.0, "false": 0.0}.get(label.lower(), _as_number(label))
    for code, level in enumerate(real):
        read = {"true": 1.0, "false": 0.0}.get(level.lower(), _as_number(level))
        if wanted is not None and read == wanted:
            return code
    return None
