"""Which histograms to count, so that few are counted and every one asked for is a sum of one.

What may not happen here: a look at rows. A plan depends on the questions alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from understudy.curator.encodings import Encoding

Clique: TypeAlias = tuple[Encoding, ...]
Counts: TypeAlias = npt.NDArray[np.int64]

BLOCK_CELLS = 1 << 14
"""Cells of a joined block at most: counters of this many stay in a processor's cache."""

_SUMMED_CELLS, _SUMMED_COLUMNS = 1 << 16, 4


def cells_of(clique: Clique) -> int:
    """How many cells a histogram has."""
    cells = 1
    for encoding in clique:
        cells *= encoding.size
    return cells


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Blocks that are counted, and where every clique is found in them.

    Parameters
    ----------
    blocks
        Encodings counted together.
    found
        For each clique the place of its block.
    """

    blocks: tuple[Clique, ...]
    found: Mapping[Clique, int]

    def histogram(self, clique: Clique, counts: Sequence[Counts]) -> Counts:
        """A clique's histogram, from the counts of its block."""
        place = self.found[clique]
        block = self.blocks[place]
        whole = counts[place].reshape(tuple(encoding.size for encoding in block))
        if block == clique:
            return whole
        axes = [block.index(encoding) for encoding in clique]
        summed = whole.sum(axis=tuple(at for at in range(len(block)) if at not in axes))
        order = np.argsort(np.argsort(axes))
        return np.ascontiguousarray(summed.transpose(order))


class _Blocks:
    """Blocks chosen so far, and every set of encodings that lies in a small one."""

    def __init__(self) -> None:
        self.blocks: list[Clique] = []
        self._number: dict[Encoding, int] = {}
        self._inside: dict[frozenset[int], int] = {}

    def add(self, block: Clique) -> int:
        """A new block, and its place."""
        place = len(self.blocks)
        self.blocks.append(block)
        numbers = [self._number.setdefault(item, len(self._number)) for item in block]
        if len(set(numbers)) < len(numbers):
            return place
        few = len(block) <= _SUMMED_COLUMNS and cells_of(block) <= _SUMMED_CELLS
        for count in range(1, len(block) + 1) if few else (len(block),):
            for part in itertools.combinations(numbers, count):
                self._inside.setdefault(frozenset(part), place)
        return place

    def holds(self, clique: Clique) -> int | None:
        """The place of a block that a clique can be summed from."""
        numbers = frozenset(self._number.get(item, -1) for item in clique)
        return self._inside.get(numbers) if len(numbers) == len(clique) else None

    def place(self, clique: Clique) -> int:
        """The place of a clique's block, a new one when there is none."""
        found = self.holds(clique)
        return self.add(clique) if found is None else found


def plan_blocks(cliques: Sequence[Clique]) -> Plan:
    """Choose blocks so that few are counted and every clique lies in one.

    Cliques of three columns and more are blocks of their own, which hold smaller ones; pairs are
    joined to triples, and single columns to what still fits a processor's cache.

    >>> from understudy.curator import LabelCells
    >>> items = [LabelCells(column=str(place), labels=tuple("abcdefghij")) for place in range(15)]
    >>> pairs = [(a, b) for at, a in enumerate(items) for b in items[at + 1 :]]
    >>> len(plan_blocks(pairs).blocks)
    35
    """
    chosen = _Blocks()
    rest = list(dict.fromkeys(cliques))
    large = sorted((clique for clique in rest if len(clique) > 2), key=len, reverse=True)
    found = {clique: chosen.place(clique) for clique in large}
    for size, join in ((2, _joined_pairs), (1, _joined_singles)):
        some = [clique for clique in rest if len(clique) == size]
        for block in join([clique for clique in some if chosen.holds(clique) is None]):
            chosen.add(block)
        found |= {clique: chosen.place(clique) for clique in some}
    return Plan(blocks=tuple(chosen.blocks), found=found)


def _joined_pairs(pairs: Sequence[Clique]) -> Iterator[Clique]:
    """Triples that hold the pairs, each chosen to hold as many as it can; or the pairs alone."""
    items = list(dict.fromkeys(encoding for pair in pairs for encoding in pair))
    place = {encoding: at for at, encoding in enumerate(items)}
    sizes = np.array([encoding.size for encoding in items], dtype=np.int64)
    wanted = np.zeros((len(items), len(items)), dtype=bool)
    for pair in pairs:
        first, second = place[pair[0]], place[pair[-1]]
        wanted[first, second] = wanted[second, first] = first != second
    for first, second in zip(*np.nonzero(np.triu(wanted)), strict=True):
        if not wanted[first, second]:
            continue
        gain = wanted[first].astype(np.int8) + wanted[second]
        gain[sizes[first] * sizes[second] * sizes > BLOCK_CELLS] = 0
        gain[[first, second]] = 0
        third = int(gain.argmax())
        block = [int(first), int(second), *([third] if gain[third] else [])]
        wanted[np.ix_(block, block)] = False
        yield tuple(items[at] for at in block)


def _joined_singles(cliques: Sequence[Clique]) -> Iterator[Clique]:
    """Single encodings joined while their product stays small."""
    block: list[Encoding] = []
    for (encoding,) in sorted(cliques, key=cells_of):
        full = len(block) == _SUMMED_COLUMNS or cells_of((*block, encoding)) > BLOCK_CELLS // 4
        if block and full:
            yield tuple(block)
            block = []
        block.append(encoding)
    if block:
        yield tuple(block)
