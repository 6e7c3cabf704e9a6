"""A table in a database, and the one copy of it that a run works on.

A run must see the same rows from its first question to its last, however often the table is
written to meanwhile, and must decide once who is held out and which rows of a person count. So
the engine copies the table, in one statement, into a temporary table of the session, and the two
decisions are written beside each row of the copy. Types are made plain on the way: what comes
out has exactly the types the headers announce.

What may not happen here: a decision made anew for a later question; a copy that outlives its
session; a cell, a row count or an address with a secret in a message.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import pyarrow as pa

from understudy.errors import FormatError, InputError, SchemaError, SourceError
from understudy.schema import did_you_mean
from understudy.source.address import Address, parse_address
from understudy.source.container import check_names
from understudy.source.engines import Engine, asking, connect, of_expression
from understudy.source.expressions import HELD, SURPLUS, TRAIN, Plain, cleaned, parted, plainly
from understudy.source.stream import SensitiveStream
from understudy.source.table import FileFormat, Header


@dataclass(frozen=True, kw_only=True, slots=True, repr=False, eq=False)
class DatabaseTable:
    """A table or view in a database: its public facts, and the way to its rows.

    Parameters
    ----------
    name
        What messages call it: the table's name.
    headers
        The columns' public facts, in order.
    format
        How a synthetic table is written: as Parquet, typed.
    asset
        Its name in a ledger: where it lies, without user and password.
    warnings
        What a person should look at; public facts only.

    Guarantees: holds no rows, and neither its repr nor its pickle (there is none) gives any.
    """

    name: str
    headers: tuple[Header, ...]
    format: FileFormat
    asset: str
    warnings: tuple[str, ...] = ()
    _engine: Engine
    _plain: tuple[Plain, ...]

    @property
    def engine(self) -> str:
        """Which engine it is, in a word."""
        return self._engine.kind

    @property
    def title(self) -> str:
        """The engine's own name."""
        return {"postgresql": "PostgreSQL", "duckdb": "DuckDB", "spark": "Spark"}.get(
            self._engine.kind, "database through Ibis"
        )

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(header.name for header in self.headers)

    def header(self, name: str) -> Header:
        """Return the public facts of a column; KeyError when there is none."""
        for header in self.headers:
            if header.name == name:
                return header
        raise KeyError(name)

    def give_back(self, table: pa.Table) -> pa.Table:
        """Return a synthetic table as it is."""
        return table

    def snapshot(
        self,
        *,
        holdout: float = 0.0,
        unit_column: str | None = None,
        max_rows: int = 1,
        without: Sequence[str] = (),
    ) -> Snapshot:
        """Copy the rows as they are now, each with its part in the run.

        Parameters
        ----------
        holdout
            Probability of a unit to be held out, in [0, 1).
        unit_column, max_rows
            Whose rows stay together, and how many of each are learned from; rows are units
            without a column.
        without
            Columns that nobody will ask for.

        Raises
        ------
        InputError
            A column's type cannot be handled and the column is not left out.
        SchemaError
            The table's columns are no longer those of the headers.
        SourceError
            The engine refused, or went away.
        """
        if not 0 <= holdout < 1:
            raise InputError("the holdout share is at least 0 and below 1", holdout=holdout)
        if max_rows < 1:
            raise InputError("at least one row of each unit is kept", max_rows_per_unit=max_rows)
        if unit_column is not None and unit_column not in self.column_names:
            raise InputError(
                f"there is no unit column {unit_column!r}",
                hint=did_you_mean(unit_column, self.column_names),
            )
        self._require_unchanged()
        self.require_handled(without)
        kept = [plain for plain in self._plain if plain.kind is not None]
        kept = [one for one in kept if one.header.name not in set(without) - {unit_column}]
        engine = self._engine
        with asking(f"copying {self.name}", "the session needs temporary tables and their space"):
            rows = engine.numbered(cleaned(engine.table, kept))
            places = {plain.header.name: f"c{at}" for at, plain in enumerate(kept)}
            unit = places[unit_column] if unit_column is not None else None
            split = parted(engine, rows, unit, holdout, max_rows)
            # Numbered again as the copy lies: windows have sorted the rows by their lots.
            copy = engine.copied(engine.numbered(split.drop("us_n")))
        try:
            self._require_unchanged()
        except BaseException:
            engine.forget(copy)
            raise
        return Snapshot(
            table=self,
            unit_column=unit_column,
            max_rows=max_rows,
            _copy=copy,
            _plain=tuple(kept),
        )

    def close(self) -> None:
        """Leave the database, if it was entered here."""
        self._engine.close()

    def _require_unchanged(self) -> None:
        """Refuse a table whose columns have changed since its headers were read."""
        with asking(f"looking at the columns of {self.name}"):
            now = self._engine.current()
        then = {plain.header.name: plain.engine_type for plain in self._plain}
        changed = sorted(
            name for name in then.keys() | now.keys() if then.get(name) != now.get(name)
        )
        if changed or list(then) != list(now):
            raise SchemaError(
                f"the columns of {self.name} have changed since they were read",
                hint="nothing was charged; start again with the table as it is now",
                changed=changed or "their order",
            )

    def require_handled(self, without: Sequence[str]) -> None:
        """Refuse columns whose types cannot be handled, unless they are left out."""
        for plain in self._plain:
            if plain.kind is None and plain.header.name not in without:
                raise InputError(
                    f"column {plain.header.name!r} has a type that cannot be handled",
                    hint="declare 'action: drop' for it in the schema, or use a view that casts it",
                    type=plain.engine_type,
                )

    def __repr__(self) -> str:
        return f"DatabaseTable(name={self.name!r}, columns={len(self.headers)})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise InputError("a table in a database is neither pickled nor copied")


@dataclass(frozen=True, kw_only=True, slots=True, repr=False, eq=False)
class Snapshot:
    """The rows of a run, as they were when it began. Only curator, evaluate and attack read it.

    Parameters
    ----------
    table
        What it is a copy of.
    unit_column, max_rows
        Whose rows were bounded, and by how many.
    """

    table: DatabaseTable
    unit_column: str | None
    max_rows: int
    _copy: Any
    _plain: tuple[Plain, ...]

    def stream(self, *parts: int) -> SnapshotStream:
        """The rows of some parts, as a stream; a piece reads them in the same order each time."""
        kept = {plain.header.name for plain in self._plain}
        table = self.table
        return SnapshotStream(
            name=table.name,
            headers=tuple(header for header in table.headers if header.name in kept),
            format=table.format,
            warnings=table.warnings,
            snapshot=self,
            _pieces=(SnapshotPiece(_snapshot=self, _parts=parts),),
        )

    def learned_from(self) -> SnapshotStream:
        """Every row of the units that are not held out, those beyond a bound as well."""
        return self.stream(TRAIN, SURPLUS)

    def held_out(self) -> SnapshotStream:
        """Every row of the units that are held out."""
        return self.stream(HELD)

    def read_cells(self, columns: Sequence[str], parts: Sequence[int]) -> Iterator[pa.RecordBatch]:
        """Cells of some columns, in the order of the copy.

        Raises
        ------
        SourceError
            The engine went away, or gave rows in another order than before.
        """
        places = self._places()
        asked = [places[name] for name in columns]
        rows = self._copy.filter(self._copy.us_part.isin(tuple(parts)))
        rows = rows.select("us_n", *dict.fromkeys(asked))
        last = -1
        for batch in self.table._engine.batches(rows):  # noqa: SLF001  the same room
            if not batch.num_rows:
                continue
            last = _require_order(batch.column("us_n"), last)
            yield self._typed(batch, columns)

    def tally(self, columns: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, pa.Array]]:
        """Distinct combinations of cells among the rows learned from, and how often each occurs.

        Counted where the rows are. What the engine takes for equal must be equal to us: columns
        of floats are no key (`may_be_counted`).
        """
        places = self._places()
        keys = [places[name] for name in columns]
        rows = self._copy.filter(self._copy.us_part == TRAIN)
        counted = rows.group_by(keys).agg(us_count=rows.count())
        for batch in self.table._engine.batches(counted):  # noqa: SLF001  the same room
            counts = batch.column(batch.schema.get_field_index("us_count")).cast(pa.int64())
            yield self._typed(batch, columns), counts

    def count(self) -> int:
        """How many rows are learned from."""
        rows = self._copy.filter(self._copy.us_part == TRAIN)
        counted = rows.aggregate(us_count=rows.count())
        batches = self.table._engine.batches(counted)  # noqa: SLF001  the same room
        return sum(int(cell.as_py()) for batch in batches for cell in batch.column(0))

    def close(self) -> None:
        """Drop the copy."""
        self.table._engine.forget(self._copy)  # noqa: SLF001  the same room

    def _places(self) -> dict[str, str]:
        """Columns of the copy by their names in the table."""
        return {plain.header.name: f"c{at}" for at, plain in enumerate(self._plain)}

    def _typed(self, batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
        """Cells of some columns with the types of the headers."""
        places = self._places()
        cells = [batch.column(batch.schema.get_field_index(places[name])) for name in columns]
        kinds = [self.table.header(name).type for name in columns]
        typed = [one.cast(kind) for one, kind in zip(cells, kinds, strict=True)]
        return pa.RecordBatch.from_arrays(typed, names=list(columns))

    def __repr__(self) -> str:
        return f"Snapshot(of={self.table.name!r})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise InputError("a snapshot is neither pickled nor copied")


@dataclass(frozen=True, kw_only=True, slots=True, repr=False, eq=False)
class SnapshotPiece:
    """Some parts of a snapshot as one piece of a stream; it hangs on a session and stays here."""

    _snapshot: Snapshot
    _parts: tuple[int, ...]

    def batches(self, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        """Read cells; see `Piece`."""
        yield from self._snapshot.read_cells(columns, self._parts)


@dataclass(frozen=True, kw_only=True, slots=True, repr=False, eq=False)
class SnapshotStream(SensitiveStream):
    """Rows of a snapshot, which a curator may also count where they are."""

    snapshot: Snapshot


def open_database(data: Any) -> DatabaseTable:
    """Find a table in a database.

    Parameters
    ----------
    data
        An address (see `address`), a connected Ibis table, or a Spark DataFrame.

    Returns
    -------
    DatabaseTable
        With its columns as they are now; no row was read.

    Raises
    ------
    InputError, FormatError
        The address, the table or its columns cannot be used.
    SourceError
        The engine cannot be reached, or refused.
    """
    if isinstance(data, str):
        data = parse_address(data)
    if isinstance(data, Address):
        engine, name = connect(data), data.name
    else:
        engine = of_expression(data)
        name = engine.label.rpartition(":")[2]
    with asking(f"looking at the columns of {name}"):
        schema = engine.table.schema()
        types = engine.current()
    check_names(name, tuple(schema.names))
    if not schema.names:
        raise FormatError(f"{name} has no columns")
    plain = tuple(plainly(column, schema[column], types[column]) for column in schema.names)
    return DatabaseTable(
        name=name,
        headers=tuple(one.header for one in plain),
        format=FileFormat(container="frame", frame=engine.kind),
        asset=engine.label,
        _engine=engine,
        _plain=plain,
    )


def _require_order(numbers: pa.Array, last: int) -> int:
    """Refuse rows that come in another order than the copy's; return the last number."""
    import numpy as np

    order = numbers.cast(pa.int64()).to_numpy(zero_copy_only=False)
    if int(order[0]) <= last or bool((np.diff(order) <= 0).any()):
        raise SourceError(
            "the engine gave rows in another order than before",
            hint="have it read temporary tables in order, or use an Ibis table that is sorted",
        )
    return int(order[-1])
