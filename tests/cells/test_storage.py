"""Typed columns become numbers and come back in their own type, whatever they hold."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.cells.storage import storage_numbers, storage_render
from understudy.errors import InternalError

DAY, MOMENT = dt.date(2020, 2, 29), dt.datetime(2020, 2, 29, 12, 30, 15, 250_000)  # noqa: DTZ001
COLUMNS = [
    *(pa.array([1, None, 100], kind) for kind in (
        pa.int8(), pa.int16(), pa.int32(), pa.int64(),
        pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(),
    )),
    pa.array([1.5, None, -2.0], pa.float64()),
    pa.array([1.5, None, -2.0], pa.float32()),
    pa.array([1.5, None, -2.0], pa.float16()),
    pa.array([True, None, False]),
    pa.array([DAY, None], pa.date32()),
    pa.array([DAY, None], pa.date64()),
    *(pa.array([MOMENT.replace(microsecond=0), None], pa.timestamp(unit)) for unit in ("s", "ms", "ns")),
    pa.array([MOMENT, None], pa.timestamp("us")),
    pa.array([MOMENT, None], pa.timestamp("us", tz="Europe/Paris")),
    pa.array([MOMENT.time(), None], pa.time64("us")),
    pa.array([dt.time(12, 30), None], pa.time32("s")),
    pa.array([dt.timedelta(days=2), None], pa.duration("ms")),
    pa.array([Decimal("12.34"), None, Decimal("-0.01")], pa.decimal128(10, 2)),
    pa.array([Decimal("12.34"), None], pa.decimal128(30, 2)),
    pa.array([Decimal("12.34"), None], pa.decimal256(50, 2)),
    pa.array([3, None, 7], pa.int64()).dictionary_encode(),
]  # fmt: skip


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: str(column.type)[:30])
def test_round_trip(column: pa.Array) -> None:
    numbers, readable = storage_numbers(column)
    assert np.isfinite(numbers).all()
    assert readable.tolist() == column.is_valid().to_pylist()
    back = storage_render(numbers, column.type, ~readable)
    assert back.type == column.type
    assert back.to_pylist() == column.to_pylist()
    assert storage_numbers(pa.chunked_array([column]))[0].tolist() == numbers.tolist()


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: str(column.type)[:30])
@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=6))
def test_any_number_fits_the_type(column: pa.Array, values: list[float]) -> None:
    numbers = np.array(values, dtype=np.float64)
    back = storage_render(numbers, column.type, np.zeros(len(values), dtype=bool))
    assert back.type == column.type
    assert len(back) == len(values)
    back.validate(full=True)
    assert back.null_count == int(np.isnan(numbers).sum())
    again, readable = storage_numbers(back)
    assert np.isfinite(again).all()
    assert readable.tolist() == (~np.isnan(numbers)).tolist()


def test_extreme_cells() -> None:
    numbers, readable = storage_numbers(pa.array([np.nan, np.inf, -np.inf, -0.0, 1e308]))
    assert readable.tolist() == [False, False, False, True, True]
    assert numbers.tolist() == [0.0, 0.0, 0.0, 0.0, 1e308]
    assert not np.signbit(numbers[3])
    assert storage_numbers(pa.array(["1", "2"]))[1].tolist() == [False, False]
    assert storage_numbers(pa.array([], pa.int64()))[0].shape == (0,)
    assert storage_render(np.array([1e30, -1e30]), pa.int64()).to_pylist() == [
        2**63 - 1,
        -(2**63),
    ]
    assert storage_render(np.array([1e30]), pa.date32()).to_pylist() == [dt.date(9999, 12, 31)]
    with pytest.raises(InternalError):
        storage_render(np.array([1.0]), pa.string())
