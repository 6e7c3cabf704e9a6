"""Labels as codes that mean the same in every table, however each program spells them.

What may not happen here: a label in a message.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]


def code_numbers(values: Floats, order: Floats) -> tuple[Codes, Floats]:
    """Codes of numbers used as labels; numbers that `order` lacks get codes of their own.

    >>> codes, order = code_numbers(np.array([7.0, np.nan, 2.0]), np.array([3.0, 2.0]))
    >>> codes.tolist(), order.tolist()
    ([2, -1, 1], [3.0, 2.0, 7.0])
    """
    order = np.concatenate([order, np.setdiff1d(values[~np.isnan(values)], order)])
    if order.size == 0:
        return np.full(values.size, -1, dtype=np.int32), order
    rank = np.argsort(order, kind="stable")
    place = np.minimum(np.searchsorted(order[rank], values), order.size - 1)
    return np.where(np.isnan(values), -1, rank[place]).astype(np.int32), order


def code_labels(
    texts: pa.ChunkedArray, order: pa.Array, nulls: frozenset[str] = frozenset()
) -> tuple[Codes, pa.Array]:
    """Codes of labels; a label that `order` lacks even when spelled alike gets one of its own.

    The same label may be spelled with blanks around it, in other letters' case, or as 1.0 for 1,
    for other programs write tables so. Such a spelling is taken only if it fits one label.
    Texts among `nulls` are missing.

    >>> order = pa.array(["no", "yes", "1"])
    >>> codes, found = code_labels(pa.chunked_array([[" yes", "No", "1.0", None, "x"]]), order)
    >>> codes.tolist(), found.to_pylist()
    ([1, 0, 2, -1, 3], ['no', 'yes', '1', 'x'])
    """
    indices, labels = _encoded(texts, nulls)
    known = np.array(pc.fill_null(pc.index_in(labels, value_set=order), -1), dtype=np.int32)
    strange = np.flatnonzero(known < 0)
    if strange.size:
        alike = _spelled_alike(labels.take(pa.array(strange)), order)
        new = alike < 0
        alike[new] = len(order) + np.arange(np.count_nonzero(new))
        known[strange] = alike
        order = pa.concat_arrays([order, labels.take(pa.array(strange[new]))])
    return np.append(known, np.int32(-1))[indices], order


def _spelled_alike(labels: pa.Array, order: pa.Array) -> Codes:
    """Codes of labels that are another's spelling, -1 for those that are none's."""
    found = np.full(len(labels), -1, dtype=np.int32)
    for spell in (_trimmed, _lower, _as_number):
        mine, theirs = spell(labels), spell(order)
        counts = pc.value_counts(theirs.drop_null())
        single = pc.struct_field(counts, 0).filter(pc.equal(pc.struct_field(counts, 1), 1))
        place = np.asarray(pc.fill_null(pc.index_in(mine, value_set=theirs), -1), dtype=np.int32)
        sure = np.asarray(pc.and_(pc.is_in(mine, value_set=single), pc.is_valid(mine)))
        take = (found < 0) & (place >= 0) & sure
        found[take] = place[take]
    return found


def _trimmed(labels: pa.Array) -> pa.Array:
    """Labels without the blanks around them."""
    return pc.utf8_trim_whitespace(labels)


def _lower(labels: pa.Array) -> pa.Array:
    """Labels without blanks around them, in small letters."""
    return pc.utf8_lower(_trimmed(labels))


def _as_number(labels: pa.Array) -> pa.Array:
    """Labels that are whole numbers with nothing but zeros behind the point; null for others."""
    trimmed = _trimmed(labels)
    plain = pc.replace_substring_regex(trimmed, r"\.0+$", "")
    return pc.if_else(
        pc.match_substring_regex(trimmed, r"^[+-]?[0-9]+(\.0+)?$"),
        plain,
        pa.scalar(None, pa.string()),
    )


def _encoded(texts: pa.ChunkedArray, nulls: frozenset[str]) -> tuple[Codes, pa.Array]:
    """Index of each text among the distinct ones that are no null marks, -1 for null."""
    joined = texts.cast(pa.string()).dictionary_encode().combine_chunks()
    if isinstance(joined, pa.ChunkedArray):
        joined = (
            joined.chunk(0) if joined.num_chunks else pa.array([], pa.string()).dictionary_encode()
        )
    indices = pc.fill_null(joined.indices, -1).to_numpy(zero_copy_only=False)
    indices = np.asarray(indices, dtype=np.int32)
    marks = np.asarray(pc.is_in(joined.dictionary, pa.array(sorted(nulls), pa.string())))
    if not marks.any():
        return indices, joined.dictionary
    place = np.append(np.where(marks, -1, np.cumsum(~marks) - 1), -1).astype(np.int32)
    return place[indices], joined.dictionary.filter(pa.array(~marks))


def coded_numbers(parts: list[Floats]) -> tuple[list[NDArray[Any]], Floats, int]:
    """Codes of numbers used as labels: the training table's by frequency, then the holdout's."""
    real, counts = np.unique(parts[0][~np.isnan(parts[0])], return_counts=True)
    order = real[np.argsort(-counts, kind="stable")]
    arrays: list[NDArray[Any]] = []
    for part in parts:
        codes, order = code_numbers(part, order)
        arrays.append(codes)
    return arrays, order, int(real.size)


def coded_texts(
    parts: list[pa.ChunkedArray], nulls: frozenset[str]
) -> tuple[list[NDArray[Any]], pa.Array, int]:
    """Codes of labels: the training table's by frequency, then the holdout's."""
    indices, labels = _encoded(parts[0], nulls)
    counts = np.bincount(indices[indices >= 0], minlength=len(labels))
    by_count = np.argsort(-counts, kind="stable")
    rank = np.full(len(labels) + 1, -1, dtype=np.int32)
    rank[by_count] = np.arange(len(labels), dtype=np.int32)
    arrays: list[NDArray[Any]] = [rank[indices]]
    order = labels.take(pa.array(by_count))
    for part in parts[1:]:
        codes, order = code_labels(part, order, nulls)
        arrays.append(codes)
    return arrays, order, len(labels)
