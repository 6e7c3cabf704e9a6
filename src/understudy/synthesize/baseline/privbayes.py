"""PrivBayes: a Bayesian network of bounded degree, the classic of the field (Zhang et al. 2017).

The idea, in three sentences. Columns are ordered one by one: the exponential mechanism picks,
among the columns not yet placed and sets of placed columns small enough to be useful, the column
and the parents that depend on each other most. The table of every column with its parents is
counted with noise. Rows are drawn column by column from the conditional tables.

Where we depart from the paper (J. Zhang, G. Cormode, C. M. Procopiuc, D. Srivastava, X. Xiao,
"PrivBayes: private data release via Bayesian networks", ACM TODS 42(4), 2017):

- every column's domain and discretisation is learned under the same budget (`prepare`);
- the score is the L1 distance of their function R, in rows, but from the product of what was
  paid for already (the single column, and the network drawn so far for its parents). The paper's
  product comes from the rows themselves, so one row moves it too, by up to 3/n + 2/n² of all
  rows where n is the exact number of rows; ours is public, and one row moves the score by at
  most 1. What sampling alone would deviate does not count for a candidate;
- tables are counted as soon as their column is placed, because the next score needs them;
- noise is the discrete Gaussian's and privacy is counted in ρ;
- a set of parents never seen falls back on the single column instead of a uniform one.

A baseline: `mst`, and for wide tables `residual`, are better almost everywhere.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from understudy.curator import Candidate, Choose, Count, Curator
from understudy.errors import InputError
from understudy.prepare.learn import Prepared, check_bins, learn
from understudy.schema import Schema
from understudy.synthesize.marginal.cliques import Clique
from understudy.synthesize.marginal.factor import Array
from understudy.synthesize.marginal.network import Network, NetworkCodes, draw_column
from understudy.synthesize.marginal.pairs import Side, fine_domain, merge_all, merged_levels
from understudy.synthesize.model import CountedPair, Model
from understudy.synthesize.protocol import Progress, silent

_ROWS = 32_768
_SMALL = 1e-12


@dataclass(frozen=True, kw_only=True)
class PrivBayes:
    """A Bayesian network whose conditional tables are noisy counts.

    Parameters
    ----------
    degree
        Most parents of a column, 1 to 8.
    usefulness
        Least ratio of the rows in a cell, on average, to the noise on it (the paper's θ), above
        0; larger sets of parents are not on offer.
    select_share
        Share of ρ spent on choosing parents, in (0, 0.9), of what single columns leave.
    most_candidates
        Most sets on offer in one choice, 10 or more; where there would be more, sets have fewer
        parents.
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

    >>> PrivBayes(degree=2).usefulness
    4.0
    """

    name: ClassVar[str] = "privbayes"

    degree: int = 3
    usefulness: float = 4.0
    select_share: float = 0.3
    most_candidates: int = 4_000
    uniform_bins: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.degree <= 8:
            raise InputError("degree must lie in 1 to 8", degree=self.degree)
        if not (math.isfinite(self.usefulness) and self.usefulness > 0):
            raise InputError("usefulness must be above 0", usefulness=self.usefulness)
        if not 0 < self.select_share < 0.9:
            raise InputError("select_share must lie in (0, 0.9)", select_share=self.select_share)
        if self.most_candidates < 10:
            raise InputError("most_candidates must be 10 or more", given=self.most_candidates)
        check_bins(self.uniform_bins)

    def fit(
        self,
        curator: Curator,
        schema: Schema,
        *,
        target: str | None = None,
        progress: Progress = silent,
    ) -> Model:
        """Learn columns, place them one by one, count their tables; see `Synthesizer.fit`."""
        prepared = learn(
            curator,
            schema,
            uniform_bins=self.uniform_bins,
            progress=lambda text, done: progress(text, 0.5 * done),
        )
        epsilon, sigma = self._plan(curator, prepared)
        levels = merged_levels(prepared.rows, sigma, 2, 32)
        sides = merge_all(prepared, levels, sigma)
        most = prepared.rows / (self.usefulness * sigma)
        built = _Built(sides=sides, rows=prepared.rows)
        built.place(_root(prepared, target), (), None)
        counted: list[CountedPair] = []
        while len(built.drawn) < len(sides):
            done = len(built.drawn) / len(sides)
            progress("placing columns and counting their tables", 0.5 + 0.5 * done)
            offers = {
                (name, parents): built.offer(name, parents)
                for name, parents in self._sets(built, most)
            }
            name, parents = _choose(curator, offers, epsilon)
            table = None
            if parents:
                clique = (*parents, name)
                encodings = tuple(sides[one].encoding for one in clique)
                (table,) = curator.ask([Count(encodings=encodings, sigma=sigma, stage="pairs")])
                counted.append(CountedPair(columns=clique, levels=table.shape, sigma=sigma))
            built.place(name, parents, table)
        progress("fitted", 1.0)
        return Model(
            attributes=prepared.attributes,
            codes=NetworkCodes(network=built.network(prepared)),
            rows=prepared.rows,
            synthesizer=self.name,
            settings={**asdict(self), "target": target},
            pairs=tuple(counted),
        )

    def _plan(self, curator: Curator, prepared: Prepared) -> tuple[float, float]:
        """Plan choosing and counting: ε of a choice, noise of a table."""
        budget, tables = curator.budget, max(len(prepared.attributes) - 1, 1)
        left = budget.remaining_rho * (1 - 1e-9)
        budget.plan_rest("select", self.select_share * budget.spare_share, "pairs")
        chosen = left * self.select_share
        sigma = float(curator.unit.count_l2 * np.sqrt(tables / (2.0 * (left - chosen))))
        return float(np.sqrt(8.0 * chosen / tables)), sigma

    def _sets(self, built: _Built, most: float) -> Iterator[tuple[str, Clique]]:
        """Every column that may be placed next, with every largest useful set of parents."""
        placed = tuple(built.drawn)
        waiting = [name for name in built.sides if name not in built.drawn]
        degree = min(self.degree, len(placed))
        while degree > 1 and math.comb(len(placed), degree) * len(waiting) > self.most_candidates:
            degree -= 1
        for name in waiting:
            size = built.sides[name].size
            sizes = {other: built.sides[other].size for other in placed}
            found = list(largest_useful(sizes, most / size, degree))
            yield from ((name, parents) for parents in found or [()])


@dataclass(kw_only=True)
class _Built:
    """The network so far: its factors, and rows drawn from it."""

    sides: Mapping[str, Side]
    rows: float

    def __post_init__(self) -> None:
        self.factors: dict[Clique, Array] = {}
        self.drawn: dict[str, NDArray[Any]] = {}
        # Expectations are taken on the same rows for the same answers.
        self._generator = np.random.default_rng(0)

    def offer(self, name: str, parents: Clique) -> Candidate:
        """A column with its parents, against the product of both as they are known."""
        single = self.sides[name].counts
        expected = np.multiply.outer(self._joint(parents), single / single.sum())
        return Candidate(
            encodings=tuple(self.sides[one].encoding for one in (*parents, name)),
            expected=expected,
            penalty=float(np.sqrt(2.0 / np.pi) * np.sqrt(expected).sum()),
        )

    def place(self, name: str, parents: Clique, table: Array | None) -> None:
        """Add a column with its conditional table."""
        single = np.maximum(self.sides[name].counts, 0.0)
        single = single / single.sum()
        shares = single if table is None else conditional(table, single)
        terms = {(*parents, name): np.log(np.maximum(shares, _SMALL))}
        drawn = draw_column(list(terms.items()), single.size, self.drawn, _ROWS, self._generator)
        self.factors |= terms
        self.drawn[name] = drawn

    def network(self, prepared: Prepared) -> Network:
        """The finished network."""
        return Network(
            domain=fine_domain(prepared),
            order=tuple(self.drawn),
            factors=self.factors,
            total=prepared.rows,
            classes={name: side.into for name, side in self.sides.items()},
            within={item.name: item.counts for item in prepared.attributes},
        )

    def _joint(self, parents: Clique) -> Array:
        """Expected rows of every configuration of some placed columns."""
        shape = tuple(self.sides[name].size for name in parents)
        flat = np.zeros(_ROWS, dtype=np.int64)
        for name, size in zip(parents, shape, strict=True):
            flat = flat * size + self.drawn[name]
        counts = np.bincount(flat, minlength=math.prod(shape))
        return np.asarray(counts * (self.rows / _ROWS)).reshape(shape)


def largest_useful(sizes: Mapping[str, int], most: float, degree: int) -> Iterator[Clique]:
    """Sets of at most `degree` columns of at most `most` cells to which none can be added.

    >>> list(largest_useful({"a": 2, "b": 3, "c": 9}, 10.0, 2))
    [('a', 'b'), ('c',)]
    """
    smallest_first = sorted(sizes.items(), key=lambda item: item[1])
    for width in range(min(degree, len(sizes)), 0, -1):
        for parents in itertools.combinations(sizes, width):
            cells = math.prod(sizes[name] for name in parents)
            if cells > most:
                continue
            other = next((size for name, size in smallest_first if name not in parents), math.inf)
            if width == degree or cells * other > most:
                yield parents


def conditional(table: Array, single: Array) -> Array:
    """Shares of the last column given the others: negative counts are zero, as in the paper.

    >>> conditional(np.array([[3.0, 1.0], [-2.0, -1.0]]), np.array([0.5, 0.5])).tolist()
    [[0.75, 0.25], [0.5, 0.5]]
    """
    counts = np.maximum(table, 0.0)
    sums = counts.sum(axis=-1, keepdims=True)
    return np.where(sums > 0, counts / np.maximum(sums, 1e-300), single)


def _root(prepared: Prepared, target: str | None) -> str:
    """The column to begin with: the target, or the first. The paper draws it by lot."""
    names = [item.name for item in prepared.attributes]
    return target if target in names else names[0]


def _choose(
    curator: Curator, offers: Mapping[tuple[str, Clique], Candidate], epsilon: float
) -> tuple[str, Clique]:
    """SELECT: one draw of the exponential mechanism."""
    question = Choose(candidates=tuple(offers.values()), epsilon=epsilon, stage="select")
    return list(offers)[int(curator.ask([question])[0])]
