"""Arrays as safetensors: what comes back, what the library says of it, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from understudy.synthesize.tensors import TYPES, from_bytes, to_bytes

ARRAYS = {
    "counts": np.arange(6, dtype=np.int64).reshape(2, 3),
    "weights": np.linspace(-1, 1, 5, dtype=np.float32),
    "flags": np.array([True, False, True]),
    "none": np.zeros((0, 4)),
    "one": np.array(7.5),
    'ümläut "quoted"': np.array([1, 2], dtype=np.uint8),
}


def same(made: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> bool:
    return set(made) == set(wanted) and all(
        made[name].dtype == array.dtype and np.array_equal(made[name], array, equal_nan=array.dtype.kind == "f")
        and made[name].shape == array.shape
        for name, array in wanted.items()
    )  # fmt: skip


def test_arrays_come_back_as_they_were_and_the_same_bytes() -> None:
    raw = to_bytes(ARRAYS)
    assert same(from_bytes(raw), ARRAYS)
    assert raw == to_bytes(dict(reversed(ARRAYS.items())))
    assert from_bytes(to_bytes({})) == {}
    assert from_bytes(raw)["weights"].flags.writeable


def test_other_orders_and_ends_of_bytes_are_written_alike() -> None:
    plain = np.arange(6, dtype="<i4").reshape(2, 3)
    assert to_bytes({"a": plain}) == to_bytes({"a": plain.astype(">i4")})
    assert to_bytes({"a": plain}) == to_bytes({"a": np.asfortranarray(plain)})
    assert to_bytes({"a": plain}) == to_bytes({"a": np.repeat(plain, 2, axis=1)[:, ::2]})


def test_the_library_of_the_format_reads_and_writes_the_same() -> None:
    theirs = pytest.importorskip("safetensors.numpy")
    assert same(theirs.load(to_bytes(ARRAYS)), ARRAYS)
    assert same(from_bytes(theirs.save(ARRAYS, metadata={"made": "elsewhere"})), ARRAYS)


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8).filter(lambda name: name != "__metadata__"),
        st.sampled_from(sorted(TYPES.values())).flatmap(
            lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0))
        ),
        max_size=4,
    )
)
def test_any_arrays_of_numbers_come_back(arrays: dict[str, np.ndarray]) -> None:
    assert same(from_bytes(to_bytes(arrays)), arrays)


@pytest.mark.parametrize(
    "array",
    [np.array([{"a": 1}], dtype=object), np.array(["text"]), np.array([1j]), np.array([b"x"])],
)
def test_what_is_no_number_is_not_written(array: np.ndarray) -> None:
    with pytest.raises(ValueError, match="numbers"):
        to_bytes({"a": array})


def file(header: Any, body: bytes = b"", *, length: int | None = None) -> bytes:
    told = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(told) if length is None else length).to_bytes(8, "little") + told + body


def one(**changes: Any) -> dict[str, Any]:
    return {"a": {"dtype": "F64", "shape": [2], "data_offsets": [0, 16], **changes}}


BODY = bytes(16)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00" * 8,
        file(one(), BODY, length=2**63),
        file(one(), BODY, length=10_000),
        file(one(), BODY[:-1]),
        file(one(), BODY + b"rows"),
        file({}, b"rows"),
        file([], BODY),
        file(b"not json", BODY),
        file(b"\xff\xfe", BODY),
        file(b"[" * 100_000, BODY),
        file({"a": 1}, BODY),
        file(one(dtype="O"), BODY),
        file(one(dtype=["F64"]), BODY),
        file(one(shape=[3]), BODY),
        file(one(shape=[-2]), BODY),
        file(one(shape=[2.0]), BODY),
        file(one(shape=[True, 2]), BODY),
        file(one(shape=[0, 2**61, 2**61]), b""),
        file(one(shape=[1] * 60 + [2]), BODY),
        file(one(data_offsets=[0, 10**30]), BODY),
        file(one(data_offsets=[-16, 0]), BODY),
        file(one(data_offsets=[16, 0]), BODY),
        file(one(data_offsets=[0]), BODY),
        file(one(more=1), BODY),
        file({**one(), "b": one()["a"]}, BODY),
        file({**one(), "b": one(data_offsets=[24, 40])["a"]}, bytes(40)),
        file(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
             b'"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"x"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_it_says_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        from_bytes(raw)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 400), st.integers(0, 255), st.booleans())
def test_a_changed_byte_is_refused_or_is_another_number(place: int, byte: int, cut: bool) -> None:
    raw = bytearray(to_bytes(ARRAYS))
    at = place % len(raw)
    if cut:
        del raw[at:]
    else:
        raw[at] = byte
    try:
        made = from_bytes(bytes(raw))
    except ValueError:
        return
    assert all(array.dtype.kind in "biuf" for array in made.values())
    assert sum(array.nbytes for array in made.values()) <= len(raw)
