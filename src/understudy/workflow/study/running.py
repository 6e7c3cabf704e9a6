"""A study from its file to its results: cells done, what they found as one tidy table.

Finished cells lie in the folder, one line each: an interruption costs the cells that were
running. What may not happen here: a figure computed on real rows that is not called internal.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from understudy import __version__
from understudy.errors import InputError, OutputError
from understudy.evaluate.task.rankings import ranking_agreement
from understudy.release.study import Row, StudyAbout, StudyResults
from understudy.schema.nodes import read_text
from understudy.synthesize.protocol import Progress, silent
from understudy.workflow.grid import LAYOUT, Outcome, run_cells
from understudy.workflow.study.cells import REAL, cells_of, read_epsilon
from understudy.workflow.study.commands import TOO_LONG
from understudy.workflow.study.plan import StudyPlan
from understudy.workflow.study.reading import loads_study
from understudy.workflow.study.tables import described, missing_file
from understudy.workflow.study.working import Work

CELLS, RESULTS, REPORT, LOCK = "cells.jsonl", "results.parquet", "report.html", ".lock"
_ABOUT = {"study": 1}
HEADLINES = ("auc", "r2")
"""The score by which models are ranked."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study that was read and can be run.

    Parameters
    ----------
    plan
        What its file declares; data sets that are not there are left out.
    text
        The file.
    files, beside
        Folder of data, and folder of the study file.
    absent
        Data sets that are not there, and why.

    >>> study = Study.loads('''
    ... understudy_study: 1
    ... title: Nothing but columns
    ... datasets: {marriages: {sample: fair}}
    ... synthesizers: {independent: }
    ... seeds: 1
    ... evaluation: {workload: [1], pmse_rows: 0}
    ... ''')
    >>> len(study.cells)
    2
    """

    plan: StudyPlan
    text: str = field(repr=False)
    files: Path
    beside: Path
    absent: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(
        cls, path: str | Path, *, data: str | Path | None = None, only: Sequence[str] = ()
    ) -> Self:
        """Read a study file.

        Parameters
        ----------
        path
            The YAML file.
        data
            Folder that relative paths of data sets begin in; by default the file's own.
        only
            Names of generators and learners to keep; all by default.

        Raises
        ------
        SchemaError
            Naming file, line, field, and what is allowed.
        InputError
            None of the data sets is there.
        """
        file = Path(path).expanduser().resolve()
        return cls.loads(
            read_text(file, "study"), origin=file.name, data=data, beside=file.parent, only=only
        )

    @classmethod
    def loads(
        cls,
        text: str,
        *,
        origin: str = "study",
        data: str | Path | None = None,
        beside: str | Path = ".",
        only: Sequence[str] = (),
    ) -> Self:
        """Read a study from text; parameters as of `read`."""
        plan = loads_study(text, origin=origin, only=only)
        near = Path(beside).expanduser().resolve()
        files = near if data is None else Path(data).expanduser().resolve()
        why = {one.name: missing_file(one, files) for one in plan.datasets}
        absent = tuple((name, told) for name, told in why.items() if told is not None)
        there = tuple(one for one in plan.datasets if why[one.name] is None)
        if not there:
            raise InputError(
                f"none of the study's data sets is there: {absent[0][1]}",
                hint="name the folder that holds them with --data",
            )
        return cls(
            plan=plan.model_copy(update={"datasets": there}),
            text=text, files=files, beside=near, absent=absent,
        )  # fmt: skip

    @property
    def cells(self) -> list[dict[str, Any]]:
        """Every cell, in the order in which they are done."""
        return cells_of(self.plan)

    def run(
        self,
        out: str | Path | None = None,
        *,
        workers: int = 1,
        progress: Progress = silent,
    ) -> StudyResults:
        """Do every cell that was not done before, and gather what was found.

        Parameters
        ----------
        out
            Folder of finished cells, results and report; None keeps nothing.
        workers
            Cells at once, through joblib (processes; Dask or Ray by `joblib.parallel_config`).
        progress
            Told how many cells are done, and about how long the rest takes.

        Returns
        -------
        StudyResults
            Internal: computed on real rows.

        Raises
        ------
        InputError
            The folder belongs to another program, or another study is running in it.
        OutputError
            The disk is full or read-only; finished cells are kept.

        Guarantees
        ----------
        None for the figures. Each fit alone keeps to its (ε, δ), all together to the sums.
        """
        from understudy.workflow.study.tables import load_rows

        if workers < 1:
            raise InputError("give 1 worker or more", workers=workers)
        for data in self.plan.datasets:
            load_rows(data, files=self.files, beside=self.beside)
        folder = None if out is None else Path(out).expanduser().resolve()
        with _alone(folder):
            return self._run(folder, workers, progress)

    def _run(self, folder: Path | None, workers: int, progress: Progress) -> StudyResults:
        """`run` in a folder that nobody else works in."""
        try:
            outcomes = run_cells(
                self.cells,
                Work(plan=self.plan, files=self.files, beside=self.beside),
                about=_ABOUT,
                out=None if folder is None else folder / CELLS,
                workers=workers,
                progress=progress,
                what="cells",
                alike=lambda cell: (cell["dataset"], cell["method"], bool(cell["fold"])),
            )
            results = self.results_of(outcomes)
            if folder is not None:
                save_results(results, folder)
        except OutputError as problem:
            problem.hint = problem.hint or _going_on(folder)
            raise
        except OSError as problem:
            told = os.strerror(problem.errno or 0)
            raise OutputError(
                f"results cannot be written: {told}", hint=_going_on(folder)
            ) from None
        return results

    def finished(self, out: str | Path) -> int:
        """How many of the study's cells an earlier run finished."""
        done = self._lines(out)
        return sum(
            (line := done.get(_key(cell))) is not None and not line["failed"] for cell in self.cells
        )

    def gathered(self, out: str | Path) -> StudyResults:
        """Results of the cells that are finished so far; the others are told as missing."""
        done = self._lines(out)
        if not done:
            raise InputError(f"there is no finished cell in {out}", hint="run the study first")
        outcomes = []
        for cell in self.cells:
            line = done.get(_key(cell))
            outcomes.append(
                Outcome(cell=cell, found={}, failed=MISSING) if line is None else
                Outcome(cell=cell, found=line["found"], failed=line["failed"],
                        seconds=line["seconds"])
            )  # fmt: skip
        return self.results_of(outcomes)

    def _lines(self, out: str | Path) -> dict[Any, Any]:
        """Lines of cells by their coordinates; the file is left alone, for a study may be running."""
        place = Path(out).expanduser().resolve() / CELLS
        if not place.is_file():
            return {}
        whole = place.read_text("utf-8").rpartition("\n")[0]
        try:
            first, *lines = [json.loads(line) for line in whole.splitlines()]
        except ValueError:
            first = None
        if first != {"layout": LAYOUT, **_ABOUT}:
            raise InputError(f"{place} holds no cells of a study", hint="name another folder")
        return {_key(line["cell"]): line for line in lines}

    def results_of(self, outcomes: Sequence[Outcome]) -> StudyResults:
        """Outcomes of cells as results."""
        plan = self.plan
        about = StudyAbout(
            title=plan.title,
            about=plan.about,
            plan=self.text,
            datasets=tuple(one.name for one in plan.datasets),
            synthesizers=tuple(one.name for one in plan.synthesizers),
            learners=tuple(one.name for one in plan.learners),
            epsilons=plan.epsilons,
            delta=plan.delta,
            seeds=plan.seeds,
            folds=plan.folds,
            repeats=plan.repeats,
            version=__version__,
            created=dt.datetime.now(dt.UTC).date().isoformat(),
            machine=machine(),
            absent=self.absent,
            tables=tuple(
                described(one, holdout=plan.holdout, files=self.files, beside=self.beside)
                for one in plan.datasets
            ),
            seconds=sum(one.seconds for one in outcomes),
        )
        return StudyResults.of(about, _rows(outcomes))


MISSING = "not done yet"


@contextmanager
def _alone(folder: Path | None) -> Iterator[None]:
    """Refuse a folder that another study is running in; the system forgets a lock at the end."""
    if folder is None:
        yield
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (folder / LOCK).open("w", encoding="utf-8")
    except OSError as problem:
        raise OutputError(f"{folder} cannot be used: {problem.strerror}") from None
    with file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass
        except OSError:
            raise InputError(
                f"a study is running in {folder}", hint="wait for it, or name another folder"
            ) from None
        yield


def _going_on(folder: Path | None) -> str:
    """What to do when the disk is full."""
    return f"finished cells are kept in {folder}; make room, and the same command goes on"


def save_results(results: StudyResults, folder: Path) -> None:
    """Write `results.parquet` and `report.html`, readable by the owner only."""
    from understudy.audit.keeping import write_whole
    from understudy.report import render_study

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = folder / (RESULTS + ".part")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "wb") as file:
        file.write(results.to_bytes())
    fresh.replace(folder / RESULTS)
    write_whole(folder / REPORT, render_study(results), private=True)


def _key(cell: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Coordinates that can be compared."""
    return tuple((name, repr(value)) for name, value in sorted(cell.items()))


def _rows(outcomes: Sequence[Outcome]) -> Iterator[Row]:
    """Figures of every cell, and rankings of cells beside real rows of the same split."""
    real = {
        (one.cell["dataset"], one.cell["seed"], one.cell["fold"]): _headline(one, "trtr")
        for one in outcomes
        if one.cell["kind"] == REAL
    }
    for one in outcomes:
        cell = one.cell
        place = {
            "dataset": cell["dataset"],
            "kind": cell["kind"],
            "method": cell["method"],
            "epsilon": read_epsilon(cell["epsilon"]),
            "seed": cell["seed"],
            "fold": cell["fold"],
        }
        if one.failed:
            yield {**place, "status": _status(one.failed), "reason": one.failed, "figure": "",
                   "setting": "", "model": "", "value": None, "low": None, "high": None}  # fmt: skip
            continue
        reason = "; ".join(one.found["reasons"])
        for found in one.found["figures"]:
            yield {**place, "status": "done", "reason": reason, **found}
        if cell["kind"] != "synthesizer":
            continue
        truth = real.get((cell["dataset"], cell["seed"], cell["fold"]), {})
        for setting in ("tsts", "tstr"):
            value = _agreement(truth, _headline(one, setting))
            if value is not None:
                yield {**place, "status": "done", "reason": reason, "figure": "sra",
                       "setting": setting, "model": "", "value": value, "low": None,
                       "high": None}  # fmt: skip


def _status(failed: str) -> str:
    """The word for a cell that has no figures."""
    if failed == MISSING:
        return "missing"
    return "timed out" if TOO_LONG in failed else "failed"


def _headline(one: Outcome, setting: str) -> dict[str, float]:
    """The ranking score of every model in a setting."""
    return {
        found["model"]: found["value"]
        for found in one.found.get("figures", ())
        if found["setting"] == setting and found["figure"] in HEADLINES
        and found["value"] is not None
    }  # fmt: skip


def _agreement(real: Mapping[str, float], other: Mapping[str, float]) -> float | None:
    """Synthetic ranking agreement over the models both have."""
    names = [name for name in real if name in other]
    if len(names) < 2:
        return None
    value = ranking_agreement(
        np.array([real[name] for name in names]), np.array([other[name] for name in names])
    )
    return float(value) if math.isfinite(float(value)) else None


def machine() -> str:
    """The machine in a few words: processor, cores, memory, system, Python."""
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        held = f", {memory:.0f} GiB"
    except (OSError, ValueError):
        held = ""
    return (
        f"{name}, {os.cpu_count()} cores{held}, {platform.system()}, "
        f"Python {platform.python_version()}"
    )
