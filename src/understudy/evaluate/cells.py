"""Reading cells: text or typed Arrow columns to numbers, moments and labels.

Pure and columnar: distinct texts are parsed once. What may not happen here: a decision about
what a column is (that is `columns`), or a value in a message.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

# What table programs write for "nothing"; the set that pandas reads as missing.
NULL_MARKERS = frozenset(
    ("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN")
) | {"<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%m/%d/%Y",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%H:%M:%S",
    "%H:%M",
)
ISO = "iso"
_LARGEST = 1e100
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def texts_of(cells: pa.ChunkedArray, nulls: frozenset[str]) -> pa.ChunkedArray:
    """Return cells as text, with null marks as nulls.

    >>> texts_of(pa.chunked_array([["a", "NA"]]), frozenset({"NA"})).to_pylist()
    ['a', None]
    """
    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    if not pa.types.is_string(cells.type):
        cells = cells.cast(pa.string())
    if not nulls:
        return cells
    marks = pc.is_in(cells, pa.array(sorted(nulls), pa.string()))
    if not pc.any(marks).as_py():
        return cells
    return pc.if_else(marks, pa.scalar(None, pa.string()), cells)


def numbers_of(cells: pa.ChunkedArray, nulls: frozenset[str]) -> NDArray[np.float64]:
    """Return cells as float64; what is missing, infinite or unreadable is NaN.

    Numbers beyond 1e100 are taken as 1e100, so that their squares are numbers too.

    >>> numbers_of(pa.chunked_array([["1", "", "x", " 2.5"]]), frozenset({""})).tolist()
    [1.0, nan, nan, 2.5]
    """
    of_type = cells.type
    if pa.types.is_boolean(of_type):
        cells = cells.cast(pa.int8())
        of_type = cells.type
    if pa.types.is_decimal(of_type):
        cells = cells.cast(pa.float64())
        of_type = cells.type
    if pa.types.is_integer(of_type) or pa.types.is_floating(of_type):
        values = cells.cast(pa.float64(), safe=False).to_numpy()
    elif pa.types.is_temporal(of_type):
        values = moments_of(cells, None, nulls)
    elif pa.types.is_null(of_type):
        return np.full(len(cells), np.nan)
    else:
        values = _through_distinct(texts_of(cells, frozenset()), _numbers_but(nulls))
    values = np.asarray(values, dtype=np.float64)
    if not np.isfinite(values).all():
        values = np.where(np.isinf(values), np.nan, values)
    return np.asarray(np.clip(values, -_LARGEST, _LARGEST), dtype=np.float64)


def moments_of(
    cells: pa.ChunkedArray, form: str | None, nulls: frozenset[str]
) -> NDArray[np.float64]:
    """Return dates, times and timestamps as seconds since 1970 (or midnight), NaN for missing.

    >>> moments_of(pa.chunked_array([["1970-01-02", "no"]]), "%Y-%m-%d", frozenset()).tolist()
    [86400.0, nan]
    """
    of_type = cells.type
    if pa.types.is_date(of_type):
        cells = cells.cast(pa.timestamp("s"), safe=False)
        of_type = cells.type
    if pa.types.is_timestamp(of_type) or pa.types.is_time(of_type) or pa.types.is_duration(of_type):
        per_second = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[of_type.unit]
        storage = pa.int32() if of_type.bit_width == 32 else pa.int64()
        ticks = cells.cast(storage).cast(pa.float64(), safe=False)
        return np.asarray(ticks.to_numpy(), dtype=np.float64) / per_second
    if pa.types.is_integer(of_type) or pa.types.is_floating(of_type):
        return numbers_of(cells, nulls)
    if pa.types.is_null(of_type):
        return np.full(len(cells), np.nan)
    texts = texts_of(cells, nulls)
    guess = form or moment_format(pc.unique(texts).drop_null()) or ISO
    values = _through_distinct(texts, lambda distinct: _parse_moments(distinct, guess))
    if guess != ISO and np.isnan(values).sum() > texts.null_count:
        loose = _through_distinct(texts, lambda distinct: _parse_moments(distinct, ISO))
        values = np.where(np.isnan(values), loose, values)
    return values


def moment_format(distinct: pa.Array) -> str | None:
    """Find the first format that reads every distinct text, or None.

    >>> moment_format(pa.array(["31/12/2020", "01/02/2021"]))
    '%d/%m/%Y'
    """
    if len(distinct) == 0:
        return None
    digits = pc.match_substring_regex(distinct, r"^\s*[0-9A-Za-z].*[0-9].*[-/.: ,T]")
    if not pc.any(digits).as_py():
        return None
    for form in (*_FORMATS, ISO):
        if _all_fit(distinct[:50], form) and _all_fit(distinct, form):
            return form
    return None


def _all_fit(distinct: pa.Array, form: str) -> bool:
    """Tell whether a format reads every text."""
    return not np.isnan(_parse_moments(distinct, form)).any()


def _through_distinct(
    texts: pa.ChunkedArray, parse: Callable[[pa.Array], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Parse each distinct text once and spread the results."""
    encoded = texts.dictionary_encode().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        if encoded.num_chunks == 0:
            return np.empty(0)
        encoded = encoded.chunk(0)
    parsed = np.append(parse(encoded.dictionary), np.nan)
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return np.asarray(parsed[codes], dtype=np.float64)


def _numbers_but(nulls: frozenset[str]) -> Callable[[pa.Array], NDArray[np.float64]]:
    """Numbers of distinct texts that are no null marks."""
    marks = pa.array(sorted(nulls), pa.string())

    def parse(distinct: pa.Array) -> NDArray[np.float64]:
        values = _parse_numbers(distinct)
        return np.where(np.asarray(pc.is_in(distinct, marks)), np.nan, values)

    return parse


def _parse_numbers(distinct: pa.Array) -> NDArray[np.float64]:
    """Numbers of distinct texts; NaN where a text is none."""
    trimmed = pc.utf8_trim_whitespace(distinct)
    fits = pc.match_substring_regex(trimmed, NUMBER)
    kept = pc.if_else(fits, pc.utf8_ltrim(trimmed, "+"), pa.scalar(None, pa.string()))
    return np.asarray(kept.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def _parse_moments(distinct: pa.Array, form: str) -> NDArray[np.float64]:
    """Seconds of distinct texts; NaN where a text does not fit."""
    trimmed = pc.utf8_trim_whitespace(distinct)
    if form == ISO:
        return np.array([_iso_seconds(text) for text in trimmed.to_pylist()], dtype=np.float64)
    stamps = pc.strptime(trimmed, format=form, unit="s", error_is_null=True)
    seconds = stamps.cast(pa.int64()).cast(pa.float64())
    values = np.asarray(seconds.to_numpy(zero_copy_only=False), dtype=np.float64)
    if form.startswith("%H"):
        values = np.mod(values, 86400.0)
    return values


def _iso_seconds(text: str | None) -> float:
    """Seconds of one ISO 8601 text, with fractions and zone; NaN if it is none."""
    try:
        moment = dt.datetime.fromisoformat(text or "")
    except ValueError:
        return float("nan")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return (moment - _EPOCH).total_seconds()
