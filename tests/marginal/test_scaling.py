"""Worst-first proportional fitting against cycling through all targets."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.estimate import proportional_fit
from understudy.synthesize.marginal.measurement import Measurement
from understudy.synthesize.marginal.scaling import worst_first_fit

DOMAIN = Domain(("a", "b", "c", "d"), (2, 3, 4, 2))


def targets(cliques: list[tuple[str, ...]], seed: int = 0) -> list[Measurement]:
    """Marginals of one random table: consistent with each other."""
    rng = np.random.default_rng(seed)
    joint = rng.gamma(0.5, size=DOMAIN.shape) * 100
    found = []
    for clique in cliques:
        away = tuple(axis for axis, name in enumerate(DOMAIN.attributes) if name not in clique)
        found.append(Measurement(clique, joint.sum(axis=away), 1.0))
    return found


CLIQUES: list[list[tuple[str, ...]]] = [
    [],
    [("a",)],
    [("a", "b"), ("b", "c")],
    [("a", "b"), ("b", "c"), ("a", "c")],
    list(itertools.combinations("abcd", 2)),
    [("a", "b", "c"), ("c", "d"), ("d",)],
]


@pytest.mark.parametrize("cliques", CLIQUES, ids=str)
def test_finds_what_cycling_finds(cliques: list[tuple[str, ...]]) -> None:
    seen = targets(cliques)
    total = float(seen[0].values.sum()) if seen else 10.0
    ours = worst_first_fit(DOMAIN, seen, total, iterations=3_000, tolerance=1e-7)
    cycled = proportional_fit(DOMAIN, seen, total, iterations=500, tolerance=1e-9)
    everything = DOMAIN.attributes
    gap = np.abs(ours.marginal(everything).values - cycled.marginal(everything).values).sum()
    assert gap < 1e-4 * total


def test_a_start_near_the_answer_takes_few_passes() -> None:
    """One new target on top of a fit: a handful of scalings, where a cycle takes one for each."""
    known = targets([("a", "b"), ("b", "c"), ("c", "d")])
    total = float(known[0].values.sum())
    start = proportional_fit(DOMAIN, known, total, iterations=50, tolerance=1e-9)
    new = [*known, *targets([("a", "d")])]
    fitted = worst_first_fit(
        DOMAIN, new, total, potentials=start.potentials, iterations=8, tolerance=1e-3
    )
    for target in new:
        seen = fitted.marginal(target.clique).values
        assert 0.5 * np.abs(seen - target.values).sum() < 4e-3 * total


def test_what_cannot_be_met_does_not_harm() -> None:
    """A cell that the start forbids stays empty, an empty target is left alone, nothing is NaN."""
    pair = Measurement(("a", "b"), np.array([[0.0, 0.0, 8.0], [1.0, 1.0, 0.0]]), 1.0)
    start = worst_first_fit(DOMAIN, [pair], 10.0, iterations=20)
    other = Measurement(("a", "b"), np.full((2, 3), 10.0 / 6), 1.0)
    empty = Measurement(("c",), np.zeros(4), 1.0)
    fitted = worst_first_fit(DOMAIN, [other, empty], 10.0, potentials=start.potentials)
    table = fitted.marginal(("a", "b")).values
    assert np.isfinite(table).all()
    assert table[0, 0] == 0.0
    assert np.isclose(table.sum(), 10.0)
