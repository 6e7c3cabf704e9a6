"""The labelled layer: three tables of any spelling become arrays with one meaning.

The real training table decides what each column is (number, category, moment, identifier);
holdout and synthetic cells are then read the same way, so "1", "1.0" and 1 are one value and a
label that the real table lacks is a label of its own. This room reads real rows and its results
are internal. What may not happen here: a measurement, or a value from the data in a message or a
representation.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from understudy.errors import InputError
from understudy.evaluate.cells import NULL_MARKERS, moments_of, numbers_of, texts_of
from understudy.evaluate.kinds import ColumnKind, Plan, plan_column
from understudy.evaluate.labels import code_labels, code_numbers, coded_numbers, coded_texts
from understudy.evaluate.shared import Shared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

T = TypeVar("T")
_KEPT_CELLS = 60_000_000
"""Most cells of a table that are kept as arrays; above, each pass reads them again."""


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
    real: RealTables = field(repr=False)
    synthetic: pa.Table = field(repr=False)
    kept: dict[str, Column] = field(default_factory=dict, repr=False)
    own: Shared = field(default_factory=Shared, repr=False)

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """Return what depends on real rows only, computed for the first table that asks.

        Parameters
        ----------
        key
            Hashable: the metric's name and everything of the settings the value depends on.
            The compared columns are part of it by themselves.
        make
            Computes it from `train` and `holdout` of the columns. It may draw from
            `generator(key)` and from no other generator, or a table's figures would depend on
            its company.

        >>> table = pa.table({"a": ["1.5", "2", ""]})
        >>> tables = read_tables(table, None, table, rng=np.random.default_rng(0))
        >>> tables.once("rows", lambda: tables.rows["train"])
        3
        """
        names = tuple(column.name for column in self.columns)
        return self.real.shared.once((key, names), make)

    def generator(self, key: Any) -> np.random.Generator:
        """Return a fresh generator for a value shared by all tables."""
        return self.real.shared.generator(key)

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

    def whole(self, *, labels: bool = True) -> Iterator[Column]:
        """Yield every column over all rows, one at a time, so that one is in memory.

        Parameters
        ----------
        labels
            Whether columns of labels are yielded too, which take longest to read.
        """
        small = self.synthetic.num_rows * len(self.plans) <= _KEPT_CELLS
        for plan in self.plans:
            if plan.kind == "categorical" and not labels:
                continue
            column = self.kept.get(plan.name)
            if column is None:
                column = self.real.column(plan).beside(self.synthetic.column(plan.name))
                if small:
                    self.kept[plan.name] = column
            yield column

    def shuffled(self, rng: np.random.Generator) -> tuple[NDArray[Any], ...]:
        """Return the sampled training columns, each shuffled by itself: the floor."""
        return tuple(rng.permutation(column.train) for column in self.columns)


@dataclass(frozen=True, kw_only=True, slots=True)
class RealColumn:
    """One column of the real tables as arrays, and what reads another table's cells like it.

    `order` holds the numbers or labels of the codes, those of the training table first.
    """

    plan: Plan
    train: NDArray[Any] = field(repr=False)
    holdout: NDArray[Any] | None = field(repr=False)
    order: Any = field(default=None, repr=False)
    real_levels: int = 0
    whole: bool = False

    def beside(self, cells: pa.ChunkedArray) -> Column:
        """Read the cells of a synthetic table and stand them beside the real ones."""
        plan = self.plan
        levels: tuple[str, ...] = ()
        if plan.kind == "numeric":
            synthetic: NDArray[Any] = numbers_of(cells, plan.nulls)
        elif plan.kind == "datetime":
            synthetic = moments_of(cells, plan.format, plan.nulls)
        elif plan.by_number:
            synthetic, order = code_numbers(numbers_of(cells, plan.nulls), self.order)
            levels = tuple(f"{value:.17g}" for value in order)
        else:
            synthetic, labels = code_labels(texts_of(cells, frozenset()), self.order, plan.nulls)
            levels = tuple(labels.to_pylist())
        return Column(
            name=plan.name,
            kind=plan.kind,
            train=self.train,
            holdout=self.holdout,
            synthetic=synthetic,
            levels=levels,
            real_levels=self.real_levels,
            whole=self.whole,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RealTables:
    """The two real tables, read once for any number of synthetic ones; nothing shows them.

    Parameters
    ----------
    train, holdout
        Arrow tables.
    kinds, nulls
        Column to declared kind and to its null marks.
    shared
        What has been computed on real rows alone.
    """

    train: pa.Table = field(repr=False)
    holdout: pa.Table | None = field(repr=False)
    kinds: Mapping[str, str] = field(default_factory=dict)
    nulls: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    shared: Shared = field(default_factory=Shared, repr=False)

    @property
    def rows(self) -> int:
        """Rows of both tables."""
        return int(self.train.num_rows + (self.holdout.num_rows if self.holdout else 0))

    def plan(self, name: str) -> Plan | None:
        """How a column is read; None for cells that cannot be compared."""

        def decide() -> Plan | None:
            marks = frozenset(self.nulls.get(name, NULL_MARKERS))
            return plan_column(name, self.train.column(name), self.kinds.get(name), marks)

        return self.shared.once(("plan", name), decide)

    def column(self, plan: Plan) -> RealColumn:
        """One column of both tables, kept if the tables are not too large."""
        if self.rows * self.train.num_columns > _KEPT_CELLS:
            return self._read(plan)
        return self.shared.once(("column", plan.name), lambda: self._read(plan))

    def _read(self, plan: Plan) -> RealColumn:
        """Read a column of both tables."""
        cells = [self.train.column(plan.name)]
        if self.holdout is not None:
            cells.append(self.holdout.column(plan.name))
        order: Any = None
        real = 0
        if plan.kind == "numeric":
            arrays: list[NDArray[Any]] = [numbers_of(part, plan.nulls) for part in cells]
        elif plan.kind == "datetime":
            arrays = [moments_of(part, plan.format, plan.nulls) for part in cells]
        elif plan.by_number:
            arrays, order, real = coded_numbers([numbers_of(part, plan.nulls) for part in cells])
        else:
            arrays, order, real = coded_texts(
                [texts_of(part, frozenset()) for part in cells], plan.nulls
            )
        known = arrays[0][~np.isnan(arrays[0])] if plan.kind == "numeric" else np.empty(0)
        return RealColumn(
            plan=plan,
            train=arrays[0],
            holdout=arrays[1] if self.holdout is not None else None,
            order=order,
            real_levels=real,
            whole=plan.kind == "numeric" and bool(np.all(known == np.floor(known))),
        )


def read_tables(
    train: pa.Table,
    holdout: pa.Table | None,
    synthetic: pa.Table,
    *,
    kinds: Mapping[str, str] | None = None,
    nulls: Mapping[str, Sequence[str]] | None = None,
    rng: np.random.Generator,
    row_cap: int = 50_000,
    real: RealTables | None = None,
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
    real
        The real tables as an earlier call read them, to read them once.

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
    if real is None:
        real = RealTables(train=train, holdout=holdout, kinds=kinds or {}, nulls=nulls or {})
    lengths = {
        "train": train.num_rows,
        "holdout": 0 if holdout is None else holdout.num_rows,
        "synthetic": synthetic.num_rows,
    }
    chosen = Rows(**{name: _sample(rows, row_cap, rng) for name, rows in lengths.items()})
    columns: list[Column] = []
    plans: list[Plan] = []
    kept: dict[str, Column] = {}
    left_out: list[tuple[str, str]] = []
    small = synthetic.num_rows * train.num_columns <= _KEPT_CELLS
    for name in train.column_names:
        missing = _absent(name, holdout, synthetic)
        if missing is not None:
            left_out.append((name, missing))
            continue
        plan = real.plan(name)
        if plan is None:
            left_out.append((name, "nested or binary cells are not compared"))
        elif plan.kind == "identifier":
            left_out.append((name, "identifies rows; identifiers are generated, not compared"))
        else:
            plans.append(plan)
            column = real.column(plan).beside(synthetic.column(name))
            if small:
                kept[name] = column
            columns.append(column.take(chosen))
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
        real=real,
        synthetic=synthetic,
        kept=kept,
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


def _sample(rows: int, cap: int, rng: np.random.Generator) -> NDArray[np.intp] | None:
    """Row numbers to keep, in order, or None for all."""
    return None if rows <= cap else np.sort(rng.choice(rows, cap, replace=False))


def _at(array: NDArray[Any], rows: NDArray[np.intp] | None) -> NDArray[Any]:
    """The array at these rows."""
    return array if rows is None else array[rows]
