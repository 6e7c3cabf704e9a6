"""Scoring a membership attack: the attacker scores candidates, the harness knows the labels.

Thresholds are chosen on calibration rows and counted on evaluated rows, which share none; an AUC
is computed on evaluated rows alone. What may not happen here: a score that has seen a label it is
judged by.

References: Mann and Whitney 1947 (the test of an AUC); Carlini et al. 2022 (success at low false
positive rates); Clopper and Pearson 1934.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.attack.protocol import (
    ALPHA,
    Attack,
    AttackResult,
    GroupResult,
    Knowledge,
    Mask,
    Need,
    Records,
    Setting,
    Threat,
)
from understudy.evaluate.intervals import clopper_pearson

Scores = NDArray[np.float64]
Places = NDArray[np.intp]
Score = Callable[[Knowledge, Records, np.random.Generator], Scores]
"""Scores of candidates, higher for those taken for members. No label is given."""
Learned = Callable[[Knowledge, Records, Places, Mask, np.random.Generator], Scores]
"""As `Score`, with the places of calibration rows among the candidates, and their labels."""

RATES = {"tpr_1": 0.01, "tpr_01": 0.001}
"""False positive rates at which successes are counted, by their name in `detail`."""

SMALLEST_GROUP = 30
"""Evaluated members, and controls, below which nothing is said of a group."""

TESTS = 1 + len(RATES)
"""Statistics of one attack; its p-value is corrected for looking at all of them."""

_POWER_Z = 0.841621
_POINTS = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """Scores of one game, by what the rows were and what they are used for."""

    members: Scores
    controls: Scores
    calibration_members: Scores
    calibration_controls: Scores


def membership_attack(
    *,
    key: str,
    title: str,
    threat: Threat,
    reference: str,
    score: Score | None = None,
    learn: Learned | None = None,
    needs: frozenset[Need] = frozenset(),
    weight: float = 1.0,
) -> Attack:
    """Make an attack from a function that scores candidates, or one that learns to.

    Parameters
    ----------
    key, title, threat, reference, needs, weight
        As in `Attack`.
    score
        Sees knowledge and candidates.
    learn
        Sees also calibration rows with their labels; give one of the two.
    """
    if (score is None) == (learn is None):
        raise ValueError("give either score or learn")

    def run(setting: Setting, rng: np.random.Generator) -> AttackResult:
        began = time.process_time()
        trial = play(setting, rng, score=score, learn=learn)
        return judged(
            trial, setting, key=key, title=title, threat=threat,
            seconds=time.process_time() - began,
        )  # fmt: skip

    return Attack(
        key=key,
        title=title,
        threat=threat,
        needs=needs,
        statistic="AUC",
        reference=reference,
        run=run,
        weight=weight,
    )


def play(
    setting: Setting,
    rng: np.random.Generator,
    *,
    score: Score | None = None,
    learn: Learned | None = None,
) -> Trial:
    """Let the attacker score all candidates, shuffled together so that order tells nothing.

    An attacker who learns is taught by half of the calibration rows; the others choose thresholds.

    Raises
    ------
    ValueError
        The attacker gave back no finite score for each candidate.
    """
    knows, ours, theirs = setting.knowledge, setting.members, setting.controls
    is_member = np.arange(ours.rows + theirs.rows) < ours.rows
    evaluated = np.concatenate([setting.members_evaluated, setting.controls_evaluated])
    order = knows.once(
        "order of candidates", lambda: rng.permutation(len(is_member)), of_release=False
    )
    candidates = knows.once("candidates", lambda: ours.joined(theirs).at(order), of_release=False)
    scores = np.empty(len(is_member))
    judges = ~evaluated
    if score is not None:
        scores[order] = score(knows, candidates, rng)
    elif learn is not None:
        free = np.flatnonzero(judges[order])
        taught = np.sort(free[rng.permutation(len(free))[: len(free) // 2]])
        scores[order] = learn(knows, candidates, taught, is_member[order[taught]], rng)
        judges[order[taught]] = False
    if not np.isfinite(scores).all():
        raise ValueError("an attack gave a score that is no number")
    return Trial(
        members=scores[is_member & evaluated],
        controls=scores[~is_member & evaluated],
        calibration_members=scores[is_member & judges],
        calibration_controls=scores[~is_member & judges],
    )


def judged(
    trial: Trial, setting: Setting, *, key: str, title: str, threat: Threat, seconds: float
) -> AttackResult:
    """Turn scores into a result: AUC, successes at low false positive rates, groups, curve."""
    value, interval, p_value = auc_of(trial.members, trial.controls)
    detail: dict[str, Any] = {
        "members": len(trial.members),
        "controls": len(trial.controls),
        "auc_p": p_value,
        "roc": roc_of(trial.members, trial.controls),
    }
    p_values = [p_value]
    for name, rate in RATES.items():
        threshold = threshold_at(trial.calibration_controls, rate)
        if threshold is None:
            detail[name] = None
            continue
        caught = counted(trial.members, trial.controls, threshold)
        detail[name] = {"asked": rate, **caught}
        p_values.append(caught["p_value"])
    return AttackResult(
        key=key,
        title=title,
        threat=threat,
        statistic="AUC",
        value=value,
        interval=interval,
        baseline=None,
        control=0.5,
        p_value=min(1.0, TESTS * min(p_values)),
        limit=smallest_auc(len(trial.members), len(trial.controls), ALPHA / TESTS),
        groups=tuple(_groups(trial, setting)),
        detail=detail,
        seconds=seconds,
    )


def auc_of(members: Scores, controls: Scores) -> tuple[float, tuple[float, float], float]:
    """AUC, its 95 % interval and the one-sided p-value of the hypothesis that it is 0.5.

    The interval is of Hanley and McNeil (1982), the test of Mann and Whitney with ties.

    >>> auc_of(np.arange(10.0) + 5, np.arange(10.0))[0]
    0.875
    """
    n, m = len(members), len(controls)
    pooled = np.concatenate([members, controls])
    values, inverse, counts = np.unique(pooled, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2.0
    rank_sum = float(middle[inverse[:n]].sum())
    auc = (rank_sum - n * (n + 1) / 2.0) / (n * m)
    ties = float(np.sum(counts.astype(float) ** 3 - counts)) / ((n + m) * (n + m - 1.0))
    variance = (n + m + 1.0 - ties) / (12.0 * n * m)
    z = 0.0 if len(values) == 1 else (auc - 0.5) / np.sqrt(variance)
    one, two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (n - 1) * (one - auc**2) + (m - 1) * (two - auc**2)
    half = 1.959964 * float(np.sqrt(max(spread, 0.0) / (n * m)))
    return auc, (max(0.0, auc - half), min(1.0, auc + half)), _upper_tail(float(z))


def smallest_auc(members: int, controls: int, alpha: float) -> float:
    """The smallest AUC that a test at `alpha` finds with probability 0.8.

    >>> round(smallest_auc(5000, 5000, 0.01), 3)
    0.518
    """
    from scipy.special import ndtri

    spread = np.sqrt((members + controls + 1.0) / (12.0 * members * controls))
    return min(1.0, 0.5 + float((-ndtri(alpha) + _POWER_Z) * spread))


def threshold_at(controls: Scores, rate: float) -> float | None:
    """The score that at most this share of calibration controls exceeds; None for too few.

    >>> threshold_at(np.arange(100.0), 0.01), threshold_at(np.arange(99.0), 0.01)
    (98.0, None)
    """
    allowed = int(np.floor(rate * len(controls) + 1e-9))
    if allowed < 1:
        return None
    return float(np.sort(controls)[len(controls) - 1 - allowed])


def counted(members: Scores, controls: Scores, threshold: float) -> dict[str, Any]:
    """Members and controls above a threshold that was chosen on other rows.

    Returns
    -------
    dict
        `hits` of `trials` members with their interval, `false_alarms` of `controls` with theirs
        (Clopper-Pearson, 95 %), and `p_value` of Fisher's one-sided test.
    """
    from scipy.stats import fisher_exact

    hits, alarms = int((members > threshold).sum()), int((controls > threshold).sum())
    table = [[hits, len(members) - hits], [alarms, len(controls) - alarms]]
    return {
        "hits": hits,
        "trials": len(members),
        "tpr": hits / len(members),
        "interval": clopper_pearson(hits, len(members)),
        "false_alarms": alarms,
        "controls": len(controls),
        "fpr": alarms / len(controls),
        "fpr_interval": clopper_pearson(alarms, len(controls)),
        "p_value": float(fisher_exact(table, alternative="greater")[1]),
    }


def roc_of(members: Scores, controls: Scores) -> list[list[float]]:
    """False positive and true positive rates, on at most some hundred points.

    Points stand for single controls at the low end, where a curve on log axes needs them.
    """
    steps = np.unique(np.geomspace(1, len(controls) + 1, _POINTS).astype(int)) - 1
    thresholds = np.append(np.sort(controls)[::-1], -np.inf)
    ordered = np.sort(members)
    curve = []
    for step in steps:
        threshold = thresholds[step]
        alarms = float((controls > threshold).mean()) if step < len(controls) else 1.0
        found = 1.0 - np.searchsorted(ordered, threshold, side="right") / len(ordered)
        curve.append([alarms, float(found)])
    return curve


def _groups(trial: Trial, setting: Setting) -> list[GroupResult]:
    """The AUC among the members and controls of each group."""
    told = []
    for group in setting.groups:
        ours = trial.members[group.members[setting.members_evaluated]]
        theirs = trial.controls[group.controls[setting.controls_evaluated]]
        about: dict[str, Any] = {
            "name": group.name, "definition": group.definition,
            "members": len(ours), "controls": len(theirs),
        }  # fmt: skip
        if min(len(ours), len(theirs)) >= SMALLEST_GROUP:
            value, interval, p_value = auc_of(ours, theirs)
            about |= {"value": value, "interval": interval, "p_value": p_value}
        told.append(GroupResult(**about))
    return told


def _upper_tail(z: float) -> float:
    """Probability that a standard normal exceeds z."""
    from scipy.special import ndtr

    return float(ndtr(-z))
