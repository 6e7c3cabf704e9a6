"""`understudy inspect`: every number and name in a model file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.cli.console import facts, head, percent, say, shown, table

if TYPE_CHECKING:
    from understudy.workflow import Inspection


def inspect(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="DIR/model of a release, or DIR itself.")
    ],
    *,
    column: Annotated[
        str | None, typer.Option(help="Show everything the file holds about one column.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """List every number and name in a model file: where it came from and what it cost."""
    from understudy.workflow import inspect_model

    found = inspect_model(model)
    if as_json:
        told = found.to_json()
        if column is not None:
            told["items"] = [i for i in told["items"] if column in i["columns"]]
            found.of_column(column)
        typer.echo(json.dumps(told, indent=1, ensure_ascii=False))
    elif column is not None:
        _print_column(found, column)
    else:
        _print_all(found)


def _print_all(found: Inspection) -> None:
    """The promise, the columns, the totals."""
    from understudy.workflow import ORIGINS
    from understudy.workflow.deriving import told_of

    facts(
        (
            ("model", f"{shown(found.folder)}, made with {shown(found.synthesizer)}"),
            ("promise", f"ε = {found.epsilon:g}, δ = {found.delta:g} under {shown(found.unit)}"),
            ("spent", f"ε {found.epsilon_spent:.4g} in {len(found.charges)} charges"),
            ("rows", f"{found.rows:,.0f}, a noisy number"),
            *(("derived", shown(line)) for line in told_of(found.model)),
        )
    )
    head("Columns")
    table(
        ("column", "kind", "how it was come by", "values", "own cost", "with others"),
        [
            (
                shown(one.name),
                one.kind,
                shown(_grouped(one.how)),
                f"{one.values:,}",
                percent(one.own),
                percent(one.shared),
            )
            for one in found.columns
        ],
        right=(3, 4, 5),
    )
    head("All values in the file")
    table(
        ("origin", "values", "meaning"),
        [
            (origin, f"{count:,}", ORIGINS[origin])  # type: ignore[index]
            for origin, count in found.totals.items()
            if count
        ],
        right=(1,),
    )
    say(
        "Costs are shares of all ρ spent; a pair's cost counts for both of its columns.",
        style="dim",
    )
    say("Everything of one column: --column NAME; everything: --json.", style="dim")


def _print_column(found: Inspection, name: str) -> None:
    """Everything the file holds about one column."""
    items = found.of_column(name)
    (account,) = (one for one in found.columns if one.name == name)
    facts(
        [
            ("column", f"{shown(name)}: {account.kind}, {account.values:,} values in the file"),
            *((fact, shown(how)) for fact, how in account.how.items()),
        ]
    )
    head("Facts")
    told = [
        i for i in items if i.path.startswith("model.json: columns[") and ".paid." not in i.path
    ]
    table(
        ("fact", "value", "origin", "how"),
        [(_fact(i.path), shown(i.shown), i.origin, shown(i.how)) for i in told],
    )
    head("Noisy rows in every cell")
    table(
        ("cell", "rows", "± σ"),
        [
            (shown(cell.name), f"{cell.count:,.1f}", f"{cell.sigma:,.1f}")
            for cell in found.cells(name)
        ],
        right=(1, 2),
    )
    from understudy.synthesize.model import ARRAYS_NAME

    head("Fitted tables it takes part in")
    table(
        ("where", "numbers", "shape", "how"),
        [
            (i.path.partition(": ")[2], f"{i.values:,}", i.shown, shown(i.how))
            for i in items
            if i.path.startswith(f"{ARRAYS_NAME}: codes.")
        ],
        right=(1,),
    )
    head("Charges that read it")
    table(
        ("charge", "stage", "ρ", "δ"),
        [
            (shown(e.label), e.stage, "–" if e.rho is None else f"{e.rho:.3g}", f"{e.delta:.2g}")
            for e in found.charges
            if name in e.columns
        ],
        right=(2, 3),
    )


def _fact(path: str) -> str:
    """The name of a fact of a column."""
    return path.partition("].")[2]


def _grouped(how: Mapping[str, str]) -> str:
    """Facts by how they were come by."""
    by_way: dict[str, list[str]] = {}
    for fact, way in how.items():
        by_way.setdefault(way, []).append(fact)
    return "; ".join(f"{', '.join(names)}: {way}" for way, names in by_way.items())
