"""Conditions: exact against enumeration, refused when they cannot be, recorded when they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conditioning.conftest import build, labels

from understudy.errors import InputError
from understudy.synthesize.conditioning.where import select
from understudy.synthesize.model import Model

Keeps = Callable[..., bool]


def known(*values: Any) -> bool:
    """Whether nothing is missing."""
    return all(value is not None for value in values)


# Each condition as the language says it, and as Python does on values (None: missing).
CASES: list[tuple[str, Keeps]] = [
    ("age >= 18", lambda age, **_: known(age) and age >= 18),
    ("age >= 15", lambda age, **_: known(age) and age >= 15),
    ("age > 15", lambda age, **_: known(age) and age > 15),
    ("age < 15.5", lambda age, **_: known(age) and age < 15.5),
    ("age <= 15", lambda age, **_: known(age) and age <= 15),
    ("15 < age", lambda age, **_: known(age) and age > 15),
    ("not age < 15", lambda age, **_: known(age) and age >= 15),
    ("age = 35", lambda age, **_: age == 35),
    ("age != 35", lambda age, **_: known(age) and age != 35),
    ("age in (3, 30, 39)", lambda age, **_: age in (3, 30, 39)),
    ("age not in (3, 30, 39)", lambda age, **_: known(age) and age not in (3, 30, 39)),
    ("18 <= age < 31", lambda age, **_: known(age) and 18 <= age < 31),
    ("not 18 <= age < 31", lambda age, **_: known(age) and not 18 <= age < 31),
    ("age >= 3 * 5 + 2", lambda age, **_: known(age) and age >= 17),
    ("age is null", lambda age, **_: age is None),
    ("age is not null", lambda age, **_: age is not None),
    ("hours is null", lambda hours, **_: hours is None),
    ("hours = '?'", lambda hours, **_: hours is None),
    ("sex = 'F'", lambda sex, **_: sex == "F"),
    ("sex == 'F' and age >= 12", lambda sex, age, **_: sex == "F" and known(age) and age >= 12),
    ("sex != 'F'", lambda sex, **_: known(sex) and sex != "F"),
    ("sex in ('F', 'M')", lambda sex, **_: known(sex)),
    ("sex is null", lambda sex, **_: sex is None),
    ("married", lambda married, **_: married == "yes"),
    ("not married", lambda married, **_: married == "no"),
    ("married == false", lambda married, **_: married == "no"),
    ("sex = 'F' or age >= 25", lambda sex, age, **_: sex == "F" or (known(age) and age >= 25)),
    (
        "not (sex = 'F' and age >= 25)",
        lambda sex, age, **_: (known(sex) and sex != "F") or (known(age) and age < 25),
    ),
    (
        "sex = 'F' and (age < 5 or hours >= 6) or married and age >= 35",
        lambda sex, age, hours, married: (
            (sex == "F" and ((known(age) and age < 5) or (known(hours) and hours >= 6)))
            or (married == "yes" and known(age) and age >= 35)
        ),
    ),
    (
        "sex = 'M' or married or hours < 3 or age = 30",
        lambda sex, age, hours, married: (
            sex == "M" or married == "yes" or (known(hours) and hours < 3) or age == 30
        ),
    ),
    ("true and sex = 'F'", lambda sex, **_: sex == "F"),
    ("sex = 'F' or false", lambda sex, **_: sex == "F"),
]


@pytest.mark.parametrize(("where", "keeps"), CASES, ids=[where for where, _ in CASES])
def test_probabilities_are_exact(model: Model, world: Any, where: str, keeps: Keeps) -> None:
    expected = world.probability(keeps)
    assert 0 < expected < 1
    assert select(model, where).probability() == pytest.approx(expected, rel=1e-10)
    made = model.condition(where)
    assert made.rows == pytest.approx(1000.0 * expected, rel=1e-10)
    assert made.derived[0].probability == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("where", "keeps"), CASES, ids=[where for where, _ in CASES])
def test_every_row_meets_the_condition(model: Model, where: str, keeps: Keeps) -> None:
    for row in model.condition(where).sample(200, seed=1).to_pylist():
        cells = {
            "age": None if row["age"] is None else float(row["age"]),
            "sex": row["sex"],
            "married": row["married"],
            "hours": None if row["hours"] == "?" else float(row["hours"]),
        }
        assert keeps(**cells)


@pytest.mark.parametrize(
    "where", ["age >= 15", "sex = 'F' or age >= 25", "not (married or age=30)"]
)
def test_what_is_left_has_the_right_distribution(model: Model, world: Any, where: str) -> None:
    """Every cell of the whole conditional distribution, not only its size."""
    keeps = dict(CASES).get(
        where, lambda married, age, **_: married == "no" and known(age) and age != 30
    )
    made = model.condition(where)
    expected: dict[tuple[Any, ...], float] = {}
    for row, mass in world:
        if keeps(**row):
            key = (row["age"], row["sex"], row["married"], row["hours"])
            expected[key] = expected.get(key, 0.0) + mass
    total = sum(expected.values())
    for key, mass in list(expected.items())[::7]:
        age, sex, married, hours = key
        fixed = {"age": age, "sex": sex, "married": married, "hours": hours}
        assert select(made, fixed).probability() == pytest.approx(mass / total, rel=1e-9)


def test_a_draw_follows_the_conditional_distribution(model: Model, world: Any) -> None:
    """n = 20,000 rows given sex = F: each cell of married × ages in fives, χ² at α = 1e-8.

    The draw's variance is below a multinomial's, so the test is conservative; a shift of 3 % of
    the rows between two cells is found with power above 0.99.
    """
    table = model.condition("sex = 'F' and age >= 12").sample(20_000, seed=7)
    found: dict[tuple[str, int], int] = {}
    for age, married in zip(table["age"].to_pylist(), table["married"].to_pylist(), strict=True):
        key = (married, int(age) // 5)
        found[key] = found.get(key, 0) + 1
    expected: dict[tuple[str, int], float] = {}
    for row, mass in world:
        if row["sex"] == "F" and row["age"] is not None and row["age"] >= 12:
            key = (row["married"], int(row["age"]) // 5)
            expected[key] = expected.get(key, 0.0) + mass
    total = sum(expected.values())
    assert set(found) <= set(expected)
    statistic = sum(
        (found.get(key, 0) - 20_000 * mass / total) ** 2 / (20_000 * mass / total)
        for key, mass in expected.items()
    )
    assert statistic < 90.0  # 11 to 15 degrees of freedom: P(χ² > 90) < 1e-12


def test_rare_conditions_cost_no_more(model: Model) -> None:
    made = model.condition("age = 30 and sex is null and hours = '?' and not married")
    assert made.sample(500, seed=1).num_rows == 500
    assert made.rows < 20


def test_fixed_values(model: Model) -> None:
    made = model.condition({"sex": "F", "age": [20, 21], "hours": None})
    assert made.derived[0].text == "sex = 'F' and age in (20, 21) and hours is null"
    rows = made.sample(50, seed=0).to_pylist()
    assert {row["sex"] for row in rows} == {"F"}
    assert {row["age"] for row in rows} == {"20", "21"}
    assert {row["hours"] for row in rows} == {"?"}


def test_conditions_in_turn_are_their_conjunction(model: Model) -> None:
    twice = model.condition("sex = 'F' or age >= 25").condition("married and age < 33")
    once = model.condition("(sex = 'F' or age >= 25) and married and age < 33")
    assert twice.rows == pytest.approx(once.rows, rel=1e-10)
    assert [step.kind for step in twice.derived] == ["where", "where"]


def test_the_original_stays(model: Model) -> None:
    before = model.to_json()[0]
    model.condition("age >= 15 or married")
    assert model.to_json()[0] == before
    assert model.derived == ()


def test_counts_follow(model: Model) -> None:
    made = model.condition("sex = 'F' or age >= 25")
    for item in made.attributes:
        assert item.counts.sum() == pytest.approx(made.rows, rel=1e-9)
        assert (item.variances >= 0).all()


@pytest.mark.parametrize("where", ["age >= 15", "sex = 'F' or age >= 25"])
def test_saving_and_loading(model: Model, tmp_path: Path, where: str) -> None:
    made = model.condition(where)
    loaded = Model.load(made.save(tmp_path / "m"))
    assert loaded.derived == made.derived
    assert loaded.derived[0].text == where
    assert loaded.sample(300, seed=5).equals(made.sample(300, seed=5))


REFUSED = {
    "agee >= 3": "no column 'agee'",
    "age >= ": "not a condition",
    "age": "not boolean|cannot be compared",
    "sex": "not boolean",
    "if age > 3 then married": "no `if",
    "age < hours": "another column",
    "age + 1 > 3": "without calculating",
    "age > 1 / 0": "divides by zero",
    "age > 'x' + 1": "calculates with a text",
    "age = 'soon'": "cannot be compared",
    "sex = 'female'": "no label like that",
    "sex != 'female'": "no label like that",
    "sex in ('F', 'female')": "no label like that",
    "__import__('os')": "not a condition",
    "age >= 1000": "probability zero",
    "age > 20 and age < 20": "probability zero",
    "age = 20.5": "probability zero",
    "sex = '(other)'": "probability zero",
    "false": "probability zero",
    "sex = 'F' and sex = 'M'": "probability zero",
}


@pytest.mark.parametrize("where", REFUSED)
def test_what_cannot_be_is_refused_in_words(model: Model, where: str) -> None:
    with pytest.raises(InputError, match=REFUSED[where]):
        model.condition(where)


def test_a_wrong_column_gets_a_suggestion_and_labels_stay_unsaid(model: Model) -> None:
    with pytest.raises(InputError) as wrong:
        model.condition("maried")
    assert "did you mean 'married'" in str(wrong.value)
    with pytest.raises(InputError) as unsaid:
        model.condition("sex = 'female'")
    assert "female" not in str(unsaid.value)
    with pytest.raises(InputError, match="no column 'seks'"):
        model.condition({"seks": "F"})


def test_too_many_parts_are_refused() -> None:
    names = [f"x{i}" for i in range(14)]
    many = build([labels(name, ["a", "b"]) for name in names], [], {}, seed=0)
    pairs = [f"({a} = 'a' and {b} = 'a')" for a, b in zip(names[::2], names[1::2], strict=True)]
    with pytest.raises(InputError, match="too many parts"):
        many.condition(" or ".join(pairs))
    six = many.condition(" or ".join(pairs[:6]))
    shares = [item.shares[0] for item in many.attributes]
    both = [p * q for p, q in zip(shares[:12:2], shares[1:12:2], strict=True)]
    assert six.derived[0].probability == pytest.approx(1 - np.prod([1 - p for p in both]))
    chain = many.condition(" or ".join(f"{name} = 'a'" for name in names))
    assert chain.derived[0].probability == pytest.approx(1 - np.prod([1 - p for p in shares]))


def test_a_generator_of_another_kind_says_so(model: Model) -> None:
    from dataclasses import replace

    class Other:
        kind = "other"

    with pytest.raises(InputError, match="cannot be conditioned"):
        replace(model, codes=Other()).condition("age > 3")
