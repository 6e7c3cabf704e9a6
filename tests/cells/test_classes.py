"""Every cell falls in exactly one class, whatever it holds, and by itself alone."""

from __future__ import annotations

import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from understudy.cells.classes import (
    CLASSES,
    FLOAT_CLASSES,
    LETTER_PAIRS,
    MARKS,
    WORD_PAIRS,
    classify,
    classify_floats,
)

SPELLINGS = {
    "0": "integer",
    "-17": "integer",
    "12345678": "integer_wide",
    "20200131": "integer_date",
    "20201331": "integer_wide",
    "007": "integer_zeros",
    "1234567890123456": "integer_long",
    "1,234": "integer_grouped",
    "1,234.50": "decimal_grouped",
    "5.0": "point_zero",
    "5.00": "decimal_2",
    "-0.25": "decimal_2",
    "14.66666667": "decimal_8",
    "27.68166089965398": "decimal_more",
    "-0.0": "number_other",
    "+5": "number_other",
    ".5": "number_other",
    "2e+05": "scientific",
    "0,5": "comma_1",
    "1.234,56": "comma_grouped",
    "12%": "percent_0",
    "$1,234.00": "dollar_grouped",
    " 42": "spaced_integer",
    "inf": "infinity",
    "1e400": "code",
    "2020-02-31": "date:%Y-%m-%d",
    "2020-13-01": "digits",
    "31/12/2020": "date:%d/%m/%Y",
    "12/31/2020": "date:%m/%d/%Y",
    "1/2/2020": "date:%-d/%-m/%Y|%-m/%-d/%Y",
    "32/12/2020": "digits",
    "05-Jan-2020": "date:%d-%b-%Y",
    "January 5, 2020": "date:%B %-d, %Y",
    "2020-01-02 00:00:00": "datetime:%Y-%m-%d 00:00:00",
    "2020-01-02 24:00:00": "digits",
    "2020-01-02T10:00:00.123Z": "datetime:%Y-%m-%dT%H:%M:%S.%3fZ",
    "12/1/2010 8:26": "datetime:%-d/%-m/%Y %-H:%M|%-m/%-d/%Y %-H:%M",
    "23:59:59": "time:%H:%M:%S",
    "maria@example.org": "email",
    "192.0.2.1": "ipv4",
    "2001:db8::1": "ipv6",
    "550e8400-e29b-41d4-a716-446655440000": "uuid",
    "DE89370400440532013000": "iban",
    "078-05-1120": "national_id",
    "+1 (212) 555-0100": "phone",
    "25-00703": "range",
    "Maria Anders": "name",
    "Braund, Mr. Owen Harris": "name_comma",
    "11120 Jasper Ave NW": "address",
    "400-600": "range",
    "A14": "code",
    "Private": "word",
    "no internet service": "phrase",
    "a\x00b": "odd",
    "x" * 1001: "odd",
    "\t ": "mark: ",
}


def _name(text: str | None) -> str:
    return CLASSES[int(classify(pa.array([text], pa.string()))[0])]


@pytest.mark.parametrize("text", SPELLINGS, ids=lambda text: repr(text[:20]))
def test_known_spellings(text: str) -> None:
    assert _name(text) == SPELLINGS[text]


def test_marks_and_booleans_have_their_own_class() -> None:
    for mark in MARKS:
        assert _name(mark) == f"mark:{mark}"
    for pair in WORD_PAIRS:
        assert {_name(word) for word in pair} == {"pair:" + "/".join(pair)}
    for pair in LETTER_PAIRS:
        assert [_name(letter) for letter in pair] == [f"letter:{letter}" for letter in pair]
    assert _name(None) == "missing"


def test_the_list_is_fixed_and_fits_a_byte() -> None:
    assert len(set(CLASSES)) == len(CLASSES) <= 256


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=40)), max_size=20))
@example(["\ud7ff", "１２", "٣", "\x85", "%", "--", "1.", "1,2,3", "" * 3])
def test_total_and_cellwise(cells: list[str | None]) -> None:
    """Any text has a class, and the same one alone, in any company and in any container."""
    array = pa.array(cells, pa.string())
    codes = classify(array)
    assert codes.dtype == np.uint8
    assert len(codes) == len(cells)
    assert codes.max(initial=0) < len(CLASSES)
    assert [CLASSES[code] for code in codes] == [_name(cell) for cell in cells]
    assert np.array_equal(codes, classify(array.cast(pa.large_string())))
    assert np.array_equal(codes, classify(array.dictionary_encode()))
    halves = pa.chunked_array([array[: len(cells) // 2], array[len(cells) // 2 :]], pa.string())
    assert np.array_equal(codes, classify(halves))
    assert np.array_equal(codes[1:], classify(array[1:]))


def test_dictionaries_with_nulls_repeats_and_unused_words() -> None:
    words = pa.array(["12", None, "x", "12", "unused"])
    indices = pa.array([0, 1, 2, 3, None], pa.int32())
    codes = classify(pa.DictionaryArray.from_arrays(indices, words))
    assert [CLASSES[code] for code in codes] == ["integer", "missing", "word", "integer", "missing"]


def test_empty_and_null_typed_columns() -> None:
    assert len(classify(pa.array([], pa.string()))) == 0
    assert len(classify(pa.chunked_array([], pa.string()))) == 0
    assert [CLASSES[code] for code in classify(pa.array([None, None]))] == ["missing"] * 2


def test_many_distinct_values_are_quick() -> None:
    """24,000 distinct values take some 30 ms; the bound is loose for shared machines."""
    rng = np.random.default_rng(0)
    columns = [
        [f"C{value}" for value in rng.integers(10**8, 10**9, 24_000)],
        [f"{value:.4f}" for value in rng.normal(size=24_000)],
        [f"2020-01-01 {i // 3600:02d}:{i // 60 % 60:02d}:{i % 60:02d}" for i in range(24_000)],
    ]
    for column in columns:
        array = pa.array(column)
        classify(array)
        start = time.process_time()
        classify(array)
        assert time.process_time() - start < 0.5


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=64), max_size=20))
@example([-0.0, 5e-324, 1.7976931348623157e308, float("nan"), float("inf"), -float("inf")])
def test_floats_are_total(values: list[float]) -> None:
    array = np.array(values, dtype=np.float64)
    names = [FLOAT_CLASSES[code] for code in classify_floats(array)]
    for value, name in zip(values, names, strict=True):
        assert (name == "nan") == np.isnan(value)
        assert name.endswith("inf") == np.isinf(value)
    assert [
        FLOAT_CLASSES[code] for code in classify_floats(pa.array(values, pa.float64()))
    ] == names


@settings(max_examples=100, deadline=None)
@given(st.integers(-(10**6), 10**6), st.integers(1, 9))
def test_floats_have_the_decimals_they_are_written_with(step: int, places: int) -> None:
    text = f"{step}e-{places}"
    shortest = len(repr(float(text)).partition(".")[2])
    exact = float(text) == int(float(text))
    name = FLOAT_CLASSES[int(classify_floats(np.array([float(text)]))[0])]
    if "e" not in repr(float(text)):
        assert name == ("integer" if exact else f"decimal_{shortest}")


def test_float32_is_judged_by_its_own_precision() -> None:
    codes = classify_floats(np.array([0.1, 2.5], dtype=np.float32))
    assert [FLOAT_CLASSES[code] for code in codes] == ["decimal_1", "decimal_1"]
    assert FLOAT_CLASSES[int(classify_floats(pa.array([None, 1.0]))[0])] == "missing"
