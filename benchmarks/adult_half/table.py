"""Turn rows of runs into the table that is published, with the places where we lose marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from .contestants import CONTESTANTS

COLUMNS = {
    "fit_s": ("fit s", "{:.1f}", "lower"),
    "fit_cpu_s": ("CPU s", "{:.1f}", "lower"),
    "sample_s": ("sample s", "{:.2f}", "lower"),
    "rss_mib": ("MiB", "{:.0f}", "lower"),
    "tvd1": ("1-way", "{:.4f}", "lower"),
    "tvd2": ("2-way", "{:.4f}", "lower"),
    "tvd3": ("3-way", "{:.4f}", "lower"),
    "tstr": ("TSTR AUC", "{:.3f}", "higher"),
}
TITLES = {contestant.name: contestant.title for contestant in CONTESTANTS}


def summary(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Mean, smallest and largest of every figure over the seeds of a contestant at an ε."""
    frame = pd.DataFrame(rows)
    for name in COLUMNS:
        if name not in frame:
            frame[name] = float("nan")
    grouped = frame.groupby(["name", "epsilon"], dropna=False)[list(COLUMNS)]
    table = grouped.agg(["mean", "min", "max"])
    table["seeds", ""] = grouped.size()
    return table


def markdown(table: pd.DataFrame) -> str:
    """Write one table per ε: the anchors, ours, every peer, and the ratio of each peer to ours."""
    epsilons = sorted({epsilon for _, epsilon in table.index if pd.notna(epsilon)})
    return "\n".join(_block(table, epsilon) for epsilon in epsilons)


def _block(table: pd.DataFrame, epsilon: float) -> str:
    """The table of one ε."""
    heads = [title for title, _, _ in COLUMNS.values()]
    lines = [
        f"### ε = {epsilon:g}",
        "",
        "| | " + " | ".join(heads) + " | runs |",
        "|---" * (len(heads) + 2) + "|",
    ]
    for name, level in table.index:
        if pd.isna(level):
            lines.append(_row(name, table.loc[[(name, level)]].iloc[0]))
    at = table.xs(epsilon, level="epsilon")
    ours = at.loc["ours"] if "ours" in at.index else None
    order = [name for name in TITLES if name in at.index]
    for name in order:
        lines.append(_row(TITLES[name], at.loc[name]))
    if ours is not None:
        for name in order:
            if name != "ours":
                lines.append(_ratios(name, at.loc[name], ours))
        lines += ["", _losses(at, ours)]
    return "\n".join([*lines, ""])


def _row(title: str, figures: pd.Series) -> str:
    """One line of means, with the range over seeds where there are several."""
    cells = []
    for name, (_, form, _) in COLUMNS.items():
        mean, low, high = (figures[(name, part)] for part in ("mean", "min", "max"))
        if pd.isna(mean):
            cells.append("–")
        elif low == high:
            cells.append(form.format(mean))
        else:
            cells.append(f"{form.format(mean)} ({form.format(low)}–{form.format(high)})")
    return f"| {title} | " + " | ".join(cells) + f" | {int(figures[('seeds', '')])} |"


def _ratios(name: str, peer: pd.Series, ours: pd.Series) -> str:
    """How many times the peer's figure is ours; below 1 we lose where lower is better."""
    cells = [f"×{peer[(figure, 'mean')] / ours[(figure, 'mean')]:.2f}" for figure in COLUMNS]
    return f"| *{name} ÷ ours* | " + " | ".join(cells) + " | |"


def _losses(at: pd.DataFrame, ours: pd.Series) -> str:
    """Name every figure in which a peer is better than ours."""
    lost = []
    for name in at.index:
        for figure, (title, form, better) in COLUMNS.items():
            peer, own = at.loc[name][(figure, "mean")], ours[(figure, "mean")]
            if peer < own if better == "lower" else peer > own:
                lost.append(f"{title} to {name} ({form.format(own)} against {form.format(peer)})")
    return "We lose: " + ("; ".join(lost) if lost else "nothing here") + "."
