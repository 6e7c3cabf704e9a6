"""Worst-case neighbours: tiny tables of three columns, and one row that is in them or not.

Noise does not shrink with the table, so a few rows show as much of a row's influence as a million
would, and a fit takes milliseconds. What may not happen here: a row of anybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from understudy.schema import Column, Kind, Schema
from understudy.source import from_frame


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Two invented tables that differ in one row.

    Parameters
    ----------
    name
        What the canary is like.
    rows
        Rows of the smaller table.
    canary
        The row that only the larger table has.
    schema
        What is declared about both.
    """

    name: str
    rows: tuple[tuple[Any, ...], ...]
    canary: tuple[Any, ...]
    schema: Schema

    @property
    def declared(self) -> bool:
        """Whether everything is declared, so that no δ is needed to find labels.

        >>> NEIGHBOURS["few"].declared, NEIGHBOURS["undeclared"].declared
        (True, False)
        """
        return bool(self.schema.columns)

    @property
    def frames(self) -> tuple[pa.Table, pa.Table]:
        """The table without and with the canary, as Arrow."""
        return _frame(self.rows), _frame((*self.rows, self.canary))

    @property
    def tables(self) -> tuple[Any, Any]:
        """The table without and with the canary, as a curator takes them; made anew each time."""
        without, present = self.frames
        return from_frame(without), from_frame(present)


_FIELDS: Mapping[str, pa.DataType] = {
    "colour": pa.string(),
    "shape": pa.string(),
    "size": pa.int64(),
}

_COLOURS = ("red", "blue", "green", "violet")
_DECLARED = Schema(
    columns=(
        Column(name="colour", kind=Kind.CATEGORY, categories=_COLOURS, nulls=()),
        Column(name="shape", kind=Kind.CATEGORY, categories=("round", "square"), nulls=()),
        Column(name="size", kind=Kind.NUMBER, minimum=0, maximum=15, nulls=()),
    )
)
"""With labels declared no budget goes to thresholds, behind which a canary could hide."""


def _frame(rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    """Rows as a frame; a row may end before the last column."""
    columns = zip(*rows, strict=True)
    return pa.table(
        {
            name: pa.array(list(cells), kind)
            for (name, kind), cells in zip(_FIELDS.items(), columns, strict=False)
        }
    )


_MIXED = (("red", "round", 3), ("red", "square", 5), ("blue", "round", 9), ("blue", "square", 12))
_ALIKE = (("red", "round", 3), ("blue", "square", 12))
_TIMES = 50

NEIGHBOURS: Mapping[str, Neighbours] = {
    pair.name: pair
    for pair in (
        Neighbours(
            name="narrow",
            rows=_MIXED * _TIMES,
            canary=("red", "square", 5),
            schema=_DECLARED,
        ),
        Neighbours(
            name="repeated",
            rows=_ALIKE * _TIMES,
            canary=("red", "round", 3),
            schema=_DECLARED,
        ),
        Neighbours(
            name="outlier",
            rows=_ALIKE * _TIMES,
            canary=("violet", "square", 0),
            schema=_DECLARED,
        ),
        Neighbours(name="few", rows=_MIXED, canary=("red", "round", 3), schema=_DECLARED),
        Neighbours(
            name="unseen",
            rows=_ALIKE * _TIMES,
            canary=("red", "square", 12),
            schema=_DECLARED,
        ),
        Neighbours(
            name="slim",
            rows=(("red", "round"), ("blue", "square")) * _TIMES,
            canary=("red", "round"),
            schema=Schema(columns=_DECLARED.columns[:2]),
        ),
        Neighbours(
            name="undeclared",
            rows=_MIXED * _TIMES,
            canary=("red", "round", 3),
            schema=Schema(columns=()),
        ),
    )
}
"""A row among its like, one repeated, one unlike all, one among four, a new combination of what
others have too, one of only two columns, and one of a table of which nothing is declared.

Four rows written fifty times stand out of the noise at ε = 1, so that every column keeps its
levels and the whole budget is asked for; the table of four rows is where noise decides alone.
"""
