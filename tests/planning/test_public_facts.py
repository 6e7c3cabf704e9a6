"""A plan rests on public facts alone: byte-equal on neighbours, and no door is touched."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from tests.planning.conftest import declared, people

import understudy as us
from understudy.curator import MemoryCurator
from understudy.privacy import Budget
from understudy.source import SensitiveTable, from_frame
from understudy.source.heading import Heading, read_heading
from understudy.workflow.planning import making

CANARY = "Zxqv7391"


def _with(table: pa.Table, **cells: str) -> pa.Table:
    """The table and one row more."""
    row = {**{name: table.column(name)[0].as_py() for name in table.column_names}, **cells}
    return pa.concat_tables([table, pa.table({name: [cell] for name, cell in row.items()})])


NEIGHBOURS: dict[str, Callable[[pa.Table], pa.Table]] = {
    "a canary row": lambda table: _with(table, age="44", city=CANARY, smokes=CANARY),
    "a new category": lambda table: _with(table, city="Zürich"),
    "an extreme value": lambda table: _with(table, age="99999999"),
    "a broken number": lambda table: _with(table, age="n/a"),
    "a long cell": lambda table: _with(table, city="x" * 5_000),
    "one row fewer": lambda table: table.slice(1),
    "one row alone": lambda table: table.slice(0, 1),
}


def _text(plan: us.Plan) -> str:
    """Everything a plan says."""
    return json.dumps(plan.to_json()) + plan.to_html()


@pytest.mark.parametrize("name", NEIGHBOURS)
@pytest.mark.parametrize("container", ["csv", "parquet", "frame"])
@pytest.mark.parametrize("described", [True, False])
def test_a_plan_is_byte_equal_on_neighbours(
    name: str, container: str, described: bool, tmp_path: Path
) -> None:
    plans = []
    for place, table in enumerate((people(), NEIGHBOURS[name](people()))):
        folder = tmp_path / str(place)
        folder.mkdir()
        data: object = table
        if container == "csv":
            data = folder / "people.csv"
            pyarrow.csv.write_csv(table, data)
        elif container == "parquet":
            data = folder / "people.parquet"
            pyarrow.parquet.write_table(table, data)
        schema = declared() if described else None
        plans.append(_text(us.plan(data, epsilon=1.0, schema=schema, rows_magnitude=5e3)))
    assert plans[0] == plans[1]
    assert CANARY not in plans[1]


def test_the_test_above_sees_a_plan_that_counts_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bug put in: the magnitude taken from the file. Byte equality must break."""

    def counting(data: object, *_: object) -> Heading:
        assert isinstance(data, Path)
        heading = read_heading(data)
        return Heading(name=f"{data.stat().st_size} bytes", headers=heading.headers)

    monkeypatch.setattr(making, "_heading", counting)
    texts = []
    for place, table in enumerate((people(), people().slice(1))):
        path = tmp_path / f"{place}.csv"
        pyarrow.csv.write_csv(table, path)
        texts.append(_text(us.plan(path, epsilon=1.0)))
    assert texts[0] != texts[1]


class _Locked(SensitiveTable):
    """A table whose rows nobody may see."""

    @property
    def rows(self) -> NoReturn:
        raise AssertionError("the rows were touched")


def test_no_row_no_curator_and_no_charge(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a door was opened")

    for home, name in ((MemoryCurator, "__init__"), (Budget, "__init__"), (Budget, "charge")):
        monkeypatch.setattr(home, name, refuse)
    held = from_frame(people())
    locked = _Locked(name=held.name, headers=held.headers, format=held.format, _rows=None)
    plan = us.plan(locked, epsilon=1.0, schema=declared(), target="smokes", target_error=0.1)
    assert [column.name for column in plan.columns] == ["age", "city", "smokes"]
    with pytest.raises(AssertionError, match="touched"):
        _ = locked.rows


def test_of_a_file_the_header_alone_is_read(tmp_path: Path) -> None:
    """Rows that no reader would accept do not disturb a plan."""
    path = tmp_path / "broken.csv"
    path.write_bytes(b"age,city\n" + b"1,2,3,4\n" + b"\xff\xfe\n" + b'"unclosed\n')
    assert [column.name for column in us.plan(path, epsilon=1.0).columns] == ["age", "city"]


@pytest.mark.parametrize("container", ["csv", "parquet"])
def test_the_heading_is_the_table_s(container: str, tmp_path: Path) -> None:
    table = pa.table(
        {
            "i": pa.array([1, None]),
            "f": pa.array([1.5, 2.0]),
            "d": pa.array(np.array(["2020-01-01", "2021-01-01"], dtype="datetime64[D]")),
            "t": pa.array(["a", "b"]).dictionary_encode(),
            "b": pa.array([True, False]),
        }
    )
    path = tmp_path / f"table.{container}"
    if container == "csv":
        pyarrow.csv.write_csv(table.set_column(3, "t", pa.array(["a", "b"])), path)
    else:
        pyarrow.parquet.write_table(table, path)
    assert read_heading(path).headers == us.read_table(path).headers


def test_of_a_database_the_columns_alone_are_looked_up(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    pytest.importorskip("ibis")
    plans = []
    for place, rows in enumerate((40, 39)):
        with duckdb.connect(str(tmp_path / f"{place}.duckdb")) as base:
            base.execute("create table visits (age integer, city varchar)")
            base.execute("insert into visits select i, 'Ghent' from range(?) t(i)", [rows])
        address = f"duckdb:///{tmp_path}/{place}.duckdb?table=visits"
        plans.append(us.plan(address, epsilon=1.0, rows_magnitude=40))
    assert [column.name for column in plans[0].columns] == ["age", "city"]
    assert _text(plans[0]) == _text(plans[1])


def test_of_a_folder_the_first_file_speaks(tmp_path: Path) -> None:
    for part in range(2):
        pyarrow.parquet.write_table(people(), tmp_path / f"part{part}.parquet")
    assert [column.name for column in us.plan(tmp_path, epsilon=1.0).columns] == [
        "age", "city", "smokes"
    ]  # fmt: skip


def test_facts_that_are_declared_change_the_plan(survey: Path) -> None:
    bare = us.plan(survey, epsilon=1.0, rows_magnitude=5e3)
    told = us.plan(survey, epsilon=1.0, schema=declared(5_000))
    assert bare.pair_mean is not None
    assert told.pair_mean is not None
    assert bare.column("city").known == "nothing"
    assert told.column("city").known == "4 labels"
    assert told.pair_mean != bare.pair_mean
    narrow, wide = told.column("city").error, bare.column("city").error
    assert narrow is not None
    assert wide is not None
    assert narrow.high / narrow.low < wide.high / wide.low
    assert any(advice.topic == "undeclared" for advice in bare.advice)
    assert not told.advice
