"""What is publicly known about a table: its columns, the unit, the published size, the rules.

What may not happen here: access to rows. A schema knows names and types, never cells.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, PrivateAttr, field_validator, model_validator

from understudy.errors import SchemaError
from understudy.schema.column import PUBLIC_FIELDS, Column, Frozen
from understudy.schema.kinds import IdentifierKind, Kind, Storage
from understudy.schema.language import parse_rule

__all__ = ["Column", "IdentifierKind", "Kind", "Rule", "Schema", "Storage"]


class Rule(Frozen):
    """A condition that every row of the real table is publicly known to meet.

    Parameters
    ----------
    name
        What reports call it; the expression itself when left out.
    expr
        An expression over columns: `age >= 18`, `start <= end`,
        `if married == 'yes' then age >= 15`, `` `hours per week` in (20, 40) ``.

    >>> Rule(expr="if married == 'yes' then age >= 15").columns
    ('married', 'age')
    """

    name: str = Field(min_length=1)
    expr: str = Field(min_length=1, max_length=2000)

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: object) -> object:
        """Accept the bare expression, and name a rule after its expression."""
        if isinstance(data, str):
            return {"name": data, "expr": data}
        if isinstance(data, dict) and data.get("name") is None and data.get("expr"):
            return {**data, "name": data["expr"]}
        return data

    @field_validator("expr")
    @classmethod
    def _expr_parses(cls, expr: str) -> str:
        """Refuse an expression outside the rule language."""
        try:
            parse_rule(expr)
        except SchemaError as problem:
            raise ValueError(str(problem)) from None
        return expr

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads, in order of appearance."""
        return parse_rule(self.expr).columns


class Schema(Frozen):
    """What is publicly known about one table.

    Parameters
    ----------
    columns
        Declared columns; those not listed are learned privately.
    unit
        The column that names the protected unit (a person); None: the unit is a row.
    max_rows_per_unit
        At most this many rows of one unit are used; at least 1, needs `unit`.
    rows
        The published number of rows: how many are generated unless asked otherwise; None: about
        as many as were learned from, by a noisy count.
    rules
        Conditions publicly known to hold.

    >>> schema = Schema(columns=[Column(name="age", minimum=0, maximum=120)])
    >>> schema.column("age").maximum, schema.column("income").maximum
    (120.0, None)
    """

    columns: tuple[Column, ...] = ()
    unit: str | None = None
    max_rows_per_unit: int | None = Field(default=None, ge=1)
    rows: int | None = Field(default=None, ge=1)
    rules: tuple[Rule, ...] = ()

    _by_name: dict[str, Column] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Schema:
        """Refuse a column or a rule declared twice, and a bound without its unit."""
        names = [column.name for column in self.columns]
        twice = next((name for i, name in enumerate(names) if name in set(names[:i])), None)
        if twice is not None:
            raise ValueError(f"column {twice!r} is declared twice")
        if len({rule.name for rule in self.rules}) != len(self.rules):
            raise ValueError("two rules have the same name")
        if self.max_rows_per_unit is not None and self.unit is None:
            raise ValueError("max_rows_per_unit needs the unit column")
        return self

    def model_post_init(self, _context: object) -> None:
        """Index the columns by name."""
        self._by_name.update({column.name: column for column in self.columns})

    def column(self, name: str) -> Column:
        """Return what is declared about a column: an empty declaration when nothing is."""
        return self._by_name.get(name) or Column(name=name)

    def declared_public(self) -> list[tuple[str, object, str | None]]:
        """List every declared fact as (path, value, note): free, and named in the evidence.

        The privacy unit and its bound are choices about the guarantee, not facts about the
        data, and are stated elsewhere.

        >>> Schema(columns=[Column(name="age", decimals=0)], rows=9).declared_public()
        [('columns.age.kind', 'number', None), ('columns.age.decimals', 0, None), ('rows', 9, None)]
        """
        facts: list[tuple[str, object, str | None]] = []
        for column in self.columns:
            for field in PUBLIC_FIELDS:
                value = getattr(column, field)
                if value is None or value is False:
                    continue
                plain = value.value if isinstance(value, StrEnum) else value
                facts.append((f"columns.{column.name}.{field}", plain, column.note))
        if self.rows is not None:
            facts.append(("rows", self.rows, None))
        facts.extend((f"rules.{rule.name}", rule.expr, None) for rule in self.rules)
        return facts
