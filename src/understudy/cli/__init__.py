"""The command line: the same verbs, the same names as `workflow`.

What may not happen here: a decision about privacy, a value from the data in a message, an import
of anything heavy before a command runs.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line; the console script `understudy`."""
    from understudy.cli.application import app

    app(prog_name="understudy")
