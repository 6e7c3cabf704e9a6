"""Risk: what someone could learn from a release, always measured against a control.

Today only the memorisation smoke test; attacks with a threat model are files of their own. All
results are internal. What may not happen here: a verdict that clears a release.
"""

from __future__ import annotations

from understudy.attack.smoke import SMOKE, Verdict, verdict_of

__all__ = ["SMOKE", "Verdict", "verdict_of"]
