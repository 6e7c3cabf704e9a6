"""What people see: plain words, aligned tables, progress; the only module that imports rich.

Results go to stdout, progress and complaints to stderr. What may not happen here: markup or
control characters taken from a file's names.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 110
"""Width of lines where there is no terminal to ask."""


def _console(stream: TextIO) -> Console:
    """A console without markup, emoji or highlighting; without a terminal, of a fixed width."""
    from rich.console import Console

    wide = None if stream.isatty() or "COLUMNS" in os.environ else WIDTH
    return Console(file=stream, markup=False, emoji=False, highlight=False, width=wide)


def shown(name: object) -> str:
    """A name for a terminal: control characters spelled out."""
    text = str(name)
    return text if text.isprintable() else ascii(text)[1:-1]


def say(text: str = "", *, style: str = "") -> None:
    """Print a line to stdout, wrapped at words."""
    _console(sys.stdout).print(text, style=style)


def head(text: str) -> None:
    """Print a heading with an empty line before it."""
    say()
    say(text, style="bold")


def facts(pairs: Iterable[tuple[str, str]]) -> None:
    """Print names and texts in two columns; an empty name continues the one above."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text in pairs:
        grid.add_row(name, text)
    _console(sys.stdout).print(grid)


def table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()
) -> None:
    """Print a table; `right` lists the columns that hold numbers."""
    from rich import box
    from rich.table import Table

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    for place, name in enumerate(heads):
        drawn.add_column(
            name, justify="right" if place in right else "left", overflow="fold",
            no_wrap=place in right,
        )  # fmt: skip
    for row in rows:
        drawn.add_row(*row)
    _console(sys.stdout).print(drawn)


def complain(message: str, hint: str | None = None) -> None:
    """Print an error to stderr, and under it what to do."""
    console = _console(sys.stderr)
    console.print(f"error: {shown(message)}", style="red", soft_wrap=True)
    if hint:
        console.print(f"       {shown(hint)}", soft_wrap=True)


def remark(text: str) -> None:
    """Print a remark to stderr."""
    _console(sys.stderr).print(f"note: {shown(text)}", style="yellow", soft_wrap=True)


def is_interactive() -> bool:
    """Whether a person sits at both ends."""
    return sys.stdin.isatty() and sys.stderr.isatty() and sys.stdout.isatty()


@contextmanager
def progress_bar(*, quiet: bool = False) -> Iterator[Callable[[str, float], None]]:
    """Show progress on stderr: a live bar on a terminal, plain lines elsewhere.

    Yields
    ------
    A function that is told a sentence and the fraction done.
    """
    if quiet:
        yield lambda _text, _done: None
    elif sys.stderr.isatty():
        with _live() as tell:
            yield tell
    else:
        yield _lines()


@contextmanager
def _live() -> Iterator[Callable[[str, float], None]]:
    """A bar that is redrawn in place and gone afterwards."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        BarColumn(bar_width=28),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=_console(sys.stderr), transient=True) as bar:
        task = bar.add_task("starting", total=1.0)
        yield lambda text, done: bar.update(task, description=text, completed=done)


def _lines() -> Callable[[str, float], None]:
    """A line for every new sentence."""
    started, last = time.perf_counter(), ""

    def tell(text: str, done: float) -> None:
        nonlocal last
        if text != last:
            last = text
            seconds = time.perf_counter() - started
            print(f"{100 * done:3.0f} %  {seconds:6.1f} s  {text}", file=sys.stderr, flush=True)  # noqa: T201 - a log line

    return tell


def percent(low: float, high: float | None = None) -> str:
    """A share, or a range of shares, as text.

    >>> percent(0.005), percent(0.01, 0.12)
    ('0.5 %', '1 to 12 %')
    """
    first = f"{100 * low:.2g}" if low < 0.1 else f"{100 * low:.0f}"
    if high is None or abs(high - low) < 5e-4:
        return f"{first} %"
    return f"{first} to {100 * high:.0f} %"


def size_of(count: int) -> str:
    """A number of bytes as text.

    >>> size_of(3_974_305), size_of(900)
    ('4.0 MB', '900 B')
    """
    for unit, least in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= least:
            return f"{count / least:.1f} {unit}"
    return f"{count} B"


def spell(value: float | None) -> str:
    """A figure with three digits, or a dash."""
    return "–" if value is None else f"{value:.3g}"
