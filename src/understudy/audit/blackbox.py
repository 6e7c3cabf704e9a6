"""Black-box audit: the attacker sees synthetic rows and nothing else.

    table without or with the canary -> generator -> synthetic rows -> a few numbers about the canary
    which number, which direction, which threshold: chosen on a quarter of the runs
    mistakes on the others -> lower bounds

It audits whatever makes rows: ours, an object of another package, a command. What may not happen
here: a table that holds anybody.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from understudy.audit.claimed import ClaimedBudget, check_claim
from understudy.audit.generators import Generator, OurGenerator
from understudy.audit.keeping import Line, Progress, append, resume, spread, told_time
from understudy.audit.neighbours import NEIGHBOURS, Neighbours
from understudy.audit.results import CALIBRATION, CONFIDENCE, AuditResult, conclude
from understudy.errors import GeneratorError, InputError

Floats = npt.NDArray[np.float64]

ROWS = 1_000
"""Synthetic rows that are looked at; drawing more of them is post-processing."""

GIVE_UP = 5
"""Failures in a row after which an audit stops."""

_NEAR = 0.5


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What every run has in common."""

    generator: Generator
    neighbours: Neighbours
    epsilon: float
    delta: float
    rows: int


def audit_black_box(
    generator: Generator,
    neighbours: Neighbours | None = None,
    *,
    epsilon: float,
    delta: float = 1e-6,
    runs: int = 500,
    rows: int = ROWS,
    workers: int = 1,
    out: Path | None = None,
    progress: Progress | None = None,
    confidence: float = CONFIDENCE,
) -> AuditResult:
    """Audit a generator from its synthetic rows on one pair of neighbours.

    Parameters
    ----------
    generator
        What makes rows; `as_generator` makes one of nearly anything.
    neighbours
        The tables; by default `unseen`.
    epsilon, delta
        The claim; δ of 0 for pure differential privacy.
    runs
        Runs per table, at least 1.
    rows
        Synthetic rows drawn each time, at least 10.
    workers
        Runs at once, at least 1.
    out
        JSON-lines file; runs found there are not repeated.
    progress
        Told a sentence and the fraction done; after the first two runs, how long it will take.
    confidence
        Of all bounds together, in (0, 1).

    Returns
    -------
    AuditResult
        With `view` "black-box". Of a generator that is not ours no ρ is known, and its verdict
        rests on the bound that assumes nothing.

    Raises
    ------
    InputError
        The claim or a count is out of range, or `out` belongs to another audit.
    GeneratorError
        The first run failed, or several in a row; what was finished is kept.
    """
    check_claim(epsilon, delta or 1e-12)
    if min(runs, workers) < 1 or rows < 10 or not 0 < confidence < 1:
        raise InputError(
            "an audit needs runs and workers of 1 or more, 10 or more rows, and a confidence "
            "between 0 and 1",
            runs=runs,
            workers=workers,
            rows=rows,
            confidence=confidence,
        )
    pair = neighbours or NEIGHBOURS["unseen"]
    job = _Job(generator=generator, neighbours=pair, epsilon=epsilon, delta=delta, rows=rows)
    ours = isinstance(generator, OurGenerator)
    settings = generator.settings()
    lines = resume(
        out,
        {
            "view": "black-box",
            "synthesizer": generator.name,
            "settings": settings,
            "neighbours": pair.name,
            "epsilon": epsilon,
            "delta": delta,
            "rows": rows,
        },
    )
    begun = len(lines)
    tell, goal = progress or (lambda _text, _done: None), 2 * runs
    for batch in spread(_work(job, lines, runs), _batch, workers):
        append(out, batch)
        lines += batch
        _check_failures(lines[begun:], out)
        tell(told_time(lines, goal, workers, "runs"), min(len(lines) / goal, 1.0))
    worlds = [
        [line for line in lines if line["present"] == world][:runs] for world in (False, True)
    ]
    without, present, attacker = scores_of(*([line["seen"] for line in world] for world in worlds))
    return conclude(
        without,
        present,
        epsilon=epsilon,
        delta=delta,
        rho=ClaimedBudget(epsilon, delta).rho if ours else math.inf,
        confidence=confidence,
        facts={
            "view": "black-box",
            "synthesizer": generator.name,
            "settings": settings,
            "neighbours": pair.name,
            "attacker": attacker,
            "failed": sum(bool(line["failed"]) for world in worlds for line in world),
            "seconds": round(sum(line["seconds"] for world in worlds for line in world), 1),
        },
    )


def _work(job: _Job, lines: Sequence[Line], runs: int) -> list[tuple[_Job, bool, int, int]]:
    """Runs still missing, one by one, alternating; each with its own seed."""
    done = [sum(line["present"] == world for line in lines) for world in (False, True)]
    size = max(1, min(25, runs // 50)) if isinstance(job.generator, OurGenerator) else 1
    starts = [
        (start, world) for world in (False, True) for start in (range(done[world], runs, size))
    ]
    return [(job, world, start, min(size, runs - start)) for start, world in sorted(starts)]


def _batch(job: _Job, present: bool, start: int, size: int) -> list[Line]:  # noqa: FBT001
    """Some runs on one of the two tables, and what was seen of the canary in each."""
    table = job.neighbours.frames[int(present)]
    lines: list[Line] = []
    for place in range(start, start + size):
        began, failed = time.perf_counter(), ""
        seen = [0.0] * len(FEATURES)
        try:
            drawn = job.generator.make(
                table,
                job.neighbours.schema,
                epsilon=job.epsilon,
                delta=job.delta,
                rows=job.rows,
                seed=2 * place + int(present) + 1,
            )
            seen = look(drawn, job.neighbours)
        except GeneratorError as failure:
            failed = str(failure)
            seen[-1] = 1.0
        lines.append(
            {
                "present": present,
                "seen": seen,
                "failed": failed,
                "seconds": round(time.perf_counter() - began, 5),
            }
        )
    return lines


def _check_failures(lines: Sequence[Line], out: Path | None) -> None:
    """Stop once nothing works any more; a run that fails now and then is an observation."""
    last = lines[-GIVE_UP:]
    alone = len(lines) <= 2 and any(line["failed"] for line in lines)
    if not alone and (len(last) < GIVE_UP or not all(line["failed"] for line in last)):
        return
    finished = sum(not line["failed"] for line in lines)
    if out is not None:
        _forget(out, lines)
    raise GeneratorError(
        "the first run failed" if alone else f"the last {GIVE_UP} runs failed",
        hint="mend it and run again: finished runs are kept" if out else "mend it and run again",
        finished=finished,
        failure=last[-1]["failed"] or last[0]["failed"],
    )


def _forget(out: Path, lines: Sequence[Line]) -> None:
    """Take the failures that stopped an audit out of its file: they say nothing of the canary."""
    from understudy.audit.keeping import write_whole

    gone = 0
    for line in reversed(lines):
        if not line["failed"]:
            break
        gone += 1
    text = out.read_text(encoding="utf-8").splitlines(keepends=True)
    write_whole(out, "".join(text[: len(text) - gone]))


FEATURES = (
    "rows equal to the canary",
    "rows equal in the first two columns",
    "rows equal in the last two columns",
    "rows equal in the first and the last column",
    "cells of the first column equal to the canary's",
    "cells of the second column equal to the canary's",
    "cells of the last column equal to the canary's",
    "columns in which the nearest row agrees",
    "synthetic rows",
    "the run failed",
)
"""What is looked at in synthetic rows, in order; shares of the rows but for the last three."""


def look(drawn: pa.Table, pair: Neighbours) -> list[float]:
    """What synthetic rows show of the canary.

    Parameters
    ----------
    drawn
        Synthetic rows; a column may have become text or floating point.
    pair
        Its canary.

    Returns
    -------
    list of float
        One number for each of `FEATURES`.

    Raises
    ------
    GeneratorError
        A column is missing.

    >>> pair = NEIGHBOURS["few"]
    >>> look(pair.frames[1], pair)[0]
    0.4
    """
    names = pair.frames[0].column_names
    missing = [name for name in names if name not in drawn.column_names]
    if missing:
        raise GeneratorError("synthetic rows lack a column", missing=tuple(missing))
    same = [
        _equal(drawn.column(name), value) for name, value in zip(names, pair.canary, strict=True)
    ]
    first, second, last = same[0], same[min(1, len(same) - 1)], same[-1]
    rows = max(drawn.num_rows, 1)
    agree = np.sum(same, axis=0)
    together = np.logical_and
    counts = [
        np.logical_and.reduce(same),
        together(first, second),
        together(second, last),
        together(first, last),
        first,
        second,
        last,
    ]
    shares = [float(flags.sum()) / rows for flags in counts]
    return [*shares, float(agree.max(initial=0)), float(drawn.num_rows), 0.0]


def _equal(cells: pa.ChunkedArray, value: Any) -> npt.NDArray[np.bool_]:
    """Which cells hold the canary's value; numbers up to a half."""
    told = cells.to_pylist()
    if isinstance(value, str):
        return np.array([cell is not None and str(cell) == value for cell in told], dtype=bool)
    return np.array([abs(_number(cell) - value) < _NEAR for cell in told], dtype=bool)


def _number(cell: Any) -> float:
    """A cell as a number; infinitely far when it is none."""
    try:
        value = float(cell)
    except (TypeError, ValueError):
        return math.inf
    return value if math.isfinite(value) else math.inf


def scores_of(
    without: Sequence[Sequence[float]], present: Sequence[Sequence[float]]
) -> tuple[Floats, Floats, str]:
    """One score per run: the feature that tells the two tables apart best on the first quarter.

    Returns
    -------
    tuple
        Scores without and with the canary, of which larger ones speak for it, and the feature.
    """
    even = min(len(without), len(present))
    cut = int(np.ceil(CALIBRATION * even))
    a, b = np.array(without, dtype=float), np.array(present, dtype=float)
    if not even:
        return np.zeros(len(without)), np.zeros(len(present)), "none"
    areas = np.array([_area(a[:cut, place], b[:cut, place]) for place in range(a.shape[1])])
    best = int(np.argmax(np.abs(areas - 0.5)))
    sign = 1.0 if areas[best] >= 0.5 else -1.0
    told = FEATURES[best] if best < len(FEATURES) else str(best)
    return sign * a[:, best], sign * b[:, best], told if sign > 0 else f"fewer: {told}"


def _area(without: Floats, present: Floats) -> float:
    """Probability that a run with the canary has the larger number; ties count half."""
    larger = (present[:, None] > without[None, :]).mean()
    return float(larger + 0.5 * (present[:, None] == without[None, :]).mean())
