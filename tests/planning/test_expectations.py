"""Expectations follow the run's own arithmetic and behave as a steward would think."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.planning.conftest import ROWS, declared, people

import understudy as us
from understudy.curator import MemoryCurator
from understudy.privacy import Budget
from understudy.schema import Column, Schema
from understudy.source import from_frame
from understudy.synthesize.baseline.independent import Independent
from understudy.synthesize.marginal.aim import AIM
from understudy.synthesize.marginal.mst import MST
from understudy.workflow.planning import (
    choose_synthesizer,
    default_synthesizer,
    epsilon_for,
    facts_of,
)
from understudy.workflow.planning.effort import expected_seconds, kernel_seconds
from understudy.workflow.planning.facts import Facts, headers_from
from understudy.workflow.planning.noise import expected_noise
from understudy.workflow.planning.prediction import Estimate, sampling_error


def facts(schema: Schema | None = None, *, epsilon: float = 1.0, rows: float = ROWS) -> Facts:
    schema = schema or declared(None)
    return facts_of(
        headers_from(schema), schema, epsilon=epsilon, delta=1e-6, rows=rows, holdout=0.0
    )


@pytest.mark.parametrize("synthesizer", [MST(), Independent()])
def test_noise_is_the_noise_of_the_run(synthesizer: Any) -> None:
    """σ of labels as planned and as charged, within a tenth: sizes of cuts are expected ones."""
    model = synthesizer.fit(
        MemoryCurator(from_frame(people()), budget=Budget(1.0, 1e-6)), declared()
    )
    planned = expected_noise(facts(), synthesizer)
    for item in model.attributes:
        if item.name != "age":
            charged = float(np.sqrt(item.variances[0]))
            assert planned.singles[item.name] == pytest.approx(charged, rel=0.1)
    if model.pairs:
        sigmas = [pair.sigma for pair in model.pairs]
        assert planned.counted == len(model.pairs)
        assert min(sigmas) * 0.8 <= planned.pair <= max(sigmas) * 1.25


def test_stages_are_shares_of_the_whole() -> None:
    for synthesizer in ("aim", "margnet", "mst", "residual", "privbayes", "independent"):
        plan = us.plan(schema=declared(), epsilon=1.0, synthesizer=synthesizer)
        assert sum(stage.expected for stage in plan.stages) == pytest.approx(1.0, abs=1e-6)
        assert all(stage.low <= stage.expected <= stage.high for stage in plan.stages)


def test_more_budget_and_more_rows_mean_less_error() -> None:
    def error(**changed: float) -> float:
        plan = us.plan(schema=declared(None), epsilon=changed.get("epsilon", 1.0),
                       rows_magnitude=changed.get("rows", 5e3))  # fmt: skip
        assert plan.pair_mean is not None
        return plan.pair_mean.value

    assert error(epsilon=0.1) > error(epsilon=1.0) > error(epsilon=10.0)
    assert error(rows=1e3) > error(rows=1e4) > error(rows=1e5)


def test_a_range_holds_its_value_and_no_error_is_above_one() -> None:
    plan = us.plan(schema=declared(None), epsilon=0.01, rows_magnitude=50)
    errors = [column.error for column in plan.columns] + [pair.error for pair in plan.pairs]
    for error in (*errors, plan.seconds, plan.memory):
        assert isinstance(error, Estimate)
        assert error.low <= error.value <= error.high
    assert all(error is not None and error.high <= 1 for error in errors)


def test_sampling_error_is_that_of_two_samples() -> None:
    """400 pairs of Poisson samples of 12 cells; α < 1e-7 (six standard errors)."""
    draw = np.random.default_rng(5)
    first, second = np.array([0.5, 0.3, 0.2]), np.array([0.4, 0.3, 0.2, 0.1])
    mean = 200 * np.outer(first, second)
    seen = 0.5 * np.abs(draw.poisson(mean, (400, 3, 4)) - draw.poisson(mean, (400, 3, 4)))
    distances = seen.sum(axis=(1, 2)) / 200
    error = 6 * distances.std() / np.sqrt(len(distances))
    assert abs(sampling_error(first, second, 200) - distances.mean()) < error
    assert abs(1.2 * sampling_error(first, second, 200) - distances.mean()) > error


def test_the_epsilon_for_an_error_gives_that_error() -> None:
    asked = 0.08
    plan = us.plan(schema=declared(None), rows_magnitude=5e3, target_error=asked)
    assert plan.reach is not None
    assert plan.reach.epsilon == plan.epsilon
    assert plan.pair_mean is not None
    assert 0.9 * asked < plan.pair_mean.value <= asked
    assert plan.reach.low is not None
    assert plan.reach.high is None or plan.reach.low < plan.epsilon < plan.reach.high
    stricter = us.plan(schema=declared(None), rows_magnitude=5e3, target_error=0.06)
    assert stricter.reach is not None
    assert stricter.reach.epsilon is None or stricter.reach.epsilon > plan.epsilon


@pytest.mark.parametrize("synthesizer", [AIM(), MST(), Independent()])
def test_every_calibrated_synthesizer_can_be_aimed(synthesizer: Any) -> None:
    errors = (0.3, 0.2, 0.12)
    needed = [epsilon_for(facts(), synthesizer, error).epsilon for error in errors]
    assert None not in needed
    assert needed == sorted(needed, key=lambda epsilon: epsilon or 0.0)


def test_marginals_chosen_one_by_one_are_about_as_many_as_planned() -> None:
    """Counted pairs of three runs, and their noise, within a factor of 2 of the plan."""
    table, planned = people(), expected_noise(facts(), AIM())
    for _ in range(3):
        curator = MemoryCurator(from_frame(table), budget=Budget(1.0, 1e-6))
        counted = AIM().fit(curator, declared()).pairs
        different = {frozenset(pair.columns) for pair in counted}
        assert planned.counted / 2 <= len(different) <= planned.counted * 2
        noise = np.median([pair.sigma for pair in counted])
        assert planned.pair / 2 <= noise <= planned.pair * 2


def test_an_error_below_sampling_cannot_be_reached() -> None:
    columns = [Column(name=f"c{i}", minimum=0, maximum=1000, decimals=0) for i in range(3)]
    reach = epsilon_for(facts(Schema(columns=columns), rows=60), MST(), 0.01)
    assert (reach.epsilon, reach.low) == (None, None)
    assert reach.why is not None
    assert "sampling error alone" in reach.why
    assert reach.sampling > 0.01


@pytest.mark.parametrize("error", [0.0, 1.0, -0.1, float("nan")])
def test_an_impossible_error_is_refused(error: float) -> None:
    with pytest.raises(us.UnderstudyError, match="in \\(0, 1\\)"):
        us.plan(schema=declared(), target_error=error)


def test_a_column_too_wide_is_named_with_what_to_do() -> None:
    wide = Column(name="town", categories=tuple(f"t{i}" for i in range(2_000)), nulls=())
    schema = Schema(columns=[*declared().columns, wide])
    plan = us.plan(schema=schema, epsilon=0.5, rows_magnitude=5e3)
    (advice,) = [advice for advice in plan.advice if advice.topic == "wide"]
    assert advice.columns == ("town",)
    assert "merge" in advice.what
    assert "drop" in advice.what
    roomy = us.plan(schema=schema, epsilon=8.0, rows_magnitude=5e7)
    assert not [advice for advice in roomy.advice if advice.topic == "wide"]


def test_undeclared_columns_of_a_small_table_may_drown() -> None:
    bare = Schema(columns=[Column(name=f"c{i}") for i in range(12)])
    topics = {a.topic for a in us.plan(schema=bare, epsilon=0.2, rows_magnitude=300).advice}
    assert "drowned" in topics
    topics = {a.topic for a in us.plan(schema=bare, epsilon=2, rows_magnitude=1e5).advice}
    assert "drowned" not in topics
    assert "undeclared" in topics


def _labels(columns: int) -> Schema:
    return Schema(columns=[Column(name=f"c{i}", categories=("a", "b")) for i in range(columns)])


@pytest.mark.parametrize(
    ("columns", "name"),
    [(1, "independent"), (2, "aim"), (40, "aim"), (41, "residual"), (120, "residual")],
)
def test_the_choice_follows_the_modelled_columns(columns: int, name: str) -> None:
    chosen, reason = choose_synthesizer(facts(_labels(columns), rows=1e5))
    assert chosen == default_synthesizer(columns) == name
    assert len(reason) > 20


def test_the_choice_says_what_it_expects() -> None:
    reason = choose_synthesizer(facts(rows=1e5))[1]
    assert "expected error of pairs" in reason
    assert " s of independent" in reason


def test_pairs_that_drown_are_left_out_only_where_nobody_misses_them() -> None:
    """A small table at a small ε: not where 10,000 rows are only assumed, nor with a target."""
    scores = [Column(name=f"c{i}", minimum=0, maximum=1000, decimals=0) for i in range(12)]
    small = facts(Schema(columns=scores), epsilon=0.2, rows=300)
    assert small.rows_declared
    name, reason = choose_synthesizer(small)
    assert name == "independent"
    assert "hide" in reason
    assert choose_synthesizer(replace(small, rows_declared=False))[0] == "aim"
    assert choose_synthesizer(replace(small, target="c0"))[0] == "aim"
    assert choose_synthesizer(replace(small, rows=1e5, epsilon=1.0))[0] == "aim"


def test_identifiers_and_dropped_columns_are_not_modelled() -> None:
    columns = [
        *declared().columns,
        Column(name="email"),
        Column(name="notes", action="drop"),
        Column(name="story", kind="text"),
    ]
    plan = us.plan(schema=Schema(columns=columns), epsilon=1.0)
    roles = {column.name: column.role for column in plan.columns}
    assert (roles["email"], roles["notes"], roles["story"]) == ("replaced", "dropped", "replaced")
    assert len(plan.pairs) == 3


def test_a_synthesizer_nobody_calibrated_gets_no_invented_figures() -> None:
    class Other:
        name = "other"

        def fit(self, *_: object, **__: object) -> None: ...

    plan = us.plan(schema=declared(), epsilon=1.0, synthesizer=Other())
    assert (plan.pair_mean, plan.pairs, plan.stages) == (None, (), ())
    assert plan.column("age").error is None
    with pytest.raises(us.UnderstudyError, match="not known beforehand"):
        us.plan(schema=declared(), target_error=0.1, synthesizer=Other())


def test_a_faster_machine_takes_less() -> None:
    noise = expected_noise(facts(), MST())
    usual = expected_seconds(facts(), noise, "mst")
    assert expected_seconds(facts(), noise, "mst", speed=2.0).value == pytest.approx(
        usual.value / 2
    )
    task = expected_seconds(replace(facts(), target="smokes"), noise, "mst")
    assert task.value >= usual.value
    assert kernel_seconds() > 0
