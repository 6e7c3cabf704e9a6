"""How cells become codes: fast paths against one cell at a time, and odd cells."""

from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from understudy.cells.reading import Reading
from understudy.curator import CellClasses, Count, LabelCells, MemoryCurator, Merged, NumberCells
from understudy.curator.encodings import as_text, code_type, encode, fingerprint
from understudy.privacy import Budget
from understudy.schema import Kind, Storage
from understudy.source import from_frame
from understudy.source.table import headers_of

NUMBER = Reading(kind=Kind.NUMBER, decimals=0)


def codes(encoding: Any, cells: list[Any], kind: pa.DataType | None = None) -> list[int]:
    """Codes of a few cells."""
    array = pa.array(cells, kind or pa.string())
    storage = headers_of(pa.schema([("a", array.type)]))[0].storage
    return encode(encoding, array, storage).tolist()


def test_numbers_outside_their_edges_are_clipped_into_the_first_and_last_cell() -> None:
    cells = NumberCells(column="a", reading=NUMBER, edges=(0.0, 10.0, 20.0))
    assert codes(cells, ["-5", "0", "9", "10", "19", "20", "99999"]) == [0, 0, 0, 1, 1, 1, 1]


def test_marks_win_over_numbers_and_the_rest_is_last() -> None:
    cells = NumberCells(column="a", reading=NUMBER, edges=(0.0, 10.0), marks=("?", "9", None))
    assert codes(cells, ["3", "?", "9", None, "word", "NaN", "inf"]) == [0, 1, 2, 3, 4, 4, 4]


def test_an_empty_string_is_no_null_and_blanks_are_one_mark() -> None:
    labels = LabelCells(column="a", labels=("", " ", None))
    assert codes(labels, ["", " ", "   ", "\t", None, "x"]) == [0, 1, 1, 1, 2, 3]
    cells = NumberCells(column="a", reading=NUMBER, edges=(0.0, 9.0), marks=("", None))
    assert codes(cells, ["", None, " "]) == [1, 2, 3]


def test_a_container_null_goes_to_the_rest_where_it_is_no_mark() -> None:
    assert codes(LabelCells(column="a", labels=("x",)), ["x", None]) == [0, 1]


@pytest.mark.parametrize("size", [1, 2, 256, 257, 65_536, 65_537])
def test_codes_fit_their_type(size: int) -> None:
    assert np.iinfo(code_type(size)).max >= size - 1
    assert code_type(256) == np.uint8


def test_many_labels_use_a_wider_type() -> None:
    labels = tuple(f"k{place}" for place in range(70_000))
    found = encode(LabelCells(column="a", labels=labels), pa.array(["k69999", "zz"]), Storage.TEXT)
    assert found.tolist() == [69_999, 70_000]


def test_merged_codes_follow_the_map() -> None:
    base = LabelCells(column="a", labels=("x", "y"))
    merged = Merged(base=base, into=(1, 0, 1))
    assert merged.size == 2
    assert codes(merged, ["x", "y", "z"]) == [1, 0, 1]


@pytest.mark.parametrize(
    ("kind", "cells", "texts"),
    [
        (pa.float64(), [1.0, -0.0, 2.5, None], ["1", "0", "2.5", None]),
        (pa.float32(), [1.0, 0.5], ["1", "0.5"]),
        (pa.float16(), [np.float16(1), np.float16(0.5)], ["1", "0.5"]),
        (pa.int8(), [3, None], ["3", None]),
        (pa.bool_(), [True, False], ["true", "false"]),
        (pa.date32(), [dt.date(2020, 1, 2)], ["2020-01-02"]),
        (pa.decimal128(6, 2), [Decimal("1.50")], ["1.50"]),
        (pa.large_string(), ["a", None], ["a", None]),
        (pa.string_view(), ["a", None], ["a", None]),
    ],
)
def test_typed_cells_have_one_spelling(
    kind: pa.DataType, cells: list[Any], texts: list[str | None]
) -> None:
    array = pa.array(cells, kind)
    storage = headers_of(pa.schema([("a", kind)]))[0].storage
    found = as_text(array, storage).to_pylist()
    assert found == texts
    labels = LabelCells(column="a", labels=tuple(dict.fromkeys(texts)))
    assert encode(labels, array, storage).tolist() == [labels.labels.index(text) for text in texts]


@pytest.mark.parametrize("value", ["utf8", "large"])
def test_categories_are_coded_by_label_not_by_their_hidden_order(value: str) -> None:
    kind = pa.string() if value == "utf8" else pa.large_string()
    first = pa.array(["b", "a", None], kind).dictionary_encode()
    labels = LabelCells(column="a", labels=("a", "b", None))
    assert encode(labels, first, Storage.CATEGORY).tolist() == [1, 0, 2]


def test_unused_categories_do_not_count() -> None:
    array = pa.DictionaryArray.from_arrays(pa.array([0, 0]), pa.array(["a", "never"]))
    table = from_frame(pa.table({"a": array}))
    from understudy.curator import Discover, Distinct

    curator = MemoryCurator(table, budget=Budget(1.0))
    tally = curator.exact(Discover(column="a", sigma=1.0, delta=1e-9, stage="t"))
    assert tally.labels == ("a",)
    assert curator.exact(Distinct(column="a", sigma=1.0, stage="t")) == 1


def test_distinct_cells_of_odd_dictionaries_and_chunks() -> None:
    from understudy.curator import Distinct

    twice = pa.DictionaryArray.from_arrays(pa.array([0, 1, 1]), pa.array(["a", "a"]))
    chunks = pa.chunked_array([pa.array(["x", None]), pa.array(["x", "y"])])
    table = from_frame(pa.table({"a": pa.array(["p", "q", "q", None]), "c": chunks}))
    curator = MemoryCurator(table, budget=Budget(1.0))
    assert curator.exact(Distinct(column="a", sigma=1.0, stage="t")) == 3
    assert curator.exact(Distinct(column="c", sigma=1.0, stage="t")) == 3
    again = from_frame(pa.table({"a": twice}))
    found = MemoryCurator(again, budget=Budget(1.0)).exact(
        Distinct(column="a", sigma=1.0, stage="t")
    )
    assert found == 1


def test_extreme_typed_cells_stay_in_their_cells() -> None:
    fine = Reading(kind=Kind.NUMBER, decimals=9)
    cells = NumberCells(column="a", reading=fine, edges=(-5.0, 0.0, 5.0), marks=(None,))
    with np.errstate(over="raise", invalid="raise"):
        found = codes(cells, [1.7e308, -1.7e308, 5e-324, float("nan"), None], pa.float64())
    assert found[2:] == [1, 3, 2]
    assert all(0 <= code < cells.size for code in found)


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_histograms_of_short_tables(rows: int) -> None:
    whole = from_frame(pa.table({"a": pa.array(["1"] * 7), "b": pa.array(["x"] * 7)}))
    table = whole.with_rows(whole.rows.slice(0, rows))
    curator = MemoryCurator(table, budget=Budget(1.0))
    one = NumberCells(column="a", reading=NUMBER, edges=(0.0, 2.0, 4.0))
    two = LabelCells(column="b", labels=("x",))
    three = CellClasses(column="b")
    for chosen in itertools.chain(
        [()], itertools.combinations((one, two, three), 1), itertools.permutations((one, two, three), 2)
    ):  # fmt: skip
        found = curator.exact(Count(encodings=tuple(chosen), sigma=1.0, stage="t"))
        assert found.sum() == rows
        assert found.shape == tuple(part.size for part in chosen)


def test_equal_encodings_have_equal_fingerprints_and_others_do_not() -> None:
    def cells(edges: tuple[float, ...], marks: tuple[str | None, ...] = (None,)) -> NumberCells:
        return NumberCells(column="a", reading=NUMBER, edges=edges, marks=marks)

    assert fingerprint(cells((0.0, 1.0))) == fingerprint(cells((0.0, 1.0)))
    different = [
        cells((0.0, 1.0)),
        cells((0.0, 1.0 + 1e-15)),
        cells((0.0, 1.0), ("None",)),
        LabelCells(column="a", labels=("x", "y")),
        LabelCells(column="a", labels=("x,y",)),
        LabelCells(column="a", labels=("x", "y", None)),
    ]
    assert len({fingerprint(item) for item in different}) == len(different)
