"""The referee of membership attacks: exact statistics, and no score that has seen its label."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from understudy.attack import membership
from understudy.attack.learners import boosted, matrix_of
from understudy.attack.membership import (
    Trial,
    auc_of,
    clopper_pearson,
    judged,
    membership_attack,
    play,
    roc_of,
    smallest_auc,
    threshold_at,
)
from understudy.attack.nobox import NO_BOX
from understudy.attack.nobox.closest import CLOSEST
from understudy.attack.protocol import Attack, Knowledge, Records, Setting, Threat
from understudy.testing.attacks import check_attack, game

THREAT = Threat(knows_data="the record", knows_generator="the release", goal="membership")


def made(score: Any = None, learn: Any = None) -> Attack:
    return membership_attack(
        key="made", title="Made up", threat=THREAT, reference="none", score=score, learn=learn
    )


@pytest.mark.parametrize("levels", [4, 10_000])
def test_auc_and_its_test_agree_with_scipy(levels: int) -> None:
    from scipy.stats import mannwhitneyu

    rng = np.random.default_rng(levels)
    members = rng.integers(0, levels, 300) + 0.1 * levels
    controls = rng.integers(0, levels, 200).astype(float)
    value, (low, high), p_value = auc_of(members, controls)
    known = mannwhitneyu(members, controls, alternative="greater", use_continuity=False)
    assert value == pytest.approx(known.statistic / (300 * 200))
    assert p_value == pytest.approx(known.pvalue, rel=0.02)
    assert low < value < high


def test_intervals_of_shares_are_clopper_pearson() -> None:
    from scipy.stats import binomtest

    for hits, trials in ((0, 10), (3, 50), (50, 50)):
        known = binomtest(hits, trials).proportion_ci(0.95, method="exact")
        assert clopper_pearson(hits, trials) == pytest.approx((known.low, known.high))


def test_the_smallest_auc_is_found_four_times_in_five() -> None:
    """400 draws of 300 against 300: 80 % within five standard errors (alpha below 1e-6)."""
    from scipy.special import ndtri

    rng = np.random.default_rng(1)
    shift = np.sqrt(2) * float(ndtri(smallest_auc(300, 300, 0.01)))
    found = [
        auc_of(rng.normal(size=300) + shift, rng.normal(size=300))[2] <= 0.01 for _ in range(400)
    ]
    assert abs(np.mean(found) - 0.8) < 5 * np.sqrt(0.8 * 0.2 / 400)


def test_a_threshold_lets_no_more_controls_through_than_asked() -> None:
    controls = np.repeat(np.arange(50.0), 10)
    threshold = threshold_at(controls, 0.01)
    assert threshold is not None
    assert (controls > threshold).mean() <= 0.01
    assert threshold_at(controls[:99], 0.01) is None


def thresholds_come_from_calibration(judge: Any) -> bool:
    """Evaluated controls all score above calibration ones: all are false alarms, and it shows."""
    setting = game(np.random.default_rng(0))
    trial = Trial(
        members=np.full(200, 5.0),
        controls=np.full(200, 5.0),
        calibration_members=np.zeros(100),
        calibration_controls=np.arange(100.0) / 100,
    )
    bare = dataclasses.replace(setting, groups=())
    result = judge(trial, bare, key="k", title="t", threat=THREAT, seconds=0.0)
    return bool(result.detail["tpr_1"]["fpr"] == 1.0)


def test_thresholds_are_chosen_on_other_rows_than_evaluated() -> None:
    def same_split(trial: Trial, *arguments: Any, **named: Any) -> Any:
        wrong = dataclasses.replace(trial, calibration_controls=trial.controls)
        return judged(wrong, *arguments, **named)

    assert thresholds_come_from_calibration(judged)
    assert not thresholds_come_from_calibration(same_split)


def test_the_order_of_candidates_tells_nothing() -> None:
    first = made(lambda _knows, candidates, _rng: -np.arange(candidates.rows, dtype=float))
    setting = game(np.random.default_rng(5))
    assert first.run(setting, np.random.default_rng(5)).p_value > 1e-7


def test_a_taught_row_is_neither_judged_nor_a_threshold() -> None:
    """An attacker who remembers the labels of what she was taught gains nothing by it."""

    def parrot(
        _knows: Knowledge, candidates: Records, taught: Any, labels: Any, _rng: Any
    ) -> np.ndarray:
        scores = np.zeros(candidates.rows)
        scores[taught] = np.where(labels, 1.0, -1.0)
        return scores

    result = made(learn=parrot).run(game(np.random.default_rng(2)), np.random.default_rng(2))
    assert result.value == 0.5
    assert result.p_value == 1.0


def test_labels_are_not_within_an_attackers_reach() -> None:
    fields = {field.name for field in dataclasses.fields(Knowledge)}
    assert not {name for name in fields if "member" in name or "control" in name or name == "train"}
    seen: list[Any] = []

    def look(knows: Knowledge, candidates: Records, _rng: Any) -> np.ndarray:
        seen.extend(vars(type(knows)) if not dataclasses.is_dataclass(knows) else [])
        assert set(knows.background) <= {"order of candidates", "candidates"}
        return np.zeros(candidates.rows)

    made(look).run(game(np.random.default_rng(3)), np.random.default_rng(3))


def test_scores_that_are_no_numbers_are_refused() -> None:
    broken = made(lambda _k, candidates, _r: np.full(candidates.rows, np.nan))
    with pytest.raises(ValueError, match="no number"):
        broken.run(game(np.random.default_rng(4)), np.random.default_rng(4))
    with pytest.raises(ValueError, match="either"):
        made()


def test_a_curve_starts_at_single_controls_and_ends_at_one() -> None:
    rng = np.random.default_rng(0)
    curve = np.array(roc_of(rng.normal(size=500) + 1, rng.normal(size=400)))
    assert (np.diff(curve, axis=0) >= 0).all()
    assert curve[0, 0] == 0.0
    assert curve[1, 0] == pytest.approx(1 / 400)
    assert curve[-1].tolist() == [1.0, 1.0]


def test_groups_are_told_apart() -> None:
    setting = game(np.random.default_rng(6), leak="noise", rows=600)
    result = CLOSEST.run(setting, np.random.default_rng(6))
    outliers = next(group for group in result.groups if group.name == "outliers")
    assert outliers.members + outliers.controls == pytest.approx(0.1 * 800, abs=25)
    assert outliers.value is not None
    assert outliers.value > 0.6


def test_an_attack_that_ignores_the_holdout_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutation: controls are not scored; the check refuses what follows."""
    honest = membership.play

    def without_controls(*arguments: Any, **named: Any) -> Trial:
        trial = honest(*arguments, **named)
        worst = trial.members.min() - 1.0
        return dataclasses.replace(trial, controls=np.full_like(trial.controls, worst))

    check_attack(CLOSEST, trials=9)
    monkeypatch.setattr(membership, "play", without_controls)
    with pytest.raises(AssertionError, match="cannot leak"):
        check_attack(CLOSEST, trials=9)


def test_an_attacker_judged_on_what_she_was_taught_is_caught() -> None:
    """The mutation: thresholds and learning on the evaluated rows."""

    def cheat(setting: Setting, rng: np.random.Generator) -> Any:
        members, controls = setting.members, setting.controls
        matrix = matrix_of(members.joined(controls))
        labels = np.arange(len(matrix)) < members.rows
        scores = boosted(matrix, labels, matrix, seed=0)
        trial = Trial(
            members=scores[labels], controls=scores[~labels],
            calibration_members=scores[labels], calibration_controls=scores[~labels],
        )  # fmt: skip
        bare = dataclasses.replace(setting, groups=())
        return judged(trial, bare, key="cheat", title="t", threat=THREAT, seconds=0.0)

    attack = dataclasses.replace(CLOSEST, key="cheat", run=cheat)
    with pytest.raises(AssertionError, match="cannot leak"):
        check_attack(attack, trials=6)


def test_a_deaf_attack_is_caught() -> None:
    deaf = made(lambda _k, candidates, rng: rng.random(candidates.rows))
    with pytest.raises(AssertionError, match="noticed"):
        check_attack(deaf, trials=9)


def test_attacks_do_not_change_what_they_are_given() -> None:
    setting = game(np.random.default_rng(7))
    before = [array.copy() for array in setting.members.joined(setting.controls).arrays]
    for attack in NO_BOX:
        attack.run(setting, np.random.default_rng(7))
    after = setting.members.joined(setting.controls).arrays
    assert all(
        np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        for a, b in zip(before, after, strict=True)
    )


def test_play_is_reproducible() -> None:
    setting = game(np.random.default_rng(8))
    again = game(np.random.default_rng(8))
    for one in NO_BOX:
        a = one.run(setting, np.random.default_rng(1))
        b = one.run(again, np.random.default_rng(1))
        assert a.value == b.value
    assert play(setting, np.random.default_rng(1), score=lambda _k, c, _r: np.zeros(c.rows))
