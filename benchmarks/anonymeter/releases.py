"""Releases that leak on purpose, made from one half of Adult."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 5_023
SPREAD = {"age": 1, "hours-per-week": 1, "fnlwgt": 500}


def copied_third(train: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """A third of the rows are training rows, the others have every column shuffled by itself."""
    order = rng.permutation(len(train))
    copies = train.iloc[order[: len(train) // 3]]
    apart = pd.DataFrame({name: rng.permutation(train[name].to_numpy()) for name in train})
    made = pd.concat([copies, apart.iloc[len(copies) :]])
    return made.iloc[rng.permutation(len(made))]


def noisy_copies(train: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Training rows drawn with replacement, three numbers moved a little."""
    made = train.iloc[rng.integers(0, len(train), len(train))].copy()
    for name, spread in SPREAD.items():
        made[name] = made[name] + spread * rng.integers(-1, 2, len(made))
    return made


RELEASES: Mapping[str, Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]] = {
    "copied_third": copied_third,
    "noisy_copies": noisy_copies,
}


def write_release(name: str, train: Path, out: Path) -> Path:
    """Make a release and write it; its path."""
    made = RELEASES[name](pd.read_csv(train), np.random.default_rng(SEED))
    made.to_csv(out, index=False)
    return out
