"""A curator over a database, on the engine that needs no server: what is fast enough for always."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import understudy as us
from understudy.curator import Candidate, Choose, Count, Discover, Distinct, LabelCells
from understudy.curator.database import DatabaseCurator
from understudy.errors import FormatError, InputError, SchemaError
from understudy.privacy import Budget, Unit
from understudy.source import expressions, from_frame
from understudy.source.database import DatabaseTable, open_database
from understudy.source.expressions import HELD, SURPLUS, TRAIN
from understudy.testing.curators import check_exact_answers, check_unit_bounded

duckdb = pytest.importorskip("duckdb")
pytest.importorskip("ibis")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ibis")

Put = Callable[[pa.Table], str]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    def put(table: pa.Table) -> str:
        path = tmp_path / f"{uuid.uuid4().hex}.duckdb"
        with duckdb.connect(str(path)) as connection:
            connection.register("given", table)
            connection.execute("CREATE TABLE visits AS SELECT * FROM given")
        return f"duckdb://{path}?table=visits"

    return put


@pytest.fixture
def factory(put: Put) -> Iterator[Callable[..., DatabaseCurator]]:
    opened: list[DatabaseTable] = []

    def make(table: Any, *, budget: Budget) -> DatabaseCurator:
        opened.append(open_database(put(table.rows)))
        unit = budget.unit
        snapshot = opened[-1].snapshot(unit_column=unit.column, max_rows=unit.max_rows)
        return DatabaseCurator(snapshot, budget=budget)

    yield make
    for table in opened:
        table.close()


def test_the_same_answers_as_brute_force(factory: Callable[..., DatabaseCurator]) -> None:
    check_exact_answers(factory)


def test_persons_are_bounded(factory: Callable[..., DatabaseCurator]) -> None:
    check_unit_bounded(factory)


def test_a_bound_that_is_not_kept_is_noticed(
    factory: Callable[..., DatabaseCurator], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every row of a person in the copy's training part, the conformance suite objects."""
    honest = expressions.parted

    def loose(engine: Any, rows: Any, unit: Any, holdout: float, max_rows: int) -> Any:
        return honest(engine, rows, unit, holdout, max_rows + 1)

    monkeypatch.setattr("understudy.source.database.parted", loose)
    with pytest.raises(AssertionError, match="rows"):
        check_unit_bounded(factory)


def test_lots_drawn_anew_for_every_question_are_noticed(
    put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy that is a view tosses its coins again and again; the order of its rows tells."""
    table = open_database(put(pa.table({"a": list(range(500))})))
    monkeypatch.setattr(table._engine, "copied", lambda expression: expression)
    import ibis

    monkeypatch.setattr(
        "understudy.source.database.parted",
        lambda engine, rows, *rest: rows.mutate(
            us_part=ibis.ifelse(ibis.random() < 0.5, TRAIN, HELD)
        ),
    )
    snapshot = table.snapshot(holdout=0.5)
    assert len({snapshot.count() for _ in range(8)}) > 1
    monkeypatch.undo()
    snapshot = table.snapshot(holdout=0.5)
    assert len({snapshot.count() for _ in range(8)}) == 1


def test_few_products_of_labels_are_counted_there(put: Put) -> None:
    """What is streamed and what is not follows from the questions, never from the cells."""
    rng = np.random.default_rng(4)
    table = open_database(
        put(
            pa.table(
                {
                    "ward": rng.choice(["A", "B"], 300).tolist(),
                    "kind": rng.choice(["x", "y"], 300).tolist(),
                    "pay": rng.random(300),
                }
            )
        )
    )
    curator = DatabaseCurator(table.snapshot(), budget=Budget(1.0))
    read: list[tuple[str, ...]] = []
    honest = type(curator._snapshot).read_cells

    def watched(self: Any, columns: Any, parts: Any) -> Any:
        read.append(tuple(columns))
        return honest(self, columns, parts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(curator._snapshot), "read_cells", watched)
        ward = LabelCells(column="ward", labels=("A",))
        kind = LabelCells(column="kind", labels=("x", "y"))
        pay = LabelCells(column="pay", labels=("1",))
        pair = Candidate(encodings=(ward, kind), expected=np.zeros((2, 3)))
        curator.exact_all(
            [
                Count(encodings=(), sigma=1.0, stage="t"),
                Count(encodings=(ward,), sigma=1.0, stage="t"),
                Discover(column="kind", sigma=1.0, delta=1e-9, stage="t"),
                Distinct(column="ward", sigma=1.0, stage="t"),
                Choose(candidates=(pair,), epsilon=1.0, stage="t"),
            ]
        )
        assert read == []
        curator.exact(Count(encodings=(pay,), sigma=1.0, stage="t"))
        assert read == [("pay",)]
        mixed = (Count(encodings=(kind, pay), sigma=1.0, stage="t"),)
        curator.exact_all(mixed)
        assert read == [("pay",), ("kind", "pay")]
    curator.close()


def test_parts_of_a_copy(put: Put) -> None:
    table = open_database(put(pa.table({"who": ["a"] * 10 + ["b"] * 2 + [None] * 4})))
    snapshot = table.snapshot(unit_column="who", max_rows=3)
    parts = {
        part: sum(batch.num_rows for batch in snapshot.stream(part).batches(("who",)))
        for part in (TRAIN, SURPLUS, HELD)
    }
    assert parts == {TRAIN: 3 + 2 + 3, SURPLUS: 7 + 0 + 1, HELD: 0}
    with pytest.raises(InputError, match="another unit"):
        DatabaseCurator(snapshot, budget=Budget(1.0, unit=Unit(column="who", max_rows=2)))
    with pytest.raises(InputError, match="no unit column 'whom'"):
        table.snapshot(unit_column="whom")


def test_the_main_job(put: Put, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    table = pa.table(
        {
            "ward": rng.choice(["A", "B"], 600).tolist(),
            "days": pa.array(rng.geometric(0.3, 600), pa.int32()),
        }
    )
    url = put(table)
    run = us.synthesize(url, epsilon=2.0, seed=1, ledger=tmp_path / "ledger", evaluate=False)
    assert run.table.schema.field("days").type == pa.int32()
    assert [asset for asset in us.Ledger(tmp_path / "ledger").assets() if asset] == [url]


def test_what_is_refused(put: Put, tmp_path: Path) -> None:
    url = put(pa.table({"a": [1]}))
    with pytest.raises(InputError, match="no table or view 'visit'") as problem:
        open_database(url.replace("table=visits", "table=visit"))
    assert "did you mean 'visits'" in str(problem.value)
    with pytest.raises(InputError, match="there is no file"):
        open_database(f"duckdb://{tmp_path}/nothing.duckdb?table=t")
    (tmp_path / "text.duckdb").write_text("no database")
    with pytest.raises(us.UnderstudyError, match=r"text\.duckdb"):
        open_database(f"duckdb://{tmp_path}/text.duckdb?table=t")
    with pytest.raises((InputError, FormatError), match="cannot be handled"):
        us.synthesize(put(pa.table({"a": [1, 2], "b": [[1], [2]]})), epsilon=1.0)
    table = open_database(url)
    monkey = dict(table._engine.current())
    monkey["a"] = "string"
    table._engine.current = lambda: monkey  # type: ignore[method-assign]
    with pytest.raises(SchemaError, match="have changed"):
        table.snapshot()


def test_without_the_extra_there_is_a_hint(monkeypatch: pytest.MonkeyPatch, put: Put) -> None:
    url = put(pa.table({"a": [1]}))
    monkeypatch.setitem(sys.modules, "ibis", None)
    with pytest.raises(InputError, match="extra") as problem:
        open_database(url)
    assert "understudy[sql]" in str(problem.value)


def test_a_table_is_not_given_away(put: Put) -> None:
    import copy

    table = open_database(put(from_frame(pa.table({"a": ["zq-canary"]})).rows))
    snapshot = table.snapshot()
    assert "zq-canary" not in f"{table!r}{snapshot!r}{snapshot.stream(TRAIN)!r}"
    for held in (table, snapshot, snapshot.stream(TRAIN)):
        with pytest.raises(InputError):
            copy.copy(held)
