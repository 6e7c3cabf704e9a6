"""Workloads: what they become on a table's columns, and what they refuse."""

from __future__ import annotations

import itertools

import pytest

from understudy.errors import InputError
from understudy.synthesize.marginal.workload import Workload, downward_closure

COLUMNS = ("age", "sex", "job", "pay")


def test_all_pairs_are_every_pair_once() -> None:
    found = Workload.all(2).resolve(COLUMNS)
    assert list(found) == list(itertools.combinations(COLUMNS, 2))
    assert set(found.values()) == {1.0}


def test_more_ways_than_columns_is_the_whole_table() -> None:
    assert Workload.all(5).resolve(("a", "b")) == {("a", "b"): 1.0}


def test_target_centred_puts_weight_on_the_target() -> None:
    found = Workload.target_centred("pay", 3, pairs=0.5).resolve(COLUMNS)
    assert {clique for clique in found if len(clique) == 3} == {
        ("age", "sex", "pay"),
        ("age", "job", "pay"),
        ("sex", "job", "pay"),
    }
    assert found["age", "job", "pay"] == 2.0
    assert found["age", "sex"] == 1.0


def test_own_list_is_put_in_the_order_of_the_table_and_repeats_add_up() -> None:
    found = Workload.of([("pay", "age"), ("age", "pay")]).resolve(COLUMNS)
    assert found == {("age", "pay"): 2.0}


@pytest.mark.parametrize(
    "workload", [Workload.of([("age", "jobb")]), Workload.target_centred("jobb", 2)]
)
def test_an_unknown_column_is_named_with_the_likely_one(workload: Workload) -> None:
    with pytest.raises(InputError, match="jobb") as caught:
        workload.resolve(COLUMNS)
    assert "job" in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        Workload,
        lambda: Workload.of([]),
        lambda: Workload.of([()]),
        lambda: Workload.of([("a", "a")]),
        lambda: Workload.of({("a",): 0.0}),
        lambda: Workload.of({("a",): float("inf")}),
        lambda: Workload.of({("a",): float("nan")}),
        lambda: Workload.all(9),
        lambda: Workload.all(-1),
        lambda: Workload.target_centred("a", 1),
        lambda: Workload.target_centred("a", 2, pairs=-1.0),
    ],
)
def test_a_workload_that_asks_for_nothing_sensible_is_refused(make) -> None:  # noqa: ANN001
    with pytest.raises(InputError):
        make()


def test_the_worth_of_a_part_is_weight_times_shared_columns() -> None:
    workload = Workload.of({("age", "sex", "job"): 2.0, ("job", "pay"): 3.0}).resolve(COLUMNS)
    worth = downward_closure(workload)
    for part, value in worth.items():
        assert value == sum(w * len(set(part) & set(c)) for c, w in workload.items())
    assert set(worth) >= {("age",), ("job", "pay"), ("age", "sex", "job")}
    assert ("sex", "pay") not in worth
