"""The same measurements through `mbi`: same optimum, same marginals. Needs `mbi` 2.0."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from understudy.synthesize.marginal import Domain, Measurement, proximal_fit

pytestmark = pytest.mark.peers

SHAPE = {"a": 8, "b": 12, "c": 5, "d": 20, "e": 3, "f": 9}
SETS = {
    "tree": [("a", "b"), ("b", "c"), ("b", "d"), ("d", "e"), ("e", "f")],
    "ring": [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("e", "f"), ("a", "f")],
    "triples": [("a", "b", "c"), ("c", "d"), ("c", "e", "f"), ("a", "e")],
    "disconnected": [("a", "b"), ("c", "d", "e")],
}


def answers(domain: Domain, cliques: list[tuple[str, ...]], sigma: float) -> list[Measurement]:
    """Noisy tables of a mixture of five independent groups."""
    generator = np.random.default_rng(0)
    groups = [{n: generator.dirichlet(np.ones(domain[n])) for n in domain} for _ in range(5)]
    made = []
    for clique in [*cliques, *((name,) for name in domain)]:
        letters = "abcdef"[: len(clique)]
        form = ",".join(letters) + "->" + letters
        table = sum(np.einsum(form, *(g[n] for n in clique)) for g in groups) * 2000.0
        made.append(Measurement(clique, table + generator.normal(0, sigma, table.shape), sigma))
    return made


@pytest.mark.parametrize("sigma", [1.0, 20.0])
@pytest.mark.parametrize("chosen", SETS)
def test_same_optimum_as_mbi(chosen: str, sigma: float) -> None:
    mbi: Any = pytest.importorskip("mbi")
    domain = Domain.of(SHAPE)
    seen = answers(domain, SETS[chosen], sigma)
    theirs = mbi.estimation.MirrorDescent().estimate(
        mbi.Domain.fromdict(SHAPE),
        [mbi.LinearMeasurement(m.values.ravel(), m.clique, m.sigma) for m in seen],
        known_total=10_000.0,
        iters=5000,
    )
    ours = proximal_fit(domain, seen, 10_000.0, iterations=5000, tolerance=1e-7)

    def tables(model: Any, clique: tuple[str, ...]) -> Any:
        """A marginal of either model as an array."""
        found = model.project(clique) if model is theirs else model.marginal(clique)
        return np.asarray(found.datavector(flatten=False) if model is theirs else found.values)

    def loss(model: Any) -> float:
        """Half the weighted squared error."""
        return sum(
            float(((tables(model, m.clique) - m.values) ** 2).sum()) / (2 * m.sigma**2)
            for m in seen
        )

    assert loss(ours) <= loss(theirs) * 1.001 + 0.1
    for clique in (*SETS[chosen], *itertools.combinations(SHAPE, 2)):
        off = 0.5 * np.abs(tables(ours, clique) - tables(theirs, clique)).sum() / 10_000
        assert off < 0.02
