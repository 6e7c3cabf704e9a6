"""All scores at once, weighed by an attacker who knows some members and some others.

A logistic regression on the other attacks' features, fitted on calibration rows and judged on
others: the strongest attacker without a box, and the one who shows what labels would be worth.
What may not happen here: fitting on an evaluated row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from understudy.attack.learners import logistic
from understudy.attack.membership import Places, Scores, membership_attack
from understudy.attack.nobox.around import in_reference, in_release
from understudy.attack.nobox.classifier import classifier_score
from understudy.attack.nobox.closest import calibrated_score, distance_score
from understudy.attack.nobox.domias import domias_score
from understudy.attack.nobox.likelihood_ratio import influence_score
from understudy.attack.nobox.marginals import marginal_score
from understudy.attack.nobox.monte_carlo import ball_score
from understudy.attack.protocol import Threat

if TYPE_CHECKING:
    from understudy.attack.protocol import Knowledge, Mask, Records

_SCORES = (
    distance_score, calibrated_score, domias_score, influence_score, classifier_score, ball_score,
    marginal_score,
)  # fmt: skip


def stacked_score(
    knows: Knowledge, candidates: Records, labelled: Places, labels: Mask, rng: np.random.Generator
) -> Scores:
    """Log-odds of membership given the other attacks' scores, as ranks among all candidates."""
    found = [score(knows, candidates, rng) for score in _SCORES]
    ours, theirs = in_release(knows, candidates), in_reference(knows, candidates)
    found += [-theirs.distances[:, 0].astype(float), -ours.distances.mean(axis=1).astype(float)]
    matrix = np.column_stack([_normal(one) for one in found]).astype(np.float32)
    return logistic(matrix[labelled], labels, matrix)


def _normal(scores: Scores) -> Scores:
    """Normal scores of ranks, so that no scale and no tail decides."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    return np.asarray(ndtri(rankdata(scores) / (len(scores) + 1.0)))


STACKED = membership_attack(
    key="stacked",
    title="All of these weighed by an attacker who knows some members",
    threat=Threat(
        knows_data=(
            "all values of the record in question, other rows of the same population, and for "
            "some other records whether they were in the training table"
        ),
        knows_generator="nothing but the release",
        goal="membership",
    ),
    needs=frozenset({"reference"}),
    reference="stacked generalisation (Wolpert 1992) of the attacks above",
    learn=stacked_score,
)
