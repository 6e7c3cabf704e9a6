"""Options that take several values in a row: `--synthetic a.csv b.csv c.csv`.

What may not happen here: a meaning of its own for any option; values are only told apart.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class Spreading(TyperCommand):
    """A command without arguments, whose repeatable options also take several values at once."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before each further value, then read as usual."""
        repeatable = {
            name
            for parameter in self.params
            if getattr(parameter, "multiple", False)
            for name in parameter.opts
        }
        return super().parse_args(ctx, spread(args, repeatable))


def spread(args: list[str], repeatable: set[str]) -> list[str]:
    """Repeat a repeatable option before each of its further values.

    >>> spread(["--synthetic", "a", "b", "-o", "c"], {"--synthetic"})
    ['--synthetic', 'a', '--synthetic', 'b', '-o', 'c']
    >>> spread(["--synthetic=a", "b"], {"--synthetic"})
    ['--synthetic=a', '--synthetic', 'b']
    """
    told: list[str] = []
    option, values = "", 0
    for place, word in enumerate(args):
        if word == "--":
            return [*told, *args[place:]]
        if word.startswith("-") and len(word) > 1:
            name, equals, _ = word.partition("=")
            option, values = (name, int(bool(equals))) if name in repeatable else ("", 0)
            told.append(word)
            continue
        if option and values:
            told.append(option)
        values += 1
        told.append(word)
    return told
