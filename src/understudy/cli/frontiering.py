"""`understudy frontier`: utility against risk over a grid of ε and synthesizers.

What may not happen here: a synthetic table that is kept, or a figure that is not called internal.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.cli.console import head, progress_bar, remark, say, table
from understudy.cli.endings import going_on

if TYPE_CHECKING:
    from understudy.release.frontier import FrontierEvidence


def frontier(
    *,
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="CSV, TSV or Parquet file.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder for report and figures; resumes there.")
    ],
    epsilons: Annotated[
        str, typer.Option(help="Privacy budgets, each a fit: numbers with commas between.")
    ] = "0.1,0.5,1,2,5,10",
    synthesizers: Annotated[str, typer.Option(help="Names with commas between.")] = "aim",
    delta: Annotated[float, typer.Option(help="δ of every fit.")] = 1e-6,
    target: Annotated[str | None, typer.Option(help="A column that models predict.")] = None,
    schema: Annotated[Path | None, typer.Option(help="Declared public facts (YAML).")] = None,
    seeds: Annotated[int, typer.Option(help="Fits per synthesizer and ε.")] = 1,
    level: Annotated[
        str, typer.Option(help="Of the attacks: quick, release, certify, or none.")
    ] = "quick",
    workers: Annotated[int, typer.Option(help="Fits at once.")] = 1,
    ledger: Annotated[
        Path | None, typer.Option(help="Ledger that every fit is charged to.")
    ] = None,
    asset: Annotated[str | None, typer.Option(help="Name of the table in the ledger.")] = None,
    title: Annotated[str | None, typer.Option(help="Title of the report.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Fit, measure and attack over several ε: what a larger budget buys, and what it risks.

    Every fit is an experiment inside the house; together they spend the sum of their ε. Their
    tables are thrown away and the figures are computed on real rows: keep the folder where the
    data is. An interrupted run goes on where it stopped.
    """
    from understudy.errors import InputError
    from understudy.workflow.frontier import frontier as draw

    try:
        grid = tuple(float(part) for part in epsilons.split(","))
    except ValueError:
        raise InputError(
            "--epsilons takes numbers with commas between", hint="as in --epsilons 0.1,1,10"
        ) from None
    names = tuple(part.strip() for part in synthesizers.split(","))
    if not quiet:
        fits = len(grid) * len(names) * seeds
        remark(
            f"{fits} fits, together ε = {sum(grid) * len(names) * seeds:g}; "
            + ("charged to the ledger" if ledger else "no ledger: nobody adds them up")
        )
    with going_on(out), progress_bar(quiet=quiet) as tell:
        found = draw(
            source,
            epsilons=grid,
            synthesizers=names,
            delta=delta,
            schema=schema,
            target=target,
            seeds=seeds,
            level=None if level == "none" else level,  # type: ignore[arg-type]
            ledger=ledger,
            asset=asset,
            workers=workers,
            out=out,
            title=title,
            progress=tell,
        )
    if not quiet:
        _shown(found.evidence)
        head("Next")
        say(f"Open {out}/report.html. It stays where the real data is.")


def _shown(evidence: FrontierEvidence) -> None:
    """Every fit as a line."""
    head("INTERNAL, computed on real rows without noise: keep these figures where the data is")
    rows = []
    for cell in evidence.cells:
        by_key = {figure.key: figure for figure in cell.figures}
        worst = cell.worst_auc
        utility = next((by_key[key] for key in ("tstr_auc", "tstr_r2") if key in by_key), None)
        pairs = by_key.get("tvd_2way")
        rows.append(
            (
                cell.synthesizer,
                f"{cell.epsilon:g}",
                f"{pairs.value:.3f}" if pairs else "–",
                f"{utility.value:.3f}" if utility else "–",
                f"{worst.value:.3f}" if worst else "–",
                cell.failed or f"{cell.seconds:.0f} s",
            )
        )
    table(("synthesizer", "ε", "2-way error", "task", "attack AUC", ""), rows)
