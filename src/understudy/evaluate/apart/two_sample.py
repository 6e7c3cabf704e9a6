"""Classifier two-sample tests: a model that never saw a row says which table it is from.

The area under the ROC curve of a linear and of a boosted-tree classifier, trained and tested on
different rows; 0.5 says that they cannot tell. A linear classifier alone is blind to how columns
go together. The columns that give the table away are found by dropping the one that helps the
trees most, again and again until the rest is indistinguishable, so that a column hidden behind
another is named too. What may not happen here: reading cells.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluate import chart
from understudy.evaluate.apart.logistic import fit_logistic
from understudy.evaluate.apart.pooled import (
    FEWEST,
    MOST_COLUMNS,
    Pile,
    arrays_of,
    compared_rows,
    fewer_columns,
    pile,
    rows_each,
)
from understudy.evaluate.figure import Anchors, Figure, Measured, Metric, Settings, Skipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from understudy.evaluate.columns import Tables

REFERENCE = (
    "D. Lopez-Paz, M. Oquab, Revisiting classifier two-sample tests, ICLR 2017; interval of "
    "E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988), widened for "
    "cross-fitting as C. Nadeau, Y. Bengio, Machine Learning 52 (2003)"
)
ROWS = 5_000
QUICK_ROWS = 2_000
FOLDS = 3
ROUNDS = 60
MOST_DROPPED = 5
_Z = 1.959964
_POINTS = 60
_PREDICTIONS = 60_000
_TITLES = {"c2st_linear": "C2ST, linear", "c2st_boosted": "C2ST, boosted trees"}
_NOTHING_FOUND = 0.01
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Separation:
    """How well a classifier tells two tables apart on rows it was not trained on.

    Parameters
    ----------
    auc
        Between 0 and 1; 0.5 for a coin.
    interval
        95 %: DeLong's over the tested rows, widened because the models of the folds share rows.
    roc
        Two rows of equal length: share of real rows wrongly and of other rows rightly named.
    drops
        Fall of the first fold's AUC when the values of a column are shuffled in the tested rows;
        empty if not asked for.
    """

    auc: float
    interval: tuple[float, float]
    roc: Floats = field(repr=False)
    drops: Floats = field(default_factory=lambda: np.empty(0), repr=False)


def auc_of_folds(scores: Sequence[Floats], other: Sequence[NDArray[np.bool_]]) -> Separation:
    """Area under the ROC curve, rows ranked within their fold only.

    Parameters
    ----------
    scores, other
        Score, and whether the row is of the other table, per fold of tested rows.

    >>> found = auc_of_folds([np.array([0.1, 0.4, 0.35, 0.8])],
    ...                      [np.array([False, False, True, True])])
    >>> found.auc
    0.75
    """
    hits: list[Floats] = []
    misses: list[Floats] = []
    for score, truth in zip(scores, other, strict=True):
        yes, no = np.sort(score[truth]), np.sort(score[~truth])
        if yes.size == 0 or no.size == 0:
            continue
        hits.append(_placements(score[truth], no))
        misses.append(1.0 - _placements(score[~truth], yes))
    if not hits:
        return Separation(auc=0.5, interval=(0.0, 1.0), roc=np.array([[0.0, 1.0], [0.0, 1.0]]))
    above, below = np.concatenate(hits), np.concatenate(misses)
    value = float(above.mean())
    variance = _variance(above) / above.size + _variance(below) / below.size
    half = _Z * float(np.sqrt(variance))
    return Separation(
        auc=value,
        interval=(value - half, value + half),
        roc=_roc(scores, other),
    )


def separation(
    matrix: NDArray[np.float32],
    other: NDArray[np.bool_],
    fit: Any,
    *,
    folds: int = FOLDS,
    owners: NDArray[np.intp] | None = None,
    rng: np.random.Generator,
) -> Separation:
    """Cross-fit a classifier and measure it.

    Parameters
    ----------
    matrix
        Rows x features, in random order.
    other
        Whether a row comes from the other table.
    fit
        `fit(matrix, other)` returns a function from features to scores.
    folds
        At least 2; every row is scored by a model trained on the other folds.
    owners
        Column that each feature belongs to, to measure what each column gives away.
    rng
        Shuffles columns.
    """
    fold = np.arange(len(other)) % folds
    columns = 0 if owners is None else int(owners.max()) + 1
    scores, truth = [], []
    drops = np.zeros(columns)
    for held in range(folds):
        model = fit(matrix[fold != held], other[fold != held])
        test = matrix[fold == held]
        scores.append(model(test))
        truth.append(other[fold == held])
        if held:
            continue
        some = min(len(test), max(300, _PREDICTIONS // max(1, columns)))
        part, told = test[:some], [truth[0][:some]]
        whole = auc_of_folds([scores[0][:some]], told).auc
        order = rng.permutation(some)
        for column in range(columns):
            broken = part.copy()
            broken[:, owners == column] = part[order][:, owners == column]
            drops[column] = whole - auc_of_folds([model(broken)], told).auc
    found = auc_of_folds(scores, truth)
    half = (found.interval[1] - found.auc) * float(np.sqrt(1.0 + folds / (folds - 1)))
    return Separation(
        auc=found.auc,
        interval=(max(0.0, found.auc - half), min(1.0, found.auc + half)),
        roc=found.roc,
        drops=drops,
    )


def linear(matrix: NDArray[np.float32], other: NDArray[np.bool_]) -> Any:
    """Fit a logistic regression with a small ridge; returns the scoring function."""
    return fit_logistic(matrix, other, ridge=1.0).probabilities


def boosted(matrix: NDArray[np.float32], other: NDArray[np.bool_]) -> Any:
    """Fit boosted trees of binned features; returns the scoring function."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=ROUNDS, learning_rate=0.15, max_leaf_nodes=15, early_stopping=False,
        random_state=0,
    ).fit(matrix, other)  # fmt: skip
    return lambda rows: np.asarray(model.decision_function(rows), dtype=np.float64)


def giveaways(
    part: Pile, first: Separation, rng: np.random.Generator, *, most: int = MOST_DROPPED
) -> list[tuple[int, float]]:
    """Columns that give a table away, the most telling first, with the AUC of the rest.

    Parameters
    ----------
    part
        Rows of both tables.
    first
        What the trees find with every column, and each column's part in it.
    rng
        Shuffles columns.
    most
        Most columns to drop, one training each.

    Returns
    -------
    list
        (position of the column, AUC without it and those before it).
    """
    left = np.ones(part.ordinal.shape[1], dtype=bool)
    owners = part.owners[1]
    found: list[tuple[int, float]] = []
    now = first
    while len(found) < most and now.interval[0] > 0.5 + _NOTHING_FOUND:
        remaining = np.unique(owners[left])
        worst = int(remaining[np.argmax(now.drops)])
        left &= owners != worst
        if not left.any():
            found.append((worst, 0.5))
            break
        last = len(found) + 1 == most
        ranks = None if last else np.searchsorted(np.unique(owners[left]), owners[left])
        now = separation(part.ordinal[:, left], part.other, boosted, folds=2, owners=ranks, rng=rng)
        found.append((worst, now.auc))
    return found


def measure_two_sample(tables: Tables, settings: Settings, rng: np.random.Generator) -> Measured:
    """AUC of both classifiers with their anchors, the curves, and the telling columns."""
    from understudy.evaluate.task.models import quiet_single_threaded

    tables = fewer_columns(tables, MOST_COLUMNS)
    rows = rows_each(tables, QUICK_ROWS if settings.quick else ROWS)
    if not tables.columns:
        return Measured(skipped=_skip("no comparable column"))
    if rows < FEWEST:
        return Measured(skipped=_skip(f"fewer than {FEWEST} rows in one of the tables"))
    with quiet_single_threaded():
        part = pile(tables.columns, arrays_of(tables, "synthetic", rng), rows, rng)
        ours = _both(part, settings, rng, importance=True)
        anchors = {
            name: _anchor(tables, name, rows, settings)
            for name in ("holdout", "independent")
            if name != "holdout" or tables.has_holdout
        }
        most = 1 if settings.quick else MOST_DROPPED
        dropped = giveaways(part, ours["c2st_boosted"], rng, most=most)
    names = [column.name for column in tables.columns]
    telling = [
        {"column": names[place], "auc_of_the_rest": round(value, 4)} for place, value in dropped
    ]
    counts = compared_rows(tables, rows)
    figures = tuple(
        _figure(
            ours[key], {n: one[key] for n, one in anchors.items()}, counts, key=key, extra=extra
        )
        for key, extra in (
            ("c2st_linear", {}),
            (
                "c2st_boosted",
                {
                    "columns_that_give_it_away": telling,
                    "auc_lost_when_shuffled": {
                        name: float(drop)
                        for name, drop in zip(names, ours["c2st_boosted"].drops, strict=True)
                    },
                },
            ),
        )
    )
    return Measured(figures=figures, charts=_charts(ours, anchors, telling))


def _both(
    part: Pile, settings: Settings, rng: np.random.Generator, *, importance: bool = False
) -> dict[str, Separation]:
    """Both classifiers on one pile."""
    folds = 2 if settings.quick else FOLDS
    return {
        "c2st_linear": separation(part.one_hot, part.other, linear, folds=folds, rng=rng),
        "c2st_boosted": separation(
            part.ordinal,
            part.other,
            boosted,
            folds=folds,
            owners=part.owners[1] if importance else None,
            rng=rng,
        ),
    }


def _anchor(tables: Tables, name: str, rows: int, settings: Settings) -> dict[str, Separation]:
    """Both classifiers on an anchor, once for all synthetic tables of one size."""
    key = ("two_sample", name, rows, settings.quick)

    def make() -> dict[str, Separation]:
        rng = tables.generator(key)
        return _both(pile(tables.columns, arrays_of(tables, name, rng), rows, rng), settings, rng)

    return tables.once(key, make)


def _figure(
    ours: Separation,
    anchors: dict[str, Separation],
    rows: dict[str, int],
    *,
    key: str,
    extra: dict[str, Any],
) -> Figure:
    """The AUC of one classifier."""
    sees = (
        "on every column by itself, blind to how columns go together"
        if key == "c2st_linear"
        else "that also sees how columns go together"
    )
    return Figure(
        key=key,
        title=_TITLES[key],
        group="distinguishability",
        value=ours.auc,
        better="lower",
        target=0.5,
        interval=ours.interval,
        anchors=Anchors(**{name: one.auc for name, one in anchors.items()}),
        explanation=(
            f"How often a classifier {sees} ranks a synthetic row as more synthetic than a real "
            "one: 0.5 is a coin's, 1 says that every row betrays itself. Below 0.5 the same rows "
            "occur in both tables."
        ),
        reference=REFERENCE,
        detail={
            "rows": rows,
            "interval": "DeLong, over the tested rows, variance times 1 + folds / (folds - 1) for "
            "models that share training rows",
            **extra,
        },
    )


def _charts(
    ours: dict[str, Separation],
    anchors: dict[str, dict[str, Separation]],
    telling: list[dict[str, Any]],
) -> dict[str, Any]:
    """ROC curves of the boosted trees, and what is left when telling columns are dropped."""
    curves = {"synthetic": ours["c2st_boosted"]}
    curves |= {name: one["c2st_boosted"] for name, one in anchors.items()}
    curves["synthetic, linear"] = ours["c2st_linear"]
    found: dict[str, Any] = {
        "c2st_roc": chart.lines(
            title="Telling the tables apart: ROC curves",
            group="distinguishability",
            x="real rows taken for synthetic",
            y="synthetic rows found",
            series={
                name: {"x": one.roc[0].tolist(), "y": one.roc[1].tolist()}
                for name, one in curves.items()
            },
            about="On the diagonal a classifier does no better than a coin.",
            diagonal=True,
        )
    }
    if telling:
        start = ours["c2st_boosted"]
        found["giveaways"] = chart.intervals(
            title="Columns that give the table away",
            group="distinguishability",
            rows=[
                ("all columns", {"synthetic": (start.auc, *start.interval)}),
                *(
                    (
                        f"without {one['column']}",
                        {"synthetic": (one["auc_of_the_rest"], None, None)},
                    )
                    for one in telling
                ),
            ],
            about=(
                "AUC of boosted trees when the most telling column is dropped, then the next "
                "beside it; at 0.5 nothing is left to tell by."
            ),
            zero=0.5,
        )
    return found


def _placements(scores: Floats, sorted_others: Floats) -> Floats:
    """Share of the others below each score, ties for half."""
    below = np.searchsorted(sorted_others, scores, side="left")
    up_to = np.searchsorted(sorted_others, scores, side="right")
    return np.asarray((below + up_to) / (2.0 * sorted_others.size))


def _variance(values: Floats) -> float:
    """Variance of a sample, 0 for a single value."""
    return float(values.var(ddof=1)) if values.size > 1 else 0.0


def _roc(scores: Sequence[Floats], other: Sequence[NDArray[np.bool_]]) -> Floats:
    """Mean curve of the folds at sixty shares of false alarms."""
    at = np.concatenate([[0.0], np.linspace(0.0, 1.0, _POINTS)])
    curves = []
    for score, truth in zip(scores, other, strict=True):
        if truth.all() or not truth.any():
            continue
        yes, no = np.sort(score[truth]), np.sort(score[~truth])
        limits = np.unique(score)[::-1]
        alarms = np.append(0.0, 1.0 - np.searchsorted(no, limits, side="left") / no.size)
        found = np.append(0.0, 1.0 - np.searchsorted(yes, limits, side="left") / yes.size)
        curves.append(np.interp(at[1:], alarms, found))
    return np.vstack([at, np.append(0.0, np.mean(curves, axis=0))])


def _skip(reason: str) -> tuple[Skipped, ...]:
    """Both figures, skipped for one reason."""
    return tuple(
        Skipped(key=key, title=title, group="distinguishability", reason=reason)
        for key, title in _TITLES.items()
    )


TWO_SAMPLE = Metric(
    key="two_sample",
    title="Two-sample tests",
    group="distinguishability",
    measure=measure_two_sample,
    weight=3.5,
)
