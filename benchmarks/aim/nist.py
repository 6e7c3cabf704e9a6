"""NIST's k-marginal score on ten features of one state, everything about columns paid for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.adult_half.contestants import DPMM
from benchmarks.adult_half.measure import read_cells
from benchmarks.adult_half.prepare import write_domain
from benchmarks.contestant import Contestant
from benchmarks.runs import Log
from benchmarks.tables import Measure

FEATURES = (
    *("AGEP", "SEX", "MSP", "RAC1P", "HOUSING_TYPE"),
    *("OWN_RENT", "EDU", "PINCP_DECILE", "DVET", "DEYE"),
)
NUMBERS = ("AGEP",)
EPSILON, DELTA = 1.0, 1e-9
MEASURES = (
    Measure(figure="fit_cpu_s", heading="fit CPU s", form="{:.1f}"),
    Measure(figure="fit_rss_mib", heading="MiB", form="{:.0f}"),
    Measure(figure="k2", heading="k = 2", form="{:.0f}", better="higher"),
    Measure(figure="k3", heading="k = 3", form="{:.0f}", better="higher"),
)
CONTESTANTS = (
    Contestant(
        name="ours-aim",
        title="Understudy AIM (no schema, everything charged)",
        driver="ours.py",
        given="nothing",
        synthesizer="aim",
    ),
    Contestant(
        name="ours-mst",
        title="Understudy MST (no schema, everything charged)",
        driver="ours.py",
        given="nothing",
        synthesizer="mst",
    ),
    Contestant(
        name="dpmm",
        title="dpmm AIM (PrivTree, domain given)",
        driver="peer_dpmm.py",
        requirements=DPMM,
        environment="dpmm",
        given="domain",
        synthesizer="aim",
        megabytes=4.0,
    ),
)
TITLES = {contestant.name: contestant.title for contestant in CONTESTANTS}


def scores(real: pd.DataFrame, synthetic: pd.DataFrame) -> dict[str, float]:
    """Both k-marginal scores."""
    import pyarrow as pa

    from understudy.evaluate.nist import k_marginal

    one, other = (
        pa.Table.from_pandas(frame[list(FEATURES)].astype(str), preserve_index=False)
        for frame in (real, synthetic)
    )
    return {f"k{k}": k_marginal(one, other, k=k, numbers=NUMBERS).score for k in (2, 3)}


def anchors(folder: Path) -> dict[str, dict[str, float]]:
    """Scores of tables that are no synthesizer's."""
    real = read_cells(folder / "nist_acs_ma" / "ma2019.csv")
    before = read_cells(folder / "nist_acs_ma" / "ma2018.csv")
    rng = np.random.default_rng(0)
    shuffled = pd.DataFrame(
        {name: rng.permutation(cells.to_numpy()) for name, cells in real.items()}
    )
    order = rng.permutation(len(real))
    left, right = real.iloc[order[: len(order) // 2]], real.iloc[order[len(order) // 2 :]]
    return {
        "independent columns": scores(real, shuffled),
        "the same state a year before": scores(real, before),
        "two real halves": scores(left, right),
    }


def compare(
    log: Log,
    out: Path,
    *,
    names: tuple[str, ...],
    seeds: range,
    data: Path,
    pythons: Mapping[str, Path],
    cpu_seconds: int | None,
) -> None:
    """Add to the log every run that it does not hold."""
    out.mkdir(parents=True, exist_ok=True)
    real = read_cells(data / "nist_acs_ma" / "ma2019.csv")[list(FEATURES)]
    source = out / "ten.csv"
    real.to_csv(source, index=False)
    if not log.holds({"name": "two real halves", "epsilon": None, "seed": 0}):
        for name, found in anchors(data).items():
            log.note({"name": name, "epsilon": None, "seed": 0, **found})
    for contestant in CONTESTANTS:
        for seed in seeds:
            row = {"name": contestant.name, "epsilon": EPSILON, "seed": seed}
            if contestant.name not in names or log.holds(row):
                continue
            domain = None
            if contestant.given == "domain":
                domain = write_domain(real, out / "domain.json")
            folder = out / "runs" / f"{contestant.name}-{EPSILON:g}-{seed}"
            took = contestant.drive(
                contestant.interpreter(pythons),
                source=source,
                domain=domain,
                epsilon=EPSILON,
                delta=DELTA,
                seed=seed,
                out=folder,
                cpu_seconds=cpu_seconds,
            )
            kept = {name: took[name] for name in took if name.endswith(("_s", "_mib"))}
            log.note({**row, **kept, **scores(real, read_cells(folder / "synthetic.csv"))})
