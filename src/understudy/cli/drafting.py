"""`understudy schema`: a draft for a person to complete."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from understudy.cli.console import remark, say
from understudy.cli.synthesizing import character


def schema(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="CSV, TSV or Parquet, gzip and zstd too; or the address of a database's table.",
        ),
    ],
    *,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="The file; by default it is printed.")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="Between CSV cells ('tab' too); by default as in the header.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Of CSV text; by default UTF-8.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Draft a schema: names and storage types, and as comments what was seen in the data.

    The draft declares nothing. What came from the data is marked and commented out: declaring it
    public is your decision. Until then the draft is as sensitive as the table.
    """
    from understudy.errors import OutputError
    from understudy.workflow import as_place, draft_schema

    if out is not None and out.exists() and not force:
        raise OutputError(f"{out} exists", hint="choose another name, or --force to replace it")
    table = as_place(source, delimiter=character(delimiter), encoding=encoding)
    text = draft_schema(table)
    if out is None:
        typer.echo(text, nl=False)
    else:
        _write(out, text)
        say(f"{out}: {len(table.headers)} columns, nothing declared yet")
        say(f"Edit it, then: understudy synthesize {source} --schema {out} -o release --epsilon 1")
    remark("the comments hold facts of the data: keep the draft where the data is")


def _write(out: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    from understudy.errors import OutputError

    try:
        out.unlink(missing_ok=True)
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as problem:
        why = os.strerror(problem.errno or 0)
        raise OutputError(f"{out} cannot be written: {why}") from None
