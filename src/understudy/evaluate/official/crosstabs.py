"""Cross-tables of all pairs of columns, cell by cell against the real cell's own error.

Cells are shares of rows; labels beyond the 20 most frequent share a row, numbers are cut into
eight classes of about equal real counts. What may not happen here: a cell that hardly occurs in
the real table judged by an error that is not defined there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluate.chart import intervals
from understudy.evaluate.fidelity.marginals import NumberLevels, number_levels
from understudy.evaluate.figure import Anchors, Figure, Measured, Metric, Settings, Skipped
from understudy.evaluate.intervals import middle
from understudy.evaluate.official.estimates import TOLERANCE
from understudy.evaluate.subsample import share_as_good

if TYPE_CHECKING:
    from collections.abc import Sequence

    from understudy.evaluate.columns import Column, Tables

Codes = NDArray[np.int32]
Floats = NDArray[np.float64]

GROUP = "statistics"
LABELS, CLASSES = 20, 8
MOST_PAIRS = 300
"""Most pairs of columns; of wider tables a random sample is taken."""
FEWEST = 5
"""Cells with fewer real rows are not judged."""
REFERENCE = (
    "difference of a cell's share in standard errors of the real share; W. G. Cochran, Sampling "
    "Techniques, 1977, chapter 3"
)
_LISTED = 20
_DRAWN = 12
_RESAMPLES = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Classed:
    """A column in few classes, missing among them, decided on the real rows.

    Parameters
    ----------
    name
        The column.
    size
        How many classes there are.
    names
        What each is called; the first is missing.
    """

    name: str
    size: int
    names: tuple[str, ...] = field(repr=False)
    levels: NumberLevels | None = field(default=None, repr=False)

    def codes(self, values: NDArray[Any]) -> Codes:
        """The class of each cell."""
        if self.levels is not None:
            return self.levels.codes(values).astype(np.int32)
        return np.asarray(np.minimum(values + 1, self.size - 1), dtype=np.int32)


def classed(column: Column, *, labels: int = LABELS, classes: int = CLASSES) -> Classed:
    """Put a column into classes."""
    if column.is_category:
        kept = min(labels, column.real_levels)
        names = ("missing", *column.levels[:kept], "other")
        return Classed(name=column.name, size=kept + 2, names=names)
    levels = number_levels(column.train, classes)
    heavy = [f"{one:g}" for one in levels.heavy]
    ends = [f"{one:g}" for one in levels.edges]
    last = [f"above {ends[-1]}"] if ends else ["other"]
    names = ("missing", *heavy, *(f"up to {end}" for end in ends), *last)
    return Classed(name=column.name, size=levels.size, names=names, levels=levels)


def cell_distances(real: NDArray[Any], other: NDArray[Any]) -> tuple[NDArray[np.intp], Floats]:
    """Cells with enough real rows, and how far another table's share is in real standard errors.

    Parameters
    ----------
    real, other
        Counts of the same cells.

    Returns
    -------
    tuple
        Numbers of the cells, and a signed distance for each.

    >>> cells, apart = cell_distances(np.array([20, 80, 0]), np.array([28, 71, 1]))
    >>> cells.tolist(), apart.round(6).tolist()
    ([0, 1], [2.0, -2.25])
    """
    cells = np.flatnonzero(real >= FEWEST)
    rows = real.sum()
    share = real[cells] / rows
    error = np.sqrt(np.maximum(share * (1 - share), 1 / rows**2) / rows)
    return cells, (other[cells] / max(1, other.sum()) - share) / error


def column_pairs(count: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """All pairs of columns, or a random sample of them."""
    pairs = list(combinations(range(count), 2))
    if len(pairs) <= MOST_PAIRS:
        return pairs
    return [pairs[at] for at in np.sort(rng.choice(len(pairs), MOST_PAIRS, replace=False))]


def measure_crosstabs(tables: Tables, settings: Settings, rng: np.random.Generator) -> Measured:
    """Share of all cells that stay within the sampling error of the real one."""
    columns = tables.columns
    key, title = "crosstabs_within", "Cells of cross-tables within sampling error"
    if len(columns) < 2:
        reason = "fewer than two comparable columns"
        return Measured(skipped=(Skipped(key=key, title=title, group=GROUP, reason=reason),))
    held = [classed(column) for column in columns]
    real = tables.once("crosstabs", lambda: _real_codes(tables, held))
    made = [one.codes(column.synthetic) for one, column in zip(held, columns, strict=True)]
    pairs = column_pairs(len(columns), tables.generator("crosstab pairs"))
    judged: dict[str, list[Floats]] = {part: [] for part in ("synthetic", *real) if part != "train"}
    worst: list[dict[str, Any]] = []
    for first, second in pairs:
        size = held[first].size * held[second].size
        base = _counts(real["train"], first, second, held, size)
        for part, found in judged.items():
            codes = made if part == "synthetic" else real[part]
            counts = _counts(codes, first, second, held, size)
            cells, apart = cell_distances(base, counts)
            found.append(apart)
            if part == "synthetic":
                worst += _worst((held[first], held[second]), cells, apart, shares=(base, counts))
    worst = sorted(worst, key=lambda row: -abs(row["distance"]))[:_LISTED]
    shares = {part: _share(found) for part, found in judged.items()}
    if shares["synthetic"] is None:
        reason = f"no cell of any cross-table holds {FEWEST} real rows"
        return Measured(skipped=(Skipped(key=key, title=title, group=GROUP, reason=reason),))
    apart = np.abs(np.concatenate(judged["synthetic"]))

    def of_sample(rows: NDArray[np.intp]) -> float:
        """Share of the cells that some rows of the holdout get within the tolerance."""
        some = [codes[rows] for codes in real["holdout"]]
        near = [
            cell_distances(
                _counts(real["train"], *pair, held, size), _counts(some, *pair, held, size)
            )[1]
            for pair in pairs
            for size in [held[pair[0]].size * held[pair[1]].size]
        ]
        return _share(near) or 0.0

    subsample = None
    if not settings.quick:
        subsample = share_as_good(
            tables, "crosstabs", shares["synthetic"], shares.get("holdout"), of_sample
        )
    figure = Figure(
        key=key,
        title=title,
        group=GROUP,
        value=shares["synthetic"],
        better="higher",
        target=0.95,
        interval=_interval(judged["synthetic"], rng),
        anchors=Anchors(
            holdout=shares.get("holdout"), independent=shares["independent"], subsample=subsample
        ),
        explanation=(
            f"Share of {apart.size:,} cells of {len(pairs)} two-way tables whose share of rows is "
            "at most 2.8 standard errors of the real share away, as two real samples of this size "
            "are 19 times out of 20."
        ),
        reference=REFERENCE,
        detail={
            "cells": int(apart.size),
            "pairs": len(pairs),
            "pairs_of": len(columns) * (len(columns) - 1) // 2,
            "median_distance": float(np.median(apart)),
            "worst": worst,
            "by_pair": _by_pair(held, pairs, judged["synthetic"]),
            "rows": dict(tables.sampled),
            "interval": "resampling of the tables (pairs of columns) with the rows as they are",
        },
    )
    return Measured(figures=(figure,), charts={"worst_cells": worst, "cells_drawn": _drawn(worst)})


def _real_codes(tables: Tables, held: Sequence[Classed]) -> dict[str, list[Codes]]:
    """Classes of the real tables and of independent columns."""
    columns = tables.columns
    train = [one.codes(column.train) for one, column in zip(held, columns, strict=True)]
    rng = tables.generator("crosstabs")
    parts = {"train": train, "independent": [rng.permutation(codes) for codes in train]}
    held_out = [column.holdout for column in columns]
    if tables.has_holdout:
        parts["holdout"] = [
            one.codes(values)
            for one, values in zip(held, held_out, strict=True)
            if values is not None
        ]
    return parts


def _counts(
    codes: Sequence[Codes], first: int, second: int, held: Sequence[Classed], size: int
) -> NDArray[np.intp]:
    """Counts of the cells of one two-way table."""
    return np.bincount(codes[first] * held[second].size + codes[second], minlength=size)


def _share(found: Sequence[Floats]) -> float | None:
    """Share of all cells within the tolerance, None without cells."""
    apart = np.concatenate(found) if found else np.empty(0)
    return float((np.abs(apart) <= TOLERANCE).mean()) if apart.size else None


def _interval(found: Sequence[Floats], rng: np.random.Generator) -> tuple[float, float] | None:
    """The middle 95 % of the share over resampled tables; None below ten tables."""
    if len(found) < 10:
        return None
    good = np.array([(np.abs(apart) <= TOLERANCE).sum() for apart in found])
    size = np.array([apart.size for apart in found])
    drawn = rng.integers(0, len(found), (_RESAMPLES, len(found)))
    return middle(good[drawn].sum(axis=1) / np.maximum(1, size[drawn].sum(axis=1)))


def _worst(
    pair: tuple[Classed, Classed],
    cells: NDArray[np.intp],
    apart: Floats,
    *,
    shares: tuple[NDArray[np.intp], NDArray[np.intp]],
) -> list[dict[str, Any]]:
    """The three worst cells of one table, given by its real and synthetic counts."""
    first, second = pair
    base, counts = shares
    return [
        {
            "columns": [first.name, second.name],
            "cell": [
                first.names[int(cells[at] // second.size)],
                second.names[int(cells[at] % second.size)],
            ],
            "real": float(base[cells[at]] / base.sum()),
            "synthetic": float(counts[cells[at]] / max(1, counts.sum())),
            "distance": float(apart[at]),
        }
        for at in np.argsort(-np.abs(apart))[:3]
    ]


def _drawn(worst: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The cells that are farthest away, in standard errors of the real share."""
    rows = [
        (
            " × ".join(f"{name} {label}" for name, label in zip(row["columns"], row["cell"],
                                                                 strict=True)),
            {"real": (0.0, -TOLERANCE, TOLERANCE), "synthetic": (row["distance"], None, None)},
        )
        for row in worst[:_DRAWN]
    ]  # fmt: skip
    return intervals(
        title="Cells farthest from the real ones",
        group=GROUP,
        rows=rows,
        about=(
            "Cells of two-way tables: distance of the share of rows from the real one in its own "
            "standard errors."
        ),
        unit="standard errors",
        zero=0.0,
    )


def _by_pair(
    held: Sequence[Classed], pairs: Sequence[tuple[int, int]], found: Sequence[Floats]
) -> list[dict[str, Any]]:
    """The tables with the fewest cells within the tolerance."""
    rows = [
        {
            "columns": [held[first].name, held[second].name],
            "within": float((np.abs(apart) <= TOLERANCE).mean()),
            "cells": int(apart.size),
        }
        for (first, second), apart in zip(pairs, found, strict=True)
        if apart.size
    ]
    return sorted(rows, key=lambda row: float(str(row["within"])))[:_LISTED]


CROSSTABS = Metric(
    key="crosstabs",
    title="Cross-tables",
    group=GROUP,
    measure=measure_crosstabs,
    weight=0.7,
)
