"""Who takes part: how each is installed, what it is given, and how its output is read back."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from .measure import read_cells
from .prepare import Binning, Gift, Grid, write_domain

HERE = Path(__file__).resolve().parent
VENVS = HERE.parent / ".venvs"
DELTA = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class Contestant:
    """One synthesizer: its driver, the environment it runs in, and what it is given."""

    name: str
    title: str
    driver: str
    requirements: tuple[str, ...]
    environment: str
    given: Literal["nothing", "domain", "grid", "gift"]


CONTESTANTS = (
    Contestant(
        name="ours",
        title="Understudy MST (no schema, everything charged)",
        driver="ours.py",
        requirements=(),
        environment="",
        given="nothing",
    ),
    Contestant(
        name="dpmm",
        title="dpmm MST (PrivTree, domain given)",
        driver="peer_dpmm.py",
        requirements=("dpmm==0.1.9",),
        environment="dpmm",
        given="domain",
    ),
    Contestant(
        name="mbi",
        title="mbi MST (its authors' equal-width bins, given)",
        driver="peer_mbi.py",
        requirements=("mbi==2.0.0",),
        environment="mbi",
        given="grid",
    ),
    Contestant(
        name="mbi-gift",
        title="mbi MST (the measurement's own bins, a gift no private run has)",
        driver="peer_mbi.py",
        requirements=("mbi==2.0.0",),
        environment="mbi",
        given="gift",
    ),
)


def interpreter(contestant: Contestant, given: dict[str, Path]) -> Path:
    """Return the interpreter of the contestant's environment, building it when it is not there."""
    if not contestant.requirements:
        return Path(sys.executable)
    if contestant.environment in given:
        return given[contestant.environment]
    folder = VENVS / contestant.environment
    python = folder / "bin" / "python"
    built = folder / ".built"
    if not built.exists():
        sys.stderr.write(f"building {folder} with {', '.join(contestant.requirements)}\n")
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *contestant.requirements], check=True)
        built.touch()
    return python


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One fit: who, at which ε, with which seed of sampling, in which folder."""

    contestant: Contestant
    epsilon: float
    seed: int
    folder: Path

    @property
    def key(self) -> tuple[str, float, int]:
        """What tells runs apart."""
        return self.contestant.name, self.epsilon, self.seed

    def perform(self, half: Path, whole: pd.DataFrame, python: Path) -> pd.DataFrame:
        """Run the driver in its own process and return the synthetic cells."""
        self.folder.mkdir(parents=True, exist_ok=True)
        real = read_cells(half)
        source, extra, binning = half, [], _binning(self.contestant, real, whole)
        if binning is not None:
            codes, sizes = binning.encode(real)
            source = self.folder / "given.csv"
            codes.to_csv(source, index=False)
            domain = self.folder / "domain.json"
            domain.write_text(json.dumps(sizes))
            extra = ["--domain", domain]
        elif self.contestant.given == "domain":
            extra = ["--domain", write_domain(whole, self.folder / "domain.json")]
        command = [python, HERE / "drivers" / self.contestant.driver, "--input", source, *extra]
        command += ["--epsilon", str(self.epsilon), "--delta", str(DELTA)]
        command += ["--seed", str(self.seed), "--out", self.folder]
        with (self.folder / "log.txt").open("w") as log:
            subprocess.run(command, check=True, stdout=log, stderr=log)
        if binning is None:
            return read_cells(self.folder / "synthetic.csv")
        codes = pd.read_csv(self.folder / "codes.csv")
        cells = binning.decode(codes, np.random.default_rng(self.seed))
        cells.to_csv(self.folder / "synthetic.csv", index=False)
        return cells

    def took(self) -> dict[str, float]:
        """Seconds and memory as the driver noted them."""
        noted = json.loads((self.folder / "took.json").read_text())
        return {name: float(noted[name]) for name in ("fit_s", "fit_cpu_s", "sample_s", "rss_mib")}


def _binning(contestant: Contestant, real: pd.DataFrame, whole: pd.DataFrame) -> Binning | None:
    """Return the binning that the contestant is given, if it is given one."""
    match contestant.given:
        case "grid":
            return Grid.of(whole)
        case "gift":
            return Gift(real=real)
        case _:
            return None
