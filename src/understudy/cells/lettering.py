"""Text written column by column: a matrix of bytes, one row a cell, and the gaps squeezed out.

What may not happen here: a decision about what a number means; this only writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.int64]
Piece = npt.NDArray[np.uint8]

_CHUNK = 131_072
_ZERO = np.uint8(48)


def constant(text: str, rows: int) -> Piece:
    """Return the same bytes on every row."""
    raw = np.frombuffer(text.encode(), dtype=np.uint8)
    return np.broadcast_to(raw, (rows, len(raw)))


def digits(values: Ints, width: int, *, padded: bool = True, least: int = 1) -> Piece:
    """Return non-negative integers as `width` digits; unpadded ones keep at least `least`."""
    out = np.empty((len(values), width), dtype=np.uint8)
    rest = values
    for place in range(width - 1, -1, -1):
        shorter = rest // 10
        digit = (rest - shorter * 10).astype(np.uint8) + _ZERO
        if not padded and width - place > least:
            digit[rest == 0] = 0
        out[:, place] = digit
        rest = shorter
    return out


def grouped(values: Ints, width: int, mark: str) -> Piece:
    """Return unpadded integers with a mark between groups of three digits."""
    plain = digits(values, width, padded=False)
    pieces: list[Piece] = []
    for start in range(width):
        if start and (width - start) % 3 == 0:
            comma = np.where(plain[:, start - 1] > 0, np.uint8(ord(mark)), np.uint8(0))
            pieces.append(comma[:, None])
        pieces.append(plain[:, start : start + 1])
    return np.concatenate(pieces, axis=1)


def fraction(values: Ints, places: int, *, least: int) -> Piece:
    """Return `places` digits with trailing zeros gone beyond the first `least` places."""
    out = digits(values, places)
    live = np.zeros(len(values), dtype=bool)
    for place in range(places - 1, least - 1, -1):
        live |= out[:, place] != _ZERO
        out[~live, place] = 0
    return out


def where(condition: npt.NDArray[np.bool_], text: str) -> Piece:
    """Return bytes on the rows that meet a condition, nothing on the others."""
    raw = np.frombuffer(text.encode(), dtype=np.uint8)
    return np.where(condition[:, None], raw[None, :], np.uint8(0))


def chosen(which: Ints, words: Sequence[str]) -> Piece:
    """Return one of several words on every row."""
    longest = max(len(word.encode()) for word in words)
    table = np.zeros((len(words), longest), dtype=np.uint8)
    for row, word in enumerate(words):
        raw = np.frombuffer(word.encode(), dtype=np.uint8)
        table[row, : len(raw)] = raw
    return table[which]


def assemble(pieces: Sequence[Piece], rows: int) -> pa.StringArray:
    """Return the rows as text: the pieces side by side, zero bytes left out."""
    matrix = np.concatenate(pieces, axis=1) if pieces else np.zeros((rows, 0), dtype=np.uint8)
    kept = matrix != 0
    offsets = np.zeros(rows + 1, dtype=np.int32)
    np.cumsum(kept.sum(axis=1, dtype=np.int32), out=offsets[1:])
    whole = int(offsets[-1]) == matrix.size
    raw = np.ascontiguousarray(matrix).ravel() if whole else matrix[kept]
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(raw))


def written(values: Ints, pieces: Callable[[Ints], Sequence[Piece]]) -> pa.StringArray:
    """Write every value, equal ones once where that pays.

    Parameters
    ----------
    values
        n integers.
    pieces
        Writes a run of values as pieces side by side.

    Returns
    -------
    Array
        n strings.

    >>> written(np.array([7, 42, 7]), lambda v: [digits(v, 3)]).to_pylist()
    ['007', '042', '007']
    """
    count = len(values)
    if count > 4096:
        low, high = int(values.min()), int(values.max())
        if high - low < max(count, 65_536):
            seen = np.zeros(high - low + 1, dtype=bool)
            shifted = values - low
            seen[shifted] = True
            distinct = np.flatnonzero(seen)
            if len(distinct) < count // 2:
                place = np.cumsum(seen, dtype=np.int32) - np.int32(1)
                return _chunked(distinct + low, pieces).take(pa.array(place[shifted]))
    return _chunked(values, pieces)


def _chunked(values: Ints, pieces: Callable[[Ints], Sequence[Piece]]) -> pa.StringArray:
    """Write values a stretch at a time, so that the matrix stays small."""
    if len(values) <= _CHUNK:
        return assemble(pieces(values), len(values))
    starts = range(0, len(values), _CHUNK)
    parts = [values[start : start + _CHUNK] for start in starts]
    return pa.concat_arrays([assemble(pieces(part), len(part)) for part in parts])
