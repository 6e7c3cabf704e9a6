"""`understudy audit` as a person types it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Command

from understudy.cli.endings import going_on


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
        ("--synthesizer", "mst"),
        ("--release", "r", "--synthesizer", "mst"),
        ("--epsilon", "1", "--synthesizer", "mst", "--method", "best"),
        ("--epsilon", "1", "--synthesizer", "mst", "--runs", "0"),
        ("--epsilon", "1", "--command", "make {input}"),
        ("--epsilon", "-1", "--synthesizer", "mst"),
        ("--epsilon", "1", "--synthesizer", "mst", "--neighbours", "mine"),
    ],
)
def test_wrong_words_are_refused(words: tuple[str, ...], command: Command, tmp_path: Path) -> None:
    done = command("audit", *words, "-o", tmp_path / "a")
    assert done.code == 2, done.err
    assert not (tmp_path / "a").exists()


def test_an_audit_goes_with_a_release_and_a_release_is_audited(
    command: Command, tmp_path: Path
) -> None:
    source = tmp_path / "t.csv"
    source.write_text("a,b\n" + "".join(f"{i % 5},{'xyz'[i % 3]}\n" for i in range(300)))
    made = ("synthesize", source, "--epsilon", 1, "--synthesizer", "independent", "--no-evaluate",
            "--ledger", tmp_path / "ledger")  # fmt: skip
    done = command(
        "audit", "--synthesizer", "independent", "--epsilon", "4", "--runs", "40",
        "--neighbours", "few", "-o", tmp_path / "a", "-q",
    )  # fmt: skip
    assert done.code == 0, done.err
    done = command(*made, "--audit", tmp_path / "a", "-o", tmp_path / "r")
    assert done.code == 0, done.err
    assert "worst-case at ε = 4" in done.out
    assert "Audits of the program" in (tmp_path / "r" / "report.html").read_text()
    assert command("verify", tmp_path / "r").code == 0
    done = command("audit", "--release", tmp_path / "r", "--method", "replay", "--runs", "1",
                   "-o", tmp_path / "b")  # fmt: skip
    assert done.code == 0, done.err
    assert json.loads((tmp_path / "b" / "audit.json").read_text())["claim"]["epsilon"] == 1.0
    for words in (("--audit", tmp_path), ("--audit", tmp_path / "a", "--uniform-bins", "8")):
        done = command(*made, *words, "-o", tmp_path / "never")
        assert done.code == 2, done.err
        assert not (tmp_path / "never").exists()


def test_an_audit_that_refutes_its_program_is_said_before_and_after(
    command: Command, tmp_path: Path
) -> None:
    from tests.workflow.test_audited import audit, result

    audit(result(shift=30.0)).save(tmp_path / "a")
    source = tmp_path / "t.csv"
    source.write_text("a\n" + "1\n2\n" * 100)
    done = command("synthesize", source, "--epsilon", 1, "--synthesizer", "independent",
                   "--no-evaluate", "--audit", tmp_path / "a", "-o", tmp_path / "r")  # fmt: skip
    assert done.code == 0, done.err
    assert "an audit refutes" in done.err
    page = (tmp_path / "r" / "report.html").read_text()
    assert "An audit refutes this program" in page
    assert "program audited: claim violated" in page


def test_an_interrupted_audit_says_what_is_kept() -> None:
    with pytest.raises(KeyboardInterrupt) as stopped, going_on(Path("kept")):
        raise KeyboardInterrupt
    assert "finished fits are kept in kept" in stopped.value.__notes__[0]
