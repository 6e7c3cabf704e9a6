"""A cell's code depends on that cell alone, in every container type and at every extreme.

A column is encoded as a whole, in two chunks, and cell by cell; anything that looks at other
cells (a cast that fails on one, a scale they share, a dictionary) would show as a difference, an
error or a warning.
"""

from __future__ import annotations

import warnings
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from understudy.cells.reading import Reading
from understudy.curator import CellClasses, LabelCells, NumberCells
from understudy.curator.encodings import Encoding, as_text, encode, patterns
from understudy.schema import Kind, Storage
from understudy.source import storage_of
from understudy.source.canonical import canonical

TEXTS = (
    "NaN", "-0.0", "1e400", "-inf", "", "   ", "x" * 5_000, "\n\"';--", "٣٤ ½ 𝟙", "9" * 60,
    "0000-99-99", "1e-400", "?", "=1+1", "12.5", ".5", "5.", "+5", "-.5", "1e99", "24:00",
    "2020-02-30", "0000-01-01", "9999-12-31T23:59:59.999999999+14:00", "12:61 PM", "$5", "5%",
    "1,234.5", "1.234,5", None, "\x0b", "\u00a0", "é" * 100, "2020-01-01T00:00:00Z", "19991301",
    "31/12/2020", "+33 1 2", "0" * 40, "-", "1e5", "99-366", "29 February 2023",
)  # fmt: skip
FLOATS = (0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, 1.7e308, 1 / 3, 2.0**53, -(2.0**63), 1e22)
TICKS = (0, 1, -1, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 2**40, 253402300800 * 10**6)
READINGS = (
    Reading(kind=Kind.NUMBER),
    Reading(kind=Kind.NUMBER, decimals=9),
    Reading(kind=Kind.NUMBER, decimals=2, grouping=True, prefix="$"),
    Reading(kind=Kind.NUMBER, decimals=0, decimal_mark=",", suffix="%"),
    Reading(kind=Kind.DATE),
    Reading(kind=Kind.DATE, format="%d %B %Y"),
    Reading(kind=Kind.DATE, format="%y-%j"),
    Reading(kind=Kind.DATETIME, format="%Y-%m-%dT%H:%M:%S.%f%:z"),
    Reading(kind=Kind.TIME, format="%I:%M %p"),
    Reading(kind=Kind.BOOLEAN, true="yes", false="no"),
)


def moments(kind: pa.DataType) -> pa.Array:
    wide = kind.bit_width == 64
    ticks = [tick for tick in TICKS if wide or abs(tick) <= 2**31]
    ticks = ticks if wide else [min(tick, 2**31 - 1) for tick in ticks]
    return pa.array([*ticks, None], pa.int64() if wide else pa.int32()).view(kind)


def columns() -> dict[str, pa.Array]:
    floats = np.array(FLOATS)
    with np.errstate(over="ignore"):
        made = {
            str(width): pa.array([*floats.astype(width), None], pa.from_numpy_dtype(width))
            for width in (np.dtype("f2"), np.dtype("f4"), np.dtype("f8"))
        }
    for code in ("i1", "i2", "i4", "i8", "u1", "u4", "u8"):
        limits = np.iinfo(code)
        kind = pa.from_numpy_dtype(np.dtype(code))
        made[code] = pa.array([limits.min, limits.max, 0, 1, None], kind)
    for kind in (
        pa.date32(), pa.date64(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"),
        *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")),
        pa.timestamp("us", tz="Europe/Paris"), pa.timestamp("ns", tz="+02:00"),
    ):  # fmt: skip
        made[str(kind)] = moments(kind)
    made["decimal128"] = pa.array([Decimal("1.25"), Decimal("-" + "9" * 30)], pa.decimal128(38, 2))
    made["decimal256"] = pa.array([Decimal("1.25"), Decimal("9" * 70), None], pa.decimal256(76, 2))
    made["bool"] = pa.array([True, False, None])
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        made[str(kind)] = pa.array(TEXTS, kind)
    made["labels"] = pa.array(TEXTS).dictionary_encode()
    made["numbers as labels"] = pa.array([1, 2, None]).dictionary_encode()
    made["moments as labels"] = moments(pa.timestamp("us")).dictionary_encode()
    return made


COLUMNS = columns()


def encodings(storage: Storage) -> list[Encoding]:
    edges = (-1e9, -1.0, 0.0, 1.0, 100.0, 1e18)
    found: list[Encoding] = [LabelCells(column="c", labels=("a", None, " ", "1", "true"))]
    if storage is Storage.TEXT:
        found.append(CellClasses(column="c"))
    if storage in (Storage.FLOAT, Storage.DATETIME):
        found.append(CellClasses(column="c", floats=True))
    return found + [
        NumberCells(column="c", reading=reading, edges=edges, marks=(None, " ", "?"))
        for reading in READINGS
    ]


@pytest.mark.parametrize("name", sorted(COLUMNS))
def test_every_encoding_reads_every_cell_alone(name: str) -> None:
    column = canonical(pa.table({"c": COLUMNS[name]}), "t").column("c")
    storage = storage_of(column.type, "c")
    cells = [column.slice(place, 1) for place in range(len(column))]
    parts = pa.chunked_array([*column.slice(0, 2).chunks, *column.slice(2).chunks])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for encoding in encodings(storage):
            whole = encode(encoding, column, storage)
            assert whole.max() < encoding.size
            assert whole.tolist() == encode(encoding, parts, storage).tolist()
            assert whole.tolist() == [encode(encoding, cell, storage)[0] for cell in cells]
        for spell in (as_text, patterns):
            whole_text = spell(column, storage).to_pylist()
            assert whole_text == [spell(cell, storage)[0].as_py() for cell in cells]
