"""`understudy cross-validate`: a run with its folder, and wrong input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def survey(home: Path) -> Path:
    rng = np.random.default_rng(0)
    age = rng.integers(18, 80, 240)
    rows = [f"{a},{'yes' if a + e > 50 else 'no'}" for a, e in zip(age, rng.normal(0, 9, 240))]  # noqa: B905
    path = home / "survey.csv"
    path.write_text("age,rich\n" + "\n".join(rows) + "\n")
    return path


def test_a_run_leaves_a_folder_and_says_what_it_costs(
    command: Any, survey: Path, home: Path
) -> None:
    found = command(
        "cross-validate", survey, "--synthesizer", "independent", "--epsilon", 1, "--target",
        "rich", "--folds", 2, "--rounds", home / "r.jsonl", "-o", home / "folds",
    )  # fmt: skip
    assert found.code == 0, found.all
    assert "once more than the privacy statement" in found.all
    assert "INTERNAL" in found.all
    assert (home / "folds" / "report.html").exists()
    assert not (home / "ledger.sqlite").exists()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (("--target", "poor"), "no column 'poor'"),
        (("--target", "rich", "--folds", 1), "at least 2 folds"),
        (("--target", "rich", "--synthesizer", "mts"), "no synthesizer"),
        (("--target", "rich", "--epsilon", -1), "psilon"),
        (("--target", "rich", "--unit-column", "who"), "no unit column"),
    ],
)
def test_wrong_input_has_an_answer(
    command: Any, survey: Path, home: Path, more: tuple[object, ...], expected: str
) -> None:
    found = command("cross-validate", survey, "--epsilon", 1, *more, "-o", home / "folds")
    assert found.code == 2 or found.code > 2
    assert expected in found.err
    assert not (home / "folds").exists()
