"""The labelled layer: kinds, missing marks, one meaning over three tables, nothing shown."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from understudy.errors import InputError
from understudy.evaluate.columns import Tables, read_tables

SECRET = "CANARY-7731"


def read(train: dict[str, Any], other: dict[str, Any] | None = None, **how: Any) -> Tables:
    rng = np.random.default_rng(0)
    return read_tables(pa.table(train), None, pa.table(other or train), rng=rng, **how)


def kind(values: Any, **how: Any) -> str:
    """Kind of one column, or the reason it is left out."""
    tables = read({"a": values}, **how)
    return tables.columns[0].kind if tables.columns else "left out"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([f"{i}.5" for i in range(40)], "numeric"),
        ([f"{i % 37}" for i in range(400)], "numeric"),
        ([str(i % 4) for i in range(400)], "categorical"),
        ([i % 4 for i in range(400)], "categorical"),
        ([(i % 4) + 0.5 for i in range(400)], "numeric"),
        ([f"0{i % 50}" for i in range(400)], "categorical"),
        ([f"0.{i}" for i in range(40)], "numeric"),
        (["x", "y"] * 20, "categorical"),
        ([""] * 40, "categorical"),
        ([True, False, None] * 20, "categorical"),
        ([f"2020-01-{i % 28 + 1:02d}" for i in range(90)], "datetime"),
        ([f"{i % 28 + 1:02d}.03.2021 10:00" for i in range(90)], "datetime"),
        ([f"2020-01-{i % 28 + 1:02d}T10:00:00.250+02:00" for i in range(90)], "datetime"),
        ([f"{i % 24:02d}:15" for i in range(90)], "datetime"),
        ([dt.date(2020, 1, 1 + i % 20) for i in range(60)], "datetime"),
        ([f"16-{i % 5}" for i in range(90)], "categorical"),
        ([f"name {i}" for i in range(100)], "left out"),
        (list(range(100, 400)), "left out"),
        ([i * 1.25 for i in range(400)], "numeric"),
        ([str(v) if v else "?" for v in range(97)] * 3, "numeric"),
        ([str(v) if v > 20 else "N" for v in range(97)] * 3, "numeric"),
        ([b"x", b"y"] * 30, "left out"),
        ([[1], [2]] * 30, "left out"),
    ],
)
def test_the_kind_of_a_column(values: list[Any], expected: str) -> None:
    assert kind(values) == expected


def test_declared_kinds_win() -> None:
    numbers = [str(i % 37) for i in range(400)]
    assert kind(numbers, kinds={"a": "categorical"}) == "categorical"
    assert kind([f"name {i}" for i in range(100)], kinds={"a": "categorical"}) == "categorical"
    assert kind(["1", "2"] * 50, kinds={"a": "number"}) == "numeric"
    assert kind(["1", "2"] * 50, kinds={"a": "identifier"}) == "left out"
    with pytest.raises(InputError, match="unknown kind"):
        kind(["1"], kinds={"a": "colour"})


def test_one_value_in_any_spelling() -> None:
    train = {
        "n": ["1", "2.50", "-3"] * 30,
        "c": ["1", "0", "1"] * 30,
        "b": ["true", "false", ""] * 30,
    }
    other = {"n": [1.0, 2.5, -3.0] * 30, "c": [1.0, 0.0, 1.0] * 30, "b": [True, False, None] * 30}
    for column in read(train, other, kinds={"n": "numeric"}).columns:
        assert np.array_equal(column.train, column.synthetic, equal_nan=column.kind == "numeric")


def test_moments_in_text_and_typed_agree() -> None:
    utc = dt.UTC
    days = [dt.datetime(2020, 1, 1 + i % 9, 6, 30, tzinfo=utc) for i in range(60)]
    text = [f"{day:%d/%m/%Y %H:%M}" for day in days]
    days[0], text[0] = None, ""  # type: ignore[call-overload]
    text[1] = "13/01/2020 00:00"
    days[1] = dt.datetime(2020, 1, 13, tzinfo=utc)
    (column,) = read({"a": text}, {"a": pa.array(days, pa.timestamp("ms"))}).columns
    assert np.isnan(column.train[0])
    assert np.array_equal(column.train, column.synthetic, equal_nan=True)
    assert column.train[2] == (days[2] - dt.datetime(1970, 1, 1, tzinfo=utc)).total_seconds()


def test_missing_marks() -> None:
    (number,) = read({"a": ["1.5", "NA", "", "?", "7.25"] * 20}).columns
    assert np.isnan(number.train[1:4]).all()
    (label,) = read({"a": ["x", "NA", "", "?", "y"] * 20}).columns
    assert label.train[:5].tolist().count(-1) == 2
    assert "?" in label.levels
    (own,) = read({"a": ["x", "NA", "", "?", "y"] * 20}, nulls={"a": ("?",)}).columns
    assert own.train[:5].tolist().count(-1) == 1


def test_unseen_labels_come_after_the_real_ones() -> None:
    (column,) = read({"a": ["x", "x", "y"] * 9}, {"a": ["y", "new", "x"] * 9}).columns
    assert column.levels == ("x", "y", "new")
    assert column.real_levels == 2
    assert column.synthetic[:3].tolist() == [1, 2, 0]


def test_samples_are_seeded_and_said() -> None:
    table = {"a": np.arange(500) * 0.5, "b": ["x", "y"] * 250}
    first, again = (read(table, row_cap=100) for _ in range(2))
    assert first.sampled == {"train": 100, "holdout": 0, "synthetic": 100}
    assert first.is_sampled
    for one, two in zip(first.columns, again.columns, strict=True):
        assert np.array_equal(one.train, two.train)
    (a, b) = first.columns
    assert np.array_equal(a.train * 2 % 2, b.train), "rows stay together"
    assert [len(column.train) for column in first.whole()] == [500, 500]


def test_tables_that_cannot_be_compared_are_refused() -> None:
    good = {"a": ["x", "y"]}
    with pytest.raises(InputError, match="synthetic table is empty"):
        read(good, {"a": pa.array([], pa.string())})
    with pytest.raises(InputError, match="train table is empty"):
        read({"a": pa.array([], pa.string())}, good)
    with pytest.raises(InputError, match="shares no column"):
        read(good, {"b": ["x"]})
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(InputError, match="repeats a column name"):
        read_tables(twice, None, twice, rng=np.random.default_rng(0))


def test_columns_that_one_table_lacks_are_named() -> None:
    tables = read({"a": ["x", "y"], "b": ["x", "y"]}, {"z": ["q"], "a": ["x"]})
    assert [column.name for column in tables.columns] == ["a"]
    assert dict(tables.left_out).keys() == {"b", "z"}


def test_no_representation_shows_a_cell() -> None:
    tables = read({"a": [SECRET, "y"] * 9, "b": ["2031-12-01"] * 18})
    shown = repr(tables) + repr(tables.columns) + repr(tables.plans) + repr(tables.real)
    assert SECRET not in shown
    assert "2031" not in shown
