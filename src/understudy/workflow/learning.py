"""Learning a task privately: a sensitive table in, a predictor out, nothing else.

What may not happen here: a charge before everything that can be refused has been refused, or a
figure on real rows that leaves with the predictor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import InputError
from understudy.learn.fitting import Learner, open_budget, statement
from understudy.learn.predictor import Predictor
from understudy.privacy.budget import DEFAULT_DELTA, Promise
from understudy.privacy.ledger import Ledger
from understudy.privacy.unit import Unit
from understudy.schema import Schema, check_against, did_you_mean, load_schema
from understudy.synthesize.protocol import Progress, silent
from understudy.workflow.places import (
    Place,
    as_place,
    asset_of,
    curator_over,
    divided,
    leave,
    require_ready,
)

if TYPE_CHECKING:
    import pyarrow as pa

USUAL = "logistic"
"""The learner when none is named."""


def learners() -> Mapping[str, Learner]:
    """Built-in learners with their usual settings, by name.

    >>> list(learners())
    ['logistic', 'gaussian_nb', 'histogram_nb']
    """
    from understudy.learn.bayes import Bayes
    from understudy.learn.logistic import Logistic

    return {
        "logistic": Logistic(),
        "gaussian_nb": Bayes(numbers="gaussian"),
        "histogram_nb": Bayes(),
    }


def learn(
    data: Any,
    *,
    target: str,
    epsilon: float | Promise,
    delta: float = DEFAULT_DELTA,
    schema: Schema | str | Path | None = None,
    learner: Learner | str = USUAL,
    classes: Sequence[Any] | None = None,
    unit_column: str | None = None,
    max_rows_per_unit: int | None = None,
    ledger: Ledger | str | Path | None = None,
    asset: str | None = None,
    purpose: str | None = None,
    stream: bool | None = None,
    progress: Progress = silent,
) -> Predictor:
    """Learn to predict a column of a sensitive table, within ε and δ.

    Parameters
    ----------
    data
        Whatever `synthesize` takes: a frame, a file, a table in a database.
    target
        The column that is predicted.
    epsilon, delta
        The promise, for adding or removing one unit; `us.NON_PRIVATE` in the place of ε promises
        nothing.
    schema
        Declared public facts, or the path of a schema file.
    learner
        `"logistic"`, `"gaussian_nb"`, `"histogram_nb"`, or a learner with its settings. Naive Bayes
        also works where rows can only be counted: in a stream, in a database.
    classes
        The classes, where they are public; by default the schema's, or those found privately.
    unit_column, max_rows_per_unit
        The column that names a person, and how many rows of each are used (default 1).
    ledger, asset, purpose
        Where charges are written, under which name, and for what.
    stream
        Read a file in batches (True), as a whole (False), or by its size (None).
    progress
        Told a sentence and the fraction done.

    Returns
    -------
    Predictor
        Free of rows; `save` and `Predictor.load`, `predict`, `predict_proba`, `scorecard`.

    Raises
    ------
    InputError, SchemaError, FormatError
        Bad input; no budget was spent. Or no class stood out of the noise.
    BudgetError, LedgerError
        The ledger refused.

    Guarantees
    ----------
    The predictor is (ε, δ)-differentially private under the unit.
    """
    chosen = named_learner(learner)
    place = as_place(data, stream=stream)
    try:
        return _learned(
            place,
            chosen,
            target=target,
            epsilon=epsilon,
            delta=delta,
            declared=load_schema(schema) if isinstance(schema, str | Path) else schema or Schema(),
            classes=classes,
            unit=(unit_column, max_rows_per_unit),
            ledger=ledger,
            asset=asset,
            purpose=purpose,
            progress=progress,
        )
    finally:
        leave(place)


def named_learner(which: Learner | str) -> Learner:
    """A learner by name, or as it is."""
    if not isinstance(which, str):
        return which
    known = learners()
    if which not in known:
        raise InputError(f"there is no learner {which!r}", hint=did_you_mean(which, known))
    return known[which]


def predictions(predictor: Predictor, data: Any, *, keep: Sequence[str] = ()) -> pa.Table:
    """Predictions for the rows of a table, in their order.

    Parameters
    ----------
    predictor
        What was learned.
    data
        A frame or the path of a file, with the columns that were learned from.
    keep
        Columns of it that are carried over, to know the rows by.

    Returns
    -------
    pyarrow.Table
        The kept columns, the predicted class under the target's name, and the probability of every
        class.
    """
    import pyarrow as pa

    from understudy.learn.frames import columns_kept
    from understudy.workflow.tables import as_table

    table = as_table(data)
    kept = columns_kept(table, keep)
    shares = predictor.predict_proba(table)
    told = pa.array(predictor.classes[shares.argmax(axis=1)].tolist())
    named = {f"probability of {label}": shares[:, i] for i, label in enumerate(predictor.labels)}
    taken = set(kept.column_names)
    for name, cells in {f"predicted {predictor.target}": told, **named}.items():
        if name in taken:
            raise InputError(f"the table has a column {name!r} already")
        kept = kept.append_column(name, pa.array(cells))
    return kept


def _learned(
    place: Place,
    learner: Learner,
    *,
    target: str,
    epsilon: float | Promise,
    delta: float,
    declared: Schema,
    classes: Sequence[Any] | None,
    unit: tuple[str | None, int | None],
    ledger: Ledger | str | Path | None,
    asset: str | None,
    purpose: str | None,
    progress: Progress,
) -> Predictor:
    """Check, open the run, learn, and sign off."""
    from understudy.learn.target import with_target

    check_against(declared, place.headers)
    with_target(declared, place.headers, target, classes)
    dropped = tuple(column.name for column in declared.columns if column.action == "drop")
    require_ready(place, dropped)
    protected = _unit(*unit, declared, place.column_names)
    if protected.column == target:
        raise InputError("the column that names the protected unit cannot be predicted")
    budget = open_budget(
        epsilon,
        delta,
        protected,
        ledger=ledger,
        asset=asset or (None if ledger is None else asset_of(place)),
        purpose=purpose or f"learning to predict {target}",
    )
    rows, _ = divided(place, 0.0, protected, without=dropped)
    curator = curator_over(rows, budget=budget, unit=protected)
    made = learner.fit(curator, declared, target=target, classes=classes, progress=progress)
    return replace(made, privacy=statement(budget))


def _unit(column: str | None, most: int | None, declared: Schema, names: Sequence[str]) -> Unit:
    """Whom the promise protects: what was asked for, or else what the schema declares."""
    named = column or declared.unit
    if named is None:
        if most is not None:
            raise InputError(
                "a bound on rows per unit needs the unit's column",
                hint="name it with --unit-column",
                max_rows_per_unit=most,
            )
        return Unit()
    if named not in names:
        raise InputError(
            f"there is no column {named!r} for the unit",
            hint=did_you_mean(named, names) or "see the header line",
        )
    return Unit(column=named, max_rows=most or declared.max_rows_per_unit or 1)
