"""Tables: the joint distribution of some columns, within groups where groups are named.

What may not happen here: reading cells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from understudy.evaluate.purposes.answer import Answer, answered, broken_down
from understudy.evaluate.reading import (
    Classes,
    Codes,
    Floats,
    Groups,
    classes_of,
    groups_of,
    parts_of,
)
from understudy.evaluate.tallies import joint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from understudy.evaluate.columns import Tables
    from understudy.schema import TablePurpose


def answer_table(purpose: TablePurpose, tables: Tables, rng: np.random.Generator) -> Answer:
    """The largest distance over all tables and groups of a purpose."""
    parts = parts_of(tables, purpose.columns_named, rng)
    classes = {
        name: classes_of(parts, name, bins=purpose.bins, cuts=purpose.edges(name))
        for name in purpose.columns_named
    }
    groups = groups_of(parts, {name: classes[name] for name in purpose.by}, fewest=purpose.fewest)
    found = {
        part: [_distances(classes, groups, table, part) for table in purpose.tables]
        for part in parts.others
    }
    worst = {
        part: {
            "tvd": max(float(tvd.max()) for tvd, _ in values),
            "cell_share": max(float(cell.max()) for _, cell in values),
        }
        for part, values in found.items()
    }
    lines = [
        (" × ".join(table), groups.names[at], float(tvd[at]), float(cell[at]))
        for table, (tvd, cell) in zip(purpose.tables, found["synthetic"], strict=True)
        for at in range(groups.size)
    ]
    lines.sort(key=lambda line: -line[2])
    return answered(
        purpose,
        worst["synthetic"],
        holdout=worst.get("holdout"),
        independent=worst.get("independent"),
        anchor=parts.anchor,
        breakdown=broken_down(("Table", "Group", "TVD", "Largest cell difference"), lines),
    )


def _distances(
    classes: Mapping[str, Classes], groups: Groups, table: Sequence[str], part: str
) -> tuple[Floats, Floats]:
    """Distance and largest difference of a cell in every group."""
    return conditional_distances(
        [classes[name].codes["train"] for name in table],
        [classes[name].codes[part] for name in table],
        [classes[name].size for name in table],
        (groups.codes["train"], groups.codes[part], groups.size),
    )


def conditional_distances(
    real: Sequence[Codes],
    other: Sequence[Codes],
    sizes: Sequence[int],
    groups: tuple[Codes, Codes, int],
) -> tuple[Floats, Floats]:
    """Total variation distance and largest difference of a cell's share, within each group.

    Parameters
    ----------
    real, other
        Codes of the table's columns in two tables.
    sizes
        Classes of each column.
    groups
        Group of each row in both tables (-1 for none), and how many groups there are.

    Returns
    -------
    tuple
        Two arrays, one entry per group; 1 where the other table has no row of a group.

    >>> tvd, cell = conditional_distances([np.array([0, 0, 1, 1])], [np.array([0, 1, 1, 1])], [2],
    ...     (np.zeros(4, int), np.zeros(4, int), 1))
    >>> tvd.tolist(), cell.tolist()
    ([0.25], [0.25])
    """
    first, second, count = groups
    flat, _ = joint([np.concatenate(pair) for pair in zip(real, other, strict=True)], sizes)
    _, flat = np.unique(flat, return_inverse=True)
    cells = int(flat.max(initial=0)) + 1
    grouped = np.concatenate([first, second])
    keys, places = np.unique((grouped * cells + flat)[grouped >= 0], return_inverse=True)
    split = int((first >= 0).sum())
    group = keys // cells
    shares = []
    for part in (places[:split], places[split:]):
        counts = np.bincount(part, minlength=keys.size)
        whole = np.bincount(group, weights=counts, minlength=count)
        with np.errstate(invalid="ignore", divide="ignore"):
            shares.append(counts / whole[group])
    apart = np.abs(shares[0] - shares[1])
    tvd = 0.5 * np.bincount(group, weights=apart, minlength=count)
    lost = np.isnan(tvd)
    largest = np.zeros(count)
    np.maximum.at(largest, group, np.nan_to_num(apart))
    return np.where(lost, 1.0, tvd), np.where(lost, 1.0, largest)
