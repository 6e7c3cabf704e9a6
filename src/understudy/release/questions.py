"""The questions an evaluation answers, in the order people ask them, and which figure leads each.

A group that is not named here follows the others under its own name, led by its first figure
with anchors: a new metric appears by itself. What may not happen here: a value.
"""

from __future__ import annotations

from dataclasses import dataclass

from understudy.release.internal import InternalFigure


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A question, the groups of figures that answer it, and the figures that lead, best first.

    `short` names it beside a bar, `text` asks it.
    """

    key: str
    short: str
    text: str
    groups: tuple[str, ...]
    leads: tuple[str, ...]


QUESTIONS = (
    Question(
        key="pairs",
        short="Two columns together",
        text="Do tables of two columns come out right?",
        groups=(),
        leads=("tvd_2way", "pair_trends"),
    ),
    Question(
        key="marginals",
        short="Three columns together",
        text="Do tables of three columns come out right, rare combinations included?",
        groups=("marginals",),
        leads=("tvd_3way", "workload_error", "k_marginal"),
    ),
    Question(
        key="task",
        short="Predicting",
        text="Do models that learned from it work on real rows?",
        groups=("task",),
        leads=("tstr_auc", "tstr_r2"),
    ),
    Question(
        key="statistics",
        short="Official statistics",
        text="Do regressions, totals and tables lead to the same conclusions?",
        groups=("statistics",),
        leads=("ci_overlap",),
    ),
    Question(
        key="distinguishability",
        short="Looking real",
        text="Can a program tell its rows from real ones?",
        groups=("distinguishability",),
        leads=("c2st_boosted", "pmse_cart"),
    ),
    Question(
        key="rankings",
        short="Ranking models",
        text="Does it rank models as real rows do?",
        groups=("rankings",),
        leads=("sra",),
    ),
    Question(
        key="subgroups",
        short="The worst-served group",
        text="Who is served worst?",
        groups=("subgroups",),
        leads=("worst_subgroup_auc", "worst_subgroup_r2"),
    ),
    Question(
        key="rules",
        short="Rules",
        text="Are there rows that cannot exist?",
        groups=("rules",),
        leads=("rules",),
    ),
    Question(
        key="shapes",
        short="Single columns",
        text="Is each column by itself right?",
        groups=("shapes",),
        leads=("tvd_1way", "shapes"),
    ),
)


def standing(figure: InternalFigure) -> tuple[float, str] | None:
    """How far a figure has come from independent columns to real rows.

    Parameters
    ----------
    figure
        One with an anchor of independent columns.

    Returns
    -------
    tuple or None
        The part of the way, 0 at independent columns and 1 at the end; below 0 and above 1 for
        what is worse and better than the two. The end is `real rows` (the holdout) where there
        is one, else `identical`. None where independent columns do as well as the end, so that
        there is no way to go.

    >>> from understudy.release.internal import InternalAnchors
    >>> figure = InternalFigure(key="k", title="t", group="marginals", value=0.3, better="lower",
    ...                         anchors=InternalAnchors(holdout=0.1, independent=0.5))
    >>> standing(figure)[0]
    0.5
    """
    floor = figure.anchors.independent
    end = figure.anchors.holdout
    name = "real rows"
    if end is None:
        end, name = figure.target, "identical"
    if floor is None or end is None:
        return None
    value, low, high = (_goodness(figure, one) for one in (figure.value, floor, end))
    if high - low <= _SMALLEST_WAY * max(abs(high), abs(low), 1e-9):
        return None
    return (value - low) / (high - low), name


_SMALLEST_WAY = 0.01
"""An anchor this near the other, relative to its size, leaves no way to go."""


def _goodness(figure: InternalFigure, value: float) -> float:
    """A value so that more is better."""
    if figure.better == "near":
        return -abs(value - (figure.target or 0.0))
    return value if figure.better == "higher" else -value


def lead_of(question: Question, figures: tuple[InternalFigure, ...]) -> list[InternalFigure]:
    """The figures that lead a question: one, or one for each target; empty without any.

    Figures whose way from independent columns to real rows is defined come before others. A
    group's other figures lead only where none of those named was measured.
    """
    named = [[one for one in figures if one.key == key] for key in question.leads]
    found = [some for some in named if some]
    if not found:
        found = [[one] for one in figures if one.group in question.groups]
    found.sort(key=lambda some: standing(some[0]) is None)
    return found[0] if found else []
