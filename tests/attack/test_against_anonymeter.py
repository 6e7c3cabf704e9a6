"""Our three attacks beside Anonymeter 1.1.0's on one leaky release of generated people.

The package needs an old numpy, so it runs in an interpreter of its own, named by
UNDERSTUDY_ANONYMETER_PYTHON or built by `python -m benchmarks.anonymeter`. Its figures on these
tables are also written down here, so that every run of the suite compares with them.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.attack.triad_games import LABELS, NUMBERS, Records, copies, people

ROOT = Path(__file__).resolve().parents[2]
DRIVERS = ROOT / "benchmarks" / "drivers"
ROWS = 3_000
FARTHEST = 5.5  # standard errors between two random estimates: 4e-8 a line

RECORDED: dict[str, tuple[float, tuple[float, float]]] = {
    "univariate": (0.1596, (0.0811, 0.2380)),
    "multivariate": (0.2211, (0.1546, 0.2877)),
    "linkability": (0.0250, (0.0174, 0.0326)),
    "inference of region": (0.4651, (0.4037, 0.5265)),
    "inference of job": (0.4901, (0.4015, 0.5787)),
    "inference of colour": (0.5063, (0.4697, 0.5428)),
    "inference of age": (0.4660, (0.4286, 0.5033)),
    "inference of income": (0.5098, (0.4576, 0.5621)),
    "inference of height": (0.5417, (0.4875, 0.5958)),
}
"""Risk and interval as the package reported them on 23 November 2026."""


def tables() -> dict[str, Records]:
    """Half of the release is copied, half is other people."""
    rng = np.random.default_rng(11)
    train, holdout = people(ROWS, rng), people(ROWS, rng)
    copied = copies(train, rng).at(slice(ROWS // 2))
    release = copied.joined(people(ROWS - ROWS // 2, rng))
    filled = {}
    for name, table in (("train", train), ("holdout", holdout), ("release", release)):
        order = rng.permutation(ROWS)
        arrays = [np.nan_to_num(array[order], nan=170.0) for array in table.arrays]
        filled[name] = Records(arrays=tuple(arrays))
    return filled


def write(folder: Path) -> list[str]:
    """The tables as files; the arguments of a driver."""
    arguments = []
    for name, table in tables().items():
        path = folder / f"{name}.csv"
        cells = [
            [f"{label} {code}" for code in array.tolist()]
            for label, array in zip(LABELS, table.arrays, strict=False)
        ] + [[f"{value:.2f}" for value in array.tolist()] for array in table.arrays[3:]]
        lines = [
            ",".join((*LABELS, *NUMBERS)),
            *(",".join(row) for row in zip(*cells, strict=True)),
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        arguments += [f"--{name}", str(path)]
    return arguments


def drive(python: Path, driver: str, folder: Path) -> dict[str, Any]:
    """What a driver found."""
    out = folder / f"{driver}.json"
    subprocess.run([python, DRIVERS / driver, *write(folder), "--out", out], check=True)
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def apart(ours: dict[str, Any], risk: float, interval: tuple[float, float]) -> float:
    """Difference of two risks in standard errors; an interval cut at 0 or 1 counts its longer side."""
    halves = [
        max(high - value, value - low)
        for value, (low, high) in ((ours["risk"], ours["interval"]), (risk, interval))
    ]
    return abs(ours["risk"] - risk) / (math.hypot(*halves) / 1.96)


def test_figures_equal_the_recorded_ones_of_the_package(tmp_path: Path) -> None:
    """Risk of every attack within 5.5 standard errors; ours are seeded, so this does not flicker."""
    ours = drive(Path(sys.executable), "ours_triad.py", tmp_path)
    assert RECORDED.keys() <= ours.keys()
    assert max(apart(ours[name], *told) for name, told in RECORDED.items()) < FARTHEST
    assert all(ours[name]["risk"] > 0.05 for name in RECORDED if name != "linkability")


@pytest.mark.peers
def test_figures_equal_the_package(tmp_path: Path) -> None:
    """The same with the package itself, which draws its targets anew each time."""
    built = ROOT / "benchmarks" / ".venvs" / "anonymeter" / "bin" / "python"
    python = Path(os.environ.get("UNDERSTUDY_ANONYMETER_PYTHON", built))
    if not python.exists():
        pytest.skip("Anonymeter is not installed: name its interpreter")
    theirs = drive(python, "peer_anonymeter.py", tmp_path)
    ours = drive(Path(sys.executable), "ours_triad.py", tmp_path)
    for name, told in theirs.items():
        assert apart(ours[name], told["risk"], tuple(told["interval"])) < FARTHEST, name
