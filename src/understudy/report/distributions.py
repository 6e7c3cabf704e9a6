"""Distributions of one column: bars over labels, bins over numbers, one or two series.

What may not happen here: a label or an edge that is not in the evidence.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from understudy.report.spelling import shorten, spell_edge, spell_share
from understudy.report.svg import Box, boxes, draw, line, words

MOST_LABELS = 10
_MOST_BINS = 64
_WIDTH = 320.0
Level = Callable[[float], float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """What is drawn for one column: an axis, and one or two series of shares over it.

    With `real`, `shares` is the synthetic series. `noise` is the standard deviation of a share.
    """

    name: str
    shares: tuple[float, ...]
    labels: tuple[str, ...] | None = None
    edges: tuple[float, ...] | None = None
    edge_labels: tuple[str, ...] | None = None
    real: tuple[float, ...] | None = None
    noise: float | None = None


def draw_distribution(series: Series) -> Markup:
    """Draw one column, as bars when it has labels and as bins when it has edges."""
    if not series.shares:
        return Markup("")
    return _draw_bars(series) if series.labels is not None else _draw_bins(series)


def table_of(series: Series, most: int = 24) -> tuple[tuple[str, ...], ...]:
    """The numbers behind a drawing as rows of text: label or bin, then each series."""
    rows = []
    for place in _by_size(series)[:most] if series.labels is not None else _kept_bins(series, most):
        columns = [series.shares[place]]
        if series.real is not None:
            columns.insert(0, series.real[place])
        rows.append((_name_of(series, place), *(spell_share(share) for share in columns)))
    return tuple(rows)


def _kept_bins(series: Series, most: int) -> list[int]:
    """All bins when they are few, else the fullest ones in their order."""
    size = len(series.shares)
    return list(range(size)) if size <= most else sorted(_by_size(series)[:most])


def _by_size(series: Series) -> list[int]:
    """Places of the axis, the fullest first, in the order of the real series where there is one."""
    weights = series.real or series.shares
    return sorted(range(len(weights)), key=lambda place: (-weights[place], place))


def _name_of(series: Series, place: int) -> str:
    """The label of a place, or its two edges."""
    if series.labels is not None:
        return series.labels[place]
    first, last = _edge(series, place), _edge(series, place + 1)
    return first if first == last else f"{first} – {last}"


def _edge(series: Series, place: int) -> str:
    """An edge as people read it."""
    if series.edge_labels is not None:
        return series.edge_labels[place]
    return spell_edge((series.edges or ())[place])


def _draw_bars(series: Series) -> Markup:
    """Horizontal bars, the fullest labels first; a second series is a slim bar inside."""
    order = _by_size(series)
    shown = order[:MOST_LABELS] if len(order) > MOST_LABELS + 1 else order
    left, right, row = 116.0, 46.0, 19.0
    room = _WIDTH - left - right
    both = [share for one in (series.shares, series.real or ()) for share in one]
    top = max([*both, 1e-12])
    wide, slim, parts = [], [], []
    for index, place in enumerate(shown):
        y = index * row + 2
        share = max(0.0, series.shares[place])
        if series.real is None:
            wide.append(Box(x=left, y=y + 2, width=room * share / top, height=11))
        else:
            real = max(0.0, series.real[place])
            wide.append(Box(x=left, y=y + 1, width=room * real / top, height=13))
            slim.append(Box(x=left, y=y + 5, width=room * share / top, height=5))
        label = (series.labels or ())[place]
        parts.append(
            words(left - 7, y + 11.5, shorten(label, 18), anchor="end", title=label or None)
        )
        drawn = max(share, max(0.0, series.real[place]) if series.real else 0.0)
        parts.append(
            words(left + room * drawn / top + 5, y + 11.5, spell_share(share), kind="quiet")
        )
    height = len(shown) * row + 4
    if len(shown) < len(order):
        rest = sum(max(0.0, series.shares[place]) for place in order[len(shown) :])
        parts.append(
            words(
                left,
                height + 11,
                f"and {len(order) - len(shown):,} more, {spell_share(rest)} together",
                kind="quiet",
            )
        )
        height += 18
    kind = "real" if series.real is not None else "made"
    shapes = [boxes(wide, kind=kind), boxes(slim, kind="made")]
    axis = line([(left, 0), (left, len(shown) * row + 2)], kind="axis")
    return draw(_WIDTH, height, [*shapes, axis, *parts], label=_spoken(series, "bars"), kind="bars")


def _draw_bins(series: Series) -> Markup:
    """A histogram; bins are drawn to scale where that is readable, else equally wide."""
    merged = _merge(series)
    edges = merged.edges or ()
    to_scale = _readable_to_scale(merged)
    left, room, top, base = 4.0, _WIDTH - 8.0, 8.0, 118.0
    if to_scale:
        span = edges[-1] - edges[0]
        places = [left + room * (edge - edges[0]) / span for edge in edges]
    else:
        places = [left + room * index / len(merged.shares) for index in range(len(edges))]
    made = _heights(merged.shares, places, to_scale=to_scale)
    real = _heights(merged.real, places, to_scale=to_scale) if merged.real is not None else None
    tallest = max([*made, *(real or ()), 1e-12])

    def level(height: float) -> float:
        return base - (base - top) * max(0.0, height) / tallest

    parts = []
    if real is not None:
        parts.append(boxes(_columns(places, real, level, base), kind="real"))
        parts.append(line(_steps(places, made, level, base), kind="made-line"))
    else:
        parts.append(boxes(_columns(places, made, level, base), kind="made"))
    if merged.noise and not to_scale and 2 * merged.noise < tallest:
        y = level(2 * merged.noise)
        if base - y >= 2:
            parts.append(line([(left, y), (left + room, y)], kind="noise"))
    parts.append(line([(left, base), (left + room, base)], kind="axis"))
    parts += _ticks(merged, places, base)
    note = "" if to_scale else "bins drawn equally wide"
    if note:
        parts.append(words(left + room, base + 27, note, kind="quiet small", anchor="end"))
    label = _spoken(series, "histogram")
    return draw(_WIDTH, base + (30 if note else 18), parts, label=label, kind="bins")


def _merge(series: Series) -> Series:
    """Join neighbouring bins until few enough are left to be seen."""
    size = len(series.shares)
    if size <= _MOST_BINS:
        return series
    step = math.ceil(size / _MOST_BINS)
    starts = list(range(0, size, step))
    ends = [*starts, size]

    def joined(shares: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(sum(shares[first:last]) for first, last in itertools.pairwise(ends))

    names = series.edge_labels
    return Series(
        name=series.name,
        shares=joined(series.shares),
        edges=tuple((series.edges or ())[place] for place in ends),
        edge_labels=None if names is None else tuple(names[place] for place in ends),
        real=None if series.real is None else joined(series.real),
        noise=None if series.noise is None else series.noise * math.sqrt(step),
    )


def _readable_to_scale(series: Series) -> bool:
    """Whether true bin widths and densities would leave something to see."""
    edges = series.edges or ()
    span = edges[-1] - edges[0]
    if not math.isfinite(span) or span <= 0:
        return False
    widths = [after - before for before, after in itertools.pairwise(edges)]
    if min(widths) < span / 400:
        return False
    dense = [max(0.0, share) / width for share, width in zip(series.shares, widths, strict=True)]
    overall = sum(max(0.0, share) for share in series.shares) / span
    return max(dense) < 12 * overall


def _heights(
    shares: Sequence[float], places: Sequence[float], *, to_scale: bool
) -> tuple[float, ...]:
    """Bar heights: shares, or shares for each unit of width when widths differ."""
    if not to_scale:
        return tuple(shares)
    return tuple(
        share / max(after - before, 1e-9)
        for share, (before, after) in zip(shares, itertools.pairwise(places), strict=True)
    )


def _columns(
    places: Sequence[float], heights: Sequence[float], level: Level, base: float
) -> list[Box]:
    """Filled bins with a hairline between them when they are wide enough."""
    made = []
    for (before, after), height in zip(itertools.pairwise(places), heights, strict=True):
        gap = 0.7 if after - before > 4 else 0.0
        y = level(height)
        made.append(Box(x=before, y=y, width=after - before - gap, height=base - y))
    return made


def _steps(
    places: Sequence[float], heights: Sequence[float], level: Level, base: float
) -> list[tuple[float, float]]:
    """The outline of bins from base to base."""
    points = [(places[0], base)]
    for (before, after), height in zip(itertools.pairwise(places), heights, strict=True):
        points += [(before, level(height)), (after, level(height))]
    return [*points, (places[-1], base)]


def _ticks(series: Series, places: Sequence[float], base: float) -> list[Markup]:
    """A few edges under the axis, never so close that they touch."""
    last = len(places) - 1
    wanted = sorted({0, last, *(round(last * part / 4) for part in (1, 2, 3))})
    ticks: list[Markup] = []
    ends_at = -1e9
    end_text = _edge(series, last)
    end_starts = places[last] - 6.2 * len(end_text)
    for place in wanted:
        text = _edge(series, place)
        size = 6.2 * len(text)
        anchor = "start" if place == 0 else "end" if place == last else "middle"
        starts = places[place] - {"start": 0.0, "middle": size / 2, "end": size}[anchor]
        if starts < ends_at + 8 or (place not in {0, last} and starts + size > end_starts - 8):
            continue
        ends_at = starts + size
        ticks.append(words(places[place], base + 14, text, kind="quiet", anchor=anchor))
    return ticks


def _spoken(series: Series, shape: str) -> str:
    """What a screen reader says about a drawing."""
    order = _by_size(series)[:3]
    told = ", ".join(
        f"{shorten(_name_of(series, place), 40)} {spell_share(series.shares[place])}"
        for place in order
    )
    against = " synthetic over real" if series.real is not None else ""
    return f"{series.name}:{against} {shape}. Largest: {told}."
