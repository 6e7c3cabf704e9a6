"""Classifiers: how much is lost by learning from synthetic rows instead of real ones.

Every classifier is trained on the real rows (TRTR) and on the synthetic ones (TSTR), as many of
each, and tested on the same real rows held out. What may not happen here: testing on rows that
anything was trained on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluate.purposes.answer import Answer, answered, broken_down
from understudy.evaluate.reading import CannotAnswer, Codes, parts_of, yes_or_no
from understudy.evaluate.task.encoding import features, fit_encoding
from understudy.evaluate.task.models import ONE_HOT, quiet_single_threaded, train_classifier
from understudy.evaluate.task.problem import (
    SMALLEST_HOLDOUT,
    TEST_ROWS,
    Part,
    known_rows,
    targets_of,
)
from understudy.evaluate.task.scores import auc

if TYPE_CHECKING:
    from understudy.evaluate.columns import Tables
    from understudy.evaluate.reading import Parts
    from understudy.schema import ClassifierPurpose

TRAINING_ROWS = 10_000
_HALF = "half"


def answer_classifier(
    purpose: ClassifierPurpose, tables: Tables, rng: np.random.Generator
) -> Answer:
    """AUC trained on real rows less AUC trained on synthetic rows, mean over the classifiers."""
    if not tables.has_holdout:
        raise CannotAnswer("without real rows held out a classifier cannot be tested honestly")
    named = purpose.predictors or tuple(
        column.name for column in tables.columns if column.name != purpose.target
    )
    if not named:
        raise CannotAnswer("there is nothing to predict from")
    parts = parts_of(tables, (purpose.target, *named), rng)
    codes, classes = _targets(purpose, parts)
    seed = int(rng.integers(1 << 31))
    learning = {
        part: known_rows(codes[part], [parts.arrays[part][name] for name in named])
        for part in ("train", "synthetic", "independent")
    }
    learning = {part: one.some(TRAINING_ROWS, np.random.default_rng(seed))
                for part, one in learning.items()}  # fmt: skip
    real = learning["train"]
    learning[_HALF] = real.some(max(1, real.rows // 2), np.random.default_rng(seed))
    test = known_rows(codes["holdout"], [parts.arrays["holdout"][name] for name in named])
    test = test.some(TEST_ROWS, np.random.default_rng(seed))
    _refuse(test, learning)
    scores = _scores(purpose, parts, named, learning, test, classes=classes)
    gap = {part: float(np.mean(scores["train"]) - np.mean(scores[part]))
           for part in ("synthetic", _HALF, "independent")}  # fmt: skip
    lines = [
        (model, *(float(scores[part][at]) for part in ("train", "synthetic", "independent")))
        for at, model in enumerate(purpose.models)
    ]
    return answered(
        purpose,
        {"auc_gap": gap["synthetic"]},
        holdout={"auc_gap": gap[_HALF]},
        independent={"auc_gap": gap["independent"]},
        anchor=f"training on half of the real rows ({learning[_HALF].rows:,})",
        reason=f"trained on at most {TRAINING_ROWS:,} rows, tested on {test.rows:,} held out",
        breakdown=broken_down(
            ("Classifier", "AUC, real", "AUC, synthetic", "AUC, independent"), lines
        ),
    )


def _scores(
    purpose: ClassifierPurpose,
    parts: Parts,
    named: tuple[str, ...],
    learning: dict[str, Part],
    test: Part,
    *,
    classes: int,
) -> dict[str, list[float]]:
    """AUC of every classifier by what it learned from."""
    encodings = tuple(fit_encoding(parts.columns[name]) for name in named)
    found: dict[str, list[float]] = {part: [] for part in learning}
    with quiet_single_threaded():
        for model in purpose.models:
            one_hot = model in ONE_HOT
            tested = features(encodings, test.arrays, one_hot=one_hot)
            for part, rows in learning.items():
                matrix = features(encodings, rows.arrays, one_hot=one_hot)
                trained = train_classifier(model, matrix, rows.target, classes=classes, seed=0)
                told = trained.probabilities(tested, classes)
                found[part].append(float(auc(test.target, told)[0]))
    return found


def _targets(purpose: ClassifierPurpose, parts: Parts) -> tuple[dict[str, Codes], int]:
    """Class of every row by part, -1 for missing, and the number of classes."""
    column = parts.columns[purpose.target]
    held = {part: arrays[purpose.target] for part, arrays in parts.arrays.items()}
    if purpose.yes:
        return {part: _coded(yes_or_no(column, values, purpose.equals, purpose.above))
                for part, values in held.items()}, 2  # fmt: skip
    if column.kind == "datetime":
        raise CannotAnswer("the target holds dates; make it yes or no with `above`")
    codes, classes, _ = targets_of(column)
    if classes == 0:
        raise CannotAnswer("the target is a number; make it yes or no with `above`")
    if classes == 1:
        raise CannotAnswer("the target has a single value in the real table")
    known: dict[str, Any] = dict(codes)
    # The target is shuffled here; the predictors are shuffled already, each by itself.
    known["independent"] = np.random.default_rng(0).permutation(codes["train"])
    return known, classes


def _coded(values: NDArray[np.float64]) -> Codes:
    """0 and 1, -1 for missing."""
    return np.nan_to_num(values, nan=-1.0).astype(np.int64)


def _refuse(test: Part, learning: dict[str, Part]) -> None:
    """Say why nothing can be tested."""
    if test.rows < SMALLEST_HOLDOUT or np.unique(test.target).size < 2:
        raise CannotAnswer("too few rows held out, or a single class among them")
    if any(part.rows < 2 for part in learning.values()):
        raise CannotAnswer("too few rows with a known target to learn from")
