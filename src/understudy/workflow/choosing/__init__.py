"""Which synthesizer and ε to try first: a study read with the public facts of a new table.

What may not happen here: rows of the new table, or a charge. A table is asked for its header.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from understudy.errors import InputError
from understudy.privacy.budget import DEFAULT_DELTA, check_privacy
from understudy.release.study import StudyResults
from understudy.schema import Schema, did_you_mean
from understudy.workflow.choosing.evidence import Evidence, Goal, Told
from understudy.workflow.choosing.value import Alike, Choice, Option, Sure
from understudy.workflow.planning.choice import default_synthesizer
from understudy.workflow.planning.facts import Facts, facts_of
from understudy.workflow.planning.making import opened, unit_asked

__all__ = ["Alike", "Choice", "Option", "choose", "shipped_study"]

BUDGETS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""ε that are advised, the smallest that is good enough first."""

TOLERANCE = 0.02
"""Loss that a smaller ε may cost against ε = 10, and a difference that nobody needs to mind."""

_NEAR, _FAR, _FEW = 0.4, 1.0, 3
_FOREIGN_COLUMNS = 2.5


def shipped_study() -> StudyResults:
    """The measured study that comes with the package.

    Raises
    ------
    InputError
        There is none in this installation.
    """
    package = Path(__file__).resolve().parents[2]
    folders = (package / "studied", package.parents[1] / "studies" / "results")
    for folder in folders:
        for name in ("thesis.parquet", "results.parquet"):
            if (folder / name).is_file():
                return StudyResults.read(folder / name)
    raise InputError(
        "this installation has no measured study",
        hint="name the results of one with --study (`understudy study` makes them)",
    )


def choose(
    data: Any = None,
    *,
    epsilon: float | None = None,
    delta: float = DEFAULT_DELTA,
    schema: Schema | str | Path | None = None,
    target: str | None = None,
    rows_magnitude: float | None = None,
    tolerance: float = TOLERANCE,
    study: StudyResults | str | Path | None = None,
    unit_column: str | None = None,
    max_rows_per_unit: int | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
) -> Choice:
    """Which synthesizer and ε to try first on a table, why, and how sure that is.

    Parameters
    ----------
    data
        As `plan` takes it: a path (its header is read), a frame (its columns), a schema alone.
    epsilon, delta
        The budget, when it is decided; by default the smallest ε that is good enough is advised.
    schema
        Declared public facts.
    target
        A column the recipient wants to predict: models trained on the synthetic table are weighed.
        Without one, errors of pairs are.
    rows_magnitude
        About how many rows, a public figure; by default the schema's.
    tolerance
        Loss that a smaller ε may cost against ε = 10, in (0, 1).
    study
        Results of a study, or their Parquet file; by default the one that is shipped.
    unit_column, max_rows_per_unit, delimiter, encoding
        As `plan` takes them.

    Returns
    -------
    Choice

    Raises
    ------
    InputError, SchemaError, FormatError
        Bad input, or a study that says nothing about what is asked.

    Guarantees
    ----------
    No row is read and nothing is charged: tables with the same header and the same declared facts
    get the same advice.
    """
    check_privacy(1.0 if epsilon is None else epsilon, delta)
    if not 0 < tolerance < 1:
        raise InputError("the tolerance lies between 0 and 1", tolerance=tolerance)
    if study is None:
        results = shipped_study()
    else:
        results = study if isinstance(study, StudyResults) else StudyResults.read(study)
    _, headers, declared, _ = opened(data, schema, delimiter, encoding)
    names = [header.name for header in headers]
    unit = unit_asked(declared, unit_column, max_rows_per_unit)
    for asked, role in ((unit.column, "unit"), (target, "target")):
        if asked is not None and asked not in names:
            raise InputError(
                f"there is no column {asked!r} for the {role}",
                hint=did_you_mean(asked, names) or "see the header line",
            )
    facts = facts_of(
        headers,
        declared,
        epsilon=1.0 if epsilon is None else epsilon,
        delta=delta,
        unit=unit,
        rows=rows_magnitude,
        holdout=0.0,
        target=target,
    )
    if not facts.modelled:
        raise InputError("no column of the table is modelled", hint="see the schema")
    return _advised(results, facts, epsilon, tolerance)


def _advised(
    results: StudyResults, facts: Facts, epsilon: float | None, tolerance: float
) -> Choice:
    """The advice of a study for a table with these facts."""
    goal: Goal = "task" if facts.target is not None else "pairs"
    evidence = Evidence(results, facts, goal)
    methods = [name for name in evidence.methods("synthesizer") if name in _ours()]
    if not methods:
        raise InputError(
            "the study says nothing about this: no synthesizer of ours has the figures on all of "
            "its data sets",
            hint="give another study, or leave the target out" if goal == "task" else None,
        )
    rated = {
        at: {name: told for name in methods if (told := evidence.told(name, at)) is not None}
        for at in (BUDGETS if epsilon is None else (epsilon,))
    }
    best = {at: min(told, key=lambda name: told[name].mean) for at, told in rated.items()}
    at = next(iter(rated))
    if epsilon is None:
        last = rated[BUDGETS[-1]][best[BUDGETS[-1]]].mean
        at = next(e for e in BUDGETS if rated[e][best[e]].mean <= last + tolerance)
    options = _options(evidence, rated[at], best[at], at)
    tied = [one.method for one in options if one.tied]
    first = _first(best[at], tied, len(facts.modelled))
    wide = default_synthesizer(len(facts.modelled))
    widest = max((one.columns or 0 for one in evidence.alike), default=0)
    beyond = bool(widest) and len(facts.modelled) > _FOREIGN_COLUMNS * widest and wide != first
    name = wide if beyond else first
    budgets = tuple(
        _option(evidence, told[first], first, e, tied=False)
        for e, told in rated.items()
        if first in told
    )
    learner = _learner(evidence, at) if goal == "task" else None
    chosen = next(one for one in options if one.method == first)
    doubts = _doubts(evidence, facts, chosen, beyond=beyond)
    return Choice(
        synthesizer=name,
        epsilon=at,
        goal=goal,
        sure=_sure(evidence, facts, chosen, beyond=beyond),
        why=tuple(
            _why(goal, chosen, options, budgets, given=epsilon is not None)
            if not beyond
            else (f"a table of {len(facts.modelled)} columns is planned with {wide}",)
        ),
        doubts=doubts,
        ties=tuple(one for one in tied if one != name),
        options=options,
        budgets=budgets,
        learner=learner,
        alike=evidence.alike,
        study=f"{results.about.title} ({results.about.created}, version {results.about.version})",
        size=facts.rows,
        size_declared=facts.rows_declared,
    )


def _ours() -> frozenset[str]:
    """Names of synthesizers that can be named in a run with a promise."""
    from understudy.synthesize import SYNTHESIZERS
    from understudy.synthesize.protocol import forms_of

    return frozenset(one.name for one in SYNTHESIZERS() if "private" in forms_of(one))


def _options(evidence: Evidence, told: dict[str, Told], best: str, at: float) -> tuple[Option, ...]:
    """Every method at one ε, the best first; a tie is what the splits cannot part."""
    close = set()
    for name, one in told.items():
        more, half = evidence.difference(one, told[best])
        if name != best and more <= max(half, TOLERANCE / 4):
            close |= {name, best}
    found = [_option(evidence, told[name], name, at, tied=name in close) for name in told]
    return tuple(sorted(found, key=lambda one: one.loss))


def _option(evidence: Evidence, told: Told, name: str, at: float, *, tied: bool) -> Option:
    """One method at one ε."""
    return Option(
        method=name,
        epsilon=at,
        loss=told.mean,
        low=told.mean - told.half,
        high=told.mean + told.half,
        tied=tied,
        attack=evidence.attack(name, at),
        outside=told.outside,
    )


def _first(best: str, tied: Sequence[str], columns: int) -> str:
    """The best, or among what cannot be told from it the one that is usual for such a table."""
    usual = default_synthesizer(columns)
    return usual if usual in tied else best


def _learner(evidence: Evidence, at: float) -> Option | None:
    """The learner that loses least at this ε."""
    told = {
        name: one
        for name in evidence.methods("learner")
        if (one := evidence.told(name, at)) is not None
    }
    if not told:
        return None
    name = min(told, key=lambda one: told[one].mean)
    return _option(evidence, told[name], name, at, tied=False)


def _why(
    goal: Goal, chosen: Option, options: Sequence[Option], budgets: Sequence[Option], *, given: bool
) -> tuple[str, ...]:
    """Reasons, in sentences."""
    what = (
        "models trained on its tables lose {} of their score on real rows"
        if goal == "task"
        else "its pairs are off by {} of the rows on average"
    )
    told = [f"{chosen.method}: " + what.format(f"{chosen.loss:.3f}") + _between(chosen)]
    others = [one for one in options if one.method != chosen.method and not one.tied]
    if others:
        told.append(f"the next that differs is {others[0].method} with {others[0].loss:.3f}")
    if not given and len(budgets) > 1:
        less = [one for one in budgets if one.epsilon < chosen.epsilon]
        more = budgets[-1]
        if less:
            told.append(f"at ε = {less[-1].epsilon:g} it would be {less[-1].loss:.3f}")
        if more.epsilon > chosen.epsilon:
            told.append(f"at ε = {more.epsilon:g} it would be {more.loss:.3f}")
    return tuple(told)


def _between(one: Option) -> str:
    """A range in words."""
    return f" ({max(one.low, 0.0):.3f} to {one.high:.3f})" if one.high > one.low else ""


def _doubts(evidence: Evidence, facts: Facts, chosen: Option, *, beyond: bool) -> tuple[str, ...]:
    """What makes the advice less sure, in sentences."""
    told = []
    nearest = evidence.alike[0]
    if nearest.distance is None:
        told.append("the study does not say what its data sets are like: all count the same")
    elif nearest.distance > _NEAR:
        told.append(
            f"no data set of the study is much like the table: the nearest, {nearest.name}, has "
            f"{nearest.size:,} rows and {nearest.columns} columns"
        )
    if beyond:
        told.append("the study has no table nearly as wide")
    if not facts.rows_declared:
        told.append(f"nobody declares the rows: {facts.rows:,.0f} are assumed")
    unknown = sum(column.shape == "unknown" for column in facts.modelled)
    if unknown > len(facts.modelled) / 2:
        told.append("nothing is declared of most columns, so kinds are not compared")
    seeds = evidence.seeds(chosen.method)
    if seeds < _FEW:
        splits = "split" if seeds == 1 else "splits"
        told.append(f"the study has {seeds} {splits} per fit: its spread is hardly known")
    if len(evidence.datasets) < _FEW:
        told.append(f"the study has {len(evidence.datasets)} data sets: others may differ")
    if chosen.outside:
        told.append("so much (or so little) noise was not in the study: its nearest ε stands in")
    return tuple(told)


def _sure(evidence: Evidence, facts: Facts, chosen: Option, *, beyond: bool) -> Sure:
    """How sure the advice is, in one of three words."""
    nearest = evidence.alike[0].distance
    far = nearest is None or nearest > _FAR
    seeds = evidence.seeds(chosen.method)
    if beyond or far or seeds < 2 or chosen.outside:
        return "a guess"
    several = len(evidence.datasets) >= 2 and seeds >= _FEW
    if several and nearest is not None and nearest <= _NEAR and facts.rows_declared:
        return "fairly sure"
    return "somewhat sure"
