"""Fitting a network to pairs: one column at a time, against rows drawn so far.

Pure post-processing of tables that were paid for. What may not happen here: a curator, or a seed
for privacy noise: the generator passed in only places the rows on which expectations are taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.synthesize.marginal.cliques import Clique
from understudy.synthesize.marginal.factor import Array
from understudy.synthesize.marginal.network import draw_column

_FURTHEST = 3.0
_SMALL = 1e-12


@dataclass(frozen=True, kw_only=True, eq=False)
class Conditionals:
    """Fitted factors, and the rows (in classes) on which they were fitted."""

    factors: Mapping[Clique, Array]
    drawn: Mapping[str, NDArray[Any]]


def fit_conditionals(
    order: Sequence[str],
    singles: Mapping[str, Array],
    pairs: Mapping[tuple[str, str], Array],
    *,
    rows: int,
    generator: np.random.Generator,
    sweeps: int = 12,
    tolerance: float = 2e-3,
) -> Conditionals:
    """Factors of a network that has these pairs.

    Parameters
    ----------
    order
        Columns in the order of drawing.
    singles
        Per column its counts by class, none negative.
    pairs
        Counts of pairs by class, sums as in `singles`; axes as the names stand.
    rows
        On how many drawn rows expectations over several parents are taken.
    generator
        For those rows.
    sweeps
        Most sweeps of proportional fitting per column.
    tolerance
        Stop when no pair is off by more than this in total variation.

    Returns
    -------
    Conditionals
        One factor per pair, and one for a column that has no pair before it.

    >>> import numpy as np
    >>> pair = np.array([[40.0, 10.0], [10.0, 40.0]])
    >>> one = {name: np.array([50.0, 50.0]) for name in "ab"}
    >>> found = fit_conditionals(["a", "b"], one, {("a", "b"): pair}, rows=100,
    ...                          generator=np.random.default_rng(0))
    >>> np.exp(found.factors["a", "b"]).round(3).tolist()
    [[0.8, 0.2], [0.2, 0.8]]
    """
    before: dict[str, list[tuple[str, Array]]] = {name: [] for name in order}
    place = {name: index for index, name in enumerate(order)}
    for (first, second), table in pairs.items():
        if place[first] < place[second]:
            before[second].append((first, table))
        else:
            before[first].append((second, table.T))
    drawn: dict[str, NDArray[Any]] = {}
    factors: dict[Clique, Array] = {}
    for name in order:
        single = singles[name] / singles[name].sum()
        parents = before[name]
        terms: dict[Clique, Array]
        if not parents:
            terms = {(name,): np.log(np.maximum(single, _SMALL))}
        elif len(parents) == 1:
            (parent, table) = parents[0]
            terms = {(parent, name): np.log(_given(table, single))}
        else:
            terms = _fitted(name, single, parents, drawn, sweeps=sweeps, tolerance=tolerance)
        factors |= terms
        drawn[name] = draw_column(list(terms.items()), single.size, drawn, rows, generator)
    return Conditionals(factors=factors, drawn=drawn)


def _given(table: Array, single: Array) -> Array:
    """Shares of the second column given the first; its single where the first never is."""
    sums = table.sum(axis=1, keepdims=True)
    shares = np.where(sums > 0, table / np.maximum(sums, 1e-300), single)
    return np.maximum(shares, _SMALL)


def _fitted(
    name: str,
    single: Array,
    parents: Sequence[tuple[str, Array]],
    drawn: Mapping[str, NDArray[Any]],
    *,
    sweeps: int,
    tolerance: float,
) -> dict[Clique, Array]:
    """Proportional fitting of a column to its pairs, over configurations of its parents."""
    codes, weights = _configurations(
        [drawn[p] for p, _ in parents], [t.shape[0] for _, t in parents]
    )
    masks = [
        _indicator(code, table.shape[0], weights)
        for code, (_, table) in zip(codes, parents, strict=True)
    ]
    # What is asked for, on the margin that the parents have among the drawn rows.
    wanted = [
        (mask.sum(axis=1)[:, None] * _given(table, single)).astype(np.float32)
        for mask, (_, table) in zip(masks, parents, strict=True)
    ]
    log_factors = [np.zeros(table.shape) for _, table in parents]
    log_factors[0] += np.log(np.maximum(single, _SMALL))
    chance = np.tile(np.maximum(single, _SMALL).astype(np.float32), (weights.size, 1))
    for _ in range(sweeps):
        worst = 0.0
        for index, code in enumerate(codes):
            seen = masks[index] @ chance
            worst = max(worst, 0.5 * float(np.abs(seen - wanted[index]).sum()))
            change = np.log(np.maximum(wanted[index], _SMALL) / np.maximum(seen, _SMALL))
            change = np.clip(change, -_FURTHEST, _FURTHEST)
            log_factors[index] += change
            chance *= np.exp(change)[code]
            chance /= np.maximum(chance.sum(axis=1, keepdims=True), 1e-30)
        if worst <= tolerance:
            break
    return {
        (parent, name): table - table.max(axis=1, keepdims=True)
        for (parent, _), table in zip(parents, log_factors, strict=True)
    }


def _configurations(
    codes: Sequence[NDArray[Any]], sizes: Sequence[int]
) -> tuple[list[NDArray[np.intp]], Array]:
    """Configurations of the parents that occur, and the share of rows of each."""
    count = codes[0].size
    joined = np.zeros(count, np.int64)
    cells = 1
    for code, size in zip(codes, sizes, strict=True):
        joined = joined * size + code
        cells *= size
        if cells > 4 * count:
            return [code.astype(np.intp) for code in codes], np.full(count, 1.0 / count)
    seen, first, times = np.unique(joined, return_index=True, return_counts=True)
    if seen.size > count // 2:
        return [code.astype(np.intp) for code in codes], np.full(count, 1.0 / count)
    return [code[first].astype(np.intp) for code in codes], times / count


def _indicator(code: NDArray[np.intp], size: int, weights: Array) -> NDArray[np.float32]:
    """A matrix that adds up weighted configurations by a parent's class."""
    made = np.zeros((size, code.size), np.float32)
    made[code, np.arange(code.size)] = weights
    return made
