"""How a job will divide its budget: the same rules the run follows, from public facts.

What may not happen here: a rule of its own. Shares come from `prepare.shares` and from the
settings of the synthesizer; a synthesizer with a plan of its own is asked for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from understudy.prepare.shares import (
    DISTINCT_SHARE,
    ROWS_SHARE,
    kinds_share,
    later_shares,
    part_of_singles,
)
from understudy.workflow.dossier import STAGES
from understudy.workflow.planning.facts import Facts

PLANNED = ("aim", "margnet", "mst", "residual", "privbayes", "independent")
"""Synthesizers whose division of the budget is known here."""

_SIZES = tuple(10.0**exponent for exponent in range(1, 10))
_MOST_SELECT = 0.5
_OF_THE_REST = ("aim", "margnet", "privbayes")


@dataclass(frozen=True, kw_only=True, slots=True)
class StagePlan:
    """A part of the run and the shares of ρ between which it will lie, 0 to 1.

    How large a share is exactly depends on the noisy number of rows, which costs budget itself.

    Parameters
    ----------
    stage, note
        Its name and what it pays for.
    low, high
        Extremes over all sizes of tables.
    expected
        The share at the declared magnitude.
    """

    stage: str
    note: str
    low: float
    high: float
    expected: float


def planned_stages(facts: Facts, synthesizer: Any) -> tuple[StagePlan, ...]:
    """Stages in the order of the run; empty for a synthesizer whose plan is not known."""
    return tuple(_stages(facts, synthesizer)) if has_plan(synthesizer) else ()


def has_plan(synthesizer: Any) -> bool:
    """Whether it prepares columns as the built-in ones do, so that its shares are known."""
    ours = type(synthesizer).__module__.startswith("understudy.synthesize.")
    return ours and synthesizer.name in PLANNED


def shares_at(facts: Facts, synthesizer: Any) -> dict[str, float]:
    """Share of ρ of every stage for a table of `facts.rows` rows."""
    rho, sensitivity = facts.rho, facts.sensitivity
    untyped = sum(column.classes for column in facts.columns)
    first = {
        "rows": ROWS_SHARE,
        "kinds": kinds_share(facts.rows, rho, sensitivity, untyped),
        "distinct": DISTINCT_SHARE if any(column.distinct for column in facts.columns) else 0.0,
    }
    spent = sum(first.values())
    later = later_shares(facts.rows, rho, sensitivity, spent=spent, columns=len(facts.columns))
    later["singles"] *= part_of_singles(
        facts.rows,
        rho,
        sensitivity,
        few=getattr(synthesizer, "singles_part", 1.0),
        rich=getattr(synthesizer, "rich_part", None),
    )
    rest = max(0.0, 1.0 - spent - sum(later.values()))
    if not hasattr(synthesizer, "select_share"):
        return first | {"domain": later["domain"], "singles": 1 - spent - later["domain"]}
    if synthesizer.name in _OF_THE_REST:
        select = synthesizer.select_share * rest
    else:
        select = min(synthesizer.select_share, _MOST_SELECT * rest)
    return first | later | {"select": select, "pairs": rest - select}


def _stages(facts: Facts, synthesizer: Any) -> Iterator[StagePlan]:
    """Every stage that can cost something."""
    expected = shares_at(facts, synthesizer)
    shares = [shares_at(replace(facts, rows=size), synthesizer) for size in _SIZES]
    for stage, share in expected.items():
        values = [share, *(other[stage] for other in shares)]
        if max(values) > 0:
            yield StagePlan(
                stage=stage,
                note=STAGES[stage],
                low=min(values),
                high=max(values),
                expected=share,
            )
