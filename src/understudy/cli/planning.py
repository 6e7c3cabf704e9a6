"""`understudy plan`: what a run would do and how well, before anything is charged.

What may not happen here: rows, or a charge.
"""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.cli.console import facts, head, percent, say, shown, spell, table

if TYPE_CHECKING:
    from understudy.workflow import Plan
    from understudy.workflow.planning import Estimate, Reach

_BAR, _MOST_COLUMNS, _MOST_PAIRS = 24, 40, 8


def plan(
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
        float | None, typer.Option(help="The privacy loss ε; may be left out with --target-error.")
    ] = None,
    delta: Annotated[float, typer.Option(help="The δ of the guarantee.")] = 1e-6,
    schema: Annotated[Path | None, typer.Option(help="Declared public facts (YAML).")] = None,
    synthesizer: Annotated[
        str, typer.Option(help="auto chooses; or a name that synthesize takes.")
    ] = "auto",
    target: Annotated[
        str | None, typer.Option(help="A column the recipient wants to predict.")
    ] = None,
    rows_magnitude: Annotated[
        float | None,
        typer.Option(help="About how many rows, a public figure (1e5); by default the schema's."),
    ] = None,
    target_error: Annotated[
        float | None, typer.Option(help="Find the ε for this mean error of pairs, 0 to 1.")
    ] = None,
    purposes: Annotated[
        Path | None, typer.Option(help="What the release is for (YAML), as synthesize takes it.")
    ] = None,
    holdout: Annotated[
        float, typer.Option(help="Share of the rows that synthesize will keep from learning.")
    ] = 0.2,
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
    measure_machine: Annotated[
        bool,
        typer.Option("--measure-machine", help="Time a small kernel first, for better seconds."),
    ] = False,
    save: Annotated[
        Path | None, typer.Option(help="Write the plan here (JSON), for synthesize --plan.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with a heat map of the pairs here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Say what a run would do and how well, from public facts alone, before anything is charged.

    Reads the header (or the schema) and never a row. Answers how the budget is divided, how far
    columns and pairs are expected to be off, how long it takes, what to declare, which
    synthesizer suits, and with --target-error which ε is needed.
    """
    from understudy.workflow import plan as make
    from understudy.workflow.planning import measured_speed
    from understudy.workflow.planning.value import written

    planned = make(
        source,
        epsilon=epsilon,
        delta=delta,
        schema=schema,
        synthesizer=synthesizer,
        target=target,
        rows_magnitude=rows_magnitude,
        target_error=target_error,
        purposes=purposes,
        holdout=holdout,
        unit_column=unit_column,
        max_rows_per_unit=max_rows_per_unit,
        speed=measured_speed() if measure_machine else 1.0,
        delimiter="\t" if delimiter in ("\\t", "tab", "TAB") else delimiter,
        encoding=encoding,
    )
    if save is not None:
        planned.save(save)
    if html is not None:
        written(html, planned.to_html())
    if as_json:
        typer.echo(json.dumps(planned.to_json(), indent=1, ensure_ascii=False))
        return
    _print(planned)
    for place in (save, html):
        if place is not None:
            say(f"Wrote {place}")


def _print(planned: Plan) -> None:
    """The whole plan in words, bars and tables."""
    guess = "declared" if planned.rows_declared else "assumed: nobody declares how many there are"
    facts(
        (
            ("table", f"{shown(planned.name)}: {len(planned.columns)} columns"),
            ("promise", f"ε = {planned.epsilon:.4g}, δ = {planned.delta:g}: {planned.basis.unit}"),
            ("rows", f"about {planned.rows:,.0f} to learn from ({guess})"),
            ("with", f"{planned.synthesizer}: {planned.reason}"),
            ("expect", _expectation("columns", planned.column_mean)),
            ("", _expectation("pairs of columns", planned.pair_mean)),
            ("takes", f"{_between(planned.seconds)} s of processor time"),
            ("memory", f"{_between(planned.memory)} MiB"),
        )
    )
    if planned.reach is not None:
        _print_reach(planned.reach)
    if planned.stages:
        head("Shares of the budget")
        table(
            ("stage", "pays for", "share", ""),
            [(s.stage, s.note, percent(s.expected), _bar(s.expected, 1.0)) for s in planned.stages],
            right=(2,),
        )
    _print_columns(planned)
    _print_pairs(planned)
    if planned.advice:
        head("Before you spend")
        for advice in planned.advice:
            whom = f"{_named(list(advice.columns), 6)}: " if advice.columns else ""
            say(f"- {whom}{advice.why}; {advice.what}.")
    say()
    say(
        "Errors are shares of rows that would have to move (total variation distance). Four of "
        "five cases of the calibration lay in these ranges; without declarations they are rough. "
        "Nothing was charged and no row was read.",
        style="dim",
    )


def _print_columns(planned: Plan) -> None:
    """Expected error of every column as bars."""
    modelled = [column for column in planned.columns if column.error is not None]
    if not modelled:
        return
    head("Expected error of every column")
    most = max(column.error.high for column in modelled if column.error is not None)
    alike = [list(group) for _, group in groupby(modelled, key=lambda one: (one.known, one.error))]
    table(
        ("column", "declared", "cells", "± rows", "error", "range", f"0 to {spell(most)}"),
        [
            (
                _named([one.name for one in group]),
                column.known,
                f"{column.levels:,}",
                spell(column.sigma),
                spell(column.error.value),
                _between(column.error),
                _bar(column.error.value, most, column.error.high),
            )
            for group in alike[:_MOST_COLUMNS]
            if (column := group[0]).error is not None
        ],
        right=(2, 3, 4),
    )
    if len(alike) > _MOST_COLUMNS:
        say("and more: --json or --html shows all", style="dim")


def _print_pairs(planned: Plan) -> None:
    """The pairs that are expected to be farthest off."""
    if not planned.pairs:
        return
    head(
        f"Pairs expected to be farthest off, of {len(planned.pairs):,}; about {planned.counted} are "
        f"counted, on up to {planned.levels} levels a side"
    )
    worst = sorted(planned.pairs, key=lambda pair: -pair.error.value)[:_MOST_PAIRS]
    most = max(pair.error.high for pair in worst)
    table(
        ("pair", "error", "range", "if counted", "if not", f"0 to {spell(most)}"),
        [
            (
                " × ".join(shown(name) for name in pair.columns),
                spell(pair.error.value),
                _between(pair.error),
                spell(pair.counted),
                spell(pair.uncounted),
                _bar(pair.error.value, most, pair.error.high),
            )
            for pair in worst
        ],
        right=(1, 3, 4),
    )


def _print_reach(reach: Reach) -> None:
    """The ε that a target error needs."""
    head(f"For a mean error of pairs of {spell(reach.error)}")
    if reach.epsilon is None:
        say(f"It cannot be reached: {reach.why}.")
    else:
        low = "less" if reach.low is None else spell(reach.low)
        high = "more than 100" if reach.high is None else spell(reach.high)
        say(f"ε of about {spell(reach.epsilon)} is needed ({low} to {high}).")
    say(f"Sampling alone makes about {spell(reach.sampling)} of it, whatever ε is.", style="dim")


def _expectation(what: str, error: Estimate | None) -> str:
    """A mean error in words."""
    if error is None:
        return f"{what}: not known beforehand"
    return f"{what} off by {percent(error.value)} of the rows on average ({_between(error)})"


def _named(names: list[str], most: int = 3) -> str:
    """Some names and how many more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(shown(name) for name in names[:most]) + more


def _between(estimate: Estimate) -> str:
    """A range in words."""
    return f"{spell(estimate.low)} to {spell(estimate.high)}"


def _bar(value: float, most: float, high: float | None = None) -> str:
    """A bar: full up to the value, light up to the end of its range."""
    full = round(_BAR * min(value / most, 1.0)) if most > 0 else 0
    light = round(_BAR * min((high or value) / most, 1.0)) - full if most > 0 else 0
    return "█" * full + "░" * max(light, 0)
