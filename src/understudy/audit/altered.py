"""Neighbouring tables that break what can be broken: narrow, repeated and outlying ones.

What may not happen here: a table that is no neighbour. Each differs from the given one by the
rows of one unit, a row or all rows of one person.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from understudy.privacy import Unit
from understudy.source import SensitiveTable

_LONG = "x" * 50_000
ODD_TEXTS: tuple[str | None, ...] = (
    "NaN", "-0.0", "1e400", "-inf", "", "   ", _LONG, "\x00\n\"';--", "٣٤ ½ 𝟙", "9" * 60,
    "0000-99-99", "1e-400", "?", "=1+1", "12.5", "true", "2020-02-30", None,
)  # fmt: skip
ODD_FLOATS: tuple[float | None, ...] = (
    float("nan"), -0.0, float("inf"), float("-inf"), 5e-324, 1.7e308, 1 / 3, None,
)  # fmt: skip
_NEW = "never seen before, und anders"
_PERSON = "the person who was added"


@dataclass(frozen=True, kw_only=True, eq=False)
class Neighbour:
    """A neighbouring table and what was changed."""

    name: str
    table: SensitiveTable


def neighbours(
    table: SensitiveTable, rng: np.random.Generator, unit: Unit | None = None, *, odd: int = 6
) -> Iterator[Neighbour]:
    """Yield adversarial neighbours of a table.

    Parameters
    ----------
    table
        Whose neighbours; with a unit column it should already be bounded.
    rng
        Chooses what is removed, and where odd cells go.
    unit
        Whose rows are added or removed; a row by default.
    odd
        How many rows of odd cells (NaN, -0.0, 1e400, over-long, empty, …).

    Yields
    ------
    Neighbour
        One unit fewer; one twice; one of extremes, of new labels, of nulls, of odd cells.
    """
    unit = unit or Unit()
    if unit.column is None:
        yield from _fewer_rows(table, rng)
    else:
        yield from _fewer_people(table, unit.column, rng)
    for name, flavour in (
        ("largest values", "high"),
        ("smallest values", "low"),
        ("new labels", "new"),
        ("nulls", "null"),
        *((f"odd cells ({index})", f"odd {index}") for index in range(odd)),
    ):
        kinds = [flavour] * unit.max_rows if unit.max_rows > 1 else [flavour]
        what = "one person with rows of" if unit.column is not None else "one more row of"
        yield Neighbour(name=f"{what} {name}", table=with_cells(table, kinds, rng, unit))
    if unit.column is not None:
        mixed = ["high", "low", "new", "null", *(f"odd {index}" for index in range(8))]
        yield Neighbour(
            name="one person with more rows than the bound, all different",
            table=with_cells(table, mixed[: unit.max_rows + 4], rng, unit),
        )


def _fewer_rows(table: SensitiveTable, rng: np.random.Generator) -> Iterator[Neighbour]:
    """One row removed, or one row twice."""
    rows = table.rows
    size = rows.num_rows
    picks = {"first": 0, "last": size - 1, "random": int(rng.integers(size))}
    for name, place in picks.items():
        keep = np.ones(size, dtype=bool)
        keep[place] = False
        yield Neighbour(
            name=f"the {name} row fewer", table=table.with_rows(rows.filter(pa.array(keep)))
        )
    twice = np.append(np.arange(size), picks["random"])
    yield Neighbour(name="one row twice", table=table.with_rows(rows.take(pa.array(twice))))


def _fewer_people(
    table: SensitiveTable, column: str, rng: np.random.Generator
) -> Iterator[Neighbour]:
    """All rows of one person removed: the one with most rows, and a random one."""
    cells = table.rows.column(column).to_pylist()
    people = list(dict.fromkeys(cells))
    busiest = max(people, key=cells.count)
    for name, who in (("busiest", busiest), ("random", people[int(rng.integers(len(people)))])):
        keep = np.array([cell != who for cell in cells])
        yield Neighbour(
            name=f"all rows of the {name} person fewer",
            table=table.with_rows(table.rows.filter(pa.array(keep))),
        )


def with_cells(
    table: SensitiveTable, flavours: list[str], rng: np.random.Generator, unit: Unit | None = None
) -> SensitiveTable:
    """The table with one more row per flavour, all of one new person when there is a unit."""
    column = unit.column if unit is not None else None
    arrays = []
    for header in table.headers:
        old = table.rows.column(header.name)
        plain = pc.cast(old, old.type.value_type) if pa.types.is_dictionary(old.type) else old
        kind = plain.type
        cells = [
            _new_person(plain)
            if header.name == column
            else _cell(kind, flavour, rng, nullable=header.nullable)
            for flavour in flavours
        ]
        fresh = pa.chunked_array([*plain.chunks, *cells], kind)
        if pa.types.is_dictionary(old.type):
            fresh = fresh.combine_chunks().dictionary_encode().cast(old.type)
        arrays.append(fresh)
    return table.with_rows(pa.table(arrays, schema=table.rows.schema))


def _new_person(column: pa.ChunkedArray) -> pa.Array:
    """A value of the unit column that no other unit has."""
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        top = pc.max(column).as_py() or 0
        return pa.array([top + 1], column.type)
    return pa.array([_PERSON], column.type)


def _cell(kind: pa.DataType, flavour: str, rng: np.random.Generator, *, nullable: bool) -> pa.Array:
    """One cell of an Arrow type."""
    if flavour == "null" and nullable:
        return pa.nulls(1, kind)
    value = _value(kind, flavour, rng)
    if value is None and not nullable:
        value = _value(kind, "new", rng)
    if pa.types.is_temporal(kind):
        whole = pa.int32() if kind.bit_width == 32 else pa.int64()
        return pa.array([value], whole).view(kind)
    return pa.array([value], kind)


def _value(kind: pa.DataType, flavour: str, rng: np.random.Generator) -> Any:
    """What a cell of some flavour holds, as Python sees it (ticks for moments)."""
    odd = flavour.startswith("odd")
    turn = int(flavour.split()[1]) if odd else 0
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = {"high": "99999999999999", "low": "-99999999999999", "null": "", "new": _NEW}
        shift = int(rng.integers(len(ODD_TEXTS)))
        return ODD_TEXTS[(turn * 5 + shift) % len(ODD_TEXTS)] if odd else texts[flavour]
    if pa.types.is_boolean(kind):
        return flavour != "low"
    if pa.types.is_floating(kind):
        top = float(np.finfo(kind.to_pandas_dtype()).max)
        plain = {"high": top, "low": -top, "null": float("nan"), "new": 0.123456789}
        found = ODD_FLOATS[turn % len(ODD_FLOATS)] if odd else plain[flavour]
        return (
            found if found is None or not np.isfinite(found) else float(np.clip(found, -top, top))
        )
    if pa.types.is_integer(kind):
        limits = np.iinfo(kind.to_pandas_dtype())
        plain_int = {"high": limits.max, "low": limits.min, "null": 0, "new": 113}
        return [limits.max - 1, 0, 1, None][turn % 4] if odd else int(plain_int[flavour])
    if pa.types.is_decimal(kind):
        from decimal import Decimal

        top_decimal = Decimal(10**kind.precision - 1).scaleb(-kind.scale)
        return {"low": -top_decimal, "new": Decimal(1).scaleb(-kind.scale)}.get(
            flavour, top_decimal
        )
    if pa.types.is_time(kind):
        return {"high": 86_399, "new": 1}.get(flavour, 0)
    bits = 31 if kind.bit_width == 32 else 62
    return {"high": 2**bits - 1, "low": -(2**bits), "new": 11_111}.get(flavour, 2 ** (bits - 3))
