"""`understudy attack`: what a release gives away to attackers who have it.

What may not happen here: a result that is not called internal, or a verdict without its controls.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.cli.console import head, progress_bar, remark, say, table

if TYPE_CHECKING:
    from understudy.release.attacks import AttackAnnex


class Levels(StrEnum):
    """How much time and certainty are wanted."""

    QUICK = "quick"
    RELEASE = "release"
    CERTIFY = "certify"


def attack(
    *,
    train: Annotated[Path, typer.Option(help="The real rows the generator learned from.")],
    holdout: Annotated[
        Path, typer.Option(help="Real rows it never saw, from the same random split.")
    ],
    synthetic: Annotated[Path, typer.Option(help="The release.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for evidence and report.")],
    model: Annotated[
        Path | None, typer.Option(help="The released model, or the release that holds it.")
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(help="Other real rows for the attacker; else a third of the holdout."),
    ] = None,
    secret: Annotated[
        list[str] | None, typer.Option(help="A column an attacker wants to infer (repeat).")
    ] = None,
    known: Annotated[
        list[str] | None, typer.Option(help="A column an attacker knows of a target (repeat).")
    ] = None,
    subgroup: Annotated[
        list[str] | None, typer.Option(help="A column whose levels are minorities (repeat).")
    ] = None,
    level: Annotated[
        Levels, typer.Option(help="quick (minutes), release (half an hour), certify (overnight).")
    ] = Levels.QUICK,
    synthesizer: Annotated[
        str | None,
        typer.Option(help="Refit this synthesizer of ours, for attackers who know the program."),
    ] = None,
    command: Annotated[
        str | None,
        typer.Option(help="Refit with this command, with {input} and {output}, instead."),
    ] = None,
    epsilon: Annotated[float | None, typer.Option(help="ε of every refit.")] = None,
    delta: Annotated[float, typer.Option(help="δ of every refit.")] = 1e-6,
    schema: Annotated[
        Path | None, typer.Option(help="Declared kinds and null marks (YAML).")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Run only this attack, by its key (repeat).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of candidates, controls and attackers.")] = 0,
    title: Annotated[str | None, typer.Option(help="Title of the report.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Attack a release with controls: an internal report, its evidence and a CSV of figures.

    Training rows and holdout are the two parts of one random split. Everything is computed on
    real rows: keep the folder where the data is.
    """
    from understudy.schema import load_schema
    from understudy.workflow import free_folder
    from understudy.workflow.attacking import prepare_attack, run_attack
    from understudy.workflow.generators import generator_of

    declared = None if schema is None else load_schema(schema)
    generator = generator_of(
        synthesizer=synthesizer, command=command, epsilon=epsilon, delta=delta, schema=declared
    )
    free_folder(out.expanduser().resolve())
    ready = prepare_attack(
        train,
        holdout,
        synthetic,
        model=model,
        reference=reference,
        secrets=secret or (),
        known=known or (),
        subgroups=subgroup or (),
        level=level.value,
        generator=generator,
        schema=declared,
        attacks=only or None,
        seed=seed,
        title=title,
    )
    if not quiet:
        remark(f"{len(ready.attacks)} attacks at level {level.value}: about {spell(ready.seconds)}")
    with progress_bar(quiet=quiet) as tell:
        found = run_attack(ready, progress=tell)
        found.save(out)
    if not quiet:
        _show(found.annex)
        head("Next")
        say(f"Open {out}/report.html. It stays where the real data is.")


def spell(seconds: float) -> str:
    """An estimate as a person says it.

    >>> spell(42.0), spell(600.0), spell(30_000.0)
    ('40 seconds', '10 minutes', '8.3 hours')
    """
    if seconds < 90:
        return f"{max(10, 10 * round(seconds / 10))} seconds"
    if seconds < 5_400:
        return f"{max(2, round(seconds / 60))} minutes"
    return f"{seconds / 3_600:.1f} hours"


def _show(annex: AttackAnnex) -> None:
    """The verdict, and every attack in a line."""
    head("Attacks")
    say(annex.text)
    say(annex.reason)
    table(
        ("attack", "statistic", "value", "no leak", "p, corrected", "verdict"),
        [
            (
                one.title, one.statistic, f"{one.value:.3f}", f"{one.control:.3f}",
                f"{one.adjusted:.2g}", one.text,
            )
            for one in annex.attacks
        ],
        right=(2, 3, 4),
    )  # fmt: skip
    for one in annex.not_run:
        remark(f"not run: {one.title}: {one.reason}")
