"""The file under the ledger: where it lies, how it is opened, and transactions on it.

What may not happen here: a commit that is not synced to disk, a change to a database that is
not a ledger, an error that shows SQLite's own text (it can quote what was written).
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from understudy.errors import LedgerError
from understudy.privacy.records import LAYOUT, TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_COMPLAINTS = {
    "SQLITE_BUSY": ("the ledger is locked by another process", "wait for it and try again"),
    "SQLITE_READONLY": ("the ledger is read-only", "make it and its folder writable"),
    "SQLITE_CANTOPEN": ("the ledger cannot be opened", "check its path and permissions"),
    "SQLITE_NOTADB": ("the file is not a ledger", "choose another file"),
    "SQLITE_CORRUPT": ("the ledger is damaged", "restore it from a copy"),
    "SQLITE_FULL": ("the disk of the ledger is full", "free some space"),
    "SQLITE_IOERR": ("the ledger's disk failed", "check the disk"),
}

_INHERITED: list[sqlite3.Connection] = []
"""Connections that a fork brought along: never used, and never closed, in the child."""


def default_path() -> Path:
    """`$UNDERSTUDY_LEDGER`, or `understudy/ledger.sqlite` in the user's data folder."""
    named = os.environ.get("UNDERSTUDY_LEDGER")
    if named:
        return Path(named)
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA")
        return Path(base or Path.home() / "AppData" / "Local") / "understudy" / "ledger.sqlite"
    base = os.environ.get("XDG_DATA_HOME")
    return Path(base or Path.home() / ".local" / "share") / "understudy" / "ledger.sqlite"


class LedgerFile:
    """A SQLite file of the ledger's layout, with one connection per process.

    Parameters
    ----------
    path
        The file; made with its folder when absent. By default `default_path()`.
    patience
        Seconds to wait for another process's transaction before giving up.

    Raises
    ------
    LedgerError
        The file is not a ledger, damaged, newer than this program, locked, or not writable.
    """

    def __init__(self, path: str | Path | None = None, *, patience: float = 30.0) -> None:
        self.path = Path(path) if path is not None else default_path()
        self._patience = patience
        self._lock = threading.RLock()
        self._process = 0
        self._connection: sqlite3.Connection | None = None
        with self._transaction():
            pass

    def _connect(self) -> sqlite3.Connection:
        """Give the connection of this process: layout checked, WAL, every commit synced."""
        if self._connection is not None and self._process == os.getpid():
            return self._connection
        if self._connection is not None:
            _INHERITED.append(self._connection)
            self._connection = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as wrong:
            raise LedgerError(
                "the ledger's folder cannot be made",
                hint="choose another path",
                path=str(self.path),
            ) from wrong
        connection = sqlite3.connect(
            self.path, timeout=self._patience, isolation_level=None, check_same_thread=False
        )
        try:
            self._lay_out(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()
            raise
        self._connection, self._process = connection, os.getpid()
        return connection

    def _lay_out(self, connection: sqlite3.Connection) -> None:
        """Check the layout; make the tables of a new file, once, whoever comes first."""
        (layout,) = connection.execute("PRAGMA user_version").fetchone()
        if layout > LAYOUT:
            raise LedgerError(
                "the ledger was written by a newer version",
                hint="update the program",
                path=str(self.path),
                layout=layout,
            )
        if layout == LAYOUT:
            return
        connection.execute("BEGIN IMMEDIATE")
        (layout,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if layout == 0 and tables:
            raise LedgerError("the file is a database, but not a ledger", path=str(self.path))
        if layout == 0:
            for statement in TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {LAYOUT}")
        connection.execute("COMMIT")
        if layout == 0:
            self._write_ahead(connection)

    def _write_ahead(self, connection: sqlite3.Connection) -> None:
        """Let readers read beside a writer, once nobody else is in the file.

        SQLite does not wait for others here, so we do; a file that stays without is as durable.
        """
        until = time.monotonic() + self._patience
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as wrong:
                if not (getattr(wrong, "sqlite_errorname", None) or "").startswith("SQLITE_BUSY"):
                    raise
                if time.monotonic() > until:
                    return
                time.sleep(0.01)
            else:
                return

    @contextmanager
    def _transaction(self, kind: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """One transaction: everything in it is on disk when it ends, or nothing is."""
        with self._lock:
            connection: sqlite3.Connection | None = None
            try:
                connection = self._connect()
                connection.execute(f"BEGIN {kind}")
                yield connection
                connection.execute("COMMIT")
            except sqlite3.Error as wrong:
                raise self._explain(wrong) from None
            finally:
                if connection is not None and connection.in_transaction:
                    connection.execute("ROLLBACK")

    def _explain(self, wrong: sqlite3.Error) -> LedgerError:
        """SQLite's complaint in our words, without its text."""
        name = getattr(wrong, "sqlite_errorname", None) or type(wrong).__name__
        for code, (message, hint) in _COMPLAINTS.items():
            if name.startswith(code):
                return LedgerError(message, hint=hint, path=str(self.path), sqlite=name)
        return LedgerError("the ledger cannot be used", path=str(self.path), sqlite=name)

    def close(self) -> None:
        """Close this process's connection; the ledger opens again when used."""
        with self._lock:
            if self._connection is not None and self._process == os.getpid():
                self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
