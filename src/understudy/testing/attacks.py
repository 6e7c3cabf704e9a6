"""Conformance of an attack: quiet where nothing can leak, awake where rows are copied.

Small invented populations are split at random; the release is drawn afresh from the population
(null), or made by a generator that leaks on purpose. What may not happen here: a real table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from understudy.attack.game import Game, make_game
from understudy.attack.leaks import neighbour_sampler, noisy_copies
from understudy.attack.protocol import Records, Setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from understudy.attack.protocol import Attack

Leak = Literal["noise", "neighbour"]
ROWS = 300
"""Rows of train, holdout, reference and release in the games of this suite."""

KNOWN, SECRETS = ("age", "town", "hours", "trade"), ("ill",)


def population(rows: int, rng: np.random.Generator) -> pa.Table:
    """Invented people: three numbers, five labels, all of them dependent.

    Parameters
    ----------
    rows
        How many.
    rng
        Draws them.
    """
    hidden = rng.normal(size=rows)
    age = np.clip(45 + 15 * hidden + rng.normal(0, 8, rows), 18, 95).round()
    hours = np.clip(38 + 4 * rng.normal(size=rows) - 3 * hidden, 0, 80).round(1)
    income = np.exp(9.5 + 0.4 * hidden + 0.5 * rng.normal(size=rows)).round(0)
    town = rng.choice(["north", "south", "east", "west", "hill", "port"], rows)
    trade = np.where(
        hidden + rng.normal(size=rows) > 0.5, "clerk", rng.choice(["smith", "cook"], rows)
    )
    own = np.where(hidden + rng.normal(size=rows) > 0, "yes", "no")
    ill = np.where(hidden + 1.5 * rng.normal(size=rows) > 1.2, "yes", "no")
    kin = rng.integers(0, 5, rows).astype(str)
    return pa.table(
        {"age": age, "hours": hours, "income": income, "town": town, "trade": trade, "own": own,
         "ill": ill, "kin": kin}
    )  # fmt: skip


def game(
    rng: np.random.Generator, *, rows: int = ROWS, leak: Leak | None = None, size: int | None = None
) -> Setting:
    """A small game with a release that cannot leak, or one that does.

    Parameters
    ----------
    rng
        Draws population, split and release.
    rows
        Of train, holdout and reference each.
    leak
        None for a release drawn afresh from the population; `noise` for training rows with small
        noise, `neighbour` for rows between a training row and its nearest other one.
    size
        Rows of the release; as many as of the training table by default.
    """
    made = rows if size is None else size
    people = population(3 * rows + made, rng)
    parts = [people.slice(start, rows) for start in (0, rows, 2 * rows)]
    played: Game = make_game(
        parts[0], parts[1], people.slice(3 * rows), rng=rng, reference=parts[2],
        known=KNOWN, secrets=SECRETS,
    )  # fmt: skip
    if leak is None:
        return played.setting
    release: Records
    if leak == "noise":
        release = noisy_copies(played.train, made, rng)
    else:
        release = neighbour_sampler(played.setting.knowledge, played.train, made, rng)
    return played.setting.facing(release)


def p_values(
    attack: Attack, *, trials: int, seed: int = 0, rows: int = ROWS, leak: Leak | None = None
) -> list[float]:
    """p-values of an attack over independent small games.

    Parameters
    ----------
    attack
        What is tried.
    trials
        How many games.
    seed, rows, leak
        As in `game`.
    """
    found = []
    for turn in range(trials):
        rng = np.random.default_rng([seed, turn])
        setting = game(rng, rows=rows, leak=leak)
        lacking = attack.missing(setting)
        if lacking is not None:
            raise AssertionError(f"{attack.key} cannot be checked on invented people: it {lacking}")
        found.append(attack.run(setting, rng).p_value)
    return found


def check_attack(
    attack: Attack,
    *,
    trials: int = 60,
    alpha: float = 0.05,
    power: float = 0.9,
    leaks: Sequence[Leak] = ("noise", "neighbour"),
    rows: int = ROWS,
    seed: int = 0,
) -> None:
    """Raise unless an attack keeps its level on null data and finds leaks on purpose.

    Parameters
    ----------
    attack
        What is checked.
    trials
        Small games on null data; a third as many on each leak.
    alpha
        Level. More alarms than its binomial law gives once in ten million fail the check.
    power
        Smallest share of leaky games that must raise the alarm.
    leaks
        On which leaks; none for an attack that looks for something else.
    rows
        Of the tables of a game.
    seed
        Of the games.

    Raises
    ------
    AssertionError
        With counts.
    """
    from scipy.stats import binom

    alarms = sum(p <= alpha for p in p_values(attack, trials=trials, seed=seed, rows=rows))
    most = int(binom.isf(1e-7, trials, alpha))
    if alarms > most:
        raise AssertionError(
            f"{attack.key} raised {alarms} alarms in {trials} games that cannot leak; at level "
            f"{alpha} no more than {most} are chance"
        )
    for leak in leaks:
        games = max(1, trials // 3)
        found = p_values(attack, trials=games, seed=seed + 1, rows=rows, leak=leak)
        caught = sum(p <= alpha for p in found)
        if caught < power * games:
            raise AssertionError(
                f"{attack.key} noticed {caught} of {games} releases that leak ({leak}, {rows} rows)"
            )
