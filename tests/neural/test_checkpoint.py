"""A training that is killed goes on, pays for nothing twice and forgets nothing it paid for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.dependent import frame

import understudy as us
from understudy.curator import MemoryCurator
from understudy.curator.batches import BLOCK, BatchPlan
from understudy.errors import InputError
from understudy.privacy import Budget, Ledger, NonPrivateBudget
from understudy.schema import Schema
from understudy.source import from_frame
from understudy.synthesize.neural.argn import Argn, NoisySteps
from understudy.synthesize.neural.checkpoint import NAME, load
from understudy.synthesize.neural.vae import Vae, VaeSteps

pytest.importorskip("torch")

STEPS = NoisySteps(probability=0.3, steps=BLOCK + 40, width=4, embedding=2)


def table() -> pa.Table:
    rng = np.random.default_rng(0)
    return pa.table(
        {"a": rng.choice(["x", "y"], 120).tolist(), "b": rng.integers(0, 9, 120).tolist()}
    )


def argn(folder: Path, **settings: Any) -> Argn:
    return Argn(**{"private": STEPS, "cores": 1, "checkpoint": folder / "kept", **settings})


def job(folder: Path, **settings: Any) -> Any:
    return us.synthesize(
        table(),
        epsilon=settings.pop("epsilon", 4.0),
        synthesizer=argn(folder, **settings),
        holdout=0,
        ledger=folder / "ledger",
        asset="t",
        evaluate=False,
    )


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Interrupt at a step, once."""
    real = BatchPlan._sample

    def sample(self: BatchPlan) -> Any:
        if self.taken == step:
            monkeypatch.setattr(BatchPlan, "_sample", real)
            raise KeyboardInterrupt
        return real(self)

    monkeypatch.setattr(BatchPlan, "_sample", sample)


def spent(folder: Path) -> list[int]:
    """Steps of every charge for training, in order."""
    charges = Ledger(folder / "ledger").show("t").charges
    return [
        int(charge.event.label.split()[0]) for charge in charges if charge.event.stage == "training"
    ]


@pytest.mark.parametrize("step", [1, 30, BLOCK + 1, BLOCK + 20])
def test_a_private_training_goes_on_and_every_step_is_charged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    stop_at(monkeypatch, step)
    with pytest.raises(KeyboardInterrupt):
        job(tmp_path)
    first = spent(tmp_path)
    assert first == ([BLOCK] if step <= BLOCK else [BLOCK, 40])
    run = job(tmp_path)
    assert spent(tmp_path) == [BLOCK, 40]
    record = Ledger(tmp_path / "ledger").show("t")
    assert len(record.runs) == 1
    assert run.evidence.label.epsilon_spent <= 4.0
    assert record.epsilon(1e-6) <= 4.0
    prepared = [charge for charge in record.charges if charge.event.label == "count of rows"]
    assert len(prepared) == 1, "columns were paid for again"
    assert not (tmp_path / "kept" / NAME).exists()
    assert run.table.num_rows > 50


def test_a_killed_process_leaves_a_ledger_and_a_checkpoint(tmp_path: Path) -> None:
    program = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_checkpoint as here
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
    assert kept.facts["taken"] == BLOCK
    assert spent(tmp_path) == [BLOCK, 40]
    job(tmp_path)
    assert spent(tmp_path) == [BLOCK, 40]


@pytest.mark.parametrize("clipping", ["flat", "adaptive"])
def test_a_vae_goes_on_where_it_was_with_its_noise_and_its_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clipping: str
) -> None:
    steps = VaeSteps(
        probability=0.3, steps=BLOCK + 40, width=4, latent=2, numbers=4, clipping=clipping
    )

    def job() -> Any:
        return us.synthesize(
            table(), epsilon=4.0, synthesizer=Vae(private=steps, checkpoint=tmp_path / "kept"),
            holdout=0, ledger=tmp_path / "ledger", asset="t", evaluate=False,
        )  # fmt: skip

    stop_at(monkeypatch, BLOCK + 20)
    with pytest.raises(KeyboardInterrupt):
        job()
    kept = load(tmp_path / "kept")
    assert kept is not None
    assert kept.facts["taken"] == BLOCK
    assert (kept.facts["clip"] == steps.clip) is (clipping == "flat")
    run = job()
    assert spent(tmp_path) == [BLOCK, 40]
    assert run.evidence.label.epsilon_spent <= 4.0
    assert not (tmp_path / "kept" / NAME).exists()


def test_an_open_vae_goes_on_to_the_same_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from understudy.synthesize.neural.autoencoder import OpenAutoencoder

    def fit(**where: Any) -> Any:
        made = Vae(seed=3, width=6, latent=2, epochs=4, batch=32, beta=0.05, rate=0.02, **where)
        return made.fit(MemoryCurator(from_frame(frame(200)), budget=NonPrivateBudget()), Schema())

    whole = fit()
    real, calls = OpenAutoencoder.judged, []

    def judged(*arguments: Any) -> float:
        calls.append(0)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(OpenAutoencoder, "judged", judged)
    with pytest.raises(KeyboardInterrupt):
        fit(checkpoint=tmp_path / "kept")
    again = fit(checkpoint=tmp_path / "kept")
    assert np.array_equal(whole.codes.decoder, again.codes.decoder)


def test_steps_taken_again_unpaid_would_be_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bug put in: a resumed plan that believes lost steps were never paid for."""
    stop_at(monkeypatch, 30)
    with pytest.raises(KeyboardInterrupt):
        job(tmp_path)
    monkeypatch.setattr(BatchPlan, "steps_in", staticmethod(lambda budget: 0))
    with pytest.raises(us.UnderstudyError, match="budget"):
        job(tmp_path)


def test_open_trainings_go_on_to_the_same_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"width": 6, "embedding": 2, "epochs": 4, "patience": 9, "batch": 32, "cores": 1}

    def fit(synthesizer: Argn) -> Any:
        curator = MemoryCurator(from_frame(table()), budget=NonPrivateBudget())
        return synthesizer.fit(curator, Schema())

    whole = fit(Argn(seed=3, **settings))
    halves = Argn(seed=3, checkpoint=tmp_path / "kept", **settings)
    from understudy.synthesize.neural.network import OpenNetwork

    real = OpenNetwork.judged
    calls = []

    def judged(*arguments: Any) -> float:
        calls.append(0)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(OpenNetwork, "judged", judged)
    with pytest.raises(KeyboardInterrupt):
        fit(halves)
    assert load(tmp_path / "kept").facts["epoch"] == 2
    again = fit(halves)
    assert np.array_equal(whole.codes.arrays.flat, again.codes.arrays.flat)


def test_a_checkpoint_of_another_run_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at(monkeypatch, 5)
    with pytest.raises(KeyboardInterrupt):
        job(tmp_path)
    other = NoisySteps(probability=0.3, steps=BLOCK + 41, width=4, embedding=2)
    with pytest.raises(InputError, match="other settings"):
        job(tmp_path, private=other)
    with pytest.raises(InputError, match="another run"):
        argn(tmp_path).fit(
            MemoryCurator(
                from_frame(table()),
                budget=Budget(4.0, ledger=Ledger(tmp_path / "ledger"), asset="t"),
            ),
            Schema(),
        )
    place = tmp_path / "kept" / NAME
    place.write_bytes(place.read_bytes()[:100])
    with pytest.raises(InputError, match="damaged"):
        job(tmp_path)


def test_what_a_checkpoint_cannot_keep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs a ledger"):
        argn(tmp_path).fit(MemoryCurator(from_frame(table()), budget=Budget(4.0)), Schema())
    with pytest.raises(InputError, match="no holdout"):
        us.synthesize(table(), epsilon=1.0, synthesizer=argn(tmp_path), holdout=0.2)
