"""The door for teachers: who learns from whom, what a batch of votes costs, and what leaves.

Teachers here are counters written in NumPy, so that what a vote depends on can be read. Statistical
tests state n and what they would detect; alpha <= 1e-8 each.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from understudy.audit.replay import Recording
from understudy.curator import Curator, LabelCells, MemoryCurator
from understudy.curator import teachers as door
from understudy.curator.protocol import Encoded
from understudy.curator.teachers import (
    BLOCK,
    Classroom,
    VotePlan,
    require_teachers,
    seated,
    vote_sensitivity,
    vote_sigma,
)
from understudy.errors import BudgetExceeded, InputError, InternalError
from understudy.privacy import Budget, Ledger, NonPrivateBudget, Relation, Unit, mechanisms
from understudy.privacy.events import Gaussian
from understudy.source import SensitiveTable, from_frame
from understudy.testing import neighbours, record, replay_all

ALPHA = 1e-8
LABELS = ("a", "b", "c", "d")


def table(rows: int = 60, *, people: int | None = None, seed: int = 0) -> SensitiveTable:
    rng = np.random.default_rng(seed)
    cells = {"x": rng.choice(LABELS, rows).tolist(), "y": rng.choice(LABELS, rows).tolist()}
    if people:
        cells["who"] = [str(place % people) for place in range(rows)]
    return from_frame(pa.table({name: pa.array(part, pa.string()) for name, part in cells.items()}))


def encodings() -> list[LabelCells]:
    return [LabelCells(column=name, labels=LABELS) for name in ("x", "y")]


class Counters:
    """Teachers whose votes all turn with every single row of their own."""

    def __init__(self) -> None:
        self.rooms: list[Classroom] = []

    def meet(self, room: Classroom) -> None:
        self.rooms.append(room)

    def votes(self, queries: Any) -> np.ndarray:
        room = self.rooms[-1]
        own = ((room.codes[:, :, 0].astype(int) * 2 + 1) * room.taken).sum(axis=1)
        return (own[:, None] + queries) % 2 == 0


QUERIES = np.array([0, 1, 2, 3, 0, 1])


def plan(data: SensitiveTable | None = None, **settings: Any) -> VotePlan:
    budget = settings.pop("budget", None) or Budget(
        settings.pop("epsilon", 4.0), unit=settings.pop("unit", None)
    )
    curator = MemoryCurator(data or table(), budget=budget)
    given = {"teachers": 7, "seats": 20, "batches": 5, "queries": len(QUERIES), **settings}
    return VotePlan(curator, encodings(), **given)


# ------------------------------------------------------------------ what it costs


def test_the_price_of_a_batch_is_that_of_all_its_votes_flipping() -> None:
    """m votes of one teacher may all flip: L2 √m, so ρ = m / 2σ², whatever teachers say."""
    votes = plan()
    votes.ask(Counters(), QUERIES)
    (event,) = votes._curator.budget.events
    assert isinstance(event, Gaussian)
    assert event.stage == "votes"
    assert event.sensitivity == pytest.approx(math.sqrt(5 * len(QUERIES)))
    assert event.rho == pytest.approx(5 * len(QUERIES) / (2 * votes.sigma**2))
    assert event.to_dp_event().rho == event.rho, "dp_accounting composes it, nobody else"


def test_what_is_left_goes_to_the_votes_and_not_more() -> None:
    for epsilon in (0.1, 1.0, 10.0):
        votes = plan(epsilon=epsilon, batches=BLOCK + 3)
        teachers = Counters()
        for _ in range(votes.batches):
            votes.ask(teachers, QUERIES)
        budget = votes._curator.budget
        assert 0.98 * epsilon < budget.epsilon_spent() <= epsilon
        assert [event.label.split()[0] for event in budget.events] == [str(BLOCK), "3"]
        with pytest.raises(InputError, match="every planned batch"):
            votes.ask(teachers, QUERIES)


def test_the_price_does_not_depend_on_how_teachers_vote() -> None:
    """Trap 23: the most and the least united teachers pay the same, beforehand."""

    class United(Counters):
        def votes(self, queries: Any) -> np.ndarray:
            return np.ones((7, len(queries)), dtype=bool)

    told = []
    for teachers in (Counters(), United()):
        votes = plan()
        votes.ask(teachers, QUERIES)
        told.append(votes._curator.budget.events)
    assert told[0] == told[1]


def test_replacing_a_unit_touches_two_teachers() -> None:
    relation = Relation.REPLACE_ONE
    assert vote_sensitivity(9, relation) == 2 * vote_sensitivity(9) == 6.0
    votes = plan(unit=Unit(relation=relation))
    assert votes.sigma == pytest.approx(2 * plan().sigma)
    votes.ask(Counters(), QUERIES)
    assert votes._curator.budget.events[0].relation is relation


def test_a_choice_among_many_costs_two_votes_and_every_choice_has_noise() -> None:
    """One vote that moves changes two sums by one each: √2m, however many choices there are."""

    class Choosing(Counters):
        def votes(self, queries: Any) -> np.ndarray:
            return super().votes(queries).astype(np.int64) * 10

    votes = plan(choices=11)
    told = votes.ask(Choosing(), QUERIES)
    assert told.shape == (len(QUERIES), 11)
    assert (told[:, 5] != 0).any(), "a choice that nobody made has no noise"
    (event,) = votes._curator.budget.events
    assert event.sensitivity == pytest.approx(math.sqrt(2 * 5 * len(QUERIES)))  # type: ignore[attr-defined]
    with pytest.raises(InternalError):
        plan(choices=10).ask(Choosing(), QUERIES)


@pytest.mark.parametrize("rho", [1e-4, 0.03, 2.0])
def test_noise_for_a_price_gives_that_price(rho: float) -> None:
    sigma = vote_sigma(rho, 320)
    event = Gaussian(label="votes", sigma=sigma, sensitivity=vote_sensitivity(320))
    assert rho * (1 - 1e-9) < event.rho <= rho


def test_a_charge_comes_first_and_nobody_is_asked_without_it() -> None:
    budget = Budget(1.0)
    votes = plan(budget=budget)
    budget.charge(Gaussian(label="something else", sigma=1.0 / math.sqrt(2 * budget.rho * 0.9)))
    teachers = Counters()
    with pytest.raises(BudgetExceeded):
        votes.ask(teachers, QUERIES)
    assert teachers.rooms == []


def test_nothing_left_is_refused_before_anybody_is_asked() -> None:
    budget = Budget(1.0)
    budget.charge(Gaussian(label="all", sigma=1.0 / math.sqrt(2 * budget.rho)))
    with pytest.raises(BudgetExceeded, match="too little"):
        plan(budget=budget)


def test_charges_are_in_the_ledger_and_are_counted_after_an_interruption(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    budget = Budget(4.0, ledger=ledger, asset="t")
    votes = plan(budget=budget, batches=BLOCK + 4)
    votes.ask(Counters(), QUERIES)
    again = Budget.resume(ledger, "t", budget.run)
    assert VotePlan.batches_in(again, len(QUERIES)) == BLOCK
    rest = plan(budget=again, batches=BLOCK + 4, sigma=votes.sigma, taken=BLOCK)
    teachers = Counters()
    for _ in range(4):
        rest.ask(teachers, QUERIES)
    assert VotePlan.batches_in(again, len(QUERIES)) == BLOCK + 4
    assert again.epsilon_spent() <= 4.0
    with pytest.raises(InputError):
        rest.ask(teachers, QUERIES)


def test_batches_taken_again_unpaid_are_refused(tmp_path: Path) -> None:
    """The bug put in: a resumed plan that believes lost batches were never paid for."""
    ledger = Ledger(tmp_path / "ledger")
    budget = Budget(4.0, ledger=ledger, asset="t")
    votes = plan(budget=budget, batches=BLOCK)
    votes.ask(Counters(), QUERIES)
    again = Budget.resume(ledger, "t", budget.run)
    with pytest.raises(BudgetExceeded):
        plan(budget=again, batches=BLOCK, sigma=votes.sigma, taken=0).ask(Counters(), QUERIES)


# ------------------------------------------------------------------ who learns from whom


def test_every_row_is_with_one_teacher_and_stays_there() -> None:
    """Trap 24: index sets are disjoint, complete and constant."""
    teachers = Counters()
    votes = plan(table(200), teachers=9, seats=200)
    for _ in range(votes.batches):
        votes.ask(teachers, QUERIES)
    (room,) = teachers.rooms
    assert room.taken.sum() == 200
    held = MemoryCurator(table(200), budget=Budget(1.0)).encoded(encodings()).codes
    given = room.codes[room.taken]
    assert sorted(map(tuple, held.tolist())) == sorted(map(tuple, given.tolist()))
    assert "..." in repr(room)


def test_all_rows_of_a_person_are_with_one_teacher() -> None:
    people = Unit(column="who", max_rows=5)
    data = table(100, people=20)
    curator = MemoryCurator(data, budget=Budget(2.0, unit=people))
    numbers = curator.encoded(encodings())
    whose = curator.teachers_of(numbers, 6)
    assert whose.shape == (20,)

    class Noting(Counters):
        def meet(self, room: Classroom) -> None:
            super().meet(room)
            assert room.taken.sum(axis=1).tolist() == [
                5 * int((whose == teacher).sum()) for teacher in range(6)
            ]

    curator.teachers_of = lambda held, count: whose  # type: ignore[method-assign]
    given: dict[str, Any] = {"teachers": 6, "seats": 100, "batches": 1, "queries": len(QUERIES)}
    VotePlan(curator, encodings(), **given).ask(Noting(), QUERIES)


def test_who_belongs_where_is_drawn_uniformly_and_anew() -> None:
    """n = 40,000 units on 8 places, chi-squared at 1e-8: a place preferred by 12 % is seen."""
    first, second = (mechanisms.places(40_000, 8) for _ in range(2))
    counts = np.bincount(first, minlength=8)
    assert stats.chisquare(counts).pvalue > ALPHA
    agree = int((first == second).sum())
    assert stats.binomtest(agree, 40_000, 1 / 8).pvalue > ALPHA, "a seed reaches the draw"
    pairs = np.bincount(first[:-1] * 8 + first[1:], minlength=64)
    assert stats.chisquare(pairs).pvalue > ALPHA, "places follow each other"
    with pytest.raises(InputError):
        mechanisms.places(3, 0)


def test_content_and_order_of_rows_do_not_reach_the_draw() -> None:
    seen: list[int] = []
    curator = MemoryCurator(table(), budget=Budget(1.0))
    real = mechanisms.places
    try:
        mechanisms.places = lambda size, among: seen.extend((size, among)) or real(size, among)
        curator.teachers_of(curator.encoded(encodings()), 5)
    finally:
        mechanisms.places = real
    assert seen == [60, 5], "nothing but how many units and how many teachers there are"


def test_seats_are_constants_and_what_has_none_is_left_out() -> None:
    codes = np.arange(12).reshape(6, 2)
    whose = np.array([1, 0, 1, 1, 3, 0])
    room = seated(Encoded(codes=codes), whose, 4, 2)
    assert room.codes.shape == (4, 2, 2)
    assert room.taken.tolist() == [[True, True], [True, True], [False, False], [True, False]]
    assert room.codes[1].tolist() == [[0, 1], [4, 5]]
    empty = seated(Encoded(codes=codes[:0]), whose[:0], 4, 2)
    assert not empty.taken.any()


# ------------------------------------------------------------------ what leaves


def test_sums_have_the_noise_that_was_charged() -> None:
    """n = 4,000 sums with σ = 50: the deviation is known to 1.1 %, limits at ±8 % are seven of it."""
    votes = plan(queries=4_000, batches=1, sigma=50.0, epsilon=60.0)

    class Silent(Counters):
        def votes(self, queries: Any) -> np.ndarray:
            return np.zeros((7, 4_000), dtype=bool)

    told = votes.ask(Silent(), None)
    assert np.array_equal(told, np.rint(told))
    assert 0.92 * 50 < told.std() < 1.08 * 50


def test_votes_that_are_no_votes_are_refused_after_the_charge() -> None:
    class Shares(Counters):
        def votes(self, queries: Any) -> np.ndarray:
            return np.full((7, len(queries)), 0.5)

    class Fewer(Counters):
        def votes(self, queries: Any) -> np.ndarray:
            return np.ones((6, len(queries)), dtype=bool)

    for wrong in (Shares(), Fewer()):
        votes = plan()
        with pytest.raises(InternalError, match="once: yes or no"):
            votes.ask(wrong, QUERIES)
        assert votes._curator.budget.events


def test_teachers_are_the_same_object_for_a_whole_run() -> None:
    votes = plan()
    votes.ask(Counters(), QUERIES)
    with pytest.raises(InternalError, match="one set of teachers"):
        votes.ask(Counters(), QUERIES)


@pytest.mark.parametrize(
    "wrong",
    [
        {"teachers": 1},
        {"teachers": 10**6},
        {"seats": 0},
        {"batches": 0},
        {"queries": 0},
        {"taken": 6},
    ],
)
def test_settings_out_of_range_cost_nothing(wrong: dict[str, int]) -> None:
    budget = Budget(1.0)
    with pytest.raises(InputError):
        plan(budget=budget, **wrong)
    assert budget.events == ()


def test_a_run_without_privacy_has_no_votes() -> None:
    with pytest.raises(InputError, match="no noisy votes"):
        plan(budget=NonPrivateBudget())


def test_too_few_rows_are_told_in_words() -> None:
    with pytest.raises(InputError, match=r"declared about 90, and 50 teachers need 100"):
        require_teachers(50, rows=90, least_rows=2)
    with pytest.raises(InputError, match="noisy count says"):
        require_teachers(50, rows=90.4, least_rows=2, sure=False)
    require_teachers(45, rows=90, least_rows=2)


# ------------------------------------------------------------------ record and replay, and bugs


class Told:
    """Stands for a model: what was answered, and nothing else."""

    rows = 1.0

    def __init__(self, answers: list[np.ndarray]) -> None:
        self.answers = answers

    def to_json(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return {}, {f"table_{place}": told for place, told in enumerate(self.answers)}

    def sample(self, rows: int, seed: int) -> pa.Table:
        return pa.table({"a": [0] * rows})


def fit_with(kind: type[Counters] = Counters, **settings: Any) -> Any:
    def fit(curator: Curator) -> Any:
        given = {"teachers": 7, "seats": 40, "batches": 5, "queries": len(QUERIES), **settings}
        votes = VotePlan(curator, encodings(), **given)
        ours, told = kind(), []
        queries = QUERIES
        for _ in range(votes.batches):
            told.append(votes.ask(ours, queries))
            queries = (queries + int(abs(told[-1][0]))) % len(LABELS)
        return Told(told)

    return fit


def replays(fit: Any, unit: Unit | None = None, rows: int = 60) -> Recording:
    data = table(rows, people=20 if unit is not None and unit.column else None)
    recording = record(fit, data, epsilon=8.0, unit=unit)
    others = neighbours(recording.table, np.random.default_rng(1), unit, odd=2)
    for verdict in replay_all(recording, others):
        verdict.require()
    return recording


def test_replay_sees_one_teacher_change_its_mind_and_no_more() -> None:
    recording = replays(fit_with())
    assert len(recording.votes) == 5
    assert recording.unpaid() == ()
    replays(fit_with(), Unit(column="who", max_rows=3))


class Shared(Counters):
    """Bug: every teacher learns from the rows of the last one (a loop variable that stayed)."""

    def votes(self, queries: Any) -> np.ndarray:
        made = super().votes(queries)
        return np.repeat(made[-1:], len(made), axis=0)


class OneObject(Counters):
    """Bug: k teachers are one model that saw all rows."""

    def votes(self, queries: Any) -> np.ndarray:
        room = self.rooms[-1]
        every = np.concatenate(
            [part[kept] for part, kept in zip(room.codes, room.taken, strict=True)]
        )
        told = (len(every) + np.asarray(queries)) % 2 == 0
        return np.repeat(told[None], len(room.codes), axis=0)


class Normalised(Counters):
    """Bug: teachers normalise by what all rows say."""

    def votes(self, queries: Any) -> np.ndarray:
        room = self.rooms[-1]
        mean = room.codes[room.taken].astype(float).mean()
        own = room.codes[:, :, 0].astype(float).sum(axis=1, keepdims=True)
        return (own * 1e4 / max(mean, 1e-9) + queries).astype(np.int64) % 2 == 0


class Stopping(Counters):
    """Bug: training stops when the rows say so, for everybody."""

    def votes(self, queries: Any) -> np.ndarray:
        odd = int(self.rooms[-1].taken.sum()) % 2
        return super().votes((queries + odd) % len(LABELS))


@pytest.mark.parametrize("bug", [Shared, OneObject, Normalised, Stopping])
def test_trap_24_put_back_teachers_that_share(bug: type[Counters]) -> None:
    with pytest.raises(AssertionError, match="changed their minds"):
        replays(fit_with(bug, teachers=2 if bug is Shared else 7))


def test_trap_24_put_back_an_assignment_drawn_again_for_teachers_that_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A unit that wanders leaves something with every teacher that it has been with."""

    class Remembering(Counters):
        def meet(self, room: Classroom) -> None:
            if self.rooms:
                old = self.rooms[-1]
                room = Classroom(
                    codes=np.concatenate([old.codes, room.codes], axis=1),
                    taken=np.concatenate([old.taken, room.taken], axis=1),
                )
            super().meet(room)

    real = VotePlan.ask

    def again(self: VotePlan, ensemble: Any, queries: Any) -> Any:
        if self._met is not None:
            room = self._classroom()
            turned = (self.taken * 3) % self.teachers
            ensemble.meet(
                Classroom(
                    codes=np.roll(room.codes, turned, axis=0),
                    taken=np.roll(room.taken, turned, axis=0),
                )
            )
        return real(self, ensemble, queries)

    monkeypatch.setattr(VotePlan, "ask", again)
    with pytest.raises(AssertionError, match="changed their minds"):
        replays(fit_with(Remembering, batches=12), rows=30)


def test_trap_24_put_back_parts_by_position(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contiguous parts of the table: one row fewer moves a row across every border."""
    monkeypatch.setattr(
        "understudy.audit.replay.coupled_teachers",
        lambda held, count: np.arange(len(held.codes)) * count // max(len(held.codes), 1),
    )
    with pytest.raises(AssertionError, match="changed their minds"):
        replays(fit_with())


def test_trap_24_put_back_overlapping_teachers(monkeypatch: pytest.MonkeyPatch) -> None:
    real = VotePlan._classroom

    def overlap(self: VotePlan) -> Classroom:
        room = real(self)
        return Classroom(
            codes=np.concatenate([room.codes, np.roll(room.codes, 1, axis=0)], axis=1),
            taken=np.concatenate([room.taken, np.roll(room.taken, 1, axis=0)], axis=1),
        )

    monkeypatch.setattr(VotePlan, "_classroom", overlap)
    with pytest.raises(AssertionError, match="changed their minds"):
        replays(fit_with())


def test_trap_24_put_back_rows_of_a_person_with_several_teachers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def rows_apart(self: VotePlan) -> Classroom:
        held = self._curator.encoded(self._encodings)
        rows = Encoded(codes=held.codes)
        return seated(rows, self._curator.teachers_of(rows, self.teachers), 7, self.seats)

    monkeypatch.setattr(VotePlan, "_classroom", rows_apart)
    with pytest.raises(AssertionError, match="changed their minds"):
        replays(fit_with(), Unit(column="who", max_rows=3))


def test_trap_24_put_back_a_student_that_sees_rows() -> None:
    def fit(curator: Curator) -> Any:
        made = fit_with()(curator)
        codes = curator.encoded(encodings()).codes
        return Told([*made.answers, np.array([float(codes.astype(float).mean())])])

    with pytest.raises(AssertionError, match="another model"):
        replays(fit)


def test_trap_4_put_back_teachers_by_the_number_of_rows() -> None:
    """As many teachers as rows allow, counted without paying."""

    def fit(curator: Curator) -> Any:
        rows = len(curator.encoded(encodings()).codes)
        return fit_with(teachers=2 + rows % 5)(curator)

    with pytest.raises(AssertionError, match="another noise, or other teachers"):
        replays(fit)


def test_trap_18_put_back_a_loop_until_the_budget_is_spent() -> None:
    """One block more than was planned: the filter refuses it."""
    votes = plan(batches=BLOCK)
    teachers = Counters()
    for _ in range(BLOCK):
        votes.ask(teachers, QUERIES)
    votes.batches += BLOCK
    with pytest.raises(BudgetExceeded):
        votes.ask(teachers, QUERIES)


def skipping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bug: a batch in which most say yes is answered and not paid for."""
    real = VotePlan.ask

    def twice(self: VotePlan, ensemble: Any, queries: Any) -> Any:
        told = real(self, ensemble, queries)
        if told.mean() > 0:
            self._curator.noisy_votes(ensemble.votes(queries), self.sigma)
        return told

    monkeypatch.setattr(VotePlan, "ask", twice)


def test_trap_19_put_back_a_batch_that_is_not_paid_for(monkeypatch: pytest.MonkeyPatch) -> None:
    skipping(monkeypatch)
    with pytest.raises(AssertionError, match="votes were charged"):
        replays(fit_with())


def test_trap_23_put_back_a_price_by_how_teachers_voted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The moments accountant of the paper: unanimous batches look cheap, and tell of rows."""
    real = VotePlan._charge

    def cheaper(self: VotePlan) -> None:
        if self._met is None:
            real(self)
            return
        split = np.abs(2 * self._met.votes(QUERIES).sum(axis=0) - self.teachers).mean()
        kept = self.sigma
        self.sigma = kept * (1.0 + 0.01 * float(split))
        real(self)
        self.sigma = kept

    monkeypatch.setattr(VotePlan, "_charge", cheaper)
    monkeypatch.setattr(door, "BLOCK", 1)
    with pytest.raises(AssertionError, match=r"less noise than was charged|other events"):
        replays(fit_with())


def test_put_back_the_sensitivity_of_one_vote_for_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """1 where √m belongs: what was taken was not paid for."""
    monkeypatch.setattr(door, "vote_sensitivity", lambda votes, relation: 1.0)
    with pytest.raises(AssertionError, match="votes were charged"):
        replays(fit_with())


def test_put_back_noise_of_another_scale_than_was_charged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scale and rate swapped: 1/σ where σ was charged."""
    real = VotePlan._charge

    def swapped(self: VotePlan) -> None:
        real(self)
        self.sigma = 1.0 / self.sigma

    monkeypatch.setattr(VotePlan, "_charge", swapped)
    with pytest.raises(AssertionError, match="less noise than was charged"):
        replays(fit_with(batches=BLOCK))
