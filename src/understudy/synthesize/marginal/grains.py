"""A column at several grains: levels merged step by step, every step inside the one before.

How fine a marginal can be counted depends on the noise at hand and on the other columns in it, so
an adaptive synthesizer offers each clique at the grain its noise warrants. Because the steps are
nested, a model that holds a column at several grains needs no more levels than the finest of
them. What may not happen here: anything but public facts and counts that were paid for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from understudy.curator import Merged, NumberCells
from understudy.prepare.attributes import Attribute, equal_mass, most_frequent

STEPS = (64, 48, 32, 24, 16, 12, 10, 8, 6, 5, 4, 3, 2)
"""Most levels of each step."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Grain:
    """One step of a ladder.

    Parameters
    ----------
    into
        Map from the levels of the finest step to this one's.
    encoding
        The merged encoding, for the curator.
    counts
        Estimated rows per level.
    """

    into: np.ndarray
    encoding: Merged
    counts: np.ndarray

    @property
    def size(self) -> int:
        """Number of levels."""
        return len(self.counts)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ladder:
    """A column's grains, finest first.

    Parameters
    ----------
    base
        Map from the attribute's fine levels to those of the finest step.
    grains
        At least one.
    """

    base: np.ndarray
    grains: tuple[Grain, ...]

    @classmethod
    def of(cls, attribute: Attribute, most: int, *, least: float = 0.0) -> Ladder:
        """Merge an attribute's levels to at most `most`, then further and further.

        Parameters
        ----------
        attribute
            A column as it was learned.
        most
            Most levels of the finest step, at least 2.
        least
            Share below which a special code does not get a level of its own.
        """
        base = attribute.merge(most, least=least)
        into = np.arange(int(base.max()) + 1)
        line = _line(attribute, base)
        grains = [_grain(attribute, base, into)]
        for step in STEPS:
            counts = grains[-1].counts
            if step >= len(counts):
                continue
            further = _join(counts / max(counts.sum(), 1e-300), line, step)
            into, line = further[into], int(further[:line].max()) + 1 if line else 0
            grains.append(_grain(attribute, base, into))
        return cls(base=base, grains=tuple(grains))

    @property
    def size(self) -> int:
        """Levels of the finest step."""
        return self.grains[0].size

    @property
    def counts(self) -> np.ndarray:
        """Estimated rows per level of the finest step."""
        return self.grains[0].counts

    def at(self, most: float) -> Grain:
        """The finest grain with at most so many levels; the coarsest when there is none."""
        return next((grain for grain in self.grains if grain.size <= most), self.grains[-1])


def balanced(sizes: Sequence[int], cells: float) -> tuple[float, ...]:
    """Most levels of each column so that their product stays within `cells`.

    Columns with few levels keep them, the others share what is left evenly.

    >>> balanced((2, 32), 40), balanced((32, 32), 64), balanced((5, 5), 100)
    ((2.0, 20.0), (8.0, 8.0), (5.0, 5.0))
    """
    left = float(cells)
    order = sorted(range(len(sizes)), key=sizes.__getitem__)
    found = [0.0] * len(sizes)
    for rank, axis in enumerate(order):
        fair = left ** (1.0 / (len(order) - rank))
        found[axis] = max(min(float(sizes[axis]), fair), 1.0)
        left /= found[axis]
    return tuple(round(levels, 6) for levels in found)


def _line(attribute: Attribute, base: np.ndarray) -> int:
    """How many leading levels of the finest step lie on a line."""
    if not attribute.ordered:
        return 0
    encoding = attribute.encoding
    fine = encoding.cells if isinstance(encoding, NumberCells) else len(base) - 1
    return int(base[:fine].max()) + 1 if fine else 0


def _join(shares: np.ndarray, line: int, levels: int) -> np.ndarray:
    """Neighbours on the line and rare labels joined into at most `levels`."""
    if not line:
        return most_frequent(shares, levels, 0.0)
    special = shares[line:]
    own = np.flatnonzero(special > 0.25 / levels)[: levels // 3]
    into = np.empty(len(shares), dtype=np.int64)
    cut = equal_mass(shares[:line], max(levels - len(own), 1))
    into[:line] = cut
    into[line:] = cut[int(np.argmax(shares[:line]))]
    into[line + own] = cut.max() + 1 + np.arange(len(own))
    return into


def _grain(attribute: Attribute, base: np.ndarray, into: np.ndarray) -> Grain:
    """One step, its counts added up from the fine levels."""
    fine = into[base]
    return Grain(
        into=into,
        encoding=Merged(base=attribute.encoding, into=tuple(fine.tolist())),
        counts=np.bincount(fine, weights=attribute.counts, minlength=int(into.max()) + 1),
    )
