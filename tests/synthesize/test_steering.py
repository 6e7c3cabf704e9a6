"""Purposes become a workload, and a workload decides which pairs are counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from understudy.curator import MemoryCurator
from understudy.privacy.budget import Budget
from understudy.privacy.unit import Unit
from understudy.schema import Schema, loads_purposes
from understudy.source import from_frame
from understudy.synthesize.baseline.independent import Independent
from understudy.synthesize.marginal.aim import AIM
from understudy.synthesize.marginal.mst import MST
from understudy.synthesize.marginal.workload import Workload, pair_weights
from understudy.synthesize.model import Model
from understudy.synthesize.steering import (
    NO_WEIGHT,
    NOT_STEERED,
    OWN_WORKLOAD,
    STEERED,
    steer,
    workload_of,
)

NAMES = ("a", "b", "c", "d")
TABLE = "purposes: {t: {kind: table, columns: [a, d], weight: %s, tolerance: {tvd: 0.1}}}"


def test_a_purpose_outweighs_the_floor_by_its_weight() -> None:
    workload = workload_of(loads_purposes("floor: 0.5\n" + TABLE % 3), NAMES)
    assert workload is not None
    weights = workload.resolve(NAMES)
    assert weights["a", "d"] == pytest.approx(1 + 3 / 0.5)
    assert weights["b", "c"] == 1.0
    bare = workload_of(loads_purposes("floor: 0\n" + TABLE % 3), NAMES)
    assert bare is not None
    assert bare.resolve(NAMES) == {("a", "d"): 3.0}


def test_a_target_keeps_its_weight_beside_the_floor() -> None:
    workload = workload_of(loads_purposes("floor: 0.5\n" + TABLE % 3), NAMES, "b")
    assert workload is not None
    weights = workload.resolve(NAMES)
    assert (weights["a", "b"], weights["a", "c"], weights["a", "d"]) == (3.0, 1.0, 7.0)


def test_who_is_steered() -> None:
    purposes = loads_purposes(TABLE % 1)
    found = steer(MST(chords=0), purposes, NAMES)
    assert found.statement == STEERED
    assert isinstance(found.synthesizer, MST)
    assert found.synthesizer.workload == workload_of(purposes, NAMES)
    assert found.synthesizer.chords == 0
    aim = steer(AIM(), purposes, NAMES).synthesizer
    assert isinstance(aim, AIM)
    assert aim.workload == found.synthesizer.workload
    own = MST(workload=Workload.all(2))
    assert steer(own, purposes, NAMES).synthesizer is own
    assert steer(own, purposes, NAMES).statement == OWN_WORKLOAD
    assert steer(Independent(), purposes, NAMES).statement == NOT_STEERED
    assert steer(MST(), loads_purposes(TABLE % 0), NAMES).statement == NO_WEIGHT


def test_a_column_that_is_not_modelled_fails_nothing() -> None:
    workload = Workload.of({("a", "gone"): 2.0, ("a", "b", "gone"): 1.0, ("gone",): 1.0})
    assert workload.modelled(["a", "b"]) == {("a",): 2.0, ("a", "b"): 1.0}
    assert Workload.of([("gone",)]).modelled(["a"]) == {}
    assert Workload.target_centred("gone", 2, pairs=0).modelled(["a", "b"]) == {}
    assert pair_weights(workload.modelled(["a", "b"])) == {("a", "b"): 1.0}


def rows(count: int = 3000) -> pd.DataFrame:
    """One strong pair (a, b), and weak ones of d with each other column, all alike."""
    rng = np.random.default_rng(3)
    d = rng.integers(0, 4, count)
    near = {name: np.where(rng.random(count) < 0.5, d, rng.integers(0, 4, count)) for name in "abc"}
    key = [f"k{place:06d}" for place in range(count)]
    return pd.DataFrame({**near, "d": d, "key": key}).astype(str)


def fitted(synthesizer: MST) -> Model:
    unit = Unit()
    budget = Budget(20.0, 1e-6, unit)
    curator = MemoryCurator(from_frame(rows()), budget=budget, unit=unit)
    return synthesizer.fit(curator, Schema())


def test_mst_counts_the_pairs_that_matter() -> None:
    """Pairs without d are dependent through d alone; with a weight a hundred they come first.

    At ε = 20 the choice is all but certain: scores of 4,000 rows beside noise of some 20.
    """
    plain = {pair.columns for pair in fitted(MST(chords=0)).pairs}
    assert plain == {("a", "d"), ("b", "d"), ("c", "d")}
    workload = Workload.of({("a", "b"): 1.0, ("b", "c"): 1.0, ("b", "key"): 1.0})
    steered = fitted(MST(chords=0, workload=workload))
    assert {("a", "b"), ("b", "c")} <= {pair.columns for pair in steered.pairs}
    assert steered.settings["workload"]["entries"][0] == [["a", "b"], 1.0]


def test_what_a_part_is_worth() -> None:
    """AIM's score makes (b, c) as dear as (a, b), for both columns are asked for elsewhere."""
    weights = {("a", "b"): 4.0, ("c", "d"): 4.0, ("b", "c"): 1.0}
    shared = Workload.of(weights).parts("abcd")
    held = replace(Workload.of(weights), contained=True).parts("abcd")
    assert shared["b", "c"] == 10.0 > shared["a", "b"] == 9.0
    assert held == weights
    triple = replace(Workload.of([("a", "b", "c")]), contained=True).parts("abc")
    assert triple == dict.fromkeys([("a", "b"), ("a", "c"), ("b", "c"), ("a", "b", "c")], 1.0)
    assert "contained" in Workload.all(2).to_json()
