"""What lies around a record: its nearest rows in a table, and how many lie how near.

One exact pass over blocks of distances gives all that the distance attacks need, in memory that
does not grow with the tables. What may not happen here: an approximation, or a label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from understudy.attack.distance import Points, distance_blocks

_CHUNK = 64
Floats = NDArray[np.float32]
Places = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Surroundings:
    """What lies around each query in a table.

    Parameters
    ----------
    distances, places
        Queries x k: the nearest rows, nearest first, and where they are in the table.
    density
        Queries: mean over the table of the kernel exp(-(d / bandwidth)^2 / 2).
    within
        Queries: sum over the rows within `radius` of log(radius / d), with d at least 1e-3 of
        the radius.
    """

    distances: Floats
    places: Places
    density: NDArray[np.float64]
    within: NDArray[np.float64]


def survey(
    queries: Points, table: Points, *, nearest: int, bandwidth: float, radius: float = 0.0
) -> Surroundings:
    """Look around every query, exactly.

    Parameters
    ----------
    queries, table
        Points on the same scales.
    nearest
        How many nearest rows are wanted, 1 or more.
    bandwidth
        Of the kernel density, in distances (0 to 1), positive.
    radius
        Of the ball, 0 for none.

    >>> line = Points(ranks=np.array([[0.0], [0.5], [1.0]], np.float32),
    ...               labels=np.zeros((3, 0), np.int32))
    >>> around = survey(line, line, nearest=2, bandwidth=0.1)
    >>> around.distances.tolist(), around.places.tolist()
    ([[0.0, 0.5], [0.0, 0.5], [0.0, 0.5]], [[0, 1], [1, 0], [2, 1]])
    """
    kept = min(nearest, table.rows)
    distances = np.empty((queries.rows, kept), dtype=np.float32)
    places = np.empty((queries.rows, kept), dtype=np.intp)
    density = np.zeros(queries.rows)
    within = np.zeros(queries.rows)
    for part, block in distance_blocks(queries, table):
        distances[part], places[part] = smallest(block, kept)
        if radius > 0.0:
            within[part] = _ball(block, radius)
        density[part] = _kernel(block, bandwidth)
    return Surroundings(distances=distances, places=places, density=density, within=within)


def closest(queries: Points, table: Points, *, nearest: int = 1) -> tuple[Floats, Places]:
    """Distances and places of the nearest rows only, exactly: the fastest question.

    >>> line = Points(ranks=np.array([[0.0], [0.5]], np.float32), labels=np.zeros((2, 0), np.int32))
    >>> closest(line, line)[1].tolist()
    [[0], [1]]
    """
    kept = min(nearest, table.rows)
    distances = np.empty((queries.rows, kept), dtype=np.float32)
    places = np.empty((queries.rows, kept), dtype=np.intp)
    for part, block in distance_blocks(queries, table):
        distances[part], places[part] = smallest(block, kept)
    return distances, places


def smallest(block: Floats, kept: int) -> tuple[Floats, Places]:
    """The smallest numbers of every row, smallest first, the earlier of equals first.

    The k smallest lie in the k pieces whose smallest numbers are smallest, so that all but these
    are read once.

    >>> smallest(np.array([[3, 1, 2, 1]], np.float32), 2)
    (array([[1., 1.]], dtype=float32), array([[1, 3]]))
    """
    rows, width = block.shape
    if kept == 1:
        place = block.argmin(axis=1)[:, None]
        return np.take_along_axis(block, place, axis=1), place
    pieces = width // _CHUNK
    if pieces <= 2 * kept:
        return _ordered(block, np.broadcast_to(np.arange(width), (rows, width)), kept)
    body = block[:, : pieces * _CHUNK].reshape(rows, pieces, _CHUNK)
    least = body.min(axis=2)
    bound = np.partition(least, kept - 1, axis=1)[:, kept - 1]
    found_distances = np.empty((rows, kept), dtype=np.float32)
    found_places = np.empty((rows, kept), dtype=np.intp)
    inside = np.arange(_CHUNK)
    tail = np.arange(pieces * _CHUNK, width)
    for row in range(rows):
        near = np.flatnonzero(least[row] <= bound[row])
        where = np.concatenate([(near[:, None] * _CHUNK + inside).ravel(), tail])
        distances, places = _ordered(block[row, where][None], where[None], kept)
        found_distances[row], found_places[row] = distances[0], places[0]
    return found_distances, found_places


def _ordered(values: Floats, places: Places, kept: int) -> tuple[Floats, Places]:
    """The smallest values of every row in order, with their places."""
    order = np.argsort(values, axis=1, kind="stable")[:, :kept]
    return np.take_along_axis(values, order, axis=1), np.take_along_axis(places, order, axis=1)


def _kernel(block: Floats, bandwidth: float) -> NDArray[np.float64]:
    """Mean of the Gaussian kernel over every row, in place: the block is used up."""
    block *= np.float32(1.0 / (np.sqrt(2.0) * bandwidth))
    np.multiply(block, block, out=block)
    np.negative(block, out=block)
    np.exp(block, out=block)
    return np.asarray(block.mean(axis=1, dtype=np.float64))


def _ball(block: Floats, radius: float) -> NDArray[np.float64]:
    """Sum over the rows within a radius of log(radius / distance)."""
    rows, _ = where = np.nonzero(block <= radius)
    floor = 1e-3 * radius
    logs = np.log(radius / np.maximum(block[where], floor)).astype(np.float64)
    return np.asarray(np.bincount(rows, weights=logs, minlength=len(block)), dtype=np.float64)


def typical_gap(
    points: Points, rng: np.random.Generator, *, rank: int = 8, sample: int = 500
) -> float:
    """Median distance of random rows to their `rank`-th other row: a scale for kernels.

    >>> line = Points(ranks=np.linspace(0, 1, 101, dtype=np.float32)[:, None],
    ...               labels=np.zeros((101, 0), np.int32))
    >>> round(typical_gap(line, np.random.default_rng(0), rank=2), 3)
    0.01
    """
    chosen = rng.permutation(points.rows)[:sample]
    distances, _ = closest(points.at(chosen), points, nearest=rank + 1)
    positive = distances[:, -1]
    return max(float(np.median(positive)), 1e-3)
