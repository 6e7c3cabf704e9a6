"""Monte-Carlo attack: how many synthetic rows lie within a ball around the record, and how near.

Reference: Hilprecht et al. 2019, Monte Carlo and Reconstruction Membership Inference Attacks, with
their median heuristic for the radius and logarithmic weights. What may not happen here: a radius
chosen by labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from understudy.attack.membership import Scores, membership_attack
from understudy.attack.nobox.around import in_release
from understudy.attack.nobox.closest import ALONE

if TYPE_CHECKING:
    from understudy.attack.protocol import Knowledge, Records


def ball_score(knows: Knowledge, candidates: Records, _rng: np.random.Generator) -> Scores:
    """Weighted number of synthetic rows within the radius, over all of them."""
    return np.asarray(in_release(knows, candidates).within / max(1, knows.synthetic.rows))


MONTE_CARLO = membership_attack(
    key="monte_carlo",
    title="Monte Carlo: synthetic rows in a ball around the record",
    threat=ALONE,
    reference="Hilprecht et al. 2019, doi:10.2478/popets-2019-0067",
    score=ball_score,
)
