"""Tables from files: CSV with any delimiter, Parquet; gzip and zstd; by content.

Every CSV column is text and every cell stays as it is spelled: what a column means is decided
elsewhere, privately. Arrow is the engine, and only this room opens tables.

What may not happen here: an error that prints a cell. Arrow's own messages do, so none is passed
on.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as arrow_parquet

from understudy.errors import FormatError
from understudy.source.canonical import canonical
from understudy.source.container import (
    CsvHead,
    check_names,
    compression_of,
    csv_head,
    damaged,
    is_parquet,
    open_stream,
    read_head,
    wrong_encoding,
)
from understudy.source.memory import require_memory, too_large
from understudy.source.table import Compression, FileFormat, SensitiveTable, headers_of

if TYPE_CHECKING:
    import os

_OnRagged = Callable[[arrow_csv.InvalidRow], str]
BLOCK = 8 << 20
_LARGEST_CELL = 256 << 20
_CSV_FACTOR = 3
_COMPRESSED_FACTOR = 8


def read_table(
    path: str | os.PathLike[str],
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    row_numbers: bool = False,
) -> SensitiveTable:
    """Read a table of sensitive rows from a file.

    Parameters
    ----------
    path
        A CSV file (comma, tab, semicolon or pipe) or a Parquet file, told by content; plain,
        gzip or zstd.
    delimiter
        One character between CSV cells; None: by the header line.
    encoding
        Of CSV text; None: by byte order mark, else UTF-8.
    row_numbers
        Whether a first CSV column without a name, as data frames write their index, is let in
        under the name `row numbers`; by default it is refused.

    Returns
    -------
    SensitiveTable
        CSV columns are text with cells as spelled (an empty cell is `""`); Parquet columns have
        the file's own types.

    Raises
    ------
    FormatError
        If there is no file, or it is not what it should be: empty, without rows, ragged,
        truncated, in another encoding, with unnamed, duplicate or nested columns.
    InputError
        If an argument is not usable, or the table would not fit in memory.

    Guarantees: delimiter, quoting and line ends are taken from the header line alone; no message
    holds a cell.
    """
    file = Path(path)
    compression = compression_of(file)
    head = read_head(file, compression)
    if is_parquet(head):
        return _read_parquet(file, compression)
    found = csv_head(
        file,
        head,
        compression=compression,
        delimiter=delimiter,
        encoding=encoding,
        row_numbers=row_numbers,
    )
    size = file.stat().st_size * (_COMPRESSED_FACTOR if compression else 1)
    require_memory(size * _CSV_FACTOR, file.name)
    rows = _read_csv(file, found)
    if rows.num_rows == 0:
        raise FormatError(f"{file.name} has a header line and no rows")
    _refuse_nul(file, rows)
    return SensitiveTable(
        name=file.name,
        headers=tuple(replace(header, nullable=False) for header in headers_of(rows.schema)),
        format=found.format,
        warnings=found.warnings,
        _rows=rows,
    )


def _read_csv(file: Path, head: CsvHead, *, block: int = BLOCK) -> pa.Table:
    """Read the rows behind the header line as text."""
    ragged: list[int | None] = []

    def note_ragged(row: arrow_csv.InvalidRow) -> str:
        ragged.append(row.number)
        return "error"

    try:
        return _parse(file, head, note_ragged, block=block, threads=True)
    except pa.ArrowInvalid as problem:
        why = str(problem)
    except MemoryError:
        raise too_large(file.name) from None
    except (OSError, pa.ArrowException):
        raise damaged(file) from None
    except UnicodeError:
        raise wrong_encoding(file, head.format.encoding) from None
    if "Empty CSV" in why:
        raise FormatError(f"{file.name} has a header line and no rows")
    if "UTF8" in why:
        raise wrong_encoding(file, head.format.encoding)
    if ragged:
        raise FormatError(
            f"row {_ragged_row(file, head, block)} of {file.name} does not have one cell per "
            "column (the header line is row 1)",
            hint="check its quotes and delimiters",
        )
    if block < _LARGEST_CELL and "straddl" in why:
        return _read_csv(file, head, block=_LARGEST_CELL)
    raise FormatError(f"{file.name} is not readable as CSV", hint="check the quotes of its cells")


def _ragged_row(file: Path, head: CsvHead, block: int) -> int | str:
    """Find the number of the first ragged row, reading again on one thread."""
    found: list[int] = []

    def note(row: arrow_csv.InvalidRow) -> str:
        found.append(row.number)
        return "error"

    with suppress(OSError, pa.ArrowException, UnicodeError):
        _parse(file, head, note, block=block, threads=False)
    return found[0] + 1 if found and found[0] is not None else "(unknown)"


def _parse(file: Path, head: CsvHead, ragged: _OnRagged, *, block: int, threads: bool) -> pa.Table:
    """Hand the bytes behind the header line to Arrow."""
    with open_stream(file, head.format.compression) as stream:
        stream.read(head.length)
        return arrow_csv.read_csv(stream, **csv_options(head, ragged, block=block, threads=threads))


def csv_options(
    head: CsvHead,
    ragged: _OnRagged,
    *,
    block: int = BLOCK,
    threads: bool = True,
    columns: tuple[str, ...] | None = None,
) -> dict[str, Any]:
    """What Arrow is told about a CSV file: every cell is text, exactly as it is spelled."""
    return {
        "read_options": arrow_csv.ReadOptions(
            column_names=list(head.names),
            block_size=block,
            use_threads=threads,
            encoding=head.format.encoding,
        ),
        "parse_options": arrow_csv.ParseOptions(
            delimiter=head.format.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=len(head.names) > 1,
            invalid_row_handler=ragged,
        ),
        "convert_options": arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(head.names, pa.string()),
            strings_can_be_null=False,
            include_columns=columns,
        ),
    }


def _refuse_nul(file: Path, rows: pa.Table) -> None:
    """Refuse text with NUL bytes: the file is binary, or was damaged."""
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        for chunk in column.chunks:
            refuse_nul(file.name, name, chunk)


def refuse_nul(where: str, name: str, text: pa.Array) -> None:
    """Refuse a text array with NUL bytes."""
    data = text.buffers()[2]
    if data is not None and not np.frombuffer(data, dtype=np.uint8).all():
        raise FormatError(
            f"column {name!r} of {where} holds NUL bytes",
            hint="the file is damaged or not text; export it again",
        )


def _read_parquet(file: Path, compression: Compression | None) -> SensitiveTable:
    """Read a Parquet file with its own types."""
    source: Any = str(file)
    try:
        if compression is not None:
            require_memory(file.stat().st_size * _COMPRESSED_FACTOR, file.name)
            with open_stream(file, compression) as stream:
                source = io.BytesIO(stream.read())
        with arrow_parquet.ParquetFile(source) as parquet:
            schema, metadata = parquet.schema_arrow, parquet.metadata
            names = tuple(schema.names)
            if not names:
                raise FormatError(f"{file.name} has no columns")
            check_names(file.name, names)
            headers_of(schema)
            groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
            width = sum(_cell_bytes(column.type) for column in schema)
            encoded = sum(group.total_byte_size for group in groups)
            require_memory(metadata.num_rows * width + 4 * encoded, file.name)
            codec = groups[0].column(0).compression.lower() if groups else "snappy"
            rows = parquet.read()
    except MemoryError:
        raise too_large(file.name) from None
    except (OSError, EOFError, pa.ArrowException):
        raise damaged(file) from None
    if rows.num_rows == 0:
        raise FormatError(f"{file.name} has columns and no rows")
    note = pandas_note(schema.metadata, names)
    rows = canonical(rows, file.name)
    return SensitiveTable(
        name=file.name,
        headers=headers_of(rows.schema),
        format=FileFormat(container="parquet", compression=compression, codec=codec, pandas=note),
        _rows=rows,
    )


def _cell_bytes(kind: pa.DataType) -> int:
    """Return how many bytes one cell of a type takes, without its text."""
    try:
        return int(kind.bit_width) // 8 + 1
    except ValueError:
        return 8


def pandas_note(metadata: dict[bytes, bytes] | None, names: tuple[str, ...]) -> str | None:
    """Keep what pandas needs to restore dtypes; drop counts (index range, categories)."""
    raw = (metadata or {}).get(b"pandas")
    if raw is None:
        return None
    try:
        note = json.loads(raw)
        columns = [_pandas_column(column) for column in note["columns"]]
        index = [entry for entry in note["index_columns"] if entry in names]
    except (ValueError, TypeError, KeyError):
        return None
    kept = [column for column in columns if column["field_name"] in names]
    return json.dumps({"index_columns": index, "column_indexes": [], "columns": kept})


def _pandas_column(column: dict[str, Any]) -> dict[str, Any]:
    """Keep a column's dtype; of its metadata only the time zone.

    Of a categorical dtype pandas notes the width of its codes, which follows the number of
    labels, and of objects what it saw in the cells: both are left out.
    """
    fields = ("name", "field_name", "pandas_type", "numpy_type")
    zone = (column.get("metadata") or {}).get("timezone")
    seen: dict[str, str] = {}
    if column.get("pandas_type") == "categorical":
        seen = {"numpy_type": "int32"}
    elif column.get("numpy_type") == "object":
        seen = {"pandas_type": "object"}
    return {
        **{field: column.get(field) for field in fields},
        **seen,
        "metadata": {"timezone": zone} if zone else None,
    }
