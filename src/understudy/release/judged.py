"""Evidence of one evaluation: internal evidence of each synthetic table, and of all together.

Handle as personal data. What may not happen here: anything public, or a verdict that the figures
do not carry.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from understudy.release.compared import bare, drawable, internal_of
from understudy.release.internal import InternalEvidence, InternalFigure, SkippedFigure
from understudy.release.value import Plain, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from understudy.evaluate import ComparedFigures


class JudgedTable(Value):
    """One synthetic table by name, and what was found of it."""

    name: str
    evidence: InternalEvidence


class EvaluationEvidence(Value):
    """Figures of one or more synthetic tables, computed on real data. Never released.

    `across` holds figures over several tables, `asked` what the evaluation was asked for,
    `seconds` how long it took.
    """

    schema_version: Literal[1] = 1
    part: Literal["internal"] = "internal"
    created: dt.datetime
    title: str
    tables: tuple[JudgedTable, ...] = Field(min_length=1)
    across: tuple[InternalFigure, ...] = ()
    across_skipped: tuple[SkippedFigure, ...] = ()
    across_charts: dict[str, Any] = Field(default_factory=dict)
    asked: tuple[tuple[str, Plain], ...] = ()
    seconds: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        """Refuse tables that cannot be told apart."""
        if len({table.name for table in self.tables}) < len(self.tables):
            raise ValueError("every table needs a name of its own")
        return self

    def to_json(self) -> str:
        """Write as indented JSON text that ends in a newline."""
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read JSON text, refusing fields that are not part of the type."""
        return cls.model_validate_json(text)


def evaluation_of(
    found: ComparedFigures,
    *,
    created: dt.datetime,
    title: str,
    rules: Mapping[str, str] | None = None,
    notes: Iterable[str] = (),
    asked: Iterable[tuple[str, Plain]] = (),
) -> EvaluationEvidence:
    """Make evidence from an evaluation.

    Parameters
    ----------
    found
        What `evaluate_all` returned.
    created
        When it was made, with a time zone.
    title
        What its report is called.
    rules
        Expression of each rule by its name.
    notes
        Remarks on every table.
    asked
        What the evaluation was asked for, by name.
    """
    noted = tuple(notes)
    return EvaluationEvidence(
        created=created,
        title=title,
        tables=tuple(
            JudgedTable(
                name=name, evidence=internal_of(one, created=created, rules=rules, notes=noted)
            )
            for name, one in found.tables.items()
        ),
        across=tuple(InternalFigure.model_validate(bare(one)) for one in found.across.figures),
        across_skipped=tuple(SkippedFigure.model_validate(one) for one in found.across.skipped),
        across_charts=drawable(found.across.charts),
        asked=tuple(asked),
        seconds=found.seconds,
    )
