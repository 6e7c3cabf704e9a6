"""Every metric on tables whose quality is known; a new metric is judged without being named here.

The real rows are three independent samples of one population: training rows, a holdout, and the
"other half". Seeds are fixed, so nothing here fails by chance; the room of a figure with an
interval is 5.3 standard errors of a difference of two such figures (alpha 1e-7 each, were the
seeds free), and at least a third of the way from the holdout to independent columns: the
intervals of models do not hold the draw of the rows they are trained on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from understudy.attack import SMOKE
from understudy.evaluate import METRICS, ComparedFigures, Figure, Metric, evaluate_all
from understudy.evaluate.apart.two_sample import TWO_SAMPLE
from understudy.evaluate.fidelity.pairs import PAIRS
from understudy.evaluate.fidelity.shapes import SHAPES
from understudy.schema import Rule, Schema

ROWS = 1_000
# What is sure to fall when columns are shuffled, because it looks at two columns or more.
PAIRWISE = frozenset(
    {
        "pair_trends", "pair_trends_all", "tvd_2way", "tvd_3way", "worst_cell_2way",
        "pmse_interactions", "pmse_cart", "c2st_boosted", "crosstabs_within", "tstr_auc",
    }
)  # fmt: skip
# What a copy of the training rows reaches exactly.
EXACT = ("shapes", "marginals")
Found = tuple[ComparedFigures, dict[str, set[str]]]


def population(seed: int) -> pa.Table:
    """People whose columns are closely related."""
    rng = np.random.default_rng(seed)
    age = np.round(rng.uniform(18, 80, ROWS))
    school = np.digitize(age + rng.normal(size=ROWS) * 6, [35, 55, 70])
    income = np.round(900 + 40 * age + rng.normal(size=ROWS) * 150)
    hours = np.round(rng.normal(38, 6, ROWS))
    sex = rng.integers(0, 2, ROWS)
    owns = rng.random(ROWS) < 1 / (1 + np.exp(-(income - 2800) / 250 - sex))
    return pa.table(
        {
            "age": age,
            "income": income,
            "hours": hours,
            "school": np.array(["none", "first", "second", "third"])[school],
            "sex": np.array(["f", "m"])[sex],
            "owns": np.where(owns, "yes", "no"),
        }
    )


def recorded(metric: Metric, keys: dict[str, set[str]]) -> Metric:
    """The metric, noting the keys of what it finds and skips."""

    def measure(*how: Any) -> Any:
        found = metric.measure(*how)
        mine = keys.setdefault(metric.key, set())
        mine.update(figure.key for figure in found.figures)
        mine.update(f"skipped: {one.key}" for one in found.skipped)
        return found

    return replace(metric, measure=measure)


@pytest.fixture(scope="module")
def found() -> Found:
    train = population(0)
    rng = np.random.default_rng(9)
    shuffled = pa.table(
        {name: rng.permutation(np.array(train[name])) for name in train.column_names}
    )
    keys: dict[str, set[str]] = {}
    compared = evaluate_all(
        train,
        population(1),
        {"half": population(2), "copy": train, "shuffled": shuffled},
        targets=("owns",),
        quick=True,
        subgroups=("sex",),
        regressions=("income ~ age + sex",),
        schema=Schema(rules=(Rule(name="adult", expr="age >= 18"),)),
        metrics=[recorded(metric, keys) for metric in (*METRICS, SMOKE)],
        comparisons=(),
    )
    return compared, keys


def figures_of(found: Found, metric: str, table: str) -> dict[str, Figure]:
    compared, keys = found
    return {one.key: one for one in compared.tables[table].figures if one.key in keys[metric]}


def room(figure: Figure) -> float:
    """How far two honest samples may be apart in this figure."""
    holdout, floor = figure.anchors.holdout, figure.anchors.independent
    apart = 0.0 if holdout is None or floor is None else abs(holdout - floor)
    if figure.interval is None:
        return max(apart / 3, 0.03)
    half = (figure.interval[1] - figure.interval[0]) / 2
    return max(5.3 / 1.96 * float(np.sqrt(2)) * half, apart / 3, 1e-9)


KEYS = [metric.key for metric in METRICS]


@pytest.mark.parametrize("key", KEYS)
def test_every_metric_measures_or_says_why_not(found: Found, key: str) -> None:
    assert found[1][key]
    for figure in figures_of(found, key, "half").values():
        assert figure.explanation
        assert figure.reference
        assert figure.anchors.holdout is not None, "every figure is measured on the holdout too"


@pytest.mark.parametrize("key", KEYS)
def test_the_other_half_reaches_the_holdout(found: Found, key: str) -> None:
    for figure in figures_of(found, key, "half").values():
        assert figure.anchors.holdout is not None
        assert abs(figure.value - figure.anchors.holdout) <= room(figure), figure.key


@pytest.mark.parametrize("key", KEYS)
def test_a_copy_of_the_training_rows_is_as_useful_as_can_be(found: Found, key: str) -> None:
    halves = figures_of(found, key, "half")
    for figure in figures_of(found, key, "copy").values():
        if figure.group in EXACT and figure.target is not None:
            assert figure.value == pytest.approx(figure.target, abs=1e-9), figure.key
        if figure.better != "near" and figure.key in halves:
            half = halves[figure.key]
            better = figure.value - half.value
            better = better if figure.better == "higher" else -better
            assert better >= -room(half), figure.key


def test_a_copy_of_the_training_rows_is_flagged(found: Found) -> None:
    assert found[0].tables["copy"].charts["smoke"]["verdict"] == "leak detected"
    assert found[0].tables["half"].charts["smoke"]["verdict"].startswith("not detected")


@pytest.mark.parametrize("key", KEYS)
def test_shuffled_columns_are_never_better_than_the_holdout(found: Found, key: str) -> None:
    halves = figures_of(found, key, "half")
    for figure in figures_of(found, key, "shuffled").values():
        holdout, floor = figure.anchors.holdout, figure.anchors.independent
        if holdout is None or floor is None or figure.better == "near" or floor == figure.value:
            continue
        if (holdout > floor) != (figure.better == "higher"):
            continue  # a figure of single columns: shuffled ones are the real ones
        better = figure.value - holdout if figure.better == "higher" else holdout - figure.value
        assert better <= room(halves.get(figure.key, figure)), figure.key


def test_shuffled_columns_are_caught_by_every_pairwise_figure(found: Found) -> None:
    compared, _ = found
    for key in sorted(PAIRWISE):
        figure, half = (compared.tables[name].figure(key) for name in ("shuffled", "half"))
        assert figure is not None, key
        assert half is not None, key
        worse = half.value - figure.value
        worse = worse if figure.better == "higher" else -worse
        assert worse > 0, key
        assert figure.anchors.holdout is not None
        assert figure.anchors.independent is not None
        near = abs(figure.value - figure.anchors.independent)
        assert near < abs(figure.value - figure.anchors.holdout), key
    telling = compared.tables["shuffled"].figure("c2st_boosted")
    assert telling is not None
    assert telling.value > 0.9
    linear = compared.tables["shuffled"].figure("c2st_linear")
    assert linear is not None
    assert linear.value < 0.57  # blind to how columns go together, as its explanation says


@pytest.mark.parametrize(("first", "second"), [("age", "hours"), ("income", "age")])
def test_a_swapped_pair_of_columns_is_named(first: str, second: str) -> None:
    half = population(2)
    names = half.column_names
    swapped = half.set_column(names.index(first), first, half[second])
    swapped = swapped.set_column(names.index(second), second, half[first])
    compared = evaluate_all(
        population(0), None, {"swapped": swapped}, metrics=(SHAPES, PAIRS, TWO_SAMPLE)
    )
    told = compared.tables["swapped"]
    assert {row["column"] for row in told.worst_columns[:2]} == {first, second}
    telling = told.figure("c2st_boosted")
    assert telling is not None
    named = [row["column"] for row in telling.detail["columns_that_give_it_away"]]
    assert set(named[:2]) == {first, second}
