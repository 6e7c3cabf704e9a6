"""What leaves a learner is a function of paid-for answers; bugs put back one by one are found.

The traps of TRAPS that concern learners, by number: 1 bounds from data, 2 classes from data, 4 the
row count as public, 6 many rows of a person, 7 and 11 sensitivity, 14 seeds, 18 and 27 budget kept
and used, 19 uncharged access, 23 stopping by the data, 25 operations across records.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.learn.replayed import ALL, FEW_STEPS, narrow, recorded, replays
from tests.traps.conftest import leak as leak  # noqa: PLC0414  the fixture
from tests.traps.house import Leak, caught

from understudy.curator import Count, MemoryCurator
from understudy.curator.batches import BatchPlan
from understudy.learn import Bayes, Learner, Logistic, bayes, fitting, inputs, logistic
from understudy.learn.logistic import Levels
from understudy.privacy import Budget, Unit
from understudy.schema import Schema

IDS = ["logistic", "levels", "gaussian"]


@pytest.mark.parametrize("learner", ALL, ids=IDS)
def test_what_is_left_is_a_function_of_noisy_answers(learner: Learner) -> None:
    assert 0.9 < replays(learner) <= 1.0 + 1e-6


@pytest.mark.parametrize("learner", ALL, ids=IDS)
def test_classes_that_have_to_be_found(learner: Learner) -> None:
    replays(learner, classes=None)


@pytest.mark.parametrize("learner", ALL[:2], ids=IDS[:2])
def test_three_classes(learner: Learner) -> None:
    replays(learner, target="town", classes=("Aa", "Bergen", "Cork"))


@pytest.mark.parametrize("learner", ALL, ids=IDS)
def test_a_person_with_three_rows(learner: Learner) -> None:
    """Trap 6: the unit is everything one person has."""
    table = narrow()
    people = [f"p{place // 4}" for place in range(240)]
    held = table.rows.append_column("person", [people])
    from understudy.source import from_frame

    replays(learner, table=from_frame(held), unit=Unit(column="person", max_rows=3))


@pytest.mark.parametrize("epsilon", [0.05, 1.0, 20.0])
@pytest.mark.parametrize("rows", [1, 600])
@pytest.mark.parametrize("learner", [Logistic(), *ALL[1:]], ids=IDS)
def test_the_budget_is_kept_and_used(learner: Learner, epsilon: float, rows: int) -> None:
    """Traps 18 and 27, at every size."""
    budget = Budget(epsilon, 1e-6)
    curator = MemoryCurator(narrow(rows), budget=budget)
    learner.fit(curator, Schema(), target="member", classes=("no", "yes"))
    assert 0.97 * epsilon < budget.epsilon_spent() <= epsilon


# ------------------------------------------------------------------ bugs that are put back


def test_a_gradient_that_is_longer_than_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap 11: the one of the intercept is forgotten in the norm."""
    real = Levels.norms

    def short(self: Levels, codes: np.ndarray, step: int) -> np.ndarray:
        return 0.6 * real(self, codes, step)

    monkeypatch.setattr(Levels, "norms", short)
    assert "gradients moves by" in caught(lambda: replays(Logistic(steps=4, clip=0.5)))


def test_a_clip_that_is_not_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    def whole(self: BatchPlan, gradients: Any, codes: np.ndarray) -> tuple[np.ndarray, float]:
        gradients.norms(codes, 0)
        return np.asarray(gradients.weighted(np.ones(len(codes)))), 0.0

    monkeypatch.setattr(BatchPlan, "_clipped", whole)
    assert "gradients moves by" in caught(lambda: replays(Logistic(steps=4, clip=0.5)))


def test_rows_that_see_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap 25: residuals centred over the batch, as batch normalisation would."""
    real = Levels._residuals

    def centred(self: Levels, scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
        told = real(self, scores, truth)
        return told - told.sum(axis=0) * (len(told) > 240)

    monkeypatch.setattr(Levels, "_residuals", centred)
    assert "gradients moves by" in caught(lambda: replays(Logistic(steps=4, clip=0.5)))


def test_a_row_count_taken_from_the_rows(leak: Leak, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap 4: the sum divided by the exact number of rows."""
    real = BatchPlan.step

    def exact(self: BatchPlan, gradients: Any) -> np.ndarray:
        return real(self, gradients) * self.expected / leak.size

    monkeypatch.setattr(BatchPlan, "step", exact)
    assert "another model" in caught(lambda: replays(FEW_STEPS))


def test_stopping_when_the_rows_are_learned(leak: Leak, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap 23: fewer steps where the rows are fewer."""
    real = logistic._descend

    def early(rows: Levels, gradient: Any, *, steps: int, **named: Any) -> np.ndarray:
        return real(rows, gradient, steps=steps - (leak.size < 240), **named)

    monkeypatch.setattr(logistic, "_descend", early)
    told = caught(lambda: replays(FEW_STEPS))
    assert "fewer steps" in told or "other events" in told


@pytest.mark.parametrize("learner", ALL, ids=IDS)
def test_classes_read_from_the_rows(
    learner: Learner, leak: Leak, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trap 2: diffprivlib's classes_ = np.unique(y)."""
    real = fitting.with_target

    def unique(schema: Any, headers: Any, target: str, classes: Any) -> Any:
        return real(schema, headers, target, sorted(set(leak.cells(target)), key=str))

    monkeypatch.setattr(fitting, "with_target", unique)
    told = caught(lambda: replays(learner, classes=None))
    assert "is not the recorded one" in told or "another model" in told or "raised" in told


@pytest.mark.parametrize("learner", ALL, ids=IDS)
def test_bounds_read_from_the_rows(
    learner: Learner, leak: Leak, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trap 1: two levels, cut at half of the largest cell."""
    real = inputs._merged

    def from_rows(item: Any, bins: int, least: float) -> np.ndarray:
        into = real(item, bins, least)
        if item.name == "age":
            edges = np.asarray(item.encoding.edges)[:-1]
            into[: len(edges)] = edges > leak.numbers("age").max() / 2
        return np.unique(into, return_inverse=True)[1]

    monkeypatch.setattr(inputs, "_merged", from_rows)
    assert "replay on neighbour" in caught(lambda: replays(learner))


@pytest.mark.parametrize("learner", ALL[1:], ids=IDS[1:])
def test_class_shares_read_from_the_rows(
    learner: Learner, leak: Leak, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trap 19: priors are cheap to count, and were not paid for."""

    def exact(task: Any, counted: Any, sigmas: Any) -> np.ndarray:
        cells = np.asarray(leak.cells("member"), dtype=object)
        found = np.array([(cells == label).sum() for label in task.classes.labels], float)
        return found / found.sum()

    monkeypatch.setattr(bayes, "_priors", exact)
    assert "another model" in caught(lambda: replays(learner))


def test_moments_read_from_the_rows(leak: Leak, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap 3: class means of the cells themselves, as scikit-learn has them."""
    real = bayes._gaussian

    def exact(item: Any, table: np.ndarray, sigma: float, smoothing: float) -> np.ndarray:
        return real(item, table, sigma, smoothing) + leak.numbers(item.attribute.name).mean() / 1e6

    def shifted(item: Any, table: np.ndarray, sigma: float, smoothing: float) -> np.ndarray:
        told = exact(item, table, sigma, smoothing)
        return told * (1.0 + leak.numbers(item.attribute.name).mean() / 1e6)

    monkeypatch.setattr(bayes, "_gaussian", shifted)
    assert "another model" in caught(lambda: replays(Bayes(numbers="gaussian")))


def test_a_table_that_counts_a_row_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap 7: sensitivity: cells in which one row is counted in both classes."""
    real = MemoryCurator.exact

    def twice(self: MemoryCurator, question: Any) -> Any:
        told = real(self, question)
        if isinstance(question, Count) and question.stage == "tables":
            return told + told[:, ::-1]
        return told

    monkeypatch.setattr(MemoryCurator, "exact", twice)
    assert "moves by" in caught(lambda: replays(Bayes()))


def test_a_table_nobody_paid_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap 19: the tables are read past the door."""

    def free(curator: Any, task: Any, held: Any) -> Any:
        inner = getattr(curator, "inner", curator)
        told = [
            inner.exact(
                Count(encodings=(item.encoding, task.classes.encoding), sigma=1.0, stage="t")
            )
            for item in held
        ]
        return [table[:, list(task.classes.codes)].astype(float) for table in told], [1.0] * len(
            told
        )

    monkeypatch.setattr(bayes, "_counted", free)
    assert "another model" in caught(lambda: replays(Bayes()))


def test_a_seed_of_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap 14: two fits of the same table differ, though nobody drew a seed."""
    for learner in ALL:
        first, second = (recorded(learner).digest for _ in range(2))
        assert first != second
