"""The language of regressions: `hours ~ age + C(sex)`, a small part of R's and patsy's formulas.

    formula  := outcome "~" term ("+" term)*
    outcome  := column | column == 'label' | column > number
                | linear(column) | logit(any of the first three) | poisson(column) | log(column)
    term     := factor | factor ":" factor | factor "*" factor | "." | "1"
    factor   := column | C(column) | log(column) | sqrt(column)
                | poly(column, degree) | column^degree | column**degree
    column   := name, `any name in backticks`, Q('any name in quotes')

`a:b` is an interaction, `a*b` is `a + b + a:b`, `poly(a, 2)` is `a + a^2`, `.` is every other
column. A formula is read by hand-written code into frozen values; there is no `eval`, no call and
no attribute. What may not happen here: a look at rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Literal

from understudy.errors import SchemaError
from understudy.schema.spelling import did_you_mean

Family = Literal["linear", "logistic", "poisson"]
Transform = Literal["", "C", "log", "sqrt"]

MOST_TERMS = 100
"""Most terms of one formula."""
MOST_TOGETHER = 3
"""Most columns of one interaction."""
MOST_DEGREE = 5
"""Highest power of a column."""

_MAX_LENGTH = 2000
_TOKEN = re.compile(
    r"""(?P<text>'[^']*'|"[^"]*")"""
    r"|(?P<quoted>`[^`]+`)"
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[^\W\d](?:\w|\.(?=\w))*)"
    r"|(?P<sign>\*\*|==|[-~+:*^(),=>.])"
    r"|(?P<space>\s+)"
)
_FAMILIES: dict[str, Family] = {
    "linear": "linear",
    "logit": "logistic",
    "logistic": "logistic",
    "poisson": "poisson",
}
_EXAMPLE = "for example: hours ~ age + C(sex), logit(income == '>50K') ~ age * sex"
_SIGNS = "a column with other signs in its name stands in backticks: `education-num`"


@dataclass(frozen=True, kw_only=True, slots=True)
class Factor:
    """A column as it enters a term: as it is, as labels, its logarithm or root, to a power."""

    column: str
    transform: Transform = ""
    power: int = 1

    def __str__(self) -> str:
        """Return it as it is written."""
        name = self.column if _plain(self.column) else f"`{self.column}`"
        inner = f"{self.transform}({name})" if self.transform else name
        return inner if self.power == 1 else f"{inner}^{self.power}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What is explained.

    Parameters
    ----------
    column
        The dependent variable.
    family
        `linear`, `logistic`, `poisson`, or None: then the column decides.
    log
        Whether its logarithm is explained.
    equals, above
        How a column becomes yes or no: a label, or a number to exceed.
    """

    column: str
    family: Family | None = None
    log: bool = False
    equals: str | None = None
    above: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Formula:
    """A regression by name: an outcome and terms, each a product of factors.

    Parameters
    ----------
    text
        As it was written, spaces apart.
    outcome
        What is explained.
    terms
        Products of factors, each once, in the order written.
    everything
        Whether `.` asks for every other column too.
    """

    text: str
    outcome: Outcome
    terms: tuple[tuple[Factor, ...], ...]
    everything: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns it names, the outcome first, each once."""
        named = [self.outcome.column, *(one.column for term in self.terms for one in term)]
        return tuple(dict.fromkeys(named))

    def checked(self, names: Sequence[str]) -> Formula:
        """Return the formula with `.` written out, refusing a column that is not there.

        Raises
        ------
        SchemaError
            With the nearest name.

        >>> parse_formula("pay ~ agee").checked(["pay", "age"])
        Traceback (most recent call last):
        ...
        understudy.errors.SchemaError: regression 'pay ~ agee' names column 'agee', ...
        """
        for name in self.columns:
            if name not in names:
                raise SchemaError(
                    f"regression {self.text!r} names column {name!r}, which is not in the table",
                    hint=did_you_mean(name, names),
                )
        if not self.everything:
            return self
        added = tuple(
            (Factor(column=name),)
            for name in names
            if name != self.outcome.column and (Factor(column=name),) not in self.terms
        )
        return Formula(text=self.text, outcome=self.outcome, terms=(*self.terms, *added))


@lru_cache(maxsize=256)
def parse_formula(text: str) -> Formula:
    """Read a formula, refusing everything outside the language.

    Parameters
    ----------
    text
        At most 2000 characters.

    Raises
    ------
    SchemaError
        Where and why it is not a formula.

    >>> formula = parse_formula("hours ~ age + C(sex) + age:sex")
    >>> [":".join(map(str, term)) for term in formula.terms]
    ['age', 'C(sex)', 'age:sex']
    >>> parse_formula("logit(income == '>50K') ~ `education-num`").columns
    ('income', 'education-num')
    """
    if len(text) > _MAX_LENGTH:
        raise SchemaError("a regression is too long", allowed=_MAX_LENGTH)
    return _Reader(text).formula()


def _plain(name: str) -> bool:
    """Whether a name needs no backticks."""
    found = _TOKEN.fullmatch(name)
    return found is not None and found.lastgroup == "name"


class _Reader:
    """One pass over the words of a formula."""

    def __init__(self, text: str) -> None:
        self.text = " ".join(text.split())
        self.words: list[tuple[str, str]] = []
        position = 0
        while position < len(self.text):
            found = _TOKEN.match(self.text, position)
            if found is None:
                raise self.refused(
                    f"character {position + 1} ({self.text[position]!r}) is not understood"
                )
            position = found.end()
            if found.lastgroup != "space":
                self.words.append((found.lastgroup or "", found.group()))
        self.at = 0

    def refused(self, why: str, hint: str = _EXAMPLE) -> SchemaError:
        """Build the error of a text that is not a formula."""
        return SchemaError(f"not a regression: {why}", hint=hint, formula=self.text[:200])

    def sign(self, *signs: str) -> bool:
        """Take the next word if it is one of these signs."""
        if self.at < len(self.words) and self.words[self.at][1] in signs:
            if self.words[self.at][0] != "sign":
                return False
            self.at += 1
            return True
        return False

    def need(self, sign: str, where: str) -> None:
        """Take a sign that has to be there."""
        if not self.sign(sign):
            hint = _SIGNS if self.peek()[1] == "-" else _EXAMPLE
            raise self.refused(f"{sign!r} is missing {where}", hint)

    def peek(self) -> tuple[str, str]:
        """The next word, empty at the end."""
        return self.words[self.at] if self.at < len(self.words) else ("", "")

    def formula(self) -> Formula:
        """The whole text."""
        if [word for _, word in self.words].count("~") != 1:
            raise self.refused("one '~' stands between the outcome and the terms")
        outcome = self.outcome()
        self.need("~", "after the outcome")
        terms, everything = self.sum()
        kind, word = self.peek()
        if word == "-":
            raise self.refused(
                "'-' is not part of the language, and the intercept stays",
                _SIGNS,
            )
        if kind:
            raise self.refused(f"{word!r} is not expected there")
        if not terms and not everything:
            raise self.refused("there is no term besides the intercept")
        if len(terms) > MOST_TERMS:
            raise self.refused(f"there are more than {MOST_TERMS} terms")
        if any(one.column == outcome.column for term in terms for one in term):
            raise self.refused("the outcome cannot explain itself")
        return Formula(text=self.text, outcome=outcome, terms=terms, everything=everything)

    def sum(self) -> tuple[tuple[tuple[Factor, ...], ...], bool]:
        """The terms, each once, and whether `.` is among them."""
        terms: dict[tuple[Factor, ...], None] = {}
        everything = False
        while True:
            if self.peek() == ("sign", "."):
                self.at += 1
                everything = True
            elif self.peek() == ("number", "1"):
                self.at += 1
            else:
                terms.update(dict.fromkeys(self.product()))
            if not self.sign("+"):
                return tuple(terms), everything

    def outcome(self) -> Outcome:
        """What stands before the `~`."""
        kind, word = self.peek()
        called = kind == "name" and self.words[self.at + 1 : self.at + 2] == [("sign", "(")]
        if not called or word == "Q":
            return self.compared(None)
        if word not in _FAMILIES and word != "log":
            known = (*_FAMILIES, "log")
            raise self.refused(f"{word}() is no outcome", hint=did_you_mean(word, known))
        self.at += 2
        if word == "log":
            found = Outcome(column=self.column(), family="linear", log=True)
        else:
            found = self.compared(_FAMILIES[word])
        self.need(")", "after the outcome")
        return found

    def compared(self, family: Family | None) -> Outcome:
        """A column, by itself or made yes or no."""
        column = self.column()
        if self.sign("==", "="):
            kind, word = self.peek()
            if kind not in ("text", "number", "name", "quoted"):
                raise self.refused("a label is missing after '=='")
            self.at += 1
            label = word[1:-1] if kind in ("text", "quoted") else word
            return self.yes_or_no(Outcome(column=column, family=family, equals=label))
        if self.sign(">"):
            below = self.sign("-")
            kind, word = self.peek()
            if kind != "number":
                raise self.refused("a number is missing after '>'")
            self.at += 1
            above = -float(word) if below else float(word)
            return self.yes_or_no(Outcome(column=column, family=family, above=above))
        return Outcome(column=column, family=family)

    def yes_or_no(self, outcome: Outcome) -> Outcome:
        """An outcome made yes or no is explained by a logistic regression."""
        if outcome.family not in (None, "logistic"):
            raise self.refused(f"a yes or no is no outcome of a {outcome.family} regression")
        return Outcome(
            column=outcome.column, family="logistic", equals=outcome.equals, above=outcome.above
        )

    def product(self) -> list[tuple[Factor, ...]]:
        """A factor, or factors joined by ':' or '*', as the terms it stands for."""
        parts = [self.factor()]
        crossed: bool | None = None
        while True:
            if self.sign(":"):
                asked = False
            elif self.sign("*"):
                asked = True
            else:
                break
            if crossed not in (None, asked):
                raise self.refused("':' and '*' are not mixed in one term")
            crossed = asked
            parts.append(self.factor())
        if crossed is None:
            return [(one,) for one in parts[0]]
        if len(parts) > MOST_TOGETHER:
            raise self.refused(f"an interaction has at most {MOST_TOGETHER} columns")
        sizes = range(1, len(parts) + 1) if crossed else (len(parts),)
        terms = []
        for size in sizes:
            for chosen in combinations(parts, size):
                terms += _crossed(chosen)
        if any(len({one.column for one in term}) < len(term) for term in terms):
            raise self.refused(
                "a column does not interact with itself", hint="for a square write age^2"
            )
        return terms

    def factor(self) -> list[Factor]:
        """One column as it enters; `poly` stands for several powers."""
        kind, word = self.peek()
        if kind == "number":
            raise self.refused(f"{word} is no column: only 1, the intercept, stands alone")
        called = kind == "name" and self.words[self.at + 1 : self.at + 2] == [("sign", "(")]
        if called and word != "Q":
            if word not in ("C", "log", "sqrt", "poly"):
                known = ("C", "log", "sqrt", "poly", "Q")
                raise self.refused(
                    f"{word}() is not part of the language", hint=did_you_mean(word, known)
                )
            self.at += 2
            column = self.column()
            if word == "poly":
                self.need(",", "before the degree")
                degree = self.degree()
                self.need(")", f"after the degree of {column!r}")
                return [Factor(column=column, power=power) for power in range(1, degree + 1)]
            self.need(")", f"after {column!r}")
            transform: Transform = "C" if word == "C" else "log" if word == "log" else "sqrt"
            base = Factor(column=column, transform=transform)
        else:
            base = Factor(column=self.column())
        if not self.sign("^", "**"):
            return [base]
        if base.transform == "C":
            raise self.refused("labels have no powers")
        return [Factor(column=base.column, transform=base.transform, power=self.degree())]

    def degree(self) -> int:
        """A power."""
        kind, word = self.peek()
        if kind != "number" or word not in {str(one) for one in range(1, MOST_DEGREE + 1)}:
            raise self.refused(f"a power is a whole number from 1 to {MOST_DEGREE}")
        self.at += 1
        return int(word)

    def column(self) -> str:
        """The name of a column."""
        kind, word = self.peek()
        self.at += 1
        if kind == "quoted":
            return word[1:-1]
        if kind == "name" and word == "Q" and self.sign("("):
            kind, word = self.peek()
            if kind != "text":
                raise self.refused("Q('…') holds a name in quotes")
            self.at += 1
            self.need(")", "after the name in quotes")
            return word[1:-1]
        if kind != "name":
            raise self.refused("a column is missing" + (f" before {word!r}" if word else ""))
        return word


def _crossed(parts: Sequence[Sequence[Factor]]) -> list[tuple[Factor, ...]]:
    """Every product of one factor of each part."""
    terms: list[tuple[Factor, ...]] = [()]
    for part in parts:
        terms = [(*term, one) for term in terms for one in part]
    return terms
