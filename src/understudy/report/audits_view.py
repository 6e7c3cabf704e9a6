"""What a release's page says of audits of its program, in words made from their numbers.

What may not happen here: arithmetic on the figures, or a word that clears a release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from understudy.release.audited import OneRunAudit, ReplayAudit, StatedAudit, WorstCaseAudit
from understudy.report.audit_view import METHODS, WORDS
from understudy.report.spelling import spell_delta, spell_number

if TYPE_CHECKING:
    from understudy.release.public import PublicEvidence

_SEEN = {
    "white-box": (
        "White box: chose the table, knows every other row and the program, and reads every noisy "
        "answer."
    ),
    "black-box": (
        "Black box: chose the table, knows every other row, and reads the synthetic rows alone."
    ),
}
_REPLAYED = "Knows everything; noisy answers are frozen, and whatever else changes is a finding."

Row = tuple[str | Markup, ...]


def audits_view(evidence: PublicEvidence) -> dict[str, Any]:
    """One block per audit, and whether any of them refutes its claim."""
    return {
        "audits": tuple(_audit(one, evidence) for one in evidence.audits),
        "refuted": any(one.verdict == "violated" for one in evidence.audits),
    }


def _audit(audit: StatedAudit, evidence: PublicEvidence) -> dict[str, Any]:
    """An audit as lines and rows."""
    worst = audit.worst
    label = evidence.label
    claim = f"ε = {spell_number(audit.epsilon)}, δ = {spell_delta(audit.delta)}"
    if (audit.epsilon, audit.delta) == (label.epsilon, label.delta):
        claim += ", as this release"
    else:
        claim += (
            f"; this release claims ε = {spell_number(label.epsilon)}, "
            f"δ = {spell_delta(label.delta)}"
        )
    lines: list[Row] = [
        ("Verdict", _worded(audit)),
        ("Claim that was audited", claim),
        ("Program", f"{audit.implementation}, {audit.package} {audit.version}"),
        ("Method", METHODS[audit.method]),
        ("What the auditor knew", " ".join(dict.fromkeys(_knew(part) for part in audit.parts))),
    ]
    if not isinstance(worst, ReplayAudit):
        lines.append(("Lower bound on ε", _lower(worst)))
        lines.append(("The most it could have shown", _limit(audit)))
        kept = f"{100 * worst.confidence:g}\u202f%"
        several = ", of each row of the table by itself" if len(audit.parts) > 1 else ""
        lines.append(("Confidence", kept + several))
    lines.append(("Fits", _fits(audit)))
    if audit.not_covered:
        lines.append(
            (
                "Not as in this release",
                f"{', '.join(audit.not_covered)}: names columns of the table",
            )
        )
    return {
        "title": f"{audit.synthesizer}, {audit.method}",
        "lines": tuple(lines),
        "rows": tuple(_pair(part) for part in audit.parts if isinstance(part, WorstCaseAudit)),
    }


def _worded(audit: StatedAudit) -> Markup:
    """The word with its mark, and what it means."""
    bad = audit.verdict == "violated"
    meaning = WORDS[audit.verdict]
    if audit.method == "replay" and audit.verdict == "not detected":
        meaning = "On these tables nothing but noisy answers reached the model."
    word: str = audit.verdict
    if word == "not detected" and audit.method != "replay":
        word += f", limit of detection {spell_number(_direct_limit(audit))}"
    return Markup('<span class="mark{}">{}</span> {}').format(" bad" if bad else "", word, meaning)


def _knew(part: WorstCaseAudit | OneRunAudit | ReplayAudit) -> str:
    """What the auditor knew and saw."""
    return _REPLAYED if isinstance(part, ReplayAudit) else _SEEN[part.view]


def _lower(part: WorstCaseAudit | OneRunAudit) -> str:
    """The lower bound, and the one that assumes nothing where it is another."""
    if part.verdict == "not assessed":
        return "none: too few fits"
    if part.lower == 0:
        return "0: nothing was shown"
    told = spell_number(part.lower)
    if part.lower > part.epsilon_direct:
        told += (
            f", which assumes what was claimed of the noise; {spell_number(part.epsilon_direct)} "
            "assuming nothing"
        )
    return told


def _limit(audit: StatedAudit) -> str:
    """The largest ε that an attacker without a mistake could have shown in so many fits."""
    known = [part for part in audit.parts if not isinstance(part, ReplayAudit)]
    direct = _direct_limit(audit)
    widest = (
        max(part.limit_gaussian for part in known if part.view == "white-box")
        if any(part.view == "white-box" for part in known)
        else 0.0
    )
    told = f"ε = {spell_number(direct)}, assuming nothing"
    return told + (f"; {spell_number(widest)} of a Gaussian curve" if widest > direct else "")


def _direct_limit(audit: StatedAudit) -> float:
    """The largest ε that could have been shown without assumptions."""
    return max(part.limit_direct for part in audit.parts if not isinstance(part, ReplayAudit))


def _fits(audit: StatedAudit) -> str:
    """How many fits there were, on what."""
    told = []
    for part in audit.parts:
        if isinstance(part, ReplayAudit):
            told.append(
                f"{part.recordings:,} recorded on {len(part.tables)} invented tables, "
                f"{part.replays:,} replays, {part.findings:,} findings"
            )
        elif isinstance(part, OneRunAudit):
            told.append(
                f"1, with {part.canaries:,} canaries; {part.right:,} of {part.guesses:,} guesses "
                "about them were right"
            )
    if told:
        return "; ".join(told)
    pairs = [part for part in audit.parts if isinstance(part, WorstCaseAudit)]
    count = sum(sum(part.fits) for part in pairs)
    return f"{count:,} on {len(pairs)} invented {'table' if len(pairs) == 1 else 'tables'}, with and without one row"


def _pair(part: WorstCaseAudit) -> Row:
    """A worst-case table as a row."""
    return (
        part.tables,
        part.view,
        f"{part.fits[0]:,} + {part.fits[1]:,}",
        f"{part.failed:,}",
        spell_number(part.epsilon_direct),
        "–" if part.rho == float("inf") else spell_number(part.epsilon_zcdp),
        spell_number(part.epsilon_gaussian),
        spell_number(part.limit_direct),
        part.verdict,
    )
