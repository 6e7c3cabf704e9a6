"""Progress of an evaluation: what is being measured and the share done.

What may not happen here: a value from the data in what is told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(kw_only=False, slots=True)
class Told:
    """Counts steps of known weight and tells the listener before each.

    Parameters
    ----------
    listener
        Called with what is being measured and the share done (0 to 1).
    weights
        Weight of each step, in order.

    >>> said = []
    >>> told = Told(lambda stage, share: said.append((stage, share)), [1.0, 3.0])
    >>> told.next("Reading"); told.next("Task", "income"); told.done()
    >>> said
    [('Reading', 0.0), ('Task: income', 0.25), ('Done', 1.0)]
    """

    listener: Callable[[str, float], None]
    weights: Sequence[float]
    _step: int = field(default=0, init=False)

    def next(self, stage: str, about: str = "") -> None:
        """Tell that the next step begins."""
        share = sum(self.weights[: self._step]) / max(sum(self.weights), 1e-9)
        self.listener(f"{stage}: {about}" if about else stage, min(share, 1.0))
        self._step += 1

    def done(self) -> None:
        """Tell that nothing is left."""
        self.listener("Done", 1.0)
