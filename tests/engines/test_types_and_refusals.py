"""What a PostgreSQL column may be, what is refused, and that no secret comes out of it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from tests.engines.places import PASSWORD, Place, Server

from understudy.errors import InputError, SourceError, UnderstudyError
from understudy.schema import Storage
from understudy.source.database import open_database
from understudy.source.expressions import TRAIN

pytestmark = pytest.mark.engines

TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE "All types" (
  a smallint, b integer, c bigint, d real, e double precision, f numeric(10,2), g numeric,
  h boolean, i text, j varchar(9), k char(4), l mood, m uuid, n date, o timestamp,
  p timestamptz, q time, r inet, s text COLLATE blind, "t ""q"" " text
);
INSERT INTO "All types" VALUES
 (1, 2, 9007199254740993, 0.1, 0.1, 12.50, 1.25, true, 'x', '', 'ab', 'sad',
  '6ecd8c99-4036-403d-bf84-cf8400f67836', '2020-02-29', '2020-02-29 12:00:00.5',
  '2020-02-29 12:00:00+02', '23:59:59.25', '10.0.0.1', 'A', 'q'),
 (-1, -2, -3, 'NaN', '-Infinity', -0.01, 'NaN', false, '', E'a\\nb,"c"', '', 'ok', NULL,
  'infinity', '-infinity', 'infinity', '24:00:00', NULL, 'a', '\\.'),
 (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  '0044-03-15 BC', '4000-01-01 BC', '294276-01-01', NULL, NULL, NULL, NULL);
"""


@pytest.fixture
def typed_table(server: Server, postgres: Place) -> str:
    with server.connect() as connection:
        connection.execute('DROP TABLE IF EXISTS "All types"')
        connection.execute("DROP TYPE IF EXISTS mood")
        connection.execute("DROP COLLATION IF EXISTS blind")
        for statement in TYPES.split(";\n"):
            if statement.strip():
                connection.execute(statement)
    return server.url("%22All%20types%22")


def test_every_type_comes_as_its_header_says(typed_table: str) -> None:
    table = open_database(typed_table)
    stream = table.snapshot().stream(TRAIN)
    rows = pa.Table.from_batches(stream.batches(table.column_names))
    assert [str(kind) for kind in rows.schema.types] == [h.arrow for h in table.headers]
    assert [header.storage for header in table.headers] == [
        *(Storage.INT,) * 3, *(Storage.FLOAT,) * 2, Storage.DECIMAL, Storage.FLOAT, Storage.BOOL,
        *(Storage.TEXT,) * 5, Storage.DATE, *(Storage.DATETIME,) * 2, Storage.TIME,
        *(Storage.TEXT,) * 3,
    ]  # fmt: skip
    first, second, third = rows.to_pylist()
    assert first["c"] == 2**53 + 1
    assert first["f"] == Decimal("12.50")
    assert (first["j"], first["k"], first["l"]) == ("", "ab", "sad")
    assert first["n"] == dt.date(2020, 2, 29)
    assert first["p"] == dt.datetime(2020, 2, 29, 10, tzinfo=dt.UTC)
    assert first["q"] == dt.time(23, 59, 59, 250_000)
    assert first["r"] == "10.0.0.1/32"
    assert second["d"] != second["d"]
    assert second["e"] == float("-inf")
    assert (second["i"], second["j"], second['t "q" ']) == ("", 'a\nb,"c"', "\\.")
    assert [second[name] for name in "nopq"] == [None] * 4
    assert set(third.values()) == {None}
    table.close()


def test_cells_that_a_collation_takes_for_equal_stay_apart(typed_table: str) -> None:
    table = open_database(typed_table)
    told = {
        cell.as_py(): count.as_py()
        for batch, counts in table.snapshot().tally(("s",))
        for cell, count in zip(batch.column(0), counts, strict=True)
    }
    assert told == {"A": 1, "a": 1, None: 1}
    table.close()


def test_a_type_that_cannot_be_handled(server: Server, postgres: Place) -> None:
    with server.connect() as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS odd (a int, b int[], c bytea, d jsonb, e interval)"
        )
    table = open_database(server.url("odd"))
    assert [h.storage for h in table.headers] == [Storage.INT, *(Storage.OTHER,) * 4]
    with pytest.raises(InputError, match="'b' has a type that cannot be handled") as problem:
        table.snapshot()
    assert "drop" in str(problem.value)
    left = table.snapshot(without=("b", "c", "d", "e"))
    assert left.stream(TRAIN).column_names == ("a",)
    table.close()


def test_a_view_in_a_schema(server: Server, postgres: Place) -> None:
    with server.connect() as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS care")
        connection.execute("CREATE TABLE IF NOT EXISTS care.visits (ward text, days int)")
        connection.execute("INSERT INTO care.visits VALUES ('A', 1), ('B', 2)")
        connection.execute(
            "CREATE OR REPLACE VIEW care.long AS SELECT * FROM care.visits WHERE days > 1"
        )
    table = open_database(server.url("care.long"))
    assert table.snapshot().count() == 1
    assert table.asset == f"postgresql://127.0.0.1:{server.port}/postgres?table=care.long"
    table.close()
    with pytest.raises(InputError, match=r"no table or view 'care\.visit'") as problem:
        open_database(server.url("care.visit"))
    assert "did you mean 'visits'" in str(problem.value)


def test_who_may_not_read_is_told_before_anything(
    server: Server, postgres: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server.connect() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS closed (a int)")
        connection.execute("DROP ROLE IF EXISTS guest")
        connection.execute("CREATE ROLE guest LOGIN PASSWORD 'guest-word'")
    monkeypatch.setenv("PGPASSWORD", "guest-word")
    table = open_database(server.url("closed").replace("tester@", "guest@"))
    with pytest.raises(SourceError, match="may not do that") as problem:
        table.snapshot()
    assert problem.value.exit_code == 8
    table.close()


@pytest.mark.parametrize("wrong", ["password", "database", "port", "user"])
def test_no_way_in(
    wrong: str, server: Server, postgres: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.url("t")
    if wrong == "password":
        monkeypatch.setenv("PGPASSWORD", PASSWORD + "x")
    url = {
        "database": url.replace("/postgres?", "/nothing?"),
        "port": url.replace(str(server.port), "1"),
        "user": url.replace("tester@", "nobody@"),
    }.get(wrong, url)
    with pytest.raises(SourceError, match="connecting to PostgreSQL") as problem:
        open_database(url)
    assert PASSWORD not in f"{problem.value}{problem.value!r}"
    assert problem.value.__cause__ is None
    assert problem.value.hint


def test_credentials_come_from_the_usual_file(
    server: Server, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pathlib import Path

    monkeypatch.delenv("PGPASSWORD", raising=False)
    file = Path(str(tmp_path)) / "pgpass"
    file.write_text(f"127.0.0.1:{server.port}:*:tester:{PASSWORD}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    table = open_database(server.put(pa.table({"a": [1]})))
    assert table.snapshot().count() == 1
    told = f"{table!r}{table.asset}{table.headers}{table._engine!r}{table.snapshot()!r}"
    assert PASSWORD not in told
    table.close()


def test_errors_of_a_driver_are_not_repeated(server: Server, postgres: Place) -> None:
    """A view that fails on one person's cell quotes it; our error does not."""
    with server.connect() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS words (a text)")
        connection.execute("INSERT INTO words VALUES ('canary-cell-81')")
        connection.execute("CREATE OR REPLACE VIEW broken AS SELECT a::int AS a FROM words")
    table = open_database(server.url("broken"))
    with pytest.raises(UnderstudyError) as problem:
        table.snapshot()
    assert "canary-cell" not in f"{problem.value}{problem.value!r}"
    assert problem.value.__cause__ is None
    assert problem.value.__suppress_context__
    table.close()


def test_a_broken_off_read_leaves_the_connection_usable(postgres: Place) -> None:
    table = postgres.open(pa.table({"a": list(range(300_000))}))
    snapshot = table.snapshot()
    first = next(iter(snapshot.stream(TRAIN).batches(("a",))))
    assert first.num_rows
    assert snapshot.count() == 300_000
