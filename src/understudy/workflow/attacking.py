"""Attacks on a release, whoever made it: the place of this room where real rows meet attackers.

Whatever comes out is internal. What may not happen here: a result that finds its way into public
evidence, or a message with a value from the data.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from understudy.attack import ATTACKS, Attack
from understudy.attack.battery import Battery, estimate_seconds, run_battery
from understudy.attack.game import EFFORTS, Game, make_game
from understudy.attack.nobox import BLIND
from understudy.attack.protocol import Generator, Level
from understudy.errors import InputError
from understudy.evaluate import declared_kinds
from understudy.release.attacks import AttackAnnex, annex_of, tidy_attacks
from understudy.release.internal import InternalEvidence
from understudy.schema import Schema, check_against, did_you_mean, load_schema
from understudy.source import SensitiveTable, from_frame
from understudy.synthesize.model import Model
from understudy.synthesize.protocol import Progress, silent
from understudy.workflow.evaluated import write_findings
from understudy.workflow.models import load_model
from understudy.workflow.tables import as_table


@dataclass(frozen=True, kw_only=True, eq=False)
class Attacked:
    """What the attacks found: handle as personal data.

    Parameters
    ----------
    battery
        Every attack with its controls.
    annex
        The same as evidence, which the report shows.
    title
        What the report calls it.
    """

    battery: Battery = field(repr=False)
    annex: AttackAnnex = field(repr=False)
    title: str

    @property
    def text(self) -> str:
        """The verdict as it is printed."""
        return self.battery.text

    def save(self, folder: str | Path) -> Path:
        """Write `evidence.json`, `figures.csv` and `report.html`, readable by the owner only.

        Parameters
        ----------
        folder
            Must not exist or be empty; it appears when all files are complete.

        Raises
        ------
        OutputError
            The folder is in use, the disk full or read-only; nothing is left behind.
        """
        from understudy.report import render_attacks

        return write_findings(
            folder,
            evidence=self.annex.to_json(),
            figures=tidy_attacks(self.annex),
            report=render_attacks(self.annex, title=self.title),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """A game that is ready to be played, and how long that will take.

    Parameters
    ----------
    game, attacks
        What is played.
    seconds
        Processor seconds it will take, within a factor of two.
    """

    game: Game = field(repr=False)
    attacks: tuple[Attack, ...]
    seconds: float
    seed: int
    title: str
    claim: tuple[float | None, float | None] = (None, None)


def prepare_attack(
    train: Any,
    holdout: Any,
    synthetic: Any,
    *,
    model: Model | str | Path | None = None,
    reference: Any = None,
    secrets: str | Sequence[str] = (),
    known: str | Sequence[str] = (),
    subgroups: str | Sequence[str] = (),
    level: Level = "quick",
    generator: Generator | None = None,
    schema: Schema | str | Path | None = None,
    attacks: Sequence[Attack | str] | None = None,
    seed: int = 0,
    title: str | None = None,
) -> Prepared:
    """Check everything, draw the candidates, and say how long it will take; see `attack`."""
    if level not in EFFORTS:
        raise InputError(f"there is no level {level!r}", hint=f"choose one of {', '.join(EFFORTS)}")
    real, held, made = as_table(train), as_table(holdout), as_table(synthetic, foreign=True)
    declared = load_schema(schema) if isinstance(schema, str | Path) else schema or Schema()
    check_against(declared, real.headers)
    if generator is not None and declared.unit is not None:
        raise InputError(
            "refits toss single rows, and the schema says that a person may have several",
            hint="keep one row per person in all tables and leave the unit out of the schema, or "
            "attack without refits",
            unit=declared.unit,
        )
    kinds, nulls = declared_kinds(declared)
    released = load_model(model) if isinstance(model, str | Path) else model
    if released is not None:
        _refuse_foreign(released, made.column_names)
    game = make_game(
        real.rows,
        held.rows,
        made.rows,
        rng=np.random.default_rng([seed, 1]),
        reference=None if reference is None else as_table(reference).rows,
        level=level,
        known=_names(known),
        secrets=_names(secrets),
        subgroups=_names(subgroups),
        model=released,
        generator=generator,
        kinds=kinds,
        nulls=nulls,
    )
    chosen = tuple(_chosen(attacks))
    return Prepared(
        game=game,
        attacks=chosen,
        seconds=estimate_seconds(game, chosen),
        seed=seed,
        title=title or f"Attacks on {PurePath(made.name).stem}",
        claim=_claim(released),
    )


def attack(
    train: Any,
    holdout: Any,
    synthetic: Any,
    *,
    model: Model | str | Path | None = None,
    reference: Any = None,
    secrets: str | Sequence[str] = (),
    known: str | Sequence[str] = (),
    subgroups: str | Sequence[str] = (),
    level: Level = "quick",
    generator: Generator | None = None,
    schema: Schema | str | Path | None = None,
    attacks: Sequence[Attack | str] | None = None,
    seed: int = 0,
    title: str | None = None,
    progress: Progress = silent,
) -> Attacked:
    """Attack a release as strangers would, with controls.

    Parameters
    ----------
    train
        Real rows the generator learned from: a DataFrame, or the path of a file.
    holdout
        Real rows it never saw, from the same random split: the controls.
    synthetic
        The release.
    model
        The released model, or its folder: what it counted, and how noisily, helps an attacker.
    reference
        Other real rows of the same population, for the attacker; by default a third of the
        holdout is set apart.
    secrets, known
        Columns an attacker wants to infer, and those known of a target.
    subgroups
        Columns whose levels are minorities to be looked at apart.
    level
        `quick` (minutes), `release` (half an hour) or `certify` (overnight).
    generator
        A function of a table and a seed that fits and gives back a synthetic table, for
        attackers who know the generator.
    schema
        Declared kinds and null marks.
    attacks
        Which attacks, by name or of your own; all by default.
    seed
        Of candidates, controls and attackers.
    title
        What the report calls it.
    progress
        Told a sentence and the fraction done.

    Returns
    -------
    Attacked
        Computed on real rows: handle as personal data.

    Raises
    ------
    InputError
        The tables are no parts of one split, share rows, are too small for the level, or a
        column is asked for that cannot be.
    ModelError
        The model cannot be read.
    """
    ready = prepare_attack(
        train, holdout, synthetic, model=model, reference=reference, secrets=secrets,
        known=known, subgroups=subgroups, level=level, generator=generator, schema=schema,
        attacks=attacks, seed=seed, title=title,
    )  # fmt: skip
    return run_attack(ready, progress=progress)


def run_attack(ready: Prepared, *, progress: Progress = silent) -> Attacked:
    """Play a prepared game; see `attack`."""
    import_module("understudy.report")  # what cannot be loaded shows now, not after an hour
    battery = run_battery(
        ready.game, ready.attacks, blind=BLIND, seed=ready.seed, progress=progress
    )
    epsilon, delta = ready.claim
    annex = annex_of(
        battery,
        created=dt.datetime.now(dt.UTC).replace(microsecond=0),
        references={one.key: one.reference for one in ready.attacks},
        epsilon=epsilon,
        delta=delta,
    )
    return Attacked(battery=battery, annex=annex, title=ready.title)


def refuse_attack(level: str | None, *, evaluate: bool, holdout: float) -> None:
    """Refuse attacks within a job that keeps no control, before anything is spent.

    Raises
    ------
    InputError
        The level is unknown, or the job has no holdout or no evaluation.
    """
    if level is None:
        return
    if level not in EFFORTS:
        raise InputError(f"there is no level {level!r}", hint=f"choose one of {', '.join(EFFORTS)}")
    if not evaluate or not holdout:
        raise InputError(
            "attacks need a holdout as control, and an evaluation",
            hint="leave some rows out of learning, such as holdout=0.3",
        )


def with_attacks(
    evidence: InternalEvidence,
    level: Level | None,
    tables: tuple[SensitiveTable, SensitiveTable | None, Any],
    *,
    model: Model,
    seed: int,
) -> InternalEvidence:
    """Internal evidence of a job with the attacks that were asked for, or why there are none.

    Parameters
    ----------
    evidence
        What the evaluation found.
    level
        None leaves the evidence as it is.
    tables
        Training rows, holdout, and the release as an Arrow table.
    model, seed
        Of the job.
    """
    train, held, made = tables
    if level is None or held is None:
        return evidence
    try:
        shared = [name for name in train.column_names if name in made.column_names]
        found = attack(
            from_frame(train.rows.select(shared)), from_frame(held.rows.select(shared)),
            from_frame(made.select(shared)), model=model, level=level, seed=seed,
        )  # fmt: skip
    except InputError as refusal:
        note = f"attacks at level {level} were not played: {refusal.message}"
        return evidence.model_copy(update={"notes": (*evidence.notes, note)})
    return evidence.model_copy(update={"attacks": found.annex})


def asked_goals() -> dict[str, int]:
    """How many built-in attacks a job plays, by goal: what public evidence may say."""
    playable = [one for one in ATTACKS if not one.needs & {"secrets", "known", "generator"}]
    return dict(Counter(one.threat.goal for one in playable))


def available_attacks() -> dict[str, Attack]:
    """Every attack by its key: the built-in ones, then those of installed plug-ins.

    Raises
    ------
    InputError
        A plug-in cannot be loaded, or takes a name that is taken.
    """
    from importlib.metadata import entry_points

    found = {one.key: one for one in ATTACKS}
    for point in entry_points(group="understudy.attacks"):
        try:
            made = point.load()
        except Exception as problem:  # noqa: BLE001 - a stranger's code may raise anything
            raise InputError(
                f"the attack plug-in {point.name!r} cannot be loaded ({type(problem).__name__})"
            ) from None
        if not isinstance(made, Attack) or made.key in found:
            raise InputError(f"the plug-in {point.name!r} is no attack, or its name is taken")
        found[made.key] = made
    return found


def _chosen(attacks: Sequence[Attack | str] | None) -> list[Attack]:
    """Attacks by name or as they are."""
    there = available_attacks()
    if attacks is None:
        return list(there.values())
    chosen = []
    for one in attacks:
        if isinstance(one, Attack):
            chosen.append(one)
        elif one in there:
            chosen.append(there[one])
        else:
            raise InputError(
                f"there is no attack {one!r}",
                hint=did_you_mean(one, there) or f"available: {', '.join(there)}",
            )
    if not chosen:
        raise InputError("no attack was asked for")
    return chosen


def _refuse_foreign(model: Model, columns: Sequence[str]) -> None:
    """Refuse a model that did not make this table."""
    if set(model.columns) != set(columns):
        raise InputError(
            "the model does not belong to the synthetic table: their columns differ",
            hint="give the model folder of the same release",
        )


def _claim(model: Model | None) -> tuple[float | None, float | None]:
    """ε and δ that the model's release claims; unknown for a model that says nothing."""
    told: Mapping[str, Any] = {} if model is None else model.privacy
    epsilon, delta = told.get("epsilon"), told.get("delta")
    return (
        float(epsilon) if isinstance(epsilon, int | float) else None,
        float(delta) if isinstance(delta, int | float) else None,
    )


def _names(names: str | Sequence[str]) -> tuple[str, ...]:
    """One name or several."""
    return (names,) if isinstance(names, str) else tuple(dict.fromkeys(names))


__all__ = [
    "Attacked",
    "Level",
    "Prepared",
    "asked_goals",
    "attack",
    "available_attacks",
    "prepare_attack",
    "refuse_attack",
    "run_attack",
    "with_attacks",
]
