"""Teachers' votes under record and replay: who may change a vote, and what was paid for.

Votes are kept teacher by teacher as they pass the door. On a neighbouring table with the noisy sums
frozen, one teacher (the one of the unit that differs) may vote otherwise, in all batches together.
What may not happen here: a recording that leaves a test; it holds exact votes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from understudy.curator.protocol import Encoded
from understudy.curator.teachers import prices, sums_of, touched
from understudy.privacy import Event, Unit
from understudy.privacy.mechanisms import discrete_gaussian


@dataclass(frozen=True, kw_only=True, eq=False)
class Voted:
    """One batch of votes: who voted how (sensitive), and what left the door."""

    votes: np.ndarray
    noisy: np.ndarray
    sigma: float
    choices: int = 1


class Diverged(BaseException):
    """Ends a replay whose questions are not those of the recording; no fit may catch it."""


def unpaid_votes(polls: Sequence[Event], votes: Sequence[Voted], unit: Unit) -> list[str]:
    """Votes that were not paid for, paid for and not taken, or had other noise than was charged."""
    found = []
    many = touched(unit.relation) ** 2
    paid = sum(round(getattr(event, "sensitivity", 0.0) ** 2 / many) for event in polls)
    taken = sum(prices(item.votes.shape[1], item.choices) for item in votes)
    if paid != taken:
        found.append(f"{paid} votes were charged and {taken} taken")
    least = max((getattr(event, "sigma", 0.0) for event in polls), default=0.0)
    if any(item.sigma < least for item in votes):
        found.append("votes have less noise than was charged")
    return found


class Votes:
    """Keeps teachers' votes as they pass the door."""

    def __init__(self) -> None:
        self.kept: list[Voted] = []

    def __call__(self, votes: np.ndarray, sigma: float, choices: int = 1) -> np.ndarray:
        """The noisy sums, kept."""
        noisy = discrete_gaussian(sums_of(votes, choices), sigma)
        kept = Voted(votes=votes.copy(), noisy=noisy.copy(), sigma=sigma, choices=choices)
        self.kept.append(kept)
        return noisy


class FrozenVotes:
    """Compares votes with the recorded ones, teacher by teacher, and repeats the noisy sums."""

    def __init__(self, votes: Sequence[Voted], unit: Unit, findings: list[str]) -> None:
        self.votes, self.findings = votes, findings
        self.may = touched(unit.relation)
        self.place, self.largest = 0, 0.0
        self.changed: set[int] = set()

    def __call__(self, votes: np.ndarray, sigma: float, choices: int = 1) -> np.ndarray:
        """The recorded noisy sums, once the votes have been compared."""
        if self.place >= len(self.votes):
            self.findings.append("more votes are taken than on the recorded table")
            raise Diverged
        then = self.votes[self.place]
        self.place += 1
        asked = (sigma, votes.shape, choices)
        if asked != (then.sigma, then.votes.shape, then.choices):
            self.findings.append(f"vote {self.place} has another noise, or other teachers or size")
            raise Diverged
        others = np.flatnonzero((votes != then.votes).any(axis=1))
        self.changed.update(others.tolist())
        self.largest = max(self.largest, len(others) / self.may)
        if len(self.changed) > self.may:
            self.findings.append(
                f"vote {self.place}: {len(self.changed)} teachers have changed their minds where "
                f"{self.may} may: they share something, or a unit is with several"
            )
            raise Diverged
        return then.noisy.copy()


def coupled_teachers(held: Encoded, count: int) -> np.ndarray:
    """A teacher for every unit such that units of two neighbouring tables keep theirs.

    The real draw gives every unit a teacher of its own chance. So that two tables can be compared,
    what they have in common must have drawn the same: here by a digest of a unit's rows, and of
    how many equal ones came before it.
    """
    size = len(held.codes) if held.units is None else held.unit_count
    parts: list[list[bytes]] = [[] for _ in range(size)]
    for place, row in enumerate(np.ascontiguousarray(held.codes).astype(np.int64)):
        parts[place if held.units is None else int(held.units[place])].append(row.tobytes())
    seen: Counter[bytes] = Counter()
    whose = np.empty(size, dtype=np.int64)
    for unit, rows in enumerate(parts):
        content = b"|".join(sorted(rows))
        told = hashlib.sha256(content + str(seen[content]).encode()).digest()
        whose[unit] = int.from_bytes(told[:8], "little") % count
        seen[content] += 1
    return whose
