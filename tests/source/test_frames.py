"""Frames in, and the same kind of frame with the same dtypes back."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from understudy.errors import FormatError, InputError
from understudy.schema import Storage
from understudy.source import from_frame

SECRET = "Zebulon-7391"


def pandas_frame() -> pd.DataFrame:
    days = pd.to_datetime(["2020-01-31 10:00", None, "2021-06-01 12:30"])
    return pd.DataFrame(
        {
            "int64": np.array([1, 2, 3]),
            "int8": np.array([1, 2, 3], dtype=np.int8),
            "float": [0.5, np.nan, 2.0],
            "float32": np.array([0.5, np.nan, 2.0], dtype=np.float32),
            "bool": [True, False, True],
            "Int64": pd.array([1, None, 3], dtype="Int64"),
            "Float64": pd.array([1.5, None, 3], dtype="Float64"),
            "boolean": pd.array([True, None, False], dtype="boolean"),
            "text": ["x", None, "z"],
            "string": pd.array(["x", None, "z"], dtype="string"),
            "object text": pd.array(["x", None, "z"], dtype=object),
            "object bool": pd.array([True, None, False], dtype=object),
            "object date": pd.array([dt.date(2020, 1, 1), None, dt.date(2021, 1, 1)], dtype=object),
            "category": pd.Categorical(["u", None, "v"], categories=["v", "u"], ordered=True),
            "days": days,
            "zoned": days.tz_localize("Europe/Paris"),
            "arrow": pd.array([1, None, 3], dtype=pd.ArrowDtype(pa.int32())),
        }
    )


def test_pandas_comes_back_with_its_dtypes() -> None:
    frame = pandas_frame()
    table = from_frame(frame)
    back = table.give_back(table.rows)
    pd.testing.assert_frame_equal(back, frame)
    assert back["object bool"].tolist() == [True, None, False]


def test_pandas_storages_and_nullability() -> None:
    found = {h.name: (h.storage, h.nullable) for h in from_frame(pandas_frame()).headers}
    assert found["int8"] == (Storage.INT, False)
    assert found["bool"] == (Storage.BOOL, False)
    assert found["float"] == (Storage.FLOAT, True)
    assert found["Int64"] == (Storage.INT, True)
    assert found["object bool"] == (Storage.BOOL, True)
    assert found["object date"] == (Storage.DATE, True)
    assert found["text"] == (Storage.TEXT, True)
    assert found["category"] == (Storage.CATEGORY, True)
    assert found["zoned"] == (Storage.DATETIME, True)


def test_fewer_rows_and_columns_come_back() -> None:
    table = from_frame(pandas_frame())
    some = table.rows.select(["category", "Int64"]).slice(1, 1)
    back = table.give_back(some)
    assert list(back.columns) == ["category", "Int64"]
    assert str(back["Int64"].dtype) == "Int64"
    assert back.index.equals(pd.RangeIndex(1))


def test_labels_of_a_category_are_not_kept() -> None:
    frame = pd.DataFrame({"c": pd.Categorical(["a", "b"], categories=["a", "b", SECRET])})
    table = from_frame(frame)
    synthetic = pa.table({"c": pa.array(["a", "a"]).dictionary_encode()})
    assert SECRET not in str(table.give_back(synthetic)["c"].cat.categories)
    assert SECRET not in str(table.headers)


@pytest.mark.parametrize(
    ("index", "kept"),
    [
        (pd.RangeIndex(3), False),
        (pd.Index([7, 3, 9]), False),
        (pd.Index(["p1", "p2", "p3"], name="patient"), True),
        (pd.Index(["p1", "p2", "p3"]), True),
        (pd.date_range("2020-01-01", periods=3, name="day"), True),
        (pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["x", "y"]), True),
    ],
)
def test_an_index_is_data_unless_it_only_counts(index: pd.Index, kept: bool) -> None:
    frame = pd.DataFrame({"v": [1.0, 2.0, 3.0]}, index=index)
    table = from_frame(frame)
    assert len(table.headers) == 1 + kept * index.nlevels
    back = table.give_back(table.rows)
    expected = frame if kept else frame.reset_index(drop=True)
    pd.testing.assert_frame_equal(back, expected, check_freq=False)


def test_column_labels_that_are_no_text_come_back() -> None:
    frame = pd.DataFrame({0: [1], 1: [2]})
    table = from_frame(frame)
    assert table.column_names == ("0", "1")
    assert list(table.give_back(table.rows).columns) == [0, 1]


def test_decimal_objects_are_text_of_their_digits() -> None:
    frame = pd.DataFrame({"d": pd.array([Decimal("1.50"), Decimal("99.10")], dtype=object)})
    assert from_frame(frame).headers[0].storage is Storage.TEXT


def test_a_column_of_nothing_is_text() -> None:
    frame = pd.DataFrame({"d": pd.array([None, None], dtype=object)})
    assert from_frame(frame).headers[0].storage is Storage.TEXT


def polars_frame() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "i": [1, None, 3],
            "f": [0.5, float("nan"), None],
            "s": ["x", None, "z"],
            "b": [True, None, False],
            "d": [dt.date(2020, 1, 1), None, dt.date(2021, 1, 1)],
            "t": [
                dt.datetime.fromisoformat("2020-01-01"),
                None,
                dt.datetime.fromisoformat("2021-01-01"),
            ],
            "m": [dt.time(8), None, dt.time(9)],
            "c": pl.Series(["u", None, "v"], dtype=pl.Categorical),
            "e": pl.Series(["u", None, "v"], dtype=pl.Enum(["u", "v"])),
        },
        schema_overrides={"i": pl.UInt16},
    ).with_columns(z=pl.col("t").dt.replace_time_zone("Europe/Paris"))


def test_polars_comes_back_with_its_dtypes() -> None:
    frame = polars_frame()
    table = from_frame(frame)
    assert table.format.frame == "polars"
    back = table.give_back(table.rows)
    assert isinstance(back, pl.DataFrame)
    assert back.schema == frame.schema
    assert back.equals(frame)


def test_lazy_polars_comes_back_lazy() -> None:
    table = from_frame(polars_frame().lazy())
    assert isinstance(table.give_back(table.rows), pl.LazyFrame)


def test_arrow_comes_back() -> None:
    rows = pa.table({"a": [1, 2]})
    table = from_frame(rows)
    assert table.give_back(table.rows).equals(rows)
    assert from_frame(rows.to_batches()[0]).rows.equals(rows)
    assert from_frame(table) is table


@pytest.mark.parametrize(
    ("frame", "error", "reason"),
    [
        (SECRET, InputError, "no table"),
        ([{"a": SECRET}], InputError, "no table"),
        (pd.DataFrame({"a": []}), InputError, "no rows"),
        (pd.DataFrame(), InputError, "no columns"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), FormatError, "same name"),
        (pd.DataFrame({"": [1]}), FormatError, "no name"),
        (pd.DataFrame({"a": pd.array([SECRET, 1], dtype=object)}), InputError, "mixes types"),
        (pd.DataFrame({"a": [[SECRET], [SECRET]]}), FormatError, "nested"),
        (pl.DataFrame({"a": [[SECRET]]}), FormatError, "nested"),
        (pl.DataFrame({"a": [object()]}), InputError, "plain values"),
        (pd.DataFrame({"a": [object()]}), InputError, "plain values"),
        (pa.table({"a": pa.array([], pa.int8())}), InputError, "no rows"),
    ],
)
def test_what_is_no_table_is_refused_without_a_value(
    frame: object, error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason) as caught:
        from_frame(frame)
    assert SECRET not in str(caught.value)


def test_missing_values_in_a_dtype_without_them_are_refused() -> None:
    table = from_frame(pd.DataFrame({"a": [1, 2]}))
    with pytest.raises(InputError, match="cannot hold missing"):
        table.give_back(pa.table({"a": pa.array([1, None])}))
