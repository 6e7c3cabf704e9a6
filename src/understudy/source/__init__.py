"""The source room: tables in and out, and nothing about what they mean.

It reads files and frames into a `SensitiveTable`, splits and bounds its rows, and writes
synthetic tables in the format of the source. What may not happen here: a guess from rows (what a
column means is decided privately elsewhere), or a cell in a message.
"""

from __future__ import annotations

from understudy.source.address import is_address
from understudy.source.database import DatabaseTable, SnapshotStream, open_database
from understudy.source.engines import is_expression
from understudy.source.frames import from_frame
from understudy.source.reading import read_table
from understudy.source.selecting import bound_stream, sample_stream, split_stream
from understudy.source.splitting import bound_rows, split, units_of
from understudy.source.stream import Piece, SensitiveStream, as_stream
from understudy.source.streaming import is_larger_than_memory, read_stream
from understudy.source.table import FileFormat, Header, SensitiveTable, parse_arrow_type, storage_of
from understudy.source.writing import write_table, write_tables

__all__ = [
    "DatabaseTable",
    "FileFormat",
    "Header",
    "Piece",
    "SensitiveStream",
    "SensitiveTable",
    "SnapshotStream",
    "as_stream",
    "bound_rows",
    "bound_stream",
    "from_frame",
    "is_address",
    "is_expression",
    "is_larger_than_memory",
    "open_database",
    "parse_arrow_type",
    "read_stream",
    "read_table",
    "sample_stream",
    "split",
    "split_stream",
    "storage_of",
    "units_of",
    "write_table",
    "write_tables",
]
