"""Frequent single values of a number column: zeros, round amounts, defaults, caps, codes.

Cells of a range are good at shapes and blind to spikes: half of all payments may be multiples of
a thousand. Where few distinct numbers make up a wide column, private partition selection (the
same that finds labels) therefore looks for values that many rows share, and each one found gets
a cell of its own. Zero and declared bounds are public and get theirs without a question.
What may not happen here: anything but questions and post-processing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from understudy.cells.reading import Reading
from understudy.curator import Discover
from understudy.prepare.discretise import WHOLE
from understudy.prepare.roles import Role, declared_bounds
from understudy.schema import Kind, Storage

SPIKE_PART = 0.5
"""Part of a column's first-cut budget that looks for frequent values, where it is worth it."""

_MOST_DISTINCT = 20_000
_NUMERIC = frozenset({Storage.TEXT, Storage.INT, Storage.FLOAT})
_CLEAR = 3.0
"""Standard deviations of noise that the count of a public point's cell must hold."""


def worth_asking(role: Role, edges: np.ndarray, rows: float) -> bool:
    """Whether a column is wide on its lattice and has few enough distinct cells.

    Parameters
    ----------
    role
        The column, with its noisy share of distinct cells when that was asked.
    edges
        Cells of its range in lattice steps; a range of short cells is counted value by value
        anyway.
    rows
        Noisy number of rows.
    """
    if role.header.storage not in _NUMERIC or role.distinct is None:
        return False
    wide = bool(np.diff(edges).max() > WHOLE)
    return wide and role.distinct < 0.6 and role.distinct * rows < _MOST_DISTINCT


def spike_question(column: str, sigma: float, delta: float) -> Discover:
    """Ask for values that many rows share."""
    return Discover(column=column, sigma=sigma, delta=delta, stage="domain")


def positions(
    labels: Sequence[str | None], reading: Reading, storage: Storage
) -> tuple[float, ...]:
    """Values that were found, in lattice steps; what is no number is left out.

    >>> from understudy.schema import Kind
    >>> positions(["1000", "?", "20"], Reading(kind=Kind.NUMBER, decimals=0), Storage.TEXT)
    (20.0, 1000.0)
    """
    spelled = [label for label in labels if label is not None]
    if storage is Storage.TEXT:
        numbers, readable = reading.numbers(pa.array(spelled, pa.string()))
    else:
        numbers = np.array([_number(label) for label in spelled], dtype=float)
        readable = np.isfinite(numbers)
    ticks = numbers[readable] / (reading.unit or 1.0)
    return tuple(np.unique(np.rint(ticks)).tolist())


def _number(label: str) -> float:
    """A typed cell's canonical spelling as a number, NaN when it is none."""
    try:
        return float(label)
    except ValueError:
        return float("nan")


def public_points(role: Role) -> tuple[float, ...]:
    """Values, in lattice steps, that many rows may share and that everybody knows beforehand.

    Zero, and the least and the largest value where both are declared. Without declared bounds
    powers of two are the first cut, and zero has a cell of its own in them.
    """
    low, high = declared_bounds(role)
    if low is None or high is None:
        return ()
    return (0.0, low, high) if role.kind is Kind.NUMBER else (low, high)


def drop_points(
    edges: np.ndarray, counts: np.ndarray, variances: np.ndarray, points: Sequence[float]
) -> np.ndarray:
    """Spread what noise alone may have put into the cells of public points over a neighbour.

    A column without zeros shall not get any: a cell that does not stand out holds as many rows
    a lattice step as the wider of the cells beside it.

    >>> edges, noise = np.array([0.0, 1.0, 10.0]), np.array([25.0, 25.0])
    >>> drop_points(edges, np.array([4.0, 96.0]), noise, [0.0]).tolist()
    [10.0, 90.0]
    >>> drop_points(edges, np.array([40.0, 60.0]), noise, [0.0]).tolist()
    [40.0, 60.0]
    """
    made, widths = counts.copy(), np.diff(edges)
    for point in points:
        cell = int(np.searchsorted(edges, point, side="right")) - 1
        if not 0 <= cell < len(counts) or edges[cell] != point or widths[cell] != 1.0:
            continue
        beside = [other for other in (cell + 1, cell - 1) if 0 <= other < len(counts)]
        if not beside or counts[cell] >= _CLEAR * np.sqrt(variances[cell]):
            continue
        pair = [cell, max(beside, key=lambda other: widths[other])]
        made[pair] = made[pair].sum() * widths[pair] / widths[pair].sum()
    return made


def give_cells(
    edges: np.ndarray, parents: np.ndarray, values: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a cell of one lattice step out for every frequent value inside the range.

    >>> edges, parents = give_cells(np.array([0., 8., 16.]), np.array([0, 0]), [3.0, 99.0])
    >>> edges.tolist(), parents.tolist()
    ([0.0, 3.0, 4.0, 8.0, 16.0], [0, 0, 0, 0])
    """
    wanted = np.array([end for value in values for end in (value, value + 1.0)])
    inside = wanted[(wanted > edges[0]) & (wanted < edges[-1])]
    cut = np.union1d(edges, inside)
    owner = np.searchsorted(edges, cut[:-1], side="right") - 1
    return cut, parents[owner]
