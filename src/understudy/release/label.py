"""The privacy label of a release: what was promised, to whom, and what every charge cost.

The fields follow NIST SP 800-226. What may not happen here: a number computed on rows. The only
arithmetic is the textbook reading of (epsilon, delta) as a bound on an attacker.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Self

from pydantic import Field, model_validator

from understudy.release.value import Share, Value

_GAP = "\u00a0"


class Charge(Value):
    """One event of the ledger: which question was paid for, by which mechanism, at what noise."""

    label: str
    stage: str
    mechanism: str
    columns: tuple[str, ...] = ()
    rho: float | None = None
    epsilon: float | None = None
    delta: float = 0.0
    scale: float | None = None
    count: int = Field(default=1, ge=1)


class Stage(Value):
    """A part of the run with its planned and its spent share of the budget (0 to 1)."""

    name: str
    planned: Share
    spent: Share
    note: str | None = None


class DeltaPart(Value):
    """A part of delta and what it pays for."""

    name: str
    delta: float


class Mechanism(Value):
    """A noise mechanism, where it was used and how often."""

    name: str
    used_for: str
    charges: int = Field(ge=0)
    reference: str | None = None


class EarlierRelease(Value):
    """A release of the same asset that the ledger remembers."""

    run: str
    created: dt.datetime | None = None
    epsilon: float
    delta: float
    who: str | None = None


class Cumulative(Value):
    """What all releases of one asset have spent together, this one included, and the limit."""

    asset: str
    epsilon: float
    delta: float
    limit_epsilon: float | None = None
    limit_delta: float | None = None
    earlier: tuple[EarlierRelease, ...] = ()


class Caught(Value):
    """At this share of false alarms, at most this share of members is recognised."""

    false_positives: Share
    caught: Share


def caught_at_most(epsilon: float, delta: float, false_positives: float) -> float:
    """Bound the true-positive rate of any membership attack.

    Parameters
    ----------
    epsilon, delta
        The guarantee; epsilon may be infinite.
    false_positives
        Share of non-members that the attacker wrongly accuses, 0 to 1.

    Returns
    -------
    The largest true-positive rate, 0 to 1.

    References
    ----------
    Kairouz, Oh and Viswanath 2015, theorem 2.1: both lines of the (epsilon, delta) region.

    >>> round(caught_at_most(1.0, 1e-6, 0.01), 4)
    0.0272
    >>> caught_at_most(math.inf, 0.0, 0.01)
    1.0
    """
    if math.isinf(epsilon) or delta >= 1:
        return 1.0
    steep = math.exp(min(epsilon, 700.0)) * false_positives + delta
    flat = 1.0 - math.exp(-epsilon) * (1.0 - delta - false_positives)
    return max(0.0, min(1.0, steep, flat))


class AttackBound(Value):
    """(epsilon, delta) read as a bound on any attacker, in words and as a curve."""

    sentence: str
    caught: tuple[Caught, ...]
    curve: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, epsilon: float, delta: float) -> Self:
        r"""State the bound for (epsilon, delta): a sentence, a small table and the curve.

        >>> AttackBound.of(1.0, 1e-6).sentence.split(":")[0]
        'At 1\xa0% false positives'
        >>> AttackBound.of(math.inf, 0.0).sentence.split(".")[0]
        'No bound'
        """
        rates = (0.001, 0.01, 0.05, 0.1)
        table = tuple(
            Caught(false_positives=rate, caught=caught_at_most(epsilon, delta, rate))
            for rate in rates
        )
        grid = sorted({0.0, 1.0, *_corner(epsilon, delta)})
        curve = tuple((rate, caught_at_most(epsilon, delta, rate)) for rate in grid)
        return cls(sentence=_sentence(epsilon, delta), caught=table, curve=curve)


def _corner(epsilon: float, delta: float) -> tuple[float, ...]:
    """Where the two lines of the region meet, so that the drawn curve has its corner."""
    if math.isinf(epsilon):
        return ()
    return (max(0.0, min(1.0, (1.0 - delta) / (1.0 + math.exp(min(epsilon, 700.0))))),)


def _sentence(epsilon: float, delta: float) -> str:
    """Say what an attacker can reach at 1 % false positives."""
    if math.isinf(epsilon):
        return (
            "No bound. This release was made without differential privacy: nothing limits what "
            "an attacker can learn about one member."
        )
    caught = caught_at_most(epsilon, delta, 0.01)
    percent = f"{100 * caught:.2g}" if caught < 0.995 else f"{100 * caught:.4g}"
    tail = (
        ": close to no protection against the strongest attacker"
        if caught > 0.9
        else f", where guessing alone gives 1{_GAP}%"
    )
    return (
        f"At 1{_GAP}% false positives: whoever tries to tell whether one particular member was in the "
        f"data, with any side knowledge and any amount of computing, recognises at most "
        f"{percent}{_GAP}% of the members{tail}."
    )


class DpLabel(Value):
    """The statement of differential privacy of one release, complete enough to be checked.

    `epsilon` and `delta` are what the release claims; `epsilon_spent` is what the accountant
    found for the charges that were made and may not be larger.
    """

    definition: str
    unit: str
    unit_column: str | None = None
    max_rows_per_unit: int = Field(default=1, ge=1)
    neighbours: str
    epsilon: float = Field(gt=0)
    delta: float = Field(ge=0, lt=1)
    epsilon_spent: float = Field(ge=0)
    rho: float | None = None
    rho_spent: float | None = None
    delta_split: tuple[DeltaPart, ...] = ()
    mechanisms: tuple[Mechanism, ...] = ()
    stages: tuple[Stage, ...] = ()
    charges: tuple[Charge, ...] = ()
    accountant: str
    trust_model: str
    randomness: str
    bound: AttackBound
    cumulative: Cumulative | None = None

    @property
    def is_private(self) -> bool:
        """Whether there is any bound at all."""
        return not math.isinf(self.epsilon)

    @model_validator(mode="after")
    def _spent_within_claim(self) -> Self:
        """Refuse a label that claims less than was spent."""
        if self.epsilon_spent > self.epsilon * (1 + 1e-9):
            raise ValueError("a label may not claim a smaller epsilon than was spent")
        return self
