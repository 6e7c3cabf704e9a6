"""Likelihood-ratio influence (Gen-LRA): whether the record makes nearby synthetic rows likelier.

A kernel density of the reference is asked for the likelihood of the synthetic rows nearest to the
candidate, with and without the candidate among the reference. Reference: Ward et al. 2024-25
(Gen-LRA). What may not happen here: a look beyond the nearest synthetic rows, which dilutes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from understudy.attack.membership import Scores, membership_attack
from understudy.attack.neighbours import survey
from understudy.attack.nobox.around import in_release, scene, synthetic_points
from understudy.attack.nobox.closest import WITH_REFERENCE

if TYPE_CHECKING:
    from understudy.attack.protocol import Knowledge, Records

_FLOOR = 0.1


def influence_score(knows: Knowledge, candidates: Records, _rng: np.random.Generator) -> Scores:
    """Sum over the nearest synthetic rows of the log-likelihood gained by the candidate."""
    seen, around = scene(knows, candidates), in_release(knows, candidates)
    assert seen.reference is not None
    used, inverse = np.unique(around.places, return_inverse=True)
    near = survey(
        synthetic_points(knows, candidates).at(used), seen.reference, nearest=1,
        bandwidth=seen.bandwidth,
    )  # fmt: skip
    rows = seen.reference.rows
    mass = (near.density * rows + _FLOOR)[inverse.reshape(around.places.shape)]
    kernel = np.exp(-0.5 * (around.distances.astype(np.float64) / seen.bandwidth) ** 2)
    gained = np.log1p(kernel / mass) - np.log1p(1.0 / rows)
    return np.asarray(gained.sum(axis=1))


LIKELIHOOD_RATIO = membership_attack(
    key="likelihood_ratio",
    title="Gen-LRA: likelihood gained by nearby synthetic rows",
    threat=WITH_REFERENCE,
    needs=frozenset({"reference"}),
    reference="Ward et al. 2025, Gen-LRA, with a kernel on mixed distances",
    score=influence_score,
    weight=2.0,
)
