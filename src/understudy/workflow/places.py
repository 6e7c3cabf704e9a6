"""Where the rows of a job lie: in memory or in a stream, decided before anything is asked.

One function per thing a job does with rows, so that the job itself need not know. What may not
happen here: a decision by what cells hold; only sizes of files and wishes of a person count.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

from understudy.curator import Curator, MemoryCurator, StreamCurator
from understudy.errors import InputError
from understudy.privacy.budget import Budget
from understudy.privacy.unit import Unit
from understudy.source import (
    SensitiveStream,
    SensitiveTable,
    as_stream,
    is_larger_than_memory,
    read_stream,
    read_table,
    split,
    split_stream,
)
from understudy.synthesize.protocol import Progress, silent
from understudy.workflow.tables import as_table

Place: TypeAlias = "SensitiveTable | SensitiveStream"
"""Rows of a job, wherever they lie, with the public facts around them."""

AT_ONCE = 1_000_000
"""Synthetic rows that are in memory together when the input is a stream."""


def is_streamed(path: str | Path, *, stream: bool | None = None) -> bool:
    """Whether a file will be read in batches: as a person wishes, else by its size."""
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
        The path of a file or a folder of Parquet files, a DataFrame, a `SensitiveTable` or a
        `SensitiveStream`.
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
    if isinstance(data, SensitiveStream):
        if stream is False:
            raise InputError("a stream cannot be read as a whole", hint="give the path of a file")
        return data
    if isinstance(data, str | Path):
        if is_streamed(data, stream=stream):
            return read_stream(data, delimiter=delimiter, encoding=encoding, progress=progress)
        return read_table(data, delimiter=delimiter, encoding=encoding)
    table = as_table(data)
    return as_stream(table) if stream else table


def divided(place: Place, share: float, unit: Unit) -> tuple[Place, Place | None]:
    """Training rows and, when wanted, a holdout; a coin for each unit."""
    if not share:
        return place, None
    if isinstance(place, SensitiveStream):
        return split_stream(place, share, unit.column)
    return split(place, share, unit.column)


def curator_over(place: Place, *, budget: Budget, unit: Unit) -> Curator:
    """The door in front of the rows."""
    if isinstance(place, SensitiveStream):
        return StreamCurator(place, budget=budget, unit=unit)
    return MemoryCurator(place, budget=budget, unit=unit)


def at_once(place: Place) -> int | None:
    """How many synthetic rows are held together; None: all of them."""
    return AT_ONCE if isinstance(place, SensitiveStream) else None


def size_on_disk(path: str | Path) -> int:
    """Bytes of a file, or of the files of a folder."""
    found = Path(path)
    files = [item for item in found.iterdir() if item.is_file()] if found.is_dir() else [found]
    return sum(item.stat().st_size for item in files)
