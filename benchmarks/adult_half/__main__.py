"""Run the whole comparison: every contestant, ε and seed in one run on one machine.

    python -m benchmarks.adult_half --out benchmarks/results
    python -m benchmarks.adult_half --only ours --seeds 1 --epsilons 1

Rows that `runs.jsonl` already holds are kept, so an interrupted run goes on where it stopped; give
another folder for a fresh run (ratios of times are only honest within one run).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .contestants import CONTESTANTS, Run, interpreter
from .measure import measure, read_cells
from .split import TARGET, data_folder, whole, write_halves
from .table import markdown, summary


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


def done(path: Path) -> list[dict[str, Any]]:
    """Rows of an earlier, interrupted run."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def note(path: Path, row: dict[str, Any]) -> None:
    """Append a row and show it."""
    with path.open("a") as lines:
        lines.write(json.dumps(row) + "\n")
    shown = {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items() if " " not in k}
    sys.stderr.write(f"{shown}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare and write runs.jsonl, results.csv and table.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    names = [contestant.name for contestant in CONTESTANTS]
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--epsilons", type=float, nargs="+", default=[0.1, 1.0, 10.0])
    parser.add_argument("--seeds", type=int, default=5, help="runs per contestant and ε")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument(
        "--python", nargs="+", default=[], metavar="ENV=PATH", help="an environment that exists"
    )
    options = parser.parse_args(arguments)
    given = {name: Path(path) for name, path in (pair.split("=", 1) for pair in options.python)}

    options.out.mkdir(parents=True, exist_ok=True)
    lines = options.out / "runs.jsonl"
    rows = done(lines)
    seen = {(row["name"], row["epsilon"], row["seed"]) for row in rows}
    half_a, half_b = write_halves(options.out / "data")
    real, test, table = read_cells(half_a), read_cells(half_b), whole(data_folder())

    for name, anchor in anchors(real, test, seed=0).items():
        if (name, None, 0) not in seen:
            # What can be learnt from real rows: the half itself is the teacher of the ceiling.
            marginals = measure(real, test, anchor, target=TARGET)
            if name == "other half":
                marginals["tstr"] = measure(real, test, real, target=TARGET)["tstr"]
            rows.append({"name": name, "epsilon": None, "seed": 0, **figures(marginals)})
            note(lines, rows[-1])

    for seed in range(options.seeds):
        for epsilon in options.epsilons:
            for contestant in CONTESTANTS:
                run = Run(
                    contestant=contestant,
                    epsilon=epsilon,
                    seed=seed,
                    folder=options.out / "runs" / f"{contestant.name}-{epsilon:g}-{seed}",
                )
                if contestant.name not in options.only or run.key in seen:
                    continue
                synthetic = run.perform(half_a, table, interpreter(contestant, given))
                measured = figures(measure(real, test, synthetic, target=TARGET, seed=seed))
                row = {"name": contestant.name, "epsilon": epsilon, "seed": seed}
                rows.append({**row, **run.took(), **measured})
                note(lines, rows[-1])

    pd.DataFrame(rows).to_csv(options.out / "results.csv", index=False)
    text = markdown(summary(rows))
    (options.out / "table.md").write_text(text)
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
