"""Usefulness: how well a synthetic table stands in for the real one, with anchors.

Metrics are pure functions on arrays, one file each, listed in `METRICS`; `columns` reads three
tables into arrays with one meaning. Everything here is computed on real rows without a charge,
so every result is internal. What may not happen here: rendering, a verdict on privacy, or a
figure in a public artefact.
"""

from __future__ import annotations

import time
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.evaluate.columns import Column, Tables, read_tables
from understudy.evaluate.distributions import Distribution, distribution
from understudy.evaluate.figure import (
    Anchors,
    Figure,
    Measured,
    Metric,
    Settings,
    Skipped,
)
from understudy.evaluate.internal import InternalFigures
from understudy.evaluate.marginals import MARGINALS
from understudy.evaluate.nist import KMarginal, k_marginal
from understudy.evaluate.pairs import PAIRS
from understudy.evaluate.purposes import Answer, purposes_metric, regressions_can_be_fitted
from understudy.evaluate.quality import overall
from understudy.evaluate.rules import RULES
from understudy.evaluate.shapes import SHAPES
from understudy.evaluate.task import TASK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

__all__ = [
    "METRICS",
    "Anchors",
    "Answer",
    "Column",
    "Distribution",
    "Figure",
    "InternalFigures",
    "KMarginal",
    "Measured",
    "Metric",
    "Settings",
    "Skipped",
    "Tables",
    "evaluate",
    "k_marginal",
    "purposes_metric",
    "read_tables",
    "regressions_can_be_fitted",
]

METRICS: tuple[Metric, ...] = (SHAPES, PAIRS, MARGINALS, TASK, RULES)


def evaluate(
    train: pa.Table,
    holdout: pa.Table | None,
    synthetic: pa.Table,
    *,
    target: str | None = None,
    kinds: Mapping[str, str] | None = None,
    schema: object | None = None,
    seed: int = 0,
    progress: Callable[[str, float], None] | None = None,
    seeds: int = 1,
    metrics: Sequence[Metric] = METRICS,
    row_cap: int = 50_000,
) -> InternalFigures:
    """Measure a synthetic table against real ones.

    Parameters
    ----------
    train
        Real rows the synthesizer learned from; they decide what each column is.
    holdout
        Real rows it never saw, or None: the ceiling anchors and the task are then left out.
    synthetic
        The table to measure; columns in any order, text or typed.
    target
        Column that models predict; None for no task.
    kinds
        Column to `numeric`, `categorical`, `datetime` or `identifier`, overriding schema and
        data.
    schema
        A schema: its kinds, null marks and rules are used.
    seed
        Seed of row samples, shuffles, models and bootstraps; never of any noise.
    progress
        Called with what is being measured and the share done (0 to 1).
    seeds
        Repetitions of the task's training, at least 1.
    metrics
        What to measure; add metrics of other rooms or of your own.
    row_cap
        Most rows per table for everything but shapes; said in the figures.

    Returns
    -------
    InternalFigures
        Computed on real rows: handle as personal data.

    Raises
    ------
    InputError
        If a table is empty, repeats a column name, or none of the columns is shared.

    >>> import pyarrow as pa
    >>> table = pa.table({"a": [1.5, 2.5, 3.5, 4.5], "b": ["x", "y", "x", "y"]})
    >>> evaluate(table, None, table).figure("shapes").value
    1.0
    """
    started = time.perf_counter()
    tell = progress or _quiet
    tell("Reading tables", 0.0)
    declared_kinds, nulls = _declared(schema)
    tables = read_tables(
        train,
        holdout,
        synthetic,
        kinds={**declared_kinds, **(kinds or {})},
        nulls=nulls,
        rng=_generator(seed, "rows"),
        row_cap=row_cap,
    )
    timings = {"read": time.perf_counter() - started}
    settings = Settings(target=target, seeds=seeds, rules=tuple(getattr(schema, "rules", ())))
    figures: list[Figure] = []
    skipped: list[Skipped] = []
    charts: dict[str, Any] = {}
    answers: list[Answer] = []
    total, done = sum(metric.weight for metric in metrics) + 1.0, 1.0
    for metric in metrics:
        tell(metric.title, done / total)
        began = time.perf_counter()
        found = metric.measure(tables, settings, _generator(seed, metric.key))
        timings[metric.key] = time.perf_counter() - began
        figures += found.figures
        skipped += found.skipped
        charts.update(found.charts)
        answers += found.answers
        done += metric.weight
    score = overall(figures)
    if score is not None:
        figures.append(score)
    began = time.perf_counter()
    shown = tuple(distribution(column) for column in tables.columns)
    timings["distributions"] = time.perf_counter() - began
    timings["total"] = time.perf_counter() - started
    tell("Done", 1.0)
    return InternalFigures(
        figures=tuple(figures),
        skipped=tuple(skipped),
        left_out=tables.left_out,
        distributions=shown,
        charts=charts,
        kinds={column.name: column.kind for column in tables.columns},
        rows=dict(tables.rows),
        sampled=dict(tables.sampled),
        target=target,
        seed=seed,
        timings=timings,
        answers=tuple(answers),
    )


def _quiet(_stage: str, _share: float) -> None:
    """Tell nobody."""


def _generator(seed: int, key: str) -> np.random.Generator:
    """A generator of its own for each metric, so that adding one changes no other figure."""
    return np.random.default_rng([seed, zlib.crc32(key.encode())])


def _declared(schema: object | None) -> tuple[dict[str, str], dict[str, Sequence[str]]]:
    """Kinds and null marks that a schema declares."""
    kinds: dict[str, str] = {}
    nulls: dict[str, Sequence[str]] = {}
    for column in getattr(schema, "columns", ()):
        kept = getattr(column, "action", None) == "keep"
        if getattr(column, "identifier", None) is not None and not kept:
            kinds[column.name] = "identifier"
        elif column.kind is not None and not (kept and str(column.kind) == "identifier"):
            kinds[column.name] = str(column.kind)
        if getattr(column, "nulls", None) is not None:
            nulls[column.name] = column.nulls
    return kinds, nulls
