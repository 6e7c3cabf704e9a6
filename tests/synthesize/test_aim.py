"""AIM from rows to model: what it finds, spends and refuses, and that its scores are bounded."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from understudy.curator import Choose, Count, MemoryCurator
from understudy.errors import InputError
from understudy.prepare.learn import learn
from understudy.privacy import Budget
from understudy.schema import Column, Schema
from understudy.source import SensitiveTable, from_frame
from understudy.synthesize.marginal import aim as room
from understudy.synthesize.marginal.aim import AIM
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.grains import Ladder, balanced
from understudy.synthesize.marginal.lift import coarse_start, lifted
from understudy.synthesize.marginal.pairs import fine_domain
from understudy.synthesize.marginal.shrink import fit_axes, shrink_towards
from understudy.synthesize.marginal.workload import Workload
from understudy.synthesize.model import Model
from understudy.testing import neighbours, record, replay_all

GENEROUS = 40.0


def table(rows: int = 3_000, seed: int = 0) -> SensitiveTable:
    """Labels a → b → c, a free d, and a number n that follows a."""
    rng = np.random.default_rng(seed)
    a = rng.choice(3, rows)
    b = np.where(rng.random(rows) < 0.85, a, rng.choice(3, rows))
    c = np.where(rng.random(rows) < 0.85, b, rng.choice(3, rows))
    cells = {
        name: np.array(["p", "q", "r"])[v].tolist()
        for name, v in zip("abc", (a, b, c), strict=True)
    }
    cells["d"] = np.array(["p", "q"])[rng.choice(2, rows)].tolist()
    cells["n"] = [str(value) for value in (30 * a + rng.integers(0, 40, rows)).tolist()]
    return from_frame(pa.table({k: pa.array(v, pa.string()) for k, v in cells.items()}))


def fit(
    settings: AIM | None = None, epsilon: float = GENEROUS, **given: Any
) -> tuple[Model, Budget]:
    budget = Budget(epsilon)
    curator = MemoryCurator(given.pop("rows", None) or table(), budget=budget)
    return (settings or AIM()).fit(curator, Schema(), **given), budget


def test_the_pairs_that_matter_are_counted_first() -> None:
    model, _ = fit()
    first = [set(pair.columns) for pair in model.pairs[:4]]
    assert {"a", "b"} in first
    assert {"b", "c"} in first
    assert {"a", "n"} in first


def test_what_was_learned_comes_out() -> None:
    model, _ = fit()
    made, real = model.sample(3_000, seed=0), table().rows
    for first, second in itertools.combinations("abc", 2):
        gap = 0.0
        for x, y in itertools.product("pqr", repeat=2):
            shares = [
                np.mean(
                    (np.array(t[first].to_pylist()) == x) & (np.array(t[second].to_pylist()) == y)
                )
                for t in (made, real)
            ]
            gap += abs(shares[0] - shares[1]) / 2
        assert gap < 0.03, (first, second, gap)


def test_everything_asked_for_is_spent_and_no_more() -> None:
    for epsilon in (0.5, 1.0, 8.0):
        _, budget = fit(epsilon=epsilon)
        assert 0.97 * epsilon < budget.epsilon_spent() <= epsilon


def test_a_marginal_of_three_columns_is_counted_when_the_workload_asks() -> None:
    model, _ = fit(AIM(workload=Workload.of([("a", "b", "c")])))
    assert any(len(pair.columns) == 3 for pair in model.pairs)
    assert all(set(pair.columns) <= {"a", "b", "c"} for pair in model.pairs)
    assert model.settings["workload"]["entries"] == [[["a", "b", "c"], 1.0]]


def test_the_target_draws_choices_to_itself() -> None:
    names = ["a", "b", "c", "d"]
    worths = AIM().worths(names, "d")
    assert max(worths.values()) == 1.0
    assert min(worths["a", "d"], worths["b", "d"]) > 1.3 * worths["a", "b"]
    assert set(AIM().worths(names, None).values()) == {1.0}


def test_the_model_stays_within_its_size() -> None:
    model, _ = fit(AIM(model_mib=0.01))
    joint = model.codes.markov.plan.tree.cells  # type: ignore[attr-defined]
    assert joint <= AIM(model_mib=0.01).cells
    assert model.pairs


def test_a_size_without_room_for_a_pair_is_refused_before_a_charge() -> None:
    budget = Budget(1.0)
    with pytest.raises(InputError, match="size limit") as caught:
        AIM(model_mib=0.001).fit(MemoryCurator(table(50), budget=budget), Schema())
    assert "at least" in str(caught.value)
    assert not budget.events


def test_an_unknown_column_in_the_workload_is_refused_before_a_charge() -> None:
    budget = Budget(1.0)
    with pytest.raises(InputError, match="'bb'"):
        AIM(workload=Workload.of([("a", "bb")])).fit(
            MemoryCurator(table(50), budget=budget), Schema()
        )
    assert not budget.events


@pytest.mark.parametrize(
    "settings",
    [
        {"select_share": 0.0},
        {"select_share": 0.6},
        {"singles_part": 0.0},
        {"singles_part": 1.1},
        {"rich_part": 0.0},
        {"rich_part": 1.1},
        {"rounds_per_column": 0.0},
        {"rounds_per_column": math.nan},
        {"model_mib": 0.0},
        {"most_ways": 1},
        {"most_ways": 5},
        {"most_levels": 3},
        {"most_levels": 65},
        {"uniform_bins": 0},
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        AIM(**settings)


def test_replayed_on_every_neighbour() -> None:
    """Questions are those of the table, and no answer moves by more than was declared."""
    recording = record(
        lambda curator: AIM(rounds_per_column=1).fit(curator, Schema()), table(200), epsilon=8.0
    )
    assert sum(isinstance(item.question, Choose) for item in recording.asked) >= 3
    for verdict in replay_all(recording, neighbours(recording.table, np.random.default_rng(1))):
        verdict.require()


@pytest.mark.parametrize("bug", ["expected from rows", "rows in the noise", "stops by the rows"])
def test_put_back_what_would_follow_the_rows(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replay catches an AIM whose offers, noise or number of rounds depend on exact rows."""
    measure, following = room._Rounds._measure, room._Rounds.next

    def exact(self: Any, offer: Any, sigma: float, *choice: Any) -> np.ndarray:
        if bug == "rows in the noise":
            rows = self.curator.exact(Count(encodings=(), sigma=1.0, stage="t"))
            return measure(self, offer, sigma * (1 + 1e-4 / float(rows)), *choice)
        found = measure(self, offer, sigma, *choice)
        if bug == "expected from rows":
            count = Count(encodings=offer.candidate.encodings, sigma=1.0, stage="t")
            return self.curator.exact(count).astype(float) + 1e-3
        return found

    def stops(self: Any) -> bool:
        enough = (
            bug == "stops by the rows"
            and len(self.counted)
            >= self.curator.exact(Count(encodings=(), sigma=1.0, stage="t")) - 198
        )
        return False if enough else following(self)

    monkeypatch.setattr(room._Rounds, "_measure", exact)
    monkeypatch.setattr(room._Rounds, "next", stops)
    recording = record(
        lambda curator: AIM(rounds_per_column=1).fit(curator, Schema()), table(200), epsilon=8.0
    )
    verdicts = replay_all(recording, neighbours(recording.table, np.random.default_rng(1)))
    with pytest.raises(AssertionError):
        _ = [verdict.require() for verdict in verdicts]


def test_grains_are_nested_and_add_up() -> None:
    prepared = learn(MemoryCurator(table(), budget=Budget(GENEROUS)), Schema())
    for item in prepared.attributes:
        ladder = Ladder.of(item, 32)
        for finer, coarser in itertools.pairwise(ladder.grains):
            assert coarser.size < finer.size
            for level in range(finer.size):
                assert len(set(coarser.into[finer.into == level].tolist())) <= 1
        for grain in ladder.grains:
            assert grain.encoding.size == grain.size
            assert np.isclose(grain.counts.sum(), item.counts.sum())
            assert np.array_equal(grain.into[ladder.base], np.array(grain.encoding.into))


@pytest.mark.parametrize("cells", [1, 4, 50, 1e9])
@pytest.mark.parametrize("sizes", [(2, 32), (32, 2, 7), (1, 1), (5,)])
def test_balanced_levels_stay_within_the_cells(sizes: tuple[int, ...], cells: float) -> None:
    found = balanced(sizes, cells)
    assert math.prod(found) <= max(cells, 1) * 1.001
    assert all(1 <= level <= size for level, size in zip(found, sizes, strict=True))


def test_lifting_changes_nothing_on_merged_levels() -> None:
    prepared = learn(MemoryCurator(table(), budget=Budget(GENEROUS)), Schema())
    ladders = {item.name: Ladder.of(item, 8) for item in prepared.attributes}
    domain = Domain(tuple(ladders), tuple(ladder.size for ladder in ladders.values()))
    start = coarse_start(domain, ladders, prepared.rows)
    fine = lifted(start, ladders, prepared)
    assert fine.domain == fine_domain(prepared)
    for item in prepared.attributes:
        assert np.allclose(fine.marginal((item.name,)).values, item.counts)
    merged = np.zeros(ladders["n"].size)
    np.add.at(merged, ladders["n"].base, fine.marginal(("n",)).values)
    assert np.allclose(merged, start.marginal(("n",)).values)


def test_shrinking_towards_the_truth_keeps_it_and_strong_signal_survives() -> None:
    rng = np.random.default_rng(3)
    truth = rng.gamma(0.3, size=(6, 5, 4)) * 300
    singles = tuple(truth.sum(axis=tuple(o for o in range(3) if o != axis)) for axis in range(3))
    noise = rng.normal(0, 5.0, truth.shape)
    kept = shrink_towards(truth + noise, truth, singles, 5.0)
    assert np.abs(kept - truth).sum() < 0.5 * np.abs(noise).sum()
    flat = fit_axes(np.ones(truth.shape), singles)
    found = shrink_towards(truth + noise, flat, singles, 5.0)
    assert np.abs(found - truth).sum() < 0.5 * np.abs(flat - truth).sum()


def test_declared_domains_cost_nothing_to_prepare() -> None:
    labels = ("p", "q", "r")
    schema = Schema(
        columns=tuple(
            Column(name=name, kind="category", categories=labels, nulls=()) for name in "abc"
        )
    )
    whole = table()
    rows = from_frame(whole.rows.select(["a", "b", "c"]))
    budget = Budget(1.0)
    AIM().fit(MemoryCurator(rows, budget=budget), schema)
    assert {event.stage for event in budget.events} == {"rows", "singles", "select", "pairs"}
