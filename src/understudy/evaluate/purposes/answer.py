"""The answer to one purpose: measured numbers beside what was tolerated, and what anchors reach.

Computed on real rows, so internal. What may not happen here: measuring.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from understudy.evaluate.figure import plain

if TYPE_CHECKING:
    from understudy.schema import Purpose

Verdict = Literal["pass", "fail", "not answered"]
HIGHER = frozenset({"interval_overlap", "same_conclusion"})
"""Measures that are good when they are large."""
MOST_LINES = 40
"""Most lines of a breakdown that are kept, the worst first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Criterion:
    """One measure of a purpose against its tolerance.

    Parameters
    ----------
    measure
        A field of the purpose's tolerance: `tvd`, `interval_overlap`, …
    tolerance
        What was asked for: a largest value, or a smallest one for measures that are good when
        large.
    value
        What the synthetic table reaches; None where it is not defined, which is a failure.
    holdout
        What real rows reach in its place; None where there are none.
    independent
        What independent columns reach.

    >>> Criterion(measure="tvd", tolerance=0.05, value=0.04).holds
    True
    """

    measure: str
    tolerance: float
    value: float | None
    holdout: float | None = None
    independent: float | None = None

    @property
    def better(self) -> Literal["higher", "lower"]:
        """Which way is good."""
        return "higher" if self.measure in HIGHER else "lower"

    def within(self, value: float | None) -> bool:
        """Whether a value meets the tolerance."""
        if value is None or not math.isfinite(value):
            return False
        edge = 1e-12
        if self.better == "higher":
            return value >= self.tolerance - edge
        return value <= self.tolerance + edge

    @property
    def holds(self) -> bool:
        """Whether the synthetic table meets the tolerance."""
        return self.within(self.value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Breakdown:
    """Where a purpose holds and where not: heads and lines, worst first."""

    heads: tuple[str, ...] = ()
    lines: tuple[tuple[str | float | None, ...], ...] = field(default=(), repr=False)
    left_out: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """Whether the synthetic table serves a purpose; computed on real rows, internal.

    Parameters
    ----------
    name, kind, sentence, weight, note
        Of the purpose.
    verdict
        `pass` when every criterion holds, `fail` when one does not, `not answered` with a
        reason.
    criteria
        Each measure beside its tolerance and its anchors.
    anchor
        What stands in the holdout's place: how many real rows, of which sort.
    reason
        Why there is no answer, or what to know about it.
    breakdown
        Groups, cells or coefficients.
    """

    name: str
    kind: str
    sentence: str
    weight: float
    note: str | None = None
    verdict: Verdict
    criteria: tuple[Criterion, ...] = ()
    anchor: str = ""
    reason: str = ""
    breakdown: Breakdown = field(default_factory=Breakdown, repr=False)

    @property
    def holdout_passes(self) -> bool | None:
        """Whether real rows in the synthetic table's place would pass; None when not known."""
        if not self.criteria or any(one.holdout is None for one in self.criteria):
            return None
        return all(one.within(one.holdout) for one in self.criteria)

    @property
    def independent_passes(self) -> bool | None:
        """Whether independent columns would pass; None when not known."""
        if not self.criteria or any(one.independent is None for one in self.criteria):
            return None
        return all(one.within(one.independent) for one in self.criteria)

    def to_json(self) -> dict[str, Any]:
        """Return the answer in JSON's types."""
        return plain(asdict(self))  # type: ignore[no-any-return]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Answer:
        """Rebuild an answer from `to_json`."""
        told = data["breakdown"]
        return cls(
            **{
                **data,
                "criteria": tuple(Criterion(**one) for one in data["criteria"]),
                "breakdown": Breakdown(
                    heads=tuple(told["heads"]),
                    lines=tuple(tuple(line) for line in told["lines"]),
                    left_out=told["left_out"],
                ),
            }
        )


Measures = Mapping[str, float | None]
"""Value by measure; None where it is not defined."""


def answered(
    purpose: Purpose,
    synthetic: Measures,
    *,
    holdout: Measures | None,
    independent: Measures | None,
    anchor: str = "",
    reason: str = "",
    breakdown: Breakdown | None = None,
) -> Answer:
    """Put measured values beside the tolerances of a purpose."""
    criteria = tuple(
        Criterion(
            measure=measure,
            tolerance=tolerance,
            value=_finite(synthetic.get(measure)),
            holdout=None if holdout is None else _finite(holdout.get(measure)),
            independent=None if independent is None else _finite(independent.get(measure)),
        )
        for measure, tolerance in purpose.tolerance.given().items()
    )
    return Answer(
        **_of(purpose),
        verdict="pass" if all(one.holds for one in criteria) else "fail",
        criteria=criteria,
        anchor=anchor,
        reason=reason,
        breakdown=breakdown or Breakdown(),
    )


def unanswered(purpose: Purpose, reason: str) -> Answer:
    """No answer, and why."""
    return Answer(**_of(purpose), verdict="not answered", reason=reason)


def broken_down(heads: Iterable[str], lines: Iterable[tuple[str | float | None, ...]]) -> Breakdown:
    """A breakdown of the first lines."""
    listed = list(lines)
    kept = tuple(
        tuple(None if isinstance(c, float) and not math.isfinite(c) else c for c in line)
        for line in listed[:MOST_LINES]
    )
    return Breakdown(heads=tuple(heads), lines=kept, left_out=len(listed) - len(kept))


def _finite(value: float | None) -> float | None:
    """A value, None where it is not finite."""
    return None if value is None or not math.isfinite(value) else float(value)


def _of(purpose: Purpose) -> dict[str, Any]:
    """What an answer repeats of its purpose."""
    return {
        "name": purpose.name,
        "kind": purpose.kind,
        "sentence": purpose.sentence,
        "weight": purpose.weight,
        "note": purpose.note,
    }
