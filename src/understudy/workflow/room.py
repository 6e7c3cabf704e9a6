"""Whether a release has room on the disk, asked before anything is spent."""

from __future__ import annotations

from pathlib import Path

from understudy.source.memory import require_disk

_BYTES_A_CELL, _REPORTS = 8, 4 << 20


def room_to_release(folder: str | Path, *, size: int, columns: int, rows: int | None) -> None:
    """Refuse a job whose release would not fit on the disk, before anything is spent.

    Parameters
    ----------
    folder
        Where the release will lie; its nearest existing parent is asked.
    size
        Bytes of the input file: the synthetic one is about as large.
    columns, rows
        Of the synthetic table; rows are None when they are not asked for.

    Raises
    ------
    OutputError
        With what is needed and what is free.
    """
    place = Path(folder).expanduser().resolve()
    while not place.exists():
        place = place.parent
    table = size if rows is None else rows * columns * _BYTES_A_CELL
    require_disk(int(1.2 * table) + _REPORTS, place)
