"""Run Anonymeter's three attacks and ours on the same releases and write the page.

    python -m benchmarks.anonymeter --page docs/benchmarks/anonymeter.md

Half of raw Adult is what a release was made from, the other half is the control. The releases leak
on purpose, so that there is something to find. The package runs in an environment of its own,
which is built at the first run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.adult_half.__main__ import read_pythons
from benchmarks.adult_half.split import write_halves
from benchmarks.contestant import HERE, Contestant

from .page import page
from .releases import RELEASES, write_release

PACKAGE = Contestant(
    name="anonymeter",
    title="Anonymeter 1.1.0",
    driver="peer_anonymeter.py",
    given="nothing",
    requirements=("anonymeter==1.1.0",),
    environment="anonymeter",
)


def measure(python: Path, driver: str, out: Path, **tables: Path) -> dict[str, Any]:
    """Run a driver in a process of its own; one that has left its note is not run again."""
    if not out.exists():
        given = [part for name, path in tables.items() for part in (f"--{name}", str(path))]
        subprocess.run(
            [str(python), str(HERE / "drivers" / driver), *given, "--out", str(out)], check=True
        )
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/anonymeter"))
    parser.add_argument("--releases", nargs="+", choices=tuple(RELEASES), default=list(RELEASES))
    parser.add_argument(
        "--python", nargs="+", default=[], metavar="ENV=PATH", help="an environment that exists"
    )
    parser.add_argument("--page", type=Path, help="where to write the page")
    options = parser.parse_args(arguments)
    train, holdout = write_halves(options.out)
    python = PACKAGE.interpreter(read_pythons(options.python))
    found = {}
    for name in options.releases:
        tables = {
            "train": train,
            "holdout": holdout,
            "release": write_release(name, train, options.out / f"{name}.csv"),
        }
        theirs = measure(python, PACKAGE.driver, options.out / f"{name}-package.json", **tables)
        ours = measure(
            Path(sys.executable), "ours_triad.py", options.out / f"{name}-ours.json", **tables
        )
        found[name] = (ours, theirs)
    (options.page or options.out / "anonymeter.md").write_text(page(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
