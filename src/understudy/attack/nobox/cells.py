"""Cells of columns as a marginal generator counts them: by its released model, or a guess.

What may not happen here: an edge or a level that depends on a candidate's label.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.curator import LabelCells, NumberCells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from understudy.evaluate.columns import Column
    from understudy.synthesize.model import Model

BINS = 20
"""Bins of a number when they are guessed."""

_MOST_LEVELS = 50
Codes = NDArray[np.int64]


def cells_of(
    model: Model, column: Column, arrays: Sequence[NDArray[Any]], levels: int | None
) -> list[Codes] | None:
    """Cells of one column in several tables, as the released model cuts it.

    Parameters
    ----------
    model
        The released model: it lists its edges and labels.
    column
        The column; its levels spell the codes of labels.
    arrays
        Its values in several tables.
    levels
        Merged levels of a pair, None for the finest cells.

    Returns
    -------
    list or None
        None where the model does not cut the column in numbers or labels that we can follow.
    """
    item = next((one for one in model.attributes if one.name == column.name), None)
    if item is None or item.standin is not None:
        return None
    merged = None if levels is None else np.unique(item.merge(levels), return_inverse=True)[1]
    if isinstance(item.encoding, NumberCells):
        if column.kind != "numeric" or item.encoding.reading.unit is None:
            return None
        edges = np.asarray(item.encoding.edges) * item.encoding.reading.unit
        top = item.encoding.cells
        found = [_between(values, edges, top) for values in arrays]
    elif isinstance(item.encoding, LabelCells) and column.is_category:
        places = {_plain(label): at for at, label in enumerate(item.encoding.labels)}
        rest = len(item.shares) - 1
        nothing = next((places[one] for one in ("", "None") if one in places), rest)
        table = np.array(
            [places.get(_plain(level), rest) for level in column.levels] + [nothing],
            dtype=np.int64,
        )
        found = [table[values] for values in arrays]
    else:
        return None
    if merged is None:
        return found
    return [merged[np.minimum(codes, len(merged) - 1)].astype(np.int64) for codes in found]


def guessed_cells(column: Column, arrays: Sequence[NDArray[Any]]) -> list[Codes]:
    """Cells of one column without a model: quantile bins of all but the candidates, or levels.

    The first table holds the candidates and decides nothing.
    """
    if column.is_category:
        return [np.minimum(values.astype(np.int64), _MOST_LEVELS) + 1 for values in arrays]
    known = np.concatenate([values[~np.isnan(values)] for values in arrays[1:]])
    if not known.size:
        return [np.zeros(len(values), dtype=np.int64) for values in arrays]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1], method="lower"))
    return [
        np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values)).astype(np.int64)
        for values in arrays
    ]


def _between(values: NDArray[np.float64], edges: NDArray[np.float64], missing: int) -> Codes:
    """The cell of each number; beyond the ends counts as the end, missing has a cell apart."""
    inside = np.searchsorted(edges, values + 1e-9 * np.maximum(1.0, np.abs(values)), side="right")
    codes = np.clip(inside - 1, 0, len(edges) - 2)
    return np.where(np.isnan(values), missing, codes).astype(np.int64)


def _plain(label: object) -> str:
    """A label as it is compared: numbers in one spelling."""
    text = "None" if label is None else str(label).strip()
    try:
        return f"{float(text):.17g}"
    except ValueError:
        return text
