"""What a task is predicted from: columns on merged levels, by what was paid for alone.

What may not happen here: a question to a curator, or a cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from understudy.curator import LabelCells, Merged, NumberCells
from understudy.prepare.attributes import Attribute
from understudy.prepare.learn import Prepared

MOST_LABELS = 64
"""Labels of a column with a level of their own."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Input:
    """One column on merged levels.

    Parameters
    ----------
    attribute
        The column.
    into
        Level of every fine code, shape `(encoding.size,)`.
    """

    attribute: Attribute
    into: npt.NDArray[np.int64]

    @property
    def levels(self) -> int:
        """Number of levels."""
        return int(self.into.max()) + 1

    @property
    def encoding(self) -> Merged:
        """What the curator counts: the column on its levels."""
        return Merged(base=self.attribute.encoding, into=tuple(self.into.tolist()))

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """Share of rows on every level."""
        told = np.bincount(self.into, weights=self.attribute.shares, minlength=self.levels)
        return told.astype(np.float64)

    @property
    def silent(self) -> npt.NDArray[np.bool_]:
        """Fine codes that say nothing: labels and marks that nobody was seen to have."""
        quiet = self.attribute.counts <= 0
        encoding = self.attribute.encoding
        if isinstance(encoding, NumberCells):
            quiet[: encoding.cells] = False
        return np.asarray(quiet)

    @property
    def names(self) -> list[str]:
        """A readable name of every level."""
        fine = self.attribute.names()
        parts: list[list[str]] = [[] for _ in range(self.levels)]
        for level, name, quiet in zip(self.into.tolist(), fine, self.silent, strict=True):
            if not quiet:
                parts[level].append(name)
        return [_joined(part, ordered=self.attribute.ordered) for part in parts]


def inputs_of(prepared: Prepared, target: str, *, bins: int, least: float) -> tuple[Input, ...]:
    """Columns a target is predicted from: not itself, nor stand-ins.

    Parameters
    ----------
    prepared
        What was learned about columns.
    target
        The column that is predicted.
    bins
        Most levels of a number, 2 or more.
    least
        Share of rows below which a label does not get a level of its own.
    """
    return tuple(
        Input(attribute=item, into=_merged(item, bins, least))
        for item in prepared.attributes
        if item.name != target and item.standin is None
    )


def _merged(item: Attribute, bins: int, least: float) -> npt.NDArray[np.int64]:
    """Levels of one column, numbered without gaps."""
    labels = isinstance(item.encoding, LabelCells) and not item.ordered
    into = item.merge(MOST_LABELS if labels else bins, least=least)
    return np.asarray(np.unique(into, return_inverse=True)[1], dtype=np.int64)


def _joined(names: list[str], *, ordered: bool) -> str:
    """The name of a level that has taken some codes together.

    >>> _joined(["17 to 24", "25", "26 to 30"], ordered=True), _joined(["a", "b"], ordered=False)
    ('17 to 30', 'a, b')
    """
    if not names:
        return "(nobody)"
    if len(names) == 1:
        return names[0]
    if ordered:
        line = [name for name in names if not name.startswith("(")]
        low, high = (line or names)[0], (line or names)[-1]
        span = low if low == high else f"{low.split(' to ')[0]} to {high.split(' to ')[-1]}"
        return span if len(line) == len(names) else f"{span}, {', '.join(set(names) - set(line))}"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
