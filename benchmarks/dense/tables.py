"""Tables of codes in which nearly every pair of columns depends, made ones and real ones.

The made ones are drawn from normals with few common causes, cut into levels: one cause (every pair
depends, a junction tree of a few megabytes holds few of them), three causes, and one cause with two
strong pairs that it does not explain. A second draw of the same population stands beside each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.aim.cases import CASES as CODED
from benchmarks.aim.cases import Case, Coded, binned

DELTA = 1e-9


@dataclass(frozen=True, kw_only=True)
class Made:
    """A population: columns, levels, common causes, and how much they explain of a column."""

    columns: int
    levels: int
    causes: int
    explained: tuple[float, float]
    rows: int = 30_000

    def draw(self, seed: int) -> Coded:
        """A table of this population; the population is always the same."""
        shape = np.random.default_rng(self.columns * 1_000 + self.levels)
        loads = shape.normal(size=(self.columns, self.causes))
        part = shape.uniform(*self.explained, size=self.columns)
        loads *= np.sqrt(part / (loads**2).sum(axis=1))[:, None]
        shares = shape.dirichlet(np.full(self.levels, 4.0), size=self.columns)
        rng = np.random.default_rng([seed, 1])
        cause = rng.normal(size=(self.rows, self.causes))
        values = cause @ loads.T + np.sqrt(1 - part) * rng.normal(size=(self.rows, self.columns))
        codes = {
            f"c{index:02d}": _cut(values[:, index], shares[index]) for index in range(self.columns)
        }
        return Coded(codes=codes, sizes=dict.fromkeys(codes, self.levels))


def _cut(values: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """Levels with these shares of a standard normal."""
    from scipy.special import ndtri

    return np.searchsorted(ndtri(np.cumsum(shares)[:-1]), values).astype(np.int64)


MADE = {
    "one_cause": Made(columns=24, levels=8, causes=1, explained=(0.5, 0.8)),
    "three_causes": Made(columns=30, levels=12, causes=3, explained=(0.6, 0.9)),
    "many_levels": Made(columns=16, levels=32, causes=2, explained=(0.7, 0.95)),
}
_TITLES = {
    "one_cause": "one common cause (30,000 × 24, 8 levels each)",
    "three_causes": "three common causes (30,000 × 30, 12 levels each)",
    "many_levels": "two common causes (30,000 × 16, 32 levels each)",
}


def _draw(made: Made, _folder: Path) -> Coded:
    """The table that is learned from."""
    return made.draw(0)


def _made(name: str) -> Case:
    load: Callable[[Path], Coded] = partial(_draw, MADE[name])
    return Case(name=name, title=_TITLES[name], load=load, delta=DELTA)


def _coded(name: str) -> Case:
    return replace(next(case for case in CODED if case.name == name), epsilons=(1.0,))


CASES = (
    _made("one_cause"),
    _made("three_causes"),
    _made("many_levels"),
    _coded("credit_default"),
    Case(
        name="wdbc",
        title="breast cancer, wdbc, binned here (569 × 31)",
        load=binned("breast_cancer/wdbc.csv"),
    ),
    _coded("nist_acs_ma"),
    _coded("nltcs"),
    _coded("adult"),
)
