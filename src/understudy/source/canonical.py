"""Columns in the one form that says nothing about how a container came to hold them.

A dictionary column carries labels no row has, in an order and with an index width that follow
the number of labels; two tables with the same cells could differ in all three. Here it is decoded
and encoded anew, with indices of 32 bits for everybody. Text that is no UTF-8 is refused before
anything is asked, as it is in a CSV file: a question would stumble over the one cell that holds it.

What may not happen here: a type that depends on cells, or a cell in a message.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from understudy.errors import FormatError


def canonical(rows: pa.Table, where: str) -> pa.Table:
    """Return the same cells in columns whose types do not depend on them.

    Parameters
    ----------
    rows
        Any table; its schema metadata is dropped.
    where
        What messages call the table.

    Raises
    ------
    FormatError
        A text column holds bytes that are no UTF-8.

    >>> table = pa.table({"a": pa.DictionaryArray.from_arrays(pa.array([1], pa.int8()), ["x", "y"])})
    >>> print(canonical(table, "t").schema)
    a: dictionary<values=string, indices=int32, ordered=0>
    """
    columns, fields = [], []
    for field, column in zip(rows.schema, rows.columns, strict=True):
        _require_text(field.name, column, where)
        columns.append(_recoded(column) if pa.types.is_dictionary(field.type) else column)
        fields.append(pa.field(field.name, columns[-1].type, nullable=field.nullable))
    return pa.table(columns, schema=pa.schema(fields))


def _recoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A dictionary column with the labels its cells have, in their order, and 32-bit indices."""
    kind = column.type
    if pa.types.is_null(kind.value_type):
        return _recoded(column.cast(pa.dictionary(kind.index_type, pa.string())))
    plain = column.cast(kind.value_type)
    listed = pa.chunked_array([chunk.dictionary for chunk in column.chunks], kind.value_type)
    labels = pc.unique(listed).drop_null()
    labels = labels.filter(pc.is_in(labels, value_set=pc.unique(plain)))
    codes = pc.index_in(plain, value_set=labels)
    chunks = codes.chunks if isinstance(codes, pa.ChunkedArray) else [codes]
    return pa.chunked_array(
        [pa.DictionaryArray.from_arrays(chunk, labels, ordered=kind.ordered) for chunk in chunks],
        pa.dictionary(pa.int32(), kind.value_type, kind.ordered),
    )


def _require_text(name: str, column: pa.ChunkedArray, where: str) -> None:
    """Refuse text that is not UTF-8, which a Parquet file or an Arrow table may hold."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    ):
        return
    try:
        column.validate(full=True)
    except (pa.ArrowException, UnicodeDecodeError):
        raise FormatError(
            f"column {name!r} of {where} is not UTF-8 text",
            hint="convert its encoding, or export the table again",
        ) from None
