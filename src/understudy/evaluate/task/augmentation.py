"""Augmentation: what synthetic rows add to few real ones.

A forest is trained on n real rows and on the same rows with m synthetic ones, and judged by real
rows held out. Two anchors stand beside: m other real rows instead, and m rows of independent
columns. The synthetic table was learned from all training rows, so it may carry what those n rows
lack: that is what is measured. What may not happen here: judging by rows that anything was
trained on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.evaluate.chart import lines
from understudy.evaluate.figure import Anchors, Figure, Measured, Metric, Settings, Skipped
from understudy.evaluate.intervals import of_mean
from understudy.evaluate.task.learning import Lesson, learn, shuffled
from understudy.evaluate.task.measuring import TITLES
from understudy.evaluate.task.problem import pose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from understudy.evaluate.columns import Tables
    from understudy.evaluate.task.problem import Part, Problem

REFERENCE = (
    "augmentation curves as in A. Antoniou, A. Storkey and H. Edwards, 2017; the real-rows anchor "
    "is an ordinary learning curve"
)
MODEL = "RandomForest"
FEW = (100, 400)
"""Numbers of real rows."""

TIMES = (1, 4, 16)
"""Synthetic rows for each real one."""

DRAWS = 5
"""How often the few real rows are drawn anew."""

MOST_ADDED = 3_000
JUDGING_ROWS = 4_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """Scores of n real rows with m added ones: draws x added."""

    few: int
    added: tuple[int, ...]
    alone: NDArray[np.float64] = field(repr=False)
    with_synthetic: NDArray[np.float64] = field(repr=False)
    with_real: NDArray[np.float64] = field(repr=False)
    with_shuffled: NDArray[np.float64] = field(repr=False)


def measure_augmentation(tables: Tables, settings: Settings, _rng: np.random.Generator) -> Measured:
    """Gain of synthetic rows beside few real ones; nothing without a target."""
    if settings.target is None:
        return Measured()
    problem = pose(tables, settings.target)
    reason = problem if isinstance(problem, str) else _why_not(problem, settings)
    if isinstance(problem, str) or reason is not None:
        skip = Skipped(
            key="augmentation_gain",
            title=f"Augmentation: {settings.target}",
            group="task",
            reason=reason or "",
        )
        return Measured(skipped=(skip,))
    curves = tuple(_curve(problem, tables, few) for few in FEW if _enough(problem, few))
    return Measured(
        figures=(_figure(problem, curves),), charts={"augmentation": _chart(problem, curves)}
    )


def _enough(problem: Problem, few: int) -> bool:
    """Whether there are real rows to stand for as many synthetic ones."""
    return problem.real.rows >= 2 * few and problem.synthetic.rows >= few


def _why_not(problem: Problem, settings: Settings) -> str | None:
    """Say why augmentation is not measured, or None."""
    if settings.quick:
        return "quick: its many trainings are left out"
    if not _enough(problem, FEW[0]):
        return (
            f"it takes {2 * FEW[0]} training rows and {FEW[0]} synthetic rows with a known target"
        )
    return None


def _curve(problem: Problem, tables: Tables, few: int) -> Curve:
    """All trainings that start from `few` real rows."""
    key = ("augmentation", problem.target, few)
    rng = tables.generator((*key, "judge"))
    judge = (problem.holdout or problem.real).some(JUDGING_ROWS, rng)
    most = min(max(TIMES) * few, MOST_ADDED, problem.synthetic.rows)
    added = tuple(sorted({min(times * few, most) for times in TIMES}))
    score = problem.scores[0]
    starts = [_split(problem.real, few, tables.generator((*key, draw))) for draw in range(DRAWS)]

    def taught(lessons: list[Lesson]) -> NDArray[np.float64]:
        """Headline score of each lesson: draws x lessons of a draw."""
        found = learn(problem, lessons, models=(MODEL,))
        return np.array([run[MODEL].values[score] for run in found]).reshape(DRAWS, -1)

    def of_real() -> NDArray[np.float64]:
        """Alone, with the most other real rows, with as many rows of independent columns."""
        lessons = []
        for draw, (start, rest) in enumerate(starts):
            own = tables.generator((*key, "floor", draw))
            more = rest.some(most, own)
            floor = shuffled(rest, own).some(most, own)
            lessons += [Lesson(teach=part, judge=judge, seed=draw)
                        for part in (start, start.joined(more), start.joined(floor))]  # fmt: skip
        return taught(lessons)

    real = tables.once((*key, most), of_real)
    lessons = []
    for draw, (start, _) in enumerate(starts):
        order = tables.generator((*key, "synthetic", draw)).permutation(problem.synthetic.rows)
        lessons += [
            Lesson(teach=start.joined(problem.synthetic.at(order[:more])), judge=judge, seed=draw)
            for more in added
        ]
    return Curve(
        few=few,
        added=added,
        alone=real[:, 0],
        with_synthetic=taught(lessons),
        with_real=real[:, 1],
        with_shuffled=real[:, 2],
    )


def _split(part: Part, few: int, rng: np.random.Generator) -> tuple[Part, Part]:
    """Few rows, and the others."""
    order = rng.permutation(part.rows)
    return part.at(order[:few]), part.at(order[few:])


def _figure(problem: Problem, curves: tuple[Curve, ...]) -> Figure:
    """The gain at the most synthetic rows, averaged over the numbers of real ones."""
    gains = np.mean([one.with_synthetic[:, -1] - one.alone for one in curves], axis=0)
    more = np.mean([one.with_real - one.alone for one in curves], axis=0)
    floor = np.mean([one.with_shuffled - one.alone for one in curves], axis=0)
    interval = of_mean(gains)
    if interval is not None and interval[0] > 0:
        word = "Synthetic rows help"
    elif interval is not None and interval[1] < 0:
        word = "Synthetic rows do harm"
    else:
        word = "Synthetic rows neither clearly help nor harm"
    title = TITLES[problem.scores[0]]
    starts = " or ".join(str(one.few) for one in curves)
    added = " or ".join(f"{one.added[-1]:,}" for one in curves)
    return Figure(
        key="augmentation_gain",
        title=f"Augmentation: gain in {title}",
        group="task",
        value=float(gains.mean()),
        better="higher",
        interval=interval,
        seeds=DRAWS,
        anchors=Anchors(holdout=float(more.mean()), independent=float(floor.mean())),
        explanation=(
            f"{word}: gain in {title} of a forest that gets {starts} real rows when "
            f"{added} synthetic ones are added. The holdout anchor adds other real rows. The "
            "synthetic table was learned from all training rows, not from the few alone."
        ),
        reference=REFERENCE,
        columns=(problem.target,),
        detail={
            "target": problem.target,
            "model": MODEL,
            "interval": f"Student's t over {DRAWS} draws of the few real rows",
            "finding": f"{word} beside {starts} real ones.",
            "curves": [_told(one) for one in curves],
        },
    )


def _told(one: Curve) -> dict[str, Any]:
    """A curve as numbers."""
    return {
        "real_rows": one.few,
        "synthetic_rows": (0, *one.added),
        "score": [float(one.alone.mean()), *one.with_synthetic.mean(axis=0).tolist()],
        "with_as_many_real_rows": float(one.with_real.mean()),
        "with_as_many_independent_rows": float(one.with_shuffled.mean()),
    }


def _chart(problem: Problem, curves: tuple[Curve, ...]) -> dict[str, Any]:
    """Scores over added rows, a series for each number of real rows and each anchor."""
    series: dict[str, Mapping[str, Any]] = {}
    for one in curves:
        every = [one.alone, *one.with_synthetic.T]
        ends = [of_mean(values) or (values.mean(),) * 2 for values in every]
        series[f"{one.few} real rows + synthetic"] = {
            "x": [0, *one.added],
            "y": [float(values.mean()) for values in every],
            "low": [float(low) for low, _ in ends],
            "high": [float(high) for _, high in ends],
        }
        series[f"{one.few} real rows + real"] = {
            "x": [0, one.added[-1]],
            "y": [float(one.alone.mean()), float(one.with_real.mean())],
        }
    return lines(
        title=f"Synthetic rows beside few real ones: {problem.target}",
        group="task",
        x="rows added",
        y=TITLES[problem.scores[0]],
        series=series,
        about=(
            f"A forest judged by real rows held out; {DRAWS} draws of the real rows. Adding other "
            "real rows is the ceiling."
        ),
    )


AUGMENTATION = Metric(
    key="augmentation",
    title="Augmentation",
    group="task",
    measure=measure_augmentation,
    weight=10.0,
    per_target=True,
)
