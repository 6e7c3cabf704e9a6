"""Distances between rows of mixed columns, and fingerprints of whole rows.

The distance of two rows is the mean over columns of a number between 0 and 1 (Gower's idea):
numbers differ by their ranks in the real training table, labels by being equal or not, missing
differs from everything but missing. What may not happen here: a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from understudy.evaluate.columns import Column

_CHUNK_CELLS = 1 << 20
_TILE_CELLS = 1 << 17
_MISSING = 2.0
_ODD = np.uint64(0x9E3779B97F4A7C15)
Hashes = NDArray[np.uint64]
Scales = tuple[NDArray[np.float64] | None, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Points:
    """Rows as points: ranks of numbers (rows x numbers) and labels (rows x labels)."""

    ranks: NDArray[np.float32]
    labels: NDArray[np.int32]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.ranks)

    def at(self, rows: NDArray[np.intp]) -> Points:
        """These rows."""
        return Points(ranks=self.ranks[rows], labels=self.labels[rows])

    def head(self, rows: int) -> Points:
        """The first rows."""
        return Points(ranks=self.ranks[:rows], labels=self.labels[:rows])

    def joined(self, other: Points) -> Points:
        """Both, one after the other."""
        return Points(
            ranks=np.concatenate([self.ranks, other.ranks]),
            labels=np.concatenate([self.labels, other.labels]),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RowHashes:
    """A 64-bit fingerprint of every row of each table."""

    train: Hashes
    holdout: Hashes | None
    synthetic: Hashes


def points_of(
    columns: Sequence[Column], rows: int, rng: np.random.Generator
) -> tuple[Points, Points, Points]:
    """At most `rows` random rows of train, holdout and synthetic as points, in random order.

    Parameters
    ----------
    columns
        Columns of the three tables; every one has a holdout.
    """
    held = [column.holdout for column in columns if column.holdout is not None]
    tables = ([c.train for c in columns], held, [c.synthetic for c in columns])
    scales = scales_of(columns, [column.train for column in columns])
    points = []
    for arrays in tables:
        chosen = rng.permutation(len(arrays[0]))[:rows]
        points.append(as_points([values[chosen] for values in arrays], scales))
    return points[0], points[1], points[2]


def scales_of(columns: Sequence[Column], arrays: Sequence[NDArray[Any]]) -> Scales:
    """What numbers are ranked among: the sorted values of a table, None for labels.

    Parameters
    ----------
    columns
        Which columns hold labels.
    arrays
        Values of the same columns in the table to rank among; an attacker has no other than the
        release or a reference.
    """
    return tuple(
        None if column.is_category else _scale(values)
        for column, values in zip(columns, arrays, strict=True)
    )


def as_points(arrays: Sequence[NDArray[Any]], scales: Scales) -> Points:
    """Rows as points.

    >>> as_points([np.array([1.0, 9.0])], (np.array([1.0, 2.0]),)).ranks.tolist()
    [[0.25], [1.0]]
    """
    rows = len(arrays[0]) if arrays else 0
    together = list(zip(arrays, scales, strict=True))
    ranks = [_ranks(values, scale) for values, scale in together if scale is not None]
    labels = [values for values, scale in together if scale is None]
    return Points(
        ranks=_stacked(ranks, rows).astype(np.float32),
        labels=_stacked(labels, rows).astype(np.int32),
    )


def nearest(queries: Points, references: Points) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Distances and places of the nearest two references of every query.

    Returns
    -------
    tuple
        Two arrays, queries x min(2, references), nearest first; of equals the earlier one.

    >>> a = Points(ranks=np.array([[0.0], [1.0]], np.float32), labels=np.zeros((2, 0), np.int32))
    >>> nearest(a, a)[0].tolist()
    [[0.0, 1.0], [0.0, 1.0]]
    """
    kept = min(2, references.rows)
    distances = np.empty((queries.rows, kept))
    places = np.empty((queries.rows, kept), dtype=np.intp)
    for part, total in distance_blocks(queries, references):
        rows = np.arange(len(total))
        for turn in range(kept):
            place = total.argmin(axis=1)
            places[part, turn] = place
            distances[part, turn] = total[rows, place]
            total[rows, place] = np.inf
    return distances, places


def nearest_weights(queries: Points, references: Points) -> NDArray[np.float64]:
    """How much each reference is the nearest one: one vote per query, shared among equals.

    Returns
    -------
    numpy.ndarray
        One weight per reference, summing to 1.

    >>> a = Points(ranks=np.array([[0.0], [1.0]], np.float32), labels=np.zeros((2, 0), np.int32))
    >>> nearest_weights(a, a.joined(a)).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    weights = np.zeros(references.rows)
    for _, total in distance_blocks(queries, references):
        equal = total == total.min(axis=1, keepdims=True)
        weights += (1.0 / equal.sum(axis=1)) @ equal
    return weights / queries.rows


def row_hashes(columns: Iterable[Column]) -> RowHashes:
    """Fingerprints of whole rows, one column in memory at a time.

    Equal rows have equal fingerprints; unequal ones collide with probability 2^-64 per pair.
    """
    train: Hashes | None = None
    holdout: Hashes | None = None
    synthetic: Hashes | None = None
    for number, column in enumerate(columns, start=1):
        salt = np.uint64((number * int(_ODD)) & 0xFFFFFFFFFFFFFFFF)
        train = _mixed(train, column.train, salt)
        synthetic = _mixed(synthetic, column.synthetic, salt)
        if column.holdout is not None:
            holdout = _mixed(holdout, column.holdout, salt)
    empty = np.empty(0, dtype=np.uint64)
    return RowHashes(
        train=empty if train is None else train,
        holdout=holdout,
        synthetic=empty if synthetic is None else synthetic,
    )


def distance_blocks(
    queries: Points, references: Points
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield distances of a few queries at a time to all references, within a few megabytes.

    Tiles of a block stay in a core's own cache; unequal labels are counted in bytes. A block is
    overwritten by the next.

    >>> a = Points(ranks=np.array([[0.0], [1.0]], np.float32), labels=np.zeros((2, 0), np.int32))
    >>> [block.tolist() for _, block in distance_blocks(a, a)]
    [[[0.0, 1.0], [1.0, 0.0]]]
    """
    width = queries.ranks.shape[1] + queries.labels.shape[1]
    step = max(1, min(queries.rows, _CHUNK_CELLS // max(1, references.rows)))
    tile = max(1, _TILE_CELLS // step)
    labels, their_labels = _narrow(queries.labels, references.labels)
    their_ranks = np.ascontiguousarray(references.ranks.T)
    bounded = [
        bool(max(_largest(queries.ranks[:, at]), _largest(references.ranks[:, at])) <= 1.0)
        for at in range(queries.ranks.shape[1])
    ]
    block = np.empty((step, references.rows), dtype=np.float32)
    for start in range(0, queries.rows, step):
        part = slice(start, min(start + step, queries.rows))
        total = block[: part.stop - part.start]
        for left in range(0, references.rows, tile):
            those = slice(left, min(left + tile, references.rows))
            here = np.zeros((len(total), those.stop - left), dtype=np.float32)
            if len(their_labels):
                unequal = np.zeros(here.shape, dtype=np.uint8 if width < 255 else np.uint16)
                for at, ours in enumerate(labels.T):
                    unequal += ours[part, None] != their_labels[at, None, those]
                here += unequal
            gap = np.empty_like(here)
            for at in range(len(their_ranks)):
                np.subtract(queries.ranks[part, at, None], their_ranks[at, None, those], out=gap)
                np.abs(gap, out=gap)
                if not bounded[at]:
                    np.minimum(gap, 1.0, out=gap)
                here += gap
            here /= max(1, width)
            total[:, those] = here
        yield part, total


def _largest(ranks: NDArray[np.float32]) -> float:
    """Largest rank of a column; beyond 1 where a value is missing."""
    return float(ranks.max(initial=0.0))


def _narrow(
    ours: NDArray[np.int32], theirs: NDArray[np.int32]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Labels in as few bytes as tell them apart; the second table column by column."""
    most = max(int(ours.max(initial=0)), int(theirs.max(initial=0)))
    kind = np.uint8 if most < 255 else np.uint16 if most < 65_535 else np.uint32
    return ours.astype(kind), np.ascontiguousarray(theirs.T.astype(kind))


def _mixed(hashes: Hashes | None, values: NDArray[Any], salt: np.uint64) -> Hashes:
    """Fold a column into the fingerprints (the finaliser of SplitMix64)."""
    if values.dtype.kind == "f":
        bits = np.where(np.isnan(values), np.inf, values + 0.0).astype(np.float64).view(np.uint64)
    else:
        bits = values.astype(np.int64).view(np.uint64)
    mixed = bits + salt if hashes is None else hashes * _ODD + (bits ^ salt)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def _scale(real: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sorted real values of a numeric column."""
    return np.sort(real[~np.isnan(real)])


def _ranks(values: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Middle rank of each value among the real ones, 0 to 1; missing lies apart."""
    low = np.searchsorted(scale, values, side="left")
    high = np.searchsorted(scale, values, side="right")
    return np.where(np.isnan(values), _MISSING, (low + high) / (2.0 * max(1, scale.size)))


def _stacked(columns: Sequence[NDArray[Any]], rows: int) -> NDArray[Any]:
    """Columns side by side, also none."""
    return np.column_stack(columns) if columns else np.zeros((rows, 0))
