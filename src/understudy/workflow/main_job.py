"""The main job: a sensitive table in, a synthetic table out, with its evidence.

Order matters here: everything that can be refused is refused before the budget is touched, rows
are split by independent coins, the curator is the only one who sees training rows, and the
figures computed on real rows go into the internal evidence alone.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import pyarrow as pa

from understudy.errors import InputError, SchemaError
from understudy.privacy.budget import (
    DEFAULT_DELTA,
    Budget,
    NonPrivateBudget,
    Promise,
    check_privacy,
)
from understudy.privacy.ledger import Ledger
from understudy.privacy.unit import Unit
from understudy.release.audited import StatedAudit
from understudy.release.internal import InternalEvidence, Timing
from understudy.schema import Purposes, Schema, check_against, did_you_mean, load_schema
from understudy.synthesize import SYNTHESIZERS
from understudy.synthesize.model import Model
from understudy.synthesize.protocol import Progress, Synthesizer, forms_of, silent
from understudy.workflow.attacking import Level, refuse_attack, with_attacks
from understudy.workflow.audited import stated_audits
from understudy.workflow.booked import ledger_rows, spent_on_asset
from understudy.workflow.contract import with_purposes
from understudy.workflow.dossier import Purpose, public_evidence
from understudy.workflow.evaluation import JUDGED_ROWS, evidence_of, judged, measured
from understudy.workflow.named import AUTO, interrupted, named_synthesizer, require_form
from understudy.workflow.places import (
    Place,
    as_place,
    asset_of,
    at_once,
    curator_over,
    divided,
    leave,
    require_ready,
)
from understudy.workflow.planning.agreement import check_agreement, planned_synthesizer
from understudy.workflow.planning.choice import choose_synthesizer
from understudy.workflow.planning.facts import facts_of
from understudy.workflow.planning.value import Plan
from understudy.workflow.run import Run


@dataclass(frozen=True, kw_only=True)
class Job:
    """Everything that was decided before any budget is touched.

    Made by `prepare_job`, which refuses bad input; run by `run_job`.
    """

    table: Place
    schema: Schema
    synthesizer: Synthesizer
    epsilon: float
    delta: float
    unit: Unit
    target: str | None
    rows: int | None
    holdout: float
    seed: int | None
    stated: Purpose
    ledger: Ledger | None
    asset: str | None
    purposes: Purposes | None = None
    steering: str | None = None
    audits: tuple[StatedAudit, ...] = ()

    @property
    def is_private(self) -> bool:
        """Whether anything is promised; ε is infinite otherwise."""
        return math.isfinite(self.epsilon)


def synthesize(
    data: Any,
    *,
    epsilon: float | Promise,
    delta: float = DEFAULT_DELTA,
    schema: Schema | str | Path | None = None,
    synthesizer: Synthesizer | str = "auto",
    target: str | None = None,
    rows: int | None = None,
    holdout: float = 0.2,
    unit_column: str | None = None,
    max_rows_per_unit: int | None = None,
    ledger: Ledger | str | Path | None = None,
    asset: str | None = None,
    seed: int | None = None,
    title: str | None = None,
    purpose: str | None = None,
    recipient: str | None = None,
    purposes: Purposes | str | Path | None = None,
    plan: Plan | str | Path | None = None,
    stream: bool | None = None,
    evaluate: bool = True,
    attack: Level | None = None,
    audits: Iterable[Any] = (),
    progress: Progress = silent,
) -> Run:
    """Make a differentially private synthetic table from a sensitive one.

    Parameters
    ----------
    data
        A DataFrame (pandas, polars, Arrow), the path of a CSV, TSV or Parquet file or of a
        folder of Parquet files, the address of a table in a database, an Ibis table, a Spark
        DataFrame, a `SensitiveTable` or a `SensitiveStream`.
    epsilon, delta
        The promise, for adding or removing one unit: ε > 0, 0 < δ < 0.01. `us.NON_PRIVATE` in
        the place of ε promises nothing, and everything that comes of it says so.
    schema
        Declared public facts, or the path of a schema file; nothing is declared by default.
    synthesizer
        `"aim"`, `"mst"`, `"residual"`, `"margnet"`, `"privbayes"`, `"independent"`, `"argn"`,
        `"vae"`, `"gan"`, `"ctgan"`, `"pategan"` and `"patectgan"` (need PyTorch), `"cart"` (never
        private), or a synthesizer with its settings. `"auto"` chooses by public facts: `aim`, for
        wide tables `residual`.
    target
        A column the recipient wants to predict.
    rows
        Rows to generate; by default what the schema publishes, or else about as many as were
        learned from (a noisy number).
    holdout
        Share of units kept from learning, for evaluation; 0 for none.
    unit_column, max_rows_per_unit
        The column that names a person, and how many rows of each are used (default 1).
    ledger, asset
        Where charges are written, and under which name; none by default.
    seed
        For sampling and evaluation. Noise is never seeded.
    title, purpose, recipient
        For the report.
    purposes
        What the release is for, or the path of a purposes file: steers the synthesizer where it
        can be steered, and is answered in the evidence.
    plan
        A plan, or the path of a saved one: the job is refused when it is not what was planned.
    stream
        Read a file in batches (True), as a whole (False), or by its size (None). A stream's rows
        are counted pass by pass, and figures are computed on a sample of them.
    evaluate
        Whether to measure usefulness on the real rows (internal evidence).
    attack
        Level of the attacks on the release, `quick`, `release` or `certify`, with the holdout as
        control (internal evidence); None for none. Public evidence says that they were asked for.
    audits
        Audits of this very synthesizer (name, settings, version), as `us.audit` returned them or
        as the folders it wrote: public evidence and report state them. Of any claim.
    progress
        Told a sentence and the fraction done.

    Returns
    -------
    Run

    Raises
    ------
    InputError, SchemaError, FormatError
        Bad input; no budget was spent.
    BudgetError, LedgerError
        The ledger refused.

    Guarantees
    ----------
    The model, the synthetic table and the public evidence are together (ε, δ)-differentially
    private under adding or removing one unit.
    """
    job = prepare_job(
        data,
        epsilon=epsilon,
        delta=delta,
        schema=schema,
        synthesizer=synthesizer,
        target=target,
        rows=rows,
        holdout=holdout,
        unit_column=unit_column,
        max_rows_per_unit=max_rows_per_unit,
        ledger=ledger,
        asset=asset,
        seed=seed,
        title=title,
        purpose=purpose,
        recipient=recipient,
        purposes=purposes,
        plan=plan,
        stream=stream,
        audits=audits,
    )
    return run_job(job, evaluate=evaluate, attack=attack, progress=progress)


def prepare_job(
    data: Any,
    *,
    epsilon: float | Promise,
    delta: float = DEFAULT_DELTA,
    schema: Schema | str | Path | None = None,
    synthesizer: Synthesizer | str = "auto",
    target: str | None = None,
    rows: int | None = None,
    holdout: float = 0.2,
    unit_column: str | None = None,
    max_rows_per_unit: int | None = None,
    ledger: Ledger | str | Path | None = None,
    asset: str | None = None,
    seed: int | None = None,
    title: str | None = None,
    purpose: str | None = None,
    recipient: str | None = None,
    purposes: Purposes | str | Path | None = None,
    plan: Plan | str | Path | None = None,
    stream: bool | None = None,
    audits: Iterable[Any] = (),
) -> Job:
    """Check everything that can be checked before any budget is touched; see `synthesize`."""
    early = None if synthesizer == AUTO else named_synthesizer(synthesizer)
    early, epsilon = _promised(early, epsilon, delta, plan=plan)
    table = as_place(data, stream=stream)
    declared = load_schema(schema) if isinstance(schema, str | Path) else schema or Schema()
    check_against(declared, table.headers)
    require_ready(table, _dropped(declared))
    column = unit_column or declared.unit
    bound = max_rows_per_unit if max_rows_per_unit is not None else declared.max_rows_per_unit
    most = 1 if bound is None else bound
    if column is None and max_rows_per_unit is not None:
        raise InputError(
            "a bound on rows per unit needs the unit's column",
            hint="name it with --unit-column",
            max_rows_per_unit=max_rows_per_unit,
        )
    for name, role in ((column, "unit"), (target, "target")):
        if name is not None and name not in table.column_names:
            raise InputError(
                f"there is no column {name!r} for the {role}",
                hint=did_you_mean(name, table.column_names) or "see the header line",
            )
    if target is not None and declared.column(target).action == "drop":
        raise SchemaError("the target is dropped by the schema", target=target)
    if rows is not None and rows < 1:
        raise InputError("the number of rows must be 1 or more", rows=rows)
    if not 0 <= holdout < 1:
        raise InputError("the holdout is a share from 0 up to, not including, 1", holdout=holdout)
    book = Ledger(ledger) if isinstance(ledger, str | Path) else ledger
    unit = Unit(column=column, max_rows=most if column else 1)
    if early is None and plan is not None:
        early = named_synthesizer(planned_synthesizer(plan))
    elif early is None:
        facts = facts_of(
            table.headers,
            declared,
            epsilon=epsilon,
            delta=delta,
            unit=unit,
            holdout=holdout,
            target=target,
        )
        early = named_synthesizer(choose_synthesizer(facts)[0])
    require_form(early, private=math.isfinite(epsilon), holdout=holdout)
    job = Job(
        table=table,
        schema=declared,
        synthesizer=early,
        epsilon=epsilon,
        delta=delta,
        unit=unit,
        target=target,
        rows=rows,
        holdout=holdout,
        seed=seed,
        stated=Purpose(
            title=title or f"Synthetic {PurePath(table.name).stem}",
            purpose=purpose,
            recipient=recipient,
        ),
        ledger=book,
        asset=asset or (asset_of(table) if book else None),
    )
    job = with_purposes(job, purposes)
    if plan is not None:
        check_agreement(plan, job)
    return replace(job, audits=stated_audits(audits, job.synthesizer, private=job.is_private))


def _promised(
    named: Synthesizer | None, epsilon: float | Promise, delta: float, *, plan: object
) -> tuple[Synthesizer | None, float]:
    """The synthesizer and the ε of a promise; without one the synthesizer must be named."""
    if not isinstance(epsilon, Promise):
        check_privacy(epsilon, delta)
        return named, epsilon
    if plan is not None:
        raise InputError("a plan says what epsilon buys: a run without privacy has none")
    if named is None:
        able = [item.name for item in SYNTHESIZERS() if "non-private" in forms_of(item)]
        raise InputError(
            "name the synthesizer of a run without privacy",
            hint=f"with a form without privacy: {', '.join(able)}",
        )
    return named, math.inf


def open_budget(job: Job) -> Budget:
    """The budget of a job: its run is opened in the ledger, and nothing is spent yet.

    Raises
    ------
    PolicyRefused, LedgerError
        The asset's limit does not allow the run, or the ledger cannot be written.
    """
    if not job.is_private:
        return NonPrivateBudget(
            job.unit, ledger=job.ledger, asset=job.asset, purpose=job.stated.purpose
        )
    order = getattr(job.synthesizer, "order", None)
    begun = interrupted(job.synthesizer)
    if begun is not None and job.ledger is not None and job.asset is not None:
        return Budget.resume(
            job.ledger,
            job.asset,
            begun,
            unit=job.unit,
            order=None if order is None else order(job.epsilon, job.delta),
        )
    return Budget(
        job.epsilon,
        job.delta,
        job.unit,
        ledger=job.ledger,
        asset=job.asset,
        purpose=job.stated.purpose,
        order=None if order is None else order(job.epsilon, job.delta),
    )


def run_job(
    job: Job,
    *,
    budget: Budget | None = None,
    evaluate: bool = True,
    attack: Level | None = None,
    progress: Progress = silent,
) -> Run:
    """Spend the budget: split, learn, sample, evaluate.

    Parameters
    ----------
    job
        From `prepare_job`.
    budget
        From `open_budget`, for a caller who wants to watch it; opened here by default.
    evaluate, attack, progress
        As in `synthesize`.
    """
    refuse_attack(attack, evaluate=evaluate, holdout=job.holdout)
    try:
        return _run(
            job, budget or open_budget(job), evaluate=evaluate, attack=attack, progress=progress
        )
    finally:
        leave(job.table)


def _run(
    job: Job, budget: Budget, *, evaluate: bool, attack: Level | None, progress: Progress
) -> Run:
    """The steps of a job, one after the other."""
    started = time.perf_counter()
    train, held = divided(job.table, job.holdout, job.unit, without=_dropped(job.schema))
    curator = curator_over(train, budget=budget, unit=job.unit)
    model = job.synthesizer.fit(
        curator,
        job.schema,
        target=job.target,
        progress=lambda text, done: progress(text, 0.4 * done),
    )
    model = _signed_off(model, budget, job)
    fitted = time.perf_counter()
    progress("drawing synthetic rows", 0.42)
    schema = job.schema
    drawn = job.rows or schema.rows or round(model.rows)
    table = model.sample(min(drawn, at_once(job.table) or drawn), seed=job.seed)
    timings = [
        Timing(name="learn", seconds=fitted - started),
        Timing(name="sample", seconds=time.perf_counter() - fitted),
    ]
    internal = None
    if evaluate:
        internal = _internal(
            job,
            (train, held),
            table,
            model=model,
            budget=budget,
            timings=timings,
            attack=attack,
            progress=partial(_later, progress),
        )
    cumulative = spent_on_asset(job, budget)
    headers = job.table.headers
    progress("done", 1.0)
    return Run(
        model=model,
        table=table,
        internal=internal,
        drawn=drawn,
        seed=job.seed,
        _source=job.table,
        _evidence=lambda hashes: public_evidence(
            model,
            budget=budget,
            schema=job.schema,
            headers=headers,
            stated=job.stated,
            rows_generated=drawn,
            hashes=hashes,
            cumulative=cumulative,
            purposes=job.purposes,
            steering=job.steering,
            attack=attack,
            audits=job.audits,
        ),
    )


def _dropped(schema: Schema) -> tuple[str, ...]:
    """Columns that the schema leaves out."""
    return tuple(column.name for column in schema.columns if column.action == "drop")


def _later(progress: Progress, text: str, done: float) -> None:
    """Progress of the evaluation, as part of the whole."""
    progress(text, 0.45 + 0.5 * done)


def _signed_off(model: Model, budget: Budget, job: Job) -> Model:
    """The model with the statement of what was spent, and how its tables are written."""
    privacy = {
        "epsilon": budget.epsilon,
        "delta": budget.delta,
        "epsilon_spent": budget.epsilon_spent(),
        "unit": budget.unit.statement,
        "charges": [event.to_json() for event in budget.events],
    }
    return replace(model, privacy=privacy, format=job.table.format)


def _internal(
    job: Job,
    tables: tuple[Place, Place | None],
    synthetic: pa.Table,
    *,
    model: Model,
    budget: Budget,
    timings: list[Timing],
    attack: Level | None,
    progress: Progress,
) -> InternalEvidence | None:
    """Figures computed on real rows, when there are any.

    Whether a release comes out may not depend on exact figures, and what was paid for may not be
    lost with them: an evaluation that fails leaves a release without its internal part.
    """
    try:
        train, held, notes = judged(*tables, seed=job.seed)
        few = synthetic if at_once(job.table) is None else synthetic.slice(0, JUDGED_ROWS)
        found = measured(
            train,
            held,
            few,
            target=job.target,
            schema=job.schema,
            seed=job.seed,
            purposes=job.purposes,
            model=model,
            progress=progress,
        )
        if found is None:
            return None
        evidence = evidence_of(
            found,
            schema=job.schema,
            ledger=ledger_rows(budget),
            timings=timings,
            notes=notes,
        )
        return with_attacks(evidence, attack, (train, held, few), model=model, seed=job.seed or 0)
    except Exception as failure:  # noqa: BLE001  its message may hold a cell
        told = f"the evaluation failed ({type(failure).__name__}): there is no internal evidence"
    progress(told, 1.0)
    warnings.warn(told, RuntimeWarning, stacklevel=3)
    return None
