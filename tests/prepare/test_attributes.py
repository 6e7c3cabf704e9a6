"""Attributes: names, merging, decoding, and the way through a file."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from understudy.cells.reading import Reading
from understudy.curator import LabelCells, NumberCells
from understudy.curator.encodings import encode
from understudy.prepare.attributes import REST, Attribute, StandIn
from understudy.schema import IdentifierKind, Kind
from understudy.source.table import headers_of

RNG = np.random.default_rng


def numbers(
    kind: pa.DataType, reading: Reading, edges: tuple[float, ...], marks: tuple[Any, ...] = (None,)
) -> Attribute:
    header = headers_of(pa.schema([("a", kind)]))[0]
    encoding = NumberCells(column="a", reading=reading, edges=edges, marks=marks)
    counts = np.arange(1.0, encoding.size + 1)
    return Attribute(header=header, kind=reading.kind, encoding=encoding, counts=counts,
                     variances=np.ones(encoding.size), ordered=True)  # fmt: skip


def labels(
    kind: pa.DataType, known: tuple[str | None, ...], standin: StandIn | None = None
) -> Attribute:
    header = headers_of(pa.schema([("a", kind)]))[0]
    encoding = LabelCells(column="a", labels=known)
    counts = np.arange(1.0, encoding.size + 1)[::-1].copy()
    return Attribute(header=header, kind=Kind.CATEGORY, encoding=encoding, counts=counts,
                     variances=np.ones(encoding.size), standin=standin, paid={"labels": "declared"})  # fmt: skip


WHOLE = Reading(kind=Kind.NUMBER, decimals=0)
SECONDS = Reading(kind=Kind.DATETIME, format="%Y-%m-%d %H:%M:%S")
TYPED = [
    (pa.string(), WHOLE, (0.0, 10.0, 20.0)),
    (pa.string(), Reading(kind=Kind.NUMBER, decimals=2, fixed_decimals=True), (0.0, 100.0, 250.0)),
    (pa.string(), Reading(kind=Kind.DATE, format="%d.%m.%Y"), (18_000.0, 18_500.0, 19_000.0)),
    (pa.string(), Reading(kind=Kind.TIME, format="%H:%M"), (0.0, 600.0, 1_440.0)),
    (pa.int8(), WHOLE, (-5.0, 0.0, 7.0)),
    (pa.int64(), WHOLE, (0.0, 2.0**40, 2.0**41)),
    (pa.uint16(), WHOLE, (0.0, 9.0, 70.0)),
    (pa.float64(), Reading(kind=Kind.NUMBER, decimals=3), (-1000.0, 0.0, 5000.0)),
    (pa.float32(), Reading(kind=Kind.NUMBER, decimals=1), (0.0, 10.0, 20.0)),
    (pa.date32(), Reading(kind=Kind.DATE), (18_000.0, 18_100.0, 18_200.0)),
    (pa.timestamp("us"), SECONDS, (1.6e9, 1.61e9, 1.62e9)),
    (pa.timestamp("ns", tz="Europe/Paris"), SECONDS, (1.6e9, 1.61e9, 1.62e9)),
    (pa.time64("us"), Reading(kind=Kind.TIME), (0.0, 100.0, 86_400.0)),
    (pa.decimal128(10, 2), Reading(kind=Kind.NUMBER, decimals=2), (0.0, 500.0, 1_000.0)),
]


@pytest.mark.parametrize(("kind", "reading", "edges"), TYPED, ids=lambda part: str(part)[:20])
def test_what_is_decoded_is_coded_back_to_the_same_cell(
    kind: pa.DataType, reading: Reading, edges: tuple[float, ...]
) -> None:
    item = numbers(kind, reading, edges)
    codes = np.repeat(np.arange(item.encoding.size - 1), 200)
    made = item.decode(codes, RNG(0))
    assert made.type == kind
    again = encode(item.encoding, made, item.header.storage)
    assert np.array_equal(again, codes)


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        (pa.string(), ("a", "", " ", None)),
        (pa.large_string(), ("a", None)),
        (pa.dictionary(pa.int8(), pa.string()), ("a", "b", None)),
        (pa.bool_(), ("false", "true", None)),
        (pa.int64(), ("1", "-5", None)),
        (pa.float64(), ("1", "2.5", None)),
        (pa.date32(), ("2020-01-02", None)),
    ],
)
def test_labels_come_back_in_the_type_of_the_container(
    kind: pa.DataType, known: tuple[str | None, ...]
) -> None:
    item = labels(kind, known)
    codes = np.repeat(np.arange(len(known)), 3)
    made = item.decode(codes, RNG(0))
    assert made.type == kind
    assert np.array_equal(encode(item.encoding, made, item.header.storage), codes)
    rest = item.decode(np.array([len(known)] * 2), RNG(0))
    assert rest.type == kind
    assert set(rest.to_pylist()) <= {REST, None}


def test_stand_ins_are_fresh_and_marks_stay() -> None:
    standin = StandIn(kind=IdentifierKind.KEY, pattern="A999")
    item = labels(pa.string(), ("?",), standin)
    made = item.decode(np.array([0, 1, 1, 1]), RNG(0)).to_pylist()
    assert made[0] == "?"
    assert len(set(made[1:])) == 3
    assert all(len(cell) == 4 for cell in made[1:])


def test_whole_number_keys_stay_in_their_range() -> None:
    standin = StandIn(kind=IdentifierKind.KEY, whole_numbers=(1_000, 2_000))
    made = labels(pa.int64(), (None,), standin).decode(np.ones(300, dtype=int), RNG(0))
    assert made.type == pa.int64()
    held = [cell for cell in made.to_pylist() if cell is not None]
    assert len(held) == 300
    assert min(held) >= 1_000


@pytest.mark.parametrize(
    "item",
    [
        numbers(pa.string(), Reading(kind=Kind.NUMBER, decimals=2), (0.0, 5.0), ("?", "", None)),
        numbers(pa.timestamp("ms", tz="UTC"), SECONDS, (0.0, 10.0)),
        labels(pa.dictionary(pa.int32(), pa.string()), ("a", None, "None")),
        labels(pa.string(), (None,), StandIn(kind=IdentifierKind.PHONE, pattern="+99")),
        labels(pa.int64(), (None,), StandIn(kind=IdentifierKind.KEY, whole_numbers=(1, 9))),
    ],
)
def test_an_attribute_survives_json(item: Attribute) -> None:
    facts, arrays = item.to_json()
    again = Attribute.from_json(json.loads(json.dumps(facts)), arrays)
    assert again.encoding == item.encoding
    assert again.header == item.header
    assert again.standin == item.standin
    assert again.kind is item.kind
    assert again.paid == item.paid
    codes = np.arange(item.encoding.size)
    assert again.decode(codes, RNG(4)).equals(item.decode(codes, RNG(4)))


def test_names_show_nulls_and_blanks_and_both_ends() -> None:
    item = numbers(pa.string(), WHOLE, (0.0, 1.0, 10.0), ("", None))
    assert item.names() == ["0", "1 to 9", "(blank)", "(null)", "(unreadable)"]
    assert labels(pa.string(), ("a", None)).names() == ["a", "(null)", REST]


@pytest.mark.parametrize("levels", [2, 3, 8, 100])
@pytest.mark.parametrize("ordered", [True, False])
def test_merging_keeps_every_code_and_few_levels(levels: int, ordered: bool) -> None:
    rng = RNG(levels)
    counts = rng.exponential(size=40)
    counts[5:9] = 0.0
    header = headers_of(pa.schema([("a", pa.string())]))[0]
    item = Attribute(
        header=header,
        kind=Kind.CATEGORY,
        encoding=LabelCells(column="a", labels=tuple(f"l{place}" for place in range(39))),
        counts=counts,
        variances=np.ones(40),
        ordered=ordered,
    )
    into = item.merge(levels, least=0.001)
    assert into.shape == (40,)
    assert len(set(into.tolist())) <= levels
    assert sorted(set(into.tolist())) == list(range(into.max() + 1))
    if ordered:
        assert np.all(np.diff(into[:39]) >= 0)


def test_an_attribute_without_counts_has_even_shares() -> None:
    header = headers_of(pa.schema([("a", pa.string())]))[0]
    item = Attribute(header=header, kind=Kind.CATEGORY, counts=np.zeros(2), variances=np.ones(2),
                     encoding=LabelCells(column="a", labels=("x",)))  # fmt: skip
    assert item.shares.tolist() == [0.5, 0.5]
    assert item.merge(5).shape == (2,)


def test_values_inside_a_cell_are_spread_over_its_points() -> None:
    item = numbers(pa.string(), WHOLE, (0.0, 4.0))
    made = item.decode(np.zeros(4_000, dtype=int), RNG(0)).to_pylist()
    assert set(made) == {"0", "1", "2", "3"}
    assert min(made.count(cell) for cell in set(made)) > 800


def test_decimals_and_days_are_exact() -> None:
    item = numbers(pa.decimal128(10, 2), Reading(kind=Kind.NUMBER, decimals=2), (150.0, 151.0))
    assert item.decode(np.zeros(2, dtype=int), RNG(0)).to_pylist() == [Decimal("1.50")] * 2
    day = numbers(pa.date32(), Reading(kind=Kind.DATE), (18_262.0, 18_263.0))
    assert day.decode(np.zeros(1, dtype=int), RNG(0)).to_pylist() == [dt.date(2020, 1, 1)]
