"""Run one case in a process of its own and print what happened as JSON.

    python -m benchmarks.planner.observe TABLE --epsilon 1 --synthesizer mst --schema declared

Times are processor seconds: other people's work on the machine does not count.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
import warnings
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from .tables import TABLES, codebook, data_folder


def errors(real: Any, synthetic: Any, schema: Any) -> tuple[dict[str, float], list[list[Any]]]:
    """Total variation distance of every column and of every pair, as the evaluation measures."""
    import numpy as np

    from understudy.evaluate.columns import read_tables
    from understudy.evaluate.fidelity.marginals import Coded, distances, number_levels

    kinds = {column.name: str(column.kind) for column in schema.columns if column.kind}
    tables = read_tables(real, None, synthetic, kinds=kinds, rng=np.random.default_rng(0))
    coded = []
    for side in ("train", "synthetic"):
        arrays, sizes = [], []
        for column in tables.columns:
            values = getattr(column, side)
            if column.is_category:
                arrays.append(values.astype(np.int64) + 1)
                sizes.append(len(column.levels) + 1)
            else:
                cut = number_levels(column.train)
                arrays.append(cut.codes(values))
                sizes.append(cut.size)
        coded.append(Coded(columns=tuple(arrays), sizes=tuple(sizes)))
    names = [column.name for column in tables.columns]
    ones = [(i,) for i in range(len(names))]
    twos = list(combinations(range(len(names)), 2))
    singles = distances(*coded, ones)[0]
    pairs = distances(*coded, twos)[0] if twos else []
    return (
        {name: round(float(v), 5) for name, v in zip(names, singles, strict=True)},
        [[names[i], names[j], round(float(v), 5)] for (i, j), v in zip(twos, pairs, strict=True)],
    )


def busy() -> float:
    """Processor seconds of this process and its finished children."""
    parts = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in parts)


def observe(
    name: str, *, epsilon: float, synthesizer: str, schema: str, evaluate: bool
) -> dict[str, Any]:
    """What one run costs and how far its table is from the real one."""
    from understudy.schema import Schema
    from understudy.source import read_table
    from understudy.workflow import prepare_job, run_job

    case = next(case for case in TABLES if case.name == name)
    path = data_folder() / case.path
    table = read_table(path)
    declared = codebook(table.rows) if schema == "declared" else Schema()
    job = prepare_job(
        table, epsilon=epsilon, synthesizer=synthesizer, schema=declared, holdout=0.0, seed=0
    )
    began, wall = busy(), time.perf_counter()
    run = run_job(job, evaluate=False)
    made = busy() - began
    wall = time.perf_counter() - wall
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    measured = None
    if evaluate:
        from understudy.source import split
        from understudy.workflow.evaluation import measured as figures

        began = busy()
        train, held = split(table, 0.2, None)
        figures(train, held, run.table, target=None, schema=declared, seed=0)
        measured = busy() - began
    singles, pairs = errors(table.rows, run.table, declared)
    model = run.model
    return {
        "table": name,
        "epsilon": epsilon,
        "synthesizer": synthesizer,
        "schema": schema,
        "rows": table.rows.num_rows,
        "bytes": path.stat().st_size,
        "columns": len(table.headers),
        "made_s": round(made, 3),
        "wall_s": round(wall, 3),
        "evaluate_s": measured and round(measured, 3),
        "rss_mib": round(rss),
        "levels": {item.name: int(item.encoding.size) for item in model.attributes},
        "kinds": {item.name: str(item.kind) for item in model.attributes},
        "counted": [[*p.columns, *p.levels, round(p.sigma, 3)] for p in model.pairs],
        "singles": singles,
        "pairs": pairs,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Observe one case from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("table", choices=[case.name for case in TABLES])
    parser.add_argument("--epsilon", type=float, required=True)
    parser.add_argument("--synthesizer", default="mst")
    parser.add_argument("--schema", choices=("none", "declared"), default="none")
    parser.add_argument("--evaluate", action="store_true")
    parser.add_argument("--out", type=Path, help="append a line here instead of printing it")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    found = observe(
        options.table,
        epsilon=options.epsilon,
        synthesizer=options.synthesizer,
        schema=options.schema,
        evaluate=options.evaluate,
    )
    line = json.dumps(found)
    if options.out:
        with options.out.open("a") as lines:
            lines.write(line + "\n")
    else:
        sys.stdout.write(line + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
