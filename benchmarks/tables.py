"""Rows of runs as tables of means and ranges, with the places where we lose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """A column of a table: which figure, its heading, how it is written, which way is good."""

    figure: str
    heading: str
    form: str
    better: Literal["lower", "higher"] = "lower"


def header(measures: Sequence[Measure]) -> list[str]:
    """The first two lines of a table."""
    heads = " | ".join(measure.heading for measure in measures)
    return [f"| | {heads} | runs |", "|---" * (len(measures) + 2) + "|"]


def line(title: str, runs: pd.DataFrame, measures: Sequence[Measure]) -> str:
    """Means of some runs, with the range where there are several."""
    cells = [_cell(runs, measure) for measure in measures]
    return f"| {title} | " + " | ".join(cells) + f" | {len(runs)} |"


def _cell(runs: pd.DataFrame, measure: Measure) -> str:
    """Mean (smallest to largest) of one figure."""
    values = _values(runs, measure)
    if values.empty:
        return "–"
    low, high = values.min(), values.max()
    mean = measure.form.format(values.mean())
    if low == high:
        return mean
    return f"{mean} ({measure.form.format(low)}–{measure.form.format(high)})"


def ratios(title: str, peer: pd.DataFrame, ours: pd.DataFrame, measures: Sequence[Measure]) -> str:
    """How many times the peer's mean is ours; below 1 we lose where lower is better."""
    cells = []
    for measure in measures:
        one, own = _mean(peer, measure), _mean(ours, measure)
        cells.append("–" if one is None or own is None else f"×{one / own:.2f}")
    return f"| *{title} ÷ ours* | " + " | ".join(cells) + " | |"


def losses(
    peers: Mapping[str, pd.DataFrame], ours: pd.DataFrame, measures: Sequence[Measure]
) -> str:
    """Name every figure in which a peer's mean is better than ours."""
    lost = []
    for name, runs in peers.items():
        for measure in measures:
            peer, own = _mean(runs, measure), _mean(ours, measure)
            if peer is None or own is None:
                continue
            if peer < own if measure.better == "lower" else peer > own:
                shown = f"{measure.form.format(own)} against {measure.form.format(peer)}"
                lost.append(f"{measure.heading} to {name} ({shown})")
    return "We lose: " + ("; ".join(lost) if lost else "nothing here") + "."


def _values(runs: pd.DataFrame, measure: Measure) -> Any:
    """The figures that there are."""
    empty = pd.Series(dtype=float)
    return runs[measure.figure].dropna() if measure.figure in runs else empty


def _mean(runs: pd.DataFrame, measure: Measure) -> float | None:
    """Mean, where there is a figure."""
    values = _values(runs, measure)
    return None if values.empty else float(values.mean())
