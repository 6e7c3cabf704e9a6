"""What every synthesizer is: something that asks a curator and leaves a model.

A synthesizer is a frozen set of settings. `fit` is its only verb: it may ask the curator, spend
the budget and nothing else, and it returns a `Model`, which is free of rows. What may not happen
here: an algorithm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

import numpy as np

from understudy.curator import Curator
from understudy.schema import Schema

Progress = Callable[[str, float], None]
"""Told a sentence and the fraction done."""


def silent(_text: str, _done: float) -> None:
    """Progress nobody listens to."""


PRIVATE_ONLY = ("private",)
"""Of a synthesizer that always promises privacy; so is one that does not say."""

NON_PRIVATE_ONLY = ("non-private",)
"""Of one that never can."""

EITHER = ("private", "non-private")
"""Of one that has both forms."""


def forms_of(synthesizer: object) -> tuple[str, ...]:
    """Which forms a synthesizer has: `private`, `non-private`, or both.

    >>> forms_of(object())
    ('private',)
    """
    return tuple(getattr(synthesizer, "privacy", PRIVATE_ONLY))


class Codes(Protocol):
    """A generator of integer codes, one array per attribute; saved as plain arrays."""

    kind: ClassVar[str]

    def draw(self, rows: int, generator: np.random.Generator) -> Mapping[str, np.ndarray]:
        """Codes of new rows."""
        ...

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """JSON facts and arrays from which the generator can be made again."""
        ...


class Synthesizer(Protocol):
    """A way to learn a generative model through a curator."""

    name: ClassVar[str]

    def fit(
        self,
        curator: Curator,
        schema: Schema,
        *,
        target: str | None = None,
        progress: Progress = silent,
    ) -> Any:
        """Learn a model within the curator's budget.

        Parameters
        ----------
        curator
            Holds rows and budget.
        schema
            Declared public facts.
        target
            A column the recipient wants to predict, if one is named; a public choice.
        progress
            Told what happens and how far it is.

        Returns
        -------
        Model
            Free of rows.
        """
        ...
