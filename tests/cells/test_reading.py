"""Readings are total and write what they read."""

from __future__ import annotations

import datetime as dt
import math
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from understudy.cells.dates import layout_of
from understudy.cells.reading import Reading
from understudy.errors import SchemaError
from understudy.schema import Kind

READINGS = [
    Reading(kind=Kind.NUMBER),
    Reading(kind=Kind.NUMBER, point_zero=True),
    Reading(kind=Kind.NUMBER, decimals=0),
    Reading(kind=Kind.NUMBER, decimals=0, point_zero=True),
    Reading(kind=Kind.NUMBER, decimals=0, width=5),
    Reading(kind=Kind.NUMBER, decimals=2),
    Reading(kind=Kind.NUMBER, decimals=2, fixed_decimals=True, grouping=True),
    Reading(kind=Kind.NUMBER, decimals=3, grouping=True, decimal_mark=","),
    Reading(kind=Kind.NUMBER, decimals=2, fixed_decimals=True, grouping=True, prefix="$"),
    Reading(kind=Kind.NUMBER, decimals=1, suffix="%"),
    Reading(kind=Kind.NUMBER, decimals=0, prefix=" "),
    Reading(kind=Kind.NUMBER, decimals=6, scientific=True),
    Reading(kind=Kind.NUMBER, decimals=9, point_zero=True),
    Reading(kind=Kind.BOOLEAN, true="Yes", false="No"),
    Reading(kind=Kind.DATE),
    Reading(kind=Kind.DATE, format="%-m/%-d/%y"),
    Reading(kind=Kind.DATE, format="%d-%b-%Y"),
    Reading(kind=Kind.DATE, format="%Y%m%d"),
    Reading(kind=Kind.DATE, format="%A, %B %-d, %Y"),
    Reading(kind=Kind.DATE, format="%Y-%j"),
    Reading(kind=Kind.DATETIME),
    Reading(kind=Kind.DATETIME, format="%Y-%m-%d 00:00:00"),
    Reading(kind=Kind.DATETIME, format="%Y-%m-%dT%H:%M:%S.%3fZ"),
    Reading(kind=Kind.DATETIME, format="%Y-%m-%d %H:%M:%S.%f%:z", zone="Europe/Paris"),
    Reading(kind=Kind.DATETIME, format="%-m/%-d/%Y %-I:%M %p"),
    Reading(kind=Kind.TIME),
    Reading(kind=Kind.TIME, format="%H:%M"),
]
IDS = [f"{r.kind}-{r.format or ''}{r.decimals}{r.prefix}{r.suffix}" for r in READINGS]
NASTY = [
    "", " ", "nan", "-nan", "inf", "-inf", "-0.0", "-0", "1e400", "1e-400", "9" * 400, "0" * 400,
    "1e99", "-1e99", "1.2.3", "1,2,3", "--5", "0000-00-00", "0000-01-01", "9999-12-31",
    "10000-01-01", "2020-02-30", "2021-02-29", "12/31/1969", "99:99:99", "23:59:60", "24:00:00",
    "2020-01-01T00:00:00.999999999Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59",
    "\x00", "１２", "٣", "5 000", "0x1F", "1_000", "TRUE", "Yes", "31-Feb-2020", "-", "+", ".",
    "e5", "1e", "1e+", "%", "$", "$-5", "-$5", "∞", "½", "\ud7ff", "x" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("reading", READINGS, ids=IDS)
def test_nasty_cells_are_refused_or_finite(reading: Reading) -> None:
    numbers, readable = reading.numbers(pa.array([*NASTY, None]))
    assert np.isfinite(numbers).all()
    assert not readable[-1]
    assert (numbers[~readable] == 0).all()
    assert not np.signbit(numbers[numbers == 0]).any()
    texts = reading.render(numbers)
    still = reading.numbers(texts)[1]
    assert still[readable].all()


@pytest.mark.parametrize("reading", READINGS, ids=IDS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_text(reading: Reading, data: st.DataObject) -> None:
    cells = data.draw(st.lists(st.text("0123456789+-.,:/eETZ %$aPMJnﬁ", max_size=25), max_size=8))
    numbers, readable = reading.numbers(pa.array(cells, pa.string()))
    assert np.isfinite(numbers).all()
    assert len(readable) == len(cells)
    for cell, number, ok in zip(cells, numbers, readable, strict=True):
        alone, alone_ok = reading.numbers(pa.array([cell]))
        assert alone[0] == number
        assert alone_ok[0] == ok


@pytest.mark.parametrize("reading", READINGS, ids=IDS)
@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=8))
@example(values=[math.nan, math.inf, -math.inf, -0.0, 5e-324, 1e308, -1e308, 2.0**53, 0.5, -0.5])
def test_any_number_is_written_and_read_back(reading: Reading, values: list[float]) -> None:
    """Written texts are readable; reading and writing once more changes nothing."""
    texts = reading.render(np.array(values))
    assert texts.null_count == sum(not math.isfinite(value) for value in values)
    short = [text for text in texts.to_pylist() if text is not None and len(text) <= 40]
    numbers, readable = reading.numbers(pa.array(short, pa.string()))
    calm = np.abs(numbers) < 1e9
    if "y" not in (reading.format or ""):
        assert readable.all()
        again = reading.render(numbers).to_pylist()
        assert [b for b, c in zip(again, calm, strict=True) if c] == [
            a for a, c in zip(short, calm, strict=True) if c
        ]


@settings(max_examples=200, deadline=None)
@given(st.integers(-(10**12), 10**12), st.integers(0, 6))
def test_lattice_numbers_survive_exactly(step: int, places: int) -> None:
    for options in ({}, {"fixed_decimals": True}, {"point_zero": True}, {"grouping": True},
                    {"scientific": True}, {"decimal_mark": ","}):  # fmt: skip
        reading = Reading(kind=Kind.NUMBER, decimals=places, **options)
        value = float(f"{step}e-{places}")
        text = reading.render(np.array([value]))
        assert reading.numbers(text)[0][0] == value


@settings(max_examples=100, deadline=None)
@given(st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31)))
def test_dates_agree_with_the_standard_library(day: dt.date) -> None:
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%d %B %Y", "%b %d, %Y", "%Y-%j", "%A %d %b %Y"):
        text = day.strftime(form)
        if day.year < 1000:
            text = text.replace(str(day.year), f"{day.year:04d}", 1) if "%Y" in form else text
            if form != "%Y-%m-%d":
                continue
        reading = Reading(kind=Kind.DATE, format=form)
        numbers, readable = reading.numbers(pa.array([text]))
        assert readable[0]
        assert numbers[0] == (day - dt.date(1970, 1, 1)).days
        assert reading.render(numbers).to_pylist() == [text]


@settings(max_examples=100, deadline=None)
@given(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)))  # noqa: DTZ001
def test_datetimes_agree_with_the_standard_library(moment: dt.datetime) -> None:
    for form in ("%Y-%m-%d %H:%M:%S.%f", "%d/%m/%Y %I:%M:%S %p"):
        text = moment.strftime(form)
        reading = Reading(kind=Kind.DATETIME, format=form)
        numbers, readable = reading.numbers(pa.array([text]))
        truth = moment if "%f" in form else moment.replace(microsecond=0)
        seconds = (truth - dt.datetime(1970, 1, 1)) / dt.timedelta(seconds=1)  # noqa: DTZ001
        assert readable[0]
        assert numbers[0] == pytest.approx(seconds, abs=1e-6)
        assert reading.render(numbers).to_pylist() == [text]


def test_zones_are_written_as_local_time() -> None:
    form = "%Y-%m-%dT%H:%M:%S%:z"
    reading = Reading(kind=Kind.DATETIME, format=form, zone="Europe/Paris")
    cells = ["2020-07-01T10:00:00+02:00", "2020-01-01T10:00:00+01:00"]
    numbers, _ = reading.numbers(pa.array([*cells, "2020-07-01T08:00:00Z"]))
    assert numbers[0] == numbers[2]
    assert reading.render(numbers[:2]).to_pylist() == cells


def test_styles() -> None:
    def written(value: float, **style: object) -> str:
        return Reading(kind=Kind.NUMBER, **style).render(np.array([value]))[0].as_py()  # type: ignore[arg-type]

    assert written(1234567.5, decimals=2, fixed_decimals=True, grouping=True) == "1,234,567.50"
    assert written(1234567.5, decimals=1, grouping=True, decimal_mark=",") == "1.234.567,5"
    assert written(-7.0, decimals=0, width=3) == "-007"
    assert written(5.0, decimals=2) == "5"
    assert written(5.0, decimals=2, point_zero=True) == "5.0"
    assert written(5.25, decimals=2, point_zero=True) == "5.25"
    assert written(200000.0, decimals=0, scientific=True) == "2e+05"
    assert written(120000.0, decimals=0, scientific=True) == "120000"
    assert written(-0.001, decimals=2) == "0"
    assert written(-5.0, decimals=2, fixed_decimals=True, prefix="$") == "-$5.00"
    assert written(42.0, decimals=0, prefix=" ") == " 42"
    assert written(1e-05) == "1e-05"
    assert written(23.437499999999996) == "23.437499999999996"


def test_units() -> None:
    assert Reading(kind=Kind.NUMBER).unit is None
    assert Reading(kind=Kind.NUMBER, decimals=2).unit == pytest.approx(0.01)
    assert Reading(kind=Kind.DATE).unit == 1.0
    for form, unit in (("%Y-%m-%d 00:00:00", 86400.0), ("%Y-%m-%d %H:%M", 60.0),
                       ("%Y-%m-%d %H:%M:%S", 1.0), ("%Y-%m-%d %H:%M:%S.%3f", 1e-3),
                       ("%Y-%m-%d %H:%M:%S.%f", 1e-6)):  # fmt: skip
        assert Reading(kind=Kind.DATETIME, format=form).unit == unit


@pytest.mark.parametrize("reading", READINGS, ids=IDS)
def test_facts_come_back(reading: Reading) -> None:
    assert Reading.of(reading.facts()) == reading


@pytest.mark.parametrize(
    "facts",
    [
        {"kind": Kind.CATEGORY},
        {"kind": Kind.NUMBER, "decimals": 10},
        {"kind": Kind.NUMBER, "decimal_mark": ";"},
        {"kind": Kind.BOOLEAN},
        {"kind": Kind.DATE, "format": "%Q"},
        {"kind": Kind.DATE, "format": "%Y %Y"},
        {"kind": Kind.DATE, "format": "no directive"},
    ],
)
def test_impossible_facts_are_refused(facts: dict[str, object]) -> None:
    with pytest.raises(SchemaError):
        Reading(**facts)  # type: ignore[arg-type]


def test_formats_are_literal_outside_directives() -> None:
    layout = layout_of("%Y.%m")
    assert Reading(kind=Kind.DATE, format="%Y.%m").numbers(pa.array(["2020x01"]))[1][0] == 0
    assert layout.step == 86_400_000_000


def test_a_million_numbers_are_written_quickly() -> None:
    """Some 0.2 s each on two quiet cores; the bound is loose for shared machines."""
    rng = np.random.default_rng(0)
    for reading, values in (
        (Reading(kind=Kind.NUMBER, decimals=0), rng.integers(0, 100, 10**6).astype(float)),
        (Reading(kind=Kind.NUMBER, decimals=2), rng.normal(0, 1e4, 10**6)),
        (Reading(kind=Kind.DATE), rng.integers(0, 20_000, 10**6).astype(float)),
    ):
        start = time.process_time()
        assert len(reading.render(values)) == 10**6
        assert time.process_time() - start < 2.0
