"""Reading files: cells untouched, format facts from the header line, errors without values."""

from __future__ import annotations

import dataclasses
import gzip
import pickle  # noqa: TID251  to see it refused
import sqlite3
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import FormatError, InputError, UnderstudyError
from understudy.schema import Storage
from understudy.source import FileFormat, Header, memory, read_table, write_table

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "Zebulon-7391"


def put(folder: Path, content: bytes | str, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def cells(path: Path, **options: str) -> dict[str, list[str]]:
    return read_table(path, **options).rows.to_pydict()


def test_cells_stay_as_spelled(tmp_path: Path) -> None:
    path = put(tmp_path, 'a,b,c\n007, x ,NA\n,"",null\n1e3,"a ""q"" b","two\nlines"\n')
    assert cells(path) == {
        "a": ["007", "", "1e3"],
        "b": [" x ", "", 'a "q" b'],
        "c": ["NA", "null", "two\nlines"],
    }


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_delimiter_is_told_by_the_header_line(tmp_path: Path, mark: str) -> None:
    path = put(tmp_path, f'"x,1"{mark}y\n1{mark}2\n'.replace('"x,1"', '"x 1"'))
    table = read_table(path)
    assert table.format.delimiter == mark
    assert table.column_names == ("x 1", "y")


def test_delimiters_in_rows_do_not_count(tmp_path: Path) -> None:
    path = put(tmp_path, 'a;b\n"1,2,3,4";"5,6,7"\n')
    assert cells(path) == {"a": ["1,2,3,4"], "b": ["5,6,7"]}


def test_a_delimiter_can_be_named(tmp_path: Path) -> None:
    path = put(tmp_path, "a:b,c\n1:2,3\n")
    assert cells(path, delimiter=":") == {"a": ["1"], "b,c": ["2,3"]}
    with pytest.raises(InputError, match="one character"):
        read_table(path, delimiter="::")


def test_one_column_without_a_delimiter(tmp_path: Path) -> None:
    assert cells(put(tmp_path, "id\n1\n\n2\n")) == {"id": ["1", "", "2"]}


def test_blank_lines_between_rows_are_no_rows(tmp_path: Path) -> None:
    assert cells(put(tmp_path, "a,b\n1,2\n\n3,4\n\n")) == {"a": ["1", "3"], "b": ["2", "4"]}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(tmp_path: Path, end: str) -> None:
    table = read_table(put(tmp_path, end.join(["a,b", "1,2", "3,4", ""])))
    assert table.format.line_end == end
    assert table.rows.to_pydict() == {"a": ["1", "3"], "b": ["2", "4"]}


def test_no_line_end_after_the_last_row(tmp_path: Path) -> None:
    assert cells(put(tmp_path, "a,b\n1,2\n3,4")) == {"a": ["1", "3"], "b": ["2", "4"]}


def test_header_names_may_hold_line_ends_and_delimiters(tmp_path: Path) -> None:
    table = read_table(put(tmp_path, '"a\nb","c,d",e\n1,2,3\n'))
    assert table.column_names == ("a\nb", "c,d", "e")
    assert table.rows.num_rows == 1


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_byte_order_marks(tmp_path: Path, codec: str) -> None:
    table = read_table(put(tmp_path, "größe,b\nä,2\nö,3\n".encode(codec)))
    assert table.rows.to_pydict() == {"größe": ["ä", "ö"], "b": ["2", "3"]}
    assert table.format.bom


def test_an_encoding_can_be_named(tmp_path: Path) -> None:
    path = put(tmp_path, "größe,b\nä,2\n".encode("latin-1"))
    assert cells(path, encoding="latin-1") == {"größe": ["ä"], "b": ["2"]}
    with pytest.raises(InputError, match="encoding is not known"):
        read_table(path, encoding="klingon")


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_compression_is_told_by_content(tmp_path: Path, kind: str) -> None:
    raw = b"a,b\n" + b"1,2\n" * 1000
    packed = gzip.compress(raw) if kind == "gzip" else pa.compress(raw, "zstd", asbytes=True)
    table = read_table(put(tmp_path, packed, "misnamed.txt"))
    assert table.format.compression == kind
    assert table.rows.num_rows == 1000
    assert table.format.suffix == {"gzip": ".csv.gz", "zstd": ".csv.zst"}[kind]


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "i": pa.array([1, None], pa.int16()),
            "f": pa.array([0.5, 1.5], pa.float32()),
            "b": [True, None],
            "s": ["x", ""],
            "c": pa.array(["u", "v"]).dictionary_encode(),
            "d": pa.array([1, 2], pa.date32()),
            "t": pa.array([1, 2], pa.timestamp("ms", tz="Europe/Paris")),
            "o": pa.array([b"x", b"y"], pa.binary()),
        }
    )
    path = tmp_path / "misnamed.csv"
    pq.write_table(table, path, compression="zstd")
    found = read_table(path)
    assert found.rows.equals(table)
    assert [h.storage for h in found.headers] == [
        Storage.INT,
        Storage.FLOAT,
        Storage.BOOL,
        Storage.TEXT,
        Storage.CATEGORY,
        Storage.DATE,
        Storage.DATETIME,
        Storage.OTHER,
    ]
    assert [h.type for h in found.headers] == list(table.schema.types)
    assert found.format.codec == "zstd"
    assert [Header.from_json(h.to_json()) for h in found.headers] == list(found.headers)


def test_parquet_of_pandas_loses_counts_and_keeps_dtypes(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "n": pd.array([1, None, 3], dtype="Int64"),
            "c": pd.Categorical(["a", "b", "a"]),
            "t": pd.date_range("2020-01-01", periods=3, tz="Europe/Paris"),
        }
    )
    frame.to_parquet(tmp_path / "in.parquet")
    table = read_table(tmp_path / "in.parquet")
    note = str(table.format.pandas)
    assert not any(word in note for word in ("num_categories", '"stop"', '"step"'))
    write_table(table.rows, tmp_path / "out.parquet", table.format)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out.parquet"), frame)


def broken_files(folder: Path) -> dict[str, tuple[Path, str]]:
    """Files that are refused, and a word of the reason; each holds SECRET where it can."""
    secret = SECRET.encode()
    rows = b"a,b\n" + secret + b",2\n"
    many = b"a,b\n" + b"".join(secret + b"%d,%d\n" % (i, i * 7919) for i in range(5000))
    packed = gzip.compress(many)
    pq.write_table(pa.table({"a": [SECRET] * 1000}), folder / "whole.parquet")
    parquet = (folder / "whole.parquet").read_bytes()
    pq.write_table(pa.table({"a": [[SECRET]]}), folder / "nested.parquet")
    pq.write_table(pa.table({"a": pa.array([], pa.int8())}), folder / "rowless.parquet")
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), folder / "twice.parquet")
    sqlite3.connect(folder / "base.db").execute("create table t (x)").connection.close()
    return {
        "missing": (folder / "absent.csv", "no file"),
        "folder": (folder, "folder"),
        "empty": (put(folder, b"", "e.csv"), "empty"),
        "empty inside gzip": (put(folder, gzip.compress(b""), "e.gz"), "empty"),
        "header only": (put(folder, "a,b\n", "h.csv"), "no rows"),
        "header only, no line end": (put(folder, "a,b", "h2.csv"), "no rows"),
        "blank first line": (put(folder, "\n\n1,2\n", "bl.csv"), "blank"),
        "too few cells": (put(folder, rows + secret + b"\n", "r1.csv"), "row 3 "),
        "too many cells": (put(folder, rows * 2 + secret + b",2,3\n", "r2.csv"), "row 5 "),
        "no name": (put(folder, "a,,c\n1,2,3\n", "n.csv"), "column 2"),
        "same name": (put(folder, "a,b,a\n1,2,3\n", "d.csv"), "columns 1 and 3"),
        "latin-1": (put(folder, rows + "é,1\n".encode("latin-1"), "l.csv"), "latin-1"),
        "latin-1 header": (put(folder, "é,b\n1,2\n".encode("latin-1"), "l2.csv"), "latin-1"),
        "NUL at once": (put(folder, b"a,b\n\x00,2\n", "z.csv"), "not text"),
        "NUL later": (put(folder, b"a,b\n" + b"11,2\n" * 300_000 + b"\x00,2\n", "z2.csv"), "NUL"),
        "random bytes": (put(folder, bytes(range(256)) * 9, "x.csv"), "not text"),
        "cut gzip": (put(folder, packed[: len(packed) // 2], "c.gz"), "truncated"),
        "cut parquet": (put(folder, parquet[: len(parquet) // 2], "c.parquet"), "truncated"),
        "nested": (folder / "nested.parquet", "nested"),
        "rowless": (folder / "rowless.parquet", "no rows"),
        "twice": (folder / "twice.parquet", "same name"),
        "sqlite": (folder / "base.db", "SQLite"),
        "workbook": (put(folder, b"PK\x03\x04" + b"x" * 99, "w.xlsx"), "Excel"),
        "pickle": (put(folder, pickle.dumps([SECRET], protocol=4), "p.pkl"), "pickle"),
        "open quote in header": (put(folder, '"a,b\n1,2\n', "q.csv"), "does not end"),
        "open quote in a cell": (put(folder, rows + b'"x,2\n' + rows, "q2.csv"), "row 3|readable"),
    }


CASES = sorted(
    """cut gzip|cut parquet|empty|empty inside gzip|folder|header only|header only, no line end
    |blank first line|latin-1|latin-1 header|missing|nested|no name|NUL at once|NUL later
    |open quote in a cell|open quote in header|pickle|random bytes|rowless|same name|sqlite
    |too few cells|too many cells|twice|workbook""".replace("\n    ", "").split("|")
)


def test_every_broken_file_is_a_case(tmp_path: Path) -> None:
    assert sorted(broken_files(tmp_path)) == CASES


@pytest.mark.parametrize("case", CASES)
def test_broken_files_are_refused_without_a_value(tmp_path: Path, case: str) -> None:
    path, reason = broken_files(tmp_path)[case]
    with pytest.raises(FormatError, match=reason) as caught:
        read_table(path)
    told = str(caught.value) + repr(caught.value.__cause__) + repr(caught.value.facts)
    assert SECRET not in told
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_header_that_looks_like_data_is_a_warning(tmp_path: Path) -> None:
    odd = read_table(put(tmp_path, f"17,{SECRET}@x.org\n18,b\n"))
    assert len(odd.warnings) == 1
    assert SECRET not in odd.warnings[0]
    assert "17" not in odd.warnings[0]
    assert read_table(put(tmp_path, "age,v2,2019\n1,2,3\n")).warnings == ()


def test_duplicate_cells_in_a_missing_header_are_not_printed(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        read_table(put(tmp_path, "7391,7391\n1,2\n"))
    assert "7391" not in str(caught.value)


def test_a_table_too_large_for_memory_is_refused_before_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, "a,b\n" + "1,2\n" * 300_000)
    with path.open("r+b") as file:
        file.truncate(3 << 30)
    monkeypatch.setattr(memory, "available_memory", lambda: 1 << 30)
    with pytest.raises(InputError, match=r"9\.0 GiB of memory and 1\.0 are free"):
        read_table(path)


def test_a_long_cell_is_read(tmp_path: Path) -> None:
    long = "x" * (20 << 20)
    assert cells(put(tmp_path, f'a,b\n"{long}\n",2\n')) == {"a": [long + "\n"], "b": ["2"]}


def test_nothing_shows_rows(tmp_path: Path) -> None:
    table = read_table(put(tmp_path, f"a,b\n{SECRET},2\n" + "1,2\n" * 4321))
    for shown in (repr(table), str(table), f"{table}", repr([table]), repr(table.headers)):
        assert not any(told in shown for told in (SECRET, "4321", "4322"))
    with pytest.raises(InputError, match="pickled"):
        pickle.dumps(table)
    with pytest.raises(TypeError):
        len(table)  # type: ignore[arg-type]


CELL = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8
)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quote_all=st.booleans(),
    bom=st.booleans(),
    compression=st.sampled_from([None, "gzip", "zstd"]),
)
def test_any_text_survives_writing_and_reading(  # noqa: PLR0917  hypothesis names them
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, str]],
    delimiter: str,
    line_end: str,
    quote_all: bool,
    bom: bool,
    compression: None,
) -> None:
    path = tmp_path_factory.mktemp("any") / "t.csv"
    names = ["plain", f"with{delimiter}mark", 'with"quote']
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    style = FileFormat(
        container="csv",
        delimiter=delimiter,
        line_end=line_end,
        quote_all=quote_all,
        bom=bom,
        compression=compression,
    )
    write_table(pa.table(columns), path, style)
    found = read_table(path)
    assert found.rows.to_pydict() == columns
    assert found.format == dataclasses.replace(style, quoted_names=found.format.quoted_names)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "t"
    path.write_bytes(content)
    try:
        table = read_table(path)
    except UnderstudyError:
        return
    assert table.rows.num_rows > 0


@pytest.mark.parametrize("kind", [pa.ArrowInvalid, pa.ArrowIOError, pa.ArrowNotImplementedError])
def test_no_message_of_the_engine_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise kind(f"cell {SECRET}")

    path = put(tmp_path, "a,b\n1,2\n")
    monkeypatch.setattr("understudy.source.reading._parse", fail)
    with pytest.raises(FormatError) as caught:
        read_table(path)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
