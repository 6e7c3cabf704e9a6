"""A variational autoencoder on PyTorch: encoder, decoder and the loss of every row.

The encoder looks a row's codes up and gives the mean and log-variance of a point; the decoder
makes logits of every column's codes of a point (Kingma & Welling 2014, arXiv:1312.6114):

    h = relu(sum of the codes' rows + b),  h' = h + relu(h W + b),  (m, s) = h' P + c,
    z = m + exp(s / 2) e,  g = relu(z V + d),  g' = g + relu(g U + f),  logits = g' O + o.

A row's loss is what its columns cost in nats given the point, plus `beta` times the divergence of
the point from a standard normal one (Higgins et al. 2017). Numbers are cells, labels labels: a
softmax over each column's codes needs no noise model, and may have spikes. All matrices are `ghost.Layers`: rows' gradients
have norms without being formed. What may not happen here: anything between two rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from understudy.prepare.attributes import Attribute
from understudy.synthesize.neural.engine import Tensor, torch_module
from understudy.synthesize.neural.ghost import Layers
from understudy.synthesize.neural.latent import LatentShape
from understudy.synthesize.neural.rowhash import row_normals
from understudy.synthesize.neural.shape import Floats, parts_of, size_of

_NARROWEST, _WIDEST = -8.0, 4.0
"""Limits of a point's log-variance."""

_VANISHED = 1e-30
"""Sums of a column's shares below which float32 has lost them."""

_JUDGED = 1_024


def first_weights(
    shape: LatentShape, items: Sequence[Attribute], generator: np.random.Generator
) -> Floats:
    """Parameters to begin with: every column has its (paid-for) shares, whatever the point.

    Layers begin random, scaled by their inputs (He et al. 2015); the output begins small, so
    training begins near independent columns.
    """
    flat = np.zeros(size_of(shape.layout()), dtype=np.float32)
    part = parts_of(shape.layout(), flat)
    for name, inputs, gain in (
        ("seen", shape.count, 2.0),
        ("narrow", shape.width, 1.0),
        ("point", shape.width, 0.5),
        ("wide", shape.latent, 2.0),
        ("deep", shape.width, 1.0),
        ("out", shape.width, 0.05),
    ):
        part[name][...] = generator.normal(0, math.sqrt(gain / inputs), part[name].shape)
    shares = np.concatenate([item.shares for item in items])
    floor = np.repeat([0.1 / size for size in shape.sizes], shape.sizes) * 1e-3
    part["out_bias"][...] = np.log(shares + floor)
    return flat


class Autoencoder:
    """Parameters on a device, and the losses of rows.

    Parameters
    ----------
    shape
        The architecture.
    flat
        All parameters, float32; used in place.
    beta
        Weight of the divergence from the prior, above 0.
    """

    def __init__(self, shape: LatentShape, flat: Tensor, beta: float) -> None:
        self.torch = torch_module()
        self.shape, self.flat, self.beta = shape, flat, beta
        self.layers = Layers(shape.layout(), flat)
        device = flat.device
        self._starts = self.torch.tensor(shape.starts, device=device)
        owner = np.repeat(np.arange(shape.count), shape.sizes)
        belongs = np.equal.outer(owner, np.arange(shape.count)).astype(np.float32)
        self._belongs = self.torch.from_numpy(belongs).to(device)

    def latent_of(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the points of rows, each `(rows, latent)`."""
        torch, layers = self.torch, self.layers
        hidden = torch.relu(layers.lookup("seen", codes + self._starts))
        hidden = hidden + torch.relu(layers.linear("narrow", hidden))
        mean, spread = layers.linear("point", hidden).chunk(2, dim=1)
        return mean, spread.clamp(_NARROWEST, _WIDEST)

    def losses(self, codes: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """What to go down, and what it costs: nats of every row, `(rows,)` each.

        Parameters
        ----------
        codes
            Integer codes, `(rows, columns)`.
        noise
            A standard normal point for every row, `(rows, latent)`.

        Returns
        -------
        tuple
            A value whose gradient is that of the loss, and the loss itself.
        """
        torch, layers = self.torch, self.layers
        layers.begin()
        mean, spread = self.latent_of(codes)
        far = 0.5 * (mean**2 + spread.exp() - spread - 1.0).sum(dim=1)
        point = mean + torch.exp(0.5 * spread) * noise
        hidden = torch.relu(layers.linear("wide", point))
        hidden = hidden + torch.relu(layers.linear("deep", hidden))
        logits = layers.linear("out", hidden)
        cost, residual = self._likelihood(logits.detach(), codes)
        steep = (logits * residual).sum(dim=1) + self.beta * far
        return steep, cost + self.beta * far.detach()

    def _likelihood(self, logits: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Nats of every row's columns, and their gradient by the logits.

        All columns' softmaxes at once: sums over a column's codes are a product with the matrix
        of which code belongs to which column. Where a column lies so far below another that its
        sum vanishes, columns are taken one by one.
        """
        torch = self.torch
        own = codes + self._starts
        top = logits.amax(dim=1, keepdim=True)
        residual = (logits - top).exp_()
        sums = residual @ self._belongs
        if bool((sums > _VANISHED).all()):
            cost = (sums.log() + top - logits.gather(1, own)).sum(dim=1)
            residual *= sums.reciprocal_() @ self._belongs.T
        else:
            cost = torch.zeros(len(codes), device=codes.device)
            for column, (start, end) in enumerate(self.shape.spans):
                told = torch.log_softmax(logits[:, start:end], dim=1)
                cost -= told.gather(1, codes[:, column : column + 1])[:, 0]
                residual[:, start:end] = told.exp_()
        residual.scatter_add_(1, own, torch.full_like(own, -1, dtype=residual.dtype))
        return cost, residual

    def of_rows(self, codes: Any, step: int) -> Tensor:
        """The loss of every row in a noisy step, with the row's own noise; see `ghost.RowLoss`."""
        device = self.flat.device
        held = self.torch.from_numpy(codes.astype(np.int64)).to(device)
        noise = self.torch.from_numpy(row_normals(codes, step, self.shape.latent)).to(device)
        return self.losses(held, noise)[0]


class OpenAutoencoder:
    """The autoencoder as an open training needs it; see `training.Learner`."""

    def __init__(self, network: Autoencoder) -> None:
        self.network, self.flat = network, network.flat

    def drawn(self, rows: int, generator: np.random.Generator) -> Tensor:
        """A standard normal point for every row."""
        noise = generator.standard_normal((rows, self.network.shape.latent), dtype=np.float32)
        return self.network.torch.from_numpy(noise).to(self.flat.device)

    def gradient(self, rows: Tensor, generator: np.random.Generator, out: Tensor) -> float:
        """Mean loss of some rows, and its gradient."""
        steep, cost = self.network.losses(rows, self.drawn(len(rows), generator))
        self.network.layers.gradient(steep, out)
        return float(cost.mean())

    def judged(self, flat: Tensor, rows: Tensor, drawn: Tensor) -> float:
        """Mean loss of rows under other parameters, in parts."""
        other = Autoencoder(self.network.shape, flat, self.network.beta)
        total = 0.0
        for start in range(0, len(rows), _JUDGED):
            part = slice(start, start + _JUDGED)
            total += float(other.losses(rows[part], drawn[part])[1].sum())
        return total / max(len(rows), 1)

    def points(self, flat: Any, codes: np.ndarray, generator: np.random.Generator) -> Floats:
        """Points of rows under some parameters, `(rows, latent)`; as sensitive as the rows."""
        torch = self.network.torch
        there = torch.from_numpy(flat).to(self.flat.device)
        other = Autoencoder(self.network.shape, there, self.network.beta)
        found = []
        for start in range(0, len(codes), _JUDGED):
            part = codes[start : start + _JUDGED].astype(np.int64)
            other.layers.begin()
            mean, spread = other.latent_of(torch.from_numpy(part).to(self.flat.device))
            noise = self.drawn(len(part), generator)
            found.append((mean + torch.exp(0.5 * spread) * noise).detach().cpu().numpy())
        none = np.zeros((0, self.network.shape.latent), dtype=np.float32)
        return np.concatenate([none, *found])
