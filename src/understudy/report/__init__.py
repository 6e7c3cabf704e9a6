"""Pages for people: evidence in, one self-contained HTML file out.

What may not happen here: a statistic. A page shows the numbers that evidence holds; the only
arithmetic is where a mark goes and how a number is spelled. No script, no font, no picture and no
style is fetched: a page carries everything and its own policy forbids the rest.
"""

from __future__ import annotations

from understudy.report.render import (
    render_attacks,
    render_evaluation,
    render_frontier,
    render_internal,
    render_plan,
    render_public,
    render_study,
)

__all__ = [
    "render_attacks",
    "render_evaluation",
    "render_frontier",
    "render_internal",
    "render_plan",
    "render_public",
    "render_study",
]
