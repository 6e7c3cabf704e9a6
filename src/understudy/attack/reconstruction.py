"""Reconstruction of rare records: whole rows of rare people, read off the release.

Threat model: the attacker knows a combination of values that only one person has, finds it in the
release and takes the rest of that row for the person's. Right only if every other value is:
labels equal, numbers within 1 % of their column's range in the release. Rare controls are looked
up as well: their rows can come out by luck alone. What may not happen here: rarity judged by
looking at who is a member.

References: Art. 29 Working Party, Opinion 05/2014; Giomi et al., PoPETs 2023(2).
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from understudy.attack.predicates import coded, fingerprints
from understudy.attack.protocol import (
    ALPHA,
    Attack,
    AttackResult,
    Knowledge,
    Records,
    Setting,
    Threat,
)
from understudy.attack.secrets import blind_source, group_result
from understudy.attack.success import Excess, Successes
from understudy.errors import InputError

CLOSE = 0.01
"""A rebuilt number is right when it is off by at most this part of its column's range."""

_SMALLEST = 20
_ENOUGH = 100


def keys_of(knowledge: Knowledge, members: Records, controls: Records) -> tuple[int, ...]:
    """Columns that say who is rare: the known ones; without any, labels, and numbers if needed.

    Numbers are added, those of fewest values in the release first, until a hundred members and
    controls each are the only one of their combination.
    """
    if knowledge.known:
        return knowledge.known
    places = range(len(knowledge.columns))
    made = knowledge.synthetic.arrays
    keys = [at for at in places if knowledge.columns[at].is_category]
    others = sorted(set(places) - set(keys), key=lambda at: np.unique(made[at]).size)
    while others:
        if keys:
            ours, theirs, _ = rare(members, controls, members.at(slice(1)), tuple(keys))
            if min(ours.sum(), theirs.sum()) >= _ENOUGH:
                break
        keys.append(others.pop(0))
    return tuple(sorted(keys))


def rare(
    members: Records, controls: Records, release: Records, keys: tuple[int, ...]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], tuple[NDArray[np.uint64], ...]]:
    """Members and controls whose combination nobody else has, and everyone's fingerprints.

    Returns
    -------
    tuple
        Masks of members and of controls, and fingerprints of the combinations of members,
        controls and rows of the release.
    """
    tables = coded(members.select(keys), controls.select(keys), release.select(keys))
    marks = tuple(fingerprints(table) for table in tables)
    pooled = np.concatenate(marks[:2])
    _, places, counts = np.unique(pooled, return_inverse=True, return_counts=True)
    single = counts[places] == 1
    return single[: members.rows], single[members.rows :], marks


def rebuilt(
    targets: Records,
    marks: NDArray[np.uint64],
    release: Records,
    release_marks: NDArray[np.uint64],
    *,
    close: float = CLOSE,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which targets' rows come out of the release, and for which it has their combination.

    Parameters
    ----------
    targets, marks
        Rows, and fingerprints of their combinations.
    release, release_marks
        The same of the release, in random order: the first row with a combination is taken.
    close
        How far a number may be off, in ranges of its column.
    """
    values, first = np.unique(release_marks, return_index=True)
    place = np.minimum(np.searchsorted(values, marks), max(0, values.size - 1))
    found = values[place] == marks
    row = first[place]
    same = found.copy()
    for truth, made in zip(targets.arrays, release.arrays, strict=True):
        guess = made[row]
        if made.dtype.kind == "f":
            known = made[~np.isnan(made)]
            span = float(known.max() - known.min()) if known.size else 0.0
            near = np.abs(guess - truth) <= close * span
            same &= near | (np.isnan(guess) & np.isnan(truth))
        else:
            same &= guess == truth
    return same, found


def reconstruct(setting: Setting, rng: np.random.Generator) -> AttackResult:
    """Rebuild the rows of rare members, and of rare controls.

    Raises
    ------
    InputError
        If too few people are rare in these columns.
    """
    began = time.process_time()
    knowledge = setting.knowledge
    members = setting.members.at(setting.members_evaluated)
    controls = setting.controls.at(setting.controls_evaluated)
    keys = keys_of(knowledge, members, controls)
    release = knowledge.synthetic.at(rng.permutation(knowledge.synthetic.rows))
    ours, theirs, marks = rare(members, controls, release, keys)
    counted = int(ours.sum()), int(theirs.sum())
    if min(counted) < _SMALLEST:
        raise InputError(
            f"only {counted[0]} members and {counted[1]} controls are rare in the known columns; "
            f"{_SMALLEST} of each are needed",
            hint="name more columns with --known",
        )
    sides = (
        (members, ours, marks[0], setting.members_evaluated),
        (controls, theirs, marks[1], setting.controls_evaluated),
    )
    won, seen, exact = [], [], []
    for records, mask, mark, _ in sides:
        few = records.at(mask)
        same, found = rebuilt(few, mark[mask], release, marks[2])
        won.append(same)
        seen.append(found)
        exact.append(rebuilt(few, mark[mask], release, marks[2], close=0.0)[0])
    anyone = members.at(ours)
    source = blind_source(knowledge)
    lottery = source.at(rng.integers(0, source.rows, anyone.rows))
    order = np.arange(anyone.rows, dtype=np.uint64)
    luck = rebuilt(anyone, order, lottery, order)[0]
    excess = Excess(
        attack=Successes.of(won[0]), control=Successes.of(won[1]), baseline=Successes.of(luck)
    )
    return AttackResult(
        key=RECONSTRUCTION.key,
        title=RECONSTRUCTION.title,
        threat=RECONSTRUCTION.threat,
        statistic=RECONSTRUCTION.statistic,
        **excess.rates(),
        p_value=excess.p_value,
        limit=excess.limit(ALPHA),
        groups=tuple(
            group_result(
                group.name,
                group.definition,
                [
                    (
                        won[0][group.members[sides[0][3]][ours]],
                        won[1][group.controls[sides[1][3]][theirs]],
                        excess.baseline,
                    )
                ],
            )
            for group in setting.groups
        ),
        detail={
            **excess.told(),
            "keys": list(knowledge.names(keys)),
            "rare_members": counted[0],
            "rare_controls": counted[1],
            "of": [members.rows, controls.rows],
            "combination_in_release": [int(one.sum()) for one in seen],
            "exactly_rebuilt": [int(one.sum()) for one in exact],
            "close": CLOSE,
        },
        seconds=time.process_time() - began,
    )


RECONSTRUCTION = Attack(
    key="reconstruction",
    title="Reconstruction of rare records",
    threat=Threat(
        knows_data="a combination of values that only one person has",
        knows_generator="nothing but its output",
        goal="reconstruction",
    ),
    needs=frozenset(),
    statistic="attack rate",
    reference="Art. 29 Working Party, Opinion 05/2014 on anonymisation techniques",
    run=reconstruct,
    weight=0.5,
)
