"""Releases that are known to leak, and releases that cannot: the controls of every attack.

A leaky generator mixes training rows, barely changed, into a release; an attack that does not
notice it would not have noticed a real leak either. A harmless release is made of reference rows
that no candidate is among. What may not happen here: a leaky release that is written anywhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from understudy.attack.distance import as_points, scales_of
from understudy.attack.neighbours import closest
from understudy.attack.protocol import Knowledge, Records

CHANGED = 0.05
"""Chance that a copied value is replaced by another one of its column."""

SHIFT = 0.01
"""Standard deviation of the shift of a copied number, in ranks of its column (0 to 1)."""

_POOL = 20_000


def noisy_copies(
    train: Records,
    rows: int,
    rng: np.random.Generator,
    *,
    changed: float = CHANGED,
    shift: float = SHIFT,
) -> Records:
    """Random training rows, each at most once while they last, with small noise.

    Parameters
    ----------
    train
        Rows to copy.
    rows
        How many copies.
    changed, shift
        Chance that a value is replaced, and by how many ranks a number moves.

    >>> table = Records(arrays=(np.arange(100.0),))
    >>> copies = noisy_copies(table, 50, np.random.default_rng(0))
    >>> copies.rows, set(copies.arrays[0].tolist()) <= set(range(100))
    (50, True)
    """
    chosen = _draw(train.rows, rows, rng)
    arrays = []
    for values in train.arrays:
        copied = values[chosen].copy()
        if values.dtype.kind == "f":
            copied = _shifted(copied, values, shift, rng)
        else:
            other = rng.random(rows) < changed
            copied[other] = rng.choice(values, int(other.sum()))
        arrays.append(copied)
    return Records(arrays=tuple(arrays))


def neighbour_sampler(
    knows: Knowledge, train: Records, rows: int, rng: np.random.Generator
) -> Records:
    """Rows between a training row and its nearest other one: each value is taken from either.

    Parameters
    ----------
    knows
        For the columns' kinds.
    train
        Rows to sample from; of more than some thousand, a random part.
    rows
        How many rows.
    """
    pool = train if train.rows <= _POOL else train.at(rng.permutation(train.rows)[:_POOL])
    scales = scales_of(knows.columns, pool.arrays)
    points = as_points(pool.arrays, scales)
    _, places = closest(points, points, nearest=2)
    itself = np.arange(pool.rows)
    other = np.where(places[:, 0] == itself, places[:, -1], places[:, 0])
    chosen = _draw(pool.rows, rows, rng)
    return Records(
        arrays=tuple(
            np.where(rng.random(rows) < 0.75, values[chosen], values[other[chosen]]).astype(
                values.dtype
            )
            for values in pool.arrays
        )
    )


def leaky(synthetic: Records, train: Records, share: float, rng: np.random.Generator) -> Records:
    """A release in which a share of the rows (0 to 1) are training rows.

    Half of them are unchanged, half have small noise, in random places of the release.
    """
    leaked = max(2, round(share * synthetic.rows))
    kept = synthetic.at(np.sort(rng.permutation(synthetic.rows)[leaked:]))
    exact = train.at(_draw(train.rows, leaked // 2, rng))
    mixed = kept.joined(exact).joined(noisy_copies(train, leaked - leaked // 2, rng))
    return mixed.at(rng.permutation(mixed.rows))


def harmless(knows: Knowledge, rng: np.random.Generator) -> Records:
    """A release that cannot leak a candidate: noisy reference rows, half with columns shuffled."""
    assert knows.reference is not None
    rows = knows.synthetic.rows
    near = noisy_copies(knows.reference, rows - rows // 2, rng)
    drawn = rng.integers(0, knows.reference.rows, rows // 2)
    apart = Records(
        arrays=tuple(rng.permutation(values[drawn]) for values in knows.reference.arrays)
    )
    return near.joined(apart)


def _draw(size: int, rows: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Random positions, none twice before all have been used once."""
    rounds = [rng.permutation(size) for _ in range(-(-rows // max(1, size)))]
    return np.concatenate(rounds)[:rows] if rounds else np.empty(0, dtype=np.intp)


def _shifted(
    copied: NDArray[np.float64], values: NDArray[np.float64], shift: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Numbers moved by a few ranks to values that occur."""
    scale = np.sort(values[~np.isnan(values)])
    if not scale.size:
        return copied
    there = ~np.isnan(copied)
    rank = np.searchsorted(scale, copied[there], side="left")
    high = np.searchsorted(scale, copied[there], side="right")
    middle = (rank + high) / 2.0
    moved = np.rint(middle + rng.normal(0.0, shift * scale.size, middle.size)).astype(int)
    copied[there] = scale[np.clip(moved, 0, scale.size - 1)]
    return copied
