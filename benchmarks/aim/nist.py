"""NIST's k-marginal score on ten features of one state.

Ours pays for everything about columns. Peers get bounds and labels for free, or codes with a level
for every value that occurs; beside them ours gets the same codes once, to compare like with like.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.adult_half.contestants import DPMM, MBI, OPENDP
from benchmarks.adult_half.measure import LabelLevels, read_cells
from benchmarks.adult_half.prepare import write_domain
from benchmarks.coded import load_codes
from benchmarks.contestant import Contestant
from benchmarks.runs import Log
from benchmarks.tables import Measure

from .cases import Coded

FEATURES = (
    *("AGEP", "SEX", "MSP", "RAC1P", "HOUSING_TYPE"),
    *("OWN_RENT", "EDU", "PINCP_DECILE", "DVET", "DEYE"),
)
NUMBERS = ("AGEP",)
EPSILON, DELTA = 1.0, 1e-6
SAME_NOISE = 3.57
"""ε at which 7,634 rows bear the noise that 27,253 rows bear at ε = 1 (their quotient)."""
MEGABYTES = 4.0
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
        name="ours-aim-given",
        title="Understudy AIM (codes given)",
        driver="ours.py",
        given="codes",
        synthesizer="aim",
        megabytes=MEGABYTES,
    ),
    Contestant(
        name="opendp",
        title="OpenDP dp.mbi AIM (codes given)",
        driver="peer_opendp.py",
        requirements=OPENDP,
        environment="opendp",
        given="codes",
        megabytes=MEGABYTES,
    ),
    Contestant(
        name="mbi",
        title="AIM on mbi (codes given)",
        driver="peer_mbi_aim.py",
        requirements=MBI,
        environment="mbi",
        given="codes",
        megabytes=MEGABYTES,
    ),
    Contestant(
        name="dpmm",
        title="dpmm AIM (PrivTree, domain given)",
        driver="peer_dpmm.py",
        requirements=DPMM,
        environment="dpmm",
        given="domain",
        synthesizer="aim",
        megabytes=MEGABYTES,
    ),
)
TITLES = {contestant.name: contestant.title for contestant in CONTESTANTS}


def scores(real: pd.DataFrame, synthetic: pd.DataFrame) -> dict[str, float]:
    """Both k-marginal scores."""
    import pyarrow as pa

    from understudy.evaluate.fidelity.nist import k_marginal

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
        "as many real rows, drawn with replacement": scores(
            real, real.iloc[rng.integers(0, len(real), len(real))]
        ),
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
    levels = {name: LabelLevels.of(cells) for name, cells in real.items()}
    coded = Coded(
        codes={name: level.codes(real[name]) for name, level in levels.items()},
        sizes={name: len(level.labels) for name, level in levels.items()},
    )
    codes, sizes = coded.write(out / "codes")
    given = {
        "nothing": (source, None),
        "domain": (source, write_domain(real, out / "domain.json")),
        "codes": (codes, sizes),
    }
    for contestant, epsilon in [
        *((one, EPSILON) for one in CONTESTANTS),
        (CONTESTANTS[0], SAME_NOISE),
    ]:
        for seed in seeds:
            row = {"name": contestant.name, "epsilon": epsilon, "seed": seed}
            if contestant.name not in names or log.holds(row):
                continue
            table, domain = given[contestant.given]
            folder = out / "runs" / f"{contestant.name}-{epsilon:g}-{seed}"
            took = contestant.drive(
                contestant.interpreter(pythons),
                source=table,
                domain=domain,
                epsilon=epsilon,
                delta=DELTA,
                seed=seed,
                out=folder,
                cpu_seconds=cpu_seconds,
            )
            kept = {name: took[name] for name in took if name.endswith(("_s", "_mib"))}
            log.note({**row, **kept, **scores(real, _drawn(folder, levels))})


def _drawn(folder: Path, levels: Mapping[str, LabelLevels]) -> pd.DataFrame:
    """Cells of a synthetic table, from codes where those were given."""
    if (folder / "synthetic.csv").exists():
        return read_cells(folder / "synthetic.csv")
    codes = load_codes(folder / "codes.csv")
    # A null that a peer made is a label that nobody has.
    return pd.DataFrame(
        {
            name: np.array([*level.labels, "null"], dtype=object)[codes[name]]
            for name, level in levels.items()
        }
    )
