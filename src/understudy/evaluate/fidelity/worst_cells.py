"""Where the error of the marginals lies: the cells of two and three columns that are worst.

A mean distance hides which combination is too frequent or too rare. Here every cell of the 2-
and of sampled 3-way marginals is compared, and the worst are named with both shares. Cells are
combinations of real values: the figures are internal. What may not happen here: a cell named
without its shares.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluate import chart
from understudy.evaluate.apart.pooled import fewer_columns
from understudy.evaluate.fidelity.marginals import Coded, cliques_of, coded, number_levels
from understudy.evaluate.figure import Anchors, Figure, Measured, Metric, Settings, Skipped
from understudy.evaluate.tallies import joint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from understudy.evaluate.columns import Column, Tables
    from understudy.evaluate.fidelity.marginals import NumberLevels

REFERENCE = "largest and tail errors of marginal cells, as in SDNist's worst-performing PUMAs"
SHOWN = 10
MOST_COLUMNS = 40
_PER_CLIQUE = 3
_TOO_MANY = 1 << 62
_DENSE = 1 << 20
_Z = 1.959964
Codes = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One cell of a marginal: its columns, its levels as codes, and its two shares."""

    members: tuple[int, ...]
    levels: tuple[int, ...]
    real: float
    other: float

    @property
    def gap(self) -> float:
        """How far the shares are apart."""
        return abs(self.real - self.other)


def worst_cells(
    real: Coded, other: Coded, cliques: Sequence[tuple[int, ...]], *, most: int = SHOWN
) -> tuple[list[Cell], float]:
    """The cells whose shares differ most, three of a marginal at most.

    Parameters
    ----------
    real, other
        Two tables as levels.
    cliques
        Sets of columns.
    most
        Cells to return.

    Returns
    -------
    tuple
        The cells, worst first, and the part of all the marginals' absolute error that the worst
        hundredth of the differing cells carries.

    >>> real = Coded(columns=(np.array([0, 0, 1]), np.array([0, 1, 1])), sizes=(2, 2))
    >>> other = Coded(columns=(np.array([0, 0, 0]), np.array([0, 1, 1])), sizes=(2, 2))
    >>> worst_cells(real, other, [(0, 1)])[0][0].levels
    (0, 1)
    """
    found: list[Cell] = []
    gaps: list[NDArray[np.float64]] = []
    for members in cliques:
        cells = int(np.prod([float(real.sizes[i]) for i in members]))
        if cells >= _TOO_MANY:
            continue
        places, left, right = _shares(real, other, members)
        gap = np.abs(left - right)
        gaps.append(gap[gap > 0])
        few = min(_PER_CLIQUE, gap.size)
        for at in np.argpartition(-gap, few - 1)[:few]:
            levels = _levels(int(places[at]), [real.sizes[i] for i in members])
            found.append(
                Cell(members=members, levels=levels, real=float(left[at]), other=float(right[at]))
            )
    found.sort(key=lambda cell: -cell.gap)
    every = np.sort(np.concatenate(gaps))[::-1] if gaps else np.empty(0)
    head = every[: max(1, every.size // 100)]
    return found[:most], float(head.sum() / every.sum()) if every.size else 0.0


def _shares(
    real: Coded, other: Coded, members: tuple[int, ...]
) -> tuple[Codes, NDArray[np.float64], NDArray[np.float64]]:
    """Occupied cells of a marginal and their shares in both tables."""
    sizes = [real.sizes[i] for i in members]
    left, cells = joint([real.columns[i] for i in members], sizes)
    right, _ = joint([other.columns[i] for i in members], sizes)
    if cells <= _DENSE:
        one, two = (np.bincount(side, minlength=cells) for side in (left, right))
        places = np.nonzero(one + two)[0]
        one, two = one[places], two[places]
    else:
        places, both = np.unique(np.concatenate([left, right]), return_inverse=True)
        one, two = (np.bincount(p, minlength=places.size) for p in np.split(both, [left.size]))
    return places, one / max(1, left.size), two / max(1, right.size)


def _levels(place: int, sizes: Sequence[int]) -> tuple[int, ...]:
    """Level of each column in a merged code."""
    levels: list[int] = []
    for size in reversed(sizes):
        place, level = divmod(place, int(size))
        levels.append(level)
    return tuple(reversed(levels))


def spell_level(column: Column, cut: NumberLevels | None, level: int) -> str:
    """A level of a column as text: a label, a number, or a range of numbers.

    >>> from understudy.evaluate.columns import Column
    >>> column = Column(name="a", kind="numeric", train=np.empty(0), holdout=None,
    ...                 synthetic=np.empty(0))
    >>> cut = number_levels(np.array([0.0, 0.0, 0.0, 1.0, 2.0, 3.0]), bins=2)
    >>> [spell_level(column, cut, level) for level in range(cut.size)]
    ['missing', '0', 'up to 2', 'above 2']
    """
    if level == 0:
        return "missing"
    if cut is None:
        return column.levels[level - 1]
    moment = column.kind == "datetime"
    if level <= cut.heavy.size:
        return _spell(float(cut.heavy[level - 1]), moment=moment)
    at = level - 1 - cut.heavy.size
    if cut.edges.size == 0:
        return "any other"
    if at == 0:
        return f"up to {_spell(float(cut.edges[0]), moment=moment)}"
    if at == cut.edges.size:
        return f"above {_spell(float(cut.edges[-1]), moment=moment)}"
    low, high = (_spell(float(cut.edges[place]), moment=moment) for place in (at - 1, at))
    return f"above {low}, up to {high}"


def _spell(value: float, *, moment: bool) -> str:
    """A number, or seconds since 1970 as a date."""
    if moment:
        try:
            start = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
            return (start + dt.timedelta(seconds=value)).strftime("%Y-%m-%d %H:%M")
        except OverflowError:
            pass
    return f"{value:.6g}"


def measure_worst_cells(tables: Tables, settings: Settings, rng: np.random.Generator) -> Measured:
    """The largest gap of a cell of two and of three columns, and the cells behind it."""
    tables = fewer_columns(tables, MOST_COLUMNS)
    columns = tables.columns
    figures: list[Figure] = []
    skipped: list[Skipped] = []
    charts: dict[str, Any] = {}
    levels = [None if c.is_category else number_levels(c.train) for c in columns]
    for ways in (2, 3):
        if len(columns) < ways or (settings.quick and ways > 2):
            reason = "left out of a quick evaluation"
            if len(columns) < ways:
                reason = f"fewer than {ways} comparable columns"
            skipped.append(
                Skipped(key=_key(ways), title=_title(ways), group="marginals", reason=reason)
            )
            continue
        cliques = cliques_of(len(columns), ways, tables.generator(("worst_cells", ways)))
        real = coded(columns, levels, [column.train for column in columns])
        cells, head = worst_cells(
            real, coded(columns, levels, [column.synthetic for column in columns]), cliques
        )
        if not cells:
            reason = "the columns have too many levels together to count their cells"
            skipped.append(
                Skipped(key=_key(ways), title=_title(ways), group="marginals", reason=reason)
            )
            continue
        anchors: dict[str, float] = {}
        if tables.has_holdout:
            held = coded(columns, levels, [c.holdout for c in columns if c.holdout is not None])
            anchors["holdout"] = worst_cells(real, held, cliques, most=1)[0][0].gap
        floor = coded(columns, levels, tables.shuffled(rng))
        anchors["independent"] = worst_cells(real, floor, cliques, most=1)[0][0].gap
        told = [(_name(cell, columns, levels), cell) for cell in cells]
        figures.append(_figure(ways, told, head, anchors, tables))
        charts[_key(ways)] = chart.intervals(
            title=f"Cells of {ways} columns that are furthest off",
            group="marginals",
            rows=[
                (name, {"real": (cell.real, None, None), "synthetic": (cell.other, None, None)})
                for name, cell in told
            ],
            about="Shares of the rows with this combination of values.",
        )
    return Measured(figures=tuple(figures), skipped=tuple(skipped), charts=charts)


def _figure(
    ways: int,
    told: Sequence[tuple[str, Cell]],
    head: float,
    anchors: dict[str, float],
    tables: Tables,
) -> Figure:
    """The gap of the worst cell."""
    worst = told[0][1]
    rows = tables.sampled
    error = _Z * float(
        np.sqrt(
            worst.real * (1 - worst.real) / rows["train"]
            + worst.other * (1 - worst.other) / rows["synthetic"]
        )
    )
    return Figure(
        key=_key(ways),
        title=_title(ways),
        group="marginals",
        value=worst.gap,
        better="lower",
        target=0.0,
        interval=(max(0.0, worst.gap - error), min(1.0, worst.gap + error)),
        anchors=Anchors(**anchors),
        explanation=(
            f"The combination of values of {ways} columns whose share of the rows is furthest "
            "from the real one: how far a table made from the synthetic rows can be off in one "
            "cell."
        ),
        reference=REFERENCE,
        detail={
            "cells": [
                {"cell": name, "real": cell.real, "synthetic": cell.other} for name, cell in told
            ],
            "error_in_the_worst_hundredth_of_cells": head,
            "rows": dict(rows),
            "columns": {"compared": len(tables.columns), "of": len(tables.plans)},
            "sampled": tables.is_sampled,
            "interval": "normal approximation of the draw of rows for this cell; that it is the "
            "worst of many is not in it, the holdout's worst cell shows how far chance alone gets",
        },
    )


def _key(ways: int) -> str:
    """Key of the figure."""
    return f"worst_cell_{ways}way"


def _title(ways: int) -> str:
    """Title of the figure."""
    return f"Worst cell of {ways} columns"


def _name(cell: Cell, columns: Sequence[Column], levels: Sequence[NumberLevels | None]) -> str:
    """A cell as `column = level, column = level`."""
    return ", ".join(
        f"{columns[place].name} = {spell_level(columns[place], levels[place], level)}"
        for place, level in zip(cell.members, cell.levels, strict=True)
    )


WORST_CELLS = Metric(
    key="worst_cells",
    title="Worst cells",
    group="marginals",
    measure=measure_worst_cells,
    weight=0.3,
)
