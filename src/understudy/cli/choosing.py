"""`understudy choose`: which synthesizer and ε to try first, by a measured study.

What may not happen here: rows, or a charge.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.cli.console import facts, head, say, shown, table

if TYPE_CHECKING:
    from understudy.workflow.choosing import Choice


def choose(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="CSV, TSV, Parquet or a database's table, of which the columns' names and types "
            "are read; or a schema alone (YAML).",
        ),
    ],
    *,
    epsilon: Annotated[
        float | None, typer.Option(help="The privacy loss ε, when it is decided already.")
    ] = None,
    delta: Annotated[float, typer.Option(help="The δ of the guarantee.")] = 1e-6,
    schema: Annotated[Path | None, typer.Option(help="Declared public facts (YAML).")] = None,
    target: Annotated[
        str | None, typer.Option(help="A column the recipient wants to predict.")
    ] = None,
    rows_magnitude: Annotated[
        float | None,
        typer.Option(help="About how many rows, a public figure (1e5); by default the schema's."),
    ] = None,
    tolerance: Annotated[
        float, typer.Option(help="Loss that a smaller ε may cost against ε = 10.")
    ] = 0.02,
    study: Annotated[
        Path | None,
        typer.Option(help="Results of a study (Parquet); by default the one that is shipped."),
    ] = None,
    unit_column: Annotated[
        str | None, typer.Option(help="The column that names a person; by default a row is one.")
    ] = None,
    max_rows_per_unit: Annotated[
        int | None, typer.Option(help="Rows of one person that are used.")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="Between CSV cells ('tab' too); by default as in the header.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Of CSV text; by default UTF-8.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Say which synthesizer and ε to try first, why, and how sure that is.

    Reads a measured study and the header (or the schema) of the table, and never a row. What the
    study cannot tell apart is called a tie.
    """
    from understudy.cli.synthesizing import character
    from understudy.workflow.choosing import choose as advise

    told = advise(
        source,
        epsilon=epsilon,
        delta=delta,
        schema=schema,
        target=target,
        rows_magnitude=rows_magnitude,
        tolerance=tolerance,
        study=study,
        unit_column=unit_column,
        max_rows_per_unit=max_rows_per_unit,
        delimiter=character(delimiter),
        encoding=encoding,
    )
    if as_json:
        typer.echo(json.dumps(told.to_json(), indent=1, ensure_ascii=False))
        return
    _print(told, source, target)


def _print(told: Choice, source: str, target: str | None) -> None:
    """The advice in words and two tables."""
    declared = "declared" if told.size_declared else "assumed"
    facts(
        (
            ("try first", f"{told.synthesizer} at ε = {told.epsilon:g}"),
            ("sure", told.sure),
            ("rows", f"about {told.size:,.0f} ({declared})"),
            ("study", shown(told.study)),
        )
    )
    head("Why")
    for text in told.why:
        say(f"- {shown(text)}")
    if told.ties:
        say(f"- a tie with {', '.join(told.ties)}: the study cannot tell them apart")
    if told.doubts:
        head("Why not surer")
        for text in told.doubts:
            say(f"- {shown(text)}")
    lost = "score lost" if told.goal == "task" else "error of pairs"
    head(f"At ε = {told.epsilon:g}, as the study lets expect")
    table(
        ("synthesizer", lost, "range", "attack AUC", ""),
        [
            (
                one.method,
                f"{one.loss:.3f}",
                f"{one.low:.3f} to {one.high:.3f}",
                "–" if one.attack is None else f"{one.attack:.3f}",
                "tie" if one.tied else "",
            )
            for one in told.options
        ],
        right=(1, 3),
    )
    if len(told.budgets) > 1:
        head(f"{told.budgets[0].method} at other budgets")
        table(
            ("ε", lost, "range"),
            [
                (f"{one.epsilon:g}", f"{one.loss:.3f}", f"{one.low:.3f} to {one.high:.3f}")
                for one in told.budgets
            ],
            right=(0, 1),
        )
    head("Data sets of the study")
    table(
        ("data set", "rows", "columns", "distance", "part"),
        [
            (
                shown(one.name),
                "–" if one.size is None else f"{one.size:,}",
                "–" if one.columns is None else str(one.columns),
                "–" if one.distance is None else f"{one.distance:.2f}",
                f"{100 * one.weight:.0f} %",
            )
            for one in told.alike
        ],
        right=(1, 2, 3, 4),
    )
    asked = f" --target {shown(target)}" if target else ""
    head("Next")
    if told.learner is not None:
        less = told.learner.loss
        how = f"{abs(less):.3f} {'below' if less > 0 else 'above'}"
        say(
            f"If predicting {shown(target)} is all that is wanted: {told.learner.method} scores {how} "
            f"what real rows teach on average (understudy learn {shown(source)}{asked} --epsilon "
            f"{told.epsilon:g} --learner {told.learner.method} -o learner)."
        )
    say(
        f"understudy plan {shown(source)} --epsilon {told.epsilon:g} --synthesizer "
        f"{told.synthesizer}{asked}"
    )
    say("Nothing was charged and no row was read.", style="dim")
