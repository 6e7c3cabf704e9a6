"""`understudy evaluate`: how useful a synthetic table is, whoever made it.

What may not happen here: a figure that is not called internal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from understudy.cli.console import head, progress_bar, remark, say
from understudy.cli.synthesizing import headline_table


def evaluate(
    *,
    train: Annotated[
        Path, typer.Option(help="The real rows that the synthetic table was learned from.")
    ],
    synthetic: Annotated[Path, typer.Option(help="The table to measure.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for evidence and report.")],
    holdout: Annotated[
        Path | None, typer.Option(help="Real rows that nothing was learned from: the ceiling.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="A column that models predict.")] = None,
    schema: Annotated[
        Path | None, typer.Option(help="Declared kinds, null marks and rules (YAML).")
    ] = None,
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
    """Measure a synthetic table against real ones: an internal report and its figures.

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
            progress=tell,
        )
        found.save(out)
    if not quiet:
        headline_table(found.evidence)
        purposes_table(None, found.evidence)
        head("Next")
        say(f"Open {out}/report.html. It stays where the real data is.")
    if require_purposes:
        require(found.evidence)
