"""How much noise each column and each pair will carry, before anything is asked.

The arithmetic is the run's own: shares of ρ become noise scales, noise decides into how many
levels a column is cut and merged. What may not happen here: a number that depends on rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from understudy.prepare.discretise import LEAVES, leaves
from understudy.synthesize.marginal.pairs import merged_levels
from understudy.synthesize.marginal.residual import Residual, pairs_beyond_tree
from understudy.synthesize.marginal.rounds import Adaptive
from understudy.workflow.planning.facts import ColumnFacts, Facts
from understudy.workflow.planning.stages import shares_at

UNKNOWN_SIZE = 20.0
"""Cells a column nobody described is expected to need: about what public tables show."""

_ALL_ROUNDS, _NOT_AGAIN = 9.0, 0.85


@dataclass(frozen=True, kw_only=True, slots=True)
class Noise:
    """Noise scales in rows, and the number of levels they allow.

    Parameters
    ----------
    kinds
        σ of one cell class; 0 when none is counted.
    domain
        σ of a column's first histogram.
    singles
        σ of every column's final histogram, by name.
    sizes
        Expected cells of that histogram, by name.
    pair
        σ of a pair, when every counted pair gets the same; infinite when none is counted.
    levels
        Most merged levels of a column in a pair.
    counted
        Expected number of pairs that are counted.
    """

    kinds: float
    domain: float
    singles: Mapping[str, float]
    sizes: Mapping[str, float]
    pair: float
    levels: int
    counted: int

    def merged(self, name: str) -> float:
        """Levels of a column in a pair."""
        return min(self.sizes[name], float(self.levels))


def expected_noise(facts: Facts, synthesizer: Any) -> Noise:
    """The noise of a run with these facts."""
    shares = shares_at(facts, synthesizer)
    rho, sensitivity = facts.rho, facts.sensitivity

    def sigma(share: float) -> float:
        return sensitivity / math.sqrt(2.0 * rho * share) if share > 0 else math.inf

    untyped = sum(column.classes for column in facts.columns)
    each = shares["singles"] / max(facts.kept, 1)
    sizes = {column.name: _size(column, facts.rows, sigma(each)) for column in facts.columns}
    kept = [column.name for column in facts.columns if column.role != "dropped"]
    weights = np.array([sizes[name] for name in kept], dtype=float) ** (2.0 / 3.0)
    parts = shares["singles"] * weights / max(weights.sum(), 1e-300)
    names = [column.name for column in facts.modelled]
    pair, levels, counted = _pairs(facts, synthesizer, shares, len(names))
    return Noise(
        kinds=sigma(shares["kinds"] / untyped) if untyped else 0.0,
        domain=sigma(shares["domain"] / max(facts.kept, 1)),
        singles={name: sigma(float(part)) for name, part in zip(kept, parts, strict=True)},
        sizes=sizes,
        pair=pair,
        levels=levels,
        counted=counted,
    )


def _pairs(
    facts: Facts, synthesizer: Any, shares: Mapping[str, float], columns: int
) -> tuple[float, int, int]:
    """σ of a pair, merged levels, and how many pairs are counted."""
    share = shares.get("pairs", 0.0)
    if columns < 2 or share <= 0:
        return math.inf, 1, 0
    rho, sensitivity = facts.rho, facts.sensitivity
    if isinstance(synthesizer, Adaptive):
        return _chosen(facts, synthesizer, share, columns)
    tree = columns - 1
    first = sensitivity / math.sqrt(2.0 * rho * share / tree)
    fewest = getattr(synthesizer, "fewest_levels", 6)
    most = getattr(synthesizer, "most_levels", 32)
    if isinstance(synthesizer, Residual):
        counted = tree + pairs_beyond_tree(facts.rows, first, columns, synthesizer.extra_pairs)
        sigma = sensitivity / math.sqrt(2.0 * rho * share / counted)
        finest = round(math.sqrt(facts.rows / sigma))
        return sigma, int(np.clip(finest, fewest, most)), counted
    levels = merged_levels(facts.rows, first, fewest, most)
    counted = tree + _chords(synthesizer, columns, levels)
    return sensitivity / math.sqrt(2.0 * rho * share / counted), levels, counted


def _chosen(
    facts: Facts, synthesizer: Adaptive, share: float, columns: int
) -> tuple[float, int, int]:
    """The same where marginals are chosen one by one, on as many cells as the noise warrants.

    Noise starts as for `rounds_per_column`; rounds that teach little double the budget, which on
    small tables leaves few of them.
    """
    rounds = max(synthesizer.rounds_per_column * columns, 1.0)
    whole = facts.sensitivity / math.sqrt(2.0 * facts.rho * share)

    def levels(counted: float) -> float:
        room = max(0.25 * facts.rows / (whole * math.sqrt(counted)), 4.0)
        return min(math.sqrt(room), float(synthesizer.most_levels))

    counted = max(rounds * min(levels(rounds) / _ALL_ROUNDS, 1.0), 1.0)
    different = min(round(_NOT_AGAIN * counted), columns * (columns - 1) // 2)
    return whole * math.sqrt(counted), round(levels(counted)), max(different, 1)


def _chords(synthesizer: Any, columns: int, levels: int) -> int:
    """Pairs on top of a tree."""
    asked = getattr(synthesizer, "chords", 0)
    most = columns * (columns - 1) // 2 - columns + 1
    if columns < 3:
        return 0
    if asked is not None:
        return int(min(asked, most))
    return int(min(columns * min(1.0, (levels / 16.0) ** 2), 24, most))


def _size(column: ColumnFacts, rows: float, sigma: float) -> float:
    """Cells of a column's final histogram."""
    if column.role == "replaced":
        return 2.0
    if column.shape == "numbers":
        finest = leaves(rows, sigma)
        domain = math.inf if column.domain is None else column.domain
        return max(2.0, min(domain, finest, float(LEAVES[1])))
    if column.shape == "unknown":
        return UNKNOWN_SIZE
    return max(2.0, min(UNKNOWN_SIZE if column.domain is None else column.domain, 150.0))


def pairs_of(facts: Facts) -> list[tuple[ColumnFacts, ColumnFacts]]:
    """Every pair of modelled columns, in table order."""
    return list(combinations(facts.modelled, 2))
