"""`understudy cross-validate`: what a synthesizer is worth on these rows, refitted in every fold.

What may not happen here: a figure that is not called internal, or a fitted model that is kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from understudy.cli.console import head, progress_bar, remark, say
from understudy.cli.headlines import headline_table


def cross_validate(
    data: Annotated[Path, typer.Argument(help="The real rows.", metavar="TABLE")],
    *,
    target: Annotated[str, typer.Option(help="A column that models predict.")],
    epsilon: Annotated[float, typer.Option(help="The ε that each fit may spend.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder for report, evidence and figures.")
    ],
    synthesizer: Annotated[
        str, typer.Option(help="One of ours by name; auto: the usual one for such a table.")
    ] = "auto",
    delta: Annotated[float, typer.Option(help="The δ of each fit.")] = 1e-6,
    folds: Annotated[int, typer.Option(help="Folds; at least 2.")] = 5,
    repeats: Annotated[int, typer.Option(help="How often the folds are cut anew.")] = 1,
    schema: Annotated[Path | None, typer.Option(help="Declared public facts (YAML).")] = None,
    unit_column: Annotated[
        str | None, typer.Option(help="The column that names a person: all rows in one fold.")
    ] = None,
    max_rows_per_unit: Annotated[
        int | None, typer.Option(help="How many rows of each person a fit uses.")
    ] = None,
    rounds: Annotated[
        Path | None, typer.Option(help="File that keeps finished rounds: go on there if begun.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Models learn from at most 4,000 rows.")
    ] = False,
    seed: Annotated[int, typer.Option(help="For folds, sampling and training.")] = 0,
    title: Annotated[str | None, typer.Option(help="Title of the report.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Refit a synthesizer in every fold of the real rows and judge it by the fold it never saw.

    These fits are experiments: each spends ε on its own teaching rows, no ledger is charged, and
    neither a model nor a synthetic row is kept. The scores are exact: choosing by them and
    releasing a table from the same rows uses the rows once more than that release's ε says.
    """
    from understudy.workflow import cross_validate as run
    from understudy.workflow import free_folder
    from understudy.workflow.cross_validation import CHOOSING

    free_folder(out.expanduser().resolve())
    if not quiet:
        remark(CHOOSING)
    with progress_bar(quiet=quiet) as tell:
        found = run(
            data,
            synthesizer=synthesizer,
            target=target,
            epsilon=epsilon,
            delta=delta,
            folds=folds,
            repeats=repeats,
            schema=schema,
            unit_column=unit_column,
            max_rows_per_unit=max_rows_per_unit,
            rounds=rounds,
            quick=quick,
            seed=seed,
            title=title,
            progress=tell,
        )
        found.save(out)
    if quiet:
        return
    headline_table(found.evidence)
    head("Next")
    say(f"Open {out}/report.html. It stays where the real data is.")
