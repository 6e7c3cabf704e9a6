"""`understudy query`: closed-form questions to a model, with error bars."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.cli.console import facts, say, shown, table

if TYPE_CHECKING:
    from understudy.synthesize.conditioning.queries import Estimate, Marginal

_MOST_ROWS = 200


def query(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="DIR/model of a release, or DIR itself.")
    ],
    *,
    probability: Annotated[
        str | None,
        typer.Option(help="Share of the rows that meet a condition: \"age >= 65 and sex = 'F'\"."),
    ] = None,
    given: Annotated[
        str | None, typer.Option(help="Among the rows that meet this condition.")
    ] = None,
    marginal: Annotated[
        str | None, typer.Option(help="A table over columns, separated by commas: age,income.")
    ] = None,
    cut: Annotated[
        list[str] | None,
        typer.Option(help="Where the groups of a number or date column begin: age=18,30,65."),
    ] = None,
    level: Annotated[
        float, typer.Option(help="Share of intervals that are to hold the table's own share.")
    ] = 0.9,
    population: Annotated[
        bool,
        typer.Option("--population", help="Take the table as a sample, and cover that too."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Ask a model for a share or a table, with error bars; no data is needed, no budget is spent.

    Answers are sums over the modelled distribution; nothing is drawn.
    """
    from understudy.errors import InputError
    from understudy.workflow import load_model

    if (probability is None) == (marginal is None):
        raise InputError("ask either --probability or --marginal")
    if marginal is not None and given is not None:
        raise InputError("--given goes with --probability")
    if probability is not None and cut:
        raise InputError("--cut goes with --marginal")
    held = load_model(model)
    found: Estimate | Marginal
    if probability is not None:
        found = held.probability(probability, given=given, level=level, population=population)
        if not as_json:
            _print_share(found)
    else:
        names = [name.strip() for name in (marginal or "").split(",") if name.strip()]
        found = held.marginal(names, cuts=_cuts(cut or ()), level=level, population=population)
        if not as_json:
            _print_table(found)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1, ensure_ascii=False))


def _cuts(texts: Iterable[str]) -> dict[str, list[str]]:
    """Cuts by column as they are written."""
    from understudy.errors import InputError

    made = {}
    for text in texts:
        name, sign, values = text.partition("=")
        made[name.strip()] = [value.strip() for value in values.split(",") if value.strip()]
        if not sign or not made[name.strip()]:
            raise InputError("--cut needs a column and values", hint="for example age=18,30,65")
    return made


def _print_share(found: Estimate) -> None:
    """A share with its interval, and what that covers."""
    facts(
        (
            ("share", _share(found.value)),
            (f"{100 * found.level:g} % interval", _interval(found.low, found.high)),
            ("rows", f"{found.count:,.0f} of {found.rows:,.0f}, a noisy number"),
            ("covers", shown(found.covers)),
        )
    )


def _print_table(found: Marginal) -> None:
    """A row per cell, the first ones of a long table."""
    cells = list(found)
    table(
        (
            *(shown(name) for name in found.columns),
            "share",
            f"{100 * found.level:g} % interval",
            "rows",
        ),
        [
            (
                *(shown(label) for label in labels),
                _share(share),
                _interval(low, high),
                f"{share * found.rows:,.0f}",
            )
            for labels, share, low, high in cells[:_MOST_ROWS]
        ],
        right=tuple(range(len(found.columns), len(found.columns) + 3)),
    )
    if len(cells) > _MOST_ROWS:
        say(f"{len(cells) - _MOST_ROWS:,} more cells: --json", style="dim")
    if found.expected_tvd == found.expected_tvd:
        say(f"expected total variation distance from the table's own: {found.expected_tvd:.3f}")
    say(f"Intervals cover {shown(found.covers)}.", style="dim")


def _share(value: float) -> str:
    """A share in percent."""
    return f"{100 * value:.3g} %"


def _interval(low: float, high: float) -> str:
    """An interval in percent, or a dash where nothing is stated."""
    return "–" if low != low else f"{100 * low:.3g} to {100 * high:.3g} %"  # noqa: PLR0124
