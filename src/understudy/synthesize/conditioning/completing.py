"""A partly given table filled in from a model: given cells stay, empty ones are drawn.

A cell is empty when it is null, NaN, or text without a character; a column that is not there is
empty in every row. What is given need not be a value that the model knows: a number outside the
modelled range counts as the nearest cell of the range, a label the model does not list as the
rest category, and where the model holds that impossible too, the cell is kept and says nothing
about the others.

The partial table is its owner's own data. What may not happen here: keeping anything of it, or a
cell in a message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from understudy.curator import NumberCells
from understudy.curator.encodings import encode
from understudy.errors import InputError
from understudy.prepare.attributes import Attribute
from understudy.schema import did_you_mean
from understudy.source.table import storage_of
from understudy.synthesize.conditioning.filling import fill
from understudy.synthesize.conditioning.mixture import Component, components_of

if TYPE_CHECKING:
    from understudy.synthesize.model import Model


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Completed:
    """A table without empty cells, and how the given ones were taken.

    Parameters
    ----------
    table
        The model's columns in their order; columns that were given keep their type.
    filled
        Cells that were drawn, by column.
    unknown
        Given cells that the model does not know and that said nothing, by column.
    impossible
        Rows whose given cells the model holds impossible together.
    """

    table: pa.Table
    filled: dict[str, int]
    unknown: dict[str, int]
    impossible: int


def complete(model: Model, given: Any, *, seed: int | None = None) -> Completed:
    """Fill in a partly given table; see `Model.complete`.

    Parameters
    ----------
    model
        Any model whose generator can be conditioned.
    given
        Arrow table, or any frame that offers itself as Arrow.
    seed
        Makes the draw reproducible.

    Raises
    ------
    InputError
        The table has a column the model does not have, or one twice, or cannot be read.
    """
    table = given if isinstance(given, pa.Table) else _as_arrow(given)
    _check(table, model)
    own: Any = getattr(model.codes, "complete", None)
    components = () if own else components_of(model.codes, model.synthesizer)
    generator = np.random.default_rng(seed)
    rows = table.num_rows
    known: dict[str, npt.NDArray[np.int64]] = {}
    empty: dict[str, npt.NDArray[np.bool_]] = {}
    unknown: dict[str, int] = {}
    for item in model.attributes:
        if item.name in table.column_names:
            cells = _one(table.column(item.name))
            gone = _empty(cells)
            codes = np.asarray(
                encode(item.encoding, cells, storage_of(cells.type, item.name)), dtype=np.int64
            )
            codes = np.where(gone, -1, codes)
            known[item.name] = codes if own else _possible(item, codes, components)
            empty[item.name] = gone
            if odd := int(((known[item.name] < 0) & ~gone).sum()):
                unknown[item.name] = odd
        else:
            known[item.name] = np.full(rows, -1, dtype=np.int64)
            empty[item.name] = np.ones(rows, dtype=bool)
    codes_of: Mapping[str, npt.NDArray[np.int64]]
    if own:
        codes_of, impossible = own(known, rows, generator), np.zeros(rows, dtype=bool)
    else:
        hidden = {
            name: np.full(rows, -1, dtype=np.int64)
            for name in components[0][1].domain.attributes
            if name not in known
        }
        codes_of, impossible = fill(components, known | hidden, generator)
    arrays = []
    for item in model.attributes:
        gone = empty[item.name]
        drawn = item.decode(codes_of[item.name][gone], generator)
        if item.name in table.column_names:
            drawn = _laid(_one(table.column(item.name)), gone, drawn)
        arrays.append(drawn)
    return Completed(
        table=pa.Table.from_arrays(arrays, names=list(model.columns)),
        filled={name: int(gone.sum()) for name, gone in empty.items() if gone.any()},
        unknown=unknown,
        impossible=int(impossible.sum()),
    )


def _as_arrow(given: Any) -> pa.Table:
    """A frame as an Arrow table."""
    try:
        return pa.table(given)
    except (TypeError, ValueError, pa.ArrowException):
        raise InputError(
            "the given rows are no table",
            hint="give an Arrow table, or a pandas or polars frame",
            type=type(given).__name__,
        ) from None


def _check(table: pa.Table, model: Model) -> None:
    """Refuse columns that the model does not have."""
    names = table.column_names
    for name in names:
        if name not in model.columns:
            raise InputError(
                f"the model has no column {name!r}, which the given table has",
                hint=did_you_mean(name, model.columns),
            )
    if len(set(names)) != len(names):
        raise InputError("the given table has a column twice")


def _one(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array."""
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def _empty(cells: pa.Array) -> npt.NDArray[np.bool_]:
    """Which cells are to be filled in."""
    gone = cells.is_null(nan_is_null=True)
    kind = cells.type.value_type if pa.types.is_dictionary(cells.type) else cells.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        text = cells.cast(kind) if pa.types.is_dictionary(cells.type) else cells
        blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(text), ""), fill_value=True)
        gone = pc.or_(gone, blank)
    return np.asarray(gone.to_numpy(zero_copy_only=False), dtype=bool)


def _possible(
    item: Attribute, codes: npt.NDArray[np.int64], components: tuple[Component, ...]
) -> npt.NDArray[np.int64]:
    """Codes that the model gives some probability: the nearest cell of a number, or none (-1)."""
    shares = sum(weight * markov.distribution((item.name,)).values for weight, markov in components)
    held = np.asarray(shares) > 0
    if held.all():
        return codes
    into = np.where(held, np.arange(len(held)), -1)
    if isinstance(item.encoding, NumberCells):
        line = np.flatnonzero(held[: item.encoding.cells])
        if line.size:
            lost = np.flatnonzero(~held[: item.encoding.cells])
            into[lost] = line[np.abs(line[None, :] - lost[:, None]).argmin(axis=1)]
    return np.append(into, -1)[codes]


def _laid(given: pa.Array, gone: npt.NDArray[np.bool_], drawn: pa.Array) -> pa.Array:
    """Drawn cells laid into the gaps of a given column, whose type stays."""
    if not len(drawn):
        return given
    kind = given.type
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    held = given.cast(plain) if pa.types.is_dictionary(kind) else given
    if pa.types.is_null(kind):
        return drawn
    fresh = _cast(drawn, plain)
    index = np.arange(len(given))
    index[gone] = len(given) + np.arange(len(fresh))
    whole = pa.concat_arrays([held, fresh]).take(pa.array(index))
    return whole.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else whole


def _cast(drawn: pa.Array, kind: pa.DataType) -> pa.Array:
    """Drawn cells in the type of the given column; what does not fit becomes null."""
    if pa.types.is_dictionary(drawn.type):
        drawn = drawn.cast(drawn.type.value_type)
    if drawn.type == kind:
        return drawn
    try:
        return drawn.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        coded = drawn.dictionary_encode()
        fitting = [_cast_one(value, kind) for value in coded.dictionary]
        return pa.concat_arrays([*fitting, pa.nulls(0, kind)]).take(coded.indices)


def _cast_one(value: pa.Scalar, kind: pa.DataType) -> pa.Array:
    """One cell in another type, or null."""
    try:
        return pa.array([value.as_py()]).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, TypeError):
        return pa.nulls(1, kind)
