"""Whom a guarantee protects: the privacy unit and the neighbouring relation.

What may not happen here: a unit without a relation. A sensitivity derived under one relation
and charged under the other is trap 12 (the two differ by up to a factor of two), so the
relation is part of the unit, of every event and of the budget, and they must agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from understudy.errors import InputError


class Relation(StrEnum):
    """When two tables count as neighbours."""

    ADD_REMOVE = "add-remove"
    """One table has all rows of one unit more than the other."""

    REPLACE_ONE = "replace-one"
    """All rows of one unit are exchanged for the rows of another; the row count may be public."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Whoever is protected: a row, or everything a person contributes, under a relation.

    Parameters
    ----------
    column
        Name of the column that names the person, or None when every row is its own unit.
    max_rows
        Rows that one unit may contribute, 1 or more; the curator drops the others. 1 for rows.
    relation
        `Relation.ADD_REMOVE` unless a mechanism was derived for replace-one.

    Raises
    ------
    InputError
        A contribution bound below one, or above one for rows.

    >>> Unit().statement
    'adding or removing one row'
    >>> Unit(column="patient", max_rows=4).statement
    "adding or removing all rows of one 'patient' (at most 4 rows each are used)"
    """

    column: str | None = None
    max_rows: int = 1
    relation: Relation = Relation.ADD_REMOVE

    def __post_init__(self) -> None:
        if isinstance(self.max_rows, bool) or not isinstance(self.max_rows, int):
            raise InputError("max_rows must be a whole number", max_rows=self.max_rows)
        if self.max_rows < 1:
            raise InputError("max_rows must be 1 or more", max_rows=self.max_rows)
        if self.column is None and self.max_rows != 1:
            raise InputError(
                "a contribution bound needs a unit column",
                hint="name the column that identifies a person, or leave max_rows at 1",
                max_rows=self.max_rows,
            )
        if self.column == "":
            raise InputError("the unit column has an empty name")

    @property
    def statement(self) -> str:
        """The relation in words, for reports."""
        verb = {
            Relation.ADD_REMOVE: "adding or removing",
            Relation.REPLACE_ONE: "replacing",
        }[self.relation]
        if self.column is None:
            return f"{verb} one row"
        bound = "row" if self.max_rows == 1 else "rows"
        return (
            f"{verb} all rows of one {self.column!r} "
            f"(at most {self.max_rows} {bound} each are used)"
        )

    @property
    def count_l1(self) -> float:
        """L1 sensitivity of one histogram of rows: M for add/remove, 2M for replace-one."""
        return float(self.max_rows if self.relation is Relation.ADD_REMOVE else 2 * self.max_rows)

    @property
    def count_l2(self) -> float:
        """L2 sensitivity of one histogram of rows: M, or M√2 for replace-one (all in one cell)."""
        if self.relation is Relation.ADD_REMOVE:
            return float(self.max_rows)
        return math.nextafter(self.max_rows * math.sqrt(2.0), math.inf)
