"""What a public page says about attacks: the formal bound, and where anything else is kept.

Results of attacks rest on real rows and are internal. Public is only which attacks were asked
for: a setting of the run, chosen before anything was seen. What may not happen here: a result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.release.audited import StatedAudit, audited_in_words
from understudy.release.public import Assessment

if TYPE_CHECKING:
    from understudy.release.label import DpLabel

THREATS = {
    "singling out": "Singling out (Art. 29 WP)",
    "linkability": "Linkability (Art. 29 WP)",
    "inference": "Inference (Art. 29 WP)",
    "membership": "Membership",
    "reconstruction": "Reconstruction of rare rows",
}
"""What the threats are called, by the goal of an attack."""

NOT_ATTACKED = "No attack was part of this run."


def assessments_of(
    label: DpLabel,
    *,
    level: str | None = None,
    goals: dict[str, int] | None = None,
    audits: tuple[StatedAudit, ...] = (),
) -> tuple[Assessment, ...]:
    """One row per threat: its formal bound, and whether attacks were part of the run.

    Parameters
    ----------
    label
        The statement of differential privacy of the release.
    level
        Level of the attacks that were asked for; None for none.
    goals
        How many attacks with each goal that level plays.
    audits
        Of the program on invented tables: every row's bound rests on the ε that they look at.
    """
    formal = (
        f"at most what ε = {label.epsilon:g}, δ = {label.delta:g} allow, for every attacker"
        if label.is_private
        else "none: made without differential privacy"
    )
    asked, audited = goals or {}, audited_in_words(audits)
    return tuple(
        Assessment(
            threat=threat,
            formal=formal,
            detail=_told(level, asked.get(goal, 0)) if level else NOT_ATTACKED,
            audited=audited,
        )
        for goal, threat in THREATS.items()
    )


def _told(level: str | None, attacks: int) -> str:
    """Which attacks were asked for, and where their results are."""
    if not attacks:
        return "No attack with this goal was asked for."
    what = "1 attack" if attacks == 1 else f"{attacks} attacks"
    return (
        f"{what} asked for at level {level}. Results rest on real rows: they are kept in the "
        "internal part, with the data."
    )
