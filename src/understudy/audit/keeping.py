"""Scores on disk, and many fits at once: what makes long work interruptible and spread out.

One file of JSON lines: a heading that says what was run, then one line per fit. Lines are only
ever appended, and a line that a kill cut short is dropped when the work goes on.
What may not happen here: a fit, a bound, or a score that is changed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from understudy.errors import InputError, OutputError

LAYOUT = 2
"""Of the files; scores of another layout are refused."""

_ROUND, _PILOT = 4, 2

Line = dict[str, Any]
Progress = Callable[[str, float], None]


def resume(
    out: Path | None, heading: dict[str, Any], *, private: bool = False, what: str = "audit"
) -> list[Line]:
    """Fits that an earlier run of the same left; the file is begun when there is none.

    Parameters
    ----------
    out
        The file; None keeps nothing.
    heading
        What is audited, as JSON: a file of anything else is refused.
    private
        Whether the file is its owner's only, for figures of real rows.
    what
        What is kept in the file, for messages.

    Raises
    ------
    InputError
        The file holds scores of another run, or is none of ours.
    OutputError
        It cannot be read or written.
    """
    if out is None:
        return []
    heading = json.loads(json.dumps({"layout": LAYOUT, **heading}))
    try:
        text = out.read_text(encoding="utf-8") if out.exists() else ""
        if not text:
            out.parent.mkdir(parents=True, exist_ok=True)
            write_whole(out, json.dumps(heading) + "\n", private=private)
            return []
    except OSError as problem:
        raise OutputError(f"{out} cannot be used: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"not a file of {what} scores", path=str(out)) from None
    whole = text[: text.rfind("\n") + 1]
    try:
        first, *lines = [json.loads(line) for line in whole.splitlines()]
    except ValueError as wrong:
        raise InputError(f"not a file of {what} scores", path=str(out)) from wrong
    if first != heading:
        raise InputError(
            f"these scores belong to another {what}",
            hint="name another place, or take this one away",
            path=str(out),
            differs=tuple(
                name
                for name in heading
                if not isinstance(first, dict) or first.get(name) != heading[name]
            ),
        )
    if whole != text:
        write_whole(out, whole, private=private)
    return lines


def append(out: Path | None, lines: Sequence[Line]) -> None:
    """Keep finished fits, at once."""
    if out is None:
        return
    try:
        with out.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(line) + "\n" for line in lines))
    except OSError as problem:
        raise OutputError(f"{out} cannot be written: {problem.strerror}") from None


def write_whole(path: Path, text: str, *, private: bool = False) -> None:
    """Write a whole file or nothing; a private one nobody but its owner ever reads."""
    fresh = path.with_suffix(path.suffix + ".part")
    fresh.unlink(missing_ok=True)
    place = os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600 if private else 0o666)
    with os.fdopen(place, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(fresh, path)  # noqa: PTH105  atomic on every system


def spread(
    work: Sequence[tuple[Any, ...]], run: Callable[..., list[Line]], workers: int
) -> Iterator[list[Line]]:
    """Run pieces of work through joblib and yield what each returns, a few rounds at a time.

    Parameters
    ----------
    work
        Arguments of each piece.
    run
        Called with them; importable, for it may run in another process or on another machine.
    workers
        How many at once. The first two pieces run alone, and show how long the others take. With 1 nothing but this process is used. The backend is joblib's own
        choice: processes of this machine, or what `joblib.parallel_config` names (Dask, Ray).
    """
    alone = len(work) if workers == 1 else min(_PILOT, len(work))
    for item in work[:alone]:
        yield run(*item)
    if alone == len(work):
        return
    from joblib import Parallel, delayed

    step = _ROUND * workers
    with Parallel(n_jobs=workers) as pool:
        for start in range(alone, len(work), step):
            yield from pool(delayed(run)(*item) for item in work[start : start + step])


def told_time(lines: Sequence[Line], goal: int, workers: int, what: str) -> str:
    """How far an audit is, and about how long the rest takes by what was measured so far.

    >>> told_time([{"seconds": 2.0}], 61, 2, "fits")
    '1 of 61 fits, about 1 min left'
    """
    done, left = len(lines), max(goal - len(lines), 0)
    if not done or not left:
        return f"{done} of {goal} {what}"
    seconds = sum(line["seconds"] for line in lines) / done * left / workers
    spelled = f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.0f} min"
    return f"{done} of {goal} {what}, about {spelled} left"
