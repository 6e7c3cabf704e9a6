"""Traps 17 to 22 and 27: what is charged, what is spent, and what an output depends on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from tests.traps.house import EPSILON, Leak, caught, narrow, replays
from tests.traps.test_trap_07_14_noise import SIGMA, column, noise

import understudy.privacy.accountant
import understudy.privacy.budget
from understudy.curator import Count, Curator, MemoryCurator
from understudy.curator.protocol import event_of
from understudy.errors import BudgetExceeded, InputError
from understudy.prepare.shares import Purse
from understudy.privacy import Budget, Event, Gaussian, PartitionSelection, mechanisms
from understudy.schema import Schema
from understudy.source import SensitiveTable
from understudy.synthesize.baseline.independent import Independent
from understudy.synthesize.marginal.aim import AIM
from understudy.synthesize.marginal.margnet import MargNet
from understudy.synthesize.marginal.mst import MST
from understudy.synthesize.model import Model
from understudy.testing import check_curator, record, replay
from understudy.testing.curators import check_charged_first


def spend(synthesizer: Any, epsilon: float, table: SensitiveTable | None = None) -> Budget:
    """The budget of a fit."""
    budget = Budget(epsilon)
    synthesizer.fit(MemoryCurator(table or narrow(120), budget=budget), Schema())
    return budget


def test_trap_17_a_loaded_model_samples_without_the_rows(tmp_path: Any) -> None:
    model = MST().fit(MemoryCurator(narrow(), budget=Budget(EPSILON)), Schema())
    loaded = Model.load(model.save(tmp_path / "model"))
    assert loaded.sample(200, seed=4).equals(model.sample(200, seed=4))


def test_trap_17_put_back_a_real_column_in_the_output(
    leak: Leak, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Model.sample

    def bug(self: Model, rows: int | None = None, *, seed: int | None = None) -> pa.Table:
        made = ours(self, rows, seed=seed)
        real = leak.table.rows.column("town").slice(0, made.num_rows)
        if len(real) < made.num_rows:
            return made
        return made.set_column(made.column_names.index("town"), "town", real)

    monkeypatch.setattr(Model, "sample", bug)
    assert "another model" in caught(lambda: replays(Independent()))


def nothing_is_overspent() -> None:
    """ε, ρ and δ spent stay within what was asked, for strict and generous runs and settings."""
    for synthesizer, epsilon in itertools.product(
        (
            Independent(),
            MST(),
            MST(chords=0),
            MST(select_share=0.4),
            AIM(),
            AIM(rounds_per_column=16),
            MargNet(components=8, passes=1),
        ),
        (0.01, 1.0, 30.0),
    ):
        budget = spend(synthesizer, epsilon)
        told = budget.epsilon_spent()
        assert told <= epsilon, f"{told:.4g} was spent of {epsilon:.4g}"
        assert math.fsum(event.rho or 0.0 for event in budget.events) <= budget.rho * (1 + 1e-9)
        assert math.fsum(event.delta for event in budget.events) <= budget.delta


def test_trap_18_no_configuration_spends_more_than_was_asked() -> None:
    nothing_is_overspent()


def test_trap_18_put_back_scales_that_are_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Purse.sigma
    monkeypatch.setattr(Purse, "sigma", lambda self, rho: ours(self, rho) / 2)
    with pytest.raises(BudgetExceeded):
        spend(MST(), 1.0)
    monkeypatch.setattr(Budget, "_admit", lambda self, asked: None)
    assert "was spent of" in caught(nothing_is_overspent)


def every_access_is_charged() -> None:
    """One event per answer, in order, and no exact answer besides."""
    recording = record(lambda curator: MST().fit(curator, Schema()), narrow(), epsilon=EPSILON)
    assert not recording.unpaid(), recording.unpaid()
    assert recording.events == tuple(
        event_of(item.question, recording.unit) for item in recording.asked
    )


def test_trap_19_every_answer_has_its_event() -> None:
    every_access_is_charged()


def test_trap_19_the_curator_keeps_its_promises() -> None:
    check_curator(MemoryCurator)


def test_trap_19_put_back_a_door_that_charges_the_first_of_a_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def bug(self: Curator, questions: Any) -> list[Any]:
        self.budget.charge_all([event_of(question, self.unit) for question in questions][:1])
        return [self._release(question, self.exact(question), self.unit) for question in questions]

    monkeypatch.setattr(Curator, "ask", bug)
    assert "its own event" in caught(every_access_is_charged)
    assert "its own event" in caught(lambda: check_charged_first(MemoryCurator))


def test_trap_19_put_back_a_door_that_charges_after_it_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def bug(self: Curator, questions: Any) -> list[Any]:
        answers = [self._release(one, self.exact(one), self.unit) for one in questions]
        self.budget.charge_all([event_of(question, self.unit) for question in questions])
        return answers

    monkeypatch.setattr(Curator, "ask", bug)
    assert "before it was charged" in caught(lambda: check_charged_first(MemoryCurator))


def test_trap_19_a_synthesizer_that_reaches_past_the_door_is_seen() -> None:
    def fit(curator: Curator) -> Model:
        curator.exact(Count(encodings=(), sigma=1.0, stage="free"))
        return Independent().fit(curator, Schema())

    recording = record(fit, narrow())
    assert "reaches past" in caught(replay(recording, recording.table).require)


def delta_is_spent_once() -> None:
    """δ of selection and of conversion together are the run's δ, and ε is an accountant's."""
    from dp_accounting import GaussianDpEvent
    from dp_accounting.rdp import RdpAccountant

    budget = spend(MST(), 1.0)
    selected = math.fsum(e.failure for e in budget.events if isinstance(e, PartitionSelection))
    assert selected > 0, "the table should need a selection"
    assert budget.spent_delta_selection == pytest.approx(selected), "a delta was forgotten"
    assert selected <= budget.delta_selection
    assert budget.delta_selection + budget._delta_convert <= budget.delta
    rho = math.fsum(event.rho or 0.0 for event in budget.events)
    accountant = RdpAccountant().compose(GaussianDpEvent(1 / math.sqrt(2 * rho)))
    assert accountant.get_epsilon(budget.delta - selected) == pytest.approx(
        budget.epsilon_spent(), rel=0.01
    )


def test_trap_20_delta_is_spent_once_and_not_forgotten() -> None:
    delta_is_spent_once()


@pytest.mark.parametrize("delta", [10 ^ -6, 10 ^ 6, 0.0, 1.0, 0.5, float("nan")])
def test_trap_20_a_delta_that_is_no_small_probability_is_refused(delta: float) -> None:
    with pytest.raises(InputError):
        Budget(1.0, delta)


def test_trap_20_put_back_a_delta_that_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(understudy.privacy.accountant, "total_delta", lambda _events: 0.0)
    assert "forgotten" in caught(delta_is_spent_once)


def every_answer_has_its_own_noise() -> None:
    """Two answers to one question: their difference has σ√2, known to 1.1 %."""
    first, second = noise(column(20), times=2)
    found = float((first - second).std())
    assert abs(found / (SIGMA * math.sqrt(2)) - 1) < 0.08, "noise is used twice"


def test_trap_21_every_answer_has_its_own_noise_and_charge() -> None:
    every_answer_has_its_own_noise()
    budget = Budget(1.0)
    curator = MemoryCurator(column(9), budget=budget)
    question = Count(encodings=(), sigma=50.0, stage="t")
    curator.ask([question, question])
    curator.ask([question])
    assert len(budget.events) == 3


def test_trap_21_put_back_noise_that_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = mechanisms.discrete_gaussian
    kept: dict[tuple[int, float], np.ndarray] = {}

    def bug(counts: Any, sigma: float) -> np.ndarray:
        key = (np.size(counts), sigma)
        if key not in kept:
            kept[key] = ours(np.zeros(np.shape(counts), dtype=np.int64), sigma)
        return np.asarray(counts) + kept[key]

    monkeypatch.setattr(mechanisms, "discrete_gaussian", bug)
    assert "used twice" in caught(every_answer_has_its_own_noise)


def exact_epsilon(sigma: float, delta: float) -> float:
    """ε of one Gaussian of sensitivity 1 (Balle & Wang 2018, Theorem 8), by bisection."""

    def leftover(epsilon: float) -> float:
        a, b = 1 / (2 * sigma) - epsilon * sigma, -1 / (2 * sigma) - epsilon * sigma
        return float(stats.norm.cdf(a) - np.exp(epsilon) * stats.norm.cdf(b))

    low, high = 0.0, 50.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if leftover(middle) > delta else (low, middle)
    return high


def epsilon_is_an_upper_bound() -> None:
    """Ours lies above the exact ε of one Gaussian, and within 25 % of it."""
    for sigma in (0.8, 4.0, 40.0):
        exact = exact_epsilon(sigma, 1e-6)
        ours = understudy.privacy.accountant.epsilon([Gaussian(label="t", sigma=sigma)], 1e-6)
        assert exact <= ours <= 1.25 * exact, f"epsilon {ours:.4g} where {exact:.4g} is exact"


def test_trap_22_epsilon_is_an_upper_bound_and_not_a_loose_one() -> None:
    epsilon_is_an_upper_bound()


@pytest.mark.parametrize(
    "formula",
    [
        lambda rho, delta: rho + 2 * math.sqrt(rho),
        lambda rho, delta: rho + math.sqrt(2 * rho * math.log(1 / delta)),
        lambda rho, delta: 2 * math.sqrt(rho + math.log(1 / delta)),
    ],
    ids=["the log is missing", "another constant", "a wrong bracket"],
)
def test_trap_22_put_back_algebra_of_our_own(
    formula: Callable[[float, float], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(events: Any, delta: float, **_: Any) -> float:
        return formula(math.fsum(event.rho for event in events), delta)

    monkeypatch.setattr(understudy.privacy.accountant, "epsilon", bug)
    assert "is exact" in caught(epsilon_is_an_upper_bound)


def spent_is_what_was_planned() -> None:
    """Each planned stage spends no more than its share, and nearly all where nothing is odd."""
    for synthesizer in (Independent(), MST(), AIM(), MargNet(components=8, passes=1)):
        budget = spend(synthesizer, 2.0, narrow(600))
        for share in budget.shares:
            if share.stage == "pairs":
                continue
            assert share.spent_rho <= share.planned_rho * (1 + 1e-6), (
                f"stage {share.stage} spends more than it planned"
            )
        for stage in ("rows", "kinds", "singles"):
            share = next(one for one in budget.shares if one.stage == stage)
            assert share.spent_rho >= 0.999 * share.planned_rho, f"stage {stage} is not spent"
    assert math.fsum(share.planned_rho for share in budget.shares) <= budget.rho * (1 + 1e-9)


def test_trap_27_spent_is_what_was_planned_and_planned_is_what_was_asked() -> None:
    spent_is_what_was_planned()
    assert spend(MST(), 2.0, narrow(600)).epsilon_spent() > 1.9


@pytest.mark.parametrize(("factor", "told"), [(0.5, "is not spent"), (1.3, "more than it planned")])
def test_trap_27_put_back_a_stage_that_spends_another_share(
    factor: float, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Purse.rho

    def bug(self: Purse, stage: str) -> float:
        return ours(self, stage) * (factor if stage == "kinds" else 1.0)

    monkeypatch.setattr(Purse, "rho", bug)
    said = caught(spent_is_what_was_planned)
    assert told in said or (factor > 1 and "does not cover this" in said)


def test_trap_23_no_epsilon_depends_on_the_rows() -> None:
    """Two neighbours are charged the same events: ε is a function of public answers alone."""
    table = narrow()
    recording = record(lambda curator: MST().fit(curator, Schema()), table)
    other = table.with_rows(table.rows.slice(1))
    assert replay(recording, other).passed
    assert all(isinstance(event, Event) for event in recording.events)
