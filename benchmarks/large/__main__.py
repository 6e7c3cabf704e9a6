"""Run both comparisons; rows that the logs already hold are kept.

python -m benchmarks.large --out benchmarks/results/large --page docs/benchmarks/large.md
python -m benchmarks.large --only pairs --rows 1000000
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.runs import Log

from .engines import ENGINES
from .page import page
from .tables import write_codes, write_people

REPEATS = 3


def taken(*command: str) -> dict[str, Any]:
    """What a program of this folder printed."""
    whole = [sys.executable, "-m", *command]
    answer = subprocess.run(whole, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def pairs(log: Log, scratch: Path, rows: int) -> None:
    """All pairs of a file of codes, every engine in turn, several times."""
    path = scratch / f"codes-{rows}.parquet"
    for repeat in range(REPEATS):
        for name in ENGINES:
            row = {"what": "pairs", "name": name, "rows": rows, "repeat": repeat}
            if log.holds(row):
                continue
            if not path.exists():
                write_codes(path, rows)
            log.note({**row, **taken("benchmarks.large.engines", name, str(path))})
    path.unlink(missing_ok=True)


def curve(log: Log, scratch: Path, sizes: Sequence[int]) -> None:
    """The main job on longer and longer files; one file at a time on the disk."""
    for rows in sizes:
        row = {"what": "job", "name": "mst", "rows": rows, "repeat": 0}
        if log.holds(row):
            continue
        path, out = scratch / f"people-{rows}.parquet", scratch / "release"
        write_people(path, rows)
        took = taken("benchmarks.large.job", str(path), str(out), str(rows))
        log.note({**row, **took, "file_mib": path.stat().st_size / (1 << 20)})
        path.unlink()
        shutil.rmtree(out)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/large"))
    parser.add_argument("--page", type=Path)
    parser.add_argument("--only", choices=("pairs", "job"))
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the file of codes")
    parser.add_argument(
        "--sizes", type=int, nargs="*", default=[10**6, 3 * 10**6, 10**7, 3 * 10**7, 10**8]
    )
    chosen = parser.parse_args()
    log = Log(path=chosen.out / "runs.jsonl", keys=("what", "name", "rows", "repeat"))
    with tempfile.TemporaryDirectory(prefix="large-") as folder:
        scratch = Path(folder)
        if chosen.only != "job":
            pairs(log, scratch, chosen.rows)
        if chosen.only != "pairs":
            curve(log, scratch, chosen.sizes)
    if chosen.page is not None:
        chosen.page.write_text(page(log.rows), encoding="utf-8")


if __name__ == "__main__":
    main()
