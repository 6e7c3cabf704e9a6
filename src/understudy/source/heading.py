"""The public face of a table alone: names, storage types, container; no row is read.

What may not happen here: a look behind the header line of a CSV file, or at anything but the
schema in a Parquet file's footer. A plan rests on what this returns, and on nothing else of a
file.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as arrow_parquet

from understudy.errors import FormatError
from understudy.source.canonical import canonical
from understudy.source.container import (
    check_names,
    compression_of,
    csv_head,
    damaged,
    is_parquet,
    open_stream,
    read_head,
)
from understudy.source.table import Compression, Header, headers_of

if TYPE_CHECKING:
    import os


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    """What is public about a table without its rows.

    Parameters
    ----------
    name
        What messages call the table.
    headers
        The columns' public facts, in order.
    """

    name: str
    headers: tuple[Header, ...]


def read_heading(
    path: str | os.PathLike[str], *, delimiter: str | None = None, encoding: str | None = None
) -> Heading:
    """Read names and storage types of a file's columns, and no row.

    Parameters
    ----------
    path, delimiter, encoding
        As for `read_table`, whose headers these are; of a folder of Parquet files the first
        file speaks for all.

    Raises
    ------
    FormatError, InputError
        The file, its header line or its footer cannot be used.
    """
    file = Path(path)
    if file.is_dir():
        parts = sorted(
            item for item in file.iterdir() if item.is_file() and item.name[:1] not in "._"
        )
        if not parts:
            raise FormatError(f"{file} holds no file", hint="name a file or a folder of Parquet")
        return replace(read_heading(parts[0]), name=file.name)
    compression = compression_of(file)
    head = read_head(file, compression)
    if is_parquet(head):
        return Heading(name=file.name, headers=_of_parquet(file, compression))
    found = csv_head(file, head, compression=compression, delimiter=delimiter, encoding=encoding)
    text = pa.schema([(name, pa.string()) for name in found.names])
    headers = tuple(replace(header, nullable=False) for header in headers_of(text))
    return Heading(name=file.name, headers=headers)


def _of_parquet(file: Path, compression: Compression | None) -> tuple[Header, ...]:
    """Headers from the schema in the footer."""
    source: Any = str(file)
    try:
        if compression is not None:
            with open_stream(file, compression) as stream:
                source = io.BytesIO(stream.read())
        schema = arrow_parquet.read_schema(source)
    except (OSError, EOFError, pa.ArrowException):
        raise damaged(file) from None
    if not schema.names:
        raise FormatError(f"{file.name} has no columns")
    check_names(file.name, tuple(schema.names))
    headers_of(schema)
    return headers_of(canonical(schema.empty_table(), file.name).schema)
