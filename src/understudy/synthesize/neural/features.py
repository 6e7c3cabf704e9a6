"""Codes of columns as what a network takes in and gives out, by public tables.

Every column becomes a mode and, for numbers, a value inside it. A label is its own mode (labels
beyond a public limit share classes). A number that is far more frequent than its neighbours and
every mark are modes of their own; the other cells are shared out among the parts of a Gaussian
mixture, and the value says where in its part a cell lies (mode-specific normalisation, Xu,
Skoularidou, Cuesta-Infante & Veeramachaneni 2019, arXiv:1907.00503, section 4.2). There the
mixture is fitted to the rows, which would be a leak; here it is fitted to the histogram that
preparation has paid for, and is a pure function of it.

What may not happen here: a look at rows, a random choice in a table, PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from understudy.curator import NumberCells
from understudy.errors import ModelError
from understudy.prepare.attributes import Attribute

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]

MOST_CLASSES = 128
"""Classes of a label column; rarer labels share the last of them."""

FEW_CELLS = 24
"""A number column of which at most so many cells hold rows has no values: each is a mode."""

MOST_PARTS, MOST_SPIKES = 10, 10
"""Parts of a mixture, and cells that are modes of their own."""

FAR = 1.9
"""Values are cut off here; those of rows lie in -1 to 1."""

_SPIKE_SHARE, _SPIKE_DENSITY = 0.01, 5.0
_WIDEST = 1_000.0
_ROUNDS = 200
_LEAST_PART = 0.01


@dataclass(frozen=True, kw_only=True, eq=False)
class Back:
    """From a mode and a place in it back to a code: what sampling needs, and nothing else.

    Parameters
    ----------
    codes
        Codes by mode, inside a mode in ascending order of their places.
    starts
        Per mode where its codes begin in `codes`, and the end of the last; `(modes + 1,)`.
    ends
        Place at which each code's interval ends (exclusive), ascending within a mode; that of a
        mode's last code is not looked at. Places lie in -1 to 1 or little beyond.
    valued
        Per mode whether the place is a value that a network says; else it is drawn, uniform in
        0 to 1.
    """

    codes: Ints
    starts: Ints
    ends: Floats
    valued: npt.NDArray[np.bool_]

    @property
    def modes(self) -> int:
        """How many modes."""
        return len(self.valued)

    def __call__(self, mode: Ints, place: Floats) -> Ints:
        """The code of every row.

        >>> back = Back(codes=np.array([7, 3, 5]), starts=np.array([0, 1, 3]),
        ...             ends=np.array([1.0, 0.2, 1.0]), valued=np.array([False, True]))
        >>> back(np.array([0, 1, 1]), np.array([0.5, -0.9, 0.2])).tolist()
        [7, 3, 5]
        """
        keys = np.repeat(np.arange(self.modes), np.diff(self.starts)) * 4.0 + self.ends
        keys[self.starts[1:] - 1] = np.arange(self.modes) * 4.0 + 2.0
        held = np.searchsorted(keys, mode * 4.0 + np.clip(place, -FAR, FAR), side="right")
        return np.asarray(self.codes[held])

    def to_arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """Its arrays, by names that begin with `prefix`."""
        return {f"{prefix}{name}": getattr(self, name) for name in _BACK}

    @classmethod
    def from_arrays(cls, prefix: str, arrays: Mapping[str, np.ndarray]) -> Back:
        """What `to_arrays` gave.

        Raises
        ------
        ModelError
            Codes, modes and places do not fit.
        """
        made = cls(**{name: np.asarray(arrays[f"{prefix}{name}"]) for name in _BACK})
        sound = (
            made.modes > 0
            and len(made.starts) == made.modes + 1
            and int(made.starts[0]) == 0
            and bool(np.all(np.diff(made.starts) > 0))
            and int(made.starts[-1]) == len(made.codes) == len(made.ends)
            and bool(np.all(made.codes >= 0))
            and bool(np.all(np.isfinite(made.ends)))
        )
        if not sound:
            raise ModelError("the table of a column in a saved network is damaged")
        return made


_BACK = ("codes", "starts", "ends", "valued")


@dataclass(frozen=True, kw_only=True, eq=False)
class Feature:
    """One column as modes and values.

    Parameters
    ----------
    column
        Its name.
    mode
        Mode of every code, `(codes,)`.
    low, high
        Interval of values that stands for each code, in -1 to 1; zero where a mode has no value.
    shares
        Noisy share of rows with each code.
    labels
        Whether the column holds labels, such as conditions are made of.
    back
        The way back.
    """

    column: str
    mode: Ints
    low: Floats
    high: Floats
    shares: Floats
    labels: bool
    back: Back

    @property
    def modes(self) -> int:
        """How many modes."""
        return self.back.modes

    @property
    def valued(self) -> bool:
        """Whether any mode has a value."""
        return bool(self.back.valued.any())

    @property
    def width(self) -> int:
        """Network inputs it takes: one per mode, after one for the value if there is one."""
        return self.modes + int(self.valued)

    @property
    def mode_shares(self) -> Floats:
        """Noisy share of rows in each mode."""
        return np.asarray(np.bincount(self.mode, self.shares, self.modes), dtype=np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """All columns of a table as network inputs, side by side in table order.

    A column's inputs are its value (if it has values), then its modes as one-hot.
    """

    columns: tuple[Feature, ...]

    @classmethod
    def of(cls, items: Sequence[Attribute], *, classes: int = MOST_CLASSES) -> Features:
        """The tables for some columns, from what was learned about them privately.

        Parameters
        ----------
        items
            Columns with noisy shares.
        classes
            Most classes of a label column, 2 or more.

        Guarantees
        ----------
        The same shares give the same tables.
        """
        return cls(columns=tuple(feature(item, classes=classes) for item in items))

    @property
    def width(self) -> int:
        """Network inputs of all columns."""
        return sum(item.width for item in self.columns)

    @property
    def starts(self) -> tuple[int, ...]:
        """Where each column's inputs begin."""
        ends = np.cumsum([0, *(item.width for item in self.columns)])
        return tuple(int(start) for start in ends[:-1])

    def modes(self, codes: npt.NDArray[Any]) -> Ints:
        """Mode of every cell, `(rows, columns)`."""
        return np.stack(
            [item.mode[codes[:, place]] for place, item in enumerate(self.columns)], axis=1
        )

    def values(self, codes: npt.NDArray[Any], uniform: npt.NDArray[Any] | None = None) -> Floats:
        """Value of every cell, `(rows, columns)`; zero where its mode has none.

        Parameters
        ----------
        codes
            `(rows, columns)`.
        uniform
            Where in its interval each value lies, `(rows, columns)` in 0 to 1; None: the middle.
            Spread out like this, values have no gaps by which a network would know real rows.
        """
        made = np.zeros(codes.shape)
        for place, item in enumerate(self.columns):
            if item.valued:
                own = codes[:, place]
                part = 0.5 if uniform is None else uniform[:, place]
                made[:, place] = item.low[own] + part * (item.high[own] - item.low[own])
        return made

    def encode(
        self, codes: npt.NDArray[Any], uniform: npt.NDArray[Any] | None = None
    ) -> npt.NDArray[np.float32]:
        """Network inputs of some rows, `(rows, width)`; parameters as in `values`.

        A row's inputs depend on that row alone.
        """
        rows = np.arange(len(codes))
        made = np.zeros((len(codes), self.width), dtype=np.float32)
        modes, values = self.modes(codes), self.values(codes, uniform)
        for place, (start, item) in enumerate(zip(self.starts, self.columns, strict=True)):
            made[rows, start + int(item.valued) + modes[:, place]] = 1.0
            if item.valued:
                made[:, start] = values[:, place]
        return made

    def backs(self, merged: Mapping[str, Ints], within: Mapping[str, Floats]) -> tuple[Back, ...]:
        """The ways back, for columns that were merged before they were encoded to their own codes.

        Parameters
        ----------
        merged
            By column the coarse code of every code, where they were merged.
        within
            By such a column the noisy share of each of its codes.
        """
        return tuple(
            _by_shares(item.mode[merged[item.column]], within[item.column])
            if item.column in merged
            else item.back
            for item in self.columns
        )

    def decode(
        self, modes: Ints, values: Floats, generator: np.random.Generator
    ) -> dict[str, Ints]:
        """Codes by column from modes and values, each `(rows, columns)`."""
        made = {}
        for place, item in enumerate(self.columns):
            mode = modes[:, place]
            said = np.where(item.back.valued[mode], values[:, place], generator.random(len(mode)))
            made[item.column] = item.back(mode, said)
        return made


def feature(item: Attribute, *, classes: int = MOST_CLASSES) -> Feature:
    """The tables of one column, a pure function of its noisy shares and public cells."""
    encoding, shares = item.encoding, item.shares
    if not isinstance(encoding, NumberCells):
        return _classes(item, np.asarray(item.merge(classes), dtype=np.int64), labels=True)
    cells, size = encoding.cells, encoding.size
    mode = np.full(size, -1, dtype=np.int64)
    own = np.flatnonzero(shares[cells:] > 0) + cells
    filled = np.flatnonzero(shares[:cells] > 0)
    edges = np.asarray(encoding.edges, dtype=np.float64)
    filled = filled if len(filled) else np.zeros(1, dtype=np.int64)
    middle = (edges[:-1] + edges[1:]) / 2.0
    nearest = np.searchsorted((middle[filled[:-1]] + middle[filled[1:]]) / 2.0, middle)
    if len(filled) <= FEW_CELLS:
        mode[:cells] = nearest
        mode[own] = len(filled) + np.arange(len(own))
        mode[mode < 0] = mode[int(np.argmax(shares[:cells]))]
        return _classes(item, mode, labels=False)
    spikes = _spikes(edges, shares[:cells])
    plain = np.setdiff1d(filled, spikes)
    low, high = np.zeros(size), np.zeros(size)
    mode[plain], low[plain], high[plain] = _parts(edges, shares[:cells], plain)
    parts = int(mode.max()) + 1
    alone = np.concatenate([spikes, own])
    mode[alone] = parts + np.arange(len(alone))
    codes, starts, ends = [], [0], []
    for one in range(parts + len(alone)):
        held = np.flatnonzero(mode == one)
        codes.append(held)
        starts.append(starts[-1] + len(held))
        ends.append(np.append((high[held[:-1]] + low[held[1:]]) / 2.0, 1.0))
    # What holds no rows is taken for its neighbour, and never comes back.
    like = np.append(filled[nearest], np.full(size - cells, int(np.argmax(shares[:cells]))))
    absent = np.flatnonzero(mode < 0)
    for table in (mode, low, high):
        table[absent] = table[like[absent]]
    return Feature(
        column=item.name,
        mode=mode,
        low=low,
        high=high,
        shares=shares,
        labels=False,
        back=Back(
            codes=np.concatenate(codes),
            starts=np.array(starts),
            ends=np.concatenate(ends),
            valued=np.arange(parts + len(alone)) < parts,
        ),
    )


def _classes(item: Attribute, into: Ints, *, labels: bool) -> Feature:
    """A column without values: codes in classes, inside which they are drawn by their shares."""
    mode = np.unique(into, return_inverse=True)[1].astype(np.int64)
    return Feature(
        column=item.name,
        mode=mode,
        low=np.zeros(len(mode)),
        high=np.zeros(len(mode)),
        shares=item.shares,
        labels=labels,
        back=_by_shares(mode, item.shares),
    )


def _by_shares(mode: Ints, shares: Floats) -> Back:
    """The way back from modes without values: every code as often as its share in its mode."""
    size = int(mode.max()) + 1
    # A code of no share has an interval of no length; standing last it would get what rounding
    # leaves.
    order = np.lexsort((np.arange(len(mode)), shares > 0, mode))
    starts = np.searchsorted(mode[order], np.arange(size + 1)).astype(np.int64)
    ends = np.empty(len(order))
    for first, last in pairwise(starts):
        weight = shares[order[first:last]]
        weight = weight if weight.sum() > 0 else np.ones(last - first)
        ends[first:last] = np.cumsum(weight) / weight.sum()
    return Back(codes=order, starts=starts, ends=ends, valued=np.zeros(size, dtype=bool))


def _spikes(edges: Floats, shares: Floats) -> Ints:
    """Cells that hold much more than their neighbours would have them hold.

    >>> shares = np.full(30, 0.02); shares[4] = 0.42
    >>> _spikes(np.arange(31.0), shares).tolist()
    [4]
    """
    width = np.diff(edges)
    density = shares / width
    beside = np.maximum(np.append(0.0, density[:-1]), np.append(density[1:], 0.0))
    high = (shares >= _SPIKE_SHARE) & (density >= _SPIKE_DENSITY * beside)
    found = np.flatnonzero(high)
    if len(found) == len(shares):
        found = found[:-1]
    most = found[np.argsort(-shares[found], kind="stable")][:MOST_SPIKES]
    return np.sort(most)


def _parts(edges: Floats, shares: Floats, plain: Ints) -> tuple[Ints, Floats, Floats]:
    """Part of the mixture, and interval of values in it, of every plain cell."""
    weight = shares[plain] / shares[plain].sum()
    width = np.diff(edges)
    order = np.argsort(width[plain], kind="stable")
    usual = width[plain][order][np.searchsorted(np.cumsum(weight[order]), 0.5)]
    # Cells may span powers of two: one counts no more than a thousand usual ones.
    width = np.minimum(width / usual, _WIDEST)
    last = np.cumsum(width)[plain]
    width = width[plain]
    first = last - width
    mean, spread, _ = mixture((first + last) / 2.0, width, weight)
    near = np.argsort(mean, kind="stable")
    mean, spread = mean[near], spread[near]
    between = (mean[:-1] * spread[1:] + mean[1:] * spread[:-1]) / (spread[:-1] + spread[1:])
    own = np.searchsorted(between, (first + last) / 2.0, side="right")
    part = np.unique(own, return_inverse=True)
    held = part[0][part[1]]
    low = _squeezed((first - mean[held]) / spread[held])
    high = _squeezed((last - mean[held]) / spread[held])
    return part[1].astype(np.int64), low, high


def _squeezed(deviations: Floats) -> Floats:
    """A quarter of the standard deviations up to three, beyond it slower, never 1.

    >>> _squeezed(np.array([-2.0, 3.0, 30.0])).tolist()
    [-0.5, 0.75, 0.975]
    """
    far = np.maximum(np.abs(deviations), 3.0)
    return np.where(far > 3.0, np.sign(deviations) * (1.0 - 0.75 / far), deviations / 4.0)


def mixture(place: Floats, width: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """A Gaussian mixture of a histogram: means, standard deviations, shares of its parts.

    Parameters
    ----------
    place, width
        Middle and width of every cell, ascending.
    weight
        Shares of the cells, summing to 1.

    Guarantees
    ----------
    Deterministic: it begins with parts of equal share; expectation-maximisation (Dempster, Laird
    & Rubin 1977) takes from every part's share a constant and drops parts that have no more, as
    in Figueiredo & Jain 2002 (minimum message length), so that few parts remain.

    >>> place = np.concatenate([np.linspace(0, 10, 50), np.linspace(90, 100, 50)])
    >>> mean, spread, share = mixture(place, np.full(100, 0.2), np.full(100, 0.01))
    >>> bool(((mean < 20) | (mean > 80)).all()), round(float(share.sum()), 6)
    (True, 1.0)
    """
    ends = np.cumsum(weight)
    middle = ends - weight / 2.0
    count = max(1, min(MOST_PARTS, len(place) // 3))
    mean = np.interp((np.arange(count) + 0.5) / count, middle, place)
    inner = width**2 / 12.0
    total = float(weight @ (place - weight @ place) ** 2 + weight @ inner)
    floor = float(np.quantile(width, 0.05)) ** 2 / 4.0
    square = np.full(count, max(total / count**2, floor))
    share = np.full(count, 1.0 / count)
    for _ in range(_ROUNDS):
        apart = (place[:, None] - mean) ** 2 + inner[:, None]
        score = np.log(share) - 0.5 * np.log(square) - 0.5 * apart / square
        score -= score.max(axis=1, keepdims=True)
        belongs = np.exp(score)
        belongs *= (weight / belongs.sum(axis=1))[:, None]
        held = belongs.sum(axis=0)
        kept = held > _LEAST_PART
        if not kept.any():
            kept = held == held.max()
        belongs, held, mean = belongs[:, kept], held[kept], mean[kept]
        fresh = (place @ belongs) / held
        apart = (place[:, None] - fresh) ** 2 + inner[:, None]
        square = np.maximum((belongs * apart).sum(axis=0) / held, floor)
        lessened = np.maximum(held - _LEAST_PART / 2.0, 1e-12)
        share = lessened / lessened.sum()
        still = len(fresh) == len(mean) and np.allclose(fresh, mean, rtol=1e-6, atol=1e-9)
        mean = fresh
        if still and kept.all():
            break
    return mean, np.sqrt(square), share
