"""The trade-off between false alarms and recognised members, as a curve.

What may not happen here: a point that is not in the evidence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.report.spelling import spell_share
from understudy.report.svg import dot, draw, line, words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from markupsafe import Markup

    from understudy.release.label import AttackBound


def draw_trade_off(bound: AttackBound) -> Markup:
    """Draw recognised members over false alarms: the bound, and guessing as its floor."""
    left, top, size = 44.0, 24.0, 220.0

    def at(rate: float, caught: float) -> tuple[float, float]:
        return left + size * rate, top + size * (1 - caught)

    curve = [at(rate, caught) for rate, caught in bound.curve]
    reach = [at(0, 0), *curve, at(1, 1)]
    parts = [
        line([at(0, 0), at(0, 1), at(1, 1), at(1, 0)], kind="frame", closed=True),
        line([*reach, at(1, 1)], kind="region", closed=True),
        line([at(0, 0), at(1, 1)], kind="guess"),
        line(curve, kind="bound"),
    ]
    for rate, text, anchor in ((0.0, "0", "start"), (0.5, "50 %", "middle"), (1.0, "100 %", "end")):
        x, y = at(rate, 0)
        parts.append(words(x, y + 15, text, kind="quiet", anchor=anchor))
        if rate:
            x, y = at(0, rate)
            parts.append(words(x - 6, y + 4, text, kind="quiet", anchor="end"))
    parts.append(words(left + size, top + size + 30, "false alarms →", kind="quiet", anchor="end"))
    parts.append(words(left - 34, top - 11, "↑ members recognised", kind="quiet"))
    x, y = at(0.73, 0.64)
    parts.append(words(x, y, "guessing", kind="quiet"))
    parts += _mark(bound, at)
    label = f"Bound on any attacker: {bound.sentence}"
    return draw(left + size + 8, top + size + 34, parts, label=label, kind="trade-off")


def draw_audit(
    claim: Sequence[tuple[float, float]],
    shown: Sequence[tuple[float, float]],
    points: Sequence[tuple[float, float, str]],
    *,
    label: str,
) -> Markup:
    """Draw what a claim allows, what was shown, and the rates an attacker reached.

    Parameters
    ----------
    claim, shown
        Curves of recognised members over false alarms, each from 0 to 1; `shown` may be empty.
    points
        False alarms, recognised canaries, and on which tables.
    label
        For readers that see no drawing.
    """
    left, top, size = 44.0, 24.0, 260.0

    def at(rate: float, caught: float) -> tuple[float, float]:
        return left + size * rate, top + size * (1 - caught)

    curve = [at(rate, caught) for rate, caught in claim]
    parts = [
        line([at(0, 0), at(0, 1), at(1, 1), at(1, 0)], kind="frame", closed=True),
        line([at(0, 0), *curve, at(1, 1), at(1, 1)], kind="region", closed=True),
        line([at(0, 0), at(1, 1)], kind="frame"),
        line(curve, kind="bound"),
    ]
    if shown:
        parts.append(line([at(rate, caught) for rate, caught in shown], kind="guess"))
    for rate, text, anchor in ((0.0, "0", "start"), (0.5, "50 %", "middle"), (1.0, "100 %", "end")):
        x, y = at(rate, 0)
        parts.append(words(x, y + 15, text, kind="quiet", anchor=anchor))
        if rate:
            x, y = at(0, rate)
            parts.append(words(x - 6, y + 4, text, kind="quiet", anchor="end"))
    parts.append(words(left + size, top + size + 30, "false alarms →", kind="quiet", anchor="end"))
    parts.append(words(left - 34, top - 11, "↑ canaries recognised", kind="quiet"))
    for rate, caught, tables in points:
        x, y = at(rate, caught)
        parts.append(dot(x, y, 4, kind="mark", title=tables))
    return draw(left + size + 8, top + size + 34, parts, label=label, kind="trade-off")


def _mark(bound: AttackBound, at: Callable[[float, float], tuple[float, float]]) -> list[Markup]:
    """The point at 1 % false alarms with its numbers, where they do not hide the curve."""
    for point in bound.caught:
        if abs(point.false_positives - 0.01) < 1e-9:
            x, y = at(point.false_positives, point.caught)
            low = point.caught < 0.55
            across, above = at(0.3, 0.07) if low else at(0.12, max(0.3, point.caught - 0.2))
            text = f"at 1 %: {spell_share(point.caught)}"
            return [
                line([(x, y), (across - 4, above - 4)], kind="frame"),
                dot(x, y, 4, kind="mark"),
                words(across, above, text, kind="strong"),
            ]
    return []
