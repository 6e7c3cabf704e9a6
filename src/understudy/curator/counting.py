"""Counting kernels: many histograms, label tallies and distinct cells in one pass over batches.

Histograms that are asked for together are counted together. A block of columns is counted once
and summed down to every histogram inside it: of 105 pairs of 15 columns, 35 triples hold every
one. The index of a cell is built in the smallest integer that holds it, and NumPy's `bincount`,
which releases the interpreter's lock, does the rest.

What may not happen here: a sample, an estimate, a cell that is counted twice or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from understudy.curator.blocks import Clique, Counts, cells_of
from understudy.curator.coding import Coder, Distinct
from understudy.curator.encodings import Codes, Encoding, NumberCells, as_text, patterns
from understudy.curator.questions import Discover
from understudy.errors import InternalError
from understudy.schema import Storage
from understudy.source.keyed import Key, Words
from understudy.source.stream import Piece

_STEP = 1 << 15
_SPARSE = 1 << 18
_COMPACT = 1 << 18


@dataclass(frozen=True, kw_only=True)
class Task:
    """What to count in one pass. Picklable, and secret where it has a key."""

    blocks: tuple[Clique, ...]
    storages: Mapping[str, Storage]
    tallies: tuple[Discover, ...] = ()
    distinct: tuple[str, ...] = ()
    key: Key | None = None
    columns: tuple[str, ...] = ()


@dataclass(kw_only=True, eq=False)
class Found:
    """What one worker found in some rows: exact, and as sensitive as they are."""

    rows: int = 0
    counts: list[Counts] = field(default_factory=list)
    tallies: list[list[pa.Table]] = field(default_factory=list)
    words: list[list[Words]] = field(default_factory=list)


class Counter:
    """Counts batches for a task; one per worker, so that nothing is shared."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._coders = {name: Coder(task.storages[name]) for name in task.columns}
        self._flat = np.empty(_STEP, dtype=np.int64)
        self.found = Found(
            counts=[np.zeros(cells_of(block), dtype=np.int64) for block in task.blocks]
        )
        self._clear()

    def _clear(self) -> None:
        """Start new lists of labels and fingerprints."""
        self.found.tallies = [[] for _ in self._task.tallies]
        self.found.words = [[] for _ in self._task.distinct]

    def taken(self) -> tuple[list[list[pa.Table]], list[list[Words]]]:
        """Labels and fingerprints found since the last time."""
        taken = self.found.tallies, self.found.words
        self._clear()
        return taken

    def add(self, batch: pa.RecordBatch) -> None:
        """Count a batch."""
        self.found.rows += batch.num_rows
        if not batch.num_rows:
            return
        task = self._task
        always = {question.column for question in task.tallies} | set(task.distinct)
        cells = {name: batch.column(name) for name in task.columns}
        near = {
            name: self._coders[name].distinct(column, always=name in always)
            for name, column in cells.items()
        }
        codes: dict[Encoding, Codes] = {}
        for block in task.blocks:
            for encoding in block:
                if encoding not in codes:
                    name = encoding.column
                    coder = self._coders[name]
                    codes[encoding] = coder.codes(encoding, cells[name], near[name])
        numbered = [tuple(codes[encoding] for encoding in block) for block in task.blocks]
        for start in range(0, batch.num_rows, _STEP):
            for place, block in enumerate(task.blocks):
                part = [column[start : start + _STEP] for column in numbered[place]]
                self._count(block, part, self.found.counts[place])
        for place, question in enumerate(task.tallies):
            held = near[question.column]
            if held is not None:
                self._tally(question, held, self.found.tallies[place])
        for place, name in enumerate(task.distinct):
            self._fingerprint(near[name], self.found.words[place])

    def _count(self, block: Clique, codes: Sequence[Codes], counts: Counts) -> None:
        """Add the cells of some rows to a block's counts."""
        small = np.min_scalar_type(max(len(counts) - 1, 0))
        index: npt.NDArray[Any] = codes[0]
        if len(block) > 1:
            index = codes[0].astype(small)
            for encoding, column in zip(block[1:], codes[1:], strict=True):
                index *= small.type(encoding.size)
                index += column
        flat = self._flat[: len(index)]
        np.copyto(flat, index, casting="unsafe")
        if len(counts) > _SPARSE:
            np.add.at(counts, flat, 1)
        else:
            counts += np.bincount(flat, minlength=len(counts))

    def _tally(self, question: Discover, held: Distinct, into: list[pa.Table]) -> None:
        """Labels of the cells a question speaks of, with their counts in this batch."""
        counts = held.counts()
        coder = self._coders[question.column]
        if question.among == "unreadable":
            if not isinstance(question.excluding, NumberCells):
                raise InternalError("discovery among unreadable cells needs their encoding")
            counts[coder.table(question.excluding, held) != question.excluding.size - 1] = 0
        occurs = np.flatnonzero(counts)
        values = held.values.take(pa.array(occurs))
        storage = self._task.storages[question.column]
        spelled = patterns if question.among == "patterns" else as_text
        labels = spelled(values, storage).cast(pa.large_string())
        into.append(pa.table({"label": labels, "count": pa.array(counts[occurs])}))
        if sum(part.num_rows for part in into) > _COMPACT:
            into[:] = [merged(into)]

    def _fingerprint(self, held: Distinct | None, into: list[Words]) -> None:
        """Fingerprints of the cells that occur in this batch."""
        if held is None or self._task.key is None:
            raise InternalError("distinct cells are counted by key")
        occurs = np.flatnonzero(held.counts())
        into.append(self._task.key.of(held.values.take(pa.array(occurs))))


def merged(parts: Sequence[pa.Table]) -> pa.Table:
    """Tallies of several parts as one, each label once."""
    whole = pa.concat_tables(parts)
    summed = whole.group_by("label", use_threads=False).aggregate([("count", "sum")])
    return summed.rename_columns({"count_sum": "count"}).select(["label", "count"])


def count_piece(piece: Piece, task: Task) -> Found:
    """Count one piece, wherever this runs."""
    counter = Counter(task)
    for batch in piece.batches(task.columns):
        counter.add(batch)
    counter.found.tallies = [[merged(parts)] if parts else [] for parts in counter.found.tallies]
    counter.found.words = [
        [np.unique(np.concatenate(words, axis=1), axis=1)] if words else []
        for words in counter.found.words
    ]
    return counter.found
