"""Rows from a model, with as little sampling noise as whole rows allow.

Attributes are filled along the junction tree. The rows that share a parent configuration are dealt
to the child's cells by systematic rounding: one random offset per configuration, cumulative
expectations rounded down. Every cell's count is then within one of its expectation and right on
average, and so is every run of neighbouring cells. Which row gets which cell is a random
permutation.

What may not happen here: noise for privacy (there is none to add), or a generator of our own: the
`numpy.random.Generator` is the caller's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.errors import InputError
from understudy.synthesize.marginal.factor import Array
from understudy.synthesize.marginal.model import MarkovModel

_LOOP = 64


def sample_codes(
    model: MarkovModel, rows: int, generator: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """Draw rows as integer codes.

    Parameters
    ----------
    model
        Any fitted model.
    rows
        How many, from 0 up.
    generator
        Source of randomness; the same state gives the same rows.

    Returns
    -------
    dict
        Per attribute, in the order of the domain, `rows` codes as uint8, uint16 or uint32,
        whichever is the smallest that holds the levels.

    Raises
    ------
    InputError
        `rows` is negative.

    Guarantees
    ----------
    Unbiased: each row's distribution is the model's. Given its parents, each cell's count deviates
    from its expectation by less than one. Rows are in random order.

    >>> from understudy.synthesize.marginal.domain import Domain
    >>> model = MarkovModel(domain=Domain(("a", "b"), (2, 4)), total=8.0)
    >>> rows = sample_codes(model, 8, np.random.default_rng(1))
    >>> np.bincount(rows["a"]).tolist(), rows["b"].dtype
    ([4, 4], dtype('uint8'))
    """
    if rows < 0:
        raise InputError("the number of rows must be 0 or more", rows=rows)
    plan = model.plan
    codes: dict[str, NDArray[Any]] = {}
    for node, separator, added in plan.steps():
        table = model.calibration.beliefs[node].reshape(plan.nodes[node].shape)
        names = plan.nodes[node].attributes
        table = table.transpose([names.index(name) for name in separator + added])
        inner = [plan.coarse[name] for name in added]
        table = table.reshape(-1, math.prod(inner))
        group = _group(
            [codes[name] for name in separator], [plan.coarse[name] for name in separator]
        )
        drawn = deal(group, table, rows, generator)
        if len(added) == 1:
            codes[added[0]] = drawn
        else:
            for name, part in zip(added, np.unravel_index(drawn, inner), strict=True):
                codes[name] = part.astype(_width(plan.coarse[name]))
    for name, classes in plan.classes.items():
        codes[name] = refine(codes[name], classes, model.calibration.levels[name], generator)
    return {name: codes[name] for name in model.domain.attributes}


def systematic(ends: Array, sums: NDArray[np.int64], offset: Array) -> NDArray[np.int64]:
    """Whole counts from cumulative shares, group by group.

    Parameters
    ----------
    ends
        Cumulative shares, one row per group; the last column is 1.
    sums
        Rows of each group.
    offset
        One number in [0, 1) per group; uniform offsets make the counts unbiased.

    Returns
    -------
    ndarray
        Counts that sum to `sums`; each is within one of its expectation.

    >>> shares = np.array([[0.125, 0.5, 1.0]])
    >>> systematic(shares, np.array([4]), np.array([0.6])).tolist()
    [[1, 1, 2]]
    """
    whole = np.floor(ends * sums[:, None] + offset[:, None]).astype(np.int64)
    np.minimum(whole, sums[:, None], out=whole)
    whole[:, 1:] -= whole[:, :-1].copy()
    return whole


def deal(
    group: NDArray[Any] | None, table: Array, rows: int, generator: np.random.Generator
) -> NDArray[Any]:
    """One cell of its group's distribution for every row."""
    cells = table.shape[1]
    width = _width(cells)
    groups = table.shape[0]
    if group is None:
        sums = np.array([rows], dtype=np.int64)
    else:
        sums = np.bincount(group, minlength=groups)
        table = table[sums > 0]
        sums = sums[sums > 0]
    if cells == 1 or not rows:
        return np.zeros(rows, dtype=width)
    ends = np.cumsum(table, axis=1)
    ends /= ends[:, -1:]
    counts = systematic(ends, sums, _offsets(sums.size, generator))
    values = np.repeat(np.tile(np.arange(cells, dtype=width), sums.size), counts.ravel())
    return _scatter(values, sums, group, groups, generator)


def refine(
    drawn: NDArray[Any],
    classes: NDArray[np.intp],
    levels: Array,
    generator: np.random.Generator,
) -> NDArray[Any]:
    """One level of its class for every row."""
    place = np.argsort(classes, kind="stable")
    ends = np.cumsum(levels[place])
    sums = np.bincount(drawn, minlength=int(classes.max()) + 1)
    last = np.searchsorted(classes[place], np.arange(sums.size), side="right") - 1
    first = np.concatenate(([0.0], ends[last[:-1]]))
    mass = ends[last] - first
    of = classes[place]
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(mass[of] > 0, (ends - first[of]) / mass[of], 0.0)
    offset = _offsets(sums.size, generator)[of]
    whole = np.minimum(np.floor(shares * sums[of] + offset).astype(np.int64), sums[of])
    counts = np.diff(whole + (np.cumsum(sums) - sums)[of], prepend=0)
    values = np.repeat(place.astype(_width(classes.size)), counts)
    return _scatter(values, sums[sums > 0], drawn, sums.size, generator)


def _offsets(groups: int, generator: np.random.Generator) -> Array:
    """One uniform number per group, spread evenly over the groups."""
    return np.asarray((generator.permutation(groups) + generator.random(groups)) / groups)


def _scatter(
    values: NDArray[Any],
    sums: NDArray[np.int64],
    group: NDArray[Any] | None,
    groups: int,
    generator: np.random.Generator,
) -> NDArray[Any]:
    """Give each group's values, which come group by group, to its rows in random order."""
    if group is None:
        generator.shuffle(values)
        return values
    made = np.empty_like(values)
    if sums.size * _LOOP <= values.size:
        start = 0
        for size in sums.tolist():
            generator.shuffle(values[start : start + size])
            start += size
        made[_sorted(group, groups)] = values
    else:
        mixed = generator.permutation(values.size)
        made[mixed[_sorted(group[mixed], groups)]] = values
    return made


def _group(codes: Sequence[NDArray[Any]], sizes: Sequence[int]) -> NDArray[Any] | None:
    """One number per row for its configuration of several attributes."""
    if not codes:
        return None
    made = codes[0]
    width = _width(math.prod(sizes))
    for more, size in zip(codes[1:], sizes[1:], strict=True):
        made = np.add(np.multiply(made.astype(width), size), more)
    return made


def _sorted(group: NDArray[Any], groups: int) -> NDArray[np.intp]:
    """Rows ordered by group, by radix on 16 bits at a time."""
    order = np.argsort(
        (group & 0xFFFF).astype(np.uint16) if groups > 1 << 16 else group, kind="stable"
    )
    if groups > 1 << 16:
        high = (group >> 16).astype(np.uint16)
        order = order[np.argsort(high[order], kind="stable")]
    return order


def _width(levels: int) -> type[np.uint8 | np.uint16 | np.uint32 | np.uint64]:
    """Smallest unsigned type that holds this many codes."""
    if levels <= 1 << 8:
        return np.uint8
    if levels <= 1 << 16:
        return np.uint16
    return np.uint32 if levels <= 1 << 32 else np.uint64
