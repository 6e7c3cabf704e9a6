"""The autoregressive network on PyTorch: forward, and the gradient of every row without forming it.

Column j has a network of its own. It sees the embeddings of the columns that are known (the others
are zero) and which ones those are, and gives logits for the column's codes:

    x_j = [ m_jk · e_k(code_k), m_jk ]_k,   h = relu(x_j W + b),   g = h + relu(h W' + b'),
    logits_j = g · V_j + c_j.

The gradient is written by hand. Every matrix gets, per row, an outer product of what went into it
and what comes back; so its norm is the product of two norms (*ghost norms*: Goodfellow 2015,
arXiv:1510.01799; Li et al. 2022, arXiv:2110.05679), and the sum of clipped gradients is one matrix
product (Bu et al. 2023, "book-keeping", arXiv:2210.00038). One forward, one backward pass, no
gradient per row in memory. What may not happen here: anything between two rows, such as a norm over
the batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from understudy.synthesize.neural.engine import Tensor, torch_module
from understudy.synthesize.neural.rowhash import mixed, row_keys, salts
from understudy.synthesize.neural.shape import Shape


class Network:
    """Parameters on a device, and what rows do to them.

    Parameters
    ----------
    shape
        The architecture.
    flat
        All parameters, float32, shape `(parameters,)`; used in place.
    """

    def __init__(self, shape: Shape, flat: Tensor) -> None:
        self.torch = torch_module()
        self.shape, self.flat = shape, flat
        self.part = shape.parts(flat)
        device = flat.device
        self._starts = self.torch.tensor(shape.starts, device=device)
        self._group = self.torch.tensor(shape.group_of(), device=device)
        self._spans = list(zip(shape.starts, shape.sizes, strict=True))

    def known(self, rows: int, order: Tensor) -> Tensor:
        """Which columns are known to which, `(rows, columns, columns)`, for drawn places."""
        return (order[:, None, :] < order[:, :, None]).to(self.flat.dtype)

    def forward(self, codes: Tensor, known: Tensor) -> Tensor:
        """Loss of every row: nats over all columns, shape `(rows,)`; keeps what `gradient` needs.

        Parameters
        ----------
        codes
            Integer codes, `(rows, columns)`.
        known
            1 where column k (last axis) is known to column j, `(rows, columns, columns)`.
        """
        torch, part, shape = self.torch, self.part, self.shape
        rows, count = codes.shape
        self.flat_codes = codes + self._starts
        self.group_codes = self._group[self.flat_codes]
        self.known_to = known
        embedded = part["codes"][self.flat_codes] + part["groups"][self.group_codes]
        self.x = torch.empty(count, rows, shape.inputs, device=codes.device)
        inner = self.x[:, :, : count * shape.embedding].view(count, rows, count, shape.embedding)
        by_column = known.transpose(0, 1)
        torch.mul(by_column[..., None], embedded[None], out=inner)
        self.x[:, :, count * shape.embedding :] = by_column
        self.z1 = torch.baddbmm(part["first_bias"], self.x, part["first"])
        self.h1 = torch.relu(self.z1)
        self.z2 = torch.baddbmm(part["second_bias"], self.h1, part["second"])
        self.h2 = self.h1 + torch.relu(self.z2)
        self.weights = part["out"] + part["out_groups"][self._group]
        loss = torch.zeros(rows, device=codes.device)
        self.residuals = []
        for column, (start, size) in enumerate(self._spans):
            ours = self.weights[start : start + size]
            logits = torch.addmm(part["out_bias"][start : start + size], self.h2[column], ours.T)
            logp = torch.log_softmax(logits, dim=1)
            own = codes[:, column : column + 1]
            loss -= logp.gather(1, own)[:, 0]
            residual = logp.exp_()
            residual.scatter_add_(1, own, torch.full_like(residual[:, :1], -1.0))
            self.residuals.append(residual)
        return loss

    def backward(self) -> None:
        """What comes back to every layer, for the rows of the last `forward`."""
        torch, part, shape = self.torch, self.part, self.shape
        count, rows = self.x.shape[:2]
        back = torch.empty_like(self.h2)
        for column, (start, size) in enumerate(self._spans):
            torch.mm(self.residuals[column], self.weights[start : start + size], out=back[column])
        self.d2 = back * (self.z2 > 0)
        back = torch.baddbmm(back, self.d2, part["second"].transpose(1, 2))
        self.d1 = back.mul_(self.z1 > 0)
        used = count * shape.embedding
        inputs = torch.bmm(self.d1, part["first"][:, :used].transpose(1, 2))
        spread = inputs.view(count, rows, count, shape.embedding)
        self.dx = torch.einsum("jbke,bjk->bke", spread, self.known_to)

    def squared_norms(self) -> Tensor:
        """Squared L2 norm of every row's gradient over all parameters, shape `(rows,)`."""
        torch = self.torch

        def square(values: Tensor) -> Tensor:
            return torch.einsum("...h,...h->...", values, values)

        d1, d2 = square(self.d1), square(self.d2)
        total = (d1 * (square(self.x) + 1.0) + d2 * (square(self.h1) + 1.0)).sum(0)
        out = square(self.h2)
        for column, residual in enumerate(self.residuals):
            own = square(residual)
            weight = own
            if self.shape.groups[column]:
                weight = own + square(self._by_group(column, residual))
            total = total + out[column] * weight + own
        touched = square(self.dx)
        return total + (touched * (1.0 + (self.group_codes > 0))).sum(1)

    def _by_group(self, column: int, residual: Tensor) -> Tensor:
        """Residuals summed over the codes of a group."""
        start, size = self._spans[column]
        group = self._group[start : start + size] - self.shape.group_starts[column]
        summed = self.torch.zeros(
            len(residual), self.shape.group_sizes[column], device=residual.device
        )
        return summed.index_add_(1, group, residual)

    def weighted(self, weights: Tensor, out: Tensor) -> Tensor:
        """Sum of the rows' gradients, each times its weight, into a flat vector."""
        torch, shape = self.torch, self.shape
        part = shape.parts(out)
        d1, d2 = self.d1 * weights[None, :, None], self.d2 * weights[None, :, None]
        torch.bmm(self.x.transpose(1, 2), d1, out=part["first"])
        torch.sum(d1, dim=1, keepdim=True, out=part["first_bias"])
        torch.bmm(self.h1.transpose(1, 2), d2, out=part["second"])
        torch.sum(d2, dim=1, keepdim=True, out=part["second_bias"])
        for column, (start, size) in enumerate(self._spans):
            residual = self.residuals[column] * weights[:, None]
            torch.mm(residual.T, self.h2[column], out=part["out"][start : start + size])
            torch.sum(residual, dim=0, out=part["out_bias"][start : start + size])
        part["out_groups"].zero_().index_add_(0, self._group, part["out"])
        part["out_groups"][0] = 0.0
        touched = (self.dx * weights[:, None, None]).reshape(-1, shape.embedding)
        part["codes"].zero_().index_add_(0, self.flat_codes.reshape(-1), touched)
        part["groups"].zero_().index_add_(0, self.group_codes.reshape(-1), touched)
        part["groups"][0] = 0.0
        return out


class OpenNetwork:
    """The network as an open training needs it: random orders of columns for every row.

    Parameters
    ----------
    network
        What learns.
    focus
        Share of rows, in [0, 1], that take the columns in table order, in which rows are drawn.
    """

    def __init__(self, network: Network, focus: float) -> None:
        self.network, self.focus, self.flat = network, focus, network.flat

    def drawn(self, rows: int, generator: np.random.Generator) -> Tensor:
        """A random order of the columns for every row, or for some the table's."""
        count = self.network.shape.count
        places = generator.random((rows, count), dtype=np.float32)
        plain = generator.random(rows) < self.focus
        places[plain] = np.arange(count, dtype=np.float32)
        return self.network.torch.from_numpy(places).to(self.flat.device)

    def gradient(self, rows: Tensor, generator: np.random.Generator, out: Tensor) -> float:
        """Mean loss of some rows, and its gradient."""
        network = self.network
        known = network.known(len(rows), self.drawn(len(rows), generator))
        loss = float(network.forward(rows, known).mean())
        network.backward()
        share = 1.0 / len(rows)
        network.weighted(network.torch.full((len(rows),), share, device=rows.device), out)
        return loss

    def judged(self, flat: Tensor, rows: Tensor, drawn: Tensor) -> float:
        """Mean loss of rows under other parameters, in parts."""
        other = Network(self.network.shape, flat)
        total = 0.0
        for start in range(0, len(rows), 1_024):
            part = rows[start : start + 1_024]
            known = other.known(len(part), drawn[start : start + 1_024])
            total += float(other.forward(part, known).sum())
        return total / max(len(rows), 1)


class RowGradients:
    """The network as `curator.batches` asks for it: norms of rows, then their weighted sum.

    Which columns are known to which is decided for every row by a hash of the row and the step, so
    that a row's gradient is a function of that row alone, wherever in a batch it stands.

    Parameters
    ----------
    network
        What learns.
    focus
        Share of rows, in [0, 1], that take the columns in table order.
    """

    def __init__(self, network: Network, focus: float = 0.0) -> None:
        self.network, self.focus = network, focus

    def norms(self, codes: Any, step: int) -> Any:
        """Norm of every row's gradient."""
        torch, network = self.network.torch, self.network
        device = network.flat.device
        held = torch.from_numpy(codes.astype(np.int64)).to(device)
        order = torch.from_numpy(row_orders(codes, step, self.focus)).to(device)
        network.forward(held, network.known(len(held), order))
        network.backward()
        return network.squared_norms().sqrt().double().cpu().numpy()

    def weighted(self, weights: Any) -> Any:
        """Their weighted sum."""
        network = self.network
        told = network.torch.from_numpy(weights.astype(np.float32)).to(network.flat.device)
        total = network.torch.empty_like(network.flat)
        return network.weighted(told, total).double().cpu().numpy()


def row_orders(codes: Any, step: int, focus: float = 0.0) -> Any:
    """A place for every cell, by hashing its row and the step: the order of columns.

    Places lie in (0, 1); of a share `focus` of rows they are 0, 1, 2 and so on.

    >>> rows = np.array([[1, 2, 3], [4, 5, 6], [1, 2, 3]])
    >>> places = row_orders(rows, 7)
    >>> bool((places[0] == places[2]).all()), bool((places[0] == places[1]).any())
    (True, False)
    """
    count = codes.shape[1]
    key = row_keys(codes, step)
    with np.errstate(over="ignore"):
        cell = mixed(key[:, None] + salts(count))
    places = ((cell >> np.uint64(40)).astype(np.float32) + 0.5) * np.float32(2.0**-24)
    if focus > 0:
        plain = (mixed(key) >> np.uint64(11)) * 2.0**-53 < focus
        places[plain] = np.arange(count, dtype=np.float32)
    return places
