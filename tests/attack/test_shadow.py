"""Shadow-model attacks: blind to a generator that copies nobody, sharp on one that copies."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from understudy.attack import shadow
from understudy.attack.game import make_game
from understudy.attack.imprints import Imprints, view_of
from understudy.attack.protocol import AttackResult, Records, Setting
from understudy.attack.refit import RefitError, records_of, refits, table_of
from understudy.attack.shadow import SEEDED, SHADOW, learned_and_judged
from understudy.evaluate import read_tables

Generator = Callable[[pa.Table, int], pa.Table]


def people(rows: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "age": rng.integers(18, 90, rows),
            "pay": rng.lognormal(8, 1, rows).round(2),
            "town": np.array([f"town{code}" for code in range(30)])[rng.integers(0, 30, rows)],
            "job": np.array([f"job{code}" for code in range(20)])[rng.integers(0, 20, rows)],
            "sex": np.array(["f", "m"])[rng.integers(0, 2, rows)],
        }
    )


def copying(table: pa.Table, seed: int) -> pa.Table:
    """Rows drawn from the training rows with replacement."""
    rng = np.random.default_rng(seed)
    return table.take(rng.integers(0, table.num_rows, table.num_rows))


def shuffling(table: pa.Table, seed: int) -> pa.Table:
    """Every column redrawn by itself."""
    rng = np.random.default_rng(seed)
    rows = table.num_rows
    return pa.table({n: table[n].take(rng.integers(0, rows, rows)) for n in table.column_names})


def public(table: pa.Table, seed: int) -> pa.Table:
    """A generator that learns nothing: the same population, other people."""
    return people(table.num_rows, 10_000 + seed)


def setting(generator: Generator, rows: int = 300) -> Setting:
    train, holdout = people(rows, 1), people(rows, 2)
    return make_game(
        train, holdout, generator(train, 5), rng=np.random.default_rng(0),
        reference=people(2 * rows, 3), generator=generator,
    ).setting  # fmt: skip


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    few = shadow.Shadows(outsider=8, insider=40, records=10)
    monkeypatch.setattr(shadow, "EFFORT", dict.fromkeys(("quick", "release", "certify"), few))
    monkeypatch.setattr(shadow, "workers", lambda: 1)


def run(name: str, generator: Generator, seed: int = 0) -> AttackResult:
    attack = {"shadow": SHADOW, "seeded": SEEDED}[name]
    assert attack.missing(setting(generator)) is None
    return attack.run(setting(generator), np.random.default_rng(seed))


@pytest.mark.parametrize("name", ["shadow", "seeded"])
def test_a_copying_generator_is_caught(name: str) -> None:
    found = run(name, copying)
    assert found.value > 0.75
    assert found.p_value < 1e-9


@pytest.mark.parametrize("name", ["shadow", "seeded"])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_found_where_nothing_was_learned(name: str, seed: int) -> None:
    """p below 1e-7 comes by chance once in 10⁷ games."""
    found = run(name, public, seed)
    assert found.p_value > 1e-7
    assert abs(found.value - 0.5) < 0.25


def test_the_insider_sees_what_a_shuffle_keeps_of_rare_records() -> None:
    """The most remote records leave rare values behind; random ones hide better."""
    found = run("seeded", shuffling)
    groups = {group.name: group for group in found.groups}
    assert groups["vulnerable"].value is not None
    assert groups["random"].value is not None
    assert groups["vulnerable"].value > 0.6


def test_a_refit_never_teaches_and_is_judged() -> None:
    """With coins that have nothing to do with the marks, scores of judged refits are luck.

    Judging what taught would score them well: 30 sets for 12 refits can explain any coins.
    """
    rng = np.random.default_rng(0)
    marks, coins = rng.normal(size=(24, 20, 30)), rng.random((24, 20)) < 0.5
    scores, present = learned_and_judged(marks, coins)
    assert scores.shape == present.shape == (12, 20)
    inside, outside = scores[present], scores[~present]
    assert abs(float((inside[:, None] > outside).mean()) - 0.5) < 0.25
    same = Imprints(20, 30)
    for mark, coin in zip(marks[:12], coins[:12], strict=True):
        same.add(mark, coin)
    taught = np.stack([same.scores(mark) for mark in marks[:12]])
    inside, outside = taught[coins[:12]], taught[~coins[:12]]
    assert float((inside[:, None] > outside).mean()) > 0.62


def test_targets_are_there_by_coins_and_the_base_always() -> None:
    table = people(60, 0)
    columns = read_tables(table, None, table, rng=np.random.default_rng(0)).columns
    everyone = Records(arrays=tuple(column.train for column in columns))
    base, targets = everyone.at(slice(0, 40)), everyone.at(slice(40, 60))
    seen: list[pa.Table] = []

    def listening(given: pa.Table, _seed: int) -> pa.Table:
        seen.append(given)
        return given

    found = list(refits(listening, columns, base, targets, count=30, rng=np.random.default_rng(1)))
    for refit, given in zip(found, seen, strict=True):
        assert given.num_rows == 40 + refit.present.sum()
        assert refit.release.rows == given.num_rows
        ages = sorted(given["pay"].to_pylist())
        there = [*base.arrays[1], *targets.arrays[1][refit.present]]
        assert ages == sorted(there)
    share = np.mean([refit.present.mean() for refit in found])
    assert abs(share - 0.5) < 0.12  # 600 coins: six standard deviations


def test_a_generator_that_fails_is_given_up() -> None:
    def failing(_table: pa.Table, _seed: int) -> pa.Table:
        raise RuntimeError("a value of somebody")

    table = people(40, 0)
    columns = read_tables(table, None, table, rng=np.random.default_rng(0)).columns
    rows = Records(arrays=tuple(column.train for column in columns))
    with pytest.raises(RefitError, match="failed in 3 of 20") as caught:
        list(refits(failing, columns, rows, rows, count=20, rng=np.random.default_rng(1)))
    assert "somebody" not in str(caught.value)
    assert "RuntimeError" in str(caught.value)


def test_a_process_that_dies_is_no_bug_of_ours() -> None:
    table = people(40, 0)
    columns = read_tables(table, None, table, rng=np.random.default_rng(0)).columns
    rows = Records(arrays=tuple(column.train for column in columns))
    with pytest.raises(RefitError, match="ended from outside"):
        list(refits(dying, columns, rows, rows, count=2, rng=np.random.default_rng(1), workers=2))


def dying(_table: pa.Table, _seed: int) -> pa.Table:
    """A process that the system ends, as where memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def test_tables_come_back_as_they_were() -> None:
    table = pa.table(
        {
            "n": pa.array([1, None, 3]),
            "x": pa.array([0.5, 1.5, None]),
            "d": pa.array([0, 86_400_000_000, None], pa.timestamp("us")),
            "c": ["x", None, "z"],
        }
    )
    columns = read_tables(table, None, table, rng=np.random.default_rng(0)).columns
    rows = Records(arrays=tuple(column.train for column in columns))
    again = records_of(table_of(rows, columns), columns)
    for ours, theirs in zip(rows.arrays, again.arrays, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_counts_are_per_nominal_rows() -> None:
    table = people(300, 4)
    columns = read_tables(table, None, table, rng=np.random.default_rng(0)).columns
    rows = Records(arrays=tuple(column.train for column in columns))
    view = view_of(columns, rows, np.random.default_rng(0))
    cells = view.cells(rows)
    assert len(view.sets) == len(set(view.sets)) <= 2**5
    once, twice = view.imprint(cells, cells, 300), view.imprint(cells, np.tile(cells, (2, 1)), 300)
    np.testing.assert_allclose(once, twice)
    whole = view.sets.index((0, 1, 2, 3, 4))
    brute = (cells[:, None] == cells[None]).all(axis=2).sum(axis=1)
    np.testing.assert_allclose(once[:, whole], 2 * np.sqrt(brute + 0.375))


def test_the_insider_refits_on_every_training_row() -> None:
    """Few members are tried, but the refits are of the whole table."""
    sizes: list[int] = []

    def listening(table: pa.Table, seed: int) -> pa.Table:
        sizes.append(table.num_rows)
        return public(table, seed)

    whole = setting(listening, rows=500)
    few = replace(whole, members=whole.members.at(slice(0, 100)))
    SEEDED.run(few, np.random.default_rng(0))
    assert min(sizes) >= 500 - 20
    assert max(sizes) <= 500
