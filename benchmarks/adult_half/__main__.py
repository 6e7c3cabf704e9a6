"""Run the whole comparison: every contestant, ε and seed in one run on one machine.

    python -m benchmarks.adult_half --out benchmarks/results
    python -m benchmarks.adult_half --only ours --seeds 1 --epsilons 1

Rows that `runs.jsonl` already holds are kept, so an interrupted run goes on where it stopped; give
another folder for a fresh run (ratios of times are only honest within one run).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.contestant import StoppedError
from benchmarks.runs import Log, Row

from .contestants import CONTESTANTS, Run
from .measure import measure, read_cells
from .split import TARGET, data_folder, whole, write_halves
from .table import markdown

MST = ("ours", "dpmm", "mbi", "mbi-gift")
KEYS = ("name", "epsilon", "seed")


def anchors(real: pd.DataFrame, test: pd.DataFrame, seed: int) -> dict[str, pd.DataFrame]:
    """Tables that are no synthesizer's: the other half, and columns drawn independently."""
    rng = np.random.default_rng(seed)
    shuffled = {name: rng.choice(cells.to_numpy(), len(cells)) for name, cells in real.items()}
    return {"other half": test, "independent columns": pd.DataFrame(shuffled)}


def figures(measured: dict[str, Any]) -> dict[str, float]:
    """Flatten what a row of the result keeps."""
    marginals = measured["marginals"]
    flat = {name: marginals[name] for name in ("tvd1", "tvd2", "tvd3")}
    flat |= {f"tvd1 {name}": value for name, value in marginals["columns"].items()}
    flat |= {f"auc {name}": value for name, value in measured["tstr"].items() if name != "mean"}
    return {**flat, "tstr": measured["tstr"]["mean"]}


def compare(
    log: Log,
    out: Path,
    *,
    names: Sequence[str],
    epsilons: Sequence[float],
    seeds: range,
    pythons: Mapping[str, Path],
    cpu_seconds: int | None = None,
) -> None:
    """Add to the log every run of these contestants that it does not hold."""
    half_a, half_b = write_halves(out / "data")
    real, test, table = read_cells(half_a), read_cells(half_b), whole(data_folder())
    for name, anchor in anchors(real, test, seed=0).items():
        row: Row = {"name": name, "epsilon": None, "seed": 0}
        if not log.holds(row):
            # What can be learnt from real rows: the half itself is the teacher of the ceiling.
            marginals = measure(real, test, anchor, target=TARGET)
            if name == "other half":
                marginals["tstr"] = measure(real, test, real, target=TARGET)["tstr"]
            log.note({**row, **figures(marginals)})
    chosen = [one for one in CONTESTANTS if one.name in names]
    for seed in seeds:
        for epsilon in epsilons:
            for contestant in chosen:
                row = {"name": contestant.name, "epsilon": epsilon, "seed": seed}
                if log.holds(row):
                    continue
                run = Run(
                    contestant=contestant,
                    epsilon=epsilon,
                    seed=seed,
                    folder=out / "runs" / f"{contestant.name}-{epsilon:g}-{seed}",
                )
                try:
                    synthetic, took = run.perform(half_a, table, pythons, cpu_seconds)
                except StoppedError as stopped:
                    log.note({**row, "stopped": stopped.cpu_seconds})
                    continue
                measured = measure(real, test, synthetic, target=TARGET, seed=seed)
                log.note({**row, **took, **figures(measured)})


def read_pythons(pairs: Sequence[str]) -> dict[str, Path]:
    """Environments that exist, given as ENV=PATH."""
    return {name: Path(path) for name, path in (pair.split("=", 1) for pair in pairs)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare and write runs.jsonl, results.csv and table.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    names = [contestant.name for contestant in CONTESTANTS]
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--epsilons", type=float, nargs="+", default=[0.1, 1.0, 10.0])
    parser.add_argument("--seeds", type=int, default=5, help="runs per contestant and ε")
    parser.add_argument("--only", nargs="+", choices=names, default=MST)
    parser.add_argument(
        "--python", nargs="+", default=[], metavar="ENV=PATH", help="an environment that exists"
    )
    options = parser.parse_args(arguments)
    log = Log(path=options.out / "runs.jsonl", keys=KEYS)
    compare(
        log,
        options.out,
        names=options.only,
        epsilons=options.epsilons,
        seeds=range(options.seeds),
        pythons=read_pythons(options.python),
    )
    pd.DataFrame(log.rows).to_csv(options.out / "results.csv", index=False)
    text = markdown(log.rows)
    (options.out / "table.md").write_text(text)
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
