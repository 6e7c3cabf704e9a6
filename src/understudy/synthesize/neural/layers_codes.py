"""A stack of layers that turns noise into rows, as a generator of codes: NumPy alone.

What a GAN, a conditional GAN or a decoder leaves: matrices, the tables that lead from modes and
values back to codes, and for a conditional generator the shares by which conditions are drawn.
Batch norm is folded into the matrices before. What may not happen here: PyTorch, learning from
rows, a share that was not paid for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from understudy.errors import ModelError
from understudy.synthesize.neural.codes import spread_draw
from understudy.synthesize.neural.features import FAR, Back

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Singles: TypeAlias = npt.NDArray[np.float32]

ACTIVATIONS = ("relu", "leaky", "tanh")
VALUES = ("tanh", "linear")

_CHUNK = 1 << 14
_JUDGED, _ROUNDS, _CLOSE = 1 << 15, 60, 1e-4


def activate(name: str, hidden: Singles) -> Singles:
    """A layer's activation, in place: `relu`, `leaky` (slope 0.2) or `tanh`."""
    if name == "relu":
        np.maximum(hidden, 0.0, out=hidden)
    elif name == "leaky":
        np.maximum(hidden, 0.2 * hidden, out=hidden)
    else:
        np.tanh(hidden, out=hidden)
    return hidden


@dataclass(frozen=True, kw_only=True, eq=False)
class Conditions:
    """What a conditional generator is told beside noise: one mode of one column, as one-hot.

    A column is drawn (each as often as another), then a mode of it by its noisy share.

    Parameters
    ----------
    columns
        Places of the columns that conditions are about.
    shares
        For each of them the share of every mode.
    """

    columns: tuple[int, ...]
    shares: tuple[Floats, ...]

    @property
    def width(self) -> int:
        """Numbers in a condition."""
        return sum(len(one) for one in self.shares)

    def draw(self, rows: int, generator: np.random.Generator) -> tuple[Ints, Ints]:
        """Which condition column, and which mode, for every row."""
        ends = np.cumsum(np.concatenate([one / one.sum() for one in self.shares]))
        starts = np.concatenate([[0], np.cumsum([len(one) for one in self.shares])])
        column = generator.integers(0, len(self.columns), rows)
        point = column + generator.random(rows)
        place = np.searchsorted(ends, point, side="right")
        mode = np.clip(place, starts[column], starts[column + 1] - 1) - starts[column]
        return column, mode

    def places(self, column: Ints, mode: Ints) -> Ints:
        """Where in a condition the one stands."""
        starts = np.concatenate([[0], np.cumsum([len(one) for one in self.shares])])
        return np.asarray(starts[column] + mode)

    def encode(self, column: Ints, mode: Ints) -> Singles:
        """Conditions as one-hot, `(rows, width)`."""
        made = np.zeros((len(column), self.width), dtype=np.float32)
        made[np.arange(len(column)), self.places(column, mode)] = 1.0
        return made


NO_CONDITIONS = Conditions(columns=(), shares=())


@dataclass(frozen=True, kw_only=True, eq=False)
class LayersCodes:
    """Codes drawn by a stack of layers from noise.

    The last layer gives for every column, in order, one value for each of its valued modes, then
    a logit for each of its modes. The mode is drawn by its logits; its value goes through
    `values` and, by the column's table, to a code.

    Parameters
    ----------
    columns, backs
        Names of columns, and the way back to codes of each.
    layers
        Matrices `(outputs, inputs)` and biases, the output layer last.
    noise
        Standard normal numbers that go in, 1 or more.
    residual
        Whether a hidden layer's inputs are passed on beside its outputs (after them).
    activation
        Of hidden layers: `relu`, `leaky` or `tanh`.
    values
        Activation of values: `tanh` or `linear`.
    conditions
        What is told beside noise (after it).
    spread
        Standard deviation of Gaussian noise on values: one for all, or one per value.
    facts
        How training went, for people.

    Raises
    ------
    ModelError
        The parts do not fit each other, or a number is not finite.
    """

    kind: ClassVar[str] = "layers"

    columns: tuple[str, ...]
    backs: tuple[Back, ...]
    layers: tuple[tuple[Singles, Singles], ...]
    noise: int
    residual: bool = False
    activation: str = "relu"
    values: str = "tanh"
    conditions: Conditions = NO_CONDITIONS
    spread: float | Floats = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        width = self.noise + self.conditions.width
        sound = len(self.columns) == len(self.backs) > 0 and len(self.layers) > 0 < self.noise
        sound = sound and self.activation in ACTIVATIONS and self.values in VALUES
        for weight, bias in self.layers:
            sound = sound and weight.ndim == 2 and weight.shape == (len(bias), width)
            sound = sound and bool(np.isfinite(weight).all() and np.isfinite(bias).all())
            width = len(bias) + (width if self.residual else 0)
        sound = sound and len(self.layers[-1][1]) == sum(_width(back) for back in self.backs)
        held = zip(self.conditions.columns, self.conditions.shares, strict=True)
        for place, shares in held if sound else ():
            sound = sound and 0 <= place < len(self.backs)
            sound = sound and len(shares) == self.backs[place].modes and shares.sum() > 0
            sound = sound and bool(np.all(shares >= 0))
        if not sound:
            raise ModelError("the layers of a saved network are damaged")

    def outputs(self, inputs: Singles) -> Singles:
        """What the last layer says, `(rows, outputs)`."""
        held = inputs
        for weight, bias in self.layers[:-1]:
            made = held @ weight.T
            made += bias
            made = activate(self.activation, made)
            held = np.concatenate([made, held], axis=1) if self.residual else made
        weight, bias = self.layers[-1]
        made = held @ weight.T
        made += bias
        return np.asarray(made)

    def inputs(self, rows: int, generator: np.random.Generator) -> Singles:
        """Noise, and conditions beside it where there are any."""
        noise = generator.standard_normal((rows, self.noise), dtype=np.float32)
        if not self.conditions.columns:
            return noise
        told = self.conditions.encode(*self.conditions.draw(rows, generator))
        return np.concatenate([noise, told], axis=1)

    def draw(self, rows: int, generator: np.random.Generator) -> Mapping[str, np.ndarray]:
        """Codes of new rows: a row depends on its own noise alone, but for how modes are spread."""
        made = {name: np.empty(rows, dtype=np.int64) for name in self.columns}
        for start in range(0, rows, _CHUNK):
            count = min(_CHUNK, rows - start)
            said = self.outputs(self.inputs(count, generator))
            for place, (first, back) in enumerate(self._blocks()):
                shares = _softmax(said[:, first + _valued(back) : first + _width(back)])
                mode = spread_draw(shares, generator)
                where = self._places(said, first, back, mode, generator)
                made[self.columns[place]][start : start + count] = back(mode, where)
        return made

    def _blocks(self) -> Iterator[tuple[int, Back]]:
        """Every column's first output, and its table."""
        start = 0
        for back in self.backs:
            yield start, back
            start += _width(back)

    def _places(
        self, said: Singles, first: int, back: Back, mode: Ints, generator: np.random.Generator
    ) -> Floats:
        """Where in its mode each row lies: its value, or uniform where there is none."""
        where = generator.random(len(said))
        if not back.valued.any():
            return where
        value = np.cumsum(back.valued) - 1
        rows = np.flatnonzero(back.valued[mode])
        chosen = first + value[mode[rows]]
        where[rows] = self._value(said[rows, chosen], chosen, generator)
        return where

    def _value(self, said: Any, chosen: Any, generator: np.random.Generator) -> Floats:
        """Values from what the last layer says of some outputs, with their noise."""
        value = np.asarray(np.tanh(said) if self.values == "tanh" else said, dtype=np.float64)
        spread = self.spread if isinstance(self.spread, float) else self.spread[chosen]
        if np.any(spread):
            value = value + spread * generator.standard_normal(len(value))
        return np.clip(value, -FAR, FAR)

    def calibrated(self, shares: Sequence[Floats]) -> LayersCodes:
        """The same network, its single columns as they were counted.

        Parameters
        ----------
        shares
            Of every column's codes, noisy: what was paid for already.

        Returns
        -------
        LayersCodes
            With other biases of the last layer (proportional fitting on the rows it draws), and
            inside modes with other limits between values (quantiles of the values it draws). What
            goes together in a row stays as it was.
        """
        generator = np.random.default_rng(0)
        said = np.concatenate(
            [self.outputs(self.inputs(_CHUNK, generator)) for _ in range(_JUDGED // _CHUNK)]
        )
        weight, bias = self.layers[-1]
        bias, backs = bias.copy(), []
        for (first, back), wanted in zip(self._blocks(), shares, strict=True):
            logits = slice(first + _valued(back), first + _width(back))
            by_mode = [float(wanted[back.codes[a:b]].sum()) for a, b in pairwise(back.starts)]
            told, moved = _fitted(_softmax(said[:, logits]), np.array(by_mode))
            bias[logits] += moved
            ends = back.ends.copy()
            for number, mode in enumerate(np.flatnonzero(back.valued)):
                codes = slice(back.starts[mode], back.starts[mode + 1])
                chosen = np.full(len(said), first + number)
                value = self._value(said[:, first + number], chosen, generator)
                ends[codes] = _limits(value, told[:, mode], wanted[back.codes[codes]], ends[codes])
            backs.append(replace(back, ends=ends))
        return replace(
            self,
            backs=tuple(backs),
            layers=(*self.layers[:-1], (weight, bias)),
        )

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The architecture as facts, weights and tables as arrays."""
        facts = {
            "columns": list(self.columns),
            "layers": len(self.layers),
            "noise": self.noise,
            "residual": self.residual,
            "activation": self.activation,
            "values": self.values,
            "conditions": list(self.conditions.columns),
            "training": dict(self.facts),
        }
        arrays: dict[str, np.ndarray] = {"spread": np.asarray(self.spread, dtype=np.float64)}
        for place, (weight, bias) in enumerate(self.layers):
            arrays |= {f"weight_{place}": weight, f"bias_{place}": bias}
        for place, back in enumerate(self.backs):
            arrays |= back.to_arrays(f"back_{place}.")
        for place, shares in zip(self.conditions.columns, self.conditions.shares, strict=True):
            arrays[f"condition_{place}"] = shares
        return facts, arrays

    @classmethod
    def from_arrays(cls, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> LayersCodes:
        """The generator that `to_arrays` described.

        Raises
        ------
        ModelError
            Architecture and arrays do not fit.
        """
        columns = tuple(str(name) for name in facts["columns"])
        about = tuple(int(place) for place in facts["conditions"])
        spread = np.asarray(arrays["spread"])
        return cls(
            columns=columns,
            backs=tuple(Back.from_arrays(f"back_{k}.", arrays) for k in range(len(columns))),
            layers=tuple(
                (
                    np.asarray(arrays[f"weight_{place}"], np.float32),
                    np.asarray(arrays[f"bias_{place}"], np.float32),
                )
                for place in range(int(facts["layers"]))
            ),
            noise=int(facts["noise"]),
            residual=bool(facts["residual"]),
            activation=str(facts["activation"]),
            values=str(facts["values"]),
            conditions=Conditions(
                columns=about, shares=tuple(arrays[f"condition_{place}"] for place in about)
            ),
            spread=float(spread) if spread.ndim == 0 else spread,
            facts=dict(facts.get("training", {})),
        )


def _valued(back: Back) -> int:
    """How many values a column has."""
    return int(back.valued.sum())


def _width(back: Back) -> int:
    """Outputs of a column."""
    return _valued(back) + back.modes


def _softmax(logits: Singles) -> Floats:
    """Shares of modes, `(rows, modes)`."""
    told: Floats = np.array(logits, dtype=np.float64)
    told -= told.max(axis=1, keepdims=True)
    np.exp(told, out=told)
    told /= told.sum(axis=1, keepdims=True)
    return told


def _fitted(told: Floats, wanted: Floats) -> tuple[Floats, Floats]:
    """Shares of modes by row, fitted to wanted ones on average, and what their logits move by."""
    wanted = np.maximum(wanted, 1e-9)
    wanted = wanted / wanted.sum()
    moved = np.zeros(len(wanted))
    for _ in range(_ROUNDS):
        now = told.mean(axis=0)
        if float(np.abs(now - wanted).sum()) < _CLOSE:
            break
        ratio = np.clip(wanted / np.maximum(now, 1e-12), 0.1, 10.0)
        told = told * ratio
        told /= told.sum(axis=1, keepdims=True)
        moved += np.log(ratio)
    return told, moved


def _limits(value: Floats, weight: Floats, shares: Floats, before: Floats) -> Floats:
    """Limits between values, so that each code gets its share of a mode's rows.

    >>> _limits(np.array([0.3, -0.5, 0.1, 0.2]), np.ones(4), np.array([0.5, 0.5]), np.zeros(2))
    array([0.15, 1.  ])
    """
    if len(shares) < 2 or shares.sum() <= 0 or weight.sum() <= 0:
        return before
    order = np.argsort(value, kind="stable")
    held, ends = value[order], np.cumsum(weight[order])
    goal = np.cumsum(shares)[:-1] / shares.sum() * ends[-1]
    return np.append(np.interp(goal, ends - weight[order] / 2.0, held), 1.0)
