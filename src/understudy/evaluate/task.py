"""The task: how well a model trained on the synthetic table works on real rows it never saw.

Six classifiers (five regressors for a numeric target) are trained on real rows (TRTR) and on
synthetic rows (TSTR) and tested on the same real holdout; training on independent columns is the
floor. What may not happen here: testing on rows that anything was trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.evaluate.encoding import Encoding, Matrix, features, fit_encoding
from understudy.evaluate.figure import Anchors, Figure, Measured, Metric, Settings, Skipped
from understudy.evaluate.intervals import middle
from understudy.evaluate.models import (
    CLASSIFIERS,
    ONE_HOT,
    REGRESSORS,
    boosting_rounds,
    quiet_single_threaded,
    train_classifier,
    train_regressor,
)
from understudy.evaluate.scores import (
    accuracy,
    auc,
    bootstrap_weights,
    recall_and_f1,
    squared_errors,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from understudy.evaluate.columns import Column, Tables

REFERENCE = "train on synthetic, test on real: Esteban et al. (2017), Jordon et al. (2018)"
CLASSES = 20
SMALLEST_HOLDOUT = 30
FLOOR_ROWS = 2_000
TEST_ROWS = 10_000
_CLASS_CODES = 30
_TITLES = {
    "auc": "AUC",
    "accuracy": "accuracy",
    "f1": "F1",
    "recall": "recall",
    "r2": "R²",
    "rmse": "root mean squared error",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Rows of one table: target (codes or numbers) and the arrays of the other columns."""

    target: NDArray[Any]
    arrays: tuple[NDArray[Any], ...]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.target.size)

    def at(self, rows: NDArray[np.intp]) -> Part:
        """These rows only."""
        return Part(target=self.target[rows], arrays=tuple(a[rows] for a in self.arrays))

    def some(self, cap: int, rng: np.random.Generator) -> Part:
        """At most `cap` rows, drawn without replacement."""
        if self.rows <= cap:
            return self
        return self.at(np.sort(rng.choice(self.rows, cap, replace=False)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """A prediction problem: the same test rows for every training table."""

    target: str
    classes: int
    positive: int | None
    encodings: tuple[Encoding, ...]
    parts: dict[str, Part]
    test: Part
    notes: dict[str, Any]

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models."""
        return CLASSIFIERS if self.classes else REGRESSORS

    @property
    def headline(self) -> str:
        """Score that gets the interval."""
        return "auc" if self.classes else "r2"


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """Scores by model, and the bootstrap values of the headline's mean over the models."""

    scores: dict[str, dict[str, float]]
    spread: NDArray[np.float64]

    def mean(self, score: str) -> float:
        """Mean of a score over the models."""
        return float(np.mean([row[score] for row in self.scores.values()]))


def measure_task(tables: Tables, settings: Settings, rng: np.random.Generator) -> Measured:
    """TSTR beside TRTR for the target; nothing without a target."""
    if settings.target is None:
        return Measured()
    problem = pose(tables, settings, rng)
    if isinstance(problem, str):
        return Measured(skipped=(Skipped(key="tstr", title="Task", group="task", reason=problem),))
    test = {
        one_hot: features(problem.encodings, problem.test.arrays, one_hot=one_hot)
        for one_hot in (True, False)
    }
    repetitions = 200 if problem.classes <= 2 else 60
    weights = bootstrap_weights(problem.test.rows, repetitions, rng)
    results: dict[str, list[Result]] = {name: [] for name in problem.parts}
    rows: dict[str, int] = {}
    with quiet_single_threaded():
        for repeat, (name, part) in product(range(settings.seeds), problem.parts.items()):
            if name == "independent" and repeat:
                continue
            cap = FLOOR_ROWS if name == "independent" else settings.training_rows
            chosen = part.some(cap, rng)
            rows[name] = chosen.rows
            results[name].append(train_and_test(problem, chosen, test, weights, seed=repeat))
    return Measured(figures=tuple(_figures(problem, results, rows, settings)))


def pose(tables: Tables, settings: Settings, rng: np.random.Generator) -> Problem | str:
    """Set up the problem of a target, or say why there is none."""
    column = tables.column(settings.target or "")
    if column is None:
        return f"the target {settings.target!r} is not among the comparable columns"
    if not tables.has_holdout or column.holdout is None:
        return "no holdout: without real rows held out a model cannot be tested honestly"
    others = [other for other in tables.columns if other.name != column.name]
    if not others:
        return "no column besides the target"
    targets, classes, notes = targets_of(column)
    if classes == 1:
        return "the target has a single value in the real training table"
    parts = {
        "train": known_rows(targets["train"], [c.train for c in others]),
        "synthetic": known_rows(targets["synthetic"], [c.synthetic for c in others]),
        "independent": known_rows(
            rng.permutation(targets["train"]), [rng.permutation(c.train) for c in others]
        ),
    }
    test = known_rows(targets["holdout"], [c.holdout for c in others if c.holdout is not None])
    reason = _untestable(test, parts, classes)
    if reason is not None:
        return reason
    notes["synthetic_rows_without_known_target"] = (
        len(targets["synthetic"]) - parts["synthetic"].rows
    )
    real = np.bincount(parts["train"].target, minlength=2) if classes else np.empty(0)
    return Problem(
        target=column.name,
        classes=classes,
        positive=int(np.argmin(real)) if classes == 2 else None,
        encodings=tuple(fit_encoding(other) for other in others),
        parts=parts,
        test=test.some(TEST_ROWS, rng),
        notes=notes,
    )


def train_and_test(
    problem: Problem,
    part: Part,
    test: dict[bool, Matrix],
    weights: NDArray[np.float64],
    *,
    seed: int,
) -> Result:
    """Train every model on one table and score it on the test rows."""
    train = {
        one_hot: features(problem.encodings, part.arrays, one_hot=one_hot)
        for one_hot in (True, False)
    }
    scores: dict[str, dict[str, float]] = {}
    spread = np.zeros(len(weights))
    truth = problem.test.target
    for name in problem.models:
        matrix, other = train[name in ONE_HOT], test[name in ONE_HOT]
        if problem.classes:
            trained = train_classifier(
                name, matrix, part.target, classes=problem.classes, seed=seed
            )
            probabilities = trained.probabilities(other, problem.classes)
            predicted = probabilities.argmax(axis=1)
            recall, f1 = recall_and_f1(truth, predicted, problem.positive)
            scores[name] = {
                "auc": float(auc(truth, probabilities)[0]),
                "accuracy": accuracy(truth, predicted),
                "f1": f1,
                "recall": recall,
            }
            spread += auc(truth, probabilities, weights) / len(problem.models)
        else:
            model = train_regressor(name, matrix, part.target, seed=seed)
            predicted = np.asarray(model.predict(other), dtype=np.float64)
            rmse, r2 = squared_errors(truth, predicted)[0]
            scores[name] = {"r2": float(r2), "rmse": float(rmse)}
            spread += squared_errors(truth, predicted, weights)[:, 1] / len(problem.models)
    return Result(scores=scores, spread=spread)


def targets_of(column: Column) -> tuple[dict[str, NDArray[Any]], int, dict[str, Any]]:
    """Targets of the three tables, the number of classes (0 for numbers), and notes."""
    arrays: dict[str, NDArray[Any]] = {"train": column.train, "synthetic": column.synthetic}
    if column.holdout is not None:
        arrays["holdout"] = column.holdout
    notes: dict[str, Any] = {}
    levels = column.real_levels
    if not column.is_category:
        distinct = np.unique(column.train[~np.isnan(column.train)])
        if not (column.whole and distinct.size <= _CLASS_CODES) and distinct.size > 1:
            return {name: values.astype(np.float64) for name, values in arrays.items()}, 0, notes
        levels = int(distinct.size)
        arrays = {name: _codes_of(values, distinct) for name, values in arrays.items()}
        counts = np.bincount(arrays["train"][arrays["train"] >= 0], minlength=levels)
        rank = np.empty(levels + 1, dtype=np.int64)
        rank[np.argsort(-counts, kind="stable")] = np.arange(levels)
        rank[-1] = -1
        arrays = {name: rank[codes] for name, codes in arrays.items()}
    classes = max(1, min(levels, CLASSES))
    coded = {}
    for name, codes in arrays.items():
        known = (codes >= 0) & (codes < levels)
        coded[name] = np.where(known, np.minimum(codes, classes - 1), -1).astype(np.int64)
    if levels > classes:
        notes["classes_merged"] = levels - classes + 1
    return coded, classes, notes


def _codes_of(values: NDArray[np.float64], distinct: NDArray[np.float64]) -> NDArray[np.int64]:
    """Place of each value among the distinct ones, -1 for others."""
    if distinct.size == 0:
        return np.full(values.size, -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(distinct, values), distinct.size - 1)
    return np.where(distinct[place] == values, place, -1).astype(np.int64)


def known_rows(target: NDArray[Any], arrays: Sequence[NDArray[Any]]) -> Part:
    """The rows whose target is known."""
    rows = np.nonzero(target >= 0 if target.dtype.kind == "i" else ~np.isnan(target))[0]
    return Part(target=target, arrays=tuple(arrays)).at(rows)


def _untestable(test: Part, parts: dict[str, Part], classes: int) -> str | None:
    """Say why nothing can be tested, or None."""
    if test.rows < SMALLEST_HOLDOUT:
        return f"fewer than {SMALLEST_HOLDOUT} holdout rows have a known target"
    if parts["train"].rows < 2:
        return "fewer than two training rows have a known target"
    if parts["synthetic"].rows == 0:
        return "no synthetic row has a target that occurs in the real training table"
    if classes and np.unique(test.target).size < 2:
        return "the target has a single class in the holdout"
    if not classes and np.all(test.target == test.target[0]):
        return "the target is constant in the holdout"
    return None


def _figures(
    problem: Problem, results: dict[str, list[Result]], rows: dict[str, int], settings: Settings
) -> list[Figure]:
    """One figure per score: TSTR as the value, TRTR as the ceiling."""
    mean = {
        name: {score: float(np.mean([r.mean(score) for r in runs])) for score in _scores(problem)}
        for name, runs in results.items()
    }
    ours = np.mean([r.spread for r in results["synthetic"]], axis=0)
    real = np.mean([r.spread for r in results["train"]], axis=0)
    figures = []
    for score in _scores(problem):
        headline = score == problem.headline
        detail: dict[str, Any] = {
            "target": problem.target,
            "classes": problem.classes,
            "per_model": {
                label: {
                    model: float(np.mean([run.scores[model][score] for run in results[name]]))
                    for model in problem.models
                }
                for label, name in (
                    ("tstr", "synthetic"),
                    ("trtr", "train"),
                    ("independent", "independent"),
                )
            },
            "training_rows": rows,
            "test_rows": problem.test.rows,
            "baseline": _baseline(problem, score),
            **problem.notes,
        }
        if problem.classes > 2:
            detail["boosting_rounds"] = boosting_rounds(problem.classes)
        if problem.classes and np.unique(problem.parts["synthetic"].target).size == 1:
            detail["note"] = (
                "the synthetic target has a single class: nothing can be learned, every model "
                "predicts that class"
            )
        if headline:
            detail["trtr_interval"] = middle(real)
            detail["gap"] = {
                "value": mean["train"][score] - mean["synthetic"][score],
                "interval": middle(real - ours),
            }
            detail["interval"] = "bootstrap over the holdout; models and rows fixed"
        figures.append(
            Figure(
                key=f"tstr_{score}",
                title=f"TSTR {_TITLES[score]}",
                group="task",
                value=mean["synthetic"][score],
                better="lower" if score == "rmse" else "higher",
                interval=middle(ours) if headline else None,
                seeds=settings.seeds,
                anchors=Anchors(
                    holdout=mean["train"][score], independent=mean["independent"][score]
                ),
                unit=f"unit of {problem.target}" if score == "rmse" else "",
                explanation=_explanation(problem, score),
                reference=REFERENCE,
                columns=(problem.target,),
                detail=detail,
            )
        )
    return figures


def _scores(problem: Problem) -> tuple[str, ...]:
    """Names of the scores, the headline first."""
    return ("auc", "accuracy", "f1", "recall") if problem.classes else ("r2", "rmse")


def _explanation(problem: Problem, score: str) -> str:
    """Say in a sentence what the figure is."""
    models = f"{len(problem.models)} {'classifiers' if problem.classes else 'regressors'}"
    macro = " averaged over the classes" if problem.classes > 2 and score != "accuracy" else ""
    rare = " of the rarer class" if problem.classes == 2 and score in ("f1", "recall") else ""
    return (
        f"Mean {_TITLES[score]}{rare}{macro} of {models} trained on the synthetic table and "
        "tested on real rows held out. The holdout anchor is the same trained on real rows (TRTR)."
    )


def _baseline(problem: Problem, score: str) -> float | None:
    """What a constant prediction learned from the real rows scores."""
    truth, train = problem.test.target, problem.parts["train"].target
    if score == "accuracy":
        return float(np.mean(truth == np.bincount(train).argmax()))
    if score == "rmse":
        return float(np.sqrt(np.mean((truth - train.mean()) ** 2)))
    return {"auc": 0.5, "r2": 0.0}.get(score)


TASK = Metric(
    key="task", title="Task", group="task", measure=measure_task, weight=8.0, per_target=True
)
