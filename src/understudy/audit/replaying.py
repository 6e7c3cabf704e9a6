"""Replay as an audit: record fits on invented tables, replay them on adversarial neighbours.

It finds what leaks besides the noisy answers: a domain, an edge, a scale or an order that follows
the rows, an exact answer beyond its sensitivity, an access that was not charged. It gives no ε:
one finding refutes every ε. What may not happen here: a table that holds anybody, for a recording
keeps exact answers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any

import numpy as np

from understudy.audit.altered import neighbours as altered
from understudy.audit.claimed import check_claim
from understudy.audit.invented import Example, example_tables
from understudy.audit.keeping import Progress
from understudy.audit.neighbours import NEIGHBOURS
from understudy.audit.replay import Verdict, record, replay_all
from understudy.audit.results import Word
from understudy.curator import Curator
from understudy.errors import InputError, UnderstudyError
from understudy.privacy import Unit
from understudy.schema import Schema

TABLES = ("survey", "typed", "visits", "few", "outlier")
"""Tables that are replayed on: three like real ones, two of the worst-case pairs."""

_ODD = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayResult:
    """What replaying showed.

    Parameters
    ----------
    synthesizer, settings
        What was audited.
    epsilon, delta
        The claim; the budget of every fit.
    tables
        Names of the tables that fits were recorded on.
    recordings, replays
        How many of each.
    findings
        Every way in which rows got out without being paid for, once each: table, neighbour, what.
    largest
        Largest change of an exact answer as a part of its declared sensitivity; 1 is allowed.
    word, reason
        The verdict, and why.
    seconds
        Time taken.
    """

    synthesizer: str
    settings: dict[str, Any] = field(default_factory=dict)
    epsilon: float
    delta: float
    tables: tuple[str, ...]
    recordings: int
    replays: int
    findings: tuple[tuple[str, str, str], ...]
    largest: float
    word: Word
    reason: str
    seconds: float

    @property
    def text(self) -> str:
        """The verdict in a sentence."""
        return f"{self.word}: {self.reason}"

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` makes an equal result."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> ReplayResult:
        """The result that `to_json` wrote."""
        values = {**told, "tables": tuple(told["tables"])}
        values["findings"] = tuple(tuple(item) for item in told["findings"])
        return cls(**values)


def audit_by_replay(
    synthesizer: Any,
    *,
    epsilon: float = 1.0,
    delta: float = 1e-6,
    runs: int = 1,
    tables: Sequence[str] = TABLES,
    progress: Progress | None = None,
) -> ReplayResult:
    """Record fits on invented tables and replay each on every adversarial neighbour.

    Parameters
    ----------
    synthesizer
        Learns through a curator.
    epsilon, delta
        Budget of every fit.
    runs
        Recordings per table, 1 or more; each has other noise, and may take other paths.
    tables
        Names in `TABLES`, or of worst-case pairs.
    progress
        Told a sentence and the fraction done.

    Returns
    -------
    ReplayResult
        "violated" with one finding or more, else "not detected".

    Raises
    ------
    InputError
        A count or a name is not usable, or a fit failed on a table itself.
    """
    check_claim(epsilon, delta)
    if runs < 1:
        raise InputError("replay needs 1 recording or more", runs=runs)
    tell, began = progress or (lambda _text, _done: None), time.perf_counter()
    chosen = [_example(name) for name in tables]
    rng = np.random.default_rng(1)
    findings: dict[tuple[str, str, str], None] = {}
    count, largest = 0, 0.0
    for place, (example, schema) in enumerate(chosen):
        tell(f"replaying on {example.name}", place / len(chosen))

        def fit(curator: Curator, schema: Schema = schema) -> Any:
            return synthesizer.fit(curator, schema)

        for _ in range(runs):
            try:
                recording = record(
                    fit, example.table, epsilon=epsilon, delta=delta, unit=example.unit
                )
            except UnderstudyError as failure:
                raise InputError(
                    "the fit failed on an invented table", table=example.name, failure=str(failure)
                ) from failure
            others = altered(recording.table, rng, example.unit, odd=_ODD)
            for verdict in replay_all(recording, others):
                count += 1
                largest = max(largest, verdict.largest)
                findings |= dict.fromkeys(_found(example, verdict))
    word: Word = "violated" if findings else "not detected"
    kinds = len({what for _, _, what in findings})
    reason = (
        f"rows got out without being paid for, in {kinds} ways; the first: {next(iter(findings))[2]}"
        if findings
        else f"{count} replays asked the same questions, within their sensitivity, and left the same "
        "model; replay gives no bound on epsilon"
    )
    made = is_dataclass(synthesizer) and not isinstance(synthesizer, type)
    return ReplayResult(
        synthesizer=str(synthesizer.name),
        settings=asdict(synthesizer) if made else {},
        epsilon=epsilon,
        delta=delta,
        tables=tuple(tables),
        recordings=runs * len(chosen),
        replays=count,
        findings=tuple(findings),
        largest=largest,
        word=word,
        reason=reason,
        seconds=round(time.perf_counter() - began, 1),
    )


def _found(example: Example, verdict: Verdict) -> list[tuple[str, str, str]]:
    """Findings of one replay, with where they were made."""
    return [(example.name, verdict.neighbour, what) for what in verdict.findings]


def _example(name: str) -> tuple[Example, Schema]:
    """An invented table by its name, and what is declared of it."""
    if name in NEIGHBOURS:
        pair = NEIGHBOURS[name]
        return Example(name=name, table=pair.tables[1], unit=Unit()), pair.schema
    for example in example_tables():
        if example.name == name:
            return example, Schema()
    raise InputError(
        "no such table", table=name, known=(*TABLES, *(k for k in NEIGHBOURS if k not in TABLES))
    )
