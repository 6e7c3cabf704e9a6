"""The expected error of each marginal: from the model alone, there for every model, and honest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from understudy.curator import MemoryCurator
from understudy.evaluate.expected import found_beside_expected
from understudy.privacy import Budget
from understudy.schema import Schema
from understudy.synthesize.baseline.independent import Independent
from understudy.synthesize.conditioning.expected import expected_marginals
from understudy.synthesize.marginal.mst import MST
from understudy.synthesize.model import Model
from understudy.testing.tables import Example, example_tables


@pytest.mark.parametrize("example", example_tables(), ids=lambda example: example.name)
@pytest.mark.parametrize("synthesizer", [MST(), Independent()], ids=["mst", "independent"])
def test_every_model_has_a_statement(example: Example, synthesizer: Any) -> None:
    budget = Budget(1.0, 1e-6, unit=example.unit)
    model = synthesizer.fit(
        MemoryCurator(example.table, budget=budget, unit=example.unit), Schema()
    )
    _, stated = expected_marginals(model)
    names = {one.columns for one in stated}
    assert {(name,) for name in model.columns} <= names
    assert len(names) == len(model.columns) * (len(model.columns) + 1) // 2
    for one in stated:
        assert 0 <= one.tvd <= 1
        assert one.shares.sum() == pytest.approx(1.0)
    figure = found_beside_expected(model, example.table.rows)
    assert figure is not None
    assert 0 <= figure.value <= 1


def test_more_noise_is_expected_to_cost_more(model: Model) -> None:
    def of(noisy: Model) -> dict[tuple[str, ...], float]:
        return {one.columns: one.tvd for one in expected_marginals(noisy)[1]}

    loud = replace(model, pairs=tuple(replace(p, sigma=4 * p.sigma) for p in model.pairs))
    assert of(loud)[("age", "sex")] > 1.5 * of(model)[("age", "sex")]
    free = replace(model, pairs=())
    (pair,) = (one for one in expected_marginals(free)[1] if one.columns == ("age", "sex"))
    assert not pair.bounded
    assert expected_marginals(model.condition("age >= 15")) == ({}, ())


def test_expected_and_found_are_of_one_size() -> None:
    """Four fits of 3,000 rows: counted pairs are found within a factor of four on average."""
    from tests.conditioning.test_queries import correlated

    from understudy.source import from_frame

    table = correlated(3_000, np.random.default_rng(2))
    expected, found = [], []
    for _ in range(4):
        model = MST().fit(MemoryCurator(from_frame(table), budget=Budget(1.0, 1e-6)), Schema())
        figure = found_beside_expected(model, table)
        assert figure is not None
        for row in figure.detail["marginals"]:
            if len(row["columns"]) == 2 and row["counted"]:
                expected.append(row["expected"])
                found.append(row["found"])
    assert 0.25 < np.mean(expected) / np.mean(found) < 4
