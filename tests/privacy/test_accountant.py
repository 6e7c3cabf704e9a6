"""The accountant against `dp_accounting` itself, on random and awkward sets of events."""

from __future__ import annotations

import math

import dp_accounting as dpa
import numpy as np
import pytest
from dp_accounting.rdp import RdpAccountant
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import InputError
from understudy.privacy import (
    DpAccountingEvent,
    Event,
    Exponential,
    Gaussian,
    NonPrivate,
    PartitionSelection,
    Relation,
    calibrate_rho,
    epsilon,
)
from understudy.privacy.accountant import best_order

DENSE = [1 + x for x in np.geomspace(0.011, 1e7, 4000)]

zcdp_events = st.one_of(
    st.builds(
        Gaussian,
        label=st.just("g"),
        sigma=st.floats(0.3, 1e4),
        sensitivity=st.sampled_from([1.0, 2.0, 7.0]),
    ),
    st.builds(Exponential, label=st.just("e"), epsilon=st.floats(1e-4, 3.0)),
    st.builds(
        PartitionSelection,
        label=st.just("p"),
        sigma=st.floats(1.0, 1e3),
        failure=st.floats(1e-12, 1e-8),
    ),
)


def theirs(events: list[Event], delta: float, orders: list[float]) -> float:
    """ε of the composition by `dp_accounting` alone, one event after another."""
    accountant = RdpAccountant(orders)
    for event in events:
        accountant.compose(event.to_dp_event())
    return float(accountant.get_epsilon(delta - sum(event.delta for event in events)))


@settings(max_examples=20, deadline=None)
@given(st.lists(zcdp_events, min_size=1, max_size=12), st.sampled_from([1e-3, 1e-6, 1e-7]))
def test_equals_dp_accounting(events: list[Event], delta: float) -> None:
    """Traps 20, 21, 22: δ once, every step composed, no algebra of our own."""
    exact = theirs(events, delta, DENSE)
    grid = 5e-5 if exact > 100 * delta else 2e-3
    assert epsilon(events, delta) == pytest.approx(exact, rel=grid)


@pytest.mark.parametrize(
    "mutant",
    [
        lambda events, delta: epsilon(events, delta + sum(e.delta for e in events)),
        lambda events, delta: epsilon(list(dict.fromkeys(events)), delta),
        lambda events, delta: sum(e.rho for e in events),
        lambda events, delta: (
            sum(e.rho for e in events) + 2 * math.sqrt(sum(e.rho for e in events))
        ),
    ],
    ids=["δ of selections forgotten", "equal steps counted once", "ρ as ε", "log(1/δ) lost"],
)
def test_known_accounting_bugs_would_show(mutant: object) -> None:
    events: list[Event] = [Gaussian(label="g", sigma=20.0)] * 10
    events.append(PartitionSelection(label="p", sigma=30.0, failure=9e-7))
    right = theirs(events, 1e-6, DENSE)
    assert epsilon(events, 1e-6) == pytest.approx(right, rel=5e-5)
    assert mutant(events, 1e-6) < right * 0.99  # type: ignore[operator]


@pytest.mark.parametrize("delta", [9e-3, 1e-6, 1e-9, 1e-12])
@pytest.mark.parametrize("asked", [1e-4, 0.01, 0.1, 1.0, 3.0, 10.0, 100.0])
def test_calibration_is_safe_and_tight(asked: float, delta: float) -> None:
    rho = calibrate_rho(asked, delta)
    dense = [best_order(rho, delta) * (1 + x) for x in np.linspace(-0.02, 0.02, 81)]
    dense = [order for order in dense if order > 1.01]
    best = RdpAccountant(dense).compose(dpa.ZCDpEvent(rho)).get_epsilon(delta)
    assert best <= asked * (1 + 1e-12)
    tight = 2e-5 if asked > 100 * delta else 1e-3
    assert best >= asked * (1 - tight)
    assert epsilon([Gaussian(label="", sigma=math.sqrt(0.5 / rho) * (1 + 1e-12))], delta) <= asked
    if rho > 1e-6:
        gaussian = dpa.GaussianDpEvent(math.sqrt(0.5 / rho))
        assert RdpAccountant(dense).compose(gaussian).get_epsilon(delta) == pytest.approx(
            asked, rel=tight
        )


def test_coarse_orders_would_waste_budget() -> None:
    """At ε = 0.1 the library's own orders overstate ε by more than 3%."""
    event = dpa.ZCDpEvent(calibrate_rho(0.1, 1e-6))
    assert RdpAccountant().compose(event).get_epsilon(1e-6) > 0.103


def test_golden_gaussian() -> None:
    """Canonne, Kamath & Steinke 2020: RDP conversion stays above the exact Gaussian curve."""
    exact = dpa.get_epsilon_gaussian(10.0, 1e-6)
    ours = epsilon([Gaussian(label="", sigma=10.0)], 1e-6)
    assert exact <= ours <= exact * 1.12


def test_delta_composes_and_runs_out() -> None:
    part = PartitionSelection(label="", sigma=50.0, failure=4e-7)
    assert epsilon([part], 1e-6) > epsilon([Gaussian(label="", sigma=50.0)], 1e-6)
    assert epsilon([part, part], 1e-6) < math.inf
    assert epsilon([part, part, part], 1e-6) == math.inf


def test_nothing_and_everything() -> None:
    assert epsilon([], 1e-6) == 0.0
    assert epsilon([NonPrivate(label=""), Gaussian(label="", sigma=1e9)], 1e-6) == math.inf


def test_mixed_events_equal_dp_accounting() -> None:
    event = dpa.SelfComposedDpEvent(dpa.PoissonSampledDpEvent(0.02, dpa.GaussianDpEvent(1.2)), 50)
    events = [
        DpAccountingEvent.of(event, label="training"),
        DpAccountingEvent.of(dpa.LaplaceDpEvent(20.0), label="rows"),
        DpAccountingEvent.of(dpa.LaplaceDpEvent(20.0), label="other rows"),
        Gaussian(label="counts", sigma=15.0),
    ]
    orders = [2.0, 4.0, 8.0, 16.0, 32.0]
    assert epsilon(events, 1e-6, orders=orders) == pytest.approx(
        theirs(events, 1e-6, orders), rel=1e-12
    )
    assert epsilon(events, 1e-6) <= theirs(events, 1e-6, orders)


def test_relations_do_not_mix() -> None:
    """Trap 12."""
    events = [
        Gaussian(label="", sigma=5.0),
        Gaussian(label="", sigma=5.0, relation=Relation.REPLACE_ONE),
    ]
    with pytest.raises(InputError, match="relation"):
        epsilon(events, 1e-6)
