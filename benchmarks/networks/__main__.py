"""Our networks beside ctgan's, mostlyai-engine's and SmartNoise's on half of raw Adult.

    python -m benchmarks.networks --out benchmarks/results/networks
    python -m benchmarks.networks --only argn,cart --peers FOLDER_OF_ENVIRONMENTS

Writes the table, what SmartNoise is given for free, and the study file with the paths of the
peers' environments, which it makes when they are not there; then `understudy study` does the rest
and goes on where it stopped. Each peer runs in a process of its own, on one core, as ours do.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd

from benchmarks.adult_half.prepare import ADULT_GRID
from benchmarks.adult_half.split import data_folder, whole
from benchmarks.contestant import VENVS

HERE = Path(__file__).resolve().parent
TORCH = "torch==2.13.0"
PEERS = {
    "ctgan": (TORCH, "ctgan==0.12.1"),
    "mostlyai": (TORCH, "mostlyai-engine==2.7.3"),
    "smartnoise": (TORCH, "smartnoise-synth==1.0.8", "packaging"),
}


def prepared(out: Path, peers: Path) -> Path:
    """The table, the public domain and the study file with its paths filled in."""
    out.mkdir(parents=True, exist_ok=True)
    table = whole(data_folder())
    table.to_csv(out / "adult.csv", index=False)
    (out / "domain.json").write_text(json.dumps(domain(table)))
    text = (HERE / "adult.yaml").read_text()
    told = {
        "{peers}": peers,
        "{domain}": out / "domain.json",
        "../drivers": HERE.parent / "drivers",
    }
    for word, path in told.items():
        text = text.replace(word, str(path))
    study = out / "adult.yaml"
    study.write_text(text)
    return study


def domain(table: pd.DataFrame) -> dict[str, object]:
    """Published bounds of numbers; the labels of the rest."""
    return {
        name: {"low": ADULT_GRID[name].low, "high": ADULT_GRID[name].high}
        if name in ADULT_GRID
        else sorted(table[name].unique())
        for name in table
    }


def build(peers: Path, names: list[str]) -> None:
    """Make the environments that are not there."""
    for name in names:
        python = peers / name / "bin" / "python"
        if python.exists():
            continue
        sys.stderr.write(f"building {peers / name} with {', '.join(PEERS[name])}\n")
        subprocess.run([sys.executable, "-m", "venv", peers / name], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PEERS[name]], check=True)


def main() -> None:
    """Prepare, then run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/networks"))
    parser.add_argument("--peers", type=Path, default=VENVS, help="folder of the environments")
    parser.add_argument("--only", help="some generators: names with commas between")
    parser.add_argument("--workers", default="1", help="fits at once; 1 for honest times")
    options = parser.parse_args()
    study = prepared(options.out.resolve(), options.peers.resolve())
    wanted = [name for name in PEERS if options.only is None or name in options.only]
    build(options.peers.resolve(), wanted)
    command = [sys.executable, "-m", "understudy", "study", str(study)]
    command += ["-o", str(options.out / "study"), "--workers", options.workers]
    if options.only:
        command += ["--only", options.only]
    raise SystemExit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()
