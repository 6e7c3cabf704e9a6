"""Arrays as one safetensors file: a JSON header and plain bytes, read without trusting either.

The format is eight bytes of header length, the header (JSON: name, type, shape and place of every
array) and the arrays' bytes, little-endian, in row-major order, without a gap. It can hold numbers
and nothing that runs. What may not happen here: an array that the header does not describe
exactly, or a byte that belongs to none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

TYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4",
    "U64": "<u8", "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip
"""The format's names of types, and NumPy's."""

_NAMES = {np.dtype(kind): name for name, kind in TYPES.items()}
_LENGTH = 8
_LONGEST_HEADER = 100_000_000
_METADATA = "__metadata__"


def to_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """A safetensors file of some arrays; the same arrays give the same bytes.

    Raises
    ------
    ValueError
        An array is not of numbers or booleans.

    >>> raw = to_bytes({"a": np.arange(3.0)})
    >>> from_bytes(raw)["a"].tolist()
    [0.0, 1.0, 2.0]
    """
    plain = {name: _plain(name, array) for name, array in arrays.items()}
    order = sorted(plain, key=lambda name: (-plain[name].dtype.itemsize, name))
    header: dict[str, Any] = {}
    place = 0
    for name in order:
        array = plain[name]
        header[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [place, place + array.nbytes],
        }
        place += array.nbytes
    told = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    told += b" " * (-len(told) % _LENGTH)
    body = [plain[name].tobytes() for name in order]
    return b"".join([len(told).to_bytes(_LENGTH, "little"), told, *body])


def from_bytes(raw: bytes) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file, by name.

    Raises
    ------
    ValueError
        The file is damaged or not of this format: whatever it says, no more is read than it has.
    """
    if len(raw) < _LENGTH:
        raise ValueError("too short")
    length = int.from_bytes(raw[:_LENGTH], "little")
    if not 2 <= length <= min(len(raw) - _LENGTH, _LONGEST_HEADER):
        raise ValueError("the header's length is wrong")
    start = _LENGTH + length
    try:
        header = json.loads(raw[_LENGTH:start].decode("utf-8"), object_pairs_hook=_once)
    except RecursionError as deep:
        raise ValueError("the header is too deep") from deep
    if not isinstance(header, dict):
        raise ValueError("the header is no object")  # noqa: TRY004 - one kind of refusal
    header.pop(_METADATA, None)
    size = len(raw) - start
    found: dict[str, np.ndarray] = {}
    places: list[tuple[int, int]] = []
    for name, told in header.items():
        kind, shape, (begin, end) = _described(told)
        if not 0 <= begin <= end <= size or math.prod(shape) * kind.itemsize != end - begin:
            raise ValueError("an array does not fit its place")
        places.append((begin, end))
        flat = np.frombuffer(raw[start + begin : start + end] or bytes(8), dtype=kind)
        found[name] = flat[: math.prod(shape)].reshape(shape).astype(kind.newbyteorder("="))
    reached = 0
    for begin, end in sorted(places):
        if begin != reached:
            raise ValueError("arrays overlap, or leave a gap")
        reached = end
    if reached != size:
        raise ValueError("bytes that belong to no array")
    return found


def _plain(name: str, array: np.ndarray) -> np.ndarray:
    """An array as it is written: contiguous, little-endian, of a known type."""
    held = np.asarray(array, order="C")
    kind = held.dtype.newbyteorder("<") if held.dtype.itemsize > 1 else held.dtype
    if kind not in _NAMES or name == _METADATA:
        raise ValueError(f"array {name!r} is not of numbers")
    return held.astype(kind, copy=False)


def _described(told: Any) -> tuple[np.dtype[Any], tuple[int, ...], tuple[int, int]]:
    """Type, shape and place of one array, as the header has it."""
    if not isinstance(told, dict) or set(told) != {"dtype", "shape", "data_offsets"}:
        raise ValueError("an array is not described")
    shape, place = told["shape"], told["data_offsets"]
    lists = isinstance(shape, list) and isinstance(place, list) and len(place) == 2
    if not lists or not all(type(one) is int and 0 <= one < 1 << 62 for one in [*shape, *place]):
        raise ValueError("a shape or a place is none")
    if not isinstance(told["dtype"], str) or told["dtype"] not in TYPES:
        raise ValueError("an array has an unknown type")
    if len(shape) > 32 or math.prod(max(one, 1) for one in shape) >= 1 << 62:
        raise ValueError("an array has too large a shape")
    return np.dtype(TYPES[told["dtype"]]), tuple(shape), (place[0], place[1])


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names stand once each."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made
