"""The fixture of the trap tests: how a bug that is put back reaches the rows."""

from __future__ import annotations

from typing import Any

import pytest
from tests.traps.house import Leak

from understudy.curator import MemoryCurator


@pytest.fixture
def leak(monkeypatch: pytest.MonkeyPatch) -> Leak:
    """The rows of whatever curator was made last."""
    held = Leak()
    made = MemoryCurator.__init__

    def watch(self: MemoryCurator, *args: Any, **named: Any) -> None:
        made(self, *args, **named)
        held.table, held.curator = self._table, self

    monkeypatch.setattr(MemoryCurator, "__init__", watch)
    return held
