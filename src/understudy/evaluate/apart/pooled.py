"""Real and other rows in one pile with a label each, for telling the tables apart.

Every pile holds as many rows of the one table as of the other, and the piles of a report (the
synthetic table, the holdout, independent columns) are of one size, so that figures compare. What
may not happen here: a model, or reading cells.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluate.task.encoding import LabelEncoding, features, fit_encoding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from understudy.evaluate.columns import Column, Tables

FEWEST = 50
MOST_COLUMNS = 150
_FEATURES = 600
Matrix = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pile:
    """Rows of two tables, encoded on the real one, in random order.

    Parameters
    ----------
    one_hot, ordinal
        Features of linear models and of trees, one row per row.
    owners
        Position of the column that each feature of `one_hot` and of `ordinal` belongs to.
    other
        Whether a row comes from the other table.
    labels
        Which columns are labels.
    """

    one_hot: Matrix = field(repr=False)
    ordinal: Matrix = field(repr=False)
    owners: tuple[NDArray[np.intp], NDArray[np.intp]] = field(repr=False)
    other: NDArray[np.bool_] = field(repr=False)
    labels: tuple[bool, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of both tables together."""
        return int(self.other.size)


def fewer_columns(tables: Tables, most: int) -> Tables:
    """The tables with a random `most` of their columns, the same for every synthetic table."""
    count = len(tables.columns)
    if count <= most:
        return tables
    chosen = tables.generator(("columns", most)).choice(count, most, replace=False)
    return replace(tables, columns=tuple(tables.columns[at] for at in sorted(chosen)))


def rows_each(tables: Tables, most: int) -> int:
    """Rows that every table of a comparison can give, at most `most`."""
    sizes = [tables.sampled[name] for name in ("train", "holdout", "synthetic")]
    return min(most, *(size for size in sizes if size > 0))


def compared_rows(tables: Tables, each: int) -> dict[str, int]:
    """How many rows of each table, and columns, are compared, of how many there are."""
    return {
        "of_each_table": each,
        "train": tables.rows["train"],
        "synthetic": tables.rows["synthetic"],
        "columns": len(tables.columns),
        "of_columns": len(tables.plans),
    }


def arrays_of(
    tables: Tables, name: str, rng: np.random.Generator | None = None
) -> Sequence[NDArray[Any]]:
    """Columns of a table by name: `train`, `holdout`, `synthetic` or `independent`."""
    if name == "independent":
        return tables.shuffled(rng if rng is not None else tables.generator("independent"))
    return [getattr(column, name) for column in tables.columns]


def pile(
    columns: Sequence[Column],
    other: Sequence[NDArray[Any]],
    rows: int,
    rng: np.random.Generator,
) -> Pile:
    """Put as many random training rows and random rows of another table together.

    Parameters
    ----------
    columns
        At least one column.
    other
        The other table's values of the same columns.
    rows
        Rows of each table, at most what both have.
    rng
        Draws the rows and their order.
    """
    kept = max(1, _FEATURES // len(columns) - 1)
    encodings = [fit_encoding(column) for column in columns]
    encodings = [
        replace(one, kept=min(one.kept, kept)) if isinstance(one, LabelEncoding) else one
        for one in encodings
    ]
    ours = rng.choice(len(columns[0].train), rows, replace=False)
    theirs = rng.choice(len(other[0]), rows, replace=False)
    order = rng.permutation(2 * rows)
    arrays = [
        np.concatenate([column.train[ours], values[theirs]])[order]
        for column, values in zip(columns, other, strict=True)
    ]
    parts = [
        [features([encoding], [values], one_hot=one_hot) for encoding, values in zip(
            encodings, arrays, strict=True)]
        for one_hot in (True, False)
    ]  # fmt: skip
    owners = tuple(np.repeat(np.arange(len(columns)), [p.shape[1] for p in of]) for of in parts)
    return Pile(
        one_hot=np.concatenate(parts[0], axis=1),
        ordinal=np.concatenate(parts[1], axis=1),
        owners=(owners[0], owners[1]),
        other=(np.arange(2 * rows) >= rows)[order],
        labels=tuple(column.is_category for column in columns),
    )


def compact(part: Pile, most: int) -> Matrix | None:
    """The features that vary most: one of every column at least, `most` at most.

    One label of a column is left out, because the others tell it. None if there are more
    columns than `most`, or none that varies.
    """
    spread = part.one_hot.std(axis=0)
    firsts: list[int] = []
    others: list[int] = []
    for owner in np.unique(part.owners[0]):
        mine = np.nonzero((part.owners[0] == owner) & (spread > 0))[0]
        if mine.size == 0:
            continue
        ranked = mine[np.argsort(-spread[mine], kind="stable")]
        firsts.append(int(ranked[0]))
        others += [int(place) for place in (ranked[1:-1] if part.labels[owner] else ranked[1:])]
    if not firsts or len(firsts) > most:
        return None
    others.sort(key=lambda place: -float(spread[place]))
    return part.one_hot[:, sorted(firsts + others[: most - len(firsts)])]


def with_products(matrix: Matrix) -> NDArray[np.float64]:
    """Standardised features and the products of every two of them.

    >>> with_products(np.array([[0.0, 1.0], [2.0, 3.0]], dtype=np.float32)).tolist()
    [[-1.0, -1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    wide = matrix.astype(np.float64)
    spread = wide.std(axis=0)
    wide = (wide - wide.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    wide = np.clip(wide, -8.0, 8.0)
    first, second = np.triu_indices(wide.shape[1], k=1)
    return np.concatenate([wide, wide[:, first] * wide[:, second]], axis=1)
