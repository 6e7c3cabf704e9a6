"""`understudy sample`: more rows from a model, without the data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from understudy.cli.console import say, size_of


def sample(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="DIR/model of a release, or DIR itself.")
    ],
    out: Annotated[
        Path,
        typer.Option("-o", "--out", help="The file: .csv, .tsv or .parquet; .gz and .zst too."),
    ],
    rows: Annotated[
        int | None,
        typer.Option(
            "-n", "--rows", min=0, help="Rows; by default as many as the data has, about."
        ),
    ] = None,
    *,
    seed: Annotated[int | None, typer.Option(help="Makes the draw reproducible.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Draw synthetic rows from a model; the data is not needed and no budget is spent.

    The file is written as the input of the model was: same delimiter, quoting, line ends and
    types where its ending allows.
    """
    from understudy.errors import OutputError
    from understudy.source import FileFormat, write_table
    from understudy.workflow import load_model, room_to_sample

    held = load_model(model)
    style = FileFormat.for_path(out, like=held.format)
    if out.exists() and not force:
        raise OutputError(f"{out} exists", hint="choose another name, or --force to replace it")
    room_to_sample(held, rows)
    table = held.sample(rows, seed=seed)
    write_table(table, out, style)
    if not quiet:
        say(f"{table.num_rows:,} synthetic rows in {out} ({size_of(out.stat().st_size)})")
