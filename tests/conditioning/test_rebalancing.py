"""Other shares of a column: exact, everything else conditional, refused when they cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.errors import InputError
from understudy.synthesize.conditioning.rebalancing import read_shares
from understudy.synthesize.conditioning.where import select
from understudy.synthesize.model import Model


def share(model: Model, where: str) -> float:
    return select(model, where).probability()


def test_shares_are_met_and_the_rest_follows(model: Model, world: Any) -> None:
    made = model.rebalance("sex", {"F": 0.7, "M": 0.3})
    assert share(made, "sex = 'F'") == pytest.approx(0.7)
    assert share(made, "sex is null") == 0.0
    for label, wanted in (("F", 0.7), ("M", 0.3)):
        mine = world.probability(lambda sex, label=label, **_: sex == label)
        both = world.probability(
            lambda sex, age, label=label, **_: sex == label and age is not None and age >= 15
        )
        found = share(made, f"sex = '{label}' and age >= 15")
        assert found == pytest.approx(wanted * both / mine)
    assert made.rows == model.rows
    assert made.derived[0].text == "sex: F=0.7, M=0.3"


def test_what_is_not_named_keeps_its_proportions(model: Model) -> None:
    made = model.rebalance("age", {"<15": 0.5, "31 to 40": 0.1, None: 0.0})
    assert share(made, "age < 15") == pytest.approx(0.5)
    assert share(made, "age >= 31") == pytest.approx(0.1)
    assert share(made, "age is null") == 0.0
    before = share(model, "15 <= age < 20") / share(model, "15 <= age < 31")
    assert share(made, "15 <= age < 20") / 0.4 == pytest.approx(before)


def test_a_mixture_is_rebalanced_as_a_whole(model: Model) -> None:
    made = model.condition("sex = 'F' or age >= 25").rebalance("married", {"yes": 0.9, "no": 0.1})
    assert share(made, "married") == pytest.approx(0.9)
    given = "married and (sex = 'F' or age >= 25)"
    expected = share(model, given + " and age < 10") / share(model, given)
    assert share(made, "married and age < 10") / 0.9 == pytest.approx(expected)
    table = made.sample(1000, seed=3)
    assert sum(cell == "yes" for cell in table["married"].to_pylist()) in range(898, 903)


def test_the_whole_original_distribution_comes_back(model: Model) -> None:
    shares = {"F": share(model, "sex = 'F'"), "M": share(model, "sex = 'M'")}
    there = model.rebalance("sex", {"F": 0.9, "M": 0.05})
    back = there.rebalance("sex", shares)
    for where in ("age >= 15 and sex = 'F'", "married", "hours = 3 and sex is null"):
        assert share(back, where) == pytest.approx(share(model, where))


REFUSED: dict[str, tuple[str, dict[Any, Any]]] = {
    "no column": ("seks", {"F": 1.0}),
    "sum to more": ("sex", {"F": 0.8, "M": 0.3}),
    "nothing else is left": ("married", {"yes": 0.5, "no": 0.4}),
    "overlap": ("age", {"<20": 0.5, "10 to 30": 0.5}),
    "no label like that": ("sex", {"female": 0.5}),
    "probability zero": ("age", {">=100": 0.5}),
    "between 0 and 1": ("sex", {"F": -0.5}),
    "no number": ("sex", {"F": "half"}),
    "at least one": ("sex", {}),
    "cannot be compared": ("age", {"<young": 0.5}),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_is_refused(model: Model, message: str) -> None:
    column, shares = REFUSED[message]
    with pytest.raises(InputError, match=message):
        model.rebalance(column, shares)


def test_reading_shares() -> None:
    names = ["income", "in: come", "age"]
    assert read_shares("income: <=50K=0.5, >50K=50%", names) == (
        "income",
        {"<=50K": 0.5, ">50K": 0.5},
    )
    assert read_shares("`in: come`: a=1", names) == ("in: come", {"a": 1.0})
    assert read_shares("age: <30 = 20%, null=.1", names)[1] == {"<30": 0.2, None: 0.1}
    for bad in ("income", "income <=50K=0.5", "inc: a=1", "income: a", "income: a=x", "income: =1",
                "income: a=.1, a=.2"):  # fmt: skip
        with pytest.raises(InputError):
            read_shares(bad, names)
