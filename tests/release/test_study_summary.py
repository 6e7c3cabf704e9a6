"""Summaries of studies: intervals, gaps that are pointed out, findings that can fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from understudy.errors import FormatError, InputError
from understudy.release.study import Row, StudyAbout, StudyResults
from understudy.release.study_summary import Fit, Summary
from understudy.report import render_study

MODELS = ("LogisticRegression", "GaussianNB")


def about(**more: Any) -> StudyAbout:
    told: dict[str, Any] = {
        "title": "Invented <b>results</b>", "plan": "", "datasets": ("people",),
        "synthesizers": ("fine", "vain"), "learners": ("learner",), "epsilons": (0.1, 1.0, 10.0),
        "delta": 1e-6, "seeds": 3, "folds": 3, "version": "0", "created": "2026-01-01",
        "machine": "one",
    }  # fmt: skip
    return StudyAbout(**(told | more))


def row(method: str, figure: str, value: float | None, **more: Any) -> Row:
    kind = {"real": "real", "learner": "learner"}.get(method, "synthesizer")
    told: Row = {
        "dataset": "people", "kind": kind, "method": method, "epsilon": None, "seed": 0, "fold": 0,
        "status": "done", "reason": "", "figure": figure, "setting": "", "model": "",
        "value": value, "low": None, "high": None,
    }  # fmt: skip
    return told | more


def scored(
    method: str, setting: str, value: float, epsilon: float | None, spread: float = 0.004
) -> Iterator[Row]:
    """A score of every model in three seeds and three folds."""
    rng = np.random.default_rng([int(1000 * value), len(setting)])
    splits = [(seed, 0) for seed in range(3)] + [(0, fold) for fold in (1, 2, 3)]
    for seed, fold in splits:
        for model in MODELS:
            for figure in ("auc", "accuracy", "f1", "recall"):
                drawn = value + spread * float(rng.normal())
                yield row(method, figure, drawn, setting=setting, model=model, epsilon=epsilon,
                          seed=seed, fold=fold)  # fmt: skip


def attacked(method: str, epsilon: float, value: float, half: float = 0.02) -> Iterator[Row]:
    for seed in range(3):
        for figure in ("mia_auc", "mia_success"):
            yield row(method, figure, value, epsilon=epsilon, seed=seed, setting="attack",
                      model="chosen", low=value - half, high=value + half)  # fmt: skip


def invented(*, vain_tstr: float = 0.66, loud: float = 0.5, flat: bool = False) -> StudyResults:
    """`fine` gains with ε; `vain` looks as good as real rows to its own rows and is not."""
    rows = [*scored("real", "trtr", 0.8, None)]
    for place, epsilon in enumerate((0.1, 1.0, 10.0)):
        rows += scored("fine", "tstr", 0.7 if flat else 0.62 + 0.06 * place, epsilon)
        rows += scored("fine", "tsts", 0.66, epsilon)
        rows += scored("vain", "tstr", vain_tstr + 0.01 * place, epsilon, spread=0.001)
        rows += scored("vain", "tsts", 0.81, epsilon)
        rows += attacked("fine", epsilon, loud)
        rows += attacked("vain", epsilon, 0.51 if epsilon < 10 else 0.6)
        rows += scored("learner", "trtr", 0.75, epsilon)
    rows.append(row("fine", "", None, epsilon=10.0, seed=2, status="timed out", reason="too long"))
    return StudyResults.of(about(), rows)


def test_the_report_points_out_where_synthetic_rows_flatter_themselves() -> None:
    summary = Summary(invented())
    assert {(gap.method, gap.epsilon) for gap in summary.gaps} == {
        ("vain", 0.1), ("vain", 1.0), ("vain", 10.0),
    }  # fmt: skip
    worst = summary.gaps[0]
    assert worst.trtr - worst.tstr == pytest.approx(0.14, abs=0.02)
    assert worst.low is not None
    assert worst.low > 0.05
    page = render_study(invented())
    assert "vain at ε = 0.1" in page
    assert "Do not judge these by synthetic rows alone" in page


def test_no_gap_where_real_rows_agree_or_the_loss_may_be_chance() -> None:
    assert not Summary(invented(vain_tstr=0.79)).gaps
    rows = [one for one in invented().records if one["method"] == "real"]
    for model in MODELS:
        for seed, value in enumerate((0.5, 0.7, 0.9)):
            for setting, drawn in (("tstr", value), ("tsts", 0.8)):
                rows.append(row("vain", "auc", drawn, epsilon=0.1, seed=seed, setting=setting,
                                model=model))  # fmt: skip
    assert not Summary(StudyResults.of(about(), rows)).gaps


def test_each_finding_holds_fails_and_can_be_unknown() -> None:
    words = {one.key: one.word for one in Summary(invented()).findings}
    assert words == {"growth": "holds", "attacks": "holds", "gap": "holds"}
    other = {
        one.key: one.word for one in Summary(invented(vain_tstr=0.79, loud=0.6, flat=True)).findings
    }
    assert other == {"growth": "does not hold", "attacks": "does not hold", "gap": "does not hold"}
    nothing = StudyResults.of(about(), [*scored("real", "trtr", 0.8, None)])
    assert {one.word for one in Summary(nothing).findings} == {"cannot be told"}


def test_an_attack_that_succeeds_at_a_large_budget_is_no_failure_at_small_ones() -> None:
    finding = next(one for one in Summary(invented()).findings if one.key == "attacks")
    assert finding.text.startswith("4 kinds of fits")


def test_intervals_are_students_over_seeds_and_wider_over_folds() -> None:
    from scipy.stats import t

    rows = []
    for place, value in enumerate((0.7, 0.8, 0.9)):
        rows.append(row("fine", "auc", value, epsilon=1.0, seed=place, setting="tstr", model="A"))
        rows.append(row("fine", "auc", value, epsilon=1.0, fold=place + 1, setting="tstr",
                        model="A"))  # fmt: skip
        rows.append(row("real", "auc", 0.9, seed=place, setting="trtr", model="A"))
    summary = Summary(StudyResults.of(about(), rows))
    fit = Fit("people", "fine", 1.0)
    seeds = summary.mean(fit, "auc", "tstr", None)
    folds = summary.mean(fit, "auc", "tstr", None, folds=True)
    assert seeds is not None
    assert folds is not None
    assert seeds.high is not None
    assert folds.high is not None
    factor = float(t.ppf(0.975, 2)) * 0.1
    assert seeds.high - seeds.value == pytest.approx(factor * np.sqrt(1 / 3))
    assert folds.high - folds.value == pytest.approx(factor * np.sqrt(1 / 3 + 1 / 2))


def test_a_mean_over_models_needs_every_model() -> None:
    rows = [
        row("real", "auc", 0.9, setting="trtr", model="A"),
        row("real", "auc", 0.7, setting="trtr", model="B"),
        row("fine", "auc", 0.9, setting="tstr", model="A", epsilon=1.0),
    ]
    summary = Summary(StudyResults.of(about(), rows))
    assert summary.mean(Fit("people", "fine", 1.0), "auc", "tstr", None) is None
    real = summary.mean(Fit("people", "real", None), "auc", "trtr", None)
    assert real is not None
    assert real.value == pytest.approx(0.8)


def test_the_page_is_internal_escaped_and_says_what_is_missing() -> None:
    page = render_study(invented())
    assert 'data-part="internal"' in page
    assert "<b>results</b>" not in page
    assert "timed out" in page
    assert "too long" in page
    for word in ("Baseline", "Cross-validation", "Accuracy", "Recall", "TSTS", "learner"):
        assert word in page
    assert "src=" not in page
    assert "<script" not in page


def test_another_file_and_a_newer_layout_are_refused(tmp_path: Any) -> None:
    file = tmp_path / "results.parquet"
    file.write_bytes(invented().to_bytes())
    assert StudyResults.read(file).table.num_rows == invented().table.num_rows
    newer = StudyResults(about=about(layout=2), table=invented().table)
    file.write_bytes(newer.to_bytes())
    with pytest.raises(FormatError, match="newer"):
        StudyResults.read(file)
    file.write_text("no Parquet")
    with pytest.raises(InputError):
        StudyResults.read(file)
