"""Study files as YAML for people: read with line and field in every error.

    understudy_study: 1
    title: Two generators
    datasets:
      marriages: {sample: fair, target: affair}
    synthesizers:
      mst:
      other: {command: "python other.py {train} {out} {epsilon}", limit: 60}
    epsilons: [0.5, 5]

What may not happen here: a look at rows, or a study whose generators are not known.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from understudy.errors import InputError, SchemaError, UnderstudyError
from understudy.schema import did_you_mean
from understudy.schema.nodes import NodePath, Reader, compose, read_text
from understudy.synthesize import SYNTHESIZERS
from understudy.workflow.study.plan import (
    SAMPLES,
    VERSION,
    Attacking,
    DataSet,
    LearnerEntry,
    Maker,
    Scoring,
    StudyPlan,
)

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_WHAT = "study"
_NAMED = ("datasets", "synthesizers", "learners")
_FIELDS: dict[str, Sequence[str]] = {
    "": list(StudyPlan.model_fields),
    "datasets": list(DataSet.model_fields),
    "synthesizers": list(Maker.model_fields),
    "learners": list(LearnerEntry.model_fields),
    "evaluation": list(Scoring.model_fields),
    "attack": list(Attacking.model_fields),
}


def load_study(path: str | os.PathLike[str], *, only: Sequence[str] = ()) -> StudyPlan:
    """Read a study from a YAML file.

    Parameters
    ----------
    path
        The file; UTF-8.
    only
        Names of generators and learners to keep; all by default.

    Raises
    ------
    SchemaError
        Naming file, line, field, and what is allowed; a synthesizer or learner is unknown.
    """
    file = Path(path)
    return loads_study(read_text(file, _WHAT), origin=file.name, only=only)


def loads_study(text: str, *, origin: str = "study", only: Sequence[str] = ()) -> StudyPlan:
    """Read a study from YAML text; `origin` names it in errors.

    >>> made = loads_study('''
    ... understudy_study: 1
    ... title: One
    ... datasets: {marriages: {sample: fair, target: affair}}
    ... synthesizers: {mst: }
    ... ''')
    >>> made.synthesizers[0].name, made.epsilons
    ('mst', (1.0,))
    """
    node = compose(text, origin)
    if node is None:
        raise SchemaError(f"{origin}: the study is empty", hint="see docs/study.md")
    reader = Reader(origin, _WHAT, spelled=lambda _path: False)
    return parse_study(reader.read(node), origin=origin, lines=reader.lines, only=only)


def parse_study(
    data: object,
    *,
    origin: str = "study",
    lines: Mapping[NodePath, int] | None = None,
    only: Sequence[str] = (),
) -> StudyPlan:
    """Build a study from plain values, with the errors of a study file.

    Raises
    ------
    SchemaError
        Naming origin, line, field, and what is allowed.

    >>> parse_study({"understudy_study": 1, "titel": "One"})
    Traceback (most recent call last):
    understudy.errors.SchemaError: study: the file has the unknown field 'titel'. \
did you mean 'title'? Allowed: understudy_study, title, about, datasets, synthesizers, learners, \
epsilons, delta, seeds, folds, repeats, holdout, …
    """
    if not isinstance(data, Mapping):
        raise SchemaError(f"{origin}: a study is a mapping", hint="see docs/study.md")
    given = {name: value for name, value in data.items() if value is not None}
    lines = lines or {}
    _check_version(given.get("understudy_study"), origin, lines)
    given["understudy_study"] = VERSION
    names: dict[str, list[str]] = {}
    for part in _NAMED:
        listed = given.get(part)
        if isinstance(listed, Mapping):
            names[part] = [str(name) for name in listed]
            given[part] = [_named(name, body) for name, body in listed.items()]
    try:
        plan = StudyPlan.model_validate(_unknown_first(given, origin, lines))
    except ValidationError as problem:
        raise _explained(problem.errors()[0], origin, names, lines) from None
    plan = _kept(plan, only)
    _check_names(plan, origin, lines)
    return plan


def _unknown_first(
    given: dict[str, Any], origin: str, lines: Mapping[NodePath, int]
) -> dict[str, Any]:
    """Refuse an unknown field before a missing one: it is most likely the same one, misspelt."""
    for name in given:
        if name not in StudyPlan.model_fields:
            raise SchemaError(
                f"{_where(origin, lines, (name,))}: the file has the unknown field {name!r}",
                hint=did_you_mean(name, _FIELDS[""]),
            )
    return given


def _check_version(given: object, origin: str, lines: Mapping[NodePath, int]) -> None:
    """Refuse a file of another version, with what to do."""
    where = _where(origin, lines, ("understudy_study",))
    told = str(given).strip() if given is not None else ""
    if not told.isdigit():
        raise SchemaError(
            f"{where}: understudy_study, the version of the file, is missing",
            hint=f"begin the file with `understudy_study: {VERSION}`",
        )
    if int(told) > VERSION:
        raise SchemaError(
            f"{where}: the study is of version {told}, newer than this program knows",
            hint=f"upgrade understudy; it reads up to version {VERSION}",
        )
    if int(told) < VERSION:
        raise SchemaError(
            f"{where}: the study is of version {told}, older than what is read",
            hint=f"write it as version {VERSION}: docs/study.md says what changed",
        )


def _named(name: object, body: object) -> object:
    """One entry of a mapping as the fields of an entry; settings get their YAML types back."""
    if body is None:
        return {"name": str(name)}
    if not isinstance(body, Mapping):
        return body
    told = {"name": str(name), **{key: value for key, value in body.items() if value is not None}}
    if isinstance(told.get("settings"), Mapping):
        told["settings"] = _typed(told["settings"])
    return told


def _typed(value: object) -> Any:
    """Settings as YAML means them: numbers, truth values, lists."""
    if isinstance(value, Mapping):
        return {str(key): _typed(part) for key, part in value.items()}
    if isinstance(value, list):
        return tuple(_typed(part) for part in value)
    if isinstance(value, str):
        try:
            found = yaml.safe_load(value)
        except yaml.YAMLError:
            return value
        if isinstance(found, bool | int | float | str):
            return _number(found)
    return value


def _number(found: bool | float | str) -> Any:  # noqa: FBT001 - a scalar of YAML
    """`1e-3` is a number, which YAML 1.1 does not say."""
    if isinstance(found, str):
        try:
            return float(found)
        except ValueError:
            return found
    return found


def _kept(plan: StudyPlan, only: Sequence[str]) -> StudyPlan:
    """The plan with some of its generators and learners."""
    if not only:
        return plan
    names = [one.name for one in plan.synthesizers] + [one.name for one in plan.learners]
    for name in only:
        if name not in names:
            raise InputError(
                f"the study has no generator or learner {name!r}", hint=did_you_mean(name, names)
            )
    return plan.model_copy(
        update={
            "synthesizers": tuple(one for one in plan.synthesizers if one.name in only),
            "learners": tuple(one for one in plan.learners if one.name in only),
        }
    )


def _check_names(plan: StudyPlan, origin: str, lines: Mapping[NodePath, int]) -> None:
    """Refuse generators and learners that are not known, and settings they do not have."""
    for entry in plan.synthesizers:
        if entry.command is None:
            where = _where(origin, lines, ("synthesizers", entry.name))
            known = {maker.name: maker for maker in SYNTHESIZERS()}
            _buildable(entry, known, where, "synthesizer", {})
    for learner in plan.learners:
        where = _where(origin, lines, ("learners", learner.name))
        _buildable(learner, learners(), where, "learner", {"epsilon": 1.0})


def _buildable(
    entry: Maker | LearnerEntry,
    known: Mapping[str, Any],
    where: str,
    what: str,
    more: Mapping[str, Any],
) -> None:
    """Refuse a name or a setting that is not known; `more` is what a study gives besides."""
    name = entry.use or entry.name
    if name not in known:
        hint = did_you_mean(name, known) if known else f"no {what} is installed"
        raise SchemaError(f"{where}: there is no {what} {name!r}", hint=hint)
    try:
        build(entry, known, **more)
    except TypeError:
        allowed = list(inspect.signature(known[name]).parameters)
        strange = next((key for key in entry.settings if key not in allowed), "")
        raise SchemaError(
            f"{where}: {name!r} has no setting {strange!r}" if strange
            else f"{where}: the settings of {name!r} cannot be used",
            hint=did_you_mean(strange, allowed) if strange else None,
        ) from None  # fmt: skip
    except UnderstudyError as problem:
        raise SchemaError(
            f"{where}: {problem.message}", hint=problem.hint, **problem.facts
        ) from None


def build(entry: Maker | LearnerEntry, known: Mapping[str, Any], **more: Any) -> Any:
    """A synthesizer or learner with an entry's settings.

    Settings that are mappings become the frozen values that stand there by default.
    """
    kind = known[entry.use or entry.name]
    settings = dict(entry.settings)
    if is_dataclass(kind):
        for one in fields(kind):
            given = settings.get(one.name)
            if isinstance(given, Mapping) and callable(one.default_factory):
                settings[one.name] = one.default_factory(**given)
    return kind(**settings, **more)


def learners() -> dict[str, Any]:
    """Private learners by name; none where they are not installed."""
    try:
        from understudy import learn
    except ImportError:
        return {}
    return {one.name: one for one in learn.LEARNERS()}


def _explained(
    error: ErrorDetails,
    origin: str,
    names: Mapping[str, Sequence[str]],
    lines: Mapping[NodePath, int],
) -> SchemaError:
    """Turn the first validation error into a message with line, field and choices."""
    loc: list[str | int] = list(error["loc"])
    if len(loc) > 1 and loc[0] in names and isinstance(loc[1], int):
        loc[1] = names[str(loc[0])][loc[1]]
    where = _where(origin, lines, tuple(loc))
    label = ".".join(str(part) for part in loc)
    part = str(loc[0]) if loc and loc[0] in _FIELDS else ""
    match error["type"]:
        case "extra_forbidden":
            field = str(loc[-1])
            parent = ".".join(str(piece) for piece in loc[:-1]) or "the file"
            return SchemaError(
                f"{where}: {parent} has the unknown field {field!r}",
                hint=did_you_mean(field, _FIELDS[part]),
            )
        case "literal_error":
            choices = SAMPLES if loc[-1] == "sample" else ()
            hint = did_you_mean(str(error["input"]), choices) if choices else None
            return SchemaError(f"{where}: {label} is not known", hint=hint)
        case "missing":
            return SchemaError(f"{where}: {label} is missing")
        case "value_error":
            message = str(error["ctx"]["error"])
            return SchemaError(f"{where}: {label}: {message}" if label else f"{where}: {message}")
        case _:
            return SchemaError(f"{where}: {label}: {error['msg'][:1].lower()}{error['msg'][1:]}")


def _where(origin: str, lines: Mapping[NodePath, int], loc: NodePath) -> str:
    """File and line of the nearest thing that has one."""
    line = next((lines[loc[:n]] for n in range(len(loc), 0, -1) if loc[:n] in lines), None)
    return f"{origin}, line {line}" if line else origin
