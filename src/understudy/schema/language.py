"""The language of rules: a small grammar over columns, parsed with a whitelist.

    rule        := condition | "if" condition "then" condition
    condition   := comparisons, and, or, not, parentheses, a boolean column by itself
    comparison  := value (< <= > >= == !=) value, chained too | value [not] in (literal, …)
                   | column is [not] null
    value       := column, `column with spaces`, number, 'text', true, false, + - * /

What may not happen here: `eval`, names other than columns, or calls.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from understudy.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEYWORDS = frozenset({"and", "or", "not", "in", "is", "if", "then", "true", "false", "null"})
_MAX_LENGTH = 2000
_MAX_DEPTH = 50
_TOKEN = re.compile(
    r"""(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
    r"|(?P<quoted>`[^`]+`)"
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<sign><=|>=|==|!=|<>|[-+*/<>=(),])"
    r"|(?P<space>\s+)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedRule:
    """A rule as two expression trees; `condition` is None for a rule without `if`."""

    condition: ast.expr | None
    claim: ast.expr
    columns: tuple[str, ...]


@lru_cache(maxsize=256)
def parse_rule(expr: str) -> ParsedRule:
    """Parse a rule, refusing everything outside the language.

    Parameters
    ----------
    expr
        The expression, at most 2000 characters.

    Returns
    -------
    ParsedRule
        Trees of whitelisted nodes and the columns they read.

    Raises
    ------
    SchemaError
        Where and why the expression is not a rule.

    >>> parse_rule("if `marital status` == 'yes' then age >= 15").columns
    ('marital status', 'age')
    """
    if len(expr) > _MAX_LENGTH:
        raise SchemaError("a rule is too long", allowed=_MAX_LENGTH)
    columns: list[str] = []
    words = _translate(expr, columns)
    if words and words[0] == "if":
        if words.count("then") != 1 or words.count("if") != 1:
            raise refused("one `then` belongs to one `if`, at the start of a rule")
        at = words.index("then")
        condition: ast.expr | None = _tree(words[1:at])
        claim = _tree(words[at + 1 :])
    elif "then" in words or "if" in words:
        raise refused("`if … then …` is a whole rule, it cannot stand inside one")
    else:
        condition, claim = None, _tree(words)
    return ParsedRule(condition=condition, claim=claim, columns=tuple(columns))


def refused(why: str) -> SchemaError:
    """Build the error of an expression that is not a rule."""
    return SchemaError(
        f"not a rule: {why}",
        hint="for example: age >= 18, start <= end, if married == 'yes' then age >= 15",
    )


def _translate(expr: str, columns: list[str]) -> list[str]:
    """Split into words Python can parse; columns become placeholders `_0`, `_1`."""
    words: list[str] = []
    position = 0
    while position < len(expr):
        found = _TOKEN.match(expr, position)
        if found is None:
            raise refused(f"character {position + 1} ({expr[position]!r}) is not understood")
        position = found.end()
        word, group = found.group(), found.lastgroup
        if group == "space":
            continue
        if group == "quoted" or (group == "name" and word.lower() not in _KEYWORDS):
            name = word[1:-1] if group == "quoted" else word
            if name not in columns:
                columns.append(name)
            words.append(f"_{columns.index(name)}")
        elif group == "name":
            words.append(_WORDS.get(word.lower(), word.lower()))
        elif group == "number":
            words.append(repr(float(word)))
        else:
            words.append(_WORDS.get(word, word))
    return words


_WORDS = {"=": "==", "<>": "!=", "true": "True", "false": "False", "null": "None"}


def _tree(words: list[str]) -> ast.expr:
    """Parse words as one expression and refuse nodes outside the whitelist."""
    if not words:
        raise refused("a condition is missing")
    try:
        tree = ast.parse(" ".join(words), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise refused("the expression does not parse") from None
    _check_condition(tree, 0)
    return tree


def _check_condition(node: ast.expr, depth: int) -> None:
    """Refuse anything that is not a condition of the language."""
    if depth > _MAX_DEPTH:
        raise refused("it is nested too deeply")
    match node:
        case ast.BoolOp(values=values):
            for value in values:
                _check_condition(value, depth + 1)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            _check_condition(operand, depth + 1)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            _check_comparison(left, ops, comparators, depth)
        case ast.Name() | ast.Constant(value=bool()):
            return
        case _:
            raise refused("a condition compares something, or is a boolean column")


def _check_comparison(
    left: ast.expr, ops: Sequence[ast.cmpop], comparators: Sequence[ast.expr], depth: int
) -> None:
    """Refuse comparisons of other things than values, list members and null."""
    _check_value(left, depth + 1)
    for op, right in zip(ops, comparators, strict=True):
        match op:
            case ast.In() | ast.NotIn():
                items = right.elts if isinstance(right, ast.Tuple | ast.List) else [right]
                if not items or not all(_is_literal(item) for item in items):
                    raise refused("`in` needs literals in parentheses: in ('a', 'b')")
            case ast.Is() | ast.IsNot():
                null = isinstance(right, ast.Constant) and right.value is None
                if not null or len(ops) > 1:
                    raise refused("`is` goes with null only: x is null, x is not null")
            case _:
                _check_value(right, depth + 1)


def _check_value(node: ast.expr, depth: int) -> None:
    """Refuse anything that is not a value of the language."""
    if depth > _MAX_DEPTH:
        raise refused("it is nested too deeply")
    match node:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div(), right=right):
            _check_value(left, depth + 1)
            _check_value(right, depth + 1)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            _check_value(operand, depth + 1)
        case ast.Name() | ast.Constant(value=bool() | float() | str()):
            return
        case _:
            raise refused("a value is a column, a number, a text, or + - * / of them")


def _is_literal(node: ast.expr) -> bool:
    """Whether a node is a number, a signed number, a text or a boolean."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return isinstance(node.operand, ast.Constant) and isinstance(node.operand.value, float)
    return isinstance(node, ast.Constant) and isinstance(node.value, bool | float | str)
