"""The suite for metrics: every built-in passes, and each kind of mistake is caught."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from understudy.evaluate import (
    MARGINALS,
    METRICS,
    PAIRS,
    SHAPES,
    Anchors,
    Figure,
    Measured,
    Metric,
    Settings,
    Tables,
)
from understudy.testing import check_metric

if TYPE_CHECKING:
    from collections.abc import Callable

QUICK = (SHAPES, PAIRS, MARGINALS)


@pytest.mark.parametrize("metric", QUICK, ids=lambda metric: metric.key)
def test_quick_metrics_pass(metric: Metric) -> None:
    check_metric(metric)


@pytest.mark.slow
@pytest.mark.parametrize(
    "metric", [one for one in METRICS if one not in QUICK], ids=lambda metric: metric.key
)
def test_the_other_metrics_pass(metric: Metric) -> None:
    """The order of models that hardly differ is luck, so rankings are given more room."""
    check_metric(metric, slack=2.0 if metric.key == "rankings" else 0.5)


def test_golden_values_and_bounds_of_shapes() -> None:
    """The KS distance of the two tables' first column, and TVD of the labels, by hand below."""
    from understudy.testing import golden_tables

    train, _, made = golden_tables()
    scores = []
    for name in train.schema.names:
        if name in ("number", "moment"):
            left, right = (
                np.sort(np.asarray(side.column(name).to_numpy(), dtype=float))
                for side in (train, made)
            )
            grid = np.union1d(left, right)
            gaps = [abs((left <= at).mean() - (right <= at).mean()) for at in grid]
            scores.append(1 - max(gaps))
        else:
            left, right = (side.column(name).to_pylist() for side in (train, made))
            labels = set(left) | set(right)
            gap = sum(abs(left.count(one) - right.count(one)) for one in labels) / len(left)
            scores.append(1 - gap / 2)
    check_metric(SHAPES, golden={"shapes": float(np.mean(scores))}, bounds={"shapes": (0.0, 1.0)})


def figure_of(tables: Tables, _settings: Settings, rng: np.random.Generator) -> Figure:
    """A sound little figure: how near the means of the first column are."""
    column = tables.columns[0]
    value = float(abs(np.nanmean(column.train) - np.nanmean(column.synthetic)))
    return Figure(
        key="mean", title="Mean", group="novel", value=value if np.isfinite(value) else 1e9,
        better="lower", target=0.0, explanation="How far means are apart.", reference="none",
    )  # fmt: skip


def metric_of(change: Callable[[Figure, Tables, np.random.Generator], Figure]) -> Metric:
    """The sound metric with a mistake."""

    def measure(tables: Tables, settings: Settings, rng: np.random.Generator) -> Measured:
        return Measured(figures=(change(figure_of(tables, settings, rng), tables, rng),))

    return Metric(key="mean", title="Mean", group="novel", measure=measure)


def turn(figure: Figure, tables: Tables, rng: np.random.Generator) -> Figure:
    """Better the wrong way round."""
    best = Anchors(holdout=10.0, independent=0.0)
    return replace(figure, better="higher", anchors=best)


def spoil(figure: Figure, tables: Tables, rng: np.random.Generator) -> Figure:
    """Write into what it reads."""
    tables.columns[0].train.sort()
    return figure


def gamble(figure: Figure, tables: Tables, rng: np.random.Generator) -> Figure:
    """Draw from the global generator."""
    return replace(figure, value=figure.value + np.random.rand() * 0)  # noqa: NPY002


def fall(figure: Figure, tables: Tables, rng: np.random.Generator) -> Figure:
    """Rest on a holdout."""
    assert tables.columns[0].holdout is not None, "no holdout"
    return figure


def drift(figure: Figure, tables: Tables, rng: np.random.Generator) -> Figure:
    """Draw from the operating system."""
    return replace(figure, value=float(np.random.default_rng().random()))


def hush(figure: Figure, tables: Tables, rng: np.random.Generator) -> Figure:
    """Say nothing about itself."""
    return replace(figure, explanation=" ")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (turn, "must do as well"),
        (spoil, "changes the tables"),
        (gamble, "global generator"),
        (fall, "fails on no holdout"),
        (drift, "differs with the same seed"),
        (hush, "no explanation"),
    ],
)
def test_a_mistake_is_caught(
    mistake: Callable[[Figure, Tables, np.random.Generator], Figure], words: str
) -> None:
    with pytest.raises(AssertionError, match=words):
        check_metric(metric_of(mistake))


@pytest.mark.filterwarnings("ignore")
def test_golden_values_and_bounds_are_held_against_it() -> None:
    sound = metric_of(lambda figure, _tables, _rng: figure)
    check_metric(sound)
    with pytest.raises(AssertionError, match="golden"):
        check_metric(sound, golden={"mean": -1.0})
    with pytest.raises(AssertionError, match="outside"):
        check_metric(sound, bounds={"mean": (0.0, 1e-6)})
    with pytest.raises(AssertionError, match="no figure"):
        check_metric(sound, golden={"median": 0.0})
