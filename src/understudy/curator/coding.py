"""Codes of a batch of cells, as fast as its distinct cells allow.

An encoding looks at one cell at a time, so the codes of a batch are those of its distinct cells,
looked up: of a dictionary's labels, of small whole numbers, or else of every cell.

What may not happen here: a code that differs from the one `encode` gives the same cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from understudy.curator.encodings import Codes, Encoding, encode
from understudy.schema import Storage

Places = npt.NDArray[np.integer[Any]]

_SPAN = 1 << 16
_FAR = 1 << 62


@dataclass(frozen=True, kw_only=True, eq=False)
class Distinct:
    """Cells of a column as places in an array of values; nulls stand at the last, a null.

    `last` is a place that no cell but a null goes beyond; `same` is equal for equal values.
    """

    values: pa.Array
    places: Places
    last: int
    same: object

    def counts(self) -> npt.NDArray[np.int64]:
        """How many cells have each value."""
        return np.bincount(self.places, minlength=len(self.values)).astype(np.int64)


class Coder:
    """Turns batches of one column into codes, remembering codes of values it has seen last."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._dictionary: pa.Array | None = None
        self._token: object = object()
        self._tables: dict[tuple[object, Encoding], Codes] = {}

    def distinct(self, cells: pa.Array, *, always: bool = False) -> Distinct | None:
        """Cells by their distinct values, when that is cheap or asked for."""
        kind = cells.type
        if pa.types.is_integer(kind):
            found = self._whole(cells)
            if found is not None:
                return found
        textual = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if not pa.types.is_dictionary(kind):
            if not (textual or always):
                return None
            cells = pc.dictionary_encode(cells)
        labels = cells.dictionary
        if self._dictionary is None or not (
            labels.type == self._dictionary.type and labels.equals(self._dictionary)
        ):
            self._dictionary, self._token = labels, object()
            self._tables.clear()
        return Distinct(
            values=pa.concat_arrays([labels, pa.nulls(1, labels.type)]),
            places=_places(cells.indices, len(labels)),
            last=len(labels) - 1,
            same=self._token,
        )

    def _whole(self, cells: pa.Array) -> Distinct | None:
        """Whole numbers that lie close together, as places in their range."""
        ends = pc.min_max(cells)
        low, high = ends["min"].as_py() or 0, ends["max"].as_py() or 0
        if high - low >= _SPAN or high >= _FAR or low < -_FAR:
            return None
        first = 0 if low >= 0 and high < _SPAN else low
        top = 255 if first == 0 and high <= 255 and cells.type.bit_width > 8 else high
        values = pa.array(np.arange(first, top + 1), pa.int64()).cast(cells.type)
        if first == 0 and not cells.null_count:
            places: Places = cells.to_numpy(zero_copy_only=False)
        else:
            wide = pc.subtract(cells.cast(pa.int64()), first)
            places = _places(wide, len(values))
        return Distinct(
            values=pa.concat_arrays([values, pa.nulls(1, cells.type)]),
            places=places,
            last=high - first,
            same=(first, top),
        )

    def codes(self, encoding: Encoding, cells: pa.Array, distinct: Distinct | None) -> Codes:
        """Codes of a batch, equal to those of `encode`."""
        if distinct is None:
            return encode(encoding, cells, self._storage)
        table = self.table(encoding, distinct)
        known = distinct.last + 1
        if (
            distinct.places.dtype == table.dtype
            and not cells.null_count
            and np.array_equal(table[:known], np.arange(known))
        ):
            return distinct.places  # type: ignore[return-value]
        return table[distinct.places]

    def table(self, encoding: Encoding, distinct: Distinct) -> Codes:
        """Codes of the distinct values, the null at the end."""
        key = (distinct.same, encoding)
        if key not in self._tables:
            if len(self._tables) > 64:
                self._tables.clear()
            self._tables[key] = encode(encoding, distinct.values, self._storage)
        return self._tables[key]


def _places(indices: pa.Array, null: int) -> Places:
    """Indices without nulls, which stand at the end."""
    if indices.null_count:
        indices = pc.fill_null(indices.cast(pa.int64()), null)
    return np.asarray(indices.to_numpy(zero_copy_only=False))
