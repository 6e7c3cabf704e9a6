"""Marginals chosen and counted round by round, whatever model they are fitted with.

Each round offers marginals at the grain its noise warrants, the exponential mechanism picks one
that the model gets wrong, and it is counted and shrunk; with less noise once a round teaches
little, until the budget is used. What a marginal is compared with, which ones may be counted and
how the model learns is the model's side (`Rounds`' abstract methods).

Only the exact side of a score has sensitivity: the model's answers, weights and penalties are
public, so one row moves a score by at most its weight, which is at most one. What may not happen
here: an answer that did not come from the curator.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from understudy.curator import Candidate, Choose, Count, Curator
from understudy.errors import InputError
from understudy.prepare.learn import Prepared, check_bins
from understudy.synthesize.marginal.cliques import Clique
from understudy.synthesize.marginal.denoise import denoise
from understudy.synthesize.marginal.departure import departure
from understudy.synthesize.marginal.grains import Grain, Ladder, balanced
from understudy.synthesize.marginal.workload import Workload
from understudy.synthesize.model import CountedPair

HALF_NORMAL = math.sqrt(2.0 / math.pi)
_MOST_OFFERS = 1_500
_KEEP = 1.0 - 1e-9


@dataclass(frozen=True, kw_only=True)
class Adaptive:
    """Settings of everything that chooses marginals in rounds.

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
    uniform_bins
        Cut number columns into so many equal bins of the learned range; None cuts adaptively.

    Raises
    ------
    InputError
        A setting out of range.
    """

    workload: Workload | None = None
    most_ways: int = 3
    rounds_per_column: float = 3.0
    select_share: float = 0.1
    singles_part: float = 0.9
    most_levels: int = 32
    uniform_bins: int | None = None

    def __post_init__(self) -> None:
        check_above_zero(self, select_share=0.5, singles_part=1.0, rounds_per_column=16.0)
        if not 2 <= self.most_ways <= 4:
            raise InputError("most_ways must lie in 2 to 4", most_ways=self.most_ways)
        if not 4 <= self.most_levels <= 64:
            raise InputError("most_levels must lie in 4 to 64", most_levels=self.most_levels)
        check_bins(self.uniform_bins)

    def check_workload(self, curator: Curator) -> None:
        """Refuse a workload that names a column which is not there, before anything is charged."""
        if self.workload is not None:
            self.workload.resolve([header.name for header in curator.headers])

    def told(self, target: str | None) -> dict[str, Any]:
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


def check_above_zero(settings: object, **most: float) -> None:
    """Refuse settings that are not above 0 and at most the given numbers."""
    for setting, high in most.items():
        value = getattr(settings, setting)
        if not 0.0 < value <= high:
            raise InputError(f"{setting} must be above 0 and at most {high:g}", **{setting: value})


@dataclass(frozen=True, kw_only=True, eq=False)
class Offer:
    """A marginal on offer: its grains and what the model expects of it."""

    clique: Clique
    grains: tuple[Grain, ...]
    candidate: Candidate


class Rounds(ABC):
    """The rounds of one fit: what was counted, the budget left; a subclass holds the model.

    Parameters
    ----------
    settings
        How to choose.
    curator
        Whose budget has its single columns counted.
    prepared
        The columns.
    target
        A column the recipient wants to predict, or None.
    """

    def __init__(
        self, settings: Adaptive, curator: Curator, prepared: Prepared, target: str | None
    ) -> None:
        self.settings = settings
        self.curator = curator
        self.prepared = prepared
        self.counted: list[CountedPair] = []
        self._last: dict[Clique, tuple[float, int]] = {}
        self._noisy: dict[Clique, np.ndarray] = {}
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
        self._worths = settings.worths([n for n in names if self._ladders[n].size > 1], target)
        self._total = prepared.rows

    @abstractmethod
    def _fitting(
        self, wanted: Mapping[Clique, tuple[Grain, ...]]
    ) -> list[tuple[Clique, tuple[Grain, ...]]]:
        """Those that the model has room for."""

    @abstractmethod
    def _expected(self, asked: Sequence[tuple[Clique, tuple[Grain, ...]]]) -> list[np.ndarray]:
        """What the model expects of marginals, each at its grains, in rows."""

    @abstractmethod
    def _generate(self, offer: Offer, table: np.ndarray, sigma: float) -> None:
        """GENERATE: the model with the new table in it."""

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
        self._generate(chosen, table, sigma)
        after = self._expected([(chosen.clique, chosen.grains)])[0]
        noise = HALF_NORMAL * sigma * before.size
        if float(np.abs(after - before).sum()) <= 0.5 * noise:
            self._round *= 2.0
        return True

    def _affordable(self) -> tuple[float, float, list[Offer]]:
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

    def _sigma(self, spend: float) -> float:
        """Noise of a marginal counted in a round that spends so much ρ."""
        rho = (1.0 - self.settings.select_share) * spend
        return float(self.curator.unit.count_l2 / math.sqrt(2.0 * rho))

    def _room(self, sigma: float) -> float:
        """Most cells of a marginal that is counted with this noise."""
        return max(0.25 * self._total / sigma, 4.0)

    def _offers(self, sigma: float, *, again: bool) -> list[Offer]:
        """Marginals that fit, at the grain the noise warrants; with `again` known ones too."""
        room = self._room(sigma)
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
            Offer(
                clique=clique,
                grains=grains,
                candidate=Candidate(
                    encodings=tuple(grain.encoding for grain in grains),
                    expected=table,
                    penalty=HALF_NORMAL
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

    def _select(self, offers: Sequence[Offer], epsilon: float) -> Offer:
        """SELECT: one marginal by the exponential mechanism."""
        candidates = tuple(offer.candidate for offer in offers)
        question = Choose(candidates=candidates, epsilon=epsilon, stage="select")
        return offers[int(self.curator.ask([question])[0])]

    def _measure(self, offer: Offer, sigma: float, epsilon: float, offers: int) -> np.ndarray:
        """MEASURE: its noisy counts, shrunk towards what the model expected."""
        question = Count(encodings=offer.candidate.encodings, sigma=sigma, stage="pairs")
        noisy = self._noisy[offer.clique] = self.curator.ask([question])[0]
        sizes = tuple(grain.size for grain in offer.grains)
        self._last[offer.clique] = (sigma, math.prod(sizes))
        expected, weight = offer.candidate.expected, offer.candidate.weight
        left = departure(noisy, expected, sigma, epsilon=epsilon * weight, offers=offers)
        self.counted.append(
            CountedPair(columns=offer.clique, levels=sizes, sigma=sigma, departure=left)
        )
        singles = [grain.counts * (self._total / grain.counts.sum()) for grain in offer.grains]
        return denoise(noisy, expected, singles, sigma)
