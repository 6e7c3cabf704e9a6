"""The task: how well models trained on the synthetic table work on real rows they never saw.

Six classifiers (five regressors for a numeric target) are trained on real rows (TRTR) and on
synthetic rows (TSTR) and judged by the same real holdout; training on independent columns is the
floor. Training and judging on synthetic rows alone (TSTS) is what someone without real rows would
measure: where it looks like TRTR while TSTR is much lower, the figures say so. What may not
happen here: a verdict from TSTS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.evaluate.chart import lines
from understudy.evaluate.figure import Anchors, Figure, Measured, Metric, Settings, Skipped
from understudy.evaluate.task import folds
from understudy.evaluate.task.learning import Lessons, lessons_of
from understudy.evaluate.task.models import boosting_rounds
from understudy.evaluate.task.scores import class_scores, number_scores, roc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from understudy.evaluate.columns import Tables
    from understudy.evaluate.task.learning import Source
    from understudy.evaluate.task.problem import Part, Problem

REFERENCE = "train on synthetic, test on real: Esteban et al. (2017), Jordon et al. (2018)"
GRID = tuple(round(0.02 * step, 2) for step in range(51))
"""False positive rates at which ROC curves are told."""

MUCH = 0.02
"""A loss that is worth a sentence."""

TITLES = {
    "auc": "AUC",
    "accuracy": "accuracy",
    "f1": "F1",
    "recall": "recall",
    "r2": "R²",
    "rmse": "root mean squared error",
}


def measure_task(tables: Tables, settings: Settings, _rng: np.random.Generator) -> Measured:
    """TSTR beside TRTR and TSTS for the target; nothing without a target."""
    if settings.target is None:
        return Measured()
    found = lessons_of(tables, settings)
    if isinstance(found, str):
        skip = Skipped(key="tstr", title=f"Task: {settings.target}", group="task", reason=found)
        return Measured(skipped=(skip,))
    return Measured(
        figures=tuple(task_figures(found)),
        skipped=tuple(_left_out(found)),
        charts={"roc": roc_chart(found)} if found.problem.classes else {},
    )


def task_figures(found: Lessons) -> Iterator[Figure]:
    """One figure per score with TSTR as the value, and TSTS of the headline."""
    problem, headline = found.problem, found.problem.scores[0]
    shown: list[Source] = [name for name in ("trtr", "tstr", "tsts", "independent")
                           if name in found.runs]  # fmt: skip
    floor = constant_scores(problem, found.judge)
    for score in problem.scores:
        lost = found.spread("trtr", score) - found.spread("tstr", score)
        detail: dict[str, Any] = {
            "target": problem.target,
            "classes": problem.classes,
            "score": score,
            "per_model": _per_model(found, shown, score),
            "intervals": _intervals(found, shown, score),
            "trtr_interval": bounded(found.interval(found.spread("trtr", score)), score),
            "gap": {
                "value": found.mean("trtr", score) - found.mean("tstr", score),
                "interval": found.interval(lost),
            },
            "training_rows": found.rows,
            "test_rows": found.judge.rows,
            "baseline": floor[score],
            "interval": _about_interval(found),
            **problem.notes,
        }
        if found.folded:
            detail["rounds"] = len(found.runs["tstr"])
        if problem.classes > 2:
            detail["boosting_rounds"] = boosting_rounds(problem.classes)
        if problem.classes and np.unique(problem.synthetic.target).size == 1:
            detail["note"] = (
                "the synthetic target has a single class: nothing can be learned, every model "
                "predicts that class"
            )
        if score == headline:
            detail["finding"] = finding(found)
            detail["learning_curve"] = found.curve
        yield Figure(
            key=f"tstr_{score}",
            title=f"TSTR {TITLES[score]}",
            group="task",
            value=found.mean("tstr", score),
            better="lower" if score == "rmse" else "higher",
            interval=bounded(found.interval(found.spread("tstr", score)), score),
            seeds=len(found.runs["tstr"]),
            anchors=Anchors(
                holdout=found.mean("trtr", score),
                independent=found.mean("independent", score),
                subsample=as_good_as(found) if score == headline else None,
            ),
            unit=f"unit of {problem.target}" if score == "rmse" else "",
            explanation=_explanation(found, score),
            reference=f"{REFERENCE}; {folds.REFERENCE}" if found.folded else REFERENCE,
            columns=(problem.target,),
            detail=detail,
        )
    if "tsts" in found.runs:
        yield _without_real_rows(found, headline)


def finding(found: Lessons) -> str:
    """What the three ways of training say together, in a sentence or two.

    Where models judged by synthetic rows look as good as real ones while real rows show a loss,
    the loss is said with what hid it.
    """
    score = found.problem.scores[0]
    real, ours = found.mean("trtr", score), found.mean("tstr", score)
    apart = found.interval(found.spread("trtr", score) - found.spread("tstr", score))
    title = TITLES[score]
    told = (
        f"Trained on real rows the models reach {title} {real:.3f} on real rows, "
        f"trained on synthetic rows {ours:.3f}"
    )
    if apart is None or not (apart[0] > 0 and real - ours > MUCH):
        clear = apart is not None and (apart[0] > 0 or apart[1] < 0)
        return f"{told}: {'a small' if clear else 'no clear'} difference."
    if "tsts" in found.runs:
        own = found.mean("tsts", score)
        if own - ours > (real - ours) / 2:
            return (
                f"{told}: a loss of {real - ours:.3f}. The synthetic table alone does not show "
                f"it: judged by synthetic rows the same training reaches {own:.3f}. Whoever has "
                "only the synthetic table would trust these models too much."
            )
    share = as_good_as(found)
    taught = (
        f" They learn as much as from {100 * share:.2g} % of the real rows."
        if share is not None and share < 1
        else ""
    )
    return f"{told}: a loss of {real - ours:.3f}.{taught}"


def as_good_as(found: Lessons) -> float | None:
    """Share of the real rows that teaches as much as the synthetic table does.

    Interpolated on the logarithm of the share; None where no smaller training was done, and
    where the smallest already teaches more.
    """
    if not found.curve:
        return None
    score = found.problem.scores[0]
    shares = np.array([*(share for share, _ in found.curve), 1.0])
    reached = np.array([*(value for _, value in found.curve), found.mean("trtr", score)])
    reached = np.maximum.accumulate(reached)
    ours = found.mean("tstr", score)
    if ours < reached[0]:
        return None
    if ours >= reached[-1]:
        return 1.0
    after = int(np.searchsorted(reached, ours, side="right"))
    before = after - 1
    part = (ours - reached[before]) / (reached[after] - reached[before])
    return float(np.exp(np.log(shares[before]) + part * np.log(shares[after] / shares[before])))


def constant_scores(problem: Problem, judge: Part) -> dict[str, float]:
    """What a constant prediction learned from the real rows scores.

    The most frequent class, or the mean: its F1 and recall of a rarer class are zero.
    """
    teach = problem.real.target
    if not problem.classes:
        told = np.full(judge.rows, float(np.mean(teach)))
        return {
            name: float(values[0]) for name, values in number_scores(judge.target, told).items()
        }
    same = np.zeros((judge.rows, problem.classes))
    same[:, int(np.bincount(teach).argmax())] = 1.0
    scores = class_scores(judge.target, same, problem.positive)
    return {name: float(values[0]) for name, values in scores.items()}


def bounded(interval: tuple[float, float] | None, score: str) -> tuple[float, float] | None:
    """The part of an interval that a score can reach: t intervals over folds may go beyond.

    >>> bounded((0.9, 1.1), "auc"), bounded((-3.0, 1.1), "r2")
    ((0.9, 1.0), (-3.0, 1.0))
    """
    if interval is None:
        return None
    low = interval[0] if score == "r2" else max(0.0, interval[0])
    return low, interval[1] if score == "rmse" else min(1.0, interval[1])


def _per_model(found: Lessons, shown: list[Source], score: str) -> dict[str, dict[str, float]]:
    """Score by source and model."""
    return {
        name: {model: found.value(name, model, score) for model in found.problem.models}
        for name in shown
    }


def _intervals(found: Lessons, shown: list[Source], score: str) -> dict[str, dict[str, Any]]:
    """Interval by source and model."""
    return {
        name: {
            model: bounded(found.interval(found.draws(name, model, score)), score)
            for model in found.problem.models
        }
        for name in shown
    }  # fmt: skip


def roc_chart(found: Lessons) -> dict[str, Any]:
    """ROC curves by source, averaged over models (and classes) at the same share of alarms."""
    grid = np.array(GRID)
    truth = found.judge.target
    series: dict[str, dict[str, Sequence[float]]] = {}
    for name, source in (("real", "trtr"), ("synthetic", "tstr"), ("independent", "independent")):
        run = found.runs[source][-1]  # type: ignore[index]
        curves = [roc(truth, marked.told.astype(np.float64), grid) for marked in run.values()]
        series[name] = {"x": GRID, "y": [round(float(rate), 4) for rate in np.mean(curves, axis=0)]}
    judged = "the last fold's rows" if found.folded else f"{found.judge.rows:,} real rows"
    macro = ", averaged over one class against the rest" if found.problem.classes > 2 else ""
    return lines(
        title=f"ROC curves: {found.problem.target}",
        group="task",
        x="false alarms",
        y="found",
        series=series,
        about=f"Mean of {len(found.problem.models)} classifiers judged by {judged}{macro}.",
        diagonal=True,
    )


def _without_real_rows(found: Lessons, score: str) -> Figure:
    """TSTS: what the synthetic table says of itself."""
    real, own = found.spread("trtr", score), found.spread("tsts", score)
    return Figure(
        key=f"tsts_{score}",
        title=f"TSTS {TITLES[score]}",
        group="task",
        value=found.mean("tsts", score),
        better="near",
        target=found.mean("trtr", score),
        interval=bounded(found.interval(own), score),
        seeds=len(found.runs["tsts"]),
        anchors=Anchors(holdout=found.mean("trtr", score)),
        explanation=(
            "What someone who has only the synthetic table would measure: trained on a part of "
            "it, judged by the rest. Near TRTR is good; it is no evidence without TSTR."
        ),
        reference=REFERENCE,
        columns=(found.problem.target,),
        detail={
            "target": found.problem.target,
            "minus_trtr": {
                "value": found.mean("tsts", score) - found.mean("trtr", score),
                "interval": found.interval(own - real) if own.size == real.size else None,
            },
            "interval": _about_interval(found),
        },
    )


def _left_out(found: Lessons) -> Iterator[Skipped]:
    """What could not be measured beside the rest."""
    if "tsts" not in found.runs:
        yield Skipped(
            key="tsts",
            title="TSTS",
            group="task",
            reason="too few synthetic rows with a known target to keep some apart",
        )


def _about_interval(found: Lessons) -> str:
    """What varies in the intervals."""
    if found.folded:
        rounds = len(found.runs["tstr"])
        return f"{rounds} rounds of cross-validation, Nadeau and Bengio's corrected variance"
    return "bootstrap over the judging rows; models and teaching rows fixed"


def _explanation(found: Lessons, score: str) -> str:
    """Say in a sentence what the figure is."""
    problem = found.problem
    models = f"{len(problem.models)} {'classifiers' if problem.classes else 'regressors'}"
    macro = " averaged over the classes" if problem.classes > 2 and score != "accuracy" else ""
    rare = " of the rarer class" if problem.classes == 2 and score in ("f1", "recall") else ""
    judged = "real rows held out"
    if found.folded:
        judged += f" in turn ({len(found.runs['tstr'])} rounds)"
    if found.seen:
        judged = "folds of the real rows that the generator learned from, so it may flatter"
    return (
        f"Mean {TITLES[score]}{rare}{macro} of {models} trained on the synthetic table and "
        f"judged by {judged}. The holdout anchor is the same trained on real rows (TRTR)."
    )


TASK = Metric(
    key="task", title="Task", group="task", measure=measure_task, weight=20.0, per_target=True
)
