"""`studies/short.yaml` as a person runs it: whole, killed in the middle, with two workers.

Noise has no seed, so two runs give the same cells and figures, the same values where no noise and
no clock has a part, and others within chance; what was finished stays byte for byte.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import understudy as us
from understudy.release.study_summary import Fit, Summary

pytestmark = pytest.mark.studies
SHORT = Path(__file__).parents[2] / "studies" / "short.yaml"
CLOCK = {"cpu_seconds", "wall_seconds", "peak_mib"}
KILLED_AFTER = 9


def command(out: Path, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "understudy", "study", str(SHORT), "-o", str(out), *words],
        start_new_session=True,
    )


def lines(out: Path) -> list[str]:
    place = out / "cells.jsonl"
    return place.read_text().splitlines(keepends=True) if place.exists() else []


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    out = tmp_path_factory.mktemp("whole")
    assert command(out, "--workers", "2").wait() == 0
    return out


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory, whole: Path) -> tuple[Path, list[str]]:
    """A study of one worker that was killed (SIGKILL) in the middle, and gone on with."""
    out = tmp_path_factory.mktemp("resumed")
    running = command(out)
    while running.poll() is None and len(lines(out)) <= KILLED_AFTER:
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    before = lines(out)
    assert len(before) > KILLED_AFTER
    assert command(out).wait() == 0
    return out, before


def results(out: Path) -> us.StudyResults:
    return us.StudyResults.read(out / "results.parquet")


def shape(found: us.StudyResults) -> list[tuple[Any, ...]]:
    names = [name for name in found.table.column_names if name not in {"value", "low", "high"}]
    return [tuple(row[name] for name in names) for row in found.records]


def certain(found: us.StudyResults) -> list[dict[str, Any]]:
    return [row for row in found.records
            if row["method"] in {"real", "copy"} and row["figure"] not in CLOCK]  # fmt: skip


def test_every_cell_is_there_and_what_hangs_is_marked(whole: Path) -> None:
    found = results(whole)
    study = us.Study.read(SHORT)
    assert Summary(found).cells == len(study.cells)
    lost = {(row["method"], row["status"]) for row in found.records if row["status"] != "done"}
    assert lost == {("asleep", "timed out")}
    assert (whole / "report.html").read_text().count("timed out") >= 1


def test_an_interruption_costs_one_cell_and_leaves_what_is_finished(
    whole: Path, resumed: tuple[Path, list[str]]
) -> None:
    out, before = resumed
    kept = [line for line in before if line.endswith("\n")]
    assert lines(out)[: len(kept)] == kept
    done = [json.loads(line)["cell"] for line in lines(out)[1:]]
    again = [cell for cell in done if done.count(cell) > 1]
    assert {cell["method"] for cell in again} <= {"asleep"}  # failed cells are tried again
    assert len(us.Study.read(SHORT).cells) == len({json.dumps(cell) for cell in done})


def test_interrupted_or_not_and_any_number_of_workers_give_one_table(
    whole: Path, resumed: tuple[Path, list[str]]
) -> None:
    one, two = results(resumed[0]), results(whole)
    assert shape(one) == shape(two)
    assert certain(one) == certain(two)


def test_the_short_study_shows_what_it_must(whole: Path) -> None:
    summary = Summary(results(whole))
    data = summary.about.datasets[0]
    real = summary.mean(Fit(data, "real", None), "auc", "trtr", None)
    assert real is not None
    assert real.value > 0.65
    errors = [
        summary.mean(Fit(data, "mst", epsilon), "workload_error_2", "synthetic")
        for epsilon in (0.1, 10.0)
    ]
    assert all(errors)
    assert errors[1].value < errors[0].value / 2  # type: ignore[union-attr]
    caught = summary.attack(Fit(data, "copy", float("inf")), "mia_success")
    quiet = summary.attack(Fit(data, "mst", 0.1), "mia_success")
    assert caught is not None
    assert quiet is not None
    assert caught.low is not None
    assert caught.low > 0.8
    assert quiet.value < 0.6
