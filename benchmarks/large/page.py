"""Both comparisons as a page: tables, a curve, and where others are better."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from benchmarks.runs import Row

_HEAD = """\
# Files larger than memory

Measured on 22 November 2026, two cores, 24 GiB, no accelerator, Python 3.11; the command is
`make benchmark-large`. Up to twenty other programs ran on the machine, so seconds on the clock are
several times what they would be alone: compare CPU seconds, which two cores share. Memory is the
largest resident set of the whole program.
"""
_PAIRS = """
## All 105 pairs of 15 columns × 20 bins from Parquet

{rows:,} rows. Medians of {repeats} runs in turn; every engine in a program of its own; all counted
the same (checksum). *Open* is what is done before the first question: Understudy is imported, opens a
budget, and reads the file through once, so that a damaged file costs no budget.

| | open CPU s | count s | count CPU s | MiB |
|---|---|---|---|---|
"""
_JOB = """
## The main job with `mst`, ε = 1

A register of 12 columns (text, whole and broken numbers, dates, nulls), read in batches, a fifth
held out, evaluated on a sample of 100,000 rows and released as Parquet with as many synthetic rows
as real ones, ten million at most.

| rows | file MiB | learn s | all but writing s | CPU s | synthetic rows | draw and write s | CPU s | peak MiB | 2-way TVD |
|---|---|---|---|---|---|---|---|---|---|
"""


def page(rows: Sequence[Row]) -> str:
    """Everything as Markdown."""
    return _HEAD + "".join(_pairs(rows)) + "".join(_job(rows))


def _pairs(rows: Sequence[Row]) -> Iterator[str]:
    """The table of engines and a sentence about who is better at what."""
    mine = [row for row in rows if row["what"] == "pairs"]
    if not mine:
        return
    names = list(dict.fromkeys(row["name"] for row in mine))
    if len({(row["rows"], row["checksum"]) for row in mine}) > 1:
        raise ValueError("the engines did not count the same")
    told = {name: _medians([row for row in mine if row["name"] == name]) for name in names}
    yield _PAIRS.format(rows=mine[0]["rows"], repeats=len(mine) // len(names))
    for name, took in told.items():
        yield (
            f"| {name} | {took['open_cpu_s']:.1f} | {took['s']:.1f} | {took['cpu_s']:.1f} "
            f"| {took['mib']:.0f} |\n"
        )
    ours = told.get("understudy")
    if ours:
        lost = [
            f"{what} to {name} ({ours[key]:.3g} against {took[key]:.3g})"
            for name, took in told.items()
            for key, what in (("s", "seconds"), ("cpu_s", "CPU seconds"), ("mib", "MiB"))
            if took[key] < ours[key]
        ]
        yield f"\nWe lose: {'; '.join(lost) or 'nothing here'}.\n"


def _medians(rows: Sequence[Row]) -> dict[str, float]:
    """The median of each figure."""
    keys = ("open_cpu_s", "s", "cpu_s", "mib")
    return {key: median(row[key] for row in rows) for key in keys}


def _job(rows: Sequence[Row]) -> Iterator[str]:
    """The table of the main job and its curve."""
    mine = sorted((row for row in rows if row["what"] == "job"), key=lambda row: row["rows"])
    if not mine:
        return
    yield _JOB
    for row in mine:
        yield (
            f"| {row['rows']:,} | {row['file_mib']:.0f} | {row['learn_s']:.0f} | {row['s']:.0f} "
            f"| {row['cpu_s']:.0f} | {row['drawn']:,} | {row['save_s']:.0f} | {row['save_cpu_s']:.0f} "
            f"| {row['mib']:.0f} | {row['tvd2']:.4f} |\n"
        )
    first, last = mine[0], mine[-1]
    if last["rows"] > first["rows"]:
        slope = (last["cpu_s"] - first["cpu_s"]) / (last["rows"] - first["rows"]) * 1e6
        yield (
            f"\nCPU seconds of everything but drawing and writing; from the first line to the last "
            f"{slope:.2f} for each million rows more:\n\n"
        )
    yield from _bars(mine)


def _bars(rows: Sequence[Row]) -> Iterator[str]:
    """A curve in text: a bar as long as the CPU seconds are many."""
    largest: Any = max(row["cpu_s"] for row in rows)
    for row in rows:
        bar = "█" * max(1, round(60 * row["cpu_s"] / largest))
        yield f"    {row['rows']:>12,} rows  {bar} {row['cpu_s']:.0f}\n"
