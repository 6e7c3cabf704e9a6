"""`understudy sample`: more rows from a model, without the data."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from understudy.cli.console import say, shown, size_of


def sample(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="DIR/model of a release, or DIR itself.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="The file: .csv, .tsv or .parquet; .gz and .zst too."),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(
            "-n", "--rows", min=0, help="Rows; by default as many as the data has, about."
        ),
    ] = None,
    *,
    where: Annotated[
        str | None,
        typer.Option(help="Only rows that meet a condition: \"age >= 65 and sex = 'F'\"."),
    ] = None,
    rebalance: Annotated[
        list[str] | None,
        typer.Option(help='Other shares of a column: "income: <=50K=0.5, >50K=0.5".'),
    ] = None,
    given: Annotated[
        Path | None,
        typer.Option(help="A table with some cells given; the empty ones are filled in."),
    ] = None,
    save_model: Annotated[
        Path | None,
        typer.Option(help="Folder to keep the model with the condition or the shares in."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Makes the draw reproducible.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Draw synthetic rows from a model; the data is not needed and no budget is spent.

    The file is written as the input of the model was: same delimiter, quoting, line ends and
    types where its ending allows. Rows under a condition, with other shares or around given cells
    are not the population's, and a note beside the file says so.
    """
    from understudy.errors import InputError
    from understudy.source import FileFormat, write_tables
    from understudy.synthesize.drawing import draw_chunks
    from understudy.workflow import load_model, room_to_sample
    from understudy.workflow.deriving import complete_file, derive_model, note_beside, told_of
    from understudy.workflow.models import rows_to_draw
    from understudy.workflow.places import AT_ONCE

    if out is None and save_model is None:
        raise InputError("nothing is to be written", hint="name a file with -o")
    if given is not None and (rows is not None or out is None):
        raise InputError("--given fills in the rows of its table: it needs -o and has no --rows")
    loaded = load_model(model)
    style = None if out is None else FileFormat.for_path(out, like=loaded.format)
    _must_be_new((out, save_model), force=force)
    derived = derive_model(loaded, where=where, rebalance=rebalance or ())
    if save_model is not None:
        derived.save(save_model)
        told: tuple[str, ...] = (f"The model is in {save_model}",)
    if out is not None and style is not None:
        completed = None if given is None else complete_file(derived, given, seed=seed)
        times = 1
        if completed is None:
            count = rows_to_draw(derived, rows)
            room_to_sample(derived, min(count, AT_ONCE))
            times = max(1, -(-count // AT_ONCE))
            chunks = draw_chunks(derived, count, at_once=AT_ONCE, seed=seed)
        else:
            chunks = iter([completed.table])
        drawn = write_tables(chunks, out, style, times=times)
        told = told_of(derived, completed)
        if told:
            note_beside(out, told, derived)
        written = f"{drawn:,} synthetic rows in {out} ({size_of(out.stat().st_size)})"
        told = (written, *told)
    if not quiet:
        for line in told:
            say(shown(line))


def _must_be_new(places: Iterable[Path | None], *, force: bool) -> None:
    """Refuse to replace anything unless told to."""
    from understudy.errors import OutputError

    for place in places:
        if place is not None and place.exists() and not force:
            raise OutputError(
                f"{place} exists", hint="choose another name, or --force to replace it"
            )
