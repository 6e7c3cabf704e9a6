"""Where the rows of a job lie: in memory or in a stream, decided before anything is asked.

One function per thing a job does with rows, so that the job itself need not know. What may not
happen here: a decision by what cells hold; only sizes of files and wishes of a person count.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from understudy.curator import Curator, DatabaseCurator, MemoryCurator, StreamCurator
from understudy.errors import InputError, InternalError
from understudy.privacy.budget import Budget
from understudy.privacy.unit import Unit
from understudy.source import (
    DatabaseTable,
    SensitiveStream,
    SensitiveTable,
    SnapshotStream,
    as_stream,
    is_address,
    is_expression,
    is_larger_than_memory,
    open_database,
    read_stream,
    read_table,
    split,
    split_stream,
)
from understudy.synthesize.protocol import Progress, silent
from understudy.workflow.tables import as_table

Place: TypeAlias = "SensitiveTable | SensitiveStream | DatabaseTable"
"""Rows of a job, wherever they lie, with the public facts around them."""

AT_ONCE = 1_000_000
"""Synthetic rows that are in memory together when the input is a stream."""


def is_streamed(path: str | Path, *, stream: bool | None = None) -> bool:
    """Whether a file will be read in batches: as a person wishes, else by its size."""
    if is_address(str(path)):
        return bool(stream)
    return is_larger_than_memory(path) if stream is None else stream


def as_place(
    data: Any,
    *,
    stream: bool | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    progress: Progress = silent,
) -> Place:
    """Rows from whatever a person hands in.

    Parameters
    ----------
    data
        The path of a file or a folder of Parquet files, the address of a table in a database, a
        DataFrame, an Ibis table, a Spark DataFrame, a `SensitiveTable` or a `SensitiveStream`.
    stream
        Read in batches (True), as a whole (False), or by the size of the file and the memory
        that is free (None).
    delimiter, encoding
        Of CSV text.
    progress
        Told a sentence and the fraction done while a stream is read through for the first time.

    Raises
    ------
    InputError, FormatError
        The rows cannot be read, or not in the way asked for.
    """
    if isinstance(data, SensitiveStream | DatabaseTable):
        if stream is False:
            raise InputError("a stream cannot be read as a whole", hint="give the path of a file")
        return data
    if is_expression(data) or (isinstance(data, str) and is_address(data)):
        if stream:
            raise InputError("a database is read in its own way", hint="leave `stream` out")
        return open_database(data)
    if isinstance(data, str | Path):
        if is_streamed(data, stream=stream):
            return read_stream(data, delimiter=delimiter, encoding=encoding, progress=progress)
        return read_table(data, delimiter=delimiter, encoding=encoding)
    table = as_table(data)
    return as_stream(table) if stream else table


def divided(
    place: Place, share: float, unit: Unit, *, without: Sequence[str] = ()
) -> tuple[Place, Place | None]:
    """Training rows and, when wanted, a holdout; a coin for each unit.

    Rows of a database are copied there as they are now, but for columns nobody asks for.
    """
    if isinstance(place, DatabaseTable):
        snapshot = place.snapshot(
            holdout=share, unit_column=unit.column, max_rows=unit.max_rows, without=without
        )
        return snapshot.learned_from(), snapshot.held_out() if share else None
    if not share:
        return place, None
    if isinstance(place, SensitiveStream):
        return split_stream(place, share, unit.column)
    return split(place, share, unit.column)


def curator_over(place: Place, *, budget: Budget, unit: Unit) -> Curator:
    """The door in front of the rows."""
    if isinstance(place, SnapshotStream):
        return DatabaseCurator(place.snapshot, budget=budget, unit=unit)
    if isinstance(place, SensitiveStream):
        return StreamCurator(place, budget=budget, unit=unit)
    if isinstance(place, DatabaseTable):
        raise InternalError("a table in a database is copied before it is asked")
    return MemoryCurator(place, budget=budget, unit=unit)


def at_once(place: Place) -> int | None:
    """How many synthetic rows are held together; None: all of them."""
    return None if isinstance(place, SensitiveTable) else AT_ONCE


def require_ready(place: Place, without: Sequence[str]) -> None:
    """Refuse columns of a database that cannot be handled and are not left out."""
    if isinstance(place, DatabaseTable):
        place.require_handled(without)


def leave(place: Place) -> None:
    """End what a job has opened: the session with a database."""
    if isinstance(place, DatabaseTable):
        place.close()


def asset_of(place: Place, source: str | Path | None = None) -> str:
    """What the rows are called in a ledger when a person gives no name."""
    if isinstance(place, DatabaseTable):
        return place.asset
    return place.name if source is None else str(Path(source).resolve())


def container_of(place: Place) -> str:
    """Where the rows come from, in a word or two."""
    if isinstance(place, DatabaseTable):
        return place.title
    told = place.format
    name = "Parquet" if told.container == "parquet" else "TSV" if told.delimiter == "\t" else "CSV"
    return f"{name}, {told.compression}" if told.compression else name


def size_on_disk(path: str | Path) -> int | None:
    """Bytes of a file, or of the files of a folder; None for an address."""
    if is_address(str(path)):
        return None
    found = Path(path)
    files = [item for item in found.iterdir() if item.is_file()] if found.is_dir() else [found]
    return sum(item.stat().st_size for item in files)
