"""Features for models: one encoding, fitted on the real training table, used for every table.

Linear models and naive Bayes get standardised numbers and one-hot labels; trees get numbers and
ordinal codes. A missing number becomes the real median and an indicator. What may not happen
here: fitting on the synthetic table or the holdout, or reading the target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from understudy.evaluate.columns import Column

ONE_HOT_LEVELS = 30
Matrix = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberEncoding:
    """A number: fill for missing, centre and scale, and whether missing is told apart."""

    fill: float
    centre: float
    scale: float
    indicator: bool

    def one_hot(self, values: NDArray[Any]) -> Matrix:
        """Standardised value, and the indicator if missing occurred."""
        return self._columns((self._filled(values) - self.centre) / self.scale, values)

    def ordinal(self, values: NDArray[Any]) -> Matrix:
        """Value as it is, and the indicator."""
        return self._columns(self._filled(values), values)

    def _filled(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Values with missing ones at the real median."""
        return np.where(np.isnan(values), self.fill, values)

    def _columns(self, filled: NDArray[np.float64], values: NDArray[Any]) -> Matrix:
        """One or two columns, within float32."""
        bounded = np.clip(filled, -1e30, 1e30).astype(np.float32)
        if not self.indicator:
            return bounded[:, None]
        return np.column_stack([bounded, np.isnan(values).astype(np.float32)])


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelEncoding:
    """A label: the most frequent levels get a column each, the others share one."""

    kept: int
    levels: int

    def one_hot(self, codes: NDArray[Any]) -> Matrix:
        """One column per kept level; the next is for rarer and unseen levels; missing is zeros."""
        matrix = np.zeros((codes.size, self.kept + 1), dtype=np.float32)
        known = np.nonzero(codes >= 0)[0]
        matrix[known, np.minimum(codes[known], self.kept)] = 1.0
        return matrix

    def ordinal(self, codes: NDArray[Any]) -> Matrix:
        """The rank of the level by real frequency; unseen ones together; missing is -1."""
        return np.asarray(np.minimum(codes, self.levels)[:, None], dtype=np.float32)


Encoding = NumberEncoding | LabelEncoding


def fit_encoding(column: Column, most: int = ONE_HOT_LEVELS) -> Encoding:
    """Fit the encoding of one column on its real training values.

    Parameters
    ----------
    column
        The column.
    most
        Most labels with a column of their own; never more than 30.
    """
    if column.is_category:
        return LabelEncoding(
            kept=min(ONE_HOT_LEVELS, most, column.real_levels), levels=column.real_levels
        )
    known = column.train[~np.isnan(column.train)]
    if known.size == 0:
        return NumberEncoding(fill=0.0, centre=0.0, scale=1.0, indicator=False)
    return NumberEncoding(
        fill=float(np.median(known)),
        centre=float(known.mean()),
        scale=float(known.std()) or 1.0,
        indicator=known.size < column.train.size,
    )


def features(
    encodings: Sequence[Encoding], arrays: Sequence[NDArray[Any]], *, one_hot: bool
) -> Matrix:
    """Encode one table: float32, one row per row.

    Parameters
    ----------
    encodings
        One per column.
    arrays
        The table's values of the same columns.
    one_hot
        True for linear models and naive Bayes, False for trees.
    """
    parts = [
        encoding.one_hot(values) if one_hot else encoding.ordinal(values)
        for encoding, values in zip(encodings, arrays, strict=True)
    ]
    return np.concatenate(parts, axis=1)
