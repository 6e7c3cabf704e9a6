"""`understudy audit`: bound from below what a synthesizer gives away, ours or anyone's.

What may not happen here: rows of anybody. Every table is invented.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from understudy.cli.console import facts, head, progress_bar, remark, say, spell, table
from understudy.cli.endings import going_on


def audit(
    *,
    out: Annotated[
        Path,
        typer.Option("-o", "--out", help="Folder for scores and results; go on there if begun."),
    ],
    epsilon: Annotated[
        float | None, typer.Option(help="The ε that is claimed; of a release its own.")
    ] = None,
    synthesizer: Annotated[
        str | None, typer.Option(help="One of ours, by a name that synthesize takes.")
    ] = None,
    command: Annotated[
        str | None,
        typer.Option(
            help="Or a command with {input} and {output} (CSV); {epsilon} {delta} {rows} {seed} too."
        ),
    ] = None,
    release: Annotated[
        Path | None,
        typer.Option(help="Or a release: its synthesizer, settings, ε and δ, on invented tables."),
    ] = None,
    delta: Annotated[
        float | None, typer.Option(help="The δ that is claimed, by default 1e-06; 0 for pure.")
    ] = None,
    method: Annotated[str, typer.Option(help="worst-case, one-run, or replay.")] = "worst-case",
    view: Annotated[
        str | None,
        typer.Option(help="What the attacker sees: white-box (ours, usual) or black-box."),
    ] = None,
    neighbours: Annotated[
        list[str] | None, typer.Option(help="Pair of tables; may be repeated; all for every one.")
    ] = None,
    runs: Annotated[
        int | None, typer.Option(help="Fits per table; recordings per table of a replay.")
    ] = None,
    canaries: Annotated[int, typer.Option(help="Canaries of a one-run audit.")] = 1_000,
    rows: Annotated[
        int | None, typer.Option(help="Synthetic rows that a black box draws each time.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Fits at once.")] = 1,
    time_limit: Annotated[float, typer.Option(help="Seconds for one run of a command.")] = 600.0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Bound ε from below by fits on invented tables, with the confidence and the largest ε it could show.

    No rows are needed and nothing is charged. An audit that was interrupted goes on where it
    stopped when the same command is given again.
    """
    from understudy.workflow.auditing import audit as run

    with going_on(out), progress_bar(quiet=quiet) as tell:
        found = run(
            synthesizer,
            command=command,
            release=release,
            epsilon=epsilon,
            delta=delta,
            method=method,  # type: ignore[arg-type]
            view=view,  # type: ignore[arg-type]
            neighbours=neighbours,
            runs=runs,
            canaries=canaries,
            rows=rows,
            workers=workers,
            limit=time_limit,
            out=out.expanduser(),
            progress=tell,
        )
    if not quiet:
        _print(found)
        say(f"Wrote {out}/audit.html and {out}/audit.json")


def _print(found: Any) -> None:
    """The verdict, the claim in words, and every bound with its ceiling."""
    from understudy.release.label import AttackBound
    from understudy.workflow.auditing import words_of

    head("Verdict")
    say(found.text)
    facts([("Claim", AttackBound.of(found.epsilon, found.delta).sentence)])
    if found.method == "replay":
        for place, neighbour, what in found.results[0].findings[:8]:
            remark(f"{place}, {neighbour}: {what}")
        return
    lower = found.worst.epsilon_lower
    if lower > 0:
        facts([("Shown", words_of(lower, found.delta))])
    if found.method == "worst-case":
        head("Lower bounds on ε")
        table(
            ("tables", "runs", "failed", "direct", "Gaussian", "μ", "limit", "verdict"),
            [
                (
                    result.neighbours,
                    f"{result.runs[0]}+{result.runs[1]}",
                    str(result.failed),
                    spell(result.epsilon_direct),
                    spell(result.epsilon_gaussian),
                    spell(result.mu),
                    spell(result.limit_direct),
                    result.word,
                )
                for result in found.results
            ],
            right=(1, 2, 3, 4, 5, 6),
        )
        say("Limit: the largest ε that so many runs could have shown without assumptions.")
