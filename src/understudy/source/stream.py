"""Rows that arrive in batches: a sensitive table that need not fit in memory.

A stream is the public facts of a table (name, headers, format) and a sequence of pieces. A piece
is a consecutive part of the rows, wherever they lie (row groups of a file, a query): it can be
read any number of times and gives the same rows in the same order each time, of any columns.
Everything that is fixed once for a run (who is held out, which rows of a person count) hangs on
that order.

What may not happen here: a value, a row count or a category in a repr, a pickle or an error; rows
that outlive the batch they came in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, Protocol

import pyarrow as pa

from understudy.errors import InputError
from understudy.source.table import FileFormat, Header, SensitiveTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BATCH_ROWS = 1 << 17
"""Rows a batch should have at most, unless a person has a reason."""


class Piece(Protocol):
    """A consecutive part of a stream's rows.

    A piece of a stream that `travels` can be pickled; it then says where rows lie and holds none.
    """

    def batches(self, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        """Read cells: batches of exactly these columns, in this order, one or more of them.

        Rows come in the same order at every call, whatever the columns. Text may come as a
        dictionary; other columns have the types of the headers. No message holds a cell, and a
        source that changed between two calls is an `InputError`.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True, repr=False, eq=False)
class SensitiveStream:
    """Rows of real people that arrive in batches, with the public facts around them.

    Parameters
    ----------
    name
        What messages call the table.
    headers
        The columns' public facts, in order.
    format
        How the container is written.
    warnings
        What a person should look at; public facts only.
    travels
        Whether pieces may be sent to other processes: they are picklable and hold no rows.

    Guarantees: nothing but `pieces` and `batches` gives out cells or their number, and a stream
    is not pickled.
    """

    name: str
    headers: tuple[Header, ...]
    format: FileFormat
    warnings: tuple[str, ...] = ()
    travels: bool = False
    _pieces: tuple[Piece, ...]

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The parts of the rows. Only curator, evaluate and attack may call this."""
        return self._pieces

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Cells of some columns, batch by batch. Only curator, evaluate and attack may call this.

        Raises
        ------
        InputError, FormatError
            The rows cannot be read, or are not those of an earlier pass.
        """
        for piece in self._pieces:
            yield from piece.batches(tuple(columns))

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(header.name for header in self.headers)

    def header(self, name: str) -> Header:
        """Return the public facts of a column; KeyError when there is none."""
        for header in self.headers:
            if header.name == name:
                return header
        raise KeyError(name)

    def with_pieces(self, pieces: Sequence[Piece]) -> SensitiveStream:
        """Return a stream of the same public facts over other pieces."""
        return SensitiveStream(
            name=self.name,
            headers=self.headers,
            format=self.format,
            warnings=self.warnings,
            travels=self.travels,
            _pieces=tuple(pieces),
        )

    def give_back(self, table: pa.Table) -> pa.Table:
        """Return a synthetic table as it is: the rows of a stream came from no frame."""
        return table

    def __repr__(self) -> str:
        return f"SensitiveStream(name={self.name!r}, columns={len(self.headers)})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise InputError("a sensitive stream is neither pickled nor copied")


@dataclass(frozen=True, kw_only=True, slots=True, repr=False, eq=False)
class TablePiece:
    """Rows of a table in memory; it holds them, so it does not travel."""

    _table: SensitiveTable
    _batch: int

    def batches(self, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        """Read cells; see `Piece`."""
        yield from self._table.rows.select(list(columns)).to_batches(max_chunksize=self._batch)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise InputError("a sensitive table is neither pickled nor copied")


def as_stream(table: SensitiveTable, *, batch: int = BATCH_ROWS) -> SensitiveStream:
    """Return the rows of a table in memory as a stream, mostly for tests.

    Parameters
    ----------
    table
        The sensitive table.
    batch
        Rows of a batch, at most.

    >>> from understudy.source import from_frame
    >>> as_stream(from_frame(pa.table({"a": [1, 2, 3]})), batch=2)
    SensitiveStream(name='frame', columns=1)
    """
    return SensitiveStream(
        name=table.name,
        headers=table.headers,
        format=table.format,
        warnings=table.warnings,
        _pieces=(TablePiece(_table=table, _batch=batch),),
    )
