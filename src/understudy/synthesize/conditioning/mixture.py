"""A generator of codes that is a mixture of Markov models: what `or` between columns leaves.

What may not happen here: learning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from understudy.errors import InputError, ModelError
from understudy.synthesize.marginal.codes import MarginalCodes
from understudy.synthesize.marginal.model import MarkovModel
from understudy.synthesize.marginal.rounding import sample_codes, systematic
from understudy.synthesize.protocol import Codes

Component = tuple[float, MarkovModel]
"""A weight and the model of the rows it stands for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MixtureCodes:
    """Codes drawn from Markov models over one domain, each with its share of the rows.

    Parameters
    ----------
    parts
        Weights above 0, and models of the same attributes and levels.
    """

    kind: ClassVar[str] = "mixture"

    parts: tuple[Component, ...]

    def __post_init__(self) -> None:
        domains = {markov.domain for _, markov in self.parts}
        if len(domains) != 1 or not all(weight > 0 for weight, _ in self.parts):
            raise InputError("a mixture needs models of one domain, with weights above 0")

    def components(self) -> tuple[Component, ...]:
        """Weights that sum to 1, with their models."""
        total = sum(weight for weight, _ in self.parts)
        return tuple((weight / total, markov) for weight, markov in self.parts)

    def draw(self, rows: int, generator: np.random.Generator) -> Mapping[str, np.ndarray]:
        """Codes of new rows: whole numbers of rows from every part, in random order."""
        parts = self.components()
        ends = np.minimum(np.cumsum([weight for weight, _ in parts]), 1.0)
        ends[-1] = 1.0
        sizes = systematic(ends[None, :], np.array([rows]), generator.random(1))[0]
        drawn = [
            sample_codes(markov, int(size), generator)
            for (_, markov), size in zip(parts, sizes, strict=True)
        ]
        order = generator.permutation(rows)
        return {name: np.concatenate([codes[name] for codes in drawn])[order] for name in drawn[0]}

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Facts and arrays of every part."""
        facts: list[dict[str, Any]] = []
        arrays: dict[str, np.ndarray] = {}
        for place, (_, markov) in enumerate(self.parts):
            told, held = markov.to_arrays()
            facts.append(told)
            arrays |= {f"part_{place}.{name}": array for name, array in held.items()}
        return {"weights": [weight for weight, _ in self.parts], "parts": facts}, arrays

    @classmethod
    def from_arrays(
        cls, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> MixtureCodes:
        """The generator that `to_arrays` described."""
        models = []
        for place, told in enumerate(facts["parts"]):
            prefix = f"part_{place}."
            held = {
                name.removeprefix(prefix): array
                for name, array in arrays.items()
                if name.startswith(prefix)
            }
            models.append(MarkovModel.from_arrays(told, held))
        try:
            weights = [float(weight) for weight in facts["weights"]]
            return cls(parts=tuple(zip(weights, models, strict=True)))
        except InputError as damage:
            raise ModelError("a saved mixture is damaged") from damage


def components_of(codes: Codes, synthesizer: str) -> tuple[Component, ...]:
    """A generator as a mixture of Markov models, which is what can be conditioned exactly.

    Raises
    ------
    InputError
        The generator is of another kind and offers no such form.
    """
    offered = getattr(codes, "components", None)
    if offered is None:
        raise InputError(
            f"a model made with {synthesizer!r} cannot be conditioned or asked in closed form",
            hint="use aim or mst where conditional questions matter; plain samples can be drawn",
            generator=codes.kind,
        )
    return tuple(offered())


def codes_of(parts: tuple[Component, ...]) -> Codes:
    """The simplest generator with these parts."""
    if len(parts) == 1:
        return MarginalCodes(markov=parts[0][1])
    return MixtureCodes(parts=parts)
