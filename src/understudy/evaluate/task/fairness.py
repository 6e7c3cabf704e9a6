"""Fairness: whom the models serve, trained on real and on synthetic rows.

For every declared column of sub-populations: the gaps of demographic parity and equalised odds
between its groups, and the task's score of the group that loses most by synthetic training. The
models are the task's; nothing is trained again. What may not happen here: a claim that a model
is fair.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.evaluate.chart import intervals
from understudy.evaluate.figure import Anchors, Figure, Measured, Metric, Settings, Skipped
from understudy.evaluate.groups import members_of
from understudy.evaluate.intervals import middle
from understudy.evaluate.task.learning import Lessons, lessons_of
from understudy.evaluate.task.measuring import TITLES
from understudy.evaluate.task.scores import bootstrap_weights, class_scores, number_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from understudy.evaluate.columns import Tables
    from understudy.evaluate.task.learning import Source

REFERENCE = (
    "demographic parity: C. Dwork et al., 2012; equalised odds: M. Hardt, E. Price and N. Srebro, "
    "2016"
)
FEWEST = 50
"""Judging rows below which a group is not judged."""

MOST_GROUPS = 20
_SOURCES: tuple[Source, ...] = ("trtr", "tstr", "independent")


@dataclass(frozen=True, kw_only=True, slots=True)
class Groups:
    """The group of every judging row, -1 for none, and what is left out and why."""

    column: str
    labels: tuple[str, ...]
    member: NDArray[np.int64] = field(repr=False)
    left_out: tuple[str, ...] = ()


def parity_gap(
    chosen: NDArray[np.bool_],
    member: NDArray[np.int64],
    groups: int,
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Demographic parity gap: the largest difference between groups in the share chosen.

    Parameters
    ----------
    chosen
        Whether the model chose each of n rows.
    member
        Group of each row, 0 to groups - 1; -1 for none.
    groups
        Number of groups, at least 2.
    weights
        Repetitions x n, or None for one plain repetition.

    Returns
    -------
    numpy.ndarray
        One value per repetition, between 0 and 1.

    >>> parity_gap(np.array([True, True, False, False]), np.array([0, 0, 0, 1]), 2).round(3).tolist()
    [0.667]
    """
    rates = _rates(chosen, np.ones(chosen.size, dtype=bool), member, groups, weights)
    return _widest(rates)


def odds_gap(
    chosen: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    member: NDArray[np.int64],
    groups: int,
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Equalised odds gap: the larger of the gaps in true and in false positive rates.

    Parameters are those of `parity_gap`; `truth` says which rows ought to be chosen.

    >>> truth, member = np.array([1, 1, 0, 0]) > 0, np.array([0, 1, 0, 1])
    >>> odds_gap(np.array([True, False, False, False]), truth, member, 2).tolist()
    [1.0]
    """
    true = _widest(_rates(chosen, truth, member, groups, weights))
    false = _widest(_rates(chosen, ~truth, member, groups, weights))
    return np.maximum(true, false)


def _rates(
    chosen: NDArray[np.bool_],
    among: NDArray[np.bool_],
    member: NDArray[np.int64],
    groups: int,
    weights: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """Share chosen among some rows, by repetition and group; NaN where a group has none."""
    plain = np.ones((1, chosen.size)) if weights is None else weights
    inside = (member[:, None] == np.arange(groups)) & among[:, None]
    whole = plain @ inside.astype(np.float64)
    part = plain @ (inside & chosen[:, None]).astype(np.float64)
    return np.where(whole > 0, part / np.maximum(whole, 1e-300), np.nan)


def _widest(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest less smallest rate over the groups that have one; 0 with fewer than two."""
    high = np.where(np.isnan(rates), -np.inf, rates).max(axis=1)
    low = np.where(np.isnan(rates), np.inf, rates).min(axis=1)
    return np.where(np.isfinite(high) & np.isfinite(low), high - low, 0.0)


def measure_fairness(tables: Tables, settings: Settings, rng: np.random.Generator) -> Measured:
    """Gaps and the worst-served group of every declared column; nothing without any."""
    if settings.target is None or not settings.subgroups:
        return Measured()
    found = lessons_of(tables, settings)
    if isinstance(found, str):
        return Measured(skipped=(_skip("parity_gap", settings.target, found),))
    if found.folded:
        reason = "with folds no single model is judged on all rows; measure without folds"
        return Measured(skipped=(_skip("parity_gap", settings.target, reason),))
    figures: list[Figure] = []
    skipped: list[Skipped] = []
    charts: dict[str, Any] = {}
    weights = bootstrap_weights(found.judge.rows, 50 if settings.quick else 100, rng)
    for name in settings.subgroups:
        groups = _groups(tables, found, name)
        if isinstance(groups, str):
            skipped.append(_skip("parity_gap", name, groups))
            continue
        if found.problem.classes:
            figures += _gaps(found, groups, weights)
        else:
            reason = "gaps are defined for classes; the target is a number"
            skipped.append(_skip("parity_gap", name, reason))
        worst, chart = _worst(found, groups, weights)
        figures.append(worst)
        charts[f"served:{name}"] = chart
    return Measured(figures=tuple(figures), skipped=tuple(skipped), charts=charts)


def _groups(tables: Tables, found: Lessons, name: str) -> Groups | str:
    """Groups of a column among the judging rows, or why there are none."""
    column = tables.column(name)
    if column is None:
        absent = dict(tables.left_out).get(name, "not among the compared columns")
        return f"the column is {absent}"
    if name == found.problem.target:
        return "the column is the target itself"
    values = found.judge.arrays[found.problem.inputs.index(name)]
    member, labels = members_of(column, values)
    sizes = np.bincount(member[member >= 0], minlength=len(labels))
    kept = [at for at in np.argsort(-sizes, kind="stable") if sizes[at] >= FEWEST][:MOST_GROUPS]
    if len(kept) < 2:
        return f"fewer than two of its groups have {FEWEST} rows held out"
    place = np.full(len(labels) + 1, -1, dtype=np.int64)
    place[kept] = np.arange(len(kept))
    occurring = {labels[at] for at in np.nonzero(sizes)[0]}
    told = tuple(labels[at] for at in kept)
    return Groups(
        column=name,
        labels=told,
        member=place[member],
        left_out=tuple(sorted(occurring - set(told))),
    )


def _gaps(found: Lessons, groups: Groups, weights: NDArray[np.float64]) -> list[Figure]:
    """Both gaps, trained on synthetic rows beside trained on real ones."""
    truth, problem = found.judge.target, found.problem
    codes = range(problem.classes) if problem.positive is None else (problem.positive,)
    plain = np.vstack([np.ones((1, truth.size)), weights])
    values: dict[tuple[str, Source], NDArray[np.float64]] = {}
    for source in _SOURCES:
        parity, odds = [], []
        for run in found.runs[source]:
            for marked in run.values():
                predicted = marked.told.argmax(axis=1)
                for code in codes:
                    chosen, right = predicted == code, truth == code
                    count = len(groups.labels)
                    parity.append(parity_gap(chosen, groups.member, count, plain))
                    odds.append(odds_gap(chosen, right, groups.member, count, plain))
        values["parity_gap", source] = np.mean(parity, axis=0)
        values["odds_gap", source] = np.mean(odds, axis=0)
    titles = {"parity_gap": "Demographic parity gap", "odds_gap": "Equalised odds gap"}
    says = {
        "parity_gap": "difference between groups in how often the model says yes",
        "odds_gap": "difference between groups in true or false positive rates",
    }
    return [
        Figure(
            key=key,
            title=f"{title}: {groups.column}",
            group="subgroups",
            value=float(values[key, "tstr"][0]),
            better="near",
            target=float(values[key, "trtr"][0]),
            interval=middle(values[key, "tstr"][1:]),
            seeds=len(found.runs["tstr"]),
            anchors=Anchors(
                holdout=float(values[key, "trtr"][0]),
                independent=float(values[key, "independent"][0]),
            ),
            explanation=(
                f"Largest {says[key]}, mean of the task's models trained on the synthetic table. "
                "The same trained on real rows is the holdout anchor: nearer is better. A largest "
                "difference is above 0 by chance, more so for small groups."
            ),
            reference=REFERENCE,
            columns=(groups.column, problem.target),
            detail={
                "target": problem.target,
                "groups": groups.labels,
                "groups_left_out": len(groups.left_out),
                "minus_real": {
                    "value": float(values[key, "tstr"][0] - values[key, "trtr"][0]),
                    "interval": middle((values[key, "tstr"] - values[key, "trtr"])[1:]),
                },
                "interval": "bootstrap over the judging rows",
            },
        )
        for key, title in titles.items()
    ]


def _worst(
    found: Lessons, groups: Groups, weights: NDArray[np.float64]
) -> tuple[Figure, dict[str, Any]]:
    """The task's score of every group, and the group that loses most."""
    score = found.problem.scores[0]
    table = [
        {source: _score(found, source, groups.member == at, weights) for source in _SOURCES}
        for at in range(len(groups.labels))
    ]
    lost = [float(row["trtr"][0] - row["tstr"][0]) for row in table]
    at = int(np.argmax(lost))
    ours, real, floor = (table[at][source] for source in ("tstr", "trtr", "independent"))
    title = TITLES[score]
    figure = Figure(
        key=f"worst_subgroup_{score}",
        title=f"TSTR {title} of the worst-served group: {groups.column}",
        group="subgroups",
        value=float(ours[0]),
        better="higher",
        interval=middle(ours[1:]),
        seeds=len(found.runs["tstr"]),
        anchors=Anchors(holdout=float(real[0]), independent=float(floor[0])),
        explanation=(
            f"Group {groups.labels[at]!r} of {groups.column} loses most by synthetic training: "
            f"{lost[at]:.3f} of {title}, the median group {float(np.median(lost)):.3f}. The worst "
            "of several groups looks worse than it is; its interval does not know that."
        ),
        reference=REFERENCE,
        columns=(groups.column, found.problem.target),
        detail={
            "target": found.problem.target,
            "worst": groups.labels[at],
            "lost": {"value": lost[at], "interval": middle((real - ours)[1:])},
            "groups": [
                {"group": label, "rows": int(np.count_nonzero(groups.member == place)),
                 "trtr": float(row["trtr"][0]), "tstr": float(row["tstr"][0])}
                for place, (label, row) in enumerate(zip(groups.labels, table, strict=True))
            ],
            "groups_left_out": len(groups.left_out),
            "fewest_rows": FEWEST,
        },
    )  # fmt: skip
    chart = intervals(
        title=f"{title} by group of {groups.column}: {found.problem.target}",
        group="subgroups",
        rows=[
            (label, {
                "real": (float(row["trtr"][0]), *middle(row["trtr"][1:])),
                "synthetic": (float(row["tstr"][0]), *middle(row["tstr"][1:])),
            })
            for label, row in zip(groups.labels, table, strict=True)
        ],
        about=f"Models trained on real and on synthetic rows, judged by each group's real rows; "
        f"groups with fewer than {FEWEST} are left out ({len(groups.left_out)}).",
    )  # fmt: skip
    return figure, chart


def _score(
    found: Lessons, source: Source, inside: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Headline score of some judging rows, plain and under each weight, mean over the models."""
    truth = found.judge.target[inside]
    own = np.vstack([np.ones((1, truth.size)), weights[:, inside]])
    own[own.sum(axis=1) == 0] = 1.0
    every = []
    for run in found.runs[source]:
        for marked in run.values():
            told = marked.told[inside].astype(np.float64)
            if found.problem.classes:
                every.append(class_scores(truth, told, found.problem.positive, own)["auc"])
            else:
                every.append(number_scores(truth, told, own)["r2"])
    return np.asarray(np.mean(every, axis=0))


def _skip(key: str, name: str, reason: str) -> Skipped:
    """Why a figure is missing."""
    return Skipped(key=key, title=f"Fairness: {name}", group="subgroups", reason=reason)


FAIRNESS = Metric(
    key="fairness",
    title="Fairness",
    group="subgroups",
    measure=measure_fairness,
    weight=0.3,
    per_target=True,
)
