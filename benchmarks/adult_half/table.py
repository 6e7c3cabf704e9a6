"""Turn rows of runs into the table that is published, with the places where we lose marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from benchmarks.tables import Measure, header, line, losses, ratios

from .contestants import CONTESTANTS

MEASURES = (
    Measure(figure="fit_s", heading="fit s", form="{:.1f}"),
    Measure(figure="fit_cpu_s", heading="CPU s", form="{:.1f}"),
    Measure(figure="sample_s", heading="sample s", form="{:.2f}"),
    Measure(figure="rss_mib", heading="MiB", form="{:.0f}"),
    Measure(figure="tvd1", heading="1-way", form="{:.4f}"),
    Measure(figure="tvd2", heading="2-way", form="{:.4f}"),
    Measure(figure="tvd3", heading="3-way", form="{:.4f}"),
    Measure(figure="tstr", heading="TSTR AUC", form="{:.3f}", better="higher"),
)
TITLES = {contestant.name: contestant.title for contestant in CONTESTANTS}


def markdown(
    rows: Sequence[dict[str, Any]], *, ours: str = "ours", names: Sequence[str] = tuple(TITLES)
) -> str:
    """Write one table per ε: the anchors, every contestant, and each peer's ratio to `ours`."""
    frame = pd.DataFrame(rows)
    epsilons = sorted(frame["epsilon"].dropna().unique())
    return "\n".join(_block(frame, epsilon, ours, names) for epsilon in epsilons)


def _block(frame: pd.DataFrame, epsilon: float, ours: str, names: Sequence[str]) -> str:
    """The table of one ε."""
    lines = [f"### ε = {epsilon:g}", "", *header(MEASURES)]
    for name, runs in frame[frame["epsilon"].isna()].groupby("name"):
        lines.append(line(str(name), runs, MEASURES))
    at = dict(list(frame[frame["epsilon"] == epsilon].groupby("name")))
    there = [name for name in TITLES if name in at and name in names]
    lines += [line(TITLES[name], at[name], MEASURES) for name in there]
    peers = {name: at[name] for name in there if not name.startswith("ours")}
    if ours in at:
        lines += [ratios(name, runs, at[ours], MEASURES) for name, runs in peers.items()]
        lines += ["", losses(peers, at[ours], MEASURES)]
    return "\n".join([*lines, ""])
