"""Synthetic ranking agreement against brute force; ties; figures on tables of known order."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from understudy.evaluate import evaluate
from understudy.evaluate.task.rankings import RANKINGS, ranking_agreement


def brute_force(real: NDArray[np.float64], synthetic: NDArray[np.float64]) -> float:
    """The paper's double sum, term by term."""
    total, models = 0, len(real)
    for i in range(models):
        for j in range(models):
            if i != j and (real[i] - real[j]) * (synthetic[i] - synthetic[j]) > 0:
                total += 1
    return total / (models * (models - 1))


@pytest.mark.parametrize("models", [2, 3, 6, 11])
def test_agreement_is_brute_force(models: int) -> None:
    rng = np.random.default_rng(models)
    real, synthetic = rng.integers(0, 5, size=(2, 40, models)).astype(float)
    found = ranking_agreement(real, synthetic)
    wanted = [brute_force(*pair) for pair in zip(real, synthetic, strict=True)]
    assert found.tolist() == pytest.approx(wanted, abs=1e-12)


def test_agreement_of_every_order_of_four() -> None:
    real = np.arange(4.0)
    for order in permutations(real):
        found = float(ranking_agreement(real, np.array(order)))
        assert found == pytest.approx(brute_force(real, np.array(order)), abs=1e-12)


def people(rows: int, seed: int, *, noise: float = 1.0) -> pa.Table:
    """The label follows a product: trees learn it, linear models cannot."""
    rng = np.random.default_rng(seed)
    x, y, extra = rng.normal(size=(3, rows))
    label = np.where(3 * x * y + noise * extra > 0, "yes", "no")
    return pa.table({"x": x, "y": y, "rich": label.tolist()})


def test_another_real_table_ranks_the_models_alike() -> None:
    found = evaluate(
        people(500, 0), people(500, 1), people(500, 2), target="rich", metrics=(RANKINGS,),
        quick=True,
    )  # fmt: skip
    decided = found.figure("sra_decided")
    assert decided is not None
    assert decided.value > 0.8
    assert decided.anchors.holdout is not None
    assert decided.anchors.holdout > 0.9
    figure = found.figure("sra")
    assert figure is not None
    assert figure.interval is not None
    assert 0 < figure.detail["ties"] < 15
    words = {(one["first"], one["second"]): one["word"] for one in figure.detail["pairs"]}
    assert words["LogisticRegression", "RandomForest"] == "agree"
    assert len(found.charts["ranking"]["rows"]) == 6


def test_a_table_that_hides_the_product_reverses_the_order() -> None:
    """The synthetic label follows a straight line: linear models come out ahead."""
    rng = np.random.default_rng(3)
    x, y, extra = rng.normal(size=(3, 500))
    straight = pa.table({"x": x, "y": y, "rich": np.where(x + y + extra > 0, "yes", "no").tolist()})
    found = evaluate(
        people(500, 0), people(500, 1), straight, target="rich", metrics=(RANKINGS,), quick=True
    )
    figure = found.figure("sra")
    assert figure is not None
    words = {(one["first"], one["second"]): one["word"] for one in figure.detail["pairs"]}
    assert words["LogisticRegression", "RandomForest"] == "reversed"
    decided = found.figure("sra_decided")
    assert decided is not None
    assert decided.value < 0.7


def test_the_interval_of_rounds_is_about_the_order_of_their_means() -> None:
    found = evaluate(
        people(120, 0), people(120, 1), people(120, 2), target="rich", metrics=(RANKINGS,),
        folds=2, quick=True,
    )  # fmt: skip
    for key in ("sra", "sra_tstr"):
        figure = found.figure(key)
        assert figure is not None
        assert figure.interval is not None
        assert 0 <= figure.interval[0] <= figure.value <= figure.interval[1] <= 1


def test_models_that_real_rows_do_not_tell_apart_are_ties() -> None:
    rng = np.random.default_rng(4)

    def nothing() -> pa.Table:
        label = np.where(rng.random(200) < 0.5, "yes", "no").tolist()
        return pa.table({"x": rng.normal(size=200), "rich": label})

    found = evaluate(
        nothing(), nothing(), nothing(), target="rich", metrics=(RANKINGS,), quick=True
    )
    figure = found.figure("sra")
    assert figure is not None
    assert figure.detail["ties"] >= 10
    assert "ties on real rows" in figure.explanation
