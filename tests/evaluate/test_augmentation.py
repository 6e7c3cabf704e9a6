"""Augmentation: synthetic rows like real ones help few real ones, shuffled rows do harm."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from understudy.evaluate import InternalFigures, evaluate
from understudy.evaluate.task import augmentation
from understudy.evaluate.task.augmentation import AUGMENTATION


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """One start and three draws: seconds count here, not the width of the interval."""
    monkeypatch.setattr(augmentation, "FEW", (40,))
    monkeypatch.setattr(augmentation, "DRAWS", 3)
    monkeypatch.setattr(augmentation, "TIMES", (2, 10))


def people(seed: int, rows: int = 500) -> pa.Table:
    rng = np.random.default_rng(seed)
    x, y, noise = rng.normal(size=(3, rows))
    return pa.table({"x": x, "y": y, "rich": np.where(x + y + noise > 0, "yes", "no").tolist()})


def gain(synthetic: pa.Table, train: pa.Table | None = None, **how: object) -> InternalFigures:
    return evaluate(
        train or people(0), people(1), synthetic, target="rich", metrics=(AUGMENTATION,), **how
    )


@pytest.mark.slow
def test_rows_like_the_real_ones_help_as_much_as_real_ones() -> None:
    found = gain(people(2))
    figure = found.figure("augmentation_gain")
    assert figure is not None
    assert figure.value > 0
    assert figure.anchors.holdout == pytest.approx(figure.value, abs=0.04)
    assert figure.anchors.independent is not None
    assert figure.anchors.independent < figure.value
    (curve,) = figure.detail["curves"]
    assert list(curve["synthetic_rows"]) == [0, 80, 400]
    assert found.charts["augmentation"]["form"] == "lines"


def test_rows_with_a_turned_label_do_harm() -> None:
    table = people(2)
    turned = ["no" if one == "yes" else "yes" for one in table.column("rich").to_pylist()]
    found = gain(table.set_column(2, "rich", pa.array(turned)))
    figure = found.figure("augmentation_gain")
    assert figure is not None
    assert figure.interval is not None
    assert figure.interval[1] < 0
    assert "do harm" in figure.explanation


def test_what_is_not_measured_has_a_reason() -> None:
    assert "quick" in gain(people(2), quick=True).skipped[0].reason
    assert "80 training rows" in gain(people(2), train=people(0, rows=60)).skipped[0].reason
