"""What each column looks like, real beside synthetic: a few numbers for a chart.

Internal material: bins and labels come from the real table. What may not happen here: more than
forty numbers per series, or a label in a representation.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from understudy.evaluate.columns import Column

BINS = 24
LEVELS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Distribution:
    """Shares of a column's bins or labels in the real and the synthetic table.

    Parameters
    ----------
    column, kind
        Its name and kind.
    labels
        Labels of a category, the most frequent real ones first; empty for numbers.
    edges
        Bin edges, one more than shares; the outer bins hold what lies beyond. Seconds since 1970
        for moments; empty for categories.
    real, synthetic
        Shares of all rows of each table.
    other
        Shares (real, synthetic) of labels that are not shown.
    missing
        Shares (real, synthetic) of missing cells.
    """

    column: str
    kind: str
    labels: tuple[str, ...] = field(default=(), repr=False)
    edges: tuple[float, ...] = field(default=(), repr=False)
    real: tuple[float, ...] = field(repr=False)
    synthetic: tuple[float, ...] = field(repr=False)
    other: tuple[float, float] = (0.0, 0.0)
    missing: tuple[float, float] = (0.0, 0.0)

    def to_json(self) -> dict[str, Any]:
        """Return JSON's types."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Distribution:
        """Rebuild from `to_json`."""
        plain: dict[str, Any] = {
            key: tuple(item) if isinstance(item, list) else item for key, item in data.items()
        }
        return cls(**plain)


def distribution(column: Column) -> Distribution:
    """Summarise one column of the real training and the synthetic table.

    >>> from understudy.evaluate.columns import Column
    >>> column = Column(name="a", kind="categorical", levels=("x", "y"), real_levels=2,
    ...                 train=np.array([0, 0, 1, -1]), holdout=None, synthetic=np.array([1, 1]))
    >>> shown = distribution(column)
    >>> shown.labels, shown.real, shown.synthetic, shown.missing
    (('x', 'y'), (0.5, 0.25), (0.0, 1.0), (0.25, 0.0))
    """
    if column.is_category:
        return _of_labels(column)
    edges = bin_edges(column.train, whole=column.whole)
    return Distribution(
        column=column.name,
        kind=column.kind,
        edges=tuple(float(edge) for edge in edges),
        real=_binned(column.train, edges),
        synthetic=_binned(column.synthetic, edges),
        missing=(_missing(column.train), _missing(column.synthetic)),
    )


def bin_edges(real: NDArray[np.float64], *, whole: bool) -> NDArray[np.float64]:
    """Equal bins over the middle 99 % of the real values; whole numbers get whole widths.

    >>> bin_edges(np.array([1.0, 2.0, 3.0]), whole=True).tolist()
    [0.5, 1.5, 2.5, 3.5]
    """
    known = real[~np.isnan(real)]
    if known.size == 0:
        return np.array([0.0, 1.0])
    low, high = np.quantile(known, [0.005, 0.995], method="nearest")
    if whole and high - low < 1e15:
        width = max(1.0, np.ceil((high - low + 1) / BINS))
        count = int(np.ceil((high - low + 1) / width))
        return np.asarray(low - 0.5 + width * np.arange(count + 1))
    if high <= low:
        return np.array([low - 0.5, low + 0.5])
    return np.linspace(low, high, BINS + 1)


def _of_labels(column: Column) -> Distribution:
    """Shares of the most frequent labels; unseen synthetic labels count as other."""
    shown = min(LEVELS, column.real_levels)
    cells = len(column.levels) + 1
    real = np.bincount(column.train + 1, minlength=cells) / column.train.size
    synthetic = np.bincount(column.synthetic + 1, minlength=cells) / column.synthetic.size
    return Distribution(
        column=column.name,
        kind=column.kind,
        labels=column.levels[:shown],
        real=tuple(float(share) for share in real[1 : shown + 1]),
        synthetic=tuple(float(share) for share in synthetic[1 : shown + 1]),
        other=(float(real[shown + 1 :].sum()), float(synthetic[shown + 1 :].sum())),
        missing=(float(real[0]), float(synthetic[0])),
    )


def _binned(values: NDArray[np.float64], edges: NDArray[np.float64]) -> tuple[float, ...]:
    """Share of all rows in each bin, what lies beyond in the outer ones."""
    known = values[~np.isnan(values)]
    place = np.clip(np.searchsorted(edges, known, side="right") - 1, 0, edges.size - 2)
    counts = np.bincount(place, minlength=edges.size - 1)
    return tuple(float(count) for count in counts / values.size)


def _missing(values: NDArray[np.float64]) -> float:
    """Share of missing cells."""
    return float(np.isnan(values).mean())
