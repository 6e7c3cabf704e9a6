"""Frequent single values of a number column: round amounts, defaults, caps, codes.

Cells of a range are good at shapes and blind to spikes: half of all payments may be multiples of
a thousand. Where few distinct numbers make up a wide column, private partition selection (the
same that finds labels) therefore looks for values that many rows share, and each one found gets
a cell of its own. What may not happen here: anything but questions and post-processing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from understudy.cells.reading import Reading
from understudy.curator import Discover
from understudy.prepare.discretise import WHOLE
from understudy.prepare.roles import Role
from understudy.schema import Storage

SPIKE_PART = 0.5
"""Part of a column's first-cut budget that looks for frequent values, where it is worth it."""

_MOST_DISTINCT = 20_000
_NUMERIC = frozenset({Storage.TEXT, Storage.INT, Storage.FLOAT})


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
