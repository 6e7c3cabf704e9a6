"""Audits of the program behind a release, as they may stand in public evidence.

An audit fits the same program to invented tables and bounds ε from below. The tables are named by
a closed list, so that a result on any other table cannot be written; sentences are made here, from
numbers, and none is taken over from a file. What may not happen here: a free text, a table of
somebody, or a verdict that its own numbers do not bear out.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from understudy.release.value import Value, Verdict

REFUTED = "program audited: claim violated"
"""Said of every bound when an audit violates its claim."""

InventedPair = Literal["narrow", "repeated", "outlier", "few", "unseen", "slim", "undeclared"]
"""The pairs of invented neighbours that a worst-case audit may be of."""

InventedTable = Literal[
    "narrow",
    "repeated",
    "outlier",
    "few",
    "unseen",
    "slim",
    "undeclared",
    "survey",
    "typed",
    "visits",
]
"""The invented tables that a replay may be of."""

View = Literal["white-box", "black-box"]
Bound = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Confidence = Annotated[float, Field(gt=0, lt=1)]


class WorstCaseAudit(Value):
    """Many fits on an invented table, with and without one row; infinite ρ: none was claimed."""

    method: Literal["worst-case"] = "worst-case"
    tables: InventedPair
    view: View
    fits: tuple[Count, Count]
    failed: Count
    counted: Count
    confidence: Confidence
    rho: Bound
    epsilon_direct: Bound
    rho_direct: Bound
    epsilon_zcdp: Bound
    mu: Bound
    epsilon_gaussian: Bound
    limit_direct: Bound
    limit_gaussian: Bound
    verdict: Verdict

    @property
    def lower(self) -> float:
        """The largest lower bound on ε; where no ρ was claimed, the one that assumes nothing."""
        if math.isinf(self.rho):
            return self.epsilon_direct
        return max(self.epsilon_direct, self.epsilon_zcdp, self.epsilon_gaussian)

    def refutes(self, epsilon: float) -> bool:
        """Whether a bound that assumes nothing exceeds the claim."""
        return self.epsilon_direct > epsilon or self.rho_direct > self.rho


class OneRunAudit(Value):
    """One fit on invented rows with many canaries, each included by a coin."""

    method: Literal["one-run"] = "one-run"
    view: View
    canaries: Annotated[int, Field(ge=1)]
    guesses: Annotated[int, Field(ge=1)]
    right: Count
    confidence: Confidence
    epsilon_direct: Bound
    mu: Bound
    epsilon_gaussian: Bound
    limit_direct: Bound
    limit_gaussian: Bound
    verdict: Verdict

    @property
    def lower(self) -> float:
        """The largest lower bound on ε; of synthetic rows alone, the one that assumes nothing."""
        if self.view == "black-box":
            return self.epsilon_direct
        return max(self.epsilon_direct, self.epsilon_gaussian)

    def refutes(self, epsilon: float) -> bool:
        """Whether the bound that assumes nothing exceeds the claim."""
        return self.epsilon_direct > epsilon


class ReplayAudit(Value):
    """Fits on invented tables, recorded and replayed on altered ones; one finding refutes any ε."""

    method: Literal["replay"] = "replay"
    tables: tuple[InventedTable, ...] = Field(min_length=1)
    recordings: Annotated[int, Field(ge=1)]
    replays: Annotated[int, Field(ge=1)]
    findings: Count
    verdict: Verdict

    @property
    def lower(self) -> float:
        """Replay bounds no ε."""
        return 0.0

    def refutes(self, epsilon: float) -> bool:
        """Whether something was found."""
        del epsilon
        return self.findings > 0


AuditPart = Annotated[
    WorstCaseAudit | OneRunAudit | ReplayAudit, Field(discriminator="method")
]  # fmt: skip


class StatedAudit(Value):
    """An audit of the program that made a release, on invented tables.

    `implementation` names the class, `package` and `version` what it was installed from. The
    settings are those of the release, but for `not_covered`: settings that name columns, which
    no invented table has. `epsilon` and `delta` are the claim that was audited; it need not be
    the release's own.
    """

    synthesizer: str
    implementation: str
    package: str
    version: str
    not_covered: tuple[str, ...] = ()
    epsilon: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    delta: Annotated[float, Field(ge=0, lt=1)]
    parts: tuple[AuditPart, ...] = Field(min_length=1)

    @property
    def method(self) -> Literal["worst-case", "one-run", "replay"]:
        """How it was made."""
        return self.parts[0].method

    @property
    def worst(self) -> WorstCaseAudit | OneRunAudit | ReplayAudit:
        """The part that speaks loudest against the claim: by its word, then by its bound."""
        order = get_args(Verdict)
        return min(self.parts, key=lambda part: (order.index(part.verdict), -part.lower))

    @property
    def verdict(self) -> Verdict:
        """The word of the whole audit."""
        return self.worst.verdict

    @model_validator(mode="after")
    def _words_follow_from_numbers(self) -> Self:
        """Refuse mixed methods, and a word that its numbers do not bear out."""
        if len({part.method for part in self.parts}) > 1:
            raise ValueError("one audit has one method")
        for part in self.parts:
            if part.verdict == "not assessed":
                fits = part.refutes(self.epsilon) is False and part.lower == 0
            elif part.refutes(self.epsilon):
                fits = part.verdict == "violated"
            else:
                fits = part.verdict == ("leak detected" if part.lower > 0 else "not detected")
            if not fits:
                raise ValueError(f"the numbers do not bear out {part.verdict!r}")
        return self


def audited_in_words(audits: tuple[StatedAudit, ...]) -> str | None:
    """What audits say about the bound of a release, for the row of a threat; None without any.

    Only audits that came to a word count; one that violates its claim speaks for all.
    """
    said = [one for one in audits if one.verdict != "not assessed"]
    if not said:
        return None
    if any(one.verdict == "violated" for one in said):
        return REFUTED
    claims = sorted({one.epsilon for one in said})
    return f"program audited at ε = {', '.join(f'{one:g}' for one in claims)}"
