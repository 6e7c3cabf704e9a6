"""`understudy verify`: whether a folder is still the release that was signed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from understudy.cli.console import say


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a release.")],
    *,
    key: Annotated[
        Path | None, typer.Option(help="The sender's public key (PEM): checks who signed, too.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Check every file of a release against its manifest and its signature.

    Exit code 0 when nothing was changed since signing, 6 otherwise.
    """
    from understudy.errors import VerificationError
    from understudy.release import inspect_release

    found = inspect_release(folder, key)
    if not quiet:
        for line in found.lines():
            say(line, style="" if line.startswith(("ok", "signature", "internal")) else "yellow")
    if found.problems:
        raise VerificationError(
            f"the release differs from what was signed: {len(found.problems)} of "
            f"{len(found.files)} files, the first is {found.problems[0].path}",
            hint="do not use it; fetch it again from its sender",
        )
    if not quiet:
        say("verified: nothing was changed since it was signed", style="green")
