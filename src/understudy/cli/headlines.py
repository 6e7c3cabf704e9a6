"""Headline figures on a terminal: of one table with its anchors, of several side by side.

What may not happen here: a figure that is not called internal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from understudy.cli.console import facts, head, spell, table

if TYPE_CHECKING:
    from understudy.release.internal import InternalEvidence
    from understudy.release.judged import EvaluationEvidence

_INTERNAL = "INTERNAL, computed on real rows without noise: keep these figures where the data is"
_WIDEST = 44


def headline_table(internal: InternalEvidence) -> None:
    """The headline figures with their anchors, marked as internal."""
    by_key = {figure.key: figure for figure in internal.figures}
    named: list[Any] = [by_key[key] for key in internal.headline if key in by_key]
    if not named:
        return
    head(_INTERNAL)
    table(
        ("figure", "better", "independent", "synthetic", "real holdout"),
        [
            (
                _short(figure.title),
                figure.better,
                spell(figure.anchors.independent),
                spell(figure.value),
                spell(figure.anchors.holdout),
            )
            for figure in named
        ],
        right=(2, 3, 4),
    )
    if internal.smoke is not None:
        facts((("memorisation", internal.smoke.text),))
    if internal.attacks is not None:
        facts((("attacks", internal.attacks.text),))


def headlines_beside(judged: EvaluationEvidence) -> None:
    """The headline figures of several tables side by side, between their anchors."""
    first = judged.tables[0].evidence
    head(_INTERNAL)
    rows = []
    for key in dict.fromkeys(key for one in judged.tables for key in one.evidence.headline):
        found = [
            next((figure for figure in one.evidence.figures if figure.key == key), None)
            for one in judged.tables
        ]
        known = next((figure for figure in found if figure is not None), None)
        if known is not None:
            rows.append(
                (
                    _short(known.title),
                    known.better,
                    spell(known.anchors.independent),
                    *(spell(None if figure is None else figure.value) for figure in found),
                    spell(known.anchors.holdout),
                )
            )
    names = [one.name for one in judged.tables]
    table(
        ("figure", "better", "independent", *names, "real holdout"),
        rows,
        right=tuple(range(2, 4 + len(names))),
    )
    if first.smoke is not None:
        facts(
            (f"memorisation, {one.name}", one.evidence.smoke.text)
            for one in judged.tables
            if one.evidence.smoke is not None
        )


def _short(title: str) -> str:
    """A title that stays on its line: a long formula is cut, the report has all of it.

    >>> _short("Overlap of intervals: income ~ relationship + occupation")
    'Overlap of intervals: income ~ relationship…'
    """
    return title if len(title) <= _WIDEST else f"{title[: _WIDEST - 1].rstrip(' +~')}…"
