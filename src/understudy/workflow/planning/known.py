"""What the schema and the header say about the columns for free, for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from understudy.prepare.roles import by_name, needs_classes
from understudy.schema import Column, Schema
from understudy.source import Header


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What is public about the columns, by name.

    Parameters
    ----------
    declared
        Columns with at least one declared fact.
    kinds_learned
        Columns whose kind, null marks or format are decided by noisy counts.
    identifiers
        Columns taken for direct identifiers, declared or by their name.
    dropped
        Columns the schema leaves out.
    """

    declared: tuple[str, ...]
    kinds_learned: tuple[str, ...]
    identifiers: tuple[str, ...]
    dropped: tuple[str, ...]


def known_facts(headers: Iterable[Header], schema: Schema) -> Known:
    """What the schema and the header say about the columns for free."""
    pairs = [(header, schema.column(header.name)) for header in headers]
    return Known(
        declared=tuple(h.name for h, c in pairs if c.declares_anything or c.action),
        kinds_learned=tuple(h.name for h, c in pairs if needs_classes(h, c)),
        identifiers=tuple(h.name for h, c in pairs if _is_identifier(h, c)),
        dropped=tuple(h.name for h, c in pairs if c.action == "drop"),
    )


def _is_identifier(header: Header, column: Column) -> bool:
    """Whether a column is taken for an identifier before anything is asked."""
    if column.action in ("keep", "drop"):
        return False
    return column.identifier is not None or by_name(header, column) is not None
