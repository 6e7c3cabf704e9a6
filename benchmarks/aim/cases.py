"""Tables of integer codes whose domain is public: everybody is given the same codes for free.

Adult, nltcs, salary and titanic are the files that the AIM and PGM papers use. The last two tables
are binned here, alike for everybody: a column with more than `MOST_LEVELS` different values is cut
at 32 quantile bins of the whole table, heavy values apart, and every other value is a level.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.adult_half.measure import LabelLevels, NumberBins, is_numeric, read_cells
from benchmarks.adult_half.split import data_folder
from benchmarks.coded import load_codes, save_codes

Codes = dict[str, NDArray[np.int64]]
MOST_LEVELS = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Coded:
    """Codes of every column and how many levels each has."""

    codes: Codes
    sizes: dict[str, int]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.codes.values())))

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Leave codes.csv and domain.json, in the same order of columns, unless they are there."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = folder / "codes.csv", folder / "domain.json"
        if paths[1].exists():
            return paths
        save_codes(self.codes, paths[0])
        paths[1].write_text(json.dumps(self.sizes))
        return paths


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One table, the δ it is fitted at, and the ε of interest."""

    name: str
    title: str
    load: Callable[[Path], Coded]
    epsilons: tuple[float, ...] = (1.0,)
    delta: float = 1e-9


def published(table: str, domain: str) -> Callable[[Path], Coded]:
    """A table that is published as codes with its domain beside it."""

    def load(folder: Path) -> Coded:
        codes = load_codes(folder / table)
        sizes = json.loads((folder / domain).read_text())
        return Coded(codes=codes, sizes={name: int(sizes[name]) for name in codes})

    return load


def binned(table: str) -> Callable[[Path], Coded]:
    """A table of cells, cut here."""

    def load(folder: Path) -> Coded:
        cells = read_cells(folder / table)
        levels = {str(name): _levels(column) for name, column in cells.items()}
        codes = {name: level.codes(cells[name]) for name, level in levels.items()}
        # The last level, for labels or numbers never seen, would stay empty.
        return Coded(codes=codes, sizes={name: int(code.max()) + 1 for name, code in codes.items()})

    return load


def _levels(column: pd.Series) -> NumberBins | LabelLevels:
    """Quantile bins for many numbers, else a level for every value."""
    if column.nunique() > MOST_LEVELS and is_numeric(column.where(column != "N", "")):
        return NumberBins.of(column.where(column != "N", ""))
    return LabelLevels.of(column)


CASES = (
    Case(
        name="adult",
        title="Adult as its authors binned it (48,842 × 14)",
        load=published(
            "adult/adult_binned_private_pgm.csv", "adult/adult_binned_private_pgm-domain.json"
        ),
        epsilons=(0.1, 1.0, 10.0),
    ),
    Case(
        name="nltcs",
        title="nltcs (21,574 × 16, binary)",
        load=published("dp_discrete/nltcs.csv", "dp_discrete/nltcs-domain.json"),
    ),
    Case(
        name="titanic",
        title="titanic (1,304 × 9)",
        load=published("dp_discrete/titanic.csv", "dp_discrete/titanic-domain.json"),
    ),
    Case(
        name="salary",
        title="salary (135,727 × 9)",
        load=published("dp_discrete/salary.csv", "dp_discrete/salary-domain.json"),
    ),
    Case(
        name="credit_default",
        title="credit_default, binned here (30,000 × 24)",
        load=binned("credit_default/creditcard_default.csv"),
    ),
    Case(
        name="nist_acs_ma",
        title="nist_acs_ma 2019, binned here (7,634 × 24)",
        load=binned("nist_acs_ma/ma2019.csv"),
    ),
)


def folder() -> Path:
    """Where the real tables are."""
    return data_folder()
