"""The marginal-model attack (MAMA-MIA), for generators that select, measure and generate.

They leak through the marginals they measured, and nowhere else. A record in the training table adds one to its cell of every marginal. Each cell of the release is
compared with the reference, in units of what a stranger would see by chance: sampling of the three
tables, and the generator's own noise where a released model tells it. Without noise and with a
large reference this is the ratio of the published attack. With a released model the marginals are
those it lists; otherwise they are guessed: all single columns, and the pairs most dependent in
the release.

Reference: Golob et al. 2024, Privacy Vulnerabilities in Marginals-based Synthetic Data
(arXiv 2410.05506). What may not happen here: a count of training rows.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.attack.membership import Scores, membership_attack
from understudy.attack.nobox.cells import Codes, cells_of, guessed_cells
from understudy.attack.protocol import Threat

if TYPE_CHECKING:
    from understudy.attack.protocol import Knowledge, Records
    from understudy.synthesize.model import Model

GUESSED = 2.0
"""Guessed pairs per column."""

_SAMPLE = 20_000


@dataclass(frozen=True, kw_only=True, slots=True)
class FocalPoint:
    """A marginal that the generator measured: places of its columns, merged levels, noise."""

    columns: tuple[int, ...]
    levels: tuple[int | None, ...]
    sigma: float


def marginal_score(knows: Knowledge, candidates: Records, rng: np.random.Generator) -> Scores:
    """Sum over the marginals of how much too frequent the candidate's cell is in the release."""

    def make() -> Scores:
        assert knows.reference is not None
        total = np.zeros(candidates.rows)
        tables = (candidates, knows.synthetic, knows.reference)
        cells = _Cells(knows, tables)
        for point in focal_points(knows, cells, rng):
            total += _excess(point, cells, knows)
        return total

    return knows.once("marginals", make)


def focal_points(knows: Knowledge, cells: _Cells, rng: np.random.Generator) -> list[FocalPoint]:
    """Marginals the model lists, or else a guess."""
    listed = [] if knows.model is None else listed_points(knows, knows.model)
    return listed or guessed_points(knows, cells, rng)


def listed_points(knows: Knowledge, model: Model) -> list[FocalPoint]:
    """What the released model says was counted: every single column, and the listed pairs."""
    places = {column.name: at for at, column in enumerate(knows.columns)}
    points = [
        FocalPoint(
            columns=(places[item.name],),
            levels=(None,),
            sigma=float(np.sqrt(np.mean(item.variances))) if len(item.variances) else 0.0,
        )
        for item in model.attributes
        if item.name in places and item.standin is None
    ]
    points += [
        FocalPoint(
            columns=tuple(places[name] for name in pair.columns),
            levels=tuple(pair.levels),
            sigma=pair.sigma,
        )
        for pair in model.pairs
        if all(name in places for name in pair.columns)
    ]
    return points


def guessed_points(knows: Knowledge, cells: _Cells, rng: np.random.Generator) -> list[FocalPoint]:
    """All single columns, and the pairs most dependent in the release."""
    width = len(knows.columns)
    singles = [FocalPoint(columns=(at,), levels=(None,), sigma=0.0) for at in range(width)]
    rows = knows.synthetic.rows
    sample = rng.permutation(rows)[:_SAMPLE] if rows > _SAMPLE else np.arange(rows)
    strength = {
        (a, b): _information(cells.of(a, None)[1][sample], cells.of(b, None)[1][sample])
        for a, b in itertools.combinations(range(width), 2)
    }
    kept = sorted(strength, key=lambda pair: -strength[pair])[: round(GUESSED * width)]
    return singles + [FocalPoint(columns=pair, levels=(None, None), sigma=0.0) for pair in kept]


class _Cells:
    """Cells of each column in the three tables, coded when first asked for."""

    def __init__(self, knows: Knowledge, tables: tuple[Records, Records, Records]) -> None:
        self._knows, self._tables = knows, tables
        self._held: dict[tuple[int, int | None], tuple[Codes, Codes, Codes]] = {}

    def of(self, at: int, levels: int | None) -> tuple[Codes, Codes, Codes]:
        """Cells of a column in candidates, release and reference, on so many merged levels."""
        if (at, levels) not in self._held:
            column, model = self._knows.columns[at], self._knows.model
            arrays = tuple(table.arrays[at] for table in self._tables)
            found = None if model is None else cells_of(model, column, arrays, levels)
            if found is None:
                found = guessed_cells(column, arrays)
            self._held[at, levels] = (found[0], found[1], found[2])
        return self._held[at, levels]


def _excess(point: FocalPoint, cells: _Cells, knows: Knowledge) -> Scores:
    """How much too frequent each candidate's cell is, over the variance of that by chance."""
    joint = [np.zeros(1, dtype=np.int64)] * 3
    for at, levels in zip(point.columns, point.levels, strict=True):
        parts = cells.of(at, levels)
        size = 1 + max(int(part.max(initial=0)) for part in parts)
        joint = [flat * size + part for flat, part in zip(joint, parts, strict=True)]
    _, places = np.unique(np.concatenate(joint), return_inverse=True)
    ends = np.cumsum([len(flat) for flat in joint])
    ours, made, theirs = np.split(places, ends[:-1])
    size = int(places.max()) + 1
    rows, drawn, others = float(knows.train_rows), float(len(made)), float(len(theirs))
    released = np.bincount(made, minlength=size)
    known = np.bincount(theirs, minlength=size)
    pooled = (released + known + 1.0) / (drawn + others + size)
    chance = pooled * (1.0 / rows + 1.0 / drawn + 1.0 / others) + (point.sigma / rows) ** 2
    excess = (released / drawn - known / others) / (chance * rows)
    return np.asarray(excess[ours])


def _information(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """Mutual information of two columns of cells, less what chance gives."""
    sizes = int(one.max(initial=0)) + 1, int(other.max(initial=0)) + 1
    table = np.bincount(one * sizes[1] + other, minlength=sizes[0] * sizes[1]).reshape(sizes)
    share = table / max(1, len(one))
    product = share.sum(axis=1, keepdims=True) * share.sum(axis=0, keepdims=True)
    held = share > 0
    found = float((share[held] * np.log(share[held] / product[held])).sum())
    freedom = (int((table.sum(1) > 0).sum()) - 1) * (int((table.sum(0) > 0).sum()) - 1)
    return found - freedom / (2.0 * max(1, len(one)))


MARGINALS = membership_attack(
    key="marginals",
    title="MAMA-MIA: cells of the measured marginals",
    threat=Threat(
        knows_data="all values of the record in question, and other rows of the same population",
        knows_generator=(
            "that it selects, measures and generates from marginals; which ones and how noisily "
            "when the model is released"
        ),
        goal="membership",
    ),
    needs=frozenset({"reference"}),
    reference="Golob et al. 2024, arXiv 2410.05506, weighted by the noise of each cell",
    score=marginal_score,
)
