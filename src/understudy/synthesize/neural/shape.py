"""The architecture of an autoregressive network, as plain facts, and where its numbers lie.

All parameters are one flat vector; a layout says which part of it is which matrix. So a model
file is this value as JSON and one array. What may not happen here: PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from understudy.errors import ModelError
from understudy.prepare.attributes import Attribute

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float32]

Layout: TypeAlias = "Mapping[str, tuple[int, ...]]"
"""Every matrix and vector by name with its shape, in the order of one flat vector."""


def size_of(layout: Layout) -> int:
    """Numbers in the flat vector of a layout."""
    return sum(math.prod(form) for form in layout.values())


def parts_of(layout: Layout, flat: Any) -> dict[str, Any]:
    """The matrices and vectors as views of a flat vector (NumPy's or PyTorch's).

    >>> parts = parts_of({"a": (2, 2), "a_bias": (2,)}, np.arange(6.0))
    >>> parts["a"].tolist(), parts["a_bias"].tolist()
    ([[0.0, 1.0], [2.0, 3.0]], [4.0, 5.0])
    """
    found, place = {}, 0
    for name, form in layout.items():
        size = math.prod(form)
        found[name] = flat[place : place + size].reshape(form)
        place += size
    return found


@dataclass(frozen=True, kw_only=True)
class Coded:
    """Columns of codes, some of which share what a network learns about their groups.

    Parameters
    ----------
    columns
        Names, in table order.
    sizes
        Codes of each column.
    groups
        Per column the group of each code; a column whose codes stand for themselves has none.
        A code's embedding and output weights are its own plus those of its group, so that rare
        codes learn from their neighbours.
    """

    columns: tuple[str, ...]
    sizes: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]

    @property
    def count(self) -> int:
        """Number of columns."""
        return len(self.columns)

    @property
    def starts(self) -> tuple[int, ...]:
        """Where each column's codes begin among all codes."""
        return tuple(int(place) for place in np.cumsum([0, *self.sizes[:-1]]))

    @property
    def group_sizes(self) -> tuple[int, ...]:
        """Groups of each column, 0 where it has none."""
        return tuple(max(group) + 1 if group else 0 for group in self.groups)

    @property
    def group_starts(self) -> tuple[int, ...]:
        """Where each column's groups begin among all groups; group 0 is nobody's."""
        return tuple(int(place) for place in np.cumsum([1, *self.group_sizes[:-1]]))

    def group_of(self) -> Ints:
        """The group of every code, among all groups; 0 for a code without one."""
        parts = [
            np.asarray(group, dtype=np.int64) + start if group else np.zeros(size, dtype=np.int64)
            for group, start, size in zip(self.groups, self.group_starts, self.sizes, strict=True)
        ]
        return np.concatenate(parts)

    def to_json(self) -> dict[str, Any]:
        """Plain facts."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Read back what `to_json` returned.

        Raises
        ------
        ModelError
            Sizes and groups do not fit.
        """
        own = {
            part.name: int(told[part.name]) for part in fields(cls) if part.name not in _OF_CODES
        }
        made = cls(
            columns=tuple(str(name) for name in told["columns"]),
            sizes=tuple(int(size) for size in told["sizes"]),
            groups=tuple(tuple(int(one) for one in group) for group in told["groups"]),
            **own,
        )
        sound = (
            made.count > 0
            and len(made.sizes) == len(made.groups) == made.count
            and min(*own.values(), *made.sizes) > 0
            and all(
                not group or (len(group) == size and min(group) >= 0)
                for group, size in zip(made.groups, made.sizes, strict=True)
            )
        )
        if not sound:
            raise ModelError("the architecture of a saved network is damaged")
        return made


_OF_CODES = ("columns", "sizes", "groups")


@dataclass(frozen=True, kw_only=True)
class Shape(Coded):
    """Sizes of an autoregressive network.

    Parameters
    ----------
    columns, sizes, groups
        As in `Coded`.
    width, embedding
        Hidden units of each column's network, and numbers a code is embedded in.
    """

    width: int
    embedding: int

    @property
    def inputs(self) -> int:
        """Numbers that go into a column's network: embeddings of all columns, and who is known."""
        return self.count * (self.embedding + 1)

    def layout(self) -> dict[str, tuple[int, ...]]:
        """Every matrix by name, in the order of the flat vector."""
        codes, groups = sum(self.sizes), 1 + sum(self.group_sizes)
        count, width, embedding = self.count, self.width, self.embedding
        return {
            "codes": (codes, embedding),
            "groups": (groups, embedding),
            "first": (count, self.inputs, width),
            "first_bias": (count, 1, width),
            "second": (count, width, width),
            "second_bias": (count, 1, width),
            "out": (codes, width),
            "out_groups": (groups, width),
            "out_bias": (codes,),
        }

    @property
    def parameters(self) -> int:
        """Numbers in the flat vector."""
        return size_of(self.layout())

    def parts(self, flat: Any) -> dict[str, Any]:
        """The matrices as views of a flat vector (NumPy's or PyTorch's)."""
        return parts_of(self.layout(), flat)


GROUPED = 48
"""Columns of more codes have groups."""

LEVELS = 32
"""About how many."""


def coded(items: Sequence[Attribute], *, grouped: int | None = GROUPED) -> dict[str, Any]:
    """Names, sizes and groups of some columns, from what was learned about them privately.

    Columns of more than `grouped` codes have groups; None: no column has.
    """
    groups = []
    for item in items:
        size = item.encoding.size
        many = grouped is not None and size > grouped
        into = item.merge(LEVELS) if many else np.zeros(0, dtype=np.int64)
        groups.append(tuple(int(one) for one in np.unique(into, return_inverse=True)[1]))
    return {
        "columns": tuple(item.name for item in items),
        "sizes": tuple(item.encoding.size for item in items),
        "groups": tuple(groups),
    }


def shape_of(items: Sequence[Attribute], *, width: int, embedding: int) -> Shape:
    """The shape for some columns."""
    return Shape(**coded(items), width=width, embedding=embedding)


def begin(shape: Shape, items: Sequence[Attribute], generator: np.random.Generator) -> Floats:
    """Parameters to begin with: every column has its (paid-for) shares, whatever is known.

    Hidden layers begin random, scaled by their inputs (He et al. 2015); what would make one row
    differ from another in the output begins at zero, so training begins at independent columns.
    """
    flat = np.zeros(shape.parameters, dtype=np.float32)
    part = shape.parts(flat)
    part["codes"][...] = generator.normal(0, 1.0, part["codes"].shape)
    part["groups"][...] = generator.normal(0, 1.0, part["groups"].shape)
    part["groups"][0] = 0.0
    grouped = np.flatnonzero(shape.group_of())
    part["codes"][grouped] *= 0.3
    known = max(shape.count / 2.0, 1.0)
    scale = math.sqrt(2.0 / (known * (shape.embedding + 1)))
    part["first"][...] = generator.normal(0, scale, part["first"].shape)
    part["second"][...] = generator.normal(0, math.sqrt(1.0 / shape.width), part["second"].shape)
    shares = np.concatenate([item.shares for item in items])
    floor = np.repeat([0.1 / size for size in shape.sizes], shape.sizes) * 1e-3
    part["out_bias"][...] = np.log(shares + floor)
    return flat
