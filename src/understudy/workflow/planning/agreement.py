"""Whether a saved plan still holds for the job that is about to run.

A plan is made from public facts; a run under other facts is another run. What may not happen
here: a look at rows, or a charge: a job that departs from its plan is refused before either.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import InputError
from understudy.workflow.planning.making import basis_of
from understudy.workflow.planning.value import Basis, Plan, load_basis

if TYPE_CHECKING:
    from understudy.workflow.main_job import Job

_MOST_TOLD = 4


def check_agreement(plan: Plan | str | Path, job: Job) -> None:
    """Refuse a job that departs from its plan, and say in what.

    Parameters
    ----------
    plan
        A plan, or the path of a saved one.
    job
        What is about to run.

    Raises
    ------
    InputError
        The header, the schema, ε, δ, the synthesizer, the unit, the target or the holdout is not
        what was planned. Nothing was charged.
    FormatError
        The file is no plan.
    """
    changes = list(differences(_basis(plan), basis_of(job)))
    if changes:
        more = f"; and {len(changes) - _MOST_TOLD} more" if len(changes) > _MOST_TOLD else ""
        raise InputError(
            "the job is not what was planned: " + "; ".join(changes[:_MOST_TOLD]) + more,
            hint="nothing was charged; plan again, or give what was planned",
        )


def planned_synthesizer(plan: Plan | str | Path) -> str:
    """Name of the synthesizer a plan is for: what `auto` stands for beside it.

    Raises
    ------
    FormatError
        The file is no plan.
    """
    return _basis(plan).synthesizer


def _basis(plan: Plan | str | Path) -> Basis:
    """What a plan, or a saved one, holds true for."""
    return plan.basis if isinstance(plan, Plan) else load_basis(plan)


def differences(planned: Basis, now: Basis) -> Iterator[str]:
    """Every difference in words that hold public facts only."""
    yield from _headers(planned.headers, now.headers)
    yield from _schemas(json.loads(planned.schema), json.loads(now.schema))
    for name in ("epsilon", "delta", "synthesizer", "unit", "target", "holdout"):
        before, after = getattr(planned, name), getattr(now, name)
        if before != after:
            yield f"{name} was {_spelled(before)} and is {_spelled(after)}"
    if planned.synthesizer == now.synthesizer and planned.settings != now.settings:
        yield from _settings(json.loads(planned.settings), json.loads(now.settings), now)


def _settings(planned: dict[str, Any], now: dict[str, Any], job: Basis) -> Iterator[str]:
    """What became of the settings; purposes steer by the workload."""
    changed = [name for name in planned | now if planned.get(name) != now.get(name)]
    if changed == ["workload"]:
        yield f"the purposes (the workload of {job.synthesizer}) have changed"
    else:
        yield f"the settings of {job.synthesizer} have changed"


def _headers(
    planned: Sequence[tuple[str, str | None]], now: Sequence[tuple[str, str | None]]
) -> Iterator[str]:
    """Columns that are new, gone, moved or stored in another way."""
    before, after = dict(planned), dict(now)
    yield from (f"column {name!r} is gone" for name in before if name not in after)
    yield from (f"column {name!r} is new" for name in after if name not in before)
    shared = [name for name in before if name in after]
    if shared != [name for name in after if name in before]:
        yield "the columns are in another order"
    for name in shared:
        if before[name] is not None and before[name] != after[name]:
            yield f"column {name!r} was stored as {before[name]} and is {after[name]}"


def _schemas(planned: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """Declared facts that have changed."""
    before = {column["name"]: column for column in planned.pop("columns", [])}
    after = {column["name"]: column for column in now.pop("columns", [])}
    for name in sorted(before | after):
        first, second = before.get(name, {}), after.get(name, {})
        changed = sorted(
            fact
            for fact in first | second
            if fact != "note" and first.get(fact) != second.get(fact)
        )
        if changed:
            yield f"the schema of column {name!r} has changed ({', '.join(changed)})"
    for fact in sorted(planned | now):
        if planned.get(fact) != now.get(fact):
            yield f"{fact!r} of the schema has changed"


def _spelled(value: object) -> str:
    """A setting in words."""
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
