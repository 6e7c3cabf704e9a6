"""`python -m understudy`: the command line."""

from __future__ import annotations

from understudy.cli import main

main()
