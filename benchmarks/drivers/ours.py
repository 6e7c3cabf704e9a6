"""Understudy, on a raw table (no schema, every fact charged) or on codes whose domain is declared.

The clock runs from a table in memory to a model, and from the model to a table of cells, as it
does for the peers; libraries are imported before it starts, as theirs are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.coded import save_codes
from benchmarks.drivers.arguments import read_arguments
from benchmarks.stopwatch import Stopwatch
from numpy.typing import NDArray


def declared(path: Path) -> Any:
    """A schema that declares every column's codes: nothing about columns is left to learn."""
    from understudy.schema import Column, Schema

    sizes = json.loads(path.read_text())
    return Schema(
        columns=tuple(
            Column(name=name, categories=tuple(map(str, range(size))), nulls=())
            for name, size in sizes.items()
        )
    )


def synthesizer(name: str, megabytes: float | None) -> Any:
    """The synthesizer of that name; AIM with all pairs and the model-size limit."""
    from understudy.synthesize.marginal.aim import AIM
    from understudy.synthesize.marginal.workload import Workload
    from understudy.workflow.named import named_synthesizer

    if name != "aim":
        return named_synthesizer(name)
    sized = {} if megabytes is None else {"model_mib": megabytes}
    return AIM(workload=Workload.all(2), **sized)


def as_codes(cells: Sequence[str], size: int) -> NDArray[np.int64]:
    """Cells as codes; `(other)`, which no table here has, is one more level."""
    return np.array([int(cell) if cell.isdecimal() else size for cell in cells], dtype=np.int64)


def main() -> None:
    """Fit, sample, write the table and what it took."""
    options = read_arguments(__doc__)

    import dp_accounting  # noqa: F401
    import opendp.prelude  # noqa: F401

    from understudy.curator import MemoryCurator
    from understudy.privacy import Budget
    from understudy.schema import Schema
    from understudy.source import read_table, write_table

    table = read_table(options.input)
    made = synthesizer(options.synthesizer, options.megabytes)
    schema = declared(options.domain) if options.codes else Schema()

    watch = Stopwatch()
    budget = Budget(options.epsilon, options.delta)
    model = made.fit(MemoryCurator(table, budget=budget), schema)
    watch.fitted()
    synthetic = model.sample(seed=options.seed)
    watch.sampled()

    if options.codes:
        sizes = json.loads(options.domain.read_text())
        save_codes(
            {name: as_codes(synthetic[name].to_pylist(), size) for name, size in sizes.items()},
            options.out / "codes.csv",
        )
    else:
        write_table(synthetic, options.out / "synthetic.csv", table.format)
    stages: dict[str, float] = {}
    for event in budget.events:
        stages[event.stage] = stages.get(event.stage, 0.0) + (event.rho or 0.0) / budget.rho
    watch.write(
        options.out,
        epsilon_spent=budget.epsilon_spent(),
        stages=stages,
        chosen=[list(pair.columns) for pair in model.pairs],
    )


if __name__ == "__main__":
    main()
