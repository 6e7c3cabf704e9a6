"""Risk: what someone could learn from a release, always measured against a control.

Attacks are files of their own with a threat model, listed in `ATTACKS`; `protocol` says what an
attack is. All results are internal. What may not happen here: a verdict that clears a release.
"""

from __future__ import annotations

from understudy.attack.nobox import BLIND, NO_BOX
from understudy.attack.protocol import Attack, AttackResult, Knowledge, Setting, Threat
from understudy.attack.shadow import SEEDED, SHADOW
from understudy.attack.smoke import SMOKE, Verdict, verdict_of
from understudy.attack.triad import TRIAD

__all__ = [
    "ATTACKS",
    "BLIND",
    "SMOKE",
    "TRIAD",
    "Attack",
    "AttackResult",
    "Knowledge",
    "Setting",
    "Threat",
    "Verdict",
    "verdict_of",
]

ATTACKS: tuple[Attack, ...] = (*NO_BOX, *TRIAD, SHADOW, SEEDED)
"""Every attack that a battery runs, in the order of the report."""
