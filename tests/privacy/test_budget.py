"""The filter: ε spent ≤ ε asked for every configuration, refusals before anything happens."""

from __future__ import annotations

import math
import threading

import dp_accounting as dpa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import BudgetExceeded, InputError, LedgerError
from understudy.privacy import (
    Budget,
    DpAccountingEvent,
    Event,
    Exponential,
    Gaussian,
    NonPrivate,
    NonPrivateBudget,
    PartitionSelection,
    Relation,
    Unit,
    epsilon,
)
from understudy.privacy.budget import check_privacy


def gaussian_of(rho: float, stage: str = "") -> Gaussian:
    """The Gaussian event that costs ρ."""
    return Gaussian(label="counts", stage=stage, sigma=math.sqrt(0.5 / rho))


events_of_a_run = st.lists(
    st.one_of(
        st.floats(1e-3, 0.8).map(lambda share: ("gaussian", share)),
        st.floats(1e-3, 0.8).map(lambda share: ("exponential", share)),
        st.floats(1e-2, 0.9).map(lambda share: ("partition", share)),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(
    asked=st.floats(1e-3, 30.0),
    delta=st.sampled_from([9e-3, 1e-5, 1e-6, 1e-9]),
    share=st.sampled_from([0.0, 0.1, 0.5, 0.9]),
    tries=events_of_a_run,
)
def test_never_overspends(
    asked: float, delta: float, share: float, tries: list[tuple[str, float]]
) -> None:
    """Traps 18 and 20: after any sequence of tries, accepted or not, ε spent ≤ ε asked."""
    budget = Budget(asked, delta, delta_selection_share=share)
    for kind, part in tries:
        rho = budget.rho * part
        event: Event = gaussian_of(rho)
        if kind == "exponential":
            event = Exponential(label="choice", epsilon=math.sqrt(8 * rho))
        elif kind == "partition":
            event = PartitionSelection(
                label="labels", sigma=math.sqrt(0.5 / rho), failure=delta * part
            )
        before = budget.events
        try:
            budget.charge(event)
        except BudgetExceeded:
            assert budget.events == before
        else:
            assert budget.events == (*before, event)
        assert budget.epsilon_spent() <= asked
        assert epsilon(budget.events, delta) <= asked
        assert budget.remaining_rho >= 0


@settings(max_examples=60, deadline=None)
@given(
    asked=st.floats(1e-3, 30.0),
    delta=st.sampled_from([1e-4, 1e-6, 1e-9]),
    weights=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=40),
)
def test_a_whole_budget_can_be_spent(asked: float, delta: float, weights: list[float]) -> None:
    """Trap 27: shares that sum to one are accepted in spite of rounding, and use all of ε."""
    budget = Budget(asked, delta, delta_selection_share=0.25)
    total = math.fsum(weights)
    for weight in weights:
        budget.charge(gaussian_of(budget.rho * (weight / total)))
    assert epsilon(budget.events, delta * 0.75) == pytest.approx(asked, rel=1e-6)
    assert budget.epsilon_spent() <= asked
    with pytest.raises(BudgetExceeded):
        budget.charge(gaussian_of(budget.rho * 1e-6))


def test_the_tolerance_errs_on_the_safe_side() -> None:
    """What rounding may add is held back beforehand: the last bit accepted is within ε."""
    for step in range(40):
        asked = 0.05 * 1.2**step
        budget = Budget(asked, 1e-6, delta_selection_share=0.0)
        budget.charge(gaussian_of(budget.rho * (1 + 9e-11)))
        assert budget.epsilon_spent() <= asked
        with pytest.raises(BudgetExceeded):
            budget.charge(gaussian_of(budget.rho * 1e-9))


def test_checking_after_the_fact_would_overspend() -> None:
    """Trap 18 put back: a filter that admits the charge that crosses the line is caught."""

    class StopsTooLate(Budget):
        def _admit(self, asked: tuple[Event, ...]) -> None:
            if self.spent_rho > self.rho:
                raise BudgetExceeded("too late")

    budget = StopsTooLate(1.0, 1e-6)
    with pytest.raises(BudgetExceeded):  # noqa: PT012 - one of many is refused
        for _ in range(100):
            budget.charge(gaussian_of(budget.rho * 0.3))
    assert budget.epsilon_spent() > 1.0


def test_several_charges_are_one() -> None:
    budget = Budget(1.0, 1e-6)
    with pytest.raises(BudgetExceeded):
        budget.charge_all([gaussian_of(budget.rho * 0.6), gaussian_of(budget.rho * 0.6)])
    assert budget.events == ()
    budget.charge_all([gaussian_of(budget.rho * 0.5), gaussian_of(budget.rho * 0.5)])
    assert len(budget.events) == 2
    budget.charge_all([])


def test_threads_cannot_overspend_together() -> None:
    budget = Budget(1.0, 1e-6)
    accepted: list[int] = []

    def spend() -> None:
        for _ in range(20):
            try:
                budget.charge(gaussian_of(budget.rho / 10))
                accepted.append(1)
            except BudgetExceeded:
                pass

    threads = [threading.Thread(target=spend) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(accepted) == len(budget.events) == 10


def test_other_events_are_filtered_at_one_order() -> None:
    budget = Budget(2.0, 1e-6)
    laplace = DpAccountingEvent.of(dpa.LaplaceDpEvent(8.0), label="total")
    with pytest.raises(BudgetExceeded):  # noqa: PT012 - one of many is refused
        for _ in range(1000):
            budget.charge(laplace)
    assert len(budget.events) >= 5
    assert budget.epsilon_spent() <= 2.0
    assert any(event.rho is None for event in budget.events)
    with pytest.raises(BudgetExceeded):
        Budget(2.0, 1e-6).charge(DpAccountingEvent.of(dpa.NonPrivateDpEvent(), label="leak"))


def test_a_chosen_order_counts_everything() -> None:
    """The order is fixed beforehand, for zCDP events too: no choosing after seeing answers."""
    poor = Budget(1.0, 1e-6, order=3.0)
    with pytest.raises(BudgetExceeded):
        poor.charge(gaussian_of(poor.rho * 1e-3))
    good = Budget(1.0, 1e-6, order=40.0)
    good.charge(gaussian_of(good.rho * 0.5))
    good.charge(DpAccountingEvent.of(dpa.GaussianDpEvent(100.0), label="total"))
    assert epsilon(good.events, 0.5e-6, orders=(40.0,)) <= 1.0
    with pytest.raises(InputError):
        Budget(1.0, 1e-6, order=1.0)


def test_selection_delta_has_its_own_limit() -> None:
    budget = Budget(1.0, 1e-6, delta_selection_share=0.5)
    tiny = {"label": "labels", "sigma": 1e4}
    budget.charge(PartitionSelection(failure=budget.delta_selection / 2, **tiny))  # type: ignore[arg-type]
    budget.charge(PartitionSelection(failure=budget.remaining_delta_selection, **tiny))  # type: ignore[arg-type]
    with pytest.raises(BudgetExceeded, match="delta"):
        budget.charge(PartitionSelection(failure=1e-12, **tiny))  # type: ignore[arg-type]
    with pytest.raises(BudgetExceeded, match="delta"):
        Budget(1.0, 1e-6, delta_selection_share=0.0).charge(
            PartitionSelection(failure=1e-12, **tiny)  # type: ignore[arg-type]
        )


def test_relations_must_agree() -> None:
    """Trap 12: a sensitivity derived for replace-one cannot be charged to add/remove."""
    with pytest.raises(InputError, match="relation"):
        Budget(1.0, 1e-6).charge(Gaussian(label="x", sigma=1e3, relation=Relation.REPLACE_ONE))
    other = Budget(1.0, 1e-6, Unit(relation=Relation.REPLACE_ONE))
    with pytest.raises(InputError, match="relation"):
        other.charge(Gaussian(label="x", sigma=1e3))
    other.charge(Gaussian(label="x", sigma=1e3, relation=Relation.REPLACE_ONE))


@pytest.mark.parametrize("asked", [0, -1, math.inf, -math.inf, math.nan, True, "1"])
def test_impossible_epsilon(asked: float) -> None:
    with pytest.raises(InputError, match="epsilon"):
        Budget(asked, 1e-6)


@pytest.mark.parametrize("delta", [0, -15, 10 ^ -5, 1, 0.5, 1e-2, math.nan, math.inf, "1e-6"])
def test_impossible_delta(delta: float) -> None:
    """Trap 20: `10 ^ -5` is −15 in Python and is told so."""
    with pytest.raises(InputError, match="delta") as refused:
        Budget(1.0, delta)
    if delta == 10 ^ -5:
        assert "1e-6" in str(refused.value)


@pytest.mark.parametrize("share", [-0.1, 1.0, 2.0, math.nan])
def test_impossible_share(share: float) -> None:
    with pytest.raises(InputError):
        Budget(1.0, 1e-6, delta_selection_share=share)


def test_weak_promises_are_remarked() -> None:
    assert check_privacy(1.0, 1e-6) == ()
    assert "epsilon" in check_privacy(21.0, 1e-6)[0]
    assert Budget(50.0, 1e-6).remarks


def test_non_private_needs_its_own_budget() -> None:
    with pytest.raises(BudgetExceeded, match="non-private"):
        Budget(1e6, 1e-3).charge(NonPrivate(label="x"))
    budget = NonPrivateBudget()
    assert budget.epsilon_spent() == math.inf
    budget.charge(NonPrivate(label="x"))
    assert budget.epsilon == budget.epsilon_spent() == budget.rho == math.inf
    assert budget.remaining_rho == math.inf
    assert budget.remarks


def test_planned_and_spent_by_stage() -> None:
    """Trap 27."""
    budget = Budget(1.0, 1e-6)
    budget.plan({"domain": 0.2, "select": 0.3, "measure": 0.5})
    for stage in ("domain", "select", "measure"):
        budget.charge(gaussian_of(budget.stage_rho(stage), stage))
    assert [share.stage for share in budget.shares] == ["domain", "select", "measure"]
    for share in budget.shares:
        assert share.spent_rho == pytest.approx(share.planned_rho, rel=1e-9)
        assert share.charges == 1
    assert math.fsum(share.spent_rho for share in budget.shares) == pytest.approx(
        budget.rho, rel=1e-9
    )
    with pytest.raises(InputError):
        budget.plan({"a": 0.6, "b": 0.6})
    with pytest.raises(InputError):
        budget.plan({"a": -0.1})
    with pytest.raises(InputError):
        budget.stage_rho("unheard of")


def test_a_failing_ledger_stops_the_answer() -> None:
    """The ledger comes first: when it fails, the budget raises and holds nothing."""

    class Broken:
        def open_run(self, *_: object, **__: object) -> str:
            return "run"

        def charge_all(self, *_: object) -> None:
            raise LedgerError("the disk is full")

    budget = Budget(1.0, 1e-6, ledger=Broken(), asset="a")  # type: ignore[arg-type]
    with pytest.raises(LedgerError):
        budget.charge(gaussian_of(1e-3))
    assert budget.events == ()


def test_a_ledger_needs_an_asset() -> None:
    with pytest.raises(InputError, match="asset"):
        Budget(1.0, 1e-6, ledger=object())  # type: ignore[arg-type]
