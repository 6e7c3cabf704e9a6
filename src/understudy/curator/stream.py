"""Rows that arrive in batches: a whole batch of questions answered in one pass.

Nothing of the rows is kept between passes but histograms that were asked for, one bit per row
where people are bounded, and, for labels and distinct cells, what occurs in one column at a time.

What may not happen here: a row, a code or an exact count that leaves through anything but
`Curator.ask`; a choice of rows that is made anew in a later pass.
"""

from __future__ import annotations

import os
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from typing import Any

import numpy as np
import pyarrow as pa

from understudy.curator.blocks import Clique, Counts, Plan, cells_of, plan_blocks
from understudy.curator.counting import Counter, Found, Task, count_piece, merged
from understudy.curator.encodings import Encoding
from understudy.curator.protocol import Curator, Release, Tally, add_noise
from understudy.curator.questions import Candidate, Choose, Count, Discover, Distinct, Question
from understudy.errors import InputError
from understudy.privacy.budget import Budget
from understudy.privacy.unit import Unit
from understudy.source import SensitiveStream
from understudy.source.keyed import Key, Pile, distinct_in
from understudy.source.selecting import bound_stream

CACHE_BYTES = 256 << 20
"""Histograms kept between questions, at most; what does not fit is counted again."""

_PASS_CELLS = 1 << 23
_MOST_THREADS = 8


class StreamCurator(Curator):
    """A curator over a stream of rows, with memory that does not grow with them.

    Parameters
    ----------
    stream
        The sensitive stream.
    budget, unit, release
        See `Curator`. With a unit column, at most `unit.max_rows` rows of each unit are used,
        chosen by the operating system's entropy once for all passes.
    executor
        Any executor that counts pieces of the stream elsewhere: a process pool, Dask's
        `Client.get_executor()`. Its workers open the source themselves and answer with exact
        counts, so they belong to whoever holds the rows. By default threads of this process.
    cache
        Bytes of histograms kept between questions; what does not fit is counted again.

    Raises
    ------
    InputError
        The stream cannot be read by another process than this one.
    """

    def __init__(
        self,
        stream: SensitiveStream,
        *,
        budget: Budget,
        unit: Unit | None = None,
        release: Release = add_noise,
        executor: Executor | None = None,
        cache: int = CACHE_BYTES,
    ) -> None:
        super().__init__(budget=budget, unit=unit, release=release)
        if executor is not None and not stream.travels:
            raise InputError(
                f"the rows of {stream.name} cannot be read by other processes",
                hint="leave the executor out: threads of this process count",
            )
        if self.unit.column is not None:
            stream = self._bounded(stream, self.unit.column)
        self.headers = stream.headers
        self._stream = stream
        self._executor = executor
        self._cache = cache
        self._kept: OrderedDict[Clique, Counts] = OrderedDict()
        self._held = 0
        self._rows: int | None = None
        self._scores: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"StreamCurator(columns={len(self.headers)})"

    def _bounded(self, stream: SensitiveStream, column: str) -> SensitiveStream:
        """The rows that count, chosen once for all passes."""
        return bound_stream(stream, column, self.unit.max_rows)

    def exact(self, question: Question) -> Any:
        """The answer without noise (sensitive)."""
        return self.exact_all([question])[0]

    def exact_all(self, questions: Sequence[Question]) -> list[Any]:
        """Answers without noise, from as few passes as memory allows (sensitive)."""
        answers: dict[int, Any] = {}
        wanted = list(dict.fromkeys(_cliques(self._unscored(questions))))
        lists = [one for one in questions if isinstance(one, Discover)]
        columns = list(dict.fromkeys(q.column for q in questions if isinstance(q, Distinct)))
        fresh = [clique for clique in wanted if clique not in self._kept]
        rows = self._rows is None and any(_is_total(question) for question in questions)
        self._answer(questions, answers, self._kept)
        for group in _groups(fresh, needed=bool(lists or columns or rows)):
            counts, tallies, distinct = self._pass(group, lists, columns)
            self._answer(questions, answers, counts)
            for place, question in enumerate(questions):
                if isinstance(question, Discover) and lists:
                    answers[place] = tallies[lists.index(question)]
                elif isinstance(question, Distinct) and columns:
                    answers[place] = distinct[columns.index(question.column)]
            lists, columns = [], []
            self._keep(counts)
        for place, question in enumerate(questions):
            if _is_total(question):
                answers[place] = np.array(self._rows, dtype=np.int64)
            elif isinstance(question, Choose):
                answers[place] = np.array([self._scores[item.key] for item in question.candidates])
        return [answers[place] for place in range(len(questions))]

    def forget(self) -> None:
        """Drop cached histograms (they are as sensitive as the rows)."""
        self._kept.clear()
        self._held = 0

    def _unscored(self, questions: Sequence[Question]) -> Iterator[Question | Candidate]:
        """Questions and candidates whose histograms are needed."""
        for question in questions:
            if isinstance(question, Choose):
                yield from (c for c in question.candidates if c.key not in self._scores)
            else:
                yield question

    def _answer(
        self, questions: Sequence[Question], answers: dict[int, Any], counts: dict[Clique, Counts]
    ) -> None:
        """Answer what some histograms allow."""
        for place, question in enumerate(questions):
            if isinstance(question, Count) and place not in answers:
                if question.encodings in counts:
                    answers[place] = counts[question.encodings].copy()
            elif isinstance(question, Choose):
                for item in question.candidates:
                    if item.key not in self._scores and item.encodings in counts:
                        distance = float(np.abs(counts[item.encodings] - item.expected).sum())
                        self._scores[item.key] = item.weight * (distance - item.penalty)

    def _keep(self, counts: dict[Clique, Counts]) -> None:
        """Keep histograms, the latest ones when not all fit."""
        for clique, found in counts.items():
            self._kept[clique] = found
            self._held += found.nbytes
        while self._held > self._cache:
            _, dropped = self._kept.popitem(last=False)
            self._held -= dropped.nbytes

    def _pass(
        self, cliques: Sequence[Clique], lists: Sequence[Discover], columns: Sequence[str]
    ) -> tuple[dict[Clique, Counts], list[Tally], list[int]]:
        """One pass over the rows: histograms, labels and distinct cells together."""
        plan = plan_blocks(cliques)
        read = [encoding.column for block in plan.blocks for encoding in block]
        read += [question.column for question in lists] + list(columns)
        for question in lists:
            if question.excluding is not None:
                read.append(question.excluding.column)
        task = Task(
            blocks=plan.blocks,
            storages={header.name: header.storage for header in self.headers},
            tallies=tuple(lists),
            distinct=tuple(columns),
            key=Key(lanes=1) if columns else None,
            columns=tuple(dict.fromkeys(read)) or (self._lightest(),),
        )
        unknown = [name for name in task.columns if name not in task.storages]
        if unknown:
            raise KeyError(unknown[0])
        with ExitStack() as stack:
            piles = [stack.enter_context(Pile(1)) for _ in columns]
            sums = _Sums(task, piles)
            if self._executor is None:
                self._by_threads(task, sums)
            else:
                self._elsewhere(self._executor, task, sums)
            self._rows = sums.rows
            return (
                _histograms(plan, cliques, sums.counts),
                sums.listed(),
                [distinct_in(pile) for pile in piles],
            )

    def _lightest(self) -> str:
        """A column that is cheap to read when only rows are counted."""
        widths = {"int8": 0, "uint8": 0, "bool": 0, "int16": 1, "uint16": 1}
        return min(self.headers, key=lambda header: widths.get(header.arrow, 9)).name

    def _by_threads(self, task: Task, sums: _Sums) -> None:
        """Count in this process: pieces side by side, or the batches of a few pieces."""
        workers = min(_MOST_THREADS, os.cpu_count() or 1)
        pieces = self._stream.pieces
        idle: queue.SimpleQueue[Counter] = queue.SimpleQueue()
        made: list[Counter] = []

        def count(batches: Iterable[pa.RecordBatch]) -> None:
            try:
                counter = idle.get_nowait()
            except queue.Empty:
                counter = Counter(task)
                made.append(counter)
            for batch in batches:
                counter.add(batch)
                sums.take(*counter.taken())
            idle.put(counter)

        with ThreadPoolExecutor(workers, thread_name_prefix="understudy") as pool:
            if len(pieces) > workers:
                work: Iterator[Any] = (piece.batches(task.columns) for piece in pieces)
            else:
                work = ((batch,) for batch in self._stream.batches(task.columns))
            for done in _windowed(pool.submit, count, work, workers + 1):
                done.result()
        for counter in made:
            sums.add(counter.found)

    def _elsewhere(self, executor: Executor, task: Task, sums: _Sums) -> None:
        """Count in other processes, piece by piece."""
        most = 2 * (getattr(executor, "_max_workers", None) or os.cpu_count() or 1)

        def submit(_: Any, piece: Any) -> Future[Found]:
            return executor.submit(count_piece, piece, task)

        for done in _windowed(submit, None, iter(self._stream.pieces), most):
            found = done.result()
            sums.take(found.tallies, found.words)
            sums.add(found)


class _Sums:
    """What workers found, added up."""

    def __init__(self, task: Task, piles: Sequence[Pile]) -> None:
        self.rows = 0
        self.counts = [np.zeros(cells_of(block), dtype=np.int64) for block in task.blocks]
        self._piles = piles
        self._tallies: list[list[pa.Table]] = [[] for _ in task.tallies]
        self._waiting = [0 for _ in task.tallies]
        self._lock = threading.Lock()

    def add(self, found: Found) -> None:
        """Add the histograms of one worker."""
        self.rows += found.rows
        for place, part in enumerate(found.counts):
            self.counts[place] += part

    def take(self, tallies: list[list[pa.Table]], words: list[list[Any]]) -> None:
        """Add labels and fingerprints of some rows; from any thread."""
        if not (tallies or words):
            return
        with self._lock:
            for pile, parts in zip(self._piles, words, strict=True):
                for part in parts:
                    pile.add(part)
            for place, parts in enumerate(tallies):
                self._tallies[place] += parts
                self._waiting[place] += sum(part.num_rows for part in parts)
                self._settle(place)

    def _settle(self, place: int) -> None:
        """Merge a tally when more has come than it held."""
        parts = self._tallies[place]
        if len(parts) > 1 and self._waiting[place] > max(1 << 18, parts[0].num_rows):
            self._tallies[place] = [merged(parts)]
            self._waiting[place] = 0

    def listed(self) -> list[Tally]:
        """Every label with its count."""
        tallies = []
        for parts in self._tallies:
            whole = merged(parts) if parts else pa.table({"label": [], "count": []})
            counts = whole["count"].to_numpy().astype(np.int64)
            tallies.append(Tally(labels=tuple(whole["label"].to_pylist()), counts=counts))
        return tallies


def _windowed(
    submit: Callable[..., Future[Any]], what: Any, work: Iterator[Any], most: int
) -> Iterator[Future[Any]]:
    """Futures as they end, never more than `most` at a time; those left are cancelled."""
    running: set[Future[Any]] = set()
    try:
        for item in work:
            running.add(submit(what, item))
            if len(running) >= most:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from done
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from done
    finally:
        for future in running:
            future.cancel()


def _is_total(question: Question) -> bool:
    """Whether a question asks for the number of rows."""
    return isinstance(question, Count) and not question.encodings


def _cliques(items: Iterable[Question | Candidate]) -> Iterator[tuple[Encoding, ...]]:
    """Products of encodings that must be counted."""
    for item in items:
        if isinstance(item, Count | Candidate) and item.encodings:
            yield item.encodings


def _groups(cliques: Sequence[Clique], *, needed: bool) -> Iterator[list[Clique]]:
    """Cliques that are counted in the same pass, as many as memory allows."""
    group: list[Clique] = []
    cells = 0
    for clique in cliques:
        size = cells_of(clique)
        if group and cells + size > _PASS_CELLS:
            yield group
            group, cells, needed = [], 0, False
        group.append(clique)
        cells += size
    if group or needed:
        yield group


def _histograms(
    plan: Plan, cliques: Sequence[Clique], counts: Sequence[Counts]
) -> dict[Clique, Counts]:
    """The histogram of every clique."""
    return {clique: plan.histogram(clique, counts) for clique in cliques}
