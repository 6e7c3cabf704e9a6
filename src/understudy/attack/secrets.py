"""Guessing secrets: which column from which, when a guess is right, and what luck explains.

Members and controls are asked the same questions; the p-value of an attack is that of its most
telling secret, times the number of secrets. Without a declared secret every column is one in turn
and the others are known. What may not happen here: a secret among the known columns, or a guess.

Reference: Giomi et al., PoPETs 2023(2), arXiv 2211.10459.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
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
    Records,
    Setting,
    Threat,
)
from understudy.attack.success import Excess, Successes
from understudy.errors import InputError

TARGETS = {"quick": 1_000, "release": 3_000, "certify": 10_000}
"""Most members, and controls, that are guessed at."""

TOLERANCE = 0.05
"""A guessed number is right when it is off by at most this part of itself."""

MOMENT_TOLERANCE = 0.01
"""A guessed moment is right when it is off by at most this part of the release's range."""

GUESSES_A_SECRET = Threat(
    knows_data="some values of a person (all but the secret, unless declared)",
    knows_generator="nothing but its output",
    goal="inference",
)
"""The attacker of all attacks that guess a secret of a person."""

SMALLEST_GROUP = 30
Right = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A secret column and the columns it is guessed from, by position."""

    secret: int
    known: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Questions answered by one pass over distances.

    Parameters
    ----------
    known
        Columns whose distances are summed.
    turns
        Places of the questions that are answered.
    left_out
        For each of them the column that is taken out of the sum again: its secret. One None
        for all of them if no secret is in the sum.
    """

    known: tuple[int, ...]
    turns: tuple[int, ...]
    left_out: tuple[int | None, ...]

    def questions(self, answer: int) -> tuple[int, ...]:
        """The questions that one answer is for."""
        return self.turns if self.left_out == (None,) else (self.turns[answer],)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Targets:
    """The people who are guessed at.

    Parameters
    ----------
    members, controls
        Their rows.
    groups
        (name, definition, members in it, controls in it).
    """

    members: Records
    controls: Records
    groups: tuple[tuple[str, str, Right, Right], ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Answer:
    """Which guesses of one secret were right.

    Parameters
    ----------
    question
        What was asked.
    members, controls
        Whether each guess was right.
    blind
        Successes on members of guesses that ignore the target.
    detail
        What else is told of this secret, in JSON's types.
    """

    question: Question
    members: Right
    controls: Right
    blind: Successes
    detail: dict[str, Any]

    @property
    def excess(self) -> Excess:
        """Members beside controls."""
        return Excess(
            attack=Successes.of(self.members),
            control=Successes.of(self.controls),
            baseline=self.blind,
        )


def questions_of(knowledge: Knowledge) -> tuple[Question, ...]:
    """What is asked: declared secrets, or every column; from declared columns, or all others.

    A declared secret is never known while another is guessed.

    Raises
    ------
    InputError
        If nothing is known from which a secret could be guessed.
    """
    everything = tuple(range(len(knowledge.columns)))
    known = knowledge.known or everything
    secrets = knowledge.secrets or (
        tuple(at for at in everything if at not in knowledge.known)
        if knowledge.known
        else everything
    )
    asked = []
    for secret in secrets:
        usable = tuple(at for at in known if at != secret and at not in knowledge.secrets)
        if usable:
            asked.append(Question(secret=secret, known=usable))
    if not asked:
        raise InputError(
            "no column is left from which a secret could be guessed",
            hint="name other columns with --known",
        )
    return tuple(asked)


def plans_of(asked: Sequence[Question]) -> tuple[Plan, ...]:
    """Questions whose distances can be computed together, each without its own secret."""
    whole = {frozenset((*question.known, question.secret)) for question in asked}
    if len(whole) == 1:
        return (
            Plan(
                known=tuple(sorted(whole.pop())),
                turns=tuple(range(len(asked))),
                left_out=tuple(question.secret for question in asked),
            ),
        )
    plans = []
    for known in dict.fromkeys(question.known for question in asked):
        turns = tuple(at for at, question in enumerate(asked) if question.known == known)
        plans.append(Plan(known=known, turns=turns, left_out=(None,)))
    return tuple(plans)


def targets_of(setting: Setting) -> Targets:
    """The first evaluated members and controls (they are in random order), equally many."""
    members = np.nonzero(setting.members_evaluated)[0][: TARGETS[setting.level]]
    controls = np.nonzero(setting.controls_evaluated)[0][: TARGETS[setting.level]]
    return Targets(
        members=setting.members.at(members),
        controls=setting.controls.at(controls),
        groups=tuple(
            (group.name, group.definition, group.members[members], group.controls[controls])
            for group in setting.groups
        ),
    )


def right(knowledge: Knowledge, secret: int, guesses: NDArray[Any], truth: NDArray[Any]) -> Right:
    """Which guesses are right: equal labels, numbers within 5 %, both missing.

    Parameters
    ----------
    knowledge
        For the kind of the column, and the range of a moment in the release.
    secret
        Position of the column.
    guesses, truth
        Values of it.
    """
    column = knowledge.columns[secret]
    if column.is_category:
        return np.asarray(guesses == truth)
    if column.kind == "datetime":
        made = knowledge.synthetic.arrays[secret]
        known = made[~np.isnan(made)]
        span = float(known.max() - known.min()) if known.size else 0.0
        near = np.abs(guesses - truth) <= MOMENT_TOLERANCE * span
    else:
        near = np.abs(guesses - truth) <= TOLERANCE * np.abs(guesses) + 1e-12
    return np.asarray(near | (np.isnan(guesses) & np.isnan(truth)))


def blind_source(knowledge: Knowledge) -> Records:
    """What a guesser who never sees the release goes by: the reference.

    Without one it is the release, of which only single values are used, as in the publication.
    """
    return knowledge.synthetic if knowledge.reference is None else knowledge.reference


def blind_guesses(
    knowledge: Knowledge, question: Question, targets: Targets, rng: np.random.Generator
) -> Successes:
    """How often the value of a random row of `blind_source` is a member's secret."""
    made = blind_source(knowledge).arrays[question.secret]
    truth = targets.members.arrays[question.secret]
    guesses = made[rng.integers(made.size, size=truth.size)]
    return Successes.of(right(knowledge, question.secret, guesses, truth))


def judged(
    attack: Attack,
    setting: Setting,
    targets: Targets,
    answers: Sequence[Answer],
    began: float,
    **detail: Any,
) -> AttackResult:
    """The result of an attack over its secrets; the most telling one stands for it.

    Parameters
    ----------
    attack, setting, targets
        What was played.
    answers
        One per secret.
    began
        `time.process_time()` at the beginning.
    detail
        What else is told, in JSON's types.
    """
    tests = len(answers)
    told = [answer.excess for answer in answers]
    worst = min(range(tests), key=lambda at: (told[at].p_value, -told[at].risk))
    excess = told[worst]
    names = setting.knowledge.names
    return AttackResult(
        key=attack.key,
        title=attack.title,
        threat=attack.threat,
        statistic=attack.statistic,
        **excess.rates(),
        p_value=min(1.0, excess.p_value * tests),
        limit=excess.limit(ALPHA / tests),
        groups=tuple(_group(answers, targets, place) for place in range(len(targets.groups))),
        detail={
            **excess.told(),
            "p_value": min(1.0, excess.p_value * tests),
            "secret": names((answers[worst].question.secret,))[0],
            "secrets": [
                {
                    "secret": names((answer.question.secret,))[0],
                    "known": list(names(answer.question.known)),
                    **one.told(),
                    **answer.detail,
                }
                for answer, one in zip(answers, told, strict=True)
            ],
            "tests": tests,
            **detail,
        },
        seconds=time.process_time() - began,
    )


def _group(answers: Sequence[Answer], targets: Targets, place: int) -> GroupResult:
    """The most telling secret of one group."""
    name, definition, members, controls = targets.groups[place]
    told = [(one.members[members], one.controls[controls], one.blind) for one in answers]
    return group_result(name, definition, told)


def group_result(
    name: str, definition: str, found: Sequence[tuple[Right, Right, Successes]]
) -> GroupResult:
    """What an attack found in one group: the most telling of one or more questions.

    Parameters
    ----------
    name, definition
        Of the group.
    found
        For each question the guesses about members and about controls of the group, right or
        wrong, and the blind guess of everyone.
    """
    few = found[0][0].size, found[0][1].size
    if min(few) < SMALLEST_GROUP:
        return GroupResult(name=name, definition=definition, members=few[0], controls=few[1])
    told = [
        Excess(attack=Successes.of(ours), control=Successes.of(theirs), baseline=blind)
        for ours, theirs, blind in found
    ]
    worst = min(told, key=lambda one: (one.p_value, -one.risk))
    return GroupResult(
        name=name,
        definition=definition,
        members=few[0],
        controls=few[1],
        value=worst.attack.value,
        interval=worst.attack.interval,
        p_value=min(1.0, worst.p_value * len(found)),
    )
