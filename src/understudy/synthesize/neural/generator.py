"""A generator: layers with batch norm that turn noise, and a condition, into rows.

What comes out of it are modes and values of columns (`features`), made soft so that a critic's
judgement can flow back (Gumbel-softmax: Jang, Gu & Poole 2017, arXiv:1611.01144). It begins with
columns that are independent and have their noisy shares. What may not happen here: rows. The
batch its norm is taken over is one of its own rows, so nothing of a real row is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from understudy.synthesize.neural.engine import Tensor, torch_module
from understudy.synthesize.neural.features import Features
from understudy.synthesize.neural.layers_codes import NO_CONDITIONS, Conditions
from understudy.synthesize.neural.shape import parts_of, size_of

Floats: TypeAlias = npt.NDArray[np.float32]

SHARPNESS = 0.2
"""Temperature of soft modes, as in CTGAN."""

JITTER = 0.01
"""Noise on values, so that equal ones can be told apart when they are spread over codes."""

_EPSILON = 1e-5
_FOLDED = 4_096
_FLOOR = 1e-4


@dataclass(frozen=True, kw_only=True, eq=False)
class GeneratorShape:
    """Sizes of a generator, all public.

    Parameters
    ----------
    table
        The columns.
    noise
        Standard normal numbers that go in, 1 or more.
    hidden
        Hidden units of each layer.
    residual
        Whether a layer's inputs are passed on beside its outputs.
    conditions
        What it is told beside noise.
    """

    table: Features
    noise: int
    hidden: tuple[int, ...]
    residual: bool = True
    conditions: Conditions = NO_CONDITIONS

    @property
    def inputs(self) -> int:
        """Numbers that go in."""
        return self.noise + self.conditions.width

    @property
    def valued(self) -> tuple[int, ...]:
        """Valued modes of every column; they are the first of its modes."""
        return tuple(int(item.back.valued.sum()) for item in self.table.columns)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How the outputs are cut: all values, then each column's logits."""
        return (sum(self.valued), *(item.modes for item in self.table.columns))

    @property
    def layout(self) -> dict[str, tuple[int, ...]]:
        """Every matrix and vector by name, in the order of the flat vector."""
        found: dict[str, tuple[int, ...]] = {}
        width = self.inputs
        for place, size in enumerate(self.hidden):
            found |= {
                f"weight_{place}": (size, width),
                f"scale_{place}": (size,),
                f"shift_{place}": (size,),
            }
            width = size + (width if self.residual else 0)
        outputs = sum(self.sizes)
        return found | {"out": (outputs, width), "out_bias": (outputs,)}

    @property
    def parameters(self) -> int:
        """Numbers in the flat vector."""
        return size_of(self.layout)

    def begin(self, generator: np.random.Generator, *, apart: float = 0.1) -> Floats:
        """Parameters to begin with: modes about as frequent as they were counted.

        Parameters
        ----------
        generator
            Draws the matrices.
        apart
            How much logits depend on noise at first: near zero for independent columns.
        """
        flat = np.zeros(self.parameters, dtype=np.float32)
        part = parts_of(self.layout, flat)
        for name, form in self.layout.items():
            if name.startswith("weight"):
                limit = (3.0 / form[1]) ** 0.5
                part[name][...] = generator.uniform(-limit, limit, form)
            elif name.startswith("scale"):
                part[name][...] = 1.0
        values = self.sizes[0]
        spread = (1.0 / part["out"].shape[1]) ** 0.5
        part["out"][...] = generator.normal(0, spread, part["out"].shape)
        part["out"][values:] *= apart
        shares = np.concatenate([item.mode_shares for item in self.table.columns])
        part["out_bias"][values:] = np.log(shares + _FLOOR)
        return flat


class Generator:
    """A generator's parameters, and what it makes of noise.

    Parameters
    ----------
    shape
        Its sizes.
    flat
        All parameters, float32, shape `(shape.parameters,)`, used in place.
    """

    def __init__(self, shape: GeneratorShape, flat: Tensor) -> None:
        self.torch = torch_module()
        self.shape, self.flat = shape, flat
        self.gradient = self.torch.zeros_like(flat)
        self.part = parts_of(shape.layout, flat)
        for name, into in parts_of(shape.layout, self.gradient).items():
            self.part[name].requires_grad_()
            self.part[name].grad = into

    def raw(self, inputs: Tensor) -> Tensor:
        """Outputs of the last layer, `(rows, outputs)`: all values, then all logits."""
        torch, held = self.torch, inputs
        for place in range(len(self.shape.hidden)):
            made = torch.nn.functional.linear(held, self.part[f"weight_{place}"])
            made = torch.nn.functional.batch_norm(
                made,
                None,
                None,
                self.part[f"scale_{place}"],
                self.part[f"shift_{place}"],
                training=True,
                eps=_EPSILON,
            ).relu_()
            held = torch.cat([made, held], dim=1) if self.shape.residual else made
        return torch.nn.functional.linear(held, self.part["out"], self.part["out_bias"])

    def soft(self, raw: Tensor, random: Any) -> Tensor:
        """Soft rows as a critic sees them, `(rows, table.width)`; `random` draws their modes."""
        torch, values = self.torch, self.shape.sizes[0]
        gumbel = torch.empty((len(raw), raw.shape[1] - values), device=raw.device).exponential_(
            generator=random
        )
        noisy = (raw[:, values:] - gumbel.add_(1e-20).log_()) / SHARPNESS
        logits = noisy.split(self.shape.sizes[1:], dim=1)
        said = raw[:, :values].tanh().split(self.shape.valued, dim=1)
        made = []
        for valued, value, logit in zip(self.shape.valued, said, logits, strict=True):
            soft = logit.softmax(dim=1)
            if valued:
                made.append((value * soft[:, :valued]).sum(dim=1, keepdim=True))
            made.append(soft)
        return torch.cat(made, dim=1)

    def missed(self, raw: Tensor, column: Tensor, place: Tensor) -> Tensor:
        """Mean surprise at the conditions that rows were made under (cross-entropy)."""
        torch, shape = self.torch, self.shape
        logits = raw[:, shape.sizes[0] :].split(shape.sizes[1:], dim=1)
        norm = torch.stack([logits[one].logsumexp(dim=1) for one in shape.conditions.columns], 1)
        said = torch.cat([logits[one] for one in shape.conditions.columns], dim=1)
        surprise = norm.gather(1, column[:, None]) - said.gather(1, place[:, None])
        return surprise.mean()

    def departed(self, raw: Tensor, shares: Tensor) -> Tensor:
        """Squared distance of the rows' mean mode shares from paid-for ones, over all columns."""
        torch, shape = self.torch, self.shape
        logits = raw[:, shape.sizes[0] :].split(shape.sizes[1:], dim=1)
        mean = torch.cat([logit.softmax(dim=1).mean(dim=0) for logit in logits])
        return ((mean - shares) ** 2).sum()

    def folded(self, flat: npt.NDArray[Any], conditions: Conditions) -> list[tuple[Floats, Floats]]:
        """Matrices and biases for `LayersCodes`: batch norm by its mean over many noises.

        Parameters
        ----------
        flat
            Parameters, such as an average over the last steps.
        conditions
            By which shares conditions are drawn.
        """
        part = parts_of(self.shape.layout, flat)
        generator = np.random.default_rng(0)
        held = generator.standard_normal((_FOLDED, self.shape.noise), dtype=np.float32)
        if conditions.columns:
            told = conditions.encode(*conditions.draw(_FOLDED, generator))
            held = np.concatenate([held, told], axis=1)
        layers = []
        for place in range(len(self.shape.hidden)):
            weight = part[f"weight_{place}"]
            made = held @ weight.T
            scale = part[f"scale_{place}"] / np.sqrt(made.var(axis=0) + _EPSILON)
            shift = part[f"shift_{place}"] - scale * made.mean(axis=0)
            layers.append((weight * scale[:, None], shift))
            made = np.maximum(made * scale + shift, 0.0)
            held = np.concatenate([made, held], axis=1) if self.shape.residual else made
        order = self._outer()
        layers.append((part["out"][order], part["out_bias"][order]))
        return [(w.astype(np.float32), b.astype(np.float32)) for w, b in layers]

    def _outer(self) -> npt.NDArray[np.int64]:
        """Places of the outputs in the order of `LayersCodes`: every column's values and logits."""
        value, logit, found = 0, self.shape.sizes[0], []
        for valued, modes in zip(self.shape.valued, self.shape.sizes[1:], strict=True):
            found += [np.arange(value, value + valued), np.arange(logit, logit + modes)]
            value, logit = value + valued, logit + modes
        return np.concatenate(found).astype(np.int64)
