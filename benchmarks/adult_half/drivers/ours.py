"""Understudy's MST on the raw table: no schema, every fact charged.

The clock runs from a table in memory to a model, and from the model to a table of cells, as it
does for the peers; libraries are imported before it starts, as theirs are.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path


def main() -> None:
    """Fit, sample, write the table and what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--epsilon", type=float, required=True)
    parser.add_argument("--delta", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True, help="of sampling; noise has no seed")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()

    import dp_accounting  # noqa: F401
    import opendp.prelude  # noqa: F401

    from understudy.curator import MemoryCurator
    from understudy.privacy import Budget
    from understudy.schema import Schema
    from understudy.source import read_table, write_table
    from understudy.synthesize.marginal.mst import MST

    table = read_table(options.input)

    began, busy = time.perf_counter(), time.process_time()
    budget = Budget(options.epsilon, options.delta)
    model = MST().fit(MemoryCurator(table, budget=budget), Schema())
    fitted, busy = time.perf_counter(), time.process_time() - busy
    synthetic = model.sample(seed=options.seed)
    sampled = time.perf_counter()

    write_table(synthetic, options.out / "synthetic.csv", table.format)
    took = {
        "fit_s": fitted - began,
        "fit_cpu_s": busy,
        "sample_s": sampled - fitted,
        "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "epsilon_spent": budget.epsilon_spent(),
    }
    (options.out / "took.json").write_text(json.dumps(took))


if __name__ == "__main__":
    main()
