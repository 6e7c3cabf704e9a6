"""The worst-served sub-population: headline figures group by group.

A table can be right on average and wrong for the few. Every group of the declared columns is
measured by itself, on as many rows of the synthetic table as of the holdout, and the group that
lies furthest behind the holdout's own figure for that group is named. What may not happen here:
a group judged by its size alone, or left out in silence.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluate import chart
from understudy.evaluate.apart.pooled import fewer_columns, pile
from understudy.evaluate.apart.propensity import logistic_propensity
from understudy.evaluate.fidelity.marginals import (
    Coded,
    NumberLevels,
    coded,
    distances,
    number_levels,
)
from understudy.evaluate.fidelity.shapes import (
    complements_of_labels,
    complements_of_numbers,
    ordered,
)
from understudy.evaluate.figure import Anchors, Figure, Measured, Metric, Settings, Skipped
from understudy.evaluate.groups import FEW_LEVELS, MOST_COLUMNS, columns_of_groups, members_of
from understudy.evaluate.intervals import jackknife

if TYPE_CHECKING:
    from collections.abc import Sequence

    from understudy.evaluate.columns import Column, Tables

REFERENCE = "the figure of the whole table, measured in every group by itself"
FEWEST = 50
MOST_ROWS = 2_000
QUICK_ROWS = 500
MOST_GROUPS = 20
MEASURED_COLUMNS = 25
_PARTS = 10
_NAMES = ("tvd_2way", "shapes", "pmse_logistic")
_TITLES = {
    "tvd_2way": "2-way marginals of the worst-served group",
    "shapes": "Column shapes of the worst-served group",
    "pmse_logistic": "pMSE ratio of the worst-served group",
    "share": "Size of the worst-kept group",
}
_MEANINGS = {
    "tvd_2way": "Mean distance of the 2-way marginals within a group.",
    "shapes": "How alike single columns are within a group.",
    "pmse_logistic": "How much more a logistic regression finds between real and synthetic rows of "
    "a group than between two real samples.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """One table's figures for a group, with 95 % intervals where there are any."""

    values: dict[str, float]
    intervals: dict[str, tuple[float, float] | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """A sub-population: where its rows are in each table, and how it is served."""

    column: str
    label: str
    rows: dict[str, NDArray[np.intp]] = field(repr=False)
    compared: int = 0
    served: dict[str, Served] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`column = label`."""
        return f"{self.column} = {self.label}"


def kept_share(real: float, other: float) -> float:
    """How well a group's share of the rows is kept: the smaller over the larger share, 0 to 1.

    >>> kept_share(0.2, 0.1), kept_share(0.1, 0.2), kept_share(0.0, 0.0)
    (0.5, 0.5, 1.0)
    """
    return 1.0 if real == other else min(real, other) / max(real, other)


def groups_in(tables: Tables, name: str) -> list[Group]:
    """Groups of a column with at least fifty real training rows, the largest first."""
    column = tables.column(name)
    if column is None:
        return []
    parts = {"train": column.train, "synthetic": column.synthetic}
    if column.holdout is not None:
        parts["holdout"] = column.holdout
    codes = {part: members_of(column, values) for part, values in parts.items()}
    labels = codes["train"][1]
    sizes = np.bincount(codes["train"][0][codes["train"][0] >= 0], minlength=len(labels))
    order = [int(at) for at in np.argsort(-sizes, kind="stable") if sizes[at] >= FEWEST]
    return [
        Group(
            column=name,
            label=labels[at],
            rows={part: np.nonzero(member == at)[0] for part, (member, _) in codes.items()},
        )
        for at in order
    ]


def measure_subgroups(tables: Tables, settings: Settings, rng: np.random.Generator) -> Measured:
    """Headline figures of the worst-served group of every column of groups."""
    from understudy.evaluate.task.models import quiet_single_threaded

    skipped: list[Skipped] = []
    names = columns_of_groups(tables.columns, settings.subgroups)
    if not names:
        reason = (
            "no column of sub-populations is declared and none has two to "
            f"{FEW_LEVELS} labels in the real training table"
        )
        return Measured(skipped=(_skip("subgroups", "Sub-populations", reason),))
    groups = _candidates(tables, names, skipped)
    if not groups:
        return Measured(skipped=tuple(skipped))
    most = QUICK_ROWS if settings.quick else MOST_ROWS
    tables = fewer_columns(tables, MEASURED_COLUMNS)
    levels = _levels_of(tables)
    judged: list[Group] = []
    with quiet_single_threaded():
        for group in groups:
            rows = min(most, *(places.size for places in group.rows.values()))
            if rows < FEWEST:
                reason = f"fewer than {FEWEST} rows in the synthetic table or the holdout"
                skipped.append(_skip("subgroups", group.name, reason))
                continue
            judged.append(_judged(group, tables, levels, rows, rng))
    chosen = "declared" if settings.subgroups else _RULE
    figures = [_share(groups, tables, chosen)]
    for key in _NAMES if judged else ():
        known = [group for group in judged if key in group.served["synthetic"].values]
        if known:
            figures.append(_worst(key, known, tables, chosen))
        else:
            reason = "too few columns besides the group's own"
            skipped.append(_skip(f"subgroup_{key}", _TITLES[key], reason))
    charts = {"subgroups": _chart(judged)} if len(figures) > 1 else {}
    return Measured(figures=tuple(figures), skipped=tuple(skipped), charts=charts)


def _candidates(tables: Tables, names: Sequence[str], skipped: list[Skipped]) -> list[Group]:
    """Groups of every column, the largest first; columns without two groups are said."""
    groups: list[Group] = []
    for name in names:
        found = groups_in(tables, name)
        if len(found) < 2:
            reason = "not among the compared columns"
            if tables.column(name) is not None:
                reason = f"fewer than two of its groups have {FEWEST} real training rows"
            skipped.append(_skip("subgroups", name, reason))
            continue
        groups += found[: MOST_GROUPS // len(names)]
    return groups


_RULE = (
    f"none were declared: up to {MOST_COLUMNS} columns of two to {FEW_LEVELS} real labels, the "
    "fewest labels first"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Levels:
    """Every column of every table as levels, to take a group's rows from."""

    columns: Sequence[Column] = field(repr=False)
    parts: dict[str, Coded] = field(repr=False)

    def at(self, part: str, kept: Sequence[int], places: Sequence[NDArray[np.intp]]) -> Coded:
        """Some columns of a part, each at places of its own."""
        held = self.parts[part]
        codes = (held.columns[i][at] for i, at in zip(kept, places, strict=True))
        return Coded(columns=tuple(codes), sizes=tuple(held.sizes[i] for i in kept))


def _levels_of(tables: Tables) -> _Levels:
    """Levels of all tables; those of real rows once for all synthetic tables."""
    columns = tables.columns
    names = [name for name in ("train", "holdout") if _has(tables, name)]

    def real() -> tuple[list[NumberLevels | None], dict[str, Coded]]:
        cuts = [None if c.is_category else number_levels(c.train) for c in columns]
        return cuts, {n: coded(columns, cuts, [getattr(c, n) for c in columns]) for n in names}

    cuts, parts = tables.once("subgroup levels", real)
    made = coded(columns, cuts, [c.synthetic for c in columns])
    return _Levels(columns=columns, parts={**parts, "synthetic": made})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ours:
    """A group's real rows: what every table's rows of that group are compared with."""

    group: Group
    levels: _Levels
    kept: tuple[int, ...]
    narrowed: tuple[Column, ...] = field(repr=False)
    coded: Coded = field(repr=False)
    ordered: tuple[NDArray[np.float64] | None, ...] = field(repr=False)


def _ours(group: Group, levels: _Levels) -> _Ours:
    """Every column but the group's own, on the group's real rows."""
    places, columns = group.rows["train"], levels.columns
    kept = tuple(i for i, one in enumerate(columns) if one.name != group.column)
    narrowed = tuple(replace(columns[i], train=columns[i].train[places]) for i in kept)
    return _Ours(
        group=group,
        levels=levels,
        kept=kept,
        narrowed=narrowed,
        coded=levels.at("train", kept, [places] * len(kept)),
        ordered=tuple(None if one.is_category else ordered(one.train) for one in narrowed),
    )


def _judged(
    group: Group, tables: Tables, levels: _Levels, rows: int, rng: np.random.Generator
) -> Group:
    """A group with the figures of the synthetic table and of its anchors, at equal rows."""
    key = ("subgroups", group.column, group.label, rows)
    ours = _ours(group, levels)

    def anchor(name: str) -> Served:
        return tables.once(
            (*key, name), lambda: _served(ours, name, rows, tables.generator((key, name)))
        )

    served = {"synthetic": _served(ours, "synthetic", rows, rng)}
    served |= {name: anchor(name) for name in ("holdout", "independent") if _has(tables, name)}
    return replace(group, compared=rows, served=served)


def _has(tables: Tables, name: str) -> bool:
    """Whether an anchor can be measured."""
    return name != "holdout" or tables.has_holdout


def _served(ours: _Ours, name: str, rows: int, rng: np.random.Generator) -> Served:
    """Figures of one table for a group: every column but the group's own."""
    kept, levels = ours.kept, ours.levels
    if not kept:
        return Served(values={})
    part = "train" if name == "independent" else name
    if name == "independent":
        places = [rng.choice(levels.parts[part].rows, rows) for _ in kept]
    else:
        places = [rng.choice(ours.group.rows[name], rows, replace=False)] * len(kept)
    made = levels.at(part, kept, places)
    other = [getattr(levels.columns[i], part)[at] for i, at in zip(kept, places, strict=True)]
    shape, leave = _shapes(ours, made, other)
    values = {"shapes": shape}
    spans = {"shapes": jackknife(shape, leave)}
    if len(kept) > 1:
        pairs = [(i, j) for i in range(len(kept)) for j in range(i)]
        each, left_out = distances(ours.coded, made, pairs)
        values["tvd_2way"] = float(each.mean())
        spans["tvd_2way"] = jackknife(values["tvd_2way"], left_out)
    take = min(rows, ours.coded.rows)
    pooled = pile(ours.narrowed, other, take, rng)
    ratio = logistic_propensity(pooled.one_hot, pooled.other)
    values["pmse_logistic"], spans["pmse_logistic"] = ratio.ratio, ratio.interval
    return Served(values=values, intervals=spans)


def _shapes(
    ours: _Ours, made: Coded, other: Sequence[NDArray[Any]]
) -> tuple[float, NDArray[np.float64]]:
    """Mean similarity of single columns, and with each tenth of the other rows left out."""
    fold = np.arange(made.rows) % _PARTS
    totals: list[NDArray[np.float64]] = []
    for at, (known, theirs) in enumerate(zip(ours.ordered, other, strict=True)):
        if known is None:
            size = made.sizes[at]
            real = np.bincount(ours.coded.columns[at], minlength=size)
            scores = complements_of_labels(real[1:], made.columns[at] - 1, fold, _PARTS)
        else:
            scores = complements_of_numbers(known, theirs, fold, _PARTS)
        if not np.isnan(scores).any():
            totals.append(scores)
    means = np.mean(totals, axis=0) if totals else np.zeros(_PARTS + 1)
    return float(means[0]), np.asarray(means[1:])


def _behind(group: Group, key: str) -> float:
    """How far a group's figure lies behind its holdout's; without a holdout, how bad it is."""
    sign = -1.0 if key == "shapes" else 1.0
    held = group.served.get("holdout")
    start = held.values[key] if held is not None else 0.0
    return sign * (group.served["synthetic"].values[key] - start)


def _worst(key: str, known: Sequence[Group], tables: Tables, chosen: str) -> Figure:
    """The figure of the group that is served worst."""
    worst = max(known, key=lambda group: _behind(group, key))
    ours = worst.served["synthetic"]
    anchors = {name: one.values[key] for name, one in worst.served.items() if name != "synthetic"}
    against = "the holdout's own figure for that group" if tables.has_holdout else "nothing"
    return Figure(
        key=f"subgroup_{key}",
        title=_TITLES[key],
        group="subgroups",
        value=ours.values[key],
        better="higher" if key == "shapes" else "lower",
        target={"shapes": 1.0, "tvd_2way": 0.0, "pmse_logistic": 1.0}[key],
        interval=ours.intervals[key],
        anchors=Anchors(**anchors),
        unit="× null" if key == "pmse_logistic" else "",
        explanation=(
            f"{_MEANINGS[key]} Of {len(known)} groups this is the one furthest behind {against}: "
            f"{worst.name}."
        ),
        reference=REFERENCE,
        detail={
            "worst": worst.name,
            "groups": [
                {
                    "group": group.name,
                    "rows": group.compared,
                    **{name: one.values[key] for name, one in group.served.items()},
                    "interval": group.served["synthetic"].intervals[key],
                }
                for group in sorted(known, key=lambda group: -_behind(group, key))
            ],
            "chosen": chosen,
            "columns": {"compared": len(tables.columns), "of": len(tables.plans)},
            "interval": "the draw of rows; the worst of several groups looks worse than it is, "
            "which is not in it",
        },
    )


def _share(groups: Sequence[Group], tables: Tables, chosen: str) -> Figure:
    """How well the sizes of groups are kept, for the group that is kept worst."""

    def share(group: Group, name: str) -> float:
        return group.rows[name].size / tables.sampled[name]

    kept = {g.name: kept_share(share(g, "train"), share(g, "synthetic")) for g in groups}
    worst = min(groups, key=lambda group: kept[group.name])
    held = None
    if tables.has_holdout:
        held = min(kept_share(share(g, "train"), share(g, "holdout")) for g in groups)
    real, ours = share(worst, "train"), share(worst, "synthetic")
    error = 1.959964 * float(
        np.sqrt(
            (1 - real) / (real * tables.sampled["train"])
            + (1 - ours) / max(ours * tables.sampled["synthetic"], 1.0)
        )
    )
    value = kept[worst.name]
    return Figure(
        key="subgroup_share",
        title=_TITLES["share"],
        group="subgroups",
        value=value,
        better="higher",
        target=1.0,
        interval=(value * float(np.exp(-error)), min(1.0, value * float(np.exp(error)))),
        anchors=Anchors(holdout=held, independent=1.0),
        explanation=(
            "A group's share of the synthetic and of the real rows, the smaller over the larger, "
            f"for the group where they differ most: {worst.name}."
        ),
        reference="ratio of shares of a group",
        detail={
            "worst": worst.name,
            "groups": [
                {
                    "group": group.name,
                    "real": share(group, "train"),
                    "synthetic": share(group, "synthetic"),
                }
                for group in groups
            ],
            "chosen": chosen,
            "interval": "logarithm of the ratio of two shares, normal approximation",
        },
    )


def _chart(judged: Sequence[Group]) -> dict[str, Any]:
    """The 2-way distance of every group beside the holdout's."""
    key = "tvd_2way" if "tvd_2way" in judged[0].served["synthetic"].values else "shapes"
    rows = []
    for group in sorted(judged, key=lambda group: -_behind(group, key)):
        points: dict[str, tuple[float, float | None, float | None]] = {}
        for name, one in group.served.items():
            low, high = one.intervals[key] or (None, None)
            points[name] = (one.values[key], low, high)
        rows.append((f"{group.name} ({group.compared} rows)", points))
    return chart.intervals(
        title="How every group is served",
        group="subgroups",
        rows=rows,
        about=(
            "Distance of the 2-way marginals within a group at equal rows, worst-served first: "
            "small groups are further off by chance, for the holdout too."
            if key == "tvd_2way"
            else "Similarity of single columns within a group at equal rows, worst-served first."
        ),
    )


def _skip(key: str, title: str, reason: str) -> Skipped:
    """A group or column that is not judged."""
    return Skipped(key=key, title=title, group="subgroups", reason=reason)


SUBGROUPS = Metric(
    key="subgroups",
    title="Sub-populations",
    group="subgroups",
    measure=measure_subgroups,
    weight=2.0,
)
