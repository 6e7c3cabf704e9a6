"""Whether a schema fits a table's header: names and storage types, both public.

What may not happen here: a look at cells. Out-of-range cells are clipped and counted privately
elsewhere; they are no contradiction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from understudy.errors import SchemaError
from understudy.schema.model import Column, Kind, Schema, Storage
from understudy.schema.spelling import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

_ANYTHING = frozenset(Kind)
_KINDS_OF_STORAGE: dict[Storage, frozenset[Kind]] = {
    Storage.TEXT: _ANYTHING,
    Storage.CATEGORY: frozenset({Kind.CATEGORY, Kind.BOOLEAN, Kind.IDENTIFIER, Kind.TEXT}),
    Storage.INT: frozenset({Kind.NUMBER, Kind.CATEGORY, Kind.BOOLEAN, Kind.IDENTIFIER}),
    Storage.FLOAT: frozenset({Kind.NUMBER, Kind.CATEGORY, Kind.BOOLEAN, Kind.IDENTIFIER}),
    Storage.DECIMAL: frozenset({Kind.NUMBER, Kind.CATEGORY, Kind.IDENTIFIER}),
    Storage.BOOL: frozenset({Kind.BOOLEAN, Kind.CATEGORY}),
    Storage.DATE: frozenset({Kind.DATE, Kind.IDENTIFIER}),
    Storage.DATETIME: frozenset({Kind.DATETIME, Kind.IDENTIFIER}),
    Storage.TIME: frozenset({Kind.TIME, Kind.IDENTIFIER}),
    Storage.OTHER: _ANYTHING,
}
_SPELLED = frozenset({Storage.TEXT, Storage.CATEGORY})
_SPELLING_FIELDS = ("width", "format")


class NamedStorage(Protocol):
    """What is publicly known of one column of a table: a `source.Header`."""

    @property
    def name(self) -> str:
        """The name in the header."""

    @property
    def storage(self) -> Storage:
        """How the container stores it."""


def check_against(schema: Schema, headers: Iterable[NamedStorage]) -> None:
    """Refuse a schema that names unknown columns or contradicts their storage.

    Parameters
    ----------
    schema
        The declared facts.
    headers
        Names and storage types of the table's columns.

    Raises
    ------
    SchemaError
        Naming the field, and the nearest column for a name that is unknown.

    >>> from types import SimpleNamespace
    >>> check_against(
    ...     Schema(columns=[Column(name="agee", kind="number")]),
    ...     [SimpleNamespace(name="age", storage=Storage.TEXT)],
    ... )
    Traceback (most recent call last):
    understudy.errors.SchemaError: the schema declares column 'agee', which the table does not \
have. did you mean 'age'? Allowed: age
    """
    storages = {header.name: header.storage for header in headers}
    for column in schema.columns:
        _known(column.name, storages, "the schema declares column")
        _check_storage(column, storages[column.name])
    if schema.unit is not None:
        _known(schema.unit, storages, "the unit is column")
    for rule in schema.rules:
        for name in rule.columns:
            _known(name, storages, f"rule {rule.name!r} reads column")


def _known(name: str, storages: dict[str, Storage], where: str) -> None:
    """Refuse a name that is not a column."""
    if name not in storages:
        raise SchemaError(
            f"{where} {name!r}, which the table does not have", hint=did_you_mean(name, storages)
        )


def _check_storage(column: Column, storage: Storage) -> None:
    """Refuse facts that cannot be true of a column stored this way."""
    where = f"columns.{column.name}"
    allowed = _KINDS_OF_STORAGE[storage]
    if column.kind is not None and column.kind not in allowed:
        raise SchemaError(
            f"{where}.kind is {column.kind.value}, but the file stores the column as {storage}",
            hint=f"Allowed: {', '.join(kind for kind in Kind if kind in allowed)}",
        )
    if storage not in _SPELLED:
        for field in _SPELLING_FIELDS:
            if getattr(column, field) is not None:
                raise SchemaError(
                    f"{where}.{field} describes text, but the file stores the column as {storage}",
                    hint=f"leave {field} out",
                )
    if storage is Storage.INT and column.decimals:
        raise SchemaError(f"{where}.decimals is above 0, but the file stores whole numbers")
    if storage is Storage.BOOL and column.true is not None:
        raise SchemaError(f"{where}.true is a spelling, but the file stores booleans")
    if storage in (Storage.INT, Storage.FLOAT, Storage.DECIMAL):
        _check_numeric_labels(column, where)


def _check_numeric_labels(column: Column, where: str) -> None:
    """Refuse labels that are no numbers in a column of numbers."""
    for field in ("categories", "nulls"):
        for label in getattr(column, field) or ():
            try:
                float(label)
            except ValueError:
                raise SchemaError(
                    f"{where}.{field} lists {label!r}, but the file stores numbers"
                ) from None
