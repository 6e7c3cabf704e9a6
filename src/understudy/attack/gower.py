"""Nearest synthetic rows of a target by what is known of it: Gower's distance in whole numbers.

Two rows differ by the mean over the known columns of |difference| / range for numbers and 0 or 1
for labels; missing equals missing and differs from everything else by 1. Distances are kept as
whole multiples of 2^-20 of a range, so that one column can be taken out of a sum exactly: a
secret leaves no trace in the order of equals. What may not happen here: a decision about which
rows are members.

Reference: J. C. Gower, A general coefficient of similarity, Biometrics 27 (1971).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.attack.protocol import Records

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UNIT = 1 << 20
_MOST_COLUMNS = 2_000
_BLOCK_CELLS = 1 << 17
_ABSENT = -(1 << 22)
Places = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scaled:
    """Rows on one scale: a number in units of its column's range, a label as a small code.

    Parameters
    ----------
    columns
        One array per column: int32 for numbers, uint8 or int32 for labels.
    numeric
        Which columns are numbers.
    gaps
        Which columns have missing numbers.
    """

    columns: tuple[NDArray[Any], ...]
    numeric: tuple[bool, ...]
    gaps: tuple[bool, ...]

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.columns[0])

    def at(self, rows: NDArray[Any] | slice) -> Scaled:
        """These rows."""
        return Scaled(
            columns=tuple(values[rows] for values in self.columns),
            numeric=self.numeric,
            gaps=self.gaps,
        )


def scaled(*parts: Records) -> tuple[Scaled, ...]:
    """Put tables on one scale: ranges are those of all of them together.

    Raises
    ------
    ValueError
        If there are more than 2,000 columns.

    >>> ends = Records(arrays=(np.array([0.0, 10.0]),))
    >>> scaled(ends, ends.at(np.array([1])))[1].columns[0].tolist() == [UNIT]
    True
    """
    if len(parts[0].arrays) > _MOST_COLUMNS:
        raise ValueError(f"at most {_MOST_COLUMNS} columns can be compared")
    made: list[list[NDArray[Any]]] = [[] for _ in parts]
    numeric, gaps = [], []
    for place, array in enumerate(parts[0].arrays):
        arrays = [part.arrays[place] for part in parts]
        numeric.append(array.dtype.kind == "f")
        gaps.append(numeric[-1] and any(bool(np.isnan(one).any()) for one in arrays))
        for table, values in zip(made, _one_scale(arrays), strict=True):
            table.append(values)
    return tuple(
        Scaled(columns=tuple(table), numeric=tuple(numeric), gaps=tuple(gaps)) for table in made
    )


def nearest_leaving_out(
    queries: Scaled, references: Scaled, known: Sequence[int], left_out: Sequence[int | None]
) -> NDArray[np.intp]:
    """The nearest reference of every query, once with all known columns and once without each.

    Parameters
    ----------
    queries, references
        Rows on one scale.
    known
        Positions of the columns that count.
    left_out
        For each answer, the known column that does not count, or None.

    Returns
    -------
    numpy.ndarray
        Places, answers x queries; of equals the first, so shuffle the references beforehand.
    """
    places = np.empty((len(left_out), queries.size), dtype=np.intp)
    for part, block in _blocks(queries, references):
        total = block.total(known)
        for turn, column in enumerate(left_out):
            distance = total if column is None else total - block.of(column)
            places[turn, part] = distance.argmin(axis=1)
    return places


def nearest_several(
    queries: Scaled, references: Scaled, known: Sequence[int], neighbours: int = 1
) -> NDArray[np.intp]:
    """The nearest references of every query by the known columns.

    Returns
    -------
    numpy.ndarray
        Places, queries x neighbours; of equals the first ones, so shuffle the references
        beforehand.
    """
    kept = min(neighbours, references.size)
    places = np.empty((queries.size, kept), dtype=np.intp)
    for part, block in _blocks(queries, references):
        total = block.total(known)
        if kept == 1:
            places[part, 0] = total.argmin(axis=1)
        else:
            order = total.astype(np.int64) * references.size + np.arange(references.size)
            places[part] = np.sort(np.argpartition(order, kept - 1, axis=1)[:, :kept], axis=1)
    return places


def nearest_sets(
    queries: Scaled, references: Scaled, known: Sequence[int], left_out: Sequence[int | None]
) -> Iterator[tuple[int, slice, Places, Places, NDArray[Any]]]:
    """Yield all references at the smallest distance of a few queries, for each answer.

    Parameters
    ----------
    queries, references, known, left_out
        As in `nearest_leaving_out`.

    Yields
    ------
    tuple
        Answer, queries, then pairs of a query (within the slice) and a nearest reference, and
        the smallest distance of each query.
    """
    labels = not any(queries.numeric)
    for part, block in _blocks(queries, references):
        total = block.differing(known) if labels else block.total(known)
        for turn, column in enumerate(left_out):
            if column is None:
                distance = total
            else:
                distance = total - (block.differ(column) if labels else block.of(column))
            smallest = distance.min(axis=1)
            which, places = np.nonzero(distance == smallest[:, None])
            yield turn, part, which, places, smallest


@dataclass(frozen=True, kw_only=True, slots=True)
class _Block:
    """A few queries against all references."""

    queries: Scaled
    references: Scaled

    def of(self, column: int) -> NDArray[np.int32]:
        """Distance in one column, queries x references."""
        if not self.queries.numeric[column]:
            differ = self.differ(column)
            return np.multiply(differ, np.int32(UNIT), dtype=np.int32)
        gap = np.subtract(
            self.queries.columns[column][:, None], self.references.columns[column][None, :]
        )
        np.abs(gap, out=gap)
        if self.queries.gaps[column]:
            np.minimum(gap, np.int32(UNIT), out=gap)
        return np.asarray(gap)

    def total(self, known: Sequence[int]) -> NDArray[np.int32]:
        """Sum of the distances in the known columns."""
        labels = [column for column in known if not self.queries.numeric[column]]
        total = np.multiply(self.differing(labels), np.int32(UNIT), dtype=np.int32)
        for column in known:
            if self.queries.numeric[column]:
                total += self.of(column)
        return np.asarray(total)

    def differing(self, labels: Sequence[int]) -> NDArray[Any]:
        """In how many of these columns labels differ, in as few bits as will do."""
        shape = (self.queries.size, self.references.size)
        number = np.zeros(shape, dtype=np.uint8 if len(labels) < 256 else np.uint16)
        for column in labels:
            number += self.differ(column)
        return number

    def differ(self, column: int) -> NDArray[np.bool_]:
        """Where labels differ."""
        ours = self.queries.columns[column][:, None]
        return np.asarray(ours != self.references.columns[column][None, :])


def _blocks(queries: Scaled, references: Scaled) -> Iterator[tuple[slice, _Block]]:
    """Yield a few queries at a time, so that a block of distances stays in the cache."""
    step = max(1, _BLOCK_CELLS // max(1, references.size))
    for start in range(0, queries.size, step):
        part = slice(start, min(start + step, queries.size))
        yield part, _Block(queries=queries.at(part), references=references)


def _one_scale(arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """One column of every table on one scale."""
    if arrays[0].dtype.kind != "f":
        top = max(int(array.max(initial=-1)) for array in arrays)
        return [array.astype(np.uint8 if top < 255 else np.int32) for array in arrays]
    low = min(float(np.nanmin(array, initial=np.inf)) for array in arrays)
    high = max(float(np.nanmax(array, initial=-np.inf)) for array in arrays)
    width = high - low if high > low else 1.0
    result = []
    for array in arrays:
        lost = np.isnan(array)
        steps = np.rint((np.where(lost, low, array) - low) * (UNIT / width))
        result.append(np.where(lost, _ABSENT, steps).astype(np.int32))
    return result
