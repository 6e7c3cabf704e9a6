"""pategan and patectgan: a generator that learns from noisy votes of teachers on rows it invented.

The idea, in three sentences. The rows are split among many teachers, who judge invented rows by
their own; a student sees the invented rows and the noisy sums of votes, and learns to say the same;
a generator is trained on what the student lets pass, and invents the next rows to be asked about
(PATE-GAN: Jordon, Yoon & van der Schaar 2019, ICLR; PATE: Papernot et al. 2017, arXiv:1610.05755,
2018, arXiv:1802.08908). `pategan` asks whether a row looks real. `patectgan` conditions: a row begins
as the student would begin it, column by column from paid-for shares on, and teachers choose how it
goes on; a choice costs two votes, however many there are to choose from.

Unlike the paper: teachers are not trained against the generator but *mocked* by the student with
rows of its own (see `pupils`), which costs nothing; the price is that of every vote flipping, as zCDP
with Gaussian noise, not by what teachers said; labels are noisy shares and not noisy majorities.

What may not happen here: rows by any other way than the teachers' door; a student or a generator
that is given anything but invented rows and noisy votes; a decision by what was not paid for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from understudy.curator import Count, Curator
from understudy.curator.batches import require_rows
from understudy.curator.protocol import Encoded
from understudy.curator.teachers import STAGE, VotePlan, require_teachers, seated
from understudy.errors import InputError
from understudy.privacy.budget import Budget, NonPrivateBudget
from understudy.schema import Schema
from understudy.synthesize.model import Model
from understudy.synthesize.neural.codes import AutoregressiveCodes, NetworkArrays, calibrated
from understudy.synthesize.neural.engine import torch_module
from understudy.synthesize.neural.fitting import Fit, NetworkSettings, begin, rest
from understudy.synthesize.neural.judges import Judges, Poll
from understudy.synthesize.neural.pupils import Continuing, Weighing
from understudy.synthesize.neural.shape import begin as first_weights
from understudy.synthesize.neural.shape import shape_of
from understudy.synthesize.protocol import PRIVATE_ONLY, Progress, silent

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

COUNTING = "teachers"
"""The stage of a run that a check of the number of rows is paid from."""

LEAST_ROWS = 2
"""Rows for every teacher that was asked for in so many words."""

MOST_BY_RULE = 8_000

_COUNT_SHARE = 0.005
_MOCKED_ROWS = 8_000
_LEAST_EFFECTIVE = 0.005
_JUDGED = 0.6


def teachers_by_rule(rows: float, epsilon: float) -> int:
    """How many teachers: from the noisy number of rows and ε.

    Votes are drowned in less noise the more teachers there are, and teachers know more the more
    rows they have. So each gets about 3·√ε rows, no fewer than 3 and no more than 24; there are at
    least 10 teachers and at most 8,000.

    >>> [teachers_by_rule(24_000, epsilon) for epsilon in (0.1, 1.0, 10.0, 100.0)]
    [8000, 8000, 2667, 1000]
    >>> teachers_by_rule(12, 1.0)
    10
    """
    each = min(max(round(3.0 * math.sqrt(epsilon)), 3), 24)
    return int(min(max(round(rows / each), 10), MOST_BY_RULE))


@dataclass(frozen=True, kw_only=True)
class Voting:
    """What is asked of teachers: every number is a public constant.

    Parameters
    ----------
    teachers
        How many; None: by `teachers_by_rule`.
    batches, queries
        Batches of votes, and rows asked about in each (1 or more). More votes have more noise each.
    levels
        Most levels of a column that teachers tell apart, 2 to 64.
    sharpness
        How much agreement on something rare counts, 0 to 1.
    prior
        How many of its own rows a teacher sets paid-for shares against, above 0.
    mocks
        How often the student compares its own rows with real ones after the last vote, 0 or more.
    singles_part
        Part of their usual share of ρ that single columns get, in (0, 1].
    """

    teachers: int | None = None
    batches: int = 16
    queries: int = 50
    levels: int = 16
    sharpness: float = 0.7
    prior: float = 1.0
    mocks: int = 3
    singles_part: float = 0.35

    def __post_init__(self) -> None:
        if self.teachers is not None:
            require_teachers(self.teachers)
        for name in ("batches", "queries"):
            if not 1 <= getattr(self, name) <= 100_000:
                raise InputError(f"{name} must lie in 1 to 100,000", given=getattr(self, name))
        if not 2 <= self.levels <= 64:
            raise InputError("levels must lie in 2 to 64", levels=self.levels)
        if not 0 <= self.sharpness <= 1:
            raise InputError("sharpness must lie in 0 to 1", sharpness=self.sharpness)
        if not 0 < self.prior < 1e6:
            raise InputError("prior must be above 0", prior=self.prior)
        if not 0 <= self.mocks <= 100:
            raise InputError("mocks must lie in 0 to 100", mocks=self.mocks)
        if not 0 < self.singles_part <= 1:
            raise InputError("singles_part must lie in (0, 1]", singles_part=self.singles_part)


@dataclass(eq=False)
class _Asked:
    """Everything that was asked and answered: invented rows and noisy shares of votes."""

    codes: Ints
    columns: Ints
    told: Floats

    def joined(self, codes: Ints, columns: Ints, told: Floats) -> _Asked:
        """With one more batch."""
        return _Asked(
            codes=np.concatenate([self.codes, codes]),
            columns=np.concatenate([self.columns, columns]),
            told=np.concatenate([self.told, told]),
        )


@dataclass(frozen=True, kw_only=True)
class _Pate(NetworkSettings):
    """What both forms have in common.

    Parameters
    ----------
    votes
        What is asked of teachers.
    width, embedding
        Hidden units of each column's network in the generator (1 to 4,096), numbers per code.
    invented
        Rows that the student lets pass for the generator to learn from, 100 or more.
    epochs, batch, rate, decay
        Most passes over them, rows per step, Adam's largest step size, weight decay.
    """

    name: ClassVar[str] = ""
    privacy: ClassVar[tuple[str, ...]] = PRIVATE_ONLY
    conditional: ClassVar[bool] = False

    votes: Voting = field(default_factory=Voting)
    width: int = 48
    embedding: int = 6
    invented: int = 24_000
    epochs: int = 8
    batch: int = 256
    rate: float = 4e-3
    decay: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, most in (("width", 4_096), ("embedding", 256)):
            if not 1 <= getattr(self, name) <= most:
                raise InputError(f"{name} must lie in 1 to {most:,}", given=getattr(self, name))
        for name in ("epochs", "batch"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more", given=getattr(self, name))
        if not 100 <= self.invented <= 10_000_000:
            raise InputError("invented must lie in 100 to 10,000,000", invented=self.invented)
        if not 0 < self.rate < 10 or not 0 <= self.decay < 10:
            raise InputError(
                "rate must lie in (0, 10) and decay in [0, 10)", rate=self.rate, decay=self.decay
            )

    def fit(
        self,
        curator: Curator,
        schema: Schema,
        *,
        target: str | None = None,
        progress: Progress = silent,
    ) -> Model:
        """Learn columns, ask teachers, train the generator; see `Synthesizer.fit`.

        Raises
        ------
        InputError
            PyTorch or CUDA is absent, the rows cannot be had one by one, there are too few rows for
            the teachers asked for, or training broke down.
        BudgetExceeded
            Nothing is left for votes.
        """
        if isinstance(curator.budget, NonPrivateBudget):
            raise InputError(
                f"{self.name} has no form without privacy", hint="take gan, ctgan or argn"
            )
        torch_module()
        require_rows(curator, self.name)
        self._enough(curator, schema)
        choices = self.votes.levels if self.conditional else 1
        fit = begin(
            self,
            curator,
            schema,
            singles_part=self.votes.singles_part,
            affordable=lambda _budget: None,
            begun=partial(VotePlan.batches_in, queries=self.votes.queries, choices=choices),
            stage=STAGE,
            most_codes=self.votes.levels,
            most_numbers=self.votes.levels,
            progress=progress,
        )
        with fit.computing():
            codes = _Run(self, fit, choices, target, rest(progress)).codes()
        return fit.model(codes, target=target)

    def _enough(self, curator: Curator, schema: Schema) -> None:
        """Refuse more teachers than rows can feed, at the price of one noisy count at most."""
        asked = self.votes.teachers
        if asked is None:
            return
        if schema.rows is not None:
            require_teachers(asked, rows=schema.rows, least_rows=LEAST_ROWS)
            return
        budget: Budget = curator.budget
        if any(event.stage == COUNTING for event in budget.events):
            return
        sigma = curator.unit.count_l2 / math.sqrt(2.0 * _COUNT_SHARE * budget.rho)
        counted = float(curator.ask([Count(encodings=(), sigma=sigma, stage=COUNTING)])[0])
        require_teachers(asked, rows=counted, least_rows=LEAST_ROWS, sure=False)


class _Run:
    """One fit from the first vote to the generator."""

    def __init__(
        self, made: _Pate, fit: Fit, choices: int, target: str | None, progress: Progress
    ) -> None:
        self.made, self.fit, self.choices, self.progress = made, fit, choices, progress
        self.target = target
        self.shares = [item.shares for item in fit.items]
        votes, kept = made.votes, fit.kept
        prepared, unit = fit.prepared, fit.curator.unit
        self.teachers = votes.teachers or teachers_by_rule(
            prepared.rows, fit.curator.budget.epsilon
        )
        each = prepared.rows / self.teachers
        seats = math.ceil(each + 6.0 * math.sqrt(each * unit.max_rows)) + 3 * unit.max_rows
        self.plan = VotePlan(
            fit.curator,
            fit.encodings,
            teachers=self.teachers,
            seats=seats,
            batches=votes.batches,
            queries=votes.queries,
            choices=choices,
            sigma=None if kept is None else float(kept.facts["sigma"]),
            taken=VotePlan.batches_in(fit.curator.budget, votes.queries, choices),
        )
        wide = (0,) if choices == 1 else (0, choices)
        self.asked = _Asked(
            codes=np.zeros((0, len(self.shares)), dtype=np.int64),
            columns=np.zeros(0, dtype=np.int64),
            told=np.zeros(wide),
        )
        if kept is not None:
            self.asked = _Asked(
                **{name: kept.arrays[name] for name in ("codes", "columns", "told")}
            )
            fit.generator.bit_generator.state = kept.facts["generator"]
        self.keep = fit.keep(sigma=self.plan.sigma)

    def _judges(self) -> Judges:
        """Teachers, real or mocked, that know no row yet."""
        votes = self.made.votes
        return Judges(self.shares, sharpness=votes.sharpness, prior=votes.prior)

    def _student(self) -> Continuing | Weighing:
        """A student that knows nothing but single columns."""
        if self.made.conditional:
            return Continuing(self.shares)
        return Weighing(self.shares, self.made.invented, np.random.default_rng(0))

    @property
    def variance(self) -> float:
        """Of the noise of a share of votes: the added noise, and that teachers differ."""
        return (self.plan.sigma / self.teachers) ** 2 + 0.25 / self.teachers

    def codes(self) -> AutoregressiveCodes:
        """The generator, after votes and training."""
        student = self._voted()
        for turn in range(self.made.votes.mocks):
            self._mocked(student)
            self.progress(
                f"the student compares its rows: {turn + 1} of {self.made.votes.mocks}",
                _JUDGED * (0.7 + 0.3 * (turn + 1) / self.made.votes.mocks),
            )
        return self._generator(student.draw(self.made.invented, self.fit.generator))

    def _voted(self) -> Continuing | Weighing:
        """Ask batch after batch, each about rows that the student of the last would let pass."""
        plan, generator = self.plan, self.fit.generator
        student, judges = self._student(), self._judges()
        self._keep_state()
        if len(self.shares) < 2:
            return student
        self._learn(student)
        while plan.taken < plan.batches:
            codes = student.draw(plan.queries, generator)
            columns = self._columns()
            poll = Poll(
                codes=codes,
                columns=columns if self.made.conditional else None,
                thresholds=generator.random((self.teachers, plan.queries)),
            )
            told = plan.ask(judges, poll) / self.teachers
            self.asked = self.asked.joined(codes, columns, told)
            if plan.taken % 2 == 0 or plan.taken == plan.batches:
                self._learn(student)
            if plan.taken == plan.charged():
                self._keep_state()
            self.progress(
                f"votes of {self.teachers:,} teachers: batch {plan.taken:,} of {plan.batches:,}, "
                f"{plan.charged():,} paid for",
                _JUDGED * 0.7 * plan.taken / plan.batches,
            )
        return student

    def _keep_state(self) -> None:
        """Tell how far the votes are; what follows from them is computed again."""
        if self.keep is None:
            return
        state = {"taken": self.plan.taken, "generator": self.fit.generator.bit_generator.state}
        held = self.asked
        self.keep(state, {"codes": held.codes, "columns": held.columns, "told": held.told})

    def _columns(self) -> Ints:
        """Which column's versions are asked about: each in turn, the target more often."""
        count = len(self.shares)
        columns = self.fit.generator.integers(1, count, self.plan.queries)
        names = [item.name for item in self.fit.items]
        if self.target in names[1:]:
            often = self.fit.generator.random(self.plan.queries) < 0.1
            columns[often] = names.index(self.target)
        return np.asarray(columns, dtype=np.int64)

    def _learn(self, student: Continuing | Weighing) -> None:
        """Let the student learn from all votes so far."""
        held = self.asked
        if not len(held.codes):
            return
        if isinstance(student, Continuing):
            student.learn(held.codes, held.columns, held.told, self.variance)
        else:
            self._mocked(student)

    def _mocked(self, student: Continuing | Weighing) -> None:
        """Let the student correct itself by teachers whose rows it has drawn itself."""
        held, generator = self.asked, self.fit.generator
        if not len(held.codes):
            return
        prepared = self.fit.prepared
        each = max(prepared.rows / self.teachers, 1.0)
        count = max(2, round(_MOCKED_ROWS / each))
        rows = student.draw(round(count * each), generator)
        whose = generator.integers(0, count, len(rows))
        mocks = self._judges()
        mocks.meet(seated(Encoded(codes=rows), whose, count, len(rows)))
        poll = Poll(
            codes=held.codes,
            columns=held.columns if self.made.conditional else None,
            thresholds=generator.random((count, len(held.codes))),
        )
        said = mocks.votes(poll)
        variance = self.variance + 0.25 / count
        if isinstance(student, Weighing):
            student.learn(held.codes, held.told, said.mean(axis=0), variance)
            if student.effective < _LEAST_EFFECTIVE:
                raise InputError(
                    "the invented rows have collapsed onto a few",
                    hint="ask for fewer batches or a larger epsilon, or take patectgan",
                )
            return
        told = held.told.copy()
        for column in np.unique(held.columns):
            own = np.flatnonzero(held.columns == column)
            size = len(self.shares[column])
            chosen = said[:, own]
            counts = np.stack([(chosen == code).mean(axis=0) for code in range(size)], axis=1)
            told[own, :size] += student.shares_of(held.codes[own], int(column)) - counts
        student.learn(held.codes, held.columns, told, variance)

    def _generator(self, rows: Ints) -> AutoregressiveCodes:
        """A network trained on the rows that the student lets pass; it has seen no other."""
        from understudy.synthesize.neural.network import Network, OpenNetwork
        from understudy.synthesize.neural.training import train_open

        made, fit = self.made, self.fit
        shape = shape_of(fit.items, width=made.width, embedding=made.embedding)
        first = torch_module().from_numpy(first_weights(shape, fit.items, fit.generator))
        network = Network(shape, first.to(fit.device))
        done = train_open(
            OpenNetwork(network, 0.8),
            rows,
            epochs=made.epochs,
            batch=made.batch,
            rate=made.rate,
            decay=made.decay,
            patience=made.epochs,
            generator=fit.generator,
            progress=lambda text, part: self.progress(
                f"the generator: {text}", _JUDGED + (1.0 - _JUDGED) * part
            ),
        )
        order = tuple(range(shape.count))
        shares = {item.name: item.shares for item in fit.items}
        return AutoregressiveCodes(
            arrays=calibrated(NetworkArrays(shape=shape, flat=done.flat), order, shares),
            order=order,
            classes=fit.merged,
            within=fit.within(),
            facts={
                "teachers": self.teachers,
                "votes": self.plan.batches * self.plan.queries,
                "noise": self.plan.sigma,
                "parameters": len(done.flat),
            },
        )


@dataclass(frozen=True, kw_only=True)
class PateGan(_Pate):
    """A generator that learns from teachers who say whether a row looks real.

    Parameters
    ----------
    votes, width, embedding, invented, epochs, batch, rate, decay
        See `_Pate`; all are public constants.
    microbatch, device, cores, checkpoint
        As for every network.

    Guarantees
    ----------
    (ε, δ) of the budget: columns as everywhere, then m yes-or-no votes at ρ = m / 2σ²; see
    `curator.teachers.VotePlan`. The student and the generator see invented rows alone.

    >>> PateGan().privacy
    ('private',)
    """

    name: ClassVar[str] = "pategan"


@dataclass(frozen=True, kw_only=True)
class PateCtGan(_Pate):
    """A generator that learns from teachers who choose how a row goes on.

    Parameters
    ----------
    votes, width, embedding, invented, epochs, batch, rate, decay
        See `_Pate`; all are public constants.
    microbatch, device, cores, checkpoint
        As for every network.

    Guarantees
    ----------
    (ε, δ) of the budget: columns as everywhere, then m choices at ρ = m / σ²; see
    `curator.teachers.VotePlan`. Conditions are invented rows, which begin at paid-for shares.

    >>> PateCtGan(votes=Voting(teachers=500)).votes.teachers
    500
    """

    name: ClassVar[str] = "patectgan"
    conditional: ClassVar[bool] = True


__all__ = ["PateCtGan", "PateGan", "Voting", "teachers_by_rule"]
