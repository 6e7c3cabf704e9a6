"""Wide tables whose structure is known: three kinds, any number of columns, twenty levels.

- `tree`: every column copies an earlier one, relabelled, for three to eight rows in ten;
- `blocks`: groups of ten columns cut from correlated normals (r² of 0.25 to 0.8 with their cause),
  so that all 45 pairs of a group depend and no tree holds them;
- `classes`: a column differs a little between eight hidden classes, so that every pair of the
  table depends a little.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

KINDS = ("tree", "blocks", "classes")
LEVELS = 20
GROUP = 10

Codes = npt.NDArray[np.int64]


def drawn(kind: str, columns: int, rows: int, seed: int) -> tuple[Codes, Codes]:
    """Two tables of codes from the same population: one to learn from, one to compare with."""
    rng = np.random.default_rng(seed)
    both = _MAKERS[kind](columns, 2 * rows, rng)
    return both[:rows], both[rows:]


def _shares(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Uneven shares of the levels."""
    return rng.dirichlet(np.full(LEVELS, 2.0))


def _tree(columns: int, rows: int, rng: np.random.Generator) -> Codes:
    made = np.empty((rows, columns), dtype=np.int64)
    for index in range(columns):
        own = rng.choice(LEVELS, rows, p=_shares(rng))
        if index:
            parent = rng.integers(max(0, index - 20), index)
            relabelled = rng.permutation(LEVELS)[made[:, parent]]
            own = np.where(rng.random(rows) < rng.uniform(0.3, 0.8), relabelled, own)
        made[:, index] = own
    return made


def _blocks(columns: int, rows: int, rng: np.random.Generator) -> Codes:
    made = np.empty((rows, columns), dtype=np.int64)
    cause = np.zeros(rows)
    for index in range(columns):
        if index % GROUP == 0:
            cause = rng.normal(size=rows)
        strength = rng.uniform(0.5, 0.9)
        value = strength * cause + np.sqrt(1 - strength**2) * rng.normal(size=rows)
        cuts = np.quantile(value, np.cumsum(_shares(rng))[:-1])
        made[:, index] = np.searchsorted(cuts, value)
    return made


def _classes(columns: int, rows: int, rng: np.random.Generator) -> Codes:
    hidden = rng.choice(8, rows, p=rng.dirichlet(np.full(8, 3.0)))
    made = np.empty((rows, columns), dtype=np.int64)
    for index in range(columns):
        shares = _shares(rng)
        each = np.stack([rng.dirichlet(shares * LEVELS + 1e-3) for _ in range(8)])
        made[:, index] = (rng.random(rows)[:, None] > each.cumsum(axis=1)[hidden]).sum(axis=1)
    return np.minimum(made, LEVELS - 1)


_MAKERS = {"tree": _tree, "blocks": _blocks, "classes": _classes}
