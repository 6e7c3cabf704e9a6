"""gan and ctgan: what they learn with and without a promise, and that the promise is kept.

Private fits here are tiny and prove nothing about quality; that is measured in the benchmark.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import understudy as us
from understudy.curator import Curator, MemoryCurator
from understudy.curator.batches import BLOCK, BatchPlan
from understudy.errors import BudgetExceeded, InputError
from understudy.privacy import Budget, Ledger, NonPrivateBudget
from understudy.schema import Column, Schema
from understudy.source import from_frame
from understudy.synthesize.model import Model
from understudy.synthesize.neural.checkpoint import load
from understudy.synthesize.neural.ctgan import Ctgan
from understudy.synthesize.neural.gan import Gan, NoisyContest
from understudy.synthesize.neural.layers_codes import LayersCodes
from understudy.synthesize.neural.training import require_finite
from understudy.testing import (
    check_budget_kept,
    check_model_file,
    check_noise_unseeded,
    check_sampling,
    check_schema_kept,
    neighbours,
    record,
    replay_all,
)
from understudy.testing.tables import Example, example_tables

torch = pytest.importorskip("torch")

TINY = NoisyContest(probability=0.3, steps=4, critic_steps=2, width=6, noise=3, critic_width=5,
                    batch=20)  # fmt: skip
BOTH = (Gan(private=TINY), Ctgan(private=TINY))
OPEN: dict[str, Any] = {"width": 32, "noise": 8, "batch": 100, "rate": 1e-3, "critic_rate": 4e-3,
                        "seed": 3, "dropout": 0.0}  # fmt: skip
each = pytest.mark.parametrize("synthesizer", BOTH, ids=lambda one: one.name)


def frame(rows: int = 1_000, seed: int = 0) -> pa.Table:
    """Two labels that are the same, and a number that goes with them, with gaps."""
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 2, rows)
    level = np.where(a == 1, 50, 10) + rng.integers(0, 30, rows)
    words = np.array(["no", "yes"])
    return pa.table(
        {
            "a": pa.array(words[a]),
            "c": pa.array(words[a]),
            "level": pa.array([None if i % 20 == 0 else int(v) for i, v in enumerate(level)]),
        }
    )


def opened(table: pa.Table, synthesizer: Gan, **told: Any) -> Model:
    curator = MemoryCurator(from_frame(table), budget=NonPrivateBudget())
    return synthesizer.fit(curator, Schema(), **told)


def private(table: pa.Table, epsilon: float, synthesizer: Gan) -> tuple[Model, Budget]:
    budget = Budget(epsilon, order=synthesizer.order(epsilon, 1e-6))
    curator = MemoryCurator(from_frame(table), budget=budget)
    return synthesizer.fit(curator, Schema()), budget


def layers(model: Model) -> LayersCodes:
    assert isinstance(model.codes, LayersCodes)
    return model.codes


# ------------------------------------------------------------------ without a promise


@pytest.mark.parametrize("kind", [Gan, Ctgan])
def test_what_goes_together_comes_back_together(kind: type[Gan]) -> None:
    told: list[tuple[str, float]] = []
    model = opened(frame(), kind(epochs=90, pack=1, **OPEN),
                   progress=lambda text, done: told.append((text, done)))  # fmt: skip
    made = model.sample(3_000, seed=1).to_pydict()
    a, c = (np.array(made[name]) == "yes" for name in "ac")
    level = np.array([np.nan if v is None else v for v in made["level"]])
    there = ~np.isnan(level)
    assert np.mean(a == c) > 0.6
    assert np.mean((level[there] >= 45) == a[there]) > 0.6
    assert abs(a.mean() - 0.5) < 0.05
    assert 0.03 < np.isnan(level).mean() < 0.08
    assert any("distance" in text for text, _ in told)
    done = [part for _, part in told]
    assert done == sorted(done)


@pytest.mark.parametrize("kind", [Gan, Ctgan])
def test_seeds_interruptions_and_files(
    kind: type[Gan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same seed gives the same bytes, gone on from a checkpoint too; NumPy alone draws."""
    synthesizer = kind(epochs=3, **OPEN)
    whole = opened(frame(200), synthesizer)
    assert not np.array_equal(
        layers(opened(frame(200), replace(synthesizer, seed=4))).layers[0][0],
        layers(whole).layers[0][0],
    )
    from understudy.synthesize.neural import contest

    real: Any = require_finite
    calls: list[int] = []

    def stopping(*arguments: Any) -> None:
        calls.append(0)
        if len(calls) == 5:
            raise KeyboardInterrupt
        real(*arguments)

    halves = replace(synthesizer, checkpoint=tmp_path / "kept")
    monkeypatch.setattr(contest, "require_finite", stopping)
    with pytest.raises(KeyboardInterrupt):
        opened(frame(200), halves)
    kept = load(tmp_path / "kept")
    assert kept is not None
    assert kept.facts["done"] == 2
    again = opened(frame(200), halves)
    for (one, _), (other, _) in zip(layers(whole).layers, layers(again).layers, strict=True):
        assert np.array_equal(one, other)
    place = whole.save(tmp_path / "m")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert Model.load(place).sample(300, seed=5).equals(again.sample(300, seed=5))


def test_training_that_breaks_down_or_collapses_says_what_to_try() -> None:
    with pytest.raises(InputError, match=r"broke down|collapsed") as problem:
        opened(frame(200), Gan(epochs=40, **{**OPEN, "rate": 9.0, "critic_rate": 9.0}))
    assert problem.value.exit_code == 2
    assert "rate" in str(problem.value)


def test_collapse_is_seen_and_a_fresh_generator_is_none() -> None:
    from understudy.synthesize.neural.contest import _require_variety
    from understudy.synthesize.neural.features import Features
    from understudy.synthesize.neural.generator import Generator, GeneratorShape

    items = opened(frame(300), Gan(epochs=1, **OPEN)).attributes
    rng = np.random.default_rng(0)
    shape = GeneratorShape(table=Features.of(items), noise=4, hidden=(5,))
    made = Generator(shape, torch.from_numpy(shape.begin(rng)))
    drawing = torch.Generator()
    _require_variety(made, rng, drawing)
    with torch.no_grad():
        place = shape.sizes[0]
        made.part["out_bias"][place:] -= 60.0
        for size in shape.sizes[1:]:
            made.part["out_bias"][place] += 60.0
            place += size
        made.part["out"].zero_()
    with pytest.raises(InputError, match="smaller rates"):
        _require_variety(made, rng, drawing)


def test_the_critics_gradient_is_the_one_pytorch_finds() -> None:
    """Written out by hand: the loss's, and the penalty's, which is a gradient of a gradient."""
    from understudy.synthesize.neural.critic import LEAK, OpenCritic
    from understudy.synthesize.neural.shape import parts_of

    critic = OpenCritic(3, (7, 5), pack=2, dropout=0.0)
    flat = torch.from_numpy(critic.begin(np.random.default_rng(0))).double()
    critic.use(flat)
    random = torch.Generator().manual_seed(1)
    real, made = (torch.randn((12, 3), generator=random).double() for _ in range(2))
    state = random.get_state()
    critic.learn(real, made, penalty=10.0, random=random)
    random.set_state(state)
    between = torch.rand((6, 1), generator=random)
    own = flat.clone().requires_grad_()
    part = parts_of(critic.layout, own)

    def score(rows: Any) -> Any:
        for place in range(2):
            rows = torch.nn.functional.leaky_relu(
                rows @ part[f"weight_{place}"].T + part[f"bias_{place}"], LEAK
            )
        return rows @ part["weight_2"].T + part["bias_2"]

    one, two = real.reshape(6, 6), made.reshape(6, 6)
    mixed = (two + between * (one - two)).requires_grad_()
    slope = torch.autograd.grad(score(mixed).sum(), mixed, create_graph=True)[0]
    loss = score(two).mean() - score(one).mean() + 10 * ((slope.norm(dim=1) - 1) ** 2).mean()
    wanted = torch.autograd.grad(loss, own)[0]
    assert torch.allclose(critic.gradient, wanted, atol=1e-6)
    _, back = critic.blame(made, random)
    told = made.clone().requires_grad_()
    (-score(told.reshape(6, 6)).mean()).backward()
    assert torch.allclose(back, told.grad, atol=1e-9)


def test_folded_layers_say_what_the_generator_says() -> None:
    from understudy.synthesize.neural.features import Features
    from understudy.synthesize.neural.gan import _conditions
    from understudy.synthesize.neural.generator import Generator, GeneratorShape

    items = opened(frame(300), Gan(epochs=1, **OPEN)).attributes
    table = Features.of(items)
    conditions = _conditions(table)
    shape = GeneratorShape(table=table, noise=4, hidden=(6, 5), conditions=conditions)
    flat = shape.begin(np.random.default_rng(0), apart=1.0)
    made = Generator(shape, torch.from_numpy(flat))
    codes = LayersCodes(
        columns=tuple(item.column for item in table.columns),
        backs=tuple(item.back for item in table.columns),
        layers=tuple(made.folded(flat, conditions)),
        noise=4,
        residual=True,
        conditions=conditions,
    )
    inputs = codes.inputs(20_000, np.random.default_rng(1))
    with torch.no_grad():
        raw = made.raw(torch.from_numpy(inputs)).numpy()
    assert np.abs(codes.outputs(inputs) - raw[:, made._outer()]).max() < 0.2


# ------------------------------------------------------------------ with a promise


@each
@pytest.mark.parametrize("epsilon", [0.3, 1.0, 10.0])
def test_a_private_fit_ends_within_what_was_asked_and_near_it(
    synthesizer: Gan, epsilon: float
) -> None:
    """Trap 18."""
    model, budget = private(frame(200), epsilon, synthesizer)
    assert 0.5 * epsilon < budget.epsilon_spent() <= epsilon
    assert layers(model).facts["steps"] == 4
    steps = [event for event in budget.events if event.stage == "training"]
    assert [event.kind for event in steps] == ["dp-accounting"]


@each
def test_private_conditions_are_the_shares_that_were_paid_for(
    synthesizer: Gan, tmp_path: Path
) -> None:
    """Trap 16, at sampling: a file alone draws, by noisy shares; the rows are gone."""
    model, _ = private(frame(200), 4.0, synthesizer)
    told = layers(Model.load(model.save(tmp_path / "m"))).conditions
    assert bool(told.columns) == synthesizer.conditional
    for place, shares in zip(told.columns, told.shares, strict=True):
        paid = model.attributes[place].shares
        assert np.allclose(np.sort(shares[shares > 0]), np.sort(paid[paid > 0]))
    assert Model.load(tmp_path / "m").sample(50, seed=0).num_rows == 50


@each
def test_a_private_training_has_no_seed_and_too_little_budget_costs_nothing(
    synthesizer: Gan,
) -> None:
    curator = MemoryCurator(from_frame(frame(50)), budget=Budget(1.0))
    with pytest.raises(InputError, match="no seed"):
        replace(synthesizer, seed=1).fit(curator, Schema())
    budget = Budget(0.001)
    greedy = replace(synthesizer, private=NoisyContest(probability=1.0, steps=10_000_000))
    with pytest.raises(BudgetExceeded, match="fewer steps"):
        greedy.fit(MemoryCurator(from_frame(frame(50)), budget=budget), Schema())
    assert budget.events == ()


def test_progress_under_a_promise_tells_no_loss() -> None:
    told: list[str] = []
    synthesizer = Ctgan(private=replace(TINY, steps=20))
    curator = MemoryCurator(from_frame(frame(60)), budget=Budget(3.0))
    synthesizer.fit(curator, Schema(), progress=lambda text, _: told.append(text))
    training = [text for text in told if "noisy step" in text]
    assert training == ["noisy step 20 of 20, 20 paid for"]
    assert not any("distance" in text or "loss" in text for text in told)


@each
def test_bad_input_in_words(synthesizer: Gan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    budget = NonPrivateBudget()
    with pytest.raises(InputError, match="no CUDA"):
        replace(synthesizer, device="cuda").fit(
            MemoryCurator(from_frame(frame(20)), budget=budget), Schema()
        )
    assert budget.events == ()
    for rows in (2, 20):
        few = opened(frame(rows), replace(synthesizer, epochs=1, width=4, noise=2))
        assert few.sample(7, seed=0).num_rows == 7


def test_a_column_with_very_many_labels_shares_classes() -> None:
    labels = tuple(f"label {place}" for place in range(50_000))
    cells = [labels[place % 50] for place in range(300)]
    schema = Schema(columns=(Column(name="what", categories=labels, nulls=()),))
    table = from_frame(pa.table({"what": cells, "flag": ["x", "y"] * 150}))
    small = replace(BOTH[1], epochs=1, width=4, noise=2)
    for budget in (Budget(3.0), NonPrivateBudget()):
        model = small.fit(MemoryCurator(table, budget=budget), schema)
        assert len(layers(model).layers[-1][1]) < 200
        assert set(model.sample(200, seed=0)["what"].to_pylist()) <= {*labels, "(other)"}


@pytest.mark.parametrize("example", example_tables(), ids=lambda example: example.name)
@pytest.mark.parametrize("check", [check_schema_kept, check_model_file])
def test_awkward_tables_and_model_files(example: Example, check: Any) -> None:
    if list(example.table.column_names) == ["code"] or "10,000" in example.name:
        pytest.skip("many labels: seen above, and slow here")
    check(BOTH[1], example)


def test_budget_noise_and_sampling_conform() -> None:
    """Traps 14, 17 among them."""
    plain = next(example for example in example_tables() if not example.awkward)
    for check in (check_budget_kept, check_sampling, check_noise_unseeded):
        check(BOTH[1], plain)


# ------------------------------------------------------------------ record and replay


def replays(fit: Any) -> None:
    recording = record(fit, from_frame(frame(60)), epsilon=8.0)
    others = list(neighbours(recording.table, np.random.default_rng(1), None, odd=2))
    for verdict in replay_all(recording, others):
        verdict.require()


@pytest.mark.parametrize(
    ("synthesizer", "clipping"),
    [(BOTH[0], "layers"), (BOTH[1], "flat"), (BOTH[1], "adaptive")],
)
def test_nothing_but_noisy_sums_reaches_the_networks(synthesizer: Gan, clipping: str) -> None:
    """Traps 4, 16, 19, 25, 26: the same noisy answers give the same bytes on every neighbour."""
    told = replace(synthesizer, private=replace(TINY, clipping=clipping))
    replays(lambda curator: told.fit(curator, Schema()))


def exact(fit: Any) -> np.ndarray:
    """Codes of the rows, past the door."""
    codes: np.ndarray = fit.curator.inner.encoded(fit.encodings).codes
    return codes


def conditions_by_rows(fit: Any, table: Any, conditions: Any) -> tuple[Any, Any]:
    """The bug of other private CTGANs: how often rows have a mode decides how often it is asked."""
    modes = table.modes(exact(fit))
    shares = tuple(
        np.log1p(np.bincount(modes[:, place], minlength=len(one)).astype(float))
        for place, one in zip(conditions.columns, conditions.shares, strict=True)
    )
    return table, replace(conditions, shares=shares)


def shares_by_rows(fit: Any, table: Any, conditions: Any) -> tuple[Any, Any]:
    """The bug: the generator begins at, and is anchored to, exact shares."""
    codes = exact(fit)
    items = tuple(
        replace(item, shares=np.bincount(codes[:, place], minlength=len(item.mode)) + 1e-3)
        for place, item in enumerate(table.columns)
    )
    return replace(table, columns=items), conditions


@pytest.mark.parametrize("bug", [conditions_by_rows, shares_by_rows])
def test_exact_frequencies_are_noticed(monkeypatch: pytest.MonkeyPatch, bug: Any) -> None:
    """Traps 3, 16, with the bug put in."""
    real = Gan._trained

    def trained(self: Gan, fit: Any, table: Any, conditions: Any, *, progress: Any) -> Any:
        table, conditions = bug(fit, table, conditions)
        return real(self, fit, table, conditions, progress=progress)

    monkeypatch.setattr(Gan, "_trained", trained)
    with pytest.raises(AssertionError, match="another model"):
        replays(lambda curator: BOTH[1].fit(curator, Schema()))


def coupled(bug: str, inputs: Any) -> Any:
    """Real rows' inputs, one row mixed into another."""
    if len(inputs) < 2:
        return inputs
    if bug == "batch norm":
        return (inputs - inputs.mean(dim=0)) / (inputs.std(dim=0) + 1e-5)
    other = inputs.roll(1, dims=0)
    return torch.where(torch.arange(len(inputs))[:, None] % 2 == 0, inputs + other, inputs - other)


@pytest.mark.parametrize("bug", ["batch norm", "packed rows"])
def test_rows_that_are_judged_together_are_noticed(
    monkeypatch: pytest.MonkeyPatch, bug: str
) -> None:
    """Trap 25: what clips a row's own gradient does not bound what it does to others'."""
    from understudy.synthesize.neural.critic import NoisyCritic

    real = NoisyCritic._score
    monkeypatch.setattr(NoisyCritic, "_score", lambda self, rows: real(self, coupled(bug, rows)))
    wide = replace(TINY, probability=1.0, clip=0.2)
    with pytest.raises(AssertionError, match="moves by"):
        replays(lambda curator: Ctgan(private=wide).fit(curator, Schema()))


def test_steps_that_rows_decide_are_noticed() -> None:
    """Traps 4, 23: rows decide when training stops."""

    def fit(curator: Curator) -> Model:
        rows = len(curator.inner.encoded(()).codes)  # type: ignore[attr-defined]
        return Gan(private=replace(TINY, steps=2 + rows % 2)).fit(curator, Schema())

    with pytest.raises(AssertionError):
        replays(fit)


def test_batches_are_poisson_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap 15: 400 coins a step, 60 steps, chance 0.3. Every row's count is binomial: 60 draws,
    deviation 3.5, limits 6.5 of them (alpha 1e-8 over 400 rows); batch sizes vary as coins do
    (expected variance 84; a fixed size has none; 30 and 200 lie 3.5 and 7 deviations off, and
    with the seeded coins of this test chance plays no part).
    """
    seen: list[np.ndarray] = []
    real = BatchPlan._sample
    rng = np.random.default_rng(0)
    monkeypatch.setattr(
        MemoryCurator, "coins", lambda self, count, chance: rng.random(count) < chance
    )

    def sample(self: BatchPlan) -> Any:
        seen.append(real(self))
        return seen[-1]

    monkeypatch.setattr(BatchPlan, "_sample", sample)
    labels = tuple(f"row {place}" for place in range(400))
    schema = Schema(columns=(Column(name="who", categories=labels, nulls=()),))
    table = from_frame(pa.table({"who": labels, "flag": ["x", "y"] * 200}))
    synthesizer = Ctgan(private=replace(TINY, steps=60))
    synthesizer.fit(MemoryCurator(table, budget=Budget(8.0)), schema)
    counts = np.bincount(np.concatenate([codes[:, 0] for codes in seen]), minlength=400)[:400]
    assert len(seen) == 60
    assert np.abs(counts - 18).max() < 23
    assert 30 < np.var([len(codes) for codes in seen]) < 200


# ------------------------------------------------------------------ interruptions


def job(folder: Path) -> Any:
    """A private run with a ledger and a checkpoint, one block of steps and a bit."""
    steps = replace(TINY, steps=BLOCK + 10)
    return us.synthesize(
        frame(100),
        epsilon=4.0,
        synthesizer=Ctgan(private=steps, checkpoint=folder / "kept"),
        holdout=0,
        ledger=folder / "ledger",
        asset="t",
        evaluate=False,
    )


def test_a_killed_training_goes_on_and_pays_for_nothing_twice(tmp_path: Path) -> None:
    program = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_gan as here
from pathlib import Path
from understudy.curator.batches import BatchPlan
real = BatchPlan._sample
def sample(self):
    if self.taken == {BLOCK + 3}:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self)
BatchPlan._sample = sample
here.job(Path({str(tmp_path)!r}))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, env={**os.environ}
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()[-500:]
    kept = load(tmp_path / "kept")
    assert kept is not None
    assert kept.facts["done"] == BLOCK
    run = job(tmp_path)
    charges = Ledger(tmp_path / "ledger").show("t").charges
    paid = [c.event.label.split()[0] for c in charges if c.event.stage == "training"]
    assert paid == [str(BLOCK), "10"]
    assert run.evidence.label.epsilon_spent <= 4.0


# ------------------------------------------------------------------ settings


@pytest.mark.parametrize(
    "settings",
    [
        {"width": 0},
        {"width": 5_000},
        {"noise": 0},
        {"epochs": 0},
        {"rate": math.nan},
        {"critic_rate": 0.0},
        {"pack": 0},
        {"dropout": 1.0},
        {"penalty": -1.0},
        {"device": "tpu"},
    ],
)
def test_settings_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Ctgan(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"probability": 0.0},
        {"steps": 0},
        {"critic_steps": 0},
        {"limit": 0.0},
        {"anchor": -1.0},
        {"generator_rate": math.inf},
        {"critic_width": 10_000},
        {"batch": 0},
    ],
)
def test_noisy_settings_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        NoisyContest(**settings)
