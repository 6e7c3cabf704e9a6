"""Networks: the law of their rows, the pairs they were fitted to, their form as Markov models."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from understudy.errors import InputError, ModelError
from understudy.synthesize.marginal.conditionals import fit_conditionals
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.network import Network, NetworkCodes, drawing_order

LEVELS = {"a": 3, "b": 2, "c": 4}


def joint(seed: int = 0) -> np.ndarray:
    """A distribution of three columns in which everything depends on everything."""
    return np.random.default_rng(seed).dirichlet(np.full(24, 0.7)).reshape(3, 2, 4)


def table(rows: dict[str, np.ndarray], names: str) -> np.ndarray:
    """Shares of a marginal among rows."""
    shape = tuple(LEVELS[name] for name in names)
    flat = np.ravel_multi_index(tuple(rows[name].astype(int) for name in names), shape)
    return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape) / len(flat)


def classic(truth: np.ndarray) -> Network:
    """a, then b given a, then c given both: any distribution at all."""
    with np.errstate(divide="ignore"):
        return Network(
            domain=Domain.of(LEVELS),
            order=("a", "b", "c"),
            factors={
                ("a",): np.log(truth.sum(axis=(1, 2))),
                ("a", "b"): np.log(truth.sum(axis=2)),
                ("a", "b", "c"): np.log(truth),
            },
            total=100.0,
        )


def test_rows_have_the_law_of_the_network() -> None:
    """Each cell within one per configuration of parents of its expectation: no chance is left."""
    truth = joint()
    rows = classic(truth).draw(60_000, np.random.default_rng(1))
    assert np.abs(table(rows, "abc") - truth).max() < 8 / 60_000


def test_a_law_that_is_not_the_networks_is_seen() -> None:
    truth = joint()
    rows = classic(joint(1)).draw(60_000, np.random.default_rng(1))
    assert np.abs(table(rows, "abc") - truth).max() > 8 / 60_000


def test_every_row_is_drawn_from_the_network() -> None:
    """Few rows, many times: means are right, so no row is favoured (20,000 rows, 5 σ)."""
    truth, rng = joint(), np.random.default_rng(2)
    drawn = [classic(truth).draw(5, rng) for _ in range(4_000)]
    first = {name: np.array([rows[name][0] for rows in drawn]) for name in LEVELS}
    sigma = np.sqrt(truth * (1 - truth) / 4_000)
    assert (np.abs(table(first, "abc") - truth) < 5.5 * sigma + 1e-9).all()


def test_a_network_as_a_markov_model_is_the_same() -> None:
    truth = joint()
    markov = classic(truth).markov()
    assert markov is not None
    assert np.abs(markov.distribution(("a", "b", "c")).values - truth).max() < 1e-9


def test_several_factors_are_normalised_as_a_markov_model() -> None:
    rng = np.random.default_rng(3)
    network = Network(
        domain=Domain.of({"a": 3, "b": 2, "c": 4, "d": 5}),
        order=("b", "a", "c", "d"),
        factors={
            ("b",): rng.normal(size=2),
            ("b", "a"): rng.normal(size=(2, 3)),
            ("a", "c"): rng.normal(size=(3, 4)),
            ("b", "c"): rng.normal(size=(2, 4)),
            ("c", "d"): rng.normal(size=(4, 3)),
        },
        classes={"d": np.array([0, 0, 1, 1, 2])},
        within={"d": np.array([1.0, 3.0, 2.0, 2.0, 1.0])},
        total=1.0,
    )
    markov = network.markov()
    assert markov is not None
    rows = network.draw(200_000, rng)
    for first, second in itertools.combinations("abcd", 2):
        sizes = network.domain[first], network.domain[second]
        flat = rows[first].astype(int) * sizes[1] + rows[second]
        seen = np.bincount(flat, minlength=sizes[0] * sizes[1]).reshape(sizes) / 200_000
        assert np.abs(seen - markov.distribution((first, second)).values).max() < 0.003


def test_a_loop_of_pairs_comes_out_as_asked() -> None:
    """Three pairs of a triangle, which no tree holds, all met at once."""
    truth = joint(4) * 0.7 + 0.3 / 24
    pairs = {
        ("a", "b"): truth.sum(axis=2),
        ("b", "c"): truth.sum(axis=0),
        ("a", "c"): truth.sum(axis=1),
    }
    singles = {"a": truth.sum((1, 2)), "b": truth.sum((0, 2)), "c": truth.sum((0, 1))}
    order = drawing_order("abc", pairs)
    rng = np.random.default_rng(5)
    found = fit_conditionals(order, singles, pairs, rows=20_000, generator=rng, sweeps=60)
    network = Network(domain=Domain.of(LEVELS), order=order, factors=found.factors, total=1.0)
    rows = network.draw(100_000, rng)
    for names, wanted in pairs.items():
        assert np.abs(table(rows, "".join(names)) - wanted).sum() / 2 < 0.006
    tree = fit_conditionals(
        order, singles, dict(list(pairs.items())[:2]), rows=20_000, generator=rng
    )
    less = Network(domain=Domain.of(LEVELS), order=order, factors=tree.factors, total=1.0)
    off = np.abs(table(less.draw(100_000, rng), "ac") - pairs["a", "c"]).sum() / 2
    assert off > 0.02, "the triangle's third pair must matter for this test to say anything"


def test_an_order_gives_no_column_more_parents_than_needed() -> None:
    names = [f"c{i}" for i in range(30)]
    ring = [(names[i], names[(i + 1) % 30]) for i in range(30)]
    order = drawing_order(names, ring)
    place = {name: i for i, name in enumerate(order)}
    most = max(
        sum(place[a] < place[b] if b == name else place[b] < place[a]
            for a, b in ring if name in (a, b))
        for name in names
    )  # fmt: skip
    assert sorted(order) == sorted(names)
    assert most == 2


@pytest.mark.parametrize("rows", [0, 1, 2, 7])
def test_few_rows(rows: int) -> None:
    drawn = classic(joint()).draw(rows, np.random.default_rng(0))
    assert all(len(column) == rows for column in drawn.values())
    assert list(drawn) == ["a", "b", "c"]


def test_bad_parts_are_refused() -> None:
    domain = Domain.of({"a": 2, "b": 2})
    given = {"domain": domain, "order": ("a", "b"), "factors": {}, "total": 1.0}
    with pytest.raises(InputError):
        Network(**{**given, "order": ("a",)})  # type: ignore[arg-type]
    with pytest.raises(InputError):
        Network(**{**given, "factors": {("b", "a"): np.zeros((2, 2))}})  # type: ignore[arg-type]
    with pytest.raises(InputError):
        Network(**{**given, "factors": {("a", "b"): np.zeros((2, 3))}})  # type: ignore[arg-type]
    with pytest.raises(InputError):
        Network(**{**given, "total": -1.0})  # type: ignore[arg-type]
    with pytest.raises(InputError):
        Network(**given).draw(-1, np.random.default_rng(0))  # type: ignore[arg-type]


def test_saved_and_read_again_it_draws_the_same_rows() -> None:
    codes = NetworkCodes(network=classic(joint()))
    facts, arrays = codes.to_arrays()
    again = NetworkCodes.from_arrays(facts, arrays)
    ours = codes.draw(500, np.random.default_rng(9))
    theirs = again.draw(500, np.random.default_rng(9))
    assert all((ours[name] == theirs[name]).all() for name in LEVELS)
    with pytest.raises(ModelError):
        NetworkCodes.from_arrays(facts, {})
