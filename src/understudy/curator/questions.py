"""What may be asked of sensitive rows, and what each question costs.

A question is a frozen public value: the curator turns it into an event, charges the event and
only then answers. Questions carry their own noise, so that what a question costs can be read
from the question alone; nothing here touches data.

=============  ===========================================================  ==================
question       exact answer                                                 cost
=============  ===========================================================  ==================
`Count`        histogram over the product of some encodings                 ρ = M² / 2σ²
`Discover`     labels of a column whose noisy count clears a threshold      ρ = M² / 2σ², and δ
`Distinct`     number of distinct cells in a column                         ρ = M² / 2σ²
`Choose`       the pair of columns that departs most from independence      ρ = ε² / 8
=============  ===========================================================  ==================

M is the number of rows one unit may contribute.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from understudy.curator.encodings import Encoding, encoding_fingerprint, fingerprint
from understudy.errors import InternalError


@dataclass(frozen=True, kw_only=True)
class Count:
    """Noisy counts of rows in every cell of a product of encodings.

    `encodings=()` asks for the number of rows. One row lies in one cell, so adding or removing
    a unit of at most M rows moves the vector by at most M in L1 and so in L2. The answer has
    one discrete Gaussian of scale `sigma` on every cell, occupied or not.
    """

    encodings: tuple[Encoding, ...]
    sigma: float
    stage: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the answer."""
        return tuple(encoding.size for encoding in self.encodings)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns the answer speaks of."""
        return tuple(encoding.column for encoding in self.encodings)


@dataclass(frozen=True, kw_only=True)
class Discover:
    """Labels of a column found by private partition selection, with their noisy counts.

    Labels in `known` are always answered. Any other label is answered when its noisy count
    reaches a threshold so high that a label held by one unit alone appears with probability at
    most `delta`. `among` says which cells count: every cell (`values`), only cells a number
    reading cannot read and no mark covers (`unreadable`), or the cells' patterns (`patterns`).
    """

    column: str
    sigma: float
    delta: float
    stage: str
    known: tuple[str | None, ...] = ()
    among: Literal["values", "unreadable", "patterns"] = "values"
    excluding: Encoding | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns the answer speaks of."""
        return (self.column,)


@dataclass(frozen=True, kw_only=True)
class Found:
    """Answer to `Discover`: labels (the known ones first) and their noisy counts."""

    labels: tuple[str | None, ...]
    counts: np.ndarray
    threshold: float


@dataclass(frozen=True, kw_only=True)
class Distinct:
    """Noisy number of distinct cells of a column; a unit of M rows moves it by at most M."""

    column: str
    sigma: float
    stage: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns the answer speaks of."""
        return (self.column,)


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """One clique on offer: its encodings, the counts a model expects, what it is worth.

    Score: `weight · (‖exact counts − expected‖₁ − penalty)`. Expected counts, weight and
    penalty are public, so one row moves the score by at most `weight`.
    """

    encodings: tuple[Encoding, ...]
    expected: np.ndarray
    penalty: float = 0.0
    weight: float = 1.0
    key: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not (np.isfinite(self.expected).all() and 0 < self.weight <= 1):
            raise InternalError("a candidate needs finite expectations and a weight in (0, 1]")
        names = tuple(encoding_fingerprint(encoding) for encoding in self.encodings)
        parts = (names, np.asarray(self.expected, float), self.penalty, self.weight)
        object.__setattr__(self, "key", fingerprint(parts))


@dataclass(frozen=True, kw_only=True)
class Choose:
    """Index of a high-scoring candidate by the exponential mechanism.

    P(i) ∝ exp(ε · score_i / (2 M)), with weights at most one, so that M bounds the sensitivity
    of every score. Bounded range gives ρ = ε²/8.
    """

    candidates: tuple[Candidate, ...]
    epsilon: float
    stage: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns the answer speaks of."""
        return ()

    def fingerprint(self) -> str:
        """Public identity of the question, for replay."""
        return fingerprint((tuple(c.key for c in self.candidates), self.epsilon, self.stage))


Question: TypeAlias = "Count | Discover | Distinct | Choose"
Answer: TypeAlias = "np.ndarray | Found | float | int"


def identity(question: Question) -> str:
    """Public identity of any question, equal for equal questions."""
    return question.fingerprint() if isinstance(question, Choose) else fingerprint(question)
