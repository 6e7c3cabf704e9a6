"""`understudy audit` as a person types it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Command


def test_an_audit_prints_verdict_limit_and_words(command: Command, tmp_path: Path) -> None:
    done = command(
        "audit", "--synthesizer", "independent", "--epsilon", "4", "--runs", "44",
        "--neighbours", "slim", "-o", tmp_path / "a",
    )  # fmt: skip
    assert done.code == 0, done.err
    for told in ("Verdict", "limit of", "At 1 % false positives", "Lower bounds"):
        assert told in done.out.replace("\u00a0", " ")
    assert "left" in done.err
    assert json.loads((tmp_path / "a" / "audit.json").read_text())["method"] == "worst-case"


def test_a_command_that_fails_ends_with_its_own_code(command: Command, tmp_path: Path) -> None:
    done = command(
        "audit", "--command", f"{sys.executable} -c 1/0 {{input}} {{output}}", "--epsilon", "1",
        "-o", tmp_path / "a",
    )  # fmt: skip
    assert done.code == 10
    assert "ZeroDivisionError" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ("--epsilon", "1"),
        ("--epsilon", "1", "--synthesizer", "mst", "--method", "best"),
        ("--epsilon", "1", "--command", "make {input}"),
        ("--epsilon", "-1", "--synthesizer", "mst"),
        ("--epsilon", "1", "--synthesizer", "mst", "--neighbours", "mine"),
    ],
)
def test_wrong_words_are_refused(words: tuple[str, ...], command: Command, tmp_path: Path) -> None:
    done = command("audit", *words, "-o", tmp_path / "a")
    assert done.code == 2, done.err
    assert not (tmp_path / "a").exists()
