"""Addresses of databases: read, or refused without a word of them."""

from __future__ import annotations

import pytest

from understudy.errors import InputError
from understudy.source import read_table
from understudy.source.address import is_address, parse_address

CANARY = "canary-40917"


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://ann:{CANARY}@host/db?table=t",
        f"postgresql://ann:{CANARY}#x@host/db?table=t",
        f"postgresql://ann:p@{CANARY}/w@host/db?table=t",
        f"postgresql:/ann:{CANARY}@host/db?table=t",
        f"postgresql://host/db?table=t&password={CANARY}",
        f"postgresql://host/db?table=t&PASSWORD={CANARY}",
        f"postgresql://host/db?table=t&sslpassword={CANARY}",
        f"postgresql://host/db?table=t&passfile=/home/{CANARY}",
        f"postgresql://host/db?table=t;password={CANARY}",
        f"postgres://:{CANARY}@host/db?table=t",
        f"mysql://ann:{CANARY}@host/db?table=t",
        f"postgressql://ann:{CANARY}@host/db?table=t",
        f"duckdb://ann:{CANARY}@/file.duckdb?table=t",
        f"postgresql://host:{CANARY}/db?table=t",
        f"postgresql://host/db?table=t&{CANARY}=1",
    ],
)
def test_a_secret_is_refused_and_not_repeated(text: str) -> None:
    assert is_address(text)
    with pytest.raises(InputError) as problem:
        parse_address(text)
    assert CANARY not in f"{problem.value!s}{problem.value!r}{problem.value.facts}"
    assert problem.value.__cause__ is None
    assert problem.value.hint


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ann@h:5433/db?table=s.t", "postgresql://h:5433/db?table=s.t"),
        ("postgres://h/db?table=t&sslmode=require", "postgresql://h/db?table=t"),
        ("postgresql:///?table=t&service=clinic", "postgresql:///?table=t&service=clinic"),
        ("duckdb:///data/a.duckdb?table=t", "duckdb:///data/a.duckdb?table=t"),
        ("spark+parquet:///data/visits", "spark+parquet:///data/visits"),
        ("spark+table:///lake.visits", "spark+table:///lake.visits"),
    ],
)
def test_an_address_is_one_name_whoever_asks(text: str, shown: str) -> None:
    assert str(parse_address(text)) == shown


def test_names_that_need_quotes() -> None:
    address = parse_address('postgresql://h/db?table="Odd.Schema"."a ""b"""')
    assert (address.schema, address.table) == ("Odd.Schema", 'a "b"')
    assert parse_address("postgresql://h/my%2Ddb?table=a%20b").table == "a b"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://h/db",
        "postgresql://h/db?table=",
        "postgresql://h/db?table=a.b.c",
        "postgresql://h/db/more?table=t",
        "postgresql://h/db?table=t&table=u",
        "postgresql://h/db?table=t#part",
        "duckdb://?table=t",
        "duckdb:///a.duckdb",
        "spark+parquet:///",
        "spark+table:///a.b.c",
        "s3://bucket/file.parquet",
    ],
)
def test_what_cannot_be_read_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(InputError) as problem:
        parse_address(text)
    assert problem.value.hint


def test_paths_are_no_addresses() -> None:
    for text in ("visits.csv", "/data/visits.csv", "C:/data/visits.csv", "a:b.csv", "data/x"):
        assert not is_address(text)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "mysql", "https"])
@pytest.mark.parametrize("slashes", ["//", "/"])
def test_an_address_taken_for_a_file_is_not_repeated(scheme: str, slashes: str) -> None:
    """`Path("postgresql://…")` loses a slash, and "there is no file …" would show the password."""
    with pytest.raises(InputError) as problem:
        read_table(f"{scheme}:{slashes}ann:{CANARY}@host/db?table=t")
    assert CANARY not in f"{problem.value!s}{problem.value!r}"
