"""One engine counts all pairs of a Parquet file of codes, and tells what it took.

    python -m benchmarks.large.engines understudy codes.parquet

Each engine runs in an interpreter of its own, so that memory is its own. The checksum shows that
all counted the same.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .tables import BINS, COLUMNS

NAMES = [f"c{place}" for place in range(COLUMNS)]
PAIRS = list(itertools.combinations(range(COLUMNS), 2))


def understudy(path: str) -> Callable[[], list[Any]]:
    """Ours: the exact half of the door, as a synthesizer makes it work."""
    from understudy.cells.reading import Reading
    from understudy.curator import Count, NumberCells, StreamCurator
    from understudy.privacy import Budget
    from understudy.schema import Kind
    from understudy.source import read_stream

    edges = tuple(float(edge) for edge in range(BINS + 1))
    codes = [
        NumberCells(column=name, reading=Reading(kind=Kind.NUMBER, decimals=0), edges=edges)
        for name in NAMES
    ]
    stream = read_stream(path)
    curator = StreamCurator(stream, budget=Budget(1.0))
    asked = [Count(encodings=(codes[a], codes[b]), sigma=1.0, stage="pairs") for a, b in PAIRS]
    return lambda: [answer[:BINS, :BINS] for answer in curator.exact_all(asked)]


def numpy_streamed(path: str) -> Callable[[], list[Any]]:
    """Row group after row group, one bincount for each pair."""
    import pyarrow.parquet as pq

    def count() -> list[Any]:
        found = np.zeros((len(PAIRS), BINS * BINS), dtype=np.int64)
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            codes = [table.column(name).to_numpy().astype(np.int64) for name in NAMES]
            for place, (a, b) in enumerate(PAIRS):
                found[place] += np.bincount(codes[a] * BINS + codes[b], minlength=BINS * BINS)
        return list(found.reshape(-1, BINS, BINS))

    return count


def duckdb(path: str) -> Callable[[], list[Any]]:
    """One GROUP BY for each pair, all threads."""
    import duckdb as engine

    def count() -> list[Any]:
        found = []
        for a, b in PAIRS:
            rows = engine.sql(
                f"SELECT {NAMES[a]}, {NAMES[b]}, count(*) FROM '{path}' GROUP BY ALL"  # noqa: S608  our own names
            ).fetchnumpy()
            first, second, counts = rows.values()
            found.append(_square(first, second, counts))
        return found

    return count


def polars(path: str) -> Callable[[], list[Any]]:
    """Lazy group_by for each pair, collected together by the streaming engine."""
    import polars as pl

    def count() -> list[Any]:
        rows = pl.scan_parquet(path)
        lazy = [rows.group_by(NAMES[a], NAMES[b]).len() for a, b in PAIRS]
        found = pl.collect_all(lazy, engine="streaming")
        return [_square(*(column.to_numpy() for column in frame.iter_columns())) for frame in found]

    return count


def _square(first: Any, second: Any, counts: Any) -> Any:
    """Counts by two codes."""
    square = np.zeros((BINS, BINS), dtype=np.int64)
    square[np.asarray(first).astype(int), np.asarray(second).astype(int)] = counts
    return square


ENGINES = {
    "understudy": understudy,
    "numpy": numpy_streamed,
    "duckdb": duckdb,
    "polars": polars,
}


def peak_mib() -> float:
    """Largest resident memory of this program, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main() -> None:
    """Count, and print one JSON object."""
    name, path = sys.argv[1:]
    opened, busy = time.perf_counter(), time.process_time()
    count = ENGINES[name](path)
    ready = time.perf_counter(), time.process_time()
    found = count()
    ended = time.perf_counter(), time.process_time()
    weights = np.arange(BINS * BINS).reshape(BINS, BINS) % 97
    took = {
        "open_s": ready[0] - opened, "open_cpu_s": ready[1] - busy,
        "s": ended[0] - ready[0], "cpu_s": ended[1] - ready[1],
        "mib": peak_mib(),
        "checksum": sum(int((place + 1) * (one * weights).sum()) for place, one in enumerate(found)),
    }  # fmt: skip
    sys.stdout.write(json.dumps(took))


if __name__ == "__main__":
    main()
