"""A grid of cells, each fitted, measured and kept by itself: frontiers and studies.

A finished cell is one line of a file that is only appended to, so an interruption costs what was
running and nothing else; a cell that fails is marked and the others go on. Cells are independent,
so any number of workers gives the same table. What may not happen here: knowing what is measured.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from understudy.audit.keeping import append, resume
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
    alike: Callable[[Cell], object] | None = None,
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
    alike
        Cells that take about as long; the estimate is of the seconds of their like.

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
    waiting = dict(wanted)

    def tell() -> None:
        for line in lines:
            waiting.pop(_key(line["cell"]), None)
        done = len(lines) / max(len(wanted), 1)
        progress(_told(lines, list(waiting.values()), workers, what, alike), done)

    tell()
    for found in _as_they_end(work, left, workers):
        append(out, found)
        lines += found
        tell()
    by_key = {_key(line["cell"]): line for line in lines}
    return tuple(_outcomes(by_key[key] for key in wanted))


def _as_they_end(work: Work, cells: Sequence[Cell], workers: int) -> Iterator[list[dict[str, Any]]]:
    """What each cell returns, as soon as it does, so that no finished cell waits to be kept.

    A backend of joblib that cannot hand over single results (Ray's) hands over a few at a time.
    """
    if workers == 1 or len(cells) < 2:
        for cell in cells:
            yield _do(work, cell)
        return
    from joblib import Parallel, delayed

    try:
        pool = Parallel(n_jobs=workers, return_as="generator_unordered", pre_dispatch=workers)
    except ValueError:
        for start in range(0, len(cells), workers):
            yield from Parallel(n_jobs=workers)(
                delayed(_do)(work, cell) for cell in cells[start : start + workers]
            )
        return
    yield from pool(delayed(_do)(work, cell) for cell in cells)


def _told(
    lines: Sequence[Mapping[str, Any]],
    left: Sequence[Cell],
    workers: int,
    what: str,
    alike: Callable[[Cell], object] | None,
) -> str:
    """How far a grid is, and how long the rest takes by what cells of the same sort took.

    >>> done = [{"cell": {"n": 1}, "seconds": 60.0}, {"cell": {"n": 9}, "seconds": 2.0}]
    >>> _told(done, [{"n": 1}, {"n": 1}], 1, "fits", lambda cell: cell["n"])
    '2 of 4 fits, about 2 min left'
    """
    said = f"{len(lines)} of {len(lines) + len(left)} {what}"
    if not lines or not left:
        return said
    took: dict[object, list[float]] = defaultdict(list)
    for line in lines:
        took[alike(line["cell"]) if alike else None].append(line["seconds"])
    usual = sum(line["seconds"] for line in lines) / len(lines)
    seconds = 0.0
    for cell in left:
        known = took.get(alike(cell) if alike else None)
        seconds += sum(known) / len(known) if known else usual
    seconds /= workers
    if seconds < 60:
        return f"{said}, about {seconds:.0f} s left"
    if seconds < 5_400:
        return f"{said}, about {seconds / 60:.0f} min left"
    return f"{said}, about {seconds / 3_600:.1f} h left"


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
