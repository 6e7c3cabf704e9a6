"""Conditions as formulas of comparisons, each of one column with a value.

The language is that of the schema's rules. A row is kept where a condition is surely true, as in
SQL's WHERE: a missing value makes a comparison unknown, and unknown rows are left out. Negations
are pushed down to the comparisons, so that what remains is `and` and `or`.

What may not happen here: a look at a model. Columns are checked against a list of names.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from understudy.errors import InputError, SchemaError
from understudy.schema import did_you_mean
from understudy.schema.language import parse_rule

Sign = Literal["<", "<=", ">", ">=", "==", "!=", "null", "not null"]

_EXAMPLE = "for example: age >= 65 and sex = 'F', region in ('north', 'south'), income is not null"
_SIGNS: Mapping[type[ast.cmpop], Sign] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
_OPPOSITE: Mapping[Sign, Sign] = {
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
    "==": "!=",
    "!=": "==",
    "null": "not null",
    "not null": "null",
}
_MIRRORED: Mapping[Sign, Sign] = {
    "<": ">",
    "<=": ">=",
    ">": "<",
    ">=": "<=",
    "==": "==",
    "!=": "!=",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One column beside one value; `null` and `not null` have none."""

    column: str
    sign: Sign
    value: float | str | bool | None = None


@dataclass(frozen=True, slots=True)
class Every:
    """Holds where each part does; without parts, everywhere."""

    parts: tuple[Formula, ...] = ()


@dataclass(frozen=True, slots=True)
class Some:
    """Holds where a part does; without parts, nowhere."""

    parts: tuple[Formula, ...] = ()


Formula: TypeAlias = "Comparison | Every | Some"


def read_condition(where: str | Mapping[str, Any], columns: Iterable[str]) -> Formula:
    """The formula of a condition.

    Parameters
    ----------
    where
        An expression, or fixed values: a value per column, None for missing, and a list or a
        tuple for one of several.
    columns
        Names that may be used.

    Returns
    -------
    Formula
        Comparisons under `and` and `or`.

    Raises
    ------
    InputError
        The expression is none, names an unknown column, or compares columns with each other.

    >>> read_condition("not (age >= 65 or sex is null)", ["age", "sex"])
    ... # doctest: +NORMALIZE_WHITESPACE
    Every(parts=(Comparison(column='age', sign='<', value=65.0),
                 Comparison(column='sex', sign='not null', value=None)))
    >>> read_condition({"sex": "F"}, ["age", "sex"])
    Every(parts=(Comparison(column='sex', sign='==', value='F'),))
    """
    known = tuple(columns)
    if not isinstance(where, str):
        for name in where:
            _check(name, known)
        return Every(tuple(_fixed(name, value) for name, value in where.items()))
    try:
        parsed = parse_rule(where)
    except SchemaError as error:
        raise InputError(
            error.message.replace("not a rule", "not a condition").replace("a rule", "a condition"),
            hint=_EXAMPLE,
        ) from None
    if parsed.condition is not None:
        raise InputError("a condition has no `if … then …`", hint=_EXAMPLE)
    for name in parsed.columns:
        _check(name, known)
    return _formula(parsed.claim, parsed.columns, holds=True)


def comparisons(formula: Formula) -> Iterator[Comparison]:
    """Every comparison of a formula."""
    if isinstance(formula, Comparison):
        yield formula
    else:
        for part in formula.parts:
            yield from comparisons(part)


def spell_condition(where: str | Mapping[str, Any]) -> str:
    """A condition as text, for the record.

    >>> spell_condition({"sex": "F", "age": (20, 21)})
    "sex = 'F' and age in (20, 21)"
    """
    if isinstance(where, str):
        return " ".join(where.split())
    told = []
    for name, value in where.items():
        plain = name if name.isidentifier() else f"`{name}`"
        if value is None:
            told.append(f"{plain} is null")
        elif isinstance(value, list | tuple):
            told.append(f"{plain} in ({', '.join(repr(one) for one in value)})")
        else:
            told.append(f"{plain} = {value!r}")
    return " and ".join(told)


def _check(name: str, known: tuple[str, ...]) -> None:
    """Refuse a column that the model does not have."""
    if name not in known:
        raise InputError(
            f"the model has no column {name!r}",
            hint=did_you_mean(name, known)
            + "; a name that is not one plain word goes in backquotes, a text in quotes",
        )


def _fixed(name: str, value: Any) -> Formula:
    """A fixed value, or one of several."""
    if value is None:
        return Comparison(column=name, sign="null")
    if isinstance(value, list | tuple | set | frozenset):
        return Some(tuple(_fixed(name, one) for one in value))
    if isinstance(value, bool | str):
        return Comparison(column=name, sign="==", value=value)
    try:
        return Comparison(column=name, sign="==", value=float(value))
    except (TypeError, ValueError):
        return Comparison(column=name, sign="==", value=str(value))


def _formula(node: ast.expr, names: tuple[str, ...], *, holds: bool) -> Formula:
    """What must be so for a node to hold surely, or surely not."""
    match node:
        case ast.BoolOp(op=op, values=values):
            parts = tuple(_formula(value, names, holds=holds) for value in values)
            return Every(parts) if isinstance(op, ast.And) is holds else Some(parts)
        case ast.UnaryOp(operand=operand):
            return _formula(operand, names, holds=not holds)
        case ast.Constant(value=value):
            return Every() if bool(value) is holds else Some()
        case ast.Name():
            return Comparison(column=_column(node, names), sign="==", value=holds)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            chain = []
            for sign, right in zip(ops, comparators, strict=True):
                chain.append(_compared(left, sign, right, names, holds=holds))
                left = right
            if len(chain) == 1:
                return chain[0]
            return Every(tuple(chain)) if holds else Some(tuple(chain))
        case _:
            raise InputError("a condition compares a column with a value", hint=_EXAMPLE)


def _compared(
    left: ast.expr, op: ast.cmpop, right: ast.expr, names: tuple[str, ...], *, holds: bool
) -> Formula:
    """One comparison, turned so that the column stands first."""
    if isinstance(op, ast.Is | ast.IsNot):
        sign: Sign = "null" if isinstance(op, ast.Is) is holds else "not null"
        return Comparison(column=_column(left, names), sign=sign)
    if isinstance(op, ast.In | ast.NotIn):
        items = right.elts if isinstance(right, ast.Tuple | ast.List) else [right]
        inside = isinstance(op, ast.In) is holds
        column, sign = _column(left, names), ("==" if inside else "!=")
        parts = tuple(
            Comparison(column=column, sign=sign, value=_constant(item, names)) for item in items
        )
        return Some(parts) if inside else Every(parts)
    sign = _SIGNS[type(op)]
    if isinstance(left, ast.Name):
        column, value = _column(left, names), _constant(right, names)
    elif isinstance(right, ast.Name):
        column, value, sign = _column(right, names), _constant(left, names), _MIRRORED[sign]
    else:
        one, two = _constant(left, names), _constant(right, names)
        return Every() if _COMPARE[sign](one, two) is holds else Some()
    return Comparison(column=column, sign=sign if holds else _OPPOSITE[sign], value=value)


_COMPARE: Mapping[Sign, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: type(a) is type(b) and bool(a < b),
    "<=": lambda a, b: type(a) is type(b) and bool(a <= b),
    ">": lambda a, b: type(a) is type(b) and bool(a > b),
    ">=": lambda a, b: type(a) is type(b) and bool(a >= b),
    "==": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
}


def _column(node: ast.expr, names: tuple[str, ...]) -> str:
    """The column a node stands for."""
    if not isinstance(node, ast.Name):
        raise InputError(
            "a condition compares a column itself with a value, without calculating",
            hint=_EXAMPLE,
        )
    return names[int(node.id[1:])]


def _constant(node: ast.expr, names: tuple[str, ...]) -> float | str | bool:
    """The value of a node without columns."""
    match node:
        case ast.Constant(value=bool() | float() | str() as value):
            return value
        case ast.UnaryOp(op=op, operand=operand):
            number = _number(operand, names)
            return -number if isinstance(op, ast.USub) else number
        case ast.BinOp(left=left, op=op, right=right):
            one, two = _number(left, names), _number(right, names)
            match op:
                case ast.Add():
                    return one + two
                case ast.Sub():
                    return one - two
                case ast.Mult():
                    return one * two
                case ast.Div() if two != 0:
                    return one / two
            raise InputError("a condition divides by zero")
        case ast.Name():
            raise InputError(
                f"a condition compares column {_column(node, names)!r} with another column",
                hint="compare each column with values; " + _EXAMPLE,
            )
        case _:
            raise InputError("a condition compares a column with a value", hint=_EXAMPLE)


def _number(node: ast.expr, names: tuple[str, ...]) -> float:
    """The number a node stands for."""
    if isinstance(node, ast.Name):
        raise InputError(
            f"a condition compares column {_column(node, names)!r} itself with a value, "
            "without calculating",
            hint=_EXAMPLE,
        )
    value = _constant(node, names)
    if isinstance(value, str):
        raise InputError("a condition calculates with a text", hint=_EXAMPLE)
    return float(value)
