"""Pair trends as a triangular heat map.

What may not happen here: a colour without a number; the worst pairs are listed beside it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from markupsafe import Markup

from understudy.report.spelling import shorten
from understudy.report.svg import Box, boxes, draw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from understudy.release.internal import PairTrends

LEVELS = (0.6, 0.7, 0.8, 0.85, 0.9, 0.95)


def draw_matrix(pairs: PairTrends) -> Markup:
    """Draw the lower triangle, one square for each pair, seven steps from poor to equal."""
    label = f"Pair trends of {len(pairs.columns)} columns; the worst pairs are in the table."
    return draw_triangle(pairs.columns, pairs.similarity, LEVELS, label=label)


def draw_triangle(
    names: Sequence[str],
    values: Sequence[Sequence[float | None]],
    steps: Sequence[float],
    *,
    label: str,
) -> Markup:
    """Draw a lower triangle of values as squares, in one step more than there are bounds.

    Parameters
    ----------
    names
        Of the columns.
    values
        Row by row; None where nothing is known.
    steps
        Ascending lower bounds of the second, third … step; at most six.
    label
        For screen readers.
    """
    size = len(names)
    cell = max(9.0, min(30.0, 560.0 / max(size, 1)))
    text = min(12.0, cell + 1)
    left, above = 118.0, 0.0
    levels: list[list[Box]] = [[] for _ in range(len(steps) + 1)]
    unknown: list[Box] = []
    for row in range(1, size):
        for column in range(row):
            box = Box(
                x=left + column * cell, y=above + (row - 1) * cell, width=cell - 1, height=cell - 1
            )
            value = values[row][column]
            if value is None or math.isnan(value):
                unknown.append(box)
            else:
                levels[sum(value >= step for step in steps)].append(box)
    parts = [boxes(found, kind=f"step-{step}") for step, found in enumerate(levels)]
    parts.append(boxes(unknown, kind="unknown"))
    for row in range(1, size):
        y = above + (row - 1) * cell + cell / 2 + text * 0.33
        parts.append(
            Markup(
                '<text class="quiet" font-size="{}" x="{}" y="{}" text-anchor="end">{}</text>'
            ).format(f"{text:.1f}", f"{left - 6:.1f}", f"{y:.1f}", shorten(names[row], 18))
        )
    for column in range(size - 1):
        x = left + column * cell + cell * 0.5
        y = above + (size - 1) * cell + 8
        parts.append(
            Markup(
                '<text class="quiet" font-size="{}" text-anchor="end" '
                'transform="translate({} {}) rotate(-55)">{}</text>'
            ).format(f"{text:.1f}", f"{x + text * 0.3:.1f}", f"{y:.1f}", shorten(names[column], 16))
        )
    width = left + (size - 1) * cell + 14
    height = above + (size - 1) * cell + 84
    return draw(width, height, parts, label=label, kind="matrix", widest=1.15 * width)


def worst_pairs(pairs: PairTrends, most: int = 12) -> tuple[tuple[str, str, float], ...]:
    """The pairs that agree least, as (column, column, similarity)."""
    found = [
        (pairs.columns[column], pairs.columns[row], value)
        for row in range(len(pairs.columns))
        for column in range(row)
        if (value := pairs.similarity[row][column]) is not None and not math.isnan(value)
    ]
    return tuple(sorted(found, key=lambda pair: pair[2])[:most])
