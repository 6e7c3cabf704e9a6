"""Formulas of regressions: what is read, and what is refused with a way on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.errors import SchemaError
from understudy.schema import parse_formula


def terms(text: str) -> list[str]:
    return [":".join(map(str, term)) for term in parse_formula(text).terms]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("y ~ a + b", ["a", "b"]),
        ("y ~ 1 + a + a", ["a"]),
        ("y ~ a*b", ["a", "b", "a:b"]),
        ("y ~ a*b*c", ["a", "b", "c", "a:b", "a:c", "b:c", "a:b:c"]),
        ("y ~ a:C(b)", ["a:C(b)"]),
        ("y ~ poly(a, 3)", ["a", "a^2", "a^3"]),
        ("y ~ poly(a, 2):b", ["a:b", "a^2:b"]),
        ("y ~ log(a)^2 + sqrt(b) + c**2", ["log(a)^2", "sqrt(b)", "c^2"]),
        ("y ~ `education-num` + Q('hours per week')", ["`education-num`", "`hours per week`"]),
        ("y ~ v.1 + Größe", ["v.1", "Größe"]),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "family", "log", "equals", "above"),
    [
        ("y ~ a", None, False, None, None),
        ("linear(y) ~ a", "linear", False, None, None),
        ("log(y) ~ a", "linear", True, None, None),
        ("logit(y) ~ a", "logistic", False, None, None),
        ("y == 'x ~ y' ~ a", "logistic", False, "x ~ y", None),
        ('logistic(y == ">50K") ~ a', "logistic", False, ">50K", None),
        ("y > -2.5 ~ a", "logistic", False, None, -2.5),
        ("poisson(`n visits`) ~ a", "poisson", False, None, None),
    ],
)
def test_outcomes(
    text: str, family: str | None, log: bool, equals: str | None, above: float | None
) -> None:
    found = parse_formula(text).outcome
    assert (found.family, found.log, found.equals, found.above) == (family, log, equals, above)


def test_a_point_is_every_other_column_once() -> None:
    found = parse_formula("y ~ b + .").checked(["a", "y", "b"])
    assert [str(term[0]) for term in found.terms] == ["b", "a"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("y", "one '~'"),
        ("y ~ a ~ b", "one '~'"),
        ("y ~", "a column is missing"),
        ("y ~ 1", "no term"),
        ("y ~ 0 + a", "0 is no column"),
        ("y ~ a - 1", "backticks"),
        ("y ~ education-num", "`education-num`"),
        ("hours-per-week ~ y", "backticks"),
        ("y ~ (a + b)", "before '('"),
        ("y ~ y", "explain itself"),
        ("y ~ a:a", "age^2"),
        ("y ~ a^9", "from 1 to 5"),
        ("y ~ a:b*c", "not mixed"),
        ("y ~ a:b:c:d", "at most 3"),
        ("y ~ exp(a)", "exp() is not part"),
        ("y ~ __import__('os').system('true')", "__import__() is not part"),
        ("y ~ a.b()", "a.b() is not part"),
        ("lgit(y) ~ a", "did you mean 'logit'"),
        ("poisson(y == 1) ~ a", "yes or no"),
        ("y ~ a; b", "character 6"),
        ("y ~ " + " + ".join(f"x{i}" for i in range(101)), "more than 100"),
        ("y" * 2001, "too long"),
    ],
)
def test_refused(text: str, why: str) -> None:
    with pytest.raises(SchemaError) as caught:
        parse_formula(text)
    assert why in str(caught.value)


def test_an_unknown_column_gets_the_nearest_name() -> None:
    with pytest.raises(SchemaError, match="did you mean 'age'"):
        parse_formula("hours ~ agee").checked(["hours", "age", "sex"])


@given(st.text("y~a+:*^(),=>.-1 `'\"CQlog", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse_formula(text)
    except SchemaError:
        return
    assert found.terms or found.everything
