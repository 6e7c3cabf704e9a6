"""Raw Adult cut in two halves by a fixed seed; the same cut for every run and every peer."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd

from .measure import read_cells

SPLIT_SEED = 20_261
HALF = 24_421
TARGET = "income"


def data_folder() -> Path:
    """Folder of real tables: $UNDERSTUDY_BENCH_DATA, else ../shared/data beside the checkout."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get("UNDERSTUDY_BENCH_DATA", beside))


def whole(folder: Path) -> pd.DataFrame:
    """Join Adult's two files; the test file's labels lose their full stop, nothing else changes."""
    parts = [read_cells(folder / "adult" / name) for name in ("adult_train.csv", "adult_test.csv")]
    table = pd.concat(parts, ignore_index=True)
    table[TARGET] = table[TARGET].str.rstrip(".")
    return table


def halves(folder: Path, seed: int = SPLIT_SEED) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (the half to synthesize, the half to test on), 24,421 rows each."""
    table = whole(folder)
    order = np.random.default_rng(seed).permutation(len(table))
    return table.iloc[order[:HALF]], table.iloc[order[HALF : 2 * HALF]]


def write_halves(out: Path, folder: Path | None = None) -> tuple[Path, Path]:
    """Write half_a.csv and half_b.csv under `out` and return their paths."""
    out.mkdir(parents=True, exist_ok=True)
    paths = out / "half_a.csv", out / "half_b.csv"
    for path, half in zip(paths, halves(folder or data_folder()), strict=True):
        half.to_csv(path, index=False)
    return paths


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    print(*write_halves(parser.parse_args().out), sep="\n")
