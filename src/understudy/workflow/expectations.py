"""What may be said in public about a purpose: what noise alone does to the tables it rests on.

Everything here comes from the model and the charges: the noise of what was counted together, the
rows the model puts into each group. Errors from joining levels, and of tables that were not
counted, are not in these numbers, and the words say so. What may not happen here: a sensitive
table, or an answer that was computed on real rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from understudy.curator import LabelCells, NumberCells
from understudy.prepare.attributes import Attribute
from understudy.release.public import PurposeBound, StatedPurpose
from understudy.schema import (
    ClassifierPurpose,
    Purpose,
    Purposes,
    RegressionPurpose,
    SubgroupPurpose,
    TablePurpose,
)
from understudy.synthesize.model import Model

_MOST_CELLS = 2_000_000
_TWO_SIGMA = 2.0
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


class _NotAssessed(Exception):
    """No expectation follows from charged numbers; the message says why, for everyone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Counted:
    """Columns that were counted together: levels of each, noise of a cell, who paid."""

    levels: dict[str, int]
    sigma: float
    charge: str

    def noise(self, classes: dict[str, int]) -> float:
        """Standard deviation of a cell once levels are summed into so many classes of each column.

        Columns that are not asked for are summed away.
        """
        cells = math.prod(self.levels.values())
        wanted = math.prod(min(self.levels[name], size) for name, size in classes.items())
        return self.sigma * math.sqrt(cells / wanted)


def stated_purposes(
    model: Model, purposes: Purposes, charges: Iterable[str]
) -> tuple[StatedPurpose, ...]:
    """Each purpose with the error that noise alone is expected to make, where that follows.

    Parameters
    ----------
    model
        The fitted model.
    purposes
        What the release is for.
    charges
        Labels of the charges that were made.
    """
    paid = frozenset(charges)
    return tuple(_stated(model, one, paid) for one in purposes.purposes)


def _stated(model: Model, purpose: Purpose, paid: frozenset[str]) -> StatedPurpose:
    """One purpose and what may be said of it."""
    try:
        expected, counted = _expected(model, purpose, paid)
    except _NotAssessed as why:
        return _told(purpose, {}, str(why), ())
    basis = "noise of the counts of " + ", ".join(" × ".join(one.levels) for one in counted[:4])
    if len(counted) > 4:
        basis += f" and {len(counted) - 4} more"
    return _told(purpose, expected, basis, tuple(dict.fromkeys(one.charge for one in counted)))


def _told(
    purpose: Purpose, expected: dict[str, float], basis: str, charges: tuple[str, ...]
) -> StatedPurpose:
    """The public words."""
    bounds = tuple(
        PurposeBound(measure=name, tolerance=bound, expected=expected.get(name))
        for name, bound in purpose.tolerance.given().items()
    )
    holds = all(one.expected is not None and one.expected <= one.tolerance for one in bounds)
    return StatedPurpose(
        name=purpose.name,
        kind=purpose.kind,
        sentence=purpose.sentence,
        weight=purpose.weight,
        note=purpose.note,
        bounds=bounds,
        verdict="not assessed"
        if not expected
        else "expected to hold"
        if holds
        else "not expected to hold",
        basis=basis,
        charges=charges,
    )


def _expected(
    model: Model, purpose: Purpose, paid: frozenset[str]
) -> tuple[dict[str, float], list[_Counted]]:
    """Expected error by measure, and the counts it rests on."""
    if isinstance(purpose, TablePurpose):
        return _of_tables(model, purpose, paid)
    if isinstance(purpose, SubgroupPurpose):
        return _of_subgroups(model, purpose, paid)
    raise _NotAssessed(_coverage(model, purpose, paid))


def _coverage(
    model: Model, purpose: RegressionPurpose | ClassifierPurpose, paid: frozenset[str]
) -> str:
    """How many of the pairs a regression or a classifier rests on were counted."""
    names = [item.name for item in model.attributes if item.standin is None]
    pairs = [clique for clique, _ in purpose.margins(names) if len(clique) == 2]
    found = sum(any(_known(model, pair, paid)) for pair in pairs)
    which = "outcome" if isinstance(purpose, RegressionPurpose) else "target"
    return (
        f"what noise does to a {purpose.kind} does not follow from counts alone; {found} of "
        f"{len(pairs)} pairs of {which} and predictor were counted"
    )


def _of_tables(
    model: Model, purpose: TablePurpose, paid: frozenset[str]
) -> tuple[dict[str, float], list[_Counted]]:
    """The largest expected distance over all tables and groups.

    The mean absolute value of a normal deviation is √(2/π)·σ, and the distance is half the sum
    over cells, as a part of the group's rows.
    """
    sizes = {name: _size(model, purpose, name) for name in purpose.columns_named}
    rows = _group_rows(model, purpose)
    fewest = float(rows.min())
    counted, tvd, cell = [], 0.0, 0.0
    for table in purpose.tables:
        columns = (*table, *purpose.by)
        best = _best(model, columns, paid)
        classes = {name: sizes[name] for name in columns}
        noise = best.noise(classes)
        cells = math.prod(min(best.levels[name], sizes[name]) for name in table)
        tvd = max(tvd, min(1.0, 0.5 * cells * math.sqrt(2 / math.pi) * noise / fewest))
        cell = max(cell, min(1.0, _TWO_SIGMA * noise / fewest))
        counted.append(best)
    return {"tvd": tvd, "cell_share": cell}, counted


def _of_subgroups(
    model: Model, purpose: SubgroupPurpose, paid: frozenset[str]
) -> tuple[dict[str, float], list[_Counted]]:
    """Twice the standard deviation of the figure in the group where it is largest."""
    if purpose.statistic == "median":
        raise _NotAssessed("what noise does to a median does not follow from counts alone")
    best = _best(model, purpose.columns_named, paid)
    item = _attribute(model, purpose.variable)
    values = _values(item, purpose)
    known = ~np.isnan(values)
    if not known.any():
        raise _NotAssessed(f"the model knows no numbers of {purpose.variable}")
    table = _joint(model, purpose)
    rows = table.sum(axis=0)
    counts = table[known].sum(axis=0)
    judged = (rows >= purpose.fewest) & (counts > 0)
    if not judged.any():
        raise _NotAssessed("the model puts too few rows into every group")
    counts, table = counts[judged], table[:, judged]
    mean = (values[known] @ table[known]) / counts
    levels = best.levels[purpose.variable]
    points = _representatives(item, values, levels)
    sizes = {name: _size(model, purpose, name) for name in purpose.by}
    noise = best.noise({**sizes, purpose.variable: levels})
    spread = np.sqrt(((points[:, None] - mean[None, :]) ** 2).sum(axis=0))
    error = _TWO_SIGMA * noise * spread / counts
    with np.errstate(divide="ignore"):
        relative = float(np.max(np.where(mean != 0, error / np.abs(mean), np.inf)))
    if not math.isfinite(relative) and purpose.tolerance.relative is not None:
        raise _NotAssessed("the model puts the figure of a group at 0: no part of it is defined")
    return {"absolute": float(error.max()), "relative": relative}, [best]


def _best(model: Model, columns: Sequence[str], paid: frozenset[str]) -> _Counted:
    """The counts that tell most about these columns together."""
    for name in columns:
        _attribute(model, name)
    found = list(_known(model, columns, paid))
    if not found:
        raise _NotAssessed(
            f"{' × '.join(columns)} was not counted together: the model puts it together from "
            "other counts"
        )
    return min(found, key=lambda one: one.sigma * math.sqrt(math.prod(one.levels.values())))


def _known(model: Model, columns: Sequence[str], paid: frozenset[str]) -> Iterator[_Counted]:
    """Every paid count that holds these columns."""
    wanted = set(columns)
    if len(wanted) == 1:
        item = next((one for one in model.attributes if one.name in wanted), None)
        for prefix in ("count of", "labels of"):
            charge = f"{prefix} {columns[0]}"
            if item is not None and charge in paid:
                sigma = float(np.sqrt(item.variances.mean()))
                levels = {item.name: item.encoding.size}
                yield _Counted(levels=levels, sigma=sigma, charge=charge)
    for pair in model.pairs:
        charge = f"count of {' × '.join(pair.columns)}"
        if wanted <= set(pair.columns) and charge in paid:
            levels = dict(zip(pair.columns, pair.levels, strict=True))
            yield _Counted(levels=levels, sigma=pair.sigma, charge=charge)


def _attribute(model: Model, name: str) -> Attribute:
    """A modelled column that is no stand-in."""
    for item in model.attributes:
        if item.name == name:
            if item.standin is not None:
                raise _NotAssessed(f"{name} is replaced by stand-ins")
            return item
    raise _NotAssessed(f"{name} is not modelled")


def _size(model: Model, purpose: TablePurpose | SubgroupPurpose, name: str) -> int:
    """Classes of a column in a purpose, missing among them."""
    item, cuts = _attribute(model, name), purpose.edges(name)
    if isinstance(item.encoding, LabelCells):
        return int(item.encoding.size)
    return len(cuts) + 2 if cuts is not None else purpose.bins + 1


def _group_rows(model: Model, purpose: TablePurpose) -> Floats:
    """Rows the model puts into each judged group."""
    if not purpose.by:
        return np.array([max(model.rows, 1.0)])
    table = _marginal(model, purpose, purpose.by)
    rows = table.ravel()
    rows = rows[rows >= purpose.fewest]
    if not rows.size:
        raise _NotAssessed("the model puts too few rows into every group")
    return rows


def _joint(model: Model, purpose: SubgroupPurpose) -> Floats:
    """Expected rows: fine codes of the variable x groups."""
    fine = _attribute(model, purpose.variable).encoding.size
    return _marginal(model, purpose, (purpose.variable, *purpose.by)).reshape(fine, -1)


def _marginal(
    model: Model, purpose: TablePurpose | SubgroupPurpose, columns: Sequence[str]
) -> Floats:
    """Expected rows over columns: a subgroup's variable at its fine codes, groups as classes."""
    items = [_attribute(model, name) for name in columns]
    parts = getattr(model.codes, "components", None)
    if parts is None or math.prod(item.encoding.size for item in items) > _MOST_CELLS:
        raise _NotAssessed("the model's own table of these columns is too large to look at")
    table: Floats = sum(
        weight * markov.marginal(tuple(columns)).values / max(markov.total, 1e-300)
        for weight, markov in parts()
    )
    table = table * model.rows
    for axis, item in enumerate(items):
        if item.name in purpose.by:
            into = _classes(item, purpose)
            whole = np.zeros((*table.shape[:axis], int(into.max()) + 1, *table.shape[axis + 1 :]))
            np.add.at(whole, (*([slice(None)] * axis), into), table)  # type: ignore[arg-type]
            table = whole
    return table


def _classes(item: Attribute, purpose: TablePurpose | SubgroupPurpose) -> Codes:
    """Class of every fine code of a grouping column; 0 is missing or unreadable."""
    if isinstance(item.encoding, LabelCells):
        return np.arange(item.encoding.size, dtype=np.int64)
    cuts = purpose.edges(item.name)
    if cuts is None:
        return item.merge(purpose.bins).astype(np.int64)
    middles = _middles(item, item.encoding)
    codes = 1 + np.searchsorted(np.asarray(cuts), middles, side="right")
    return np.where(np.isnan(middles), 0, codes).astype(np.int64)


def _middles(item: Attribute, encoding: NumberCells) -> Floats:
    """The number that stands for every fine code, NaN for marks and the unreadable."""
    edges = np.asarray(encoding.edges, dtype=np.float64)
    unit = encoding.reading.unit
    middles = (edges[:-1] + edges[1:] - (1.0 if unit else 0.0)) / 2 * (unit or 1.0)
    return np.append(middles, np.full(item.encoding.size - encoding.cells, np.nan))


def _values(item: Attribute, purpose: SubgroupPurpose) -> Floats:
    """What every fine code of the variable counts for, NaN for missing."""
    encoding = item.encoding
    if isinstance(encoding, NumberCells):
        values = _middles(item, encoding)
    else:
        values = np.array([*(_number(label) for label in encoding.labels), np.nan])
    if purpose.above is not None:
        return np.where(np.isnan(values), np.nan, (values > purpose.above).astype(float))
    if purpose.equals is None:
        return values
    if isinstance(encoding, NumberCells):
        number = _number(purpose.equals)
        return np.where(np.isnan(values), np.nan, (values == number).astype(float))
    flags = [
        np.nan if label is None else float(label == purpose.equals) for label in encoding.labels
    ]
    return np.array([*flags, 0.0])


def _number(text: str | None) -> float:
    """A label as a number, NaN when it is none."""
    try:
        return float(text) if text is not None else math.nan
    except ValueError:
        return math.nan


def _representatives(item: Attribute, values: Floats, levels: int) -> Floats:
    """What every level counts for once fine codes are joined to so many levels."""
    into = item.merge(levels)
    known = ~np.isnan(values)
    weights = np.where(known, item.shares + 1e-12, 0.0)
    total = np.bincount(into, weights=weights)
    held = np.bincount(into, weights=weights * np.nan_to_num(values))
    return held[total > 0] / total[total > 0]
