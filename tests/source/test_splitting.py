"""Splitting and bounding: a coin per unit, the operating system's entropy, no unit torn apart."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from understudy.errors import InputError
from understudy.source import SensitiveTable, bound_rows, from_frame, split


def people(rows: int, units: int) -> SensitiveTable:
    persons = [f"p{i % units}" for i in range(rows)]
    return from_frame(pa.table({"row": list(range(rows)), "person": persons}))


def rows_of(table: SensitiveTable) -> list[int]:
    found: list[int] = table.rows.column("row").to_pylist()
    return found


def test_every_row_is_on_one_side_in_its_order() -> None:
    train, holdout = split(people(1000, 1000), 0.3)
    assert sorted(rows_of(train) + rows_of(holdout)) == list(range(1000))
    assert rows_of(train) == sorted(rows_of(train))
    assert train.headers == holdout.headers


def test_no_holdout() -> None:
    train, holdout = split(people(50, 50), 0)
    assert rows_of(train) == list(range(50))
    assert rows_of(holdout) == []


def test_units_stay_together() -> None:
    train, holdout = split(people(3000, 100), 0.5, "person")
    sides = [set(side.rows.column("person").to_pylist()) for side in (train, holdout)]
    assert sides[0].isdisjoint(sides[1])
    assert len(sides[0] | sides[1]) == 100
    assert min(map(len, sides)) > 10  # false alarm 4e-17


def test_missing_units_are_one_unit() -> None:
    for values in (pa.array([None] * 40 + ["a"]), pa.array([float("nan"), None] * 20 + [1.0])):
        table = from_frame(pa.table({"person": values}))
        for _ in range(8):
            train, _ = split(table, 0.5, "person")
            gone = train.rows.filter(pa.compute.is_null(train.rows["person"], nan_is_null=True))
            assert gone.num_rows in (0, 40)
        assert bound_rows(table, "person", 3).rows.num_rows == 4


def test_sides_are_coins_not_a_shuffle() -> None:
    """n = 2,000 splits of 100 rows; a shuffle gives sizes of variance 0, coins 21.

    The sample variance of 2,000 binomials has a standard deviation of about 0.66: a deviation of
    6 is 9 of them, false alarm below 1e-9. A cut of a shuffle has variance 0 and fails.
    """
    table = people(100, 100)
    sizes = [len(rows_of(split(table, 0.3)[1])) for _ in range(2000)]
    assert abs(float(np.var(sizes)) - 21) < 6
    assert abs(float(np.mean(sizes)) - 30) < 6 * math.sqrt(21 / 2000)


def test_no_seed_reaches_the_split() -> None:
    def once() -> list[int]:
        np.random.seed(0)  # noqa: NPY002  what a careless caller does
        return rows_of(split(people(200, 200), 0.5)[0])

    assert once() != once()
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    split(people(10, 10), 0.5)
    bound_rows(people(10, 2), "person", 1)
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002


def test_at_most_so_many_rows_of_each_unit() -> None:
    persons = ["a"] * 7 + ["b"] * 2 + ["c"] + ["a"] * 3
    table = from_frame(pa.table({"row": list(range(13)), "person": persons}))
    bounded = bound_rows(table, "person", 2)
    kept = bounded.rows.column("person").to_pylist()
    assert {unit: kept.count(unit) for unit in "abc"} == {"a": 2, "b": 2, "c": 1}
    assert rows_of(bounded) == sorted(rows_of(bounded))
    assert bound_rows(table, "person", 99).rows.equals(table.rows)


def test_every_row_of_a_unit_may_be_kept() -> None:
    """n = 4,000 draws of 2 of 10 rows: each kept 800 times, deviation 152 is 6 standard ones."""
    table = from_frame(pa.table({"row": list(range(10)), "person": ["a"] * 10}))
    counts = np.zeros(10)
    for _ in range(4000):
        counts[rows_of(bound_rows(table, "person", 2))] += 1
    assert np.all(np.abs(counts - 800) < 152)


def test_categories_name_units_too() -> None:
    persons = pa.array(["a", "b", "a", None]).dictionary_encode()
    table = from_frame(pa.table({"row": [0, 1, 2, 3], "person": persons}))
    assert bound_rows(table, "person", 1).rows.num_rows == 3


def test_arguments_out_of_range() -> None:
    table = people(4, 2)
    with pytest.raises(InputError, match="below 1"):
        split(table, 1.0)
    with pytest.raises(InputError, match="did you mean 'person'"):
        split(table, 0.5, "persson")
    with pytest.raises(InputError, match="at least one row"):
        bound_rows(table, "person", 0)
