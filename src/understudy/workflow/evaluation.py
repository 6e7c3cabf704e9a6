"""Usefulness on real rows: the one place of this room that looks at them.

Whatever comes out is internal: exact figures that no budget covers. What may not happen here: a
figure that finds its way into public evidence, or a message with a value from the data.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from understudy.attack.smoke import SMOKE
from understudy.errors import InputError, InternalError
from understudy.evaluate import (
    COMPARISONS,
    METRICS,
    InternalFigures,
    check_regressions,
    evaluate_all,
    metrics_of_all,
    purposes_metric,
)
from understudy.evaluate import evaluate as measure
from understudy.evaluate.apart.two_sample import QUICK_ROWS as TOLD_APART
from understudy.evaluate.estimate import Size, estimate, tell_seconds
from understudy.evaluate.expected import found_beside_expected
from understudy.evaluate.task.learning import QUICK_ROWS
from understudy.release.compared import internal_of
from understudy.release.internal import InternalEvidence, LedgerRow, Timing
from understudy.release.judged import evaluation_of
from understudy.schema import Purposes, Schema, check_against, did_you_mean, load_schema
from understudy.source import DatabaseTable, SensitiveTable, sample_stream
from understudy.synthesize.model import Model
from understudy.synthesize.protocol import Progress, silent
from understudy.workflow.contract import read_purposes
from understudy.workflow.evaluated import Evaluation, free_folder
from understudy.workflow.places import Place
from understudy.workflow.tables import as_table

__all__ = ["Evaluation", "evaluate", "evidence_of", "free_folder", "judged", "measured"]

QUICKLY = (
    f"a quick evaluation: models learned from at most {QUICK_ROWS:,} rows; what tells the tables "
    f"apart saw {TOLD_APART:,} rows of each; the sample of real rows that does as well is not "
    "measured; what was left out is listed with its reason"
)
JUDGED_ROWS = 100_000
"""Rows of a stream, and synthetic ones beside them, that figures are computed on."""


def evaluate(
    train: Any,
    synthetic: Any,
    holdout: Any = None,
    *,
    target: str | Sequence[str] | None = None,
    schema: Schema | str | Path | None = None,
    seed: int = 0,
    title: str | None = None,
    purposes: Purposes | str | Path | None = None,
    regressions: str | Sequence[str] = (),
    subgroups: str | Sequence[str] = (),
    folds: int = 0,
    repeats: int = 1,
    quick: bool = False,
    progress: Progress = silent,
) -> Evaluation:
    """Measure how useful synthetic tables are, against the real one they stand in for.

    Parameters
    ----------
    train
        Real rows the synthesizer learned from: a DataFrame, or the path of a file.
    synthetic
        The table to measure; columns in any order. Several are compared: a list, or names and
        tables in a mapping.
    holdout
        Real rows it never saw. Without them there is no ceiling, no task and no smoke test.
    target
        A column that models predict, or several.
    schema
        Declared kinds, null marks and rules.
    seed
        For samples of rows and training; never for noise.
    title
        What the report calls it.
    purposes
        What the table is for, or the path of a purposes file: each is answered.
    regressions
        Formulas of regressions to compare, such as `hours ~ age + sex`.
    subgroups
        Columns whose levels are sub-populations to be served too.
    folds
        Folds of cross-validation of the task; 0 for the one split into train and holdout.
    repeats
        How often the task is trained anew: on other draws of rows, with folds cut anew.
    quick
        Whether seconds count more than intervals.
    progress
        Told a sentence and the fraction done; first of all how long it will take.

    Returns
    -------
    Evaluation
        Computed on real rows without noise: handle as personal data.

    Raises
    ------
    InputError, SchemaError, FormatError
        A table or the schema cannot be used.

    >>> import pyarrow as pa
    >>> table = pa.table({"a": [1.5, 2.5, 3.5, 4.5], "b": ["x", "y", "x", "y"]})
    >>> found = evaluate(table, {"copy": table, "again": table})
    >>> [one.figure("shapes").value for one in found.tables.values()]
    [1.0, 1.0]
    """
    progress("Reading files", 0.0)
    real = as_table(train)
    held = None if holdout is None else as_table(holdout)
    made = _named(synthetic)
    declared = load_schema(schema) if isinstance(schema, str | Path) else schema or Schema()
    check_against(declared, real.headers)
    contract = read_purposes(purposes, real.headers, declared)
    for table, role in (*((one, "synthetic") for one in made.values()), (held, "holdout")):
        _refuse_strangers(real, table, role)
    _refuse_unusable(real, made)
    targets, formulas, groups = _several(target), _several(regressions), _several(subgroups)
    for names, what in ((targets, "target"), (groups, "subgroup")):
        _refuse_unknown(names, what, real.column_names)
    check_regressions(formulas, real.column_names)
    if folds < 0 or folds == 1:
        raise InputError("folds is at least 2, or 0 for one split")
    if repeats < 1:
        raise InputError("the task is trained at least once", repeats=repeats)
    metrics = (*metrics_of_all(), SMOKE, *([purposes_metric(contract)] if contract else ()))
    size = Size(
        rows=real.rows.num_rows,
        columns=len(real.column_names),
        tables=len(made),
        targets=len(targets),
    )
    seconds = estimate(metrics, COMPARISONS, size, quick=quick)
    progress(f"About {tell_seconds(seconds)} of measuring", 0.0)
    found = evaluate_all(
        real.rows,
        held.rows if held is not None and held.rows.num_rows else None,
        {name: table.rows for name, table in made.items()},
        targets=targets,
        schema=declared,
        seed=seed,
        metrics=metrics,
        progress=progress,
        quick=quick,
        folds=folds,
        seeds=repeats,
        regressions=formulas,
        subgroups=groups,
    )
    named = title or f"{_and(list(made))} against {PurePath(real.name).stem}"
    return Evaluation(
        compared=found,
        judged=evaluation_of(
            found,
            created=dt.datetime.now(dt.UTC).replace(microsecond=0),
            title=named,
            rules={rule.name: rule.expr for rule in declared.rules},
            notes=(*_shared_rows(real, held), *((QUICKLY,) if quick else ())),
            asked=(
                ("targets", ", ".join(targets)),
                ("regressions", "; ".join(formulas)),
                ("sub-populations", ", ".join(groups)),
                ("folds", folds),
                ("repeats", repeats),
                ("quick", quick),
                ("seed", seed),
            ),
        ),
        title=named,
    )


def _named(synthetic: Any) -> dict[str, SensitiveTable]:
    """Synthetic tables by name: given, or the file's, told apart where two are alike."""
    if isinstance(synthetic, Mapping):
        given = [(str(name), as_table(data, foreign=True)) for name, data in synthetic.items()]
    else:
        several = synthetic if isinstance(synthetic, list | tuple) else [synthetic]
        given = [("", as_table(data, foreign=True)) for data in several]
    if not given:
        raise InputError("there is no synthetic table", hint="name at least one")
    named: dict[str, SensitiveTable] = {}
    paths = [PurePath(table.name) for _, table in given]
    stems = [name or path.name.split(".")[0] for (name, _), path in zip(given, paths, strict=True)]
    for (_, table), path, stem in zip(given, paths, stems, strict=True):
        told, place = stem or "synthetic", 2
        if stems.count(stem) > 1 and path.suffix:
            alike = [other.name for other in paths].count(path.name) > 1
            told = f"{path.parent.name}/{path.name}" if alike else path.name
        first = told
        while told in named:
            told, place = f"{first} ({place})", place + 1
        named[told] = table
    return named


def _several(given: str | Sequence[str] | None) -> tuple[str, ...]:
    """One text or several as a tuple without repetitions."""
    if given is None:
        return ()
    return tuple(dict.fromkeys([given] if isinstance(given, str) else given))


def _and(names: Sequence[str]) -> str:
    """Names in a sentence; many as a count."""
    if len(names) > 3:
        return f"{len(names)} synthetic tables"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _shared_rows(real: SensitiveTable, held: SensitiveTable | None) -> tuple[str, ...]:
    """A remark where the holdout holds training rows: its anchors are too good then."""
    from understudy.attack.game import overlap

    found = None if held is None or not held.rows.num_rows else overlap(real.rows, held.rows)
    if found is None:
        return ()
    matches, expected = found
    return (
        (
            f"{matches:,} rows of the holdout are rows of the training table too (twins would explain "
            f"about {expected:,}): its anchors, the task and the memorisation test are not to be "
            "trusted; hold out rows that nothing was learned from"
        ),
    )


def _refuse_strangers(real: SensitiveTable, table: SensitiveTable | None, role: str) -> None:
    """Refuse a table that shares no column with the real one."""
    if table is not None and not set(table.column_names) & set(real.column_names):
        raise InputError(
            f"the {role} table has none of the real table's columns",
            hint="name tables with the same header line",
        )


def _refuse_unusable(real: SensitiveTable, made: Mapping[str, SensitiveTable]) -> None:
    """Refuse tables without rows before anything is measured."""
    if not real.rows.num_rows:
        raise InputError("the real table has no rows")
    for name, table in made.items():
        if not table.rows.num_rows:
            raise InputError(f"the synthetic table {name!r} has no rows")


def _refuse_unknown(names: Sequence[str], what: str, columns: Sequence[str]) -> None:
    """Refuse columns that the real table lacks."""
    for name in names:
        if name not in columns:
            raise InputError(
                f"there is no column {name!r} for the {what} in the real table",
                hint=did_you_mean(name, columns),
            )


def measured(
    train: SensitiveTable,
    holdout: SensitiveTable | None,
    synthetic: Any,
    *,
    target: str | None,
    schema: Schema,
    seed: int | None,
    purposes: Purposes | None = None,
    model: Model | None = None,
    progress: Progress = silent,
) -> InternalFigures | None:
    """Every figure and the smoke test on the columns of a synthetic table; None without rows.

    With the model, also what was found of its marginals beside what its release expects. Quick:
    whoever made a release waits for it; `understudy evaluate` takes the minute.
    """
    if not train.rows.num_rows or not synthetic.num_rows:
        return None
    columns = synthetic.column_names
    control = None
    if holdout is not None and holdout.rows.num_rows:
        control = holdout.rows.select([c for c in columns if c in holdout.column_names])
    found = measure(
        train.rows.select(columns),
        control,
        synthetic,
        target=target,
        schema=schema,
        seed=seed or 0,
        metrics=(*METRICS, SMOKE, *([purposes_metric(purposes)] if purposes else ())),
        quick=True,
        progress=progress,
    )
    figure = None if model is None else found_beside_expected(model, train.rows)
    return found if figure is None else replace(found, figures=(*found.figures, figure))


def judged(
    train: Place, holdout: Place | None, *, seed: int | None
) -> tuple[SensitiveTable, SensitiveTable | None, tuple[str, ...]]:
    """Real rows that fit in memory: tables as they are, of streams a uniform random sample.

    Returns
    -------
    tuple
        Training rows, holdout, and what internal evidence must say about them.
    """
    notes: list[str] = []

    def held(place: Place, what: str) -> SensitiveTable:
        if isinstance(place, SensitiveTable):
            return place
        if isinstance(place, DatabaseTable):
            raise InternalError("a database is judged by the streams of its snapshot")
        rows, more = sample_stream(place, JUDGED_ROWS, seed=seed)
        if more:
            notes.append(
                f"figures on {what} rows were computed on a uniform random sample of "
                f"{JUDGED_ROWS:,} of them, for the input was read in batches"
            )
        return rows

    control = None if holdout is None else held(holdout, "held-out")
    return held(train, "training"), control, tuple(notes)


def evidence_of(
    found: InternalFigures,
    *,
    schema: Schema,
    notes: Iterable[str] = (),
    ledger: Iterable[LedgerRow] = (),
    timings: Iterable[Timing] = (),
) -> InternalEvidence:
    """Internal evidence of what was found, as of now."""
    return internal_of(
        found,
        created=dt.datetime.now(dt.UTC).replace(microsecond=0),
        rules={rule.name: rule.expr for rule in schema.rules},
        ledger=ledger,
        timings=timings,
        notes=notes,
    )
