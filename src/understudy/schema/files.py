"""Schemas as YAML for people: read with line numbers in every error, written with comments.

Scalars are read as they are spelled, not as YAML would guess: `categories: [yes, 01, null]` are
the three labels "yes", "01" and "null".

    unit: patient_id
    max_rows_per_unit: 4
    columns:
      age: {minimum: 0, maximum: 120, note: by definition}
      married: {true: yes, false: no}
    rules:
      - if married == 'yes' then age >= 15

What may not happen here: object construction from YAML tags, or a look at rows.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from understudy.errors import SchemaError
from understudy.schema.model import Column, IdentifierKind, Kind, Rule, Schema
from understudy.schema.nodes import NodePath, Reader, compose, read_text, scalar, write_text
from understudy.schema.spelling import did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

KIND_OF_FILE = "schema"
_SPELLED_FIELDS = frozenset({"categories", "nulls", "true", "false", "name"})
_CHOICES: dict[str, Sequence[str]] = {
    "kind": list(Kind),
    "identifier": list(IdentifierKind),
    "action": ["replace", "drop", "keep"],
}
_FIELDS: dict[str, Sequence[str]] = {
    "": list(Schema.model_fields),
    "columns": list(Column.model_fields),
    "rules": list(Rule.model_fields),
}


def load_schema(path: str | os.PathLike[str]) -> Schema:
    """Read a schema from a YAML file.

    Parameters
    ----------
    path
        The file; UTF-8, at most 64 MiB. Columns are a mapping by name, or a list.

    Returns
    -------
    Schema
        The declared facts.

    Raises
    ------
    SchemaError
        Naming file, line, field, and what is allowed.
    """
    file = Path(path)
    return loads_schema(read_text(file, KIND_OF_FILE), origin=file.name)


def loads_schema(text: str, *, origin: str = "schema") -> Schema:
    """Read a schema from YAML text; `origin` names it in errors.

    >>> loads_schema("columns: {flag: {true: yes, false: no}}").column("flag").true
    'yes'
    """
    node = compose(text, origin)
    if node is None:
        return Schema()
    reader = Reader(origin, KIND_OF_FILE, spelled=_is_spelled)
    return parse_schema(reader.read(node), origin=origin, lines=reader.lines)


def _is_spelled(path: NodePath) -> bool:
    """Whether `null` at this place is a label, not an absence."""
    return any(part in _SPELLED_FIELDS for part in path[2:])


def parse_schema(
    data: object, *, origin: str = "schema", lines: Mapping[NodePath, int] | None = None
) -> Schema:
    """Build a schema from plain values, with the errors of a schema file.

    Parameters
    ----------
    data
        A mapping of fields; `columns` is a mapping by name, or a list.
    origin
        Names the source in errors.
    lines
        Line numbers by path, where known.

    Raises
    ------
    SchemaError
        Naming origin, line, field, and what is allowed.

    >>> parse_schema({"columns": {"age": {"kindd": "number"}}})
    Traceback (most recent call last):
    understudy.errors.SchemaError: schema: columns.age has the unknown field 'kindd'. \
did you mean 'kind'? Allowed: name, kind, minimum, maximum, decimals, width, categories, \
ordered, true, false, nulls, format, …
    """
    if not isinstance(data, Mapping):
        raise SchemaError(
            f"{origin}: a schema is a mapping", hint=f"Allowed: {', '.join(_FIELDS[''])}"
        )
    fields = dict(data)
    names: list[str] = []
    columns = fields.get("columns")
    if isinstance(columns, Mapping):
        names = [str(name) for name in columns]
        fields["columns"] = [_named(name, body) for name, body in columns.items()]
    elif columns is None:
        fields.pop("columns", None)
    if fields.get("rules", ()) is None:
        del fields["rules"]
    try:
        return Schema.model_validate(fields)
    except ValidationError as problem:
        raise _explained(problem.errors()[0], origin, names, lines or {}) from None


def _named(name: object, body: object) -> object:
    """Turn one entry of a mapping of columns into the fields of a column."""
    if body is None:
        return {"name": name}
    if isinstance(body, Mapping) and "name" not in body:
        return {"name": name, **body}
    return body


def _explained(
    error: ErrorDetails, origin: str, names: Sequence[str], lines: Mapping[NodePath, int]
) -> SchemaError:
    """Turn the first validation error into a message with line, field and choices."""
    loc: list[str | int] = [part for part in error["loc"] if not _is_branch(part)]
    if len(loc) > 1 and loc[0] == "columns" and names:
        loc[1] = names[int(loc[1])]
    line = next(
        (lines[key] for n in range(len(loc), -1, -1) if (key := tuple(loc[:n])) in lines), None
    )
    where = f"{origin}, line {line}" if line else origin
    field, label = str(loc[-1]) if loc else "", ".".join(str(part) for part in loc)
    match error["type"]:
        case "extra_forbidden":
            inside = str(loc[0]) if len(loc) > 1 else ""
            parent = ".".join(str(part) for part in loc[:-1]) or "the schema"
            return SchemaError(
                f"{where}: {parent} has the unknown field {field!r}",
                hint=did_you_mean(field, _FIELDS.get(inside, [])),
            )
        case "enum" | "literal_error":
            hint = did_you_mean(str(error["input"]), _CHOICES.get(field, []))
            return SchemaError(f"{where}: {label} is not known", hint=hint)
        case "missing":
            return SchemaError(f"{where}: {label} is missing")
        case "value_error":
            message = str(error["ctx"]["error"])
            return SchemaError(f"{where}: {label}: {message}" if label else f"{where}: {message}")
        case _:
            return SchemaError(f"{where}: {label}: {error['msg'][:1].lower()}{error['msg'][1:]}")


def _is_branch(part: str | int) -> bool:
    """Whether a part of a location names a branch of a union, not a field."""
    return isinstance(part, str) and (part.startswith("function-") or part.endswith(")"))


def dump_schema(
    schema: Schema,
    path: str | os.PathLike[str],
    *,
    comments: Mapping[str, str] | None = None,
) -> None:
    """Write a schema as YAML that `load_schema` reads back equal.

    Parameters
    ----------
    schema
        What to write; only fields that are set are written.
    path
        The file; replaced in one step.
    comments
        Text by path: `""` heads the file, `"columns.age"` stands above a column,
        `"columns.age.minimum"` after a field.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    file = Path(path)
    text = dumps_schema(schema, comments=comments)
    write_text(file, text)


def dumps_schema(schema: Schema, *, comments: Mapping[str, str] | None = None) -> str:
    """Return a schema as YAML text; see `dump_schema`.

    >>> print(dumps_schema(Schema(columns=[Column(name="flag", true="yes", false="no")])), end="")
    columns:
      flag:
        kind: boolean
        "true": "yes"
        "false": "no"
    """
    told = comments or {}
    lines = [f"# {line}".rstrip() for line in told.get("", "").splitlines()]
    for field in ("unit", "max_rows_per_unit", "rows"):
        value = getattr(schema, field)
        if value is not None:
            lines.append(f"{field}: {scalar(value)}{_after(told.get(field))}")
    if schema.columns:
        lines.append("columns:")
    for column in schema.columns:
        lines.extend(_column_lines(column, told))
    if schema.rules:
        lines.append("rules:")
    for rule in schema.rules:
        if rule.name == rule.expr:
            lines.append(f"  - {scalar(rule.expr)}")
        else:
            lines.extend((f"  - name: {scalar(rule.name)}", f"    expr: {scalar(rule.expr)}"))
    return "\n".join(lines) + "\n" if lines else "{}\n"


def _column_lines(column: Column, told: Mapping[str, str]) -> list[str]:
    """Return the lines of one column."""
    path = f"columns.{column.name}"
    lines = [f"  # {line}".rstrip() for line in told.get(path, "").splitlines()]
    body: list[str] = []
    for field in Column.model_fields:
        value = getattr(column, field)
        if field == "name" or value is None or value is False:
            continue
        after = _after(told.get(f"{path}.{field}"))
        if isinstance(value, tuple):
            body.append(f"    {scalar(field)}: {_list(value, indent=6, after=after)}")
        else:
            body.append(f"    {scalar(field)}: {scalar(value)}{after}")
    lines.append(f"  {scalar(column.name)}:" + ("" if body else " {}"))
    return lines + body


def _list(labels: tuple[str, ...], *, indent: int, after: str) -> str:
    """Return labels on one line while they fit, else one per line."""
    flow = f"[{', '.join(scalar(label) for label in labels)}]"
    if len(flow) <= 80:
        return flow + after
    gap = "\n" + " " * indent
    return (after.strip() + gap if after else gap) + gap.join(f"- {scalar(x)}" for x in labels)


def _after(comment: str | None) -> str:
    """Return a comment that stands after a value."""
    return f"  # {' '.join(comment.split())}" if comment else ""
