"""`understudy study`: the comparison of the literature as one file and one command.

What may not happen here: a synthetic table that is kept, or a figure that is not called internal.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.cli.console import facts, head, progress_bar, remark, say, table
from understudy.cli.endings import going_on

if TYPE_CHECKING:
    from understudy.release.study import StudyResults


def study(
    *,
    source: Annotated[Path, typer.Argument(metavar="STUDY", help="Study file (YAML).")],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder for results and report; resumes there.")
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder that paths of data sets begin in; by default the file's own."),
    ] = None,
    only: Annotated[
        str | None, typer.Option(help="Some generators and learners: names with commas between.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Cells at once.")] = 1,
    gather: Annotated[
        bool,
        typer.Option("--gather", help="Fit nothing: results and report of what is finished."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Compare generators, budgets and learners on several data sets, as a study file declares.

    Every fit is an experiment inside the house; together they spend the sum of their ε. Their
    tables are thrown away and the figures are computed on real rows: keep the folder where the
    data is. A cell that fails is marked and the others go on; an interrupted study goes on where
    it stopped.
    """
    from understudy.workflow.study import Study

    names = tuple(part.strip() for part in only.split(",")) if only else ()
    made = Study.read(source, data=data, only=names)
    for name, why in made.absent:
        remark(f"{name} is left out: {why}")
    if not quiet:
        _announce(made, out)
    if gather:
        from understudy.workflow.study.running import save_results

        results = made.gathered(out)
        save_results(results, out.expanduser().resolve())
    else:
        with going_on(out), progress_bar(quiet=quiet) as tell:
            results = made.run(out, workers=workers, progress=tell)
    if not quiet:
        _shown(results)
        head("Next")
        say(f"Open {out}/report.html; every figure is in {out}/results.parquet.")


def _announce(made: object, out: Path) -> None:
    """What will be done, before anything is fitted."""
    from understudy.workflow.study import Study

    assert isinstance(made, Study)
    plan, cells = made.plan, made.cells
    kept = made.finished(out)
    fits = [cell for cell in cells if cell["epsilon"]]
    head("Before")
    facts(
        (
            ("study", plan.title),
            ("data sets", ", ".join(one.name for one in plan.datasets)),
            ("generators", ", ".join(one.name for one in plan.synthesizers) or "none"),
            ("learners", ", ".join(one.name for one in plan.learners) or "none"),
            ("cells", f"{len(cells)}, {len(fits)} of them fits; {kept} are finished"),
        )
    )


def _shown(results: StudyResults) -> None:
    """What was found, in short."""
    from understudy.release.study_summary import Fit, Summary, spell

    summary = Summary(results)
    head("INTERNAL, computed on real rows without noise: keep these figures where the data is")
    rows: list[tuple[str, ...]] = []
    for data in results.about.datasets:
        score = summary.headline(data)
        real = summary.mean(Fit(data, "real", None), score, "trtr", None) if score else None
        if real is not None:
            rows.append((data, "real rows", "", f"{real.value:.3f}", "–", "–"))
        for method in results.about.synthesizers:
            for epsilon in summary.epsilons(method, data):
                fit = Fit(data, method, epsilon)
                task = summary.mean(fit, score, "tstr", None) if score else None
                pairs = summary.mean(fit, "workload_error_2", "synthetic")
                attack = summary.attack(fit, "mia_success")
                rows.append(
                    (data, method, spell(epsilon),
                     *(f"{one.value:.3f}" if one else "–" for one in (task, pairs, attack)))
                )  # fmt: skip
    table(("data set", "method", "ε", "task", "2-way error", "attack's success"), rows)
    for one in summary.findings:
        say(f"{one.title}: {one.word}.")
    if summary.gaps:
        say(f"{len(summary.gaps)} fits look good only to synthetic rows; the report names them.")
    lost = len(summary.lost)
    if lost:
        remark(f"{lost} of {summary.cells} cells have no figures; the report says why")
