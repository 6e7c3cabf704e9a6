"""The door: the one way to learn anything from sensitive rows.

A curator holds rows somewhere, a budget and a ledger. It turns every question into an event,
charges the event (the ledger commits before the answer exists), computes the exact answer and
lets only the noisy one out. Whatever holds rows differently (a database, a cluster, several
organisations) implements `exact`, or `exact_all` where one pass can answer many questions, and
inherits the rest.

What may not happen here: an answer that was not charged, a charge after the answer, an exact
answer that leaves `Curator.ask`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from understudy.curator.encodings import Encoding
from understudy.curator.questions import (
    Answer,
    Choose,
    Count,
    Discover,
    Distinct,
    Found,
    Question,
)
from understudy.errors import InputError, InternalError, UnderstudyError
from understudy.privacy.budget import Budget
from understudy.privacy.events import Event, Exponential, Gaussian, PartitionSelection
from understudy.privacy.unit import Unit
from understudy.source import Header


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Exact answer to `Discover`, before noise: every label that occurs and its count."""

    labels: tuple[str | None, ...]
    counts: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Encoded:
    """Codes of all rows, and whose they are: sensitive, for `batches` alone.

    Parameters
    ----------
    codes
        Shape `(rows, columns)`.
    units, unit_count
        Number of the unit of each row, and how many units there are; None: every row is one.
    """

    codes: np.ndarray
    units: np.ndarray | None = None
    unit_count: int = 0


class Release(Protocol):
    """Turns an exact answer into the one that may leave; replay puts its own in this place."""

    def __call__(self, question: Question, exact: Any, unit: Unit) -> Answer:
        """The noisy answer."""
        ...


def event_of(question: Question, unit: Unit) -> Event:
    """The privacy event of a question, from public facts alone."""
    shared: dict[str, Any] = {
        "stage": question.stage,
        "columns": question.columns,
        "relation": unit.relation,
    }
    match question:
        case Count(columns=columns):
            label = "count of " + (" × ".join(columns) if columns else "rows")
            return Gaussian(label=label, sigma=question.sigma, sensitivity=unit.count_l2, **shared)
        case Distinct(column=column):
            label = f"distinct cells of {column}"
            return Gaussian(label=label, sigma=question.sigma, sensitivity=unit.count_l2, **shared)
        case Discover(column=column):
            return PartitionSelection(
                label=f"labels of {column}",
                sigma=question.sigma,
                sensitivity=unit.count_l2,
                failure=question.delta,
                **shared,
            )
        case Choose(candidates=candidates):
            label = f"choice of 1 pair from {len(candidates)}"
            return Exponential(label=label, epsilon=question.epsilon, **shared)
    raise InternalError("unknown question", kind=type(question).__name__)


def add_noise(question: Question, exact: Any, unit: Unit) -> Answer:
    """The real release: discrete Gaussian noise, thresholds, the exponential mechanism."""
    from understudy.privacy import mechanisms

    match question:
        case Count():
            noisy = mechanisms.discrete_gaussian(np.asarray(exact).ravel(), question.sigma)
            return noisy.reshape(question.shape).astype(float)
        case Distinct():
            return float(mechanisms.discrete_gaussian(np.array([exact]), question.sigma)[0])
        case Discover():
            return _discover(question, exact, unit)
        case Choose():
            return mechanisms.exponential_choice(exact, unit.count_l1, question.epsilon)
    raise InternalError("unknown question", kind=type(question).__name__)


def _discover(question: Discover, tally: Tally, unit: Unit) -> Found:
    """Noise on every label that occurs and on the known ones; the others face the threshold."""
    from understudy.privacy import mechanisms

    known = set(question.known)
    exact = dict(zip(tally.labels, tally.counts.tolist(), strict=True))
    unknown = sorted((label for label in exact if label not in known), key=str)
    labels = [*question.known, *unknown]
    counts = np.array([exact.get(label, 0) for label in labels], dtype=np.int64)
    noisy = mechanisms.discrete_gaussian(counts, question.sigma)
    threshold = mechanisms.partition_threshold(
        question.sigma, question.delta, unit.max_rows, unit.max_rows
    )
    keep = noisy >= threshold
    keep[: len(question.known)] = True
    found = tuple(label for label, kept in zip(labels, keep, strict=True) if kept)
    return Found(labels=found, counts=noisy[keep].astype(float), threshold=float(threshold))


class Curator(ABC):
    """Holds sensitive rows and answers questions about them, each at its price.

    Parameters
    ----------
    budget
        The filter of this run; refuses before anything is computed.
    unit
        Who is protected, and how many rows one unit may contribute: the budget's own unit,
        which it is by default.
    release
        What turns exact answers into noisy ones. Only record/replay passes another.

    Raises
    ------
    InputError
        The budget promises protection to another unit.
    """

    headers: tuple[Header, ...]
    gives_rows: bool = False
    """Whether `encoded` can be had: rows in memory, not in a stream or a database."""

    def __init__(
        self, *, budget: Budget, unit: Unit | None = None, release: Release = add_noise
    ) -> None:
        if unit is not None and unit != budget.unit:
            raise InputError(
                "the budget protects another unit than the curator",
                hint="give the budget the unit, and leave it out here",
                budget=budget.unit.statement,
                curator=unit.statement,
            )
        self.budget = budget
        self.unit = budget.unit
        self._release = release

    @abstractmethod
    def exact(self, question: Question) -> Any:
        """The answer without noise. Sensitive: called by `ask` and by nothing else."""

    def exact_all(self, questions: Sequence[Question]) -> list[Any]:
        """Answers without noise, in order: one question after the other, unless overridden.

        A curator whose rows are far away overrides this to answer a whole batch in one pass.
        Sensitive, as `exact` is.
        """
        return [self.exact(question) for question in questions]

    def encoded(self, encodings: Sequence[Encoding]) -> Encoded:
        """Codes of every row. Sensitive: called by `batches`, which charges, and by nothing else.

        Raises
        ------
        InternalError
            The rows of this place cannot be had one by one (`gives_rows`).
        """
        raise InternalError("this place gives no rows")

    def coins(self, size: int, probability: float) -> np.ndarray:
        """A coin for every unit, for `batches`; only record/replay draws them otherwise."""
        from understudy.privacy import mechanisms

        return mechanisms.coins(size, probability)

    def noisy_sum(self, total: np.ndarray, clip: float, multiplier: float) -> np.ndarray:
        """A sum of clipped gradients with its noise, for `batches`; replay puts its own here."""
        from understudy.privacy import mechanisms

        return mechanisms.gaussian_sum(total, clip, multiplier)

    def teachers_of(self, held: Encoded, count: int) -> np.ndarray:
        """A teacher for every unit, for `teachers`; only record/replay draws them otherwise."""
        from understudy.privacy import mechanisms

        size = len(held.codes) if held.units is None else held.unit_count
        return mechanisms.places(size, count)

    def noisy_votes(self, votes: np.ndarray, sigma: float, choices: int = 1) -> np.ndarray:
        """Sums of votes `(teachers, queries)` with noise, for `teachers`; replay watches here."""
        from understudy.curator.teachers import sums_of
        from understudy.privacy import mechanisms

        return mechanisms.discrete_gaussian(sums_of(votes, choices), sigma)

    def ask(self, questions: Sequence[Question]) -> list[Any]:
        """Answer questions, all charged together before the first is answered.

        Raises
        ------
        BudgetExceeded, PolicyRefused
            Nothing was computed and nothing charged.
        InternalError
            An answer could not be computed; what failed is named, what it said is not, for it
            may hold a cell. The charge stays.
        """
        if not questions:
            return []
        events = [event_of(question, self.unit) for question in questions]
        self.budget.charge_all(events)
        exact, failure = self._counted(questions)
        if failure is not None:
            what = events[0].label if len(events) == 1 else f"{len(events)} questions together"
            raise InternalError("a question could not be answered", event=what, failure=failure)
        return [
            self._release(question, answer, self.unit)
            for question, answer in zip(questions, exact, strict=True)
        ]

    def _counted(self, questions: Sequence[Question]) -> tuple[list[Any], str | None]:
        """The exact answers, or the kind of error they met: the error's text may hold a cell."""
        try:
            return self.exact_all(questions), None
        except UnderstudyError:
            raise
        except Exception as failure:  # noqa: BLE001  the door: no foreign message may pass
            return [], type(failure).__name__
