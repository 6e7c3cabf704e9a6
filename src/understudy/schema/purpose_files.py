"""Purposes as YAML for people: read with line and field in every error, and written.

    floor: 0.5
    purposes:
      income by sex:
        kind: table
        columns: [income]
        by: [sex]
        tolerance: {tvd: 0.03}
        weight: 2
      hours:
        kind: subgroup
        statistic: mean
        variable: hours-per-week
        by: [sex, income]
        tolerance: {absolute: 1}

What may not happen here: a look at rows, or purposes that name columns which are not there once
a header is known.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from understudy.errors import SchemaError
from understudy.schema.contradictions import NamedStorage
from understudy.schema.kinds import Kind
from understudy.schema.model import Schema
from understudy.schema.nodes import NodePath, Reader, compose, read_text, scalar, write_text
from understudy.schema.purposes import (
    CLASSIFIERS,
    KINDS,
    ClassifierPurpose,
    Cuts,
    Purposes,
    RegressionPurpose,
    SubgroupPurpose,
    TablePurpose,
)
from understudy.schema.spelling import did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_WHAT = "purposes"
_CHOICES: dict[str, Sequence[str]] = {
    "kind": list(KINDS),
    "model": ["linear", "logistic"],
    "models": CLASSIFIERS,
    "statistic": ["mean", "median", "share"],
}
_NUMERIC = frozenset({Kind.NUMBER})


def load_purposes(path: str | os.PathLike[str]) -> Purposes:
    """Read purposes from a YAML file.

    Parameters
    ----------
    path
        The file; UTF-8. Purposes are a mapping by name, or a list.

    Raises
    ------
    SchemaError
        Naming file, line, field, and what is allowed.
    """
    file = Path(path)
    return loads_purposes(read_text(file, _WHAT), origin=file.name)


def loads_purposes(text: str, *, origin: str = "purposes") -> Purposes:
    """Read purposes from YAML text; `origin` names it in errors.

    >>> loads_purposes('''
    ... purposes:
    ...   ages: {kind: table, columns: [age], tolerance: {tvd: 0.02}}
    ... ''').purposes[0].sentence
    'table of age'
    """
    node = compose(text, origin)
    if node is None:
        raise SchemaError(f"{origin}: no purposes are named", hint="see docs/purposes.md")
    reader = Reader(origin, _WHAT, spelled=lambda path: path[-1:] == ("equals",))
    return parse_purposes(reader.read(node), origin=origin, lines=reader.lines)


def parse_purposes(
    data: object, *, origin: str = "purposes", lines: Mapping[NodePath, int] | None = None
) -> Purposes:
    """Build purposes from plain values, with the errors of a purposes file.

    Raises
    ------
    SchemaError
        Naming origin, line, field, and what is allowed.

    >>> parse_purposes({"purposes": {"t": {"kind": "tabel"}}})
    Traceback (most recent call last):
    understudy.errors.SchemaError: purposes: purposes.t.kind is not known. did you mean 'table'? \
Allowed: table, regression, classifier, subgroup
    """
    if not isinstance(data, Mapping):
        raise SchemaError(f"{origin}: purposes are a mapping", hint="Allowed: purposes, floor")
    fields = {name: value for name, value in data.items() if value is not None}
    names: list[str] = []
    listed = fields.get("purposes")
    if isinstance(listed, Mapping):
        names = [str(name) for name in listed]
        fields["purposes"] = [_named(name, body) for name, body in listed.items()]
    if not fields.get("purposes"):
        raise SchemaError(f"{origin}: no purposes are named", hint="see docs/purposes.md")
    try:
        return Purposes.model_validate(fields)
    except ValidationError as problem:
        raise _explained(problem.errors()[0], origin, names, lines or {}) from None


def _named(name: object, body: object) -> object:
    """Turn one entry of a mapping of purposes into the fields of a purpose."""
    if isinstance(body, Mapping) and "name" not in body:
        return {"name": name, **body}
    return body


def _explained(
    error: ErrorDetails, origin: str, names: Sequence[str], lines: Mapping[NodePath, int]
) -> SchemaError:
    """Turn the first validation error into a message with line, field and choices."""
    loc: list[str | int] = list(error["loc"])
    kind = ""
    if len(loc) > 2 and loc[0] == "purposes" and loc[2] in KINDS:
        kind = str(loc.pop(2))
    if error["type"].startswith("union_tag"):
        loc.append("kind")
    if len(loc) > 1 and loc[0] == "purposes" and names:
        loc[1] = names[int(loc[1])]
    line = next(
        (lines[key] for n in range(len(loc), -1, -1) if (key := tuple(loc[:n])) in lines), None
    )
    where = f"{origin}, line {line}" if line else origin
    label = ".".join(str(part) for part in loc)
    field = next((str(part) for part in reversed(loc) if isinstance(part, str)), "")
    match error["type"]:
        case "extra_forbidden":
            parent = ".".join(str(part) for part in loc[:-1]) or "the file"
            return SchemaError(
                f"{where}: {parent} has the unknown field {field!r}",
                hint=did_you_mean(field, _fields(kind, loc)),
            )
        case "union_tag_not_found":
            return SchemaError(f"{where}: {label} is missing", hint=f"Allowed: {', '.join(KINDS)}")
        case "union_tag_invalid":
            given = str(error.get("ctx", {}).get("tag", ""))
            return SchemaError(f"{where}: {label} is not known", hint=did_you_mean(given, KINDS))
        case "literal_error":
            hint = did_you_mean(str(error["input"]), _CHOICES.get(field, []))
            return SchemaError(f"{where}: {label} is not known", hint=hint)
        case "missing":
            return SchemaError(f"{where}: {label} is missing")
        case "value_error":
            message = str(error["ctx"]["error"])
            return SchemaError(f"{where}: {label}: {message}" if label else f"{where}: {message}")
        case _:
            return SchemaError(f"{where}: {label}: {error['msg'][:1].lower()}{error['msg'][1:]}")


def _fields(kind: str, loc: Sequence[str | int]) -> list[str]:
    """Fields that are allowed where an unknown one was found."""
    if not kind:
        return list(Purposes.model_fields)
    model = KINDS[kind]
    if "tolerance" in loc:
        inner = model.model_fields["tolerance"].annotation
        return list(getattr(inner, "model_fields", ()))
    if "cuts" in loc:
        return list(Cuts.model_fields)
    return list(model.model_fields)


def check_purposes(
    purposes: Purposes, headers: Iterable[NamedStorage], schema: Schema | None = None
) -> None:
    """Refuse purposes that a table cannot serve, before anything is spent.

    Parameters
    ----------
    purposes
        The purposes.
    headers
        Names and storage types of the table's columns.
    schema
        What is declared: a dropped column, a direct identifier, a kind or a list of labels can
        contradict a purpose.

    Raises
    ------
    SchemaError
        Naming the purpose and the column, and the nearest column for a name that is unknown.
    """
    declared = schema or Schema()
    names = [header.name for header in headers]
    for purpose in purposes.purposes:
        for name in purpose.columns_named:
            where = f"purpose {purpose.name!r} names column {name!r}"
            if name not in names:
                raise SchemaError(
                    f"{where}, which the table does not have", hint=did_you_mean(name, names)
                )
            column = declared.column(name)
            if column.action == "drop":
                raise SchemaError(f"{where}, which the schema drops")
            if column.identifier is not None and column.action != "keep":
                raise SchemaError(f"{where}, a direct identifier that is replaced by stand-ins")
        if isinstance(purpose, ClassifierPurpose) and len(names) < 2:
            raise SchemaError(f"purpose {purpose.name!r} has nothing to predict from")
        _check_kinds(purpose, declared)


def _check_kinds(
    purpose: TablePurpose | RegressionPurpose | ClassifierPurpose | SubgroupPurpose,
    declared: Schema,
) -> None:
    """Refuse arithmetic on declared labels, and labels that are not declared."""
    if isinstance(purpose, TablePurpose):
        outcome, number = None, False
    elif isinstance(purpose, SubgroupPurpose):
        outcome, number = purpose.variable, purpose.statistic != "share"
    elif isinstance(purpose, RegressionPurpose):
        outcome, number = purpose.outcome, purpose.model == "linear"
    else:
        outcome, number = purpose.target, False
    for cuts in getattr(purpose, "cuts", ()):
        _refuse_kind(purpose.name, cuts.column, declared, "cuts need a number")
    if outcome is None:
        return
    if number:
        _refuse_kind(purpose.name, outcome, declared, "it needs a number")
    if getattr(purpose, "above", None) is not None:
        _refuse_kind(purpose.name, outcome, declared, "`above` needs a number")
    label, column = getattr(purpose, "equals", None), declared.column(outcome)
    known = column.categories or tuple(filter(None, (column.true, column.false)))
    if label is not None and known and label not in known:
        raise SchemaError(
            f"purpose {purpose.name!r} speaks of a label of {outcome!r} that is not declared",
            hint=did_you_mean(label, known),
        )


def _refuse_kind(purpose: str, name: str, declared: Schema, why: str) -> None:
    """Refuse a column that is declared to hold something else than numbers."""
    kind = declared.column(name).kind
    if kind is not None and kind not in _NUMERIC:
        raise SchemaError(f"purpose {purpose!r}: {name!r} is declared {kind.value}, and {why}")


def dump_purposes(purposes: Purposes, path: str | os.PathLike[str]) -> None:
    """Write purposes as YAML that `load_purposes` reads back equal.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    write_text(Path(path), dumps_purposes(purposes))


def dumps_purposes(purposes: Purposes) -> str:
    """Return purposes as YAML text; fields at their default are left out.

    >>> print(dumps_purposes(parse_purposes({"purposes": [{"name": "t", "kind": "table",
    ...     "columns": ["a", "b"], "tolerance": {"tvd": 0.05}}]})), end="")
    purposes:
      t:
        kind: table
        columns: [a, b]
        tolerance: {tvd: 0.05}
    """
    lines = []
    if purposes.floor != Purposes.model_fields["floor"].default:
        lines.append(f"floor: {scalar(purposes.floor)}")
    lines.append("purposes:")
    for purpose in purposes.purposes:
        lines += [f"  {scalar(purpose.name)}:", f"    kind: {purpose.kind}"]
        for name, field in type(purpose).model_fields.items():
            value = getattr(purpose, name)
            if name in ("name", "kind") or value is None or value == field.default:
                continue
            lines.append(f"    {name}: {_flow(name, value)}")
    return "\n".join(lines) + "\n"


def _flow(name: str, value: object) -> str:
    """A value on one line."""
    if name == "tolerance":
        given = value.given()  # type: ignore[attr-defined]
        return "{" + ", ".join(f"{key}: {scalar(number)}" for key, number in given.items()) + "}"
    if name == "cuts":
        told = [(cuts.column, cuts.at) for cuts in value]  # type: ignore[attr-defined]
        return "{" + ", ".join(f"{scalar(key)}: {_row(at)}" for key, at in told) + "}"
    return _row(value) if isinstance(value, tuple) else scalar(value)


def _row(values: Iterable[object]) -> str:
    """Values between brackets."""
    return "[" + ", ".join(scalar(value) for value in values) + "]"
