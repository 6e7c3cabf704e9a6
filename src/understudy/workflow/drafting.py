"""A draft schema for a person to complete: public facts first, the data's facts as comments.

This module looks at rows, exactly and without a charge: what it writes is as sensitive as the
table until a person has decided, fact by fact, what is public anyway. Nothing that came from the
data is active in the draft: it loads as it stands and declares nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from understudy.cells.classes import MARKS
from understudy.cells.reading import storage_numbers
from understudy.curator import CellClasses
from understudy.curator.encodings import as_text, distinct_codes, encode
from understudy.prepare.roles import Role, Route, by_name, needs_classes, role_of
from understudy.schema import Column, Kind, Schema, Storage, dumps_schema
from understudy.source import DatabaseTable, Header, SensitiveTable, sample_stream
from understudy.workflow.places import Place, as_place, container_of, leave

MOST_LABELS = 50
"""More labels than this are not offered."""

LEAST_ROWS = 10
"""A label that fewer rows hold is not offered: it may be one person's."""

SAMPLED_ROWS = 100_000
"""Rows of a database or a stream that are looked at, at most."""

_SURE, _ROWS_TO_JUDGE_UNIQUE = 0.5, 50
_HEAD = """\
Draft schema for {name}. It declares nothing yet: every line below is a comment or a name.

Public anyway (from the file's header and layout): the columns' names, their order and storage
types, and that a column is a direct identifier when its name says so.

SEEN IN THE DATA: lines that begin with '# ' and a field. Nobody has paid for them. Uncomment one
only when it is public from elsewhere (a codebook, a questionnaire, a law), and correct it to
what is published: a smallest or largest value is some person's value. What you declare is free,
is listed as "declared public" in the evidence, and you answer for it. What you leave out is
learned privately and charged.

Keep this file with the data until you have removed what you do not declare.

Table: {storage}. Also possible here:
  unit: COLUMN             one person's rows share a value of this column
  max_rows_per_unit: 5     that many rows of each are used
  rules:                   conditions every row is publicly known to meet
    - if married == 'yes' then age >= 15"""


def draft_schema(data: Any) -> str:
    """Write a draft schema for a table.

    Parameters
    ----------
    data
        A path, the address of a table in a database, a DataFrame or a `SensitiveTable`.

    Returns
    -------
    YAML that `load_schema` reads and that changes nothing until it is edited. Handle as personal
    data.

    Raises
    ------
    FormatError, InputError
        The table cannot be read.

    >>> text = draft_schema(pa.table({"age": [30, 41, 52]}))
    >>> [line.strip() for line in text.splitlines() if "minimum" in line]
    ["# minimum: 30  # the smallest cell: one person's value"]
    >>> from understudy.schema import loads_schema
    >>> loads_schema(text).declared_public()
    []
    """
    place = as_place(data)
    table = _looked_at(place)
    lines = [f"# {line}".rstrip() for line in _HEAD.format(
        name=ascii(table.name)[1:-1], storage=_storage(place)).splitlines()]  # fmt: skip
    lines += ["", "columns:"]
    for header in place.headers:
        lines += _column(table, header)
    return "\n".join(lines) + "\n"


def _looked_at(place: Place) -> SensitiveTable:
    """The rows themselves; of a database or a stream a random sample."""
    if isinstance(place, SensitiveTable):
        return place
    if isinstance(place, DatabaseTable):
        odd = [header.name for header in place.headers if header.storage is Storage.OTHER]
        try:
            return sample_stream(place.snapshot(without=odd).learned_from(), SAMPLED_ROWS)[0]
        finally:
            leave(place)
    return sample_stream(place, SAMPLED_ROWS)[0]


def _storage(place: Place) -> str:
    """What the container says of types."""
    if place.format.container == "csv":
        return "CSV, in which every column is stored as text"
    if isinstance(place, SensitiveTable):
        return f"{place.format.container}, typed"
    return f"{container_of(place)}, typed; looked at: at most {SAMPLED_ROWS:,} rows, at random"


def _column(table: SensitiveTable, header: Header) -> Iterator[str]:
    """The lines of one column."""
    yield ""
    yield f"  {_key(header.name)}:"
    if header.storage is Storage.OTHER:
        yield f"    # stored as {header.arrow}, which cannot be modelled: uncomment the next line"
        yield "    # action: drop"
        return
    cells = table.rows.column(header.name)
    role = _role(header, cells)
    named = by_name(header, Column(name=header.name))
    if header.storage is not Storage.TEXT:
        yield f"    # public: stored as {header.storage.value}"
    if named is not None:
        yield f"    # public: its name says direct identifier ({named.value}), so it is replaced"
        yield "    # action: drop      # or keep, with a kind: then it is modelled"
        if role.route is Route.STANDIN:
            return
    if role.route is Route.STANDIN and role.identifier is not None:
        yield "    # seen in the data: cells look like direct identifiers"
        yield f"    # identifier: {role.identifier.value}"
        return
    yield "    # seen in the data, not public unless you know it from elsewhere:"
    for text in _offers(role, cells):
        yield f"    # {text}"


def _role(header: Header, cells: pa.ChunkedArray) -> Role:
    """What the column would be taken for if its cells were counted without noise."""
    column = Column(name=header.name)
    classes = None
    if needs_classes(header, column):
        encoding = CellClasses(column=header.name, floats=header.storage is not Storage.TEXT)
        codes = encode(encoding, cells, header.storage)
        classes = np.bincount(codes, minlength=encoding.size).astype(np.float64)
    _, values = distinct_codes(as_text(cells, header.storage))
    share = len(values) / len(cells) if len(cells) >= _ROWS_TO_JUDGE_UNIQUE else None
    return role_of(header, column, classes=classes, sigma=_SURE, distinct_share=share)


def _offers(role: Role, cells: pa.ChunkedArray) -> Iterator[str]:
    """Fields and values seen in the data, as YAML."""
    yield _yaml("kind", role.kind.value)
    if role.route is Route.NUMBERS:
        yield from _line_offers(role, cells)
    else:
        yield from _label_offers(role, cells)
    if role.header.storage is Storage.TEXT:
        yield from _null_offers(role, cells)
    elif not cells.null_count:
        yield "nulls: []  # nothing is missing"


def _null_offers(role: Role, cells: pa.ChunkedArray) -> Iterator[str]:
    """Null marks among the cells; none is offered as a certainty while a rare one occurs."""
    usual = tuple(mark for mark in role.marks if mark is not None)
    occurs = set(distinct_codes(as_text(cells, role.header.storage))[1].to_pylist())
    rare = sorted(occurs & set(MARKS) - set(usual) - set(role.labels))
    if usual:
        more = f"  # {len(rare)} more in a few rows" if rare else ""
        yield _yaml("nulls", usual) + more
    elif rare:
        yield f"{_yaml('nulls', tuple(rare))}  # in a few rows, if these are null marks"
    elif not cells.null_count:
        yield "nulls: []  # nothing is missing"


def _line_offers(role: Role, cells: pa.ChunkedArray) -> Iterator[str]:
    """Extremes, decimals and formats of numbers and moments."""
    reading = role.reading
    assert reading is not None
    if role.header.storage is Storage.TEXT:
        numbers, readable = reading.numbers(cells)
    else:
        numbers, readable = storage_numbers(cells)
    if role.kind is Kind.NUMBER and reading.decimals is not None:
        yield _yaml("decimals", reading.decimals)
    if role.kind is Kind.NUMBER and reading.width is not None:
        yield _yaml("width", reading.width)
    if role.kind is not Kind.NUMBER and reading.format and role.header.storage is Storage.TEXT:
        yield _yaml("format", reading.format)
    if role.kind is Kind.DATETIME and reading.zone:
        yield _yaml("zone", reading.zone)
    seen = numbers[readable]
    if not len(seen) or role.kind is Kind.TIME:
        return
    if seen.min() == seen.max():
        told = _yaml("minimum", _bound(float(seen.min()), role.kind))
        yield f"{told}  # every cell: declare the range it could have"
        return
    for field, value, word in (
        ("minimum", seen.min(), "smallest"),
        ("maximum", seen.max(), "largest"),
    ):
        yield f"{_yaml(field, _bound(float(value), role.kind))}  # the {word} cell: one person's value"


def _bound(value: float, kind: Kind) -> object:
    """A point on the number line as a schema spells it; days for dates, seconds for datetimes."""
    if kind is Kind.NUMBER:
        return value
    start = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    step = dt.timedelta(days=value) if kind is Kind.DATE else dt.timedelta(seconds=value)
    moment = start + step
    return moment.date() if kind is Kind.DATE else moment.replace(tzinfo=None, microsecond=0)


def _label_offers(role: Role, cells: pa.ChunkedArray) -> Iterator[str]:
    """Labels of a category or a boolean."""
    if role.kind is Kind.BOOLEAN:
        if role.header.storage is Storage.TEXT and len(role.labels) >= 2:
            false, true = role.labels[:2]
            yield _yaml("true", true)
            yield _yaml("false", false)
        return
    codes, values = distinct_codes(as_text(cells, role.header.storage))
    counts = np.bincount(codes[codes >= 0], minlength=len(values))
    marks = {*role.marks, *MARKS}
    labels = {
        label: int(count)
        for label, count in zip(values.to_pylist(), counts, strict=True)
        if label not in marks
    }
    if len(labels) > MOST_LABELS:
        yield f"(more than {MOST_LABELS} different labels: not listed here)"
        return
    often = tuple(sorted(label for label, count in labels.items() if count >= LEAST_ROWS))
    rare = len(labels) - len(often)
    if often:
        more = f"  # and {rare} that fewer than {LEAST_ROWS} rows hold" if rare else ""
        yield _yaml("categories", often) + more


def _key(name: str) -> str:
    """A column's name as a YAML key."""
    text = dumps_schema(Schema(columns=(Column(name=name),)))
    return text.splitlines()[-1].strip().removesuffix(" {}").removesuffix(":")


def _yaml(field: str, value: object) -> str:
    """A field with its value on one line, quoted as the schema's writer quotes."""
    if isinstance(value, tuple):
        told = [_scalar(item) for item in value]
        return f"{field}: [{', '.join(told)}]"
    key = f'"{field}"' if field in ("true", "false") else field
    return f"{key}: {_scalar(value)}"


def _scalar(value: object) -> str:
    """A value as the schema's writer spells it."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float | dt.date):
        return str(value)
    return _key(str(value)) if value else '""'
