"""One way to take a step, timed in a process of its own; prints a line of JSON.

    python ways.py ghost --batch 500 --steps 40

Ways that need Opacus run in its environment, where Understudy is not: nothing of ours is imported
but inside our own ways. Every way trains 150-256-256-1 with ReLU on the same invented rows: a
clip of 1, noise of 1 clip, a mean over the batch, plain SGD. One core.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import nn

SIZES = (150, 256, 256, 1)
CLIP, RATE = 1.0, 0.01
WARM = 5

Step = Callable[[], Any]


def data(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows and labels."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(batch, SIZES[0], generator=generator)
    return rows, (torch.rand(batch, generator=generator) < 0.5).float()


def network() -> nn.Sequential:
    """The network."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for narrow, wide in pairwise(SIZES):
        layers += [nn.Linear(narrow, wide), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def loss_of(logits: torch.Tensor, labels: torch.Tensor, reduction: str = "mean") -> torch.Tensor:
    """The loss of a batch."""
    told = logits.squeeze(-1)
    return nn.functional.binary_cross_entropy_with_logits(told, labels, reduction=reduction)


def plain(batch: int, micro: int) -> Step:
    """No privacy: PyTorch's own gradient."""
    model, (rows, labels) = network(), data(batch)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)

    def step() -> None:
        optimizer.zero_grad()
        for start in range(0, batch, micro):
            part = slice(start, start + micro)
            share = len(rows[part]) / batch
            (loss_of(model(rows[part]), labels[part]) * share).backward()
        optimizer.step()

    return step


def vmap(batch: int, micro: int) -> Step:
    """`torch.func`: a gradient of every row, formed."""
    from torch.func import functional_call, grad
    from torch.func import vmap as over_rows

    model, (rows, labels) = network(), data(batch)
    parameters = {name: value.detach() for name, value in model.named_parameters()}

    def one(held: dict[str, torch.Tensor], row: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return loss_of(functional_call(model, held, (row[None],)), label[None])

    formed = over_rows(grad(one), in_dims=(None, 0, 0))

    def step() -> None:
        total = {name: torch.zeros_like(value) for name, value in parameters.items()}
        for start in range(0, batch, micro):
            part = slice(start, start + micro)
            made = formed(parameters, rows[part], labels[part])
            squared = sum((value**2).flatten(1).sum(1) for value in made.values())
            weights = (CLIP / squared.sqrt().clamp_min(1e-12)).clamp_max(1.0)
            for name, value in made.items():
                total[name] += torch.einsum("b,b...->...", weights, value)
        for name, value in total.items():
            noisy = value + torch.randn_like(value) * CLIP
            parameters[name] -= RATE * noisy / batch

    return step


def hooks(batch: int, micro: int) -> Step:
    """Opacus' default: hooks that form a gradient of every row."""
    return _opacus(batch, micro, "hooks")


def opacus_ghost(batch: int, micro: int) -> Step:
    """Opacus' ghost clipping: norms without forming gradients, then a second backward pass."""
    return _opacus(batch, micro, "ghost")


def _opacus(batch: int, micro: int, mode: str) -> Step:
    """A step of Opacus; its noise is PyTorch's."""
    from opacus import GradSampleModule
    from opacus.grad_sample import GradSampleModuleFastGradientClipping
    from opacus.optimizers import DPOptimizer, DPOptimizerFastGradientClipping
    from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping

    rows, labels = data(batch)
    settings: dict[str, Any] = {
        "noise_multiplier": 1.0,
        "max_grad_norm": CLIP,
        "expected_batch_size": batch,
    }
    if mode == "hooks":
        module = GradSampleModule(network())
        held = torch.optim.SGD(module.parameters(), lr=RATE)
        optimizer: Any = DPOptimizer(held, **settings)
        criterion: Any = nn.BCEWithLogitsLoss()
    else:
        module = GradSampleModuleFastGradientClipping(
            network(), max_grad_norm=CLIP, use_ghost_clipping=True
        )
        held = torch.optim.SGD(module.parameters(), lr=RATE)
        optimizer = DPOptimizerFastGradientClipping(held, **settings)
        criterion = DPLossFastGradientClipping(
            module, optimizer, nn.BCEWithLogitsLoss(reduction="mean")
        )

    def step() -> None:
        optimizer.zero_grad()
        starts = list(range(0, batch, micro))
        for start in starts:
            part = slice(start, start + micro)
            criterion(module(rows[part]).squeeze(-1), labels[part]).backward()
            if start != starts[-1]:
                optimizer.signal_skip_step(do_skip=True)
                optimizer.step()
                optimizer.zero_grad()
            else:
                optimizer.signal_skip_step(do_skip=False)
        optimizer.step()

    return step


def ghost(batch: int, micro: int) -> Step:
    """Ours, with PyTorch's noise, as the others have."""
    return _ours(batch, micro, "torch")


def ghost_secure(batch: int, micro: int) -> Step:
    """Ours as it runs: noise from the operating system's entropy, on a lattice."""
    return _ours(batch, micro, "curator")


def ghost_plain(batch: int, micro: int) -> Step:
    """Our layers without clip and noise."""
    return _ours(batch, micro, "none")


def _ours(batch: int, micro: int, noise: str) -> Step:
    """A step through `neural.ghost`, with clip and micro-batches as `BatchPlan` has them."""
    import numpy as np

    from understudy.privacy.mechanisms import gaussian_sum
    from understudy.synthesize.neural.ghost import GhostGradients, Layers
    from understudy.synthesize.neural.shape import size_of

    rows, labels = data(batch)
    layout: dict[str, tuple[int, ...]] = {}
    for place, sizes in enumerate(pairwise(SIZES)):
        layout |= {f"l{place}": sizes, f"l{place}_bias": (sizes[1],)}
    flat = torch.cat([value.detach().t().flatten() for value in network().parameters()])
    layers = Layers(layout, flat)

    def losses(codes: Any, _step: int) -> torch.Tensor:
        hidden = rows[codes]
        for place in range(len(SIZES) - 2):
            hidden = torch.relu(layers.linear(f"l{place}", hidden))
        return loss_of(layers.linear(f"l{len(SIZES) - 2}", hidden), labels[codes], "none")

    gradients, out = GhostGradients(layers, losses), torch.empty(size_of(layout))
    every = np.arange(batch)

    def open_step() -> None:
        layers.begin()
        layers.gradient(losses(every, 0), out)
        flat.sub_(out, alpha=RATE)

    def noisy_step() -> None:
        total = np.zeros(len(flat))
        for start in range(0, batch, micro):
            norms = gradients.norms(every[start : start + micro], 0)
            total += gradients.weighted(np.minimum(1.0, CLIP / np.maximum(norms, 1e-300)))
        if noise == "curator":
            total = gaussian_sum(total, CLIP, 1.0)
        made = torch.from_numpy(total.astype(np.float32))
        if noise == "torch":
            made += torch.randn(len(made)) * CLIP
        flat.sub_(made, alpha=RATE / batch)

    return open_step if noise == "none" else noisy_step


def argn_plain(batch: int, micro: int) -> Step:
    """The own step of argn without privacy, at the size it has under a promise."""
    return _argn(batch, micro, noisy=False)


def argn(batch: int, micro: int) -> Step:
    """The own noisy step of argn, with the curator's noise."""
    return _argn(batch, micro, noisy=True)


def _argn(batch: int, micro: int, *, noisy: bool) -> Step:
    """Fifteen columns of 30 codes, 48 hidden units, six numbers a code."""
    import numpy as np

    from understudy.privacy.mechanisms import gaussian_sum
    from understudy.synthesize.neural.network import Network, RowGradients
    from understudy.synthesize.neural.shape import Shape

    columns = 15
    shape = Shape(
        columns=tuple(f"c{place}" for place in range(columns)),
        sizes=(30,) * columns,
        groups=((),) * columns,
        width=48,
        embedding=6,
    )
    rng = np.random.default_rng(0)
    flat = torch.from_numpy(rng.normal(0, 0.1, shape.parameters).astype(np.float32))
    network = Network(shape, flat)
    codes = rng.integers(0, 30, (batch, columns))
    gradients, out = RowGradients(network), torch.empty_like(flat)
    held = torch.from_numpy(codes)
    order = torch.from_numpy(rng.random(codes.shape).astype(np.float32))
    weights = torch.full((batch,), 1.0 / batch)

    def open_step() -> None:
        network.forward(held, network.known(batch, order))
        network.backward()
        network.weighted(weights, out)
        flat.sub_(out, alpha=RATE)

    def noisy_step() -> None:
        total = np.zeros(len(flat))
        for start in range(0, batch, micro):
            norms = gradients.norms(codes[start : start + micro], 0)
            total += gradients.weighted(np.minimum(1.0, CLIP / np.maximum(norms, 1e-300)))
        made = torch.from_numpy(gaussian_sum(total, CLIP, 1.0).astype(np.float32))
        flat.sub_(made, alpha=RATE / batch)

    return noisy_step if noisy else open_step


WAYS: dict[str, Callable[[int, int], Step]] = {
    way.__name__: way
    for way in (
        plain, vmap, hooks, opacus_ghost, ghost, ghost_secure, ghost_plain, argn_plain, argn,
    )
}  # fmt: skip


def main() -> None:
    """Time one way."""
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("way", choices=sorted(WAYS))
    reading.add_argument("--batch", type=int, default=500)
    reading.add_argument("--micro", type=int, default=None)
    reading.add_argument("--steps", type=int, default=40)
    asked = reading.parse_args()
    torch.set_num_threads(1)
    step = WAYS[asked.way](asked.batch, asked.micro or asked.batch)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for _ in range(WARM):
        step()
    took = []
    for _ in range(asked.steps):
        began = time.process_time()
        step()
        took.append(time.process_time() - began)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = {
        "way": asked.way,
        "batch": asked.batch,
        "micro": asked.micro or asked.batch,
        "ms": 1e3 * sorted(took)[len(took) // 2],
        "least_ms": 1e3 * min(took),
        "mib": after - before,
        "torch": torch.__version__,
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
