"""Splitting, bounding and sampling of streams: the same promises as for tables, pass after pass.

Each choice is made once, from the operating system's entropy, and then holds for every pass of
the run: as a seed where rows are independent, as one bit per row where people have several rows.
Whose rows are whose is known by keyed fingerprints alone; two people are taken for one with
probability below 2⁻⁸⁰ for a billion people.

What may not happen here: a choice that depends on other units, a choice made anew in a later
pass, memory that grows with the width of the table.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from understudy.errors import InputError
from understudy.schema import did_you_mean
from understudy.source.canonical import canonical
from understudy.source.keyed import Key, Pile, Words, uniform_of
from understudy.source.stream import Piece, SensitiveStream
from understudy.source.table import SensitiveTable

if TYPE_CHECKING:
    from collections.abc import Iterator

Bits = npt.NDArray[np.uint8]

_PART_ROWS = 1 << 21


@dataclass(frozen=True, kw_only=True, slots=True, repr=False, eq=False)
class CoinPiece:
    """Rows of a piece on one side of a coin, tossed for each row alone; the seed is secret."""

    piece: Piece
    seed: int
    share: float
    held: bool

    def batches(self, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        """Read cells of the chosen rows; see `Piece`."""
        coins = np.random.Generator(np.random.PCG64DXSM(self.seed))
        for batch in self.piece.batches(columns):
            side = (coins.random(batch.num_rows) < self.share) == self.held
            yield batch.filter(pa.array(side))


@dataclass(frozen=True, kw_only=True, slots=True, repr=False, eq=False)
class BitPiece:
    """Rows of a piece whose bit is set; the bits are as sensitive as the rows."""

    piece: Piece
    bits: Bits

    def batches(self, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        """Read cells of the chosen rows; see `Piece`."""
        start = 0
        for batch in self.piece.batches(columns):
            first, end = start // 8, -(-(start + batch.num_rows) // 8)
            flags = np.unpackbits(self.bits[first:end])[start - 8 * first :][: batch.num_rows]
            if len(flags) != batch.num_rows:
                raise _other_rows()
            start += batch.num_rows
            yield batch.filter(pa.array(flags.view(bool)))
        if -(-start // 8) != len(self.bits):
            raise _other_rows()


def _other_rows() -> InputError:
    """The rows of a later pass are not those the choice was made for."""
    return InputError(
        "the source gave another number of rows than before",
        hint="start again, on a copy or a snapshot that nobody writes to",
    )


class _Bits:
    """Flags packed as they come."""

    def __init__(self) -> None:
        self._packed: list[Bits] = []
        self._rest = np.zeros(0, dtype=bool)

    def add(self, flags: npt.NDArray[np.bool_]) -> None:
        """Append flags."""
        flags = np.concatenate((self._rest, flags))
        whole = len(flags) // 8 * 8
        self._packed.append(np.packbits(flags[:whole]))
        self._rest = flags[whole:]

    def packed(self) -> Bits:
        """All flags, eight to a byte, the last byte filled up with zeros."""
        return np.concatenate([*self._packed, np.packbits(self._rest)], dtype=np.uint8)


def split_stream(
    stream: SensitiveStream, share: float, unit_column: str | None = None
) -> tuple[SensitiveStream, SensitiveStream]:
    """Split a stream into a training part and a holdout, a coin for each unit.

    Parameters
    ----------
    stream
        The sensitive stream.
    share
        Probability of a unit to be held out, in [0, 1).
    unit_column
        The column that names the unit, whose rows stay together; all its null cells are one
        unit. None: every row is a unit.

    Returns
    -------
    tuple of SensitiveStream
        Training part and holdout, the same in every pass.

    Raises
    ------
    InputError
        If `share` is out of range or the column is unknown.

    Guarantees: those of `split`. A unit's side is a function of its fingerprint under a key from
    the operating system's entropy, so it depends on nobody else; coins of rows are tossed from
    a secret seed of the piece they are in, and no coin depends on another row's cells.
    """
    if not 0 <= share < 1:
        raise InputError("the holdout share is at least 0 and below 1", holdout=share)
    _require_column(stream, unit_column)
    train: list[Piece] = []
    held: list[Piece] = []
    if unit_column is None:
        for piece in stream.pieces:
            seed = int.from_bytes(os.urandom(32), "little")
            train.append(CoinPiece(piece=piece, seed=seed, share=share, held=False))
            held.append(CoinPiece(piece=piece, seed=seed, share=share, held=True))
        return stream.with_pieces(train), stream.with_pieces(held)
    key = Key(lanes=1)
    for piece in stream.pieces:
        inside, outside = _Bits(), _Bits()
        for words in _fingerprints(piece, unit_column, key):
            side = uniform_of(words[0]) < share
            inside.add(~side)
            outside.add(side)
        train.append(BitPiece(piece=piece, bits=inside.packed()))
        held.append(BitPiece(piece=piece, bits=outside.packed()))
    return stream.with_pieces(train), stream.with_pieces(held)


def bound_stream(
    stream: SensitiveStream, unit_column: str, max_rows: int, *, in_memory: int = 64 << 20
) -> SensitiveStream:
    """Keep at most `max_rows` random rows of each unit, the same ones in every pass.

    Parameters
    ----------
    stream
        The sensitive stream.
    unit_column
        The column that names the unit; all its null cells are one unit.
    max_rows
        The bound, at least 1.
    in_memory
        Bytes of fingerprints (16 a row) beyond which they go to a private file without a name
        until the choice is made.

    Raises
    ------
    InputError
        If the column is unknown or the bound below 1.

    Guarantees: one unit contributes at most `max_rows` rows, and which rows of a unit are kept
    depends on that unit's rows alone, by the operating system's entropy. One bit per row is kept.
    """
    if max_rows < 1:
        raise InputError("at least one row of each unit is kept", max_rows_per_unit=max_rows)
    _require_column(stream, unit_column)
    key, sizes = Key(lanes=2), []
    with Pile(2, in_memory=in_memory) as pile:
        for piece in stream.pieces:
            before = pile.count
            for words in _fingerprints(piece, unit_column, key):
                pile.add(words)
            sizes.append(pile.count - before)
        starts = np.concatenate(([0], np.cumsum([-(-size // 8) for size in sizes])))
        firsts = np.concatenate(([0], np.cumsum(sizes)))
        bits = np.zeros(int(starts[-1]), dtype=np.uint8)
        seed = int.from_bytes(os.urandom(32), "little")
        lots = np.random.Generator(np.random.PCG64DXSM(seed))
        for places, words in pile.parts(_PART_ROWS):
            kept = places[_within(words, lots.random(len(words)), max_rows)]
            home = np.searchsorted(firsts, kept, side="right") - 1
            inside = kept - firsts[home]
            flag = np.uint8(128) >> (inside % 8).astype(np.uint8)
            np.bitwise_or.at(bits, starts[home] + inside // 8, flag)
    return stream.with_pieces(
        [
            BitPiece(piece=piece, bits=bits[start:end])
            for piece, start, end in zip(stream.pieces, starts[:-1], starts[1:], strict=True)
        ]
    )


def _within(words: Words, lots: npt.NDArray[np.float64], most: int) -> npt.NDArray[np.bool_]:
    """Which rows are among the `most` of their unit with the smallest lots."""
    order = np.lexsort((lots, words[:, 1], words[:, 0]))
    sorted_words = words[order]
    new = np.ones(len(words), dtype=bool)
    new[1:] = (sorted_words[1:] != sorted_words[:-1]).any(axis=1)
    starts = np.flatnonzero(new)
    rank = np.arange(len(words)) - np.repeat(starts, np.diff(np.r_[starts, len(words)]))
    kept = np.zeros(len(words), dtype=bool)
    kept[order[rank < most]] = True
    return kept


def _fingerprints(piece: Piece, column: str, key: Key) -> Iterator[Words]:
    """Fingerprints of the unit column of a piece, batch by batch."""
    for batch in piece.batches((column,)):
        yield key.of(batch.column(0))


def _require_column(stream: SensitiveStream, unit_column: str | None) -> None:
    """Refuse a unit column that does not exist."""
    if unit_column is not None and unit_column not in stream.column_names:
        raise InputError(
            f"there is no unit column {unit_column!r}",
            hint=did_you_mean(unit_column, stream.column_names),
        )


def sample_stream(
    stream: SensitiveStream, most: int, *, seed: int | None = None
) -> tuple[SensitiveTable, bool]:
    """A uniform random sample of the rows, small enough for memory.

    Parameters
    ----------
    stream
        The sensitive stream.
    most
        Rows of the sample; all rows when there are no more.
    seed
        For evaluation only, where nothing is noisy anyway.

    Returns
    -------
    tuple
        The sampled rows, in the order of the source and with the columns `read_table` would
        give, and whether there were more.
    """
    lots = np.random.default_rng(seed)
    kept: list[tuple[npt.NDArray[np.float64], pa.Table]] = []
    limit, held, seen = 1.0, 0, 0
    for batch in stream.batches(stream.column_names):
        drawn = lots.random(batch.num_rows)
        seen += batch.num_rows
        mine = np.flatnonzero(drawn < limit)
        if not len(mine):
            continue
        kept.append((drawn[mine], _plain(pa.Table.from_batches([batch.take(pa.array(mine))]))))
        held += len(mine)
        if held > 2 * most:
            kept, limit = _smallest(kept, most)
            held = most
    if held > most:
        kept, _ = _smallest(kept, most)
    parts = [rows for _, rows in kept]
    whole = pa.concat_tables(parts) if parts else _plain(_empty(stream))
    fields = [pa.field(header.name, header.type, header.nullable) for header in stream.headers]
    cast = [
        column if column.type == field.type else _encoded(column, field.type)
        for field, column in zip(fields, whole.columns, strict=True)
    ]
    rows = canonical(pa.table(cast, schema=pa.schema(fields)), stream.name)
    table = SensitiveTable(
        name=stream.name,
        headers=stream.headers,
        format=stream.format,
        warnings=stream.warnings,
        _rows=rows,
    )
    return table, seen > most


def _encoded(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Plain cells in the type of their header."""
    if pa.types.is_dictionary(kind):
        coded = column.cast(kind.value_type).dictionary_encode()
        return coded.cast(pa.dictionary(pa.int32(), kind.value_type, kind.ordered))
    return column.cast(kind)


def _empty(stream: SensitiveStream) -> pa.Table:
    """A table without rows."""
    return pa.table({header.name: pa.array([], header.type) for header in stream.headers})


def _smallest(
    kept: list[tuple[npt.NDArray[np.float64], pa.Table]], most: int
) -> tuple[list[tuple[npt.NDArray[np.float64], pa.Table]], float]:
    """The rows with the smallest lots, and the largest of those."""
    lots = np.concatenate([part for part, _ in kept])
    rows = pa.concat_tables([part for _, part in kept])
    order = np.sort(np.argpartition(lots, most)[:most])
    return [(lots[order], rows.take(pa.array(order)))], float(lots[order].max())


def _plain(rows: pa.Table) -> pa.Table:
    """Dictionaries of a batch as what they stand for: each batch has its own."""
    columns: list[Any] = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in rows.columns
    ]
    return pa.table(columns, names=rows.column_names)


__all__ = ["BitPiece", "CoinPiece", "bound_stream", "sample_stream", "split_stream"]
