"""As good as how many real rows: the share of the real table that a random sample needs.

Samples of the holdout, each half as large as the one before, are measured as the synthetic table
is, until one does worse. Defined where a figure grows with the rows it is computed on: not for
what compares equal numbers of rows, where any real sample is as good as real. What may not happen
here: a sample that is not random.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from understudy.evaluate.columns import Tables

FEWEST = 25
"""Fewest rows of a sample that is measured."""


def as_good_as(
    loss: float, held: float, loss_of: Callable[[int], float], *, rows: int, of: int
) -> float:
    """Share of the real rows whose random sample loses as much as a table does.

    Parameters
    ----------
    loss
        What the table in question loses, at least 0; 0 would be perfect.
    held
        What the whole holdout loses.
    loss_of
        What the first so many rows of the holdout lose, its rows being in random order.
    rows, of
        Rows of the holdout and of the training table.

    Returns
    -------
    float
        Rows of a sample over those of the training table, at most 1. Between two sizes the loss
        is taken to be a power of the size. The smallest share measured where even that loses
        less.

    >>> as_good_as(0.1, 0.01, lambda rows: rows ** -0.5, rows=10_000, of=10_000)
    0.01
    """
    if loss <= held:
        return min(1.0, rows / of)
    size, nearer = rows, held
    while size >= 2 * FEWEST:
        smaller = size // 2
        farther = loss_of(smaller)
        if farther >= loss > nearer > 0:
            part = np.log(loss / nearer) / np.log(farther / nearer)
            return min(1.0, round(float(size * (smaller / size) ** part) / of, 9))
        if farther > loss:
            return min(1.0, size / of)
        size, nearer = smaller, farther
    return min(1.0, size / of)


def order_of(tables: Tables) -> NDArray[np.intp]:
    """The rows of the holdout in one random order for all synthetic tables."""
    return tables.generator("subsample").permutation(tables.sampled["holdout"])


def share_as_good(
    tables: Tables,
    key: object,
    value: float,
    held: float | None,
    score_of: Callable[[NDArray[np.intp]], float],
) -> float | None:
    """The same for a score whose best is 1; None without a holdout, or where rows were sampled.

    Parameters
    ----------
    tables
        Whose holdout is sampled; what samples reach is measured once for all synthetic tables.
    key
        Names the score.
    value, held
        That of the synthetic table and of the whole holdout.
    score_of
        That of some rows of the holdout.
    """
    if held is None or not tables.has_holdout or tables.is_sampled:
        return None
    order = order_of(tables)

    def loss_of(rows: int) -> float:
        return 1.0 - tables.once(("subsample", key, rows), lambda: score_of(order[:rows]))

    return as_good_as(
        1.0 - value,
        1.0 - held,
        loss_of,
        rows=tables.sampled["holdout"],
        of=tables.sampled["train"],
    )
