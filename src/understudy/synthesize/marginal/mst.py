"""MST: a maximum spanning tree of pairs, measured privately (McKenna, Miklau, Sheldon 2021).

The idea, in three sentences. One-way marginals are measured first; the exponential mechanism
then picks, edge by edge, a spanning tree of the pairs that depart most from independence, and
the pairs on the tree are measured. A graphical model over the tree gives every row.

Where we depart from the paper (arXiv:2108.04978):

- every column's domain and discretisation is learned under the same budget (`prepare`);
- pairs are measured on merged levels, as many as the noise at hand warrants, while singles
  stay fine (`pairs`);
- noise is spread over tables by their size, which minimises their summed expected L1 error;
- the selection score leaves out the deviation that sampling alone would produce;
- noisy pairs are shrunk towards independence before they are fitted to the singles (`shrink`);
- the tree is closed with *chords*: pairs that the fitted tree gets most wrong, chosen by the
  exponential mechanism and measured too, as long as the junction tree stays small. With a
  target, chords to the target count double. `chords=0` is the paper's tree.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from understudy.curator import Candidate, Choose, Count, Curator
from understudy.errors import InputError
from understudy.prepare.learn import Prepared, check_bins, learn
from understudy.privacy.budget import Budget
from understudy.schema import Schema
from understudy.synthesize.marginal.calibrate import Potentials
from understudy.synthesize.marginal.chords import cells_with
from understudy.synthesize.marginal.cliques import junction_tree
from understudy.synthesize.marginal.codes import MarginalCodes
from understudy.synthesize.marginal.departure import departure
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.estimate import proportional_fit
from understudy.synthesize.marginal.model import MarkovModel
from understudy.synthesize.marginal.pairs import (
    Edge,
    Pair,
    Side,
    denoised,
    fine_domain,
    independent_offer,
    merge_all,
    merged_levels,
    model_offer,
    noise_scales,
    targets,
)
from understudy.synthesize.marginal.spanning import choose_spanning_tree
from understudy.synthesize.marginal.workload import Workload, pair_weights
from understudy.synthesize.model import CountedPair, Model
from understudy.synthesize.protocol import Progress, silent

_LEAST_WORTH = 0.01
"""What a pair that no marginal of the workload holds weighs beside the heaviest."""

_WIDE = 100
"""Columns from which time matters more than chords."""


@dataclass(frozen=True, kw_only=True)
class MST:
    """A spanning tree of noisy pairs, closed with chords.

    Parameters
    ----------
    select_share
        Share of ρ spent on choosing pairs, in (0, 0.5); never more than half of what the
        single columns leave.
    fewest_levels, most_levels
        Bounds on the merged levels of a column in a pair, 2 to 64.
    chords
        Most pairs added to the tree, 0 or more; None decides by the noise at hand.
    clique_cells
        Most cells of the junction tree on merged levels, 1,000 or more.
    uniform_bins
        Cut number columns into so many equal bins of the learned range; None cuts adaptively.
    workload
        Marginals that matter: tree and chords prefer pairs inside them, by their weights.

    Raises
    ------
    InputError
        A setting out of range.

    Guarantees
    ----------
    (ε, δ) of the curator's budget, under its unit; everything after the curator is
    post-processing.

    >>> MST(chords=0).chords
    0
    """

    name: ClassVar[str] = "mst"

    select_share: float = 0.03
    fewest_levels: int = 6
    most_levels: int = 32
    chords: int | None = None
    clique_cells: int = 60_000
    uniform_bins: int | None = None
    workload: Workload | None = None

    def __post_init__(self) -> None:
        if not 0 < self.select_share < 0.5:
            raise InputError("select_share must lie in (0, 0.5)", select_share=self.select_share)
        if not 2 <= self.fewest_levels <= self.most_levels <= 64:
            raise InputError(
                "levels must satisfy 2 <= fewest_levels <= most_levels <= 64",
                fewest_levels=self.fewest_levels,
                most_levels=self.most_levels,
            )
        if self.chords is not None and self.chords < 0:
            raise InputError("chords must be 0 or more", chords=self.chords)
        if self.clique_cells < 1_000:
            raise InputError("clique_cells must be 1,000 or more", clique_cells=self.clique_cells)
        check_bins(self.uniform_bins)

    def fit(
        self,
        curator: Curator,
        schema: Schema,
        *,
        target: str | None = None,
        progress: Progress = silent,
    ) -> Model:
        """Learn columns, choose and measure pairs, fit a model; see `Synthesizer.fit`."""
        prepared = learn(
            curator,
            schema,
            uniform_bins=self.uniform_bins,
            progress=lambda text, done: progress(text, 0.6 * done),
        )
        progress("choosing a tree of pairs", 0.6)
        sides, levels = self._merge(curator, prepared)
        names = [name for name, side in sides.items() if side.size > 1]
        most = self._chords(len(names), levels)
        draws = max(len(names) - 1, 1) + most
        epsilon = float(np.sqrt(8.0 * self._plan(curator.budget) / draws))
        weigh = _weights(target, self.workload, names)
        tree = _choose_tree(
            curator,
            names,
            sides,
            prepared.rows,
            epsilon,
            weigh=weigh if self.workload else _equally,
        )
        share = len(tree) / max(len(tree) + most, 1)
        progress("counting the pairs of the tree", 0.7)
        pairs = _measure(curator, sides, tree, share)
        model = _join_tree(prepared, sides, pairs)
        departures: dict[Edge, float] = {}
        if most and len(tree) > 1:
            progress("choosing and counting chords", 0.8)
            offers = _offers(model, names, sides, tree, weigh)
            chords = _choose_chords(
                curator,
                offers,
                sides,
                tree,
                most=most,
                cells=self.clique_cells,
                epsilon=epsilon,
            )
            pairs |= _measure(curator, sides, chords, 1.0)
            departures = {
                edge: departure(
                    pairs[edge].counts,
                    offers[edge].expected,
                    pairs[edge].sigma,
                    epsilon=epsilon * weigh(edge),
                    offers=len(offers),
                )
                for edge in chords
            }
            progress("fitting the model", 0.9)
            tables = {
                edge: denoised(p, sides[edge[0]], sides[edge[1]]) for edge, p in pairs.items()
            }
            model = proportional_fit(
                model.domain,
                targets(prepared, sides, tables),
                prepared.rows,
                iterations=5,
                tolerance=1e-4,
            )
        return Model(
            attributes=prepared.attributes,
            codes=MarginalCodes(markov=model),
            rows=prepared.rows,
            synthesizer=self.name,
            settings=self._settings(target),
            pairs=tuple(
                CountedPair(
                    columns=edge,
                    levels=(sides[edge[0]].size, sides[edge[1]].size),
                    sigma=pair.sigma,
                    departure=departures.get(edge),
                )
                for edge, pair in pairs.items()
            ),
        )

    def _settings(self, target: str | None) -> dict[str, Any]:
        """Settings for the model file."""
        told = {**asdict(self), "target": target}
        return told | {"workload": self.workload.to_json() if self.workload else None}

    def _plan(self, budget: Budget) -> float:
        """Plan the stages that come after the single columns; ρ of choosing pairs."""
        select = min(self.select_share, 0.5 * budget.spare_share)
        budget.plan_rest("select", select, "pairs")
        return select * budget.rho

    def _merge(self, curator: Curator, prepared: Prepared) -> tuple[dict[str, Side], int]:
        """Merged levels of every column, as fine as the expected noise of a pair warrants."""
        edges = max(len(prepared.attributes) - 1, 1)
        rho = curator.budget.remaining_rho * (1 - self.select_share) / edges
        sigma = float(curator.unit.count_l2 / np.sqrt(2.0 * rho))
        levels = merged_levels(prepared.rows, sigma, self.fewest_levels, self.most_levels)
        return merge_all(prepared, levels, sigma), levels

    def _chords(self, columns: int, levels: int) -> int:
        """How many chords to look for: about one a column once 16 levels are affordable.

        None by default in a wide table: at most 24 would be chosen, each out of tens of
        thousands, and looking for them takes longer than all the rest.
        """
        if columns < 3:
            return 0
        if self.chords is not None:
            return min(self.chords, columns * (columns - 1) // 2 - columns + 1)
        if columns > _WIDE:
            return 0
        return int(
            min(columns * min(1.0, (levels / 16.0) ** 2), 24, columns * (columns - 3) / 2 + 1)
        )


def _weights(
    target: str | None, workload: Workload | None, names: Sequence[str]
) -> Callable[[Edge], float]:
    """What a pair's deviation is worth, in (0, 1]: as the workload has it, double for the target."""
    weights = pair_weights(workload.modelled(names)) if workload else {}
    most = max(weights.values(), default=0.0)

    def weigh(edge: Edge) -> float:
        worth = 1.0 if target is None or target in edge else 0.5
        if not most:
            return worth
        return worth * max(_LEAST_WORTH, weights.get(edge, 0.0) / most)

    return weigh


def _equally(_edge: Edge) -> float:
    """Every pair is worth the same."""
    return 1.0


def _choose_tree(
    curator: Curator,
    names: Sequence[str],
    sides: Mapping[str, Side],
    rows: float,
    epsilon: float,
    *,
    weigh: Callable[[Edge], float],
) -> list[Edge]:
    """SELECT: a spanning tree by repeated exponential mechanisms.

    In Kruskal's order; in a wide table in Borůvka's, for time grows with the cube of Kruskal's.
    """
    if len(names) > _WIDE:
        return choose_spanning_tree(
            curator,
            names,
            lambda edge: independent_offer(sides[edge[0]], sides[edge[1]], rows, weigh(edge)),
            epsilon,
        )
    offers = {
        (a, b): independent_offer(sides[a], sides[b], rows, weigh((a, b)))
        for a, b in itertools.combinations(names, 2)
    }
    component = {name: index for index, name in enumerate(names)}
    tree: list[Edge] = []
    while len(tree) < len(names) - 1:
        first, second = edge = _choose(
            curator,
            {e: o for e, o in offers.items() if component[e[0]] != component[e[1]]},
            epsilon,
        )
        joined, gone = component[first], component[second]
        component = {name: joined if at == gone else at for name, at in component.items()}
        tree.append(edge)
    return tree


def _offers(
    model: MarkovModel,
    names: Iterable[str],
    sides: Mapping[str, Side],
    tree: Sequence[Edge],
    weigh: Callable[[Edge], float],
) -> dict[Edge, Candidate]:
    """Every pair that is not on the tree, against what the tree expects of it."""
    taken = set(tree)
    return {
        edge: model_offer(model, edge, sides, weigh(edge))
        for edge in itertools.combinations(names, 2)
        if edge not in taken
    }


def _choose_chords(
    curator: Curator,
    offers: Mapping[Edge, Candidate],
    sides: Mapping[str, Side],
    tree: Sequence[Edge],
    *,
    most: int,
    cells: int,
    epsilon: float,
) -> list[Edge]:
    """SELECT: pairs the tree gets most wrong, while the junction tree stays within bounds."""
    merged = Domain(tuple(sides), tuple(side.size for side in sides.values()))
    chords: list[Edge] = []
    left = dict(offers)
    while len(chords) < most:
        grown = cells_with(merged, junction_tree(merged, [*tree, *chords]), left)
        left = {edge: offer for edge, offer in left.items() if grown[edge] <= cells}
        if not left:
            break
        edge = _choose(curator, left, epsilon)
        del left[edge]
        chords.append(edge)
    return chords


def _choose(curator: Curator, offers: Mapping[Edge, Candidate], epsilon: float) -> Edge:
    """One draw of the exponential mechanism."""
    question = Choose(candidates=tuple(offers.values()), epsilon=epsilon, stage="select")
    return list(offers)[int(curator.ask([question])[0])]


def _measure(
    curator: Curator, sides: Mapping[str, Side], edges: Sequence[Edge], share: float
) -> dict[Edge, Pair]:
    """MEASURE: pairs with a share of all that is left of the budget."""
    if not edges:
        return {}
    rho = curator.budget.remaining_rho * share * (1 - 1e-9)
    sigmas = noise_scales(edges, sides, rho, curator.unit.count_l2).tolist()
    questions = [
        Count(encodings=(sides[a].encoding, sides[b].encoding), sigma=sigma, stage="pairs")
        for (a, b), sigma in zip(edges, sigmas, strict=True)
    ]
    answers = curator.ask(questions)
    return {
        edge: Pair(counts=answer, sigma=sigma)
        for edge, answer, sigma in zip(edges, answers, sigmas, strict=True)
    }


def _join_tree(
    prepared: Prepared, sides: Mapping[str, Side], pairs: Mapping[Edge, Pair]
) -> MarkovModel:
    """GENERATE: the model of a tree, in closed form.

    On a tree of pairs that agree with their singles the joint distribution is the product of
    the singles times, for every edge, its pair over the product of its singles.
    """
    domain = fine_domain(prepared)
    tables: dict[tuple[str, ...], np.ndarray] = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        for item in prepared.attributes:
            tables[(item.name,)] = np.log(item.counts / item.counts.sum())
        for (first, second), pair in pairs.items():
            a, b = sides[first], sides[second]
            table = denoised(pair, a, b)
            lift = np.log(table * prepared.rows) - np.log(np.outer(a.counts, b.counts))
            tables[(first, second)] = np.where(np.isfinite(lift), lift, 0.0)
    classes = {name: side.into for name, side in sides.items()}
    potentials = Potentials(domain=domain, tables=tables, classes=classes)
    return MarkovModel(domain=domain, total=prepared.rows, potentials=potentials)
