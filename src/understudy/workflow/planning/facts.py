"""The public facts that a plan rests on: header, schema, declared size, settings.

What may not happen here: rows, or a number that depends on them. The size of a file is not read
either: two tables that differ in one person have the same facts, byte for byte.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from dataclasses import dataclass

from understudy.errors import InputError
from understudy.prepare.roles import TYPED_KINDS, by_name, may_be_key, needs_classes
from understudy.privacy.accountant import calibrate_rho
from understudy.privacy.budget import SELECTION_SHARE
from understudy.privacy.unit import Unit
from understudy.schema import Column, Kind, Schema, Storage
from understudy.source import Header

ASSUMED_ROWS = 10_000
"""Rows a plan is made for when nobody declares any."""

_LINE = frozenset({Kind.NUMBER, Kind.DATE, Kind.DATETIME, Kind.TIME})
_REPLACED = frozenset({Kind.IDENTIFIER, Kind.TEXT})


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnFacts:
    """What is public about one column.

    Parameters
    ----------
    name
        Its name.
    role
        `modelled`, `replaced` (a direct identifier or free text: stand-ins) or `dropped`.
    shape
        `labels`, `numbers` (dates too), or `unknown` until the cells are counted.
    domain
        Declared number of different cells, null marks and the rest category included; None when
        it has to be learned; infinite for a continuous line.
    classes, distinct
        Whether its cell classes, its distinct cells, are counted first.
    """

    name: str
    role: str
    shape: str
    domain: float | None
    classes: bool
    distinct: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Everything public that a plan is made from.

    Parameters
    ----------
    columns
        In table order.
    rows
        Rows learned from: the declared magnitude less the holdout.
    rows_declared
        Whether somebody declared them; else `ASSUMED_ROWS` was taken.
    epsilon, delta
        The promise.
    sensitivity
        L2 sensitivity of a histogram under the unit.
    target
        The column the recipient wants to predict.
    """

    columns: tuple[ColumnFacts, ...]
    rows: float
    rows_declared: bool
    epsilon: float
    delta: float
    sensitivity: float = 1.0
    target: str | None = None

    @property
    def rho(self) -> float:
        """ρ that (ε, δ) pays for."""
        return calibrate_rho(self.epsilon, self.delta * (1 - SELECTION_SHARE))

    @property
    def modelled(self) -> tuple[ColumnFacts, ...]:
        """Columns that take part in the model."""
        return tuple(column for column in self.columns if column.role == "modelled")

    @property
    def kept(self) -> int:
        """Columns that are not dropped."""
        return sum(column.role != "dropped" for column in self.columns)


def facts_of(
    headers: Iterable[Header],
    schema: Schema,
    *,
    epsilon: float,
    delta: float,
    unit: Unit | None = None,
    rows: float | None = None,
    holdout: float = 0.2,
    target: str | None = None,
) -> Facts:
    """The facts of a table from its headers and its schema.

    Parameters
    ----------
    headers, schema
        Public facts of the columns.
    epsilon, delta, unit, holdout, target
        Settings of the run.
    rows
        Declared magnitude of the table's rows; by default what the schema publishes.

    Raises
    ------
    InputError
        Fewer than one row.

    >>> header = Header(name="sex", storage=Storage.TEXT, arrow="string", nullable=False)
    >>> schema = Schema(columns=[Column(name="sex", categories=("f", "m"), nulls=())])
    >>> facts_of([header], schema, epsilon=1.0, delta=1e-6).columns[0].domain
    3.0
    """
    if rows is not None and not (math.isfinite(rows) and rows >= 1):
        raise InputError("the magnitude of the rows must be 1 or more", rows_magnitude=rows)
    size = rows or schema.rows
    chosen = unit or Unit()
    return Facts(
        columns=tuple(_column(header, schema.column(header.name), chosen) for header in headers),
        rows=max((size or ASSUMED_ROWS) * (1 - holdout), 1.0),
        rows_declared=size is not None,
        epsilon=epsilon,
        delta=delta,
        sensitivity=chosen.count_l2,
        target=target,
    )


def headers_from(schema: Schema) -> tuple[Header, ...]:
    """Headers of a table that is known by its schema alone: columns of text, as in CSV.

    Raises
    ------
    InputError
        The schema lists no column.
    """
    if not schema.columns:
        raise InputError(
            "the schema lists no column",
            hint="a plan needs the table, or a schema with its columns",
        )
    return tuple(
        Header(name=column.name, storage=Storage.TEXT, arrow="string", nullable=False)
        for column in schema.columns
    )


def _column(header: Header, column: Column, unit: Unit) -> ColumnFacts:
    """The facts of one column."""
    kind = column.kind or TYPED_KINDS.get(header.storage)
    replaced = column.action != "keep" and (
        column.identifier is not None
        or kind in _REPLACED
        or by_name(header, column) is not None
        or (header.name == unit.column and column.kind is None)
    )
    role = "dropped" if column.action == "drop" else "replaced" if replaced else "modelled"
    shape = "unknown" if kind is None else "numbers" if kind in _LINE else "labels"
    return ColumnFacts(
        name=header.name,
        role=role,
        shape=shape,
        domain=_domain(header, column, kind),
        classes=needs_classes(header, column),
        distinct=may_be_key(header, column),
    )


def _domain(header: Header, column: Column, kind: Kind | None) -> float | None:
    """Declared number of different cells; None when it is learned."""
    extra = len(column.nulls or ()) + 1.0
    if column.categories is not None:
        return len(column.categories) + extra
    if kind is Kind.BOOLEAN or header.storage is Storage.BOOL:
        return 2.0 + extra
    if kind in _LINE and column.minimum is not None and column.maximum is not None:
        return _points(column) + extra
    return None


def _points(column: Column) -> float:
    """Lattice points between declared bounds."""
    low, high = column.minimum, column.maximum
    if isinstance(low, dt.date) and isinstance(high, dt.date):
        if isinstance(low, dt.datetime) or isinstance(high, dt.datetime):
            return math.inf
        return (high - low).days + 1.0
    if not isinstance(low, float | int) or not isinstance(high, float | int):
        return math.inf
    if column.decimals is None:
        return math.inf
    return float(round((high - low) * 10**column.decimals) + 1)
