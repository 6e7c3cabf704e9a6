"""An autoregressive network as a generator of codes: NumPy alone, any column from any others.

Columns are drawn one after the other, each given those drawn before or given from outside. What
may not happen here: PyTorch, or learning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from understudy.errors import InputError, ModelError
from understudy.synthesize.neural.shape import Coded, Floats, Ints, Shape

_CHUNK = 1 << 15
_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkArrays:
    """The matrices of a network by name."""

    shape: Shape
    flat: Floats

    def __post_init__(self) -> None:
        if self.flat.shape != (self.shape.parameters,) or not np.all(np.isfinite(self.flat)):
            raise ModelError("the weights of a saved network are damaged")

    def probabilities(
        self, column: int, known: Sequence[int], codes: Ints, temperature: float
    ) -> npt.NDArray[np.float64]:
        """Shares of a column's codes given some columns' codes, `(rows, size)`."""
        shape = self.shape
        part = shape.parts(self.flat)
        hidden = np.broadcast_to(part["first_bias"][column], (len(codes), shape.width))
        if known:
            groups = shape.group_of()
            size, count = shape.embedding, shape.count
            parts = []
            for other in known:
                flat = codes[:, other] + shape.starts[other]
                parts.append(part["codes"][flat] + part["groups"][groups[flat]])
            places = np.concatenate([np.arange(k * size, (k + 1) * size) for k in known])
            first = part["first"][column]
            there = first[[count * size + k for k in known]].sum(axis=0)
            hidden = hidden + np.concatenate(parts, axis=1) @ first[places] + there
        hidden = np.maximum(hidden, 0.0)
        more = hidden @ part["second"][column] + part["second_bias"][column]
        hidden = hidden + np.maximum(more, 0.0)
        start, many = shape.starts[column], shape.sizes[column]
        groups = shape.group_of()[start : start + many]
        weights = part["out"][start : start + many] + part["out_groups"][groups]
        logits = hidden @ weights.T + part["out_bias"][start : start + many]
        told = np.asarray(logits, dtype=np.float64) / temperature
        told -= told.max(axis=1, keepdims=True)
        np.exp(told, out=told)
        told /= told.sum(axis=1, keepdims=True)
        return told


@dataclass(frozen=True, kw_only=True, eq=False)
class AutoregressiveCodes:
    """Codes drawn column by column.

    Parameters
    ----------
    arrays
        The network.
    order
        The columns in the order in which they are drawn.
    temperature
        Logits are divided by it, above 0: below 1 what is frequent gets more so.
    classes, within
        For columns of very many codes: which of the network's classes each code is in, and its
        share among all codes; inside a class, codes are drawn by these shares.
    facts
        How training went, for people.
    """

    kind: ClassVar[str] = "autoregressive"

    arrays: NetworkArrays
    order: tuple[int, ...]
    temperature: float = 1.0
    classes: Mapping[str, Ints] = field(default_factory=dict)
    within: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if sorted(self.order) != list(range(self.arrays.shape.count)):
            raise ModelError("a network must draw every column once")
        if not 0.01 <= self.temperature <= 100:
            raise InputError("a temperature lies in 0.01 to 100", temperature=self.temperature)

    def draw(self, rows: int, generator: np.random.Generator) -> Mapping[str, np.ndarray]:
        """Codes of new rows."""
        return self.complete({}, rows, generator)

    def complete(
        self, given: Mapping[str, npt.NDArray[Any]], rows: int, generator: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """Codes of rows of which some are given.

        Parameters
        ----------
        given
            Codes by column, `(rows,)`; -1 where a cell is to be drawn.
        rows
            How many, 0 or more.
        generator
            The same state gives the same rows.

        Guarantees
        ----------
        Every column is drawn given all that is given and all that was drawn before it, for every
        pattern of given cells by itself.
        """
        shape = self.arrays.shape
        codes = np.full((rows, shape.count), -1, dtype=np.int64)
        for name, values in given.items():
            into = self.classes.get(name)
            held = values if into is None else np.append(into, -1)[values]
            codes[:, shape.columns.index(name)] = held
        patterns, which = np.unique(codes >= 0, axis=0, return_inverse=True)
        for place, pattern in enumerate(patterns):
            held = np.flatnonzero(which.reshape(-1) == place)
            self._fill(codes, held, np.flatnonzero(pattern).tolist(), generator)
        drawn = {name: codes[:, place] for place, name in enumerate(shape.columns)}
        for name, into in self.classes.items():
            fine = inside(into, self.within[name], drawn[name], generator)
            kept = given.get(name)
            drawn[name] = fine if kept is None else np.where(kept >= 0, kept, fine)
        return drawn

    def _fill(
        self, codes: Ints, held: Ints, known: list[int], generator: np.random.Generator
    ) -> None:
        """Draw what is not known of some rows, a part of them at a time."""
        waiting = [column for column in self.order if column not in set(known)]
        for start in range(0, len(held), _CHUNK):
            rows = held[start : start + _CHUNK]
            part, there = codes[rows], list(known)
            for column in waiting:
                shares = self.arrays.probabilities(column, there, part, self.temperature)
                part[:, column] = spread_draw(shares, generator)
                there.append(column)
            codes[rows] = part

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The architecture as facts, all weights as one array."""
        facts = {
            "shape": self.arrays.shape.to_json(),
            "order": list(self.order),
            "temperature": self.temperature,
            "training": dict(self.facts),
        }
        classes = classes_to(self.arrays.shape, self.classes, self.within)
        return facts, {"weights": self.arrays.flat, **classes}

    @classmethod
    def from_arrays(
        cls, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> AutoregressiveCodes:
        """The generator that `to_arrays` described.

        Raises
        ------
        ModelError
            Architecture and weights do not fit, or a weight is not finite.
        """
        shape = Shape.from_json(facts["shape"])
        classes, within = classes_from(shape, arrays)
        return cls(
            classes=classes,
            within=within,
            arrays=NetworkArrays(shape=shape, flat=np.asarray(arrays["weights"], np.float32)),
            order=tuple(int(place) for place in facts["order"]),
            temperature=float(facts["temperature"]),
            facts=dict(facts.get("training", {})),
        )


_JUDGED, _ROUNDS = 16_384, 12


def calibrated(
    arrays: NetworkArrays,
    order: Sequence[int],
    shares: Mapping[str, npt.NDArray[np.float64]],
) -> NetworkArrays:
    """The network with other output biases, so that single columns come out as they were counted.

    Parameters
    ----------
    arrays
        The network.
    order
        In which columns are drawn.
    shares
        Of every column's codes; what was paid for already.

    Returns
    -------
    NetworkArrays
        Drawn in this order, the mean of every column's shares is the one given: columns are taken
        one after the other, and proportional fitting finds the biases on rows drawn so far.
    """
    shape = arrays.shape
    flat = arrays.flat.copy()
    made = NetworkArrays(shape=shape, flat=flat)
    generator = np.random.default_rng(0)
    codes = np.zeros((_JUDGED, shape.count), dtype=np.int64)
    for place, column in enumerate(order):
        told = made.probabilities(column, order[:place], codes, 1.0)
        start = shape.starts[column]
        bias = fitted_bias(told, shares[shape.columns[column]])
        shape.parts(flat)["out_bias"][start : start + shape.sizes[column]] += bias
        codes[:, column] = spread_draw(told, generator)
    return made


def fitted_bias(
    told: npt.NDArray[np.float64], shares: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """What to add to a column's logits so that its codes have given shares on average.

    Parameters
    ----------
    told
        Shares of the codes for many rows, `(rows, size)`; overwritten with the corrected ones.
    shares
        The mean they are to have, `(size,)`; by proportional fitting.
    """
    wanted = np.maximum(shares, 1e-9)
    wanted = wanted / wanted.sum()
    bias = np.zeros(len(wanted))
    for _ in range(_ROUNDS):
        ratio = np.clip(wanted / np.maximum(told.mean(axis=0), 1e-12), 0.1, 10.0)
        told *= ratio
        told /= told.sum(axis=1, keepdims=True)
        bias += np.log(ratio)
    return bias


def classes_to(
    shape: Coded,
    classes: Mapping[str, Ints],
    within: Mapping[str, npt.NDArray[np.float64]],
) -> dict[str, np.ndarray]:
    """Classes of merged columns, and shares inside them, as arrays by the columns' places."""
    arrays: dict[str, np.ndarray] = {}
    for name, into in classes.items():
        place = shape.columns.index(name)
        arrays |= {f"classes_{place}": into, f"within_{place}": within[name]}
    return arrays


def classes_from(
    shape: Coded, arrays: Mapping[str, np.ndarray]
) -> tuple[dict[str, Ints], dict[str, npt.NDArray[np.float64]]]:
    """What `classes_to` described.

    Raises
    ------
    ModelError
        Classes do not fit the columns, or a share is no share.
    """
    classes: dict[str, Ints] = {}
    within: dict[str, npt.NDArray[np.float64]] = {}
    for place, name in enumerate(shape.columns):
        if f"classes_{place}" not in arrays:
            continue
        classes[name] = arrays[f"classes_{place}"].astype(np.int64)
        within[name] = arrays[f"within_{place}"]
        fits = classes[name].shape == within[name].shape == (len(classes[name]),)
        whole = set(classes[name].tolist()) == set(range(shape.sizes[place]))
        if not (fits and whole and np.all(np.isfinite(within[name])) and np.all(within[name] >= 0)):
            raise ModelError("the classes of a saved network are damaged", column=name)
    return classes, within


def inside(
    into: Ints, shares: npt.NDArray[np.float64], drawn: Ints, generator: np.random.Generator
) -> Ints:
    """A code for every row from the codes of its class, by their shares.

    >>> inside(np.array([0, 1, 1]), np.ones(3), np.array([0, 0]), np.random.default_rng(0)).tolist()
    [0, 0]
    """
    order = np.argsort(into, kind="stable")
    size = int(into.max()) + 1
    weight = np.maximum(shares[order], 1e-12)
    ends = np.cumsum(weight)
    starts = np.searchsorted(into[order], np.arange(size + 1))
    before = np.concatenate([[0.0], ends])[starts]
    point = before[drawn] + generator.random(len(drawn)) * (before[drawn + 1] - before[drawn])
    place = np.clip(
        np.searchsorted(ends, point, side="right"), starts[drawn], starts[drawn + 1] - 1
    )
    return np.asarray(order[place], dtype=np.int64)


def spread_draw(shares: npt.NDArray[np.float64], generator: np.random.Generator) -> Ints:
    """A code for every row by its own shares, with little sampling noise over rows together.

    Every row has a uniform number of its own; rows with like shares get numbers that are spread
    evenly (a golden-ratio sequence along the rows, sorted by their expected code, from a random
    start), so that among them each code comes about as often as it is expected.

    >>> drawn = spread_draw(np.full((1_000, 4), 0.25), np.random.default_rng(0))
    >>> bool((np.abs(np.bincount(drawn) - 250) <= 2).all())
    True
    """
    rows, size = shares.shape
    expected = shares @ np.arange(size) + 1e-9 * generator.random(rows)
    points = np.empty(rows)
    points[np.argsort(expected, kind="stable")] = (
        generator.random() + _GOLDEN * np.arange(1, rows + 1)
    ) % 1.0
    ends = np.cumsum(shares, axis=1)
    ends[:, -1] = 2.0
    return np.asarray((ends <= points[:, None]).sum(axis=1), dtype=np.int64)
