"""What is publicly known about one column.

Every field is optional. A field that is set is a public fact its author answers for: it costs
nothing and the evidence lists it as *declared public*. A field that is not set is learned
privately and charged.

What may not happen here: access to rows. A column knows names and types, never cells.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from understudy.schema.kinds import IdentifierKind, Kind


def _bound(value: object) -> float | dt.date | None:
    """Read a bound as a finite number, a date or a datetime; never a timestamp by guess."""
    if value is None or isinstance(value, dt.date):
        return value
    if isinstance(value, bool):
        raise ValueError("a bound is no boolean")  # noqa: TRY004  what pydantic catches
    if isinstance(value, str):
        text = value.strip()
        try:
            value = float(text)
        except ValueError:
            try:
                day = len(text) <= len("2020-01-01")
                return dt.date.fromisoformat(text) if day else dt.datetime.fromisoformat(text)
            except ValueError:
                raise ValueError(
                    "a bound is a number, a date (2020-01-31) or a datetime (2020-01-31 08:00:00)"
                ) from None
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        raise ValueError("a bound is finite")
    return number


def _label(value: object) -> object:
    """Take whole numbers as labels by their spelling; refuse what has no single spelling."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


Bound = Annotated[float | dt.datetime | dt.date, BeforeValidator(_bound)]
Label = Annotated[str, BeforeValidator(_label)]

_FIELDS_OF_KIND: dict[str, frozenset[Kind]] = {
    "minimum": frozenset({Kind.NUMBER, Kind.DATE, Kind.DATETIME}),
    "maximum": frozenset({Kind.NUMBER, Kind.DATE, Kind.DATETIME}),
    "decimals": frozenset({Kind.NUMBER}),
    "width": frozenset({Kind.NUMBER, Kind.IDENTIFIER}),
    "categories": frozenset({Kind.CATEGORY}),
    "ordered": frozenset({Kind.CATEGORY}),
    "true": frozenset({Kind.BOOLEAN}),
    "false": frozenset({Kind.BOOLEAN}),
    "format": frozenset({Kind.DATE, Kind.DATETIME, Kind.TIME}),
    "zone": frozenset({Kind.DATETIME}),
}
PUBLIC_FIELDS = (
    "kind",
    "minimum",
    "maximum",
    "decimals",
    "width",
    "categories",
    "ordered",
    "true",
    "false",
    "nulls",
    "format",
    "zone",
    "identifier",
)
_DIRECTIVE = re.compile(r"%[-:1-9]?(.)", re.DOTALL)
_DIRECTIVES = frozenset("aAbBdmyYHIMSfpzZjGuVUWw%")
_OFFSET = re.compile(r"[+-]\d{2}:\d{2}")


class Frozen(BaseModel):
    """Settings every schema value shares: immutable, and unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(Frozen):
    """What is publicly declared about one column; None means "learn it privately".

    A declaration that makes sense for one kind only implies that kind: numeric bounds or
    decimals imply `number`, categories imply `category`, `true` and `false` imply `boolean`.

    Parameters
    ----------
    name
        The column's name, exactly as in the header.
    kind
        What the column means.
    minimum, maximum
        Inclusive bounds: numbers, dates or datetimes, `minimum < maximum`. Cells outside are
        clipped.
    decimals
        Decimal places shown, 0 to 9.
    width
        Zero-padded width of numbers or keys with leading zeros, 1 to 40.
    categories
        Every label, spelled as in the file. Other cells go to the rest category.
    ordered
        Whether the labels are listed in their order.
    true, false
        The two spellings of a boolean; both or neither.
    nulls
        Null markers as spelled in the file; `()` declares that nothing is missing.
    format
        strftime format of dates, datetimes or times kept as text.
    zone
        IANA zone (`Europe/Paris`) or offset (`+02:00`) of datetimes.
    identifier
        Which direct identifier the column holds.
    action
        What is done with an identifier: `replace` (default) with stand-ins, `drop` the
        column, or `keep`: model it as the declared kind.
    note
        Why these facts are public.

    >>> Column(name="age", minimum=0, maximum=120).kind
    <Kind.NUMBER: 'number'>
    """

    name: str = Field(min_length=1)
    kind: Kind | None = None
    minimum: Bound | None = None
    maximum: Bound | None = None
    decimals: int | None = Field(default=None, ge=0, le=9)
    width: int | None = Field(default=None, ge=1, le=40)
    categories: tuple[Label, ...] | None = None
    ordered: bool = False
    true: Label | None = None
    false: Label | None = None
    nulls: tuple[Label, ...] | None = None
    format: str | None = None
    zone: str | None = None
    identifier: IdentifierKind | None = None
    action: Literal["replace", "drop", "keep"] | None = None
    note: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _imply_kind(cls, data: object) -> object:
        """Fill in the kind when what is declared makes sense for one kind only."""
        if not isinstance(data, dict) or data.get("kind") is not None:
            return data
        kind: Kind | None = None
        if data.get("categories") is not None:
            kind = Kind.CATEGORY
        elif data.get("true") is not None or data.get("false") is not None:
            kind = Kind.BOOLEAN
        elif data.get("decimals") is not None:
            kind = Kind.NUMBER
        elif data.get("zone") is not None:
            kind = Kind.DATETIME
        elif data.get("minimum") is not None:
            kind = _kind_of_bound(data["minimum"])
        elif data.get("maximum") is not None:
            kind = _kind_of_bound(data["maximum"])
        elif data.get("identifier") is not None and data.get("action") != "keep":
            kind = Kind.IDENTIFIER
        return data if kind is None else {**data, "kind": kind}

    @field_validator("categories")
    @classmethod
    def _categories_unique(cls, labels: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Refuse an empty list and a label listed twice."""
        if labels is None:
            return None
        if not labels:
            raise ValueError("categories needs at least one label; leave it out to learn them")
        if len(set(labels)) != len(labels):
            twice = next(label for i, label in enumerate(labels) if label in labels[:i])
            raise ValueError(f"categories are unique, {twice!r} is listed twice")
        return labels

    @field_validator("nulls")
    @classmethod
    def _nulls_unique(cls, marks: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Refuse a marker listed twice."""
        if marks is not None and len(set(marks)) != len(marks):
            raise ValueError("nulls are unique, one marker is listed twice")
        return marks

    @field_validator("format")
    @classmethod
    def _format_known(cls, pattern: str | None) -> str | None:
        """Refuse a format without directives or with one that strftime does not know."""
        if pattern is None:
            return None
        found = _DIRECTIVE.findall(pattern)
        if not set(found) - {"%"}:
            raise ValueError("format is a strftime format such as %Y-%m-%d")
        unknown = sorted(set(found) - _DIRECTIVES)
        if unknown:
            raise ValueError(f"format has the unknown directive %{unknown[0]}")
        return pattern

    @field_validator("zone")
    @classmethod
    def _zone_known(cls, zone: str | None) -> str | None:
        """Refuse a zone that is neither in the time zone database nor an offset."""
        if zone is None or _OFFSET.fullmatch(zone):
            return zone
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            raise ValueError("zone is an IANA name (Europe/Paris) or an offset (+02:00)") from None
        return zone

    @model_validator(mode="after")
    def _consistent(self) -> Column:
        """Refuse declarations that cannot be true together."""
        self._check_fields_of_kind()
        self._check_bounds()
        if (self.true is None) != (self.false is None):
            raise ValueError("a boolean needs both spellings: true and false")
        if self.true is not None and self.true == self.false:
            raise ValueError("true and false are spelled the same")
        labels = set(self.categories or ()) | {x for x in (self.true, self.false) if x is not None}
        if labels & set(self.nulls or ()):
            raise ValueError("a label is also listed in nulls")
        if self.action == "keep" and self.kind is Kind.IDENTIFIER:
            raise ValueError("action keep models the column: give the kind to model it as")
        modelled = self.kind not in (None, Kind.IDENTIFIER, Kind.TEXT)
        if self.identifier is not None and self.action in (None, "replace") and modelled:
            raise ValueError(
                f"an identifier is replaced, not modelled as {self.kind}: "
                "say action: keep, or leave the kind out"
            )
        return self

    def _check_fields_of_kind(self) -> None:
        """Refuse a field that means nothing for the declared kind."""
        if self.kind is None:
            return
        for field, kinds in _FIELDS_OF_KIND.items():
            value = getattr(self, field)
            if value is not None and value is not False and self.kind not in kinds:
                raise ValueError(
                    f"{field} means nothing for kind {self.kind}; "
                    f"it belongs to {', '.join(sorted(kinds))}"
                )

    def _check_bounds(self) -> None:
        """Refuse bounds of another kind, or in the wrong order."""
        limits = {"minimum": self.minimum, "maximum": self.maximum}
        given = {field: limit for field, limit in limits.items() if limit is not None}
        for field, limit in given.items():
            fits = self.kind is None or _kind_of_bound(limit) is self.kind
            day_for_datetime = self.kind is Kind.DATETIME and isinstance(limit, dt.date)
            if not (fits or day_for_datetime):
                raise ValueError(f"{field} is not a {self.kind}")
        if len(given) == 2:
            low, high = (_comparable(limit) for limit in given.values())
            try:
                in_order = bool(low < high)
            except TypeError:
                raise ValueError("minimum and maximum are of different kinds") from None
            if not in_order:
                raise ValueError("minimum is not below maximum")

    @property
    def declares_anything(self) -> bool:
        """Whether any public fact is declared."""
        values = (getattr(self, field) for field in PUBLIC_FIELDS)
        return any(value is not None and value is not False for value in values)


def _kind_of_bound(limit: object) -> Kind | None:
    """Return the one kind a bound makes sense for; None when it is malformed."""
    try:
        value = _bound(limit)
    except (ValueError, TypeError):
        return None
    if isinstance(value, dt.datetime):
        return Kind.DATETIME
    return Kind.DATE if isinstance(value, dt.date) else Kind.NUMBER


def _comparable(limit: float | dt.date) -> Any:
    """Return a bound in a form that compares with the other one of its kind."""
    if isinstance(limit, dt.date) and not isinstance(limit, dt.datetime):
        return dt.datetime.combine(limit, dt.time())
    return limit
