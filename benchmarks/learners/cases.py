"""Two tables, each cut in a half to learn from and a half to test on, and what is public about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.adult_half.split import SPLIT_SEED, data_folder, halves

CREDIT_HALF = 15_000


@dataclass(frozen=True, kw_only=True)
class Case:
    """One task.

    Parameters
    ----------
    name, title
        What results and page call it.
    target, positive
        The column that is predicted, and its rarer class.
    train, test
        Halves, cells as they are.
    bounds
        Published range of every number, for peers that have to be told; other columns are labels.
    """

    name: str
    title: str
    target: str
    positive: str
    train: pd.DataFrame
    test: pd.DataFrame
    bounds: Mapping[str, tuple[float, float]]

    @property
    def truth(self) -> np.ndarray:
        """Whether each row of the half to test on is of the rarer class."""
        return (self.test[self.target].astype(str) == self.positive).to_numpy()

    def inputs(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table's columns without the target, numbers as numbers."""
        made = table.drop(columns=self.target)
        return made.assign(**{name: pd.to_numeric(made[name]) for name in self.bounds})


def adult() -> Case:
    """Half of raw Adult: the same halves as `benchmarks.adult_half`."""
    first, second = halves(data_folder())
    return Case(
        name="adult",
        title="Adult, 24,421 of 48,842 rows, 14 columns",
        target="income",
        positive=">50K",
        train=first.reset_index(drop=True),
        test=second.reset_index(drop=True),
        bounds={
            "age": (16, 101),
            "fnlwgt": (12_285, 1_490_400),
            "education-num": (1, 17),
            "capital-gain": (0, 99_999),
            "capital-loss": (0, 4_356),
            "hours-per-week": (1, 100),
        },
    )


def credit() -> Case:
    """Half of the Taiwanese credit table; no setting of a learner was chosen on it."""
    table = pd.read_csv(data_folder() / "credit_default" / "creditcard_default.csv")
    order = np.random.default_rng(SPLIT_SEED).permutation(len(table))
    parts = [
        table.iloc[rows].reset_index(drop=True)
        for rows in (order[:CREDIT_HALF], order[CREDIT_HALF : 2 * CREDIT_HALF])
    ]
    wide = {name: (-1e6, 1e6) for name in table if str(name).startswith("bill_amt")}
    wide |= {name: (0.0, 1e6) for name in table if str(name).startswith("pay_amt")}
    wide |= dict.fromkeys(("pay_0", *(f"pay_{month}" for month in range(2, 7))), (-2.0, 9.0))
    return Case(
        name="credit",
        title="Credit default, 15,000 of 30,000 rows, 23 columns",
        target="has_default",
        positive="1",
        train=parts[0],
        test=parts[1],
        bounds={"limit_bal": (0, 1e6), "age": (18, 100), **wide},
    )


CASES = {"adult": adult, "credit": credit}


def write(case: Case, folder: Path) -> Path:
    """Leave the halves as CSV, for whoever reads files; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    case.train.to_csv(folder / "train.csv", index=False)
    case.test.to_csv(folder / "test.csv", index=False)
    return folder
