"""Small inline SVG: elements with escaped text, and paths that draw many marks at once.

What may not happen here: text that is not escaped, or a colour that is not a class of the style
sheet (a page has to work in light, in dark and in print).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A rectangle in drawing units, from its upper left corner."""

    x: float
    y: float
    width: float
    height: float


def draw(
    width: float,
    height: float,
    parts: Iterable[Markup],
    *,
    label: str,
    kind: str = "",
    widest: float | None = None,
) -> Markup:
    """Put parts into one picture with a name for screen readers, no wider than `widest` pixels."""
    body = Markup("").join(parts)
    cap = Markup("")
    if widest is not None:
        cap = Markup(' style="max-width:{}px"').format(number(widest))
    return Markup(
        '<svg class="chart {}" viewBox="0 0 {} {}" role="img" aria-label="{}"{}>{}</svg>'
    ).format(kind, number(width), number(height), label, cap, body)


def words(
    x: float, y: float, text: str, *, kind: str = "", anchor: str = "", title: str | None = None
) -> Markup:
    """A text; `anchor` is start, middle or end; `title` appears on hover."""
    extra = Markup(' text-anchor="{}"').format(anchor) if anchor else ""
    classes = Markup(' class="{}"').format(kind) if kind else ""
    hover = Markup("<title>{}</title>").format(title) if title and title != text else ""
    return Markup('<text x="{}" y="{}"{}{}>{}{}</text>').format(
        number(x), number(y), classes, extra, hover, text
    )


def boxes(rectangles: Iterable[Box], *, kind: str) -> Markup:
    """Many rectangles as one path."""
    steps = "".join(
        f"M{number(box.x)} {number(box.y)}h{number(box.width)}v{number(box.height)}"
        f"h{number(-box.width)}z"
        for box in rectangles
        if box.width > 0 and box.height > 0
    )
    return Markup('<path class="{}" d="{}"/>').format(kind, steps) if steps else Markup("")


def line(points: Iterable[tuple[float, float]], *, kind: str, closed: bool = False) -> Markup:
    """A line through points."""
    steps = "L".join(f"{number(x)} {number(y)}" for x, y in points)
    if not steps:
        return Markup("")
    return Markup('<path class="{}" d="M{}{}"/>').format(kind, steps, "z" if closed else "")


def curve(steps: str, *, kind: str, title: str | None = None) -> Markup:
    """A path from its own commands (numbers only)."""
    hover = Markup("<title>{}</title>").format(title) if title else ""
    return Markup('<path class="{}" d="{}">{}</path>').format(kind, escape(steps), hover)


def dot(x: float, y: float, radius: float, *, kind: str, title: str | None = None) -> Markup:
    """A filled circle."""
    hover = Markup("<title>{}</title>").format(title) if title else ""
    return Markup('<circle class="{}" cx="{}" cy="{}" r="{}">{}</circle>').format(
        kind, number(x), number(y), number(radius), hover
    )


def number(value: float) -> str:
    """A coordinate with one decimal at most.

    >>> number(3.0), number(2.345), number(-0.01)
    ('3', '2.3', '0')
    """
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text
