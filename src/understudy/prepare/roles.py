"""What each column is to be treated as, from public facts and one round of noisy counts.

What may not happen here: a decision from anything but the schema, the header and the curator's
noisy answers.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa

from understudy.cells.classes import FLOAT_CLASSES
from understudy.cells.dates import layout_of
from understudy.cells.reading import Reading, storage_numbers
from understudy.errors import SchemaError
from understudy.prepare.discretise import WHOLE
from understudy.prepare.kinds import Decision, decide, decide_floats
from understudy.schema import Column, IdentifierKind, Kind, Storage, identifier_by_name
from understudy.source import Header, storage_of

TYPED_KINDS = {
    Storage.INT: Kind.NUMBER,
    Storage.FLOAT: Kind.NUMBER,
    Storage.DECIMAL: Kind.NUMBER,
    Storage.DATE: Kind.DATE,
    Storage.DATETIME: Kind.DATETIME,
    Storage.TIME: Kind.TIME,
    Storage.BOOL: Kind.BOOLEAN,
    Storage.CATEGORY: Kind.CATEGORY,
}
_FARTHEST = 2.0**62
_LINE = frozenset({Kind.NUMBER, Kind.DATE, Kind.DATETIME, Kind.TIME})


class Route(StrEnum):
    """How a column is learned."""

    NUMBERS = "numbers"
    LABELS = "labels"
    STANDIN = "stand-in"
    DROP = "drop"


@dataclass(frozen=True, kw_only=True)
class Role:
    """One column's treatment.

    Parameters
    ----------
    header, column
        Its public name and storage, and what the schema declares.
    route
        How it is learned.
    kind
        What it means.
    reading
        How its cells are numbers, for `Route.NUMBERS`.
    marks
        Null markers and other special cells known so far; `None` is the container's null.
    labels
        Labels known so far, for `Route.LABELS`.
    closed
        Whether the labels are the whole declared domain, so that nothing is discovered.
    odd_share
        Estimated share of cells that are neither numbers nor marks.
    identifier
        Which direct identifier it holds.
    distinct
        A low estimate of its distinct cells over its rows, when that was asked.
    paid
        For the evidence: how each fact was come by.
    """

    header: Header
    column: Column
    route: Route
    kind: Kind
    reading: Reading | None = None
    marks: tuple[str | None, ...] = ()
    labels: tuple[str | None, ...] = ()
    closed: bool = False
    odd_share: float = 0.0
    identifier: IdentifierKind | None = None
    distinct: float | None = None
    paid: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Column name."""
        return self.header.name


def needs_classes(header: Header, column: Column) -> bool:
    """Whether what the column is must be learned from a noisy count of cell classes."""
    if column.action == "drop" or column.identifier is not None:
        return False
    match header.storage:
        case Storage.FLOAT:
            undeclared = column.kind in (None, Kind.NUMBER) and column.decimals is None
            return undeclared and by_name(header, column) is None
        case Storage.DATETIME:
            return column.kind in (None, Kind.DATETIME)
        case Storage.TEXT:
            return not _fully_declared(column)
    return False


def _fully_declared(column: Column) -> bool:
    """Whether a text column's declaration leaves nothing to learn from its cells' classes."""
    match column.kind:
        case None:
            return False
        case Kind.IDENTIFIER | Kind.TEXT:
            return True
        case Kind.CATEGORY:
            return column.categories is not None or column.nulls is not None
        case Kind.BOOLEAN:
            return column.nulls is not None
        case Kind.NUMBER:
            return column.decimals is not None and column.nulls is not None
    return column.format is not None and column.nulls is not None


def may_be_key(header: Header, column: Column) -> bool:
    """Whether distinct cells are worth counting: they show keys, and columns of few values.

    A declared number is no key, but on a wide line a few frequent values may hold most rows.
    """
    undeclared = column.kind is None and column.action != "keep"
    wide = column.kind is Kind.NUMBER and not _is_short(column)
    return (
        (undeclared or wide)
        and column.identifier is None
        and header.storage in (Storage.TEXT, Storage.INT, Storage.FLOAT)
        and not by_name(header, column)
    )


def _is_short(column: Column) -> bool:
    """Whether declared bounds and decimals leave so few values that each is counted anyway."""
    low, high = column.minimum, column.maximum
    if not isinstance(low, float) or not isinstance(high, float) or column.decimals is None:
        return False
    return bool((high - low) * 10.0**column.decimals < WHOLE)


def by_name(header: Header, column: Column) -> IdentifierKind | None:
    """The identifier a column's name gives away, unless the schema says otherwise."""
    if column.kind not in (None, Kind.IDENTIFIER) or column.action == "keep":
        return None
    if header.storage not in (Storage.TEXT, Storage.INT, Storage.CATEGORY):
        return None
    return identifier_by_name(header.name)


def spells_text(header: Header) -> bool:
    """Whether cells are stored as text, so that any stand-in can take their place."""
    kind = header.type.value_type if pa.types.is_dictionary(header.type) else header.type
    return storage_of(kind, header.name) is Storage.TEXT


def role_of(
    header: Header,
    column: Column,
    *,
    classes: np.ndarray | None,
    sigma: float,
    distinct_share: float | None,
) -> Role:
    """Decide a column's role.

    Parameters
    ----------
    classes, sigma
        Noisy counts of cell classes and their noise, when they were asked.
    distinct_share
        Noisy distinct cells over noisy rows, reduced by three standard deviations, when asked.
    """
    if header.storage is Storage.OTHER and column.action != "drop":
        raise SchemaError(
            f"column {header.name!r} has a type that cannot be modelled",
            hint="convert it before, or declare `action: drop` for it in the schema",
            type=str(header.type),
        )
    start = Role(header=header, column=column, route=Route.LABELS, kind=Kind.CATEGORY)
    if column.format is not None:
        layout_of(column.format)
    if column.action == "drop":
        return replace(start, route=Route.DROP, paid={"dropped": "declared"})
    if header.storage is Storage.TEXT:
        decision = decide(classes, sigma, column) if classes is not None else None
        return _text_role(start, decision, distinct_share)
    return _typed_role(start, classes, sigma, distinct_share)


def _identified(role: Role, kind: IdentifierKind, why: str) -> Role:
    """The role of a direct identifier: never modelled, replaced by stand-ins."""
    return replace(
        role,
        route=Route.STANDIN,
        kind=Kind.IDENTIFIER,
        identifier=kind,
        labels=role.marks,
        paid={**role.paid, "identifier": why},
    )


def _declared_identifier(role: Role, *, named: bool = True) -> Role | None:
    """The role of a column declared, or when nothing else is known named, as an identifier."""
    column, guess = role.column, by_name(role.header, role.column)
    if column.action == "keep":
        return None
    if column.identifier is not None:
        return _identified(role, column.identifier, "declared")
    if column.kind is Kind.IDENTIFIER:
        return _identified(role, guess or IdentifierKind.KEY, "declared")
    if column.kind is Kind.TEXT:
        return _identified(role, IdentifierKind.FREE_TEXT, "declared")
    return _identified(role, guess, "by its name") if named and guess is not None else None


def _text_role(role: Role, decision: Decision | None, distinct_share: float | None) -> Role:
    """The role of a text column."""
    column = role.column
    marks = column.nulls if column.nulls is not None else decision.marks if decision else ()
    nullable: tuple[str | None, ...] = (*marks, None) if role.header.nullable else tuple(marks)
    how = "declared" if column.nulls is not None else "noisy cell classes"
    role = replace(role, marks=nullable, paid={"null marks": how})
    declared = _declared_identifier(role, named=decision is None)
    if declared is not None:
        return declared
    if decision is not None and decision.identifier is not None and column.action != "keep":
        named_so = decision.identifier is by_name(role.header, column)
        why = "by its name" if named_so else "noisy cell classes"
        return _identified(role, decision.identifier, why)
    kind = column.kind or (decision.kind if decision else Kind.CATEGORY)
    if distinct_share is not None and distinct_share > 0.9 and kind is Kind.CATEGORY:
        return _identified(role, IdentifierKind.KEY, "noisy share of distinct cells")
    undeclared = column.kind is None
    if undeclared and (distinct_share or 0.0) > 0.98 and _whole(kind, decision):
        return _identified(role, IdentifierKind.KEY, "noisy share of distinct cells")
    paid = {**role.paid, "kind": "declared" if column.kind else "noisy cell classes"}
    if kind in _LINE:
        reading = _declared_reading(column, kind, decision)
        odd = decision.odd_share if decision else 0.0
        return replace(
            role, route=Route.NUMBERS, kind=kind, reading=reading, odd_share=odd, paid=paid
        )
    if kind is Kind.TEXT:
        return _identified(role, IdentifierKind.FREE_TEXT, "noisy cell classes")
    return replace(role, kind=kind, paid=paid, **_known_labels(role, kind, decision))


def _whole(kind: Kind, decision: Decision | None) -> bool:
    """Whether a text column holds whole numbers."""
    reading = decision.reading if decision else None
    return kind is Kind.NUMBER and reading is not None and reading.unit == 1.0


def _known_labels(role: Role, kind: Kind, decision: Decision | None) -> dict[str, Any]:
    """Labels a boolean or a declared category starts with."""
    column, marks = role.column, role.marks
    if column.categories is not None:
        return {"labels": (*column.categories, *marks), "closed": True}
    if kind is Kind.BOOLEAN:
        reading = decision.reading if decision else None
        spelled = (column.false, column.true) if column.true else None
        if spelled is None and reading is not None and reading.true is not None:
            spelled = (reading.false, reading.true)
        if spelled is not None:
            return {"labels": (*spelled, *marks), "closed": True}
    return {"labels": marks}


def _declared_reading(column: Column, kind: Kind, decision: Decision | None) -> Reading:
    """How cells are read: what is declared first, then what was decided."""
    reading = decision.reading if decision and decision.reading else Reading(kind=kind)
    if reading.kind is not kind:
        reading = Reading(kind=kind)
    told = {
        name: getattr(column, name)
        for name in ("decimals", "width", "format", "zone")
        if getattr(column, name) is not None
    }
    return replace(reading, **told) if told else reading


def _typed_role(
    role: Role, classes: np.ndarray | None, sigma: float, distinct_share: float | None
) -> Role:
    """The role of a column whose container says its type."""
    column, storage = role.column, role.header.storage
    marks = (None,) if role.header.nullable else ()
    role = replace(role, marks=marks, paid={"kind": "storage type"})
    declared = _declared_identifier(role)
    if declared is not None:
        return (
            declared
            if spells_text(role.header)
            else replace(declared, identifier=IdentifierKind.KEY)
        )
    kind = column.kind or TYPED_KINDS[storage]
    if storage is Storage.INT and column.kind is None and (distinct_share or 0.0) > 0.98:
        return _identified(role, IdentifierKind.KEY, "noisy share of distinct cells")
    if kind in (Kind.CATEGORY, Kind.BOOLEAN):
        if storage is Storage.BOOL:
            return replace(role, kind=kind, labels=("false", "true", *marks), closed=True)
        known = _known_labels(role, kind, None)
        return replace(role, kind=kind, paid={"kind": "declared"}, **known)
    if storage is Storage.FLOAT and column.decimals is None:
        decision = decide_floats(classes, sigma, column) if classes is not None else None
        reading = _declared_reading(column, kind, decision)
        paid = {"kind": "storage type", "decimals": "noisy cell classes"}
        return replace(role, route=Route.NUMBERS, kind=kind, reading=reading, paid=paid)
    reading = _typed_reading(role.header, column, kind, classes)
    return replace(role, route=Route.NUMBERS, kind=kind, reading=reading)


def _typed_reading(
    header: Header, column: Column, kind: Kind, classes: np.ndarray | None
) -> Reading:
    """The reading a container's type implies; datetimes that are whole days are kept so."""
    if kind is Kind.NUMBER:
        scale = header.type.scale if pa.types.is_decimal(header.type) else 0
        return Reading(
            kind=kind, decimals=column.decimals if column.decimals is not None else scale
        )
    if kind is Kind.DATETIME and classes is not None:
        shares = dict(zip(FLOAT_CLASSES, np.maximum(classes, 0.0), strict=True))
        days = shares["integer"]
        other = sum(share for name, share in shares.items() if name.startswith("decimal"))
        if days > 9 * other:
            return Reading(kind=kind, format="%Y-%m-%d")
    return Reading(kind=kind)


def declared_bounds(role: Role) -> tuple[float | None, float | None]:
    """Declared inclusive bounds in lattice steps (or the reading's own units)."""
    return _bound(role, role.column.minimum), _bound(role, role.column.maximum)


def _bound(role: Role, limit: float | dt.date | dt.datetime | None) -> float | None:
    """One declared bound on the number line of the role's reading."""
    if limit is None or role.reading is None:
        return None
    if isinstance(limit, dt.date):
        moment = limit if isinstance(limit, dt.datetime) else dt.datetime.combine(limit, dt.time())
        array = pa.array([moment.replace(tzinfo=None)], pa.timestamp("us"))
        if role.kind is Kind.DATE:
            array = pa.array([moment.date()])
        value = float(storage_numbers(array)[0][0])
    else:
        value = float(limit)
    if role.reading.unit is None:
        return value
    return round(min(max(value / role.reading.unit, -_FARTHEST), _FARTHEST))
