"""dpmm's MST pipeline (PrivTree bins, domain given), run by the interpreter that has dpmm.

The total ε is split as dpmm's defaults split it in spirit: a tenth for the bins, the rest for MST.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

BINNING_SHARE = 0.1


def main() -> None:
    """Fit, sample, write the table and what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--domain", type=Path, required=True)
    parser.add_argument("--epsilon", type=float, required=True)
    parser.add_argument("--delta", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()

    import pandas as pd
    from dpmm.pipelines.mst import MSTPipeline

    domain = json.loads(options.domain.read_text())
    numeric = [name for name, facts in domain.items() if "lower" in facts]
    table = pd.read_csv(options.input, dtype=str, keep_default_na=False)
    table = table.astype(dict.fromkeys(numeric, int))

    began, busy = time.perf_counter(), time.process_time()
    pipeline = MSTPipeline(
        epsilon=(1 - BINNING_SHARE) * options.epsilon,
        delta=options.delta,
        proc_epsilon=BINNING_SHARE * options.epsilon,
    )
    pipeline.fit(table, domain=domain, random_state=options.seed)
    fitted, busy = time.perf_counter(), time.process_time() - busy
    synthetic = pipeline.generate(n_records=len(table), random_state=options.seed)
    sampled = time.perf_counter()

    synthetic.to_csv(options.out / "synthetic.csv", index=False)
    took = {
        "fit_s": fitted - began,
        "fit_cpu_s": busy,
        "sample_s": sampled - fitted,
        "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    (options.out / "took.json").write_text(json.dumps(took))


if __name__ == "__main__":
    main()
