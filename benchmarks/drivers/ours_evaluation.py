"""Our evaluation on Parquet files, timed in a process of its own.

Run by `python -m benchmarks.evaluation`; `--part quality` measures what SDMetrics' Quality Report
measures, `rows` the shapes, pairs and marginals, `whole` and `quick` everything.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.stopwatch import peak_mib, processor_seconds

from understudy.attack.smoke import SMOKE
from understudy.evaluate import (
    MARGINALS,
    PAIRS,
    SHAPES,
    InternalFigures,
    evaluate_all,
    metrics_of_all,
)


def main() -> None:
    """Time it as often as asked and leave what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("quality", "rows", "whole", "quick"), required=True)
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--holdout", type=Path)
    parser.add_argument("--synthetic", type=Path, required=True)
    parser.add_argument("--target")
    parser.add_argument("--kinds", type=json.loads)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--row-cap", type=int, default=50_000)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    real, synthetic = (pq.read_table(path) for path in (asked.real, asked.synthetic))
    holdout = pq.read_table(asked.holdout) if asked.holdout else None
    wall, busy = [], []
    for _ in range(asked.repeats):
        began, before = time.perf_counter(), processor_seconds()
        found = one_run(asked, real, holdout, synthetic)
        wall.append(time.perf_counter() - began)
        busy.append(processor_seconds() - before)
    told: dict[str, Any] = {
        "wall_s": statistics.median(wall),
        "cpu_s": statistics.median(busy),
        "rss_mib": peak_mib(),
        "timings": dict(found.timings),
    }
    for key in ("shapes", "pair_trends", "quality"):
        figure = found.figure(key)
        told[key] = None if figure is None else figure.value
    asked.out.write_text(json.dumps(told))


def one_run(
    asked: argparse.Namespace, real: pa.Table, holdout: pa.Table | None, synthetic: pa.Table
) -> InternalFigures:
    """One evaluation."""
    metrics = {
        "quality": (SHAPES, PAIRS),
        "rows": (SHAPES, PAIRS, MARGINALS),
    }.get(asked.part, (*metrics_of_all(), SMOKE))
    found = evaluate_all(
        real,
        holdout,
        {"synthetic": synthetic},
        targets=(asked.target,) if asked.target else (),
        kinds=asked.kinds,
        metrics=metrics,
        quick=asked.part == "quick",
        row_cap=asked.row_cap,
    )
    return found.tables["synthetic"]


if __name__ == "__main__":
    main()
