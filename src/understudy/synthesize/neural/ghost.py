"""Linear layers whose per-row gradients have norms and clipped sums, but are never formed.

The gradient of one row for the matrix of a linear layer is the outer product of what went in and
what comes back, so its norm is the product of two norms (*ghost norms*: Goodfellow 2015,
arXiv:1510.01799; Li et al. 2022, arXiv:2110.05679), and a weighted sum over rows is one matrix
product (*book-keeping*: Bu et al. 2023, arXiv:2210.00038). PyTorch computes what comes back; here
stands what is kept of a forward pass, and what is made of it. One forward and one backward pass
give norms, and then the sum for any weights: flat or per-layer clipping, or the plain gradient.

What may not happen here: anything between two rows (a norm over the batch, a row's loss that
depends on another), or a layer that is used twice in one pass, whose gradient would be a sum of
outer products.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from understudy.errors import InternalError
from understudy.synthesize.neural.engine import Tensor, torch_module
from understudy.synthesize.neural.shape import Layout, parts_of

RowLoss: TypeAlias = "Callable[[Any, int], Tensor]"
"""Told codes `(rows, columns)` (NumPy) and the step; gives the loss of every row, `(rows,)`."""


@dataclass(kw_only=True)
class _Pass:
    """One layer in one forward pass: what went in, what came out, and then what comes back."""

    name: str
    inputs: Tensor
    outputs: Tensor
    codes: bool
    bias: bool
    back: Tensor | None = None


class Layers:
    """Parameters in one flat vector, and linear layers of them that keep what goes through.

    Parameters
    ----------
    layout
        A layer `name` has its matrix `(inputs, outputs)` as `name` and, if it has one, its bias
        `(outputs,)` as `name_bias`. Nothing else may stand in it.
    flat
        All parameters, float32, shape `(size_of(layout),)`; used in place. PyTorch follows no
        gradient to them: `gradient` and `weighted` are the only ways to one.
    """

    def __init__(self, layout: Layout, flat: Tensor) -> None:
        self.torch = torch_module()
        self.layout, self.flat = dict(layout), flat
        self.part = parts_of(layout, flat)
        self.names = tuple(name for name in layout if not name.endswith("_bias"))
        stray = [
            name
            for name in layout
            if name not in self.names and name.removesuffix("_bias") not in self.names
        ]
        if stray or any(len(layout[name]) != 2 for name in self.names):
            raise InternalError("a layout holds matrices and their biases")
        self._passes: list[_Pass] = []

    def begin(self) -> None:
        """Forget the last pass."""
        self._passes = []

    def linear(self, name: str, inputs: Tensor) -> Tensor:
        """Numbers `(rows, inputs)` through a layer: `(rows, outputs)`."""
        bias = self.part.get(f"{name}_bias")
        matrix = self.part[name]
        made = inputs @ matrix if bias is None else self.torch.addmm(bias, inputs, matrix)
        return self._kept(name, inputs.detach(), made, codes=False, bias=bias is not None)

    def lookup(self, name: str, codes: Tensor) -> Tensor:
        """Codes `(rows, k)`, all k of a row different, through a layer of one row per code.

        The same as `linear` on the k-hot coding of the codes, without the zeros.
        """
        bias = self.part.get(f"{name}_bias")
        made = self.torch.nn.functional.embedding_bag(codes, self.part[name], mode="sum")
        made = made if bias is None else made + bias
        return self._kept(name, codes, made, codes=True, bias=bias is not None)

    def _kept(self, name: str, inputs: Tensor, made: Tensor, *, codes: bool, bias: bool) -> Tensor:
        """A layer's output, kept so that what comes back to it can be asked for."""
        if any(one.name == name for one in self._passes):
            raise InternalError("a layer goes through once in a pass", layer=name)
        outputs = made if made.requires_grad else made.requires_grad_()
        self._passes.append(
            _Pass(name=name, inputs=inputs, outputs=outputs, codes=codes, bias=bias)
        )
        return outputs

    def backward(self, losses: Tensor) -> None:
        """What comes back to every layer from the losses of the rows, `(rows,)`."""
        asked = [one.outputs for one in self._passes]
        told = self.torch.autograd.grad(losses.sum(), asked, allow_unused=True)
        for one, back in zip(self._passes, told, strict=True):
            one.back = self.torch.zeros_like(one.outputs) if back is None else back
            one.outputs = one.back

    def squared_norms(self) -> Tensor:
        """Squared L2 norm of every row's gradient in every layer, `(rows, layers)`.

        Layers stand in the order in which rows went through them.
        """
        found = []
        for one in self._passes:
            back = self._back(one)
            went = one.inputs.shape[1] if one.codes else _square(one.inputs)
            found.append(_square(back) * (went + (1.0 if one.bias else 0.0)))
        return self.torch.stack(found, dim=1)

    def weighted(self, weights: Tensor, out: Tensor) -> Tensor:
        """Sum of the rows' gradients, each times its weight, into a flat vector.

        Parameters
        ----------
        weights
            `(rows,)`, or for every layer its own, `(rows, layers)` in the order of the norms.
        out
            Overwritten; layers that nothing went through get zero.
        """
        out.zero_()
        part = parts_of(self.layout, out)
        for place, one in enumerate(self._passes):
            own = weights if weights.ndim == 1 else weights[:, place]
            back = self._back(one) * own[:, None]
            if one.codes:
                rows, many = one.inputs.shape
                spread = back[:, None, :].expand(rows, many, back.shape[1])
                flat = spread.reshape(rows * many, back.shape[1])
                part[one.name].index_add_(0, one.inputs.reshape(-1), flat)
            else:
                self.torch.mm(one.inputs.T, back, out=part[one.name])
            if one.bias:
                self.torch.sum(back, dim=0, out=part[f"{one.name}_bias"])
        return out

    def gradient(self, losses: Tensor, out: Tensor) -> Tensor:
        """Gradient of the mean of some rows' losses, into a flat vector: the plain, open step."""
        self.backward(losses)
        rows = max(len(losses), 1)
        return self.weighted(self.torch.full_like(losses.detach(), 1.0 / rows), out)

    def _back(self, one: _Pass) -> Tensor:
        """What came back to a layer."""
        if one.back is None:
            raise InternalError("norms are asked for after a backward pass")
        return one.back


def _square(values: Tensor) -> Tensor:
    """Squared length of every row."""
    return torch_module().einsum("bh,bh->b", values, values)


class GhostGradients:
    """A network of `Layers` as `curator.batches` asks for it: norms of rows, then a weighted sum.

    Parameters
    ----------
    layers
        What learns.
    loss
        The loss of every row by itself, computed through `layers`.
    by_layer
        Whether every layer is clipped by itself; the plan is then told `parts`.
    """

    def __init__(self, layers: Layers, loss: RowLoss, *, by_layer: bool = False) -> None:
        self.layers, self.loss, self.by_layer = layers, loss, by_layer

    @property
    def parts(self) -> int:
        """In how many parts gradients are clipped."""
        return len(self.layers.names) if self.by_layer else 1

    def norms(self, codes: Any, step: int) -> Any:
        """Norm of every row's gradient, `(rows,)`, or in every layer, `(rows, layers)`."""
        self.layers.begin()
        self.layers.backward(self.loss(codes, step))
        squared = self.layers.squared_norms()
        told = squared if self.by_layer else squared.sum(dim=1)
        return told.sqrt().double().cpu().numpy()

    def weighted(self, weights: Any) -> Any:
        """Their weighted sum, `(parameters,)`."""
        layers = self.layers
        told = layers.torch.from_numpy(weights.astype(np.float32)).to(layers.flat.device)
        total = layers.weighted(told, layers.torch.empty_like(layers.flat))
        return total.double().cpu().numpy()
