"""How a command ends: a clear line and the right exit code, never a traceback with data in it.

0 done; 2 to 7 and 70 as drawn in `understudy.errors`; 1 anything unexpected; 130 interrupted;
143 terminated.

What may not happen here: text of an exception we did not raise, for it can quote a cell.
"""

from __future__ import annotations

import errno
import functools
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer

from understudy.cli.console import complain
from understudy.errors import InputError, OutputError, UnderstudyError

DEBUG = "UNDERSTUDY_DEBUG"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM)."""


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command its ending: errors become a line on stderr and an exit code."""

    @functools.wraps(command)
    def run(*arguments: Any, **settings: Any) -> None:
        debugging = bool(os.environ.get(DEBUG))
        try:
            with warnings.catch_warnings(), _terminable():
                if not debugging:
                    warnings.simplefilter("ignore")
                command(*arguments, **settings)
                sys.stdout.flush()
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except BaseException as problem:
            if debugging and not isinstance(problem, SystemExit | KeyboardInterrupt):
                raise
            _end(problem)

    return run


def _end(problem: BaseException) -> NoReturn:
    """Say what happened and leave with its exit code."""
    match problem:
        case SystemExit():
            raise problem
        case UnderstudyError():
            _leave(problem.exit_code, _told(problem), problem.hint)
        case Terminated():
            _leave(143, *_interruption(problem, "terminated"))
        case KeyboardInterrupt():
            _leave(130, *_interruption(problem, "interrupted"))
        case BrokenPipeError():
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(141)
        case MemoryError():
            _leave(
                InputError.exit_code,
                "there is not enough memory for this",
                "use a machine with more, or fewer columns or rows",
            )
        case OSError() if problem.errno in _FULL:
            _leave(
                OutputError.exit_code,
                "the disk is full; nothing was left half-written",
                "free space, or choose a folder on another disk",
            )
        case OSError() if problem.filename is not None:
            why = os.strerror(problem.errno) if problem.errno else "refused by the system"
            _leave(InputError.exit_code, f"{problem.filename}: {why}", None)
    if type(problem).__module__.partition(".")[0].startswith("pydantic"):
        _leave(InputError.exit_code, _invalid(problem), None)
    _leave(
        1,
        f"unexpected {type(problem).__name__} at {_place(problem)}: a bug of ours",
        f"run with {DEBUG}=1 for the traceback (it can show data: do not send it on unread)",
    )


def _leave(code: int, message: str, hint: str | None) -> NoReturn:
    """Print and exit."""
    complain(message, hint)
    raise typer.Exit(code) from None


def _told(problem: UnderstudyError) -> str:
    """The message of one of our errors with its facts, without the hint."""
    facts = ", ".join(f"{name}={value!r}" for name, value in problem.facts.items())
    return f"{problem.message} ({facts})" if facts else problem.message


@contextmanager
def going_on(out: Path) -> Iterator[None]:
    """Say, when a command is interrupted, that its finished fits are kept."""
    try:
        yield
    except KeyboardInterrupt as stopped:
        stopped.add_note(f"finished fits are kept in {out}; the same command goes on there")
        raise


def _interruption(problem: BaseException, word: str) -> tuple[str, str | None]:
    """What an interruption left: a command may have said so in the exception's note."""
    told = getattr(problem, "__notes__", None)
    return f"{word}: {told[-1] if told else 'nothing was written'}", None


def _invalid(problem: BaseException) -> str:
    """Where a value was refused, without the value."""
    first = problem.errors(include_input=False, include_url=False)[0]  # type: ignore[attr-defined]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where or 'a value'} is not valid ({first['type']})"


def _place(problem: BaseException) -> str:
    """File and line of ours where an unexpected exception passed last."""
    place, trace = "an unknown place", problem.__traceback__
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename.replace("\\", "/")
        if "/understudy/" in path:
            place = f"{path.rpartition('/understudy/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, so that it cleans up behind itself."""

    def stop(_number: int, _frame: object) -> None:
        raise Terminated

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
