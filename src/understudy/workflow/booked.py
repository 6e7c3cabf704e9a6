"""What a run left in the books: its charges, and what its asset has spent over all runs.

What may not happen here: a charge.
"""

from __future__ import annotations

import datetime as dt
from pathlib import PurePath
from typing import TYPE_CHECKING

from understudy.release.internal import LedgerRow
from understudy.release.label import Cumulative, EarlierRelease

if TYPE_CHECKING:
    from understudy.privacy.budget import Budget
    from understudy.workflow.main_job import Job


def ledger_rows(budget: Budget) -> list[LedgerRow]:
    """The charges of this run, as the ledger or the budget has them."""
    return [
        LedgerRow(
            run=budget.run[:12],
            label=event.label,
            stage=event.stage,
            cost=f"ρ {event.rho:.3g}" + (f", δ {event.delta:.2g}" if event.delta else "")
            if event.rho is not None
            else event.kind,
        )
        for event in budget.events
    ]


def spent_on_asset(job: Job, budget: Budget) -> Cumulative | None:
    """What the asset has spent over all its runs, when a ledger knows."""
    if job.ledger is None or job.asset is None:
        return None
    record = job.ledger.show(job.asset)
    policy = record.policy
    delta = policy.delta if policy else job.delta * max(len(record.runs), 1)
    return Cumulative(
        asset=PurePath(job.asset).name,
        epsilon=record.epsilon(delta),
        delta=delta,
        limit_epsilon=policy.epsilon if policy else None,
        limit_delta=policy.delta if policy else None,
        earlier=tuple(
            EarlierRelease(
                run=run.id[:12],
                created=dt.datetime.fromisoformat(run.opened),
                epsilon=run.epsilon,
                delta=run.delta,
                who=None,
            )
            for run in record.runs
            if run.id != budget.run
        ),
    )
