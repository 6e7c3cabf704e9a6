"""Domains and factors against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import InputError
from understudy.synthesize.marginal import Domain, Factor, Measurement, estimate_total

ABC = Domain(("a", "b", "c"), (2, 3, 4))


def test_a_domain_refuses_what_is_not_one() -> None:
    for names, shape in ((("a",), (1, 2)), (("a", "a"), (1, 2)), (("a",), (0,))):
        with pytest.raises(InputError):
            Domain(names, shape)


def test_a_domain_refuses_unknown_attributes_and_disagreement() -> None:
    with pytest.raises(InputError):
        ABC.project(("z",))
    with pytest.raises(InputError):
        ABC.merge(Domain(("a",), (5,)))


def test_domain_algebra() -> None:
    assert ABC.merge(Domain(("d", "a"), (7, 2))).shape == (2, 3, 4, 7)
    assert ABC.invert(("a", "c")) == ("b",)
    assert ABC.canonical(("c", "a", "c")) == ("a", "c")
    assert ABC.contains(("c",))
    assert not ABC.contains(("c", "z"))
    assert ABC.size() == 24


@settings(max_examples=40, deadline=None)
@given(st.permutations(["a", "b", "c"]), st.integers(0, 3), st.integers(0, 2**31))
def test_reductions_match_numpy(order: list[str], kept: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=ABC.shape)
    names = tuple(order[:kept])
    away = tuple(ABC.axes(ABC.invert(names)))
    moved = [tuple(n for n in ABC.attributes if n in names).index(n) for n in names]
    factor = Factor(ABC, values)
    pairs = (
        (factor.project(names).values, values.sum(axis=away)),
        (factor.max(names).values, values.max(axis=away)),
        (factor.logsumexp(names).values, np.log(np.exp(values).sum(axis=away))),
    )
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, np.transpose(theirs, moved), atol=1e-12)


def test_algebra_matches_attributes_by_name() -> None:
    generator = np.random.default_rng(0)
    left = Factor(ABC.project(("b", "a")), generator.normal(size=(3, 2)))
    right = Factor(ABC.project(("c", "b")), generator.normal(size=(4, 3)))
    expected = left.values[:, :, None] + right.values.T[:, None, :]
    made = (left + right).transpose(("b", "a", "c"))
    np.testing.assert_allclose(made.values, expected)
    np.testing.assert_allclose(
        ((left + right) - right).project(("a",)).values * 1.0, (left.values.sum(axis=0)) * 4
    )
    np.testing.assert_allclose((left * 2.0).values, 2 * left.values)


def test_minus_infinity_stays() -> None:
    a = Domain(("a",), (2,))
    zero = Factor(a, [-np.inf, 0.0])
    assert (zero - zero).values.tolist() == [-np.inf, 0.0]
    assert Factor(a, [-np.inf, -np.inf]).logsumexp().values == -np.inf


def test_normalise_and_condition() -> None:
    factor = Factor(ABC, np.arange(24.0))
    assert factor.normalise(5.0).values.sum() == pytest.approx(5.0)
    assert Factor(ABC, np.zeros(24)).normalise(24.0).values.max() == 1.0
    assert factor.condition({"b": 2, "z": 1}).domain.attributes == ("a", "c")
    with pytest.raises(InputError):
        factor.condition({"b": 3})


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_measurement_is_linear_and_its_adjoint_is(order: tuple[str, str]) -> None:
    generator = np.random.default_rng(3)
    maps = {"a": None, "b": np.array([1, 0, 1])}
    shape = {"a": 2, "b": 2}
    seen = Measurement(
        order,
        generator.normal(size=[shape[n] for n in order]),
        1.5,
        tuple(maps[n] for n in order),
    )
    table = Factor(ABC, generator.normal(size=ABC.shape))
    matrix = np.zeros((3, 2))
    matrix[[0, 1, 2], maps["b"]] = 1
    expected = table.project(("a", "b")).values @ matrix
    got = seen.predict(table)
    np.testing.assert_allclose(got if order[0] == "a" else got.T, expected)
    inside = float((seen.predict(table) * seen.values).sum())
    outside = float((table.project(order).values * seen.adjoint(seen.values).values).sum())
    assert inside == pytest.approx(outside)
    assert seen.weight == pytest.approx(1 / 2.25)


def test_measurements_refuse_nonsense() -> None:
    one = np.zeros(2)
    bad = [
        ((), np.zeros(()), 1.0, ()),
        (("a", "a"), np.zeros((2, 2)), 1.0, ()),
        (("a",), np.zeros((2, 2)), 1.0, ()),
        (("a",), one, 0.0, ()),
        (("a",), one, float("nan"), ()),
        (("a",), np.array([np.nan, 0]), 1.0, ()),
        (("a",), one, 1.0, (np.array([0, 2]),)),
        (("a",), one, 1.0, (np.array([-1, 0]),)),
    ]
    for arguments in bad:
        with pytest.raises(InputError):
            Measurement(*arguments)
    with pytest.raises(InputError):
        Measurement(("a",), np.zeros(3), 1.0).check(ABC)


def test_totals_are_weighted_by_inverse_variance() -> None:
    first = Measurement(("a",), np.array([60.0, 40.0]), 1.0)
    second = Measurement(("b",), np.array([50.0, 50.0, 13.0]), 2.0)
    weights = np.array([1 / 2, 1 / 12])
    assert estimate_total([first, second]) == pytest.approx(
        float(weights @ [100.0, 113.0] / weights.sum())
    )
    assert estimate_total([Measurement(("a",), np.array([-5.0, 1.0]), 1.0)]) == 0.0
    assert estimate_total([]) == 0.0
