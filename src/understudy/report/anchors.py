"""A figure between its anchors: independent columns, the release, the real holdout, on one axis.

What may not happen here: a figure without its anchors drawn as if it had them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from understudy.report.svg import Box, boxes, curve, dot, draw, line, number, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from understudy.release.internal import InternalFigure, TaskScore

_WIDTH = 260.0
_PAD = 12.0
_NARROWEST = 0.02
_NAMES: Mapping[str, str] = {
    "independent": "independent columns",
    "synthetic": "this release",
    "holdout": "real holdout",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Marks:
    """Values on one axis; `better` says which end is drawn at the right."""

    name: str
    better: str
    values: Mapping[str, float]
    interval: tuple[float, float] | None = None


def marks_of(figure: InternalFigure) -> Marks:
    """The marks of a figure: its value and the anchors it has."""
    values = {
        "independent": figure.anchors.independent,
        "synthetic": figure.value,
        "holdout": figure.anchors.holdout,
    }
    return Marks(
        name=figure.title,
        better=figure.better,
        values={name: one for name, one in values.items() if one is not None and _finite(one)},
        interval=figure.interval,
    )


def marks_of_score(score: TaskScore, chance: float | None, *, better: str = "higher") -> Marks:
    """The marks of a model: trained on synthetic, trained on real, and chance."""
    values = {"independent": chance, "synthetic": score.tstr, "holdout": score.trtr}
    return Marks(
        name=f"{score.classifier} {score.metric}",
        better=better,
        values={name: one for name, one in values.items() if one is not None and _finite(one)},
        interval=score.interval,
    )


def draw_marks(marks: Marks, *, low: float | None = None, high: float | None = None) -> Markup:
    """Draw the marks on a track whose better end is at the right.

    Parameters
    ----------
    marks
        What to draw.
    low, high
        Ends of the axis when several tracks share it; by default the marks' own range.
    """
    if not marks.values:
        return Markup("")
    seen = [*marks.values.values(), *(marks.interval or ())]
    first = min(seen) if low is None else low
    last = max(seen) if high is None else high
    if last - first < _NARROWEST:
        middle = (first + last) / 2
        first, last = middle - _NARROWEST / 2, middle + _NARROWEST / 2
    flip = marks.better == "lower"

    def at(value: float) -> float:
        part = (value - first) / (last - first)
        return _PAD + (_WIDTH - 2 * _PAD) * (1 - part if flip else part)

    y = 12.0
    parts = [line([(2, y), (_WIDTH - 2, y)], kind="track")]
    floor, ceiling = marks.values.get("independent"), marks.values.get("holdout")
    if floor is not None and ceiling is not None:
        ends = sorted((at(floor), at(ceiling)))
        parts.append(line([(ends[0], y), (ends[1], y)], kind="span"))
    if marks.interval is not None:
        ends = sorted(at(value) for value in marks.interval)
        parts.append(
            boxes([Box(x=ends[0], y=y - 3, width=max(ends[1] - ends[0], 1), height=6)], kind="band")
        )
    if floor is not None:
        x = at(floor)
        parts.append(boxes([Box(x=x - 4.5, y=y - 4.5, width=9, height=9)], kind="floor"))
    if ceiling is not None:
        place = number(at(ceiling))
        parts.append(
            curve(f"M{place} {number(y - 6.5)}l6.5 6.5l-6.5 6.5l-6.5 -6.5z", kind="ceiling")
        )
    if "synthetic" in marks.values:
        parts.append(dot(at(marks.values["synthetic"]), y, 6, kind="mark"))
    told = ", ".join(f"{_NAMES[name]} {value:.3g}" for name, value in marks.values.items())
    return draw(_WIDTH, 24, parts, label=f"{marks.name}: {told}", kind="marks")


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """One table's value of a figure on its own line, named by a letter."""

    letter: str
    name: str
    value: float
    interval: tuple[float, float] | None = None


def draw_lanes(
    name: str,
    better: str,
    lanes: Sequence[Lane],
    *,
    floor: float | None,
    ceiling: float | None,
) -> Markup:
    """Draw one line for each table on a common axis, floor and ceiling across all of them.

    Parameters
    ----------
    name
        Of the figure.
    better
        `lower` turns the axis, so that better is at the right.
    lanes
        The tables' values, in order.
    floor, ceiling
        Values of independent columns and of the real holdout, where there are any.
    """
    seen = [lane.value for lane in lanes] + [end for lane in lanes for end in lane.interval or ()]
    seen = [one for one in (*seen, floor, ceiling) if one is not None and _finite(one)]
    if not seen:
        return Markup("")
    first, last = min(seen), max(seen)
    if last - first < _NARROWEST:
        middle = (first + last) / 2
        first, last = middle - _NARROWEST / 2, middle + _NARROWEST / 2
    left = 22.0

    def at(value: float) -> float:
        part = (value - first) / (last - first)
        return left + _PAD + (_WIDTH - left - 2 * _PAD) * (1 - part if better == "lower" else part)

    step, y = 15.0, 10.0
    height = step * len(lanes) + 5
    parts: list[Markup] = []
    for value, kind in ((floor, "floor-line"), (ceiling, "ceiling-line")):
        if value is not None:
            parts.append(line([(at(value), 2), (at(value), height - 2)], kind=kind))
    for lane in lanes:
        parts.append(words(2, y + 4, lane.letter, kind="letter"))
        parts.append(line([(left, y), (_WIDTH - 2, y)], kind="track"))
        if lane.interval is not None:
            ends = sorted(at(value) for value in lane.interval)
            width = max(ends[1] - ends[0], 1)
            parts.append(boxes([Box(x=ends[0], y=y - 3, width=width, height=6)], kind="band"))
        parts.append(dot(at(lane.value), y, 5, kind="mark", title=lane.name))
        y += step
    told = ", ".join(f"{lane.name} {lane.value:.3g}" for lane in lanes)
    for value, text in ((floor, "independent columns"), (ceiling, "real holdout")):
        told += "" if value is None else f", {text} {value:.3g}"
    return draw(_WIDTH, height, parts, label=f"{name}: {told}", kind="marks")


def _finite(value: float) -> bool:
    """Whether a value can be drawn."""
    return math.isfinite(value)
