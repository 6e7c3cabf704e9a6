"""Audits that go with a release: read, held against the synthesizer of the job, counted anew.

What may not happen here: an audit of another program, a charge, or a text of the file that
reaches the evidence. A file cannot prove that its fits were made: the person who signs the
release vouches for that.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from understudy import __version__
from understudy.errors import InputError, ModelError
from understudy.release.audited import StatedAudit
from understudy.synthesize.protocol import NON_PRIVATE_ONLY
from understudy.synthesize.settings import (
    OF_COLUMNS,
    settings_told,
    taking_part,
    with_settings,
)
from understudy.workflow.named import named_synthesizer

LAYOUT = 2
"""Of `audit.json`."""

FILE = "audit.json"

_AGREE = 1e-6


def program_of(synthesizer: Any) -> dict[str, str]:
    """Which program a synthesizer is: its class, the package that brought it, the version.

    The version is empty when the package is not an installed one.

    >>> from understudy.synthesize.marginal.mst import MST
    >>> told = program_of(MST())
    >>> told["class"], told["package"]
    ('understudy.synthesize.marginal.mst:MST', 'understudy')
    """
    kind = synthesizer if isinstance(synthesizer, type) else type(synthesizer)
    top = kind.__module__.partition(".")[0]
    told = {"class": f"{kind.__module__}:{kind.__qualname__}", "package": top, "version": ""}
    if top == "understudy":
        return told | {"version": __version__}
    from importlib.metadata import PackageNotFoundError, packages_distributions, version

    for name in packages_distributions().get(top, ()):
        try:
            return told | {"package": name, "version": version(name)}
        except PackageNotFoundError:
            continue
    return told


def settings_of(synthesizer: Any) -> dict[str, Any]:
    """The settings of a synthesizer that take part under a promise, as flat JSON."""
    return settings_told(synthesizer)


def stated_audits(
    given: Iterable[Any], synthesizer: Any, *, private: bool = True
) -> tuple[StatedAudit, ...]:
    """Audits of the very synthesizer of a job, as they may stand in public evidence.

    Parameters
    ----------
    given
        What `us.audit` returned, folders it wrote, or their `audit.json`.
    synthesizer
        The synthesizer of the job, with its settings.
    private
        Whether the job promises anything.

    Raises
    ------
    InputError
        There is no audit there, it is of another synthesizer, of other settings or of another
        version, its numbers are not those of its counts, or nothing is promised.
    """
    named = [given] if isinstance(given, str | Path) or hasattr(given, "to_json") else list(given)
    if named and not private:
        raise InputError("a run without privacy makes no claim that an audit could be of")
    if any(getattr(item, "privacy", ()) == NON_PRIVATE_ONLY for item in (synthesizer,) if named):
        raise InputError("a synthesizer without a private form makes no claim to audit")
    return tuple(_stated(item, synthesizer) for item in named)


def _stated(given: Any, synthesizer: Any) -> StatedAudit:
    """One audit, checked."""
    where = str(given) if isinstance(given, str | Path) else "the audit"
    told = _read(Path(given)) if isinstance(given, str | Path) else given.to_json()
    if not isinstance(told, Mapping) or told.get("layout") != LAYOUT:
        raise InputError(
            "this is no audit that this version wrote",
            hint="audit again: finished fits in the folder are used again",
            audit=where,
        )
    try:
        beside = _same_program(told, synthesizer, where)
        claim = told["claim"]
        parts = [_part(told["method"], result, claim, where) for result in told["results"]]
        return StatedAudit(
            synthesizer=str(synthesizer.name),
            implementation=told["program"]["class"],
            package=told["program"]["package"],
            version=told["program"]["version"],
            not_covered=beside,
            epsilon=claim["epsilon"],
            delta=claim["delta"],
            parts=tuple(parts),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as wrong:
        if isinstance(wrong, ValidationError):
            names = sorted({".".join(map(str, one["loc"])) for one in wrong.errors()})
            raise InputError("the audit cannot be stated", audit=where, fields=names) from None
        raise InputError("the audit is damaged", audit=where) from wrong


def _read(place: Path) -> Any:
    """The JSON of an audit, from its folder or its file."""
    file = place / FILE if place.is_dir() else place
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as missing:
        raise InputError(
            "there is no finished audit here",
            hint=f"name the folder that `understudy audit -o` wrote; it holds {FILE}",
            audit=str(place),
        ) from missing
    except ValueError as wrong:
        raise InputError("the audit is damaged: it is not JSON", audit=str(place)) from wrong


def _same_program(told: Mapping[str, Any], synthesizer: Any, where: str) -> tuple[str, ...]:
    """Refuse another program or other settings; names of settings that could not be the same."""
    ours, theirs = program_of(synthesizer), told["program"]
    names = {told["synthesizer"], *(result["synthesizer"] for result in told["results"])}
    if theirs is None or names != {synthesizer.name} or theirs["class"] != ours["class"]:
        raise InputError(
            f"the audit is of another synthesizer than {synthesizer.name}",
            hint=f"understudy audit --synthesizer {synthesizer.name} …",
            audit=where,
            audited=sorted(map(str, names)),
        )
    if not ours["version"] or theirs != ours:
        raise InputError(
            "the audit is of another version of the program",
            hint="audit the version that is installed",
            audit=where,
            audited=f"{theirs['package']} {theirs['version']}".strip(),
            installed=f"{ours['package']} {ours['version']}".strip(),
        )
    wanted = settings_of(synthesizer)
    for result in told["results"]:
        audited = taking_part(result["settings"], synthesizer)
        differ = sorted(
            name
            for name in wanted.keys() | audited.keys()
            if name not in OF_COLUMNS and wanted.get(name, ...) != audited.get(name, ...)
        )
        if differ:
            raise InputError(
                "the audit is of other settings of the synthesizer",
                hint="audit with the settings of this run",
                audit=where,
                differ=differ,
            )
    return tuple(name for name in OF_COLUMNS if wanted.get(name) is not None)


def _part(method: str, told: Mapping[str, Any], claim: Mapping[str, Any], where: str) -> Any:
    """One result, counted anew, as a value of public evidence without its method's tag."""
    if (told["epsilon"], told["delta"]) != (claim["epsilon"], claim["delta"]):
        raise InputError("the results are not of the claim that the audit states", audit=where)
    if method == "replay":
        found = len(told["findings"])
        if (told["word"] == "violated") != (found > 0):
            raise _altered(where)
        return {
            "method": method,
            "tables": told["tables"],
            "recordings": told["recordings"],
            "replays": told["replays"],
            "findings": found,
            "verdict": told["word"],
        }
    stated, again = _worst_case(told) if method == "worst-case" else _one_run(told)
    for name, value in again.items():
        given = stated[name]
        same = (
            math.isclose(given, value, rel_tol=_AGREE, abs_tol=_AGREE)
            if isinstance(value, float)
            else given == value
        )
        if not same:
            raise _altered(where)
    return {"method": method, **stated}


def _altered(where: str) -> InputError:
    """What is said of numbers that do not follow from their counts."""
    return InputError(
        "the numbers of the audit do not follow from its counts: the file was changed",
        hint="audit again",
        audit=where,
    )


def _worst_case(told: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A worst case as it is stated, and what its counts say."""
    from understudy.audit import NEIGHBOURS
    from understudy.audit.claimed import ClaimedBudget
    from understudy.audit.results import AuditResult, recounted
    from understudy.privacy.budget import SELECTION_SHARE

    result = AuditResult.from_json(dict(told))
    known = result.view == "white-box" and NEIGHBOURS[result.neighbours].declared
    share = 0.0 if known else SELECTION_SHARE
    rho = ClaimedBudget(result.epsilon, result.delta, selection_share=share).rho
    again = recounted(replace(result, rho=rho))

    def of(one: AuditResult) -> dict[str, Any]:
        return {
            "tables": one.neighbours,
            "view": one.view,
            "fits": one.runs,
            "failed": one.failed,
            "counted": one.counted,
            "confidence": one.confidence,
            "rho": one.rho,
            "epsilon_direct": one.epsilon_direct,
            "rho_direct": one.rho_direct,
            "epsilon_zcdp": one.epsilon_zcdp,
            "mu": one.mu,
            "epsilon_gaussian": one.epsilon_gaussian,
            "limit_direct": one.limit_direct,
            "limit_gaussian": one.limit_gaussian,
            "verdict": one.word,
        }

    return of(result), of(again)


def _one_run(told: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A one-run audit as it is stated, and what its counts say."""
    from understudy.audit.onerun import OneRunResult, conclude_one_run

    result = OneRunResult.from_json(dict(told))
    again = conclude_one_run(
        result.canaries,
        result.guesses,
        result.right,
        epsilon=result.epsilon,
        delta=result.delta,
        confidence=result.confidence,
        facts={
            "synthesizer": result.synthesizer,
            "settings": {},
            "view": result.view,
            "seconds": result.seconds,
        },
    )

    def of(one: OneRunResult) -> dict[str, Any]:
        return {
            "view": one.view,
            "canaries": one.canaries,
            "guesses": one.guesses,
            "right": one.right,
            "confidence": one.confidence,
            "epsilon_direct": one.epsilon_direct,
            "mu": one.mu,
            "epsilon_gaussian": one.epsilon_gaussian,
            "limit_direct": one.limit_direct,
            "limit_gaussian": one.limit_gaussian,
            "verdict": one.word,
        }

    return of(result), of(again)


def released(folder: str | Path) -> tuple[Any, float, float]:
    """The synthesizer of a release with its settings, and the ε and δ it promised.

    Parameters
    ----------
    folder
        A release, or the folder of a model; nothing but public facts is read.

    Returns
    -------
    A synthesizer without what names columns (a workload), ε, δ.

    Raises
    ------
    ModelError
        There is no model, or it is damaged.
    InputError
        Nothing is promised, another version made it, or its settings cannot be set again.
    """
    from understudy.workflow.models import load_model

    model = load_model(folder)
    try:
        epsilon, delta = float(model.privacy["epsilon"]), float(model.privacy["delta"])
    except (KeyError, TypeError, ValueError) as wrong:
        raise ModelError("the model does not say what it promised", path=str(folder)) from wrong
    if not math.isfinite(epsilon):
        raise InputError("the release promises nothing: there is no claim to audit")
    _refuse_other_version(Path(folder))
    usual = named_synthesizer(model.synthesizer)
    skipped = {*OF_COLUMNS, "target"}
    known = set(settings_of(usual)) - skipped
    told = taking_part(model.settings, usual)
    wanted = {name: value for name, value in told.items() if name not in skipped}
    if set(wanted) != known:
        raise InputError(
            f"the settings of {model.synthesizer} cannot be set again from a release",
            hint="us.audit takes the synthesizer itself",
            differ=sorted(set(wanted) ^ known),
        )
    try:
        return with_settings(usual, wanted), epsilon, delta
    except (TypeError, ValueError) as wrong:
        raise ModelError("the settings of the model are damaged", path=str(folder)) from wrong


def _refuse_other_version(folder: Path) -> None:
    """Refuse to audit in place of the version that made a release the one that is installed."""
    from understudy.release.public import PublicEvidence

    file = folder / "evidence.json"
    if not file.is_file():
        return
    try:
        evidence = PublicEvidence.from_json(file.read_text(encoding="utf-8"))
    except ValueError as wrong:
        raise InputError("the evidence of the release is damaged", path=str(file)) from wrong
    versions = {part.name: part.version for part in evidence.software}
    if versions.get("understudy") != __version__:
        raise InputError(
            "another version made the release: what is installed is another program",
            hint="install that version, and audit it",
            made_by=versions.get("understudy", "unknown"),
            installed=__version__,
        )
