"""What a container says about its cells may not change for everybody because of one of them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from understudy.curator import CellClasses, Count, Distinct, MemoryCurator
from understudy.errors import FormatError, InputError
from understudy.privacy.budget import Budget
from understudy.source import from_frame, read_table

MORNING = dt.datetime(2020, 1, 1)  # noqa: DTZ001  a moment without a zone is the point


def objects(cells: list[object]) -> pd.DataFrame:
    return pd.DataFrame({"c": pd.Series(cells, dtype=object)})


def test_one_long_decimal_does_not_respell_the_others() -> None:
    few = [Decimal("1.5")] * 50
    table, neighbour = from_frame(objects(few)), from_frame(objects([*few, Decimal("1.23456")]))
    question = Count(encodings=(CellClasses(column="c"),), sigma=1.0, stage="kinds")
    one, other = (
        MemoryCurator(each, budget=Budget(1.0, 1e-6)).exact(question) for each in (table, neighbour)
    )
    assert np.abs(one - other).sum() == 1


@pytest.mark.parametrize(
    ("many", "odd"),
    [
        (1, 2.5),
        (1, True),
        (1.5, 2),
        (dt.date(2020, 1, 1), MORNING),
        ("a", 1),
        (1, 2**63),
        (1, 2**70),
        (MORNING, dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
        (pd.Timestamp("2020"), pd.Timestamp("2020", tz="Asia/Tokyo")),
        (b"a", "a"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_one_odd_object_is_refused_and_never_retypes_a_column(
    many: object, odd: object, first: bool
) -> None:
    from_frame(objects([many] * 5))
    cells = [odd, *[many] * 5] if first else [*[many] * 5, odd]
    with pytest.raises(InputError, match="column 'c'"):
        from_frame(objects(cells))


def test_the_type_of_objects_is_said_to_be_public() -> None:
    assert not from_frame(objects(["a", None])).warnings
    (warning,) = from_frame(objects([1, None])).warnings
    assert "taken as public" in warning


@pytest.mark.parametrize("make", [pd.Categorical, lambda x: pl.Series(x, dtype=pl.Categorical)])
def test_the_number_of_labels_does_not_show_in_a_type(make: object) -> None:
    few, many = (
        from_frame(
            (pd if make is pd.Categorical else pl).DataFrame(
                {"c": make([str(label) for label in range(size)])}  # type: ignore[operator]
            )
        )
        for size in (100, 40_000)
    )
    assert few.headers == many.headers


def test_enum_width_does_not_show_in_a_type() -> None:
    few, many = (
        from_frame(
            pl.DataFrame({"c": pl.Series(["0"], dtype=pl.Enum([str(i) for i in range(size)]))})
        )
        for size in (10, 1_000)
    )
    assert few.headers == many.headers


def test_labels_that_no_row_has_are_not_counted() -> None:
    labels = [f"k{place}" for place in range(1_000)]
    wide = from_frame(pd.DataFrame({"c": pd.Categorical(["k1", "k2"], categories=labels)}))
    twice = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, None], pa.int8()), ["k", "k", None])
    odd = from_frame(pa.table({"c": twice}))
    question = Distinct(column="c", sigma=1.0, stage="distinct")
    budget = Budget(5.0, 1e-6)
    assert MemoryCurator(wide, budget=budget).exact(question) == 2
    assert MemoryCurator(odd, budget=budget).exact(question) == 2


def test_pandas_notes_say_nothing_about_cells(tmp_path: Path) -> None:
    notes = []
    for size in (100, 40_000):
        frame = pd.DataFrame({"c": pd.Categorical([str(label) for label in range(size)])})
        frame["o"] = pd.Series([True if size < 200 else "x"] * size, dtype=object)
        frame.to_parquet(tmp_path / "t.parquet")
        notes.append(read_table(tmp_path / "t.parquet").format.pandas)
    assert notes[0] == notes[1]
    assert "int8" not in str(notes[0])


@pytest.mark.parametrize("labels", [False, True])
def test_text_that_is_none_is_refused_before_anything_is_asked(
    tmp_path: Path, labels: bool
) -> None:
    good = pa.array([b"ab", b"\xff\xfe"])
    bad = pa.Array.from_buffers(pa.string(), 2, good.buffers())
    column = pa.DictionaryArray.from_arrays([0, 1], bad, safe=False) if labels else bad
    table = pa.table({"c": column})
    with pytest.raises(FormatError, match="not UTF-8"):
        from_frame(table)
    pq.write_table(pa.table({"c": bad}), tmp_path / "t.parquet")
    with pytest.raises(FormatError, match="not UTF-8"):
        read_table(tmp_path / "t.parquet")


def test_categories_of_bytes_are_not_labels() -> None:
    table = from_frame(pa.table({"c": pa.array([b"\xff", b"a"]).dictionary_encode()}))
    assert str(table.headers[0].storage) == "other"
