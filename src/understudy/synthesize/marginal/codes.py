"""A Markov model as a generator of codes: the seam between inference and `Model`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from understudy.synthesize.marginal.model import MarkovModel
from understudy.synthesize.marginal.rounding import sample_codes


@dataclass(frozen=True, kw_only=True, eq=False)
class MarginalCodes:
    """Codes drawn from a Markov model, attribute names being column names.

    >>> from understudy.synthesize.marginal.domain import Domain
    >>> codes = MarginalCodes(markov=MarkovModel(domain=Domain(("a",), (2,)), total=4.0))
    >>> sorted(codes.draw(4, np.random.default_rng(0))["a"].tolist())
    [0, 0, 1, 1]
    """

    kind: ClassVar[str] = "markov"

    markov: MarkovModel

    def draw(self, rows: int, generator: np.random.Generator) -> Mapping[str, np.ndarray]:
        """Codes of new rows, with low-variance rounding."""
        return sample_codes(self.markov, rows, generator)

    def components(self) -> tuple[tuple[float, MarkovModel], ...]:
        """The one model, with weight 1: what conditions and closed-form questions work on."""
        return ((1.0, self.markov),)

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Facts and arrays of the Markov model."""
        return self.markov.to_arrays()

    @classmethod
    def from_arrays(
        cls, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> MarginalCodes:
        """The generator that `to_arrays` described."""
        return cls(markov=MarkovModel.from_arrays(facts, arrays))
