"""AIM: an adaptive and iterative mechanism (McKenna, Mullins, Sheldon, Miklau 2022).

The idea, in three sentences. A model starts from the single columns; each round offers every
marginal of the workload, and the exponential mechanism picks one that the model gets wrong by
more than the noise of counting it would. The picked marginal is counted, the model is fitted
anew, and rounds go on until the budget is used, with less noise once a round teaches little. A
marginal may only be picked while the model stays within a size limit.

Where we depart from the paper (arXiv:2201.12677):

- every column's domain and discretisation is learned under the same budget (`prepare`);
- a marginal is offered on levels merged as far as the round's noise warrants, in nested steps
  (`grains`), which makes many more marginals fit into a model of a given size;
- the score also leaves out the deviation that sampling alone would produce, and takes half of
  the noise off, since what is counted is shrunk before it is used;
- a counted table is shrunk towards what the model expected of it, or keeps its empty cells
  empty, as its own estimated risk prefers (`denoise`), and fitted by iterative proportional fitting that starts at the last model;
- budget grows by a factor of two, not four, after a round that taught little.

Rounds, offers and scores are those of `rounds`; here is the junction tree that they are fitted with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np

from understudy.curator import Curator
from understudy.errors import InputError
from understudy.prepare.learn import Prepared, learn
from understudy.schema import Schema
from understudy.synthesize.marginal.chords import cells_with
from understudy.synthesize.marginal.cliques import Clique, junction_tree, tree_cells
from understudy.synthesize.marginal.codes import MarginalCodes
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.grains import Grain
from understudy.synthesize.marginal.lift import coarse_start, lifted
from understudy.synthesize.marginal.measurement import Measurement, merged
from understudy.synthesize.marginal.model import MarkovModel
from understudy.synthesize.marginal.rounds import Adaptive, Offer, Rounds, check_above_zero
from understudy.synthesize.marginal.scaling import worst_first_fit
from understudy.synthesize.marginal.sweep import pair_marginals
from understudy.synthesize.model import Model
from understudy.synthesize.protocol import Progress, silent

_CELL_BYTES = 8
_PASSES, _OFF = 30, 1e-3
_LAST_PASSES, _LAST_OFF = 300, 2e-4


@dataclass(frozen=True, kw_only=True)
class AIM(Adaptive):
    """Marginals chosen one by one, each where the model so far is most wrong.

    Parameters
    ----------
    workload
        Marginals that matter. None: all pairs, those with the target twice as much again.
    most_ways
        Most columns of a counted marginal, 2 to 4; the workload may hold larger ones.
    rounds_per_column
        Rounds the first noise is meant for, per column, above 0 to 16.
    select_share
        Share of each round's ρ spent on choosing, in (0, 0.5).
    singles_part
        Part of their usual share that single columns get, in (0, 1].
    most_levels
        Most levels of a column in a counted marginal, 4 to 64.
    rich_part
        The same part with plenty of rows over noise (8,000 deviations of a count), in (0, 1].
    model_mib
        Most memory of the model's tables on merged levels in MiB, above 0 to 4,096.
    uniform_bins
        Cut number columns into so many equal bins of the learned range; None cuts adaptively.

    Raises
    ------
    InputError
        A setting out of range.

    Guarantees
    ----------
    (ε, δ) of the curator's budget, under its unit; everything after the curator is
    post-processing.

    >>> AIM(model_mib=1.0).cells
    131072
    """

    name: ClassVar[str] = "aim"

    rich_part: float = 0.7
    model_mib: float = 4.0

    def __post_init__(self) -> None:
        Adaptive.__post_init__(self)
        check_above_zero(self, rich_part=1.0, model_mib=4096.0)

    @property
    def cells(self) -> int:
        """Most cells of the junction tree on merged levels."""
        return int(self.model_mib * 2**20 / _CELL_BYTES)

    def fit(
        self,
        curator: Curator,
        schema: Schema,
        *,
        target: str | None = None,
        progress: Progress = silent,
    ) -> Model:
        """Learn columns, then choose, count and fit round by round; see `Synthesizer.fit`.

        Raises
        ------
        InputError
            The workload names a column that is not there, or the size limit has no room for a
            single pair; nothing was charged.
        """
        self.check_workload(curator)
        least = (self.most_levels + 2) * len(curator.headers) + 4
        if self.cells < least:
            raise InputError(
                "the size limit has no room for a pair beside the single columns",
                hint=f"give model_mib at least {least * _CELL_BYTES / 2**20:.3g}",
                model_mib=self.model_mib,
            )
        prepared = learn(
            curator,
            schema,
            singles_part=self.singles_part,
            rich_part=self.rich_part,
            uniform_bins=self.uniform_bins,
            progress=lambda text, done: progress(text, 0.4 * done),
        )
        rounds = _Rounds(self, curator, prepared, target)
        while rounds.next():
            progress("choosing and counting marginals", 0.4 + 0.55 * rounds.done)
        progress("fitting the model", 0.95)
        return Model(
            attributes=prepared.attributes,
            codes=MarginalCodes(markov=rounds.final()),
            rows=prepared.rows,
            synthesizer=self.name,
            settings=self.told(target),
            pairs=tuple(rounds.counted),
        )


class _Rounds(Rounds):
    """Rounds whose model is a junction tree of limited size."""

    settings: AIM

    def __init__(
        self, settings: AIM, curator: Curator, prepared: Prepared, target: str | None
    ) -> None:
        super().__init__(settings, curator, prepared, target)
        names = tuple(self._ladders)
        self._tables: dict[Clique, Measurement] = {}
        self._too_large: dict[Clique, int] = {}
        self._domain = Domain(names, tuple(self._ladders[name].size for name in names))
        self._used = dict.fromkeys(names, 1)
        self._model = coarse_start(self._domain, self._ladders, self._total)

    def final(self) -> MarkovModel:
        """The model on the columns' own fine levels, fitted to everything once more."""
        if self._tables:
            self._refit(_LAST_PASSES, _LAST_OFF)
        return lifted(self._model, self._ladders, self.prepared)

    def _fitting(
        self, wanted: Mapping[Clique, tuple[Grain, ...]]
    ) -> list[tuple[Clique, tuple[Grain, ...]]]:
        """Those with which the model stays within the size limit.

        A walk over the junction tree bounds what each pair would add; only where the bound is
        above the limit is the tree made anew. What did not fit once is not looked at again, for
        the model only grows.
        """
        levels = Domain(self._domain.attributes, tuple(self._used.values()))
        tree = junction_tree(levels, self._tables)
        pairs = [(c[0], c[1]) for c in wanted if len(c) == 2]
        bounds = cast("dict[Clique, int]", cells_with(levels, tree, pairs))
        found = []
        for clique, grains in wanted.items():
            sizes = tuple(grain.size for grain in grains)
            if self._too_large.get(clique, math.inf) <= math.prod(sizes):
                continue
            grown = math.prod(
                max(1.0, size / self._used[name]) for name, size in zip(clique, sizes, strict=True)
            )
            bound = bounds.get(clique, math.inf) * grown
            if bound <= self.settings.cells or self._fits(clique, sizes):
                found.append((clique, grains))
            else:
                self._too_large[clique] = math.prod(sizes)
        return found

    def _fits(self, clique: Clique, sizes: tuple[int, ...]) -> bool:
        """Whether the model stays within the size limit with this marginal in it."""
        used = dict(self._used)
        for name, size in zip(clique, sizes, strict=True):
            used[name] = max(used[name], size)
        levels = Domain(self._domain.attributes, tuple(used.values()))
        return tree_cells(levels, [*self._tables, clique]) <= self.settings.cells

    def _expected(self, asked: Sequence[tuple[Clique, tuple[Grain, ...]]]) -> list[np.ndarray]:
        """What the model expects of marginals, each at its grains."""
        pairs = pair_marginals(self._model, [c for c, _ in asked if len(c) == 2])
        found = []
        for clique, grains in asked:
            table = pairs[clique] if clique in pairs else self._model.marginal(clique).values
            for axis, grain in enumerate(grains):
                if grain.size < table.shape[axis]:
                    table = merged(table, axis, grain.into, grain.size)
            found.append(table)
        return found

    def _generate(self, offer: Offer, table: np.ndarray, _sigma: float) -> None:
        """GENERATE: the model with the new table in it, starting at the last one."""
        for name, grain in zip(offer.clique, offer.grains, strict=True):
            self._used[name] = max(self._used[name], grain.size)
        self._tables[offer.clique] = Measurement(
            offer.clique, table, 1.0, tuple(grain.into for grain in offer.grains)
        )
        self._refit(_PASSES, _OFF)

    def _refit(self, passes: int, off: float) -> None:
        """Fit all tables from where the model is, until none is off by more than a share."""
        singles = [
            Measurement((name,), ladder.counts, 1.0) for name, ladder in self._ladders.items()
        ]
        self._model = worst_first_fit(
            self._domain,
            [*singles, *self._tables.values()],
            self._total,
            potentials=self._model.potentials,
            iterations=passes,
            tolerance=off,
        )
