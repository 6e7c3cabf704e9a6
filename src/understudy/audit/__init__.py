"""Lower bounds on ε from many small fits: what an auditor can prove a synthesizer leaks.

`neighbours` are the worst-case tiny tables, `likelihood` is the attacker, `bounds` the pure
statistics, `results` what may be said, and `whitebox` runs the whole audit. What may not happen
here: a real row. Every table of this room is written in it.
"""

from understudy.audit.neighbours import NEIGHBOURS, Neighbours
from understudy.audit.results import AuditResult, Word, worst
from understudy.audit.whitebox import audit, audit_synthesizer

__all__ = [
    "NEIGHBOURS",
    "AuditResult",
    "Neighbours",
    "Word",
    "audit",
    "audit_synthesizer",
    "worst",
]
