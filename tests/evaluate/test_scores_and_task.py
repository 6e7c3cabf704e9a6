"""Scores against scikit-learn and by hand; the task on tables whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from understudy.evaluate import (
    InternalFigures,
    Settings,
    evaluate,
    evaluate_all,
)
from understudy.evaluate.columns import Column, read_tables
from understudy.evaluate.task import TASK, learning, models
from understudy.evaluate.task.encoding import features, fit_encoding
from understudy.evaluate.task.scores import (
    auc,
    bootstrap_weights,
    class_scores,
    recall_and_f1,
    roc,
    squared_errors,
)


def test_auc_is_scikit_learns_with_ties_and_weights() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 200)
    score = (truth * 0.4 + rng.random(200)).round(1)
    weights = bootstrap_weights(200, 5, rng)
    found = auc(truth, np.column_stack([1 - score, score]), weights)
    for row, value in zip(weights, found, strict=True):
        expected = roc_auc_score(truth, score, sample_weight=row)
        assert value == pytest.approx(expected, abs=1e-12)


def test_multi_class_auc_is_the_mean_of_one_against_the_rest() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(1)
    truth = rng.integers(0, 4, 300)
    probabilities = rng.random((300, 4)) + np.eye(4)[truth] / 2
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    expected = roc_auc_score(truth, probabilities, multi_class="ovr", average="macro")
    assert auc(truth, probabilities)[0] == pytest.approx(expected, abs=1e-12)
    missing = np.where(truth == 3, 0, truth)
    present = np.mean([roc_auc_score(missing == code, probabilities[:, code]) for code in range(3)])
    assert auc(missing, probabilities)[0] == pytest.approx(present, abs=1e-12)


def test_class_scores_are_scikit_learns_under_weights() -> None:
    from sklearn.metrics import accuracy_score, f1_score, recall_score, roc_curve

    rng = np.random.default_rng(5)
    truth = rng.integers(0, 3, 200)
    told = rng.random((200, 3)) + np.eye(3)[truth] / 2
    weights = bootstrap_weights(200, 3, rng)
    for positive, average in ((None, "macro"), (2, "binary")):
        found = class_scores(truth, told, positive, weights)
        for at, row in enumerate(weights):
            left, right = truth, told.argmax(axis=1)
            if positive is not None:
                left, right = left == positive, right == positive
            for name, score in (("f1", f1_score), ("recall", recall_score)):
                wanted = score(left, right, average=average, sample_weight=row)
                assert found[name][at] == pytest.approx(wanted, abs=1e-12)
            wanted = accuracy_score(truth, told.argmax(axis=1), sample_weight=row)
            assert found["accuracy"][at] == pytest.approx(wanted, abs=1e-12)
    two = np.column_stack([1 - told[:, 0].round(1), told[:, 0].round(1)])
    alarms, hits, _ = roc_curve(truth == 0, two[:, 1])
    grid = np.linspace(0, 1, 21)
    wanted = [np.interp(at, alarms, hits) if at not in alarms else hits[alarms == at].max()
              for at in grid]  # fmt: skip
    assert roc((truth == 0).astype(int), two, grid) == pytest.approx(wanted, abs=1e-12)


def test_recall_f1_and_r2_are_scikit_learns() -> None:
    from sklearn.metrics import f1_score, r2_score, recall_score, root_mean_squared_error

    rng = np.random.default_rng(2)
    truth, predicted = rng.integers(0, 3, 100), rng.integers(0, 3, 100)
    recall, f1 = recall_and_f1(truth, predicted, None)
    assert recall == pytest.approx(recall_score(truth, predicted, average="macro"))
    assert f1 == pytest.approx(f1_score(truth, predicted, average="macro"))
    recall, f1 = recall_and_f1(truth, predicted, 2)
    assert recall == pytest.approx(recall_score(truth == 2, predicted == 2))
    assert f1 == pytest.approx(f1_score(truth == 2, predicted == 2))
    a, b = rng.normal(size=(2, 50))
    rmse, r2 = squared_errors(a, b)[0]
    assert rmse == pytest.approx(root_mean_squared_error(a, b))
    assert r2 == pytest.approx(r2_score(a, b))


def test_the_encoding_is_fitted_on_real_rows() -> None:
    number = Column(
        name="n",
        kind="numeric",
        train=np.array([1.0, 3.0, np.nan]),
        holdout=None,
        synthetic=np.array([100.0, np.nan]),
    )
    label = Column(
        name="c",
        kind="categorical",
        train=np.array([0, 1, -1]),
        holdout=None,
        synthetic=np.array([2, -1]),
        levels=("a", "b", "unseen"),
        real_levels=2,
    )
    encodings = [fit_encoding(number), fit_encoding(label)]
    arrays = [number.synthetic, label.synthetic]
    assert features(encodings, arrays, one_hot=True).tolist() == [
        [98.0, 0.0, 0.0, 0.0, 1.0],
        [0.0, 1.0, 0.0, 0.0, 0.0],
    ]
    assert features(encodings, arrays, one_hot=False).tolist() == [
        [100.0, 0.0, 2.0],
        [2.0, 1.0, -1.0],
    ]


def people(rng: np.random.Generator, rows: int, *, signal: float = 3.0) -> dict[str, Any]:
    x, noise = rng.normal(size=(2, rows))
    job = rng.integers(0, 3, rows)
    score = signal * x + job + noise
    return {
        "x": x,
        "job": [f"job {v}" for v in job],
        "pay": score * 100,
        "rich": np.where(score > 2, "yes", "no").tolist(),
        "band": [f"band {v}" for v in np.digitize(score, [-2, 1, 4])],
    }


def task(*given: Any, **how: Any) -> InternalFigures:
    train, holdout, synthetic, target = given
    how.setdefault("quick", True)
    tables = [None if t is None else pa.table(t) for t in (train, holdout, synthetic)]
    return evaluate(tables[0], tables[1], tables[2], target=target, metrics=(TASK,), **how)


def reason(found: InternalFigures) -> str:
    assert not found.figures
    (skipped,) = found.skipped
    return skipped.reason


@pytest.fixture(scope="module")
def halves() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    rng = np.random.default_rng(3)
    return people(rng, 400), people(rng, 400), people(rng, 400)


def without(table: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: values for name, values in table.items() if name not in names}


def test_binary_target(halves: Any) -> None:
    train, holdout, other = (without(t, "pay", "band") for t in halves)
    found = task(train, holdout, other, "rich")
    keys = [figure.key for figure in found.figures]
    assert keys == ["tstr_auc", "tstr_accuracy", "tstr_f1", "tstr_recall", "tsts_auc"]
    figure = found.figures[0]
    assert figure.interval is not None
    assert figure.anchors.holdout is not None
    assert figure.anchors.independent is not None
    assert figure.interval[0] < figure.value < figure.interval[1]
    assert figure.value > 0.9
    assert abs(figure.value - figure.anchors.holdout) < 0.05
    assert figure.anchors.independent < 0.75
    low, high = figure.detail["gap"]["interval"]
    assert low < figure.detail["gap"]["value"] < high
    assert len(figure.detail["per_model"]["tstr"]) == 6


def test_what_is_beside_each_score(halves: Any) -> None:
    """Every model of every source with an interval, a constant's score, curves and words."""
    train, holdout, other = (without(t, "pay", "band") for t in halves)
    found = task(train, holdout, other, "rich", quick=False)
    auc_, accuracy_, f1, recall, own = found.figures
    for figure in (auc_, accuracy_, f1, recall):
        assert figure.interval is not None
        for source in ("trtr", "tstr", "tsts", "independent"):
            assert len(figure.detail["per_model"][source]) == 6
            for low, high in figure.detail["intervals"][source].values():
                assert 0 <= low <= high <= 1
    most = max(np.mean(np.array(holdout["rich"]) == word) for word in ("yes", "no"))
    assert accuracy_.detail["baseline"] == pytest.approx(most)
    assert (auc_.detail["baseline"], recall.detail["baseline"]) == (0.5, 0.0)
    assert auc_.anchors.subsample is not None
    assert 1 / 81 <= auc_.anchors.subsample <= 1
    assert own.better == "near"
    assert own.target == auc_.anchors.holdout
    assert "difference" in auc_.detail["finding"]
    assert set(found.charts["roc"]["series"]) == {"real", "synthetic", "independent"}


def test_a_table_that_flatters_itself_is_said(halves: Any) -> None:
    """A synthetic label that follows the wrong column: TSTS is high, TSTR is lost."""
    train, holdout, other = (without(t, "pay", "band") for t in halves)
    wrong = {**other, "rich": ["yes" if job == "job 2" else "no" for job in other["job"]]}
    figure = task(train, holdout, wrong, "rich").figures[0]
    assert "The synthetic table alone does not show it" in figure.detail["finding"]
    assert "would trust these models too much" in figure.detail["finding"]


@pytest.mark.slow
def test_the_same_figures_on_one_core_and_on_many(
    halves: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import joblib

    train, holdout, other = (without(t, "pay", "band") for t in halves)
    found = []
    for cores in (1, 3):
        monkeypatch.setattr(joblib, "cpu_count", lambda cores=cores: cores)
        found.append([one.to_json() for one in task(train, holdout, other, "rich").figures])
    assert found[0] == found[1]


def test_what_depends_on_real_rows_is_learned_once(
    halves: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two tables of the same real rows: four trainings of six models more, not six."""
    trained: list[str] = []
    train, holdout, other = (pa.table(without(t, "pay", "band")) for t in halves)
    real = models.train_classifier

    def counted(name: str, *rest: Any, **how: Any) -> Any:
        trained.append(name)
        return real(name, *rest, **how)

    monkeypatch.setattr(learning, "train_classifier", counted)
    made = {"one": other, "two": other.slice(0, 300)}
    both = evaluate_all(train, holdout, made, targets=("rich",), metrics=(TASK,), quick=True)
    assert len(trained) == 6 * (2 + 2 + 2)
    alone = evaluate(train, holdout, made["two"], target="rich", metrics=(TASK,), quick=True)
    assert both.tables["two"].figures == alone.figures


@pytest.mark.parametrize(("cap", "teachers"), [(300, 4), (350, 5)])
def test_where_rows_abound_one_training_serves_both_judges(
    halves: Any, monkeypatch: pytest.MonkeyPatch, cap: int, teachers: int
) -> None:
    """Of 400 synthetic rows 80 judge: 300 of the others teach both; 350 are too many for that."""
    asked: list[Any] = []
    trained: list[int] = []
    learn, train = learning.learn, models.train_classifier

    def noted(problem: Any, lessons: Any) -> Any:
        asked.append(list(lessons))
        return learn(problem, lessons)

    def counted(name: str, matrix: Any, *rest: Any, **how: Any) -> Any:
        trained.append(len(matrix))
        return train(name, matrix, *rest, **how)

    monkeypatch.setattr(learning, "learn", noted)
    monkeypatch.setattr(learning, "train_classifier", counted)
    tables = [pa.table(without(t, "pay", "band")) for t in halves]
    read = read_tables(tables[0], tables[1], tables[2], rng=np.random.default_rng(0))
    found = learning.lessons_of(
        read, Settings(target="rich", targets=("rich",), training_rows=cap, quick=True)
    )
    assert not isinstance(found, str)
    tstr, tsts = asked[1]
    assert len(trained) == 6 * (teachers - 1)
    assert not set(tsts.teach.arrays[0].tolist()) & set(tsts.judge.arrays[0].tolist())
    assert (tstr.teach.rows, found.rows["synthetic"]) == (cap, cap)
    assert set(found.runs) == {"trtr", "tstr", "tsts", "independent"}


def test_labels_shuffled_against_features_fall_to_the_floor(halves: Any) -> None:
    train, holdout, other = (without(t, "pay", "band") for t in halves)
    broken = {**other, "rich": np.random.default_rng(4).permutation(other["rich"]).tolist()}
    figure = task(train, holdout, broken, "rich").figures[0]
    assert figure.value < 0.7
    assert figure.anchors.holdout is not None
    assert figure.anchors.holdout > 0.9


def test_multi_class_and_numeric_targets(halves: Any) -> None:
    bands = task(*(without(t, "pay", "rich") for t in halves), "band").figures[0]
    assert bands.detail["classes"] == 4
    assert bands.value > 0.8
    pay = task(*(without(t, "rich", "band") for t in halves), "pay")
    assert [figure.key for figure in pay.figures] == ["tstr_r2", "tstr_rmse", "tsts_r2"]
    assert 0.8 < pay.figures[0].value <= 1.0
    assert pay.figures[1].better == "lower"
    assert pay.figures[1].value < pay.figures[1].detail["baseline"]


def test_a_synthetic_target_with_one_class_is_said_not_raised(halves: Any) -> None:
    train, holdout, other = (without(t, "pay", "band") for t in halves)
    found = task(train, holdout, {**other, "rich": ["no"] * 400}, "rich")
    figure = found.figures[0]
    assert figure.value == 0.5
    assert "single class" in figure.detail["note"]
    assert figure.anchors.holdout is not None
    assert figure.anchors.holdout > 0.9


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda a, h, s: (a, None, s, "rich"), "no holdout"),
        (lambda a, h, s: (a, {k: v[:12] for k, v in h.items()}, s, "rich"), "fewer than 30"),
        (lambda a, h, s: ({**a, "rich": ["no"] * 400}, h, s, "rich"), "single value in the real"),
        (
            lambda a, h, s: (a, {**h, "rich": ["no"] * 400}, s, "rich"),
            "single class in the holdout",
        ),
        (lambda a, h, s: (a, h, {**s, "rich": ["maybe"] * 400}, "rich"), "no synthetic row"),
        (lambda a, h, s: (a, h, s, "absent"), "not among the comparable columns"),
        (lambda a, h, s: (a, h, without(s, "rich"), "rich"), "not in the synthetic table"),
        (
            lambda a, h, s: (*({**t, "id": list(range(400))} for t in (a, h, s)), "id"),
            "identifies rows",
        ),
        (
            lambda a, h, s: (
                *({**t, "code": [f"code {v % 250}" for v in range(400)]} for t in (a, h, s)),
                "code",
            ),
            "250 classes",
        ),
        (
            lambda a, h, s: ({"rich": a["rich"]}, {"rich": h["rich"]}, {"rich": s["rich"]}, "rich"),
            "no column besides",
        ),
    ],
)
def test_what_cannot_be_tested_has_a_reason(halves: Any, change: Any, expected: str) -> None:
    train, holdout, other, target = change(*halves)
    assert expected in reason(task(train, holdout, other, target))


def test_twenty_rows_and_unseen_classes_are_measured_and_counted(halves: Any) -> None:
    train, holdout, other = (without(t, "pay", "band") for t in halves)
    few = {name: values[:20] for name, values in train.items()}
    strange = {**other, "rich": ["perhaps"] * 50 + list(other["rich"][50:])}
    figure = task(few, holdout, strange, "rich").figures[0]
    assert figure.detail["training_rows"]["real"] == 20
    assert figure.detail["synthetic_rows_of_unknown_classes"] == 50
    assert 0 <= figure.value <= 1


def test_the_row_cap_is_said(halves: Any) -> None:
    train, holdout, other = (without(t, "pay", "band") for t in halves)
    figure = task(train, holdout, other, "rich", row_cap=150).figures[0]
    assert figure.detail["training_rows"] == {
        "real": 150,
        "synthetic": 150,
        "independent": 150,
        "synthetic, judged by synthetic": 120,
    }
    assert figure.detail["test_rows"] == 150
