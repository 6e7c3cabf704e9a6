"""Pairs of columns on merged levels: offered, measured, denoised.

What a marginal synthesizer needs between `prepare` (fine levels of single columns) and
inference (cliques): each column merged to as many levels as the noise of a pair warrants, the
score by which a pair is chosen, its measurement, and its table once denoised. Nothing here
asks a curator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from understudy.curator import Candidate, LabelCells, Merged, NumberCells
from understudy.prepare.attributes import Attribute
from understudy.prepare.learn import Prepared
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.measurement import Measurement
from understudy.synthesize.marginal.model import MarkovModel
from understudy.synthesize.marginal.shrink import shrink_table

Edge = tuple[str, str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """One column as it takes part in pairs.

    Parameters
    ----------
    into
        Map from fine to merged level.
    encoding
        The merged encoding, for the curator.
    counts
        Estimated rows per merged level.
    """

    into: np.ndarray
    encoding: Merged | NumberCells | LabelCells
    counts: np.ndarray

    @property
    def size(self) -> int:
        """Number of merged levels."""
        return len(self.counts)

    @classmethod
    def of(cls, attribute: Attribute, into: np.ndarray) -> Side:
        """Merge an attribute's levels by a map."""
        merged = Merged(base=attribute.encoding, into=tuple(into.tolist()))
        counts = np.bincount(into, weights=attribute.counts, minlength=merged.size)
        return cls(into=into, encoding=merged, counts=counts)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """A measured pair: noisy counts on merged levels."""

    counts: np.ndarray
    sigma: float


def fine_domain(prepared: Prepared) -> Domain:
    """All columns at their fine levels."""
    return Domain(
        tuple(item.name for item in prepared.attributes),
        tuple(item.encoding.size for item in prepared.attributes),
    )


def merged_levels(rows: float, sigma: float, fewest: int, most: int) -> int:
    """How many levels a column has in a pair measured with noise `sigma`.

    With L levels a side, noise alone moves a pair by about 0.4·L²·σ/n in total variation; L is
    chosen so that this stays near a tenth before denoising.

    >>> merged_levels(24_000, 25.0, 6, 32)
    15
    """
    return int(np.clip(round(np.sqrt(0.25 * rows / sigma)), fewest, most))


def merge_all(prepared: Prepared, levels: int, sigma: float) -> dict[str, Side]:
    """Every column on at most `levels` levels, levels lost in the noise joined."""
    least = min(2.0 * sigma / prepared.rows, 0.5 / levels)
    return {
        item.name: Side.of(item, item.merge(levels, least=least)) for item in prepared.attributes
    }


def independent_offer(first: Side, second: Side, rows: float, weight: float = 1.0) -> Candidate:
    """A pair on offer against independence, for choosing a tree."""
    return _offer(first, second, np.outer(first.counts, second.counts) / rows, weight)


def model_offer(
    model: MarkovModel, edge: Edge, sides: Mapping[str, Side], weight: float
) -> Candidate:
    """A pair on offer against what a model expects of it."""
    first, second = sides[edge[0]], sides[edge[1]]
    expected = np.zeros((first.size, second.size))
    fine = model.marginal(edge).values
    np.add.at(expected, (first.into[:, None], second.into[None, :]), fine)
    return _offer(first, second, expected, weight)


def _offer(first: Side, second: Side, expected: np.ndarray, weight: float) -> Candidate:
    """The candidate; what sampling alone would deviate does not count for it."""
    penalty = float(np.sqrt(2.0 / np.pi) * np.sqrt(expected).sum())
    encodings = (first.encoding, second.encoding)
    return Candidate(encodings=encodings, expected=expected, penalty=penalty, weight=weight)


def noise_scales(
    edges: Sequence[Edge], sides: Mapping[str, Side], rho: float, sensitivity: float
) -> np.ndarray:
    """Noise of each pair for ρ in all, proportional to (cells)^(-1/3).

    This minimises the summed expected L1 error Σ kᵢσᵢ under Σ 1/σᵢ² fixed.
    """
    sizes = np.array([sides[a].size * sides[b].size for a, b in edges], dtype=float)
    weights = sizes ** (2.0 / 3.0)
    return np.asarray(sensitivity / np.sqrt(2.0 * rho * weights / weights.sum()))


def denoised(pair: Pair, first: Side, second: Side) -> np.ndarray:
    """A pair's table once noise is shrunk away and it agrees with its singles."""
    return shrink_table(pair.counts, first.counts, second.counts, pair.sigma)


def targets(
    prepared: Prepared, sides: Mapping[str, Side], tables: Mapping[Edge, np.ndarray]
) -> list[Measurement]:
    """Singles and denoised pairs as what a model is to be fitted to."""
    singles = [Measurement((item.name,), item.counts, 1.0) for item in prepared.attributes]
    pairs = [
        Measurement(edge, table, 1.0, (sides[edge[0]].into, sides[edge[1]].into))
        for edge, table in tables.items()
    ]
    return [*singles, *pairs]
