"""Run all sizes and write the page: python -m benchmarks.attacks --page docs/benchmarks/attacks.md."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

WHOLE = 200_000
SQUARES = {"ours": (5_000, 10_000, 20_000, 40_000), "plain": (5_000,), "ball_tree": (5_000, 10_000)}
SLAB = 2_000


def taken(way: str, queries: int, table: int) -> dict[str, Any]:
    """What one way took on one size."""
    command = [sys.executable, "-m", "benchmarks.attacks.distances", way, str(queries), str(table)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def page(rows: list[dict[str, Any]]) -> str:
    """The page of the results."""
    lines = [
        "# Nearest rows of mixed tables",
        "",
        "Exact distances of every row of one table to its nearest row of another: six numbers, nine",
        "labels. Processor seconds of one core, memory above the tables; the checksums of equal",
        "sizes agree. `make benchmark-attacks` repeats it.",
        "",
        "| way | queries | table | seconds | ns per pair | MiB |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        each = 1e9 * row["seconds"] / (row["queries"] * row["table"])
        lines.append(
            f"| {row['way']} | {row['queries']:,} | {row['table']:,} | {row['seconds']:.2f} "
            f"| {each:.1f} | {row['mib']:.0f} |"
        )
    slab = rows[-1]
    whole = slab["seconds"] * WHOLE / slab["queries"]
    lines += [
        "",
        f"The last line is a hundredth of {WHOLE:,} × {WHOLE:,} rows: by it the whole takes about",
        f"{whole:,.0f} s of one core, in {slab['mib']:.0f} MiB, whatever the number of queries (extrapolated, not run).",
        "",
        "`plain` is the formula on whole arrays; `ball_tree` is scikit-learn's on an embedding with",
        "the same distances. An index has to be cheaper than a few nanoseconds per pair to pay:",
        "mixed rows have too many dimensions for the tree, which looks at most of the table.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure every size, one after the other."""
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--page", type=Path, default=None)
    asked = reading.parse_args()
    rows = [taken(way, size, size) for way, sizes in SQUARES.items() for size in sizes]
    rows.append(taken("ours", SLAB, WHOLE))
    for size in {row["queries"] for row in rows[:-1]}:
        sums = {row["checksum"] for row in rows[:-1] if row["queries"] == size}
        if max(sums) - min(sums) > 1e-3 * max(sums):
            raise SystemExit(f"the ways disagree on {size} rows")
    text = page(rows)
    print(text)
    if asked.page is not None:
        asked.page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
