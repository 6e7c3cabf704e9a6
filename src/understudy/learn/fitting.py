"""What every learner does before it learns: check, prepare columns, plan what is left.

What may not happen here: a charge before everything that can be refused has been refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from understudy.curator import Curator
from understudy.errors import InputError
from understudy.learn.inputs import Input
from understudy.learn.predictor import Floats, Predictor, centred
from understudy.learn.target import Classes, classes_of, with_target
from understudy.prepare.learn import Prepared, learn
from understudy.privacy.budget import (
    Budget,
    NonPrivateBudget,
    Promise,
    check_privacy,
)
from understudy.privacy.ledger import Ledger
from understudy.privacy.unit import Unit
from understudy.schema import Schema

Progress = Callable[[str, float], None]
"""Told a sentence and the fraction done."""

PREPARED_PART = 0.2
"""Part of their usual share that single columns get: a learner needs coarse levels of them."""


def silent(_text: str, _done: float) -> None:
    """Progress nobody listens to."""


class Learner(Protocol):
    """A way to learn a classifier through a curator: a frozen set of settings."""

    name: ClassVar[str]

    def fit(
        self,
        curator: Curator,
        schema: Schema,
        *,
        target: str,
        classes: Sequence[Any] | None = None,
        progress: Progress = silent,
    ) -> Predictor:
        """Learn to predict a column within the curator's budget.

        Parameters
        ----------
        curator
            Holds rows and budget.
        schema
            Declared public facts.
        target
            The column that is predicted.
        classes
            Its classes where they are public; by default those the schema declares, or those that
            partition selection finds.
        progress
            Told what happens and how far it is.

        Returns
        -------
        Predictor
            Free of rows.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a learner starts from, paid for: columns, classes, and how far they stand out.

    Parameters
    ----------
    prepared, classes
        Of the table.
    signal
        Rows over the noise that one count would have if it got all that is left; infinite without
        privacy.
    """

    prepared: Prepared
    classes: Classes
    signal: float


def begun(
    curator: Curator,
    schema: Schema,
    *,
    target: str,
    classes: Sequence[Any] | None,
    progress: Progress,
) -> Task:
    """Check the task, learn the columns, find the classes.

    Raises
    ------
    InputError, SchemaError
        The target cannot be predicted; nothing was charged. Or no class stood out.
    """
    declared = with_target(schema, curator.headers, target, classes)
    if curator.unit.column == target:
        raise InputError("the column that names the protected unit cannot be predicted")
    open_door = isinstance(curator.budget, NonPrivateBudget)
    prepared = learn(
        curator,
        declared,
        everything=open_door,
        singles_part=1.0 if open_door else PREPARED_PART,
        progress=lambda text, done: progress(text, 0.3 * done),
    )
    left = curator.budget.remaining_rho
    return Task(
        prepared=prepared,
        classes=classes_of(prepared, target),
        signal=prepared.rows * math.sqrt(2.0 * left) / curator.unit.count_l2,
    )


def plan_rest(budget: Budget, stage: str) -> None:
    """Plan that a stage takes all that is left."""
    if isinstance(budget, NonPrivateBudget):
        return
    planned = {share.stage: share.planned_rho / budget.rho for share in budget.shares}
    budget.plan({**planned, stage: max(budget.spare_share, 0.0) * (1 - 1e-9)})


def predictor(
    task: Task,
    inputs: Sequence[Input],
    tables: Sequence[Floats],
    intercept: Floats,
    *,
    name: str,
    settings: dict[str, Any],
) -> Predictor:
    """Scores of levels as a predictor: a table of scores for every code of every column.

    Codes that nobody was seen to have say nothing.
    """
    shares = [item.shares for item in inputs]
    tables, intercept = centred(tables, intercept, shares)
    fine = []
    for item, table in zip(inputs, tables, strict=True):
        scores = table[item.into]
        scores[item.silent] = 0.0
        fine.append(scores)
    prepared = task.prepared
    header = prepared.attribute(task.classes.encoding.column).header
    return Predictor(
        attributes=tuple(item.attribute for item in inputs),
        tables=tuple(fine),
        intercept=np.asarray(intercept, dtype=np.float64),
        target=header.name,
        target_type=header.arrow,
        labels=task.classes.labels,
        learner=name,
        settings=settings,
        rows=prepared.rows,
    )


def open_budget(
    epsilon: float | Promise,
    delta: float,
    unit: Unit | None,
    *,
    ledger: Ledger | str | Path | None = None,
    asset: str | None = None,
    purpose: str | None = None,
) -> Budget:
    """The budget of one fit: its run is opened in the ledger, and nothing is spent yet.

    Raises
    ------
    InputError
        (ε, δ) out of range, or a ledger without the name of the asset.
    PolicyRefused, LedgerError
        From the ledger.
    """
    book = Ledger(ledger) if isinstance(ledger, str | Path) else ledger
    if isinstance(epsilon, Promise):
        return NonPrivateBudget(unit, ledger=book, asset=asset, purpose=purpose)
    check_privacy(epsilon, delta)
    return Budget(epsilon, delta, unit, ledger=book, asset=asset, purpose=purpose)


def statement(budget: Budget) -> dict[str, Any]:
    """What was promised and what was spent, for the file of a learner."""
    return {
        "epsilon": budget.epsilon,
        "delta": budget.delta,
        "epsilon_spent": budget.epsilon_spent(),
        "unit": budget.unit.statement,
        "charges": [event.to_json() for event in budget.events],
    }
