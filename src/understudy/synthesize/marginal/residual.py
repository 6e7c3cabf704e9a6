"""Residual: pairs of hundreds of columns, held by a network instead of a junction tree.

The idea, in three sentences. A spanning tree of the most dependent pairs is chosen and measured
on levels as fine as the noise warrants, and where counts stand far out of the noise more pairs
are chosen and measured, those that the model so far gets most wrong. Columns and pairs are
reconstructed from their residuals in closed form (`reconstruct`), so that every pair sharpens its
two columns. Rows come from a network with one small factor per pair (`network`), which holds any
graph of pairs: no table ever has more than two columns, and time grows with columns squared.

For wide tables, 30 to 500 columns. After Xiao et al. (ResidualPlanner, arXiv:2305.08175), Mullins
et al. (GReM, arXiv:2410.01091) and Fuentes et al. (arXiv:2602.05674), with these differences:

- the door counts tables, so a residual is measured by counting its pair; the parts of that count
  that belong to single columns are not thrown away but pooled;
- columns without an order keep more levels in a pair than `mst` gives them, for what merging
  loses is more than what noise on more cells costs once singular values are shrunk;
- the tree is chosen in Borůvka's order, which is both faster and less noisy (`spanning`);
- the papers answer marginal queries; here the marginals are the sufficient statistics of a
  generator.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np

from understudy.curator import Candidate, Choose, Count, Curator
from understudy.errors import InputError
from understudy.prepare.learn import Prepared, check_bins, learn
from understudy.schema import Schema
from understudy.synthesize.marginal.conditionals import Conditionals, fit_conditionals
from understudy.synthesize.marginal.factor import Array
from understudy.synthesize.marginal.network import Network, NetworkCodes, drawing_order
from understudy.synthesize.marginal.pairs import (
    Edge,
    Pair,
    Side,
    fine_domain,
    independent_offer,
    merged_levels,
    noise_scales,
)
from understudy.synthesize.marginal.reconstruct import pooled_singles, reconstructed_pairs
from understudy.synthesize.marginal.spanning import choose_spanning_tree
from understudy.synthesize.model import CountedPair, Model
from understudy.synthesize.protocol import Progress, silent

_FIT_ROWS = 16_384
_OFFER_ROWS = 32_768
_MOST_EXTRA = 4.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How many pairs beyond a tree, on how many levels, with which noise, at what ρ.

    `levels` is for columns with an order, whose neighbours may be merged at little loss;
    `labels` for the others.
    """

    extra: int
    levels: int
    labels: int
    sigma: float
    epsilon: float
    rho: float


@dataclass(frozen=True, kw_only=True)
class Residual:
    """Noisy pairs of a wide table, reconstructed by residuals and drawn from a network.

    Parameters
    ----------
    select_share
        Share of ρ spent on choosing pairs, in (0, 0.5); never more than half of what the single
        columns leave.
    singles_part
        Part of the usual share of single columns that they get, in (0, 1]; the rest goes to
        pairs, which measure single columns too.
    fewest_levels, most_levels
        Bounds on the merged levels of a column in a pair, 2 to 64.
    extra_pairs
        Most pairs beyond a spanning tree, 0 or more; None decides by the noise at hand.
    rounds
        In how many rounds those are chosen, 1 to 8; the model is fitted again before each.
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

    >>> Residual(extra_pairs=0).name
    'residual'
    """

    name: ClassVar[str] = "residual"

    select_share: float = 0.05
    singles_part: float = 0.75
    fewest_levels: int = 6
    most_levels: int = 32
    extra_pairs: int | None = None
    rounds: int = 2
    uniform_bins: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.select_share < 0.5:
            raise InputError("select_share must lie in (0, 0.5)", select_share=self.select_share)
        if not 0 < self.singles_part <= 1:
            raise InputError("singles_part must lie in (0, 1]", singles_part=self.singles_part)
        if not 2 <= self.fewest_levels <= self.most_levels <= 64:
            raise InputError(
                "levels must satisfy 2 <= fewest_levels <= most_levels <= 64",
                fewest_levels=self.fewest_levels,
                most_levels=self.most_levels,
            )
        if self.extra_pairs is not None and self.extra_pairs < 0:
            raise InputError("extra_pairs must be 0 or more", extra_pairs=self.extra_pairs)
        if not 1 <= self.rounds <= 8:
            raise InputError("rounds must lie in 1 to 8", rounds=self.rounds)
        check_bins(self.uniform_bins)

    def fit(
        self,
        curator: Curator,
        schema: Schema,
        *,
        target: str | None = None,
        progress: Progress = silent,
    ) -> Model:
        """Learn columns, choose and measure pairs, fit a network; see `Synthesizer.fit`."""
        prepared = learn(
            curator,
            schema,
            singles_part=self.singles_part,
            uniform_bins=self.uniform_bins,
            progress=lambda text, done: progress(text, 0.4 * done),
        )
        plan = self._plan(curator, prepared)
        sides = _merged(prepared, plan)
        names = [name for name, side in sides.items() if side.size > 1]
        progress("choosing a tree of pairs", 0.4)
        tree = choose_spanning_tree(
            curator,
            names,
            lambda edge: independent_offer(sides[edge[0]], sides[edge[1]], prepared.rows),
            plan.epsilon,
        )
        left = min(plan.extra, len(names) * (len(names) - 1) // 2 - len(tree))
        each = plan.rho / max(len(tree) + left, 1)
        progress("counting the pairs of the tree", 0.6)
        pairs = _measure(curator, sides, tree, each * len(tree) if left else None)
        for turn in range(self.rounds if left else 0):
            progress("choosing and counting more pairs", 0.65 + 0.2 * turn / self.rounds)
            offers = _offers(prepared, sides, names, pairs, target)
            share = left // self.rounds + (turn < left % self.rounds)
            chosen = _choose_worst(curator, offers, share, plan.epsilon)
            last = turn == self.rounds - 1
            pairs |= _measure(curator, sides, chosen, None if last else each * len(chosen))
        progress("fitting the network", 0.85)
        network = _network(prepared, sides, names, pairs)
        progress("fitted", 1.0)
        return Model(
            attributes=prepared.attributes,
            codes=NetworkCodes(network=network),
            rows=prepared.rows,
            synthesizer=self.name,
            settings={**asdict(self), "target": target},
            pairs=tuple(
                CountedPair(columns=edge, levels=pair.counts.shape, sigma=pair.sigma)
                for edge, pair in pairs.items()
            ),
        )

    def _plan(self, curator: Curator, prepared: Prepared) -> Plan:
        """Stages that come after the single columns; how many pairs the noise allows."""
        budget, columns = curator.budget, len(prepared.attributes)
        select = min(self.select_share, 0.5 * budget.spare_share)
        budget.plan_rest("select", select, "pairs")
        rho = budget.remaining_rho - select * budget.rho
        tree = max(columns - 1, 1)
        alone = float(curator.unit.count_l2 * np.sqrt(tree / (2.0 * rho)))
        extra = pairs_beyond_tree(prepared.rows, alone, columns, self.extra_pairs)
        sigma = float(curator.unit.count_l2 * np.sqrt((tree + extra) / (2.0 * rho)))
        ratio = prepared.rows / sigma
        fine = round(np.sqrt(ratio * np.clip(ratio / 400.0, 0.25, 1.0)))
        return Plan(
            extra=extra,
            levels=merged_levels(prepared.rows, sigma, self.fewest_levels, self.most_levels),
            labels=int(np.clip(fine, self.fewest_levels, self.most_levels)),
            sigma=sigma,
            epsilon=float(np.sqrt(8.0 * select * budget.rho / (tree + extra))),
            rho=rho,
        )


def _merged(prepared: Prepared, plan: Plan) -> dict[str, Side]:
    """Every column on as many levels as the noise of a pair warrants."""
    made = {}
    for item in prepared.attributes:
        levels = plan.levels if item.ordered else plan.labels
        least = min(2.0 * plan.sigma / prepared.rows, 0.5 / levels)
        made[item.name] = Side.of(item, item.merge(levels, least=least))
    return made


def pairs_beyond_tree(rows: float, sigma: float, columns: int, asked: int | None) -> int:
    """How many pairs beyond a tree: none where noise is large, up to four a column."""
    most = columns * (columns - 1) // 2 - max(columns - 1, 0)
    if asked is not None:
        return min(asked, most)
    a_column = np.clip(rows / (1024.0 * sigma) - 0.7, 0.0, _MOST_EXTRA)
    return int(min(a_column * columns, most))


def _offers(
    prepared: Prepared,
    sides: Mapping[str, Side],
    names: Sequence[str],
    pairs: Mapping[Edge, Pair],
    target: str | None,
) -> dict[Edge, Candidate]:
    """Every pair that was not counted, against what the network so far draws."""
    drawn = _fit(prepared, sides, names, pairs, _OFFER_ROWS)[1].drawn
    codes = {name: drawn[name].astype(np.int64) for name in names}
    scale = prepared.rows / _OFFER_ROWS
    made = {}
    for first, second in itertools.combinations(names, 2):
        if (first, second) in pairs:
            continue
        a, b = sides[first], sides[second]
        cells = np.bincount(codes[first] * b.size + codes[second], minlength=a.size * b.size)
        expected = cells.reshape(a.size, b.size) * scale
        made[first, second] = Candidate(
            encodings=(a.encoding, b.encoding),
            expected=expected,
            penalty=float(np.sqrt(2.0 / np.pi * (1.0 + scale)) * np.sqrt(expected).sum()),
            weight=1.0 if target is None or target in (first, second) else 0.5,
        )
    return made


def _choose_worst(
    curator: Curator, offers: Mapping[Edge, Candidate], most: int, epsilon: float
) -> list[Edge]:
    """SELECT: pairs that the network gets most wrong, one after the other."""
    left = dict(offers)
    chosen: list[Edge] = []
    while left and len(chosen) < most:
        chosen.append(_choose(curator, left, epsilon))
        del left[chosen[-1]]
    return chosen


def _choose(curator: Curator, offers: Mapping[Edge, Candidate], epsilon: float) -> Edge:
    """One draw of the exponential mechanism."""
    question = Choose(candidates=tuple(offers.values()), epsilon=epsilon, stage="select")
    return list(offers)[int(curator.ask([question])[0])]


def _measure(
    curator: Curator, sides: Mapping[str, Side], edges: Sequence[Edge], rho: float | None
) -> dict[Edge, Pair]:
    """MEASURE: pairs at this ρ in all, or with all that is left when None."""
    if not edges:
        return {}
    most = curator.budget.remaining_rho * (1 - 1e-9)
    rho = most if rho is None else min(rho, most)
    sigmas = noise_scales(edges, sides, rho, curator.unit.count_l2).tolist()
    questions = [
        Count(encodings=(sides[a].encoding, sides[b].encoding), sigma=sigma, stage="pairs")
        for (a, b), sigma in zip(edges, sigmas, strict=True)
    ]
    return {
        edge: Pair(counts=answer, sigma=sigma)
        for edge, answer, sigma in zip(edges, curator.ask(questions), sigmas, strict=True)
    }


def _fit(
    prepared: Prepared,
    sides: Mapping[str, Side],
    names: Iterable[str],
    pairs: Mapping[Edge, Pair],
    rows: int,
) -> tuple[tuple[str, ...], Conditionals, dict[str, Array]]:
    """Order, factors and single columns from what was measured."""
    singles = pooled_singles(prepared, sides, pairs)
    tables = reconstructed_pairs(singles, pairs)
    order = drawing_order(list(names), tables)
    # The rows on which expectations are taken are the same for the same measurements.
    generator = np.random.default_rng(0)
    found = fit_conditionals(order, singles, tables, rows=rows, generator=generator)
    return order, found, singles


def _network(
    prepared: Prepared, sides: Mapping[str, Side], names: Sequence[str], pairs: Mapping[Edge, Pair]
) -> Network:
    """GENERATE: the network that holds the reconstructed columns and pairs."""
    order, found, _ = _fit(prepared, sides, names, pairs, _FIT_ROWS)
    alone = [name for name in sides if name not in set(names)]
    return Network(
        domain=fine_domain(prepared),
        order=(*order, *alone),
        factors={**found.factors, **{(name,): np.zeros(sides[name].size) for name in alone}},
        total=prepared.rows,
        classes={name: side.into for name, side in sides.items()},
        within={item.name: item.counts for item in prepared.attributes},
    )
