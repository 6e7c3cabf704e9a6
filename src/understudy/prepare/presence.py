"""Which cell classes stand clear of the noise of a histogram.

What may not happen here: a class called present that one row could make or unmake while the
noise is of any size: it must hold several standard deviations, several rows and a share.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from understudy.cells.classes import MISSING
from understudy.errors import InternalError

CLEAR = 4.5
"""Standard deviations of noise a class must hold to count as present."""

USUAL = 3.5
"""The same for the null markers that are found in most files."""

LEAST_ROWS = 3.0
LEAST_SHARE = 0.0005

_USUAL_MARKS = frozenset({MISSING, "mark:", "mark:NA", "mark:NaN", "mark:?", "mark:NULL", "nan"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """The classes of a noisy histogram that are clearly present.

    Parameters
    ----------
    everything
        Classes clearly present and their noisy counts, null markers too.
    present
        The same without null markers.
    raw
        All noisy counts, for sums.
    sigma
        Noise of each count.

    >>> Content.of(np.array([500.0, 3.0]), ("word", "code"), 5.0).present
    {'word': 500.0}
    """

    everything: dict[str, float]
    present: dict[str, float]
    raw: dict[str, float]
    sigma: float

    @classmethod
    def of(cls, counts: npt.NDArray[np.floating], names: tuple[str, ...], sigma: float) -> Content:
        """Return the content of a noisy histogram over named classes."""
        if len(counts) != len(names) or not sigma > 0:
            raise InternalError(
                "a histogram of cell classes is malformed", classes=len(names), sigma=sigma
            )
        raw = dict(zip(names, np.asarray(counts, dtype=np.float64).tolist(), strict=True))
        floor = {name: USUAL if name in _USUAL_MARKS else CLEAR for name in names}
        clear = {
            name: count
            for name, count in raw.items()
            if count > max(floor[name] * sigma, LEAST_ROWS)
        }
        least = LEAST_SHARE * sum(clear.values())
        clear = {name: count for name, count in clear.items() if count > least}
        present = {
            name: count
            for name, count in clear.items()
            if name != MISSING and not name.startswith("mark:")
        }
        return cls(everything=clear, present=present, raw=raw, sigma=sigma)

    @property
    def total(self) -> float:
        """Cells in the classes present."""
        return sum(self.present.values())

    def share(self, names: Iterable[str]) -> float:
        """Share of the present cells that is in these classes."""
        wanted = set(names)
        held = sum(count for name, count in self.present.items() if name in wanted)
        return held / self.total if self.total else 0.0

    def within(self, names: Iterable[str]) -> dict[str, float]:
        """The present classes among these."""
        wanted = set(names)
        return {name: count for name, count in self.present.items() if name in wanted}
