"""How far a model's answer may be from the table it was learned from.

Two parts, both from numbers that were paid for. *Noise*: what was counted was counted with known
noise; it is propagated through the single columns and, for columns that were counted together,
through their table, whose deviation from independence carries the noise of its cells. *Model*: what
was not counted together is only as good as the model's shape. A synthesizer that chooses pairs by
how far they depart from its model has thereby also found that no other pair departs much further;
that departure δ, as a share of rows, bounds what a set of rows A and B can be off by:

    |P(A, B) − model|  ≤  δ·√(P(A)(1−P(A)))·√(P(B)(1−P(B)))     (δ/4 at halves: the hard bound)

which is exact where A and B are halves (a table whose sums agree has four equal errors there) and a
calibrated rule elsewhere. The same rule is applied to what a merged level hides, and inside a cell
of a number column, where values are taken as spread evenly. Coverage of the intervals on real
tables is measured in `docs/conditioning.md`; it is not a theorem.

What may not happen here: an exact count, or a claim about what was never bounded. A model that
counted no columns together bounds nothing, and its intervals are what any two margins allow.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, median
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from understudy.curator import NumberCells
from understudy.prepare.attributes import Attribute
from understudy.synthesize.conditioning.mixture import Component

if TYPE_CHECKING:
    from understudy.synthesize.model import CountedPair, Model

Floats = npt.NDArray[np.float64]

LEVEL = 0.9
"""Share of answers that an interval is to hold, unless another is asked for."""

_BASE = 0.055
_PER_NOISE = 0.5
_LAST = 5
_BLUR = 0.6
_SINGLES = 1.25
_SHRUNK = 1.4
"""What is stated of noise over what is left of it: shrinking takes noise away and puts bias in."""
_TYPICAL = 0.5
"""What a pair that was left typically departs by, over the bound on it."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Facet:
    """Groups of one column's levels: what is known about the share of each.

    Parameters
    ----------
    share
        Share of rows of each group.
    variance
        Noise variance of each share.
    blur
        Half-width for cells that a group divides.
    reach
        Squared length of each group over the column's classes, centred.
    hidden
        Part of a group's variance that lies inside classes.
    classes
        Number of classes.
    """

    share: Floats
    variance: Floats
    blur: Floats
    reach: Floats
    hidden: Floats
    classes: int

    @property
    def scale(self) -> Floats:
        """Standard deviation of belonging to each group."""
        return np.sqrt(np.maximum(self.share * (1.0 - self.share), 0.0))


def facet_of(
    model: Model,
    attribute: Attribute,
    components: Sequence[Component],
    groups: npt.NDArray[np.bool_],
) -> Facet:
    """What is known about groups of a column's levels.

    Parameters
    ----------
    model
        The fitted model.
    attribute
        The column with its cells cut where groups divide them.
    components
        The model's distribution on these levels.
    groups
        Levels of each group, one row per group.
    """
    name, rows = attribute.name, max(model.rows, 1.0)
    levels: Floats = np.asarray(
        sum(weight * markov.distribution((name,)).values for weight, markov in components)
    )
    inside = groups.astype(np.float64)
    share = inside @ levels
    own, others = inside @ attribute.variances, (1.0 - inside) @ attribute.variances
    variance = ((1.0 - share) ** 2 * own + share**2 * others) / rows**2
    plan = components[0][1].plan
    classes = np.asarray(plan.classes.get(name, np.arange(len(levels))))
    count = int(classes.max()) + 1
    mass = np.bincount(classes, levels, minlength=count)
    held = np.zeros((len(groups), count))
    np.add.at(held.T, classes, (inside * levels).T)
    part = held / np.where(mass > 0, mass, 1.0)
    spread = np.maximum(share * (1.0 - share), 1e-300)
    return Facet(
        share=share,
        variance=variance,
        blur=_blur(model, attribute, inside, levels),
        reach=((part - part.mean(axis=1, keepdims=True)) ** 2).sum(axis=1),
        hidden=np.minimum((part * (1.0 - part)) @ mass / spread, 1.0),
        classes=count,
    )


def _blur(model: Model, attribute: Attribute, inside: Floats, levels: Floats) -> Floats:
    """Half-width for the cells that groups divide: values may not be spread evenly in them."""
    whole = next(one for one in model.attributes if one.name == attribute.name).encoding
    if not isinstance(attribute.encoding, NumberCells) or not isinstance(whole, NumberCells):
        return np.zeros(len(inside))
    finer = np.asarray(attribute.encoding.edges[:-1])
    owner = np.searchsorted(np.asarray(whole.edges), finer, side="right") - 1
    mass = np.bincount(owner, levels[: len(finer)])
    part = np.zeros((len(inside), len(mass)))
    np.add.at(part.T, owner, (inside * levels)[:, : len(finer)].T)
    part = part / np.where(mass > 0, mass, 1.0)
    return np.asarray(_BLUR * np.sqrt((part * (1.0 - part) * mass**2).sum(axis=1)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """What is known of a pair of columns: the noise of its counts, or only how far it may depart."""

    sigma: float | None
    levels: tuple[int, int]
    departure: float


def departure_of(model: Model) -> float | None:
    """Share of rows by which a pair that was not counted may depart from the model.

    Where the synthesizer recorded how far each pair departed when it was chosen, half the median
    of the last five (all of it where there are fewer), but never less than is usual on real tables; else by a public rule from the noise of the counts; None when nothing was counted.
    """
    counted = [pair for pair in model.pairs if len(pair.columns) > 1]
    if not counted:
        return None
    told = [pair.departure for pair in counted if pair.departure is not None]
    if told:
        typical = _TYPICAL if len(told) >= _LAST else 1.0
        return max(typical * float(median(told[-_LAST:])), _BASE)
    noise = [
        0.8 * pair.sigma * float(np.prod(pair.levels)) / max(model.rows, 1.0) for pair in counted
    ]
    return _BASE + _PER_NOISE * median(noise)


def bound_of(model: Model, first: str, second: str) -> Bound | None:
    """What is known of a pair of columns; None when nothing bounds how they depend."""
    departure = departure_of(model)
    if departure is None:
        return None
    best: Bound | None = None
    for pair in model.pairs:
        if first in pair.columns and second in pair.columns:
            sigma, levels = _projected(pair, first, second)
            if best is None or best.sigma is None or sigma < best.sigma:
                best = Bound(sigma=sigma, levels=levels, departure=departure)
    return best or Bound(sigma=None, levels=(1, 1), departure=departure)


def _projected(pair: CountedPair, first: str, second: str) -> tuple[float, tuple[int, int]]:
    """Noise of two columns' table inside a counted set, and their levels."""
    size = dict(zip(pair.columns, pair.levels, strict=True))
    others = [level for name, level in size.items() if name not in (first, second)]
    return pair.sigma * float(np.sqrt(np.prod(others))), (size[first], size[second])


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Spread:
    """How far answers may be off, per cell: standard deviation of noise, half-width of the model.

    `bounded` is false where nothing limits how the columns depend; the half-width is then the
    largest that the margins allow. `measured` says whether all columns were counted together.
    """

    noise: Floats
    model: Floats
    measured: bool
    bounded: bool

    def half(self, level: float) -> Floats:
        """Half-width of intervals that are to hold a share of the answers."""
        z = NormalDist().inv_cdf((1.0 + level) / 2.0)
        wider = z / NormalDist().inv_cdf((1.0 + LEVEL) / 2.0) if self.bounded else 1.0
        return np.asarray(np.hypot(z * self.noise, wider * self.model))


def spread_of(
    model: Model,
    facets: Mapping[str, Facet],
    joint: Floats,
    pairs: Mapping[tuple[str, str], Floats],
) -> Spread:
    """How far a table of shares may be off.

    Parameters
    ----------
    model
        The fitted model.
    facets
        Each column's groups, in the order of the axes.
    joint
        Shares, one axis per column and one place per group.
    pairs
        Shares of every two columns, axes in their order.
    """
    names = tuple(facets)
    noise: Any = np.zeros(joint.shape)
    wide: Any = np.zeros(joint.shape)
    for axis, name in enumerate(names):
        one = facets[name]
        times: Any = 1.0
        for other in range(joint.ndim):
            if other != axis:
                times = np.minimum(times, _along(facets[names[other]].share, other, joint.ndim))
        share = _along(one.share, axis, joint.ndim)
        times = np.where(share > 0, joint / np.where(share > 0, share, 1.0), times)
        noise = noise + (_SINGLES * times) ** 2 * _along(one.variance, axis, joint.ndim)
        wide = wide + times**2 * _along(one.blur**2, axis, joint.ndim)
    measured = bounded = True
    rows = max(model.rows, 1.0)
    for first, second in itertools.combinations(names, 2):
        bound = bound_of(model, first, second)
        if bound is None:
            return Spread(
                noise=np.sqrt(noise), model=_allowed(facets, joint), measured=False, bounded=False
            )
        a, b = facets[first], facets[second]
        axes = (names.index(first), names.index(second))
        pair = np.maximum(pairs[(first, second)], 1e-300)
        rest = np.minimum(joint / _spanned(pair, axes, joint.ndim), 1.0)
        scale = np.outer(a.scale, b.scale)
        if bound.sigma is None:
            measured = False
            off = bound.departure * scale
        else:
            reach = np.outer(a.reach, b.reach)
            reach = (
                reach
                * min(bound.levels[0] / a.classes, 1.0)
                * min(bound.levels[1] / b.classes, 1.0)
            )
            noise = noise + rest**2 * _spanned(
                (_SHRUNK * bound.sigma / rows) ** 2 * reach, axes, joint.ndim
            )
            hidden = 1.0 - np.outer(1.0 - a.hidden, 1.0 - b.hidden)
            off = bound.departure * scale * np.sqrt(hidden)
        wide = wide + rest**2 * _spanned(off**2, axes, joint.ndim)
    if len(names) > 2 and not _together(model, names):
        measured = False
        scale = np.ones(joint.shape)
        for axis, name in enumerate(names):
            scale = scale * _along(facets[name].scale, axis, joint.ndim)
        wide = wide + ((departure_of(model) or 0.0) * scale) ** 2
    return Spread(noise=np.sqrt(noise), model=np.sqrt(wide), measured=measured, bounded=bounded)


def expected_tvd(model: Model, shares: Floats, spread: Spread) -> float:
    """Expected total variation distance of a table of shares from the sensitive table's own.

    Noise adds up cell by cell, without the margin that intervals have; a cell smaller than its
    noise was shrunk, and is off by about what it may hold. What was not counted together adds at
    most half of the departure, which is what a departure is.
    """
    deviation = np.sqrt(2.0 / np.pi) * spread.noise / _SHRUNK
    noise = 0.5 * float(np.minimum(deviation, np.sqrt(shares * deviation) + shares).sum())
    wide = 0.5 * float((np.sqrt(2.0 / np.pi) * spread.model / 1.645).sum())
    if spread.bounded:
        wide = min(wide, 0.5 * (departure_of(model) or wide))
    return min(noise + wide, 1.0)


def _together(model: Model, names: Sequence[str]) -> bool:
    """Whether one counted set holds all these columns."""
    return any(set(names) <= set(pair.columns) for pair in model.pairs)


def _allowed(facets: Mapping[str, Facet], joint: Floats) -> Floats:
    """The largest deviation that the margins allow (Fréchet's bounds)."""
    least: Any = np.full(joint.shape, np.inf)
    total: Any = np.zeros(joint.shape)
    for axis, one in enumerate(facets.values()):
        share = _along(one.share, axis, joint.ndim)
        least = np.minimum(least, share)
        total = total + share
    low = np.maximum(total - (joint.ndim - 1), 0.0)
    return np.asarray(np.maximum(least - joint, joint - low))


def _along(values: Floats, axis: int, axes: int) -> Floats:
    """Values laid along one axis."""
    shape = [1] * axes
    shape[axis] = -1
    return values.reshape(shape)


def _spanned(values: Floats, places: tuple[int, int], axes: int) -> Floats:
    """A table laid along two axes."""
    shape = [1] * axes
    shape[places[0]], shape[places[1]] = values.shape
    return values.reshape(shape)
