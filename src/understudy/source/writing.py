"""Synthetic tables to files, in the format of the source, all or nothing.

A CSV is rendered batch by batch: Arrow's own writer where no cell of a batch needs a quote, and
a join of whole columns where one does. The file appears under its name only when it is complete.

What may not happen here: a file written half.
"""

from __future__ import annotations

import gzip
import itertools
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as arrow_parquet

from understudy.errors import OutputError
from understudy.source.memory import require_disk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from understudy.source.table import FileFormat

_BATCH_ROWS = 1 << 16
_CODECS = frozenset({"snappy", "gzip", "zstd", "lz4", "brotli"})
_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"


def write_table(
    table: pa.Table,
    path: str | os.PathLike[str],
    format: FileFormat,  # noqa: A002  named after a table's attribute
) -> None:
    r"""Write a synthetic table; the file is complete or not there.

    Parameters
    ----------
    table
        Columns of text for CSV (other types are written as Arrow spells them), of any type for
        Parquet. Nulls become empty cells in CSV.
    path
        The file; an existing one is replaced in one step.
    format
        Container, delimiter, compression, encoding, quoting and line ends.

    Raises
    ------
    OutputError
        If the disk is too small, the folder is missing or read-only, or a character does not
        exist in the encoding.

    >>> import tempfile, pathlib
    >>> from understudy.source import FileFormat
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "t.csv"
    >>> table = pa.table({"name": ["a,b", "c"], "n": ["1", ""]})
    >>> write_table(table, file, FileFormat(container="csv", delimiter=","))
    >>> file.read_text()
    'name,n\n"a,b",1\nc,\n'
    """
    write_tables(iter([table]), path, format)


def write_tables(
    tables: Iterator[pa.Table],
    path: str | os.PathLike[str],
    format: FileFormat,  # noqa: A002  named after a table's attribute
    *,
    times: int = 1,
) -> int:
    """Write a synthetic table that comes in chunks, one in memory at a time.

    Parameters
    ----------
    tables
        One or more tables with the same columns.
    path, format
        See `write_table`.
    times
        How many tables like the first will come, for asking whether the disk has room.

    Returns
    -------
    int
        How many rows were written.

    Raises
    ------
    OutputError
        As `write_table`.
    """
    target = Path(path)
    folder = target.parent
    if not folder.is_dir():
        raise OutputError(f"there is no folder {folder}", hint="create it first")
    if target.is_dir():
        raise OutputError(f"{target} is a folder", hint="name a file")
    first = next(tables)
    require_disk(_upper_size(first, format) * times, folder)
    written = [0]
    with _replaced(target) as temporary:
        chunks = _counted(itertools.chain([first], tables), written)
        if format.container == "csv":
            _write_csv(chunks, first.column_names, temporary, format)
        else:
            _write_parquet(chunks, first.schema, temporary, format)
    return written[0]


def _counted(tables: Iterator[pa.Table], written: list[int]) -> Iterator[pa.Table]:
    """The same tables, their rows added up."""
    for table in tables:
        written[0] += table.num_rows
        yield table


@contextmanager
def _replaced(target: Path) -> Iterator[Path]:
    """Give a temporary file that takes the target's place when all went well."""
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
        temporary = None
    except OSError as problem:
        why = problem.strerror or "the disk refused it"
        raise OutputError(f"{target} cannot be written: {why}") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _upper_size(table: pa.Table, style: FileFormat) -> int:
    """Return the most bytes the file can take, short of every cell being quoted."""
    if style.container != "csv":
        return int(table.nbytes)
    marks = 3 if style.quote_all else 1
    decoded = sum(_text_bytes(column) for column in table.columns)
    return decoded + int(table.num_rows) * (int(table.num_columns) * marks + 1)


def _text_bytes(column: pa.ChunkedArray) -> int:
    """Return about how many bytes a column takes as text."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        words = [
            pc.max(pc.binary_length(c.dictionary.cast(pa.string()))).as_py() or 0
            for c in column.chunks
            if len(c.dictionary)
        ]
        return len(column) * max(words, default=0)
    return int(column.nbytes) * (1 if pa.types.is_string(kind) else 2)


def _write_parquet(
    tables: Iterator[pa.Table], schema: pa.Schema, path: Path, style: FileFormat
) -> None:
    """Write Parquet with the source's page codec and pandas note."""
    schema = schema.remove_metadata()
    if style.pandas is not None:
        schema = schema.with_metadata({"pandas": style.pandas})
    codec = style.codec if style.codec in _CODECS else "none"
    codec = "snappy" if style.codec is None else codec
    with (
        _sink(path, style) as sink,
        arrow_parquet.ParquetWriter(sink, schema, compression=codec) as writer,
    ):
        for table in tables:
            writer.write_table(table.cast(schema))


@contextmanager
def _sink(path: Path, style: FileFormat) -> Iterator[Any]:
    """Open a file for writing, compressing as the format says; the same rows, the same bytes."""
    if style.compression == "gzip":
        with (
            path.open("wb") as raw,
            gzip.GzipFile("", "wb", compresslevel=4, fileobj=raw, mtime=0) as packed,
        ):
            yield packed
    elif style.compression == "zstd":
        with pa.CompressedOutputStream(str(path), "zstd") as packed:
            yield packed
    else:
        with pa.OSFile(str(path), "wb") as plain:
            yield plain


def _write_csv(tables: Iterator[pa.Table], names: list[str], path: Path, style: FileFormat) -> None:
    """Write the header line and then batch after batch, two at a time."""

    def render(batch: pa.RecordBatch) -> bytes | pa.Buffer:
        return _encoded(_render(batch, style), style)

    with _sink(path, style) as sink, ThreadPoolExecutor(2) as pool:
        first = (_BOM if style.bom else "") + _header(names, style)
        sink.write(_encoded(first.encode(), style))
        waiting: list[Any] = []
        for batch in _batches(tables):
            waiting.append(pool.submit(render, batch))
            if len(waiting) > 3:
                sink.write(waiting.pop(0).result())
        for rendered in waiting:
            sink.write(rendered.result())


def _batches(tables: Iterator[pa.Table]) -> Iterator[pa.RecordBatch]:
    """Batches of a few ten thousand rows."""
    for table in tables:
        plain = table.select(range(table.num_columns))
        yield from plain.to_batches(max_chunksize=_BATCH_ROWS)


def _encoded(text: bytes | pa.Buffer, style: FileFormat) -> bytes | pa.Buffer:
    """Turn UTF-8 into the format's encoding."""
    if style.encoding == "utf-8":
        return text
    try:
        return bytes(text).decode("utf-8").encode(style.encoding)
    except UnicodeEncodeError:
        raise OutputError(
            f"the table holds a character that {style.encoding} does not have",
            hint="write it as utf-8",
        ) from None


def _header(names: list[str], style: FileFormat) -> str:
    """Return the header line, with the source's own quoting."""
    cells = [_quoted_name(name, style) for name in names]
    return style.delimiter.join(cells) + style.line_end


def _quoted_name(name: str, style: FileFormat) -> str:
    """Return a column name, quoted where the source quoted it or where it must be."""
    needed = any(char in name for char in (style.delimiter, '"', "\n", "\r"))
    if needed or style.quote_all or name in style.quoted_names:
        return '"' + name.replace('"', '""') + '"'
    return name


def _render(batch: pa.RecordBatch, style: FileFormat) -> bytes | pa.Buffer:
    """Return the lines of one batch as UTF-8."""
    if batch.num_columns == 0 or batch.num_rows == 0:
        return b""
    columns = [_as_text(column) for column in batch.columns]
    plain = not style.quote_all and len(columns) > 1
    if plain and not any(_has_special(column, style.delimiter) for column in columns):
        lines = _by_arrow(columns, style.delimiter, "none")
        return lines if style.line_end == "\n" else _with_line_ends(lines, style.line_end)
    if style.quote_all and style.line_end == "\n":
        return _by_arrow(columns, style.delimiter, "all_valid")
    return _joined([_quoted(column, style, len(columns)) for column in columns], style)


def _by_arrow(columns: list[pa.Array], delimiter: str, quoting: str) -> pa.Buffer:
    """Return the lines as Arrow's own writer spells them."""
    options = arrow_csv.WriteOptions(
        include_header=False, delimiter=delimiter, quoting_style=quoting
    )
    names = [str(i) for i in range(len(columns))]
    sink = pa.BufferOutputStream()
    arrow_csv.write_csv(pa.RecordBatch.from_arrays(columns, names=names), sink, options)
    return sink.getvalue()


def _with_line_ends(lines: pa.Buffer, line_end: str) -> bytes:
    """Replace the line ends of lines whose cells hold none."""
    return bytes(lines).replace(b"\n", line_end.encode())


def _has_special(column: pa.Array, delimiter: str) -> bool:
    """Whether any cell holds a delimiter, a quote or a line end."""
    offsets, data = column.buffers()[1:]
    if data is None or not len(column):
        return False
    ends = memoryview(offsets).cast("i")
    text = np.frombuffer(data, dtype=np.uint8)
    text = text[ends[column.offset] : ends[column.offset + len(column)]]
    return any(bool((text == ord(char)).any()) for char in f'{delimiter}"\r\n')


def _as_text(column: pa.Array) -> pa.Array:
    """Return a column as text."""
    if pa.types.is_dictionary(column.type):
        words = column.dictionary.cast(pa.string())
        return pc.take(words, column.indices)
    if pa.types.is_null(column.type) or not pa.types.is_string(column.type):
        return column.cast(pa.string())
    return column


def _quoted(column: pa.Array, style: FileFormat, columns: int) -> pa.Array:
    """Quote the cells that need it; in a table of one column an empty cell does."""
    if style.quote_all:
        mask = pc.is_valid(column)
    else:
        special = "[" + "".join(f"\\x{ord(c):02x}" for c in style.delimiter + '"\r\n') + "]"
        if columns > 1 and not _has_special(column, style.delimiter):
            return column
        mask = pc.match_substring_regex(column, special)
        if columns == 1:
            column = pc.fill_null(column, "")
            mask = pc.or_kleene(pc.fill_null(mask, False), pc.equal(column, ""))
    doubled = pc.replace_substring(column, '"', '""')
    return pc.if_else(mask, pc.binary_join_element_wise('"', doubled, '"', ""), column)


def _joined(columns: list[pa.Array], style: FileFormat) -> pa.Buffer:
    """Join columns into lines; the text buffer of the result is the file's content."""
    parts: list[Any] = []
    for column in columns:
        parts += [column, style.delimiter]
    parts[-1] = style.line_end
    options = {"null_handling": "replace", "null_replacement": ""}
    lines = pc.binary_join_element_wise(*parts, "", **options)
    if isinstance(lines, pa.ChunkedArray):
        lines = lines.combine_chunks()
    offsets = lines.buffers()[1]
    ends = memoryview(offsets).cast("i")
    start, end = ends[lines.offset], ends[lines.offset + len(lines)]
    return lines.buffers()[2].slice(start, end - start)
