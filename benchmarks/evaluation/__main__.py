"""Time our evaluation: beside SDMetrics, as a whole on half of Adult, and as rows grow.

    python -m benchmarks.evaluation --out results --page docs/benchmarks/evaluation.md

Each side runs in a process and an environment of its own, one after the other, on the same
Parquet files, which are in memory before the clock starts. A row that is in the results already
is not measured again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.contestant import Contestant

HERE = Path(__file__).resolve().parent
ROWS, NUMBERS, LABELS = 200_000, 8, 7
GROWTH = (100_000, 1_000_000, 10_000_000)
PEER = Contestant(
    name="sdmetrics",
    title="SDMetrics 0.32",
    driver="peer_sdmetrics.py",
    requirements=("sdmetrics==0.32.0", "pandas<3", "pyarrow"),
    environment="sdmetrics",
    given="nothing",
)


def mixed(rows: int, seed: int, blur: float) -> pa.Table:
    """A table of eight numbers and seven labels that depend on one another.

    Parameters
    ----------
    rows
        How many.
    seed
        Of the generator.
    blur
        Share of the cells that is noise; two tables of different blur differ a little.
    """
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=rows).astype(np.float32)
    columns: dict[str, Any] = {}
    for place in range(NUMBERS):
        noise = rng.normal(size=rows).astype(np.float32)
        values = (1 - blur) * latent * (place + 1) + (0.5 + blur) * noise
        columns[f"n{place}"] = np.round(values.astype(np.float64), 2 + place % 3)
    for place in range(LABELS):
        levels = 3 + 4 * place
        noise = rng.normal(size=rows).astype(np.float32)
        code = np.clip((latent + (0.6 + blur) * noise + 3) / 6 * levels, 0, levels - 1)
        names = pa.array([f"label {level}" for level in range(levels)])
        columns[f"c{place}"] = names.take(pa.array(code.astype(np.int32)))
    return pa.table(columns)


def kinds() -> dict[str, str]:
    """What every column of `mixed` is, so that nobody has to guess."""
    numbers = {f"n{place}": "numerical" for place in range(NUMBERS)}
    return numbers | {f"c{place}": "categorical" for place in range(LABELS)}


def drive(python: Path, driver: str, out: Path, **options: Any) -> dict[str, Any]:
    """Run a driver in a process of its own and read what it found; once."""
    if not out.exists():
        command: list[str | Path] = [python, HERE.parent / "drivers" / driver, "--out", out]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        paths = [str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
        around = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        subprocess.run(command, check=True, env=around)
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def quality(out: Path, given: Mapping[str, Path]) -> list[str]:
    """Our Quality Report figures beside SDMetrics' on the same 200,000 rows."""
    files = {"real": out / "real.parquet", "synthetic": out / "synthetic.parquet"}
    for seed, file in enumerate(files.values()):
        if not file.exists():
            pq.write_table(mixed(ROWS, seed, 0.1 * seed), file)
    told = json.dumps(kinds())
    theirs = drive(
        PEER.interpreter(given), PEER.driver, out / "quality_sdmetrics.json", **files, kinds=told
    )
    ours = drive(
        Path(sys.executable), "ours_evaluation.py", out / "quality_ours.json",
        **files, kinds=told, part="quality",
    )  # fmt: skip
    lines = [
        f"## Quality Report figures, {ROWS:,} rows of {NUMBERS + LABELS} columns", "",
        "| | wall s | CPU s | column shapes | pair trends | score |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, row in ((PEER.title, theirs), ("Understudy", ours)):
        figures = " | ".join(f"{row[key]:.9f}" for key in ("shapes", "pair_trends", "quality"))
        lines.append(f"| {name} | {row['wall_s']:.2f} | {row['cpu_s']:.2f} | {figures} |")
    times = theirs["wall_s"] / ours["wall_s"]
    busy = theirs["cpu_s"] / ours["cpu_s"]
    lines += ["", (f"{busy:.1f} times as fast in processor time, {times:.1f} times by the clock. "
            "Shapes and correlations are on all rows and agree to rounding; two-way tables are "
            "counted on 50,000 rows, each side drawing its own, and agree as far as samples do."), ""]  # fmt: skip
    return lines


def adult(out: Path, source: Path | None) -> list[str]:
    """The whole default evaluation of half of Adult, and the quick one."""
    if source is None:
        from benchmarks.adult_half.split import write_halves

        train, held = write_halves(out)
        made = None
    else:
        train, held = source / "train.csv", source / "holdout.csv"
        made = source / "aim.csv"
    files = {}
    from understudy.source import read_table

    for name, path in (("real", train), ("holdout", held), ("synthetic", made or held)):
        files[name] = out / f"adult_{name}.parquet"
        if not files[name].exists():
            pq.write_table(read_table(path).rows, files[name])
    lines = ["## The whole evaluation of half of Adult, 24,421 rows of 15 columns", "",
             "| | wall s | CPU s | peak MiB |", "|---|---|---|---|"]  # fmt: skip
    parts: dict[str, float] = {}
    for part in ("whole", "quick"):
        row = drive(
            Path(sys.executable), "ours_evaluation.py", out / f"adult_{part}.json",
            **files, target="income", part=part, repeats=1,
        )  # fmt: skip
        title = {"whole": "default", "quick": "`--quick`"}[part]
        lines.append(
            f"| {title} | {row['wall_s']:.1f} | {row['cpu_s']:.1f} | {row['rss_mib']:.0f} |"
        )
        if part == "whole":
            parts = row["timings"]
    lines += [
        "",
        "Seconds of the default evaluation by part (wall):",
        "",
        "| part | s |",
        "|---|---|",
    ]
    lines += [
        f"| {name} | {value:.2f} |"
        for name, value in sorted(parts.items(), key=lambda item: -item[1])
        if name != "total" and value >= 0.05
    ]
    return [*lines, ""]


def growth(out: Path, most: int) -> list[str]:
    """Shapes, pairs and marginals as rows grow."""
    lines = ["## As rows grow: shapes, pair trends and marginals of 15 columns", "",
             "| rows | wall s | CPU s | CPU µs a row | peak MiB |", "|---|---|---|---|---|"]  # fmt: skip
    for rows in (one for one in GROWTH if one <= most):
        result = out / f"rows_{rows}.json"
        files = {name: out / f"{name}_{rows}.parquet" for name in ("real", "synthetic")}
        if not result.exists():
            for seed, file in enumerate(files.values()):
                pq.write_table(mixed(rows, seed, 0.1 * seed), file)
        row = drive(
            Path(sys.executable), "ours_evaluation.py", result,
            **files, kinds=json.dumps(kinds()), part="rows", repeats=1,
        )  # fmt: skip
        for file in files.values():
            file.unlink(missing_ok=True)
        each = 1e6 * row["cpu_s"] / rows
        lines.append(
            f"| {rows:,} | {row['wall_s']:.1f} | {row['cpu_s']:.1f} | {each:.2f} "
            f"| {row['rss_mib']:.0f} |"
        )
    lines += ["", ("Shapes and the cuts of pairs are computed on all rows; pairs and marginals count at most 50,000 "
              "sampled rows of each table, which the report says with the error that brings."), ""]  # fmt: skip
    return lines


def main() -> None:
    """Measure what is missing, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/evaluation"))
    parser.add_argument("--page", type=Path)
    parser.add_argument("--rows", type=int, default=GROWTH[-1], help="most rows of the growth")
    parser.add_argument("--sdmetrics", type=Path, help="interpreter of an environment with it")
    parser.add_argument("--adult", type=Path, help="folder with train.csv, holdout.csv, aim.csv")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    given = {"sdmetrics": asked.sdmetrics} if asked.sdmetrics else {}
    lines = ["# How long an evaluation takes", "",
             ("Made by `make benchmark-evaluation`; see `benchmarks/evaluation`. "
             f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}. "
            "Wall seconds are those of the machine as it was; where they are far above processor "
            "seconds, it was busy, and the latter compare."), ""]  # fmt: skip
    lines += (
        quality(asked.out, given) + adult(asked.out, asked.adult) + growth(asked.out, asked.rows)
    )
    text = "\n".join(lines).rstrip() + "\n"
    if asked.page:
        asked.page.write_text(text, "utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
