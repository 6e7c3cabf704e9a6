"""A grid of cells, each fitted, measured and kept by itself: frontiers and studies.

A finished cell is one line of a file that is only appended to, so an interruption costs what was
running and nothing else; a cell that fails is marked and the others go on. Cells are independent,
so any number of workers gives the same table. What may not happen here: knowing what is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from understudy.audit.keeping import append, resume, spread, told_time
from understudy.errors import UnderstudyError
from understudy.synthesize.protocol import Progress, silent

Cell = Mapping[str, Any]
Work = Callable[[Cell], Mapping[str, Any]]

LAYOUT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One cell and what came of it.

    Parameters
    ----------
    cell
        Its coordinates, such as synthesizer, ε and seed, in JSON's types.
    found
        What the work returned, in JSON's types; empty when it failed.
    failed
        Why it failed, in our words or as the name of the error; empty when it did not.
    seconds
        Wall-clock time.
    """

    cell: Cell
    found: Mapping[str, Any] = field(repr=False)
    failed: str = ""
    seconds: float = 0.0


def run_cells(
    cells: Sequence[Cell],
    work: Work,
    *,
    about: Mapping[str, Any],
    out: Path | None = None,
    workers: int = 1,
    progress: Progress = silent,
    what: str = "cells",
) -> tuple[Outcome, ...]:
    """Do the work of every cell that was not done before.

    Parameters
    ----------
    cells
        Coordinates, each once; their order is the order of the result.
    work
        Does one cell; importable, for it may run in another process. Errors end the cell only.
    about
        What the grid is about: a file that was begun for something else is refused.
    out
        File of finished cells; None keeps nothing. Failed cells of an earlier run are tried
        again.
    workers
        Cells at once, through joblib.
    progress
        Told how many are done and about how long the rest takes.
    what
        What cells are called in progress.

    Returns
    -------
    tuple
        One outcome for each cell.

    Raises
    ------
    InputError
        The file belongs to another grid.

    >>> done = run_cells([{"n": 2}, {"n": 3}], lambda cell: {"square": cell["n"] ** 2}, about={})
    >>> [one.found["square"] for one in done]
    [4, 9]
    """
    wanted = {_key(cell): cell for cell in cells}
    kept = {
        _key(line["cell"]): line
        for line in resume(out, {"layout": LAYOUT, **about}, private=True)
        if not line["failed"] and _key(line["cell"]) in wanted
    }
    left = [cell for key, cell in wanted.items() if key not in kept]
    lines = list(kept.values())
    progress(told_time(lines, len(wanted), workers, what), len(lines) / max(len(wanted), 1))
    for found in spread([(work, cell) for cell in left], _do, workers):
        append(out, found)
        lines += found
        progress(told_time(lines, len(wanted), workers, what), len(lines) / len(wanted))
    by_key = {_key(line["cell"]): line for line in lines}
    return tuple(_outcomes(by_key[key] for key in wanted))


def _outcomes(lines: Iterator[dict[str, Any]]) -> Iterator[Outcome]:
    """Lines of the file as values."""
    for line in lines:
        yield Outcome(
            cell=line["cell"], found=line["found"], failed=line["failed"], seconds=line["seconds"]
        )


def _do(work: Work, cell: Cell) -> list[dict[str, Any]]:
    """One cell, as a line for the file; an error becomes part of the line."""
    began = time.perf_counter()
    found: Mapping[str, Any] = {}
    failed = ""
    try:
        found = work(cell)
    except UnderstudyError as problem:
        failed = problem.message
    except Exception as problem:  # noqa: BLE001 - a cell may fail in any way, the grid goes on
        failed = type(problem).__name__
    seconds = time.perf_counter() - began
    return [{"cell": dict(cell), "found": dict(found), "failed": failed, "seconds": seconds}]


def _key(cell: Cell) -> tuple[tuple[str, str], ...]:
    """Coordinates that can be compared."""
    return tuple((name, repr(value)) for name, value in sorted(cell.items()))
