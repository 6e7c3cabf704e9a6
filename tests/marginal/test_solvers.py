"""Every solver on every awkward clique set, against brute force."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from understudy.errors import InputError
from understudy.synthesize.marginal import (
    SOLVERS,
    Domain,
    Factor,
    MarkovModel,
    Measurement,
    Solver,
    common_classes,
    mirror_descent,
    penalised_fit,
    penalised_path,
    proportional_fit,
    proximal_fit,
)

DOMAIN = Domain(("a", "b", "c", "d"), (2, 6, 1, 3))
HALVES = np.array([0, 0, 1, 1, 2, 2])
THIRDS = np.array([1, 0, 0, 0, 1, 1])
SETS: dict[str, list[tuple[tuple[str, ...], dict[str, Any]]]] = {
    "one column": [(("b",), {})],
    "one level": [(("c",), {}), (("b", "c"), {})],
    "all pairs": [(pair, {}) for pair in itertools.combinations("abd", 2)],
    "disconnected": [(("a",), {}), (("b", "d"), {})],
    "nested": [(("a", "b", "d"), {}), (("b", "d"), {}), (("d",), {})],
    "repeated": [(("b", "a"), {}), (("a", "b"), {}), (("a", "b"), {})],
    "merged": [(("a", "b"), {"b": HALVES}), (("b",), {}), (("d",), {})],
    "merged twice": [(("a", "b"), {"b": HALVES}), (("d", "b"), {"b": THIRDS}), (("b",), {})],
    "merged single": [(("b",), {"b": HALVES}), (("a", "b"), {})],
    "everything": [(("a", "b", "c", "d"), {})],
}


def measure(
    table: Factor, chosen: Sequence[tuple[tuple[str, ...], dict[str, Any]]], sigma: float, seed: int
) -> list[Measurement]:
    """Noisy answers about a table; no noise at sigma 0 (then weight 1)."""
    generator = np.random.default_rng(seed)
    made = []
    for clique, maps in chosen:
        merge = tuple(maps.get(name) for name in clique)
        shape = [
            table.domain[name] if m is None else int(m.max()) + 1
            for name, m in zip(clique, merge, strict=True)
        ]
        blank = Measurement(clique, np.zeros(shape), sigma or 1.0, merge)
        values = blank.predict(table) + generator.normal(0, sigma, shape) * (sigma > 0)
        made.append(Measurement(clique, values, sigma or 1.0, merge))
    return made


def table(seed: int = 0, total: float = 1000.0) -> Factor:
    """A random joint table."""
    generator = np.random.default_rng(seed)
    return Factor(DOMAIN, generator.dirichlet(np.full(DOMAIN.size(), 0.5)) * total)


def loss(model: MarkovModel, measurements: Sequence[Measurement]) -> float:
    """Half the weighted squared error."""
    return sum(seen.loss(model.marginal(seen.clique)) for seen in measurements)


def brute_force_loss(measurements: Sequence[Measurement], domain: Domain, total: float) -> float:
    """Least loss over all tables, by accelerated exponentiated gradient on the full simplex."""
    cells = np.full(domain.shape, total / domain.size())
    matrix = []
    targets = []
    eye = np.eye(domain.size()).reshape(-1, *domain.shape)
    for seen in measurements:
        rows = np.array([seen.predict(Factor(domain, unit)).ravel() for unit in eye]).T
        matrix.append(rows / seen.sigma)
        targets.append(seen.values.ravel() / seen.sigma)
    stacked, target = np.concatenate(matrix), np.concatenate(targets)
    heavy = np.vstack([stacked, np.full(domain.size(), 1e4)])
    optimize = pytest.importorskip("scipy.optimize")
    cells, _ = optimize.nnls(heavy, np.append(target, 1e4 * total), maxiter=10_000)
    off = stacked @ cells - target
    return 0.5 * float(off @ off)


@pytest.mark.parametrize("solver", [mirror_descent, proximal_fit])
@pytest.mark.parametrize("chosen", SETS)
def test_least_squares_reaches_the_brute_force_loss(solver: Solver, chosen: str) -> None:
    truth = table(total=400.0)
    measurements = measure(truth, SETS[chosen], sigma=15.0, seed=1)
    model = solver(DOMAIN, measurements, 400.0, iterations=20_000, tolerance=1e-9)
    best = brute_force_loss(measurements, DOMAIN, 400.0)
    assert loss(model, measurements) <= best * 1.002 + 0.01
    assert loss(model, measurements) >= best - 1e-3 * max(best, 1)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("chosen", SETS)
def test_exact_measurements_are_met(solver: Solver, chosen: str) -> None:
    measurements = [
        Measurement(seen.clique, seen.values, 0.05, seen.merge)
        for seen in measure(table(), SETS[chosen], sigma=0.0, seed=0)
    ]
    model = solver(DOMAIN, measurements, 1000.0, iterations=5_000, tolerance=1e-9)
    for seen in measurements:
        np.testing.assert_allclose(seen.predict(model.marginal(seen.clique)), seen.values, atol=2.0)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("chosen", SETS)
def test_what_is_never_measured_stays_uniform(solver: Solver, chosen: str) -> None:
    measurements = measure(table(), SETS[chosen], sigma=5.0, seed=2)
    model = solver(DOMAIN, measurements)
    seen = {name for clique, _ in SETS[chosen] for name in clique}
    for name in set(DOMAIN.attributes) - seen:
        np.testing.assert_allclose(model.distribution((name,)).values, 1 / DOMAIN[name])
    if chosen == "disconnected":
        pair = model.distribution(("a", "b")).values
        np.testing.assert_allclose(pair, np.outer(pair.sum(axis=1), pair.sum(axis=0)), atol=1e-12)


@pytest.mark.parametrize("solver", SOLVERS)
def test_levels_that_are_merged_everywhere_share_equally(solver: Solver) -> None:
    measurements = measure(table(), [(("a", "b"), {"b": HALVES})], sigma=1.0, seed=3)
    values = solver(DOMAIN, measurements).marginal(("a", "b")).values
    np.testing.assert_allclose(values[:, 0], values[:, 1], rtol=1e-9)
    np.testing.assert_allclose(values[:, 4], values[:, 5], rtol=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("chosen", SETS)
def test_noise_zeros_and_negatives_leave_a_proper_model(solver: Solver, chosen: str) -> None:
    truth = Factor(DOMAIN, np.zeros(DOMAIN.shape))
    truth.values[0, 0, 0, 0] = 10.0
    measurements = measure(truth, SETS[chosen], sigma=40.0, seed=4)
    model = solver(DOMAIN, measurements, 10.0)
    cells = model.marginal(DOMAIN.attributes).values
    assert np.isfinite(cells).all()
    assert cells.min() >= 0
    assert cells.sum() == pytest.approx(10.0)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("chosen", SETS)
def test_an_empty_table(solver: Solver, chosen: str) -> None:
    measurements = measure(table(total=0.0), SETS[chosen], sigma=1.0, seed=5)
    model = solver(DOMAIN, measurements, 0.0)
    assert model.total == 0
    assert model.marginal(("b",)).values.tolist() == [0.0] * 6


@pytest.mark.parametrize("solver", SOLVERS)
def test_no_measurements(solver: Solver) -> None:
    assert solver(DOMAIN, [], 6.0).marginal(("b",)).values.tolist() == [1.0] * 6


@pytest.mark.parametrize("solver", SOLVERS)
def test_ten_thousand_levels_in_a_merged_pair(solver: Solver) -> None:
    domain = Domain(("wide", "a"), (10_000, 3))
    generator = np.random.default_rng(6)
    into = np.sort(generator.integers(0, 8, 10_000))
    single = Measurement(("wide",), generator.poisson(5.0, 10_000) * 1.0, 2.0)
    pair = Measurement(
        ("a", "wide"), generator.normal(2000, 50, (3, into.max() + 1)), 5.0, (None, into)
    )
    model = solver(domain, [single, pair])
    assert model.plan.tree.cells == 24
    assert model.marginal(("wide", "a")).values.shape == (10_000, 3)
    np.testing.assert_allclose(
        pair.predict(model.marginal(("wide", "a"))).sum(), model.total, rtol=1e-9
    )


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_solver_refuses_what_does_not_fit(solver: Solver) -> None:
    with pytest.raises(InputError):
        solver(DOMAIN, [Measurement(("b",), np.zeros(5), 1.0)])
    with pytest.raises(InputError):
        solver(DOMAIN, [Measurement(("z",), np.zeros(5), 1.0)])
    with pytest.raises(InputError):
        solver(DOMAIN, [], -1.0)


@pytest.mark.parametrize("solver", [mirror_descent, proximal_fit])
def test_a_warm_start_with_finer_classes_continues(solver: Solver) -> None:
    truth = table()
    first = measure(truth, SETS["merged"], sigma=5.0, seed=7)
    before = solver(DOMAIN, first, 1000.0, iterations=3000)
    more = [*first, *measure(truth, [(("b", "d"), {"b": THIRDS})], sigma=5.0, seed=8)]
    start = solver(DOMAIN, more, 1000.0, potentials=before.potentials, iterations=1)
    assert loss(start, first) <= loss(before, first) * 1.5 + 5
    after = solver(DOMAIN, more, 1000.0, potentials=before.potentials, iterations=3000)
    cold = solver(DOMAIN, more, 1000.0, iterations=3000)
    assert loss(after, more) == pytest.approx(loss(cold, more), rel=0.02, abs=0.05)


def test_proportional_fit_meets_a_tree_in_one_sweep() -> None:
    truth = table()
    measurements = measure(truth, [(("a", "b"), {}), (("b", "d"), {})], sigma=0.0, seed=0)
    model = proportional_fit(DOMAIN, measurements, 1000.0, iterations=1)
    for seen in measurements:
        np.testing.assert_allclose(model.marginal(seen.clique).values, seen.values, atol=1e-8)


def test_a_penalised_fit_solves_its_own_problem() -> None:
    truth = table(total=400.0)
    measurements = measure(truth, SETS["all pairs"], sigma=15.0, seed=9)
    fit = penalised_path(DOMAIN, measurements, 400.0, strengths=(5.0,), tolerance=1e-9)

    def objective(cells: np.ndarray[Any, Any]) -> float:
        """Loss plus divergence from uniform, over the strength."""
        x = Factor(DOMAIN, cells)
        pull = float((cells * np.log(cells * DOMAIN.size() / 400.0)).sum())
        return sum(seen.loss(x) for seen in measurements) + pull / 5.0

    found = fit.model.marginal(DOMAIN.attributes).values
    generator = np.random.default_rng(10)
    for size in (1e-1, 1e-2, 1e-3):
        for _ in range(50):
            moved = found * np.exp(generator.normal(0, size, found.shape))
            moved *= 400.0 / moved.sum()
            assert objective(found) <= objective(moved)


def test_penalised_fits_are_closer_to_the_truth_than_least_squares_under_noise() -> None:
    generator = np.random.default_rng(11)
    domain = Domain(("a", "b"), (40, 40))
    smooth = np.outer(generator.dirichlet(np.ones(40) * 5), generator.dirichlet(np.ones(40) * 5))
    truth = Factor(domain, 5000 * smooth)
    chosen: list[tuple[tuple[str, ...], dict[str, Any]]] = [
        (("a",), {}),
        (("b",), {}),
        (("a", "b"), {}),
    ]
    measurements = measure(truth, chosen, sigma=10.0, seed=12)

    def error(model: MarkovModel) -> float:
        return 0.5 * float(np.abs(model.marginal(("a", "b")).values - truth.values).sum()) / 5000

    assert error(penalised_fit(domain, measurements)) < 0.5 * error(
        proximal_fit(domain, measurements)
    )


def test_common_classes_are_the_common_refinement() -> None:
    measurements = measure(table(), SETS["merged twice"], sigma=1.0, seed=0)
    classes = common_classes(DOMAIN, measurements)["b"]
    pairs = {(int(h), int(t)) for h, t in zip(HALVES, THIRDS, strict=True)}
    assert int(classes.max()) + 1 == len(pairs)
    for first, second in itertools.combinations(range(6), 2):
        same = HALVES[first] == HALVES[second] and THIRDS[first] == THIRDS[second]
        assert (classes[first] == classes[second]) == same
    assert common_classes(DOMAIN, measure(table(), SETS["merged single"], 1.0, 0)) == {}
