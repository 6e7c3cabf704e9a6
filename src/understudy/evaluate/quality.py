"""The overall score of the Quality Report: the mean of column shapes and pair trends.

It is here because people compare it across tools, not because one number decides anything. What
may not happen here: measuring again what shapes and pairs have measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from understudy.evaluate.figure import Anchors, Figure

if TYPE_CHECKING:
    from collections.abc import Sequence

REFERENCE = "SDMetrics 0.32 Quality Report, overall score"
_PARTS = ("shapes", "pair_trends")


def overall(figures: Sequence[Figure]) -> Figure | None:
    """Mean of the two properties, or of the one that is defined; None if neither is.

    Parameters
    ----------
    figures
        Figures measured so far.
    """
    parts = [figure for figure in figures if figure.key in _PARTS]
    if not parts:
        return None
    return Figure(
        key="quality",
        title="Quality Report score",
        group="shapes",
        value=float(np.mean([part.value for part in parts])),
        better="higher",
        target=1.0,
        anchors=Anchors(
            holdout=_mean([part.anchors.holdout for part in parts]),
            independent=_mean([part.anchors.independent for part in parts]),
        ),
        explanation=(
            "Mean of column shapes and pair trends, the number SDMetrics prints. Read its two "
            "parts instead, next to their anchors."
        ),
        reference=REFERENCE,
        detail={"parts": {part.key: part.value for part in parts}},
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """Mean of anchors; None unless every part has one."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None
