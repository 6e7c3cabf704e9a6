"""Counting joint levels of several columns, dense where small and sparse where large.

Pure functions on codes. What may not happen here: knowing what a level means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Codes = NDArray[np.int64]
Counts = NDArray[np.int64]
_DENSE_CELLS = 1 << 18


def joint(codes: Sequence[Codes], sizes: Sequence[int]) -> tuple[Codes, int]:
    """Merge columns of codes into one code per row; sizes multiply.

    Parameters
    ----------
    codes
        One array per column, each value in [0, size).
    sizes
        Levels per column.

    Returns
    -------
    tuple
        Merged codes and the number of cells (exact; merged codes are ranked when the cells
        would not fit in 62 bits).

    >>> joint([np.array([0, 1]), np.array([2, 0])], [2, 3])
    (array([2, 3]), 6)
    """
    flat = codes[0]
    cells = int(sizes[0])
    for code, size in zip(codes[1:], sizes[1:], strict=True):
        if cells * int(size) >= 1 << 62:
            values, flat = np.unique(flat, return_inverse=True)
            cells = int(values.size)
        flat = flat * int(size) + code
        cells *= int(size)
    return flat, cells


def tally(tables: Sequence[Codes], cells: int) -> list[Counts]:
    """Count the cells of several tables on a common support.

    Returns one array per table, aligned with each other: every cell where that is small, else
    only the cells that occur in any of the tables.

    >>> [counts.tolist() for counts in tally([np.array([0, 0, 2]), np.array([1])], 3)]
    [[2, 0, 1], [0, 1, 0]]
    """
    if cells <= max(_DENSE_CELLS, 4 * max((table.size for table in tables), default=0)):
        return [np.bincount(table, minlength=cells) for table in tables]
    values, places = np.unique(np.concatenate(tables), return_inverse=True)
    parts = np.split(places, np.cumsum([table.size for table in tables])[:-1])
    return [np.bincount(part, minlength=values.size) for part in parts]


def total_variation(left: Counts, right: Counts) -> float:
    """Half the L1 distance of two tallies after normalising each.

    >>> total_variation(np.array([1, 1]), np.array([4, 0]))
    0.5
    """
    if left.sum() == 0 or right.sum() == 0:
        return 0.0 if left.sum() == right.sum() else 1.0
    return 0.5 * float(np.abs(left / left.sum() - right / right.sum()).sum())


def cramers_v(counts: Counts, first: Codes, second: Codes) -> float:
    """Cramér's V of a two-way table given by its occupied cells.

    Parameters
    ----------
    counts
        Positive counts of cells.
    first, second
        Row and column of each cell.

    Returns
    -------
    float
        Between 0 and 1; NaN if either side has fewer than two levels.

    Reference: H. Cramér, Mathematical Methods of Statistics, 1946, chapter 21.

    >>> cramers_v(np.array([5, 5]), np.array([0, 1]), np.array([1, 0]))
    1.0
    """
    rows = np.bincount(first, weights=counts)
    columns = np.bincount(second, weights=counts)
    sides = min(np.count_nonzero(rows), np.count_nonzero(columns))
    if sides < 2:
        return float("nan")
    phi = float((counts * (counts / (rows[first] * columns[second]))).sum()) - 1.0
    return float(np.sqrt(max(0.0, phi) / (sides - 1)))
