"""Means, medians and shares of a variable in every subgroup.

What may not happen here: reading cells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from understudy.evaluate.purposes.answer import Answer, answered, broken_down
from understudy.evaluate.reading import (
    Codes,
    Floats,
    classes_of,
    groups_of,
    numbers,
    parts_of,
    yes_or_no,
)

if TYPE_CHECKING:
    from understudy.evaluate.columns import Tables
    from understudy.schema import SubgroupPurpose


def answer_subgroup(purpose: SubgroupPurpose, tables: Tables, rng: np.random.Generator) -> Answer:
    """The largest difference of the figure over all groups of a purpose."""
    parts = parts_of(tables, purpose.columns_named, rng)
    column = parts.columns[purpose.variable]
    values = {
        part: yes_or_no(column, arrays[purpose.variable], purpose.equals, purpose.above)
        if purpose.statistic == "share"
        else numbers(column, arrays[purpose.variable])
        for part, arrays in parts.arrays.items()
    }
    by = {
        name: classes_of(parts, name, bins=purpose.bins, cuts=purpose.edges(name))
        for name in purpose.by
    }
    groups = groups_of(parts, by, fewest=purpose.fewest)
    found = {
        part: figure_by_group(
            values[part], groups.codes[part], groups.size, median=purpose.statistic == "median"
        )
        for part in parts.arrays
    }
    real = found["train"]
    judged = ~np.isnan(real)
    worst = {part: _worst(real[judged], found[part][judged]) for part in parts.others}
    order = np.argsort(-np.nan_to_num(np.abs(found["synthetic"] - real), nan=np.inf))
    lines = [
        (groups.names[at], float(real[at]), float(found["synthetic"][at]),
         float(found["synthetic"][at] - real[at]))
        for at in order if judged[at]
    ]  # fmt: skip
    return answered(
        purpose,
        worst["synthetic"],
        holdout=worst.get("holdout"),
        independent=worst.get("independent"),
        anchor=parts.anchor,
        reason="" if judged.all() else "a group without any known value is not judged",
        breakdown=broken_down(("Group", "Real", "Synthetic", "Difference"), lines),
    )


def figure_by_group(values: Floats, groups: Codes, count: int, *, median: bool) -> Floats:
    """Mean or median of the known values of each group, NaN where there are none.

    >>> figure_by_group(np.array([1.0, 3.0, 9.0]), np.array([0, 0, 1]), 3, median=False).tolist()
    [2.0, 9.0, nan]
    """
    known = ~np.isnan(values) & (groups >= 0)
    held, at = values[known], groups[known]
    counts = np.bincount(at, minlength=count)
    if not median:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.bincount(at, weights=held, minlength=count) / counts)
    result = np.full(count, np.nan)
    ends = np.cumsum(counts)
    ordered = held[np.lexsort((held, at))]
    for group in np.flatnonzero(counts):
        result[group] = np.median(ordered[ends[group] - counts[group] : ends[group]])
    return result


def _worst(real: Floats, other: Floats) -> dict[str, float | None]:
    """The largest difference, in the unit and as a part of the real figure; None if one is lost."""
    if real.size == 0 or np.isnan(other).any():
        return {"absolute": None, "relative": None}
    apart = np.abs(other - real)
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = np.where(apart == 0, 0.0, apart / np.abs(real))
    return {"absolute": float(apart.max()), "relative": float(parts.max())}
