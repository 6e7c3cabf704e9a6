"""Pair trends: how alike pairs of columns go together, in the terms of SDMetrics.

The Quality Report counts only the pairs that are related in the real table (|r| above 0.5,
Cramér's V above 0.3); the mean over all pairs is a figure of its own. What may not happen here:
reading cells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluate.fidelity.scoring import (
    Counted,
    Floats,
    Pair,
    compare_pairs,
    correlations,
    mean_score,
    pair_values,
)
from understudy.evaluate.figure import Anchors, Figure, Measured, Metric, Settings, Skipped
from understudy.evaluate.subsample import share_as_good

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from understudy.evaluate.columns import Column, Tables

REFERENCE = (
    "SDMetrics 0.32 Quality Report, Column Pair Trends (CorrelationSimilarity, "
    "ContingencySimilarity; thresholds 0.5 and 0.3)"
)
_SHOWN = 60
_MOST_CELLS = 60_000_000


def measure_pairs(tables: Tables, settings: Settings, rng: np.random.Generator) -> Measured:
    """Mean pair similarity: of the related pairs (the Quality Report) and of all pairs."""
    columns = tables.columns
    if len(columns) < 2:
        return Measured(skipped=_skipped("fewer than two comparable columns"))
    whole, ends = _of_all_rows(tables)
    of_train, of_made, of_held = (
        [ends.get((column.name, name)) for column in columns]
        for name in ("train", "synthetic", "holdout")
    )
    real = [pair_values(c, c.train, e) for c, e in zip(columns, of_train, strict=True)]
    counted: dict[tuple[int, int], Counted] = {}
    synthetic = compare_pairs(
        columns,
        real,
        [pair_values(c, c.synthetic, e) for c, e in zip(columns, of_made, strict=True)],
        known=(whole["train"], whole["synthetic"]) if whole else None,
        thinness=_thinness(tables),
        counted=counted,
    )
    holdout = None
    if tables.has_holdout:
        held = [
            pair_values(c, c.holdout, e)
            for c, e in zip(columns, of_held, strict=True)
            if c.holdout is not None
        ]
        known = (whole["train"], whole["holdout"]) if whole else None
        holdout = compare_pairs(columns, real, held, known=known, counted=counted)
    floor = compare_pairs(
        columns,
        real,
        [
            pair_values(c, v, e)
            for c, v, e in zip(columns, tables.shuffled(rng), of_train, strict=True)
        ],
        counted=counted,
    )
    figures = []
    skipped = []

    def of_sample(rows: NDArray[np.intp]) -> list[Pair]:
        """Every pair on some rows of the holdout."""
        held = [pair_values(c, c.holdout[rows]) for c in columns if c.holdout is not None]
        return compare_pairs(columns, real, held, counted=counted)

    for key, related_only in (("pair_trends", True), ("pair_trends_all", False)):
        figure = _figure(
            key, (synthetic, holdout, floor), tables, None if settings.quick else of_sample,
            related_only=related_only,
        )  # fmt: skip
        if figure is None:
            reason = (
                "no pair of columns is related in the real table (|r| > 0.5, Cramér's V > 0.3)"
                if related_only
                else "no pair of columns can be compared"
            )
            skipped.append(Skipped(key=key, title=_TITLES[key], group="shapes", reason=reason))
        else:
            figures.append(figure)
    return Measured(
        figures=tuple(figures), skipped=tuple(skipped), charts=_charts(columns, synthetic)
    )


Ends = dict[tuple[str, str], tuple[float, float]]


def _of_all_rows(tables: Tables) -> tuple[dict[str, Floats] | None, Ends]:
    """Correlations and ranges of the numbers over all rows, as SDMetrics takes them.

    Nothing where nothing was sampled; None for correlations of tables that are huge.
    """
    if not tables.is_sampled:
        return None, {}
    numeric = sum(not column.is_category for column in tables.columns)
    kept = numeric > 1 and max(tables.rows.values()) * numeric <= _MOST_CELLS
    held: dict[str, list[Floats]] = {"train": [], "synthetic": [], "holdout": []}
    ends: Ends = {}
    for column in tables.whole(labels=False):
        for name, arrays in held.items():
            values = getattr(column, name)
            if values is None:
                continue
            known = values[~np.isnan(values)]
            if known.size:
                ends[column.name, name] = (float(known.min()), float(known.max()))
            if kept:
                arrays.append(values)
    if not kept:
        return None, ends
    return {name: correlations(part) for name, part in held.items()}, ends


def _thinness(tables: Tables) -> float:
    """How much thinner the sampled rows are than all of them, as `sampling_error` takes it."""
    return sum(
        (1.0 - tables.sampled[name] / tables.rows[name]) / tables.sampled[name]
        for name in ("train", "synthetic")
    )


_TITLES = {"pair_trends": "Pair trends", "pair_trends_all": "Pair trends, all pairs"}


def _figure(
    key: str,
    scored: tuple[Sequence[Pair], Sequence[Pair] | None, Sequence[Pair]],
    tables: Tables,
    of_sample: Callable[[NDArray[np.intp]], list[Pair]] | None,
    *,
    related_only: bool,
) -> Figure | None:
    """Build the figure of one mean over synthetic, held-out and independent; None without pairs."""
    synthetic, holdout, floor = scored
    value = mean_score(synthetic, related_only=related_only)
    if value is None:
        return None
    counted = [p for p in synthetic if (p.related or not related_only) and not np.isnan(p.score)]
    related = "related in the real table " if related_only else ""
    held = None if holdout is None else mean_score(holdout, related_only=related_only)
    subsample = None
    if of_sample is not None:

        def score_of(rows: NDArray[np.intp]) -> float:
            return mean_score(of_sample(rows), related_only=related_only) or 0.0

        subsample = share_as_good(tables, key, value, held, score_of)
    return Figure(
        key=key,
        title=_TITLES[key],
        group="shapes",
        value=value,
        better="higher",
        target=1.0,
        anchors=Anchors(
            holdout=held,
            independent=mean_score(floor, related_only=related_only),
            subsample=subsample,
        ),
        explanation=(
            f"How alike two columns go together in the real and the synthetic table, averaged "
            f"over all pairs {related}that can be compared."
        ),
        reference=REFERENCE if related_only else "as pair trends, without the thresholds",
        detail={
            "pairs": len(counted),
            "of": len(synthetic),
            "rows": dict(tables.sampled),
            "sampled": tables.is_sampled,
            "sampling_error": float(np.mean([pair.error for pair in counted])),
            "bins": "ten equal ones over each table's own range, so an outlier moves them all",
            "interval": "none: no draw but the row sample where `sampled` is true; then the figure "
            "is expected within `sampling_error` of that of all rows",
        },
    )


def _skipped(reason: str) -> tuple[Skipped, ...]:
    """Both figures, skipped for one reason."""
    return tuple(
        Skipped(key=key, title=title, group="shapes", reason=reason)
        for key, title in _TITLES.items()
    )


def _charts(columns: Sequence[Column], pairs: Sequence[Pair]) -> dict[str, Any]:
    """The pair matrix of the columns shown and the ten worst pairs."""
    names = [column.name for column in columns]
    shown = names[:_SHOWN]
    at = {name: place for place, name in enumerate(shown)}
    scores: list[list[float | None]] = [[None] * len(shown) for _ in shown]
    strengths: list[list[float | None]] = [[None] * len(shown) for _ in shown]
    for pair in pairs:
        if pair.first in at and pair.second in at:
            i, j = at[pair.first], at[pair.second]
            scores[i][j] = scores[j][i] = _rounded(pair.score)
            strengths[i][j] = strengths[j][i] = _rounded(pair.strength)
    worst = sorted((p for p in pairs if not np.isnan(p.score)), key=lambda pair: pair.score)
    return {
        "pair_trends": {
            "columns": shown,
            "score": scores,
            "real_strength": strengths,
            "columns_not_shown": max(0, len(names) - _SHOWN),
        },
        "worst_pairs": [
            {
                "first": pair.first,
                "second": pair.second,
                "metric": pair.metric,
                "score": pair.score,
                "real_strength": _rounded(pair.strength),
            }
            for pair in worst[:10]
        ],
    }


def _rounded(value: float) -> float | None:
    """Four decimals for a chart, None for NaN."""
    return None if np.isnan(value) else round(value, 4)


PAIRS = Metric(
    key="pair_trends", title="Pair trends", group="shapes", measure=measure_pairs, weight=0.3
)
