"""Membership inference without a box: the attacker has the release and reference rows, no more.

One attack, one file; each scores candidates and never sees a label. What may not happen here:
a query to the generator or the model's inside (`marginals` reads the public list of what was
counted, when a model is released).
"""

from __future__ import annotations

from understudy.attack.nobox.blind import BLIND
from understudy.attack.nobox.classifier import CLASSIFIER
from understudy.attack.nobox.closest import CALIBRATED, CLOSEST
from understudy.attack.nobox.domias import DOMIAS
from understudy.attack.nobox.likelihood_ratio import LIKELIHOOD_RATIO
from understudy.attack.nobox.marginals import MARGINALS
from understudy.attack.nobox.monte_carlo import MONTE_CARLO
from understudy.attack.nobox.stacked import STACKED

__all__ = ["BLIND", "NO_BOX"]

NO_BOX = (
    CLOSEST,
    CALIBRATED,
    DOMIAS,
    LIKELIHOOD_RATIO,
    CLASSIFIER,
    MONTE_CARLO,
    MARGINALS,
    STACKED,
)
"""Attacks in the order of the report."""
