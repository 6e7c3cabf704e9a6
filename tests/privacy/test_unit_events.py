"""Units and events: statements, sensitivities, golden costs, JSON round trips, refusals."""

from __future__ import annotations

import itertools
import json
import math

import dp_accounting as dpa
import numpy as np
import pytest

from understudy.errors import InputError
from understudy.privacy import (
    DpAccountingEvent,
    Event,
    Exponential,
    Gaussian,
    NonPrivate,
    PartitionSelection,
    Relation,
    Unit,
)
from understudy.privacy.events import EVENTS, from_json

EXAMPLES: tuple[Event, ...] = (
    Gaussian(label="rows", stage="measure", columns=("a", "b"), sigma=3.5, sensitivity=2.0),
    Exponential(label="edge", stage="select", epsilon=0.25),
    PartitionSelection(label="towns", columns=("town",), sigma=7.0, failure=1e-8),
    NonPrivate(label="all"),
    DpAccountingEvent.of(
        dpa.SelfComposedDpEvent(dpa.PoissonSampledDpEvent(0.01, dpa.GaussianDpEvent(1.1)), 40),
        label="training",
    ),
)


def test_every_kind_has_an_example() -> None:
    assert [type(event) for event in EXAMPLES] == list(EVENTS)


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.kind)
def test_json_round_trip(event: Event) -> None:
    assert from_json(json.loads(json.dumps(event.to_json()))) == event
    assert hash(event) == hash(from_json(event.to_json()))


def test_golden_costs() -> None:
    # Bun & Steinke 2016, Proposition 1.6: Δ²/(2σ²). Exponential: ε²/8 by bounded range.
    assert Gaussian(label="", sigma=5.0).rho == pytest.approx(1 / 50, rel=1e-15)
    assert Gaussian(label="", sigma=5.0, sensitivity=3.0).rho == pytest.approx(9 / 50, rel=1e-15)
    assert Exponential(label="", epsilon=2.0).rho == 0.5
    both = PartitionSelection(label="", sigma=5.0, failure=1e-7, sensitivity=2.0)
    assert (both.rho, both.delta) == (pytest.approx(4 / 50, rel=1e-15), 1e-7)
    assert NonPrivate(label="").rho == math.inf


def test_exponential_range_is_within_rho() -> None:
    """ε²/8 bounds every Rényi divergence of adversarial pairs, and ε²/10 would not."""
    epsilon, width = 1.5, 1.0
    loosest = 0.0
    for before in itertools.product((0.0, 0.5, 3.0), repeat=3):
        for change in itertools.product((-width, 0.0, width), repeat=3):
            p = np.exp(epsilon * np.array(before) / (2 * width))
            q = np.exp(epsilon * (np.array(before) + change) / (2 * width))
            p, q = p / p.sum(), q / q.sum()
            for order in (1.001, 1.5, 2.0, 8.0, 64.0):
                divergence = math.log((p**order * q ** (1 - order)).sum()) / (order - 1)
                loosest = max(loosest, divergence / order)
    assert epsilon**2 / 10 < loosest <= epsilon**2 / 8


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf, -math.inf])
def test_edge_parameters_are_refused(wrong: float) -> None:
    with pytest.raises(InputError):
        Gaussian(label="", sigma=wrong)
    with pytest.raises(InputError):
        Gaussian(label="", sigma=1.0, sensitivity=wrong)
    with pytest.raises(InputError):
        Exponential(label="", epsilon=wrong)
    with pytest.raises(InputError):
        PartitionSelection(label="", sigma=1.0, failure=wrong)


@pytest.mark.parametrize(
    "told",
    [
        {"kind": "laplace", "label": "x"},
        {"label": "x"},
        {"kind": "gaussian", "label": "x"},
        {"kind": "gaussian", "label": "x", "sigma": 1.0, "surprise": 1},
        {"kind": "gaussian", "label": "x", "sigma": 1.0, "relation": "sideways"},
    ],
)
def test_unknown_json_is_refused(told: dict[str, object]) -> None:
    with pytest.raises(InputError):
        from_json(told)


@pytest.mark.parametrize("name", ["os.system", "NeighboringRelation", "", "DpEventBuilder"])
def test_only_known_classes_are_made(name: str) -> None:
    event = DpAccountingEvent(label="x", tree=json.dumps({"dp_event": name}))
    with pytest.raises(InputError):
        event.to_dp_event()


@pytest.mark.parametrize(
    "event",
    [
        dpa.LaplaceDpEvent(3.0),
        dpa.GaussianDpEvent(2.0),
        dpa.ZCDpEvent(0.1, 0.01),
        dpa.ComposedDpEvent([dpa.GaussianDpEvent(2.0), dpa.LaplaceDpEvent(1.0)]),
        dpa.SelfComposedDpEvent(dpa.PoissonSampledDpEvent(0.1, dpa.GaussianDpEvent(2.0)), 7),
        dpa.NoOpDpEvent(),
    ],
)
def test_standard_events_come_back_equal(event: dpa.DpEvent) -> None:
    assert DpAccountingEvent.of(event, label="x").to_dp_event() == event


@pytest.mark.parametrize(
    "event",
    [
        dpa.UnsupportedDpEvent(),
        dpa.SampledWithoutReplacementDpEvent(100, 10, dpa.GaussianDpEvent(1.0)),
        dpa.ComposedDpEvent([dpa.GaussianDpEvent(2.0), dpa.UnsupportedDpEvent()]),
    ],
)
def test_unsupported_events_are_refused_when_made(event: dpa.DpEvent) -> None:
    with pytest.raises(InputError, match="accountant refuses"):
        DpAccountingEvent.of(event, label="x")


def test_fixed_size_batches_only_under_replace_one() -> None:
    """Trap 12 and 15: the sampling scheme is accepted only under its own relation."""
    event = dpa.SampledWithoutReplacementDpEvent(100, 10, dpa.GaussianDpEvent(1.0))
    made = DpAccountingEvent.of(event, label="x", relation=Relation.REPLACE_ONE)
    assert made.to_dp_event() == event


def brute_force_l2(unit: Unit, cells: int = 3) -> float:
    """Largest L2 change of a histogram over all contributions of up to M rows."""
    contributions = [
        np.array(rows)
        for rows in itertools.product(range(unit.max_rows + 1), repeat=cells)
        if sum(rows) <= unit.max_rows
    ]
    if unit.relation is Relation.ADD_REMOVE:
        return max(float(np.linalg.norm(rows)) for rows in contributions)
    return max(float(np.linalg.norm(a - b)) for a in contributions for b in contributions)


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("relation", list(Relation))
def test_histogram_sensitivity_against_brute_force(rows: int, relation: Relation) -> None:
    unit = Unit(column="person", max_rows=rows, relation=relation)
    assert unit.count_l2 == pytest.approx(brute_force_l2(unit), rel=1e-12)
    assert unit.count_l2 >= brute_force_l2(unit)


@pytest.mark.parametrize(
    ("column", "rows"), [(None, 2), ("a", 0), ("a", -1), ("", 1), ("a", 1.5), ("a", True)]
)
def test_impossible_units_are_refused(column: str | None, rows: int) -> None:
    with pytest.raises(InputError):
        Unit(column=column, max_rows=rows)


def test_statements_name_the_unit_and_the_relation() -> None:
    assert Unit().statement == "adding or removing one row"
    assert "'patient'" in Unit(column="patient", max_rows=3).statement
    assert "at most 3 rows" in Unit(column="patient", max_rows=3).statement
    assert Unit(relation=Relation.REPLACE_ONE).statement == "replacing one row"
