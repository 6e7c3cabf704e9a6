"""Risk: what someone could learn from a release, always measured against a control.

Attacks are files of their own with a threat model, listed in `ATTACKS`; `protocol` says what an
attack is. All results are internal. What may not happen here: a verdict that clears a release.
"""

from __future__ import annotations

from understudy.attack.protocol import Attack, AttackResult, Knowledge, Setting, Threat
from understudy.attack.smoke import SMOKE, Verdict, verdict_of

__all__ = [
    "ATTACKS",
    "SMOKE",
    "Attack",
    "AttackResult",
    "Knowledge",
    "Setting",
    "Threat",
    "Verdict",
    "verdict_of",
]

ATTACKS: tuple[Attack, ...] = ()
"""Every attack that a battery runs, in the order of the report."""
