"""The scores of each model, trained on real and on synthetic rows, as rows of text and drawings.

What may not happen here: a score that is not in the evidence, or TSTS without TSTR beside it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from understudy.report.anchors import draw_marks, marks_of_score
from understudy.report.spelling import spell_number

if TYPE_CHECKING:
    from understudy.release.internal import TaskResult, TaskScore

_STEP = 20


def task_of(task: TaskResult) -> dict[str, Any]:
    """A target's scores by metric, the models of one metric on one axis."""
    metrics = []
    for metric in dict.fromkeys(score.metric for score in task.scores):
        scores = [score for score in task.scores if score.metric == metric]
        metrics.append(_metric(metric, scores))
    return {
        "target": task.target,
        "folds": task.folds,
        "chance": task.chance,
        "finding": task.finding,
        "judged": task.judged,
        "metrics": tuple(metrics),
        "own": any(score.tsts is not None for score in task.scores),
    }


def _metric(metric: str, scores: list[TaskScore]) -> dict[str, Any]:
    """One metric: its axis, its constant prediction, a row for each model."""
    better = "lower" if metric == "RMSE" else "higher"
    floor = scores[0].baseline
    marks = [marks_of_score(score, floor, better=better) for score in scores]
    seen = [value for mark in marks for value in (*mark.values.values(), *(mark.interval or ()))]
    step = _STEP if metric != "RMSE" else _STEP / max(max(seen, default=1.0), 1e-300)
    low = math.floor(step * min(seen, default=0.0)) / step
    high = max(math.ceil(step * max(seen, default=1.0)) / step, low + 1 / step)
    ends = (high, low) if better == "lower" else (low, high)
    return {
        "name": metric,
        "ends": " to ".join(spell_number(end, 3) for end in ends),
        "constant": spell_score(floor),
        "rows": tuple(
            {
                "classifier": score.classifier,
                "track": draw_marks(mark, low=low, high=high),
                "tstr": spell_score(score.tstr),
                "interval": ""
                if score.interval is None
                else f"{spell_score(score.interval[0])} to {spell_score(score.interval[1])}",
                "trtr": spell_score(score.trtr),
                "tsts": spell_score(score.tsts),
                "gap": spell_score(
                    None if score.tstr is None or score.trtr is None else score.tstr - score.trtr
                ),
            }
            for score, mark in zip(scores, marks, strict=True)
        ),
    }


def spell_score(value: float | None) -> str:
    """A score with three decimals, a large one with four digits; a real minus sign.

    >>> spell_score(0.9), spell_score(12345.6), spell_score(None)
    ('0.900', '12,350', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if abs(value) >= 10:
        return f"{float(f'{value:.4g}'):,.10g}".replace("-", "\u2212")
    return f"{value:.3f}".replace("-", "\u2212")
