"""The main job on rows that are read in batches: the same release, its evidence says how."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest
from tests.cli.conftest import Command

import understudy as us
from understudy.errors import InputError
from understudy.source import as_stream, from_frame, read_stream, read_table
from understudy.synthesize.drawing import draw_chunks
from understudy.testing.tables import survey, typed, visits
from understudy.workflow import evaluation, places


@pytest.fixture
def parquet(home: Path) -> Path:
    pq.write_table(typed(np.random.default_rng(1), rows=3000), home / "t.parquet")
    return home / "t.parquet"


def test_a_file_read_in_batches_gives_the_same_kind_of_release(
    command: Command, home: Path, parquet: Path
) -> None:
    arrow_csv.write_csv(survey(np.random.default_rng(1), rows=900), home / "t.csv")
    for source in (parquet, home / "t.csv"):
        out = home / f"out-{source.suffix[1:]}"
        answer = command("synthesize", source, "-o", out, "--epsilon", 1, "--stream", "--yes")
        assert answer.code == 0, answer.err
        assert "in batches" in answer.all
        assert command("verify", out).code == 0
        made, real = read_table(out / f"synthetic{source.suffix}"), read_table(source)
        assert made.headers == real.headers
        assert (out / "internal" / "report.html").exists()


def test_figures_on_a_sample_are_said_to_be(
    home: Path, parquet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "JUDGED_ROWS", 500)
    run = us.synthesize(parquet, epsilon=1.0, stream=True)
    assert run.internal is not None
    told = " ".join(run.internal.notes)
    assert "training rows were computed on a uniform random sample of 500" in told
    assert us.synthesize(parquet, epsilon=1.0, stream=False).internal is not None


def test_many_rows_are_drawn_and_written_in_chunks(
    home: Path, parquet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "AT_ONCE", 400)
    run = us.synthesize(parquet, epsilon=1.0, stream=True, rows=1000, seed=5, evaluate=False)
    assert (run.table.num_rows, run.drawn) == (400, 1000)
    assert [chunk.num_rows for chunk in run.chunks()] == [400, 400, 200]
    run.save(home / "out")
    written = pq.read_table(home / "out" / "synthetic.parquet")
    assert written.num_rows == 1000
    assert written.slice(0, 400).equals(run.table.cast(written.schema))
    assert not written.slice(400, 400).equals(written.slice(0, 400))
    public = json.loads((home / "out" / "evidence.json").read_text())
    assert "1000" in json.dumps(public)
    again = list(draw_chunks(run.model, 1000, at_once=400, seed=5))
    assert again[2].equals(list(run.chunks())[2])
    assert [part.num_rows for part in draw_chunks(run.model, 0, at_once=400)] == [0]


def test_people_are_bounded_and_held_out_in_a_stream(home: Path) -> None:
    pq.write_table(visits(np.random.default_rng(2)), home / "v.parquet", row_group_size=90)
    run = us.synthesize(
        home / "v.parquet",
        epsilon=2.0,
        stream=True,
        unit_column="patient",
        max_rows_per_unit=2,
        synthesizer="independent",
    )
    assert "patient" in run.model.privacy["unit"]
    assert 500 < run.model.rows < 1300


def test_bad_input_is_refused_before_anything_is_spent(
    command: Command, home: Path, parquet: Path
) -> None:
    import gzip

    (home / "t.parquet.gz").write_bytes(gzip.compress(parquet.read_bytes()))
    (home / "empty").mkdir()
    (home / "bad.csv").write_text("a,b\n1,2\n3\n")
    for source, told in (
        (home / "t.parquet.gz", "compressed Parquet"),
        (home / "empty", "holds no file"),
        (home / "bad.csv", "one cell per column"),
        (home / "absent.csv", "no file"),
    ):
        out = home / "out"
        answer = command("synthesize", source, "-o", out, "--epsilon", 1, "--stream")
        assert (answer.code, told in answer.err) == (2, True), answer.err
        assert not out.exists()
    with pytest.raises(InputError, match="cannot be read as a whole"):
        us.synthesize(read_stream(parquet), epsilon=1.0, stream=False)
    held = as_stream(from_frame(typed(np.random.default_rng(1))))
    assert us.synthesize(held, epsilon=1.0, evaluate=False).table.num_rows > 100


@pytest.mark.slow
def test_memory_does_not_follow_the_rows(tmp_path: Path) -> None:
    """4 million rows of people take no more than a seventh more memory than 2 million."""
    program = (
        "import sys, resource, itertools\n"
        "from understudy.curator import *\nfrom understudy.source import *\n"
        "from understudy.privacy import Budget, Unit\n"
        "unit = Unit(column='patient', max_rows=2)\n"
        "train, _ = split_stream(read_stream(sys.argv[1]), 0.2, 'patient')\n"
        "curator = StreamCurator(train, budget=Budget(1.0, unit=unit))\n"
        "ward = LabelCells(column='ward', labels=('A', 'B'))\n"
        "days = LabelCells(column='days', labels=tuple('123456'))\n"
        "curator.ask([Count(encodings=(ward, days), sigma=50.0, stage='t')])\n"
        "lines = open('/proc/self/status').read().splitlines()\n"
        "print(next(line.split()[1] for line in lines if line.startswith('VmHWM')))\n"
    )
    peaks = []
    for people in (750_000, 1_500_000):
        path = tmp_path / f"{people}.parquet"
        pq.write_table(visits(np.random.default_rng(1), people=people), path)
        found = subprocess.run(
            [sys.executable, "-c", program, str(path)], check=True, capture_output=True, text=True
        )
        peaks.append(int(found.stdout))
    assert peaks[1] < peaks[0] * 1.15 + resource.getpagesize()


def test_a_model_draws_many_rows_in_chunks(
    command: Command, home: Path, parquet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = us.synthesize(parquet, epsilon=1.0, evaluate=False).model.save(home / "model")
    whole, parts = home / "whole.parquet", home / "parts.parquet"
    assert command("sample", model, "-o", whole, "-n", 700, "--seed", 3).code == 0
    monkeypatch.setattr(places, "AT_ONCE", 300)
    answer = command("sample", model, "-o", parts, "-n", 700, "--seed", 3)
    assert (answer.code, "700 synthetic rows" in answer.all) == (0, True)
    one, other = pq.read_table(whole), pq.read_table(parts)
    assert (one.num_rows, one.schema) == (other.num_rows, other.schema)
    refused = command("sample", model, "-o", home / "far.parquet", "-n", 10**12)
    assert (refused.code, "on disk" in refused.err) == (5, True)
