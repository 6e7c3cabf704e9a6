"""Usefulness on real rows: the one place of this room that looks at them.

Whatever comes out is internal: exact figures that no budget covers. What may not happen here: a
figure that finds its way into public evidence, or a message with a value from the data.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

from understudy.attack.smoke import SMOKE
from understudy.errors import InputError, InternalError, OutputError
from understudy.evaluate import METRICS, InternalFigures, purposes_metric
from understudy.evaluate import evaluate as measure
from understudy.evaluate.expected import found_beside_expected
from understudy.release.compared import internal_of
from understudy.release.internal import InternalEvidence, LedgerRow, Timing
from understudy.schema import Purposes, Schema, check_against, did_you_mean, load_schema
from understudy.source import DatabaseTable, SensitiveTable, sample_stream
from understudy.synthesize.model import Model
from understudy.synthesize.protocol import Progress, silent
from understudy.workflow.contract import read_purposes
from understudy.workflow.places import Place
from understudy.workflow.tables import as_table

EVIDENCE, REPORT = "evidence.json", "report.html"

JUDGED_ROWS = 100_000
"""Rows of a stream, and synthetic ones beside them, that figures are computed on."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """What an evaluation found: handle as personal data.

    Parameters
    ----------
    figures
        Every figure, by `figures.figure("tvd_2way")` and the like.
    evidence
        The same as internal evidence, which the report shows.
    title
        What the report calls it.
    """

    figures: InternalFigures
    evidence: InternalEvidence = field(repr=False)
    title: str

    def save(self, folder: str | Path) -> Path:
        """Write `evidence.json` and `report.html`, readable by the owner only.

        Parameters
        ----------
        folder
            Must not exist or be empty; it appears when both files are complete.

        Raises
        ------
        OutputError
            The folder is in use, the disk full or read-only; nothing is left behind.
        """
        from understudy.report import render_internal

        page = render_internal(None, self.evidence, title=self.title)
        place = Path(folder).expanduser().resolve()
        free_folder(place)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
        except OSError as problem:
            raise _unwritable(place, problem) from None
        try:
            for name, text in ((EVIDENCE, self.evidence.to_json()), (REPORT, page)):
                (draft / name).write_text(text, "utf-8")
                (draft / name).chmod(0o600)
            draft.rename(place)
        except OSError as problem:
            raise _unwritable(place, problem) from None
        finally:
            with contextlib.suppress(OSError):
                shutil.rmtree(draft)
        return place


def free_folder(place: Path) -> None:
    """Refuse a folder that holds something.

    Raises
    ------
    OutputError
        It is a file, or not empty.
    """
    if place.is_dir() and not any(place.iterdir()):
        return
    if place.exists():
        raise OutputError(f"{place} exists and is not empty", hint="choose another folder")


def _unwritable(place: Path, problem: OSError) -> OutputError:
    """A folder that cannot be written, in our words."""
    return OutputError(f"{place} cannot be written: {os.strerror(problem.errno or 0)}")


def evaluate(
    train: Any,
    synthetic: Any,
    holdout: Any = None,
    *,
    target: str | None = None,
    schema: Schema | str | Path | None = None,
    seed: int = 0,
    title: str | None = None,
    purposes: Purposes | str | Path | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Measure how useful a synthetic table is, against the real one it stands in for.

    Parameters
    ----------
    train
        Real rows the synthesizer learned from: a DataFrame, or the path of a file.
    synthetic
        The table to measure; columns in any order.
    holdout
        Real rows it never saw. Without them there is no ceiling, no task and no smoke test.
    target
        A column that models predict.
    schema
        Declared kinds, null marks and rules.
    seed
        For samples of rows and training; never for noise.
    title
        What the report calls it.
    purposes
        What the table is for, or the path of a purposes file: each is answered.
    progress
        Told a sentence and the fraction done.

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
    >>> evaluate(table, table).figures.figure("shapes").value
    1.0
    """
    real, made = as_table(train), as_table(synthetic)
    held = None if holdout is None else as_table(holdout)
    declared = load_schema(schema) if isinstance(schema, str | Path) else schema or Schema()
    check_against(declared, real.headers)
    contract = read_purposes(purposes, real.headers, declared)
    shared = [name for name in real.column_names if name in made.column_names]
    for table, role in ((made, "synthetic"), (held, "holdout")):
        _refuse_strangers(real, table, role)
    if target is not None and target not in shared:
        raise InputError(
            f"there is no column {target!r} for the target in every table",
            hint=did_you_mean(target, shared),
        )
    found = measured(
        real, held, made.rows.select(shared), target=target, schema=declared, seed=seed,
        purposes=contract, progress=progress,
    )  # fmt: skip
    if found is None:
        raise InputError("the real table has no rows")
    return Evaluation(
        figures=found,
        evidence=evidence_of(found, schema=declared),
        title=title or f"{PurePath(made.name).stem} against {PurePath(real.name).stem}",
    )


def _refuse_strangers(real: SensitiveTable, table: SensitiveTable | None, role: str) -> None:
    """Refuse a table that shares no column with the real one."""
    if table is not None and not set(table.column_names) & set(real.column_names):
        raise InputError(
            f"the {role} table has none of the real table's columns",
            hint="name tables with the same header line",
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

    With the model, also what was found of its marginals beside what its release expects.
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
