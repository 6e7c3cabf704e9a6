"""The cells that carry the error are named, and so is the group that is served worst."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from understudy.evaluate import Figure, InternalFigures, Settings, evaluate
from understudy.evaluate.columns import read_tables
from understudy.evaluate.fidelity.marginals import Coded
from understudy.evaluate.fidelity.worst_cells import WORST_CELLS, worst_cells
from understudy.evaluate.groups import columns_of_groups
from understudy.evaluate.subgroups import SUBGROUPS


def of(found: InternalFigures, key: str) -> Figure:
    figure = found.figure(key)
    assert figure is not None, key
    return figure


def people(rows: int, seed: int, *, lost: str | None = None, share: float = 0.15) -> pa.Table:
    """A table whose group `lost` has the relation of x and y turned around."""
    rng = np.random.default_rng(seed)
    group = rng.choice(["a", "b", "c"], rows, p=[0.6, 0.4 - share, share])
    x = rng.normal(size=rows) + 3.0 * (group == "c")
    sign = np.where(group == lost, -1.0, 1.0)
    return pa.table(
        {
            "group": group,
            "x": x,
            "y": sign * x + rng.normal(size=rows) / 3,
            "z": rng.choice(["p", "q"], rows),
        }
    )


@pytest.mark.parametrize("sizes", [(3, 4, 2), (1, 2, 2), (400, 3000, 2)])
def test_the_worst_cells_are_those_of_brute_force(sizes: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    one, two = (
        Coded(columns=tuple(rng.integers(0, size, rows) for size in sizes), sizes=sizes)
        for rows in (300, 200)
    )
    cells, head = worst_cells(one, two, [(0, 1), (0, 2), (1, 2), (0, 1, 2)], most=1)
    found = cells[0]
    gaps = {}
    for members in ((0, 1), (0, 2), (1, 2), (0, 1, 2)):
        occurring = [np.unique(np.r_[one.columns[i], two.columns[i]]) for i in members]
        if np.prod([part.size for part in occurring]) > 10_000:
            continue
        for levels in product(*occurring):
            shares = [
                np.mean(
                    np.logical_and.reduce(
                        [t.columns[i] == level for i, level in zip(members, levels, strict=True)]
                    )
                )
                for t in (one, two)
            ]
            gaps[members, tuple(int(level) for level in levels)] = abs(shares[0] - shares[1])
    assert found.gap >= max(gaps.values()) - 1e-12
    if (found.members, found.levels) in gaps:
        assert gaps[found.members, found.levels] == pytest.approx(found.gap)
    assert 0.0 <= head <= 1.0


def test_a_cell_that_is_lost_is_named_with_its_shares() -> None:
    train = people(2000, 0)
    group, z = (np.array(train[name]) for name in ("group", "z"))
    moved = np.where((group == "c") & (z == "q"), "p", z)
    broken = train.set_column(3, "z", pa.array(moved))
    found = evaluate(train, people(2000, 1), broken, metrics=(WORST_CELLS,))
    figure = of(found, "worst_cell_2way")
    assert figure.value == pytest.approx(np.mean((group == "c") & (z == "q")))
    named = {row["cell"] for row in figure.detail["cells"][:2]}
    assert named == {"group = c, z = q", "group = c, z = p"}
    assert figure.anchors.holdout is not None
    assert figure.anchors.independent is not None
    assert figure.anchors.holdout < figure.value / 2
    rows = found.charts["worst_cell_2way"]["rows"]
    assert rows[0]["values"]["real"][0] != rows[0]["values"]["synthetic"][0]


def test_the_group_that_is_served_worst_is_named() -> None:
    found = evaluate(
        people(3000, 0), people(3000, 1), people(2500, 2, lost="c"), metrics=(SUBGROUPS,)
    )
    for key in ("subgroup_tvd_2way",):
        figure = of(found, key)
        assert figure.detail["worst"] == "group = c"
        assert figure.anchors.holdout is not None
        assert figure.interval is not None
        assert figure.anchors.holdout < figure.interval[0]
        assert "none were declared" in figure.detail["chosen"]
        assert {row["group"] for row in figure.detail["groups"]} == {
            "group = a", "group = b", "group = c", "z = p", "z = q",
        }  # fmt: skip
    shapes = of(found, "subgroup_shapes")
    assert shapes.detail["worst"] == "group = c"
    assert all(row["holdout"] > 0.9 for row in shapes.detail["groups"])  # like against like
    assert found.charts["subgroups"]["rows"][0]["label"].startswith("group = c")


def test_a_group_that_shrinks_is_named_and_one_that_vanishes_is_said() -> None:
    real, held = people(2500, 0), people(2500, 1)
    found = evaluate(real, held, people(2500, 2, share=0.05), metrics=(SUBGROUPS,))
    figure = of(found, "subgroup_share")
    assert figure.detail["worst"] == "group = c"
    assert figure.value == pytest.approx(1 / 3, abs=0.1)
    assert figure.interval is not None
    assert figure.interval[0] < 1 / 3 < figure.interval[1]
    gone = evaluate(real, held, people(2500, 2, share=0.0), metrics=(SUBGROUPS,))
    assert of(gone, "subgroup_share").value == 0.0
    assert "group = c" in {one.title for one in gone.skipped}


def measured(declared: tuple[str, ...], *parts: pa.Table, quick: bool = False) -> Any:
    tables = read_tables(parts[0], None, parts[1], rng=np.random.default_rng(0))
    settings = Settings(subgroups=declared, quick=quick)
    return tables, SUBGROUPS.measure(tables, settings, np.random.default_rng(0))


def test_declared_columns_come_first_and_numbers_are_cut_in_quarters() -> None:
    tables, found = measured(("x", "nothing"), people(900, 0), people(900, 1))
    assert [one.reason for one in found.skipped] == ["not among the compared columns"]
    names = {row["group"] for row in found.figures[1].detail["groups"]}
    assert names == {f"x = {part} part" for part in ("lowest", "second", "third", "highest")}
    assert all(figure.detail["chosen"] == "declared" for figure in found.figures)
    assert columns_of_groups(tables.columns, ()) == ("z", "group")


def test_without_groups_nothing_is_guessed() -> None:
    rng = np.random.default_rng(0)
    numbers = pa.table({"x": rng.normal(size=200), "y": rng.normal(size=200)})
    _, found = measured((), numbers, numbers)
    assert not found.figures
    assert "no column of sub-populations" in found.skipped[0].reason
    alone = pa.table({"g": ["a", "b"] * 100})
    _, found = measured((), alone, alone)
    assert [figure.key for figure in found.figures] == ["subgroup_share"]
