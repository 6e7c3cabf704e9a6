"""Every attack keeps its level on null data and notices generators that copy."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.attack import ATTACKS, BLIND
from understudy.testing.attacks import check_attack, game

APPLICABLE = [one for one in ATTACKS if not one.needs & {"model", "generator"}]
RELEASES = 200


@pytest.mark.parametrize("attack", APPLICABLE, ids=lambda one: one.key)
def test_an_attack_is_quiet_on_null_data_and_awake_on_copies(attack: object) -> None:
    """Six null games, two of each leak, 300 rows: power 1 in all runs so far."""
    check_attack(attack, trials=6)  # type: ignore[arg-type]


@pytest.mark.statistical
def test_false_positives_keep_their_level_over_two_hundred_releases() -> None:
    """200 null games of 300 rows, alpha 0.05: at most 29 alarms each (2.4e-7 beyond for 27)."""
    from scipy.stats import binom

    alarms = dict.fromkeys((one.key for one in (*APPLICABLE, BLIND)), 0)
    for turn in range(RELEASES):
        rng = np.random.default_rng([77, turn])
        setting = game(rng)
        for attack in (*APPLICABLE, BLIND):
            alarms[attack.key] += attack.run(setting, rng).p_value <= 0.05
    most = int(binom.isf(1e-7, RELEASES, 0.05))
    assert {key: count for key, count in alarms.items() if count > most} == {}


@pytest.mark.statistical
@pytest.mark.parametrize("leak", ["noise", "neighbour"])
def test_leaky_generators_are_noticed_nine_times_in_ten(leak: str) -> None:
    """30 games of 300 rows of each generator; observed power at least 0.9 for every attack."""
    caught = dict.fromkeys((one.key for one in APPLICABLE), 0)
    for turn in range(30):
        rng = np.random.default_rng([78, turn])
        setting = game(rng, leak=leak)  # type: ignore[arg-type]
        for attack in APPLICABLE:
            caught[attack.key] += attack.run(setting, rng).p_value <= 0.05
    assert {key: count for key, count in caught.items() if count < 27} == {}
