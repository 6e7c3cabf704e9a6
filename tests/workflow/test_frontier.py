"""A frontier of utility and risk: what it keeps, what it refuses, that it can go on."""

from __future__ import annotations

import csv
import io
import stat
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from understudy.errors import InputError, OutputError
from understudy.release.frontier import FrontierEvidence
from understudy.workflow.frontier import CELLS, bound_on_auc, frontier


def people(rows: int = 800) -> pa.Table:
    rng = np.random.default_rng(0)
    group = rng.integers(0, 3, rows)
    return pa.table(
        {
            "group": np.array(["g0", "g1", "g2"])[group],
            "score": (group * 3 + rng.integers(0, 6, rows)).astype(np.int64),
            "owns": np.array(["no", "yes"])[(rng.random(rows) < 0.2 + 0.3 * group).astype(int)],
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("frontier") / "out"
    frontier(people(), epsilons=(0.2, 5.0), synthesizers=("mst",), target="owns", out=place)
    return place


def test_more_budget_is_more_useful_and_every_fit_is_attacked(folder: Path) -> None:
    evidence = FrontierEvidence.from_json((folder / "evidence.json").read_text())
    assert [cell.epsilon for cell in evidence.cells] == [0.2, 5.0]
    errors = [
        next(figure.value for figure in cell.figures if figure.key == "tvd_2way")
        for cell in evidence.cells
    ]
    assert errors[1] < errors[0]
    assert all(cell.worst_auc is not None for cell in evidence.cells)
    assert evidence.epsilon_sum == pytest.approx(5.2)
    assert evidence.train_rows + evidence.holdout_rows == 800


def test_everything_is_internal_and_drawn(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    assert "Handle as personal data" in page
    assert "bound on any attack" in page
    assert page.count("<svg") >= 5
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    for name in ("evidence.json", "figures.csv", "report.html"):
        assert (folder / name).stat().st_mode & 0o077 == 0


def test_the_table_holds_every_number(folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO((folder / "figures.csv").read_text())))
    groups = {row["group"] for row in rows}
    assert groups == {"utility", "risk", "bound"}
    assert {row["epsilon"] for row in rows} == {"0.2", "5.0"}


def test_only_the_owner_may_read(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} >= {"cells.jsonl", "holdout.npy"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_no_synthetic_row_is_kept(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "cells.jsonl", "evidence.json", "figures.csv", "holdout.npy", "report.html",
    ]  # fmt: skip


def test_it_goes_on_where_it_stopped(folder: Path) -> None:
    before = (folder / CELLS).read_text().splitlines()
    found = frontier(
        people(), epsilons=(0.2, 5.0), synthesizers=("mst",), target="owns", out=folder
    )
    assert (folder / CELLS).read_text().splitlines() == before
    assert len(found.evidence.cells) == 2


def test_another_table_is_refused_in_the_same_folder(folder: Path) -> None:
    with pytest.raises(InputError):
        frontier(people(700), epsilons=(0.2,), synthesizers=("mst",), target="owns", out=folder)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        frontier(people(200), epsilons=(0.2,), synthesizers=("mst",), out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"synthesizers": ("msst",)}, "no synthesizer"),
        ({"synthesizers": ("mst", "mst")}, "each once"),
        ({"epsilons": ()}, "give epsilons"),
        ({"target": "owned"}, "no column 'owned'"),
        ({"seeds": 0}, "1 seed"),
        ({"level": "slow"}, "quick, release or certify"),
    ],
)
def test_wrong_input_is_refused_before_any_fit(
    wrong: dict[str, object], words: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match=words):
        frontier(people(200), out=out, **{"epsilons": (1.0,), **wrong})  # type: ignore[arg-type]
    assert not out.exists()


def test_an_epsilon_that_promises_nothing_is_refused() -> None:
    with pytest.raises(InputError):
        frontier(people(200), epsilons=(0.0,))


def test_the_bound_is_the_area_under_the_best_curve() -> None:
    """For δ = 0 the area is e^ε / (1 + e^ε), the accuracy of the best guess."""
    for epsilon in (0.1, 1.0, 3.0):
        assert bound_on_auc(epsilon, 0.0) == pytest.approx(
            np.exp(epsilon) / (1 + np.exp(epsilon)), abs=1e-3
        )
    assert bound_on_auc(1.0, 0.5) > bound_on_auc(1.0, 0.0)
    assert bound_on_auc(50.0, 0.0) <= 1.0
