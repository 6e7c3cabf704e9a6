"""Independent columns: every column by itself, no dependence between any two.

The floor that every other synthesizer must beat, and the right choice when nothing but
one-way tables is wanted: the whole budget goes to them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar

from understudy.curator import Curator
from understudy.prepare.learn import check_bins, learn
from understudy.schema import Schema
from understudy.synthesize.marginal.codes import MarginalCodes
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.estimate import proportional_fit
from understudy.synthesize.marginal.measurement import Measurement
from understudy.synthesize.model import Model
from understudy.synthesize.protocol import Progress, silent


@dataclass(frozen=True, kw_only=True)
class Independent:
    """Every column by itself.

    Parameters
    ----------
    uniform_bins
        Cut number columns into so many equal bins of the learned range; None cuts adaptively.

    >>> Independent().name
    'independent'
    """

    name: ClassVar[str] = "independent"

    uniform_bins: int | None = None

    def __post_init__(self) -> None:
        check_bins(self.uniform_bins)

    def fit(
        self,
        curator: Curator,
        schema: Schema,
        *,
        target: str | None = None,
        progress: Progress = silent,
    ) -> Model:
        """Learn every column's distribution with the whole budget; see `Synthesizer.fit`."""
        prepared = learn(
            curator,
            schema,
            everything=True,
            uniform_bins=self.uniform_bins,
            progress=progress,
        )
        domain = Domain(
            tuple(item.name for item in prepared.attributes),
            tuple(item.encoding.size for item in prepared.attributes),
        )
        singles = [Measurement((item.name,), item.counts, 1.0) for item in prepared.attributes]
        markov = proportional_fit(domain, singles, prepared.rows)
        return Model(
            attributes=prepared.attributes,
            codes=MarginalCodes(markov=markov),
            rows=prepared.rows,
            synthesizer=self.name,
            settings=asdict(self),
        )
