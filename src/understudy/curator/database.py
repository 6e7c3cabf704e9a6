"""Rows in a database: counted there, or streamed out and counted here, by policy.

Both ways give the same answers by construction, for the code of a cell is always found by our own
`encode`. Counting there means that the engine groups equal cells and says how often each occurs
(one GROUP BY for each column, or product of columns), and that the distinct cells are encoded
here. Streaming means that the cells come out batch by batch and are dropped as they are counted.

Which way is taken follows from public and paid-for facts alone: the engine, the policy, the
storage types of the columns, the kinds of the encodings and how many products are asked for
together. No count decides it.

What may not happen here: a row, a code or an exact count that leaves through anything but
`Curator.ask`; a question that is answered from other rows than the one before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa

from understudy.curator.blocks import Clique, Counts, cells_of
from understudy.curator.counting import merged
from understudy.curator.encodings import (
    Encoding,
    LabelCells,
    Merged,
    NumberCells,
    as_text,
    encode,
    patterns,
)
from understudy.curator.protocol import Release, Tally, add_noise
from understudy.curator.questions import Count, Discover, Distinct, Question
from understudy.curator.stream import CACHE_BYTES, StreamCurator
from understudy.errors import InputError, InternalError
from understudy.privacy.budget import Budget
from understudy.privacy.unit import Unit
from understudy.schema import Storage
from understudy.source import SensitiveStream
from understudy.source.database import Snapshot
from understudy.source.expressions import TRAIN

Policy: TypeAlias = Literal["auto", "count", "stream"]

COUNTED = frozenset({Storage.TEXT, Storage.CATEGORY, Storage.BOOL, Storage.INT, Storage.DATE})
"""Storages whose cells repeat enough to be grouped; in the others nearly every cell differs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Habit:
    """What `auto` counts where the rows are, by measurement of an engine.

    Parameters
    ----------
    single
        Whether single columns are.
    products
        Products of label columns that are, at most, in one batch of questions.
    """

    single: bool
    products: int


HABITS: Mapping[str, Habit] = MappingProxyType(
    {
        # Two text columns of half a million rows: grouped in 2.5 s, streamed in 1.3 s.
        "postgresql": Habit(single=False, products=0),
        # Six products of them: 0.9 s and 1.0 s; forty-five: 6.6 s and 1.4 s.
        "duckdb": Habit(single=True, products=6),
        # Rows of a cluster stay there while groups are few.
        "spark": Habit(single=True, products=6),
    }
)
_ELSEWHERE = Habit(single=True, products=6)


class DatabaseCurator(StreamCurator):
    """A curator over a snapshot of a table in a database.

    Parameters
    ----------
    snapshot
        The rows of the run; who is held out and which rows of a person count is decided in it.
    budget, unit, release, cache
        See `StreamCurator`; the snapshot must be made for the budget's unit.
    policy
        `count`: whatever can be counted in the database is. `stream`: nothing is but the rows.
        `auto`: what the engine is faster at, by `HABITS`; the rest is streamed in one pass.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        budget: Budget,
        unit: Unit | None = None,
        release: Release = add_noise,
        cache: int = CACHE_BYTES,
        policy: Policy = "auto",
    ) -> None:
        self._snapshot = snapshot
        stream = snapshot.stream(TRAIN)
        super().__init__(stream, budget=budget, unit=unit, release=release, cache=cache)
        self._policy = policy
        self._habit = HABITS.get(snapshot.table.engine, _ELSEWHERE)
        self._storages = {header.name: header.storage for header in self.headers}

    def __repr__(self) -> str:
        return f"DatabaseCurator(columns={len(self.headers)})"

    def _bounded(self, stream: SensitiveStream, column: str) -> SensitiveStream:
        """The rows of the snapshot, which has chosen them: for this unit, or it is refused."""
        bound = self._snapshot.unit_column, self._snapshot.max_rows
        if bound != (column, self.unit.max_rows):
            raise InputError(
                "the snapshot was made for another unit than the budget protects",
                hint="give `snapshot` the unit's column and its bound",
            )
        return stream

    def exact_all(self, questions: Sequence[Question]) -> list[Any]:
        """Answers without noise: what can be counted there first, the rest in one pass."""
        answers: dict[int, Any] = {}
        if self._rows is None and any(_is_total(question) for question in questions):
            self._rows = self._snapshot.count()
        if self._policy == "stream":
            return super().exact_all(questions)
        fresh = self._fresh(questions)
        single = self._policy == "count" or self._habit.single
        wanted: list[Clique] = []
        if single:
            wanted += (clique for clique in fresh if len(clique) == 1 and self._may_count(clique))
        products = [clique for clique in fresh if len(clique) > 1]
        if self._count_products(products):
            wanted += products
        works: dict[tuple[str, ...], _Work] = {}
        for clique in wanted:
            columns = tuple(dict.fromkeys(encoding.column for encoding in clique))
            works.setdefault(columns, _Work()).cliques.append(clique)
        for place, question in enumerate(questions):
            if not (single and isinstance(question, Discover | Distinct)):
                continue
            if self._countable(question.column):
                works.setdefault((question.column,), _Work()).lists.append((place, question))
        for columns, work in works.items():
            self._work(columns, work)
            self._keep(work.counts)
            answers.update(work.answers)
        rest = [place for place in range(len(questions)) if place not in answers]
        streamed = super().exact_all([questions[place] for place in rest])
        answers.update(zip(rest, streamed, strict=True))
        return [answers[place] for place in range(len(questions))]

    def close(self) -> None:
        """Drop the copy of the rows."""
        self.forget()
        self._snapshot.close()

    def _fresh(self, questions: Sequence[Question]) -> list[Clique]:
        """Histograms that are needed and not known, each once."""
        found: dict[Clique, None] = {}
        for item in self._unscored(questions):
            encodings = getattr(item, "encodings", ())
            if encodings and encodings not in self._kept:
                found[encodings] = None
        return list(found)

    def _countable(self, column: str) -> bool:
        """Whether cells of a column may be grouped where they are."""
        return self._storages.get(column) in COUNTED

    def _may_count(self, clique: Clique) -> bool:
        """Whether every column of a clique may be grouped."""
        return all(self._countable(encoding.column) for encoding in clique)

    def _count_products(self, products: Sequence[Clique]) -> bool:
        """Whether all products of a batch are counted there: one that is not needs a pass anyway."""
        if not products or not all(self._may_count(clique) for clique in products):
            return False
        if self._policy == "count":
            return True
        few = len(products) <= self._habit.products
        return few and all(self._repeats(encoding) for clique in products for encoding in clique)

    def _repeats(self, encoding: Encoding) -> bool:
        """Whether the cells behind an encoding are few by what was paid for or declared."""
        base = encoding.base if isinstance(encoding, Merged) else encoding
        return isinstance(base, LabelCells) or self._storages[base.column] is Storage.BOOL

    def _work(self, columns: tuple[str, ...], work: _Work) -> None:
        """Group the cells of some columns once, for everything that is asked of them."""
        work.begin()
        storages = [self._storages[name] for name in columns]
        for batch, counts in self._snapshot.tally(columns):
            work.add(dict(zip(columns, batch.columns, strict=True)), storages, columns, counts)
        work.finish()


def _is_total(question: Question) -> bool:
    """Whether a question asks for the number of rows."""
    return isinstance(question, Count) and not question.encodings


@dataclass(kw_only=True, eq=False)
class _Work:
    """What is asked of one grouping, and what was found: exact, and as sensitive as rows."""

    cliques: list[Clique] = field(default_factory=list)
    lists: list[tuple[int, Discover | Distinct]] = field(default_factory=list)
    counts: dict[Clique, Counts] = field(default_factory=dict)
    answers: dict[int, Any] = field(default_factory=dict)
    _labels: dict[int, list[pa.Table]] = field(default_factory=dict)

    def begin(self) -> None:
        """Start from zero."""
        for clique in self.cliques:
            self.counts[clique] = np.zeros(cells_of(clique), dtype=np.int64)
        for place, question in self.lists:
            if isinstance(question, Distinct):
                self.answers[place] = 0
            else:
                self._labels[place] = []

    def add(
        self,
        cells: dict[str, pa.Array],
        storages: Sequence[Storage],
        columns: Sequence[str],
        counts: pa.Array,
    ) -> None:
        """Count distinct cells, each as often as it occurs."""
        storage = dict(zip(columns, storages, strict=True))
        weight = counts.to_numpy(zero_copy_only=False).astype(np.int64)
        codes: dict[Encoding, Any] = {}
        for clique in self.cliques:
            flat = np.zeros(len(weight), dtype=np.int64)
            for encoding in clique:
                if encoding not in codes:
                    name = encoding.column
                    codes[encoding] = encode(encoding, cells[name], storage[name])
                flat = flat * encoding.size + codes[encoding]
            np.add.at(self.counts[clique], flat, weight)
        for place, question in self.lists:
            held = cells[question.column]
            if isinstance(question, Distinct):
                self.answers[place] += len(held)
            else:
                self._list(place, question, held, storage[question.column], weight)

    def _list(
        self,
        place: int,
        question: Discover,
        cells: pa.Array,
        storage: Storage,
        weight: np.ndarray,
    ) -> None:
        """Labels of the cells a question speaks of."""
        spelled = patterns if question.among == "patterns" else as_text
        labels = spelled(cells, storage).cast(pa.large_string())
        table = pa.table({"label": labels, "count": pa.array(weight)})
        if question.among == "unreadable":
            if not isinstance(question.excluding, NumberCells):
                raise InternalError("discovery among unreadable cells needs their encoding")
            codes = encode(question.excluding, cells, storage)
            table = table.filter(pa.array(codes == question.excluding.size - 1))
        self._labels[place].append(table)

    def finish(self) -> None:
        """Give histograms their shapes and tallies their labels."""
        for clique, flat in self.counts.items():
            self.counts[clique] = flat.reshape(tuple(encoding.size for encoding in clique))
        for place, parts in self._labels.items():
            whole = merged(parts) if parts else pa.table({"label": [], "count": []})
            counts = whole["count"].to_numpy().astype(np.int64)
            self.answers[place] = Tally(labels=tuple(whole["label"].to_pylist()), counts=counts)
