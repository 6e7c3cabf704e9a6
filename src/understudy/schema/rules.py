"""Rules evaluated over whole columns: which rows surely break one.

A missing value makes a comparison unknown, and an unknown rule is not violated (the meaning of
CHECK in SQL). Text is compared as a number with a number, and as an ISO date with a date.

What may not happen here: `eval`, or a message with a cell.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from understudy.errors import SchemaError
from understudy.schema.language import parse_rule, refused
from understudy.schema.spelling import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Mask = NDArray[np.bool_]


class _HasExpr(Protocol):
    """Anything with an expression: a Rule of the schema."""

    @property
    def expr(self) -> str: ...


@dataclass(frozen=True, slots=True)
class _Truth:
    """Kleene logic over rows: surely true, surely false, unknown where neither."""

    yes: Mask
    no: Mask


def violations(rule: str | _HasExpr, columns: Mapping[str, Any]) -> Mask:
    """Mark the rows that surely break a rule.

    Parameters
    ----------
    rule
        A Rule or its expression.
    columns
        Decoded columns by name, all of one length: numbers, text, booleans or datetime64, as
        numpy arrays or Arrow arrays. None, NaN and NaT are missing.

    Returns
    -------
    numpy.ndarray
        Booleans, one per row; a row where a needed value is missing is not marked.

    Raises
    ------
    SchemaError
        If a column is unknown, or is not of a kind the rule can use.

    >>> violations("age >= 18", {"age": np.array([17.0, 18.0, np.nan])}).tolist()
    [True, False, False]
    """
    parsed = parse_rule(rule if isinstance(rule, str) else rule.expr)
    for name in parsed.columns:
        if name not in columns:
            raise SchemaError(
                f"a rule reads the unknown column {name!r}",
                hint=did_you_mean(name, columns)
                + "; a name that is not one plain word goes in backquotes",
            )
    values = {name: _plain(columns[name]) for name in parsed.columns}
    rows = len(next(iter(columns.values()))) if columns else 0
    scope = _Scope(names=parsed.columns, values=values, rows=rows)
    claim = _truth(parsed.claim, scope)
    if parsed.condition is None:
        return claim.no
    return np.asarray(_truth(parsed.condition, scope).yes & claim.no)


def holds(cells: NDArray[Any], sign: str, value: float | str) -> Mask:
    """Mark the cells for which a comparison with a value surely holds.

    Parameters
    ----------
    cells
        As a column of `violations`.
    sign
        One of < <= > >= == !=.
    value
        What the cells are compared with.

    >>> holds(np.array(["10", "9", None], dtype=object), "<", 10).tolist()
    [False, True, False]
    """
    kind: type = object if isinstance(value, str) else type(value)
    return _apply(_SIGNS[sign], cells, np.full(len(cells), value, dtype=kind)).yes


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scope:
    """The columns of one evaluation."""

    names: tuple[str, ...]
    values: Mapping[str, NDArray[Any]]
    rows: int

    def name_of(self, node: ast.Name) -> str:
        """Return the column a placeholder stands for."""
        return self.names[int(node.id[1:])]


def _truth(node: ast.expr, scope: _Scope) -> _Truth:
    """Evaluate a condition over all rows."""
    match node:
        case ast.BoolOp(op=op, values=parts):
            truths = [_truth(part, scope) for part in parts]
            every = np.logical_and.reduce
            some = np.logical_or.reduce
            yes, no = [t.yes for t in truths], [t.no for t in truths]
            conjunction = isinstance(op, ast.And)
            return _Truth(every(yes), some(no)) if conjunction else _Truth(some(yes), every(no))
        case ast.UnaryOp(operand=operand):
            inner = _truth(operand, scope)
            return _Truth(inner.no, inner.yes)
        case ast.Constant(value=value):
            return _Truth(np.full(scope.rows, bool(value)), np.full(scope.rows, not value))
        case ast.Name():
            return _boolean_column(scope.name_of(node), scope)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            truths = []
            for comparison, right in zip(ops, comparators, strict=True):
                truths.append(_compare(left, comparison, right, scope))
                left = right
            return _Truth(
                np.logical_and.reduce([t.yes for t in truths]),
                np.logical_or.reduce([t.no for t in truths]),
            )
        case _:
            raise refused("a condition compares something, or is a boolean column")


def _boolean_column(name: str, scope: _Scope) -> _Truth:
    """Read a column that stands for a condition by itself."""
    column = scope.values[name]
    known = ~_missing(column)
    if column.dtype == object and all(isinstance(x, bool | np.bool_) for x in column[known]):
        true = np.array([x is True or x is np.True_ for x in column], dtype=bool)
        return _Truth(true & known, ~true & known)
    if column.dtype != np.bool_:
        raise SchemaError(
            f"a rule uses column {name!r} as a condition, but it is not boolean",
            hint=f"compare it with a value: {name} == …",
        )
    return _Truth(column, ~column)


def _compare(left: ast.expr, op: ast.cmpop, right: ast.expr, scope: _Scope) -> _Truth:
    """Evaluate one comparison over all rows."""
    one = _value(left, scope)
    match op:
        case ast.Is():
            gone = _missing(one)
            return _Truth(gone, ~gone)
        case ast.IsNot():
            gone = _missing(one)
            return _Truth(~gone, gone)
        case ast.In() | ast.NotIn():
            items = right.elts if isinstance(right, ast.Tuple | ast.List) else [right]
            found = [_apply(np.equal, one, _value(item, scope)) for item in items]
            some = np.logical_or.reduce([t.yes for t in found])
            none = np.logical_and.reduce([t.no for t in found])
            return _Truth(some, none) if isinstance(op, ast.In) else _Truth(none, some)
        case _:
            return _apply(_UFUNCS[type(op)], one, _value(right, scope))


_UFUNCS: dict[type[ast.cmpop], np.ufunc] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}


_SIGNS = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


def _apply(compare: np.ufunc, one: NDArray[Any], two: NDArray[Any]) -> _Truth:
    """Compare two aligned columns; missing on either side is unknown."""
    known = ~(_missing(one) | _missing(two))
    equality = compare in (np.equal, np.not_equal)
    if _is_text(one) and _is_text(two):
        result = _compare_text(compare, one, two, known, equality=equality)
        return _Truth(result & known, ~result & known)
    left, right = _aligned(one, two)
    readable = ~(_missing(left) | _missing(right))
    with np.errstate(invalid="ignore"):
        result = np.asarray(compare(left, right), dtype=bool) & readable
    if equality:  # text that is no number surely differs from a number
        result = np.where(readable, result, compare is np.not_equal)
        return _Truth(result & known, ~result & known)
    return _Truth(result & known, ~result & known & readable)


def _compare_text(
    compare: np.ufunc, one: NDArray[Any], two: NDArray[Any], known: Mask, *, equality: bool
) -> Mask:
    """Compare texts: equality by spelling, order as numbers where both are numbers."""
    if equality:
        return np.asarray(compare(one, two), dtype=bool)
    result = np.zeros(len(one), dtype=bool)
    result[known] = compare(one[known].astype(str), two[known].astype(str))
    left, right = _as_number(one), _as_number(two)
    numeric = ~(np.isnan(left) | np.isnan(right))
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(numeric, compare(left, right), result), dtype=bool)


def _aligned(one: NDArray[Any], two: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Bring two columns of different kinds to a common one: datetimes or numbers."""
    if one.dtype.kind == "M" or two.dtype.kind == "M":
        return _as_datetime(one), _as_datetime(two)
    return _as_number(one), _as_number(two)


def _value(node: ast.expr, scope: _Scope) -> NDArray[Any]:
    """Evaluate a value over all rows."""
    match node:
        case ast.Constant(value=value):
            kind: type = object if isinstance(value, str) else type(value)
            return np.full(scope.rows, value, dtype=kind)
        case ast.Name():
            return scope.values[scope.name_of(node)]
        case ast.UnaryOp(op=op, operand=operand):
            number = _as_number(_value(operand, scope))
            return -number if isinstance(op, ast.USub) else number
        case ast.BinOp(left=left, op=op, right=right):
            one, two = _value(left, scope), _value(right, scope)
            if isinstance(op, ast.Sub) and one.dtype.kind == two.dtype.kind == "M":
                days = (one - two) / np.timedelta64(1, "D")
                return np.asarray(days, dtype=float)
            with np.errstate(all="ignore"):
                result = _ARITHMETIC[type(op)](_as_number(one), _as_number(two))
            return np.where(np.isfinite(result), result, np.nan)
        case _:
            raise refused("a value is a column, a number, a text, or + - * / of them")


_ARITHMETIC: dict[type[ast.operator], Callable[..., Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
}


def _plain(column: object) -> NDArray[Any]:
    """Return a column as a numpy array; datetimes without their zone, other text as objects."""
    if not isinstance(column, np.ndarray):
        convert = getattr(column, "to_numpy", None)
        arrow = type(column).__module__.startswith("pyarrow")
        column = convert(zero_copy_only=False) if arrow and convert else np.asarray(column)
    values: NDArray[Any] = column.astype(object) if column.dtype.kind in "US" else column
    return values


def _is_text(column: NDArray[Any]) -> bool:
    """Whether a column holds text (or nothing but missing values)."""
    return column.dtype == object


def _missing(column: NDArray[Any]) -> Mask:
    """Mark None, NaN and NaT."""
    if column.dtype.kind == "f":
        return np.asarray(np.isnan(column))
    if column.dtype.kind in "mM":
        return np.asarray(np.isnat(column))
    if column.dtype == object:
        return np.fromiter((_is_missing(x) for x in column), dtype=bool, count=len(column))
    return np.zeros(len(column), dtype=bool)


def _is_missing(cell: object) -> bool:
    """Whether one cell is None, NaN, NaT or NA: what does not equal itself."""
    return cell is None or (not isinstance(cell, str) and cell != cell)  # noqa: PLR0124


def _as_number(column: NDArray[Any]) -> NDArray[np.float64]:
    """Return numbers; text that is none becomes NaN."""
    if column.dtype.kind in "biuf":
        return column.astype(np.float64)
    if column.dtype.kind in "mM":
        raise SchemaError("a rule calculates with dates", hint="compare them, or subtract two")
    return np.fromiter((_number(x) for x in column), dtype=np.float64, count=len(column))


def _number(cell: object) -> float:
    """Read one cell as a finite number, NaN when it is none."""
    try:
        number = float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        words = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}
        return words.get(cell.strip().casefold(), np.nan) if isinstance(cell, str) else np.nan
    return number if np.isfinite(number) else np.nan


def _as_datetime(column: NDArray[Any]) -> NDArray[np.datetime64]:
    """Return datetimes; text that is no ISO date, and numbers, become NaT."""
    if column.dtype.kind == "M":
        return column.astype("datetime64[us]")
    if column.dtype != object:
        raise SchemaError("a rule compares a date with a number", hint="write '2020-01-31'")
    return np.array([_instant(x) for x in column], dtype="datetime64[us]")


def _instant(cell: object) -> np.datetime64:
    """Read one cell as a datetime, NaT when it is none."""
    try:
        return np.datetime64(cell, "us")  # type: ignore[call-overload,no-any-return]
    except (TypeError, ValueError):
        return np.datetime64("NaT")
