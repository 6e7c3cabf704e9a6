"""Tables as a person hands them in: a path, a DataFrame, or a `SensitiveTable`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from understudy.source import SensitiveTable, from_frame, read_table


def as_table(data: Any, *, foreign: bool = False) -> SensitiveTable:
    """A sensitive table from a path, a DataFrame, or one itself.

    A file that a foreign program wrote may begin with a nameless column of row numbers.
    """
    if isinstance(data, SensitiveTable):
        return data
    if isinstance(data, str | Path):
        return read_table(data, row_numbers=foreign)
    return from_frame(data)
