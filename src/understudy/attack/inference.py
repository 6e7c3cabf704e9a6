"""Inference: a secret read off the synthetic row that is nearest to what is known of a person.

Threat model: the attacker knows some values of a person and takes the secret of the most similar
row of the release. What holds for people in general can be guessed of a control as well; only
what is guessed better of members was learned from them. What may not happen here: a distance in
which the secret has a part.
"""

from __future__ import annotations

import time

import numpy as np

from understudy.attack.gower import nearest_leaving_out, scaled
from understudy.attack.protocol import Attack, AttackResult, Setting, Threat
from understudy.attack.secrets import (
    Answer,
    blind_guesses,
    judged,
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
    known = sorted({at for question in asked for at in (*question.known, question.secret)})
    shared = [at for at in known if all(at == q.secret or at in q.known for q in asked)]
    if shared == known:
        left_out = [question.secret for question in asked]
        places = [nearest_leaving_out(side, made, known, left_out) for side in (members, controls)]
    else:
        places = [
            np.concatenate(
                [nearest_leaving_out(side, made, question.known, [None]) for question in asked]
            )
            if len({question.known for question in asked}) > 1
            else np.repeat(
                nearest_leaving_out(side, made, asked[0].known, [None]), len(asked), axis=0
            )
            for side in (members, controls)
        ]
    answers = []
    for turn, question in enumerate(asked):
        values = release.arrays[question.secret]
        found = [
            right(knowledge, question.secret, values[place[turn]], side.arrays[question.secret])
            for place, side in zip(places, (targets.members, targets.controls), strict=True)
        ]
        answers.append(
            Answer(
                question=question,
                members=found[0],
                controls=found[1],
                blind=blind_guesses(knowledge, question, targets, rng),
                detail={},
            )
        )
    return judged(INFERENCE, setting, targets, answers, began)


INFERENCE = Attack(
    key="inference",
    title="Inference from the nearest synthetic row",
    threat=Threat(
        knows_data="some values of a person (all but the secret, unless declared)",
        knows_generator="nothing but its output",
        goal="inference",
    ),
    needs=frozenset(),
    statistic="attack rate",
    reference=REFERENCE,
    run=infer,
    weight=2.0,
)
