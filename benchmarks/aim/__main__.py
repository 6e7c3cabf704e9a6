"""Run AIM beside its public implementations and write the page.

    python -m benchmarks.aim --out benchmarks/results/aim --page docs/benchmarks/aim.md
    python -m benchmarks.aim --cases adult --epsilons 1 --only ours-aim mbi --seeds 1

Runs that a log already holds are kept, so an interrupted run goes on where it stopped; `--again`
measures somebody anew (after a change of ours, say). A peer takes minutes to hours for one fit.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.adult_half import __main__ as halves
from benchmarks.adult_half.contestants import CONTESTANTS as RAW
from benchmarks.coded import load_codes
from benchmarks.contestant import Contestant, StoppedError
from benchmarks.runs import Log, Row

from . import nist
from .cases import CASES, Case, folder
from .contestants import CONTESTANTS, TITLES
from .measure import anchors, errors
from .page import page

EXTRA = ("half", "nist")


def compare(
    log: Log,
    case: Case,
    out: Path,
    *,
    contestants: Sequence[Contestant],
    epsilons: Sequence[float],
    seeds: range,
    pythons: Mapping[str, Path],
    cpu_seconds: int | None,
) -> None:
    """Add to the log every run of a table of codes that it does not hold."""
    data = case.load(folder())
    source, domain = data.write(out / case.name / "data")
    for name, found in anchors(data.codes, data.sizes).items():
        row: Row = {"case": case.name, "name": name, "epsilon": None, "seed": 0}
        if not log.holds(row):
            log.note({**row, **found})
    for contestant in contestants:
        for epsilon in epsilons:
            for seed in seeds:
                row = {
                    "case": case.name,
                    "name": contestant.name,
                    "epsilon": epsilon,
                    "seed": seed,
                }
                if log.holds(row):
                    continue
                row["day"] = dt.datetime.now(tz=dt.UTC).date().isoformat()
                at = out / case.name / f"{contestant.name}-{epsilon:g}-{seed}"
                try:
                    took = contestant.drive(
                        contestant.interpreter(pythons),
                        source=source,
                        domain=domain,
                        epsilon=epsilon,
                        delta=case.delta,
                        seed=seed,
                        out=at,
                        cpu_seconds=cpu_seconds,
                    )
                except StoppedError as stopped:
                    log.note({**row, "stopped": stopped.cpu_seconds})
                    continue
                drawn = load_codes(at / "codes.csv")
                log.note({**row, **took, **errors(data.codes, drawn, data.sizes)})


def _forget(options: argparse.Namespace, coded: Log, raw: Log, ten: Log) -> None:
    """Leave out, in the tables asked for, the rows of whom to measure anew, and their runs."""
    for log, table in ((coded, None), (raw, "half"), (ten, "nist")):
        for row in list(log.rows):
            case = table or row["case"]
            if row["name"] not in options.again or case not in options.cases:
                continue
            if options.epsilons and row["epsilon"] not in options.epsilons:
                continue
            log.rows.remove(row)
            run = f"{row['name']}-{row['epsilon']:g}-{row['seed']}"
            folder = options.out / ("runs" if table is None else case)
            folder = folder / (case if table is None else "runs") / run
            (folder / "took.json").unlink(missing_ok=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    tables = (*(case.name for case in CASES), *EXTRA)
    everybody = sorted(
        {*TITLES, *nist.TITLES, *(one.name for one in RAW if one.name.endswith("-aim")), "ours"}
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/aim"))
    parser.add_argument("--cases", nargs="*", choices=tables, default=list(tables))
    parser.add_argument("--epsilons", type=float, nargs="+", help="those of a case, if not given")
    parser.add_argument("--seeds", type=int, default=5, help="runs per contestant and ε")
    parser.add_argument("--only", nargs="+", choices=everybody, default=everybody)
    parser.add_argument("--again", nargs="+", choices=everybody, default=[], help="measure anew")
    parser.add_argument("--cpu-seconds", type=int, help="stop a fit after so much processor time")
    parser.add_argument(
        "--python", nargs="+", default=[], metavar="ENV=PATH", help="an environment that exists"
    )
    parser.add_argument("--page", type=Path, help="where to write the page")
    options = parser.parse_args(arguments)
    pythons = halves.read_pythons(options.python)
    coded = Log(path=options.out / "coded.jsonl", keys=("case", "name", "epsilon", "seed"))
    raw = Log(path=options.out / "half.jsonl", keys=halves.KEYS)
    ten = Log(path=options.out / "nist.jsonl", keys=halves.KEYS)
    seeds = range(options.seeds)
    _forget(options, coded, raw, ten)
    for case in CASES:
        if case.name in options.cases:
            compare(
                coded,
                case,
                options.out / "runs",
                contestants=[one for one in CONTESTANTS if one.name in options.only],
                epsilons=[e for e in case.epsilons if e in (options.epsilons or case.epsilons)],
                seeds=seeds,
                pythons=pythons,
                cpu_seconds=options.cpu_seconds,
            )
    if "half" in options.cases:
        halves.compare(
            raw,
            options.out / "half",
            names=options.only,
            epsilons=options.epsilons or (0.1, 1.0, 10.0),
            seeds=seeds,
            pythons=pythons,
            cpu_seconds=options.cpu_seconds,
        )
    if "nist" in options.cases:
        nist.compare(
            ten,
            options.out / "nist",
            names=tuple(options.only),
            seeds=seeds,
            data=folder(),
            pythons=pythons,
            cpu_seconds=options.cpu_seconds,
        )
    text = page(coded.rows, raw.rows, ten.rows)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.page or options.out / "aim.md").write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
