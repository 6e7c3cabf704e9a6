"""Public evidence: numbers that were paid for, declared public, or read off the container.

What may not happen here: a field for a figure computed on real rows without charge. There is no
such field, unknown fields are refused, and this module knows nothing of the internal type.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal, Self

from pydantic import Field, model_validator

from understudy.release.audited import StatedAudit
from understudy.release.label import DpLabel
from understudy.release.value import Plain, Share, Value, Verdict

PUBLIC_SCHEMA_VERSION: Literal[1] = 1

FactName = Literal[
    "kind",
    "minimum",
    "maximum",
    "decimals",
    "width",
    "categories",
    "rest category",
    "ordered",
    "null share",
    "null marks",
    "format",
    "zone",
    "true",
    "false",
    "bins",
    "row count",
]
"""The facts about a column that a release may state."""


class Software(Value):
    """A program that took part, with its version."""

    name: str
    version: str


class Setting(Value):
    """A setting of the synthesizer, as chosen by a person or by default."""

    name: str
    value: Plain


class SynthesizerFacts(Value):
    """Which synthesizer made the release, with its settings."""

    name: str
    title: str | None = None
    settings: tuple[Setting, ...] = ()
    reference: str | None = None


class Declared(Value):
    """A fact that a person declared public: where it stands in the schema, value, and why."""

    path: str
    value: Plain
    note: str | None = None


class FreeColumn(Value):
    """A column as its container names it."""

    name: str
    storage: str


class FreeFacts(Value):
    """What was taken from the container for free: its format and the columns' names and types."""

    container: str
    details: tuple[Setting, ...] = ()
    columns: tuple[FreeColumn, ...] = ()


class Fact(Value):
    """One fact about a column: where it came from and, when learned, the charge that paid."""

    name: FactName
    value: Plain
    source: Literal["learned", "declared", "container"]
    paid_by: str | None = None

    @model_validator(mode="after")
    def _learned_is_paid(self) -> Self:
        """Refuse a learned fact without the charge that paid for it."""
        if self.source == "learned" and not self.paid_by:
            raise ValueError("a learned fact must name the charge that paid for it")
        return self


class LearnedColumn(Value):
    """What the model knows of one column, fact by fact."""

    name: str
    facts: tuple[Fact, ...] = ()


class Distribution(Value):
    """Shares over labels (category) or over the bins between edges (number, date).

    `labels` has one entry for each share; `edges` has one more than there are shares;
    `edge_labels` spells the edges where a number would not read well (dates).
    """

    labels: tuple[str, ...] | None = None
    edges: tuple[float, ...] | None = None
    edge_labels: tuple[str, ...] | None = None

    @property
    def size(self) -> int:
        """The number of shares that belong to this axis."""
        if self.labels is not None:
            return len(self.labels)
        return max(0, len(self.edges or ()) - 1)

    @model_validator(mode="after")
    def _one_axis(self) -> Self:
        """Refuse an axis with both or neither of labels and edges."""
        if (self.labels is None) == (self.edges is None):
            raise ValueError("give either labels or edges")
        if self.edge_labels is not None and len(self.edge_labels) != len(self.edges or ()):
            raise ValueError("edge_labels must have one entry for each edge")
        return self


class MeasuredColumn(Value):
    """The noisy distribution of one column as it left the curator."""

    name: str
    kind: str
    axis: Distribution
    shares: tuple[Share, ...]
    null_share: Share | None = None
    noise: Share | None = None
    charge: str

    @model_validator(mode="after")
    def _shares_match(self) -> Self:
        """Refuse shares that do not match the axis."""
        if len(self.shares) != self.axis.size:
            raise ValueError("shares must match the axis")
        return self


class MeasuredPair(Value):
    """Columns that were measured together: the levels of each, and the noise on every cell."""

    columns: tuple[str, ...]
    resolution: tuple[int, ...]
    sigma: float | None = None
    charge: str | None = None


Expectation = Literal["expected to hold", "not expected to hold", "not assessed"]
"""What may be said in public about a purpose: no word depends on an exact figure."""


class PurposeBound(Value):
    """A tolerance of a purpose, and the error that noise and sampling alone are expected to make."""

    measure: str
    tolerance: float
    expected: float | None = Field(default=None, ge=0)


class StatedPurpose(Value):
    """A declared purpose, and what numbers that were paid for say about it.

    `basis` says what the expectation rests on, or why there is none; `charges` are those that
    paid for it.
    """

    name: str
    kind: str
    sentence: str
    weight: float = Field(ge=0)
    note: str | None = None
    bounds: tuple[PurposeBound, ...]
    verdict: Expectation = "not assessed"
    basis: str
    charges: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _expected_is_paid(self) -> Self:
        """Refuse an expectation without a number, and a number without its charges."""
        known = [bound.expected is not None for bound in self.bounds]
        if any(known) and not self.charges:
            raise ValueError("an expected error must name the charges that paid for it")
        if (self.verdict != "not assessed") != (bool(known) and all(known)):
            raise ValueError("a purpose is assessed when every tolerance has an expected error")
        return self


class ExpectedError(Value):
    """How far a released marginal is expected to be from the sensitive table's own.

    `tvd` is a total variation distance on a few levels of each column, computed from the noise
    that was paid for; `counted` says whether the columns were counted together, `bounded` whether
    anything limits how they depend on each other.
    """

    columns: tuple[str, ...]
    tvd: Share
    counted: bool
    bounded: bool = True


class FileHash(Value):
    """A released file and its SHA-256."""

    path: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: int = Field(ge=0)


class IdentifierAction(Value):
    """What happened to a direct identifier, and how it was recognised."""

    column: str
    kind: str
    action: Literal["replaced", "dropped", "kept"]
    how: str
    decided_by: str


class DeclaredRule(Value):
    """A rule the steward declared."""

    name: str
    expr: str


class Assessment(Value):
    """One claim about an attack: its formal bound, and what was tested without touching rows.

    `audited` says what audits of the program say about that bound.
    """

    threat: str
    formal: str
    verdict: Verdict = "not assessed"
    detail: str | None = None
    audited: str | None = None


class PublicEvidence(Value):
    """Everything that may leave the building with a release, and nothing else."""

    schema_version: Literal[1] = PUBLIC_SCHEMA_VERSION
    part: Literal["public"] = "public"
    title: str
    created: dt.datetime
    purpose: str | None = None
    recipient: str | None = None
    environment: str | None = None
    retest: dt.date | None = None
    residual_risk: str | None = None
    software: tuple[Software, ...]
    synthesizer: SynthesizerFacts
    label: DpLabel
    free: FreeFacts
    declared: tuple[Declared, ...] = ()
    learned: tuple[LearnedColumn, ...] = ()
    measured: tuple[MeasuredColumn, ...] = ()
    pairs: tuple[MeasuredPair, ...] = ()
    expected: tuple[ExpectedError, ...] = ()
    rows_generated: int = Field(ge=0)
    hashes: tuple[FileHash, ...] = ()
    identifiers: tuple[IdentifierAction, ...] = ()
    rules: tuple[DeclaredRule, ...] = ()
    purposes: tuple[StatedPurpose, ...] = ()
    steering: str | None = None
    assessments: tuple[Assessment, ...] = ()
    audits: tuple[StatedAudit, ...] = ()
    limits: tuple[str, ...] = ()
    supported: tuple[str, ...] = ()
    not_supported: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _everything_is_paid(self) -> Self:
        """Refuse a number whose charge is not on the label."""
        paid = {charge.label for charge in self.label.charges}
        named = {fact.paid_by for column in self.learned for fact in column.facts}
        named |= {column.charge for column in self.measured}
        named |= {pair.charge for pair in self.pairs}
        named |= {charge for purpose in self.purposes for charge in purpose.charges}
        missing = sorted(label for label in named - paid if label is not None)
        if missing:
            raise ValueError(f"no such charge on the label: {', '.join(missing)}")
        return self

    @model_validator(mode="after")
    def _audits_are_of_this_program(self) -> Self:
        """Refuse an audit of another synthesizer, of another version, or of no promise."""
        versions = {part.name: part.version for part in self.software}
        for audit in self.audits:
            if not self.label.is_private:
                raise ValueError("a release that promises nothing has no claim to audit")
            if audit.synthesizer != self.synthesizer.name:
                raise ValueError("an audit is of another synthesizer")
            if versions.get(audit.package, audit.version) != audit.version:
                raise ValueError("an audit is of another version")
        return self

    def to_json(self) -> str:
        """Write as JSON text, the same text for equal evidence.

        Returns
        -------
        Indented JSON that ends in a newline.
        """
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read JSON text, refusing any field that is not part of the public type."""
        return cls.model_validate_json(text)
