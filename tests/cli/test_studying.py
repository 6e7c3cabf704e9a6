"""`understudy study` on the command line: wrong input, interruption, what it prints."""

from __future__ import annotations

import fcntl
from pathlib import Path

from typer.testing import CliRunner

from understudy.cli.application import app

STUDY = """understudy_study: 1
title: Small
datasets: {marriages: {sample: fair, rows: 400}}
synthesizers: {independent: }
seeds: 1
evaluation: {workload: [1], pmse_rows: 0}
"""


def run(*words: str) -> tuple[int, str]:
    ended = CliRunner().invoke(app, ["study", *words])
    return ended.exit_code, ended.output


def written(folder: Path, text: str = STUDY) -> str:
    (folder / "study.yaml").write_text(text)
    return str(folder / "study.yaml")


def test_a_study_is_done_and_told_as_internal(tmp_path: Path) -> None:
    code, told = run(written(tmp_path), "-o", str(tmp_path / "out"))
    assert code == 0, told
    assert "INTERNAL" in told
    assert "2, 1 of them fits; 0 are finished" in told
    assert (tmp_path / "out" / "report.html").is_file()
    code, told = run(written(tmp_path), "-o", str(tmp_path / "out"), "--gather")
    assert code == 0, told
    assert "2 are finished" in told


def test_wrong_input_ends_with_2_and_says_where(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    for text, words in (
        (STUDY.replace("independent", "independant"), "line 4: there is no synthesizer"),
        (STUDY.replace("understudy_study: 1", "understudy_study: 9"), "upgrade understudy"),
        (STUDY.replace("understudy_study: 1", "understudy_study: 0"), "older than what is read"),
        (STUDY.replace("seeds: 1", "seeds: one"), "line 5: seeds"),
        (STUDY.replace("{sample: fair, rows: 400}", "{path: none.csv}"), "--data"),
    ):
        code, told = run(written(tmp_path, text), "-o", out)
        assert code == 2, told
        assert words in " ".join(told.split())
    assert run(str(tmp_path / "none.yaml"), "-o", out)[0] == 2
    assert run(written(tmp_path), "-o", out, "--only", "mst")[0] == 2
    assert run(written(tmp_path), "-o", out, "--workers", "0")[0] == 2
    assert run(written(tmp_path), "-o", out, "--gather")[0] == 2
    assert not (tmp_path / "out" / "report.html").exists()


def test_a_folder_that_is_worked_in_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with (out / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code, told = run(written(tmp_path), "-o", str(out))
    assert code == 2
    assert "running in" in told


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "cells.jsonl").write_text('{"frontier": 1}\n')
    code, told = run(written(tmp_path), "-o", str(out))
    assert code == 2
    assert "no cells of a study" in told
