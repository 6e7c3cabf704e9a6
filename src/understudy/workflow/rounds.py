"""Finished rounds of a long experiment on disk, so that it can be interrupted and go on.

One line of JSON says what the experiment is, one line each what a round found: scores, never rows.
They were computed on real rows: the file is its owner's to read. What may not happen here: a
round that is changed, or one of another experiment.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from understudy.errors import InputError, OutputError

LAYOUT = 1


def rounds_kept(path: Path | None, heading: dict[str, Any]) -> list[dict[str, Any]]:
    """Rounds that an earlier run of the same experiment kept; begins the file if there is none.

    Parameters
    ----------
    path
        The file; None keeps nothing.
    heading
        What the experiment is, in JSON's types.

    Raises
    ------
    InputError
        The file belongs to another experiment, or is none of ours.
    OutputError
        It cannot be read or written.
    """
    if path is None:
        return []
    told = json.loads(json.dumps({"layout": LAYOUT, **heading}))
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
                file.write(json.dumps(told) + "\n")
            return []
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise OutputError(f"{path} cannot be used for rounds: {problem}") from None
    whole = text[: text.rfind("\n") + 1]
    try:
        first, *kept = [json.loads(line) for line in whole.splitlines()]
    except ValueError:
        raise InputError(f"{path} holds no rounds of ours", hint="name another file") from None
    if first != told:
        differs = [name for name in told if not isinstance(first, dict)
                   or first.get(name) != told[name]]  # fmt: skip
        raise InputError(
            f"the rounds in {path} belong to another experiment",
            hint=f"name another file, or take this one away; different: {', '.join(differs)}",
        )
    if whole != text:
        path.write_text(whole, "utf-8")
    return kept


def keep_round(path: Path | None, found: dict[str, Any]) -> None:
    """Append a finished round at once."""
    if path is None:
        return
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
    except OSError as problem:
        raise OutputError(f"{path} cannot be written: {problem.strerror}") from None
