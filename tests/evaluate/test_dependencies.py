"""Dependencies and impossible combinations: planted ones are found, chance finds none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from understudy.evaluate import InternalFigures, evaluate
from understudy.evaluate.structure.dependencies import (
    DEPENDENCIES,
    IMPOSSIBLE_COMBINATIONS,
    broken_share,
    find_dependencies,
    impossible_cells,
)

BOTH = (DEPENDENCIES, IMPOSSIBLE_COMBINATIONS)


def towns(rows: int = 3000, seed: int = 0, *, broken: int = 0) -> pa.Table:
    """A town decides its region; region and sort decide a price; some rows break the first."""
    rng = np.random.default_rng(seed)
    town = rng.integers(0, 12, rows)
    region = town // 3
    region[:broken] = (region[:broken] + 1) % 4
    sort = rng.integers(0, 3, rows)
    price = region * 10.0 + sort * 7 % 5
    return pa.table(
        {
            "town": [f"town {t}" for t in town],
            "region": [f"region {r}" for r in region],
            "sort": [f"sort {s}" for s in sort],
            "price": price + 0.25,
            "size": rng.normal(size=rows),
            "coin": rng.choice(["a", "b"], rows),
        }
    )


def found(train: pa.Table, synthetic: pa.Table, holdout: Any = None) -> InternalFigures:
    return evaluate(train, holdout, synthetic, metrics=BOTH)


def rows_of(figures: InternalFigures) -> dict[tuple[tuple[str, ...], str], dict[str, Any]]:
    figure = figures.figure("dependencies_broken")
    assert figure is not None
    return {(tuple(row["given"]), row["decided"]): row for row in figure.detail["dependencies"]}


def test_broken_share_by_hand() -> None:
    """Kivinen and Mannila's g3: of (0,1) (0,1) (0,0) (1,0) (1,-) one of four must go."""
    error, answer = broken_share(np.array([0, 0, 0, 1, 1]), np.array([1, 1, 0, 0, -1]), (3, 2))
    assert error == 0.25
    assert answer.tolist() == [1, 0, -1]


def test_planted_dependencies_are_found_and_no_others() -> None:
    rows = rows_of(found(towns(), towns(seed=1, broken=60), towns(seed=2)))
    assert set(rows) == {
        (("town",), "region"), (("price",), "region"), (("price",), "sort"),
        (("region", "sort"), "price"), (("town", "sort"), "price"),
    }  # fmt: skip
    town = rows[("town",), "region"]
    assert town["exact"]
    assert town["synthetic"] == pytest.approx(0.02)
    assert town["holdout"] == 0.0
    assert town["independent"] == pytest.approx(0.75, abs=0.05)


def test_a_nearly_exact_dependency_is_judged_beside_the_holdout() -> None:
    rows = rows_of(found(towns(broken=9), towns(seed=1, broken=60), towns(seed=2, broken=9)))
    town = rows[("town",), "region"]
    assert not town["exact"]
    assert town["train"] == pytest.approx(0.003)
    assert town["holdout"] == pytest.approx(0.003)
    assert town["synthetic"] == pytest.approx(0.02)


def test_pairs_decide_only_what_neither_decides_alone() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, 2000), rng.integers(0, 5, 2000)
    found = find_dependencies([a, b, (a + b) % 4, a % 2], [4, 5, 4, 2], rng)
    told = {(one.given, one.decided) for one in found}
    assert ((0, 1), 2) in told
    assert ((0,), 3) in told
    assert ((0, 1), 3) not in told


@pytest.mark.parametrize("seed", range(5))
def test_chance_decides_nothing(seed: int) -> None:
    """Independent columns, a near-key and a rare label among them: nothing is found."""
    rng = np.random.default_rng(seed)
    table = pa.table(
        {
            "key": [f"k{v}" for v in rng.integers(0, 900, 1500)],
            "rare": np.where(rng.random(1500) < 0.01, "x", "y"),
            "a": rng.choice(["p", "q", "r"], 1500),
            "b": rng.integers(0, 40, 1500) / 2,
        }
    )
    figures = found(table, table)
    assert not figures.figures
    assert {one.key for one in figures.skipped} == {
        "dependencies_broken", "impossible_combinations"
    }  # fmt: skip


def test_impossible_cells_by_hand() -> None:
    """Expected 25 in each empty cell: 4 cells x exp(-25) is below 1 %; expected 5: 2.7 % is not."""
    assert impossible_cells(np.array([[50, 0], [0, 50]]), 4).tolist() == [
        [False, True], [True, False],
    ]  # fmt: skip
    assert not impossible_cells(np.array([[10, 0], [0, 10]]), 4).any()
    assert not impossible_cells(np.array([[50, 0], [0, 50]]), 10**12).any()


def test_combinations_that_never_occur_are_counted() -> None:
    rng = np.random.default_rng(0)

    def people(rows: int, wrong: int) -> pa.Table:
        sex = rng.choice(["f", "m"], rows)
        state = np.where(sex == "f", "mother", "father")
        state = np.where(rng.random(rows) < 0.3, "none", state)
        state[:wrong] = np.where(sex[:wrong] == "f", "father", "mother")
        return pa.table({"sex": sex, "state": state})

    figures = found(people(1000, 0), people(500, 25), people(800, 0))
    figure = figures.figure("impossible_combinations")
    assert figure is not None
    assert figure.value == 0.05
    assert figure.interval is not None
    assert figure.interval[0] < 0.05 < figure.interval[1]
    assert figure.anchors.holdout == 0.0
    assert figure.anchors.independent is not None
    assert figure.anchors.independent > 0.2
    assert {tuple(row["labels"]) for row in figure.detail["worst"]} == {
        ("m", "mother"), ("f", "father")
    }  # fmt: skip
    assert sum(row["synthetic_rows"] for row in figure.detail["worst"]) == 25


def test_missing_and_new_values_break_no_dependency() -> None:
    train = towns()
    made = train.set_column(0, "town", pa.array([None] * 1500 + ["elsewhere"] * 1500, pa.string()))
    row = rows_of(found(train, made))[("town",), "region"]
    assert row["synthetic"] == 0.0


@pytest.mark.parametrize(
    "columns",
    [
        {"a": [None] * 60, "b": ["x"] * 60},
        {"a": ["x"], "b": [1.5]},
        {"a": np.arange(60) / 7},
        {"a": [f"v{i}" for i in range(3000)] * 2, "b": list(np.arange(6000) / 3)},
    ],
)
def test_awkward_tables_are_skipped_with_a_reason(columns: dict[str, Any]) -> None:
    table = pa.table(columns)
    figures = evaluate(table, None, table, metrics=BOTH, kinds=dict.fromkeys(columns, "category"))
    assert all(one.reason for one in figures.skipped)
    assert len(figures.figures) + len(figures.skipped) == 2


def test_adult(shared_data: Any) -> None:
    """Years of schooling are decided by the degree, and a wife is no husband."""
    from understudy.source import read_table

    table = read_table(next((shared_data / "adult").glob("adult*.csv"))).rows
    half = table.num_rows // 2
    figures = found(table[:half], table[half:], table[half:])
    rows = rows_of(figures)
    assert rows[("education",), "education-num"]["exact"]
    assert rows[("education-num",), "education"]["synthetic"] == 0.0
    figure = figures.figure("impossible_combinations")
    assert figure is not None
    assert figure.value < 0.005
    assert figure.anchors.independent is not None
    assert figure.anchors.independent > 0.5
