"""Make a plan from a table's public face, a schema alone, or a job that is about to run.

What may not happen here: rows. A table is asked for its headers; a file is opened for its header
line or its footer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import InputError
from understudy.privacy.budget import DEFAULT_DELTA, check_privacy
from understudy.privacy.unit import Unit
from understudy.schema import Purposes, Schema, check_against, did_you_mean, load_schema
from understudy.source import (
    DatabaseTable,
    SensitiveStream,
    SensitiveTable,
    from_frame,
    is_address,
    is_expression,
    open_database,
)
from understudy.source.heading import Heading, read_heading
from understudy.synthesize.protocol import Synthesizer
from understudy.workflow.contract import steered
from understudy.workflow.named import named_synthesizer
from understudy.workflow.planning.choice import advice_for, choose_synthesizer
from understudy.workflow.planning.effort import expected_memory, expected_seconds
from understudy.workflow.planning.facts import ColumnFacts, Facts, facts_of, headers_from
from understudy.workflow.planning.noise import Noise, expected_noise
from understudy.workflow.planning.prediction import Prediction, is_calibrated, predict
from understudy.workflow.planning.reach import epsilon_for
from understudy.workflow.planning.stages import has_plan, planned_stages
from understudy.workflow.planning.value import Basis, ColumnPlan, Plan

if TYPE_CHECKING:
    from understudy.source import Header
    from understudy.workflow.main_job import Job

AUTO = "auto"
"""Let the planner choose the synthesizer."""

_SCHEMA_ENDINGS = (".yaml", ".yml")


def plan(
    data: Any = None,
    *,
    epsilon: float | None = None,
    delta: float = DEFAULT_DELTA,
    schema: Schema | str | Path | None = None,
    synthesizer: Synthesizer | str = AUTO,
    target: str | None = None,
    rows_magnitude: float | None = None,
    target_error: float | None = None,
    purposes: Purposes | str | Path | None = None,
    holdout: float = 0.2,
    unit_column: str | None = None,
    max_rows_per_unit: int | None = None,
    evaluate: bool = True,
    speed: float = 1.0,
    delimiter: str | None = None,
    encoding: str | None = None,
) -> Plan:
    """Say what a run would do and how well, before anything is charged.

    Parameters
    ----------
    data
        A path (CSV, Parquet: the header line or the footer is read), the address of a table in a
        database (its columns), a DataFrame or a table that is held already (its headers), the
        path of a schema, or None for a schema alone.
    epsilon, delta
        The promise. With `target_error` ε may be left out: the ε that is needed is taken.
    schema
        Declared public facts: the more, the better the plan.
    synthesizer
        By name or with settings; `"auto"` chooses.
    target
        A column the recipient wants to predict.
    rows_magnitude
        About how many rows the table has, a public figure; by default `rows` of the schema.
    target_error
        Mean total variation distance of pairs that is wanted, in (0, 1).
    purposes
        What the release is for, as `synthesize` takes it: they steer what is counted, so the
        plan holds for a job with them. Expected errors do not follow them.
    holdout, unit_column, max_rows_per_unit
        As `synthesize` takes them.
    evaluate
        Whether the time of measuring usefulness counts.
    speed
        This machine against the one of the calibration; `planning.effort.measured_speed()`.
    delimiter, encoding
        Of a CSV file, as `read_table` takes them.

    Returns
    -------
    Plan

    Raises
    ------
    InputError, SchemaError, FormatError
        Bad input.

    Guarantees
    ----------
    No row is read and nothing is charged: tables with the same header and the same declared
    facts have the same plan.

    >>> from understudy.schema import Column
    >>> columns = [Column(name="sex", categories=("f", "m")), Column(name="age", minimum=0,
    ...            maximum=100, decimals=0)]
    >>> made = plan(schema=Schema(columns=columns, rows=50_000), epsilon=1.0)
    >>> [column.name for column in made.columns], made.pair("age", "sex").error.value < 0.5
    (['sex', 'age'], True)
    """
    if epsilon is None and target_error is None:
        raise InputError("a plan needs epsilon, or the error that is wanted", hint="--epsilon 1")
    check_privacy(1.0 if epsilon is None else epsilon, delta)
    if not (math.isfinite(speed) and speed > 0):
        raise InputError("the speed of a machine is above 0", speed=speed)
    name, headers, declared, bare = opened(data, schema, delimiter, encoding)
    names = [header.name for header in headers]
    unit = unit_asked(declared, unit_column, max_rows_per_unit)
    for asked, role in ((unit.column, "unit"), (target, "target")):
        if asked is not None and asked not in names:
            raise InputError(
                f"there is no column {asked!r} for the {role}",
                hint=did_you_mean(asked, names) or "see the header line",
            )
    if not 0 <= holdout < 1:
        raise InputError("the holdout is a share from 0 up to, not including, 1", holdout=holdout)
    facts = facts_of(
        headers,
        declared,
        epsilon=1.0 if epsilon is None else epsilon,
        delta=delta,
        unit=unit,
        rows=rows_magnitude,
        holdout=holdout,
        target=target,
    )
    if not any(column.role != "dropped" for column in facts.columns):
        raise InputError("every column is dropped", hint="keep at least one column in the schema")
    maker = None if synthesizer == AUTO else named_synthesizer(synthesizer)
    reach = None
    if target_error is not None:
        aimed = maker or named_synthesizer(choose_synthesizer(facts)[0])
        reach = epsilon_for(facts, aimed, target_error)
        if epsilon is None:
            facts = replace(facts, epsilon=reach.epsilon or 1.0)
    reason = "asked for"
    if maker is None:
        chosen, reason = choose_synthesizer(facts)
        maker = named_synthesizer(chosen)
    maker = steered(maker, purposes, headers=headers, schema=declared, unit=unit, target=target)[
        1
    ].synthesizer
    basis = Basis(
        headers=tuple((h.name, None if bare else h.arrow) for h in headers),
        schema=_plain(declared),
        epsilon=facts.epsilon,
        delta=delta,
        synthesizer=maker.name,
        settings=settings_of(maker),
        unit=unit.statement,
        target=target,
        holdout=holdout,
    )
    return _made(
        facts, basis, maker, name=name, reason=reason, reach=reach, evaluate=evaluate, speed=speed
    )


def plan_of(job: Job, *, likely_rows: float | None = None, evaluate: bool = True) -> Plan:
    """The plan of a job that is about to run, by the same functions as `plan`.

    Parameters
    ----------
    job
        From `prepare_job`.
    likely_rows
        A guess of the rows for the time a run takes, when the schema does not say.
    evaluate
        Whether the time of measuring usefulness counts.
    """
    schema = job.schema
    facts = facts_of(
        job.table.headers,
        schema,
        epsilon=job.epsilon,
        delta=job.delta,
        unit=job.unit,
        rows=schema.rows or likely_rows,
        holdout=job.holdout,
        target=job.target,
    )
    facts = replace(facts, rows_declared=schema.rows is not None)
    return _made(
        facts,
        basis_of(job),
        job.synthesizer,
        name=job.table.name,
        reason="asked for",
        reach=None,
        evaluate=evaluate,
        speed=1.0,
    )


def basis_of(job: Job) -> Basis:
    """What a job was asked, for comparison with a plan."""
    return Basis(
        headers=tuple((header.name, header.arrow) for header in job.table.headers),
        schema=_plain(job.schema),
        epsilon=job.epsilon,
        delta=job.delta,
        synthesizer=job.synthesizer.name,
        settings=settings_of(job.synthesizer),
        unit=job.unit.statement,
        target=job.target,
        holdout=job.holdout,
    )


def _made(
    facts: Facts,
    basis: Basis,
    maker: Synthesizer,
    *,
    name: str,
    reason: str,
    reach: Any,
    evaluate: bool,
    speed: float,
) -> Plan:
    """Put the parts of a plan together."""
    noise = expected_noise(facts, maker)
    calibrated = has_plan(maker) and is_calibrated(maker.name)
    found = predict(facts, noise, maker.name) if calibrated else Prediction()
    return Plan(
        basis=basis,
        name=name,
        synthesizer=maker.name,
        reason=reason,
        rows=facts.rows,
        rows_declared=facts.rows_declared,
        stages=planned_stages(facts, maker),
        columns=tuple(_column(column, noise, found.columns) for column in facts.columns),
        pairs=found.pairs,
        column_mean=found.column_mean,
        pair_mean=found.pair_mean,
        seconds=expected_seconds(facts, noise, maker.name, evaluate=evaluate, speed=speed),
        memory=expected_memory(facts, noise),
        counted=noise.counted,
        levels=noise.levels,
        advice=advice_for(facts, noise, maker),
        reach=reach,
    )


def opened(
    data: Any, schema: Schema | str | Path | None, delimiter: str | None, encoding: str | None
) -> tuple[str, Sequence[Header], Schema, bool]:
    """Name, headers and schema; and whether there is nothing but a schema."""
    if isinstance(data, str | Path) and str(data).lower().endswith(_SCHEMA_ENDINGS):
        if schema is not None:
            raise InputError("two schemas were given", hint="name the table, or one schema")
        data, schema = None, data
    declared = load_schema(schema) if isinstance(schema, str | Path) else schema or Schema()
    if data is None:
        name = Path(schema).stem if isinstance(schema, str | Path) else "a schema"
        return name, headers_from(declared), declared, True
    heading = _heading(data, delimiter, encoding)
    check_against(declared, heading.headers)
    return heading.name, heading.headers, declared, False


def _heading(data: Any, delimiter: str | None, encoding: str | None) -> Heading:
    """The public face of whatever holds rows; a database is asked for its columns alone."""
    if isinstance(data, SensitiveTable | SensitiveStream | DatabaseTable):
        return Heading(name=data.name, headers=data.headers)
    if is_expression(data) or (isinstance(data, str) and is_address(data)):
        table = open_database(data)
        try:
            return Heading(name=table.name, headers=table.headers)
        finally:
            table.close()
    if isinstance(data, str | Path):
        return read_heading(data, delimiter=delimiter, encoding=encoding)
    held = from_frame(data)
    return Heading(name=held.name, headers=held.headers)


def unit_asked(schema: Schema, column: str | None, most: int | None) -> Unit:
    """Whom the promise protects, by the same rules as `synthesize`."""
    named = column or schema.unit
    if named is None and most is not None:
        raise InputError(
            "a bound on rows per unit needs the unit's column",
            hint="name it with --unit-column",
            max_rows_per_unit=most,
        )
    bound = most if most is not None else schema.max_rows_per_unit
    return Unit(column=named, max_rows=(1 if bound is None else bound) if named else 1)


def _column(column: ColumnFacts, noise: Noise, errors: Any) -> ColumnPlan:
    """The plan of one column."""
    modelled = column.role == "modelled"
    return ColumnPlan(
        name=column.name,
        role=column.role,
        known=_known(column),
        levels=round(noise.sizes[column.name]) if modelled else 0,
        sigma=noise.singles[column.name] if modelled else None,
        error=errors.get(column.name),
    )


def _known(column: ColumnFacts) -> str:
    """What is declared of a column's domain, in words."""
    if column.role != "modelled":
        return "stand-ins" if column.role == "replaced" else "left out"
    if column.domain is None:
        return {"numbers": "numbers", "labels": "labels"}.get(column.shape, "nothing")
    if math.isinf(column.domain):
        return "numbers within bounds"
    what = "values" if column.shape == "numbers" else "labels"
    return f"{column.domain:,.0f} {what}"


def _plain(schema: Schema) -> str:
    """A schema as canonical JSON."""
    return json.dumps(schema.model_dump(mode="json", exclude_defaults=True), sort_keys=True)


def settings_of(synthesizer: Synthesizer) -> str:
    """A synthesizer's settings as canonical JSON."""
    plain: Any = synthesizer
    if is_dataclass(plain) and not isinstance(plain, type):
        return json.dumps(asdict(plain), sort_keys=True, default=str)
    return "{}"
