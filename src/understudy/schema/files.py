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

import datetime as dt
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml
from pydantic import ValidationError

from understudy.errors import OutputError, SchemaError
from understudy.schema.model import Column, IdentifierKind, Kind, Rule, Schema
from understudy.schema.spelling import did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_Path = tuple[str | int, ...]
_Loader = cast("type[yaml.SafeLoader]", getattr(yaml, "CSafeLoader", yaml.SafeLoader))
_MAX_BYTES = 64 << 20
_MAX_NODES = 2_000_000
_MAX_DEPTH = 8
_SPELLED_FIELDS = frozenset({"categories", "nulls", "true", "false", "name"})
_NULL_TAG = "tag:yaml.org,2002:null"
_TEXT_TAG = "tag:yaml.org,2002:str"
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
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise SchemaError(f"{file.name} is too large for a schema", limit_bytes=_MAX_BYTES)
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SchemaError(f"there is no schema file {file}") from None
    except IsADirectoryError:
        raise SchemaError(f"{file} is a folder, not a schema file") from None
    except UnicodeDecodeError:
        raise SchemaError(f"{file.name} is not UTF-8 text", hint="save it as UTF-8") from None
    except OSError as problem:
        raise SchemaError(f"{file} cannot be read: {problem.strerror}") from None
    return loads_schema(text, origin=file.name)


def loads_schema(text: str, *, origin: str = "schema") -> Schema:
    """Read a schema from YAML text; `origin` names it in errors.

    >>> loads_schema("columns: {flag: {true: yes, false: no}}").column("flag").true
    'yes'
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        where = f"{origin}, line {mark.line + 1}" if mark else origin
        raise SchemaError(
            f"{where}: not valid YAML: {problem.problem}",
            hint="indent with spaces, and quote a text that has ': ' or '#' in it",
        ) from None
    except (yaml.YAMLError, RecursionError):
        raise SchemaError(f"{origin}: not valid YAML") from None
    if node is None:
        return Schema()
    reader = _Reader(origin)
    return parse_schema(reader.read(node), origin=origin, lines=reader.lines)


def parse_schema(
    data: object, *, origin: str = "schema", lines: Mapping[_Path, int] | None = None
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
    error: ErrorDetails, origin: str, names: Sequence[str], lines: Mapping[_Path, int]
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


class _Reader:
    """YAML nodes to plain values: scalars as spelled, line numbers kept, tags ignored."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.lines: dict[_Path, int] = {}
        self._seen = 0

    def read(self, node: yaml.Node, path: _Path = ()) -> object:
        """Return the plain value of a node."""
        self._seen += 1
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if self._seen > _MAX_NODES or len(path) > _MAX_DEPTH:
            raise SchemaError(f"{self.origin}, line {line}: too deep or too long for a schema")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, i)) for i, item in enumerate(node.value)]
        text = str(node.value)
        spelled = any(part in _SPELLED_FIELDS for part in path[2:])
        return None if node.tag == _NULL_TAG and not spelled else text

    def _mapping(self, node: yaml.MappingNode, path: _Path) -> dict[str, Any]:
        """Return a mapping with its keys as spelled, refusing a key given twice."""
        result: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise SchemaError(f"{self.origin}, line {line}: a key is a plain name")
            name = str(key.value)
            if name in result:
                raise SchemaError(f"{self.origin}, line {line}: {name!r} is given twice")
            self.lines[(*path, name)] = line
            result[name] = self.read(value, (*path, name))
        return result


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
    try:
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as out:
                out.write(text)
            Path(temporary).chmod(0o666 & ~_umask())
            Path(temporary).replace(file)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as problem:
        raise OutputError(f"{file} cannot be written: {problem.strerror}") from None


def _umask() -> int:
    """Read the process's file mode mask."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


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
            lines.append(f"{field}: {_scalar(value)}{_after(told.get(field))}")
    if schema.columns:
        lines.append("columns:")
    for column in schema.columns:
        lines.extend(_column_lines(column, told))
    if schema.rules:
        lines.append("rules:")
    for rule in schema.rules:
        if rule.name == rule.expr:
            lines.append(f"  - {_scalar(rule.expr)}")
        else:
            lines.extend((f"  - name: {_scalar(rule.name)}", f"    expr: {_scalar(rule.expr)}"))
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
            body.append(f"    {_scalar(field)}: {_list(value, indent=6, after=after)}")
        else:
            body.append(f"    {_scalar(field)}: {_scalar(value)}{after}")
    lines.append(f"  {_scalar(column.name)}:" + ("" if body else " {}"))
    return lines + body


def _list(labels: tuple[str, ...], *, indent: int, after: str) -> str:
    """Return labels on one line while they fit, else one per line."""
    flow = f"[{', '.join(_scalar(label) for label in labels)}]"
    if len(flow) <= 80:
        return flow + after
    gap = "\n" + " " * indent
    return (after.strip() + gap if after else gap) + gap.join(f"- {_scalar(x)}" for x in labels)


def _after(comment: str | None) -> str:
    """Return a comment that stands after a value."""
    return f"  # {' '.join(comment.split())}" if comment else ""


_SAFE = re.compile(r"[\w.][\w .+/()<>=-]*")
_RESOLVER: Any = yaml.SafeLoader("")


def _scalar(value: object) -> str:
    """Return a value as a YAML scalar, quoted whenever any YAML reader could misread it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, int | dt.date):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    text = str(value)
    safe = _SAFE.fullmatch(text) and not text.endswith((" ", ":")) and text.isprintable()
    if safe and _RESOLVER.resolve(yaml.ScalarNode, text, (True, False)) == _TEXT_TAG:
        return text
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    """Return one character of a double-quoted YAML text."""
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    code = ord(char)
    return (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )
