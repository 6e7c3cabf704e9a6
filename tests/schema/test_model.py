"""Declared facts: what goes together, what is refused, what is listed as declared public."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from understudy.errors import SchemaError
from understudy.schema import Column, Kind, Rule, Schema, Storage, check_against


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, None),
        ({"minimum": 0}, Kind.NUMBER),
        ({"maximum": "12.5"}, Kind.NUMBER),
        ({"decimals": 0}, Kind.NUMBER),
        ({"minimum": dt.date(2020, 1, 1)}, Kind.DATE),
        ({"maximum": "2020-01-01"}, Kind.DATE),
        ({"maximum": "2020-01-01 08:00:00"}, Kind.DATETIME),
        ({"categories": ["a"]}, Kind.CATEGORY),
        ({"true": "1", "false": "0"}, Kind.BOOLEAN),
        ({"identifier": "email"}, Kind.IDENTIFIER),
        ({"identifier": "key", "action": "keep"}, None),
        ({"zone": "Europe/Paris"}, Kind.DATETIME),
        ({"nulls": ["NA"]}, None),
    ],
)
def test_a_fact_may_imply_the_kind(fields: dict[str, Any], kind: Kind | None) -> None:
    assert Column(name="x", **fields).kind is kind


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"minimum": 1, "maximum": 1}, "not below"),
        ({"minimum": 2, "maximum": 1}, "not below"),
        ({"minimum": 1, "maximum": dt.date(2020, 1, 1)}, "not a number"),
        ({"minimum": float("nan")}, "finite"),
        ({"minimum": float("inf")}, "finite"),
        ({"minimum": True}, "boolean"),
        ({"minimum": "yesterday"}, "a bound is"),
        ({"kind": "date", "minimum": dt.datetime(2020, 1, 1)}, "not a date"),  # noqa: DTZ001
        ({"kind": "category", "minimum": 1}, "means nothing"),
        ({"categories": []}, "at least one"),
        ({"categories": ["a", "b", "a"]}, "twice"),
        ({"categories": [True, False]}, "string"),
        ({"kind": "number", "categories": ["a"]}, "means nothing"),
        ({"decimals": 10}, "less than or equal to 9"),
        ({"decimals": -1}, "greater than or equal to 0"),
        ({"width": 0}, "greater than or equal to 1"),
        ({"kind": "boolean", "true": "yes"}, "both spellings"),
        ({"true": "1", "false": "1"}, "the same"),
        ({"categories": ["a", "NA"], "nulls": ["NA"]}, "also listed in nulls"),
        ({"true": "1", "false": "0", "nulls": ["0"]}, "also listed in nulls"),
        ({"nulls": ["", ""]}, "twice"),
        ({"kind": "date", "format": "yyyy"}, "strftime"),
        ({"kind": "date", "format": "%Q"}, "unknown directive"),
        ({"kind": "number", "format": "%Y"}, "means nothing"),
        ({"zone": "Mars/Base"}, "IANA"),
        ({"zone": "../../etc/passwd"}, "IANA"),
        ({"identifier": "key", "kind": "number"}, "action: keep"),
        ({"kind": "identifier", "action": "keep"}, "give the kind"),
        ({"action": "burn"}, "replace"),
        ({"unknown": 1}, "xtra"),
        ({"name": ""}, "at least 1"),
    ],
)
def test_what_cannot_be_true_is_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Column(**{"name": "x", **fields})


def test_values_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Column(name="x").name = "y"  # type: ignore[misc]
    assert Schema(columns=(Column(name="x"),)) == Schema(columns=(Column(name="x"),))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"columns": [Column(name="a"), Column(name="a")]}, "declared twice"),
        ({"max_rows_per_unit": 2}, "needs the unit"),
        ({"unit": "a", "max_rows_per_unit": 0}, "greater than or equal to 1"),
        ({"rows": -1}, "greater than or equal to 1"),
        ({"rules": ["a > 1", "a > 1"]}, "same name"),
        ({"rules": ["a >"]}, "does not parse"),
    ],
)
def test_a_schema_that_cannot_be_true(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Schema(**fields)


def test_everything_declared_is_listed_and_nothing_else() -> None:
    schema = Schema(
        columns=(
            Column(name="age", minimum=0, maximum=120, decimals=0, note="by definition"),
            Column(name="flag", true="Y", false="N", nulls=()),
            Column(name="other", note="nothing is declared"),
        ),
        unit="person",
        max_rows_per_unit=3,
        rows=1000,
        rules=(Rule(name="adults", expr="age >= 18"),),
    )
    assert schema.declared_public() == [
        ("columns.age.kind", "number", "by definition"),
        ("columns.age.minimum", 0.0, "by definition"),
        ("columns.age.maximum", 120.0, "by definition"),
        ("columns.age.decimals", 0, "by definition"),
        ("columns.flag.kind", "boolean", None),
        ("columns.flag.true", "Y", None),
        ("columns.flag.false", "N", None),
        ("columns.flag.nulls", (), None),
        ("rows", 1000, None),
        ("rules.adults", "age >= 18", None),
    ]
    assert Schema().declared_public() == []
    assert Column(name="x", decimals=0).declares_anything
    assert not Column(name="x", note="?").declares_anything


def test_a_column_not_declared_is_empty() -> None:
    assert Schema().column("x") == Column(name="x")


def table(**storages: Storage) -> list[Any]:
    return [SimpleNamespace(name=name, storage=kind) for name, kind in storages.items()]


@pytest.mark.parametrize(
    ("column", "storage", "reason"),
    [
        (Column(name="x", kind="number"), Storage.BOOL, "stores the column as bool"),
        (Column(name="x", kind="date"), Storage.INT, "Allowed: number"),
        (Column(name="x", kind="number"), Storage.CATEGORY, "stores the column as category"),
        (Column(name="x", kind="date", format="%Y"), Storage.DATE, "describes text"),
        (Column(name="x", kind="number", width=5), Storage.INT, "describes text"),
        (Column(name="x", decimals=2), Storage.INT, "whole numbers"),
        (Column(name="x", true="Y", false="N"), Storage.BOOL, "stores booleans"),
        (Column(name="x", categories=("a",)), Storage.INT, "stores numbers"),
        (Column(name="x", nulls=("NA",)), Storage.FLOAT, "stores numbers"),
    ],
)
def test_storage_contradictions(column: Column, storage: Storage, reason: str) -> None:
    with pytest.raises(SchemaError, match=reason):
        check_against(Schema(columns=(column,)), table(x=storage))
    text_may_be_anything = Schema(columns=(column,))
    check_against(text_may_be_anything, table(x=Storage.TEXT))


def test_unknown_columns() -> None:
    headers = table(age=Storage.TEXT, person=Storage.TEXT)
    with pytest.raises(SchemaError, match="did you mean 'age'"):
        check_against(Schema(columns=(Column(name="Age "),)), headers)
    with pytest.raises(SchemaError, match=r"the unit is column 'persn'.*'person'"):
        check_against(Schema(unit="persn"), headers)
    with pytest.raises(SchemaError, match=r"rule .* reads column 'agge'.*'age'"):
        check_against(Schema(rules=(Rule(expr="agge > 1"),)), headers)
    check_against(Schema(unit="person", rules=(Rule(expr="age > 1"),)), headers)
