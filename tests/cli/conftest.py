"""A small table, and commands run in this process with a ledger and a key of their own."""

from __future__ import annotations

import csv
import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

CANARY = "Zxqv7391"
"""A value of the data that may never be printed."""


@dataclass(frozen=True)
class Answer:
    """What a command left: exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


Command = Callable[..., Answer]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in; ledger and signing key lie in it."""
    monkeypatch.setenv("UNDERSTUDY_LEDGER", str(tmp_path / "ledger.sqlite"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.delenv("UNDERSTUDY_KEY", raising=False)
    monkeypatch.delenv("UNDERSTUDY_DEBUG", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def invoke(*arguments: object) -> Answer:
    """Run the command line with arguments; paths are turned into text."""
    from understudy.cli.application import app

    found = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return Answer(found.exit_code, found.stdout, found.stderr)


@pytest.fixture
def command(home: Path) -> Command:
    """Run commands with a ledger and a key of their own."""
    return invoke


def write_survey(path: Path) -> None:
    """Three hundred people, three columns."""
    draw = random.Random(5)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("age", "city", "smokes"))
        for _ in range(300):
            smokes = draw.random() < 0.3
            city = draw.choice(("Ghent", "Lille")) if smokes else "Basel"
            writer.writerow((draw.randint(18, 90), city, "yes" if smokes else "no"))


@pytest.fixture
def survey(home: Path) -> Path:
    """A small survey in a CSV."""
    write_survey(home / "survey.csv")
    return home / "survey.csv"


@pytest.fixture
def charges(home: Path) -> Callable[[], int]:
    """How many charges the ledger holds."""

    def count() -> int:
        path = home / "ledger.sqlite"
        if not path.exists():
            return 0
        with sqlite3.connect(path) as connection:
            return int(connection.execute("SELECT count(*) FROM charges").fetchone()[0])

    return count
