"""The narrower door: what a step costs, who takes part in it, and what leaves it.

Statistical tests use thresholds of alpha <= 1e-8 each; n and the deviation they would detect are
stated where they stand.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from understudy.curator import LabelCells, MemoryCurator
from understudy.curator.batches import BLOCK, Adaptive, BatchPlan, open_rows
from understudy.errors import BudgetExceeded, InputError
from understudy.privacy import Budget, Ledger, NonPrivateBudget, Unit, mechanisms
from understudy.privacy.accountant import order_for_steps
from understudy.privacy.events import Gaussian
from understudy.source import SensitiveTable, from_frame, read_stream
from understudy.synthesize.protocol import forms_of
from understudy.testing.conformance import _global_states

ALPHA = 1e-8


def table(rows: int, *, people: int | None = None) -> SensitiveTable:
    """One column that numbers the rows (as labels), and who they belong to."""
    cells = {"number": [str(place) for place in range(rows)]}
    if people:
        cells["who"] = [str(place % people) for place in range(rows)]
    return from_frame(pa.table({name: pa.array(part, pa.string()) for name, part in cells.items()}))


def numbered(rows: int) -> LabelCells:
    return LabelCells(column="number", labels=tuple(str(place) for place in range(rows)))


class Longish:
    """Gradients that are public constants per row: row i has `length[i]` along one axis."""

    def __init__(self, lengths: np.ndarray) -> None:
        self.lengths = lengths
        self.sizes: list[int] = []
        self.seen: list[np.ndarray] = []

    def norms(self, codes: np.ndarray, step: int = 0) -> np.ndarray:
        self.held = codes[:, 0].astype(int)
        self.seen.append(self.held)
        self.sizes.append(len(codes))
        return np.abs(self.lengths[self.held])

    def weighted(self, weights: np.ndarray) -> np.ndarray:
        return np.array([np.sum(weights * self.lengths[self.held]), 0.0])


def plan(
    rows: int = 50,
    *,
    epsilon: float = 2.0,
    probability: float = 0.2,
    steps: int = 10,
    clip: float = 1.0,
    unit: Unit | None = None,
    data: SensitiveTable | None = None,
    **others: Any,
) -> BatchPlan:
    curator = MemoryCurator(data or table(rows), budget=Budget(epsilon, unit=unit))
    return BatchPlan(
        curator,
        [numbered(rows)],
        probability=probability,
        steps=steps,
        clip=clip,
        expected=others.pop("expected", probability * 50),
        **others,
    )


def silence(total: np.ndarray, clip: float, multiplier: float) -> np.ndarray:
    """No noise, to look at sums."""
    return total


# ------------------------------------------------------------------ without privacy


def test_rows_are_opened_only_where_nothing_is_promised() -> None:
    curator = MemoryCurator(table(5), budget=Budget(1.0))
    with pytest.raises(InputError, match="no epsilon can be promised"):
        open_rows(curator, [numbered(5)], label="trees")
    assert curator.budget.events == ()


def test_opening_is_charged_as_non_private_before_the_rows_are_given() -> None:
    budget = NonPrivateBudget()
    curator = MemoryCurator(table(5), budget=budget)
    seen: list[int] = []
    exact = curator.encoded

    def watched(encodings: Any) -> Any:
        seen.append(len(budget.events))
        return exact(encodings)

    curator.encoded = watched  # type: ignore[method-assign]
    opened = open_rows(curator, [numbered(5)], label="trees")
    assert opened.codes[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert seen == [1]
    assert budget.events[0].kind == "non-private"
    assert budget.epsilon_spent() == math.inf
    assert "0" not in repr(opened)


def test_a_place_that_only_counts_is_refused(tmp_path: Path) -> None:
    from understudy.curator import StreamCurator

    path = tmp_path / "n.csv"
    path.write_text("number\n1\n2\n")
    curator = StreamCurator(read_stream(path), budget=NonPrivateBudget())
    with pytest.raises(InputError, match="in memory"):
        open_rows(curator, [numbered(5)], label="trees")
    assert curator.budget.events == ()


def test_a_synthesizer_that_does_not_say_is_private() -> None:
    assert forms_of(object()) == ("private",)


# ------------------------------------------------------------------ trap 15: who takes part


def poisson_figures(coins: Callable[[int, float], np.ndarray]) -> tuple[float, float]:
    """p-values: variance of batch sizes against the binomial's, and pairs of rows together.

    n = 400 steps on 200 rows, probability 0.1. A fixed size has variance 0 and shuffled epochs a
    variance of 0 too: both are hundreds of standard deviations away.
    """
    rows, steps, probability = 200, 400, 0.1
    work = Longish(np.zeros(rows))
    batch = plan(rows, steps=steps, probability=probability, coins=coins, noise=silence)
    for _ in range(steps):
        batch.step(work)
    sizes = np.array(work.sizes, dtype=float)
    variance = rows * probability * (1 - probability)
    spread = float(((sizes - rows * probability) ** 2).sum() / variance)
    of_size = 2 * min(stats.chi2.cdf(spread, steps), stats.chi2.sf(spread, steps))
    often = np.bincount(np.concatenate(work.seen), minlength=rows)
    level = float(((often - steps * probability) ** 2).sum() / (steps * probability * 0.9))
    of_rows = 2 * min(stats.chi2.cdf(level, rows), stats.chi2.sf(level, rows))
    return float(of_size), float(of_rows)


def test_batches_are_poisson_samples() -> None:
    of_size, of_rows = poisson_figures(mechanisms.coins)
    assert of_size > ALPHA
    assert of_rows > ALPHA


def test_a_fixed_size_and_a_shuffle_are_noticed() -> None:
    rng = np.random.default_rng(0)
    order: list[int] = []

    def fixed(size: int, probability: float) -> np.ndarray:
        chosen = np.zeros(size, dtype=bool)
        chosen[rng.choice(size, int(size * probability), replace=False)] = True
        return chosen

    def shuffled(size: int, probability: float) -> np.ndarray:
        if not order:
            order.extend(rng.permutation(size).tolist())
        taken = [order.pop() for _ in range(int(size * probability))]
        chosen = np.zeros(size, dtype=bool)
        chosen[taken] = True
        return chosen

    assert poisson_figures(fixed)[0] < ALPHA
    both = poisson_figures(shuffled)
    assert both[0] < ALPHA
    assert both[1] < ALPHA


def test_coins_are_fresh_and_touch_no_global_state() -> None:
    before = _global_states()
    first, again = mechanisms.coins(4_000, 0.5), mechanisms.coins(4_000, 0.5)
    assert not np.array_equal(first, again)
    assert before == _global_states()
    with pytest.raises(InputError):
        mechanisms.coins(5, 0.0)


# ------------------------------------------------------------------ traps 18, 21: the account


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 4.0, 10.0])
@pytest.mark.parametrize(("probability", "steps"), [(0.004, 3), (0.02, 200), (0.5, 65), (1.0, 1)])
def test_the_last_step_ends_within_the_budget_and_close_to_it(
    epsilon: float, probability: float, steps: int
) -> None:
    delta = 1e-6
    order = order_for_steps(epsilon, 0.8 * delta, share=0.2, probability=probability, steps=steps)
    budget = Budget(epsilon, delta, order=order)
    curator = MemoryCurator(table(3), budget=budget)
    budget.charge(Gaussian(label="prepare", sigma=math.sqrt(0.5 / (0.1 * budget.rho))))
    batch = BatchPlan(
        curator, [numbered(3)], probability=probability, steps=steps, clip=1.0, expected=1.0
    )
    work = Longish(np.ones(4))
    for _ in range(steps):
        batch.step(work)
    assert budget.epsilon_spent() <= epsilon
    if batch.multiplier > 0.31:
        assert budget.epsilon_spent() > (0.8 if steps > 3 else 0.5) * epsilon
    with pytest.raises(InputError, match="every planned step"):
        batch.step(work)


def test_too_little_noise_is_refused_by_the_filter() -> None:
    """The bug of trap 18 put in: noise for fewer steps than are taken."""
    right = plan(steps=200)
    batch = plan(steps=200, multiplier=right.multiplier * 0.95)

    def all_steps() -> None:
        for _ in range(200):
            batch.step(Longish(np.ones(51)))

    with pytest.raises(BudgetExceeded):
        all_steps()
    assert batch._curator.budget.epsilon_spent() <= 2.0


def test_steps_are_in_the_ledger_before_they_are_taken(tmp_path: Path) -> None:
    book = Ledger(tmp_path / "ledger")
    curator = MemoryCurator(table(20), budget=Budget(1.0, ledger=book, asset="t"))
    batch = BatchPlan(
        curator, [numbered(20)], probability=0.1, steps=BLOCK + 6, clip=1.0, expected=2.0
    )

    class Counting(Longish):
        def norms(self, codes: np.ndarray, step: int = 0) -> np.ndarray:
            charged = book.show("t").charges
            assert charged[-1].event.stage == "training"
            counts = [int(charge.event.label.split()[0]) for charge in charged]
            assert sum(counts) >= batch.taken
            return super().norms(codes, step)

    for _ in range(BLOCK + 6):
        batch.step(Counting(np.ones(21)))
    labels = [charge.event.label for charge in book.show("t").charges]
    assert labels == [f"{BLOCK} steps on a Poisson sample", "6 steps on a Poisson sample"]
    assert book.show("t").epsilon(1e-6) <= 1.0


def test_a_budget_that_is_spent_buys_no_step() -> None:
    budget = Budget(1.0)
    budget.charge(Gaussian(label="all", sigma=math.sqrt(0.5 / (budget.rho * 0.999_999))))
    with pytest.raises(BudgetExceeded, match="too little"):
        BatchPlan(
            MemoryCurator(table(5), budget=budget),
            [numbered(5)],
            probability=0.5,
            steps=500,
            clip=1.0,
            expected=2.0,
        )


def test_a_run_without_privacy_has_no_noisy_steps() -> None:
    curator = MemoryCurator(table(5), budget=NonPrivateBudget())
    with pytest.raises(InputError, match="no noisy steps"):
        BatchPlan(curator, [numbered(5)], probability=0.5, steps=5, clip=1.0, expected=2.0)


# ------------------------------------------------------------------ trap 25: sums


def largest_change(*, work: type[Longish] = Longish, **settings: Any) -> float:
    """How far one row more moves the sum of a step, over nasty rows, all coins heads."""

    def heads(size: int, probability: float) -> np.ndarray:
        return np.ones(size, dtype=bool)

    lengths = np.array([0.3, -0.2, 7.0, -1e12, np.nan, np.inf, 1e-300, 0.0])
    moved = []
    for extra in range(len(lengths)):
        without = [place for place in range(len(lengths)) if place != extra]
        cells = pa.table({"number": pa.array([str(place) for place in without])})
        sums = []
        for data in (table(len(lengths)), from_frame(cells)):
            batch = plan(
                len(lengths), data=data, coins=heads, noise=silence, expected=1.0, **settings
            )
            sums.append(batch.step(work(lengths)))
        moved.append(float(np.linalg.norm(sums[0] - sums[1])))
    return max(moved)


@pytest.mark.parametrize("microbatch", [1, 3, 4_096])
@pytest.mark.parametrize("clip", [0.01, 1.0, 50.0])
def test_one_row_moves_a_sum_by_at_most_the_clip(clip: float, microbatch: int) -> None:
    assert largest_change(clip=clip, microbatch=microbatch) <= clip * (1 + 1e-9)


def test_dividing_by_the_size_of_the_sample_is_noticed() -> None:
    """A sum whose weights know how many rows there are moves by more than one row's share."""

    class Mean(Longish):
        def weighted(self, weights: np.ndarray) -> np.ndarray:
            return super().weighted(weights) * 40.0 / max(len(weights), 1)

    assert largest_change(clip=1.0) <= 1.0
    assert largest_change(clip=1.0, work=Mean) > 1.0


def test_an_empty_sample_is_a_step_of_noise() -> None:
    def tails(size: int, probability: float) -> np.ndarray:
        return np.zeros(size, dtype=bool)

    batch = plan(coins=tails)
    work = Longish(np.ones(51))
    noisy = batch.step(work)
    assert work.sizes == [0]
    assert np.all(noisy != 0)
    assert len(batch._curator.budget.events) == 1


def test_a_person_takes_part_with_all_rows_and_moves_a_sum_by_the_clip() -> None:
    unit = Unit(column="who", max_rows=4)
    data = table(40, people=10)
    batch = plan(40, data=data, unit=unit, steps=30, probability=0.3, noise=silence, expected=1.0)
    work = Longish(np.full(41, 5.0))
    largest = 0.0
    for _ in range(30):
        total = batch.step(work)
        people = np.bincount(work.held % 10, minlength=10)
        assert set(people.tolist()) <= {0, 4}
        largest = max(largest, float(total[0]) / max((people > 0).sum(), 1))
    assert largest <= 1.0
    assert batch.row_clip <= 0.25


class Layered(Longish):
    """Row i has `length[i]` in a first layer and a third of it in a second."""

    def norms(self, codes: np.ndarray, step: int = 0) -> np.ndarray:
        first = super().norms(codes, step)
        return np.stack([first, first / 3.0], axis=1)

    def weighted(self, weights: np.ndarray) -> np.ndarray:
        held = self.lengths[self.held]
        return np.array([np.sum(weights[:, 0] * held), np.sum(weights[:, 1] * held / 3.0)])


def test_layers_that_are_clipped_by_themselves_move_a_sum_by_at_most_the_clip() -> None:
    found = largest_change(clip=2.0, parts=2, work=Layered)
    assert 1.99 < found <= 2.0
    with pytest.raises(InputError, match="row and part"):
        largest_change(clip=2.0, parts=2)


def test_layers_clipped_to_the_whole_clip_each_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bug put in: every layer is clipped to the clip, so all together are longer."""
    monkeypatch.setattr(BatchPlan, "row_clip", property(lambda self: self.clip * math.sqrt(2.0)))
    assert largest_change(clip=2.0, parts=2, work=Layered) > 2.0


# ------------------------------------------------------------------ a clip that adapts


class Watched:
    """Noise that keeps the vectors it is added to."""

    def __init__(self, sigma: float = 0.0) -> None:
        self.vectors: list[tuple[np.ndarray, float]] = []
        self.sigma, self.rng = sigma, np.random.default_rng(0)

    def __call__(self, total: np.ndarray, clip: float, multiplier: float) -> np.ndarray:
        self.vectors.append((total.copy(), clip))
        return total + self.sigma * self.rng.normal(size=total.shape)


@pytest.mark.parametrize("people", [None, 4])
def test_one_unit_moves_sum_and_count_together_by_at_most_one(people: int | None) -> None:
    """The joint vector's sensitivity, over rows short and long, and a person of several rows."""
    lengths = np.array([0.3, -0.2, 7.0, -1e12, np.nan, np.inf, 1e-300, 0.0, 0.5, 0.5, 3.0, 2.0])
    count = len(lengths)
    unit = Unit(column="who", max_rows=3) if people else None
    owner = np.arange(count) % people if people else np.arange(count)
    moved = []
    for one in range(people or count):
        vectors = []
        for keep in (np.full(count, fill_value=True), owner != one):
            cells = {"number": [str(place) for place in np.flatnonzero(keep)]}
            if people:
                cells["who"] = [str(place) for place in owner[keep]]
            watched = Watched()
            batch = plan(
                count,
                data=from_frame(pa.table({name: pa.array(part) for name, part in cells.items()})),
                unit=unit,
                coins=lambda size, probability: np.ones(size, dtype=bool),
                noise=watched,
                expected=5.0,
                adaptive=Adaptive(part=0.3),
                clip=0.4,
            )
            batch.step(Longish(lengths))
            vectors.append(watched.vectors[0])
            assert vectors[-1][1] == 1.0
        moved.append(float(np.linalg.norm(vectors[0][0] - vectors[1][0])))
    assert 0.3 < max(moved) <= 1.0


def test_a_count_beside_the_sum_that_is_not_paid_for_is_noticed() -> None:
    """The bug put in: the count is added to a whole sum, instead of sharing its length."""
    lengths = np.array([7.0, 9.0])
    watched = Watched()
    batch = plan(2, data=table(2), coins=lambda size, _: np.ones(size, dtype=bool), noise=watched,
                 adaptive=Adaptive(part=0.3))  # fmt: skip
    batch.step(Longish(lengths))
    joint = watched.vectors[0][0]
    assert np.linalg.norm(joint / 2.0) <= 1.0
    whole = np.append(joint[:-1] / math.sqrt(0.7), joint[-1])
    assert np.linalg.norm(whole / 2.0) > 1.0


def test_the_clip_finds_its_quantile_and_the_sum_its_scale() -> None:
    """400 lengths spread over (0, 4]: the clip goes from 0.05 to their median, 2, within 15 %."""
    lengths = np.linspace(0.01, 4.0, 401)
    batch = plan(
        400, steps=80, probability=1.0, expected=400.0, clip=0.05, noise=Watched(sigma=0.5),
        adaptive=Adaptive(quantile=0.5, speed=0.5),
    )  # fmt: skip
    for _ in range(60):
        batch.step(Longish(lengths))
    assert abs(batch.clip - 2.0) < 0.3
    told = float(batch.step(Longish(lengths))[0])
    clipped = np.minimum(lengths[:400], batch.clip)
    assert abs(told - clipped.mean()) < 0.1


def test_noise_of_an_adaptive_clip_is_in_the_sum_and_the_next_clip_is_public() -> None:
    """Two tables, the same noisy answers: the same clips; n = 3,000 draws of the noise."""
    said = iter(np.random.default_rng(1).normal(size=(40, 3)))
    kept = [next(said) for _ in range(20)]
    clips = []
    for rows in (10, 50):
        answers = iter(kept)
        batch = plan(rows, steps=20, probability=1.0, adaptive=Adaptive(),
                     noise=lambda total, clip, multiplier, answers=answers: next(answers))  # fmt: skip
        told = []
        for _ in range(20):
            batch.step(Longish(np.ones(51)))
            told.append(batch.clip)
        clips.append(told)
    assert clips[0] == clips[1]
    sizes = []
    for place in range(3_000):
        batch = plan(5, steps=1, probability=1.0, clip=0.5, expected=1.0,
                     adaptive=Adaptive(part=0.19), multiplier=2.0) if not place else batch  # fmt: skip
        batch.taken, batch._charged, batch.clip = 0, 1, 0.5
        sizes.append(float(batch.step(Longish(np.zeros(6)))[0]))
    expected = 2.0 * 0.5 / math.sqrt(0.81)
    level = float((np.array(sizes) ** 2).sum() / expected**2)
    assert 2 * min(stats.chi2.cdf(level, 3_000), stats.chi2.sf(level, 3_000)) > ALPHA


@pytest.mark.parametrize("settings", [{"quantile": 1.0}, {"part": 0.0}, {"speed": -1.0}])
def test_an_adaptive_clip_that_cannot_be(settings: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Adaptive(**settings)


# ------------------------------------------------------------------ noise of sums


def test_noise_of_a_sum_has_its_scale_and_no_other() -> None:
    """n = 200,000: the variance is known within 2.2 % at alpha 1e-8; x 2/3 and x 3/2 are refused."""
    size, multiplier, clip = 200_000, 1.7, 0.3
    drawn = mechanisms.gaussian_sum(np.zeros(size), clip, multiplier) / (clip * multiplier)
    level = float((drawn**2).sum())
    tail = min(stats.chi2.cdf(level, size), stats.chi2.sf(level, size))
    assert 2 * tail > ALPHA
    for wrong in (2 / 3, 3 / 2):
        told = level * wrong**2
        assert 2 * min(stats.chi2.cdf(told, size), stats.chi2.sf(told, size)) < ALPHA
    assert stats.kstest(drawn, "norm").pvalue > ALPHA
    assert not np.array_equal(drawn[: size // 2], drawn[size // 2 :])


def test_noisy_sums_have_one_support() -> None:
    """Trap 13: whatever the sum, the output is a multiple of the lattice step."""
    for total in (np.zeros(50), np.full(50, 1 / 3), np.linspace(-7.1, 1e4, 50)):
        noisy = mechanisms.gaussian_sum(total, 0.1, 1.0)
        steps = noisy / (0.1 / 2**24)
        assert np.allclose(steps, np.rint(steps), atol=1e-3)
        assert not np.array_equal(noisy, mechanisms.gaussian_sum(total, 0.1, 1.0))


@pytest.mark.parametrize("wrong", [np.array([np.nan]), np.array([np.inf])])
def test_sums_that_are_not_finite_never_leave(wrong: np.ndarray) -> None:
    with pytest.raises(InputError, match="finite"):
        mechanisms.gaussian_sum(wrong, 1.0, 1.0)


@pytest.mark.parametrize(
    "settings",
    [
        {"probability": 0.0},
        {"probability": 1.5},
        {"steps": 0},
        {"clip": 0.0},
        {"clip": math.nan},
        {"expected": 0.0},
        {"taken": 11},
        {"parts": 0},
    ],
)
def test_impossible_settings_are_refused_and_cost_nothing(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        plan(**settings)
