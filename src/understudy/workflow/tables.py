"""Tables as a person hands them in: a path, a DataFrame, or a `SensitiveTable`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from understudy.source import SensitiveTable, from_frame, read_table


def as_table(data: Any) -> SensitiveTable:
    """A sensitive table from a path, a DataFrame, or one itself."""
    if isinstance(data, SensitiveTable):
        return data
    return read_table(data) if isinstance(data, str | Path) else from_frame(data)
