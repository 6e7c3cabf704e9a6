"""One run of the benchmark: a table, a fit, what it took and how far off it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.stopwatch import peak_mib, processor_seconds
from benchmarks.wide.measure import pair_errors
from benchmarks.wide.tables import LEVELS, Codes, drawn

DELTA = 1e-6


def one_run(*settings: Any) -> dict[str, Any]:
    """Fit, sample, compare: kind, columns, rows, epsilon, synthesizer, seed."""
    kind, columns, rows, epsilon, maker, seed = settings
    real, other = drawn(kind, columns, rows, seed)
    row: dict[str, Any] = {
        "kind": kind, "columns": columns, "rows": rows, "epsilon": epsilon,
        "synthesizer": maker, "seed": seed,
    }  # fmt: skip
    if maker == "another draw":
        return row | pair_errors(real, other)
    made, took = fitted(real, maker, epsilon, seed)
    return row | took | pair_errors(real, made)


def fitted(real: Codes, maker: str, epsilon: float, seed: int) -> tuple[Codes, dict[str, Any]]:
    """Codes of as many synthetic rows, and what they took."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from understudy.curator import MemoryCurator
    from understudy.privacy import Budget
    from understudy.schema import Column, Schema
    from understudy.source import from_frame
    from understudy.workflow.named import named_synthesizer

    labels = [f"v{level:02d}" for level in range(LEVELS)]
    names = [f"c{index:03d}" for index in range(real.shape[1])]
    cells = np.array(labels)
    table = pa.table({name: pa.array(cells[real[:, i]]) for i, name in enumerate(names)})
    schema = Schema(
        columns=tuple(Column(name=name, categories=tuple(labels), nulls=()) for name in names)
    )
    curator = MemoryCurator(from_frame(table), budget=Budget(epsilon, DELTA))
    started = processor_seconds()
    model = named_synthesizer(maker).fit(curator, schema)
    between = processor_seconds()
    sampled = model.sample(len(real), seed=seed)
    ended = processor_seconds()
    known = pa.array(labels)
    made = [
        pc.fill_null(pc.index_in(column, value_set=known), LEVELS).to_numpy()
        for column in sampled.columns
    ]
    return np.stack(made, axis=1).astype(np.int64), {
        "fit_cpu_s": round(between - started, 2),
        "sample_cpu_s": round(ended - between, 2),
        "mib": round(peak_mib()),
        "counted": len(model.pairs),
    }
