"""`understudy attack`: what it writes, and what it refuses without a value from the data."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import understudy as us
from understudy.release.attacks import AttackAnnex
from understudy.source import FileFormat, read_table, write_table
from understudy.testing.attacks import population
from understudy.workflow.attacking import attack

Command = Callable[..., Any]
Split = dict[str, Path]


@pytest.fixture
def split(home: Path) -> dict[str, Path]:
    """Train, holdout and a release of invented people."""
    people = population(1_200, np.random.default_rng(9))
    texts = pa.table({name: people.column(name).cast(pa.string()) for name in people.column_names})
    files = {}
    for turn, name in enumerate(("train", "holdout", "synthetic")):
        files[name] = home / f"{name}.csv"
        write_table(texts.slice(400 * turn, 400), files[name], FileFormat(container="csv"))
    return files


def options(split: Split) -> list[object]:
    return [part for name, path in split.items() for part in (f"--{name}", path)]


def test_an_attack_writes_evidence_figures_and_report(
    command: Command, split: Split, home: Path
) -> None:
    out = home / "attacks"
    answer = command(
        "attack", *options(split), "-o", out, "--only", "closest_record", "--only", "domias",
        "--subgroup", "own", "--title", "Invented people",
    )  # fmt: skip
    assert answer.code == 0, answer.all
    assert "limit of detection" in answer.out
    assert "2 attacks at level quick" in answer.err
    assert {path.name for path in out.iterdir()} == {"evidence.json", "figures.csv", "report.html"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in out.iterdir())
    text = (out / "evidence.json").read_text("utf-8")
    annex = AttackAnnex.from_json(text)
    assert AttackAnnex.from_json(annex.to_json()) == annex
    assert [one.key for one in annex.attacks] == ["closest_record", "domias"]
    assert json.loads(text)["attacks"][0]["positives"]
    rows = list(csv.DictReader(io.StringIO((out / "figures.csv").read_text("utf-8"))))
    assert {row["release"] for row in rows} == {"release", "harmless", "leaky"}
    page = (out / "report.html").read_text("utf-8")
    for part in ("Handle as personal data", "Invented people", "not assessed", "own = yes", "<svg"):
        assert part in page
    for word in ("anonymous", "GDPR", " safe "):
        assert word not in page
    assert command("attack", *options(split), "-o", out).code == 5


def test_the_verb_takes_frames_and_finds_copies(split: dict[str, Path], home: Path) -> None:
    train = read_table(split["train"])
    found = us.attack(
        train, split["holdout"], split["train"], attacks=["closest_record", "marginals"]
    )
    assert found.text == "leak detected"
    assert found.battery.outcome("closest_record").result.value > 0.9
    with pytest.raises(us.UnderstudyError, match="no attack 'closest'"):
        attack(train, split["holdout"], split["train"], attacks=["closest"])


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--level", "release"], "level release needs a holdout of 4,500 rows"),
        (["--secret", "ill", "--known", "ill"], "known and secret: 'ill'"),
        (["--secret", "illness"], "no column 'illness'"),
        (["--known", "agee"], "no column 'agee'"),
        (["--only", "luck"], "no attack 'luck'"),
        (["--subgroup", "age"], "has numbers"),
        (["--model", "nowhere"], "no model here"),
    ],
)
def test_what_cannot_be_is_refused(
    command: Command, split: Split, home: Path, more: list[str], told: str
) -> None:
    answer = command("attack", *options(split), "-o", home / "out", *more)
    assert answer.code in {2, 7}
    assert told in answer.err
    assert not (home / "out").exists()


def test_an_overlapping_holdout_is_refused_with_the_count(
    command: Command, split: Split, home: Path
) -> None:
    answer = command("attack", *options({**split, "holdout": split["train"]}), "-o", home / "out")
    assert answer.code == 2
    assert "400 rows of the holdout" in answer.err


def test_a_table_of_other_columns_is_refused(
    command: Command, split: Split, survey: Path, home: Path
) -> None:
    answer = command("attack", *options({**split, "holdout": survey}), "-o", home / "out")
    assert answer.code == 2
    assert "does not have the columns" in answer.err


def test_a_model_of_another_release_is_refused(
    command: Command, split: Split, survey: Path, home: Path
) -> None:
    model = home / "model"
    us.synthesize(survey, epsilon=1.0, synthesizer="independent", evaluate=False).model.save(model)
    answer = command("attack", *options(split), "--model", model, "-o", home / "out")
    assert answer.code == 2
    assert "does not belong" in answer.err


def test_a_released_model_is_used_by_the_marginal_attack(home: Path) -> None:
    """Cells of the attack are those of the model, cell by cell."""
    from understudy.attack.nobox.cells import cells_of
    from understudy.curator.encodings import encode
    from understudy.evaluate import read_tables

    people = population(600, np.random.default_rng(3))
    texts = pa.table({name: people.column(name).cast(pa.string()) for name in people.column_names})
    write_table(texts, home / "people.csv", FileFormat(container="csv"))
    real = read_table(home / "people.csv")
    model = us.synthesize(real, epsilon=5.0, synthesizer="mst", holdout=0.0, evaluate=False).model
    tables = read_tables(real.rows, None, real.rows, rng=np.random.default_rng(0))
    followed = 0
    for column in tables.columns:
        item = next(one for one in model.attributes if one.name == column.name)
        found = cells_of(model, column, (column.train,), None)
        if found is not None:
            known = encode(item.encoding, real.rows.column(column.name), item.header.storage)
            assert np.mean(found[0] == np.asarray(known)) > 0.999, column.name
            followed += 1
    assert followed >= 6


def test_refits_that_would_part_people_or_lack_their_budget_are_refused(
    command: Command, split: Split, home: Path
) -> None:
    (home / "schema.yaml").write_text("unit: age\nmax_rows_per_unit: 3\n")
    answer = command(
        "attack", *options(split), "-o", home / "out", "--schema", home / "schema.yaml",
        "--synthesizer", "independent", "--epsilon", "1",
    )  # fmt: skip
    assert answer.code == 2, answer.all
    assert "refits toss single rows" in answer.err
    answer = command(
        "attack", *options(split), "-o", home / "out", "--command",
        "make {input} {output} --epsilon {epsilon}",
    )  # fmt: skip
    assert answer.code == 2, answer.all
    assert "--epsilon" in answer.err
    assert not (home / "out").exists()


def test_the_main_job_attacks_what_it_made(command: Command, home: Path) -> None:
    people = population(900, np.random.default_rng(4))
    texts = pa.table({name: people.column(name).cast(pa.string()) for name in people.column_names})
    write_table(texts, home / "people.csv", FileFormat(container="csv"))
    out = home / "release"
    answer = command(
        "synthesize", home / "people.csv", "-o", out, "--epsilon", "1", "--synthesizer",
        "independent", "--holdout", "0.5", "--attack", "quick",
    )  # fmt: skip
    assert answer.code == 0, answer.all
    internal = json.loads((out / "internal" / "evidence.json").read_text("utf-8"))
    assert internal["attacks"]["word"] in {"not detected", "leak detected", "not assessed"}
    assert "What an attacker finds" in (out / "internal" / "report.html").read_text("utf-8")
    public = json.loads((out / "evidence.json").read_text("utf-8"))
    rows = {row["threat"]: row for row in public["assessments"]}
    assert {row["verdict"] for row in rows.values()} == {"not assessed"}
    assert "kept in the internal part" in rows["Membership"]["detail"]
    assert "AUC" not in (out / "report.html").read_text("utf-8")
    assert command("verify", out).code == 0


def test_attacks_without_a_control_are_refused_before_anything_is_spent(
    command: Command, survey: Path, home: Path, charges: Callable[[], int]
) -> None:
    answer = command(
        "synthesize", survey, "-o", home / "out", "--epsilon", "1", "--holdout", "0",
        "--attack", "quick",
    )  # fmt: skip
    assert answer.code == 2
    assert "need a holdout" in answer.err
    assert charges() == 0
