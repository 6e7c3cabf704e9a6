"""The closed lists of the schema: how a column is stored, what it means, whom it identifies.

What may not happen here: a default. What is not declared is learned privately.
"""

from __future__ import annotations

from enum import StrEnum


class Storage(StrEnum):
    """How the container stores a column; a public fact. Every CSV column is `TEXT`."""

    TEXT = "text"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    DECIMAL = "decimal"
    CATEGORY = "category"
    OTHER = "other"


class Kind(StrEnum):
    """What a column means, whatever it is stored as."""

    NUMBER = "number"
    CATEGORY = "category"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    IDENTIFIER = "identifier"
    TEXT = "text"


class IdentifierKind(StrEnum):
    """Which direct identifier a column holds; it decides the format of the stand-ins."""

    NAME = "name"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    EMAIL = "email"
    PHONE = "phone"
    NATIONAL_ID = "national_id"
    ADDRESS = "address"
    URL = "url"
    IP = "ip"
    UUID = "uuid"
    KEY = "key"
    FREE_TEXT = "free_text"
