"""What is asked of an engine when it copies a table: plain columns, and the part each row has.

The parts are coins of the operating system, tossed in the engine: a secret of 256 bits is drawn
here, and the MD5 of the secret and a unit (or a row's own number) is its lot. Who does not know
the secret cannot tell these lots from independent ones; no engine's own random numbers, seeded by
whatever, are used.

What may not happen here: a lot that depends on another unit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from understudy.schema import Storage
from understudy.source.engines import Engine, library
from understudy.source.table import Header, storage_of

TRAIN, SURPLUS, HELD = 0, 1, 2
"""Parts of a copy: learned from; beyond a person's bound; kept from learning."""

_LETTERS, _PARTS = 32, 16**32
_UNTYPED = "binary"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plain:
    """How one column is made plain: the type it has afterwards, and the expression that does it.

    `kind` is None for a column whose type cannot be handled.
    """

    header: Header
    kind: pa.DataType | None
    engine_type: str
    expression: Callable[[Any], Any]


def plainly(name: str, held: Any, engine_type: str) -> Plain:
    """How a column of an engine's type is made plain.

    Parameters
    ----------
    name
        The column's.
    held
        Its Ibis type.
    engine_type
        Its type as the engine spells it.
    """
    made = _plainly(held)
    kind, expression = made if made is not None else (None, lambda cell: cell)
    return Plain(
        header=Header(
            name=name,
            storage=Storage.OTHER if kind is None else storage_of(kind, name),
            arrow=_UNTYPED if kind is None else str(kind),
            nullable=bool(held.nullable),
        ),
        kind=kind,
        engine_type=engine_type,
        expression=expression,
    )


def _plainly(held: Any) -> tuple[pa.DataType, Callable[[Any], Any]] | None:
    """The Arrow type of a plain column and the expression that makes it so; None: it cannot be."""
    if held.is_string():
        return pa.string(), _as_text
    if held.is_uuid() or held.is_inet() or held.is_macaddr():
        return pa.string(), lambda cell: cell.cast("string")
    if held.is_boolean() or held.is_integer():
        return held.to_pyarrow(), lambda cell: cell
    if held.is_floating():
        wide = "float64" if held.nbytes > 4 else "float32"
        return getattr(pa, wide)(), lambda cell: cell.cast(wide)
    if held.is_decimal():
        return _decimal(held)
    if held.is_date():
        return pa.date32(), _within("0001-01-01", "9999-12-31", "date")
    if held.is_timestamp():
        kind = pa.timestamp("us", tz="UTC" if held.timezone else None)
        first, last = "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"
        keep = _within(first, last, "timestamp")
        return kind, lambda cell: keep(cell.cast("timestamp")).cast("timestamp(6)")
    if held.is_time():
        return pa.time64("us"), _within("00:00:00", "23:59:59.999999", "time")
    return None


def _as_text(cell: Any) -> Any:
    """Text as text, whatever the engine's own type is: enumerations and padded texts too."""
    ibis = library()

    return ibis.expr.operations.Cast(cell, ibis.expr.datatypes.string).to_expr()


def _within(first: str, last: str, kind: str) -> Callable[[Any], Any]:
    """Moments of the years 1 to 9999; before, after and infinite ones are null."""

    def kept(cell: Any) -> Any:
        ibis = library()

        low, high = ibis.literal(first).cast(kind), ibis.literal(last).cast(kind)
        return ibis.ifelse(cell.between(low, high), cell, ibis.null().cast(kind))

    return kept


def _decimal(held: Any) -> tuple[pa.DataType, Callable[[Any], Any]]:
    """Decimals of up to 38 digits as they are, others as floats; NaN is null."""
    if held.precision is None or held.scale is None or held.precision > 38:
        return pa.float64(), lambda cell: cell.cast("float64")
    return pa.decimal128(held.precision, held.scale), lambda cell: cell


def cleaned(table: Any, kept: Sequence[Plain]) -> Any:
    """The table's columns, plain, under the names c0, c1 and so on."""
    return table.select(
        **{f"c{at}": plain.expression(table[plain.header.name]) for at, plain in enumerate(kept)}
    )


def parted(engine: Engine, rows: Any, unit: str | None, holdout: float, max_rows: int) -> Any:
    """Numbered rows with the part each has in the run."""
    ibis = library()

    if unit is None and not holdout:
        return rows.mutate(us_part=ibis.literal(TRAIN, "int8"))
    secret = os.urandom(32).hex()
    number = rows.us_n.cast("string")
    if unit is None:
        lots = rows.mutate(us_lot=engine.digest(ibis.literal(f"{secret}held") + number))
        return _without_lots(lots.mutate(us_part=_side(lots.us_lot, holdout)))
    who = _spelled(rows[unit])
    lots = rows.mutate(
        us_lot=engine.digest(ibis.literal(f"{secret}held") + who),
        us_row=engine.digest(ibis.literal(f"{secret}rows") + number),
    )
    place = ibis.row_number().over(group_by=lots.us_lot, order_by=lots.us_row)
    ranked = lots.mutate(us_place=place)
    surplus = ibis.ifelse(ranked.us_place < max_rows, TRAIN, SURPLUS)
    side = ibis.ifelse(_below(ranked.us_lot, holdout), HELD, surplus)
    return _without_lots(ranked.mutate(us_part=side.cast("int8")))


def _spelled(unit: Any) -> Any:
    """A unit as text; all nulls (and not-a-numbers) are one unit."""
    ibis = library()

    if unit.type().is_floating():
        unit = ibis.ifelse(unit.isnan(), ibis.null().cast("float64"), unit)
    return ibis.ifelse(unit.isnull(), "null", ibis.literal("v") + unit.cast("string"))


def _below(lot: Any, share: float) -> Any:
    """Whether a lot lies in the first `share` of all of them."""
    ibis = library()

    if not share:
        return ibis.literal(value=False)
    return lot < f"{min(int(share * _PARTS), _PARTS - 1):0{_LETTERS}x}"


def _side(lot: Any, holdout: float) -> Any:
    """Held out or learned from."""
    ibis = library()

    return ibis.ifelse(_below(lot, holdout), HELD, TRAIN).cast("int8")


def _without_lots(table: Any) -> Any:
    """A copy needs the decisions and not the lots they came from."""
    return table.drop(*(name for name in ("us_lot", "us_row", "us_place") if name in table.columns))
