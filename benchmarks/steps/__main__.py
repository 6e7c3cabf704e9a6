"""Run every way and write the page: python -m benchmarks.steps --page docs/benchmarks/steps.md."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.contestant import Contestant

WAYS = Path(__file__).with_name("ways.py")
BATCH = 500
TITLES = {
    "plain": "PyTorch, no privacy",
    "ghost_plain": "our layers, no privacy",
    "ghost": "ours, PyTorch's noise as the others have",
    "ghost_secure": "ours as it runs: the curator's noise",
    "opacus_ghost": "Opacus, ghost clipping",
    "hooks": "Opacus, hooks (its default)",
    "vmap": "`torch.func`: vmap over grad",
    "argn_plain": "argn, no privacy",
    "argn": "argn as it runs",
}
SLOW = ("hooks", "vmap")
WHOLE = 8_000
MICROS = (8_000, 2_000, 500)


def taken(
    python: Path, way: str, *, batch: int = BATCH, micro: int | None = None
) -> dict[str, Any]:
    """What one way took, in a process of its own."""
    steps = 5 if way in SLOW else 40
    command = [python, "-W", "ignore", WAYS, way, "--batch", str(batch), "--steps", str(steps)]
    if micro is not None:
        command += ["--micro", str(micro)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    answer = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def page(rows: list[dict[str, Any]], parts: list[dict[str, Any]]) -> str:
    """The page of the results."""
    of = {row["way"]: row for row in rows}
    lines = [
        "# What a step of DP-SGD costs",
        "",
        f"One step on {BATCH} rows, 150-256-256-1 with ReLU (105,000 parameters), on one core:",
        "processor milliseconds (median of 40 steps; of 5 where a step takes a quarter of a second),",
        "and memory that the steps added. Every way clips every row's gradient, adds noise and takes",
        "a plain step. `make benchmark-steps` repeats it; figures of a machine that does other things",
        "too are some tenths too high, the ratios less so.",
        "",
        "| way | ms | times plain | MiB |",
        "|---|---|---|---|",
    ]
    base = {"argn": "argn_plain", "argn_plain": "argn_plain"}
    for way, title in TITLES.items():
        ratio = of[way]["ms"] / of[base.get(way, "plain")]["ms"]
        lines.append(f"| {title} | {of[way]['ms']:.1f} | {ratio:.2f} | {of[way]['mib']:.0f} |")
    lines += [
        "",
        "Ours keeps what went into every layer and what comes back: norms are products of norms, and",
        "the clipped sum is one matrix product, the same that the plain gradient needs. Opacus' ghost",
        "mode goes back twice; hooks and `torch.func` write down 500 gradients of 105,000 numbers.",
        "The curator's noise comes from the operating system's entropy through a cipher and lies on a",
        "lattice (see decision 30); the others' is PyTorch's pseudo-random one. Last two lines: the",
        "autoregressive network (15 columns of 30 codes, 48 hidden units), beside itself.",
        "",
        "## Memory by micro-batches",
        "",
        f"A step on {WHOLE:,} rows, ours with the curator's noise. `microbatch` bounds what is held at",
        "once; the sum, the noise and the promise are those of the whole sample.",
        "",
        "| micro-batch | ms | MiB |",
        "|---|---|---|",
    ]
    lines += [f"| {row['micro']:,} | {row['ms']:.0f} | {row['mib']:.0f} |" for row in parts]
    lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Measure every way, one after the other."""
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--page", type=Path, default=None)
    reading.add_argument("--opacus", type=Path, help="an interpreter that has Opacus already")
    asked = reading.parse_args()
    peers = Contestant(
        name="opacus",
        title="Opacus",
        driver="",
        given="nothing",
        requirements=("opacus==1.6.0", "torch==2.13.0"),
        environment="opacus",
    )
    opacus = peers.interpreter({"opacus": asked.opacus} if asked.opacus else {})
    ours = Path(sys.executable)
    rows = [taken(opacus if way in {"opacus_ghost", "hooks"} else ours, way) for way in TITLES]
    parts = [taken(ours, "ghost_secure", batch=WHOLE, micro=micro) for micro in MICROS]
    text = page(rows, parts)
    sys.stdout.write(text)
    if asked.page is not None:
        asked.page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
