"""Frames in: a column of classes set beside the others, and rows to predict as codes.

Rows to learn from leave as a `SensitiveTable`, which only a curator opens. Rows to predict are their
owner's own: their codes are used for one prediction and dropped.

What may not happen here: a cell in a message, or a fact about cells that is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from understudy.curator.encodings import encode
from understudy.errors import InputError
from understudy.prepare.attributes import Attribute
from understudy.schema import did_you_mean
from understudy.source import SensitiveTable, from_frame, storage_of

TARGET = "target"
"""What a target is called that has no name of its own."""


def with_classes(table: Any, classes: Any) -> tuple[SensitiveTable, str]:
    """A table with its target among its columns, and the target's name.

    Parameters
    ----------
    table
        A frame, or an array of two dimensions, whose columns are called `x0`, `x1` and so on.
    classes
        The name of one of its columns, or an array as long as the table.

    Raises
    ------
    InputError
        It is no table, or the two differ in length.
    """
    held = from_frame(_framed(table))
    if isinstance(classes, str):
        return held, classes
    name = getattr(classes, "name", None)
    name = name if isinstance(name, str) and name not in held.column_names else TARGET
    while name in held.column_names:
        name += "_"
    column = _column(classes)
    if len(column) != held.rows.num_rows:
        raise InputError("there must be one class for every row")
    return from_frame(held.rows.append_column(name, column)), name


def classes_given(classes: Any) -> npt.NDArray[Any]:
    """Classes handed in for scoring, one per row."""
    cells: npt.NDArray[Any] = np.asarray(_column(classes).to_numpy(zero_copy_only=False))
    return cells


def column_of(table: Any, name: str) -> npt.NDArray[Any]:
    """One column of a frame that is scored: its owner's own."""
    held = from_frame(_framed(table))
    if name not in held.column_names:
        raise InputError(f"there is no column {name!r}", hint=did_you_mean(name, held.column_names))
    column = held.rows.column(name)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return np.asarray(column.to_numpy())


def codes_of(
    table: Any, attributes: Sequence[Attribute]
) -> tuple[int, list[npt.NDArray[np.unsignedinteger[Any]]]]:
    """How many rows are to be predicted, and their codes, one array per attribute.

    Raises
    ------
    InputError
        It is no table, or a column is missing.
    """
    held = from_frame(_framed(table))
    found = []
    for item in attributes:
        if item.name not in held.column_names:
            raise InputError(
                f"the learner predicts from column {item.name!r}, which the table does not have",
                hint=did_you_mean(item.name, held.column_names)
                or "give every column it learned from",
            )
        column = held.rows.column(item.name)
        found.append(encode(item.encoding, column, storage_of(column.type, item.name)))
    return held.rows.num_rows, found


def names_of(table: Any) -> tuple[str, ...]:
    """Names of the columns of a frame, in order."""
    return from_frame(_framed(table)).column_names


def _framed(table: Any) -> Any:
    """A frame as it is; an array or a list of rows as a frame with invented names."""
    if not isinstance(table, np.ndarray | list | tuple):
        if hasattr(table, "nnz"):
            raise InputError("sparse input is not supported: give a frame, or a dense array")
        if hasattr(table, "columns") or not hasattr(table, "__array__"):
            return table
    try:
        wide = np.asarray(table)
    except ValueError:
        raise InputError("rows must all have the same number of cells") from None
    if wide.ndim != 2:
        raise InputError(
            "rows are a table: Expected 2D array, got 1D array instead",
            hint="Reshape your data: one row per person, one column per fact",
        )
    if not wide.shape[1]:
        raise InputError(
            f"the table has 0 feature(s) (shape=({len(wide)}, 0)) while a minimum of 1 is required."
        )
    if np.iscomplexobj(wide):
        raise InputError("Complex data not supported: give its parts as columns")
    arrays = [_arrow(column) for column in wide.T]
    return pa.table(arrays, names=[f"x{place}" for place in range(wide.shape[1])])


def _column(classes: Any) -> pa.Array:
    """Classes as one Arrow column; None and NaN are empty."""
    if classes is None:
        raise InputError(
            "a learner requires y to be passed, but the target y is None",
            hint="give the classes, or the name of their column",
        )
    if isinstance(classes, pa.ChunkedArray):
        return classes.combine_chunks()
    if isinstance(classes, pa.Array):
        return classes
    if hasattr(classes, "to_arrow"):
        return _column(classes.to_arrow())
    cells = np.asarray(classes)
    if cells.ndim == 2 and cells.shape[1] == 1:
        cells = cells[:, 0]
    if cells.ndim != 1:
        raise InputError("classes are one column")
    return _arrow(cells)


def _arrow(cells: npt.NDArray[Any]) -> pa.Array:
    """An array as Arrow: its own type, or for objects the one type that its cells have."""
    if cells.dtype == object:
        kinds = {type(cell) for cell in cells.tolist() if cell is not None and cell == cell}  # noqa: PLR0124  NaN differs from itself
        if len(kinds) > 1:
            raise InputError(
                "a column mixes types, or holds cells that are no plain values",
                hint="make it one type, for example text",
            )
    try:
        return pa.array(np.ascontiguousarray(cells), from_pandas=True)
    except (pa.ArrowException, TypeError):
        raise InputError("a column holds cells that are no plain values") from None


def columns_kept(table: SensitiveTable, names: Sequence[str]) -> pa.Table:
    """Columns of a table that is predicted, carried over for its owner.

    Raises
    ------
    InputError
        There is no such column.
    """
    for name in names:
        if name not in table.column_names:
            raise InputError(
                f"there is no column {name!r} to keep", hint=did_you_mean(name, table.column_names)
            )
    return table.rows.select(list(names))
