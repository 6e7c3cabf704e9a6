"""What the distance attacks share: candidates among the release and among the reference.

Each pair of tables is compared once, whatever the number of attacks. Numbers are ranked among the
reference, which does not depend on the release. What may not happen here: a label.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.attack.distance import Points, Scales, as_points, scales_of
from understudy.attack.neighbours import Surroundings, closest, survey, typical_gap

if TYPE_CHECKING:
    from understudy.attack.protocol import Knowledge, Records

NEAREST = 10
"""Nearest synthetic rows that an attack may look at."""

NARROW = 0.5
"""Bandwidth of kernel densities, in typical distances to the nearest other row."""

_RADIUS_SAMPLE = 500
_SEED = 20_231


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scene:
    """Points of the candidates and of what the attacker has, and the scale of their distances.

    Parameters
    ----------
    scales
        What numbers are ranked among.
    candidates, reference
        Points; reference is None without one.
    bandwidth
        Of kernel densities: how far apart typical neighbours of the population are.
    """

    scales: Scales
    candidates: Points
    reference: Points | None
    bandwidth: float


def scene(knows: Knowledge, candidates: Records) -> Scene:
    """The scene, made once for all releases."""

    def make() -> Scene:
        ruler = knows.reference or candidates
        scales = scales_of(knows.columns, ruler.arrays)
        points = as_points(ruler.arrays, scales)
        return Scene(
            scales=scales,
            candidates=as_points(candidates.arrays, scales),
            reference=None if knows.reference is None else points,
            bandwidth=NARROW * typical_gap(points, np.random.default_rng(_SEED), rank=1),
        )

    return knows.once("scene", make, of_release=False)


def synthetic_points(knows: Knowledge, candidates: Records) -> Points:
    """The release as points."""
    scales = scene(knows, candidates).scales
    return knows.once("synthetic points", lambda: as_points(knows.synthetic.arrays, scales))


def in_release(knows: Knowledge, candidates: Records) -> Surroundings:
    """What lies around each candidate in the release."""

    def make() -> Surroundings:
        seen, made = scene(knows, candidates), synthetic_points(knows, candidates)
        return survey(
            seen.candidates, made, nearest=NEAREST, bandwidth=seen.bandwidth,
            radius=_radius(seen.candidates, made),
        )  # fmt: skip

    return knows.once("around in the release", make)


def in_reference(knows: Knowledge, candidates: Records) -> Surroundings:
    """What lies around each candidate in the reference."""

    def make() -> Surroundings:
        seen = scene(knows, candidates)
        assert seen.reference is not None
        return survey(seen.candidates, seen.reference, nearest=NEAREST, bandwidth=seen.bandwidth)

    return knows.once("around in the reference", make, of_release=False)


def _radius(candidates: Points, made: Points) -> float:
    """Median distance of candidates to their nearest synthetic row, on a sample."""
    chosen = np.random.default_rng(_SEED).permutation(candidates.rows)[:_RADIUS_SAMPLE]
    distances, _ = closest(candidates.at(chosen), made)
    return max(float(np.median(distances)), 1e-3)


def log_density(around: Surroundings, rows: int) -> NDArray[np.float64]:
    """Logarithm of a kernel density, with a floor of a tenth of one row at distance 0."""
    return np.asarray(np.log(around.density + 0.1 / max(1, rows)))
