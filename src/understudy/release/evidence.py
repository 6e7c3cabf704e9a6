"""The two artefacts of a release, by type: public evidence and internal evidence.

What may not happen here: a function that takes one and returns the other.
"""

from __future__ import annotations

from understudy.release.internal import InternalEvidence, InternalFigure
from understudy.release.label import AttackBound, DpLabel
from understudy.release.public import PublicEvidence

__all__ = ["AttackBound", "DpLabel", "InternalEvidence", "InternalFigure", "PublicEvidence"]
