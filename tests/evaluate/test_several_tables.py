"""Several synthetic tables: the same figures alone and in company, real work done once."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

import understudy as us
from understudy.attack.smoke import SMOKE
from understudy.errors import InputError
from understudy.evaluate import (
    METRICS,
    ComparedFigures,
    Comparison,
    Figure,
    Measured,
    Metric,
    Settings,
    Tables,
    evaluate_all,
    metrics_of_all,
)
from understudy.evaluate.chart import intervals, lines, ranking
from understudy.evaluate.shared import Shared
from understudy.release.judged import EvaluationEvidence
from understudy.release.tidy import HEADER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ROWS = 300


def table(seed: int) -> pa.Table:
    """A small table with something to predict."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, ROWS)
    return pa.table(
        {
            "age": age,
            "sex": rng.choice(["f", "m"], ROWS),
            "income": np.where(age + rng.normal(0, 10, ROWS) > 50, "high", "low"),
        }
    )


def counted(key: str = "counted") -> tuple[Metric, list[str]]:
    """A metric that counts how often its real part is computed, and draws for it."""
    made: list[str] = []

    def measure(tables: Tables, settings: Settings, rng: np.random.Generator) -> Measured:
        def ceiling() -> float:
            made.append(str(settings.target))
            return float(tables.generator(key).random())

        value = tables.once((key, settings.target), ceiling)
        figure = Figure(
            key=key, title="Counted", group="novel", value=value + rng.random(), better="higher",
            explanation="Counts.", reference="none", columns=(settings.target or "age",),
        )  # fmt: skip
        chart = lines(title="Line", group="novel", x="x", y="y",
                      series={"real": {"x": [0, 1], "y": [0, 1]}})  # fmt: skip
        return Measured(figures=(figure,), charts={"line": chart})

    return Metric(key=key, title="Counted", group="novel", measure=measure, per_target=True), made


def test_a_table_gets_the_same_figures_alone_and_in_company() -> None:
    slow = {"regressions", "propensity", "coverage", "augmentation"}  # as independent of company
    metrics = (*(one for one in METRICS if one.key not in slow), SMOKE)
    how = {"targets": ("income",), "metrics": metrics, "quick": True, "seed": 4}
    both = evaluate_all(table(0), table(1), {"b": table(3), "a": table(2)}, **how)  # type: ignore[arg-type]
    alone = evaluate_all(table(0), table(1), {"a": table(2)}, **how)  # type: ignore[arg-type]
    assert both.tables["a"].figures == alone.tables["a"].figures
    assert both.tables["a"].skipped == alone.tables["a"].skipped


def test_what_depends_on_real_rows_is_computed_once_for_each_target() -> None:
    metric, made = counted()
    found = evaluate_all(
        table(0), None, {"a": table(2), "b": table(3)},
        metrics=(metric,), targets=("income", "sex"),
    )  # fmt: skip
    assert made == ["income", "sex"]
    assert [one.columns for one in found.tables["b"].figures] == [("income",), ("sex",)]
    assert set(found.tables["b"].charts) == {"line", "line@sex"}


def test_tables_with_other_columns_share_nothing() -> None:
    metric, made = counted()
    fewer = table(3).drop_columns(["sex"])
    evaluate_all(table(0), None, {"a": table(2), "b": fewer}, metrics=(metric,))
    assert len(made) == 2


def test_a_memo_keeps_what_it_made_and_draws_by_its_key_alone() -> None:
    shared = Shared(seed=3)
    assert shared.generator("a").random() == Shared(seed=3).generator("a").random()
    assert shared.generator("a").random() != shared.generator("b").random()
    with pytest.raises(ZeroDivisionError):
        shared.once("k", lambda: 1 / 0)
    assert shared.once("k", lambda: 2) == 2


def widest(
    tables: Sequence[Tables], names: Sequence[str], _settings: Settings, _rng: np.random.Generator
) -> Measured:
    """A comparison: how many tables there are."""
    figure = Figure(
        key="tables", title="Tables", group="novel", value=len(tables), better="higher",
        explanation=" and ".join(names), reference="none",
    )  # fmt: skip
    return Measured(figures=(figure,))


def test_a_comparison_is_asked_once_and_only_about_several() -> None:
    one = Comparison(key="widest", title="Widest", group="novel", measure=widest)
    how = {"metrics": (), "comparisons": (one,)}
    two = evaluate_all(table(0), None, {"a": table(1), "b": table(2)}, **how)  # type: ignore[arg-type]
    assert [figure.value for figure in two.across.figures] == [2]
    assert two.across.figures[0].explanation == "a and b"
    assert ComparedFigures.from_json(two.to_json()) == two
    single = evaluate_all(table(0), None, {"a": table(1)}, **how)  # type: ignore[arg-type]
    assert not single.across.figures


def test_a_metric_of_another_package_joins_and_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    metric, _ = counted("novelty")

    class Point:
        name = "novelty"

        def __init__(self, thing: object) -> None:
            self.thing = thing

        def load(self) -> object:
            return self.thing

    monkeypatch.setattr(
        "importlib.metadata.entry_points",
        lambda group: (Point(metric),) if group == "understudy.metrics" else (),
    )
    assert metrics_of_all() == (*METRICS, metric)
    found = us.evaluate(table(0), {"one": table(2), "two": table(3)}, table(1), quick=True)
    assert found.figures.figure("novelty") is not None
    from understudy.report import render_evaluation

    page = render_evaluation(found.judged)
    assert page.count("Counts.") >= 2
    assert "Novel" in page
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: (Point("no metric"),))
    with pytest.raises(InputError, match="not a Metric"):
        metrics_of_all()


def test_evidence_and_csv_hold_every_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = tuple(one for one in METRICS if one.key in {"shapes", "pair_trends", "task"})
    monkeypatch.setattr("understudy.workflow.evaluation.metrics_of_all", lambda: few)

    found = us.evaluate(table(0), [table(2), table(3)], table(1), target=["income"], quick=True)
    folder = found.save(tmp_path / "out")
    evidence = EvaluationEvidence.from_json((folder / "evidence.json").read_text("utf-8"))
    assert evidence == found.judged
    rows = list(csv.DictReader(io.StringIO((folder / "figures.csv").read_text("utf-8"))))
    assert tuple(rows[0]) == HEADER
    own = {
        (row["table"], row["key"], row["columns"], row["title"]): float(row["value"])
        for row in rows
        if row["series"] == "synthetic" and not row["item"]
    }
    for judged in evidence.tables:
        for figure in judged.evidence.figures:
            key = (judged.name, figure.key, " | ".join(figure.columns), figure.title)
            assert own[key] == figure.value
            anchors = {
                row["series"]: float(row["value"])
                for row in rows
                if (row["table"], row["key"], row["columns"], row["title"]) == key
                and row["series"] in ("holdout", "independent") and not row["item"]
            }  # fmt: skip
            assert anchors.get("holdout") == figure.anchors.holdout
            assert anchors.get("independent") == figure.anchors.independent
    models = {row["item"] for row in rows if row["key"] == "tstr_auc"}
    assert {"LogisticRegression", "GradientBoosting"} <= models
    assert {row["columns"] for row in rows if row["key"] == "tstr_auc"} == {"income"}


def test_charts_refuse_what_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="unequal"):
        lines(title="t", group="g", x="x", y="y", series={"a": {"x": [1, 2], "y": [1]}})
    assert intervals(title="t", group="g", rows=[])["rows"] == []
    assert ranking(title="t", group="g", rows=[])["rows"] == []


def test_the_estimate_follows_the_size() -> None:
    from understudy.evaluate.estimate import Size, estimate

    def seconds(quick: bool = False, **size: int) -> float:
        return estimate(METRICS, (), Size(**{"rows": 24_000, "columns": 15, **size}), quick=quick)

    whole = seconds(targets=1)
    assert 20 < whole < 90, "half of Adult takes most of a minute on two cores"
    assert seconds(targets=1, quick=True) < 15
    assert seconds(targets=2) > whole + 10
    assert seconds(targets=1, tables=3) > 2 * whole
    assert seconds() < whole / 1.5
    assert seconds(targets=1, rows=10_000_000) < 1.5 * whole, "samples bound it"
