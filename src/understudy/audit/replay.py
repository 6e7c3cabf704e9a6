"""Record/replay: freeze what the door answered, change one unit, and watch what is asked.

The idea, in three sentences. A fit is run once and every question, exact answer and noisy
answer is kept. It is run again on a neighbouring table with the noisy answers frozen; whatever
differs now, other than exact answers within the declared sensitivity, came from the rows without
being paid for. A fit that asks the same questions, whose exact answers stay within their
sensitivity, that is charged the same events and leaves the same bytes, is private if the
mechanisms are.

The method is that of Cebere et al. 2026, *Privacy in theory, bugs in practice*
(arXiv:2602.17454). What may not happen here: a recording that leaves a test; it holds exact
answers.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from understudy.audit.altered import Neighbour
from understudy.audit.voting import (
    Diverged,
    FrozenVotes,
    Voted,
    Votes,
    coupled_teachers,
    unpaid_votes,
)
from understudy.curator import Choose, Count, Curator, Discover, Distinct, MemoryCurator
from understudy.curator.encodings import Encoding
from understudy.curator.protocol import Encoded, Release, Tally, add_noise, event_of
from understudy.curator.questions import Answer, Question, identity
from understudy.curator.teachers import STAGE as VOTES
from understudy.errors import InternalError
from understudy.privacy import Budget, Event, Unit
from understudy.privacy.mechanisms import gaussian_sum
from understudy.source import SensitiveTable, bound_rows
from understudy.synthesize.model import Model

Fit: TypeAlias = Callable[[Curator], Model]
"""Learns a model through a curator, and through nothing else."""

_ROUNDING = 1e-6
_SAMPLED = 40


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """One question, what the rows say (sensitive), and what left the door."""

    question: Question
    identity: str
    exact: Any
    noisy: Answer


@dataclass(frozen=True, kw_only=True, eq=False)
class Summed:
    """One noisy sum of gradients: what the rows say (sensitive), and what left the door."""

    total: np.ndarray
    noisy: np.ndarray
    clip: float
    multiplier: float


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Recording:
    """A fit that was watched: everything it asked, and the digest of what it left.

    Parameters
    ----------
    fit, table, unit, epsilon, delta
        What was run. Of each unit at most its bound of rows is in the table.
    asked
        Questions with exact and noisy answers, in order.
    events
        Everything that was charged.
    exact_calls
        How often an exact answer was computed, by `ask` or by anything else.
    digest
        SHA-256 of the model and of a seeded sample from it.
    sums
        Noisy sums of gradients, in order; every unit takes part in every one.
    votes
        Batches of teachers' votes, in order.
    """

    fit: Fit
    table: SensitiveTable
    unit: Unit
    epsilon: float
    delta: float
    asked: tuple[Asked, ...]
    events: tuple[Event, ...]
    exact_calls: int
    digest: str
    sums: tuple[Summed, ...] = ()
    votes: tuple[Voted, ...] = ()

    def unpaid(self) -> tuple[str, ...]:
        """What was answered without its charge, or charged without an answer (trap 19)."""
        expected = tuple(event_of(item.question, self.unit) for item in self.asked)
        found = []
        steps = tuple(event for event in self.events if event.kind == "dp-accounting")
        paid = sum(_steps_of(event) for event in steps)
        if paid != len(self.sums):
            found.append(f"{paid} steps were charged and {len(self.sums)} taken")
        polls = tuple(event for event in self.events if event.stage == VOTES)
        found += unpaid_votes(polls, self.votes, self.unit)
        others = tuple(event for event in self.events if event not in (*steps, *polls))
        if others != expected:
            found.append(
                f"{len(self.events)} events were charged and {len(expected)} questions answered, "
                "or they differ: every answer needs its own event, in order"
            )
        if self.exact_calls != len(self.asked):
            found.append(
                f"exact answers were computed {self.exact_calls} times for {len(self.asked)} "
                "questions: something reaches past Curator.ask"
            )
        return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a replay on one neighbour showed.

    Parameters
    ----------
    neighbour
        Which neighbour it was.
    findings
        Every way in which the rows got out without being paid for.
    largest
        Largest change of an exact answer as a part of its declared sensitivity.
    """

    neighbour: str
    findings: tuple[str, ...] = ()
    largest: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether nothing got out."""
        return not self.findings

    def require(self) -> None:
        """Raise unless nothing got out.

        Raises
        ------
        AssertionError
            Naming the neighbour and every finding.
        """
        if self.findings:
            told = "\n  - ".join(self.findings)
            raise AssertionError(f"replay on neighbour {self.neighbour!r} failed:\n  - {told}")


def _steps_of(event: Event) -> int:
    """Steps that one event pays for."""
    return int(json.loads(getattr(event, "tree", "{}")).get("count", 1))


class _Sums:
    """Keeps sums of gradients as they pass the door."""

    def __init__(self) -> None:
        self.kept: list[Summed] = []

    def __call__(self, total: np.ndarray, clip: float, multiplier: float) -> np.ndarray:
        """The noisy sum, kept."""
        noisy = gaussian_sum(total, clip, multiplier)
        self.kept.append(
            Summed(total=total.copy(), noisy=noisy.copy(), clip=clip, multiplier=multiplier)
        )
        return noisy


class _FrozenSums:
    """Compares sums of gradients with the recorded ones and repeats their noisy answers."""

    def __init__(self, sums: Sequence[Summed], findings: list[str]) -> None:
        self.sums, self.findings = sums, findings
        self.place, self.largest = 0, 0.0

    def __call__(self, total: np.ndarray, clip: float, multiplier: float) -> np.ndarray:
        """The recorded noisy sum, once the exact one has been compared."""
        if self.place >= len(self.sums):
            self.findings.append("more steps are taken than on the recorded table")
            raise Diverged
        then = self.sums[self.place]
        self.place += 1
        if (clip, multiplier, total.shape) != (then.clip, then.multiplier, then.total.shape):
            self.findings.append(f"step {self.place} has another clip, noise or size")
            raise Diverged
        moved = float(np.linalg.norm(total - then.total))
        self.largest = max(self.largest, moved / clip)
        if not moved <= clip * (1 + _ROUNDING):
            self.findings.append(
                f"step {self.place}: the sum of gradients moves by {moved:.6g} where {clip:.6g} "
                "is declared"
            )
        return then.noisy.copy()


class _Watched(Curator):
    """Another curator's rows behind a door that counts and whose release is ours."""

    def __init__(
        self,
        inner: Curator,
        release: Release,
        sums: _Sums | _FrozenSums,
        votes: Votes | FrozenVotes,
    ) -> None:
        super().__init__(budget=inner.budget, unit=inner.unit, release=release)
        self.headers = inner.headers
        self.inner = inner
        self.exact_calls = 0
        self.gives_rows = inner.gives_rows
        self.sums, self.votes = sums, votes

    def encoded(self, encodings: Sequence[Encoding]) -> Encoded:
        """The inner curator's codes."""
        return self.inner.encoded(encodings)

    def coins(self, size: int, probability: float) -> np.ndarray:
        """Everybody takes part: what one unit changes is then seen in every step."""
        return np.ones(size, dtype=bool)

    def noisy_sum(self, total: np.ndarray, clip: float, multiplier: float) -> np.ndarray:
        """A sum of gradients, watched."""
        return self.sums(total, clip, multiplier)

    def teachers_of(self, held: Encoded, count: int) -> np.ndarray:
        """Teachers such that units of both tables have the same one in both."""
        return coupled_teachers(held, count)

    def noisy_votes(self, votes: np.ndarray, sigma: float, choices: int = 1) -> np.ndarray:
        """Sums of votes, watched."""
        return self.votes(votes, sigma, choices)

    def exact(self, question: Question) -> Any:
        """The inner curator's exact answer, counted."""
        return self.exact_all([question])[0]

    def exact_all(self, questions: Sequence[Question]) -> list[Any]:
        """The inner curator's exact answers, in its own way of getting them, counted."""
        self.exact_calls += len(questions)
        return self.inner.exact_all(questions)


def record(
    fit: Fit,
    table: SensitiveTable,
    *,
    epsilon: float = 1.0,
    delta: float = 1e-6,
    unit: Unit | None = None,
    curator: Callable[..., Curator] = MemoryCurator,
) -> Recording:
    """Run a fit and keep everything that passed the door.

    Parameters
    ----------
    fit
        Called once with a curator; `lambda curator: MST().fit(curator, Schema())`.
    table
        Any table; its rows are bounded by the unit once, so that replays share the choice.
    epsilon, delta, unit
        Of the budget.
    curator
        Makes a curator from `(table, budget=...)`.

    Returns
    -------
    Recording
        Sensitive: it holds exact answers.
    """
    whose = unit or Unit()
    if whose.column is not None:
        table = bound_rows(table, whose.column, whose.max_rows)
    asked: list[Asked] = []

    def release(question: Question, exact: Any, unit: Unit) -> Answer:
        noisy = add_noise(question, exact, unit)
        asked.append(
            Asked(
                question=question,
                identity=identity(question),
                exact=copy.deepcopy(exact),
                noisy=copy.deepcopy(noisy),
            )
        )
        return noisy

    budget = Budget(epsilon, delta, whose)
    sums, votes = _Sums(), Votes()
    watched = _Watched(curator(table, budget=budget), release, sums, votes)
    model = fit(watched)
    return Recording(
        fit=fit,
        table=table,
        unit=whose,
        epsilon=epsilon,
        delta=delta,
        asked=tuple(asked),
        events=budget.events,
        exact_calls=watched.exact_calls,
        digest=digest_of(model),
        sums=tuple(sums.kept),
        votes=tuple(votes.kept),
    )


def replay(
    recording: Recording,
    neighbour: SensitiveTable | Neighbour,
    *,
    curator: Callable[..., Curator] = MemoryCurator,
) -> Verdict:
    """Run the recorded fit on a neighbouring table with its noisy answers frozen.

    Parameters
    ----------
    recording
        What `record` returned.
    neighbour
        A table that differs from the recorded one by the rows of one unit.
    curator
        As for `record`.

    Returns
    -------
    Verdict
        Passed when the questions are the same in the same order, every exact answer moved by
        no more than its declared sensitivity, the same events were charged, and the model and
        its seeded sample are the same bytes.
    """
    other = (
        neighbour if isinstance(neighbour, Neighbour) else Neighbour(name="given", table=neighbour)
    )
    budget = Budget(recording.epsilon, recording.delta, recording.unit)
    frozen = _Frozen(recording)
    findings = frozen.findings
    sums = _FrozenSums(recording.sums, findings)
    votes = FrozenVotes(recording.votes, recording.unit, findings)
    watched = _Watched(curator(other.table, budget=budget), frozen, sums, votes)
    if other.name != SAME:
        findings += recording.unpaid()
    digest = _digest_or_finding(recording.fit, watched, findings)
    if digest is not None:
        if frozen.place < len(recording.asked):
            findings.append("fewer questions are asked than on the recorded table")
        if sums.place < len(recording.sums):
            findings.append("fewer steps are taken than on the recorded table")
        if votes.place < len(recording.votes):
            findings.append("fewer votes are taken than on the recorded table")
        if budget.events != recording.events:
            findings.append("other events are charged than on the recorded table")
        if digest != recording.digest:
            findings.append(
                "the same noisy answers led to another model: something besides the answers "
                "reaches the model or its sample (rows, or randomness of its own)"
            )
    largest = max(frozen.largest, sums.largest, votes.largest)
    return Verdict(neighbour=other.name, findings=tuple(findings), largest=largest)


class _Frozen:
    """A release that compares each question with the recorded one and repeats its answer."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.findings: list[str] = []
        self.place = 0
        self.largest = 0.0

    def __call__(self, question: Question, exact: Any, unit: Unit) -> Answer:
        """The recorded noisy answer, once the exact one has been compared."""
        asked = self.recording.asked
        if self.place >= len(asked):
            self.findings.append("more questions are asked than on the recorded table")
            raise Diverged
        then = asked[self.place]
        self.place += 1
        named = f"question {self.place} ({event_of(question, unit).label})"
        if identity(question) != then.identity:
            self.findings.append(
                f"{named} is not the recorded one: a domain, an edge, a scale or an order "
                "depends on the rows"
            )
            raise Diverged
        change, reason = change_of(question, then.exact, exact, unit)
        self.largest = max(self.largest, change)
        if reason:
            self.findings.append(f"{named}: {reason}")
        return copy.deepcopy(then.noisy)


def _digest_or_finding(fit: Fit, watched: Curator, findings: list[str]) -> str | None:
    """Digest of the model of a replay, or None when it ended early."""
    try:
        return digest_of(fit(watched))
    except Diverged:
        return None
    except Exception as failure:  # noqa: BLE001  a fit that fails on a neighbour only is a finding
        findings.append(f"the fit raised {type(failure).__name__} on this neighbour only")
        return None


SAME = "the same table"
"""The neighbour that shows whether a fit is a function of its answers at all."""


def replay_all(
    recording: Recording,
    others: Iterable[Neighbour],
    *,
    curator: Callable[..., Curator] = MemoryCurator,
) -> tuple[Verdict, ...]:
    """Replay on the recorded table itself, then on every neighbour."""
    same = Neighbour(name=SAME, table=recording.table)
    return tuple(replay(recording, other, curator=curator) for other in (same, *others))


def change_of(question: Question, then: Any, now: Any, unit: Unit) -> tuple[float, str]:
    """How far an exact answer moved, as a part of its declared sensitivity, and what is wrong.

    >>> count = Count(encodings=(), sigma=1.0, stage="rows")
    >>> change_of(count, np.array(5), np.array(6), Unit())
    (1.0, '')
    >>> change_of(count, np.array(5), np.array(7), Unit())[1]
    'the exact answer moves by 2 where 1 is declared'
    """
    match question:
        case Count():
            if np.shape(then) != np.shape(now) or np.shape(now) != question.shape:
                return np.inf, "the shape of the answer depends on the rows"
            if np.asarray(now).dtype.kind not in "iu":
                return np.inf, "counts are not whole numbers, so discrete noise has no proof"
            moved = np.asarray(now, float).ravel() - np.asarray(then, float).ravel()
            return _judge(float(np.linalg.norm(moved)), unit.count_l2)
        case Distinct():
            return _judge(abs(float(now) - float(then)), unit.count_l2)
        case Choose(candidates=candidates):
            declared = unit.count_l1 * np.array([item.weight for item in candidates])
            room = _ROUNDING * (1.0 + np.abs(np.asarray(then)) * 1e-6)
            parts = (np.abs(np.asarray(now) - np.asarray(then)) - room) / declared
            return _judge(max(float(parts.max()), 0.0), 1.0)
        case Discover():
            return _change_of_tally(then, now, unit)
    raise InternalError("unknown question", kind=type(question).__name__)


def _judge(moved: float, declared: float) -> tuple[float, str]:
    """A change against what was declared."""
    if moved <= declared * (1 + _ROUNDING):
        return moved / declared, ""
    return (
        moved / declared,
        f"the exact answer moves by {moved:.6g} where {declared:.6g} is declared",
    )


def _change_of_tally(then: Tally, now: Tally, unit: Unit) -> tuple[float, str]:
    """Labels in both tables move little in L2; labels in one alone hold one unit's rows."""
    before = dict(zip(then.labels, then.counts.tolist(), strict=True))
    after = dict(zip(now.labels, now.counts.tolist(), strict=True))
    if len(before) != len(then.labels) or len(after) != len(now.labels):
        return np.inf, "a label is listed twice"
    common = np.array([after[label] - before[label] for label in before.keys() & after.keys()])
    change, wrong = _judge(float(np.linalg.norm(common)) if common.size else 0.0, unit.count_l2)
    for alone in (before.keys() - after.keys(), after.keys() - before.keys()):
        held = sum({**after, **before}[label] for label in alone)
        if held > unit.max_rows:
            return np.inf, "labels of one table alone hold more rows than one unit may contribute"
        change = max(change, held / unit.max_rows)
    return change, wrong


def digest_of(model: Model) -> str:
    """SHA-256 of everything a model holds and of a seeded sample from it."""
    facts, arrays = model.to_json()
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=repr).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}{array.dtype}{array.shape}".encode() + array.tobytes())
    sampled = model.sample(_SAMPLED, seed=0)
    digest.update(f"{sampled.schema}{sampled.to_pydict()}".encode())
    digest.update(str(round(model.rows)).encode())
    return digest.hexdigest()
