"""DataFrames in, and the same kind of frame back.

pandas keeps its nullable dtypes, categories, zones and index type; polars, Arrow and everything
else narwhals knows come in through Arrow. An object column carries no type: the Python type of
its cells, which must be one, is taken for it (`objects`).

What may not happen here: labels of a categorical dtype kept as public. They are facts of the
data; what is given back has the labels of the synthetic table only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from understudy.errors import InputError
from understudy.source.canonical import canonical
from understudy.source.container import check_names
from understudy.source.objects import object_column
from understudy.source.table import FileFormat, SensitiveTable, headers_of

if TYPE_CHECKING:
    import narwhals as nw
    import pandas as pd

_Restore = Callable[[pa.Table], Any]


def from_frame(frame: object, *, name: str = "frame") -> SensitiveTable:
    """Take a DataFrame as a table of sensitive rows.

    Parameters
    ----------
    frame
        pandas, polars (lazy too), pyarrow, or anything that narwhals or the Arrow stream
        protocol knows.
    name
        What messages call it.

    Returns
    -------
    SensitiveTable
        Its `give_back` turns a synthetic table into the same kind of frame: same dtypes, same
        type of index. A whole-number index without a name is taken for row labels and left out;
        any other index is data.

    Raises
    ------
    InputError
        If it is no frame, has no rows, or a column mixes types.
    FormatError
        If columns are unnamed, duplicate or nested.
    """
    if isinstance(frame, SensitiveTable):
        return frame
    kind = type(frame).__module__.partition(".")[0]
    warnings: tuple[str, ...] = ()
    if isinstance(frame, pa.Table | pa.RecordBatch):
        rows, restore = pa.table(frame) if isinstance(frame, pa.RecordBatch) else frame, None
        kind = "pyarrow"
    elif kind == "pandas" and hasattr(frame, "columns"):
        rows, restore, warnings = _from_pandas(frame)
    else:
        rows, restore = _from_other(frame)
    check_names(name, rows.column_names)
    headers_of(rows.schema)
    rows = canonical(rows, name)
    headers = headers_of(rows.schema)
    if not headers or rows.num_rows == 0:
        raise InputError(f"{name} has no columns" if not headers else f"{name} has no rows")
    return SensitiveTable(
        name=name,
        headers=headers,
        format=FileFormat(container="frame", frame=kind),
        warnings=warnings,
        _rows=rows,
        _restore=restore,
    )


def _from_other(frame: object) -> tuple[pa.Table, _Restore | None]:
    """Take a polars frame, or any other that narwhals or the Arrow stream protocol knows."""
    import narwhals as nw

    wide: Any = nw.from_native(frame, pass_through=True)
    lazy = isinstance(wide, nw.LazyFrame)
    if isinstance(wide, nw.LazyFrame):
        wide = wide.collect()
    if isinstance(wide, nw.DataFrame):
        untyped = next((name for name, dtype in wide.schema.items() if dtype == nw.Object), None)
        if untyped is not None:
            raise InputError(f"column {untyped!r} holds objects that are no plain values")
        try:
            rows = wide.to_arrow()
        except (pa.ArrowException, TypeError, ValueError, NotImplementedError):
            raise InputError("the frame cannot be turned into an Arrow table") from None
        return rows, _as_kind_of(wide.implementation, dict(wide.schema), lazy=lazy)
    if hasattr(frame, "__arrow_c_stream__"):
        return pa.table(frame), None
    raise InputError(
        "this is no table", hint="pass a pandas, polars or Arrow table, or read a file first"
    )


def _as_kind_of(
    implementation: Any,
    schema: dict[str, nw.dtypes.DType],
    *,
    lazy: bool,
) -> _Restore:
    """Return the function that turns Arrow into a frame of an implementation."""
    enums = frozenset(name for name, dtype in schema.items() if str(dtype).startswith("Enum"))

    def restore(table: pa.Table) -> object:
        import narwhals as nw

        native = nw.DataFrame.from_arrow(table, backend=implementation).to_native()
        if implementation is not nw.Implementation.POLARS:
            return native
        import polars as pl

        labels = {
            name: pl.Enum(_labels(table.column(name)))
            for name in table.column_names
            if name in enums
        }
        native = native.cast(labels) if labels else native
        return native.lazy() if lazy else native

    return restore


def _labels(column: pa.ChunkedArray) -> list[str]:
    """Return the labels of a categorical column in their order."""
    if pa.types.is_dictionary(column.type):
        chunks = column.unify_dictionaries().chunks
        return chunks[0].dictionary.to_pylist() if chunks else []
    return sorted(pc.unique(pc.drop_null(column)).to_pylist())


@dataclass(frozen=True, kw_only=True, slots=True)
class _PandasColumn:
    """How one column of a pandas frame is restored."""

    label: Any
    dtype: Any
    categorical: bool
    index: bool


def _from_pandas(frame: pd.DataFrame) -> tuple[pa.Table, _Restore, tuple[str, ...]]:
    """Take a pandas frame column by column, with the index where it is data."""
    import pandas as pd

    series: list[tuple[str, pd.Series, bool]] = []
    index_names: list[Any] = []
    if _is_data(frame.index):
        for level in range(frame.index.nlevels):
            label = frame.index.names[level]
            index_names.append(label)
            spare = "index" if frame.index.nlevels == 1 else f"level_{level}"
            values = frame.index.get_level_values(level)
            named = spare if label is None else str(label)
            series.append((named, values.to_series(index=range(len(frame))), True))
    names = [str(label) for label in frame.columns]
    check_names("the frame", [named for named, _, _ in series] + names)
    series += [(named, frame.iloc[:, i], False) for i, named in enumerate(names)]
    labels = index_names + list(frame.columns)
    arrays, fields, columns = [], [], {}
    for (named, values, index), label in zip(series, labels, strict=True):
        array = _array(named, values)
        nullable = not _without_null(values.dtype)
        arrays.append(array)
        fields.append(pa.field(named, array.type, nullable=nullable))
        categorical = isinstance(values.dtype, pd.CategoricalDtype)
        dtype = None if categorical else values.dtype
        columns[named] = _PandasColumn(
            label=label, dtype=dtype, categorical=categorical, index=index
        )
    typeless = [
        named
        for (named, values, _), array in zip(series, arrays, strict=True)
        if values.dtype == object and not pa.types.is_string(array.type)
    ]
    rows = pa.table(arrays, schema=pa.schema(fields))
    return rows, _pandas_restore(columns), tuple(map(_typeless, typeless))


def _typeless(name: str) -> str:
    """The warning about a column of objects that are not text."""
    return (
        f"column {name!r} holds Python objects: the type of its cells is taken as public. "
        "Give it a dtype if it should not be"
    )


def _is_data(index: pd.Index) -> bool:
    """Whether an index is more than row labels: it has a name, levels, or no whole numbers."""
    import pandas as pd

    named = any(name is not None for name in index.names)
    return named or index.nlevels > 1 or not pd.api.types.is_integer_dtype(index.dtype)


def _without_null(dtype: object) -> bool:
    """Whether a pandas dtype cannot hold a missing value."""
    return getattr(dtype, "kind", "O") in "biu" and type(dtype).__module__.startswith("numpy")


def _array(name: str, values: pd.Series) -> pa.Array:
    """Turn one pandas column into Arrow; NaN and NA become null."""
    import pandas as pd

    if values.dtype == object:
        return object_column(name, values)
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.reset_index(drop=True)
    try:
        array = pa.Array.from_pandas(values)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        raise InputError(
            f"column {name!r} mixes types, or holds cells that are no plain values",
            hint="make it one type, for example text",
        ) from None
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array


def _pandas_restore(columns: dict[str, _PandasColumn]) -> _Restore:
    """Return the function that turns Arrow into a pandas frame with these dtypes."""

    def restore(table: pa.Table) -> pd.DataFrame:
        import pandas as pd

        made = {name: _series(table.column(name), columns[name]) for name in table.column_names}
        frame = pd.DataFrame(made)
        levels = [name for name in table.column_names if columns[name].index]
        if levels:
            frame = frame.set_index(levels)
            frame.index.names = [columns[name].label for name in levels]
        frame.columns = pd.Index([columns[name].label for name in frame.columns])
        return frame

    return restore


def _series(column: pa.ChunkedArray, like: _PandasColumn) -> pd.Series:
    """Turn one Arrow column into a pandas column of the dtype it had."""
    import numpy as np
    import pandas as pd

    if like.categorical:
        series = column.to_pandas()
        return (
            series if isinstance(series.dtype, pd.CategoricalDtype) else series.astype("category")
        )
    if isinstance(like.dtype, pd.api.extensions.ExtensionDtype):
        if isinstance(like.dtype, pd.DatetimeTZDtype | pd.PeriodDtype):
            return column.to_pandas().astype(like.dtype)
        read = getattr(like.dtype, "__from_arrow__", None)
        values = read(column) if read else column.to_pandas().astype(like.dtype)
        return pd.Series(values).astype(like.dtype)
    if like.dtype == object:
        return pd.Series(np.array([*column.to_pylist(), None], dtype=object)[:-1], dtype=object)
    series = column.to_pandas()
    if column.null_count and like.dtype.kind in "biu":
        raise InputError(f"column {like.label!r} cannot hold missing values in its dtype")
    return series.astype(like.dtype)
