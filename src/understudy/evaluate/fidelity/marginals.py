"""k-way marginals: how far the joint distributions of one, two and three columns are apart.

Every column becomes a few levels decided by the real training table: a number that holds 1/32 of
the values is a level, the other numbers are cut at 32 quantiles, every label is a level, missing
is a level. The distance is the total variation distance, averaged over all columns, all pairs
and a sample of the triples. What may not happen here: reading cells.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from math import comb, prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluate.figure import Anchors, Figure, Measured, Metric, Settings, Skipped
from understudy.evaluate.intervals import jackknife
from understudy.evaluate.subsample import as_good_as
from understudy.evaluate.tallies import joint, total_variation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from understudy.evaluate.columns import Column, Tables

REFERENCE = (
    "total variation distance of k-way marginals, as in McKenna et al., AIM (2022), and NIST's "
    "k-marginal score; 32 quantile bins"
)
BINS = 32
TRIPLES = 100
_GROUPS = 10
_DENSE_CELLS = 1 << 18
_KEPT_CELLS = 1 << 14
Codes = NDArray[np.int64]
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberLevels:
    """Levels of a numeric column, decided on the real values.

    Parameters
    ----------
    heavy
        Values that are a level each, ascending.
    edges
        Upper ends (inclusive) of the bins of the other values; the last bin is open.
    """

    heavy: Floats
    edges: Floats

    @property
    def size(self) -> int:
        """Number of levels, missing among them."""
        return int(self.heavy.size + self.edges.size + 2)

    def codes(self, values: Floats) -> Codes:
        """Level of each value: missing 0, heavy values, then bins."""
        missing = np.isnan(values)
        known = np.where(missing, 0.0, values)
        codes = 1 + self.heavy.size + np.searchsorted(self.edges, known, side="left")
        if self.heavy.size:
            place = np.minimum(np.searchsorted(self.heavy, known), self.heavy.size - 1)
            codes = np.where(self.heavy[place] == known, 1 + place, codes)
        return np.where(missing, 0, codes).astype(np.int64)


def number_levels(real: Floats, bins: int = BINS) -> NumberLevels:
    """Choose the levels of a numeric column.

    Parameters
    ----------
    real
        Values of the real training table; NaN is left out.
    bins
        Number of quantile bins; a value that holds 1/bins of the values is a level.

    >>> number_levels(np.array([0.0, 0.0, 0.0, 1.0, 2.0, 3.0]), bins=2).heavy.tolist()
    [0.0]
    """
    known = real[~np.isnan(real)]
    distinct, counts = np.unique(known, return_counts=True)
    heavy = distinct[counts * bins >= known.size]
    rest = known[~np.isin(known, heavy)]
    if rest.size == 0:
        return NumberLevels(heavy=heavy, edges=np.empty(0))
    inner = np.linspace(0, 1, bins + 1)[1:-1]
    return NumberLevels(heavy=heavy, edges=np.unique(np.quantile(rest, inner, method="lower")))


@dataclass(frozen=True, kw_only=True, slots=True)
class Coded:
    """A table as levels: one array of codes per column."""

    columns: tuple[Codes, ...]
    sizes: tuple[int, ...]
    _counted: dict[tuple[int, ...], Counts] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.columns[0].size) if self.columns else 0

    def clique(self, members: Sequence[int]) -> tuple[Codes, int]:
        """Merged codes of some columns and the number of cells."""
        return joint([self.columns[i] for i in members], [self.sizes[i] for i in members])

    def counts(self, members: Sequence[int]) -> Counts | None:
        """Rows in every cell of some columns; counted once where few, None where cells abound."""
        key = tuple(members)
        cells = prod(self.sizes[i] for i in key)
        if cells > _DENSE_CELLS:
            return None
        if key in self._counted:
            return self._counted[key]
        found = np.bincount(self.clique(key)[0], minlength=cells)
        if cells <= _KEPT_CELLS:
            self._counted[key] = found
        return found

    def head(self, rows: int) -> Coded:
        """The first rows only."""
        return Coded(columns=tuple(column[:rows] for column in self.columns), sizes=self.sizes)


def clique_distance(real: Coded, other: Coded, members: Sequence[int]) -> float:
    """Total variation distance of the marginal of some columns.

    >>> a = Coded(columns=(np.array([0, 1]),), sizes=(2,))
    >>> clique_distance(a, Coded(columns=(np.array([1, 1]),), sizes=(2,)), [0])
    0.5
    """
    mine, places = _side_by_side(real, other, members)
    return total_variation(mine, np.bincount(places, minlength=mine.size))


def distances(
    real: Coded, other: Coded, cliques: Sequence[Sequence[int]]
) -> tuple[Floats, Floats | None]:
    """Distance of each clique, and the mean distance with each tenth of `other` left out.

    The second array has one entry per left-out group (every tenth row); None below 100 rows.
    """
    values = np.empty(len(cliques))
    groups = np.arange(other.rows) % _GROUPS
    left_out = np.zeros(_GROUPS) if other.rows >= 100 else None
    for at, members in enumerate(cliques):
        mine, places = _side_by_side(real, other, members)
        if left_out is None:
            values[at] = total_variation(mine, np.bincount(places, minlength=mine.size))
            continue
        share = mine / mine.sum()
        by_group = np.bincount(groups * mine.size + places, minlength=_GROUPS * mine.size).reshape(
            _GROUPS, mine.size
        )
        total = by_group.sum(axis=0)
        values[at] = 0.5 * np.abs(share - total / total.sum()).sum()
        kept = total - by_group
        kept = kept / kept.sum(axis=1, keepdims=True)
        left_out += 0.5 * np.abs(share - kept).sum(axis=1)
    return values, None if left_out is None or not cliques else left_out / len(cliques)


def _side_by_side(real: Coded, other: Coded, members: Sequence[int]) -> tuple[Counts, Codes]:
    """Real rows in each cell that occurs in a table, and the cell of each of the other's rows."""
    mine = real.counts(members)
    if mine is None:
        (left, right), _ = merged([real, other], members)
        values, places = np.unique(np.concatenate([left, right]), return_inverse=True)
        return np.bincount(places[: left.size], minlength=values.size), places[left.size :]
    places = other.clique(members)[0]
    occurs = mine > 0
    occurs[places] = True
    if 4 * np.count_nonzero(occurs) > mine.size:
        return mine, places
    rank = np.cumsum(occurs) - 1
    return mine[occurs], rank[places]


def measure_marginals(tables: Tables, settings: Settings, rng: np.random.Generator) -> Measured:
    """Mean distance of 1-, 2- and sampled 3-way marginals, with anchors of the same kind."""
    columns = tables.columns
    figures: list[Figure] = []
    skipped: list[Skipped] = []
    if not columns:
        reason = "no comparable column"
        return Measured(skipped=tuple(_skip(ways, reason) for ways in (1, 2, 3)))
    levels = [None if c.is_category else number_levels(c.train) for c in columns]
    real = coded(columns, levels, [c.train for c in columns])
    synthetic = coded(columns, levels, [c.synthetic for c in columns], rng)
    held = [column.holdout for column in columns if column.holdout is not None]
    holdout = coded(columns, levels, held, rng) if tables.has_holdout else None
    floor = coded(columns, levels, tables.shuffled(rng))
    for ways in (1, 2, 3):
        if len(columns) < ways:
            skipped.append(_skip(ways, f"fewer than {ways} comparable columns"))
            continue
        cliques = cliques_of(len(columns), ways, rng)
        figures.append(
            _figure(
                ways, cliques, columns, (real, synthetic, holdout, floor), tables,
                quick=settings.quick,
            )
        )  # fmt: skip
    return Measured(figures=tuple(figures), skipped=tuple(skipped))


def _figure(
    ways: int,
    cliques: Sequence[tuple[int, ...]],
    columns: Sequence[Column],
    coded: tuple[Coded, Coded, Coded | None, Coded],
    tables: Tables,
    *,
    quick: bool = False,
) -> Figure:
    """Measure the cliques of one size and build their figure."""
    real, synthetic, holdout, floor = coded
    values, leave_out = distances(real, synthetic, cliques)
    held = None if holdout is None else _mean(real, holdout, cliques)
    ground = _mean(real, floor, cliques)
    matched = None
    if holdout is not None and held is not None:
        rows = min(holdout.rows, synthetic.rows, floor.rows)
        matched = {
            "rows": rows,
            "synthetic": _mean(real, synthetic.head(rows), cliques),
            "holdout": _mean(real, holdout.head(rows), cliques),
            "independent": _mean(real, floor.head(rows), cliques),
        }
    worst = np.argsort(-values)[:10]
    value = float(values.mean())
    every = comb(len(columns), ways)
    return Figure(
        key=f"tvd_{ways}way",
        title=f"{ways}-way marginals",
        group="marginals",
        value=value,
        better="lower",
        target=0.0,
        interval=jackknife(value, leave_out),
        anchors=Anchors(
            holdout=held,
            independent=ground,
            subsample=None
            if holdout is None or held is None or quick
            else as_good_as(
                value,
                held,
                lambda rows: _mean(real, holdout.head(rows), cliques),
                rows=holdout.rows,
                of=real.rows,
            ),
        ),
        explanation=(
            f"Average share of rows that would have to move for the synthetic table to have the "
            f"real distribution of {ways} column{'s' if ways > 1 else ''} at a time."
        ),
        reference=REFERENCE,
        detail={
            "marginals": len(cliques),
            "of": every,
            "bins": BINS,
            "rows": dict(tables.sampled),
            "sampled": tables.is_sampled or len(cliques) < every,
            "at_equal_rows": matched,
            "worst": [
                {"columns": [columns[i].name for i in cliques[at]], "distance": float(values[at])}
                for at in worst
            ],
            "interval": "jackknife over ten groups of synthetic rows: the draw of rows, not "
            "the noise of the fit",
        },
    )


def coded(
    columns: Sequence[Column],
    levels: Sequence[NumberLevels | None],
    arrays: Sequence[NDArray[Any]],
    rng: np.random.Generator | None = None,
) -> Coded:
    """Turn one table's arrays into levels; with a generator its rows are put in random order."""
    order = None if rng is None else rng.permutation(len(arrays[0]))
    coded: list[Codes] = []
    sizes: list[int] = []
    for column, cut, values in zip(columns, levels, arrays, strict=True):
        codes = values.astype(np.int64) + 1 if cut is None else cut.codes(values)
        coded.append(codes if order is None else codes[order])
        sizes.append(len(column.levels) + 1 if cut is None else cut.size)
    return Coded(columns=tuple(coded), sizes=tuple(sizes))


def merged(tables: Sequence[Coded], members: Sequence[int]) -> tuple[list[Codes], int]:
    """Merged codes of some columns in several tables, comparable with each other."""
    sizes = [tables[0].sizes[i] for i in members]
    stacked = [np.concatenate([table.columns[i] for table in tables]) for i in members]
    flat, cells = joint(stacked, sizes)
    return np.split(flat, np.cumsum([table.rows for table in tables])[:-1]), cells


def _mean(real: Coded, other: Coded, cliques: Sequence[tuple[int, ...]]) -> float:
    """Mean distance over cliques."""
    return float(np.mean([clique_distance(real, other, members) for members in cliques]))


def cliques_of(
    columns: int, ways: int, rng: np.random.Generator, most: int = TRIPLES
) -> list[tuple[int, ...]]:
    """All cliques of one size, or a random sample of so many triples."""
    if ways < 3 or comb(columns, ways) <= most:
        return list(combinations(range(columns), ways))
    chosen: set[tuple[int, ...]] = set()
    while len(chosen) < most:
        members = sorted(int(i) for i in rng.choice(columns, ways, replace=False))
        chosen.add(tuple(members))
    return sorted(chosen)


def _skip(ways: int, reason: str) -> Skipped:
    """A marginal figure that is not measured."""
    return Skipped(
        key=f"tvd_{ways}way", title=f"{ways}-way marginals", group="marginals", reason=reason
    )


MARGINALS = Metric(
    key="marginals",
    title="k-way marginals",
    group="marginals",
    measure=measure_marginals,
    weight=0.6,
)
