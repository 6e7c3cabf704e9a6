"""The rule language: three-valued, whitelisted, vectorised, equal to a row-by-row reading."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.errors import SchemaError
from understudy.schema import Rule, parse_rule, violations

COLUMNS = {
    "age": np.array([10.0, 20.0, np.nan, 40.0]),
    "married": np.array(["yes", "no", "yes", None], dtype=object),
    "start": np.array(["2020-01-01", "2020-03-01", "NaT", "2021-01-01"], dtype="datetime64[D]"),
    "end": np.array(["2020-02-01", "2020-02-01", "2020-01-01", "2021-01-01"], dtype="M8[s]"),
    "hours per week": np.array([40, 20, 30, 0]),
    "class": np.array(["e", "p", "e", "p"], dtype=object),
    "flag": np.array([True, False, True, False]),
    "text": np.array(["9", "10", "x", ""], dtype=object),
}


@pytest.mark.parametrize(
    ("expr", "broken"),
    [
        ("age >= 18", [1, 0, 0, 0]),
        ("not age >= 18", [0, 1, 0, 1]),
        ("15 <= age < 40", [1, 0, 0, 1]),
        ("if married == 'yes' then age >= 15", [1, 0, 0, 0]),
        ("IF married = 'yes' THEN age >= 15", [1, 0, 0, 0]),
        ("start <= end", [0, 1, 0, 0]),
        ("start >= '2020-02-01'", [1, 0, 0, 0]),
        ("end - start > 0", [0, 1, 0, 1]),
        ("`hours per week` in (20, 40)", [0, 0, 1, 1]),
        ("`hours per week` not in (20, 40)", [1, 1, 0, 0]),
        ("class in ('e')", [0, 1, 0, 1]),
        ("class == 'e' or age > 30", [0, 1, 0, 0]),
        ("age > 15 and flag", [1, 1, 0, 1]),
        ("flag", [0, 1, 0, 1]),
        ("not flag", [1, 0, 1, 0]),
        ("flag == true", [0, 1, 0, 1]),
        ("age is not null", [0, 0, 1, 0]),
        ("age is null", [1, 1, 0, 1]),
        ("age / `hours per week` < 1", [0, 1, 0, 0]),
        ("age * 2 + 1 - 1 == 80", [1, 1, 0, 0]),
        ("-age < -15", [1, 0, 0, 0]),
        ("text < 10", [0, 1, 0, 0]),
        ("text == 10", [1, 0, 1, 1]),
        ("text != 10", [0, 1, 0, 0]),
        ("text >= '10'", [1, 0, 0, 1]),
        ("married == 'yes'", [0, 1, 0, 0]),
        ("true", [0, 0, 0, 0]),
        ("false", [1, 1, 1, 1]),
    ],
)
def test_what_is_broken(expr: str, broken: list[int]) -> None:
    assert violations(Rule(expr=expr), COLUMNS).tolist() == [bool(x) for x in broken]


@pytest.mark.parametrize(
    "expr",
    [
        "__import__('os')",
        "age.__class__",
        "age[0]",
        "(lambda: 1)()",
        "[x for x in age]",
        "age ** 9",
        "age if flag else age",
        "age := 3",
        "{age}",
        "f'{age}'",
        "age + 1",
        "age >",
        "age > 1; age",
        "age is 3",
        "age in age",
        "age in ()",
        "if age > 1",
        "if age > 1 then",
        "age > 1 then age > 2",
        "if age > 1 then if age > 2 then age > 3",
        "age @ 2 > 1",
        "age > 'x",
        "1 + (age > 2) > 1",
        "not age + 1",
        "age > " + "1 + " * 400 + "1",
        "age > 1" + " " * 3000,
        "#",
        "",
    ],
)
def test_what_is_no_rule(expr: str) -> None:
    with pytest.raises(SchemaError):
        parse_rule(expr)


def test_columns_are_found_in_order() -> None:
    rule = Rule(expr="if `a b` > 1 and class == 'then if' then _x <= größe + class2")
    assert rule.columns == ("a b", "class", "_x", "größe", "class2")


def test_what_cannot_be_evaluated() -> None:
    with pytest.raises(SchemaError, match="did you mean 'age'"):
        violations("agee > 1", COLUMNS)
    with pytest.raises(SchemaError, match="not boolean"):
        violations("age", COLUMNS)
    with pytest.raises(SchemaError, match="date with a number"):
        violations("start > 3", COLUMNS)
    with pytest.raises(SchemaError, match="calculates with dates"):
        violations("start + 1 > 3", COLUMNS)


def test_arrow_columns_and_no_rows() -> None:
    columns = {"a": pa.chunked_array([[1, None], [3]]), "b": pa.array(["x", None, "y"])}
    assert violations("a > 1", columns).tolist() == [True, False, False]
    assert violations("b == 'x'", columns).tolist() == [False, False, True]
    assert violations("a > 1", {"a": np.array([])}).tolist() == []


NUMBERS = st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=1, max_size=6)


@given(left=NUMBERS, right=NUMBERS)
def test_three_valued_logic_row_by_row(left: list[int | None], right: list[int | None]) -> None:
    rows = min(len(left), len(right))
    columns = {
        name: np.array([np.nan if x is None else x for x in values[:rows]], dtype=float)
        for name, values in (("a", left), ("b", right))
    }

    def broken(a: int | None, b: int | None) -> bool:
        condition = None if a is None else a > 0
        first = None if a is None or b is None else a < b
        second = None if b is None else b == 2
        parts = (first, second)
        either = True if True in parts else None if None in parts else False
        return condition is True and either is False

    expected = [broken(a, b) for a, b in zip(left[:rows], right[:rows], strict=True)]
    assert violations("if a > 0 then a < b or b = 2", columns).tolist() == expected
