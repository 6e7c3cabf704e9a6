"""A fact that was learned may not pass for one that was free or declared."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from understudy.release.public import Fact
from understudy.schema import Column, Schema
from understudy.workflow import synthesize


def facts_of(frame: pa.Table, schema: Schema | None = None) -> dict[str, dict[str, Fact]]:
    run = synthesize(frame, epsilon=20.0, schema=schema, evaluate=False, holdout=0)
    return {
        column.name: {fact.name: fact for fact in column.facts} for column in run.evidence.learned
    }


def test_decimals_of_floats_are_learned() -> None:
    rng = np.random.default_rng(0)
    found = facts_of(pa.table({"pay": np.round(rng.normal(0, 9, 2000), 1), "n": range(2000)}))
    assert found["pay"]["kind"].source == "container"
    assert found["pay"]["decimals"].paid_by == "count of pay"


def test_a_key_found_by_its_cells_is_learned() -> None:
    found = facts_of(pa.table({"x": range(5000), "y": [f"{code:06d}k" for code in range(5000)]}))
    for name in ("x", "y"):
        assert found[name]["kind"].value == "identifier"
        assert found[name]["kind"].paid_by == f"distinct cells of {name}"


def test_a_declared_bound_is_the_declared_one() -> None:
    schema = Schema(columns=(Column(name="age", minimum=0, maximum=120),))
    rng = np.random.default_rng(0)
    frame = pa.table({"age": [str(age) for age in rng.integers(18, 60, 2000)]})
    found = facts_of(frame, schema)["age"]
    assert (found["minimum"].value, found["maximum"].value) == (0, 120)
    assert found["minimum"].source == "declared"
