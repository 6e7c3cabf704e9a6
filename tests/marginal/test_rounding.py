"""Rows from models: right on average, tighter than multinomial, never impossible."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from understudy.errors import InputError
from understudy.synthesize.marginal import Domain, MarkovModel, Potentials, sample_codes

DOMAIN = Domain(("a", "b", "c"), (3, 5, 4))


def build(
    domain: Domain, cliques: list[tuple[str, ...]], classes: dict[str, Any] | None = None
) -> MarkovModel:
    """A model with random potentials."""
    generator = np.random.default_rng(0)
    potentials = Potentials(domain=domain, classes=classes or {})
    tables = {
        clique: generator.normal(
            0, 1, (potentials.coarse if len(clique) > 1 else domain).project(clique).shape
        )
        for clique in cliques
    }
    return MarkovModel(
        domain=domain,
        total=50.0,
        potentials=Potentials(domain=domain, tables=tables, classes=classes or {}),
    )


def tally(model: MarkovModel, rows: int, generator: np.random.Generator) -> np.ndarray[Any, Any]:
    """Counts of the joint table of one sample."""
    drawn = sample_codes(model, rows, generator)
    made = np.zeros(model.domain.shape)
    np.add.at(made, tuple(drawn[name].astype(int) for name in model.domain), 1)
    return made


MODELS = {
    "pairs": ([("a", "b"), ("b", "c")], None),
    "classes": ([("a", "b"), ("b", "c"), ("b",)], {"b": np.array([0, 1, 0, 1, 1])}),
    "triple": ([("a", "b", "c")], None),
    "independent": ([("a",), ("b",), ("c",)], None),
}


@pytest.mark.parametrize("kind", MODELS)
def test_unbiased_and_tighter_than_multinomial(kind: str) -> None:
    # n = 4000 samples of 50 rows; z-scores of 60 cells and 12 singles, alpha = 1e-8 per cell
    # (|z| < 5.8); a bias of 0.02 rows in a cell of variance 0.5 would be z = 1.8, one of 0.07
    # rows z = 6.
    model = build(DOMAIN, *MODELS[kind])
    generator = np.random.default_rng(1)
    samples = np.array([tally(model, 50, generator) for _ in range(4000)])
    expected = model.distribution(DOMAIN.attributes).values * 50
    spread = samples.var(axis=0)
    z = (samples.mean(axis=0) - expected) / np.sqrt(np.maximum(spread, 1e-3) / 4000)
    assert np.abs(z).max() < 5.8
    for axis in range(3):
        away = tuple(i for i in range(3) if i != axis)
        single = samples.sum(axis=tuple(i + 1 for i in away))
        mean = expected.sum(axis=away)
        z = (single.mean(axis=0) - mean) / np.sqrt(np.maximum(single.var(axis=0), 1e-3) / 4000)
        assert np.abs(z).max() < 5.8
        multinomial = mean * (1 - mean / 50)
        assert single.var(axis=0).sum() < 0.6 * multinomial.sum()
    multinomial = expected * (1 - expected / 50)
    assert spread.sum() < 0.9 * multinomial.sum()


def test_counts_given_the_parents_are_within_one() -> None:
    model = build(DOMAIN, [("a", "b"), ("b", "c")])
    generator = np.random.default_rng(2)
    root, *rest = model.nodes
    for rows in (1, 7, 1000, 100_000):
        made = tally(model, rows, generator)
        for (_, separator, added), node in zip(model.plan.steps(), model.nodes, strict=True):
            counts = made.sum(axis=tuple(DOMAIN.axes(DOMAIN.invert(node))))
            table = model.distribution(node).values
            axes = tuple(node.index(name) for name in added)
            parents = counts.sum(axis=axes, keepdims=True)
            expected = parents * table / table.sum(axis=axes, keepdims=True)
            assert np.abs(counts - expected).max() < 1 + 1e-9
            assert (separator == ()) == (node == root)
    assert rest


def test_columns_are_dealt_independently_given_their_parents() -> None:
    # n = 200,000 rows; a and c are independent given b: chi-square over 5 * 2 * 3 = 30 degrees of
    # freedom below 105 (alpha < 1e-9); rows left in sorted order would give more than 10,000.
    model = build(DOMAIN, [("a", "b"), ("b", "c")])
    made = tally(model, 200_000, np.random.default_rng(3))
    outer = made.sum(axis=2)[:, :, None] * made.sum(axis=0)[None] / made.sum(axis=(0, 2))[:, None]
    assert float(((made - outer) ** 2 / outer).sum()) < 105


def test_rows_come_in_random_order() -> None:
    # n = 100,000: correlation of a code with its row number within 6 / sqrt(n) = 0.019.
    drawn = sample_codes(build(DOMAIN, [("a", "b"), ("b", "c")]), 100_000, np.random.default_rng(4))
    for codes in drawn.values():
        assert abs(np.corrcoef(codes, np.arange(codes.size))[0, 1]) < 0.019


def test_impossible_cells_stay_empty() -> None:
    zero = np.array([[0.0, -np.inf, 0.0], [-np.inf, -np.inf, -np.inf], [0.0, 0.0, -np.inf]])
    domain = Domain(("a", "b"), (3, 3))
    model = MarkovModel(
        domain=domain,
        total=1.0,
        potentials=Potentials(domain=domain, tables={("a", "b"): zero}),
    )
    generator = np.random.default_rng(5)
    for rows in (1, 2, 3, 1000):
        assert tally(model, rows, generator)[np.isneginf(zero)].sum() == 0


def test_many_small_groups_and_wide_codes() -> None:
    domain = Domain(("wide", "a", "b"), (70_000, 3, 300))
    model = build(domain, [("wide", "a"), ("a", "b")])
    drawn = sample_codes(model, 5000, np.random.default_rng(6))
    assert [drawn[n].dtype.itemsize for n in domain] == [4, 1, 2]
    assert drawn["wide"].max() < 70_000


def test_edges() -> None:
    model = build(DOMAIN, [("a", "b", "c")])
    assert all(
        codes.size == 0 for codes in sample_codes(model, 0, np.random.default_rng()).values()
    )
    assert list(sample_codes(model, 1, np.random.default_rng())) == ["a", "b", "c"]
    with pytest.raises(InputError):
        sample_codes(model, -1, np.random.default_rng())


def test_the_same_state_gives_the_same_rows() -> None:
    model = build(DOMAIN, *MODELS["classes"])
    first = sample_codes(model, 100, np.random.default_rng(7))
    second = sample_codes(model, 100, np.random.default_rng(7))
    for name in DOMAIN:
        np.testing.assert_array_equal(first[name], second[name])
