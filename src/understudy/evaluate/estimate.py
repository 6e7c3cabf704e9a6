"""How long an evaluation will take, said before it begins.

A metric's weight is about the seconds it takes on 24,000 rows of 15 columns on two quiet cores;
nothing is looked at but the sizes. What may not happen here: a look at rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from understudy.evaluate.figure import Comparison, Metric

ROWS, COLUMNS = 24_000, 15
MOST_ROWS = 30_000
"""Above so many rows almost everything works on samples."""
QUICK = 0.13
"""Share of the full time that a quick evaluation takes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """Rows that are looked at, columns, synthetic tables and targets."""

    rows: int
    columns: int
    tables: int = 1
    targets: int = 0


def estimate(
    metrics: Sequence[Metric], comparisons: Sequence[Comparison], size: Size, *, quick: bool = False
) -> float:
    """Seconds that measuring will take; right within a factor of two or three.

    Parameters
    ----------
    metrics, comparisons
        What will be measured.
    size
        How much there is.
    quick
        Whether the quick evaluation was asked for.

    >>> estimate((), (), Size(rows=24_000, columns=15))
    1.0
    """
    scale = max(0.05, min(size.rows, MOST_ROWS) / ROWS) * max(0.2, size.columns / COLUMNS)
    seconds = 0.0
    for metric in metrics:
        times = size.tables * (size.targets if metric.per_target else 1)
        seconds += metric.weight * times
    if size.tables > 1:
        seconds += sum(comparison.weight for comparison in comparisons)
    return 1.0 + seconds * scale * (QUICK if quick else 1.0)


def tell_seconds(seconds: float) -> str:
    """Seconds in words, no finer than they are known.

    >>> [tell_seconds(seconds) for seconds in (0.4, 7.2, 43, 200)]
    ['1 s', '7 s', '45 s', '3 min']
    """
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 90:
        return f"{5 * round(seconds / 5)} s"
    return f"{round(seconds / 60)} min"
