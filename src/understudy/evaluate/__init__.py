"""Usefulness: how well a synthetic table stands in for the real one, with anchors.

`columns` reads three tables into arrays with one meaning; `figure` is what a metric gives back.
Metrics live in rooms: `fidelity` (single columns, pairs, marginals), `apart` (who tells the tables
apart), `task` (models that learn from them), `official` and `regressions` (what statistical offices
publish), `structure` (rules and dependencies), `purposes` (what the user asked for).

Metrics are pure functions on arrays, one file each, listed in `METRICS`. Everything here is
computed on real rows without a charge, so every result is internal. What may not happen here: rendering, a verdict on privacy, or a
figure in a public artefact.
"""

from __future__ import annotations

import time
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import InputError
from understudy.evaluate.apart.propensity import PROPENSITY
from understudy.evaluate.apart.two_sample import TWO_SAMPLE
from understudy.evaluate.columns import Column, RealTables, Tables, read_tables
from understudy.evaluate.compared import ComparedFigures
from understudy.evaluate.distributions import Distribution, distribution
from understudy.evaluate.fidelity.k_marginals import K_MARGINALS
from understudy.evaluate.fidelity.marginals import MARGINALS
from understudy.evaluate.fidelity.nist import KMarginal, k_marginal
from understudy.evaluate.fidelity.pairs import PAIRS
from understudy.evaluate.fidelity.shapes import SHAPES
from understudy.evaluate.fidelity.worst_cells import WORST_CELLS
from understudy.evaluate.figure import (
    Anchors,
    Comparison,
    Figure,
    Measured,
    Metric,
    Settings,
    Skipped,
)
from understudy.evaluate.internal import InternalFigures
from understudy.evaluate.official.crosstabs import CROSSTABS
from understudy.evaluate.official.estimates import ESTIMATES
from understudy.evaluate.official.releases import INTERVAL_COVERAGE, RELEASES_COVERAGE
from understudy.evaluate.purposes import Answer, purposes_metric, regressions_can_be_fitted
from understudy.evaluate.quality import overall
from understudy.evaluate.regressions.measuring import REGRESSIONS, check_regressions
from understudy.evaluate.shared import Shared
from understudy.evaluate.structure.dependencies import DEPENDENCIES, IMPOSSIBLE_COMBINATIONS
from understudy.evaluate.structure.rules import RULES
from understudy.evaluate.subgroups import SUBGROUPS
from understudy.evaluate.task.augmentation import AUGMENTATION
from understudy.evaluate.task.fairness import FAIRNESS
from understudy.evaluate.task.measuring import TASK
from understudy.evaluate.task.models import single_threaded
from understudy.evaluate.task.rankings import RANKINGS
from understudy.evaluate.telling import Told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

__all__ = [
    "COMPARISONS",
    "METRICS",
    "Anchors",
    "Answer",
    "Column",
    "ComparedFigures",
    "Comparison",
    "Distribution",
    "Figure",
    "InternalFigures",
    "KMarginal",
    "Measured",
    "Metric",
    "Settings",
    "Skipped",
    "Tables",
    "check_regressions",
    "declared_kinds",
    "evaluate",
    "evaluate_all",
    "k_marginal",
    "metrics_of_all",
    "purposes_metric",
    "read_tables",
    "regressions_can_be_fitted",
]

METRICS: tuple[Metric, ...] = (
    SHAPES,
    PAIRS,
    MARGINALS,
    K_MARGINALS,
    WORST_CELLS,
    PROPENSITY,
    TWO_SAMPLE,
    SUBGROUPS,
    TASK,
    RANKINGS,
    AUGMENTATION,
    FAIRNESS,
    ESTIMATES,
    CROSSTABS,
    INTERVAL_COVERAGE,
    REGRESSIONS,
    RULES,
    DEPENDENCIES,
    IMPOSSIBLE_COMBINATIONS,
)
COMPARISONS: tuple[Comparison, ...] = (RELEASES_COVERAGE,)


def metrics_of_all() -> tuple[Metric, ...]:
    """Every metric: the built-in ones, then those of other packages.

    Others join by the entry point `understudy.metrics`, whose objects are a `Metric` each.

    >>> [metric.key for metric in metrics_of_all()][:2]
    ['shapes', 'pair_trends']
    """
    from importlib.metadata import entry_points

    others: list[Metric] = []
    for point in entry_points(group="understudy.metrics"):
        metric = point.load()
        if not isinstance(metric, Metric):
            raise InputError(
                f"the entry point {point.name!r} of understudy.metrics is not a Metric",
                hint="it names an object of understudy.evaluate.Metric; see docs/evaluate.md",
            )
        others.append(metric)
    return (*METRICS, *others)


def evaluate(
    train: pa.Table,
    holdout: pa.Table | None,
    synthetic: pa.Table,
    *,
    target: str | None = None,
    **how: Any,
) -> InternalFigures:
    """Measure one synthetic table against real ones.

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
    how
        As in `evaluate_all`.

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
    how.setdefault("targets", () if target is None else (target,))
    found = evaluate_all(train, holdout, {"synthetic": synthetic}, **how)
    return found.tables["synthetic"]


def evaluate_all(
    train: pa.Table,
    holdout: pa.Table | None,
    synthetic: Mapping[str, pa.Table],
    *,
    targets: Sequence[str] = (),
    kinds: Mapping[str, str] | None = None,
    schema: object | None = None,
    seed: int = 0,
    progress: Callable[[str, float], None] | None = None,
    seeds: int = 1,
    metrics: Sequence[Metric] = METRICS,
    comparisons: Sequence[Comparison] = COMPARISONS,
    row_cap: int = 50_000,
    quick: bool = False,
    folds: int = 0,
    regressions: Sequence[str] = (),
    subgroups: Sequence[str] = (),
) -> ComparedFigures:
    """Measure several synthetic tables against the same real ones, side by side.

    Parameters
    ----------
    train, holdout
        As in `evaluate`; they are read once, and what depends on them alone is computed once.
    synthetic
        Name to table, at least one.
    targets
        Columns that models predict, each by itself.
    kinds
        Column to `numeric`, `categorical`, `datetime` or `identifier`, overriding schema and
        data.
    schema
        A schema: its kinds, null marks and rules are used.
    seed
        Seed of row samples, shuffles, models and bootstraps; never of any noise. A table gets
        the same figures alone and in company.
    progress
        Called with what is being measured and the share done (0 to 1).
    seeds
        Repetitions of the task's training, at least 1.
    metrics, comparisons
        What to measure on each table and on all of them; add some of other rooms or your own.
    row_cap
        Most rows per table for everything but shapes; said in the figures.
    quick
        Whether seconds count more than intervals.
    folds
        Folds of cross-validation; 0 for one split.
    regressions
        Formulas of regressions to compare, such as `hours ~ age + sex`.
    subgroups
        Columns whose levels are sub-populations to be served too.

    Returns
    -------
    ComparedFigures
        Computed on real rows: handle as personal data.

    Raises
    ------
    InputError
        If a table is empty, repeats a column name, or none of the columns is shared.

    >>> import pyarrow as pa
    >>> table = pa.table({"a": [1.5, 2.5, 3.5, 4.5], "b": ["x", "y", "x", "y"]})
    >>> found = evaluate_all(table, None, {"first": table, "second": table})
    >>> [figures.figure("shapes").value for figures in found.tables.values()]
    [1.0, 1.0]
    """
    started = time.perf_counter()
    tell = Told(progress or _quiet, _weights(metrics, comparisons, len(synthetic), len(targets)))
    declared, nulls = declared_kinds(schema)
    held = None if holdout is None or holdout.num_rows == 0 else holdout
    real = RealTables(
        train=train,
        holdout=held,
        kinds={**declared, **(kinds or {})},
        nulls=nulls,
        shared=Shared(seed=seed),
    )
    settings = Settings(
        target=targets[0] if targets else None,
        targets=tuple(targets),
        quick=quick,
        folds=folds,
        regressions=tuple(regressions),
        subgroups=tuple(subgroups),
        seeds=seeds,
        rules=tuple(getattr(schema, "rules", ())),
    )
    found: dict[str, InternalFigures] = {}
    read: list[Tables] = []
    for name, made in synthetic.items():
        tell.next("Reading tables", name if len(synthetic) > 1 else "")
        began = time.perf_counter()
        tables = read_tables(
            train, held, made, rng=_generator(seed, "rows"), row_cap=row_cap, real=real
        )
        timings = {"read": time.perf_counter() - began}
        found[name] = _measure(
            tables, settings, metrics=metrics, seed=seed, timings=timings, tell=tell
        )
        if len(synthetic) > 1:
            read.append(tables)
    across = _compare(
        read, tuple(synthetic), settings, comparisons=comparisons, seed=seed, tell=tell
    )
    tell.done()
    return ComparedFigures(tables=found, across=across, seconds=time.perf_counter() - started)


def _measure(
    tables: Tables,
    settings: Settings,
    *,
    metrics: Sequence[Metric],
    seed: int,
    timings: dict[str, float],
    tell: Told,
) -> InternalFigures:
    """Every metric on one synthetic table."""
    figures: list[Figure] = []
    skipped: list[Skipped] = []
    charts: dict[str, Any] = {}
    answers: list[Answer] = []
    for metric in metrics:
        began = time.perf_counter()
        for target in _targets(metric, settings):
            tell.next(metric.title, target or "")
            one = settings if target is None else replace(settings, target=target)
            with single_threaded():
                measured = metric.measure(tables, one, _generator(seed, metric.key))
            figures += measured.figures
            skipped += measured.skipped
            for key, chart in measured.charts.items():
                charts[
                    key if target == settings.target or target is None else f"{key}@{target}"
                ] = chart
            answers += measured.answers
        timings[metric.key] = time.perf_counter() - began
    score = overall(figures)
    if score is not None:
        figures.append(score)
    began = time.perf_counter()
    shown = tuple(distribution(column) for column in tables.columns)
    timings["distributions"] = time.perf_counter() - began
    timings["total"] = sum(timings.values())
    return InternalFigures(
        figures=tuple(figures),
        skipped=tuple(skipped),
        left_out=tables.left_out,
        distributions=shown,
        charts=charts,
        kinds={column.name: column.kind for column in tables.columns},
        rows=dict(tables.rows),
        sampled=dict(tables.sampled),
        target=settings.target,
        seed=seed,
        timings=timings,
        answers=tuple(answers),
    )


def _compare(
    tables: Sequence[Tables],
    names: Sequence[str],
    settings: Settings,
    *,
    comparisons: Sequence[Comparison],
    seed: int,
    tell: Told,
) -> Measured:
    """Every comparison over the tables; nothing if there is one table only."""
    figures: list[Figure] = []
    skipped: list[Skipped] = []
    charts: dict[str, Any] = {}
    for comparison in comparisons if len(tables) > 1 else ():
        tell.next(comparison.title)
        with single_threaded():
            measured = comparison.measure(tables, names, settings, _generator(seed, comparison.key))
        figures += measured.figures
        skipped += measured.skipped
        charts.update(measured.charts)
    return Measured(figures=tuple(figures), skipped=tuple(skipped), charts=charts)


def _targets(metric: Metric, settings: Settings) -> Sequence[str | None]:
    """The targets a metric is measured for, one after the other; None for settings as they are."""
    return settings.targets if metric.per_target and settings.targets else (None,)


def _weights(
    metrics: Sequence[Metric], comparisons: Sequence[Comparison], tables: int, targets: int
) -> list[float]:
    """The weight of each step in the order they are told."""
    one = [1.0]
    for metric in metrics:
        one += [metric.weight] * (max(1, targets) if metric.per_target else 1)
    across = [comparison.weight for comparison in comparisons] if tables > 1 else []
    return one * tables + across


def _quiet(_stage: str, _share: float) -> None:
    """Tell nobody."""


def _generator(seed: int, key: str) -> np.random.Generator:
    """A generator of its own for each metric, so that adding one changes no other figure."""
    return np.random.default_rng([seed, zlib.crc32(key.encode())])


def declared_kinds(schema: object | None) -> tuple[dict[str, str], dict[str, Sequence[str]]]:
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
