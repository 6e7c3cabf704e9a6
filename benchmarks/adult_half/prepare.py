"""What the peers are given for free: a public domain (dpmm), a table already binned (mbi).

Two binnings exist for mbi. `Grid` is its authors' own for Adult: equal widths over published
bounds, the schooling label left to its number. `Gift` is the measurement's own quantile bins of
the private half, refilled with the real values that lie in them: no private run can have that, so
it shows what MST's inference alone leaves to be won.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .measure import LabelLevels, NumberBins, cut, is_numeric, numbers

Cells = NDArray[np.object_]


class Binning(Protocol):
    """A reversible map between cells and the codes that mbi works on."""

    def encode(self, table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
        """Return the codes and the number of levels of every column."""

    def decode(self, codes: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """Return cells for the codes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """An equal-width grid over published bounds of whole numbers."""

    low: int
    high: int
    levels: int

    def codes(self, cells: pd.Series) -> NDArray[np.int64]:
        """Place each number in its cell of the grid."""
        place = (numbers(cells) - self.low) * self.levels / (self.high - self.low)
        return np.clip(np.floor(place), 0, self.levels - 1).astype(np.int64)

    def refill(self, codes: NDArray[np.int64], rng: np.random.Generator) -> Cells:
        """Draw a whole number of each cell; the cell of zero gives zero."""
        width = (self.high - self.low) / self.levels
        start = np.ceil(self.low + codes * width)
        stop = np.maximum(start + 1, np.ceil(self.low + (codes + 1) * width))
        drawn = np.floor(rng.uniform(start, stop)).astype(np.int64)
        return np.where(start == 0, 0, drawn).astype(str).astype(object)


ADULT_GRID = {
    "age": Axis(low=16, high=101, levels=85),
    "fnlwgt": Axis(low=12_285, high=1_490_400, levels=100),
    "education-num": Axis(low=1, high=17, levels=16),
    "capital-gain": Axis(low=0, high=99_999, levels=100),
    "capital-loss": Axis(low=0, high=4_356, levels=100),
    "hours-per-week": Axis(low=1, high=100, levels=99),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """The equal-width binning that mbi's authors publish with their copy of Adult."""

    labels: dict[str, LabelLevels]
    schooling: dict[str, str]
    order: tuple[str, ...]

    @classmethod
    def of(cls, whole: pd.DataFrame) -> Grid:
        """Take the public labels, and the schooling label that each schooling number stands for."""
        others = [name for name in whole if name not in ADULT_GRID and name != "education"]
        spelled = whole.drop_duplicates("education-num").set_index("education-num")["education"]
        return cls(
            labels={name: LabelLevels.of(whole[name]) for name in others},
            schooling=spelled.to_dict(),
            order=tuple(whole.columns),
        )

    def encode(self, table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
        """Return 14 coded columns; the schooling label is implied by its number."""
        axes = {**ADULT_GRID, **self.labels}
        names = [name for name in self.order if name in axes]
        codes = pd.DataFrame({name: axes[name].codes(table[name]) for name in names})
        sizes = {name: axis.levels for name, axis in ADULT_GRID.items()}
        sizes |= {name: len(levels.labels) for name, levels in self.labels.items()}
        return codes, {name: sizes[name] for name in names}

    def decode(self, codes: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """Return 15 columns of cells."""
        columns = {
            name: axis.refill(codes[name].to_numpy(), rng) for name, axis in ADULT_GRID.items()
        }
        for name, levels in self.labels.items():
            columns[name] = np.array(levels.labels, dtype=object)[codes[name].to_numpy()]
        columns["education"] = pd.Series(columns["education-num"]).map(self.schooling).to_numpy()
        return pd.DataFrame({name: columns[name] for name in self.order})


@dataclass(frozen=True, kw_only=True, slots=True)
class Gift:
    """The measurement's own bins of the real half: an advantage that costs privacy."""

    real: pd.DataFrame

    def encode(self, table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
        """Return the codes of every column, without levels that stay empty."""
        levels = cut(self.real)
        codes = pd.DataFrame({name: levels[name].codes(table[name]) for name in table.columns})
        return codes, {str(name): int(column.max()) + 1 for name, column in codes.items()}

    def decode(self, codes: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """Return labels, or for a bin one of the distinct real values that lie in it."""
        columns = {}
        for name, level in cut(self.real).items():
            here = codes[name].to_numpy()
            match level:
                case LabelLevels(labels=labels):
                    columns[name] = np.array(labels, dtype=object)[here]
                case NumberBins():
                    columns[name] = _real_values(level, self.real[name], here, rng)
        return pd.DataFrame(columns)


def _real_values(
    level: NumberBins, real: pd.Series, codes: NDArray[np.int64], rng: np.random.Generator
) -> Cells:
    """Draw for each code one of the distinct real values of its bin; empty text for none."""
    distinct = real.drop_duplicates()
    places = level.codes(distinct)
    cells = np.full(len(codes), "", dtype=object)
    for code in np.unique(codes):
        inside = distinct.to_numpy()[places == code]
        where = np.flatnonzero(codes == code)
        if len(inside):
            cells[where] = rng.choice(inside, len(where))
    return cells


def write_domain(whole: pd.DataFrame, path: Path) -> Path:
    """Write the bounds of numeric columns and the labels of the others, as dpmm takes them."""
    domain: dict[str, dict[str, object]] = {}
    for name, cells in whole.items():
        if is_numeric(cells):
            values = numbers(cells)
            domain[str(name)] = {"lower": int(np.min(values)), "upper": int(np.max(values))}
        else:
            domain[str(name)] = {"categories": sorted(cells.unique())}
    path.write_text(json.dumps(domain))
    return path
