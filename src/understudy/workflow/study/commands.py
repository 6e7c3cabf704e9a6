"""Any other generator as a command: it reads a CSV file and writes one, within a time limit.

The command is another program with its own promises; the study gives it rows, an ε and a δ, and
measures what comes back. What may not happen here: a shell, or the program's output in a message,
for it may quote a row.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from understudy.errors import GeneratorError, InputError, UnderstudyError
from understudy.source import FileFormat, SensitiveTable, read_table, write_table
from understudy.workflow.study.cost import Cost

TOO_LONG = "took longer than its limit"
"""What marks a cell whose command was stopped."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Made:
    """Synthetic rows and what they cost."""

    table: pa.Table = field(repr=False)
    cost: Cost


def run_command(
    command: str,
    train: SensitiveTable,
    *,
    limit: float,
    beside: Path,
    epsilon: str,
    delta: float,
    seed: int,
    target: str | None,
) -> Made:
    """Run a generator once.

    Parameters
    ----------
    command
        With `{train}`, `{out}` and the like in braces; split like a shell's line, run by none.
    train
        Rows it may learn from; written to a temporary CSV.
    limit
        Seconds after which it and its children are killed.
    beside
        Folder it is run in: the study file's.
    epsilon, delta, seed, target
        Told to it; ε is `none` without privacy, the target is empty for none.

    Raises
    ------
    GeneratorError
        It failed, took too long, or left no table with a column of the data set.
    """
    with tempfile.TemporaryDirectory(prefix="understudy-study-") as folder:
        given, out = Path(folder) / "train.csv", Path(folder) / "synthetic.csv"
        write_table(train.rows, given, FileFormat(container="csv"))
        told = {
            "train": given, "out": out, "epsilon": epsilon, "delta": f"{delta:g}",
            "rows": train.rows.num_rows, "seed": seed, "target": target or "",
        }  # fmt: skip
        cost = _run(_spelled(command, told), limit, beside)
        if not out.is_file():
            raise GeneratorError("the command ended well and wrote no table")
        try:
            made = read_table(out).rows
        except UnderstudyError as problem:
            raise GeneratorError(
                "the command's table cannot be read", problem=type(problem).__name__
            ) from None
    shared = [name for name in train.column_names if name in made.column_names]
    if not shared or not made.num_rows:
        raise GeneratorError("the command's table has no row with a column of the data set")
    return Made(table=made.select(shared), cost=cost)


def _spelled(command: str, told: dict[str, object]) -> list[str]:
    """The command's words with what stands in braces filled in."""
    words = []
    for word in shlex.split(command):
        for name, value in told.items():
            word = word.replace("{" + name + "}", str(value))  # noqa: PLW2901 - one word, filled
        words.append(word)
    return words


def _run(words: list[str], limit: float, beside: Path) -> Cost:
    """Run a program in a group of its own; kill the group when the time is over."""
    began = time.perf_counter()
    try:
        child = subprocess.Popen(  # noqa: S603 - the study's author wrote the command
            words,
            cwd=beside,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as problem:
        raise InputError(f"the command cannot be run: {os.strerror(problem.errno or 0)}") from None
    over = threading.Event()

    def stop() -> None:
        over.set()
        _kill(child.pid)

    clock = threading.Timer(limit, stop)
    clock.daemon = True
    clock.start()
    try:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    except BaseException:
        _kill(child.pid)
        raise
    finally:
        clock.cancel()
    if over.is_set():
        raise GeneratorError(f"the command {TOO_LONG} of {limit:g} s")
    if child.returncode != 0:
        raise GeneratorError(f"the command ended with code {child.returncode}")
    return Cost(
        cpu=usage.ru_utime + usage.ru_stime,
        wall=time.perf_counter() - began,
        peak=usage.ru_maxrss / 1024,
    )


def _kill(group: int) -> None:
    """End a process group that may be gone."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
