"""Splitting and thinning of sensitive rows before anything is asked of them.

Both draw from the operating system's entropy, unit by unit, so that they change nothing about
who could be in the table: see the guarantees of each function.

What may not happen here: a seed, a shuffle of all rows, or a count that leaves the room.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from understudy.errors import InputError
from understudy.schema import did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from understudy.source.table import SensitiveTable


def split(
    table: SensitiveTable, share: float, unit_column: str | None = None
) -> tuple[SensitiveTable, SensitiveTable]:
    """Split a table into a training part and a holdout, a coin for each unit.

    Parameters
    ----------
    table
        The sensitive table.
    share
        Probability of a unit to be held out, in [0, 1).
    unit_column
        The column that names the unit, whose rows stay together; all its null cells are one
        unit. None: every row is a unit.

    Returns
    -------
    tuple of SensitiveTable
        Training part and holdout, each in the order of the source; either may be empty.

    Raises
    ------
    InputError
        If `share` is out of range or the column is unknown.

    Guarantees: every unit's side is decided by its own coin, from the operating system's
    entropy, independent of all others and of how many there are. So adding or removing one unit
    changes nobody else's side, and neighbouring tables have neighbouring training parts. A
    shuffle of n rows cut at a share of n, or a seeded one, would not do: one person less moves
    others across the cut, and the training parts then differ in many units.
    """
    if not 0 <= share < 1:
        raise InputError("the holdout share is at least 0 and below 1", holdout=share)
    codes, units = units_of(table, unit_column)
    held = _entropy().random(units) < share
    mask = held if codes is None else held[codes]
    rows = table.rows
    return (
        table.with_rows(rows.filter(pa.array(~mask))),
        table.with_rows(rows.filter(pa.array(mask))),
    )


def bound_rows(table: SensitiveTable, unit_column: str, max_rows: int) -> SensitiveTable:
    """Keep at most `max_rows` random rows of each unit.

    Parameters
    ----------
    table
        The sensitive table.
    unit_column
        The column that names the unit; all its null cells are one unit.
    max_rows
        The bound, at least 1.

    Returns
    -------
    SensitiveTable
        The kept rows, in the order of the source.

    Raises
    ------
    InputError
        If the column is unknown or the bound below 1.

    Guarantees: one unit contributes at most `max_rows` rows, and which rows of a unit are kept
    depends on that unit's rows alone, by the operating system's entropy.
    """
    if max_rows < 1:
        raise InputError("at least one row of each unit is kept", max_rows_per_unit=max_rows)
    codes, _ = units_of(table, unit_column)
    if codes is None or not len(codes):
        return table
    lots = _entropy().random(len(codes))
    order = np.lexsort((lots, codes))
    sorted_codes = codes[order]
    starts = np.flatnonzero(np.r_[True, sorted_codes[1:] != sorted_codes[:-1]])
    sizes = np.diff(np.r_[starts, len(codes)])
    rank = np.arange(len(codes)) - np.repeat(starts, sizes)
    kept = np.zeros(len(codes), dtype=bool)
    kept[order[rank < max_rows]] = True
    return table.with_rows(table.rows.filter(pa.array(kept)))


def _entropy() -> np.random.Generator:
    """Return a generator seeded by the operating system."""
    return np.random.Generator(np.random.PCG64DXSM(int.from_bytes(os.urandom(32), "little")))


def units_of(
    table: SensitiveTable, unit_column: str | None
) -> tuple[NDArray[np.int64] | None, int]:
    """Return the unit's code of each row (None when rows are units) and how many units.

    All null and all NaN cells are one unit. Sensitive.
    """
    rows = table.rows
    if unit_column is None:
        return None, rows.num_rows
    if unit_column not in table.column_names:
        raise InputError(
            f"there is no unit column {unit_column!r}",
            hint=did_you_mean(unit_column, table.column_names),
        )
    column = rows.column(unit_column)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    encoded = column.dictionary_encode(null_encoding="encode").combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = pa.concat_arrays(encoded.unify_dictionaries().chunks or [])
    codes: NDArray[np.int64] = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, len(encoded.dictionary)
