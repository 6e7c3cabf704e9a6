"""White-box audit: fit a synthesizer many times on worst-case tables and bound ε from below.

The auditor is a strong insider: knows every row but one, chooses that one, and sees every noisy
answer that leaves the curator. Everything is real: the synthesizer's own `fit`, a
`MemoryCurator`, a filter, OpenDP's noise. Only a listener stands where answers leave, and a fit
ends with its last answer: what a synthesizer makes of answers cannot leak more.

    table without or with the canary -> fit -> answers -> log-likelihood ratio -> score
    scores of many fits -> threshold on some, mistakes on the others -> lower bounds

A bound above the claim proves the claim wrong; a bound below it proves nothing, but a bound
*close* below it says that the implementation spends what it charges and that the attacker is
strong enough to have seen more. What may not happen here: a table from outside this room.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from understudy.audit.claimed import ClaimedBudget, check_claim
from understudy.audit.keeping import Progress, append, resume, spread, told_time, write_whole
from understudy.audit.likelihood import log_ratio
from understudy.audit.neighbours import NEIGHBOURS, Neighbours
from understudy.audit.results import CONFIDENCE, AuditResult, Word, conclude
from understudy.curator import MemoryCurator
from understudy.curator.protocol import Curator, Release, add_noise
from understudy.curator.questions import Answer, Count, Question
from understudy.errors import InputError, UnderstudyError
from understudy.privacy import Budget, Unit
from understudy.privacy.budget import SELECTION_SHARE
from understudy.schema import Schema

__all__ = ["AuditResult", "Word", "audit", "audit_synthesizer"]

_BATCH = 25

_EXACT = 1e3
"""Added to a score where noise is missing."""

_COARSE, _CELLS, _EMPTY = 3.0, 8, 3
"""Noise, cells of a table and empty cells from which that is hardly chance (1 fit in 1,000)."""

_SPENT = 1e-6
"""A fit ends once no more than this share of the budget is left."""


class Fits(Protocol):
    """Anything that learns through a curator."""

    name: ClassVar[str]

    def fit(self, curator: Curator, schema: Schema) -> Any:
        """Ask the curator; what comes back is of no interest here."""
        ...


@dataclass(frozen=True, kw_only=True)
class Job:
    """What every fit of an audit has in common."""

    synthesizer: Fits
    neighbours: Neighbours
    epsilon: float
    delta: float
    release: Release
    selection_share: float


class Listener:
    """Stands at the curator's exit and adds up what the answers say about the canary.

    Parameters
    ----------
    other
        A curator over the neighbour of the table that is fitted.
    present
        Whether the fitted table is the one with the canary.
    release
        What makes noise.
    """

    def __init__(self, other: MemoryCurator, *, present: bool, release: Release) -> None:
        self._other, self._present, self._release = other, present, release
        self._told, self.answers = 0.0, 0
        self._empty, self._bare = 0, 0

    @property
    def score(self) -> float:
        """Log-likelihood ratio of everything answered, and what missing noise gives away."""
        spared = self._empty >= _EMPTY and self._bare == self._empty
        return self._told - (_EXACT if spared else 0.0)

    def __call__(self, question: Question, exact: Any, unit: Unit) -> Answer:
        """Let the answer pass, and keep its log-likelihood ratio."""
        answer = self._release(question, exact, unit)
        beside = self._other.exact(question)
        without, present = (beside, exact) if self._present else (exact, beside)
        self._told += log_ratio(question, answer, without, present, unit)
        if isinstance(question, Count) and question.sigma >= _COARSE:
            self._suspect(np.asarray(answer), np.asarray(without), np.asarray(present))
        self.answers += 1
        return answer

    def _suspect(
        self, answer: npt.NDArray[Any], without: npt.NDArray[Any], present: npt.NDArray[Any]
    ) -> None:
        """Look for noise that is missing: a whole table that is exact, a cell that stayed empty.

        A likelihood believes in the noise it was told of. With that noise an exact table is so rare
        that scores stay what they are; empty cells mislead in about one fit of 1,000, which costs
        the attacker a little and no bound its truth.
        """
        if answer.size >= _CELLS:
            exact = [np.array_equal(answer, one) for one in (without, present)]
            self._told += _EXACT * (float(exact[1]) - float(exact[0]))
        alone = (without == 0) & (present > 0)
        if alone.any():
            self._empty += 1
            self._bare += int(not answer[alone].any())


class _Enough(BaseException):
    """Ends a fit that has spent its budget: what follows is post-processing. Not to be caught."""


class _Tiny(Curator):
    """The door over rows that another curator has counted before; ends what is spent."""

    def __init__(self, inner: MemoryCurator, *, budget: Budget, release: Release) -> None:
        super().__init__(budget=budget, release=release)
        self.headers = inner.headers
        self._inner = inner

    def exact(self, question: Question) -> Any:
        """The inner curator's exact answer."""
        return self._inner.exact(question)

    def ask(self, questions: Sequence[Question]) -> list[Any]:
        """Answer, and end the fit when nothing is left to ask with."""
        answers = super().ask(questions)
        if self.budget.remaining_rho <= _SPENT * self.budget.rho:
            raise _Enough
        return answers


def _budget(job: Job) -> Budget:
    """A fresh budget of the claim."""
    return ClaimedBudget(job.epsilon, job.delta, selection_share=job.selection_share)


def audit_synthesizer(
    synthesizer: Fits,
    *,
    epsilon: float,
    delta: float = 1e-6,
    runs: int = 2_000,
    workers: int = 1,
    out: Path | None = None,
    progress: Progress | None = None,
    neighbours: Sequence[str] = tuple(NEIGHBOURS),
) -> tuple[AuditResult, ...]:
    """Audit a synthesizer on every pair of neighbours.

    Parameters
    ----------
    synthesizer, epsilon, delta, runs, workers, progress
        See `audit`; `runs` are per pair and table.
    out
        Folder for scores, one resumable file per pair, and for `audit.json`.
    neighbours
        Names in `NEIGHBOURS`.

    Returns
    -------
    tuple of AuditResult
        One per pair; each is an audit of its own with its own confidence. `worst` chooses.
    """
    unknown = [name for name in neighbours if name not in NEIGHBOURS]
    if unknown:
        raise InputError("no such neighbours", unknown=unknown, known=tuple(NEIGHBOURS))
    tell = progress or (lambda _text, _done: None)
    results = []
    for index, name in enumerate(neighbours):

        def part(text: str, done: float, index: int = index, name: str = name) -> None:
            tell(f"{name}: {text}", (index + done) / len(neighbours))

        results.append(
            audit(
                synthesizer,
                NEIGHBOURS[name],
                epsilon=epsilon,
                delta=delta,
                runs=runs,
                workers=workers,
                out=None if out is None else out / f"{name}.jsonl",
                progress=part,
            )
        )
    if out is not None:
        told = [result.to_json() for result in results]
        write_whole(out / "audit.json", json.dumps(told, indent=1) + "\n")
    return tuple(results)


def audit(
    synthesizer: Fits,
    neighbours: Neighbours,
    *,
    epsilon: float,
    delta: float = 1e-6,
    runs: int = 2_000,
    workers: int = 1,
    out: Path | None = None,
    progress: Progress | None = None,
    release: Release = add_noise,
    confidence: float = CONFIDENCE,
) -> AuditResult:
    """Audit a synthesizer on one pair of neighbours.

    Parameters
    ----------
    synthesizer
        What is fitted, with its settings.
    neighbours
        The tables.
    epsilon, delta
        The claim; each fit gets a `Budget` of it.
    runs
        Fits per table, at least 1.
    workers
        Processes, at least 1.
    out
        JSON-lines file of scores. Runs found there are not repeated; without it nothing is kept.
    progress
        Told a sentence and the fraction done.
    release
        What makes noise; a test puts a broken one in its place.
    confidence
        Of all bounds together, in (0, 1).

    Raises
    ------
    InputError
        The claim or a count is out of range, or `out` belongs to another audit.
    """
    check_claim(epsilon, delta)
    if runs < 1 or workers < 1 or not 0 < confidence < 1:
        raise InputError(
            "an audit needs runs and workers of 1 or more and a confidence between 0 and 1",
            runs=runs,
            workers=workers,
            confidence=confidence,
        )
    job = Job(
        synthesizer=synthesizer,
        neighbours=replace(neighbours),
        epsilon=epsilon,
        delta=delta,
        release=release,
        selection_share=0.0 if neighbours.declared else SELECTION_SHARE,
    )
    settings: dict[str, Any] = {}
    made: Any = synthesizer
    if is_dataclass(made):
        settings = asdict(made)  # type: ignore[arg-type]
    heading: dict[str, Any] = {
        "synthesizer": synthesizer.name,
        "settings": settings,
        "neighbours": neighbours.name,
        "epsilon": epsilon,
        "delta": delta,
        "rho": _budget(job).rho,
    }
    lines = resume(out, heading)
    missing = [runs - sum(line["present"] == world for line in lines) for world in (False, True)]
    tell, goal = progress or (lambda _text, _done: None), 2 * runs
    for batch in spread(_work(job, missing), _batch, workers):
        append(out, batch)
        lines += batch
        tell(told_time(lines, goal, workers, "fits"), min(len(lines) / goal, 1.0))
    worlds = [[line for line in lines if line["present"] == world] for world in (False, True)]
    worlds = [world[:runs] for world in worlds]
    without, present = (np.array([line["score"] for line in world]) for world in worlds)
    return conclude(
        without,
        present,
        epsilon=epsilon,
        delta=delta,
        rho=heading["rho"],
        confidence=confidence,
        centre=0.0,
        facts={
            "synthesizer": synthesizer.name,
            "settings": settings,
            "neighbours": neighbours.name,
            "failed": sum(line["failed"] for world in worlds for line in world),
            "seconds": round(sum(line["seconds"] for world in worlds for line in world), 1),
        },
    )


def _work(job: Job, missing: Sequence[int]) -> list[tuple[Job, bool, int]]:
    """Fits that are still missing, in batches that alternate between the two tables."""
    batches = [
        (start, world, min(_BATCH, need - start))
        for world, need in zip((False, True), missing, strict=True)
        for start in range(0, need, _BATCH)
    ]
    return [(job, world, size) for _, world, size in sorted(batches)]


def _batch(job: Job, present: bool, size: int) -> list[dict[str, Any]]:  # noqa: FBT001
    """Some fits on one of the two tables, and the score of each.

    Codes of the two invented tables are computed once for all fits of a batch: they are the
    same every time, and nothing but the curators' exact answers depends on them.
    """
    tables = job.neighbours.tables
    table, neighbour = tables[int(present)], tables[int(not present)]
    here, other = (MemoryCurator(one, budget=_budget(job)) for one in (table, neighbour))
    lines = []
    for _ in range(size):
        started = time.perf_counter()
        listener = Listener(other, present=present, release=job.release)
        curator = _Tiny(here, budget=_budget(job), release=listener)
        failed = False
        try:
            job.synthesizer.fit(curator, job.neighbours.schema)
        except _Enough:
            pass
        except UnderstudyError:
            if not listener.answers:
                raise
            failed = True
        lines.append(
            {
                "present": present,
                "score": listener.score,
                "answers": listener.answers,
                "failed": failed,
                "seconds": round(time.perf_counter() - started, 5),
            }
        )
    return lines
