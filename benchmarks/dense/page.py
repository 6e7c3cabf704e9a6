"""The page docs/benchmarks/dense.md, written from the rows of recorded runs and from nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from benchmarks.contestant import Contestant
from benchmarks.tables import Measure, header, line, losses

from .tables import CASES

OURS, BESIDE = "margnet", "aim"
DRAW = "another draw"
CONTESTANTS = tuple(
    Contestant(name=name, title=f"`{name}`", driver="ours.py", given="codes", synthesizer=name)
    for name in (OURS, BESIDE, "residual", "mst")
)
MEASURES = (
    Measure(figure="fit_cpu_s", heading="fit CPU s", form="{:.1f}"),
    Measure(figure="fit_rss_mib", heading="MiB", form="{:.0f}"),
    Measure(figure="sample_cpu_s", heading="sample CPU s", form="{:.2f}"),
    Measure(figure="tvd1", heading="1-way", form="{:.4f}"),
    Measure(figure="tvd2", heading="2-way", form="{:.4f}"),
    Measure(figure="tvd3", heading="3-way", form="{:.4f}"),
)
ANCHORS = ("independent columns", "two real halves", DRAW)
_HALF = "half of raw Adult, no schema, everything charged (24,421 × 15)"


def page(rows: Sequence[dict[str, Any]]) -> str:
    """The whole page."""
    titles = {**{case.name: case.title for case in CASES}, "half": _HALF}
    frame = pd.DataFrame(list(rows))
    parts = [_head(rows), _summary(frame, titles)]
    parts += [_case(name, title, frame) for name, title in titles.items()]
    return "\n".join(part for part in parts if part).rstrip() + "\n"


def _head(rows: Sequence[dict[str, Any]]) -> str:
    """What was run."""
    days = sorted({row["day"] for row in rows if "day" in row})
    when = days[0] if len(set(days)) == 1 else f"{days[0]} to {days[-1]}" if days else "never"
    return f"""# Densely correlated tables

Measured on {when}, two cores, 24 GiB, no accelerator, Python 3.11; the command is
`make benchmark-dense`, and this page is written by it from the recorded runs. Everybody gets the
same codes with their domain declared (δ = 10⁻⁹), all pairs as what matters, and its own defaults;
*half of raw Adult* gets nothing and pays for everything (δ = 10⁻⁶). The error is the mean total
variation distance of all pairs and all triples of columns, drawn rows against the rows learned from.
`another draw` is a second table of the same population, `two real halves` are two of half the size,
`independent columns` have the exact single columns and nothing else: none of them is private.

A cell with a range has several runs; seeds are of sampling, noise is never the same. **The machine
was shared with other programs: compare processor seconds**, from a table in memory to a model. Ours is
the code of that day, some rows a few commits older than others.

Tables of common causes are made: normals with one, two or three of them, cut into levels, so
that every pair depends and no tree of pairs holds them. `adult` and *half of raw Adult* are sparse
tables, on which a junction tree is at its best; they are there to see what is lost.
"""


def _summary(frame: pd.DataFrame, titles: dict[str, str]) -> str:
    """Mean errors of margnet over those of aim."""
    lines = [
        "## margnet beside aim",
        "",
        "| | ε | 2-way | 3-way | fit CPU s |",
        "|---|---|---|---|---|",
    ]
    for name, title in titles.items():
        for epsilon in sorted(frame[frame["case"] == name]["epsilon"].dropna().unique()):
            here = frame[(frame["case"] == name) & (frame["epsilon"] == epsilon)]
            pair = [here[here["name"] == who] for who in (OURS, BESIDE)]
            if any(one.empty for one in pair):
                continue
            cells = []
            for figure, form in (("tvd2", "{:.4f}"), ("tvd3", "{:.4f}"), ("fit_cpu_s", "{:.1f}")):
                ours, other = (float(one[figure].mean()) for one in pair)
                told = f"{form.format(ours)} against {form.format(other)}"
                cells.append(f"{told} ({100 * (ours / other - 1):+.0f} %)")
            lines.append(f"| {title} | {epsilon:g} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _case(name: str, title: str, frame: pd.DataFrame) -> str:
    """One table: its anchors, then everybody."""
    here = frame[frame["case"] == name]
    lines = [] if here.empty else [f"## {title}", ""]
    for epsilon in sorted(here["epsilon"].dropna().unique()):
        runs = here[here["epsilon"] == epsilon]
        lines += [f"### ε = {epsilon:g}", "", *header(MEASURES)]
        for anchor in ANCHORS:
            found = here[here["name"] == anchor]
            if not found.empty:
                lines.append(line(anchor, found, MEASURES))
        by_name = {one.name: runs[runs["name"] == one.name] for one in CONTESTANTS}
        there = [one for one in CONTESTANTS if not by_name[one.name].empty]
        lines += [line(one.title, by_name[one.name], MEASURES) for one in there]
        others = {one.title: by_name[one.name] for one in there if one.name != OURS}
        if others and not by_name[OURS].empty:
            lines += [
                "",
                losses(others, by_name[OURS], MEASURES).replace("We lose", "margnet loses"),
            ]
        lines.append("")
    return "\n".join(lines)
