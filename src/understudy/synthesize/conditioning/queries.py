"""Closed-form questions: probabilities and tables of a fitted model, with error bars.

Nothing is sampled: answers are sums over the modelled distribution, and cost no privacy budget.
What may not happen here: a number that is not of the model, or an error bar for a model that a
condition or other shares made (there is no statement for those; ask the fitted model, `given=`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from understudy.curator import NumberCells
from understudy.errors import InputError
from understudy.prepare.attributes import Attribute
from understudy.schema import did_you_mean
from understudy.synthesize.conditioning.boxes import Box
from understudy.synthesize.conditioning.comparisons import Comparison
from understudy.synthesize.conditioning.levels import cuts_of
from understudy.synthesize.conditioning.mixture import Component
from understudy.synthesize.conditioning.uncertainty import (
    LEVEL,
    Facet,
    Floats,
    Spread,
    expected_tvd,
    facet_of,
    spread_of,
)
from understudy.synthesize.conditioning.where import IMPOSSIBLE, Selection, Where, select

if TYPE_CHECKING:
    from understudy.synthesize.model import Model

MOST_CELLS = 1_000_000
"""Most cells of a table that is asked for."""

GROUPS = 12
"""About how many groups a number column is shown in beside another column."""

_COVERS = {
    "measured": "privacy noise; all columns were counted together",
    "modelled": "privacy noise, and how far columns that were not counted together may depart "
    "(calibrated, not proven)",
    "margins": "privacy noise of single columns; nothing bounds how these columns depend, so the "
    "interval is what their shares allow",
    "none": "nothing: this model was made by a condition or by other shares",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A share of rows with an interval.

    Parameters
    ----------
    value
        Share by the model, 0 to 1.
    low, high
        Interval; NaN where there is no statement.
    level
        Share of such intervals that are to hold the table's own share.
    rows
        Noisy number of rows the share is of.
    measured
        Whether all columns of the question were counted together.
    covers
        What the interval covers, in words.
    """

    value: float
    low: float
    high: float
    level: float
    rows: float
    measured: bool
    covers: str

    def __float__(self) -> float:
        return self.value

    @property
    def count(self) -> float:
        """Expected number of rows."""
        return self.value * self.rows

    def to_json(self) -> dict[str, Any]:
        """Plain values; null where there is no statement."""
        return {
            "share": self.value,
            "low": _plain(self.low),
            "high": _plain(self.high),
            "level": self.level,
            "count": self.count,
            "rows": self.rows,
            "measured": self.measured,
            "covers": self.covers,
        }


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Marginal:
    """A table of shares with intervals, one axis per column.

    Parameters
    ----------
    columns
        Names of the axes.
    labels
        Names of the groups of each axis.
    shares, low, high
        Share of rows of every cell, and its interval (NaN where there is no statement).
    level, rows, measured, covers
        As in `Estimate`.
    expected_tvd
        Expected total variation distance from the table's own marginal on these groups.

    >>> table = Marginal(columns=("a",), labels=(("x", "y"),), shares=np.array([0.25, 0.75]),
    ...     low=np.array([0.2, 0.7]), high=np.array([0.3, 0.8]), level=0.9, rows=100.0,
    ...     measured=True, covers="", expected_tvd=0.02)
    >>> table.to_arrow()["count"].to_pylist()
    [25.0, 75.0]
    """

    columns: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    shares: Floats
    low: Floats
    high: Floats
    level: float
    rows: float
    measured: bool
    covers: str
    expected_tvd: float

    @property
    def counts(self) -> Floats:
        """Expected rows of every cell."""
        return self.shares * self.rows

    def __iter__(self) -> Iterator[tuple[tuple[str, ...], float, float, float]]:
        """Labels, share and interval of every cell."""
        cells = zip(self.shares.flat, self.low.flat, self.high.flat, strict=True)
        for names, (share, low, high) in zip(itertools.product(*self.labels), cells, strict=True):
            yield names, float(share), float(low), float(high)

    def to_arrow(self) -> pa.Table:
        """One row per cell: a label per column, share, low, high, count."""
        names = list(itertools.product(*self.labels))
        arrays = [pa.array([cell[i] for cell in names]) for i in range(len(self.columns))]
        figures = (self.shares, self.low, self.high, self.counts)
        arrays += [pa.array(np.ascontiguousarray(one).ravel()) for one in figures]
        return pa.Table.from_arrays(arrays, names=[*self.columns, "share", "low", "high", "count"])

    def to_pandas(self) -> Any:
        """The same as a pandas frame, indexed by the labels."""
        return self.to_arrow().to_pandas().set_index(list(self.columns))

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Offer the table to anything that takes Arrow."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def to_json(self) -> dict[str, Any]:
        """Plain values; null where there is no statement."""
        return {
            "columns": list(self.columns),
            "level": self.level,
            "rows": self.rows,
            "measured": self.measured,
            "covers": self.covers,
            "expected_tvd": _plain(self.expected_tvd),
            "cells": [
                {"labels": list(names), "share": share, "low": _plain(low), "high": _plain(high),
                 "count": share * self.rows}
                for names, share, low, high in self
            ],
        }  # fmt: skip


def probability(
    model: Model,
    where: Where,
    *,
    given: Where | None = None,
    level: float = LEVEL,
    population: bool = False,
) -> Estimate:
    """Share of rows that meet a condition; see `Model.probability`."""
    _check_level(level)
    base: tuple[float, float] = (1.0, 0.0)
    measured = True
    kinds = []
    if given is not None:
        held = select(model, given)
        value = held.probability()
        if value <= IMPOSSIBLE:
            raise InputError("the model gives the condition of `given` probability zero")
        half, measured, kind = _half(model, held, value, level)
        kinds.append(kind)
        base = (value, half)
        where = _both(where, given)
    chosen = select(model, where)
    joint = chosen.probability()
    half, all_measured, kind = _half(model, chosen, joint, level)
    kinds.append(kind)
    value = min(joint / base[0], 1.0)
    half = math.hypot(half, value * base[1]) / base[0]
    rows = model.rows * base[0]
    if population:
        half = math.hypot(half, _sampling(value, rows, level))
    return Estimate(
        value=value,
        low=max(value - half, 0.0),
        high=min(value + half, 1.0),
        level=level,
        rows=rows,
        measured=measured and all_measured,
        covers=_covers(kinds, population=population),
    )


def marginal(
    model: Model,
    columns: Sequence[str],
    *,
    cuts: Mapping[str, Sequence[Any]] | None = None,
    groups: int | None = None,
    level: float = LEVEL,
    population: bool = False,
) -> Marginal:
    """A table over columns; see `Model.marginal`."""
    _check_level(level)
    names = tuple(columns)
    _check_columns(model, names, cuts or {})
    held = {item.name: item for item in model.attributes}
    points = {
        name: {
            point
            for value in values
            for point in cuts_of(held[name], Comparison(column=name, sign="<", value=_value(value)))
        }
        for name, values in (cuts or {}).items()
    }
    chosen = select(model, "true", points)
    held = {item.name: item for item in chosen.attributes}
    most = groups or (GROUPS if len(names) > 1 else 10 * GROUPS)
    masks = {
        name: _grouped(held[name], chosen.components, points.get(name), most) for name in names
    }
    labels = tuple(_names(held[name], masks[name]) for name in names)
    cells = math.prod(len(mask) for mask in masks.values())
    if cells > MOST_CELLS:
        raise InputError("the table asked for is too large", cells=cells, most=MOST_CELLS)
    joint = _table(chosen.components, names, masks)
    spread = None
    if not model.derived:
        facets = {
            name: facet_of(model, held[name], chosen.components, masks[name]) for name in names
        }
        pairs = {
            (a, b): _pair_of(joint, names.index(a), names.index(b))
            for a, b in itertools.combinations(names, 2)
        }
        spread = spread_of(model, facets, joint, pairs)
    half = np.full(joint.shape, np.nan) if spread is None else spread.half(level)
    if population:
        half = np.hypot(half, _sampling(joint, model.rows, level))
    return Marginal(
        columns=names,
        labels=labels,
        shares=joint,
        low=np.maximum(joint - half, 0.0),
        high=np.minimum(joint + half, 1.0),
        level=level,
        rows=model.rows,
        measured=spread is not None and spread.measured,
        covers=_covers([_kind(spread)], population=population),
        expected_tvd=math.nan if spread is None else expected_tvd(model, joint, spread),
    )


def _half(model: Model, chosen: Selection, value: float, level: float) -> tuple[float, bool, str]:
    """Half-width of the interval of a condition's share, whether it was measured, and its kind."""
    if model.derived:
        return math.nan, False, "none"
    held = {item.name: item for item in chosen.attributes}
    halves: list[float] = []
    kinds: list[str] = []
    for box in chosen.boxes:
        masks = {name: mask[None, :] for name, mask in box.items()}
        if not masks:
            continue
        facets: dict[str, Facet] = {
            name: facet_of(model, held[name], chosen.components, masks[name]) for name in masks
        }
        joint = np.array(_share(chosen.components, box)).reshape((1,) * len(masks))
        pairs = {
            (a, b): np.array([[_share(chosen.components, {a: box[a], b: box[b]})]])
            for a, b in itertools.combinations(masks, 2)
        }
        spread = spread_of(model, facets, joint, pairs)
        halves.append(float(spread.half(level).ravel()[0]))
        kinds.append(_kind(spread))
    half = math.hypot(*halves) if len(halves) < 2 else min(math.fsum(halves), 1.0)
    kind = max(kinds, key=list(_COVERS).index, default="measured")
    least = 0.5 if 0 < value < 1 else 0.0
    if value <= IMPOSSIBLE and chosen.attributes:
        noise = max(float(np.median(item.variances)) for item in chosen.attributes)
        least = max(3.0, 1.645 * math.sqrt(noise))
    least /= max(model.rows, 1.0)
    return max(half, least), kind == "measured", kind


def _share(components: Sequence[Component], box: Box) -> float:
    """Probability of a box."""
    return sum(weight * markov.probability(box) for weight, markov in components)


def _kind(spread: Spread | None) -> str:
    """What an interval covers, by its short name."""
    if spread is None:
        return "none"
    if not spread.bounded:
        return "margins"
    return "measured" if spread.measured else "modelled"


def _covers(kinds: Sequence[str], *, population: bool) -> str:
    """What an interval covers, in words."""
    kind = max(kinds, key=list(_COVERS).index)
    told = _COVERS[kind]
    return told + "; and the sampling of rows from a population" if population else told


def _sampling(share: Any, rows: float, level: float) -> Any:
    """Half-width for rows being a sample of a population."""
    from statistics import NormalDist

    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    return z * np.sqrt(np.maximum(share * (1.0 - share), 0.0) / max(rows, 1.0))


def _both(where: Where, given: Where) -> Where:
    """Two conditions as one."""
    if isinstance(where, str) and isinstance(given, str):
        return f"({where}) and ({given})"
    if not isinstance(where, str) and not isinstance(given, str):
        return {**given, **where}
    raise InputError("write both conditions as texts, or both as fixed values")


def _check_level(level: float) -> None:
    """Refuse a level that is none."""
    if not 0 < level < 1:
        raise InputError("the level of an interval lies between 0 and 1", level=level)


def _check_columns(model: Model, names: tuple[str, ...], cuts: Mapping[str, Sequence[Any]]) -> None:
    """Refuse columns that cannot be asked for."""
    for name in (*names, *cuts):
        if name not in model.columns:
            raise InputError(
                f"the model has no column {name!r}", hint=did_you_mean(name, model.columns)
            )
    if not names or len(set(names)) != len(names):
        raise InputError("a table needs columns, each once")
    held = {item.name: item for item in model.attributes}
    for name in cuts:
        if name not in names:
            raise InputError(f"column {name!r} is cut but not part of the table")
        if not isinstance(held[name].encoding, NumberCells):
            raise InputError(f"column {name!r} has labels; only numbers and dates can be cut")


def _value(value: Any) -> float | str:
    """A cut as a number, or as text for dates."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)


def _grouped(
    item: Attribute, components: Sequence[Component], cuts: set[float] | None, most: int
) -> np.ndarray:
    """Levels of each group: labels and marks by themselves, numbers between cuts."""
    shares = sum(w * markov.distribution((item.name,)).values for w, markov in components)
    shares = np.asarray(shares)
    line = item.encoding.cells if isinstance(item.encoding, NumberCells) else 0
    into = np.zeros(line, dtype=np.intp)
    if isinstance(item.encoding, NumberCells) and cuts is not None:
        into = np.searchsorted(sorted(cuts), np.asarray(item.encoding.edges[:-1]), side="right")
    elif line > most:
        middle = np.cumsum(shares[:line]) - shares[:line] / 2
        into = np.minimum(
            (middle / max(shares[:line].sum(), 1e-300) * most).astype(np.intp), most - 1
        )
    elif line:
        into = np.arange(line)
    rows = [np.flatnonzero(into == group) for group in np.unique(into)]
    rows += [np.array([level]) for level in range(line, len(shares)) if shares[level] > IMPOSSIBLE]
    made = np.zeros((len(rows), len(shares)), dtype=bool)
    for place, levels in enumerate(rows):
        made[place, levels] = True
    return made


def _names(item: Attribute, masks: np.ndarray) -> tuple[str, ...]:
    """Readable names of groups."""
    names = item.names()
    told = []
    for mask in masks:
        levels = np.flatnonzero(mask)
        first, last = names[levels[0]], names[levels[-1]]
        low, high = first.partition(" to ")[0], last.rpartition(" to ")[2]
        told.append(first if len(levels) == 1 else f"{low} to {high}")
    return tuple(told)


def _table(
    components: Sequence[Component], names: tuple[str, ...], masks: Mapping[str, np.ndarray]
) -> Floats:
    """Shares on groups."""
    made: Any = 0.0
    for weight, markov in components:
        values = markov.distribution(names).values
        for axis, name in enumerate(names):
            values = np.moveaxis(
                np.tensordot(masks[name].astype(float), values, axes=(1, axis)), 0, axis
            )
        made = made + weight * values
    return np.asarray(made)


def _pair_of(joint: Floats, first: int, second: int) -> Floats:
    """Shares of two axes of a table."""
    return np.asarray(
        joint.sum(axis=tuple(i for i in range(joint.ndim) if i not in (first, second)))
    )


def _plain(value: float) -> float | None:
    """A number for JSON."""
    return value if math.isfinite(value) else None
