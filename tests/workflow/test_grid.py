"""A grid of cells: resumed, spread over workers, marked where a cell fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from understudy.errors import InputError
from understudy.workflow.grid import run_cells

CELLS = [{"name": name, "n": n} for name in "ab" for n in range(4)]


def squared(cell: Mapping[str, Any]) -> dict[str, Any]:
    return {"square": cell["n"] ** 2}


def failing(cell: Mapping[str, Any]) -> dict[str, Any]:
    if cell["n"] == 2:
        raise RuntimeError("the value of somebody")
    if cell["n"] == 3:
        raise InputError("too few rows", hint="give more")
    return squared(cell)


def test_two_workers_give_the_table_of_one() -> None:
    one = run_cells(CELLS, squared, about={})
    two = run_cells(CELLS, squared, about={}, workers=2)
    assert [(a.cell, a.found) for a in one] == [(b.cell, b.found) for b in two]
    assert [a.cell for a in one] == CELLS


def test_a_cell_that_fails_is_marked_and_tried_again(tmp_path: Path) -> None:
    out = tmp_path / "cells.jsonl"
    first = run_cells(CELLS, failing, about={}, out=out)
    assert [one.failed for one in first] == ["", "", "RuntimeError", "too few rows"] * 2
    assert "somebody" not in out.read_text()
    again = run_cells(CELLS, squared, about={}, out=out)
    assert [one.found["square"] for one in again] == [0, 1, 4, 9] * 2


def test_finished_cells_are_not_done_again(tmp_path: Path) -> None:
    out = tmp_path / "cells.jsonl"
    run_cells(CELLS[:3], squared, about={"study": 1}, out=out)
    asked: list[Any] = []

    def watched(cell: Mapping[str, Any]) -> dict[str, Any]:
        asked.append(dict(cell))
        return squared(cell)

    found = run_cells(CELLS, watched, about={"study": 1}, out=out)
    assert asked == CELLS[3:]
    assert [one.found["square"] for one in found] == [0, 1, 4, 9] * 2


def test_another_grid_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "cells.jsonl"
    run_cells(CELLS, squared, about={"study": 1}, out=out)
    with pytest.raises(InputError):
        run_cells(CELLS, squared, about={"study": 2}, out=out)


def test_a_killed_run_loses_one_cell_at_most(tmp_path: Path) -> None:
    out = tmp_path / "cells.jsonl"
    program = textwrap.dedent(f"""
        import os, signal
        from pathlib import Path
        from understudy.workflow.grid import run_cells
        def work(cell):
            if cell["n"] == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            return {{"square": cell["n"] ** 2}}
        run_cells([{{"n": n}} for n in range(5)], work, about={{}}, out=Path({str(out)!r}))
    """)
    killed = subprocess.run([sys.executable, "-c", program], check=False, env=os.environ)
    assert killed.returncode == -signal.SIGKILL
    done = [json.loads(line)["cell"]["n"] for line in out.read_text().splitlines()[1:]]
    assert done == [0, 1, 2]
    with out.open("a") as file:
        file.write('{"cell": {"n": 3}, "fo')  # a line that the kill cut short
    found = run_cells([{"n": n} for n in range(5)], squared, about={}, out=out)
    assert [one.found["square"] for one in found] == [0, 1, 4, 9, 16]
