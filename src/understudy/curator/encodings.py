"""How one cell becomes one small integer: the public half of every question.

An encoding is a frozen public value. It may hold only what was declared, paid for or known
from the container, never anything else: two runs that received the same answers hold equal
encodings, and record/replay compares them. An encoding sends every possible cell, however
odd, to exactly one code in `range(size)`; that is why a histogram over encodings has
sensitivity one per row.

The functions that apply encodings to cells are called by curators alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from understudy.cells.classes import CLASSES, FLOAT_CLASSES, classify, classify_floats
from understudy.cells.patterns import pattern
from understudy.cells.reading import Reading, storage_numbers
from understudy.schema import Storage

Array: TypeAlias = "pa.Array | pa.ChunkedArray"
Codes: TypeAlias = npt.NDArray[np.unsignedinteger[Any]]

_DAY, _BLANK = 86_400.0, " "


def _canonical(value: object) -> bytes:
    """Bytes that are equal exactly when two public values are."""
    if isinstance(value, np.ndarray):
        return str(value.dtype).encode() + str(value.shape).encode() + value.tobytes()
    if isinstance(value, tuple):
        return b"(" + b",".join(_canonical(item) for item in value) + b")"
    if hasattr(value, "__dataclass_fields__"):
        parts = [type(value).__name__.encode()]
        parts += [_canonical(getattr(value, field.name)) for field in fields(value)]  # type: ignore[arg-type]
        return b"<" + b";".join(parts) + b">"
    return repr(value).encode()


def fingerprint(value: object) -> str:
    """SHA-256 of a public value (question, encoding), for comparing two runs."""
    return hashlib.sha256(_canonical(value)).hexdigest()


@dataclass(frozen=True, kw_only=True)
class CellClasses:
    """Which of the fixed public classes a cell belongs to: of texts, floats, or days."""

    column: str
    floats: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, in code order."""
        return FLOAT_CLASSES if self.floats else CLASSES

    @property
    def size(self) -> int:
        """Number of codes."""
        return len(self.names)


@dataclass(frozen=True, kw_only=True)
class NumberCells:
    """Half-open intervals on the number line, then special marks, then one code for the rest.

    Codes `0 … k-1` are the intervals `[edges[i], edges[i+1])`, counted in lattice steps of the
    reading (in its own units when it has no lattice); numbers outside are clipped to the first
    or last. Codes `k … k+m-1` are the `marks` (`None` is the container's own null).
    Code `k+m` is every cell that is neither a number nor a mark.
    """

    column: str
    reading: Reading
    edges: tuple[float, ...]
    marks: tuple[str | None, ...] = (None,)

    @property
    def cells(self) -> int:
        """Number of intervals."""
        return len(self.edges) - 1

    @property
    def size(self) -> int:
        """Number of codes."""
        return self.cells + len(self.marks) + 1


@dataclass(frozen=True, kw_only=True)
class LabelCells:
    """One code per known label (`None` is the container's own null), then one for the rest."""

    column: str
    labels: tuple[str | None, ...]

    @property
    def size(self) -> int:
        """Number of codes."""
        return len(self.labels) + 1


@dataclass(frozen=True, kw_only=True)
class Merged:
    """Another encoding with its codes merged by a public map (fine code to coarse code)."""

    base: NumberCells | LabelCells
    into: tuple[int, ...]

    @property
    def column(self) -> str:
        """Column of the underlying encoding."""
        return self.base.column

    @property
    def size(self) -> int:
        """Number of coarse codes."""
        return max(self.into) + 1


Encoding: TypeAlias = "CellClasses | NumberCells | LabelCells | Merged"


@lru_cache(maxsize=4096)
def encoding_fingerprint(encoding: Encoding) -> str:
    """`fingerprint` of an encoding, remembered: rounds of selection offer the same again."""
    return fingerprint(encoding)


def as_text(array: Array, storage: Storage) -> Array:
    """Cells as labels are spelled: text as it is, other storages in their canonical spelling."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        array = pc.cast(array, kind.value_type)
        kind = kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return array
    if storage is Storage.FLOAT:
        if pa.types.is_float16(kind):
            array = pc.cast(array, pa.float32())
        whole = pc.and_kleene(pc.equal(pc.round(array), array), pc.less(pc.abs(array), 2.0**53))
        integer = pc.cast(pc.if_else(whole, array, 0.0), pa.int64())
        return pc.if_else(whole, pc.cast(integer, pa.string()), pc.cast(array, pa.string()))
    return pc.cast(array, pa.string())


def _one(array: Array) -> pa.Array:
    """A single contiguous array."""
    if isinstance(array, pa.ChunkedArray):
        return array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
    return array


def distinct_codes(array: Array) -> tuple[np.ndarray, pa.Array]:
    """Dictionary codes (null is -1) and the distinct values of an array."""
    coded = _one(array)
    if not pa.types.is_dictionary(coded.type):
        coded = _one(pc.dictionary_encode(coded))
    codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
    return codes, coded.dictionary


def _marks_of(array: Array, marks: Sequence[str | None]) -> np.ndarray:
    """Position of each cell in `marks`, or -1; any white space is the blank mark."""
    size = len(array)
    if not marks:
        return np.full(size, -1, dtype=np.int32)
    codes, values = distinct_codes(array)
    table = np.full(len(values) + 1, -1, dtype=np.int32)
    if None in marks:
        table[-1] = marks.index(None)
    places = [place for place, mark in enumerate(marks) if mark is not None]
    spelled = [marks[place] for place in places]
    textual = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    if spelled and len(values) and textual:
        where = pc.index_in(values, value_set=pa.array(spelled, values.type))
        hit = pc.fill_null(where, -1).to_numpy(zero_copy_only=False)
        position = np.array([*places, -1], dtype=np.int32)
        table[:-1] = position[hit]
        if _BLANK in spelled:
            blank = pc.match_substring_regex(values, r"^\s+$").to_numpy(zero_copy_only=False)
            table[:-1][blank] = marks.index(_BLANK)
    return np.asarray(table[codes])


def code_type(size: int) -> np.dtype[np.unsignedinteger[Any]]:
    """The smallest unsigned type that holds `size` codes."""
    return np.min_scalar_type(max(size - 1, 0))


def _number_codes(encoding: NumberCells, array: Array, storage: Storage) -> Codes:
    """Codes of a column under a number encoding."""
    numbers, readable = numbers_of(array, storage, encoding.reading)
    edges = np.asarray(encoding.edges)
    cell = np.searchsorted(edges, numbers, side="right") - 1
    codes = np.clip(cell, 0, encoding.cells - 1)
    codes[~readable] = encoding.size - 1
    marked = _marks_of(array, encoding.marks)
    found = marked >= 0
    codes[found] = encoding.cells + marked[found]
    return codes.astype(code_type(encoding.size))


def numbers_of(array: Array, storage: Storage, reading: Reading) -> tuple[np.ndarray, np.ndarray]:
    """Cells in lattice steps (finite float64) and whether each could be read."""
    if storage in (Storage.TEXT, Storage.CATEGORY):
        text = as_text(array, storage)
        codes, values = distinct_codes(text)
        numbers, readable = reading.numbers(values)
        numbers = np.append(numbers, 0.0)[codes]
        readable = np.append(readable, False)[codes]
    else:
        numbers, readable = storage_numbers(_one(array))
    if reading.unit is not None:
        with np.errstate(over="ignore"):
            numbers = np.rint(numbers / reading.unit)
    readable = readable & np.isfinite(numbers)
    return np.where(readable, numbers, 0.0), readable


def encode(encoding: Encoding, array: Array, storage: Storage) -> Codes:
    """Codes of every row of a column: sensitive, for curators only."""
    match encoding:
        case CellClasses(floats=True):
            if storage is not Storage.DATETIME:
                return classify_floats(pc.cast(_one(array), pa.float64()))
            seconds, readable = storage_numbers(_one(array))
            return classify_floats(np.where(readable, seconds / _DAY, np.nan))
        case CellClasses():
            return classify(as_text(array, storage))
        case NumberCells():
            return _number_codes(encoding, array, storage)
        case LabelCells():
            marked = _marks_of(as_text(array, storage), encoding.labels)
            marked[marked < 0] = len(encoding.labels)
            return marked.astype(code_type(encoding.size))
        case Merged():
            fine = encode(encoding.base, array, storage)
            return merge_codes(encoding, fine)


def merge_codes(encoding: Merged, fine: Codes) -> Codes:
    """Coarse codes of rows whose fine codes are known."""
    return np.asarray(encoding.into, dtype=code_type(encoding.size))[fine]


def patterns(array: Array, storage: Storage) -> Array:
    """The shape of each cell (digits, capitals, small letters), for identifiers."""
    return pattern(as_text(array, storage))
