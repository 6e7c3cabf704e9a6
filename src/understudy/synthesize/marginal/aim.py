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
- a counted table is shrunk towards what the model expected of it (`shrink`), not towards
  uniform, and fitted by iterative proportional fitting that starts at the last model;
- budget grows by a factor of two, not four, after a round that taught little.

Only the exact side of a score has sensitivity: the model's answers, weights and penalties are
public, so one row moves a score by at most its weight, which is at most one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, cast

import numpy as np

from understudy.curator import Candidate, Choose, Count, Curator
from understudy.errors import InputError
from understudy.prepare.learn import Prepared, check_bins, learn
from understudy.schema import Schema
from understudy.synthesize.marginal.chords import cells_with
from understudy.synthesize.marginal.cliques import Clique, junction_tree, tree_cells
from understudy.synthesize.marginal.codes import MarginalCodes
from understudy.synthesize.marginal.departure import departure
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.grains import Grain, Ladder, balanced
from understudy.synthesize.marginal.lift import coarse_start, lifted
from understudy.synthesize.marginal.measurement import Measurement, merged
from understudy.synthesize.marginal.model import MarkovModel
from understudy.synthesize.marginal.scaling import worst_first_fit
from understudy.synthesize.marginal.shrink import shrink_towards
from understudy.synthesize.marginal.sweep import pair_marginals
from understudy.synthesize.marginal.workload import Workload
from understudy.synthesize.model import CountedPair, Model
from understudy.synthesize.protocol import Progress, silent

_CELL_BYTES = 8
_HALF_NORMAL = math.sqrt(2.0 / math.pi)
_MOST_OFFERS = 1_500
_KEEP = 1.0 - 1e-9
_PASSES, _OFF = 30, 1e-3
_LAST_PASSES, _LAST_OFF = 300, 2e-4


@dataclass(frozen=True, kw_only=True)
class AIM:
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

    workload: Workload | None = None
    most_ways: int = 3
    rounds_per_column: float = 3.0
    select_share: float = 0.1
    singles_part: float = 0.9
    most_levels: int = 32
    model_mib: float = 4.0
    uniform_bins: int | None = None

    def __post_init__(self) -> None:
        for setting, low, high in (
            ("select_share", 0.0, 0.5),
            ("singles_part", 0.0, 1.0),
            ("rounds_per_column", 0.0, 16.0),
            ("model_mib", 0.0, 4096.0),
        ):
            value = getattr(self, setting)
            if not low < value <= high:
                raise InputError(
                    f"{setting} must be above {low:g} and at most {high:g}", **{setting: value}
                )
        if not 2 <= self.most_ways <= 4:
            raise InputError("most_ways must lie in 2 to 4", most_ways=self.most_ways)
        if not 4 <= self.most_levels <= 64:
            raise InputError("most_levels must lie in 4 to 64", most_levels=self.most_levels)
        check_bins(self.uniform_bins)

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
        columns = [header.name for header in curator.headers]
        if self.workload is not None:
            self.workload.resolve(columns)
        least = (self.most_levels + 2) * len(columns) + 4
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
            settings=self._settings(target),
            pairs=tuple(rounds.counted),
        )

    def _settings(self, target: str | None) -> dict[str, Any]:
        """Settings for the model file."""
        told = {**asdict(self), "target": target}
        return told | {"workload": self.workload.to_json() if self.workload else None}

    def worths(self, names: Sequence[str], target: str | None) -> dict[Clique, float]:
        """Marginals on offer over the modelled columns, each with its worth in (0, 1].

        Parameters
        ----------
        names
            Columns with more than one level, in the order of the table.
        target
            A column the recipient wants to predict, or None.
        """
        workload = self.workload
        if workload is None:
            workload = Workload.all(2)
            if target in names:
                workload = Workload(every=2, target=target, target_ways=2, target_weight=2.0)
        parts = workload.parts(names) if len(names) > 1 else {}
        worths = {clique: worth for clique, worth in parts.items() if len(clique) <= self.most_ways}
        most = max(worths.values(), default=1.0)
        ranked = sorted(worths, key=lambda clique: (len(clique), -worths[clique]))
        return {clique: worths[clique] / most for clique in ranked[:_MOST_OFFERS]}


@dataclass(frozen=True, kw_only=True, eq=False)
class _Offer:
    """A marginal on offer: its grains and what the model expects of it."""

    clique: Clique
    grains: tuple[Grain, ...]
    candidate: Candidate


class _Rounds:
    """The rounds of one fit: what was counted, the model so far, the budget left."""

    def __init__(
        self, settings: AIM, curator: Curator, prepared: Prepared, target: str | None
    ) -> None:
        self.settings = settings
        self.curator = curator
        self.prepared = prepared
        self.counted: list[CountedPair] = []
        self._tables: dict[Clique, Measurement] = {}
        self._last: dict[Clique, tuple[float, int]] = {}
        self._too_large: dict[Clique, int] = {}
        budget = curator.budget
        self._whole = self._left = budget.remaining_rho * _KEEP
        budget.plan_rest("select", settings.select_share * self._whole / budget.rho, "pairs")
        names = [item.name for item in prepared.attributes]
        self._round = self._whole / max(settings.rounds_per_column * len(names), 1.0)
        least = min(2.0 * self._sigma(self._round) / prepared.rows, 0.5 / settings.most_levels)
        self._ladders = {
            item.name: Ladder.of(item, settings.most_levels, least=least)
            for item in prepared.attributes
        }
        self._domain = Domain(tuple(names), tuple(self._ladders[name].size for name in names))
        self._used = dict.fromkeys(names, 1)
        self._worths = settings.worths([n for n in names if self._ladders[n].size > 1], target)
        self._total = prepared.rows
        self._model = coarse_start(self._domain, self._ladders, self._total)

    @property
    def done(self) -> float:
        """Share of the budget of all rounds that is used."""
        return 1.0 - self._left / self._whole if self._whole > 0 else 1.0

    def next(self) -> bool:
        """One round: SELECT, MEASURE, GENERATE. Whether there was one."""
        if self._left <= 1e-6 * self._whole or not self._worths:
            return False
        spend, sigma, offers = self._affordable()
        if not offers:
            return False
        epsilon = math.sqrt(8.0 * self.settings.select_share * spend)
        chosen = self._select(offers, epsilon)
        table = self._measure(chosen, sigma, epsilon, len(offers))
        self._left -= spend
        before = chosen.candidate.expected
        self._generate(chosen, table)
        after = self._expected([(chosen.clique, chosen.grains)])[0]
        noise = _HALF_NORMAL * sigma * before.size
        if float(np.abs(after - before).sum()) <= 0.5 * noise:
            self._round *= 2.0
        return True

    def _affordable(self) -> tuple[float, float, list[_Offer]]:
        """What this round spends, its noise, and its offers; more when so little teaches nothing."""
        while True:
            last = self._left < 2.0 * self._round
            spend = self._left if last else self._round
            sigma = self._sigma(spend)
            offers = self._offers(sigma, again=False)
            if last and not offers:
                offers = self._offers(sigma, again=True)
            if offers or last:
                return spend, sigma, offers
            self._round *= 2.0

    def final(self) -> MarkovModel:
        """The model on the columns' own fine levels, fitted to everything once more."""
        if self._tables:
            self._refit(_LAST_PASSES, _LAST_OFF)
        return lifted(self._model, self._ladders, self.prepared)

    def _sigma(self, spend: float) -> float:
        """Noise of a marginal counted in a round that spends so much ρ."""
        rho = (1.0 - self.settings.select_share) * spend
        return float(self.curator.unit.count_l2 / math.sqrt(2.0 * rho))

    def _offers(self, sigma: float, *, again: bool) -> list[_Offer]:
        """Marginals that fit, at the grain the noise warrants; with `again` known ones too."""
        room = max(0.25 * self._total / sigma, 4.0)
        wanted: dict[Clique, tuple[Grain, ...]] = {}
        for clique in self._worths:
            ladders = [self._ladders[name] for name in clique]
            most = balanced([ladder.size for ladder in ladders], room)
            grains = tuple(ladder.at(m) for ladder, m in zip(ladders, most, strict=True))
            if again or self._teaches(clique, grains, sigma):
                wanted[clique] = grains
        fitting = self._fitting(wanted)
        expected = self._expected(fitting)
        return [
            _Offer(
                clique=clique,
                grains=grains,
                candidate=Candidate(
                    encodings=tuple(grain.encoding for grain in grains),
                    expected=table,
                    penalty=_HALF_NORMAL
                    * (0.5 * sigma * table.size + float(np.sqrt(np.maximum(table, 0.0)).sum())),
                    weight=self._worths[clique],
                ),
            )
            for (clique, grains), table in zip(fitting, expected, strict=True)
        ]

    def _teaches(self, clique: Clique, grains: tuple[Grain, ...], sigma: float) -> bool:
        """Whether a marginal has never been counted so finely or with so little noise."""
        if clique not in self._last:
            return True
        before, cells = self._last[clique]
        return sigma < 0.75 * before or math.prod(g.size for g in grains) > 1.5 * cells

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

    def _select(self, offers: Sequence[_Offer], epsilon: float) -> _Offer:
        """SELECT: one marginal by the exponential mechanism."""
        candidates = tuple(offer.candidate for offer in offers)
        question = Choose(candidates=candidates, epsilon=epsilon, stage="select")
        return offers[int(self.curator.ask([question])[0])]

    def _measure(self, offer: _Offer, sigma: float, epsilon: float, offers: int) -> np.ndarray:
        """MEASURE: its noisy counts, shrunk towards what the model expected."""
        question = Count(encodings=offer.candidate.encodings, sigma=sigma, stage="pairs")
        noisy = self.curator.ask([question])[0]
        sizes = tuple(grain.size for grain in offer.grains)
        self._last[offer.clique] = (sigma, math.prod(sizes))
        expected, weight = offer.candidate.expected, offer.candidate.weight
        left = departure(noisy, expected, sigma, epsilon=epsilon * weight, offers=offers)
        self.counted.append(
            CountedPair(columns=offer.clique, levels=sizes, sigma=sigma, departure=left)
        )
        singles = [grain.counts * (self._total / grain.counts.sum()) for grain in offer.grains]
        return shrink_towards(noisy, expected, singles, sigma)

    def _generate(self, offer: _Offer, table: np.ndarray) -> None:
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
