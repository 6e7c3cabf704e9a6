"""Run the benchmark: `python -m benchmarks.wide --out DIR [--columns 100 200] [--kinds tree]`.

Every fit runs in a process of its own, one after the other, on codes spelled as labels with a
declared domain; fitting and sampling are timed in processor seconds. `another draw` is a second
table from the same population: what a perfect synthesizer would show.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.wide.runs import one_run
from benchmarks.wide.tables import KINDS

MAKERS = ("independent", "mst", "residual", "privbayes")
CLASSIC_MOST = 100
"""Columns up to which privbayes is run: its choices grow with the cube of columns."""

FIELDS = ("kind", "columns", "rows", "epsilon", "synthesizer", "seed", "fit_cpu_s", "sample_cpu_s",
          "mib", "counted", "all", "dependent", "pairs_dependent", "dependence")  # fmt: skip


def main() -> None:
    """Every kind, width and synthesizer; a line of CSV each."""
    options = _arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    place = options.out / "wide.csv"
    fresh = not place.exists()
    with place.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if fresh:
            writer.writeheader()
        for kind, columns, seed in itertools.product(options.kinds, options.columns, options.seeds):
            for maker in ("another draw", *options.synthesizers):
                if maker == "privbayes" and columns > CLASSIC_MOST:
                    continue
                row = _apart(kind, columns, options.rows, options.epsilon, maker, seed)
                writer.writerow(row)
                file.flush()
                print(_line(row), flush=True)


def _arguments() -> argparse.Namespace:
    """What to run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wide", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--columns", type=int, nargs="+", default=[100, 200, 500])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--synthesizers", nargs="+", choices=MAKERS, default=list(MAKERS))
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    return parser.parse_args()


def _apart(*settings: Any) -> dict[str, Any]:
    """One run in a process of its own, so that its memory is its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(one_run, *settings).result()


def _line(row: dict[str, Any]) -> str:
    """A run in one line."""
    return (
        f"{row['kind']:8} {row['columns']:4} {row['synthesizer']:12} "
        f"{row.get('fit_cpu_s', 0):7} s + {row.get('sample_cpu_s', 0):5} s {row.get('mib', 0):6} MiB "
        f"all {row['all']:.4f} dependent {row['dependent']:.4f}"
    )


if __name__ == "__main__":
    main()
