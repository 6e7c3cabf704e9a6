"""Rows of finished runs, one JSON object a line, so that an interrupted benchmark goes on."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Row = dict[str, Any]


@dataclass(kw_only=True, slots=True)
class Log:
    """A file of rows and what tells them apart; a later row of the same key replaces an earlier."""

    path: Path
    keys: Sequence[str]
    rows: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.path.exists():
            kept: dict[tuple[Any, ...], Row] = {}
            for line in self.path.read_text().splitlines():
                row = json.loads(line)
                kept[self.key(row)] = row
            self.rows = list(kept.values())

    def key(self, row: Row) -> tuple[Any, ...]:
        """What tells a row from the others."""
        return tuple(row.get(name) for name in self.keys)

    def holds(self, row: Row) -> bool:
        """Whether that run is in the file."""
        return self.key(row) in {self.key(one) for one in self.rows}

    def note(self, row: Row) -> None:
        """Append a row, and show it."""
        self.rows = [one for one in self.rows if self.key(one) != self.key(row)] + [row]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as lines:
            lines.write(json.dumps(row) + "\n")
        shown = {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in row.items()
            if " " not in name and not isinstance(value, list | dict)
        }
        sys.stderr.write(f"{shown}\n")
