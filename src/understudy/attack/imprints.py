"""What one record changes in a release: counts of rows that agree with it on sets of columns.

A release of any generator is seen through counting queries: for a target and a set of columns, how
many synthetic rows have the target's values there (numbers by their twentieth of the reference).
Small sets see what a marginal model gives away, large sets what a copying one does. `Imprints`
gathers such counts over many refits, with and without each target, and learns one linear rule for
all targets. What may not happen here: fitting a generator, or looking at a real label.

References: Houssiau et al. 2022 (TAPAS, targeted counting queries, arXiv 2211.06550); Carlini et
al. 2022 (likelihood ratios from models with and without each record, arXiv 2112.03570).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.attack.protocol import Mask, Records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from understudy.evaluate.columns import Column

Floats = NDArray[np.float64]
Cells = NDArray[np.int64]

QUERIES = 48
"""Sets of columns a release is seen through."""

BINS = 20
_RIDGE = 1e-3


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class View:
    """How tables are looked at: edges of numbers, and the sets of columns.

    Parameters
    ----------
    edges
        Inner edges of each numeric column; None for labels.
    sets
        Positions of columns, each set once.
    """

    edges: tuple[Floats | None, ...] = field(repr=False)
    sets: tuple[tuple[int, ...], ...]

    def cells(self, records: Records) -> Cells:
        """Rows x columns: the bin or label of every value, 0 for missing."""
        columns = []
        for array, edges in zip(records.arrays, self.edges, strict=True):
            if edges is None:
                columns.append(array.astype(np.int64) + 1)
            else:
                places = np.searchsorted(edges, array, side="right") + 1
                columns.append(np.where(np.isnan(array), 0, places))
        return np.stack(columns, axis=1)

    def imprint(self, targets: Cells, release: Cells, rows: int) -> Floats:
        """Targets x sets: 2 sqrt(count + 3/8) of the release's rows that agree with the target.

        Counts are per `rows` rows, so that releases of different sizes can be compared; the root
        makes their spread the same everywhere (Anscombe 1948).
        """
        scale = rows / max(len(release), 1)
        found = np.empty((len(targets), len(self.sets)))
        widths = np.maximum(targets.max(axis=0, initial=0), release.max(axis=0, initial=0)) + 1
        for at, columns in enumerate(self.sets):
            ours, theirs = _keys(targets, release, columns, widths)
            values, counts = np.unique(theirs, return_counts=True)
            places = np.minimum(np.searchsorted(values, ours), len(values) - 1)
            hits = np.where(values[places] == ours, counts[places], 0) if len(values) else 0
            found[:, at] = 2.0 * np.sqrt(scale * hits + 0.375)
        return found


def view_of(
    columns: Sequence[Column], reference: Records, rng: np.random.Generator, *, sets: int = QUERIES
) -> View:
    """Edges at the reference's quantiles, and random sets of columns of every size.

    Parameters
    ----------
    columns
        Kinds of the columns.
    reference
        Rows whose quantiles cut the numbers.
    rng
        Draws the sets.
    sets
        How many, at most; the set of all columns is always among them.

    >>> from understudy.attack.protocol import Records
    >>> view = view_of((), Records(arrays=()), np.random.default_rng(0))
    >>> view.sets
    ()
    """
    edges: list[Floats | None] = []
    for column, array in zip(columns, reference.arrays, strict=True):
        if column.is_category:
            edges.append(None)
            continue
        known = array[~np.isnan(array)]
        inner = np.linspace(0, 1, BINS + 1)[1:-1]
        edges.append(np.unique(np.quantile(known, inner)) if known.size else np.empty(0))
    width = len(edges)
    if not width:
        return View(edges=(), sets=())
    chosen = {tuple(range(width))}
    for attempt in range(20 * sets):
        if len(chosen) >= sets:
            break
        size = 1 + attempt % width
        chosen.add(tuple(sorted(rng.choice(width, size, replace=False).tolist())))
    return View(edges=tuple(edges), sets=tuple(sorted(chosen, key=lambda s: (len(s), s))))


def _keys(
    targets: Cells, release: Cells, columns: tuple[int, ...], widths: Cells
) -> tuple[Cells, Cells]:
    """One whole number for every row's values in a set of columns, equal for equal values."""
    ours, theirs = np.zeros(len(targets), np.int64), np.zeros(len(release), np.int64)
    room = 1
    for column in columns:
        width = int(widths[column])
        if room > np.iinfo(np.int64).max // max(width, 1):
            values, places = np.unique(np.concatenate([ours, theirs]), return_inverse=True)
            ours, theirs = places[: len(ours)], places[len(ours) :]
            room = len(values)
        ours = ours * width + targets[:, column]
        theirs = theirs * width + release[:, column]
        room *= width
    return ours, theirs


class Imprints:
    """Imprints of many refits, kept as sums: means with and without each target, and their spread.

    Parameters
    ----------
    targets, sets
        Shape of every imprint.

    >>> rng, seen = np.random.default_rng(0), Imprints(1, 1)
    >>> for turn in range(40):
    ...     there = np.array([turn % 2 == 0])
    ...     seen.add(rng.normal(3.0 * there, 1.0)[:, None], there)
    >>> bool(seen.scores(np.array([[3.0]]))[0] > 0 > seen.scores(np.array([[0.0]]))[0])
    True
    """

    def __init__(self, targets: int, sets: int) -> None:
        self._sums = np.zeros((2, targets, sets))
        self._counts = np.zeros((2, targets))
        self._products = np.zeros((sets, sets))

    def add(self, imprint: Floats, present: Mask) -> None:
        """One refit: the imprint (targets x sets) and which targets were learned from."""
        for label in (0, 1):
            mask = present == bool(label)
            self._sums[label][mask] += imprint[mask]
            self._counts[label] += mask
        self._products += imprint.T @ imprint

    @property
    def known(self) -> Mask:
        """Targets that were seen both with and without."""
        return np.asarray((self._counts >= 1).all(axis=0))

    def scores(self, imprint: Floats) -> Floats:
        """Scores of a release's imprint, higher for targets that look learned from.

        The direction is Fisher's: a target's mean difference against the spread within. What
        few refits say of one target is drawn towards what all of them say (empirical Bayes), set
        by set. A target is compared with the middle of its means; one never seen both ways gets 0.
        """
        known = self.known
        if not known.any():
            return np.zeros(len(imprint))
        counts = np.maximum(self._counts, 1.0)
        means = self._sums / counts[:, :, None]
        within = self._within(means)
        differences = self._shrunk(means[1] - means[0], np.diag(within), known)
        within[np.diag_indices(len(within))] += _RIDGE + 0.05 * np.diag(within).mean()
        rules = np.linalg.solve(within, differences.T).T
        scores = ((imprint - means.mean(axis=0)) * rules).sum(axis=1)
        return np.where(known, scores, 0.0)

    def _within(self, means: Floats) -> Floats:
        """Covariance of imprints with the target's presence held fixed, over all targets."""
        between = np.zeros_like(self._products)
        for label in (0, 1):
            between += (means[label] * self._counts[label][:, None]).T @ means[label]
        freedom = max(float(self._counts.sum()) - 2.0 * float(self.known.sum()), 1.0)
        return np.asarray((self._products - between) / freedom)

    def _shrunk(self, differences: Floats, within: Floats, known: Mask) -> Floats:
        """Differences of the targets, drawn towards their mean by as much as is noise."""
        centre = differences[known].mean(axis=0)
        noise = within * (1.0 / np.maximum(self._counts[:, known], 1.0)).sum(axis=0).mean()
        seen = np.maximum(((differences[known] - centre) ** 2).mean(axis=0), 1e-12)
        kept = np.clip(1.0 - noise / seen, 0.0, 1.0)
        return np.asarray(centre + kept * (differences - centre))
