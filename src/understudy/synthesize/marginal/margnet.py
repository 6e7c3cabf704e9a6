"""MargNet: a network trained on marginals that are chosen and counted round by round.

The idea, in three sentences. Rounds are those of AIM: the exponential mechanism picks a marginal
that the model gets wrong, it is counted with noise, and the model learns it. The model is not a
junction tree but a generator whose marginals are matrix products (`products`), so that no number of
counted pairs and no tangle of them makes it larger: on densely correlated tables, where a junction
tree has to leave most pairs out, all may be chosen. In the end the generator is trained once more
from the beginning, on everything that was counted.

After Chen, Gong and Wang (arXiv:2511.13893) and Liu, Vietri and Wu (GEM, arXiv:2106.07153), with
these differences:

- the network has one hidden unit of many states and no deeper layers: its marginals are the same
  matrix products, and it is fitted by expectation and maximisation instead of gradients, in seconds
  and without PyTorch;
- as with `aim`, domains are learned under the same budget, levels are merged as far as the noise
  warrants, and counts are shrunk towards what the model expected;
- left free, such a generator has no reason to prefer what is plain where nothing was counted. The
  last training therefore pulls pairs that were not counted lightly towards a guess: what a tree of
  counted ones says of them (`chained`), which suits sparse tables, or what a network of few
  components does, which suits dense ones. Which, is tried on late tables, left out for the
  purpose: on noisy counts, so at no cost;
- the fitted generator is a Markov model with one hidden column, so that conditions, queries in
  closed form, filling in and rebalancing work as they do for `aim`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from understudy.curator import Curator
from understudy.errors import InputError
from understudy.prepare.learn import Prepared, learn
from understudy.schema import Schema
from understudy.synthesize.marginal.calibrate import Potentials
from understudy.synthesize.marginal.chained import chained_pairs
from understudy.synthesize.marginal.cliques import Clique
from understudy.synthesize.marginal.codes import MarginalCodes
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.factor import Array
from understudy.synthesize.marginal.grains import Grain, Ladder
from understudy.synthesize.marginal.model import MarkovModel
from understudy.synthesize.marginal.products import Pairs, Products, Wanted, fit_products
from understudy.synthesize.marginal.rounds import HALF_NORMAL, Adaptive, Offer, Rounds
from understudy.synthesize.model import Model
from understudy.synthesize.protocol import Progress, silent

HIDDEN = "component"
"""Name of the hidden column in a model's file, with underscores before it where a column has it."""

_PASSES, _TRIAL_PASSES, _FEW_PASSES = 12, 40, 60
_GUESSED_LEVELS = 12
_MOST_GUESSED = 80
_LEAST_TRIED = 8
_TRIAL_COMPONENTS = 128


@dataclass(frozen=True, kw_only=True)
class MargNet(Adaptive):
    """A network trained on noisy marginals, each chosen where the model so far is most wrong.

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
    components
        States of the network's hidden unit, 8 to 8,192. Memory and time grow with it.
    passes
        Passes of the last training over everything that was counted, 1 to 10,000.

    Raises
    ------
    InputError
        A setting out of range.

    Guarantees
    ----------
    (ε, δ) of the curator's budget, under its unit; everything after the curator is
    post-processing.

    >>> MargNet(components=64).passes
    120
    """

    name: ClassVar[str] = "margnet"

    components: int = 512
    passes: int = 120

    def __post_init__(self) -> None:
        Adaptive.__post_init__(self)
        if not 8 <= self.components <= 8192:
            raise InputError("components must lie in 8 to 8,192", components=self.components)
        if not 1 <= self.passes <= 10_000:
            raise InputError("passes must lie in 1 to 10,000", passes=self.passes)

    def fit(
        self,
        curator: Curator,
        schema: Schema,
        *,
        target: str | None = None,
        progress: Progress = silent,
    ) -> Model:
        """Learn columns, then choose, count and train round by round; see `Synthesizer.fit`.

        Raises
        ------
        InputError
            The workload names a column that is not there; nothing was charged.
        """
        self.check_workload(curator)
        prepared = learn(
            curator,
            schema,
            singles_part=self.singles_part,
            uniform_bins=self.uniform_bins,
            progress=lambda text, done: progress(text, 0.3 * done),
        )
        rounds = _Rounds(self, curator, prepared, target)
        with _one_core():
            while rounds.next():
                progress("choosing and counting marginals", 0.3 + 0.5 * rounds.done)
            progress("training the network", 0.8)
            found = rounds.final()
        return Model(
            attributes=prepared.attributes,
            codes=MarginalCodes(markov=found),
            rows=prepared.rows,
            synthesizer=self.name,
            settings=self.told(target),
            pairs=tuple(rounds.counted),
        )


@dataclass(frozen=True, kw_only=True)
class _Guess:
    """What the last training is told of pairs that were not counted.

    `few` components carry a common cause from the counted pairs over to the others, which is right
    where tables are dense; without them a tree of counted pairs is chained, which is right where
    columns depend through others. `weight` is over the noise of a counted pair; 0 tells nothing.
    """

    few: int = 0
    weight: float = 0.3


_GUESSES = (_Guess(), _Guess(weight=0.03), _Guess(weight=0.0), _Guess(few=8), _Guess(few=24))


class _Rounds(Rounds):
    """Rounds whose model is a mixture of products."""

    settings: MargNet

    def __init__(
        self, settings: MargNet, curator: Curator, prepared: Prepared, target: str | None
    ) -> None:
        super().__init__(settings, curator, prepared, target)
        self._tables: dict[Clique, Wanted] = {}
        self._noise: list[float] = []
        self._shares = {n: _shares(ladder.counts) for n, ladder in self._ladders.items()}
        self._singles = [
            Wanted(clique=(name,), into=(np.arange(len(shares)),), shares=shares)
            for name, shares in self._shares.items()
        ]
        self._coarse = {n: ladder.at(_GUESSED_LEVELS).into for n, ladder in self._ladders.items()}
        self._model = Products.near(self._shares, settings.components)

    def final(self) -> MarkovModel:
        """The network on the columns' own fine levels, trained anew on everything."""
        guess = self._tried() if len(self._tables) >= _LEAST_TRIED else _Guess()
        passes = self.settings.passes if self._tables else _PASSES
        found = self._trained(self.settings.components, guess, self._tables, passes)
        return as_markov(found, self._ladders, self.prepared)

    def _tried(self) -> _Guess:
        """The guess with which a training without some late tables comes nearest to them."""
        names = list(self._tables)
        late = names[len(names) // 2 :: 2]
        kept = {clique: table for clique, table in self._tables.items() if clique not in late}
        components = min(self.settings.components, _TRIAL_COMPONENTS)
        off: dict[_Guess, float] = {}
        for guess in _GUESSES:
            found = self._trained(components, guess, kept, _TRIAL_PASSES)
            off[guess] = sum(self._miss(found, clique) for clique in late)
        return min(off, key=lambda guess: off[guess])

    def _miss(self, found: Products, clique: Clique) -> float:
        """By how much noisy counts are missed, in units of their variance as independent columns.

        They are the counts as they were answered: what was shrunk leans to the model of its round.
        """
        into, noisy = self._tables[clique].into, self._noisy[clique]
        alone = np.ones(())
        for name, levels in zip(clique, into, strict=True):
            alone = np.multiply.outer(alone, np.bincount(levels, self._shares[name]))
        scale = alone * self._total + self._last[clique][0] ** 2
        off = found.marginal(clique, into) * self._total - noisy
        return float((off**2 / scale).sum())

    def _fitting(
        self, wanted: Mapping[Clique, tuple[Grain, ...]]
    ) -> list[tuple[Clique, tuple[Grain, ...]]]:
        """All of them: no marginal makes the model larger."""
        return list(wanted.items())

    def _expected(self, asked: Sequence[tuple[Clique, tuple[Grain, ...]]]) -> list[np.ndarray]:
        """What the model expects of marginals, each at its grains."""
        return [
            self._model.marginal(clique, [grain.into for grain in grains]) * self._total
            for clique, grains in asked
        ]

    def _generate(self, offer: Offer, table: np.ndarray, sigma: float) -> None:
        """GENERATE: a few more passes with the new table among the others."""
        self._tables[offer.clique] = Wanted(
            clique=offer.clique,
            into=tuple(grain.into for grain in offer.grains),
            shares=_shares(table),
        )
        self._noise.append(min(0.5 * HALF_NORMAL * sigma * table.size / self._total, 1.0))
        wanted = [*self._singles, *self._tables.values()]
        self._model = fit_products(self._model, wanted, passes=_PASSES)

    def _trained(
        self, components: int, guess: _Guess, tables: Mapping[Clique, Wanted], passes: int
    ) -> Products:
        """A network from the beginning, on some of the tables and a guess at the other pairs."""
        wanted = [*self._singles, *tables.values()]
        others = None
        if guess.weight and tables and len(self._shares) <= _MOST_GUESSED:
            pairs = self._guessed(guess, tables)
            others = Pairs(self._coarse, pairs, guess.weight * float(np.mean(self._noise)))
        start = Products.near(self._shares, components)
        return fit_products(start, wanted, passes=passes, others=others)

    def _guessed(
        self, guess: _Guess, tables: Mapping[Clique, Wanted]
    ) -> dict[tuple[str, str], Array]:
        """Pairs that were not counted, on a few levels."""
        if not guess.few:
            return chained_pairs(self._shares, tables, self._coarse)
        wanted = [*self._singles, *tables.values()]
        small = Products.near(self._shares, guess.few)
        small = fit_products(small, wanted, passes=_FEW_PASSES)
        return {
            (a, b): small.marginal((a, b), (self._coarse[a], self._coarse[b]))
            for a, b in itertools.combinations(self._shares, 2)
            if (a, b) not in tables
        }


def as_markov(products: Products, ladders: Mapping[str, Ladder], prepared: Prepared) -> MarkovModel:
    """A mixture of products as a Markov model with one hidden column, on the columns' fine levels.

    Parameters
    ----------
    products
        Over the levels of every ladder's finest step.
    ladders
        Every column.
    prepared
        The columns with the estimated counts of their fine levels.
    """
    names = [item.name for item in prepared.attributes]
    hidden = HIDDEN
    while hidden in names:
        hidden = f"_{hidden}"
    levels = {item.name: item.encoding.size for item in prepared.attributes}
    domain = Domain.of({**levels, hidden: len(products.weights)})
    tables: dict[Clique, Array] = {}
    classes = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        for item in prepared.attributes:
            ladder = ladders[item.name]
            shares = products.shares[item.name].T.astype(np.float64)
            merged = ladder.counts[ladder.base]
            within = np.where(merged > 0, np.log(item.counts / merged), -np.inf)
            tables[(item.name,)] = within
            if ladder.size < len(ladder.base):
                classes[item.name] = ladder.base
            else:
                shares = shares[ladder.base]
            tables[item.name, hidden] = np.log(shares)
        tables[(hidden,)] = np.log(products.weights.astype(np.float64))
    return MarkovModel(
        domain=domain,
        total=prepared.rows,
        potentials=Potentials(domain=domain, tables=tables, classes=classes),
    )


def _one_core() -> AbstractContextManager[Any]:
    """Matrix products on one core: they are small, and idle cores would spin beside them."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(limits=1, user_api="blas")
    return limits


def _shares(counts: Array) -> Array:
    """Counts as shares."""
    kept = np.maximum(counts, 0.0)
    return np.asarray(kept / max(float(kept.sum()), 1e-300))
