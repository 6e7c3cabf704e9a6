"""A classifier of release against reference (LOGAN style), asked about the candidates.

Reference: Hayes et al. 2019, LOGAN, in the black-box form with a reference. What may not happen
here: training on a candidate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from understudy.attack.learners import boosted, matrix_of
from understudy.attack.membership import Scores, membership_attack
from understudy.attack.nobox.closest import WITH_REFERENCE

if TYPE_CHECKING:
    from understudy.attack.protocol import Knowledge, Records

_MOST = 50_000


def classifier_score(knows: Knowledge, candidates: Records, rng: np.random.Generator) -> Scores:
    """Log-odds of coming from the release rather than from the reference; memo for `stacked`."""

    def make() -> Scores:
        assert knows.reference is not None
        made = knows.synthetic
        if made.rows > _MOST:
            made = made.at(rng.permutation(made.rows)[:_MOST])
        both = made.joined(knows.reference)
        labels = np.arange(both.rows) < made.rows
        return boosted(
            matrix_of(both), labels, matrix_of(candidates), seed=int(rng.integers(1 << 31))
        )

    return knows.once("classifier", make)


CLASSIFIER = membership_attack(
    key="classifier",
    title="Classifier of release against reference (LOGAN)",
    threat=WITH_REFERENCE,
    needs=frozenset({"reference"}),
    reference="Hayes et al. 2019, LOGAN, arXiv 1705.07663, with boosted trees",
    score=classifier_score,
    weight=3.0,
)
