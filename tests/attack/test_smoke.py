"""The smoke test catches copies, keeps quiet on null data, and never clears anything."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import understudy.attack as room
from understudy.attack import SMOKE, Verdict
from understudy.attack.distance import Points, nearest, nearest_weights, row_hashes
from understudy.attack.smoke import LABEL, ShareTest, closer_to_train, single_matches
from understudy.evaluate import InternalFigures, evaluate
from understudy.evaluate.columns import Column
from understudy.evaluate.intervals import wilson


def people(rng: np.random.Generator, rows: int, digits: int = 6) -> pa.Table:
    x = rng.normal(size=(3, rows))
    return pa.table(
        {
            "a": x[0].round(digits),
            "b": (x[0] + x[1]).round(digits),
            "c": [f"c{v}" for v in np.digitize(x[2], [-1, 0, 1])],
        }
    )


def smoke(train: pa.Table, holdout: pa.Table | None, synthetic: pa.Table) -> InternalFigures:
    kinds = {"a": "numeric", "b": "numeric"}
    return evaluate(train, holdout, synthetic, kinds=kinds, metrics=(SMOKE,))


def word(found: InternalFigures) -> str:
    return str(found.charts["smoke"]["word"])


def test_positive_control_a_copy_is_caught() -> None:
    rng = np.random.default_rng(0)
    train, holdout = people(rng, 800), people(rng, 200)
    found = smoke(train, holdout, train)
    assert word(found) == "leak detected"
    assert found.figures[0].value == 1.0


def test_positive_control_a_few_copied_rows_are_caught_by_identity() -> None:
    rng = np.random.default_rng(1)
    train, holdout = people(rng, 2000), people(rng, 500)
    fresh = people(rng, 2000)
    limit = smoke(train, holdout, fresh).charts["smoke"]["limit"]
    assert limit is not None
    assert limit < 0.03
    copies = int(2000 * limit * 1.5)
    leaky = pa.concat_tables([train.slice(0, copies), fresh.slice(copies)])
    assert word(smoke(train, holdout, leaky)) == "leak detected"


def test_positive_control_jittered_copies_are_caught_by_distance() -> None:
    rng = np.random.default_rng(2)
    train, holdout = people(rng, 1000), people(rng, 1000)
    near = train.set_column(0, "a", pa.array(train.column("a").to_numpy() + 1e-4))
    found = smoke(train, holdout, near)
    assert found.figures[0].value < 0.01
    assert word(found) == "leak detected"


def test_negative_control_fresh_rows_raise_no_alarm() -> None:
    """60 null tables; each test's level is 0.0025, so more than 5 alarms has chance below 1e-6."""
    rng = np.random.default_rng(3)
    alarms = 0
    for digits in (6, 1, 0):
        for _ in range(20):
            tables = (people(rng, 300, digits), people(rng, 120, digits), people(rng, 300, digits))
            alarms += word(smoke(*tables)) == "leak detected"
    assert alarms <= 5


def test_negative_control_a_generator_that_repeats_common_rows_raises_no_alarm() -> None:
    rng = np.random.default_rng(4)
    train, holdout = people(rng, 600, 0), people(rng, 300, 0)
    common = pa.table({"a": [0.0] * 400, "b": [0.0] * 400, "c": ["c1"] * 400})
    found = smoke(train, holdout, common)
    assert found.figures[0].value == 1.0
    assert word(found) == "not detected"


@pytest.mark.parametrize("rows", [None, 10])
def test_without_a_control_nothing_is_assessed(rows: int | None) -> None:
    rng = np.random.default_rng(5)
    train = people(rng, 200)
    found = smoke(train, None if rows is None else people(rng, rows), train)
    assert word(found) == "not assessed"
    assert found.figures[0].anchors.holdout is None


def test_every_figure_carries_the_label_and_the_words_are_the_allowed_ones() -> None:
    rng = np.random.default_rng(6)
    found = smoke(people(rng, 300), people(rng, 300), people(rng, 300))
    assert [figure.detail["label"] for figure in found.figures] == [LABEL] * 4
    assert re.fullmatch(
        r"not detected, limit of detection [0-9.]+ % copied rows", found.charts["smoke"]["verdict"]
    )
    source = "".join(p.read_text() for p in Path(room.__file__).parent.glob("*.py"))
    texts = re.sub(r"the word safe, in any form|safe=False", "", source).lower()
    assert not re.search(r"anonymous|gdpr|\bsafe\b|privacy score", texts)
    assert Verdict(word="leak detected", limit=None, reason="").text == "leak detected"


def test_single_matches_counts_rows_that_occur_once() -> None:
    train = np.array([1, 1, 2, 3, 4], dtype=np.uint64)
    holdout = np.array([4, 5, 6], dtype=np.uint64)
    test, _ = single_matches(train, holdout, np.array([1, 2, 3, 4, 5, 9], dtype=np.uint64))
    assert test == ShareTest(share=2 / 3, expected=5 / 8, trials=3.0)


def points(rng: np.random.Generator, rows: int) -> Points:
    return Points(
        ranks=rng.integers(0, 4, (rows, 2)).astype(np.float32) / 4,
        labels=rng.integers(0, 2, (rows, 2)).astype(np.int32),
    )


def brute(query: Points, reference: Points) -> Any:
    """Distances of all pairs, one by one."""
    found = np.zeros((query.rows, reference.rows))
    for i in range(query.rows):
        for j in range(reference.rows):
            gaps = np.abs(query.ranks[i] - reference.ranks[j])
            found[i, j] = (gaps.sum() + (query.labels[i] != reference.labels[j]).sum()) / 4
    return found


def test_distances_and_votes_equal_brute_force() -> None:
    rng = np.random.default_rng(7)
    query, reference = points(rng, 30), points(rng, 25)
    every = brute(query, reference)
    distances, places = nearest(query, reference)
    assert distances == pytest.approx(np.sort(every, axis=1)[:, :2], abs=1e-6)
    assert np.array_equal(places[:, 0], every.argmin(axis=1))
    equal = every == every.min(axis=1, keepdims=True)
    votes = (equal / equal.sum(axis=1, keepdims=True)).mean(axis=0)
    assert nearest_weights(query, reference) == pytest.approx(votes, abs=1e-9)
    assert nearest(query, reference.head(1))[0].shape == (30, 1)


def test_missing_differs_from_everything_but_missing() -> None:
    from understudy.attack.distance import points_of

    column = Column(
        name="a",
        kind="numeric",
        train=np.array([1.0, np.nan]),
        holdout=np.array([1.0]),
        synthetic=np.array([np.nan]),
    )
    train, _, synthetic = points_of([column], 10, np.random.default_rng(0))
    distances, _ = nearest(synthetic, train)
    assert distances.tolist() == [[0.0, 1.0]]


def test_votes_on_many_equal_rows_are_split_evenly() -> None:
    same = Points(ranks=np.zeros((50, 1), np.float32), labels=np.zeros((50, 0), np.int32))
    test, limit = closer_to_train(same, same, same, all_train_rows=50)
    assert test.share == pytest.approx(0.5)
    assert not test.alarm
    assert limit is None, "a copy could not be told from the others"


def test_fingerprints_tell_rows_apart_and_columns_in_order() -> None:
    def hashes(*columns: Any) -> Any:
        return row_hashes(
            Column(
                name=str(i),
                kind="numeric",
                train=np.asarray(c),
                holdout=None,
                synthetic=np.asarray(c),
            )
            for i, c in enumerate(columns)
        ).train

    assert hashes([1.0, np.nan], [2.0, 0.0])[0] != hashes([2.0, 0.0], [1.0, np.nan])[0]
    assert np.array_equal(hashes([-0.0, np.nan]), hashes([0.0, -np.nan]))
    rng = np.random.default_rng(8)
    grid = rng.permutation(np.arange(40_000)).astype(float)
    assert np.unique(hashes(grid // 200, grid % 200)).size == 40_000


def test_wilson_against_its_textbook_value() -> None:
    """Newcombe (1998), 81 of 263: 0.2553 to 0.3662."""
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(1.0, 10)[1] == pytest.approx(1.0)
