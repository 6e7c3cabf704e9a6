"""The synthesizers for wide tables: what they find, spend, keep and refuse."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from understudy.curator import Candidate, Choose, LabelCells, MemoryCurator
from understudy.errors import InputError
from understudy.prepare.learn import learn
from understudy.privacy import Budget, Unit
from understudy.schema import Column, Schema
from understudy.source import SensitiveTable, from_frame
from understudy.synthesize.baseline.privbayes import PrivBayes, largest_useful
from understudy.synthesize.marginal.mst import MST
from understudy.synthesize.marginal.pairs import Pair, merge_all
from understudy.synthesize.marginal.reconstruct import pooled_singles, reconstructed_pairs
from understudy.synthesize.marginal.residual import Residual
from understudy.synthesize.marginal.spanning import choose_spanning_tree
from understudy.synthesize.model import Model
from understudy.testing import (
    check_model_file,
    check_sampling,
    check_schema_kept,
    example_tables,
    neighbours,
    record,
    replay_all,
)
from understudy.testing.tables import survey, visits
from understudy.workflow import inspect_model

LABELS = tuple("pqrs")


def coded(codes: np.ndarray) -> tuple[SensitiveTable, Schema]:
    """A table of declared labels, one column per column of codes."""
    names = [f"c{index:03d}" for index in range(codes.shape[1])]
    spelled = np.array(LABELS)
    table = pa.table({n: pa.array(spelled[codes[:, i]]) for i, n in enumerate(names)})
    columns = tuple(Column(name=name, categories=LABELS, nulls=()) for name in names)
    return from_frame(table), Schema(columns=columns)


def clusters(columns: int, rows: int, seed: int = 0) -> np.ndarray:
    """Groups of five columns that share a cause, so that every pair in a group depends."""
    rng = np.random.default_rng(seed)
    made = np.empty((rows, columns), dtype=np.int64)
    for index in range(columns):
        if index % 5 == 0:
            cause = rng.integers(0, 4, rows)
        made[:, index] = np.where(rng.random(rows) < 0.75, cause, rng.integers(0, 4, rows))
    return made


def pair_error(real: np.ndarray, table: pa.Table, *, near: bool) -> float:
    """Mean total variation of pairs inside a group, or of some that are not."""
    index = {label: code for code, label in enumerate(LABELS)}
    made = np.array([[index.get(c, 0) for c in column.to_pylist()] for column in table.columns]).T
    found = []
    for first in range(0, real.shape[1] - 5, 5):
        for a, b in [(1, 3), (0, 2)] if near else [(0, 5), (1, 7 if first + 7 < 5 else 5)]:
            cells = [
                np.bincount(rows[:, first + a] * 4 + rows[:, first + b], minlength=16) / len(rows)
                for rows in (real, made)
            ]
            found.append(np.abs(cells[0] - cells[1]).sum() / 2)
    return float(np.mean(found))


@pytest.fixture(scope="module")
def narrow() -> tuple[np.ndarray, Model, Budget]:
    """Twenty columns at a generous ε, so that extra pairs are measured."""
    real = clusters(20, 4_000)
    table, schema = coded(real)
    budget = Budget(20.0)
    return real, Residual().fit(MemoryCurator(table, budget=budget), schema), budget


def test_pairs_that_no_tree_holds_are_kept(narrow: tuple[np.ndarray, Model, Budget]) -> None:
    """Inside a group the error is near sampling noise (0.02); a tree alone leaves twice as much."""
    real, model, _ = narrow
    assert len(model.pairs) > 19
    assert pair_error(real, model.sample(20_000, seed=1), near=True) < 0.035
    assert pair_error(real, model.sample(20_000, seed=1), near=False) < 0.035


def test_a_tree_alone_keeps_less() -> None:
    real = clusters(20, 4_000)
    table, schema = coded(real)
    curator = MemoryCurator(table, budget=Budget(20.0))
    model = Residual(extra_pairs=0).fit(curator, schema)
    assert len(model.pairs) == 19
    assert pair_error(real, model.sample(20_000, seed=1), near=True) > 0.045


def test_all_but_a_sliver_of_the_budget_is_spent(narrow: tuple[np.ndarray, Model, Budget]) -> None:
    _, _, budget = narrow
    assert 0.9 * budget.rho < budget.spent_rho <= budget.rho
    assert budget.epsilon_spent() <= 20.0
    assert {part.stage for part in budget.shares} >= {"rows", "singles", "select", "pairs"}


def test_the_model_says_what_was_counted(narrow: tuple[np.ndarray, Model, Budget]) -> None:
    _, model, budget = narrow
    counted = [event for event in budget.events if event.stage == "pairs"]
    assert [pair.columns for pair in model.pairs] == [event.columns for event in counted]
    assert all(pair.sigma > 0 for pair in model.pairs)
    assert model.settings["singles_part"] == 0.75


def test_pairs_sharpen_their_columns() -> None:
    """Pooling is unbiased and takes variance away: 40 runs, the ratio below 0.9 (0.5 expected)."""
    real = clusters(5, 2_000)
    table, schema = coded(real)
    rng = np.random.default_rng(0)
    alone, pooled = [], []
    for _ in range(40):
        prepared = learn(MemoryCurator(table, budget=Budget(2.0)), schema)
        sides = merge_all(prepared, 8, 0.1)
        sigma = float(np.sqrt(prepared.attributes[0].variances[0] / 5))
        pairs = {}
        for other in (1, 2, 3, 4):
            name = f"c{other:03d}"
            codes = sides["c000"].into[real[:, 0]], sides[name].into[real[:, other]]
            counts = np.zeros((sides["c000"].size, sides[name].size))
            np.add.at(counts, codes, 1.0)
            noisy = counts + rng.normal(0, sigma, counts.shape)
            pairs["c000", name] = Pair(counts=noisy, sigma=sigma)
        found = pooled_singles(prepared, sides, pairs)["c000"]
        truth = np.bincount(sides["c000"].into[real[:, 0]], minlength=sides["c000"].size)
        alone.append(np.square(sides["c000"].counts - truth).sum())
        pooled.append(np.square(found - truth).sum())
    assert sum(pooled) / sum(alone) < 0.9


def test_pairs_of_noise_are_left_out_and_the_others_are_consistent() -> None:
    rng = np.random.default_rng(1)
    singles = {name: np.array([600.0, 300.0, 100.0]) for name in "abc"}
    product = np.outer(singles["a"], singles["a"]) / 1_000
    noise = rng.normal(0, 20.0, (2, 3, 3))
    pairs = {
        ("a", "b"): Pair(counts=product + noise[0], sigma=20.0),
        ("a", "c"): Pair(counts=np.diag(singles["a"]) + noise[1], sigma=20.0),
    }
    found = reconstructed_pairs(singles, pairs)
    assert list(found) == [("a", "c")]
    assert (found["a", "c"] >= 0).all()
    assert found["a", "c"].sum(axis=1) == pytest.approx(singles["a"], rel=1e-3)
    assert found["a", "c"].sum(axis=0) == pytest.approx(singles["c"], rel=1e-3)


SETTINGS = [
    {"select_share": 0.0},
    {"select_share": 0.5},
    {"singles_part": 0.0},
    {"singles_part": 1.1},
    {"fewest_levels": 1},
    {"fewest_levels": 9, "most_levels": 8},
    {"extra_pairs": -1},
    {"rounds": 0},
    {"uniform_bins": 0},
]
CLASSIC_SETTINGS = [
    {"degree": 0},
    {"degree": 9},
    {"usefulness": 0.0},
    {"usefulness": float("nan")},
    {"select_share": 0.0},
    {"select_share": 0.95},
    {"most_candidates": 5},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Residual(**settings)


@pytest.mark.parametrize("settings", CLASSIC_SETTINGS)
def test_settings_of_the_classic_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        PrivBayes(**settings)


def test_sets_of_parents_are_useful_and_the_largest() -> None:
    """Against every subset, on all thresholds."""
    sizes = {"a": 2, "b": 3, "c": 4, "d": 7}
    for most, degree in itertools.product((1.0, 6.0, 12.0, 28.0, 200.0), (1, 2, 3, 4)):
        subsets = [
            set(part)
            for width in range(1, degree + 1)
            for part in itertools.combinations(sizes, width)
        ]
        useful = [s for s in subsets if np.prod([sizes[name] for name in s]) <= most]
        wanted = [s for s in useful if not any(s < other for other in useful)]
        found = [set(parents) for parents in largest_useful(sizes, most, degree)]
        assert sorted(map(sorted, found)) == sorted(map(sorted, wanted))


def test_the_classic_finds_a_column_that_two_others_decide() -> None:
    """c = a + b mod 4 depends on neither alone: only a set of two parents can find it."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, (2, 20_000))
    real = np.stack([a, b, (a + b) % 4], axis=1)
    table, schema = coded(real)
    model = PrivBayes().fit(MemoryCurator(table, budget=Budget(8.0)), schema)
    assert any(len(pair.columns) == 3 for pair in model.pairs)
    index = {label: code for code, label in enumerate(LABELS)}
    drawn = model.sample(5_000, seed=0)
    made = np.array([[index.get(c, 0) for c in column.to_pylist()] for column in drawn.columns])
    assert np.mean((made[0] + made[1]) % 4 == made[2]) > 0.9


def test_the_classic_keeps_pairs_and_can_be_conditioned() -> None:
    """In 608 fits the error was 0.022 on average and at most 0.084; independent columns: 0.42."""
    real = clusters(5, 5_000)
    table, schema = coded(real)
    budget = Budget(8.0)
    model = PrivBayes(degree=2).fit(MemoryCurator(table, budget=budget), schema)
    assert (
        pair_error(
            np.tile(real, 2),
            pa.table(
                {
                    f"{name}{again}": model.sample(20_000, seed=1)[name]
                    for again in "xy"
                    for name in model.columns
                }
            ),
            near=True,
        )
        < 0.2
    )
    ((_, markov),) = model.codes.components()  # type: ignore[attr-defined]
    assert markov.marginal(()).values == pytest.approx(model.rows)
    assert len([event for event in budget.events if event.stage == "select"]) == 4
    assert 0.8 * budget.rho < budget.spent_rho <= budget.rho


EDGES = [
    Residual(),
    Residual(extra_pairs=0),
    Residual(extra_pairs=10_000, rounds=8),
    Residual(singles_part=1e-3),
    Residual(select_share=0.49, fewest_levels=2, most_levels=2),
    Residual(fewest_levels=64, most_levels=64),
    PrivBayes(),
    PrivBayes(degree=8, usefulness=1e-6),
    PrivBayes(usefulness=1e9),
    PrivBayes(degree=1, select_share=0.89, most_candidates=10),
]


@pytest.mark.parametrize("synthesizer", EDGES)
@pytest.mark.parametrize("columns", [1, 2, 4])
@pytest.mark.parametrize("epsilon", [0.05, 30.0])
def test_no_setting_overspends_or_makes_a_scale_zero(
    synthesizer: Any, columns: int, epsilon: float
) -> None:
    """Trap 8 and 18: every scale is above 0 and what is spent stays within what was asked."""
    whole = survey(np.random.default_rng(0))
    table = from_frame(whole.select(whole.column_names[-columns:]).slice(0, 60))
    budget = Budget(epsilon)
    model = synthesizer.fit(MemoryCurator(table, budget=budget), Schema())
    scales = [
        getattr(event, "sigma", None) or getattr(event, "epsilon", 0) for event in budget.events
    ]
    assert all(np.isfinite(scale) and scale > 0 for scale in scales)
    assert budget.epsilon_spent() <= epsilon
    assert model.sample(20, seed=0).num_rows == 20


@pytest.mark.parametrize(
    "synthesizer", [Residual(), Residual(extra_pairs=3, rounds=2), PrivBayes(degree=2)]
)
def test_replayed_on_adversarial_neighbours(synthesizer: Any) -> None:
    """Traps 1 to 4, 11 and 19: questions depend on answers alone, and move no more than declared."""
    whole = survey(np.random.default_rng(3))
    table = from_frame(whole.slice(0, 200))
    recording = record(lambda curator: synthesizer.fit(curator, Schema()), table, epsilon=4.0)
    for verdict in replay_all(recording, neighbours(table, np.random.default_rng(1), None, odd=1)):
        verdict.require()


def _information(curator: MemoryCurator, item: Candidate) -> float:
    """Mutual information in rows: the score of the first paper, which moves by more than 1."""
    counts = curator._histogram(item.encodings) + 1e-9
    share = counts.reshape(-1, counts.shape[-1]) / counts.sum()
    product = np.outer(share.sum(axis=1), share.sum(axis=0))
    return float(counts.sum() * (share * np.log(share / product)).sum())


@pytest.mark.parametrize(
    "synthesizer", [Residual(), PrivBayes(degree=2, usefulness=0.2)], ids=lambda s: s.name
)
def test_put_back_a_score_that_moves_further_than_declared(
    synthesizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trap 11, the bug put back; which candidates are offered is random, so it has some tries.

    One try sees it in 34 of 40 (residual) and 15 of 40 (privbayes): 60 miss it once in 10¹² runs.
    """
    monkeypatch.setattr(MemoryCurator, "_score", _information)

    def replayed_often() -> None:
        for _ in range(60):
            test_replayed_on_adversarial_neighbours(synthesizer)

    with pytest.raises(AssertionError, match="is declared"):
        replayed_often()


def test_people_are_bounded_and_charged_for() -> None:
    budget = Budget(20.0, unit=Unit(column="patient", max_rows=3))
    table = from_frame(visits(np.random.default_rng(0)))
    model = Residual().fit(MemoryCurator(table, budget=budget), Schema())
    assert all(getattr(event, "sensitivity", 3.0) == 3.0 for event in budget.events)
    assert model.sample(10, seed=0).num_rows == 10


@pytest.mark.parametrize("synthesizer", [Residual(), PrivBayes()], ids=lambda one: one.name)
@pytest.mark.parametrize("name", ["typed", "visits", "one column", "one row", "all null"])
def test_conformance_on_awkward_tables(name: str, synthesizer: Any) -> None:
    for example in example_tables():
        if example.name == name:
            check_schema_kept(synthesizer, example)
            check_model_file(synthesizer, example)
            check_sampling(synthesizer, example)


@pytest.mark.parametrize("synthesizer", [Residual(), PrivBayes()], ids=lambda one: one.name)
def test_every_number_of_the_model_has_an_origin(synthesizer: Any, tmp_path: Path) -> None:
    table, schema = coded(clusters(6, 2_000))
    model = synthesizer.fit(MemoryCurator(table, budget=Budget(20.0)), schema)
    found = inspect_model(model.save(tmp_path / "model"))
    assert {item.path for item in found.items if item.origin == "unknown"} == set()
    assert len(found.of_column("c003")) > 5


def test_conditioning_where_the_network_is_thin(narrow: tuple[np.ndarray, Model, Budget]) -> None:
    real = clusters(6, 2_000)
    table, schema = coded(real)
    model = Residual(extra_pairs=0).fit(MemoryCurator(table, budget=Budget(20.0)), schema)
    ((weight, markov),) = model.codes.components()  # type: ignore[attr-defined]
    assert weight == 1.0
    rows = model.sample(40_000, seed=2)
    share = np.mean([cell == "q" for cell in rows["c001"].to_pylist()])
    code = model.attributes[1].encoding.labels.index("q")  # type: ignore[union-attr]
    assert markov.distribution(("c001",)).values[code] == pytest.approx(share, abs=0.003)


def test_a_wide_tree_is_the_best_one_when_noise_is_small() -> None:
    """Borůvka's order against the best tree by exact scores; and a worse order is seen."""
    real = clusters(12, 3_000)
    table, _ = coded(real)
    names = [f"c{index:03d}" for index in range(12)]
    curator = MemoryCurator(table, budget=Budget(1e7, 1e-6))
    cells = {name: LabelCells(column=name, labels=LABELS) for name in names}
    counts = {
        name: np.append(np.bincount(real[:, i], minlength=4), 0.0) for i, name in enumerate(names)
    }

    def offer(edge: tuple[str, str]) -> Candidate:
        first, second = edge
        expected = np.outer(counts[first], counts[second]) / 3_000
        return Candidate(encodings=(cells[first], cells[second]), expected=expected)

    tree = choose_spanning_tree(curator, names, offer, epsilon=100.0)
    edges = list(itertools.combinations(names, 2))
    scores = curator.exact(Choose(candidates=tuple(map(offer, edges)), epsilon=1.0, stage="x"))
    best = dict(zip(edges, scores, strict=True))
    part = {name: name for name in names}
    kruskal = []
    for edge in sorted(edges, key=lambda edge: -best[edge]):
        first, second = (part[name] for name in edge)
        if first != second:
            kruskal.append(edge)
            part = {name: first if of == second else of for name, of in part.items()}
    assert len(tree) == 11
    assert sum(best[edge] for edge in tree) > 0.995 * sum(best[edge] for edge in kruskal)
    as_they_stand = sum(best[edge] for edge in itertools.pairwise(names))
    assert as_they_stand < 0.98 * sum(best[edge] for edge in kruskal), (
        "the test must tell trees apart"
    )


def test_mst_of_a_wide_table_is_a_tree_in_seconds() -> None:
    real = clusters(120, 1_000)
    table, schema = coded(real)
    budget = Budget(1.0)
    started = time.process_time()
    model = MST().fit(MemoryCurator(table, budget=budget), schema)
    assert time.process_time() - started < 60
    assert len(model.pairs) == 119
    assert budget.epsilon_spent() <= 1.0


@pytest.mark.slow
def test_two_hundred_columns_take_seconds() -> None:
    """Twenty levels and 50,000 rows took 8 s of processor time where this was written.

    Dependent pairs were off by 0.15 to 0.16, with independent columns by 0.42.
    """
    real = clusters(200, 20_000)
    table, schema = coded(real)
    started = time.process_time()
    model = Residual().fit(MemoryCurator(table, budget=Budget(1.0)), schema)
    rows = model.sample(20_000, seed=0)
    assert time.process_time() - started < 60
    assert pair_error(real, rows, near=True) < 0.2
