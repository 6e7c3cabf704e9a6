"""The documentation runs: every page in order, in a folder of its own, and its links lead somewhere.

A fenced block marked `python` is executed; the blocks of a page share their names. A `console`
block is a transcript: each `$ understudy …` line is run, `$ understudy …; echo $?` is not. A
`text` block right under a `python` block is what it printed. Numbers differ from run to run
(noise has no seed), so printed lines are compared by their words: every line shown must occur in
the output, in order, once digits, signs and blanks are left out; long lines may be wrapped. Rows of
data (a number, then columns) are not compared. `…` stands for what is not shown.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")], key=lambda page: page.as_posix()
)
ALL_PAGES = [*PAGES, *sorted((ROOT / "docs" / "adr").glob("*.md"))]
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_NOISE = re.compile(
    r"[\d.,:%+\-−–eE×/]*\d[\d.,:%eE×]*|\b(?:nan|none|made now|as before)\b", re.IGNORECASE
)
_RULE = re.compile(r"[─━│┃╭╮╰╯┼|=_-]{3,}")
_DATA_ROW = re.compile(r"\d+ {2,}\S")
_ELLIPSIS = "…"
_COMMAND_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block: its language, its text, its line, and what is shown as its output."""

    language: str
    text: str
    line: int
    shown: str | None = None


def blocks(page: Path) -> list[Block]:
    """Blocks of a page that can be run, in order, each with the output shown under it."""
    text = page.read_text("utf-8")
    found = list(_FENCE.finditer(text))
    told = []
    for place, match in enumerate(found):
        language, body = match.group(1), match.group(2)
        if language not in {"python", "console"}:
            continue
        after = found[place + 1] if place + 1 < len(found) else None
        printed = (
            after is not None
            and after.group(1) == "text"
            and not text[match.end() : after.start()].strip()
        )
        told.append(
            Block(
                language=language,
                text=body,
                line=text.count("\n", 0, match.start()) + 2,
                shown=after.group(2) if printed and after is not None else None,
            )
        )
    return told


def words(line: str) -> str:
    """A line without what differs from run to run: numbers, rules, hashes, blanks."""
    line = re.sub(r"\b[0-9a-f]{12,}\b", "", line)
    line = _RULE.sub(" ", _NOISE.sub(" ", line))
    return " ".join(re.findall(r"\w+", line))


def require_lines(shown: str, printed: str, where: str) -> None:
    """Fail unless every shown line occurs in what was printed, in order."""
    whole = f" {' '.join(filter(None, map(words, printed.splitlines())))} "
    place = 0
    for line in shown.splitlines():
        if _DATA_ROW.match(line):
            continue
        for part in line.split(_ELLIPSIS):
            wanted = words(part)
            found = whole.find(f" {wanted} ", place) if wanted else place
            assert found >= 0, (
                f"{where} shows a line that was not printed (or not in this order):\n"
                f"  {line}\nprinted:\n{printed}"
            )
            place = found + len(wanted) + 1 if wanted else place


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Commands of a transcript and what it shows under each."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)
    for part in parts[1:]:
        command, _, shown = part.partition("\n")
        while command.endswith("\\"):
            more, _, shown = shown.partition("\n")
            command = f"{command[:-1].rstrip()} {more.lstrip('> ').strip()}"
        yield command, shown


def run_console(block: Block, where: str, environment: dict[str, str]) -> None:
    """Run the `understudy` commands of a transcript and compare what they print."""
    for command, shown in commands(block.text):
        if not command.startswith("understudy "):
            continue
        arguments = shlex.split(command, comments=True)[1:]
        done = subprocess.run(
            [sys.executable, "-m", "understudy.cli", *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=environment,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        printed = done.stdout + done.stderr
        refused = any(line.startswith("error:") for line in shown.splitlines())
        assert (done.returncode != 0) == refused, (
            f"{where}: `{command}` ended with {done.returncode}\n{printed}"
        )
        require_lines(shown, printed, f"{where}: `{command}`")


def run_python(block: Block, where: str, names: dict[str, Any]) -> None:
    """Run a block and compare what it prints."""
    printed = io.StringIO()
    code = compile("\n" * (block.line - 1) + block.text, where, "exec")
    with contextlib.redirect_stdout(printed):
        exec(code, names)
    if block.shown is not None:
        require_lines(block.shown, printed.getvalue(), where)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An empty folder to work in, and a home whose key and ledger are nobody's."""
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "UNDERSTUDY_KEY", "UNDERSTUDY_LEDGER"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    monkeypatch.setenv("COLUMNS", "110")
    monkeypatch.syspath_prepend(str(ROOT / "src"))
    monkeypatch.chdir(work)
    return dict(os.environ)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name
)
def test_a_page_runs(
    page: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType(f"docs_{page.stem}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    names = module.__dict__
    for block in blocks(page):
        where = f"{page.relative_to(ROOT)}:{block.line}"
        if block.language == "python":
            run_python(block, where, names)
        else:
            run_console(block, where, environment)


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = _FENCE.sub("", page.read_text("utf-8"))
    for link in _LINK.findall(text):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name} links to {link}, which does not exist"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{page.name} links to {link}: no such heading"


def anchors(page: Path) -> set[str]:
    """Headings of a page as links name them."""
    heads = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.strip().lower()).replace(" ", "-") for head in heads}


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "adr"
    index = (folder / "README.md").read_text("utf-8")
    for page in sorted(folder.glob("[0-9]*.md")):
        assert f"]({page.name})" in index, f"{page.name} is missing from docs/adr/README.md"


def test_every_page_is_reached_from_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    for page in sorted((ROOT / "docs").glob("*.md")):
        assert page.name == "index.md" or f"]({page.name})" in index, (
            f"docs/index.md does not lead to {page.name}"
        )


_FORBIDDEN = re.compile(
    r"\banonym(?:ous|i[sz]ed)\b|\bGDPR[- ]compliant\b|\bsafely\b|\b(?:is|are|was) safe\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_page_promises_what_nobody_can(page: Path) -> None:
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        found = _FORBIDDEN.search(line)
        quoted = found is not None and f'"{found.group(0)}"' in line
        assert found is None or quoted, f"{page.name}:{number} says {found.group(0)!r}"


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("rows  5,081", "rows   5,169 ", True),
        ("spent ε 0.99", "spend ε 0.99", False),
        ("one\n…\nthree", "one\ntwo\nthree", True),
        ("two\none", "one\ntwo", False),
        ("a long\nsentence", "a long sentence", True),
        ("0  22.0  no", "0  27.0  yes", True),
    ],
)
def test_printed_lines_are_compared_by_their_words(shown: str, printed: str, same: bool) -> None:
    try:
        require_lines(shown, printed, "here")
    except AssertionError:
        assert not same
    else:
        assert same
