"""Keyed fingerprints of cells: who is who, without keeping anybody's name.

A fingerprint is a multilinear hash of a cell's bytes (Carter and Wegman 1979) under multipliers
that come from the operating system's entropy: two different cells agree in one of its two lanes
with probability at most 2⁻⁵⁵, whatever the cells are and whoever chose them, and in both with at
most 2⁻¹¹⁰. A pile of them is kept in memory while it is small and in an unnamed file of this
process beyond; it says who has how many rows, so it is as sensitive as the column.

What may not happen here: a key that is written, or a fingerprint that leaves the room or the
curator.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from typing import IO, TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterator

Words = npt.NDArray[np.uint64]

_LONG = 1024
_IN_MEMORY = 64 << 20
_MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


class Key:
    """Secret multipliers of this run, drawn anew for every use and never written."""

    def __init__(self, lanes: int = 2) -> None:
        self._secret = os.urandom(32)
        seed = int.from_bytes(os.urandom(32), "little")
        generator = np.random.Generator(np.random.PCG64DXSM(seed))
        self._table = generator.integers(0, 2**64, (lanes, _LONG + 2), dtype=np.uint64)

    def __repr__(self) -> str:
        return "Key()"

    def of(self, cells: pa.Array) -> Words:
        """Fingerprints of n cells, shape (lanes, n); equal cells have equal ones.

        Null is a cell like any other; all NaN are one cell; a dictionary is what it stands for.
        """
        if pa.types.is_dictionary(cells.type):
            words = np.concatenate(
                [self.of(cells.dictionary), self._nothing(1)], axis=1, dtype=np.uint64
            )
            at = pc.fill_null(cells.indices.cast(pa.int64()), len(cells.dictionary))
            return words[:, at.to_numpy(zero_copy_only=False)]
        kind = cells.type
        if pa.types.is_null(kind):
            return self._nothing(len(cells))
        if _is_text(kind):
            words = self._of_texts(cells.cast(_plain(kind)))
        else:
            words = self._of_fixed(_bytes_of(cells))
        if cells.null_count:
            gone = cells.is_null().to_numpy(zero_copy_only=False)
            words[:, gone] = self._nothing(1)
        return words

    def _nothing(self, count: int) -> Words:
        """Fingerprints of nulls."""
        return np.repeat(_mixed(self._table[:, _LONG + 1 :]), count, axis=1)

    def _of_fixed(self, cells: npt.NDArray[np.uint8]) -> Words:
        """Fingerprints of rows of bytes."""
        found = np.zeros((len(self._table), len(cells)), dtype=np.uint64)
        for place in range(cells.shape[1]):
            letters = cells[:, place].astype(np.uint64) + np.uint64(1)
            for lane, table in enumerate(self._table):
                found[lane] += letters * table[place]
        return _mixed(found)

    def _of_texts(self, texts: Any) -> Words:
        """Fingerprints of texts; the few long ones go through a keyed cryptographic hash."""
        count = len(texts)
        offsets = np.frombuffer(texts.buffers()[1] or b"\0" * 8, dtype=np.int64)
        offsets = offsets[texts.offset : texts.offset + count + 1]
        data = texts.buffers()[2]
        raw = np.frombuffer(data if data is not None else b"", dtype=np.uint8)
        lengths = np.diff(offsets) if count else np.zeros(0, dtype=np.int64)
        found = np.zeros((len(self._table), count), dtype=np.uint64)
        short = np.flatnonzero((lengths > 0) & (lengths <= _LONG))
        if len(short):
            starts = np.concatenate(([0], np.cumsum(lengths[short])[:-1]))
            place = np.arange(int(lengths[short].sum())) - np.repeat(starts, lengths[short])
            whole = len(short) == count
            letters = (
                raw[offsets[0] : offsets[-1]]
                if whole
                else raw[np.repeat(offsets[short], lengths[short]) + place]
            )
            letters = letters.astype(np.uint64) + np.uint64(1)
            for lane, table in enumerate(self._table):
                found[lane, short] = np.add.reduceat(letters * table[place], starts)
        for at in np.flatnonzero(lengths > _LONG):
            cell = raw[offsets[at] : offsets[at + 1]].tobytes()
            digest = hashlib.blake2b(cell, key=self._secret, digest_size=8 * len(found)).digest()
            found[:, at] = np.frombuffer(digest, dtype=np.uint64)
        return _mixed(found)


def _mixed(words: Words) -> Words:
    """A bijection of 64-bit words that spreads their good bits over all (Steele et al. 2014)."""
    first, second = (np.uint64(number) for number in _MULTIPLIERS)
    words = (words ^ (words >> np.uint64(30))) * first
    words = (words ^ (words >> np.uint64(27))) * second
    return np.asarray(words ^ (words >> np.uint64(31)))


def uniform_of(words: Words) -> npt.NDArray[np.float64]:
    """Fingerprints of one lane as numbers in [0, 1)."""
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _is_text(kind: pa.DataType) -> bool:
    """Whether cells have bytes of any length."""
    tests = (
        pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view,
        pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view,
    )  # fmt: skip
    return any(test(kind) for test in tests)


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type with 64-bit offsets."""
    binary = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
    return pa.large_binary() if any(test(kind) for test in binary) else pa.large_string()


def _bytes_of(cells: pa.Array) -> npt.NDArray[np.uint8]:
    """Cells of one width as rows of bytes; -0.0 stays, NaN is one value."""
    kind, count = cells.type, len(cells)
    if pa.types.is_boolean(kind):
        cells, kind = cells.cast(pa.uint8()), pa.uint8()
    width = kind.bit_width // 8
    data = cells.buffers()[1]
    raw = np.frombuffer(data if data is not None else b"", dtype=np.uint8)
    found = raw[cells.offset * width : (cells.offset + count) * width].reshape(count, width)
    if pa.types.is_floating(kind):
        values = found.reshape(-1).view(f"f{width}").copy()
        values[np.isnan(values)] = np.nan
        found = values.view(np.uint8).reshape(count, width)
    return found


class Pile:
    """Fingerprints of many cells, in the order they came: in memory, or beyond in a private file.

    The file has no name in any folder, is readable by its owner alone, and is gone with the
    process. Use as a context manager.
    """

    def __init__(self, lanes: int, *, in_memory: int = _IN_MEMORY) -> None:
        self._lanes, self._in_memory = lanes, in_memory
        self._held: list[Words] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        self._held.clear()

    def add(self, words: Words) -> None:
        """Put fingerprints, shape (lanes, n), on the pile."""
        rows = np.ascontiguousarray(words.T)
        self._held.append(rows)
        self._bytes += rows.nbytes
        self.count += len(rows)
        if self._bytes > self._in_memory:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="understudy-")  # noqa: SIM115  closed by the pile
            for part in self._held:
                self._file.write(part.tobytes())
            self._held, self._bytes = [], 0

    def chunks(self) -> Iterator[Words]:
        """Every fingerprint in order, as arrays of shape (n, lanes)."""
        if self._file is not None:
            self._file.flush()
            self._file.seek(0)
            while block := self._file.read((8 << 20) * self._lanes):
                yield np.frombuffer(block, dtype=np.uint64).reshape(-1, self._lanes)
            self._file.seek(0, os.SEEK_END)
        yield from self._held

    def parts(self, most: int = 1 << 22) -> Iterator[tuple[npt.NDArray[np.int64], Words]]:
        """The pile by fingerprint: (place, fingerprint) of all with equal top bits together.

        Parameters
        ----------
        most
            About how many are in one part when few are equal.
        """
        parts = max(1, -(-self.count // most))
        step = np.uint64((2**64 - 1) // parts + 1) if parts > 1 else None
        for part in range(parts):
            places, found, start = [], [], 0
            for chunk in self.chunks():
                if step is None:
                    mine = np.arange(len(chunk))
                else:
                    mine = np.flatnonzero(chunk[:, 0] // step == part)
                places.append(mine + start)
                found.append(chunk[mine])
                start += len(chunk)
            if places:
                yield np.concatenate(places), np.concatenate(found)


def distinct_in(pile: Pile) -> int:
    """How many different fingerprints of one lane there are."""
    return sum(len(np.unique(words[:, 0])) for _, words in pile.parts())
