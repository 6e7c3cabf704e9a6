"""Engines that tests start, fill and stop: PostgreSQL on a loopback port, DuckDB files.

PostgreSQL is Debian's package, installed when it is absent and may be, run by a user that is not
root in a folder of its own. What cannot be had is skipped, with the reason.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from understudy.curator.database import DatabaseCurator
from understudy.privacy import Budget
from understudy.source import SensitiveTable
from understudy.source.database import DatabaseTable, open_database

PASSWORD = "canary-pass-40917-word"  # a canary, of a server that lives for a test
_USER = "tester"
_INSTALL_SECONDS = 180


@dataclass(kw_only=True)
class Place:
    """An engine: how a table is put there, and what its address is then."""

    name: str
    put: Callable[[pa.Table], str]
    opened: list[DatabaseTable] = field(default_factory=list)

    def open(self, table: SensitiveTable | pa.Table) -> DatabaseTable:
        rows = table.rows if isinstance(table, SensitiveTable) else table
        found = open_database(self.put(rows))
        self.opened.append(found)
        return found

    def curator(self, policy: str = "auto") -> Callable[..., DatabaseCurator]:
        """A factory for the conformance suite."""

        def make(table: SensitiveTable, *, budget: Budget) -> DatabaseCurator:
            self.close()
            unit = budget.unit
            snapshot = self.open(table).snapshot(unit_column=unit.column, max_rows=unit.max_rows)
            return DatabaseCurator(snapshot, budget=budget, policy=policy)  # type: ignore[arg-type]

        return make

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()


# ------------------------------------------------------------------------------- PostgreSQL


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running PostgreSQL server."""

    folder: Path
    port: int
    bin: Path

    def url(self, table: str) -> str:
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/postgres?table={table}"

    def connect(self) -> Any:
        import psycopg

        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=_USER, dbname="postgres",
            password=PASSWORD, autocommit=True,
        )  # fmt: skip

    def put(self, table: pa.Table, *, name: str | None = None, types: Any = None) -> str:
        name = name or f"t_{uuid.uuid4().hex[:12]}"
        columns = ", ".join(
            f'"{column.name}" {(types or {}).get(column.name) or _pg_type(column.type)}'
            for column in table.schema
        )
        plain = [column.cast(_spelled(column.type)).to_pylist() for column in table.columns]
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f'CREATE TABLE "{name}" ({columns})')
            with cursor.copy(f'COPY "{name}" FROM STDIN') as copy:
                for row in zip(*plain, strict=True):
                    copy.write_row(row)
        return self.url(name)

    def stop(self, how: str = "immediate") -> None:
        _as_owner([self.bin / "pg_ctl", "-D", self.folder / "data", "-m", how, "-w", "stop"])

    def kill(self) -> None:
        """What a power cut does: every process of the server ends at once."""
        first = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        for child in Path(f"/proc/{first}/task/{first}/children").read_text().split():
            with contextlib.suppress(OSError):
                os.kill(int(child), signal.SIGKILL)
        os.kill(first, signal.SIGKILL)


def _spelled(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _pg_type(kind: pa.DataType) -> str:
    kind = _spelled(kind)
    if pa.types.is_decimal(kind):
        return f"numeric({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "timestamptz" if kind.tz else "timestamp"
    named = {
        "string": "text", "double": "double precision", "float": "real", "int64": "bigint",
        "int32": "integer", "int16": "smallint", "int8": "smallint", "bool": "boolean",
        "date32[day]": "date",
    }  # fmt: skip
    return named[str(kind)]


def _server_bin() -> Path | None:
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists()), None)


def _installed() -> Path:
    """Where the server's programs are, installing Debian's package when that is possible."""
    found = _server_bin()
    apt = shutil.which("apt-get")
    if found is None and apt and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-y", "-qq", "postgresql"]):
            subprocess.run(
                [apt, *command], env=environment, timeout=_INSTALL_SECONDS, check=False,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        found = _server_bin()
    if found is None:
        pytest.skip("PostgreSQL is not installed and cannot be: apt-get install postgresql")
    return found


def _as_owner(command: list[Any]) -> None:
    """Run a program of the server, not as root, which it refuses."""
    settings: dict[str, Any] = {}
    if os.geteuid() == 0:
        names = {entry.pw_name for entry in pwd.getpwall()}
        owner = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
        settings = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    subprocess.run(
        [str(part) for part in command], check=True, cwd="/tmp", timeout=60,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **settings,
    )  # fmt: skip


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """A server of its own, which asks for a password, with one user and one database."""
    programs = _installed()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="understudy-pg-"))
    folder.chmod(0o777)
    secret = folder / "word"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    server = Server(folder=folder, port=port, bin=programs)
    settings = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    try:
        _as_owner(
            [programs / "initdb", "-D", folder / "data", "-U", _USER, "-A", "scram-sha-256",
             f"--pwfile={secret}", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        )  # fmt: skip
        _as_owner(
            [programs / "pg_ctl", "-D", folder / "data", "-l", folder / "log", "-w",
             "-o", f"{settings} -c fsync=off", "start"]
        )  # fmt: skip
        yield server
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def duck_url(folder: Path, table: pa.Table, name: str = "t") -> str:
    """A DuckDB file with one table."""
    duckdb = pytest.importorskip("duckdb")
    path = folder / f"{uuid.uuid4().hex}.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.register("given", table)
        connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM given')
    return f"duckdb://{path}?table={name}"
