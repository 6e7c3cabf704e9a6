"""Linkability: two parts of one person's values that lead to the same synthetic row.

Threat model: the attacker has two files about the same people, with different columns and no
common name, and links two entries when their nearest rows in the release are the same one. The
columns come in two halves: the declared known ones against the others, or random halves.
What may not happen here: a column in both halves.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from understudy.attack.gower import Scaled, nearest_several, scaled
from understudy.attack.protocol import (
    ALPHA,
    Attack,
    AttackResult,
    Knowledge,
    Setting,
    Threat,
)
from understudy.attack.secrets import group_result, targets_of
from understudy.attack.success import REFERENCE, Excess, Successes
from understudy.errors import InputError

NEIGHBOURS = 1
"""How many of the nearest rows of either part may coincide; 1 is the strictest."""

Halves = tuple[tuple[int, ...], tuple[int, ...]]


def halves_of(knowledge: Knowledge, rng: np.random.Generator) -> Halves:
    """The two parts of the columns: declared known ones and the others, or random halves.

    Raises
    ------
    InputError
        If one part would be empty.
    """
    everything = range(len(knowledge.columns))
    if knowledge.known:
        first = tuple(knowledge.known)
        second = tuple(at for at in everything if at not in knowledge.known)
    else:
        order = rng.permutation(len(knowledge.columns))
        cut = len(order) // 2
        first, second = tuple(sorted(order[:cut].tolist())), tuple(sorted(order[cut:].tolist()))
    if not first or not second:
        raise InputError(
            "linking needs columns on both sides",
            hint="leave some columns out of --known",
        )
    return first, second


def linked(
    targets: Scaled, release: Scaled, halves: Halves, neighbours: int = NEIGHBOURS
) -> NDArray[np.bool_]:
    """Whether both parts of each target have a nearest synthetic row in common.

    Parameters
    ----------
    targets, release
        Rows on one scale, those of the release in random order.
    halves
        Columns of the two parts.
    neighbours
        How many nearest rows of each part count.
    """
    ours, theirs = (nearest_several(targets, release, part, neighbours) for part in halves)
    return np.asarray((ours[:, :, None] == theirs[:, None, :]).any(axis=(1, 2)))


def link(
    setting: Setting, rng: np.random.Generator, *, halves: Halves | None = None
) -> AttackResult:
    """Play the game with random or declared halves of the columns."""
    began = time.process_time()
    knowledge, targets = setting.knowledge, targets_of(setting)
    parts = halves or halves_of(knowledge, rng)
    release = knowledge.synthetic.at(rng.permutation(knowledge.synthetic.rows))
    made, members, controls = scaled(release, targets.members, targets.controls)
    found = linked(members, made, parts), linked(controls, made, parts)
    guesses = rng.integers(made.size, size=(2, found[0].size))
    excess = Excess(
        attack=Successes.of(found[0]),
        control=Successes.of(found[1]),
        baseline=Successes.of(guesses[0] == guesses[1]),
    )
    names = knowledge.names
    return AttackResult(
        key=LINKABILITY.key,
        title=LINKABILITY.title,
        threat=LINKABILITY.threat,
        statistic=LINKABILITY.statistic,
        **excess.rates(),
        p_value=excess.p_value,
        limit=excess.limit(ALPHA),
        groups=tuple(
            group_result(name, definition, [(found[0][ours], found[1][theirs], excess.baseline)])
            for name, definition, ours, theirs in targets.groups
        ),
        detail={
            **excess.told(),
            "halves": [list(names(parts[0])), list(names(parts[1]))],
            "halves_are": "declared" if halves or knowledge.known else "random",
            "neighbours": NEIGHBOURS,
        },
        seconds=time.process_time() - began,
    )


LINKABILITY = Attack(
    key="linkability",
    title="Linking two parts of a record",
    threat=Threat(
        knows_data="two files about the same people, with different columns and no common name",
        knows_generator="nothing but its output",
        goal="linkability",
    ),
    needs=frozenset(),
    statistic="attack rate",
    reference=REFERENCE,
    run=link,
)
