"""NIST's k-marginal score: how alike two tables look in every small set of columns, 0 to 1000.

Every set of k columns is a histogram; the score is 1000 less 500 times the mean absolute
difference of the two histograms (as shares of their tables), so that 1000 says identical and 0
says no overlap. Numbers that are named are cut into twentieths of the real ranks, as NIST's report
does; every other cell, null marks too, is a level. The score is computed on real rows and belongs
to the internal evidence. What may not happen here: a column read as anything but its text, unless
it was named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.errors import InputError
from understudy.evaluate.tallies import joint, tally, total_variation

if TYPE_CHECKING:
    import pyarrow as pa

MOST_COLUMNS = 5
_NUMBER = "\0number"
Codes = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class KMarginal:
    """A k-marginal score.

    Parameters
    ----------
    score
        0 (no overlap) to 1000 (identical), the mean over all sets of k columns.
    columns
        The mean over the sets that hold a column, for every column.
    """

    score: float
    columns: dict[str, float]


def k_marginal(
    real: pa.Table,
    synthetic: pa.Table,
    *,
    k: int = 3,
    numbers: Sequence[str] = (),
    bins: int = 20,
) -> KMarginal:
    """Score a synthetic table against a real one by all marginals of k columns.

    Parameters
    ----------
    real
        Real rows, at least one; its columns are the ones scored.
    synthetic
        Rows to score, at least one; columns in any order.
    k
        Columns a marginal has, 1 to 5 and at most as many as there are. NIST's text speaks of
        three: two features within every area; its report falls back to two features where the
        table names no area.
    numbers
        Columns cut into `bins` by the ranks of their real values; cells that are no number stay
        levels.
    bins
        2 to 1,000.

    Returns
    -------
    KMarginal
        Computed on real rows: handle as personal data.

    Raises
    ------
    InputError
        A table is empty, a column is missing, or `k` or `bins` is out of range.

    References
    ----------
    C. Task, K. Bhagat, G. S. Howarth, "SDNist v2: deidentified data report tool", NIST, 2023;
    S. Pogodin, PPAI 2022.

    >>> import pyarrow as pa
    >>> real = pa.table({"a": ["x", "x", "y", "y"], "b": ["1", "1", "2", "2"]})
    >>> other = pa.table({"a": ["x", "x", "y", "y"], "b": ["1", "2", "1", "2"]})
    >>> k_marginal(real, real, k=2).score, k_marginal(real, other, k=2).score
    (1000.0, 500.0)
    """
    names = list(real.column_names)
    if not 1 <= k <= min(MOST_COLUMNS, len(names)):
        raise InputError(
            f"k must lie in 1 to {MOST_COLUMNS} and not exceed the columns", k=k, columns=len(names)
        )
    if not 2 <= bins <= 1_000:
        raise InputError("bins must lie in 2 to 1,000", bins=bins)
    if not real.num_rows or not synthetic.num_rows:
        raise InputError("a k-marginal score needs rows in both tables")
    missing = [name for name in names if name not in synthetic.column_names]
    missing += [name for name in numbers if name not in names]
    if missing:
        raise InputError("a column to score is missing", columns=missing)
    pairs = {
        name: _codes(real[name], synthetic[name], bins if name in numbers else 0) for name in names
    }
    sums, held = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0)
    total = sets = 0.0
    for members in combinations(names, k):
        score = 1000.0 * (1.0 - _distance([pairs[name] for name in members]))
        total, sets = total + score, sets + 1
        for name in members:
            sums[name], held[name] = sums[name] + score, held[name] + 1
    return KMarginal(score=total / sets, columns={name: sums[name] / held[name] for name in names})


def _distance(members: Sequence[tuple[Codes, Codes]]) -> float:
    """Total variation distance of one marginal."""
    rows = members[0][0].size
    both = [np.concatenate(pair) for pair in members]
    flat, cells = joint(both, [int(codes.max()) + 1 for codes in both])
    return total_variation(*tally([flat[:rows], flat[rows:]], cells))


def _codes(real: Any, synthetic: Any, bins: int) -> tuple[Codes, Codes]:
    """Levels of one column in both tables: its cells' text, or twentieths and what is no number."""
    one, other = _texts(real), _texts(synthetic)
    if bins:
        left, right = _numbers(one), _numbers(other)
        edges, within = bin_edges(left[~np.isnan(left)], bins), np.array([_NUMBER], dtype=object)
        one = np.where(np.isnan(left), one, within)
        other = np.where(np.isnan(right), other, within)
    _, codes = np.unique(np.concatenate([one, other]), return_inverse=True)
    if bins:
        known = np.nan_to_num(np.concatenate([left, right]))
        codes = codes * bins + np.where(
            np.isnan(np.concatenate([left, right])), 0, np.searchsorted(edges, known, side="left")
        )
    codes = codes.astype(np.int64)
    return codes[: one.size], codes[one.size :]


def _texts(column: Any) -> NDArray[np.object_]:
    """Cells as text; a null is empty text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pc.fill_null(pc.cast(column, pa.string()), "")
    return np.asarray(text.to_numpy(zero_copy_only=False), dtype=object)


def _numbers(texts: NDArray[np.object_]) -> NDArray[np.float64]:
    """Cells as numbers; what is none becomes NaN."""
    found = np.full(texts.size, np.nan)
    for text in np.unique(texts.astype(str)):
        try:
            value = float(text)
        except ValueError:
            continue
        if np.isfinite(value):
            found[texts == text] = value
    return found


def bin_edges(values: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """Largest real value of every bin but the last; ranks of ties are averaged."""
    distinct, counts = np.unique(values, return_counts=True)
    if not distinct.size:
        return np.empty(0)
    ranks = (np.cumsum(counts) - counts + (counts + 1) / 2) / values.size
    places = np.minimum((bins * ranks).astype(np.int64), bins - 1)
    ends = np.flatnonzero(np.diff(places))
    return np.asarray(distinct[ends], dtype=np.float64)
