"""The blind baseline: an attacker with labels of calibration rows who never sees the release.

If it succeeds, members and controls differ without any release: the split was not random, and no
attack on it means anything. What may not happen here: a look at the synthetic rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from understudy.attack.learners import boosted, matrix_of
from understudy.attack.membership import Places, Scores, membership_attack
from understudy.attack.protocol import Threat

if TYPE_CHECKING:
    from understudy.attack.protocol import Knowledge, Mask, Records


def blind_score(
    _knows: Knowledge, candidates: Records, labelled: Places, labels: Mask, rng: np.random.Generator
) -> Scores:
    """Log-odds of membership from the record's values alone."""
    matrix = matrix_of(candidates)
    return boosted(matrix[labelled], labels, matrix, seed=int(rng.integers(1 << 31)))


BLIND = membership_attack(
    key="blind",
    title="Blind baseline",
    threat=Threat(
        knows_data="all values of the record, and of some others whether they were members",
        knows_generator="nothing, not even the release",
        goal="membership",
    ),
    reference="blind baselines beat attacks when a split is not random (arXiv 2406.16201)",
    learn=blind_score,
)
