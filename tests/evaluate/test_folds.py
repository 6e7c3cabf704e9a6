"""Cross-validation: the corrected interval covers at its level, and the plain one does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from understudy.evaluate import InternalFigures, evaluate
from understudy.evaluate.task import TASK
from understudy.evaluate.task.folds import corrected_interval, cut

SIMULATIONS, ROWS, FOLDS, REPEATS, WIDTH, SHIFT = 1_500, 60, 5, 4, 4, 0.5
BAND = 0.032  # 5.3 standard errors of a share of 0.95 among 1,500: alpha below 2e-7
Floats = NDArray[np.float64]


def classes(rng: np.random.Generator, tables: int, rows: int) -> tuple[Floats, NDArray[Any]]:
    """Tables of two Gaussian classes of equal size."""
    truth = np.tile(np.arange(rows) % 2, (tables, 1))
    return rng.normal(size=(tables, rows, WIDTH)) + SHIFT * (2 * truth[..., None] - 1), truth


def taught(rows: Floats, truth: NDArray[Any], weights: Floats) -> tuple[Floats, Floats]:
    """The nearest class mean, for every table at once: a direction and a threshold."""
    means = []
    for code in (1, 0):
        part = (weights * (truth == code))[..., None]
        means.append((rows * part).sum(axis=1) / part.sum(axis=1))
    direction = means[0] - means[1]
    return direction, ((means[0] + means[1]) / 2 * direction).sum(axis=1)


def expected_accuracy() -> float:
    """What a model taught by one fold's teaching rows reaches, over many tables, exactly each."""
    from scipy.stats import norm

    rows, truth = classes(np.random.default_rng(1), 20_000, ROWS * (FOLDS - 1) // FOLDS)
    direction, level = taught(rows, truth, np.ones(truth.shape))
    size = np.linalg.norm(direction, axis=1)
    ahead = direction.sum(axis=1) * SHIFT
    hits = norm.cdf((ahead - level) / size) + norm.cdf((ahead + level) / size)
    return float(hits.mean() / 2)


@pytest.fixture(scope="module")
def rounds() -> Floats:
    """Accuracy by table and round of repeated cross-validation."""
    rng = np.random.default_rng(0)
    rows, truth = classes(rng, SIMULATIONS, ROWS)
    values = []
    for _ in range(REPEATS):
        fold = np.stack([cut(ROWS, FOLDS, rng, labels=labels) for labels in truth])
        for one in range(FOLDS):
            direction, level = taught(rows, truth, (fold != one).astype(float))
            told = np.einsum("srd,sd->sr", rows, direction) > level[:, None]
            judging = fold == one
            values.append(((told == truth) & judging).sum(axis=1) / judging.sum(axis=1))
    return np.array(values).T


def coverage(rounds: Floats, test_share: float) -> float:
    """Share of tables whose interval holds the expected accuracy."""
    wanted = expected_accuracy()
    ends = np.array([corrected_interval(values, test_share) for values in rounds])
    return float(np.mean((ends[:, 0] <= wanted) & (wanted <= ends[:, 1])))


def test_the_corrected_interval_covers_at_its_level(rounds: Floats) -> None:
    """n 1,500 tables, 95 %; a coverage below 0.90 or above 0.99 is seen with power 0.999."""
    assert abs(coverage(rounds, 1 / (FOLDS - 1)) - 0.95) < BAND


def test_the_plain_variance_does_not_cover(rounds: Floats) -> None:
    """Without the correction the same rounds hold the truth in about six of ten tables."""
    assert coverage(rounds, 0.0) < 0.75


def test_the_interval_by_hand() -> None:
    """J = 4, S² = 2/3: t(3) 3.182446, error sqrt((1/4 + 1/3) · 2/3)."""
    low, high = corrected_interval(np.array([1.0, 2.0, 2.0, 3.0]), 1 / 3)
    half = 3.182446 * np.sqrt((1 / 4 + 1 / 3) * 2 / 3)
    assert (low, high) == pytest.approx((2 - half, 2 + half), abs=1e-6)
    with pytest.raises(ValueError, match="at least two"):
        corrected_interval(np.array([1.0]), 0.5)


@pytest.mark.parametrize(("rows", "folds"), [(10, 2), (11, 5), (7, 7), (100, 10)])
def test_folds_are_equal_and_balanced(rows: int, folds: int) -> None:
    labels = np.arange(rows) % 3
    fold = cut(rows, folds, np.random.default_rng(0), labels=labels)
    sizes = np.bincount(fold, minlength=folds)
    assert sizes.max() - sizes.min() <= 1
    for code in range(3):
        own = np.bincount(fold[labels == code], minlength=folds)
        assert own.max() - own.min() <= 1


def people(rows: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    x, noise = rng.normal(size=(2, rows))
    return pa.table({"x": x, "rich": np.where(2 * x + noise > 0.5, "yes", "no").tolist()})


def folded(train: pa.Table, holdout: pa.Table | None, synthetic: pa.Table) -> InternalFigures:
    return evaluate(train, holdout, synthetic, target="rich", metrics=(TASK,), folds=2)


def test_folds_of_real_rows_with_a_synthetic_table() -> None:
    found = folded(people(120, 0), people(120, 1), people(120, 2))
    figure = found.figure("tstr_auc")
    assert figure is not None
    assert figure.interval is not None
    assert figure.detail["rounds"] == 2
    assert "Nadeau" in figure.detail["interval"]
    assert figure.anchors.holdout == pytest.approx(figure.value, abs=0.1)
    assert "flatter" not in figure.explanation
    assert figure.detail["gap"]["interval"] is not None


def test_without_a_holdout_folds_say_that_the_generator_saw_the_judges() -> None:
    found = folded(people(120, 0), None, people(120, 2))
    figure = found.figure("tstr_auc")
    assert figure is not None
    assert "the generator learned from, so it may flatter" in figure.explanation


def test_too_few_rows_for_folds_are_said() -> None:
    found = folded(people(18, 0), people(40, 1), people(40, 2))
    assert "real rows for 2 folds" in found.skipped[0].reason
