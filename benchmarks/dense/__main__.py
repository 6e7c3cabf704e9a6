"""Run margnet beside aim, residual and mst on densely correlated tables, and write the page.

    python -m benchmarks.dense --out benchmarks/results/dense --page docs/benchmarks/dense.md
    python -m benchmarks.dense --cases one_cause --seeds 1

Every fit is a process of its own, one after the other. Runs that the log already holds are kept, so
an interrupted run goes on where it stopped. `adult` (as its authors binned it) and `half` (of raw
Adult, everything charged) are there to see what is lost where a junction tree does well.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.adult_half.measure import marginal_errors, read_cells
from benchmarks.adult_half.split import data_folder, write_halves
from benchmarks.aim.__main__ import compare
from benchmarks.aim.measure import errors
from benchmarks.contestant import Contestant
from benchmarks.runs import Log, Row

from .page import CONTESTANTS, DRAW, page
from .tables import CASES, MADE

HALF = "half"
HALF_EPSILONS = (1.0, 10.0)
HALF_DELTA = 1e-6
KEYS = ("case", "name", "epsilon", "seed")


def another_draw(log: Log, name: str) -> None:
    """Note how far a second table of the same population is, for a made one."""
    row: Row = {"case": name, "name": DRAW, "epsilon": None, "seed": 0}
    if name in MADE and not log.holds(row):
        made = MADE[name]
        learned, other = made.draw(0), made.draw(1)
        log.note({**row, **errors(learned.codes, other.codes, learned.sizes)})


def half(log: Log, out: Path, contestants: Sequence[Contestant], seeds: range) -> None:
    """Half of raw Adult without a schema: pairs and triples of what is drawn."""
    path, test = write_halves(out / "data", data_folder())
    real = read_cells(path)
    row: Row = {"case": HALF, "name": "two real halves", "epsilon": None, "seed": 0}
    if not log.holds(row):
        log.note({**row, **_figures(marginal_errors(real, read_cells(test)))})
    for contestant in contestants:
        for epsilon in HALF_EPSILONS:
            for seed in seeds:
                row = {"case": HALF, "name": contestant.name, "epsilon": epsilon, "seed": seed}
                if log.holds(row):
                    continue
                row["day"] = dt.datetime.now(tz=dt.UTC).date().isoformat()
                at = out / f"{contestant.name}-{epsilon:g}-{seed}"
                took = contestant.drive(
                    contestant.interpreter({}),
                    source=path,
                    domain=None,
                    epsilon=epsilon,
                    delta=HALF_DELTA,
                    seed=seed,
                    out=at,
                )
                found = _figures(marginal_errors(real, read_cells(at / "synthetic.csv")))
                log.note({**row, **took, **found})


def _figures(found: dict[str, float]) -> dict[str, float]:
    """Means alone."""
    return {name: float(found[name]) for name in ("tvd1", "tvd2", "tvd3")}


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    names = [*(case.name for case in CASES), HALF]
    everybody = [contestant.name for contestant in CONTESTANTS]
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/dense"))
    parser.add_argument("--cases", nargs="*", choices=names, default=names)
    parser.add_argument("--only", nargs="+", choices=everybody, default=everybody)
    parser.add_argument("--seeds", type=int, default=3, help="runs per contestant and ε")
    parser.add_argument("--page", type=Path, help="where to write the page")
    options = parser.parse_args(arguments)
    log = Log(path=options.out / "dense.jsonl", keys=KEYS)
    chosen = [one for one in CONTESTANTS if one.name in options.only]
    seeds = range(options.seeds)
    for case in CASES:
        if case.name in options.cases:
            another_draw(log, case.name)
            compare(
                log,
                case,
                options.out / "runs",
                contestants=chosen,
                epsilons=case.epsilons,
                seeds=seeds,
                pythons={},
                cpu_seconds=None,
            )
    if HALF in options.cases:
        raw = [replace(one, given="nothing") for one in chosen]
        half(log, options.out / "runs" / HALF, raw, seeds)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.page or options.out / "dense.md").write_text(page(log.rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
