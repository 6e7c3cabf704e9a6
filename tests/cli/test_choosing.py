"""`understudy choose` from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.choosing.invented import study
from tests.cli.conftest import Command


@pytest.fixture
def results(home: Path) -> Path:
    made = study(learners={"logistic": (0.1, 0.01, 0.0)})
    (home / "results.parquet").write_bytes(made.to_bytes())
    return home / "results.parquet"


def test_it_says_what_to_try_why_and_how_sure(
    command: Command, survey: Path, results: Path, charges: Callable[[], int]
) -> None:
    answer = command(
        "choose", survey, "--target", "smokes", "--rows-magnitude", 1e4, "--study", results
    )
    assert answer.code == 0, answer.all
    for told in ("try first", "aim at ε", "sure", "Why", "Why not surer", "score lost", "attack AUC",
                 "Data sets of the study", "distance", "understudy plan", "understudy learn",
                 "no row was read"):  # fmt: skip
        assert told in answer.out, told
    assert charges() == 0


def test_json_for_machines(command: Command, survey: Path, results: Path) -> None:
    answer = command("choose", survey, "--epsilon", 1, "--study", results, "--json")
    told = json.loads(answer.out)
    assert told["goal"] == "pairs"
    assert told["epsilon"] == 1.0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("--target", "smoks"), "smokes"),
        (("--epsilon", -1), "positive"),
        (("--tolerance", 2), "tolerance"),
        (("--rows-magnitude", 0), "rows"),
        (("--study", "absent.parquet"), "absent.parquet"),
        (("--schema", "absent.yaml"), "absent.yaml"),
    ],
)
def test_bad_input(
    settings: tuple[object, ...], said: str, *, command: Command, survey: Path, results: Path
) -> None:
    answer = command("choose", survey, "--study", results, *settings)
    assert answer.code == 2, answer.all
    assert said in answer.err
