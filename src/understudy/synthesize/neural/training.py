"""Learning a network's parameters: from open rows, or from the noisy sums of a batch plan.

Both ways take the same steps (Adam on the flat vector, an average of the last parameters as the
result); they differ in where a gradient comes from. What may not happen here: a decision by what
rows say under privacy: no holdout, no early stop, no best of several; the number of steps, the rate
and the average are constants of the settings.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np

from understudy.curator.batches import BatchPlan, Gradients
from understudy.errors import InputError
from understudy.synthesize.neural.checkpoint import Kept
from understudy.synthesize.neural.engine import Tensor, torch_module
from understudy.synthesize.protocol import Progress

WARM = 0.05
"""Share of the steps in which the rate grows to its full size."""


class Adam:
    """Adam (Kingma & Ba 2015) on one flat vector, with a cosine rate and an average of the results.

    Parameters
    ----------
    flat
        Parameters, changed in place.
    rate
        Largest step size, above 0.
    steps
        How many steps there will be: the rate falls to zero over them.
    decay
        Decoupled weight decay (Loshchilov & Hutter 2019), 0 or more.
    average
        Weight of the past in the running average of parameters, in [0, 1).
    inertia
        Weight of the past in the running mean of gradients, in [0, 1): less where two networks
        answer each other.
    """

    def __init__(
        self,
        flat: Tensor,
        *,
        rate: float,
        steps: int,
        decay: float = 0.0,
        average: float = 0.0,
        inertia: float = 0.9,
    ) -> None:
        torch = torch_module()
        self.flat, self.rate, self.steps = flat, rate, max(steps, 1)
        self.inertia = inertia
        self.decay, self.average = decay, average
        self.mean, self.square = torch.zeros_like(flat), torch.zeros_like(flat)
        self.averaged = flat.clone()
        self.taken = 0

    def now(self) -> float:
        """The rate of the next step: a short rise, then half a cosine."""
        done = self.taken / self.steps
        rise = min(1.0, (self.taken + 1) / max(WARM * self.steps, 1.0))
        return self.rate * rise * 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))

    def step(self, gradient: Tensor) -> None:
        """One step down a gradient."""
        rate = self.now()
        self.taken += 1
        self.mean.lerp_(gradient, 1.0 - self.inertia)
        self.square.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        fair_mean = 1.0 - self.inertia**self.taken
        fair_square = 1.0 - 0.999**self.taken
        spread = (self.square / fair_square).sqrt_().add_(1e-8)
        if self.decay:
            self.flat.mul_(1.0 - rate * self.decay)
        self.flat.addcdiv_(self.mean, spread, value=-rate / fair_mean)
        if not self.average:
            self.averaged.copy_(self.flat)
            return
        past = min(self.average, (1.0 + self.taken) / (10.0 + self.taken))
        self.averaged.lerp_(self.flat, 1.0 - past)

    def state(self) -> dict[str, np.ndarray]:
        """Everything the next step needs, as arrays."""
        return {
            name: getattr(self, name).cpu().numpy().copy()
            for name in ("flat", "mean", "square", "averaged")
        }

    def restore(self, state: dict[str, np.ndarray], taken: int) -> None:
        """Go on where `state` was taken."""
        torch = torch_module()
        for name in ("flat", "mean", "square", "averaged"):
            getattr(self, name).copy_(torch.from_numpy(state[name]))
        self.taken = taken


def require_finite(flat: Tensor, step: int) -> None:
    """End a training that has gone to infinity, with what to try."""
    if not bool(torch_module().isfinite(flat).all()):
        raise InputError(
            "training broke down: the parameters are not finite any more",
            hint="try a smaller rate (a third of it), or a smaller network",
            steps=step,
        )


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What training leaves: parameters, and public facts of how it went."""

    flat: np.ndarray
    facts: dict[str, Any]


Keep: TypeAlias = "Callable[[dict[str, Any], dict[str, np.ndarray]], None]"
"""Told facts and arrays from which a training can go on."""


class Learner(Protocol):
    """A network as an open training needs it; its own randomness comes from a generator."""

    flat: Tensor

    def drawn(self, rows: int, generator: np.random.Generator) -> Any:
        """What held-out rows are judged with, drawn once so that passes can be compared."""
        ...

    def gradient(self, rows: Tensor, generator: np.random.Generator, out: Tensor) -> float:
        """Mean loss of some rows (codes, int64); the gradient of it into `out`."""
        ...

    def judged(self, flat: Tensor, rows: Tensor, drawn: Any) -> float:
        """Mean loss of rows under other parameters."""
        ...


def train_open(
    learner: Learner,
    codes: np.ndarray,
    *,
    epochs: int,
    batch: int,
    rate: float,
    decay: float,
    patience: int,
    generator: np.random.Generator,
    progress: Progress,
    watch: Callable[[int, float, float], None] | None = None,
    keep: Keep | None = None,
    kept: Kept | None = None,
) -> Trained:
    """Learn from rows without privacy, a twentieth of them held out to know when to stop.

    Parameters
    ----------
    learner
        Its parameters are the beginning, and are changed.
    codes
        `(rows, columns)`.
    epochs, batch, rate, decay
        Most passes over the rows, rows per step, largest step size, weight decay.
    patience
        Passes without a better loss of the held-out rows after which training stops.
    generator
        Shuffles, holds out and what the learner draws; the same state gives the same parameters
        on a CPU.
    progress
        Told the losses, which are figures of real rows.
    watch
        Told epoch, loss and held-out loss after every pass.
    keep, kept
        Told after every pass what is needed to go on; what an earlier process kept.

    Raises
    ------
    InputError
        The parameters are not finite any more.
    """
    torch = torch_module()
    device = learner.flat.device
    order = generator.permutation(len(codes))
    held = order[: len(codes) // 20] if len(codes) >= 50 else order[:0]
    learned = torch.from_numpy(codes[order[len(held) :]].astype(np.int64)).to(device)
    judges = torch.from_numpy(codes[held].astype(np.int64)).to(device)
    drawn = learner.drawn(len(judges), generator)
    batch = max(1, min(batch, len(learned)))
    steps = epochs * -(-len(learned) // batch)
    adam = Adam(learner.flat, rate=rate, steps=steps, decay=decay, average=0.995)
    gradient = torch.empty_like(learner.flat)
    best, best_loss, since = learner.flat.clone(), math.inf, 0
    tell = "learning"
    loss = told = math.nan
    begun = 0
    if kept is not None:
        adam.restore(kept.arrays, int(kept.facts["taken"]))
        best = torch.from_numpy(kept.arrays["best"]).to(device)
        best_loss, since = float(kept.facts["best_loss"]), int(kept.facts["since"])
        begun = int(kept.facts["epoch"])
        generator.bit_generator.state = kept.facts["generator"]
    for epoch in range(begun, epochs if len(learned) else begun):
        losses = []
        shuffled = torch.from_numpy(generator.permutation(len(learned))).to(device)
        for start in range(0, len(learned), batch):
            rows = learned[shuffled[start : start + batch]]
            losses.append(learner.gradient(rows, generator, gradient))
            adam.step(gradient)
        require_finite(learner.flat, adam.taken)
        loss = float(np.mean(losses))
        told = learner.judged(adam.averaged, judges, drawn) if len(judges) else loss
        if watch is not None:
            watch(epoch, loss, told)
        if told < best_loss:
            best, best_loss, since = adam.averaged.clone(), told, 0
        else:
            since += 1
        tell = f"learning: pass {epoch + 1} of {epochs}, loss {loss:.3f}, held out {told:.3f}"
        progress(tell, (epoch + 1) / epochs)
        if keep is not None:
            state = {"taken": adam.taken, "best_loss": best_loss, "since": since}
            told_generator = generator.bit_generator.state
            keep(
                {**state, "epoch": epoch + 1, "generator": told_generator},
                {**adam.state(), "best": best.cpu().numpy()},
            )
        if since >= patience:
            break
    facts = {"steps": adam.taken, "loss": best_loss, "parameters": len(learner.flat)}
    return Trained(flat=best.cpu().numpy(), facts=facts)


def train_private(
    flat: Tensor,
    rows: Gradients,
    plan: BatchPlan,
    *,
    rate: float,
    progress: Progress,
    keep: Keep | None = None,
    kept: Kept | None = None,
) -> Trained:
    """Learn by DP-SGD: every gradient is a noisy sum that was paid for.

    Parameters
    ----------
    flat
        Parameters: the beginning, and changed.
    rows
        What they do to the gradients of rows.
    plan
        Gives noisy gradients; ends by itself.
    rate
        Largest step size.
    progress
        Told steps and budget; no loss, which would have to be paid for.
    keep, kept
        Told after every paid block of steps what is needed to go on; what an earlier process kept.
        Steps that were paid for and lost with it stay lost.
    """
    torch = torch_module()
    running = Adam(flat, rate=rate, steps=plan.steps, average=0.99)
    if kept is not None:
        running.restore(kept.arrays, int(kept.facts["taken"]))
    elif keep is not None:
        keep({"taken": 0}, running.state())
    while plan.taken < plan.steps:
        noisy = plan.step(rows)
        gradient = torch.from_numpy(noisy.astype(np.float32)).to(flat.device)
        running.step(gradient)
        if plan.taken % 20 == 0 or plan.taken == plan.steps:
            require_finite(flat, plan.taken)
            progress(
                f"noisy step {plan.taken:,} of {plan.steps:,}, {plan.charged():,} paid for",
                plan.taken / plan.steps,
            )
        if keep is not None and plan.taken == plan.charged():
            keep({"taken": running.taken}, running.state())
    facts = {
        "steps": plan.steps,
        "noise_multiplier": plan.multiplier,
        "clip": plan.clip,
        "probability": plan.probability,
        "parameters": len(flat),
    }
    return Trained(flat=running.averaged.cpu().numpy(), facts=facts)
