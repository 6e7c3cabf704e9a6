"""Purposes of a job: checked against the table, and handed to the synthesizer as a workload.

What may not happen here: a look at rows, or a charge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.errors import InputError, SchemaError
from understudy.evaluate import regressions_can_be_fitted
from understudy.privacy.unit import Unit
from understudy.schema import (
    Purposes,
    RegressionPurpose,
    Schema,
    check_purposes,
    load_purposes,
)
from understudy.source import Header
from understudy.synthesize.protocol import Synthesizer
from understudy.synthesize.steering import Steered, steer

if TYPE_CHECKING:
    from understudy.workflow.main_job import Job


def read_purposes(
    purposes: Purposes | str | Path | None, headers: Iterable[Header], schema: Schema
) -> Purposes | None:
    """Purposes as they are or from a file, checked against a header and a schema.

    Raises
    ------
    SchemaError
        The file is malformed, or names what the table does not have.
    InputError
        A regression is asked for and statsmodels is not installed.
    """
    if purposes is None:
        return None
    known = load_purposes(purposes) if isinstance(purposes, str | Path) else purposes
    check_purposes(known, headers, schema)
    fitted = any(isinstance(one, RegressionPurpose) for one in known.purposes)
    if fitted and not regressions_can_be_fitted():
        raise InputError(
            "a purpose is a regression, and statsmodels is not installed",
            hint="pip install 'understudy[regression]'",
        )
    return known


def with_purposes(job: Job, purposes: Purposes | str | Path | None) -> Job:
    """The job with its purposes: they are checked, and steer the synthesizer where it can be.

    Raises
    ------
    SchemaError, InputError
        As `read_purposes`; or a purpose names the column of the unit.
    """
    known, found = steered(
        job.synthesizer,
        purposes,
        headers=job.table.headers,
        schema=job.schema,
        unit=job.unit,
        target=job.target,
    )
    if known is None:
        return job
    return replace(job, synthesizer=found.synthesizer, purposes=known, steering=found.statement)


def steered(
    synthesizer: Synthesizer,
    purposes: Purposes | str | Path | None,
    *,
    headers: Sequence[Header],
    schema: Schema,
    unit: Unit,
    target: str | None,
) -> tuple[Purposes | None, Steered]:
    """Purposes, checked, and the synthesizer they steer where it can be; for plans as for jobs.

    Raises
    ------
    SchemaError, InputError
        As `read_purposes`; or a purpose names the column of the unit.
    """
    known = read_purposes(purposes, headers, schema)
    if known is None:
        return None, Steered(synthesizer=synthesizer, statement="")
    if unit.column is not None and unit.column in known.columns:
        raise SchemaError(f"a purpose names column {unit.column!r}, which names the protected unit")
    return known, steer(synthesizer, known, list(_modelled(headers, schema, unit)), target)


def _modelled(headers: Iterable[Header], schema: Schema, unit: Unit) -> Iterable[str]:
    """Columns that may be modelled, as far as that is public."""
    for header in headers:
        column = schema.column(header.name)
        replaced = column.identifier is not None and column.action != "keep"
        if column.action != "drop" and not replaced and header.name != unit.column:
            yield header.name
