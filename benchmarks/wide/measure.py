"""Error of pairs between two tables of codes."""

from __future__ import annotations

import itertools

import numpy as np

from benchmarks.wide.tables import GROUP, Codes

MOST_PAIRS = 3_000
DEPENDENT = 0.08
"""Total variation from independence above which a pair counts as dependent."""


def pair_errors(real: Codes, made: Codes, *, seed: int = 0) -> dict[str, float]:
    """Mean total variation of pairs: a sample of all, and those that depend in the real table.

    Parameters
    ----------
    real, made
        Codes, one column per column.
    seed
        Which pairs are sampled; neighbours within a group are always looked at.

    Returns
    -------
    dict
        `all`, `dependent`, `pairs_dependent` (how many), `dependence` (their mean distance from
        independence, which is what independent columns would be off by without any noise).
    """
    columns = real.shape[1]
    levels = int(max(real.max(), made.max())) + 1
    every = list(itertools.combinations(range(columns), 2))
    rng = np.random.default_rng(seed)
    some = rng.choice(len(every), min(MOST_PAIRS, len(every)), replace=False)
    sampled = [every[place] for place in some]
    near = [pair for pair in every if pair[1] - pair[0] < GROUP]
    errors = {}
    depends = {}
    for first, second in {*sampled, *near}:
        shares = _shares(real, first, second, levels)
        product = np.outer(shares.sum(axis=1), shares.sum(axis=0))
        errors[first, second] = _distance(shares, _shares(made, first, second, levels))
        depends[first, second] = _distance(shares, product)
    linked = [pair for pair, value in depends.items() if value > DEPENDENT]
    return {
        "all": float(np.mean([errors[pair] for pair in sampled])),
        "dependent": float(np.mean([errors[pair] for pair in linked])) if linked else np.nan,
        "pairs_dependent": float(len(linked)),
        "dependence": float(np.mean([depends[pair] for pair in linked])) if linked else np.nan,
    }


def _shares(codes: Codes, first: int, second: int, levels: int) -> np.ndarray:
    """Joint shares of two columns."""
    flat = codes[:, first] * levels + codes[:, second]
    counts = np.bincount(flat, minlength=levels * levels)
    return counts.reshape(levels, levels) / len(codes)


def _distance(left: np.ndarray, right: np.ndarray) -> float:
    """Total variation."""
    return 0.5 * float(np.abs(left - right).sum())
