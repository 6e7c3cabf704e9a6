"""The same distribution on finer cells: cells of number columns cut at given points.

A cell's values are equally likely, so a part of it has its share of the cell's probability, and
nothing else changes: the parts share the cell's class in every joint table. Afterwards a condition
is a set of whole levels, and decoding needs to know nothing of it.

What may not happen here: a change of the distribution.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from understudy.curator import NumberCells
from understudy.prepare.attributes import Attribute
from understudy.synthesize.marginal.calibrate import Potentials
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.model import MarkovModel


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Per new level the level it came from and its share of it."""

    owner: npt.NDArray[np.intp]
    share: npt.NDArray[np.float64]


def split_attribute(attribute: Attribute, cuts: Iterable[float]) -> tuple[Attribute, Split | None]:
    """An attribute whose cells are cut at points; None when no cell is.

    Parameters
    ----------
    attribute
        The column.
    cuts
        Points on its number line, in lattice steps; those outside its range are ignored.

    Returns
    -------
    tuple
        The attribute with finer cells, and where they came from. Counts and variances are shared
        out by width.

    >>> from understudy.cells.reading import Reading
    >>> from understudy.schema import Kind, Storage
    >>> from understudy.source import Header
    >>> age = Attribute(header=Header(name="age", storage=Storage.INT, arrow="int64"),
    ...     kind=Kind.NUMBER, counts=np.array([8., 2., 0., 0.]), variances=np.ones(4),
    ...     encoding=NumberCells(column="age", reading=Reading(kind=Kind.NUMBER, decimals=0),
    ...                          edges=(0., 4., 8.)))
    >>> finer, split = split_attribute(age, [1.0])
    >>> finer.encoding.edges, finer.counts.tolist(), split.owner.tolist()
    ((0.0, 1.0, 4.0, 8.0), [2.0, 6.0, 2.0, 0.0, 0.0], [0, 0, 1, 2, 3])
    """
    encoding = attribute.encoding
    if not isinstance(encoding, NumberCells):
        return attribute, None
    edges = np.asarray(encoding.edges)
    points = np.unique(np.array([c for c in cuts if edges[0] < c < edges[-1]], dtype=float))
    points = np.setdiff1d(points, edges)
    if not points.size:
        return attribute, None
    finer = np.union1d(edges, points)
    owner = np.searchsorted(edges, finer[:-1], side="right") - 1
    share = np.diff(finer) / np.diff(edges)[owner]
    special = encoding.size - encoding.cells
    split = Split(
        owner=np.concatenate([owner, encoding.cells + np.arange(special)]),
        share=np.concatenate([share, np.ones(special)]),
    )
    made = replace(
        attribute,
        encoding=replace(encoding, edges=tuple(finer.tolist())),
        counts=attribute.counts[split.owner] * split.share,
        variances=attribute.variances[split.owner] * split.share,
    )
    return made, split


def split_markov(markov: MarkovModel, splits: Mapping[str, Split]) -> MarkovModel:
    """The same distribution on finer levels.

    >>> coarse = MarkovModel(domain=Domain(("a",), (2,)), total=4.0)
    >>> split_markov(coarse, {"a": Split(np.array([0, 0, 1]), np.array([0.25, 0.75, 1.0]))}
    ...              ).marginal(("a",)).values
    array([0.5, 1.5, 2. ])
    """
    if not splits:
        return markov
    given = markov.potentials
    domain = Domain.of(
        {
            name: len(splits[name].owner) if name in splits else size
            for name, size in zip(markov.domain.attributes, markov.domain.shape, strict=True)
        }
    )
    tables, classes = dict(given.tables), dict(given.classes)
    for name, split in splits.items():
        classes[name] = classes[name][split.owner] if name in classes else split.owner
        single = tables.get((name,))
        log_share = np.log(split.share)
        tables[(name,)] = log_share if single is None else single[split.owner] + log_share
    potentials = Potentials(domain=domain, tables=tables, classes=classes)
    return MarkovModel(domain=domain, total=markov.total, potentials=potentials)
