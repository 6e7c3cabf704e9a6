"""Who takes part: how each is installed, what it is given, and how its output is read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.contestant import Contestant

from .measure import read_cells
from .prepare import Binning, Gift, Grid, write_domain

DELTA = 1e-6
MEGABYTES = 4.0
DPMM = ("dpmm==0.1.9",)
MBI = ("mbi==2.0.0",)
OPENDP = ("opendp[mbi]==0.16.0", "polars", "pandas")

CONTESTANTS = (
    Contestant(
        name="ours",
        title="Understudy MST (no schema, everything charged)",
        driver="ours.py",
        given="nothing",
        synthesizer="mst",
    ),
    Contestant(
        name="ours-aim",
        title="Understudy AIM (no schema, everything charged)",
        driver="ours.py",
        given="nothing",
        synthesizer="aim",
        megabytes=MEGABYTES,
    ),
    Contestant(
        name="dpmm",
        title="dpmm MST (PrivTree, domain given)",
        driver="peer_dpmm.py",
        requirements=DPMM,
        environment="dpmm",
        given="domain",
        synthesizer="mst",
    ),
    Contestant(
        name="dpmm-aim",
        title="dpmm AIM (PrivTree, domain given)",
        driver="peer_dpmm.py",
        requirements=DPMM,
        environment="dpmm",
        given="domain",
        synthesizer="aim",
        megabytes=MEGABYTES,
    ),
    Contestant(
        name="opendp-aim",
        title="OpenDP AIM (equal-width bins, given)",
        driver="peer_opendp.py",
        requirements=OPENDP,
        environment="opendp",
        given="grid",
        megabytes=MEGABYTES,
    ),
    Contestant(
        name="mbi",
        title="mbi MST (its authors' equal-width bins, given)",
        driver="peer_mbi.py",
        requirements=MBI,
        environment="mbi",
        given="grid",
    ),
    Contestant(
        name="mbi-aim",
        title="AIM on mbi (its authors' equal-width bins, given)",
        driver="peer_mbi_aim.py",
        requirements=MBI,
        environment="mbi",
        given="grid",
        megabytes=MEGABYTES,
    ),
    Contestant(
        name="mbi-gift",
        title="mbi MST (the measurement's own bins, a gift no private run has)",
        driver="peer_mbi.py",
        requirements=MBI,
        environment="mbi",
        given="gift",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One fit: who, at which ε, with which seed of sampling, in which folder."""

    contestant: Contestant
    epsilon: float
    seed: int
    folder: Path

    def perform(
        self,
        half: Path,
        whole: pd.DataFrame,
        pythons: Mapping[str, Path],
        cpu_seconds: int | None = None,
    ) -> tuple[pd.DataFrame, dict[str, float]]:
        """Run the driver in its own process; the synthetic cells and what they took."""
        self.folder.mkdir(parents=True, exist_ok=True)
        real = read_cells(half)
        source, domain = half, None
        binning = _binning(self.contestant, real, whole)
        if binning is not None:
            codes, sizes = binning.encode(real)
            source, domain = self.folder / "given.csv", self.folder / "domain.json"
            codes.to_csv(source, index=False)
            domain.write_text(json.dumps(sizes))
        elif self.contestant.given == "domain":
            domain = write_domain(whole, self.folder / "domain.json")
        noted = self.contestant.drive(
            self.contestant.interpreter(pythons),
            source=source,
            domain=domain,
            epsilon=self.epsilon,
            delta=DELTA,
            seed=self.seed,
            out=self.folder,
            cpu_seconds=cpu_seconds,
        )
        took = {name: float(noted[name]) for name in ("fit_s", "fit_cpu_s", "sample_s", "rss_mib")}
        if binning is None:
            return read_cells(self.folder / "synthetic.csv"), took
        drawn = pd.read_csv(self.folder / "codes.csv")
        cells = binning.decode(drawn, np.random.default_rng(self.seed))
        cells.to_csv(self.folder / "synthetic.csv", index=False)
        return cells, took


def _binning(contestant: Contestant, real: pd.DataFrame, whole: pd.DataFrame) -> Binning | None:
    """Return the binning that the contestant is given, if it is given one."""
    match contestant.given:
        case "grid":
            return Grid.of(whole)
        case "gift":
            return Gift(real=real)
        case _:
            return None
