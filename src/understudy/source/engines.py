"""Engines that hold rows: the one module that knows Ibis and the drivers behind it.

An engine is asked for a table's column types, makes one private copy of it for the length of a
run, and gives out that copy's cells. Everything is written as Ibis expressions; what an engine
does in its own way (how it copies, how cells come out) stands in one class each.

What may not happen here: an import of Ibis or a driver before a database is named; a statement
that changes anything but a temporary table of this session; a driver's own words in a message,
for they can hold a cell, a credential or an address.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pyarrow as pa

from understudy.errors import InputError, SourceError, UnderstudyError
from understudy.schema import did_you_mean
from understudy.source.address import Address

_SQL = "pip install 'understudy[sql]'"
_SPARK = "pip install 'understudy[sql,spark]'; Spark needs Java 17 or later"
_STATES = {
    "28P01": "the password was refused",
    "28000": "this user may not connect",
    "3D000": "there is no such database",
    "42501": "this user may not do that",
    "53100": "the server's disk is full",
    "53200": "the server is out of memory",
    "53300": "the server has no free connection",
    "57014": "the statement was cancelled",
    "57P01": "the server is shutting down",
    "57P02": "the server crashed",
    "57P03": "the server is starting or stopping",
    "25006": "the database is read-only",
}
_COPY_BYTES = 8 << 20
_COMMAND_OK, _COPY_OUT = 1, 3
"""Of libpq: PGRES_COMMAND_OK and PGRES_COPY_OUT."""
_BATCH_ROWS = 1 << 16


@contextmanager
def asking(what: str, hint: str | None = None) -> Iterator[None]:
    """Turn whatever a driver raises into an error of ours that repeats none of its words."""
    try:
        yield
    except (UnderstudyError, KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError):
        raise
    except Exception as problem:  # noqa: BLE001  every driver has exceptions of its own
        raise _said_plainly(problem, what, hint) from None


def _said_plainly(problem: Exception, what: str, hint: str | None) -> UnderstudyError:
    """An error of a driver, in our words."""
    state = getattr(problem, "sqlstate", None) or _state_in(problem)
    if state in _STATES:
        return SourceError(f"{what}: {_STATES[state]}", hint=hint)
    kind = type(problem).__name__
    if kind == "TableNotFound":
        return InputError(f"{what}: there is no such table any more", hint=hint)
    if kind in {"OperationalError", "InterfaceError", "AdminShutdown", "ConnectionError"}:
        return SourceError(f"{what}: the connection was lost or refused", hint=hint)
    return SourceError(f"{what}: the engine failed ({kind})", hint=hint)


def _state_in(problem: Exception) -> str | None:
    """The reason of a failed connection, which libpq gives in words alone."""
    told = str(problem)
    for words, state in (
        ("password authentication failed", "28P01"),
        ("no password supplied", "28P01"),
        ("does not exist", "3D000"),
        ("permission denied", "42501"),
        ("starting up", "57P03"),
    ):
        if words in told:
            return state
    return None


class Engine:
    """A table in an engine, and what can be done with it; any backend of Ibis.

    Parameters
    ----------
    backend
        A connected Ibis backend.
    table
        The table as an Ibis expression.
    label
        What the table is called in a ledger: where it lies, without user or password.
    owned
        Whether the connection was made here, and is closed here.
    """

    kind = "ibis"

    def __init__(self, backend: Any, table: Any, *, label: str, owned: bool) -> None:
        self.backend = backend
        self.table = table
        self.label = label
        self.owned = owned
        self._made: list[Any] = []

    def __repr__(self) -> str:
        return f"Engine({self.kind})"

    def current(self) -> dict[str, str]:
        """The columns' types as they are now, in order."""
        named = getattr(self.table.op(), "name", None)
        space = getattr(self.table.op(), "namespace", None)
        schema = self.table.schema()
        if named is not None and space is not None:
            with suppress(NotImplementedError):
                schema = self.backend.get_schema(
                    named, catalog=space.catalog, database=space.database
                )
        return {name: str(kind) for name, kind in schema.items()}

    def numbered(self, table: Any) -> Any:
        """A table with `us_n`, a number of its own for each row."""
        return table.mutate(us_n=library().row_number())

    def digest(self, text: Any) -> Any:
        """MD5 of a text, in small hexadecimal letters."""
        return _md5()(text)

    def copied(self, expression: Any) -> Any:
        """A temporary table of this session with what an expression says now."""
        name = f"us_{os.urandom(8).hex()}"
        made = self.backend.create_table(name, expression, temp=True)
        self._made.append(name)
        return made

    def forget(self, copy: Any) -> None:
        """Drop a copy."""
        name = copy.get_name()
        if name in self._made:
            self._made.remove(name)
            with suppress(Exception):
                self._drop(name)

    def _drop(self, name: str) -> None:
        """Drop a temporary table."""
        self.backend.drop_table(name, force=True)

    def batches(self, expression: Any) -> Iterator[pa.RecordBatch]:
        """The rows of an expression, batch by batch."""
        with asking("reading rows"):
            yield from self.backend.to_pyarrow_batches(expression, chunk_size=_BATCH_ROWS)

    def close(self) -> None:
        """Drop what was made, and the connection if it is ours."""
        for name in self._made:
            with suppress(Exception):
                self._drop(name)
        self._made.clear()
        if self.owned:
            with suppress(Exception):
                self.backend.disconnect()


class PostgresEngine(Engine):
    """PostgreSQL: rows come out by COPY, which is several times faster than a cursor."""

    kind = "postgresql"

    def batches(self, expression: Any) -> Iterator[pa.RecordBatch]:
        """The rows of an expression, batch by batch, through COPY … TO STDOUT."""
        schema = expression.schema().to_pyarrow()
        wire = self.backend.con.pgconn
        query = f"COPY ({self.backend.compile(expression)}) TO STDOUT (FORMAT csv)"
        with asking("reading rows"):
            begun = wire.exec_(query.encode())
            if begun.status != _COPY_OUT:
                raise self._failure()
            whole = False
            try:
                for block in _blocks(wire):
                    yield from _parsed(block, schema)
                whole = True
                self._finish()
            finally:
                if not whole:
                    self._abandon()

    def _failure(self) -> SourceError:
        """What is said when the server did not begin, or did not finish, to send rows."""
        if self.backend.con.pgconn.status != 0:
            return SourceError("reading rows: the connection to the server was lost")
        return SourceError("reading rows: the server refused or stopped")

    def _finish(self) -> None:
        """Take the end of a COPY, which says whether all rows came."""
        wire = self.backend.con.pgconn
        good = wire.status == 0
        while (result := wire.get_result()) is not None:
            good = good and result.status == _COMMAND_OK
        if not good or wire.status != 0:
            raise self._failure()

    def _abandon(self) -> None:
        """Leave a COPY before its end, so that the connection can be used again."""
        with suppress(Exception):
            self.backend.con.cancel()
            for _ in _blocks(self.backend.con.pgconn):
                pass
            while self.backend.con.pgconn.get_result() is not None:
                pass


def _blocks(wire: Any) -> Iterator[bytes]:
    """Lines of a running COPY, some megabytes at a time."""
    lines: list[bytes] = []
    size = 0
    while True:
        length, line = wire.get_copy_data(0)
        if length <= 0:
            break
        lines.append(bytes(line))
        size += length
        if size >= _COPY_BYTES:
            yield b"".join(lines)
            lines, size = [], 0
    if lines:
        yield b"".join(lines)
    if length == -2:
        raise SourceError("reading rows: the connection to the server was lost")


def _parsed(block: bytes, schema: pa.Schema) -> list[pa.RecordBatch]:
    """Lines of a COPY as Arrow; an empty cell without quotes is a null, one with quotes is not."""
    import pyarrow.csv as arrow_csv

    table = arrow_csv.read_csv(
        pa.BufferReader(block),
        read_options=arrow_csv.ReadOptions(
            column_names=schema.names, use_threads=False, block_size=2 * len(block) + 1024
        ),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=arrow_csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    return list(table.to_batches())


class DuckEngine(Engine):
    """DuckDB: its own reader gives Arrow as it is held."""

    kind = "duckdb"

    def batches(self, expression: Any) -> Iterator[pa.RecordBatch]:
        """The rows of an expression, batch by batch."""
        with asking("reading rows"):
            held = self.backend.con.sql(self.backend.compile(expression))
            yield from held.to_arrow_reader(_BATCH_ROWS)


class SparkEngine(Engine):
    """Spark: the copy is a local checkpoint, and cells come out as Arrow, partition by partition."""

    kind = "spark"

    def numbered(self, table: Any) -> Any:
        """A table with `us_n`; numbers rise, with gaps between partitions."""
        from pyspark.sql import functions

        frame = self.backend._session.sql(self.backend.compile(table))  # noqa: SLF001  no other way
        return self._view(frame.withColumn("us_n", functions.monotonically_increasing_id()))

    def copied(self, expression: Any) -> Any:
        """A checkpoint on the executors' disks: lost blocks end a run, nothing is read again."""
        frame = self.backend._session.sql(self.backend.compile(expression))  # noqa: SLF001
        return self._view(frame.localCheckpoint(eager=True))

    def _view(self, frame: Any) -> Any:
        """A Spark DataFrame under a temporary name."""
        name = f"us_{os.urandom(8).hex()}"
        frame.createOrReplaceTempView(name)
        self._made.append(name)
        return self.backend.table(name)

    def batches(self, expression: Any) -> Iterator[pa.RecordBatch]:
        """The rows of an expression, one partition at a time."""
        schema = expression.schema().to_pyarrow()
        with asking("reading rows"):
            frame = self.backend._session.sql(self.backend.compile(expression))  # noqa: SLF001
            packed = frame.mapInArrow(_packing(), "packed binary")
            for row in packed.toLocalIterator(prefetchPartitions=True):
                for batch in pa.ipc.open_stream(bytes(row["packed"])):
                    columns = [
                        column.cast(kind)
                        for column, kind in zip(batch.columns, schema.types, strict=True)
                    ]
                    yield pa.RecordBatch.from_arrays(columns, names=schema.names)

    def _drop(self, name: str) -> None:
        """Forget a temporary name; blocks go with their DataFrames."""
        self.backend._session.catalog.dropTempView(name)  # noqa: SLF001  no other way


def _packing() -> Callable[[Iterator[Any]], Iterator[Any]]:
    """A function that travels to executors by value: they need pyarrow and nothing of ours."""

    def pack(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow  # noqa: ICN001  the name it has on a worker

        for batch in batches:
            sink = pyarrow.BufferOutputStream()
            with pyarrow.ipc.new_stream(sink, batch.schema) as stream:
                stream.write_batch(batch)
            packed = pyarrow.array([sink.getvalue().to_pybytes()], pyarrow.binary())
            yield pyarrow.RecordBatch.from_arrays([packed], names=["packed"])

    return pack


# ------------------------------------------------------------------------------- connecting


def connect(address: Address) -> Engine:
    """Connect to where a table lies.

    Raises
    ------
    InputError
        An extra is not installed, or there is no such file, folder or table.
    SourceError
        The engine cannot be reached or refused.
    """
    match address.engine:
        case "postgresql":
            return _postgres(address)
        case "duckdb":
            return _duckdb(address)
    return _spark(address)


def of_expression(table: Any) -> Engine:
    """An engine around an Ibis table or a Spark DataFrame that a person made themselves.

    Raises
    ------
    InputError
        The expression belongs to no connected backend.
    """
    ibis = library()
    if type(table).__module__.startswith("pyspark."):
        backend = ibis.pyspark.connect(table.sparkSession)
        view = f"us_{os.urandom(8).hex()}"
        table.createOrReplaceTempView(view)
        return SparkEngine(backend, backend.table(view), label="a Spark DataFrame", owned=False)
    with asking("an Ibis table", "connect it to a database first"):
        backend = table.get_backend()
    kinds = {"postgres": PostgresEngine, "duckdb": DuckEngine, "pyspark": SparkEngine}
    name = getattr(table.op(), "name", None) or "query"
    made = kinds.get(backend.name, Engine)(
        backend, table, label=f"{backend.name}:{name}", owned=False
    )
    if backend.name == "postgres":
        _plain_text(backend)
    return made


def is_expression(data: Any) -> bool:
    """Whether something is an Ibis table or a Spark DataFrame, told without importing either."""
    kind = type(data)
    names = {f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__}
    return bool(names & {"ibis.expr.types.relations.Table", "pyspark.sql.dataframe.DataFrame"})


def library() -> Any:
    """Ibis, or a refusal that says how to get it."""
    try:
        import ibis
    except ImportError:
        raise InputError("databases need an extra that is not installed", hint=_SQL) from None
    return ibis


def _md5() -> Any:
    """The engines' own MD5, which all of them call so."""
    text = library().expr.datatypes.string

    def md5(text: str) -> str:
        raise NotImplementedError

    made = library().udf.scalar.builtin(signature=((text,), text))
    return made(md5)


def _postgres(address: Address) -> Engine:
    """Connect to a PostgreSQL server; credentials come from where libpq looks for them."""
    ibis = library()
    try:
        import psycopg
    except ImportError:
        raise InputError("PostgreSQL needs an extra that is not installed", hint=_SQL) from None
    settings: dict[str, Any] = {
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "dbname": address.database,
        **dict(address.options),
    }
    settings.setdefault("application_name", "understudy")
    with asking(
        "connecting to PostgreSQL",
        "check the address, the environment (PGHOST, PGUSER, PGPASSWORD), ~/.pgpass",
    ):
        connection = psycopg.connect(**settings, autocommit=True)
    with asking("connecting to PostgreSQL"):
        backend = ibis.postgres.from_connection(connection)
        _plain_text(backend)
        schema = address.schema
        if schema is None:
            # The table that the search path finds, so that it has one name in the ledger.
            found = connection.execute(
                "SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
                " ON n.oid = c.relnamespace WHERE c.relname = %s"
                " AND pg_catalog.pg_table_is_visible(c.oid)",
                (address.table,),
            ).fetchone()
            schema = found[0] if found else backend.current_database
        info = connection.info
        host = info.host or "localhost"
        at = f"{host if not host.startswith('/') else 'localhost'}:{info.port}"
        label = f"postgresql://{at}/{info.dbname}?table={schema}.{address.table}"
        table = _named(backend, address.table, schema)
    return PostgresEngine(backend, table, label=label, owned=True)


def _plain_text(backend: Any) -> None:
    """Have the server spell cells in the one way that is read here."""
    info = backend.con.info
    if info.parameter_status("server_encoding") == "SQL_ASCII":
        raise InputError(
            "the database has no encoding (SQL_ASCII): its text may be no text",
            hint="convert it, or make a view that casts",
        )
    for setting in ("datestyle = 'ISO, YMD'", "client_encoding = 'UTF8'", "extra_float_digits = 1",
                    "synchronize_seqscans = off", "timezone = 'UTC'"):  # fmt: skip
        backend.con.execute(f"SET {setting}")


def _duckdb(address: Address) -> Engine:
    """Open a DuckDB file, never for writing."""
    ibis = library()
    assert address.path is not None
    if not address.path.is_file():
        raise InputError(f"there is no file {address.path}", hint="check the path")
    with asking(
        f"opening {address.path.name}",
        "is it a DuckDB file of this or an earlier version, and does no other process write to it?",
    ):
        backend = ibis.duckdb.connect(address.path, read_only=True)
        backend.raw_sql("SET TimeZone = 'UTC'")
    table = _named(backend, address.table, address.schema)
    return DuckEngine(backend, table, label=str(address), owned=True)


def _spark(address: Address) -> Engine:
    """Use the running Spark session, or start a local one that says nothing."""
    ibis = library()
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise InputError("Spark needs an extra that is not installed", hint=_SPARK) from None
    with asking("starting Spark", _SPARK):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = SparkSession.builder.appName("understudy")
        for name, value in (
            ("spark.sql.session.timeZone", "UTC"),
            ("spark.ui.enabled", "false"),
            ("spark.ui.showConsoleProgress", "false"),
        ):
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("OFF")
        backend = ibis.pyspark.connect(session)
    if address.engine == "spark+parquet":
        assert address.path is not None
        if not address.path.exists():
            raise InputError(f"there is no file or folder {address.path}", hint="check the path")
        with asking(f"opening {address.path.name}", "is it Parquet?"):
            table = backend.read_parquet(address.path)
    else:
        table = _named(backend, address.table, address.schema)
    return SparkEngine(backend, table, label=str(address), owned=False)


def _named(backend: Any, name: str, schema: str | None) -> Any:
    """A table or view by name.

    Raises
    ------
    InputError
        There is none; the nearest name is told.
    """
    try:
        return backend.table(name, database=schema)
    except UnderstudyError:
        raise
    except Exception as problem:  # noqa: BLE001  looked at by its name alone
        where = f"{schema}.{name}" if schema else name
        if not isinstance(problem, library().common.exceptions.TableNotFound):
            raise _said_plainly(problem, f"looking for table {where!r}", None) from None
    near = did_you_mean(name, _tables(backend, schema))
    raise InputError(
        f"there is no table or view {where!r}",
        hint=near if near.strip() != "Allowed:" else "check the name, its schema, who may see it",
    )


def _tables(backend: Any, schema: str | None) -> list[str]:
    """Names of tables and views, as far as they can be had."""
    found: list[str] = []
    with suppress(Exception):
        if backend.name == "duckdb":  # Ibis 12 asks DuckDB 2 for what it no longer has
            listed = "SELECT table_name FROM information_schema.tables"
            found = [row[0] for row in backend.raw_sql(listed).fetchall()]
        else:
            found = backend.list_tables(database=schema)
    return sorted(found)
