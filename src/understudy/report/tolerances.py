"""A measure against its tolerance on one axis: the region that is borne, and who stands where.

What may not happen here: a mark without the tolerance it is judged by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from understudy.report.svg import Box, boxes, curve, dot, draw, line, number

if TYPE_CHECKING:
    from understudy.release.internal import PurposeCriterion

_WIDTH, _HEIGHT = 260.0, 26.0
_PAD = 12.0
_FAR = 3.0


def draw_tolerance(one: PurposeCriterion, name: str) -> Markup:
    """Draw a criterion: better is to the right, what is tolerated is shaded.

    A value far outside is drawn at the edge; the numbers stand beside the drawing.
    """
    low, high = (0.0, 1.0) if one.better == "higher" else (0.0, _FAR * one.tolerance)
    if high <= low:
        return Markup("")

    def at(value: float) -> float:
        part = min(1.0, max(0.0, (value - low) / (high - low)))
        return _PAD + (_WIDTH - 2 * _PAD) * (part if one.better == "higher" else 1 - part)

    y, edge = _HEIGHT / 2, at(one.tolerance)
    parts = [
        boxes([Box(x=edge, y=y - 10, width=_WIDTH - 2 - edge, height=20)], kind="region"),
        line([(2, y), (_WIDTH - 2, y)], kind="track"),
        line([(edge, y - 10), (edge, y + 10)], kind="bound"),
    ]
    if one.independent is not None:
        x = at(one.independent)
        parts.append(boxes([Box(x=x - 4.5, y=y - 4.5, width=9, height=9)], kind="floor"))
    if one.holdout is not None:
        place = number(at(one.holdout))
        parts.append(
            curve(f"M{place} {number(y - 6.5)}l6.5 6.5l-6.5 6.5l-6.5 -6.5z", kind="ceiling")
        )
    if one.value is not None:
        parts.append(dot(at(one.value), y, 6, kind="mark"))
    told = "not defined" if one.value is None else f"{one.value:.3g}"
    label = f"{name}: {told}, tolerance {one.tolerance:.3g}"
    return draw(_WIDTH, _HEIGHT, parts, label=label, kind="marks")
