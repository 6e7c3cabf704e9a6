"""Rows that arrive in batches: the same answers as in memory, the same promises, few passes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from understudy.cells.reading import Reading
from understudy.curator import (
    Candidate,
    CellClasses,
    Choose,
    Count,
    Discover,
    Distinct,
    LabelCells,
    MemoryCurator,
    NumberCells,
    StreamCurator,
)
from understudy.curator.blocks import plan_blocks
from understudy.curator.counting import Counter
from understudy.curator.questions import Question
from understudy.errors import InputError, InternalError
from understudy.privacy import Budget, Unit
from understudy.schema import Kind, Schema
from understudy.source import (
    SensitiveStream,
    SensitiveTable,
    as_stream,
    from_frame,
    read_stream,
    read_table,
    write_table,
)
from understudy.synthesize.marginal.mst import MST
from understudy.testing import check_curator, example_tables, neighbours, record, replay_all
from understudy.testing.tables import survey, typed


def streamed(
    table: SensitiveTable, *, budget: Budget, batch: int = 101, **more: Any
) -> StreamCurator:
    """A curator over a table that arrives in small batches."""
    return StreamCurator(as_stream(table, batch=batch), budget=budget, **more)


@dataclass
class Watched:
    """A piece that counts how often it is read."""

    inner: Any
    passes: int = 0

    def batches(self, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        self.passes += 1
        yield from self.inner.batches(columns)


def watched(table: SensitiveTable) -> tuple[SensitiveStream, Watched]:
    stream = as_stream(table, batch=64)
    piece = Watched(stream.pieces[0])
    return stream.with_pieces([piece]), piece


def test_it_keeps_the_promises_of_a_curator() -> None:
    check_curator(lambda table, budget: streamed(table, budget=budget, batch=9))


def test_a_kernel_that_loses_a_row_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Counter.add
    monkeypatch.setattr(Counter, "add", lambda self, batch: ours(self, batch[:-1]))
    with pytest.raises(AssertionError, match="rows miscounted"):
        check_curator(streamed)


def questions(table: SensitiveTable) -> list[Question]:
    """Every kind of question about every column."""
    asked: list[Question] = [Count(encodings=(), sigma=1.0, stage="t")]
    singles: list[Any] = []
    for header in table.headers:
        cells = table.rows.column(header.name)
        text = header.storage.value == "text"
        asked.append(Distinct(column=header.name, sigma=1.0, stage="t"))
        for among in ("values", "patterns"):
            asked.append(
                Discover(column=header.name, sigma=1.0, delta=1e-9, stage="t", among=among)
            )
        numbers = NumberCells(
            column=header.name,
            reading=Reading(kind=Kind.NUMBER, decimals=1 if text else None),
            edges=(-5.0, 0.0, 3.0, 10.0, 40.0, 400.0),
            marks=("", "?", None),
        )
        asked.append(
            Discover(
                column=header.name,
                sigma=1.0,
                delta=1e-9,
                stage="t",
                among="unreadable",
                excluding=numbers,
            )
        )
        if text:
            asked.append(Count(encodings=(CellClasses(column=header.name),), sigma=1.0, stage="t"))
        labels = tuple(dict.fromkeys(str(cell) for cell in cells.to_pylist()[:5]))
        singles += [numbers, LabelCells(column=header.name, labels=(*labels, None))]
    asked += [Count(encodings=(one,), sigma=1.0, stage="t") for one in singles]
    cliques = [*itertools.combinations(singles[:9], 2), *itertools.combinations(singles[:6], 3)]
    asked += [Count(encodings=clique, sigma=1.0, stage="t") for clique in cliques]
    asked.append(Count(encodings=(singles[0], singles[0]), sigma=1.0, stage="t"))
    asked.append(Count(encodings=(singles[2], singles[0]), sigma=1.0, stage="t"))
    candidates = tuple(
        Candidate(encodings=c, expected=np.full(tuple(e.size for e in c), 0.3)) for c in cliques
    )
    return [*asked, Choose(candidates=candidates, epsilon=1.0, stage="t")]


def same(first: Any, second: Any) -> bool:
    """Whether two exact answers are equal, tallies whatever their order."""
    if hasattr(first, "labels"):
        pairs = [dict(zip(one.labels, one.counts.tolist(), strict=True)) for one in (first, second)]
        return pairs[0] == pairs[1] and len(first.labels) == len(second.labels)
    return np.array_equal(first, second) and np.shape(first) == np.shape(second)


def equal_in(first: Any, second: Any, table: SensitiveTable) -> None:
    asked = questions(table)
    for question, one, other in zip(
        asked, first.exact_all(asked), second.exact_all(asked), strict=True
    ):
        assert same(one, other), question


@pytest.mark.parametrize("batch", [113, 5000])
def test_answers_are_those_of_memory(batch: int) -> None:
    for example in example_tables()[:3]:
        memory = MemoryCurator(example.table, budget=Budget(1.0))
        equal_in(streamed(example.table, budget=Budget(1.0), batch=batch), memory, example.table)


@pytest.mark.parametrize("cache", [0, 1 << 28])
def test_answers_from_files_are_those_of_memory(tmp_path: Path, cache: int) -> None:
    rng = np.random.default_rng(1)
    pq.write_table(typed(rng), tmp_path / "t.parquet", row_group_size=41)
    write_table(survey(rng), tmp_path / "t.csv", from_csv())
    for name in ("t.parquet", "t.csv"):
        table, stream = read_table(tmp_path / name), read_stream(tmp_path / name)
        assert (stream.headers, stream.format) == (table.headers, table.format)
        curator = StreamCurator(stream, budget=Budget(1.0), cache=cache)
        equal_in(curator, MemoryCurator(table, budget=Budget(1.0)), table)


def from_csv() -> Any:
    from understudy.source import FileFormat

    return FileFormat(container="csv")


def test_processes_count_what_threads_count(tmp_path: Path) -> None:
    pq.write_table(typed(np.random.default_rng(2)), tmp_path / "t.parquet", row_group_size=100)
    table, stream = read_table(tmp_path / "t.parquet"), read_stream(tmp_path / "t.parquet")
    with ProcessPoolExecutor(1) as pool:
        there = StreamCurator(stream, budget=Budget(1.0), executor=pool)
        equal_in(there, MemoryCurator(table, budget=Budget(1.0)), table)
    with ProcessPoolExecutor(1) as pool, pytest.raises(InputError, match="other processes"):
        StreamCurator(as_stream(table), budget=Budget(1.0), executor=pool)


def test_a_batch_of_questions_takes_one_pass_and_a_second_time_none() -> None:
    table = from_frame(survey(np.random.default_rng(3)))
    stream, piece = watched(table)
    curator = StreamCurator(stream, budget=Budget(1.0))
    asked = questions(table)
    curator.exact_all(asked)
    assert piece.passes == 1
    counts = [one for one in asked if isinstance(one, Count | Choose)]
    curator.exact_all(counts)
    assert piece.passes == 1
    curator.forget()
    curator.exact_all(counts[1:2])
    assert piece.passes == 2


def test_only_needed_columns_are_read() -> None:
    table = from_frame(survey(np.random.default_rng(3)))
    seen: list[tuple[str, ...]] = []

    class Piece:
        def batches(self, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
            seen.append(columns)
            yield from as_stream(table).batches(columns)

    stream = as_stream(table).with_pieces([Piece()])
    curator = StreamCurator(stream, budget=Budget(1.0))
    curator.exact(Count(encodings=(LabelCells(column="town", labels=("Aa",)),), sigma=1, stage="t"))
    assert seen == [("town",)]


def test_blocks_hold_every_clique() -> None:
    items = [
        LabelCells(column=str(place), labels=tuple(str(k) for k in range(3 + 7 * (place % 5))))
        for place in range(9)
    ]
    cliques = [
        *((one,) for one in items),
        *itertools.combinations(items, 2),
        *itertools.combinations(items[:5], 3),
        (items[3], items[1]),
        (items[2], items[2]),
    ]
    plan = plan_blocks(cliques)
    for clique in cliques:
        assert set(clique) <= set(plan.blocks[plan.found[clique]])
    assert len(plan.blocks) < len(cliques) / 2


@pytest.mark.parametrize("name", ["survey", "visits"])
def test_mst_replays_over_a_stream(name: str) -> None:
    example = next(item for item in example_tables() if item.name == name)
    recording = record(
        lambda curator: MST().fit(curator, Schema()),
        example.table,
        unit=example.unit,
        curator=streamed,
    )
    others = neighbours(recording.table, np.random.default_rng(5), example.unit, odd=3)
    for verdict in replay_all(recording, others, curator=streamed):
        verdict.require()


def test_a_source_that_fails_in_the_middle_says_no_cell_and_keeps_the_charge() -> None:
    table = from_frame(survey(np.random.default_rng(3)))

    class Fails:
        def batches(self, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
            yield from itertools.islice(as_stream(table, batch=50).batches(columns), 3)
            raise OSError("cannot read Bergen")

    budget = Budget(1.0)
    curator = StreamCurator(as_stream(table).with_pieces([Fails()]), budget=budget)
    with pytest.raises(InternalError) as problem:
        curator.ask([Distinct(column="town", sigma=50.0, stage="t")])
    assert "Bergen" not in f"{problem.value}{problem.value.__context__}"
    assert len(budget.events) == 1


def test_a_person_with_many_rows_counts_within_the_bound() -> None:
    rows = pa.table({"who": ["p"] * 500 + [f"q{k}" for k in range(100)], "ill": ["y"] * 600})
    unit = Unit(column="who", max_rows=2)
    curator = streamed(from_frame(rows), budget=Budget(1.0, unit=unit))
    ill = Count(encodings=(LabelCells(column="ill", labels=("y",)),), sigma=1.0, stage="t")
    assert curator.exact(ill).tolist() == [102, 0]
    curator.forget()
    assert curator.exact(ill).tolist() == [102, 0]


@pytest.mark.parametrize("name", ["aim", "margnet"])
def test_choosing_in_rounds_replays_over_a_stream(name: str) -> None:
    from understudy.synthesize.marginal.aim import AIM
    from understudy.synthesize.marginal.margnet import MargNet

    maker = AIM() if name == "aim" else MargNet(components=16, passes=5)
    example = next(item for item in example_tables() if item.name == "visits")
    recording = record(
        lambda curator: maker.fit(curator, Schema()),
        example.table,
        unit=example.unit,
        curator=streamed,
    )
    others = neighbours(recording.table, np.random.default_rng(5), example.unit, odd=2)
    for verdict in replay_all(recording, others, curator=streamed):
        verdict.require()
