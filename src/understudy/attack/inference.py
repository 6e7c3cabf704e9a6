"""Inference: a secret read off the synthetic row that is nearest to what is known of a person.

Threat model: the attacker knows some values of a person and takes the secret of the most similar
row of the release. What holds for people in general can be guessed of a control as well; only
what is guessed better of members was learned from them. What may not happen here: a distance in
which the secret has a part.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from understudy.attack.gower import nearest_leaving_out, scaled
from understudy.attack.protocol import Attack, AttackResult, Setting
from understudy.attack.secrets import (
    GUESSES_A_SECRET,
    Answer,
    blind_guesses,
    judged,
    plans_of,
    questions_of,
    right,
    targets_of,
)
from understudy.attack.success import REFERENCE


def infer(setting: Setting, rng: np.random.Generator) -> AttackResult:
    """Guess every secret of every target from its nearest synthetic row."""
    began = time.process_time()
    knowledge, targets = setting.knowledge, targets_of(setting)
    asked = questions_of(knowledge)
    release = knowledge.synthetic.at(rng.permutation(knowledge.synthetic.rows))
    made, members, controls = scaled(release, targets.members, targets.controls)
    places: dict[int, list[NDArray[np.intp]]] = {}
    for plan in plans_of(asked):
        found = [
            nearest_leaving_out(side, made, plan.known, plan.left_out)
            for side in (members, controls)
        ]
        for answer in range(len(plan.left_out)):
            for turn in plan.questions(answer):
                places[turn] = [side[answer] for side in found]
    answers = []
    for turn, question in enumerate(asked):
        values = release.arrays[question.secret]
        guessed = [
            right(knowledge, question.secret, values[place], side.arrays[question.secret])
            for place, side in zip(places[turn], (targets.members, targets.controls), strict=True)
        ]
        answers.append(
            Answer(
                question=question,
                members=guessed[0],
                controls=guessed[1],
                blind=blind_guesses(knowledge, question, targets, rng),
                detail={},
            )
        )
    return judged(INFERENCE, setting, targets, answers, began)


INFERENCE = Attack(
    key="inference",
    title="Inference from the nearest synthetic row",
    threat=GUESSES_A_SECRET,
    needs=frozenset(),
    statistic="attack rate",
    reference=REFERENCE,
    run=infer,
    weight=2.0,
)
