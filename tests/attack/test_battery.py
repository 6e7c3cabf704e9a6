"""The battery: controls decide who may speak, and Holm how loudly."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from understudy.attack import BLIND
from understudy.attack.battery import Battery, _word, holm, run_battery, told
from understudy.attack.game import EFFORTS, Game, make_game
from understudy.attack.leaks import harmless, leaky
from understudy.attack.nobox.closest import CALIBRATED, CLOSEST
from understudy.attack.nobox.monte_carlo import MONTE_CARLO
from understudy.attack.protocol import AttackResult, Setting
from understudy.errors import UnderstudyError
from understudy.testing.attacks import population

FEW = (CLOSEST, CALIBRATED, MONTE_CARLO)


def small_game(*, leak: float = 0.0, shifted: bool = False) -> Game:
    """1,000 rows in each part; a share of the release copied."""
    rng = np.random.default_rng(11)
    people = population(4_000, rng)
    train, holdout, reference = (people.slice(1_000 * turn, 1_000) for turn in range(3))
    release = people.slice(3_000)
    if leak:
        copied = round(1_000 * leak)
        release = pa.concat_tables([train.slice(0, copied), release.slice(copied)])
    if shifted:
        older = pa.array(np.asarray(holdout.column("age")) + 8.0)
        holdout = holdout.set_column(0, "age", older)
    return make_game(train, holdout, release, rng=rng, reference=reference)


@pytest.fixture(scope="module")
def null() -> Battery:
    return run_battery(small_game(), FEW, blind=BLIND, seed=1)


@pytest.fixture(scope="module")
def copied() -> Battery:
    return run_battery(small_game(leak=0.5), FEW, blind=BLIND, seed=1)


def test_holm_is_the_step_down_procedure() -> None:
    assert holm([]) == []
    assert holm([0.5, 0.001, 0.02]) == pytest.approx([0.5, 0.003, 0.04])
    assert holm([0.9, 0.9]) == [1.0, 1.0]


def test_a_fresh_release_is_not_detected_with_a_limit(null: Battery) -> None:
    assert null.word == "not detected"
    assert null.limit in EFFORTS["quick"].shares
    assert null.text == told("not detected", null.limit)
    assert "limit of detection" in null.text
    assert all(one.negative_adjusted >= null.alpha for one in null.outcomes)


def test_copied_rows_are_a_leak(copied: Battery) -> None:
    assert copied.word == "leak detected"
    assert copied.text == "leak detected"
    best = min(copied.outcomes, key=lambda one: one.adjusted)
    assert best.result.value > 0.6
    assert best.limit is None


def test_every_outcome_has_its_controls_and_its_baseline(null: Battery) -> None:
    for one in null.outcomes:
        assert one.positives
        assert one.positives == tuple(sorted(one.positives, key=lambda c: -c.share))
        assert one.result.baseline == null.blind.value
        assert one.adjusted >= one.result.p_value


def swapped(run: Any, key: str = "swapped") -> Any:
    return dataclasses.replace(CLOSEST, key=key, run=run)


def with_p(p_value: float) -> Any:
    def run(setting: Setting, rng: np.random.Generator) -> AttackResult:
        return dataclasses.replace(CLOSEST.run(setting, rng), p_value=p_value)

    return run


def test_no_positive_control_no_verdict() -> None:
    found = run_battery(small_game(leak=0.5), [swapped(with_p(1.0))], blind=BLIND)
    assert found.word == "not assessed"
    assert "missed" in found.outcomes[0].reason


def test_an_attack_that_cries_at_a_harmless_release_is_not_believed() -> None:
    found = run_battery(small_game(), [swapped(with_p(0.0))], blind=BLIND)
    assert found.word == "not assessed"
    assert "cannot leak" in found.outcomes[0].reason


def test_a_split_that_is_not_random_gives_no_verdict() -> None:
    found = run_battery(small_game(shifted=True), [CLOSEST], blind=BLIND)
    assert found.word == "not assessed"
    assert "random split" in found.reason


def test_a_failure_is_reported_and_the_others_go_on() -> None:
    def broken(_setting: Setting, _rng: np.random.Generator) -> AttackResult:
        raise UnderstudyError("the attack needs more memory")

    found = run_battery(small_game(), [CLOSEST, swapped(broken)], blind=BLIND)
    assert [one.result.key for one in found.outcomes] == ["closest_record"]
    assert [one.key for one in found.not_run] == ["swapped"]
    assert "more memory" in found.not_run[0].reason


def test_what_an_attack_lacks_is_said() -> None:
    needy = dataclasses.replace(CLOSEST, key="needy", needs=frozenset({"secrets"}))
    found = run_battery(small_game(), [CLOSEST, needy], blind=BLIND)
    assert "secret column" in found.not_run[0].reason


def test_controls_are_what_they_say() -> None:
    game = small_game()
    knows = game.setting.knowledge
    rng = np.random.default_rng(0)
    mixed = leaky(knows.synthetic, game.train, 0.2, rng)
    assert mixed.rows == knows.synthetic.rows
    rows = set(zip(*(array.tolist() for array in game.train.arrays), strict=True))
    there = zip(*(array.tolist() for array in mixed.arrays), strict=True)
    assert sum(row in rows for row in there) == pytest.approx(100, abs=12)
    quiet = harmless(knows, rng)
    assert quiet.rows == knows.synthetic.rows
    real = zip(*(array.tolist() for array in quiet.arrays), strict=True)
    assert not sum(row in rows for row in real)


def test_what_is_close_to_an_alarm_claims_no_limit() -> None:
    """Leaks are added to the release itself: one that leaks already would flatter the limit."""
    uneasy = _word(0.2, 0.03, 1.0, 0.02, 0.01)
    assert uneasy[0] == "not assessed"
    assert "close to an alarm" in uneasy[1]
    assert _word(0.9, 0.3, 1.0, 0.02, 0.01)[0] == "not detected"
    assert _word(0.001, 0.0001, 1.0, 0.02, 0.01)[0] == "leak detected"
