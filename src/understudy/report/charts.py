"""Charts that a metric hands over by form: curves, points with intervals, two rankings.

The metric is not known here; whatever has one of the forms is drawn, with its numbers as a table.
What may not happen here: a number that is not in the chart's material.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from understudy.report.spelling import shorten, spell_number
from understudy.report.svg import dot, draw, line, words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from markupsafe import Markup

_WIDTH = 340.0
_MOST_ROWS = 40
_STYLES = {"real": 0, "trtr": 0, "holdout": 3, "synthetic": 1, "tstr": 1, "independent": 2,
           "expected": 3, "tsts": 3}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """A drawn chart: its name, what to read, which line is which, and the numbers behind it."""

    title: str
    about: str
    group: str
    picture: Markup
    key: tuple[tuple[int, str], ...]
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: int = 0


def draw_charts(charts: Mapping[str, Mapping[str, Any]]) -> tuple[Chart, ...]:
    """Draw every chart whose form is known, in their order."""
    return tuple(_FORMS[str(one["form"])](one) for one in charts.values() if one["form"] in _FORMS)


def _styles(names: Sequence[str]) -> dict[str, int]:
    """A style for each series: known names have their own, others follow."""
    styles: dict[str, int] = {}
    following = 4
    for name in names:
        if name.lower() in _STYLES:
            styles[name] = _STYLES[name.lower()]
        else:
            styles[name], following = following, 4 + (following - 3) % 4
    return styles


def _lines(chart: Mapping[str, Any]) -> Chart:
    """Curves over a common axis."""
    series: Mapping[str, Mapping[str, Sequence[float | None]]] = chart["series"]
    styles = _styles(list(series))
    left, top, width, height = 44.0, 12.0, 284.0, 210.0
    seen = [v for one in series.values() for v in one["x"] if v is not None]
    along = math.log10 if chart.get("log") else float
    x_low, x_high = _range([along(v) for v in seen], chart["diagonal"])
    ends = [
        v for one in series.values() for name in ("y", "low", "high") for v in one.get(name, ())
    ]
    y_low, y_high = _range(ends, chart["diagonal"])

    def at(x: float, y: float) -> tuple[float, float]:
        across = (along(x) - x_low) / (x_high - x_low)
        return left + width * across, above(y)

    def above(y: float) -> float:
        return top + height * (1 - (y - y_low) / (y_high - y_low))

    parts = [line([(left, top), (left, top + height), (left + width, top + height)], kind="axis")]
    for tick in _ticks(y_low, y_high):
        y = above(tick)
        parts.append(line([(left, y), (left + width, y)], kind="grid"))
        parts.append(words(left - 6, y + 4, spell_number(tick), kind="quiet", anchor="end"))
    for tick in _log_ticks(seen) if chart.get("log") else _ticks(x_low, x_high):
        x, _ = at(tick, y_low)
        parts.append(words(x, top + height + 16, spell_number(tick), kind="quiet", anchor="middle"))
    if chart["diagonal"]:
        parts.append(line([at(0, 0), at(1, 1)], kind="guess"))
    rows = []
    for name, one in series.items():
        points = _points(one["x"], one["y"])
        if "low" in one and "high" in one:
            band = _points(one["x"], one["low"], one["high"])
            around = [at(x, low) for x, low, _ in band] + [at(x, high) for x, _, high in band[::-1]]
            parts.append(line(around, kind=f"around series-{styles[name]}", closed=True))
        parts.append(line([at(x, y) for x, y in points], kind=f"series series-{styles[name]}"))
        if len(points) <= 12:
            parts += [dot(*at(x, y), 2.6, kind=f"point series-{styles[name]}") for x, y in points]
        step = max(1, len(points) // 12)
        kept = (
            [*points[::step], *([points[-1]] if (len(points) - 1) % step else [])] if points else []
        )
        rows += [(name, spell_number(x), spell_number(y)) for x, y in kept]
    parts.append(
        words(left + width, top + height + 32, f"{chart['x']} →", kind="quiet", anchor="end")
    )
    parts.append(words(left + 6, top + 2, f"↑ {chart['y']}", kind="quiet"))
    told = f"{chart['title']}: {chart['y']} over {chart['x']} for {', '.join(series)}"
    return Chart(
        title=chart["title"],
        about=chart["about"],
        group=chart["group"],
        picture=draw(_WIDTH, top + height + 38, parts, label=told, kind="lines-chart"),
        key=tuple((styles[name], name) for name in series),
        heads=("", str(chart["x"]), str(chart["y"])),
        rows=tuple(rows),
    )


def _intervals(chart: Mapping[str, Any]) -> Chart:
    """Points with intervals, a row for each thing; forest plots and ladders."""
    rows = list(chart["rows"])
    shown = rows[:_MOST_ROWS]
    names = list(dict.fromkeys(name for row in rows for name in row["values"]))
    styles = _styles(names)
    zero = chart["zero"]
    seen = [v for row in shown for values in row["values"].values() for v in values]
    low, high = _range([*seen, zero], unit_square=False)
    left, right, y = 8.0, _WIDTH - 8.0, 4.0

    def at(value: float) -> float:
        return left + (right - left) * (min(max(value, low), high) - low) / (high - low)

    step, above = 7.0, 15.0
    tall = above + step * max(1, len(names)) + 6
    height = y + tall * len(shown) + 20
    parts = [
        line([(at(tick), y), (at(tick), height - 18)], kind="grid") for tick in _ticks(low, high)
    ]
    if zero is not None:
        parts.append(line([(at(zero), y), (at(zero), height - 18)], kind="guess"))
    for row in shown:
        parts.append(words(left, y + 11, shorten(str(row["label"]), 52), title=str(row["label"])))
        for place, name in enumerate(names):
            values = row["values"].get(name)
            if values is None or not _known(values[0]):
                continue
            middle = y + above + step * place + 3
            if _known(values[1], values[2]):
                ends = [(at(values[1]), middle), (at(values[2]), middle)]
                parts.append(line(ends, kind=f"series series-{styles[name]}"))
            parts.append(dot(at(values[0]), middle, 3, kind=f"point series-{styles[name]}"))
        y += tall
    for tick in _ticks(low, high):
        parts.append(words(at(tick), height - 4, spell_number(tick), kind="quiet", anchor="middle"))
    told = f"{chart['title']}: {len(rows)} rows, {', '.join(names)}; the numbers are in the table"
    return Chart(
        title=chart["title"],
        about=chart["about"],
        group=chart["group"],
        picture=draw(_WIDTH, height, parts, label=told, kind="intervals-chart"),
        key=tuple((styles[name], name) for name in names),
        heads=("", *names),
        rows=tuple(
            (str(row["label"]), *(_spell_interval(row["values"].get(name)) for name in names))
            for row in shown
        ),
        left_out=len(rows) - len(shown),
    )


def _ranking(chart: Mapping[str, Any]) -> Chart:
    """Two rankings of the same things, joined by lines."""
    rows = list(chart["rows"])[:_MOST_ROWS]
    sign = -1.0 if chart["better"] == "higher" else 1.0
    places = {
        side: sorted(range(len(rows)), key=lambda row: (sign * rows[row][side], row))
        for side in ("left", "right")
    }
    top, step, left, right = 30.0, 22.0, 126.0, 214.0
    parts = [
        words(left, 14, str(chart["left"]), kind="quiet", anchor="end"),
        words(right, 14, str(chart["right"]), kind="quiet"),
    ]
    for row, told in enumerate(rows):
        from_y, to_y = (top + step * places[side].index(row) for side in ("left", "right"))
        kind = "series series-1" if from_y == to_y else "series series-5"
        parts.append(line([(left + 8, from_y), (right - 8, to_y)], kind=kind))
        name = str(told["label"])
        parts.append(words(left, from_y + 4, shorten(name, 20), anchor="end", title=name))
        parts.append(words(right, to_y + 4, shorten(name, 20), title=name))
    height = top + step * max(1, len(rows))
    return Chart(
        title=chart["title"],
        about=chart["about"],
        group=chart["group"],
        picture=draw(
            _WIDTH, height, parts, kind="ranking-chart",
            label=f"{chart['title']}: {len(rows)} things ranked twice, best above; see the table",
        ),
        key=((1, "same place"), (5, "another place")),
        heads=("", str(chart["left"]), str(chart["right"])),
        rows=tuple(
            (str(row["label"]), spell_number(row["left"]), spell_number(row["right"]))
            for row in (rows[place] for place in places["left"])
        ),
        left_out=len(chart["rows"]) - len(rows),
    )  # fmt: skip


_FORMS: Mapping[str, Callable[[Mapping[str, Any]], Chart]] = {
    "lines": _lines,
    "intervals": _intervals,
    "ranking": _ranking,
}


def _known(*values: float | None) -> bool:
    """Whether every value is a number that can be drawn."""
    return all(value is not None and math.isfinite(value) for value in values)


def _points(*lists: Sequence[float | None]) -> list[tuple[float, ...]]:
    """The points of a series whose numbers are all known."""
    return [
        tuple(value for value in values if value is not None)
        for values in zip(*lists, strict=True)
        if _known(*values)
    ]


def _range(values: Sequence[float | None], unit_square: bool) -> tuple[float, float]:  # noqa: FBT001
    """Ends of an axis: 0 and 1 for shares of everything, else the values' own with a margin."""
    if unit_square:
        return 0.0, 1.0
    known = [value for value in values if value is not None and math.isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    if high - low < 1e-9 * max(1.0, abs(high)):
        low, high = low - 0.5, high + 0.5
    margin = 0.04 * (high - low)
    return low - margin, high + margin


def _ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers between two ends.

    >>> _ticks(0.0, 1.0)
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    size = 10.0 ** math.floor(math.log10(high - low))
    step = next(
        one * size for one in (0.25, 0.5, 1.0, 2.0, 2.5) if (high - low) / (one * size) <= 5
    )
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [place * step for place in range(first, last + 1)]


def _log_ticks(seen: Sequence[float]) -> list[float]:
    """Values that occur when they are few, else powers of ten.

    >>> _log_ticks([1.0, 0.1, 10.0, 1.0]), _log_ticks([0.3 * 1.3**step for step in range(12)])
    ([0.1, 1.0, 10.0], [1.0])
    """
    values = sorted(set(seen))
    if len(values) <= 7:
        return values
    first, last = math.ceil(math.log10(values[0])), math.floor(math.log10(values[-1]))
    return [10.0**power for power in range(first, last + 1)]


def _spell_interval(values: Sequence[float | None] | None) -> str:
    """A value with its interval."""
    if values is None or not _known(values[0]):
        return "–"
    told = spell_number(values[0])
    if _known(values[1], values[2]):
        told += f" ({spell_number(values[1])} to {spell_number(values[2])})"
    return told
