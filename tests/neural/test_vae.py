"""vae: what it learns with and without a promise, and that the promise is kept.

Private fits here are tiny and prove nothing about quality; that is measured in the benchmarks.
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.dependent import frame

import understudy as us
from understudy.curator import Curator, MemoryCurator
from understudy.curator.batches import BatchPlan
from understudy.errors import BudgetExceeded, InputError, ModelError
from understudy.privacy import Budget, NonPrivateBudget, mechanisms
from understudy.schema import Column, Schema
from understudy.source import from_frame
from understudy.synthesize.model import Model
from understudy.synthesize.neural.latent import LatentCodes, LatentShape, Prior
from understudy.synthesize.neural.shape import size_of
from understudy.synthesize.neural.vae import Vae, VaeSteps
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

from understudy.synthesize.neural import autoencoder  # noqa: E402
from understudy.synthesize.neural.autoencoder import Autoencoder, first_weights  # noqa: E402
from understudy.synthesize.neural.ghost import GhostGradients  # noqa: E402

TINY = VaeSteps(probability=0.3, steps=4, width=6, latent=2, numbers=8)
PRIVATE = Vae(private=TINY)
OPEN = Vae(width=32, latent=6, numbers=32, epochs=60, batch=64, rate=0.01, seed=3, parts=6)
"""Enough for an exclusive or, in two seconds."""

SHAPE = LatentShape(
    columns=("a", "b", "c"), sizes=(2, 6, 3), groups=((), (), ()), width=5, latent=3
)


def opened(table: pa.Table, synthesizer: Vae = OPEN) -> Model:
    curator = MemoryCurator(from_frame(table), budget=NonPrivateBudget())
    return synthesizer.fit(curator, Schema())


@pytest.fixture(scope="module")
def model() -> Model:
    return opened(frame())


# ------------------------------------------------------------------ the network


def weights(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.6, size_of(SHAPE.layout())).astype(np.float32)


def rows(count: int = 9) -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.stack([rng.integers(0, size, count) for size in SHAPE.sizes], axis=1)


def test_a_row_costs_its_columns_and_its_distance() -> None:
    """Against the formula, written out one row at a time in double precision."""
    network = Autoencoder(SHAPE, torch.tensor(weights()), beta=0.7)
    codes = rows()
    noise = torch.randn(len(codes), 3, generator=torch.Generator().manual_seed(0))
    _, told = network.losses(torch.tensor(codes), noise)
    part = {name: value.double() for name, value in network.layers.part.items()}
    for row, own, cost in zip(codes, noise.double(), told, strict=True):
        hidden = torch.relu(part["seen"][row + np.array(SHAPE.starts)].sum(0) + part["seen_bias"])
        hidden = hidden + torch.relu(hidden @ part["narrow"] + part["narrow_bias"])
        mean, spread = (hidden @ part["point"] + part["point_bias"]).split(3)
        spread = spread.clamp(-8.0, 4.0)
        deep = torch.relu((mean + (spread / 2).exp() * own) @ part["wide"] + part["wide_bias"])
        deep = deep + torch.relu(deep @ part["deep"] + part["deep_bias"])
        logits = deep @ part["out"] + part["out_bias"]
        nats = -sum(
            torch.log_softmax(logits[start:end], 0)[row[column]]
            for column, (start, end) in enumerate(SHAPE.spans)
        )
        far = 0.5 * (mean**2 + spread.exp() - spread - 1).sum()
        assert float(cost) == pytest.approx(float(nats + 0.7 * far), rel=1e-4)


def test_columns_far_below_others_are_taken_one_by_one() -> None:
    network = Autoencoder(SHAPE, torch.tensor(weights()), beta=1.0)
    logits = torch.randn(4, 11, generator=torch.Generator().manual_seed(1))
    logits[:, 2:8] -= 500.0
    codes = torch.tensor(rows(4))
    cost, residual = network._likelihood(logits, codes)
    for column, (start, end) in enumerate(SHAPE.spans):
        told = torch.softmax(logits[:, start:end], dim=1)
        told[torch.arange(4), codes[:, column]] -= 1.0
        assert torch.allclose(residual[:, start:end], told, atol=1e-6)
        cost = cost + torch.log_softmax(logits[:, start:end], 1)[torch.arange(4), codes[:, column]]
    assert torch.allclose(cost, torch.zeros(4), atol=1e-4)


def test_rows_have_the_same_gradient_in_any_company_and_pytorchs_own() -> None:
    """Trap 25, and the row's own noise by hashing."""
    network = Autoencoder(SHAPE, torch.tensor(weights()), beta=0.7)
    gradients = GhostGradients(network.layers, network.of_rows)
    codes = rows(12)
    together = gradients.norms(codes, 5)
    total = gradients.weighted(np.ones(12))
    exact = []
    for row in codes:
        flat = torch.tensor(weights(), requires_grad=True)
        alone = Autoencoder(SHAPE, flat.detach(), beta=0.7)
        alone.layers.part = autoencoder.parts_of(SHAPE.layout(), flat)
        alone.of_rows(row[None, :], 5).sum().backward()
        exact.append(flat.grad.numpy())
    assert np.allclose(together, np.linalg.norm(exact, axis=1), rtol=1e-4)
    assert np.allclose(total, np.sum(exact, axis=0), rtol=1e-3, atol=1e-4)


def test_noise_by_place_in_the_batch_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bug put in: a row's noise depends on where in the batch it stands."""
    network = Autoencoder(SHAPE, torch.tensor(weights()), beta=0.7)
    gradients = GhostGradients(network.layers, network.of_rows)
    codes = rows(12)
    monkeypatch.setattr(
        autoencoder, "row_normals",
        lambda codes, step, k: np.random.default_rng(step).normal(size=(len(codes), k)).astype("f"),
    )  # fmt: skip
    turned = gradients.norms(codes[::-1].copy(), 5)[::-1]
    assert not np.allclose(gradients.norms(codes, 5), turned, rtol=1e-2)


def test_numpy_decodes_what_pytorch_learned() -> None:
    network = Autoencoder(SHAPE, torch.tensor(weights()), beta=0.7)
    flat = weights()[size_of(SHAPE.encoder()) :]
    codes = LatentCodes(shape=SHAPE, decoder=flat, prior=Prior.standard(3))
    points = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    layers = network.layers
    hidden = torch.relu(layers.linear("wide", torch.tensor(points)))
    hidden = hidden + torch.relu(layers.linear("deep", hidden))
    logits = layers.linear("out", hidden).detach()
    for (start, end), told in zip(SHAPE.spans, codes.shares(points), strict=True):
        assert np.allclose(told, torch.softmax(logits[:, start:end], dim=1).numpy(), atol=1e-5)
    drawn = codes.draw(30_000, np.random.default_rng(1))
    expected = [
        told.mean(0) for told in codes.shares(codes.prior.draw(30_000, np.random.default_rng(2)))
    ]
    for name, wanted in zip(SHAPE.columns, expected, strict=True):
        found = np.bincount(drawn[name], minlength=len(wanted)) / 30_000
        # n = 30,000 against n = 30,000 points: 0.03 is 7 standard errors and more.
        assert np.abs(found - wanted).max() < 0.03


def test_a_mixture_is_drawn_from_as_it_says() -> None:
    roots = np.stack([np.eye(2), np.array([[0.5, 0.0], [0.4, 0.1]])]).astype(np.float32)
    prior = Prior(
        weights=np.array([0.25, 0.75]), means=np.array([[-9.0, 0], [9, 1]], "f"), roots=roots
    )
    points = prior.draw(40_000, np.random.default_rng(0))
    right = points[:, 0] > 0
    assert abs(right.mean() - 0.75) < 0.02
    assert np.allclose(np.cov(points[right].T), roots[1] @ roots[1].T, atol=0.01)


# ------------------------------------------------------------------ without a promise


def test_interactions_numbers_and_gaps_come_back(model: Model) -> None:
    made = model.sample(3_000, seed=1).to_pydict()
    a, b, c = (np.array(made[name]) == "yes" for name in "abc")
    assert np.mean((a ^ b) == c) > 0.85
    level = np.array([np.nan if v is None else v for v in made["level"]])
    south = np.array(made["place"]) == "south"
    there = ~np.isnan(level)
    assert np.mean(level[south & there] >= 50) > 0.85
    assert 0.02 < np.isnan(level).mean() < 0.09


def test_the_same_seed_gives_the_same_model() -> None:
    quick = Vae(width=8, latent=2, epochs=4, seed=3, parts=2, beta=0.05, rate=0.02)
    first, again = opened(frame(300), quick), opened(frame(300), quick)
    assert np.array_equal(first.codes.decoder, again.codes.decoder)
    assert first.sample(40, seed=0).equals(again.sample(40, seed=0))
    other = opened(frame(300), replace(quick, seed=4))
    assert not np.array_equal(first.codes.decoder, other.codes.decoder)


def test_models_travel_and_need_no_pytorch(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = model.save(tmp_path / "m")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert Model.load(place).sample(300, seed=5).equals(model.sample(300, seed=5))
    with pytest.raises(InputError, match="PyTorch"):
        opened(frame(60))


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("weights", lambda held: held[:-1]),
        ("weights", lambda held: held * np.nan),
        ("prior.weights", lambda held: held * 2.0),
        ("prior.means", lambda held: held[:, :-1]),
        ("prior.roots", lambda held: held * np.inf),
    ],
)
def test_damaged_models_are_refused(model: Model, name: str, bad: Any) -> None:
    facts, arrays = model.codes.to_arrays()
    with pytest.raises(ModelError, match="damaged"):
        LatentCodes.from_arrays(facts, {**arrays, name: bad(arrays[name])})


def test_conditions_in_closed_form_are_refused_in_words(model: Model) -> None:
    with pytest.raises(InputError, match="vae"):
        model.condition({"a": "yes"})


def test_training_that_breaks_down_or_collapses_says_what_to_try() -> None:
    wild = Vae(width=8, latent=2, epochs=40, batch=8, rate=9.9, decay=9.0, seed=0)
    with pytest.raises(InputError, match="smaller rate"):
        opened(frame(200), wild)
    with pytest.raises(InputError, match="collapsed") as problem:
        opened(
            frame(300), Vae(width=8, latent=2, beta=500.0, rate=0.03, batch=30, seed=0, patience=60)
        )
    assert "smaller beta" in str(problem.value.hint)


def test_progress_tells_losses_and_moves_on() -> None:
    told: list[tuple[str, float]] = []
    curator = MemoryCurator(from_frame(frame(300)), budget=NonPrivateBudget())
    Vae(width=8, latent=2, epochs=3, beta=0.05, rate=0.02, batch=50, seed=0).fit(
        curator, Schema(), progress=lambda text, done: told.append((text, done))
    )
    assert any("held out" in text for text, _ in told)
    done = [part for _, part in told]
    assert done == sorted(done)


# ------------------------------------------------------------------ with a promise


def private(
    table: pa.Table, epsilon: float = 2.0, synthesizer: Vae = PRIVATE
) -> tuple[Model, Budget]:
    budget = Budget(epsilon, order=synthesizer.order(epsilon, 1e-6))
    curator = MemoryCurator(from_frame(table), budget=budget)
    return synthesizer.fit(curator, Schema()), budget


@pytest.mark.parametrize("clipping", ["flat", "layers", "adaptive"])
@pytest.mark.parametrize("epsilon", [0.3, 10.0])
def test_a_private_fit_ends_within_what_was_asked_and_near_it(
    epsilon: float, clipping: str
) -> None:
    """Traps 18 and 21."""
    made = Vae(private=replace(TINY, clipping=clipping))
    model, budget = private(frame(300), epsilon, made)
    assert 0.5 * epsilon < budget.epsilon_spent() <= epsilon
    assert model.codes.facts["steps"] == 4
    assert np.array_equal(model.codes.prior.roots[0], np.eye(2)), "points of rows would leak"
    assert [e.kind for e in budget.events if e.stage == "training"] == ["dp-accounting"]


def test_a_private_training_has_no_seed_and_too_little_budget_costs_nothing() -> None:
    budget = Budget(1.0)
    curator = MemoryCurator(from_frame(frame(50)), budget=budget)
    with pytest.raises(InputError, match="no seed"):
        Vae(private=TINY, seed=1).fit(curator, Schema())
    budget = Budget(0.001)
    curator = MemoryCurator(from_frame(frame(50)), budget=budget)
    with pytest.raises(BudgetExceeded, match="fewer steps"):
        Vae(private=VaeSteps(probability=1.0, steps=10_000_000)).fit(curator, Schema())
    assert budget.events == ()


def test_cuda_asked_for_and_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    budget = NonPrivateBudget()
    with pytest.raises(InputError, match="no CUDA"):
        Vae(device="cuda").fit(MemoryCurator(from_frame(frame(20)), budget=budget), Schema())
    assert budget.events == ()


def test_a_column_of_fifty_thousand_categories() -> None:
    labels = tuple(f"label {place}" for place in range(50_000))
    cells = [labels[place % 50] for place in range(400)]
    schema = Schema(columns=(Column(name="what", categories=labels, nulls=()),))
    table = from_frame(pa.table({"what": cells, "flag": ["x", "y"] * 200}))
    model = PRIVATE.fit(MemoryCurator(table, budget=Budget(3.0)), schema)
    assert max(model.codes.shape.sizes) <= 1_024
    assert set(model.sample(200, seed=0)["what"].to_pylist()) <= {*labels, "(other)"}


def test_steps_whose_samples_are_empty_are_steps_of_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap 25: nobody's coin comes up."""
    monkeypatch.setattr(mechanisms, "coins", lambda size, probability: np.zeros(size, dtype=bool))
    model, budget = private(frame(20))
    assert model.codes.facts["steps"] == 4
    assert budget.epsilon_spent() <= 2.0
    assert model.sample(5, seed=0).num_rows == 5


def test_what_a_private_network_did_not_learn_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LatentCodes, "informed", lambda self: 0.0)
    told: list[str] = []
    curator = MemoryCurator(from_frame(frame(100)), budget=Budget(2.0))
    model = PRIVATE.fit(curator, Schema(), progress=lambda text, done: told.append(text))
    assert model.codes.facts["collapsed"] is True
    assert any("smaller beta" in text for text in told)


@pytest.mark.parametrize("example", example_tables(), ids=lambda example: example.name)
@pytest.mark.parametrize("check", [check_schema_kept, check_model_file])
def test_awkward_tables_and_model_files(example: Example, check: Any) -> None:
    if example.table.column_names == ["code"] or "10,000" in example.name:
        pytest.skip("many labels: seen above, and slow here")
    check(PRIVATE, example)


def test_budget_noise_and_sampling_conform() -> None:
    plain = next(example for example in example_tables() if not example.awkward)
    check_budget_kept(PRIVATE, plain)
    check_sampling(PRIVATE, plain)
    check_noise_unseeded(PRIVATE, plain)


# ------------------------------------------------------------------ record and replay


def replays(fit: Any) -> None:
    recording = record(fit, from_frame(frame(60)), epsilon=8.0)
    others = list(neighbours(recording.table, np.random.default_rng(1), None, odd=2))
    for verdict in replay_all(recording, others):
        verdict.require()


@pytest.mark.parametrize("clipping", ["flat", "layers", "adaptive"])
def test_nothing_but_noisy_sums_reaches_the_network(clipping: str) -> None:
    """Traps 4, 19, 23, 25, 26: the same noisy answers give the same bytes on every neighbour."""
    made = Vae(private=replace(TINY, clipping=clipping))
    replays(lambda curator: made.fit(curator, Schema()))


@pytest.mark.parametrize("bug", ["no clip", "mean of the batch", "noise by place"])
def test_bugs_of_steps_are_noticed_by_replay(monkeypatch: pytest.MonkeyPatch, bug: str) -> None:
    real = BatchPlan._clipped

    def clipped(self: BatchPlan, gradients: Any, codes: Any) -> Any:
        total, short = real(self, gradients, codes)
        if bug == "mean of the batch":
            return total * 60.0 / max(len(codes), 1) * 3.0, short
        gradients.norms(codes, self.taken)
        return gradients.weighted(np.full(len(codes), 9.0)), short

    if bug == "noise by place":
        normal = np.random.default_rng(0).normal(size=(99, 2)).astype(np.float32) * 3.0
        monkeypatch.setattr(autoencoder, "row_normals", lambda codes, step, k: normal[: len(codes)])
    else:
        monkeypatch.setattr(BatchPlan, "_clipped", clipped)
    sensitive = Vae(private=replace(TINY, clip=0.05))
    with pytest.raises(AssertionError, match="moves by"):
        replays(lambda curator: sensitive.fit(curator, Schema()))


def test_points_of_rows_that_make_a_private_prior_are_noticed() -> None:
    """The bug put in: the prior is fitted to the rows under a promise too."""

    def fit(curator: Curator) -> Model:
        model = PRIVATE.fit(curator, Schema())
        codes = curator.inner.encoded(  # type: ignore[attr-defined]
            tuple(item.encoding for item in model.attributes)
        ).codes
        prior = model.codes.prior
        moved = replace(prior, means=prior.means + np.float32(codes.astype(float).mean()))
        return replace(model, codes=replace(model.codes, prior=moved))

    with pytest.raises(AssertionError, match="another model"):
        replays(fit)


def test_a_release_says_its_settings_so_that_its_program_can_be_audited(tmp_path: Path) -> None:
    from understudy.workflow.audited import released

    run = us.synthesize(frame(150), epsilon=3.0, synthesizer=PRIVATE, holdout=0, evaluate=False)
    again, epsilon, _ = released(run.save(tmp_path / "r"))
    assert (again.private, epsilon) == (TINY, 3.0)


@pytest.mark.parametrize(
    "settings",
    [
        {"width": 0}, {"latent": 300}, {"numbers": 1}, {"beta": 0.0}, {"epochs": 0}, {"batch": 0},
        {"rate": math.nan}, {"decay": -1.0}, {"parts": -1}, {"device": "tpu"}, {"microbatch": 0},
    ],
)  # fmt: skip
def test_settings_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Vae(**settings)


@pytest.mark.parametrize(
    "settings", [{"clipping": "often"}, {"beta": -1.0}, {"latent": 0}, {"steps": 0}]
)
def test_noisy_settings_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        VaeSteps(**settings)


def test_first_weights_begin_at_the_columns_shares(model: Model) -> None:
    shape = LatentShape(
        columns=tuple(item.name for item in model.attributes),
        sizes=tuple(item.encoding.size for item in model.attributes),
        groups=((),) * len(model.attributes), width=4, latent=2,
    )  # fmt: skip
    flat = first_weights(shape, model.attributes, np.random.default_rng(0))
    codes = LatentCodes(
        shape=shape, decoder=flat[size_of(shape.encoder()) :], prior=Prior.standard(2)
    )
    told = next(iter(codes.shares(codes.prior.draw(500, np.random.default_rng(0)))))
    assert np.abs(told.mean(0) - model.attributes[0].shares).max() < 0.05
