"""`python -m understudy.cli`."""

from __future__ import annotations

from understudy.cli import main

main()
