"""Missing values, labels, ranges and bounds in SDMetrics' terms; the fast distance is exact."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.evaluate import InternalFigures, evaluate
from understudy.evaluate.fidelity.coverage import (
    boundary_adherence,
    category_coverage,
    missing_similarity,
    range_coverage,
    seen,
)
from understudy.evaluate.fidelity.kolmogorov import ks_distance
from understudy.evaluate.fidelity.shapes import SHAPES

NAN = float("nan")


def brute(left: Any, right: Any) -> float:
    """The distance by its definition, at every value."""
    at = np.concatenate([left, right])
    return float(
        max(abs((left <= value).mean() - (right <= value).mean()) for value in np.unique(at))
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-5, 5, width=16), min_size=1, max_size=40),
    st.lists(st.floats(-5, 5, width=16), min_size=1, max_size=40),
)
def test_the_distance_of_few_values_is_the_definition(
    left: list[float], right: list[float]
) -> None:
    one, two = np.array(left), np.array(right)
    assert ks_distance(one, two) == pytest.approx(brute(one, two), abs=1e-12)


def many(kind: str, rows: int, rng: np.random.Generator, shift: float) -> np.ndarray[Any, Any]:
    """Many values of an awkward kind."""
    if kind == "smooth":
        return rng.normal(size=rows) + shift
    if kind == "whole":
        return np.round(rng.gamma(2.0, 20.0 + shift, size=rows))
    if kind == "outlier":
        return np.append(rng.normal(size=rows - 1) * (1 + shift), 1e30)
    if kind == "two values":
        return (rng.random(rows) < 0.3 + shift).astype(float)
    if kind == "constant":
        return np.full(rows, 3.25)
    if kind == "narrow":
        return 1e15 + rng.integers(0, 5, rows) / 8
    return np.where(rng.random(rows) < 0.9, 0.0, np.exp(rng.normal(size=rows) * 5 + shift))


@pytest.mark.parametrize(
    "kind", ["smooth", "whole", "outlier", "two values", "constant", "narrow", "spike"]
)
def test_the_distance_of_many_values_is_scipys(kind: str) -> None:
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(0)
    for shift, sizes in ((0.0, (9_000, 5_000)), (0.05, (4_000, 12_345)), (0.4, (5_000, 5_000))):
        left, right = many(kind, sizes[0], rng, 0.0), many(kind, sizes[1], rng, shift)
        expected = ks_2samp(left, right, method="asymp").statistic
        assert ks_distance(left, right) == pytest.approx(expected, abs=1e-12), (kind, shift)
        assert ks_distance(right, left) == pytest.approx(expected, abs=1e-12)


def test_each_measure_on_a_table_done_by_hand() -> None:
    real, other = np.array([0.0, 4.0, 10.0, NAN]), np.array([1.0, 12.0, NAN, NAN])
    one, two = seen(real, None), seen(other, None)
    assert missing_similarity(one, two) == 0.75
    assert range_coverage(one, two) == pytest.approx(0.9)
    assert boundary_adherence(one, two) == 0.5  # missing cells are not judged: real ones occur
    assert boundary_adherence(seen(real[:3], None), two) == 0.25  # and are out of bounds here
    labels = seen(np.array([0, 1, 2, -1]), 4)
    assert category_coverage(labels, seen(np.array([3, 0, 0]), 4)) == pytest.approx(1 / 3)
    assert math.isnan(range_coverage(seen(np.array([2.0, 2.0]), None), two))
    assert math.isnan(boundary_adherence(seen(np.array([NAN]), None), two))
    assert math.isnan(category_coverage(seen(np.array([-1]), 0), seen(np.array([-1]), 0)))
    assert range_coverage(one, seen(np.array([50.0, 60.0]), None)) == 0.0


def table(rows: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    return pa.table(
        {
            "x": pa.array(np.where(rng.random(rows) < 0.2, NAN, x), from_pandas=True),
            "y": rng.normal(size=rows),
            "c": [f"c{v}" for v in rng.integers(0, 9, rows)],
        }
    )


def value(found: InternalFigures, key: str) -> float:
    figure = found.figure(key)
    assert figure is not None, key
    return figure.value


def test_figures_have_anchors_and_columns() -> None:
    found = evaluate(table(800, 0), table(700, 1), table(900, 2), metrics=(SHAPES,))
    for key in ("missing_similarity", "category_coverage", "range_coverage", "boundary_adherence"):
        figure = found.figure(key)
        assert figure is not None
        assert 0.9 < figure.value <= 1.0
        assert figure.anchors.holdout is not None
        assert figure.anchors.independent == 1.0
        assert set(figure.detail["per_column"]) <= {"x", "y", "c"}
    missing = found.figure("missing_similarity")
    assert missing is not None
    assert missing.columns == ("x",)


def test_what_is_lost_is_seen() -> None:
    real = table(900, 0)
    rng = np.random.default_rng(3)
    poor = pa.table(
        {
            "x": rng.normal(size=900) * 3,
            "y": rng.normal(size=900) / 10,
            "c": [f"c{v}" for v in rng.integers(0, 3, 900)],
        }
    )
    found = evaluate(real, None, poor, metrics=(SHAPES,))
    assert value(found, "missing_similarity") == pytest.approx(0.8, abs=0.06)
    assert value(found, "category_coverage") == pytest.approx(3 / 9)
    assert value(found, "range_coverage") < 0.7
    assert value(found, "boundary_adherence") < 0.95


def test_what_is_not_there_is_said() -> None:
    numbers = pa.table({"x": np.arange(60) / 7})
    found = evaluate(numbers, None, numbers, metrics=(SHAPES,))
    assert {one.key for one in found.skipped} == {"missing_similarity", "category_coverage"}
    labels = pa.table({"c": ["a", "b"] * 40})
    found = evaluate(labels, None, labels, metrics=(SHAPES,))
    assert {one.key for one in found.skipped} == {
        "missing_similarity", "range_coverage", "boundary_adherence",
    }  # fmt: skip
