"""Cross-validation with the generator refitted in every fold: what a synthesizer is worth here.

In each round one fold of the real rows is put aside, the synthesizer learns from the others, and
models trained on its rows are judged by the fold it never saw. The rounds differ in everything
that could differ: rows, noise, sampling, models.

These fits are internal experiments. A private synthesizer reads its rows through a curator and
spends a budget of its own, so that it behaves as it would in a release; but nothing of it is
released, neither model nor table, and no ledger is charged. The scores are computed on real rows
without noise. What may not happen here: a fitted model or a synthetic table that outlives its
round, or a foreign generator's message, which may hold values, in an error.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pyarrow as pa

from understudy.audit.keeping import append, resume
from understudy.errors import InputError
from understudy.evaluate import (
    ComparedFigures,
    InternalFigures,
    Measured,
    Settings,
    Skipped,
    declared_kinds,
    read_tables,
)
from understudy.evaluate.task import task_figures
from understudy.evaluate.task.folds import cut
from understudy.evaluate.task.learning import QUICK_ROWS, Values, lessons_of_rounds, one_round
from understudy.evaluate.task.problem import Problem, pose, targets_of
from understudy.evaluate.task.rankings import rankings_of
from understudy.privacy.budget import DEFAULT_DELTA
from understudy.release.judged import evaluation_of
from understudy.schema import Schema, check_against, did_you_mean, load_schema
from understudy.source import SensitiveTable
from understudy.source.splitting import units_of
from understudy.synthesize.protocol import Progress, silent
from understudy.workflow.evaluated import Evaluation
from understudy.workflow.refitting import Refit, refitting
from understudy.workflow.tables import as_table

CHOOSING = (
    "Choosing a synthesizer or its settings by these scores uses the rows once more than the "
    "privacy statement of a later release from the same rows says."
)


@dataclass(frozen=True, kw_only=True)
class _Experiment:
    """Everything that was decided before a row is learned from."""

    table: SensitiveTable = field(repr=False)
    schema: Schema
    target: str
    problem: Problem
    folds: int
    repeats: int
    seed: int
    cap: int
    fold_of: tuple[np.ndarray[Any, Any], ...] = field(repr=False)
    refit: Refit


def cross_validate(
    table: Any,
    *,
    synthesizer: Any,
    target: str,
    epsilon: Any = None,
    delta: float = DEFAULT_DELTA,
    folds: int = 5,
    repeats: int = 1,
    schema: Schema | str | Path | None = None,
    unit_column: str | None = None,
    max_rows_per_unit: int | None = None,
    seed: int = 0,
    title: str | None = None,
    rounds: str | Path | None = None,
    quick: bool = False,
    progress: Progress = silent,
) -> Evaluation:
    """Measure how well models do that learn from a synthesizer's rows, refitting it in each fold.

    Parameters
    ----------
    table
        Real rows: a DataFrame, or the path of a file.
    synthesizer
        One of ours by name or as an object, or any object with `fit(frame)` and `sample(rows)`
        (copied for every round), or a callable that makes one. Foreign ones get pandas frames.
    target
        A column that models predict.
    epsilon, delta
        The promise of each fit of one of ours; a foreign one is given none.
    folds, repeats
        At least 2 folds; how often they are cut anew.
    schema
        Declared public facts.
    unit_column, max_rows_per_unit
        The column that names a person, whose rows stay in one fold, and how many rows of each a
        fit of ours uses.
    seed
        For folds, sampling and models; never for noise.
    title
        What the report calls it.
    rounds
        A file that keeps finished rounds (scores, no rows): an interrupted run goes on there.
    quick
        Whether models learn from at most 3,000 rows.
    progress
        Told a sentence and the fraction done.

    Returns
    -------
    Evaluation
        TRTR, TSTR, TSTS and rankings with Nadeau and Bengio's corrected intervals. Computed on
        real rows without noise: handle as personal data.

    Raises
    ------
    InputError, SchemaError, FormatError
        Bad input; nothing was fitted.
    GeneratorError
        A fit failed; finished rounds are kept.

    Guarantees
    ----------
    None for what is returned: it is exact. Who chooses a synthesizer or its settings by these
    scores, and releases a table from the same rows, has used the rows once more than that
    release's ε says.

    >>> import numpy as np, pyarrow as pa
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=80)
    >>> table = pa.table({"x": x, "y": np.where(x > 0, "yes", "no").tolist()})
    >>> class Same:
    ...     def fit(self, frame): self.frame = frame
    ...     def sample(self, rows): return self.frame
    >>> found = cross_validate(table, synthesizer=Same(), target="y", folds=2)
    >>> found.figures.figure("tstr_auc").detail["rounds"]
    2
    """
    started = time.perf_counter()
    experiment = _prepared(
        table, synthesizer, target=target, epsilon=epsilon, delta=delta, folds=folds,
        repeats=repeats, schema=schema, units=(unit_column, max_rows_per_unit), seed=seed,
        quick=quick,
    )  # fmt: skip
    name = experiment.refit.name
    kept_at = None if rounds is None else Path(rounds).expanduser()
    heading = {
        "table": _digest(experiment.table),
        "synthesizer": name,
        "settings": experiment.refit.settings,
        "epsilon": str(epsilon),
        "delta": delta,
        "target": target,
        "folds": folds,
        "repeats": repeats,
        "seed": seed,
        "quick": quick,
        "unit": unit_column,
    }
    found = resume(kept_at, heading, private=True, what="experiment")
    total, begun = folds * repeats, time.perf_counter()
    already = len(found)
    for number in range(already, total):
        progress(_where(number, total, already, begun), number / total)
        one = _round(experiment, number)
        append(kept_at, [one])
        found.append(one)
    progress("Done", 1.0)
    private = "each fit had a budget of its own and charged no ledger"
    notes = (
        f"{total} fits of {name}; every row taught {(folds - 1) * repeats} of them.",
        "These fits are experiments: no model and no synthetic row of them was kept"
        + (f"; {private}." if epsilon is not None else "."),
        CHOOSING,
        "Between folds rows are shuffled by a seed; the promise of a fit is about its own rows.",
    )
    told = title or f"{name}, refitted in {folds} folds of {PurePath(experiment.table.name).stem}"
    compared = ComparedFigures(
        tables={name: _figures(experiment, found, seconds=time.perf_counter() - started)},
        across=Measured(),
        seconds=time.perf_counter() - started,
    )
    return Evaluation(
        compared=compared,
        judged=evaluation_of(
            compared,
            created=dt.datetime.now(dt.UTC).replace(microsecond=0),
            title=told,
            notes=notes,
            asked=(
                ("targets", target),
                ("synthesizer, refitted", name),
                ("epsilon of each fit", "none" if epsilon is None else str(epsilon)),
                ("folds", folds),
                ("repeats", repeats),
                ("seed", seed),
            ),
        ),
        title=told,
    )


def _prepared(
    table: Any,
    synthesizer: Any,
    *,
    target: str,
    epsilon: Any,
    delta: float,
    folds: int,
    repeats: int,
    schema: Schema | str | Path | None,
    units: tuple[str | None, int | None],
    seed: int,
    quick: bool,
) -> _Experiment:
    """Refuse what can be refused, pose the problem, and cut the folds."""
    if folds < 2 or repeats < 1:
        raise InputError("cross-validation needs at least 2 folds and 1 repetition",
                         folds=folds, repeats=repeats)  # fmt: skip
    real = as_table(table)
    declared = load_schema(schema) if isinstance(schema, str | Path) else schema or Schema()
    check_against(declared, real.headers)
    if target not in real.column_names:
        raise InputError(
            f"there is no column {target!r} for the target",
            hint=did_you_mean(target, real.column_names),
        )
    unit = units[0] or declared.unit
    codes, persons = units_of(real, unit)
    if persons < 10 * folds:
        raise InputError(
            f"fewer than {10 * folds} {'units' if unit else 'rows'} for {folds} folds",
            hint="take fewer folds",
        )
    kinds, nulls = declared_kinds(declared)
    whole = read_tables(
        real.rows, None, real.rows, kinds=kinds, nulls=nulls, rng=np.random.default_rng(seed),
        row_cap=real.rows.num_rows,
    )  # fmt: skip
    problem = pose(whole, target, held_out=False)
    if isinstance(problem, str):
        raise InputError(f"nothing can be learned: {problem}")
    column = whole.column(target)
    labels = None
    if column is not None and problem.classes and codes is None:
        labels = targets_of(column)[0]["train"]
    rng = np.random.default_rng([seed, folds])
    cuts = [cut(persons, folds, rng, labels=labels) for _ in range(repeats)]
    numbers = tuple(one.name for one in whole.columns if one.kind == "numeric")
    refit = refitting(
        synthesizer, schema=declared, target=target, epsilon=epsilon, delta=delta, units=units,
        numbers=numbers,
    )  # fmt: skip
    return _Experiment(
        table=real,
        schema=declared,
        target=target,
        problem=problem,
        folds=folds,
        repeats=repeats,
        seed=seed,
        cap=QUICK_ROWS if quick else Settings().training_rows,
        fold_of=tuple(fold if codes is None else fold[codes] for fold in cuts),
        refit=refit,
    )


def _round(experiment: _Experiment, number: int) -> dict[str, Any]:
    """Learn, sample and judge once; scores alone come back, or why there are none."""
    repeat, fold = divmod(number, experiment.folds)
    aside = experiment.fold_of[repeat] == fold
    rows = experiment.table.rows
    part = experiment.table.with_rows(rows.filter(pa.array(~aside)))
    judges = rows.filter(pa.array(aside))
    made = experiment.refit.make(part, seed=experiment.seed + number)
    kinds, nulls = declared_kinds(experiment.schema)
    rng = np.random.default_rng([experiment.seed, number])
    shared = [name for name in rows.column_names if name in made.column_names]
    if not shared or not made.num_rows:
        return {"round": number, "reason": "the generator made no row with a column of the table"}
    tables = read_tables(
        part.rows, judges, made.select(shared), kinds=kinds, nulls=nulls, rng=rng,
        row_cap=max(part.rows.num_rows, made.num_rows),
    )  # fmt: skip
    problem = pose(tables, experiment.target)
    if isinstance(problem, str):
        return {"round": number, "reason": problem}
    values = one_round(problem, cap=experiment.cap, seed=number, rng=rng)
    taught = {"real": problem.real.rows, "synthetic": problem.synthetic.rows}
    return {"round": number, "values": values, "rows": taught}


def _digest(table: SensitiveTable) -> str:
    """What tells one real table from another, in a file that is internal."""
    told = hashlib.blake2b(digest_size=12)
    for column in table.rows.combine_chunks().columns:
        for chunk in column.chunks:
            for buffer in chunk.buffers():
                if buffer is not None:
                    told.update(buffer)
    told.update(repr((table.column_names, table.rows.num_rows)).encode())
    return told.hexdigest()


def _where(number: int, total: int, already: int, begun: float) -> str:
    """Which round it is, and how long the others will take."""
    text = f"Round {number + 1} of {total}"
    if number > already:
        left = (time.perf_counter() - begun) / (number - already) * (total - number)
        text += f", about {left / 60:.0f} min left" if left > 90 else f", about {left:.0f} s left"
    return text


def _figures(
    experiment: _Experiment, found: list[dict[str, Any]], *, seconds: float
) -> InternalFigures:
    """Figures of all rounds together; rounds that could not be judged are said."""
    judged = [one for one in found if "values" in one]
    lost = [one for one in found if "values" not in one]
    skipped = [
        Skipped(
            key="round",
            title=f"{len(lost)} of {len(found)} rounds",
            group="task",
            reason=reason,
        )
        for reason in dict.fromkeys(one["reason"] for one in lost)
    ]
    measured = Measured()
    figures: tuple[Any, ...] = ()
    if len(judged) >= 2:
        values: list[Values] = [one["values"] for one in judged]
        lessons = lessons_of_rounds(
            experiment.problem,
            values,
            test_share=1 / (experiment.folds - 1),
            rows={name: int(np.mean([one["rows"][name] for one in judged]))
                  for name in ("real", "synthetic")},
        )  # fmt: skip
        figures = tuple(task_figures(lessons))
        measured = rankings_of(lessons, np.random.default_rng(experiment.seed))
    rows = experiment.table.rows.num_rows
    return InternalFigures(
        figures=(*figures, *measured.figures),
        skipped=(*skipped, *measured.skipped),
        left_out=(),
        distributions=(),
        charts=measured.charts,
        kinds={},
        rows={"real": rows},
        sampled={"real": rows},
        target=experiment.target,
        seed=experiment.seed,
        timings={"total": seconds},
    )
