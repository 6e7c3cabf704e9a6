"""`understudy evaluate`: how useful synthetic tables are, whoever made them.

What may not happen here: a figure that is not called internal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from understudy.cli.console import head, progress_bar, remark, say
from understudy.cli.headlines import headline_table, headlines_beside


def evaluate(
    *,
    train: Annotated[
        Path, typer.Option(help="The real rows that the synthetic tables were learned from.")
    ],
    synthetic: Annotated[
        list[Path], typer.Option(help="The table to measure; several are compared.")
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder for report, evidence and figures.")
    ],
    holdout: Annotated[
        Path | None, typer.Option(help="Real rows that nothing was learned from: the ceiling.")
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option(help="A column that models predict; several at once.")
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(help="Declared kinds, null marks and rules (YAML).")
    ] = None,
    regression: Annotated[
        list[str] | None,
        typer.Option(help="A regression to compare, such as 'hours ~ age + sex'; several at once."),
    ] = None,
    subgroup: Annotated[
        list[str] | None,
        typer.Option(help="A column whose levels are sub-populations; several at once."),
    ] = None,
    folds: Annotated[
        int, typer.Option(help="Folds of cross-validation of the task; 0: the one split.")
    ] = 0,
    repeats: Annotated[
        int, typer.Option(help="How often the task is trained anew, its folds cut anew.")
    ] = 1,
    quick: Annotated[
        bool, typer.Option("--quick", help="Seconds instead of a minute: fewer models and draws.")
    ] = False,
    seed: Annotated[int, typer.Option(help="For samples of rows and training.")] = 0,
    purposes: Annotated[
        Path | None, typer.Option(help="What the table is for (YAML): each purpose is answered.")
    ] = None,
    require_purposes: Annotated[
        bool, typer.Option("--require-purposes", help="Exit with 9 unless every purpose is met.")
    ] = False,
    title: Annotated[str | None, typer.Option(help="Title of the report.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Measure synthetic tables against real ones: an internal report and its figures.

    Everything is computed on real rows without noise: keep the folder where the data is. Without
    a holdout there is no ceiling, no prediction task and no memorisation test.
    """
    from understudy.cli.purposing import purposes_table, require
    from understudy.errors import InputError
    from understudy.workflow import evaluate as measure
    from understudy.workflow import free_folder

    if require_purposes and purposes is None:
        raise InputError("purposes can be required when they are given", hint="give --purposes")
    free_folder(out.expanduser().resolve())
    if holdout is None and not quiet:
        remark("no holdout: no ceiling, no prediction task and no memorisation test")
    with progress_bar(quiet=quiet) as tell:
        found = measure(
            train,
            synthetic,
            holdout,
            target=target,
            schema=schema,
            seed=seed,
            title=title,
            purposes=purposes,
            regressions=regression or (),
            subgroups=subgroup or (),
            folds=folds,
            repeats=repeats,
            quick=quick,
            progress=tell,
        )
        tell("Writing the report", 1.0)
        found.save(out)
    if not quiet:
        if len(found.judged.tables) == 1:
            headline_table(found.evidence)
        else:
            headlines_beside(found.judged)
        for one in found.judged.tables:
            if one.evidence.purposes and len(found.judged.tables) > 1:
                head(one.name)
            purposes_table(None, one.evidence)
        for note in dict.fromkeys(
            note for one in found.judged.tables for note in one.evidence.notes
        ):
            remark(note)
        head("Next")
        say(f"Open {out}/report.html. It stays where the real data is.")
    if require_purposes:
        for one in found.judged.tables:
            require(one.evidence)
