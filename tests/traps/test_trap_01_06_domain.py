"""Traps 1 to 6: what is public about a table, and what must not be taken from its rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.traps.house import Leak, both, caught, narrow, replays

import understudy.curator.encodings
import understudy.curator.memory
import understudy.prepare.domains
import understudy.prepare.learn
import understudy.prepare.roles
import understudy.prepare.singles
from understudy.curator import Count, MemoryCurator
from understudy.errors import UnderstudyError
from understudy.prepare.shares import Purse
from understudy.privacy import DEFAULT_DELTA, Budget, Unit
from understudy.source import SensitiveTable, from_frame
from understudy.synthesize.baseline.independent import Independent
from understudy.synthesize.marginal.mst import MST
from understudy.testing.curators import check_one_row_one_cell, encodings
from understudy.testing.tables import typed, visits


@pytest.mark.parametrize("synthesizer", both(), ids=lambda one: one.name)
def test_traps_1_to_4_nothing_but_paid_answers_reaches_a_model(synthesizer: Any) -> None:
    replays(synthesizer, odd=6)


def test_traps_1_to_4_in_a_typed_container() -> None:
    replays(table=from_frame(typed(np.random.default_rng(2), 120)))


def test_trap_3_equal_bins_follow_from_paid_answers_too() -> None:
    replays(MST(uniform_bins=8))


def test_trap_1_put_back_edges_from_the_smallest_and_largest_cell(
    leak: Leak, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = understudy.prepare.domains.first_edges

    def bug(role: Any) -> np.ndarray:
        if role.name != "age":
            return ours(role)
        numbers = leak.numbers("age")
        return np.array([numbers.min(), numbers.max() + 1])

    monkeypatch.setattr(understudy.prepare.domains, "first_edges", bug)
    assert "not the recorded one" in caught(replays)


def test_trap_2_put_back_labels_from_the_distinct_cells(
    leak: Leak, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = understudy.prepare.roles._known_labels

    def bug(role: Any, *rest: Any) -> dict[str, Any]:
        if role.name != "town":
            return ours(role, *rest)
        return {"labels": tuple(sorted(set(leak.cells("town")), key=str)), "closed": True}

    monkeypatch.setattr(understudy.prepare.roles, "_known_labels", bug)
    assert "not the recorded one" in caught(replays)


def test_trap_3_put_back_a_cut_at_the_mean_of_the_cells(
    leak: Leak, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = understudy.prepare.domains.split

    def bug(*args: Any, **named: Any) -> tuple[np.ndarray, np.ndarray]:
        edges, parents = ours(*args, **named)
        middle = float(leak.numbers("age").mean())
        place = int(np.searchsorted(edges, middle))
        if not 0 < place < len(edges) or edges[place] == middle:
            return edges, parents
        return np.insert(edges, place, middle), np.insert(parents, place, parents[place - 1])

    monkeypatch.setattr(understudy.prepare.domains, "split", bug)
    assert "not the recorded one" in caught(replays)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_trap_4_no_constant_knows_the_number_of_rows(size: int) -> None:
    table = narrow()
    replays(table=table.with_rows(table.rows.slice(0, size)))


def test_trap_4_delta_is_a_constant() -> None:
    assert Budget(1.0).delta == DEFAULT_DELTA == 1e-6


def test_trap_4_put_back_a_noise_scale_that_knows_the_number_of_rows(
    leak: Leak, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Purse.sigma
    monkeypatch.setattr(Purse, "sigma", lambda self, rho: ours(self, rho) * (1 + 1 / leak.size))
    assert "not the recorded one" in caught(replays)


def test_trap_4_put_back_the_exact_number_of_rows(
    leak: Leak, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = understudy.prepare.learn.learn
    name = "understudy.synthesize.baseline.independent.learn"
    monkeypatch.setattr(
        name, lambda *args, **named: replace(ours(*args, **named), rows=float(leak.size))
    )
    assert "another model" in caught(lambda: replays(Independent()))


def _one_row(text: str | None, number: float | None, label: str | None) -> SensitiveTable:
    columns = {
        "text": pa.array([text], pa.string()),
        "number": pa.array([number], pa.float64()),
        "label": pa.array([label], pa.string()),
        "whole": pa.array([7], pa.int64()),
    }
    return from_frame(pa.table(columns))


@settings(max_examples=60, deadline=None)
@given(
    text=st.one_of(st.none(), st.text(max_size=30), st.floats().map(str), st.integers().map(str)),
    number=st.one_of(st.none(), st.floats(width=64)),
)
def test_trap_5_every_cell_falls_in_exactly_one_code(
    text: str | None, number: float | None
) -> None:
    text = None if text is None else text.encode("utf-8", "ignore").decode()
    curator = MemoryCurator(_one_row(text, number, text), budget=Budget(1.0))
    for encoding in encodings():
        counts = curator.exact(Count(encodings=(encoding,), sigma=1.0, stage="t"))
        assert counts.shape == (encoding.size,)
        assert counts.sum() == 1
        assert counts.min() == 0


def test_trap_5_odd_cells_of_every_kind() -> None:
    check_one_row_one_cell(MemoryCurator)


def test_trap_5_put_back_codes_that_are_not_clipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(encoding: Any, array: Any, storage: Any) -> np.ndarray:
        numbers, _ = understudy.curator.encodings.numbers_of(array, storage, encoding.reading)
        return (np.searchsorted(np.asarray(encoding.edges), numbers, side="right") - 1).astype(
            np.uint8
        )

    monkeypatch.setattr(understudy.curator.encodings, "_number_codes", bug)
    with pytest.raises((AssertionError, ValueError)):
        check_one_row_one_cell(MemoryCurator)


PERSON = Unit(column="patient", max_rows=3)


@pytest.fixture(scope="module")
def people() -> SensitiveTable:
    return from_frame(visits(np.random.default_rng(4), 150))


def test_trap_6_a_person_of_many_rows_counts_as_one_unit(people: SensitiveTable) -> None:
    replays(table=people, unit=PERSON)


def test_trap_6_the_statement_says_whom_it_protects() -> None:
    assert Unit().statement == "adding or removing one row"
    assert "'patient'" in PERSON.statement


def test_trap_6_a_curator_does_not_forget_the_unit_of_its_budget(people: SensitiveTable) -> None:
    curator = MemoryCurator(people, budget=Budget(1.0, unit=PERSON))
    assert curator.unit == PERSON
    with pytest.raises(UnderstudyError, match="another unit"):
        MemoryCurator(people, budget=Budget(1.0, unit=PERSON), unit=Unit())


def test_trap_6_put_back_rows_that_are_not_bounded(
    people: SensitiveTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(understudy.curator.memory, "bound_rows", lambda table, *_: table)
    assert "is declared" in caught(lambda: replays(table=people, unit=PERSON))


def test_trap_6_put_back_the_sensitivity_of_a_row(
    people: SensitiveTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Unit, "count_l2", 1.0)
    assert "is declared" in caught(lambda: replays(MST(), people, unit=PERSON))
