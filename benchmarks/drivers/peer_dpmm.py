"""dpmm's pipelines, run by the interpreter that has dpmm.

Cells: PrivTree bins, domain given; the total ε is split as dpmm's defaults split it in spirit, a
tenth for the bins and the rest for the synthesizer. Codes (`--codes`): no bins, all of ε for the
synthesizer.
"""

from __future__ import annotations

import json
import sys

from benchmarks.drivers.arguments import read_arguments
from benchmarks.stopwatch import Stopwatch

BINNING_SHARE = 0.1
EVERY_PAIR = 10**12


def main() -> None:
    """Fit, sample, write the table and what it took."""
    options = read_arguments(__doc__, synthesizers=("mst", "aim"))

    import pandas as pd
    from dpmm.pipelines.aim import AIMPipeline
    from dpmm.pipelines.mst import MSTPipeline

    domain = json.loads(options.domain.read_text())
    table = pd.read_csv(options.input, dtype=str, keep_default_na=False)
    pipeline, settings = {"mst": (MSTPipeline, {}), "aim": (AIMPipeline, {})}[options.synthesizer]
    if options.megabytes is not None:
        settings["max_model_size"] = options.megabytes
    if options.synthesizer == "aim":  # the whole workload, whatever a pair's size
        settings["gen_kwargs"] = {"degree": 2, "max_cells": EVERY_PAIR}
    if options.codes:
        table = table.astype(int)
        settings |= {"epsilon": options.epsilon, "disable_processing": True}
    else:
        numeric = [name for name, facts in domain.items() if "lower" in facts]
        table = table.astype(dict.fromkeys(numeric, int))
        settings["epsilon"] = (1 - BINNING_SHARE) * options.epsilon
        settings["proc_epsilon"] = BINNING_SHARE * options.epsilon

    watch = Stopwatch()
    fitting = pipeline(delta=options.delta, **settings)
    fitting.fit(table, domain=domain, random_state=options.seed)
    watch.fitted()
    synthetic = fitting.generate(n_records=len(table), random_state=options.seed)
    watch.sampled()

    name = "codes.csv" if options.codes else "synthetic.csv"
    synthetic.to_csv(options.out / name, index=False)
    watch.write(options.out, chosen=[list(map(str, c)) for c in fitting.gen.generator.cliques])


if __name__ == "__main__":
    sys.exit(main())
