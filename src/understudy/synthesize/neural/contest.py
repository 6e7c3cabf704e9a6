"""Training a generator against a critic: on open rows, or through the noisy sums of a batch plan.

The generator never sees a row: it is moved by what the critic says of its own rows, which under a
promise is computed from noisy sums alone. What may not happen here: under a promise, a condition
drawn by how often rows have it, a decision by what rows say, a batch that is not the plan's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from understudy.curator.batches import BatchPlan
from understudy.errors import InputError
from understudy.synthesize.neural.checkpoint import Kept
from understudy.synthesize.neural.critic import NoisyCritic, OpenCritic
from understudy.synthesize.neural.engine import Tensor, torch_module
from understudy.synthesize.neural.generator import Generator
from understudy.synthesize.neural.layers_codes import Conditions
from understudy.synthesize.neural.training import Adam, Keep, require_finite
from understudy.synthesize.protocol import Progress

INERTIA = 0.5
"""Adam's, for two networks that answer each other (Gulrajani et al. 2017 and CTGAN: 0 and 0.5)."""

_VARIED, _LEAST_VARIETY = 512, 0.2


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How the two networks take turns.

    Parameters
    ----------
    generator_rate, critic_rate
        Adam's largest step sizes, above 0.
    critic_steps
        Steps of the critic for each of the generator, 1 or more.
    average
        Weight of the past in the generator's running average, in [0, 1).
    penalty
        Weight of the gradient penalty (open rows only).
    """

    generator_rate: float
    critic_rate: float
    critic_steps: int
    average: float
    penalty: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Contested:
    """What training leaves: the generator's layers for `LayersCodes`, and public facts."""

    layers: list[tuple[np.ndarray, np.ndarray]]
    facts: dict[str, Any]


class Sampler:
    """Open rows for a conditional critic: rows that have the modes that were asked for.

    Training-by-sampling (Xu et al. 2019, section 4.3): a column is drawn, then a mode by the
    logarithm of how often it occurs, then a row that has it. This looks at exact frequencies, so
    it exists for open rows alone.
    """

    def __init__(self, modes: np.ndarray, conditions: Conditions) -> None:
        self.count = len(modes)
        self.columns = conditions.columns
        self.order, self.starts, self.shares = [], [], []
        for place, shares in zip(conditions.columns, conditions.shares, strict=True):
            own = modes[:, place]
            self.order.append(np.argsort(own, kind="stable"))
            counts = np.bincount(own, minlength=len(shares))
            self.starts.append(np.concatenate([[0], np.cumsum(counts)]))
            self.shares.append(np.log1p(counts.astype(float)))
        self.drawn = Conditions(columns=conditions.columns, shares=tuple(self.shares))

    def draw(
        self, count: int, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Condition column and mode, and a row that has it, `count` times."""
        if not self.columns:
            none = np.zeros(count, dtype=np.int64)
            return none, none, generator.integers(0, self.count, count)
        column, mode = self.drawn.draw(count, generator)
        point, rows = generator.random(count), np.empty(count, dtype=np.int64)
        for place, (order, starts) in enumerate(zip(self.order, self.starts, strict=True)):
            held = np.flatnonzero(column == place)
            first, last = starts[mode[held]], starts[mode[held] + 1]
            rows[held] = order[first + (point[held] * (last - first)).astype(np.int64)]
        return column, mode, rows


def train_open(
    generator: Generator,
    critic: OpenCritic,
    codes: np.ndarray,
    *,
    epochs: int,
    batch: int,
    pace: Pace,
    rng: np.random.Generator,
    progress: Progress,
    keep: Keep | None = None,
    kept: Kept | None = None,
) -> Contested:
    """Learn from rows without privacy.

    Parameters
    ----------
    generator, critic
        Their parameters are the beginning, and are changed.
    codes
        `(rows, columns)`.
    epochs, batch
        Passes over the rows; rows of a step, rounded to whole packs.
    pace
        How the two take turns.
    rng
        Decides everything that is drawn; the same state gives the same parameters on a CPU.
    progress
        Told the losses, which are figures of real rows.
    keep, kept
        Told after every pass what is needed to go on; what an earlier process kept.

    Raises
    ------
    InputError
        The parameters are not finite any more.
    """
    torch, shape = torch_module(), generator.shape
    table, device = shape.table, generator.flat.device
    batch = max(1, min(batch, len(codes)) // critic.pack) * critic.pack
    turns = max(len(codes) // batch, 1) if len(codes) else 0
    steps = epochs * turns
    sampler = Sampler(table.modes(codes), shape.conditions)
    ours = Adam(
        generator.flat,
        rate=pace.generator_rate,
        steps=-(-steps // pace.critic_steps),
        decay=1e-6,
        average=pace.average,
        inertia=INERTIA,
    )
    theirs = Adam(critic.flat, rate=pace.critic_rate, steps=steps, inertia=INERTIA)
    drawing = torch.Generator(device=device)
    drawing.manual_seed(int(rng.integers(0, 2**62)))
    begun = 0
    if kept is not None:
        begun = _restore(kept, ours, theirs, rng, drawing)
    for epoch in range(begun, epochs):
        losses = []
        for turn in range(epoch * turns, (epoch + 1) * turns):
            column, mode, rows = sampler.draw(batch, rng)
            inputs = _inputs(generator, column, mode, rng, sampler.drawn)
            last = (turn + 1) % pace.critic_steps == 0
            with torch.set_grad_enabled(last):
                raw = generator.raw(inputs)
                made = generator.soft(raw, drawing)
            with torch.no_grad():
                told = inputs[:, shape.noise :]
                mixed = torch.from_numpy(rng.permutation(batch)).to(device)
                held = codes[rows]
                real = torch.from_numpy(table.encode(held, rng.random(held.shape))).to(device)
                real = torch.cat([real, told], dim=1)[mixed]
                fake = torch.cat([made.detach(), told], dim=1)
                losses.append(critic.learn(real, fake, penalty=pace.penalty, random=drawing).item())
                theirs.step(critic.gradient)
                if not last:
                    continue
                _, back = critic.blame(fake, drawing)
            generator.gradient.zero_()
            asked, answers = [made], [back[:, : table.width]]
            if shape.conditions.columns:
                place = torch.from_numpy(sampler.drawn.places(column, mode)).to(device)
                about = torch.from_numpy(column).to(device)
                asked.append(generator.missed(raw, about, place))
                answers.append(torch.ones((), device=device))
            torch.autograd.backward(asked, answers)
            with torch.no_grad():
                ours.step(generator.gradient)
        require_finite(generator.flat, ours.taken)
        require_finite(critic.flat, theirs.taken)
        _require_variety(generator, rng, drawing)
        progress(
            f"learning: pass {epoch + 1} of {epochs}, distance {-float(np.mean(losses)):.3f}",
            (epoch + 1) / epochs,
        )
        if keep is not None:
            keep(*_state(ours, theirs, rng, drawing, epoch + 1))
    return Contested(
        layers=generator.folded(ours.averaged.cpu().numpy(), sampler.drawn),
        facts={"steps": theirs.taken, "parameters": len(generator.flat)},
    )


def _inputs(
    generator: Generator,
    column: np.ndarray,
    mode: np.ndarray,
    rng: np.random.Generator,
    drawn: Conditions,
) -> Tensor:
    """Noise, and conditions beside it where there are any, `(rows, inputs)`."""
    noise = rng.standard_normal((len(column), generator.shape.noise), dtype=np.float32)
    if drawn.columns:
        noise = np.concatenate([noise, drawn.encode(column, mode)], axis=1)
    return generator.torch.from_numpy(noise).to(generator.flat.device)


def train_noisy(
    generator: Generator,
    critic: NoisyCritic,
    plan: BatchPlan,
    *,
    batch: int,
    pace: Pace,
    limit: float,
    anchor: float,
    by_layer: bool,
    rng: np.random.Generator,
    progress: Progress,
    keep: Keep | None = None,
    kept: Kept | None = None,
) -> Contested:
    """Learn by DP-SGD on the critic: real rows reach it as noisy sums that were paid for.

    Parameters
    ----------
    generator, critic
        Their parameters are the beginning, and are changed.
    plan
        Gives the noisy gradients of real rows; ends by itself.
    batch
        Made rows in a step.
    pace
        How the two take turns.
    limit
        Largest singular value of the critic's matrices.
    anchor
        Weight of the distance of the generator's single columns from their noisy shares.
    by_layer
        Whether gradients are clipped layer by layer.
    rng
        A public constant decides it: noise, conditions and modes of made rows.
    progress
        Told steps and budget; no loss, which would have to be paid for.
    keep, kept
        Told after every paid block of steps what is needed to go on; what an earlier process kept.
        Steps that were paid for and lost with it stay lost.
    """
    torch, shape = torch_module(), generator.shape
    device = generator.flat.device
    ours = Adam(
        generator.flat,
        rate=pace.generator_rate,
        steps=-(-plan.steps // pace.critic_steps),
        average=pace.average,
        inertia=INERTIA,
    )
    theirs = Adam(critic.flat, rate=pace.critic_rate, steps=plan.steps, average=0.9, inertia=0.9)
    drawing = torch.Generator(device=device)
    drawing.manual_seed(int(rng.integers(0, 2**62)))
    shares = np.concatenate([item.mode_shares for item in shape.table.columns])
    wanted = torch.from_numpy(shares.astype(np.float32)).to(device)
    gradients = critic.gradients(by_layer=by_layer)
    if kept is not None:
        _restore(kept, ours, theirs, rng, drawing)
    elif keep is not None:
        keep(*_state(ours, theirs, rng, drawing, 0))
    while plan.taken < plan.steps:
        noisy = plan.step(gradients)
        with torch.no_grad():
            _, told, fake, _, _ = _made(generator, batch, rng, drawing)
        away = critic.made(torch.cat([fake, told], dim=1), plan.clip, by_layer=by_layer)
        with torch.no_grad():
            theirs.step(torch.from_numpy(noisy.astype(np.float32)).to(device) + away)
            critic.limit(limit)
        if plan.taken % pace.critic_steps == 0:
            raw, told, made, column, place = _made(generator, batch, rng, drawing)
            loss = -critic.judged(theirs.averaged, torch.cat([made, told], dim=1))
            loss = loss + anchor * generator.departed(raw, wanted)
            if shape.conditions.columns:
                loss = loss + generator.missed(raw, column, place)
            generator.gradient.zero_()
            loss.backward()
            with torch.no_grad():
                ours.step(generator.gradient)
        if plan.taken % 20 == 0 or plan.taken == plan.steps:
            require_finite(generator.flat, plan.taken)
            require_finite(critic.flat, plan.taken)
            _require_variety(generator, rng, drawing)
            progress(
                f"noisy step {plan.taken:,} of {plan.steps:,}, {plan.charged():,} paid for",
                plan.taken / plan.steps,
            )
        if keep is not None and plan.taken == plan.charged():
            keep(*_state(ours, theirs, rng, drawing, plan.taken))
    return Contested(
        layers=generator.folded(ours.averaged.cpu().numpy(), shape.conditions),
        facts={
            "steps": plan.steps,
            "noise_multiplier": plan.multiplier,
            "clip": plan.clip,
            "probability": plan.probability,
            "parameters": len(generator.flat),
        },
    )


def _made(
    generator: Generator, count: int, rng: np.random.Generator, drawing: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Made rows: outputs, their conditions, soft rows, condition columns, places of conditions."""
    torch, conditions = generator.torch, generator.shape.conditions
    column = mode = place = np.zeros(count, dtype=np.int64)
    if conditions.columns:
        column, mode = conditions.draw(count, rng)
        place = conditions.places(column, mode)
    inputs = _inputs(generator, column, mode, rng, conditions)
    raw = generator.raw(inputs)
    made = generator.soft(raw, drawing)
    told = inputs[:, generator.shape.noise :]
    device = raw.device
    about, where = (torch.from_numpy(one).to(device) for one in (column, place))
    return raw, told, made, about, where


def _require_variety(generator: Generator, rng: np.random.Generator, drawing: Any) -> None:
    """End a training whose generator makes about the same row whatever its noise.

    Its modes' entropy, over all columns, is compared with that of the shares that were paid for:
    nothing of a row is looked at.
    """
    with torch_module().no_grad():
        raw = _made(generator, _VARIED, rng, drawing)[0].cpu().numpy().astype(np.float64)
    place, found, wanted = generator.shape.sizes[0], 0.0, 0.0
    for item in generator.shape.table.columns:
        logits = raw[:, place : place + item.modes]
        place += item.modes
        share = np.exp(logits - logits.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        found += _entropy(share.mean(axis=0))
        wanted += _entropy(item.mode_shares)
    if found < _LEAST_VARIETY * wanted - 0.1:
        raise InputError(
            "training collapsed: the generator makes about the same row whatever its noise",
            hint="try smaller rates (a third), more critic steps, another seed, or argn",
        )


def _entropy(shares: np.ndarray) -> float:
    """Entropy of some shares, in nats."""
    held = shares[shares > 0]
    return -float(held @ np.log(held))


def _state(
    ours: Adam, theirs: Adam, rng: np.random.Generator, drawing: Any, done: int
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Facts and arrays from which a training can go on."""
    facts = {
        "done": done,
        "taken": [ours.taken, theirs.taken],
        "generator": rng.bit_generator.state,
    }
    arrays = {f"generator.{name}": array for name, array in ours.state().items()}
    arrays |= {f"critic.{name}": array for name, array in theirs.state().items()}
    return facts, {**arrays, "drawing": drawing.get_state().numpy()}


def _restore(kept: Kept, ours: Adam, theirs: Adam, rng: np.random.Generator, drawing: Any) -> int:
    """Go on where `_state` was taken; returns how much was done."""
    taken = kept.facts["taken"]
    for name, adam, steps in (("generator", ours, taken[0]), ("critic", theirs, taken[1])):
        held = {
            key.removeprefix(f"{name}."): array
            for key, array in kept.arrays.items()
            if key.startswith(f"{name}.")
        }
        adam.restore(held, int(steps))
    rng.bit_generator.state = kept.facts["generator"]
    drawing.set_state(torch_module().from_numpy(kept.arrays["drawing"]))
    return int(kept.facts["done"])
