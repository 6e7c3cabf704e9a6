"""Lower bounds on ε, and leaks that need no ε: what an auditor can prove a synthesizer gives away.

`neighbours` are the worst-case tiny tables; `whitebox` listens to noisy answers (`likelihood` is
the attacker), `blackbox` looks at synthetic rows alone, `onerun` makes one fit with many canaries
(`guessing` has its bounds), `replaying` replays recorded fits on altered tables. `bounds` are the
pure statistics, `results` what may be said, `keeping` what survives an interruption. What may not
happen here: a real row. Every table of this room is written in it.
"""

from understudy.audit.blackbox import audit_black_box
from understudy.audit.generators import FittedGenerator, Generator, as_generator
from understudy.audit.neighbours import NEIGHBOURS, Neighbours
from understudy.audit.onerun import OneRunResult, audit_one_run
from understudy.audit.replaying import ReplayResult, audit_by_replay
from understudy.audit.results import AuditResult, Word, worst
from understudy.audit.whitebox import audit, audit_synthesizer
from understudy.synthesize.commanded import CommandGenerator

__all__ = [
    "NEIGHBOURS",
    "AuditResult",
    "CommandGenerator",
    "FittedGenerator",
    "Generator",
    "Neighbours",
    "OneRunResult",
    "ReplayResult",
    "Word",
    "as_generator",
    "audit",
    "audit_black_box",
    "audit_by_replay",
    "audit_one_run",
    "audit_synthesizer",
    "worst",
]
