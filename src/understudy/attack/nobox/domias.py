"""DOMIAS: where the release is denser than the population, the generator has overfitted.

The density is a Gaussian kernel on distances of mixed columns, for release and reference alike.
Reference: van Breugel et al. 2023, arXiv 2302.12580. What may not happen here: a bandwidth that
depends on the candidate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.attack.membership import Scores, membership_attack
from understudy.attack.nobox.around import in_reference, in_release, log_density
from understudy.attack.nobox.closest import WITH_REFERENCE

if TYPE_CHECKING:
    import numpy as np

    from understudy.attack.protocol import Knowledge, Records


def domias_score(knows: Knowledge, candidates: Records, _rng: np.random.Generator) -> Scores:
    """Log of the release's density over the reference's."""
    assert knows.reference is not None
    ours, theirs = in_release(knows, candidates), in_reference(knows, candidates)
    return log_density(ours, knows.synthetic.rows) - log_density(theirs, knows.reference.rows)


DOMIAS = membership_attack(
    key="domias",
    title="DOMIAS: local density against the population's",
    threat=WITH_REFERENCE,
    needs=frozenset({"reference"}),
    reference="van Breugel et al. 2023, arXiv 2302.12580, with a kernel on mixed distances",
    score=domias_score,
)
