"""Internal evidence: figures computed on real rows without charge. Handle as personal data.

What may not happen here: a way from this type to the public one. There is no conversion, no
common field list and no import between the two modules.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from understudy.release.attacks import AttackAnnex
from understudy.release.value import Plain, Share, Value

INTERNAL_SCHEMA_VERSION: Literal[1] = 1

SmokeWord = Literal["leak detected", "not detected", "not assessed"]
"""What a smoke test may say."""


class InternalAnchors(Value):
    """The same measurement on the real holdout, on independent columns, on a real subsample."""

    model_config = ConfigDict(from_attributes=True)

    holdout: float | None = None
    independent: float | None = None
    subsample: float | None = None


class InternalFigure(Value):
    """One figure with its anchors; the twin of `evaluate.Figure`, field by field.

    Build it with `InternalFigure.model_validate(figure)`: attributes are read by name.
    """

    model_config = ConfigDict(from_attributes=True)

    key: str
    title: str
    group: str
    value: float
    better: Literal["higher", "lower", "near"]
    explanation: str = ""
    reference: str = ""
    target: float | None = None
    interval: tuple[float, float] | None = None
    seeds: int = Field(default=1, ge=1)
    anchors: InternalAnchors = InternalAnchors()
    unit: str = ""
    columns: tuple[str, ...] = ()
    detail: dict[str, Any] = Field(default_factory=dict)


class SkippedFigure(Value):
    """What was not measured, and why."""

    model_config = ConfigDict(from_attributes=True)

    key: str
    title: str
    group: str
    reason: str


class ComparedColumn(Value):
    """The distribution of one column, real beside synthetic, on labels or between edges.

    `real_other` and `synthetic_other` are the shares of labels that are not listed.
    """

    name: str
    kind: str
    labels: tuple[str, ...] | None = None
    edges: tuple[float, ...] | None = None
    edge_labels: tuple[str, ...] | None = None
    real: tuple[Share, ...]
    synthetic: tuple[Share, ...]
    holdout: tuple[Share, ...] | None = None
    real_null: Share | None = None
    synthetic_null: Share | None = None
    real_other: Share | None = None
    synthetic_other: Share | None = None
    score: float | None = None

    @model_validator(mode="after")
    def _lengths_match(self) -> Self:
        """Refuse series that do not match the axis."""
        if (self.labels is None) == (self.edges is None):
            raise ValueError("give either labels or edges")
        size = len(self.labels) if self.labels is not None else len(self.edges or ()) - 1
        series = [self.real, self.synthetic, *([self.holdout] if self.holdout else [])]
        if any(len(one) != size for one in series):
            raise ValueError("every series must match the axis")
        return self


class PairTrends(Value):
    """How well each pair of columns agrees (1 is perfect); None where it is undefined."""

    columns: tuple[str, ...]
    similarity: tuple[tuple[float | None, ...], ...]

    @model_validator(mode="after")
    def _square(self) -> Self:
        """Refuse a matrix that is not square."""
        size = len(self.columns)
        if len(self.similarity) != size or any(len(row) != size for row in self.similarity):
            raise ValueError("similarity must be square, one row for each column")
        return self


class TaskScore(Value):
    """One model, one metric: trained on synthetic and on real rows, judged by the same real ones.

    `tsts` is trained on and judged by synthetic rows, `independent` trained on columns that have
    nothing to do with each other, `baseline` a constant prediction; `interval` is of `tstr`.
    """

    classifier: str
    metric: str
    trtr: float | None
    tstr: float | None
    interval: tuple[float, float] | None = None
    trtr_interval: tuple[float, float] | None = None
    tsts: float | None = None
    independent: float | None = None
    baseline: float | None = None


class TaskResult(Value):
    """What a model learns from the release about one target; `folds` counts rounds of folds."""

    target: str
    scores: tuple[TaskScore, ...]
    chance: float | None = None
    folds: int | None = None
    finding: str = ""
    judged: str = ""


class RuleResult(Value):
    """How often a rule is broken, 0 to 1."""

    name: str
    expr: str
    synthetic: Share | None
    real: Share | None = None


class SmokeTest(Value):
    """The memorisation smoke test: it can raise an alarm and never clears a release.

    `word` is the verdict, `text` the verdict as it is printed, `limit` the smallest share of
    copied rows that would have been noticed. Its figures stand among the other figures, in the
    group `smoke`.
    """

    word: SmokeWord
    text: str
    reason: str
    limit: Share | None = None


class PurposeCriterion(Value):
    """A measure of a purpose beside its tolerance; a value that is not defined is a failure."""

    measure: str
    tolerance: float
    better: Literal["higher", "lower"]
    holds: bool
    value: float | None
    holdout: float | None = None
    independent: float | None = None


class PurposeLine(Value):
    """A line of a breakdown: groups, cells or coefficients."""

    cells: tuple[str | float | None, ...]


class AnsweredPurpose(Value):
    """Whether the synthetic table serves a declared purpose, computed on real rows.

    `anchor` says what stood in the synthetic table's place for the holdout's figures,
    `holdout_passes` and `independent_passes` whether real rows and independent columns would
    have passed; None where it is not known.
    """

    name: str
    kind: str
    sentence: str
    weight: float
    note: str | None = None
    verdict: Literal["pass", "fail", "not answered"]
    criteria: tuple[PurposeCriterion, ...] = ()
    anchor: str = ""
    holdout_passes: bool | None = None
    independent_passes: bool | None = None
    reason: str = ""
    heads: tuple[str, ...] = ()
    lines: tuple[PurposeLine, ...] = ()
    lines_left_out: int = Field(default=0, ge=0)


class LedgerRow(Value):
    """A row of the ledger as it stood when the release was written."""

    when: dt.datetime | None = None
    run: str
    label: str
    stage: str = ""
    cost: str = ""
    who: str | None = None


class Timing(Value):
    """Wall-clock seconds of one part of the run."""

    name: str
    seconds: float = Field(ge=0)


class InternalEvidence(Value):
    """Figures computed on real data. Never released; handled as personal data.

    `headline` names, by key and in order, the figures that the report shows first; `charts`
    holds material that a page draws by its form.
    """

    schema_version: Literal[1] = INTERNAL_SCHEMA_VERSION
    part: Literal["internal"] = "internal"
    created: dt.datetime
    figures: tuple[InternalFigure, ...] = ()
    headline: tuple[str, ...] = ()
    skipped: tuple[SkippedFigure, ...] = ()
    columns: tuple[ComparedColumn, ...] = ()
    pairs: PairTrends | None = None
    tasks: tuple[TaskResult, ...] = ()
    rules: tuple[RuleResult, ...] = ()
    purposes: tuple[AnsweredPurpose, ...] = ()
    smoke: SmokeTest | None = None
    attacks: AttackAnnex | None = None
    charts: dict[str, Any] = Field(default_factory=dict)
    ledger: tuple[LedgerRow, ...] = ()
    timings: tuple[Timing, ...] = ()
    counts: tuple[tuple[str, Plain], ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Write as indented JSON text that ends in a newline."""
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read JSON text, refusing fields that are not part of the type."""
        return cls.model_validate_json(text)
