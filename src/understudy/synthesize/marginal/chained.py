"""What a tree of counted pairs says about pairs that were not counted, in closed form.

Of all distributions that have the pairs of a tree, the one of largest entropy chains them: along
the way from one column to another each depends on its neighbour alone. Where little was counted
that is the best guess at the other pairs, and a model that is free to have any of them needs one.
What may not happen here: a question to a curator.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from understudy.synthesize.marginal.factor import Array
from understudy.synthesize.marginal.products import Wanted

Pair = tuple[str, str]


def chained_pairs(
    singles: Mapping[str, Array],
    counted: Mapping[tuple[str, ...], Wanted],
    into: Mapping[str, np.ndarray],
) -> dict[Pair, Array]:
    """Shares of every pair that was not counted, at coarser levels.

    Parameters
    ----------
    singles
        Shares of the levels of every column, in the order of the table.
    counted
        Tables by clique; those of two columns take part.
    into
        Per column the map from level to the level wanted.

    Returns
    -------
    dict
        Shares by pair, names in the order of `singles`; columns without a way between them are
        independent.

    >>> half = {name: np.array([0.5, 0.5]) for name in "abc"}
    >>> same = np.eye(2) / 2
    >>> levels = (np.arange(2), np.arange(2))
    >>> pairs = {c: Wanted(clique=c, into=levels, shares=same) for c in (("a", "b"), ("b", "c"))}
    >>> chained_pairs(half, pairs, dict.fromkeys("abc", np.arange(2)))[("a", "c")].tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    given = _conditionals(singles, counted)
    names = tuple(singles)
    place = {name: index for index, name in enumerate(names)}
    merge = {name: _indicator(into[name]) for name in names}
    found: dict[Pair, Array] = {}
    for first in names:
        joint = {first: merge[first].T * singles[first]}
        waiting = [first]
        while waiting:
            here = waiting.pop()
            for near, shares in given.get(here, {}).items():
                if near not in joint:
                    joint[near] = joint[here] @ shares
                    waiting.append(near)
        alone = merge[first].T @ singles[first]
        for second in names[place[first] + 1 :]:
            if (first, second) not in counted:
                pair = joint.get(second)
                fine = np.outer(alone, singles[second]) if pair is None else pair
                found[first, second] = fine @ merge[second]
    return found


def _conditionals(
    singles: Mapping[str, Array], counted: Mapping[tuple[str, ...], Wanted]
) -> dict[str, dict[str, Array]]:
    """Shares of one column given its neighbour, along a spanning tree of the strongest pairs."""
    ranked = sorted(
        (table for clique, table in counted.items() if len(clique) == 2),
        key=lambda table: -_dependence(table.shares),
    )
    group = {name: index for index, name in enumerate(singles)}
    made: dict[str, dict[str, Array]] = {}
    for table in ranked:
        first, second = table.clique
        if group[first] == group[second]:
            continue
        gone = group[second]
        group = {n: group[first] if at == gone else at for n, at in group.items()}
        fine = table.shares[np.ix_(*table.into)]
        for axis, name in enumerate(table.clique):
            held = np.bincount(table.into[axis], singles[name])[table.into[axis]]
            within = singles[name] / np.maximum(held, 1e-300)
            fine = fine * (within[:, None] if axis == 0 else within[None, :])
        made.setdefault(first, {})[second] = _given(fine)
        made.setdefault(second, {})[first] = _given(fine.T)
    return made


def _dependence(shares: Array) -> float:
    """Distance of a pair from independence."""
    product = np.outer(shares.sum(axis=1), shares.sum(axis=0))
    return float(np.abs(shares - product).sum())


def _given(table: Array) -> Array:
    """Shares of the second column given the first; alike for all where the first never is."""
    sums = table.sum(axis=1, keepdims=True)
    alone = table.sum(axis=0) / max(float(table.sum()), 1e-300)
    return np.asarray(np.where(sums > 0, table / np.maximum(sums, 1e-300), alone))


def _indicator(levels: np.ndarray) -> Array:
    """The matrix that adds up merged levels."""
    made = np.zeros((len(levels), int(levels.max()) + 1))
    made[np.arange(len(levels)), levels] = 1.0
    return made
