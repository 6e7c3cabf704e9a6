"""Typed columns (integers, floats, dates, timestamps …) as numbers on a line, and back.

What may not happen here: an exception that a cell can cause; a value outside the type's range.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from understudy.cells.dates import FIRST, LAST
from understudy.errors import InternalError

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def storage_numbers(array: pa.Array | pa.ChunkedArray) -> tuple[Floats, Flags]:
    """Return (numbers on a line, readable) of a typed column.

    Parameters
    ----------
    array
        n cells: integer, float, boolean, date, timestamp, time, duration or decimal, or a
        dictionary of one of these. Dates become days since 1970-01-01; timestamps seconds
        since then; times seconds since midnight; durations seconds.

    Returns
    -------
    tuple of ndarray
        n finite floats (0 where unreadable), and n flags: false for nulls, NaN, infinities,
        and every cell of a type that is no number.

    >>> storage_numbers(pa.array([1.5, None, float("inf"), -0.0]))
    (array([1.5, 0. , 0. , 0. ]), array([ True, False, False,  True]))
    """
    whole = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    kind = whole.type
    if pa.types.is_dictionary(kind):
        whole, kind = whole.dictionary_decode(), kind.value_type
    readable = whole.is_valid().to_numpy(zero_copy_only=False).copy()
    divisor = 1.0
    if pa.types.is_date64(kind):
        whole, divisor = whole.cast(pa.int64()), 86_400_000.0
    elif pa.types.is_date32(kind):
        whole = whole.cast(pa.int32())
    elif pa.types.is_timestamp(kind) or pa.types.is_duration(kind) or pa.types.is_time64(kind):
        whole, divisor = whole.cast(pa.int64()), float(_PER_SECOND[kind.unit])
    elif pa.types.is_time32(kind):
        whole, divisor = whole.cast(pa.int32()), float(_PER_SECOND[kind.unit])
    elif pa.types.is_boolean(kind):
        whole = whole.cast(pa.uint8())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return np.zeros(len(whole)), np.zeros(len(whole), dtype=bool)
    numbers = whole.cast(pa.float64(), safe=False).fill_null(0.0).to_numpy(zero_copy_only=False)
    readable &= np.isfinite(numbers)
    return np.where(readable, numbers / divisor, 0.0) + 0.0, readable


def storage_render(
    numbers: npt.NDArray[np.floating[Any]], kind: pa.DataType, mask: Flags | None = None
) -> pa.Array:
    """Return numbers on a line as a typed column.

    Parameters
    ----------
    numbers
        n floats as `storage_numbers` returns them; clipped into the type's range, dates and
        timestamps to the years 1 to 9999, and rounded to the type's step.
    kind
        The Arrow type of the column.
    mask
        n flags, true where the cell is null; None: no nulls. NaN is null as well.

    Returns
    -------
    Array
        n cells of exactly this type.

    Raises
    ------
    InternalError
        When the type holds no numbers.

    >>> storage_render(np.array([1.2, 300.0]), pa.uint8(), np.array([False, False])).to_pylist()
    [1, 255]
    """
    values = np.asarray(numbers, dtype=np.float64)
    null = np.isnan(values) | (False if mask is None else np.asarray(mask, dtype=bool))
    values = np.where(null, 0.0, values)
    if pa.types.is_dictionary(kind):
        plain = storage_render(values, kind.value_type, null).dictionary_encode()
        return plain.cast(kind)
    if pa.types.is_boolean(kind):
        return pa.array(values >= 0.5, kind, mask=null)
    if pa.types.is_floating(kind):
        dtype = np.dtype(f"f{kind.bit_width // 8}")
        top = float(np.finfo(dtype).max)
        return pa.array((np.clip(values, -top, top) + 0.0).astype(dtype), kind, mask=null)
    if pa.types.is_integer(kind):
        return pa.array(_whole(values, kind), kind, mask=null)
    if pa.types.is_decimal(kind):
        return _decimals(values, kind, null)
    if pa.types.is_temporal(kind):
        return _moments(values, kind, null)
    raise InternalError("this type holds no numbers", type=str(kind))


def _whole(values: Floats, kind: pa.DataType) -> npt.NDArray[Any]:
    """Return values rounded and clipped into an integer type."""
    dtype = np.dtype(kind.to_pandas_dtype())
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    rounded = np.rint(values)
    out = np.clip(rounded, float(low), np.nextafter(float(high), 0.0)).astype(dtype)
    out[rounded >= float(high)] = high
    return out


def _ticks(values: Floats, span: tuple[float, float], unit: str) -> npt.NDArray[np.int64]:
    """Return seconds as whole ticks of a unit, clipped to a span of seconds."""
    within = np.clip(values, *span)
    seconds = np.floor(within)
    per = _PER_SECOND[unit]
    return np.asarray(
        seconds.astype(np.int64) * per + np.rint((within - seconds) * per).astype(np.int64)
    )


def _decimals(values: Floats, kind: pa.DataType, null: Flags) -> pa.Array:
    """Return values as decimals with the type's precision and scale."""
    digits = kind.precision
    top = 10.0 ** (digits - kind.scale)
    scaled = np.rint(np.clip(values, -top, top) * 10.0**kind.scale)
    if digits <= 18:
        limit = 10**digits - 1
        steps = np.clip(scaled, -float(limit), float(limit)).astype(np.int64)
        steps = np.clip(steps, -limit, limit)
        wide = np.stack([steps, steps >> 63], axis=1)
        exact = pa.Array.from_buffers(
            pa.decimal128(digits, kind.scale), len(steps), [None, pa.py_buffer(wide)]
        )
        return pc.if_else(pa.array(null), pa.scalar(None, exact.type), exact).cast(kind)
    from decimal import Decimal, localcontext

    with localcontext() as context:
        context.prec = 80
        limit_exact = Decimal(10**digits - 1).scaleb(-kind.scale)
        cells = [
            None
            if gone
            else max(-limit_exact, min(limit_exact, Decimal(int(step)).scaleb(-kind.scale)))
            for step, gone in zip(scaled.tolist(), null.tolist(), strict=True)
        ]
    return pa.array(cells, kind)


def _moments(values: Floats, kind: pa.DataType, null: Flags) -> pa.Array:
    """Return numbers on a line as dates, timestamps, durations or times."""
    if pa.types.is_date(kind):
        day = 86_400_000_000
        days = np.clip(np.floor(values), FIRST // day, LAST // day).astype(np.int64)
        if pa.types.is_date64(kind):
            return pa.array(days * 86_400_000, pa.int64(), mask=null).cast(kind)
        return pa.array(days.astype(np.int32), pa.int32(), mask=null).cast(kind)
    if pa.types.is_timestamp(kind):
        span = (FIRST / 1e6, LAST / 1e6) if kind.unit != "ns" else (-9.2e9, 9.2e9)
        return pa.array(_ticks(values, span, kind.unit), pa.int64(), mask=null).cast(kind)
    if pa.types.is_duration(kind):
        top = 9.2e18 / _PER_SECOND[kind.unit]
        return pa.array(_ticks(values, (-top, top), kind.unit), pa.int64(), mask=null).cast(kind)
    if not pa.types.is_time(kind):
        raise InternalError("this type holds no numbers", type=str(kind))
    last = 86_400 - 1 / _PER_SECOND[kind.unit]
    plain = pa.int32() if pa.types.is_time32(kind) else pa.int64()
    ticks = _ticks(values, (0.0, last), kind.unit)
    top_tick = 86_400 * _PER_SECOND[kind.unit] - 1
    return pa.array(np.minimum(ticks, top_tick), plain, mask=null).cast(kind)
