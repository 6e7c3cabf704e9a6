"""argn: what it learns with and without a promise, and that the promise is kept.

Private fits here are tiny and prove nothing about quality; that is measured in the benchmark.
"""

from __future__ import annotations

import math
import sys
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
from understudy.privacy import Budget, NonPrivateBudget
from understudy.schema import Column, Schema
from understudy.source import from_frame
from understudy.synthesize.model import Model
from understudy.synthesize.neural.argn import Argn, NoisySteps
from understudy.synthesize.neural.fitting import MOST_CODES
from understudy.synthesize.tensors import from_bytes, to_bytes
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

TINY = NoisySteps(probability=0.3, steps=4, width=6, embedding=2)
PRIVATE = Argn(private=TINY, cores=1)
OPEN = Argn(width=24, embedding=4, epochs=25, batch=64, rate=0.01, cores=1, seed=3, patience=25)


def opened(table: pa.Table, synthesizer: Argn = OPEN) -> Model:
    curator = MemoryCurator(from_frame(table), budget=NonPrivateBudget())
    return synthesizer.fit(curator, Schema())


@pytest.fixture(scope="module")
def model() -> Model:
    return opened(frame())


# ------------------------------------------------------------------ without a promise


def test_interactions_numbers_and_gaps_come_back(model: Model) -> None:
    made = model.sample(3_000, seed=1).to_pydict()
    a, b, c = (np.array(made[name]) == "yes" for name in "abc")
    assert np.mean((a ^ b) == c) > 0.9
    level = np.array([np.nan if v is None else v for v in made["level"]])
    south = np.array(made["place"]) == "south"
    there = ~np.isnan(level)
    assert np.mean(level[south & there] >= 50) > 0.95
    assert np.mean(level[~south & there] < 50) > 0.95
    assert 0.02 < np.isnan(level).mean() < 0.09


def test_the_same_seed_gives_the_same_model(model: Model) -> None:
    again = opened(frame())
    assert np.array_equal(model.codes.arrays.flat, again.codes.arrays.flat)
    other = opened(frame(), Argn(width=8, embedding=2, epochs=1, cores=1, seed=4))
    assert not np.array_equal(other.sample(50, seed=0), model.sample(50, seed=0))


def test_models_travel_as_json_and_one_array(model: Model, tmp_path: Path) -> None:
    place = model.save(tmp_path / "m")
    again = Model.load(place)
    assert again.sample(300, seed=5).equals(model.sample(300, seed=5))
    file = place / "arrays.safetensors"
    arrays = from_bytes(file.read_bytes())
    weights = arrays["codes.weights"].copy()
    for damaged in (weights[:-1], weights * np.nan):
        file.write_bytes(to_bytes({**arrays, "codes.weights": damaged}))
        with pytest.raises(ModelError, match="damaged"):
            Model.load(place)


def test_sampling_needs_no_pytorch(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert model.sample(20, seed=0).num_rows == 20
    with pytest.raises(InputError, match="PyTorch"):
        opened(frame(60))


def test_gaps_are_filled_given_the_rest(model: Model) -> None:
    given = pa.table({"a": ["yes", "no"] * 200, "c": ["yes"] * 400, "b": [None] * 400})
    made = model.complete(given, seed=0).to_pydict()
    b = np.array(made["b"]) == "yes"
    assert made["a"] == given.to_pydict()["a"]
    assert np.mean(b == (np.array(made["a"]) == "no")) > 0.85


def test_conditions_in_closed_form_are_refused_in_words(model: Model) -> None:
    with pytest.raises(InputError, match="argn"):
        model.condition({"a": "yes"})


def test_a_temperature_sharpens() -> None:
    from dataclasses import replace

    model = opened(frame(400), Argn(width=8, embedding=2, epochs=2, cores=1, seed=1))
    cold = replace(model, codes=replace(model.codes, temperature=0.05))
    often = [len(set(one.sample(400, seed=0)["level"].to_pylist())) for one in (cold, model)]
    assert often[0] < often[1]


def test_training_that_breaks_down_says_what_to_try() -> None:
    wild = Argn(width=8, embedding=2, epochs=40, batch=8, rate=9.9, decay=9.0, cores=1, seed=0)
    with pytest.raises(InputError, match="smaller rate") as problem:
        opened(frame(200), wild)
    assert problem.value.exit_code == 2


def test_progress_tells_losses_and_moves_on() -> None:
    told: list[tuple[str, float]] = []
    curator = MemoryCurator(from_frame(frame(100)), budget=NonPrivateBudget())
    Argn(width=4, embedding=2, epochs=3, cores=1).fit(
        curator, Schema(), progress=lambda text, done: told.append((text, done))
    )
    assert any("held out" in text for text, _ in told)
    done = [part for _, part in told]
    assert done == sorted(done)


# ------------------------------------------------------------------ with a promise


def private(
    table: pa.Table, epsilon: float = 2.0, synthesizer: Argn = PRIVATE
) -> tuple[Model, Budget]:
    budget = Budget(epsilon, order=synthesizer.order(epsilon, 1e-6))
    curator = MemoryCurator(from_frame(table), budget=budget)
    return synthesizer.fit(curator, Schema()), budget


@pytest.mark.parametrize("epsilon", [0.3, 1.0, 10.0])
def test_a_private_fit_ends_within_what_was_asked_and_near_it(epsilon: float) -> None:
    model, budget = private(frame(300), epsilon)
    assert 0.5 * epsilon < budget.epsilon_spent() <= epsilon
    assert model.codes.facts["steps"] == 4
    steps = [event for event in budget.events if event.stage == "training"]
    assert [event.kind for event in steps] == ["dp-accounting"]
    assert not any(event.kind == "non-private" for event in budget.events)


def test_a_private_run_says_so_everywhere(tmp_path: Path) -> None:
    run = us.synthesize(frame(200), epsilon=3.0, synthesizer=PRIVATE, holdout=0, evaluate=False)
    label = run.evidence.label
    assert label.epsilon == 3.0
    assert label.epsilon_spent <= 3.0
    stages = {stage.name: stage for stage in label.stages}
    assert stages["training"].spent > 0.3
    assert "cipher" in label.randomness
    out = run.save(tmp_path / "r")
    assert "Poisson" in (out / "evidence.json").read_text()


def test_a_private_training_has_no_seed_and_too_little_budget_costs_nothing() -> None:
    budget = Budget(1.0)
    curator = MemoryCurator(from_frame(frame(50)), budget=budget)
    with pytest.raises(InputError, match="no seed"):
        Argn(private=TINY, seed=1).fit(curator, Schema())
    greedy = NoisySteps(probability=1.0, steps=10_000_000)
    budget = Budget(0.001)
    curator = MemoryCurator(from_frame(frame(50)), budget=budget)
    with pytest.raises(BudgetExceeded, match="fewer steps"):
        Argn(private=greedy).fit(curator, Schema())
    assert budget.events == ()


def test_cuda_asked_for_and_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    budget = NonPrivateBudget()
    with pytest.raises(InputError, match="no CUDA"):
        Argn(device="cuda").fit(MemoryCurator(from_frame(frame(20)), budget=budget), Schema())
    assert budget.events == ()


def test_a_column_with_very_many_labels_is_merged() -> None:
    labels = tuple(f"label {place}" for place in range(MOST_CODES + 900))
    cells = [labels[place % 50] for place in range(400)]
    schema = Schema(columns=(Column(name="what", categories=labels, nulls=()),))
    table = from_frame(pa.table({"what": cells, "flag": ["x", "y"] * 200}))
    for synthesizer, budget in (
        (PRIVATE, Budget(3.0)),
        (Argn(width=4, embedding=2, epochs=2, cores=1), NonPrivateBudget()),
    ):
        model = synthesizer.fit(MemoryCurator(table, budget=budget), schema)
        assert max(model.codes.arrays.shape.sizes) <= MOST_CODES
        assert set(model.sample(200, seed=0)["what"].to_pylist()) <= {*labels, "(other)"}


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


def test_nothing_but_noisy_sums_reaches_the_network() -> None:
    """Traps 4, 19, 25, 26: the same noisy answers give the same bytes on every neighbour."""
    replays(lambda curator: PRIVATE.fit(curator, Schema()))


def leaking(monkeypatch: pytest.MonkeyPatch, bug: str) -> None:
    """Put a bug into the batch plan."""
    real = BatchPlan._clipped

    def clipped(self: BatchPlan, gradients: Any, codes: Any) -> Any:
        total, short = real(self, gradients, codes)
        if bug == "mean of the batch":
            return total * 60.0 / max(len(codes), 1) * 3.0, short
        gradients.norms(codes, self.taken)
        return gradients.weighted(np.ones(len(codes))), short

    monkeypatch.setattr(BatchPlan, "_clipped", clipped)


@pytest.mark.parametrize("bug", ["mean of the batch", "no clip"])
def test_bugs_of_steps_are_noticed_by_replay(monkeypatch: pytest.MonkeyPatch, bug: str) -> None:
    leaking(monkeypatch, bug)
    with pytest.raises(AssertionError, match="moves by"):
        replays(lambda curator: PRIVATE.fit(curator, Schema()))


def test_steps_by_the_number_of_rows_are_noticed() -> None:
    """Trap 4: as many steps as the exact number of rows says."""

    def fit(curator: Curator) -> Model:
        codes = curator.inner.encoded(()).codes  # type: ignore[attr-defined]
        steps = NoisySteps(probability=0.3, steps=2 + len(codes) % 2, width=6, embedding=2)
        return Argn(private=steps, cores=1).fit(curator, Schema())

    with pytest.raises(AssertionError):
        replays(fit)


def test_a_holdout_that_decides_is_noticed() -> None:
    """Trap 26: the temperature is tuned on rows nobody paid for."""
    from dataclasses import replace

    def fit(curator: Curator) -> Model:
        model = PRIVATE.fit(curator, Schema())
        codes = curator.inner.encoded(  # type: ignore[attr-defined]
            tuple(item.encoding for item in model.attributes)
        ).codes
        tuned = 1.0 + 1e-3 * float(codes.astype(float).mean())
        return replace(model, codes=replace(model.codes, temperature=tuned))

    with pytest.raises(AssertionError, match="another model"):
        replays(fit)


@pytest.mark.parametrize(
    "settings",
    [
        {"width": 0},
        {"embedding": 300},
        {"epochs": 0},
        {"rate": math.nan},
        {"decay": -1.0},
        {"temperature": 0.0},
        {"device": "tpu"},
        {"cores": 0},
        {"focus": 1.5},
    ],
)
def test_settings_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Argn(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"probability": 0.0},
        {"steps": 0},
        {"clip": 0.0},
        {"rate": math.inf},
        {"singles_part": 0.0},
        {"width": 0},
    ],
)
def test_noisy_settings_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        NoisySteps(**settings)


def test_inspect_places_every_value_of_a_network(tmp_path: Path) -> None:
    from understudy.workflow.inspection import inspect_model

    labels = tuple(f"label {place}" for place in range(MOST_CODES + 9))
    table = from_frame(pa.table({"what": [labels[i % 9] for i in range(60)], "flag": ["x"] * 60}))
    schema = Schema(columns=(Column(name="what", categories=labels, nulls=()),))
    model = PRIVATE.fit(MemoryCurator(table, budget=Budget(3.0)), schema)
    found = inspect_model(model.save(tmp_path / "m"))
    unknown = [item.path for item in found.items if item.origin == "unknown"]
    assert [path for path in unknown if "codes" in path] == []
    within = next(item for item in found.items if item.path.endswith("codes.within_0"))
    assert within.columns == ("what",)


# ------------------------------------------------------------------ settings, told and set again


def test_a_release_says_its_settings_so_that_its_program_can_be_audited(tmp_path: Path) -> None:
    from dataclasses import asdict

    from understudy.synthesize.settings import taking_part
    from understudy.workflow.audited import released, settings_of

    made = Argn(private=TINY, temperature=0.9, epochs=3, microbatch=77)
    run = us.synthesize(frame(200), epsilon=3.0, synthesizer=made, holdout=0, evaluate=False)
    out = run.save(tmp_path / "r")
    again, epsilon, _ = released(out)
    assert (again.private, again.temperature, epsilon) == (TINY, 0.9, 3.0)
    told = {one.name: one.value for one in run.evidence.synthesizer.settings}
    assert told["private.steps"] == TINY.steps
    assert "epochs" not in told
    assert settings_of(again) == settings_of(made)
    audited = taking_part(asdict(Argn(private=TINY, temperature=0.9, epochs=40)), made)
    assert audited == settings_of(made), "what takes no part in a private fit is no other setting"
    other = Argn(private=NoisySteps(probability=0.3, steps=5), temperature=0.9)
    assert taking_part(asdict(other), made) != settings_of(made)
