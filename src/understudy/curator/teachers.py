"""The door for teachers: many small learners vote, and noisy sums of their votes are all that leaves.

Every unit belongs to one of a fixed number of teachers (PATE: Papernot et al. 2017,
arXiv:1610.05755). Who belongs where is drawn by the operating system's entropy, unit by unit, once;
neither content nor order of rows enters. A teacher learns from its own rows and from what is public
already. Asked about a batch of invented rows, every teacher votes yes or no on each, or chooses one of its
versions; the votes are added up, discrete Gaussian noise is added to the sums, and the event of the batch is in the ledger
before the teachers are asked.

What may not happen here: a vote that leaves by itself, a sum without noise, a price that depends on
how teachers voted, a number of teachers, batches or queries that was read from the rows, a teacher
that is kept when the assignment is drawn again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from understudy.curator.batches import require_rows
from understudy.curator.encodings import Encoding
from understudy.curator.protocol import Curator, Encoded
from understudy.errors import BudgetExceeded, InputError, InternalError
from understudy.privacy.budget import Budget, NonPrivateBudget
from understudy.privacy.events import Gaussian
from understudy.privacy.unit import Relation

Codes: TypeAlias = npt.NDArray[np.integer[Any]]
Ints: TypeAlias = npt.NDArray[np.int64]
Votes: TypeAlias = npt.NDArray[np.bool_]
Choices: TypeAlias = npt.NDArray[np.integer[Any]]

STAGE = "votes"
"""The stage of a run that votes are paid from."""

BLOCK = 8
"""Batches that are charged together, before the first of them."""

MOST_TEACHERS = 100_000

_WIDEST = 1e9


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Classroom:
    """Rows and whose they are: sensitive, given to teachers and to nobody else.

    Parameters
    ----------
    codes
        Shape `(teachers, seats, columns)`; what stands on an empty seat is zero.
    taken
        Whether a seat is taken, shape `(teachers, seats)`. The shapes are public constants.
    """

    codes: Codes
    taken: Votes

    def __repr__(self) -> str:
        return "Classroom(...)"


class Ensemble(Protocol):
    """Teachers that learn and vote; they see rows and must keep them to themselves.

    What a teacher votes may depend on its own rows, on the queries, on earlier noisy answers and on
    public constants. It may not depend on another teacher's rows in any way: no shared parameter,
    optimiser, normalisation or vocabulary that comes from rows, no early stop, and no arithmetic
    whose rounding depends on another teacher.
    """

    def meet(self, room: Classroom) -> None:
        """Take the rows; called once, before the first votes."""
        ...

    def votes(self, queries: Any) -> Votes | Choices:
        """What every teacher says to every query, shape `(teachers, queries)`.

        Yes or no; or, where there is something to choose from, the number of the choice.
        """
        ...


def touched(relation: Relation) -> int:
    """Teachers whose rows differ between neighbouring tables.

    One when a unit is added or removed; two when a unit is exchanged for another, which may belong
    elsewhere.
    """
    return 1 if relation is Relation.ADD_REMOVE else 2


def prices(queries: int, choices: int = 1) -> int:
    """Squared L2 distance by which one teacher that changes its mind moves the sums of a batch.

    A yes that becomes a no moves one sum by one. A choice that becomes another takes one vote from
    a sum and gives it to another: two, however many there are to choose from.

    >>> prices(50), prices(50, 16)
    (50, 100)
    """
    return queries * (1 if choices == 1 else 2)


def vote_sensitivity(votes: int, relation: Relation = Relation.ADD_REMOVE) -> float:
    """L2 sensitivity of so many sums of votes together.

    A teacher whose rows change may change its mind about *every* query, so with T teachers touched
    each sum moves by at most T and a vector of m sums by at most T·√m; not by T.

    >>> vote_sensitivity(64), vote_sensitivity(64, Relation.REPLACE_ONE)
    (8.0, 16.0)
    """
    return touched(relation) * math.sqrt(votes)


def vote_sigma(rho: float, votes: int, relation: Relation = Relation.ADD_REMOVE) -> float:
    """Noise, in votes, at which all votes of a run together cost ρ: T·√(m / 2ρ).

    >>> round(vote_sigma(0.5, 400), 3)
    20.0
    """
    return math.nextafter(vote_sensitivity(votes, relation) / math.sqrt(2.0 * rho), math.inf)


def require_teachers(
    teachers: int, *, rows: float | None = None, least_rows: int = 1, sure: bool = True
) -> None:
    """Refuse a number of teachers that cannot be, or that so many rows cannot feed.

    Parameters
    ----------
    teachers
        How many are asked for.
    rows
        Number of rows: declared public, or counted with noise; None when not known yet.
    least_rows
        Rows that each needs, 1 or more.
    sure
        Whether the number of rows is declared; otherwise it was paid for.

    Raises
    ------
    InputError
        Fewer than two teachers, more than 100,000, or too few rows for them.
    """
    if not 2 <= teachers <= MOST_TEACHERS:
        raise InputError(
            "the number of teachers must lie in 2 to 100,000",
            hint="with one teacher there is nobody to hide among",
            teachers=teachers,
        )
    if rows is not None and rows < teachers * least_rows:
        known = "declared" if sure else "a noisy count says"
        raise InputError(
            f"there are too few rows for so many teachers: {known} about {max(rows, 0):,.0f}, and "
            f"{teachers:,} teachers need {teachers * least_rows:,}",
            hint="ask for fewer teachers, or leave their number to the rule",
            teachers=teachers,
            rows_each=least_rows,
        )


class VotePlan:
    """Batches of votes over sensitive rows, each charged before it is taken.

    Parameters
    ----------
    curator
        Holds rows, unit and budget.
    encodings
        One per column wanted.
    teachers
        How many, 2 to 100,000; from public or paid-for numbers.
    seats
        Most rows of one teacher that are used, 1 or more; a constant, so that the shape of what
        teachers compute on says nothing. A unit's rows are all with one teacher.
    batches
        How many batches of votes there will be, 1 or more; a public constant.
    queries
        How many queries a batch has, 1 or more; a public constant.
    choices
        1: teachers say yes or no. More: each chooses one of so many, the same number for all
        queries, so that nothing but the vote moves.
    sigma
        Noise of every sum in votes; by default all that is left of ρ goes to the votes.
    taken
        Batches already charged to this budget in an earlier process.

    Raises
    ------
    InputError
        A setting out of range, a budget without privacy, or rows that cannot be had one by one.
    BudgetExceeded
        Nothing is left to pay votes with.

    Guarantees
    ----------
    ρ = T²·batches·prices / (2σ²) zCDP together, T = 1 for adding or removing a unit. Proof: fix who
    belongs to which teacher; the draw does not depend on rows, and a mixture of the same draws on
    both sides diverges no more than its worst part (Rényi divergence is quasi-convex). A unit's
    rows are with one teacher. Given earlier answers, only that teacher's line of the vote matrix
    can change, by at most one vote in every column, so the sums of a batch of m queries move by at
    most √m in L2, and by √2m where a choice moves from one sum to another (`prices`,
    `vote_sensitivity`). The discrete Gaussian then costs m/(2σ²), or m/σ² (Canonne, Kamath &
    Steinke 2020, arXiv:2004.00010, Theorem 14), and batches, whose queries may depend on earlier
    answers, add up (Bun & Steinke 2016, arXiv:1605.02065, Lemma 2.3). How teachers voted does not
    enter: the price is known beforehand. After an interruption the assignment is drawn anew and
    teachers begin anew, so a unit is with one teacher again.
    """

    def __init__(
        self,
        curator: Curator,
        encodings: Sequence[Encoding],
        *,
        teachers: int,
        seats: int,
        batches: int,
        queries: int,
        choices: int = 1,
        sigma: float | None = None,
        taken: int = 0,
    ) -> None:
        require_teachers(teachers)
        if seats < 1:
            raise InputError("a teacher needs a seat or more for rows", seats=seats)
        if min(batches, queries, choices) < 1 or not 0 <= taken <= batches:
            raise InputError(
                "there must be 1 batch of 1 query or more", batches=batches, queries=queries
            )
        require_rows(curator, "learning from teachers")
        if isinstance(curator.budget, NonPrivateBudget):
            raise InputError("a run without privacy has no noisy votes")
        self.relation = curator.unit.relation
        if sigma is None:
            left = curator.budget.remaining_rho * (1.0 - 1e-9)
            votes = batches * prices(queries, choices)
            sigma = vote_sigma(left, votes, self.relation) if left > 0 else math.inf
        if not 0 < sigma <= _WIDEST:
            raise BudgetExceeded(
                "too little of the privacy budget is left for votes",
                hint="ask for a larger epsilon, or for fewer votes",
                votes=batches * queries,
            )
        self.teachers, self.seats = teachers, seats
        self.batches, self.queries, self.sigma = batches, queries, float(sigma)
        self.choices = choices
        self.taken = taken
        self._charged = taken
        self._curator, self._encodings = curator, tuple(encodings)
        self._met: Ensemble | None = None

    def ask(self, ensemble: Ensemble, queries: Any) -> npt.NDArray[np.float64]:
        """How many teachers say yes to each query of a batch, with noise.

        Parameters
        ----------
        ensemble
            The teachers; the same object for the whole run.
        queries
            What they are asked about, known to the public: `queries` invented rows.

        Returns
        -------
        numpy.ndarray of float64
            Shape `(queries,)`, or `(queries, choices)`; whole numbers, some of which may be
            negative or above the number of teachers.

        Raises
        ------
        InputError
            Every batch that was planned has been taken.
        InternalError
            Votes of another shape or kind, or other teachers than before.
        BudgetError, LedgerError
            The batches ahead could not be charged; nobody was asked.
        """
        if self.taken >= self.batches:
            raise InputError("every planned batch has been taken", batches=self.batches)
        if self._met is not None and self._met is not ensemble:
            raise InternalError("a run has one set of teachers from its beginning to its end")
        if self.taken >= self._charged:
            self._charge()
        self.taken += 1
        if self._met is None:
            self._met = ensemble
            ensemble.meet(self._classroom())
        votes = np.asarray(ensemble.votes(queries))
        fits = votes.shape == (self.teachers, self.queries)
        if self.choices == 1:
            sound = fits and votes.dtype == np.bool_
        else:
            chosen: Any = votes
            sound = fits and votes.dtype.kind in "iu"
            sound = sound and bool(((chosen >= 0) & (chosen < self.choices)).all())
        if not sound:
            raise InternalError("every teacher votes on every query, once: yes or no, or a choice")
        return self._curator.noisy_votes(votes, self.sigma, self.choices).astype(np.float64)

    def charged(self) -> int:
        """Batches that are in the ledger, taken or about to be."""
        return self._charged

    @staticmethod
    def batches_in(budget: Budget, queries: int, choices: int = 1) -> int:
        """Batches of so many queries that a budget has paid for, taken or lost."""
        many = touched(budget.unit.relation) ** 2 * prices(queries, choices)
        paid = [event for event in budget.events if event.stage == STAGE]
        return sum(
            round(event.sensitivity**2 / many) for event in paid if isinstance(event, Gaussian)
        )

    def _charge(self) -> None:
        """Write the next batches into the ledger; only then may teachers be asked."""
        count = min(BLOCK, self.batches - self._charged)
        self._curator.budget.charge(
            Gaussian(
                label=f"{count} batches of {self.queries} votes of {self.teachers} teachers",
                stage=STAGE,
                columns=tuple(encoding.column for encoding in self._encodings),
                relation=self.relation,
                sigma=self.sigma,
                sensitivity=vote_sensitivity(
                    count * prices(self.queries, self.choices), self.relation
                ),
            )
        )
        self._charged += count

    def _classroom(self) -> Classroom:
        """Every row on a seat of its unit's teacher (sensitive)."""
        held = self._curator.encoded(self._encodings)
        whose = np.asarray(self._curator.teachers_of(held, self.teachers), dtype=np.int64)
        if held.units is not None:
            whose = whose[held.units]
        if whose.shape != (len(held.codes),):
            raise InternalError("every unit has one teacher")
        return seated(held, whose, self.teachers, self.seats)


def sums_of(votes: npt.NDArray[Any], choices: int = 1) -> Ints:
    """How many teachers say yes to each query, or choose each of its choices.

    >>> sums_of(np.array([[2, 0], [2, 1]]), 3).tolist()
    [[0, 0, 2], [1, 1, 0]]
    """
    if choices == 1:
        return np.asarray(votes.sum(axis=0, dtype=np.int64))
    counts = [np.bincount(votes[:, place], minlength=choices) for place in range(votes.shape[1])]
    return np.asarray(counts, dtype=np.int64).reshape(votes.shape[1], choices)


def seated(held: Encoded, whose: Ints, teachers: int, seats: int) -> Classroom:
    """Rows by teacher, in the order they come, on a fixed number of seats each.

    Rows for which a teacher has no seat are left out: which ones depends on that teacher's own rows.
    """
    order = np.argsort(whose, kind="stable")
    sorted_whose = whose[order]
    place = np.arange(len(order)) - np.searchsorted(sorted_whose, sorted_whose)
    fits = place < seats
    order, place, sorted_whose = order[fits], place[fits], sorted_whose[fits]
    columns = held.codes.shape[1]
    codes = np.zeros((teachers, seats, columns), dtype=held.codes.dtype)
    taken = np.zeros((teachers, seats), dtype=bool)
    codes[sorted_whose, place] = held.codes[order]
    taken[sorted_whose, place] = True
    return Classroom(codes=codes, taken=taken)
