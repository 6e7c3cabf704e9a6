"""SDMetrics' Quality Report on two Parquet files, timed in its own environment.

Run by `python -m benchmarks.evaluation` with the interpreter of its environment.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from pathlib import Path

import pandas as pd
from sdmetrics.reports.single_table import QualityReport


def main() -> None:
    """Time it as often as asked and leave what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--synthetic", type=Path, required=True)
    parser.add_argument("--kinds", type=json.loads, required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    real, synthetic = pd.read_parquet(asked.real), pd.read_parquet(asked.synthetic)
    metadata = {"columns": {name: {"sdtype": kind} for name, kind in asked.kinds.items()}}
    wall, busy = [], []
    for _ in range(asked.repeats):
        report = QualityReport()
        began, before = time.perf_counter(), time.process_time()
        report.generate(real, synthetic, metadata, verbose=False)
        wall.append(time.perf_counter() - began)
        busy.append(time.process_time() - before)
    properties = report.get_properties().set_index("Property")["Score"]
    found = {
        "wall_s": statistics.median(wall),
        "cpu_s": statistics.median(busy),
        "shapes": float(properties["Column Shapes"]),
        "pair_trends": float(properties["Column Pair Trends"]),
        "quality": float(report.get_score()),
    }
    asked.out.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
