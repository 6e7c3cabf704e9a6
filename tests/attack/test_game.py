"""Setting up a game: parts that are no split are refused, with numbers and without values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from understudy.attack.game import make_game, refuse_overlap
from understudy.errors import InputError
from understudy.testing.attacks import population


def parts(rows: int = 400) -> tuple[pa.Table, pa.Table, pa.Table]:
    people = population(3 * rows, np.random.default_rng(1))
    return people.slice(0, rows), people.slice(rows, rows), people.slice(2 * rows)


def play(train: pa.Table, holdout: pa.Table, synthetic: pa.Table, **more: Any) -> Any:
    return make_game(train, holdout, synthetic, rng=np.random.default_rng(0), **more)


def test_an_overlapping_holdout_is_refused_with_the_count() -> None:
    train, holdout, synthetic = parts()
    mixed = pa.concat_tables([holdout.slice(0, 360), train.slice(0, 40)])
    with pytest.raises(InputError, match="40 rows of the holdout") as refused:
        play(train, mixed, synthetic)
    assert not any(str(cell) in str(refused.value) for cell in train.column("town").to_pylist())


def test_an_overlapping_reference_is_refused() -> None:
    train, holdout, synthetic = parts()
    with pytest.raises(InputError, match="reference table are rows of the holdout"):
        play(train, holdout, synthetic, reference=holdout)


def test_twins_by_nature_are_no_overlap() -> None:
    rng = np.random.default_rng(0)
    labels = pa.table({"a": rng.choice(["x", "y"], 2_000), "b": rng.choice(["p", "q"], 2_000)})
    refuse_overlap(labels.slice(0, 1_000), labels.slice(1_000), "holdout")


def test_missing_cells_are_compared_too() -> None:
    table = pa.table({"a": pa.array([None, "x", "y", *[str(n) for n in range(97)]])})
    with pytest.raises(InputError, match="100 rows"):
        refuse_overlap(table, table, "holdout")


@pytest.mark.parametrize(
    ("level", "needed"), [("quick", "225"), ("release", "4,500"), ("certify", "9,000")]
)
def test_too_few_controls_are_refused_with_the_number_needed(level: str, needed: str) -> None:
    train, holdout, synthetic = parts(200)
    with pytest.raises(InputError, match=f"holdout of {needed} rows, and there are 200"):
        play(train, holdout, synthetic, level=level)


def test_the_needed_number_is_enough() -> None:
    people = population(225 + 300 + 300, np.random.default_rng(2))
    play(people.slice(0, 300), people.slice(300, 225), people.slice(525))


def test_different_schemas_are_refused() -> None:
    train, holdout, synthetic = parts()
    with pytest.raises(InputError, match="lacks 'age'"):
        play(train, holdout.drop_columns(["age"]), synthetic)
    with pytest.raises(InputError, match="has 'era' besides"):
        play(train, holdout, synthetic.rename_columns(["era", *synthetic.column_names[1:]]))
    with pytest.raises(InputError, match="no rows"):
        play(train, holdout, synthetic.slice(0, 0))


def test_a_release_may_lack_columns() -> None:
    train, holdout, synthetic = parts()
    game = play(train, holdout, synthetic.drop_columns(["age"]))
    assert ("age", "not in the synthetic table") in game.left_out


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"known": ["ill"], "secrets": ["ill"]}, "known and secret: 'ill'"),
        ({"known": ["agee"]}, "no column 'agee' for the known"),
        ({"secrets": ["nothing"]}, "no column 'nothing' for the secret"),
        ({"subgroups": ["age"]}, "has numbers"),
    ],
)
def test_columns_that_cannot_be_are_refused(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        play(*parts(), **asked)


def test_candidates_reference_and_evaluated_rows_share_nothing() -> None:
    people = population(1_200, np.random.default_rng(3)).append_column(
        "n", pa.array(np.arange(1_200) + 0.5)
    )
    game = play(people.slice(0, 400), people.slice(400, 400), people.slice(800))
    setting = game.setting
    place = [column.name for column in setting.knowledge.columns].index("n")
    reference = set(setting.knowledge.reference.arrays[place].tolist())
    controls = set(setting.controls.arrays[place].tolist())
    members = set(setting.members.arrays[place].tolist())
    assert not reference & controls
    assert len(reference) + len(controls) == 400
    assert max(members) < 400 <= min(controls | reference)
    assert 0.6 < setting.controls_evaluated.mean() < 0.7


def test_subgroups_are_the_levels_with_rows_enough() -> None:
    train, holdout, synthetic = parts(900)
    game = play(train, holdout, synthetic, subgroups=["own"])
    names = [group.name for group in game.setting.groups]
    assert names[0] == "outliers"
    assert set(names[1:]) == {"own = yes", "own = no"}


def test_outliers_do_not_depend_on_the_release() -> None:
    train, holdout, synthetic = parts()
    one = play(train, holdout, synthetic).setting.groups[0]
    two = play(train, holdout, synthetic.slice(0, 50)).setting.groups[0]
    assert (one.members == two.members).all()
    assert one.members.mean() + one.controls.mean() == pytest.approx(0.2, abs=0.06)
