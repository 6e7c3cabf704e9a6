"""Columns of Python objects: one type of cell for the whole column, or a refusal.

An object column has no type of its own. The Python type of its cells, which must be one and the
same, is taken for it: a public fact, like the type of any other column, and said so in a warning
wherever it is more than text. Which Arrow type stands for a Python type is fixed here; Arrow's
own inference would widen all cells because of one (a scale of decimals, a zone, an integer that
becomes a float), and then one person's row would change how everybody's cells are spelled.

What may not happen here: a cell whose form depends on another cell.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from understudy.errors import FormatError, InputError

if TYPE_CHECKING:
    import pandas as pd

_TYPES: tuple[tuple[tuple[type, ...], pa.DataType], ...] = (
    ((str,), pa.string()),
    ((bool, np.bool_), pa.bool_()),
    ((int, np.integer), pa.int64()),
    ((float, np.floating), pa.float64()),
    ((Decimal,), pa.string()),
    ((bytes,), pa.binary()),
    ((dt.datetime,), pa.timestamp("us")),
    ((dt.date,), pa.date32()),
    ((dt.time,), pa.time64("us")),
    ((dt.timedelta,), pa.duration("us")),
)

_NESTED = (list, tuple, dict, set, frozenset, np.ndarray)
_LONGEST_EXPONENT = 40


def object_column(name: str, values: pd.Series) -> pa.Array:
    """Turn an object column into Arrow; None, NaN, NaT and NA become null.

    Parameters
    ----------
    name
        Of the column, for messages.
    values
        Cells of one Python type: text, bool, int, float, Decimal (which becomes the text of
        each one's own digits), bytes, datetime without a zone, date, time or timedelta.

    Raises
    ------
    FormatError
        The cells are lists or other containers.
    InputError
        Two types among the cells, a type that is no plain value, a moment with a zone, or a
        whole number beyond 64 bits.
    """
    import pandas as pd

    if pd.api.types.infer_dtype(values, skipna=True) == "string":
        return _made(name, values, pa.string())
    cells: list[Any] = values.tolist()
    missing = [cell is None or (not isinstance(cell, str) and pd.isna(cell) is True)
               for cell in cells]  # fmt: skip
    held = {type(cell) for cell, gone in zip(cells, missing, strict=True) if not gone}
    if held and all(issubclass(one, _NESTED) for one in held):
        raise FormatError(
            f"column {name!r} is nested, tables of plain cells are supported",
            hint="split or flatten the column, or leave it out",
        )
    kinds = {_type_of(one) for one in held}
    if None in kinds or len(kinds) > 1:
        raise InputError(
            f"column {name!r} mixes types, or holds cells that are no plain values",
            hint="make it one type, for example text",
        )
    types, kind = next((entry for entry in kinds if entry is not None), _TYPES[0])
    plain = [None if gone else cell for cell, gone in zip(cells, missing, strict=True)]
    if types == (Decimal,):
        plain = [None if cell is None else _digits(cell) for cell in plain]
    if types == (dt.datetime,) and any(c is not None and c.tzinfo is not None for c in plain):
        raise InputError(
            f"column {name!r} holds moments with a time zone as objects",
            hint="give it a dtype: pandas.to_datetime(column, utc=True)",
        )
    return _made(name, plain, kind)


def _made(name: str, cells: Any, kind: pa.DataType) -> pa.Array:
    """Cells of one Python type as Arrow."""
    try:
        made = pa.array(cells, kind, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        raise InputError(
            f"column {name!r} holds cells that do not fit its type",
            hint="make it text, or give it a dtype that holds them",
            type=str(kind),
        ) from None
    return made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made


def _type_of(held: type) -> tuple[tuple[type, ...], pa.DataType] | None:
    """The entry that stands for a Python type, the first that fits."""
    return next((entry for entry in _TYPES if issubclass(held, entry[0])), None)


def _digits(cell: Decimal) -> str:
    """A decimal number as its own digits, with an exponent only where it is far from zero."""
    exponent = cell.as_tuple().exponent
    near = isinstance(exponent, int) and abs(exponent) <= _LONGEST_EXPONENT
    return f"{cell:f}" if near else str(cell)
