"""Membership inference on every fit of a study: light, the same everywhere, against a baseline.

A few attacks score members and controls. A third of the candidates chooses the attack and the
threshold, the others say how often it is right: no figure is the best of several. The baseline
learns from labels and never sees a synthetic row, so it is of the split. What may not happen
here: a threshold or an attack chosen on the rows that judge it, or a verdict.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.attack.game import make_game
from understudy.attack.membership import Trial, auc_of, play
from understudy.attack.nobox.blind import blind_score
from understudy.attack.nobox.closest import calibrated_score, distance_score
from understudy.attack.nobox.domias import domias_score
from understudy.attack.protocol import Setting
from understudy.evaluate import declared_kinds
from understudy.evaluate.task.models import single_threaded
from understudy.workflow.study.measuring import Figure, figure
from understudy.workflow.study.tables import Split

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

ATTACKS = {
    "closest": distance_score,
    "calibrated": calibrated_score,
    "density": domias_score,
}
"""Scores by name: distance to the release, that less the distance to a reference, DOMIAS."""

_Z = 1.959964


def attack_synthetic(split: Split, made: pa.Table, *, candidates: int) -> list[Figure]:
    """Success, advantage and AUC of the attack that calibration rows choose, and AUCs of all.

    Parameters
    ----------
    split
        Members are training rows, controls held-out ones.
    made
        The synthetic rows.
    candidates
        Most members, and most controls.
    """
    setting = _setting(split, made, candidates)
    with single_threaded():
        trials = {
            name: play(setting, _generator(name), score=score) for name, score in ATTACKS.items()
        }
    found = [
        figure("mia_auc", value, setting="attack", model=name, ends=ends)
        for name, (value, ends, _) in (
            (name, auc_of(trial.members, trial.controls)) for name, trial in trials.items()
        )
    ]
    return [*found, *_judged(trials[chosen_of(trials)], "chosen")]


def chosen_of(trials: Mapping[str, Trial]) -> str:
    """The attack with the largest AUC on calibration rows, which judge nothing."""

    def calibrated(name: str) -> float:
        trial = trials[name]
        return auc_of(trial.calibration_members, trial.calibration_controls)[0]

    return max(trials, key=calibrated)


def attack_blind(split: Split, *, candidates: int) -> list[Figure]:
    """The same of an attacker who never sees a synthetic row."""
    setting = _setting(split, split.parts[1], candidates)
    with single_threaded():
        trial = play(setting, _generator("blind"), learn=blind_score)
    return _judged(trial, "blind")


def _setting(split: Split, made: pa.Table, candidates: int) -> Setting:
    """Members and controls of a split, the same whatever the synthetic rows are."""
    train, holdout = split.parts
    names = [name for name in train.column_names if name in made.column_names]
    rng = _generator("candidates")
    kinds, nulls = declared_kinds(split.schema)
    members = _some(train, candidates, rng)
    controls = _some(holdout, candidates + candidates // 2, rng)
    game = make_game(
        members.select(names), controls.select(names), made.select(names),
        rng=rng, level="quick", kinds=kinds, nulls=nulls,
    )  # fmt: skip
    return game.setting


def _some(table: pa.Table, most: int, rng: np.random.Generator) -> pa.Table:
    """A random part of the rows when there are too many."""
    if table.num_rows <= most:
        return table
    return table.take(np.sort(rng.permutation(table.num_rows)[:most]))


def _judged(trial: Trial, model: str) -> list[Figure]:
    """AUC, success and advantage on rows that chose nothing."""
    threshold = threshold_of(trial.calibration_members, trial.calibration_controls)
    hits = float((trial.members > threshold).mean())
    alarms = float((trial.controls > threshold).mean())
    spread = hits * (1 - hits) / len(trial.members) + alarms * (1 - alarms) / len(trial.controls)
    half = _Z * float(np.sqrt(spread))
    gain = hits - alarms
    value, ends, _ = auc_of(trial.members, trial.controls)
    about: dict[str, Any] = {"setting": "attack", "model": model}
    return [
        figure("mia_auc", value, ends=ends, **about),
        figure("mia_advantage", gain, ends=(gain - half, gain + half), **about),
        figure(
            "mia_success", (1 + gain) / 2,
            ends=((1 + gain - half) / 2, (1 + gain + half) / 2), **about,
        ),
    ]  # fmt: skip


def threshold_of(members: NDArray[np.float64], controls: NDArray[np.float64]) -> float:
    """The score above which most is gained: hits less false alarms.

    >>> threshold_of(np.array([3.0, 4.0]), np.array([1.0, 2.0]))
    2.0
    """
    both = np.unique(np.concatenate([members, controls]))
    ours = 1 - np.searchsorted(np.sort(members), both, side="right") / len(members)
    theirs = 1 - np.searchsorted(np.sort(controls), both, side="right") / len(controls)
    return float(both[int(np.argmax(ours - theirs))])


def _generator(what: str) -> np.random.Generator:
    """Draws candidates, the same for every cell of a split."""
    return np.random.default_rng([9_973, zlib.crc32(what.encode())])
