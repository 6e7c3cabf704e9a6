"""The labelled layer: three tables of any spelling become arrays with one meaning.

The real training table decides what each column is (number, category, moment, identifier);
holdout and synthetic cells are then read the same way, so "1", "1.0" and 1 are one value and a
label that the real table lacks is a label of its own. This room reads real rows and its results
are internal. What may not happen here: a measurement, or a value from the data in a message or a
representation.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from understudy.errors import InputError
from understudy.evaluate.cells import NULL_MARKERS, moments_of, numbers_of, texts_of
from understudy.evaluate.kinds import ColumnKind, Plan, plan_column

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column as arrays over the three tables.

    Parameters
    ----------
    name, kind
        Its name and what it holds.
    train, holdout, synthetic
        float64 with NaN for missing (numbers; moments as seconds since 1970), or int32 codes
        with -1 for missing (categories). `holdout` is None without a holdout.
    levels
        Labels of the codes, real ones first, most frequent first; empty for numbers.
    real_levels
        How many of the levels occur in the training table.
    whole
        Whether every training number is a whole number.
    """

    name: str
    kind: ColumnKind
    train: NDArray[Any] = field(repr=False)
    holdout: NDArray[Any] | None = field(repr=False)
    synthetic: NDArray[Any] = field(repr=False)
    levels: tuple[str, ...] = field(default=(), repr=False)
    real_levels: int = 0
    whole: bool = False

    @property
    def is_category(self) -> bool:
        """Whether the arrays are codes."""
        return self.kind == "categorical"

    def take(self, rows: Rows) -> Column:
        """Return the column at the chosen rows of each table."""
        return replace(
            self,
            train=_at(self.train, rows.train),
            holdout=None if self.holdout is None else _at(self.holdout, rows.holdout),
            synthetic=_at(self.synthetic, rows.synthetic),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """Row numbers to look at in each table; None means all of them."""

    train: NDArray[np.intp] | None = None
    holdout: NDArray[np.intp] | None = None
    synthetic: NDArray[np.intp] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tables:
    """The measurable columns of the three tables, sampled, with the way back to all rows.

    Parameters
    ----------
    columns
        Sampled columns, in the order of the training table.
    left_out
        (column, reason) of columns that are not measured.
    rows
        Rows of each whole table by name; `holdout` is 0 without a holdout.
    sampled
        Rows of each table in `columns`.
    """

    columns: tuple[Column, ...] = field(repr=False)
    left_out: tuple[tuple[str, str], ...]
    rows: Mapping[str, int]
    sampled: Mapping[str, int]
    plans: tuple[Plan, ...] = field(repr=False)
    sources: Sources = field(repr=False)

    @property
    def has_holdout(self) -> bool:
        """Whether real rows were held out."""
        return self.rows["holdout"] > 0

    @property
    def is_sampled(self) -> bool:
        """Whether any table has more rows than were taken."""
        return any(self.sampled[name] < self.rows[name] for name in self.rows)

    def column(self, name: str) -> Column | None:
        """Return a sampled column by name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def whole(self) -> Iterator[Column]:
        """Yield every column over all rows, one at a time, so that one is in memory."""
        for plan in self.plans:
            yield read_column(plan, self.sources)

    def shuffled(self, rng: np.random.Generator) -> tuple[NDArray[Any], ...]:
        """Return the sampled training columns, each shuffled by itself: the floor."""
        return tuple(rng.permutation(column.train) for column in self.columns)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """The three Arrow tables; no representation shows them."""

    train: pa.Table = field(repr=False)
    holdout: pa.Table | None = field(repr=False)
    synthetic: pa.Table = field(repr=False)


def read_tables(
    train: pa.Table,
    holdout: pa.Table | None,
    synthetic: pa.Table,
    *,
    kinds: Mapping[str, str] | None = None,
    nulls: Mapping[str, Sequence[str]] | None = None,
    rng: np.random.Generator,
    row_cap: int = 50_000,
) -> Tables:
    """Read three tables into arrays with one meaning.

    Parameters
    ----------
    train, holdout, synthetic
        Arrow tables, of text or typed columns; the training table's columns count.
    kinds
        Column to kind, overriding the decision; the kinds of a schema are understood too.
    nulls
        Column to its null marks, overriding the usual ones.
    rng
        Draws the sampled rows.
    row_cap
        Most rows per table in the sampled columns.

    Raises
    ------
    InputError
        If a table is empty, column names repeat, or no column is shared.

    >>> table = pa.table({"a": ["1.5", "2", ""], "b": ["x", "y", "x"]})
    >>> tables = read_tables(table, None, table, rng=np.random.default_rng(0))
    >>> [(column.name, column.kind) for column in tables.columns]
    [('a', 'numeric'), ('b', 'categorical')]
    """
    holdout = None if holdout is None or holdout.num_rows == 0 else holdout
    _refuse_unusable(train, holdout, synthetic)
    sources = Sources(train=train, holdout=holdout, synthetic=synthetic)
    lengths = {
        "train": train.num_rows,
        "holdout": 0 if holdout is None else holdout.num_rows,
        "synthetic": synthetic.num_rows,
    }
    chosen = Rows(**{name: _sample(rows, row_cap, rng) for name, rows in lengths.items()})
    columns: list[Column] = []
    plans: list[Plan] = []
    left_out: list[tuple[str, str]] = []
    for name in train.column_names:
        missing = _absent(name, holdout, synthetic)
        if missing is not None:
            left_out.append((name, missing))
            continue
        marks = frozenset((nulls or {}).get(name, NULL_MARKERS))
        plan = plan_column(name, train.column(name), (kinds or {}).get(name), marks)
        if plan is None:
            left_out.append((name, "nested or binary cells are not compared"))
        elif plan.kind == "identifier":
            left_out.append((name, "identifies rows; identifiers are generated, not compared"))
        else:
            plans.append(plan)
            columns.append(read_column(plan, sources).take(chosen))
    left_out += [
        (name, "not in the training table")
        for name in synthetic.column_names
        if name not in train.column_names
    ]
    return Tables(
        columns=tuple(columns),
        left_out=tuple(left_out),
        rows=lengths,
        sampled={name: min(rows, row_cap) for name, rows in lengths.items()},
        plans=tuple(plans),
        sources=sources,
    )


def read_column(plan: Plan, sources: Sources) -> Column:
    """Read one column of the three tables the way the plan says."""
    cells = [sources.train.column(plan.name)]
    if sources.holdout is not None:
        cells.append(sources.holdout.column(plan.name))
    cells.append(sources.synthetic.column(plan.name))
    if plan.kind == "numeric":
        arrays: list[NDArray[Any]] = [numbers_of(part, plan.nulls) for part in cells]
        levels: tuple[str, ...] = ()
        real = 0
    elif plan.kind == "datetime":
        arrays = [moments_of(part, plan.format, plan.nulls) for part in cells]
        levels, real = (), 0
    elif plan.by_number:
        arrays, levels, real = _number_levels([numbers_of(part, plan.nulls) for part in cells])
    else:
        arrays, levels, real = _text_levels([texts_of(part, plan.nulls) for part in cells])
    known = arrays[0][~np.isnan(arrays[0])] if plan.kind == "numeric" else np.empty(0)
    return Column(
        name=plan.name,
        kind=plan.kind,
        train=arrays[0],
        holdout=arrays[1] if sources.holdout is not None else None,
        synthetic=arrays[-1],
        levels=levels,
        real_levels=real,
        whole=plan.kind == "numeric" and bool(np.all(known == np.floor(known))),
    )


def _refuse_unusable(train: pa.Table, holdout: pa.Table | None, synthetic: pa.Table) -> None:
    """Raise if the tables cannot be compared at all."""
    for name, table in (("train", train), ("holdout", holdout), ("synthetic", synthetic)):
        if table is None:
            continue
        if table.num_rows == 0 or table.num_columns == 0:
            raise InputError(f"the {name} table is empty", hint="evaluation needs rows")
        if len(set(table.column_names)) < table.num_columns:
            raise InputError(f"the {name} table repeats a column name", hint="rename one of them")
    if not set(train.column_names) & set(synthetic.column_names):
        raise InputError(
            "the synthetic table shares no column with the training table",
            hint="check the header and the delimiter of both files",
        )


def _absent(name: str, holdout: pa.Table | None, synthetic: pa.Table) -> str | None:
    """Say which table lacks a column, or None."""
    if name not in synthetic.column_names:
        return "not in the synthetic table"
    if holdout is not None and name not in holdout.column_names:
        return "not in the holdout"
    return None


def _number_levels(parts: list[Floats]) -> tuple[list[NDArray[Any]], tuple[str, ...], int]:
    """Codes of numbers used as labels, real levels first."""
    known = [part[~np.isnan(part)] for part in parts]
    real, counts = np.unique(known[0], return_counts=True)
    others = np.setdiff1d(np.concatenate(known), real)
    order = np.concatenate([real[np.argsort(-counts, kind="stable")], others])
    rank = np.argsort(order, kind="stable")
    arrays: list[NDArray[Any]] = []
    for part in parts:
        place = np.searchsorted(order[rank], part)
        codes = rank[np.minimum(place, max(0, rank.size - 1))] if rank.size else place
        arrays.append(np.where(np.isnan(part), -1, codes).astype(np.int32))
    return arrays, tuple(f"{value:.17g}" for value in order), int(real.size)


def _text_levels(
    parts: list[pa.ChunkedArray],
) -> tuple[list[NDArray[Any]], tuple[str, ...], int]:
    """Codes of labels shared by the tables, real levels first, most frequent first."""
    chunks = [chunk for part in parts for chunk in part.chunks]
    joined = pa.chunked_array(chunks, type=pa.string()).dictionary_encode().combine_chunks()
    if isinstance(joined, pa.ChunkedArray):
        joined = joined.chunk(0) if joined.num_chunks else pa.array([], joined.type)
    codes = pc.fill_null(joined.indices, -1).to_numpy(zero_copy_only=False)
    labels = joined.dictionary
    rows = len(parts[0])
    counts = np.bincount(codes[:rows][codes[:rows] >= 0], minlength=len(labels))
    order = np.argsort(-counts, kind="stable")
    rank = np.empty(len(labels) + 1, dtype=np.int32)
    rank[order] = np.arange(len(labels), dtype=np.int32)
    rank[-1] = -1
    codes = rank[codes]
    ends = np.cumsum([len(part) for part in parts])[:-1]
    levels = tuple(labels.take(pa.array(order)).to_pylist())
    return list(np.split(codes, ends)), levels, int(np.count_nonzero(counts))


def _sample(rows: int, cap: int, rng: np.random.Generator) -> NDArray[np.intp] | None:
    """Row numbers to keep, in order, or None for all."""
    return None if rows <= cap else np.sort(rng.choice(rows, cap, replace=False))


def _at(array: NDArray[Any], rows: NDArray[np.intp] | None) -> NDArray[Any]:
    """The array at these rows."""
    return array if rows is None else array[rows]
