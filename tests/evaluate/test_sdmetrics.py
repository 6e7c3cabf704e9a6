"""Column Shapes, Column Pair Trends and their mean are those of SDMetrics 0.32's Quality Report.

Golden numbers were computed once with sdmetrics 0.32.0 (pandas 2.3.3, numpy 2.4.6) on a table made
by arithmetic; the tests marked `peers` compute them again where sdmetrics is installed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from understudy.evaluate import METRICS, InternalFigures, evaluate

if TYPE_CHECKING:
    from pathlib import Path

SDTYPES = {"numeric": "numerical", "categorical": "categorical", "datetime": "datetime"}
GOLDEN = {
    "shapes": 0.8940990551075679,
    "pair_trends": 0.8829092418627866,
    "quality": 0.8885041484851772,
}
GOLDEN_COVERAGE = {
    "missing_similarity": {"z": 0.9998076923076923, "odd": 0.9995192307692308},
    "category_coverage": {"group": 1.0, "like_group": 1.0, "odd": 0.8},
    "range_coverage": {"x": 1.0, "y": 1.0, "z": 1.0, "when": 1.0},
    "boundary_adherence": {
        "x": 1.0, "y": 0.8384615384615385, "z": 1.0, "when": 0.8384615384615385,
    },
}  # fmt: skip
KINDS = {
    "x": "numeric",
    "y": "numeric",
    "z": "numeric",
    "when": "datetime",
    "group": "categorical",
    "like_group": "categorical",
    "odd": "categorical",
}


def arithmetic_table(rows: int, step: int) -> dict[str, list[Any]]:
    """Columns related to each other, with missing cells, made without a random generator."""
    number = np.arange(rows) * step % 997
    x = (number * 37 % 101).astype(float)
    y = 3.0 * x + number * 11 % (29 * step)
    z = np.where(number % 6 == 0, np.nan, (number * 13 % 89) ** 2 / 7.0)
    group = [("north", "south", "east", "west")[int(v // 26)] for v in x]
    odd = [None if v % 11 == 0 else f"level {(v * 17) % 5 + step % 3}" for v in number]
    return {
        "x": x.tolist(),
        "y": y.tolist(),
        "z": [None if math.isnan(v) else v for v in z],
        "when": [np.datetime64("2020-01-01", "us") + np.timedelta64(int(v), "h") for v in y],
        "group": group,
        "like_group": [g if v % 4 else "south" for g, v in zip(group, number, strict=True)],
        "odd": odd,
    }


def measure(real: pa.Table, other: pa.Table, kinds: dict[str, str]) -> InternalFigures:
    return evaluate(real, None, other, kinds=kinds, metrics=METRICS[:2])


def quality_report(real: Any, other: Any, kinds: dict[str, str]) -> Any:
    """SDMetrics' own report on pandas frames."""
    single_table = pytest.importorskip("sdmetrics.reports.single_table")
    report = single_table.QualityReport()
    columns = {name: {"sdtype": SDTYPES.get(kinds.get(name, ""), "id")} for name in real.columns}
    report.generate(real, other, {"columns": columns}, verbose=False)
    return report


def assert_equal_to_report(found: InternalFigures, report: Any) -> None:
    properties = report.get_properties().set_index("Property")["Score"]
    shapes, pairs = found.figure("shapes"), found.figure("pair_trends")
    assert shapes is not None
    assert pairs is not None
    assert shapes.value == pytest.approx(properties["Column Shapes"], abs=1e-12)
    assert pairs.value == pytest.approx(properties["Column Pair Trends"], abs=1e-12)
    quality = found.figure("quality")
    assert quality is not None
    assert quality.value == pytest.approx(report.get_score(), abs=1e-12)
    ours = {row["column"]: row["score"] for row in shapes.detail["per_column"]}
    details = report.get_details("Column Shapes")
    for name, score in zip(details["Column"], details["Score"], strict=True):
        assert ours[name] == pytest.approx(score, abs=1e-12, nan_ok=True)
    counted = int(report.get_details("Column Pair Trends")["Meets Threshold?"].sum())
    assert pairs.detail["pairs"] == counted


COVERAGE = {
    "missing_similarity": "MissingValueSimilarity",
    "category_coverage": "CategoryCoverage",
    "range_coverage": "RangeCoverage",
    "boundary_adherence": "BoundaryAdherence",
}


def assert_covers_as_sdmetrics(found: InternalFigures, real: Any, other: Any) -> None:
    """Every column's own measure of what it keeps is that of SDMetrics."""
    single_column = pytest.importorskip("sdmetrics.single_column")
    for key, name in COVERAGE.items():
        figure = found.figure(key)
        if figure is None:
            continue
        metric = getattr(single_column, name)
        for column, value in figure.detail["per_column"].items():
            theirs = metric.compute(real[column], other[column])
            assert value == pytest.approx(float(theirs), abs=1e-12), (key, column)


def test_golden_coverage_on_an_arithmetic_table() -> None:
    found = measure(pa.table(arithmetic_table(800, 1)), pa.table(arithmetic_table(650, 5)), KINDS)
    for key, values in GOLDEN_COVERAGE.items():
        figure = found.figure(key)
        assert figure is not None
        assert figure.detail["per_column"] == pytest.approx(values, abs=1e-12)


def test_golden_numbers_on_an_arithmetic_table() -> None:
    real = pa.table(arithmetic_table(800, 1))
    other = pa.table(arithmetic_table(650, 5))
    found = measure(real, other, KINDS)
    for key, value in GOLDEN.items():
        figure = found.figure(key)
        assert figure is not None
        assert figure.value == pytest.approx(value, abs=1e-12)


@pytest.mark.peers
def test_equal_to_the_installed_sdmetrics_on_an_arithmetic_table() -> None:
    pytest.importorskip("sdmetrics")
    pandas = pytest.importorskip("pandas")
    real, other = arithmetic_table(800, 1), arithmetic_table(650, 5)
    found = measure(pa.table(real), pa.table(other), KINDS)
    frames = pandas.DataFrame(real), pandas.DataFrame(other)
    assert_equal_to_report(found, quality_report(*frames, KINDS))
    assert_covers_as_sdmetrics(found, *frames)


@pytest.mark.peers
def test_correlations_of_large_tables_are_over_all_rows() -> None:
    """Above 50,000 rows SDMetrics samples two-way tables and still correlates every row."""
    pytest.importorskip("sdmetrics")
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frames = []
    for rows in (70_000, 60_000):
        x = rng.normal(size=rows)
        frames.append(pandas.DataFrame({"x": x, "y": x + rng.normal(size=rows), "z": -x}))
    tables = [pa.Table.from_pandas(frame, preserve_index=False) for frame in frames]
    kinds = dict.fromkeys("xyz", "numeric")
    found = measure(*tables, kinds)
    figure = found.figure("pair_trends")
    assert figure is not None
    assert figure.detail["sampled"]
    assert figure.detail["sampling_error"] == 0.0
    assert_equal_to_report(found, quality_report(*frames, kinds))


@pytest.mark.peers
@pytest.mark.parametrize(
    "path",
    ["adult/adult_train.csv", "credit_default/creditcard_default.csv", "sd2011/SD2011.csv"],
)
def test_equal_to_the_installed_sdmetrics_on_real_tables(shared_data: Path, path: str) -> None:
    pytest.importorskip("sdmetrics")
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_csv(shared_data / path)
    cells = pandas.read_csv(shared_data / path, dtype=str, keep_default_na=False)
    rng = np.random.default_rng(3)
    rows = rng.permutation(len(frame))
    first, second = np.sort(rows[: len(rows) // 2]), np.sort(rows[len(rows) // 2 :])
    orders = {
        name: rng.permutation(len(second)) if at % 3 == 0 else np.arange(len(second))
        for at, name in enumerate(frame.columns)
    }

    def damaged(table: Any) -> Any:
        """The second half with every third column shuffled."""
        return pandas.DataFrame(
            {name: table[name].to_numpy()[second][orders[name]] for name in table.columns}
        )

    def as_arrow(table: Any) -> pa.Table:
        return pa.table({name: pa.array(list(table[name]), pa.string()) for name in table.columns})

    found = measure(as_arrow(cells.iloc[first]), as_arrow(damaged(cells)), {})
    real = frame.iloc[first].reset_index(drop=True)
    other = damaged(frame).astype(real.dtypes.to_dict())
    for name, kind in found.kinds.items():
        if kind == "numeric":
            real[name] = pandas.to_numeric(real[name], errors="coerce")
            other[name] = pandas.to_numeric(other[name], errors="coerce")
    assert_equal_to_report(found, quality_report(real, other, dict(found.kinds)))
    assert_covers_as_sdmetrics(found, real, other)
