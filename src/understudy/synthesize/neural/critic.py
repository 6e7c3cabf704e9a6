"""Critics: what tells real rows from made ones, and which way a made row would seem more real.

`OpenCritic` sees real rows as they are (Wasserstein with gradient penalty: Arjovsky, Chintala &
Bottou 2017, arXiv:1701.07875; Gulrajani et al. 2017, arXiv:1704.00028), several of them at once
when packed (Lin et al. 2018, arXiv:1712.04086). Its gradients are written out: the penalty's
too, which for layers with a leaky ramp is a chain of products.

`NoisyCritic` learns from noisy sums of clipped gradients of single rows. So it has no batch norm,
no packing and no penalty on mixtures of real rows: what keeps it from growing steep is a limit on
every matrix (its largest singular value), which looks at no row.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from understudy.synthesize.neural.engine import Tensor, torch_module
from understudy.synthesize.neural.features import Features
from understudy.synthesize.neural.ghost import GhostGradients, Layers
from understudy.synthesize.neural.layers_codes import Conditions
from understudy.synthesize.neural.rowhash import row_uniforms
from understudy.synthesize.neural.shape import parts_of, size_of

LEAK = 0.2
"""Slope of a hidden unit below zero."""


class OpenCritic:
    """Layers with a leaky ramp and dropout, judging `pack` rows together.

    Parameters
    ----------
    width
        Numbers of one row (and its condition).
    hidden
        Hidden units of each layer.
    pack
        Rows judged together, 1 or more.
    dropout
        Chance of a hidden unit to be left out, in [0, 1).
    """

    def __init__(self, width: int, hidden: tuple[int, ...], *, pack: int, dropout: float) -> None:
        self.width, self.pack, self.dropout = width, pack, dropout
        self.layout: dict[str, tuple[int, ...]] = {}
        before = width * pack
        self.depth = len(hidden)
        for place, size in enumerate((*hidden, 1)):
            self.layout |= {f"weight_{place}": (size, before), f"bias_{place}": (size,)}
            before = size
        self.torch = torch_module()

    def begin(self, generator: np.random.Generator) -> np.ndarray:
        """Parameters to begin with."""
        flat = np.zeros(size_of(self.layout), dtype=np.float32)
        for name, part in parts_of(self.layout, flat).items():
            fed = self.layout[name.replace("bias", "weight")][1]
            part[...] = generator.uniform(-(fed**-0.5), fed**-0.5, part.shape)
        return flat

    def use(self, flat: Tensor) -> None:
        """Judge with these parameters, in place."""
        self.flat, self.part = flat, parts_of(self.layout, flat)
        self.gradient = self.torch.zeros_like(flat)
        self.into = parts_of(self.layout, self.gradient)

    def learn(self, real: Tensor, made: Tensor, *, penalty: float, random: Any) -> Tensor:
        """Gradient of the critic's loss into `gradient`; returns the loss without the penalty.

        Parameters
        ----------
        real, made
            Rows `(rows, width)`, a multiple of `pack` each, equally many.
        penalty
            Weight of the gradient penalty, 0 or more.
        random
            Where between a real and a made row the penalty is taken, and dropout.
        """
        torch = self.torch
        real, made = self._packed(real), self._packed(made)
        count = len(real)
        part = torch.rand((count, 1), generator=random, device=real.device)
        between = made + part * (real - made)
        score = self._forward(torch.cat([real, made, between]), random)
        weight = torch.zeros_like(score)
        weight[:count] = -1.0 / count
        weight[count : 2 * count] = 1.0 / count
        self.gradient.zero_()
        self._backward(weight, learn=True)
        if penalty:
            self._penalise(slice(2 * count, None), penalty)
        return (weight * score).sum()

    def blame(self, made: Tensor, random: Any) -> tuple[Tensor, Tensor]:
        """Mean of minus the score of made rows, and its gradient for each of their numbers."""
        rows = self._packed(made)
        score = self._forward(rows, random)
        weight = self.torch.full_like(score, -1.0 / len(rows))
        return -score.mean(), self._backward(weight, learn=False).reshape(made.shape)

    def _packed(self, rows: Tensor) -> Tensor:
        """Rows side by side."""
        return rows.reshape(len(rows) // self.pack, self.pack * self.width)

    def _forward(self, rows: Tensor, random: Any) -> Tensor:
        """Scores; keeps what went through."""
        torch = self.torch
        self.went, self.slope, held = [rows], [], rows
        for place in range(self.depth):
            made = torch.addmm(self.part[f"bias_{place}"], held, self.part[f"weight_{place}"].T)
            slope = torch.where(made > 0, 1.0, LEAK)
            if self.dropout:
                kept = torch.rand(made.shape, generator=random, device=made.device) > self.dropout
                slope *= kept / (1.0 - self.dropout)
            held = made.mul_(slope)
            self.slope.append(slope)
            self.went.append(held)
        last = self.depth
        return torch.addmm(self.part[f"bias_{last}"], held, self.part[f"weight_{last}"].T)

    def _backward(self, weight: Tensor, *, learn: bool) -> Tensor:
        """What comes back to the rows; with `learn` also what matrices would have to change by."""
        back = weight
        for place in range(self.depth, -1, -1):
            if learn:
                self.into[f"weight_{place}"].addmm_(back.T, self.went[place])
                self.into[f"bias_{place}"] += back.sum(dim=0)
            if place == 0 and learn:
                break
            back = back @ self.part[f"weight_{place}"]
            if place:
                back = back.mul_(self.slope[place - 1])
        return back

    def _penalise(self, rows: slice, penalty: float) -> None:
        """Add the gradient of the mean of `(|slope of the score| - 1)**2` over some rows."""
        torch, chain = self.torch, []
        slopes = [one[rows] for one in self.slope]
        back = self.part[f"weight_{self.depth}"].expand(len(slopes[0]), -1)
        for place in range(self.depth - 1, -1, -1):
            back = back * slopes[place]
            chain.append(back)
            back = back @ self.part[f"weight_{place}"]
        length = torch.linalg.vector_norm(back, dim=1, keepdim=True).clamp_min(1e-12)
        on = back * ((length - 1.0) / length * (2.0 * penalty / len(back)))
        for place, before in enumerate(reversed(chain)):
            self.into[f"weight_{place}"].addmm_(before.T, on)
            on = (on @ self.part[f"weight_{place}"].T).mul_(slopes[place])
        self.into[f"weight_{self.depth}"] += on.sum(dim=0)


class NoisyCritic:
    """Layers with a leaky ramp that judge one row by itself.

    Parameters
    ----------
    table
        The columns.
    conditions
        What a row is judged under, beside it: a column drawn by a hash of row and step, and the
        mode that the row itself has there. No frequency of real rows is in it.
    hidden
        Hidden units of each layer.
    """

    def __init__(self, table: Features, conditions: Conditions, hidden: tuple[int, ...]) -> None:
        self.table, self.conditions = table, conditions
        self.torch = torch_module()
        self.layout: dict[str, tuple[int, ...]] = {}
        before = table.width + conditions.width
        for place, size in enumerate((*hidden, 1)):
            self.layout |= {f"layer_{place}": (before, size), f"layer_{place}_bias": (size,)}
            before = size
        self.depth = len(hidden)

    def begin(self, generator: np.random.Generator) -> np.ndarray:
        """Parameters to begin with."""
        flat = np.zeros(size_of(self.layout), dtype=np.float32)
        for name, part in parts_of(self.layout, flat).items():
            if not name.endswith("_bias"):
                part[...] = generator.normal(0, part.shape[0] ** -0.5, part.shape)
        return flat

    def use(self, flat: Tensor) -> None:
        """Judge with these parameters, in place."""
        self.flat = flat
        self.layers = Layers(self.layout, flat)
        self._directions = {
            name: self.torch.ones(form[1], device=flat.device)
            for name, form in self.layout.items()
            if len(form) == 2
        }

    def real(self, codes: Any, step: int) -> Tensor:
        """The loss of every real row, `(rows,)`: a function of the row and the step."""
        torch, count = self.torch, len(self.table.columns)
        drawn = row_uniforms(codes, step, count + 1)
        inputs = self.table.encode(codes, drawn[:, :count])
        if self.conditions.columns:
            about = np.minimum(
                (drawn[:, count] * len(self.conditions.columns)).astype(np.int64),
                len(self.conditions.columns) - 1,
            )
            places = np.array(self.conditions.columns)[about]
            own = self.table.modes(codes)[np.arange(len(codes)), places]
            inputs = np.concatenate([inputs, self.conditions.encode(about, own)], axis=1)
        return -self._score(torch.from_numpy(inputs).to(self.flat.device))

    def gradients(self, *, by_layer: bool) -> GhostGradients:
        """What a batch plan asks for."""
        return GhostGradients(self.layers, self.real, by_layer=by_layer)

    def made(self, rows: Tensor, clip: float, *, by_layer: bool) -> Tensor:
        """Mean of the clipped gradients of made rows: clipped as real ones are, without noise.

        Were they not clipped, the two sides would not balance when rows are alike.
        """
        layers = self.layers
        layers.begin()
        layers.backward(self._score(rows))
        squared = layers.squared_norms()
        if by_layer:
            weight = (clip / squared.shape[1] ** 0.5 / squared.sqrt().clamp_min(1e-12)).clamp_max(1)
        else:
            weight = (clip / squared.sum(dim=1).sqrt().clamp_min(1e-12)).clamp_max(1)
        return layers.weighted(weight / len(rows), self.torch.empty_like(self.flat))

    def _score(self, inputs: Tensor) -> Tensor:
        """Scores through the layers that keep what goes through, `(rows,)`."""
        self.layers.begin()
        held = inputs
        for place in range(self.depth):
            held = self.torch.nn.functional.leaky_relu(
                self.layers.linear(f"layer_{place}", held), LEAK
            )
        return self.layers.linear(f"layer_{self.depth}", held)[:, 0]

    def judged(self, flat: Tensor, rows: Tensor) -> Tensor:
        """Mean score of made rows under some parameters; PyTorch follows it to the rows alone."""
        part, held = parts_of(self.layout, flat), rows
        for place in range(self.depth):
            held = self.torch.nn.functional.leaky_relu(
                held @ part[f"layer_{place}"] + part[f"layer_{place}_bias"], LEAK
            )
        return (held @ part[f"layer_{self.depth}"] + part[f"layer_{self.depth}_bias"]).mean()

    def limit(self, most: float) -> None:
        """Shrink every matrix whose largest singular value is above `most` (power iteration)."""
        for name, before in self._directions.items():
            matrix = self.layers.part[name].detach()
            left = matrix @ before
            left /= left.norm().clamp_min(1e-12)
            right = matrix.T @ left
            largest = float(right.norm())
            self._directions[name] = right / max(largest, 1e-12)
            if largest > most:
                matrix.mul_(most / largest)
