"""Parquet files of any length, drawn row group by row group from a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

GROUP = 1_000_000
COLUMNS, BINS = 15, 20
_KEPT = 5


def write_codes(path: Path, rows: int) -> None:
    """15 columns of 20 bins as small integers, with ties between neighbours."""
    with _writer(path, _codes(np.random.default_rng(0), 1).schema) as writer:
        for group in range(0, rows, GROUP):
            writer.write_table(_codes(np.random.default_rng([1, group]), min(GROUP, rows - group)))


def _codes(rng: np.random.Generator, rows: int) -> pa.Table:
    """A row group of codes."""
    columns = [rng.integers(0, BINS, rows).astype(np.uint8)]
    for _ in range(COLUMNS - 1):
        fresh = rng.integers(0, BINS, rows).astype(np.uint8)
        columns.append(np.where(rng.random(rows) < 0.3, columns[-1], fresh))
    return pa.table({f"c{place}": column for place, column in enumerate(columns)})


def write_people(path: Path, rows: int) -> None:
    """A survey as a register would hold it: 12 columns, text, whole and broken numbers, dates.

    Five different row groups in turn: what is counted is as much work as if all were different.
    """
    with _writer(path, _people(np.random.default_rng(0), 1).schema) as writer:
        kept = [_people(np.random.default_rng([2, place]), GROUP) for place in range(_KEPT)]
        for place, start in enumerate(range(0, rows, GROUP)):
            writer.write_table(kept[place % _KEPT].slice(0, rows - start))


def _people(rng: np.random.Generator, rows: int) -> pa.Table:
    """A row group of people whose columns depend on each other."""
    age = np.clip(rng.normal(44, 17, rows), 0, 99).astype(np.int32)
    school = np.clip((age / 14 + rng.normal(0, 2, rows)), 0, 8).astype(np.int64)
    pay = np.round(np.exp(rng.normal(6.5 + school / 5, 0.6)), 0)
    towns = np.array([f"town {place:02d}" for place in range(40)])
    levels = np.array(["none", "primary", "lower", "upper", "short", "college", "BA", "MA", "PhD"])
    town = np.minimum(rng.geometric(0.08, rows), 40) - 1
    days = np.datetime64("2015-01-01") + rng.integers(0, 3650, rows)
    return pa.table(
        {
            "age": age,
            "sex": pa.array(
                np.array(["F", "M", "X"])[np.minimum(rng.geometric(0.55, rows), 3) - 1]
            ),
            "town": pa.array(towns[town]),
            "school": pa.array(levels[school]),
            "pay": pa.array(pay, mask=rng.random(rows) < 0.08),
            "hours": np.clip(rng.normal(38 - (age > 65) * 25, 8, rows), 0, 80).astype(np.int16),
            "children": np.minimum(rng.poisson(age / 30), 8).astype(np.int8),
            "married": rng.random(rows) < age / 110,
            "owner": rng.random(rows) < np.clip(pay / 6000, 0, 0.9),
            "moved": pa.array(days.astype("datetime64[D]")),
            "job": pa.array(np.array([f"job {place}" for place in range(25)])[(school * 3) % 25]),
            "ill": rng.random(rows) < age / 250,
        }
    )


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A writer into a new file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return pq.ParquetWriter(path, schema)
