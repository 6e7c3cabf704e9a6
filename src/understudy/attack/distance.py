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
_MISSING = 2.0
_ODD = np.uint64(0x9E3779B97F4A7C15)
Hashes = NDArray[np.uint64]


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
    scales = [None if column.is_category else _scale(column.train) for column in columns]
    points = []
    for arrays in tables:
        chosen = rng.permutation(len(arrays[0]))[:rows]
        ranks = [
            _ranks(values[chosen], scale)
            for values, scale in zip(arrays, scales, strict=True)
            if scale is not None
        ]
        labels = [
            values[chosen] for values, scale in zip(arrays, scales, strict=True) if scale is None
        ]
        points.append(
            Points(
                ranks=_stacked(ranks, len(chosen)).astype(np.float32),
                labels=_stacked(labels, len(chosen)).astype(np.int32),
            )
        )
    return points[0], points[1], points[2]


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
    for part, total in _distance_blocks(queries, references):
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
    for _, total in _distance_blocks(queries, references):
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


def _distance_blocks(
    queries: Points, references: Points
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield distances of a few queries at a time to all references, within a few megabytes."""
    width = queries.ranks.shape[1] + queries.labels.shape[1]
    step = max(1, _CHUNK_CELLS // max(1, references.rows))
    for start in range(0, queries.rows, step):
        part = slice(start, min(start + step, queries.rows))
        total = np.zeros((part.stop - part.start, references.rows), dtype=np.float32)
        for at in range(queries.ranks.shape[1]):
            gap = np.abs(queries.ranks[part, at, None] - references.ranks[None, :, at])
            total += np.minimum(gap, 1.0, out=gap)
        for at in range(queries.labels.shape[1]):
            total += queries.labels[part, at, None] != references.labels[None, :, at]
        total /= max(1, width)
        yield part, total


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
