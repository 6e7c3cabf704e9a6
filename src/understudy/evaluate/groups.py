"""Sub-populations: the rows that share a label, or a quarter of a number's range.

What may not happen here: judging a group.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from understudy.evaluate.columns import Column

FEW_LEVELS = 8
MOST_COLUMNS = 3
_QUANTILES = (0.25, 0.5, 0.75)


def members_of(column: Column, values: NDArray[Any]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Group of each value: its label, or the quarter of the real training numbers it lies in.

    Parameters
    ----------
    column
        The column whose groups they are.
    values
        Values of any table.

    Returns
    -------
    tuple
        Group of each row, -1 for none, and the names of the groups.
    """
    if column.is_category:
        return values.astype(np.int64), column.levels
    known = column.train[np.isfinite(column.train)]
    if not known.size:
        return np.full(values.size, -1, dtype=np.int64), ()
    edges = np.unique(np.quantile(known, _QUANTILES))
    codes = np.searchsorted(edges, values, side="left")
    names = ("lowest", "second", "third", "highest")[: edges.size + 1]
    labels = tuple(f"{name} part" for name in names)
    return np.where(np.isnan(values), -1, codes).astype(np.int64), labels


def columns_of_groups(columns: Sequence[Column], declared: Sequence[str]) -> tuple[str, ...]:
    """The declared columns, or those a rule chooses that looks at no cell's meaning.

    Without a declaration: the columns of two to eight real labels, those with the fewest labels
    first and three at most.
    """
    if declared:
        return tuple(declared)
    few = [one for one in columns if one.is_category and 2 <= one.real_levels <= FEW_LEVELS]
    ranked = sorted(few, key=lambda column: column.real_levels)
    return tuple(column.name for column in ranked[:MOST_COLUMNS])
