"""Distance to the closest synthetic record, as it is and beside the distance to the reference.

References: Hayes et al. 2019; Chen et al. 2020 (GAN-Leaks), whose calibration the second is.
What may not happen here: a look at training rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from understudy.attack.membership import Scores, membership_attack
from understudy.attack.nobox.around import in_reference, in_release
from understudy.attack.protocol import Threat

if TYPE_CHECKING:
    from understudy.attack.protocol import Knowledge, Records

ALONE = Threat(
    knows_data="all values of the record in question",
    knows_generator="nothing but the release",
    goal="membership",
)
WITH_REFERENCE = Threat(
    knows_data="all values of the record in question, and other rows of the same population",
    knows_generator="nothing but the release",
    goal="membership",
)


def distance_score(knows: Knowledge, candidates: Records, _rng: np.random.Generator) -> Scores:
    """The nearer a synthetic row, the more a candidate looks like a member."""
    return -in_release(knows, candidates).distances[:, 0].astype(np.float64)


def calibrated_score(knows: Knowledge, candidates: Records, _rng: np.random.Generator) -> Scores:
    """How much nearer the release is than the reference; means of the nearest rows break ties."""
    ours, theirs = in_release(knows, candidates), in_reference(knows, candidates)
    first = theirs.distances[:, 0].astype(np.float64) - ours.distances[:, 0]
    mean = theirs.distances.mean(axis=1, dtype=np.float64) - ours.distances.mean(axis=1)
    return np.asarray(first + 0.1 * mean)


CLOSEST = membership_attack(
    key="closest_record",
    title="Distance to the closest synthetic record",
    threat=ALONE,
    reference="Hayes et al. 2019; a weak attack that passes much (arXiv 2505.01524)",
    score=distance_score,
)
CALIBRATED = membership_attack(
    key="calibrated_distance",
    title="Distance to the release beside distance to the reference",
    threat=WITH_REFERENCE,
    needs=frozenset({"reference"}),
    reference="Chen et al. 2020, GAN-Leaks, calibrated",
    score=calibrated_score,
)
