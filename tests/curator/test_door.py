"""The door: what it refuses, what it charges, what it never lets out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from understudy.curator import (
    Candidate,
    Choose,
    Count,
    Discover,
    Distinct,
    LabelCells,
    MemoryCurator,
)
from understudy.curator.protocol import add_noise, event_of
from understudy.curator.questions import identity
from understudy.errors import BudgetExceeded, InputError, InternalError
from understudy.privacy import Budget, Unit
from understudy.source import SensitiveTable, from_frame

CELLS = LabelCells(column="a", labels=("x", "y"))


def table(cells: list[str | None] | None = None) -> SensitiveTable:
    return from_frame(pa.table({"a": pa.array(cells or ["x", "y", "x", "w"], pa.string())}))


def test_the_cost_of_a_question_is_read_from_the_question() -> None:
    person = Unit(column="a", max_rows=3)
    count = event_of(Count(encodings=(CELLS,), sigma=6.0, stage="s"), person)
    assert count.rho == pytest.approx(9 / 72)
    assert (count.stage, count.columns) == ("s", ("a",))
    distinct = event_of(Distinct(column="a", sigma=6.0, stage="s"), person)
    assert distinct.rho == pytest.approx(9 / 72)
    found = event_of(Discover(column="a", sigma=6.0, delta=1e-8, stage="s"), person)
    assert found.rho == pytest.approx(9 / 72)
    assert found.delta == 1e-8
    item = Candidate(encodings=(CELLS,), expected=np.zeros(3))
    choice = event_of(Choose(candidates=(item,), epsilon=0.4, stage="s"), person)
    assert choice.rho == pytest.approx(0.02)


def test_known_labels_always_answer_and_others_face_the_threshold() -> None:
    curator = MemoryCurator(table(["x"] * 500 + ["rare"]), budget=Budget(50.0))
    question = Discover(column="a", sigma=4.0, delta=1e-12, stage="s", known=("never", None))
    found = curator.ask([question])[0]
    assert found.labels == ("never", None, "x")
    assert found.counts.shape == (3,)
    assert found.threshold > 20


def test_a_null_is_not_the_word_none() -> None:
    curator = MemoryCurator(table(["None"] * 300 + [None] * 300), budget=Budget(50.0))
    found = curator.ask([Discover(column="a", sigma=4.0, delta=1e-12, stage="s")])[0]
    assert set(found.labels) == {None, "None"}


def test_a_refused_batch_costs_nothing() -> None:
    budget = Budget(0.5)
    curator = MemoryCurator(table(), budget=budget)
    fine = Count(encodings=(CELLS,), sigma=100.0, stage="s")
    with pytest.raises(BudgetExceeded):
        curator.ask([fine, Count(encodings=(CELLS,), sigma=0.01, stage="s")])
    assert budget.events == ()
    curator.ask([fine])
    assert len(budget.events) == 1


def test_a_charge_stays_when_the_answer_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = Budget(1.0)
    curator = MemoryCurator(table(), budget=budget)

    def fail(question: Any) -> Any:
        raise KeyError("a cell")

    monkeypatch.setattr(curator, "exact", fail)
    with pytest.raises(InternalError, match="KeyError") as problem:
        curator.ask([Count(encodings=(CELLS,), sigma=50.0, stage="s")])
    assert "a cell" not in str(problem.value)
    assert problem.value.__context__ is None
    assert len(budget.events) == 1


def test_a_curator_may_answer_a_whole_batch_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = Budget(1.0)
    curator = MemoryCurator(table(), budget=budget)
    question = Count(encodings=(CELLS,), sigma=50.0, stage="s")
    seen: list[int] = []

    def together(questions: Any) -> list[Any]:
        seen.append(len(budget.events))
        return [curator.exact(one) for one in questions]

    monkeypatch.setattr(curator, "exact_all", together)
    assert len(curator.ask([question, question])) == 2
    assert seen == [2]

    def fail(questions: Any) -> Any:
        raise KeyError("a cell")

    monkeypatch.setattr(curator, "exact_all", fail)
    with pytest.raises(InternalError, match="KeyError") as problem:
        curator.ask([question, question])
    assert "a cell" not in str(problem.value)
    assert "2 questions together" in str(problem.value)
    assert problem.value.__context__ is None
    assert len(budget.events) == 4


def test_interruption_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    curator = MemoryCurator(table(), budget=Budget(1.0))

    def stop(question: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(curator, "exact", stop)
    with pytest.raises(KeyboardInterrupt):
        curator.ask([Count(encodings=(CELLS,), sigma=50.0, stage="s")])


def test_unknown_columns_are_refused() -> None:
    curator = MemoryCurator(table(), budget=Budget(1.0))
    with pytest.raises(InternalError, match="KeyError"):
        curator.ask([Distinct(column="nothing", sigma=50.0, stage="s")])
    with pytest.raises(InputError, match="unit column"):
        MemoryCurator(table(), budget=Budget(1.0, unit=Unit(column="nobody", max_rows=2)))


def test_the_unit_is_the_budgets() -> None:
    rows = table(["x"] * 9 + ["y"])
    unit = Unit(column="a", max_rows=2)
    curator = MemoryCurator(rows, budget=Budget(1.0, unit=unit))
    assert curator.exact(Count(encodings=(CELLS,), sigma=1.0, stage="s")).tolist() == [2, 1, 0]
    assert MemoryCurator(rows, budget=Budget(1.0, unit=unit), unit=unit).unit == unit
    with pytest.raises(InputError, match="another unit"):
        MemoryCurator(rows, budget=Budget(1.0), unit=unit)


def test_scores_are_weighted_distances() -> None:
    curator = MemoryCurator(table(), budget=Budget(1.0))
    expected = np.array([1.0, 1.0, 0.0])
    items = tuple(
        Candidate(encodings=(CELLS,), expected=expected, penalty=0.5, weight=weight)
        for weight in (1.0, 0.25)
    )
    found = curator.exact(Choose(candidates=items, epsilon=1.0, stage="s"))
    assert found.tolist() == [1.5, 0.375]


def test_the_identity_of_a_choice_sees_expectations_and_weights() -> None:
    def ask(expected: float, weight: float = 1.0) -> str:
        item = Candidate(encodings=(CELLS,), expected=np.full(3, expected), weight=weight)
        return identity(Choose(candidates=(item,), epsilon=1.0, stage="s"))

    assert ask(1.0) == ask(1.0)
    assert len({ask(1.0), ask(1.0 + 1e-12), ask(1.0, 0.5)}) == 3


def test_forgetting_drops_codes_and_answers_stay_right() -> None:
    curator = MemoryCurator(table(), budget=Budget(1.0))
    question = Count(encodings=(CELLS,), sigma=1.0, stage="s")
    before = curator.exact(question)
    curator.forget()
    assert np.array_equal(before, curator.exact(question))


def test_answers_have_the_shape_of_their_question() -> None:
    unit = Unit()
    pair = Count(encodings=(CELLS, CELLS), sigma=3.0, stage="s")
    assert add_noise(pair, np.zeros((3, 3), dtype=np.int64), unit).shape == (3, 3)
    rows = Count(encodings=(), sigma=3.0, stage="s")
    assert np.shape(add_noise(rows, np.array(4), unit)) == ()
