"""Schema files: read as spelled, errors with line and field, written so that they read back."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from understudy.errors import OutputError, SchemaError
from understudy.schema import (
    Column,
    Kind,
    Rule,
    Schema,
    dump_schema,
    dumps_schema,
    load_schema,
    loads_schema,
)

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = """
# who is in it
unit: patient
max_rows_per_unit: 4
rows: 1000
columns:
  age: {minimum: 0, maximum: 120, note: by definition}
  married: {true: yes, false: no, nulls: [null, '', ~]}
  born: {minimum: 1900-01-01, maximum: 2020-12-31, format: '%d.%m.%Y'}
  seen: {kind: datetime, zone: Europe/Paris, minimum: 2020-01-01 08:00:00}
  code: {categories: [01, 1e3, yes, null, 2020-01-01], ordered: true}
  patient:
  "marital status": {kind: category}
rules:
  - if married == 'yes' then age >= 15
  - {name: adults, expr: age >= 18}
"""


def test_scalars_are_read_as_spelled() -> None:
    schema = loads_schema(WHOLE)
    assert schema.unit == "patient"
    assert (schema.max_rows_per_unit, schema.rows) == (4, 1000)
    assert schema.column("code").categories == ("01", "1e3", "yes", "null", "2020-01-01")
    assert schema.column("code").ordered
    married = schema.column("married")
    assert (married.true, married.false, married.nulls) == ("yes", "no", ("null", "", "~"))
    assert schema.column("born").minimum == dt.date(1900, 1, 1)
    assert schema.column("seen").minimum == dt.datetime(2020, 1, 1, 8)  # noqa: DTZ001
    assert schema.column("age").kind is Kind.NUMBER
    assert schema.column("patient") == Column(name="patient")
    assert [rule.name for rule in schema.rules] == ["if married == 'yes' then age >= 15", "adults"]


def test_columns_may_be_a_list() -> None:
    schema = loads_schema("columns:\n  - {name: no, minimum: 1}\n  - {name: b}\n")
    assert [column.name for column in schema.columns] == ["no", "b"]


def test_it_reads_back_what_it_wrote() -> None:
    schema = loads_schema(WHOLE)
    assert loads_schema(dumps_schema(schema)) == schema
    assert loads_schema(dumps_schema(Schema())) == Schema()


LABEL = st.text(st.characters(codec="utf-8"), max_size=12)


@given(
    labels=st.lists(LABEL, min_size=1, max_size=12, unique=True),
    name=LABEL.filter(bool),
    note=LABEL,
    comment=LABEL,
)
def test_any_label_survives(labels: list[str], name: str, note: str, comment: str) -> None:
    schema = Schema(columns=(Column(name=name, categories=tuple(labels), note=note or None),))
    heading = " ".join(comment.split())
    comments = {"": heading, f"columns.{name}": heading, f"columns.{name}.categories": heading}
    if heading.isprintable():
        assert loads_schema(dumps_schema(schema, comments=comments)) == schema
    assert loads_schema(dumps_schema(schema)) == schema


@given(label=LABEL)
def test_other_yaml_readers_see_the_same_label(label: str) -> None:
    text = dumps_schema(Schema(columns=(Column(name="x", categories=(label,)),)))
    assert yaml.safe_load(text)["columns"]["x"]["categories"] == [label]


def test_comments_stand_where_they_belong() -> None:
    schema = Schema(columns=(Column(name="age", minimum=17.5),), rows=9)
    text = dumps_schema(
        schema,
        comments={
            "": "A draft.\nComplete it.",
            "columns.age": "years",
            "columns.age.minimum": "learned from the data",
            "rows": "published",
        },
    )
    assert text == (
        "# A draft.\n# Complete it.\nrows: 9  # published\ncolumns:\n  # years\n  age:\n"
        "    kind: number\n    minimum: 17.5  # learned from the data\n"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("columns:\n  age:\n    kindd: number\n", ["line 3", "columns.age", "did you mean 'kind'"]),
        ("columns:\n  age:\n    kind: numbr\n", ["line 3", "columns.age.kind", "'number'"]),
        ("columns:\n  a: {identifier: mail}\n", ["line 2", "identifier", "'email'"]),
        ("columns:\n  a: {action: dropp}\n", ["line 2", "action", "'drop'"]),
        ("colums: {}\n", ["line 1", "did you mean 'columns'"]),
        ("rows: many\n", ["line 1", "rows", "integer"]),
        ("columns:\n  a: {decimals: 12}\n", ["line 2", "columns.a.decimals", "9"]),
        ("columns:\n  a: {minimum: 9, maximum: 1}\n", ["line 2", "columns.a", "not below"]),
        ("columns:\n  a:\n    minimum: x\n", ["line 3", "columns.a.minimum", "a bound is"]),
        ("columns:\n  a: {}\n  a: {}\n", ["line 3", "'a' is given twice"]),
        ("columns:\n  - {kind: number}\n", ["line 2", "name is missing"]),
        ("rules:\n  - a >= 1\n  - a >= >\n", ["line 3", "does not parse"]),
        ("columns: [\n", ["line 2", "not valid YAML"]),
        ("columns:\n\t- a\n", ["line 2", "not valid YAML"]),
        ("- a\n", ["a schema is a mapping"]),
        ("max_rows_per_unit: 2\n", ["needs the unit"]),
        ("columns: 3\n", ["line 1", "columns"]),
        ("? [a, b]\n: c\n", ["line 1", "plain name"]),
        ("a: " + "[" * 5000, ["not valid YAML"]),
    ],
)
def test_errors_name_line_and_field(text: str, told: list[str]) -> None:
    with pytest.raises(SchemaError) as caught:
        loads_schema(text, origin="s.yaml")
    for word in ["s.yaml", *told]:
        assert word in str(caught.value)


def test_nothing_is_constructed_and_nothing_explodes() -> None:
    with pytest.raises(SchemaError):
        loads_schema("columns: !!python/object/apply:os.system ['true']\n")
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
    )
    with pytest.raises(SchemaError):
        loads_schema(bomb)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    schema = Schema(columns=(Column(name="größe", minimum=1),), rules=(Rule(expr="größe > 1"),))
    dump_schema(schema, path)
    assert load_schema(path) == schema
    assert [p.name for p in tmp_path.iterdir()] == ["schema.yaml"]
    for missing, reason in ((tmp_path / "no.yaml", "no schema file"), (tmp_path, "folder")):
        with pytest.raises(SchemaError, match=reason):
            load_schema(missing)
    path.write_bytes("größe".encode("latin-1"))
    with pytest.raises(SchemaError, match="not UTF-8"):
        load_schema(path)
    with pytest.raises(OutputError, match="cannot be written"):
        dump_schema(schema, tmp_path / "absent" / "schema.yaml")
