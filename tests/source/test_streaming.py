"""Files as streams: the cells of `read_table`, all that is wrong found at the beginning."""

from __future__ import annotations

import gzip
import pickle  # noqa: TID251  it is what a pool does to a piece
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from understudy.errors import FormatError, InputError, UnderstudyError
from understudy.source import SensitiveStream, is_larger_than_memory, read_stream, read_table
from understudy.source.streaming import CsvPiece, ParquetPiece
from understudy.testing.tables import typed

SECRET = "zq-secret-40917"


def cells(stream: SensitiveStream) -> dict[str, list[object]]:
    """Every cell of a stream."""
    found: dict[str, list[object]] = {name: [] for name in stream.column_names}
    for batch in stream.batches(stream.column_names):
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            found[name] += column.to_pylist()
    return found


CSVS = {
    "plain": b'a,b\n1,x\n,"y, z"\n 3 ,\n',
    "semicolons": b"a;b\r\n1;x\r\n;\xc3\xa9\r\n",
    "bom": b"\xef\xbb\xbfa,b\n1,x\n",
    "line ends in cells": b'a,b\n1,"x\ny"\n2,z\n',
    "one column": b"a\nx\n\ny\n",
    "utf-16": "a,b\n1,é\n".encode("utf-16"),
}


@pytest.mark.parametrize("name", CSVS)
def test_csv_cells_are_those_of_read_table(tmp_path: Path, name: str) -> None:
    for compressed in (False, True):
        file = tmp_path / f"{name}{compressed}.csv"
        file.write_bytes(gzip.compress(CSVS[name]) if compressed else CSVS[name])
        table, stream = read_table(file), read_stream(file)
        assert (stream.headers, stream.format) == (table.headers, table.format)
        assert cells(stream) == table.rows.to_pydict()


def test_parquet_cells_are_those_of_read_table(tmp_path: Path) -> None:
    table = typed(np.random.default_rng(1))
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=37)
    whole, stream = read_table(tmp_path / "t.parquet"), read_stream(tmp_path / "t.parquet")
    assert (stream.headers, stream.format) == (whole.headers, whole.format)
    assert cells(stream) == whole.rows.to_pydict()
    some = [batch.schema.names for batch in stream.batches(("seen", "count"))]
    assert all(names == ["seen", "count"] for names in some)


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    for name, start in (("b", 2), ("a", 0), ("c", 4)):
        pq.write_table(pa.table({"n": [start, start + 1]}), folder / f"{name}.parquet")
    (folder / "_SUCCESS").write_bytes(b"")
    assert cells(read_stream(folder)) == {"n": [0, 1, 2, 3, 4, 5]}
    assert is_larger_than_memory(folder)
    pq.write_table(pa.table({"n": ["x"]}), folder / "d.parquet")
    with pytest.raises(FormatError, match="other columns or types"):
        read_stream(folder)


WRONG = {
    "ragged": (b"a,b\n1,x\n2," + SECRET.encode() + b",z\n", "one cell per column"),
    "encoding": (b"a,b\n1,\xff" + SECRET.encode() + b"\n", "UTF-8"),
    "nul": (b"a,b\n1,\x00" + SECRET.encode() + b"\n", "not text"),
    "late nul": (b"a,b\n" + b"1,x\n" * 400_000 + b"1,\x00" + SECRET.encode() + b"\n", "NUL"),
    "no rows": (b"a,b\n", "no rows"),
    "empty": (b"", "empty"),
    "twice": (b"a,a\n1,2\n", "same name"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_at_the_beginning_without_a_cell(tmp_path: Path, name: str) -> None:
    content, told = WRONG[name]
    file = tmp_path / "t.csv"
    file.write_bytes(content)
    with pytest.raises(UnderstudyError, match=told) as problem:
        read_stream(file)
    assert SECRET not in f"{problem.value}{problem.value.__context__}"


def test_parquet_that_cannot_be_used(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": pa.array([], pa.int64())}), tmp_path / "none.parquet")
    with pytest.raises(FormatError, match="no rows"):
        read_stream(tmp_path / "none.parquet")
    text = pa.StringArray.from_buffers(
        1, pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xff")
    )
    pq.write_table(pa.table({"a": text}), tmp_path / "latin.parquet")
    with pytest.raises(FormatError, match="UTF-8"):
        read_stream(tmp_path / "latin.parquet")
    pq.write_table(pa.table({"a": np.arange(200_000)}), tmp_path / "cut.parquet")
    whole = (tmp_path / "cut.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match="truncated or corrupt"):
        read_stream(tmp_path / "cut.parquet")
    middle = len(whole) // 2
    (tmp_path / "bad.parquet").write_bytes(whole[: middle - 99] + b"\0" * 99 + whole[middle:])
    (tmp_path / "packed.parquet").write_bytes(gzip.compress(whole))
    with pytest.raises(InputError, match="compressed Parquet"):
        read_stream(tmp_path / "packed.parquet")
    with pytest.raises(FormatError, match="no file"):
        read_stream(tmp_path / "absent.csv")


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_file_that_changes_between_two_passes_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    pq.write_table(pa.table({"a": ["1"]}), file) if "parquet" in name else file.write_text("a\n1\n")
    stream = read_stream(file)
    cells(stream)
    file.write_bytes(file.read_bytes() + b"2\n")
    with pytest.raises(InputError, match="changed while"):
        cells(stream)
    file.unlink()
    with pytest.raises(FormatError, match="any more"):
        cells(stream)


def test_a_stream_shows_nothing_and_its_pieces_travel_without_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"a,b\n{SECRET},1\n")
    pq.write_table(pa.table({"a": [SECRET]}), tmp_path / "t.parquet")
    for name, kind in (("t.csv", CsvPiece), ("t.parquet", ParquetPiece)):
        stream = read_stream(tmp_path / name)
        assert repr(stream) == f"SensitiveStream(name={name!r}, columns={len(stream.headers)})"
        with pytest.raises(InputError, match="neither pickled"):
            pickle.dumps(stream)
        (piece,) = stream.pieces
        assert isinstance(piece, kind)
        travelled = pickle.dumps(piece)
        assert SECRET.encode() not in travelled
        assert SECRET not in repr(piece)
        again = pickle.loads(travelled)
        assert next(iter(again.batches(("a",)))).column(0).to_pylist() == [SECRET]


def test_size_decides_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from understudy.source import streaming

    file = tmp_path / "t.csv"
    file.write_text("a\n" + "1\n" * 1000)
    assert not is_larger_than_memory(file)
    monkeypatch.setattr(streaming, "available_memory", lambda: 8 * 2002)
    assert is_larger_than_memory(file)
    monkeypatch.setattr(streaming, "available_memory", lambda: None)
    assert not is_larger_than_memory(file)
