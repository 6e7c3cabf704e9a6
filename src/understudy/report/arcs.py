"""Which columns were measured together, as arcs beside a list of columns.

What may not happen here: an arc for a pair that was not measured.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from understudy.report.spelling import shorten
from understudy.report.svg import curve, dot, draw, number, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from understudy.release.public import MeasuredPair


def draw_arcs(columns: Sequence[str], pairs: Sequence[MeasuredPair]) -> Markup:
    """Draw the columns in their order with an arc for every two measured together."""
    place = {name: index for index, name in enumerate(columns)}
    row, left = 20.0, 150.0
    deepest = 1.0
    parts = []
    for pair in pairs:
        known = sorted(place[name] for name in pair.columns if name in place)
        for first, last in itertools.pairwise(known):
            top, end = first * row + 12, last * row + 12
            half = (end - top) / 2
            depth = min(half, 150.0)
            deepest = max(deepest, depth)
            steps = (
                f"M{number(left)} {number(top)}A{number(depth)} {number(half)} 0 0 1 "
                f"{number(left)} {number(end)}"
            )
            parts.append(curve(steps, kind="arc", title=" and ".join(pair.columns)))
    for name, index in place.items():
        y = index * row + 12
        parts.append(dot(left, y, 2.6, kind="mark"))
        parts.append(words(left - 9, y + 4, shorten(name, 20), anchor="end", title=name))
    label = f"{len(pairs)} sets of columns were measured together; they are listed in the table."
    width = left + deepest + 8
    return draw(width, len(columns) * row + 6, parts, label=label, kind="arcs", widest=1.1 * width)
