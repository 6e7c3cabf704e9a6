"""OpenDP's `dp.mbi.AIM` with its defaults, run by the interpreter that has opendp[mbi].

All pairs are the workload and every column's keys are given. Its defaults put half of ρ into the
single columns; that is left as it is.
"""

from __future__ import annotations

import json

import numpy as np
from benchmarks.coded import load_codes, save_codes
from benchmarks.drivers.arguments import read_arguments
from benchmarks.stopwatch import Stopwatch
from benchmarks.zcdp import zcdp_rho


def main() -> None:
    """Fit, sample, write the codes and what it took."""
    options = read_arguments(__doc__)

    import opendp.prelude as dp
    import polars as pl

    dp.enable_features("contrib")
    np.random.seed(options.seed)  # noqa: NPY002  the sampling draws from the global state
    sizes = json.loads(options.domain.read_text())
    table = pl.DataFrame(load_codes(options.input))
    rho = zcdp_rho(options.epsilon, options.delta)

    watch = Stopwatch()
    context = dp.Context.compositor(
        data=table.lazy(),
        privacy_unit=dp.unit_of(contributions=1),
        privacy_loss=dp.loss_of(rho=rho),
        split_evenly_over=1,
    )
    released = (
        context.query()
        .contingency_table(
            keys={name: list(range(size)) for name, size in sizes.items()},
            algorithm=dp.mbi.AIM(queries=2, max_size=options.megabytes),
        )
        .release()
    )
    watch.fitted()
    synthetic = released.synthesize(rows=len(table))
    watch.sampled()
    columns = {
        # A key that the library adds for nulls is one more level.
        name: synthetic[name].fill_null(size).to_numpy().astype(np.int64)
        for name, size in sizes.items()
    }
    save_codes(columns, options.out / "codes.csv")
    chosen = [clique for clique in released.marginals.cliques() if len(clique) > 1]
    watch.write(options.out, chosen=chosen)


if __name__ == "__main__":
    main()
