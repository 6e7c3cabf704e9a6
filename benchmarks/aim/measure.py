"""How far the marginals of codes are from those of the real codes; no synthesizer is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Codes = Mapping[str, NDArray[np.int64]]
DENSE = 1 << 21


def merged(codes: Codes, sizes: Mapping[str, int], clique: Sequence[str]) -> NDArray[np.int64]:
    """One code per row for several columns."""
    flat = np.zeros(len(next(iter(codes.values()))), dtype=np.int64)
    for name in clique:
        flat = flat * sizes[name] + codes[name]
    return flat


def distance(left: NDArray[np.int64], right: NDArray[np.int64], cells: int) -> float:
    """Total variation distance of two columns of codes in [0, cells)."""
    if cells > DENSE:
        values, places = np.unique(np.concatenate([left, right]), return_inverse=True)
        left, right, cells = places[: len(left)], places[len(left) :], len(values)
    one = np.bincount(left, minlength=cells) / len(left)
    other = np.bincount(right, minlength=cells) / len(right)
    return 0.5 * float(np.abs(one - other).sum())


def errors(real: Codes, synthetic: Codes, sizes: Mapping[str, int]) -> dict[str, float]:
    """Mean total variation distance over all singles, all pairs and all triples of columns.

    A synthetic code beyond the domain (a null that a peer made) is one more level.
    """
    beyond = {name: int(synthetic[name].max()) + 1 for name in real}
    widths = {name: max(size, beyond[name]) for name, size in sizes.items()}
    found = {}
    for ways in (1, 2, 3):
        distances = [
            distance(
                merged(real, widths, clique),
                merged(synthetic, widths, clique),
                int(np.prod([widths[name] for name in clique], dtype=np.int64)),
            )
            for clique in combinations(real, ways)
        ]
        found[f"tvd{ways}"] = float(np.mean(distances))
    return found


def anchors(real: Codes, sizes: Mapping[str, int], seed: int = 0) -> dict[str, dict[str, float]]:
    """The same on tables that are no synthesizer's: independent columns, and two real halves."""
    rng = np.random.default_rng(seed)
    shuffled = {name: rng.permutation(codes) for name, codes in real.items()}
    order = rng.permutation(len(next(iter(real.values()))))
    middle = len(order) // 2
    left = {name: codes[order[:middle]] for name, codes in real.items()}
    right = {name: codes[order[middle:]] for name, codes in real.items()}
    return {
        "independent columns": errors(real, shuffled, sizes),
        "two real halves": errors(left, right, sizes),
    }
