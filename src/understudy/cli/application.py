"""All commands under one name.

What may not happen here: an import that takes longer than a person waits for `--help`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from understudy import __version__
from understudy.cli.endings import guarded
from understudy.cli.synthesizing import synthesize

app = typer.Typer(
    name="understudy",
    help="A sensitive table in, a differentially private synthetic table out, with its evidence.",
    epilog="Begin with: understudy demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:  # noqa: FBT001 - called by typer
    """Print the version and leave."""
    if wanted:
        typer.echo(f"understudy {__version__}")
        raise typer.Exit


@app.callback()
def _understudy(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Options before any command."""


app.command(epilog="Example: understudy synthesize survey.csv -o release --epsilon 1")(
    guarded(synthesize)
)
