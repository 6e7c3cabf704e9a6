"""Traps 7 to 14: sensitivity and noise.

Statistics: every check that may fail by chance has alpha below 1e-8, and there are about 20.
The standard deviation of 4,000 cells is known to 1.1 %; limits at ±8 % are seven of those, and
a scale off by ×2/3 or ×3/2 lies thirty away.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.traps.house import EPSILON, caught, narrow, replays

import understudy.curator.protocol
import understudy.synthesize.marginal.mst
from understudy.curator import Count, Discover, LabelCells, MemoryCurator
from understudy.curator.questions import Candidate
from understudy.errors import InputError, InternalError
from understudy.privacy import (
    Budget,
    Exponential,
    Gaussian,
    PartitionSelection,
    Relation,
    Unit,
    mechanisms,
)
from understudy.schema import Schema
from understudy.source import SensitiveTable, from_frame
from understudy.synthesize.baseline.independent import Independent
from understudy.synthesize.marginal.aim import AIM
from understudy.synthesize.marginal.margnet import MargNet
from understudy.synthesize.marginal.mst import MST
from understudy.synthesize.marginal.workload import Workload
from understudy.testing import check_noise_unseeded, record, replay
from understudy.testing.neighbours import Neighbour, with_cells
from understudy.testing.tables import Example

CELLS = 4_000
SIGMA = 10.0


def column(rows: int) -> SensitiveTable:
    """One column in which every row holds the same label."""
    return from_frame(pa.table({"a": pa.array(["x"] * rows, pa.string())}))


def noise(table: SensitiveTable, sigma: float = SIGMA, times: int = 1) -> list[np.ndarray]:
    """What was added to a histogram of `CELLS` cells, of which one is occupied."""
    labels = ("x", *(f"empty {place}" for place in range(CELLS - 2)))
    curator = MemoryCurator(table, budget=Budget(100.0))
    question = Count(encodings=(LabelCells(column="a", labels=labels),), sigma=sigma, stage="t")
    exact = curator.exact(question)
    return [curator.ask([question])[0] - exact for _ in range(times)]


def noise_is_as_charged() -> None:
    """σ is that of the event, whatever the number of rows; the event's ρ is 1/(2σ²)."""
    for rows in (1, 5_000):
        found = float(noise(column(rows))[0].std())
        assert 0.92 * SIGMA < found < 1.08 * SIGMA, f"the noise has another scale: {found:.3g}"
    assert Gaussian(label="t", sigma=SIGMA).rho == pytest.approx(0.005)


def test_traps_7_and_10_noise_has_the_scale_that_was_charged() -> None:
    noise_is_as_charged()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda counts, sigma: sigma / max(int(np.sum(counts)), 1),
        lambda counts, sigma: 1.0 / sigma,
        lambda counts, sigma: sigma**2,
        lambda counts, sigma: sigma / 1.5,
    ],
    ids=["scaled for shares", "rate for scale", "variance for scale", "a little less"],
)
def test_traps_7_and_10_put_back(wrong: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = mechanisms.discrete_gaussian
    monkeypatch.setattr(
        mechanisms, "discrete_gaussian", lambda counts, sigma: ours(counts, wrong(counts, sigma))
    )
    assert "another scale" in caught(noise_is_as_charged)


def choice_is_as_charged() -> None:
    """P[1] / P[0] is exp(ε·gap/2): with ε = 1 and a gap of 2, 0.731 of 2,000 draws ± 0.06."""
    drawn = [mechanisms.exponential_choice(np.array([0.0, 2.0]), 1.0, 1.0) for _ in range(2_000)]
    assert abs(np.mean(drawn) - 1 / (1 + np.exp(-1.0))) < 0.06, "another choice than was charged"


def test_trap_10_choice_has_the_exponent_that_was_charged() -> None:
    choice_is_as_charged()


def test_trap_10_put_back_an_exponent_without_its_half(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = mechanisms.exponential_choice
    monkeypatch.setattr(
        mechanisms,
        "exponential_choice",
        lambda scores, width, epsilon: ours(scores, width, 2 * epsilon),
    )
    assert "another choice" in caught(choice_is_as_charged)


EDGES = [
    Independent(),
    MST(),
    MST(chords=0),
    MST(chords=1_000),
    MST(fewest_levels=2, most_levels=2),
    MST(fewest_levels=64, most_levels=64),
    MST(select_share=0.001),
    MST(select_share=0.49),
    MST(clique_cells=1_000),
    AIM(),
    AIM(select_share=0.001),
    AIM(select_share=0.5),
    AIM(rounds_per_column=0.01),
    AIM(rounds_per_column=16),
    AIM(most_levels=4, model_mib=0.01),
    AIM(most_levels=64),
    AIM(singles_part=0.01),
    AIM(singles_part=1.0, rich_part=1.0),
    AIM(rich_part=0.01),
    AIM(workload=Workload.all(4), most_ways=4),
    MargNet(components=8, passes=1),
    MargNet(components=8, passes=1, select_share=0.5, rounds_per_column=0.01),
    MargNet(components=8, passes=1, select_share=0.001, rounds_per_column=16),
    MargNet(components=8, passes=1, most_levels=4, singles_part=0.01),
    MargNet(components=8, passes=1, workload=Workload.all(4), most_ways=4),
]


def every_scale_is_positive() -> None:
    """No setting and no shape of a table makes a scale zero or infinite."""
    whole = narrow(60)
    for synthesizer, width in itertools.product(EDGES, (1, 2, 4)):
        names = whole.rows.column_names[:width]
        table = from_frame(whole.rows.select(names))
        budget = Budget(EPSILON)
        synthesizer.fit(MemoryCurator(table, budget=budget), Schema())
        for event in budget.events:
            match event:
                case Gaussian(sigma=scale) | PartitionSelection(sigma=scale):
                    assert 0 < scale < 1e9
                case Exponential(epsilon=scale):
                    assert 0 < scale < EPSILON


def test_trap_8_no_setting_makes_a_scale_zero() -> None:
    every_scale_is_positive()


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_trap_8_a_scale_of_zero_cannot_be_charged_or_drawn(scale: float) -> None:
    with pytest.raises(InputError):
        Gaussian(label="t", sigma=scale)
    with pytest.raises(InputError):
        Exponential(label="t", epsilon=scale)
    with pytest.raises(InputError):
        mechanisms.discrete_gaussian(np.zeros(3, dtype=int), scale)


def test_trap_8_put_back_a_scale_that_vanishes_with_one_edge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = understudy.synthesize.marginal.mst
    ours = module.noise_scales

    def bug(edges: Any, *rest: Any) -> np.ndarray:
        return ours(edges, *rest) * (len(edges) - 1)

    monkeypatch.setattr(module, "noise_scales", bug)
    assert "sigma" in caught(every_scale_is_positive)


def support_is_public() -> None:
    """Of 3,999 empty cells about 4 % get a zero by chance at σ = 10, not one in eight."""
    empty = noise(column(3))[0][1:]
    assert (empty == 0).sum() < CELLS / 8, "empty cells have no noise: the support leaks"


def rare_labels_stay_hidden() -> None:
    """A label that one row holds shows with probability 1e-12 a time."""
    table = from_frame(pa.table({"a": ["x"] * 400 + ["only one"]}))
    curator = MemoryCurator(table, budget=Budget(100.0))
    for _ in range(50):
        found = curator.ask([Discover(column="a", sigma=5.0, delta=1e-12, stage="t")])[0]
        assert "only one" not in found.labels, "a label of one row was shown"
        assert "x" in found.labels


def test_trap_9_noise_on_every_cell_and_a_threshold_on_every_label() -> None:
    support_is_public()
    rare_labels_stay_hidden()


def test_trap_9_put_back_noise_on_occupied_cells_only(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = mechanisms.discrete_gaussian
    monkeypatch.setattr(
        mechanisms,
        "discrete_gaussian",
        lambda counts, sigma: np.where(counts > 0, ours(counts, sigma), 0),
    )
    assert "support leaks" in caught(support_is_public)


def test_trap_9_put_back_labels_without_a_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mechanisms, "partition_threshold", lambda *_: 0)
    assert "was shown" in caught(rare_labels_stay_hidden)


def test_trap_11_a_weight_above_one_is_refused() -> None:
    cells = LabelCells(column="a", labels=("x",))
    with pytest.raises(InternalError):
        Candidate(encodings=(cells,), expected=np.zeros(2), weight=1.5)
    with pytest.raises(InternalError):
        Candidate(encodings=(cells,), expected=np.array([np.nan, 0.0]))


def _squared(curator: MemoryCurator, item: Candidate) -> float:
    return float(((curator._histogram(item.encodings) - item.expected) ** 2).sum())


def _information(curator: MemoryCurator, item: Candidate) -> float:
    counts = curator._histogram(item.encodings) + 1e-9
    share = counts / counts.sum()
    product = np.outer(share.sum(axis=1), share.sum(axis=0))
    return float(counts.sum() * (share * np.log(share / product)).sum())


@pytest.mark.parametrize("score", [_squared, _information])
def test_trap_11_put_back_a_score_that_moves_further_than_declared(
    score: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryCurator, "_score", score)
    assert "is declared" in caught(lambda: replays(MST()))
    assert "is declared" in caught(lambda: replays(AIM()))
    assert "is declared" in caught(lambda: replays(MargNet(components=8, passes=1)))


REPLACE = Unit(relation=Relation.REPLACE_ONE)


def one_replaced() -> None:
    """Replace-one: removing a row and adding another stays within what is charged."""
    recording = record(
        lambda curator: MST().fit(curator, Schema()), narrow(), epsilon=EPSILON, unit=REPLACE
    )
    rng = np.random.default_rng(6)
    for flavour in ("high", "new", "null", "odd 1"):
        fewer = recording.table.with_rows(recording.table.rows.slice(1))
        other = Neighbour(name=flavour, table=with_cells(fewer, [flavour], rng))
        replay(recording, other).require()


def test_trap_12_replace_one_is_charged_for_two_changes() -> None:
    assert REPLACE.count_l1 == 2.0
    assert REPLACE.count_l2 >= np.sqrt(2.0)
    one_replaced()


def test_trap_12_events_and_budget_must_agree_on_the_relation() -> None:
    with pytest.raises(InputError, match="neighbouring relation"):
        Budget(1.0, unit=REPLACE).charge(Gaussian(label="t", sigma=100.0))


def test_trap_12_put_back_the_sensitivity_of_add_remove(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Unit, "count_l2", 1.0)
    assert "is declared" in caught(one_replaced)


def test_trap_12_put_back_an_event_without_the_relation(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = understudy.curator.protocol.event_of

    def bug(question: Any, unit: Unit) -> Any:
        return replace(ours(question, unit), relation=Relation.ADD_REMOVE)

    monkeypatch.setattr(understudy.curator.protocol, "event_of", bug)
    assert "neighbouring relation" in caught(one_replaced)


def answers_are_whole() -> None:
    """Counts come in whole and leave whole, at any size."""
    for added in noise(column(50), sigma=3.3, times=2):
        assert np.array_equal(added, np.rint(added)), "an answer is no whole number"
    huge = np.array([2**62, -(2**62), 0], dtype=np.int64)
    noisy = mechanisms.discrete_gaussian(huge, 3.3)
    assert noisy.dtype == np.int64
    assert np.abs(noisy - huge).max() < 100, "a large count wraps around"


def test_trap_13_noise_is_discrete_and_does_not_overflow() -> None:
    answers_are_whole()
    with pytest.raises(InputError):
        mechanisms.discrete_gaussian(np.array([0.5]), 3.3)


def test_trap_13_put_back_floating_point_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    monkeypatch.setattr(
        mechanisms,
        "discrete_gaussian",
        lambda counts, sigma: counts + rng.normal(0, sigma, np.shape(counts)),
    )
    assert "no whole number" in caught(answers_are_whole)


def seeds_do_not_reach_noise() -> None:
    """Two fits under equal global seeds differ, and the global generators stay as they were."""
    check_noise_unseeded(Independent(), Example(name="narrow", table=narrow()))


def test_trap_14_noise_comes_from_the_operating_system() -> None:
    seeds_do_not_reach_noise()


def test_trap_14_put_back_a_seeded_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(counts: Any, sigma: float) -> np.ndarray:
        drawn = np.random.default_rng(0).normal(0, sigma, np.shape(counts))
        return np.asarray(counts) + np.rint(drawn).astype(np.int64)

    monkeypatch.setattr(mechanisms, "discrete_gaussian", bug)
    assert "same noise" in caught(seeds_do_not_reach_noise)


def test_trap_14_put_back_the_global_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = mechanisms.discrete_gaussian

    def bug(counts: Any, sigma: float) -> np.ndarray:
        np.random.seed(0)  # noqa: NPY002  the bug itself
        return ours(counts, sigma)

    monkeypatch.setattr(mechanisms, "discrete_gaussian", bug)
    assert "global" in caught(seeds_do_not_reach_noise)
