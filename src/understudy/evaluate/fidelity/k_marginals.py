"""The k-marginal score as a figure, with its reading: as good as which share of the real rows.

The score of `nist` over the compared columns: numbers in twentieths of their real ranks, every
label and missing a level. Sets of columns are all, or a random sample that serves every table
alike. What may not happen here: a reading beyond the shares that were measured.

Reference: Task, Bhagat and Howarth, "SDNist v2: deidentified data report tool", NIST, 2023.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluate.fidelity.marginals import Coded, clique_distance, cliques_of
from understudy.evaluate.fidelity.nist import bin_edges
from understudy.evaluate.figure import Anchors, Figure, Measured, Metric, Settings, Skipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from understudy.evaluate.columns import Column, Tables

REFERENCE = "Task, Bhagat, Howarth: SDNist v2, NIST 2023"
WAYS = 3
MOST_SETS = 300
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_BINS = 20
Codes = NDArray[np.int64]


def measure_k_marginals(tables: Tables, settings: Settings, rng: np.random.Generator) -> Measured:
    """The score of triples (pairs where there are two columns) with anchors and reading."""
    ways = min(WAYS, len(tables.columns))
    if ways < 2:
        reason = "fewer than two comparable columns"
        return Measured(skipped=(_skip(reason),))
    cuts = tables.once("k_marginal cuts", lambda: tuple(_cut(one) for one in tables.columns))
    sizes = tuple(
        len(one.levels) + 1 if edges is None else len(edges) + 2
        for one, edges in zip(tables.columns, cuts, strict=True)
    )

    def coded(arrays: Sequence[NDArray[Any]]) -> Coded:
        levels = (_codes(values, edges) for values, edges in zip(arrays, cuts, strict=True))
        return Coded(columns=tuple(levels), sizes=sizes)

    real = tables.once("k_marginal real", lambda: coded([one.train for one in tables.columns]))
    sets = tables.once(
        "k_marginal sets",
        lambda: cliques_of(
            len(sizes), ways, tables.generator(("k_marginal sets",)), most=MOST_SETS
        ),
    )
    value, each = _score(real, coded([one.synthetic for one in tables.columns]), sets)
    held = [one.holdout for one in tables.columns if one.holdout is not None]
    holdout = (
        tables.once("k_marginal holdout", lambda: _score(real, coded(held), sets)[0])
        if tables.has_holdout and len(held) == len(tables.columns)
        else None
    )
    floor = tables.once(
        "k_marginal independent",
        lambda: _score(real, coded(tables.shuffled(tables.generator(("k_marginal floor",)))), sets)[
            0
        ],
    )
    curve = None
    if not settings.quick:
        curve = tables.once(
            "k_marginal shares",
            lambda: _of_shares(real, sets, tables.generator(("k_marginal shares",))),
        )
    drawn = rng.choice(len(each), (200, len(each)))
    spread = np.quantile(each[drawn].mean(axis=1), [0.025, 0.975])
    return Measured(
        figures=(
            Figure(
                key="k_marginal",
                title=f"k-marginal score, k = {ways}",
                group="marginals",
                value=value,
                better="higher",
                target=1000.0,
                interval=(float(spread[0]), float(spread[1])),
                anchors=Anchors(
                    holdout=holdout,
                    independent=floor,
                    subsample=None if curve is None else reading(value, curve),
                ),
                explanation=(
                    f"1,000 when all marginals of {ways} columns agree, 0 when none overlap; "
                    "numbers are cut into twentieths of the real ranks."
                ),
                reference=REFERENCE,
                detail={
                    "ways": ways,
                    "sets": len(sets),
                    "interval": "bootstrap over sets of columns",
                    "samples": curve,
                },
            ),
        )
    )


def reading(value: float, curve: Sequence[tuple[float, float]]) -> float:
    """The share of the real rows that a random sample needs to reach a score.

    Parameters
    ----------
    value
        A score, 0 to 1,000.
    curve
        (share, score of a sample of that share), shares increasing.

    Returns
    -------
    float
        Between two shares in proportion to the scores; the first share below all of them, the
        last above.

    >>> reading(850.0, [(0.1, 800.0), (0.2, 900.0)])
    0.15
    """
    shares = np.array([share for share, _ in curve])
    scores = np.maximum.accumulate([score for _, score in curve])
    return float(round(np.interp(value, scores, shares), 6))


def _skip(reason: str) -> Skipped:
    """The score that is not measured."""
    return Skipped(key="k_marginal", title="k-marginal score", group="marginals", reason=reason)


def _cut(column: Column) -> NDArray[np.float64] | None:
    """Edges of a number's twentieths; None for labels."""
    if column.is_category:
        return None
    return bin_edges(column.train[~np.isnan(column.train)], _BINS)


def _codes(values: NDArray[Any], edges: NDArray[np.float64] | None) -> Codes:
    """Levels of a column, 0 for missing."""
    if edges is None:
        return values.astype(np.int64) + 1
    known = np.searchsorted(edges, np.nan_to_num(values), side="left") + 1
    return np.where(np.isnan(values), 0, known).astype(np.int64)


def _score(
    real: Coded, other: Coded, sets: Sequence[tuple[int, ...]]
) -> tuple[float, NDArray[np.float64]]:
    """Mean score over the sets, and the score of each."""
    each = 1000.0 * (1.0 - np.array([clique_distance(real, other, one) for one in sets]))
    return float(each.mean()), each


def _of_shares(
    real: Coded, sets: Sequence[tuple[int, ...]], rng: np.random.Generator
) -> list[tuple[float, float]]:
    """Scores of random samples of the real rows, one of each share."""
    told = []
    for share in SHARES:
        chosen = rng.permutation(real.rows)[: max(1, round(share * real.rows))]
        sample = Coded(columns=tuple(codes[chosen] for codes in real.columns), sizes=real.sizes)
        told.append((share, _score(real, sample, sets)[0]))
    return told


K_MARGINALS = Metric(
    key="k_marginals",
    title="k-marginal score",
    group="marginals",
    measure=measure_k_marginals,
    weight=1.0,
)
