"""Functional dependencies and impossible combinations: what real rows never do.

Both are found in the real training rows. A dependency is one or two columns that decide a third
(`education` decides `education-num`), exactly or for 99 rows out of 100, where chance would not.
An impossible combination is a pair of labels that never meet although, were the columns
independent, so many rows would hold both that meeting nowhere by chance in any of the cells
searched has a probability below 1 %. The real holdout's own rate says how much of it is chance.
What may not happen here: a rule that somebody declared (that is `rules`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluate.chart import intervals
from understudy.evaluate.figure import Anchors, Figure, Measured, Metric, Settings, Skipped
from understudy.evaluate.intervals import wilson
from understudy.evaluate.official.crosstabs import Classed, classed, column_pairs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from understudy.evaluate.columns import Column, Tables

Codes = NDArray[np.int32]
Mask = NDArray[np.bool_]

GROUP = "rules"
NEARLY = 0.01
"""Most real rows, as a share, that may break a dependency."""
LESS = 0.1
"""A dependency breaks at most this part of what it would break by chance."""
BY_CHANCE = 0.05
"""Share of rows that would have to break it by chance, for it to say anything."""
FALSE_FINDS = 0.01
"""Probability that any combination is called impossible by chance."""
MOST_VALUES = 1000
"""Columns with more distinct values decide nothing here and are not decided."""
MOST_COLUMNS = 20
"""Of wider tables, pairs of columns that decide a third are not searched."""
MOST_SEARCHED = 100
"""Of wider tables, the columns with the fewest values are searched."""
_MOST_CELLS = 500_000
_SCREENED = 5_000
_LISTED = 20
_DRAWN = 12
_LABELS, _CLASSES = 60, 8
DEPENDENCY = (
    "J. Kivinen, H. Mannila, Approximate inference of functional dependencies from relations, "
    "Theoretical Computer Science 149 (1995), error g3"
)
IMPOSSIBLE = "pairs of labels without a real row, though exp(-expected) x cells searched < 1 %"


@dataclass(frozen=True, kw_only=True, slots=True)
class Dependency:
    """Columns that decide another.

    Parameters
    ----------
    given, decided
        Numbers of the columns.
    error
        Share of the real rows that break it.
    answer
        By merged value of the given columns, the value they decide; -1 where they never occur.
    """

    given: tuple[int, ...]
    decided: int
    error: float
    answer: Codes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Exact:
    """A column as codes of its exact values, decided on the real rows; -1 for missing or new."""

    name: str
    size: int
    values: NDArray[np.float64] | None = field(default=None, repr=False)

    def codes(self, held: NDArray[Any]) -> Codes:
        """The code of each cell."""
        if self.values is None:
            return np.where(held < self.size, held, -1).astype(np.int32)
        place = np.minimum(np.searchsorted(self.values, held), max(0, self.size - 1))
        same = self.values[place] == held if self.size else np.zeros(held.size, dtype=bool)
        return np.where(same, place, -1).astype(np.int32)


def exact(column: Column) -> Exact | None:
    """Code a column by its exact values; None if it has too many or only one."""
    if column.is_category:
        size, values = column.real_levels, None
    else:
        known = column.train[~np.isnan(column.train)]
        if known.size > _SCREENED and np.unique(known[:_SCREENED]).size > MOST_VALUES:
            return None
        values = np.unique(known)
        size = values.size
    return Exact(name=column.name, size=size, values=values) if 1 < size <= MOST_VALUES else None


def broken_share(given: Codes, decided: Codes, sizes: tuple[int, int]) -> tuple[float, Codes]:
    """Share of rows to leave out so that one column decides another, and what it decides.

    Parameters
    ----------
    given, decided
        Codes of one length, below the sizes; negative ones are left out.
    sizes
        Distinct values of each.

    Returns
    -------
    tuple
        Error g3 (0 to 1), and the most frequent value of `decided` for each given one (-1 where
        it never occurs).

    >>> error, answer = broken_share(np.array([0, 0, 0, 1]), np.array([1, 1, 0, 0]), (3, 2))
    >>> error, answer.tolist()
    (0.25, [1, 0, -1])
    """
    known = (given >= 0) & (decided >= 0)
    rows = int(known.sum())
    if rows == 0:
        return 1.0, np.full(sizes[0], -1, dtype=np.int32)
    flat = given[known] * sizes[1] + decided[known]
    counts = np.bincount(flat, minlength=sizes[0] * sizes[1]).reshape(sizes)
    most = counts.max(axis=1)
    answer = np.where(most > 0, counts.argmax(axis=1), -1)
    return float(1.0 - most.sum() / rows), answer.astype(np.int32)


def find_dependencies(
    codes: Sequence[Codes], sizes: Sequence[int], rng: np.random.Generator
) -> list[Dependency]:
    """Find the columns that one or two others decide, minimal ones only.

    Parameters
    ----------
    codes, sizes
        Columns of one table and their numbers of values.
    rng
        Shuffles, to see what chance would decide.
    """
    if not codes:
        return []
    step = max(1, codes[0].size // _SCREENED)
    both = codes, [column[::step] for column in codes]
    columns = range(len(codes))
    found: list[Dependency] = []
    deciders: dict[int, set[int]] = {at: set() for at in columns}
    for given, decided in permutations(columns, 2):
        one = _dependency((given,), decided, both, sizes, rng)
        if one is not None:
            found.append(one)
            deciders[decided].add(given)
    if len(codes) > MOST_COLUMNS:
        return found
    for first, second in combinations(columns, 2):
        if first in deciders[second] or second in deciders[first]:
            continue
        for decided in columns:
            if decided in (first, second) or deciders[decided] & {first, second}:
                continue
            one = _dependency((first, second), decided, both, sizes, rng)
            found += [] if one is None else [one]
    return found


def breaks(dependency: Dependency, codes: Sequence[Codes], sizes: Sequence[int]) -> Mask:
    """Mark rows whose value is another than the one decided; new and missing ones are not."""
    given, _ = _merged(dependency.given, codes, sizes)
    answer = np.append(dependency.answer, -1)[given]
    decided = codes[dependency.decided]
    return np.asarray((answer >= 0) & (decided >= 0) & (decided != answer))


def impossible_cells(counts: NDArray[np.intp], cells: int) -> Mask:
    """Mark the empty cells of a two-way table that chance would not leave empty.

    Parameters
    ----------
    counts
        Rows x columns.
    cells
        How many cells are searched altogether.

    >>> impossible_cells(np.array([[50, 0], [0, 50]]), 4).tolist()
    [[False, True], [True, False]]
    >>> impossible_cells(np.array([[5, 0], [0, 5]]), 4).any()
    np.False_
    """
    rows = max(1, int(counts.sum()))
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / rows
    return np.asarray((counts == 0) & (np.exp(-expected) * max(1, cells) < FALSE_FINDS))


def measure_dependencies(
    tables: Tables, _settings: Settings, _rng: np.random.Generator
) -> Measured:
    """Synthetic rows that break a dependency of the real rows."""
    key, title = "dependencies_broken", "Rows that break a dependency"
    held = [(column, one) for column in tables.columns if (one := exact(column)) is not None]
    left_out = max(0, len(held) - MOST_SEARCHED)
    held = sorted(held, key=lambda pair: pair[1].size)[:MOST_SEARCHED] if left_out else held
    sizes = [one.size for _, one in held]
    parts = _parts(tables, held)

    def search() -> list[Dependency]:
        return find_dependencies(parts["train"], sizes, tables.generator("dependencies"))

    found = tables.once("dependencies", search)
    if not found:
        reason = "no column of the real rows is decided by one or two others"
        return Measured(skipped=(Skipped(key=key, title=title, group=GROUP, reason=reason),))
    masks = {part: [breaks(one, codes, sizes) for one in found] for part, codes in parts.items()}
    shares = {part: float(np.logical_or.reduce(each).mean()) for part, each in masks.items()}
    names = [one.name for _, one in held]
    rows = [
        {
            "given": [names[column] for column in one.given],
            "decided": names[one.decided],
            "exact": one.error == 0.0,
            "train": one.error,
            **{part: float(masks[part][at].mean()) for part in masks if part != "train"},
        }
        for at, one in enumerate(found)
    ]
    rows.sort(key=lambda row: -float(str(row["synthetic"])))
    figure = Figure(
        key=key,
        title=title,
        group=GROUP,
        value=shares["synthetic"],
        better="lower",
        target=0.0,
        interval=wilson(shares["synthetic"], tables.sampled["synthetic"]),
        anchors=Anchors(holdout=shares.get("holdout"), independent=shares["independent"]),
        explanation=(
            f"Share of synthetic rows that break at least one of {len(found)} dependencies found "
            "in the real rows: columns that decide another."
        ),
        reference=DEPENDENCY,
        detail={
            "dependencies": rows,
            "train": shares["train"],
            "searched_columns": names,
            "pairs_searched": len(names) <= MOST_COLUMNS,
            "columns_not_searched": left_out,
            "rows": dict(tables.sampled),
        },
    )
    return Measured(figures=(figure,), charts={"dependencies": rows[:_LISTED],
                                              "dependencies_drawn": _drawn_rules(rows, tables)})  # fmt: skip


def measure_impossible(tables: Tables, _settings: Settings, _rng: np.random.Generator) -> Measured:
    """Synthetic rows that hold a pair of labels that never meet in real rows."""
    key, title = "impossible_combinations", "Rows with a combination that never occurs"
    columns = tables.columns
    held = [(column, classed(column, labels=_LABELS, classes=_CLASSES)) for column in columns]
    pairs = column_pairs(len(columns), tables.generator("impossible pairs"))
    searched = sum(held[first][1].size * held[second][1].size for first, second in pairs)
    parts = _parts(tables, held)

    def search() -> list[tuple[int, int, Mask, NDArray[np.intp]]]:
        found = []
        for first, second in pairs:
            sizes = (held[first][1].size, held[second][1].size)
            flat = parts["train"][first] * sizes[1] + parts["train"][second]
            counts = np.bincount(flat, minlength=sizes[0] * sizes[1]).reshape(sizes)
            empty = impossible_cells(counts, searched)
            if empty.any():
                found.append((first, second, empty, counts))
        return found

    found = tables.once("impossible", search)
    if not found:
        reason = "no pair of labels is missing from the real rows other than by chance"
        return Measured(skipped=(Skipped(key=key, title=title, group=GROUP, reason=reason),))
    masks = {part: np.zeros(codes[0].size, dtype=bool) for part, codes in parts.items()}
    rows: list[dict[str, Any]] = []
    for first, second, empty, counts in found:
        for part, codes in parts.items():
            masks[part] |= empty[codes[first], codes[second]]
        rows += _combinations((held[first][1], held[second][1]), empty, counts,
                              (parts["synthetic"][first], parts["synthetic"][second]))  # fmt: skip
    rows.sort(key=lambda row: -row["synthetic_rows"])
    shares = {part: float(mask.mean()) for part, mask in masks.items()}
    there = [row for row in rows if row["synthetic_rows"]]
    figure = Figure(
        key=key,
        title=title,
        group=GROUP,
        value=shares["synthetic"],
        better="lower",
        target=0.0,
        interval=wilson(shares["synthetic"], tables.sampled["synthetic"]),
        anchors=Anchors(holdout=shares.get("holdout"), independent=shares["independent"]),
        explanation=(
            f"Share of synthetic rows with at least one of {len(rows)} pairs of labels that never "
            "meet in the real rows though chance would have them meet."
        ),
        reference=IMPOSSIBLE,
        detail={
            "combinations": len(rows),
            "occurring": len(there),
            "worst": there[:_LISTED],
            "cells_searched": searched,
            "pairs": len(pairs),
            "rows": dict(tables.sampled),
        },
    )
    charts: dict[str, Any] = {"impossible": there[:_LISTED]}
    if there:
        charts["impossible_drawn"] = _drawn_combinations(there, tables)
    return Measured(figures=(figure,), charts=charts)


def _drawn_rules(rows: Sequence[Mapping[str, Any]], tables: Tables) -> dict[str, Any]:
    """How often each dependency is broken, the most broken first."""
    return intervals(
        title="Dependencies broken",
        group=GROUP,
        rows=[
            (
                f"{' and '.join(row['given'])} → {row['decided']}",
                {
                    name: (row[part], *wilson(row[part], tables.sampled[part]))
                    for name, part in (("synthetic", "synthetic"), ("real holdout", "holdout"))
                    if part in row
                },
            )
            for row in rows[:_LISTED]
        ],
        about="Share of rows whose value is another than the columns before the arrow decide.",
        zero=0.0,
    )


def _drawn_combinations(rows: Sequence[Mapping[str, Any]], tables: Tables) -> dict[str, Any]:
    """Synthetic rows with each impossible combination, the most frequent first."""
    total = tables.sampled["synthetic"]
    return intervals(
        title="Combinations that never occur in real rows",
        group=GROUP,
        rows=[
            (
                " × ".join(
                    f"{name} {label}"
                    for name, label in zip(row["columns"], row["labels"], strict=True)
                ),
                {
                    "synthetic": (
                        row["synthetic_rows"] / total,
                        *wilson(row["synthetic_rows"] / total, total),
                    ),
                    "independent": (row["expected_rows"] / tables.sampled["train"], None, None),
                },
            )
            for row in rows[:_DRAWN]
        ],
        about="Share of synthetic rows with each pair of labels, beside what chance would bring.",
        zero=0.0,
    )


def _dependency(
    given: tuple[int, ...],
    decided: int,
    tables: tuple[Sequence[Codes], Sequence[Codes]],
    sizes: Sequence[int],
    rng: np.random.Generator,
) -> Dependency | None:
    """A dependency if it holds: screened on some rows, judged on all, compared with chance."""
    codes, screen = tables
    merged, size = _merged(given, screen, sizes)
    if size * sizes[decided] > _MOST_CELLS:
        return None
    pair = size, sizes[decided]
    if broken_share(merged, screen[decided], pair)[0] > 2 * NEARLY:
        return None
    merged, _ = _merged(given, codes, sizes)
    error, answer = broken_share(merged, codes[decided], pair)
    if error > NEARLY:
        return None
    chance, _ = broken_share(rng.permutation(merged), codes[decided], pair)
    if chance < BY_CHANCE or error > LESS * chance:
        return None
    return Dependency(given=given, decided=decided, error=error, answer=answer)


def _merged(
    given: Sequence[int], codes: Sequence[Codes], sizes: Sequence[int]
) -> tuple[Codes, int]:
    """One code for one or two columns, -1 where one is missing, and how many codes there are."""
    if len(given) == 1:
        return codes[given[0]], sizes[given[0]]
    first, second = given
    size = sizes[first] * sizes[second]
    flat = codes[first] * sizes[second] + codes[second]
    return np.where((codes[first] < 0) | (codes[second] < 0), -1, flat), size


def _parts(
    tables: Tables, held: Sequence[tuple[Column, Exact | Classed]]
) -> Mapping[str, list[Codes]]:
    """Codes of every table, and of independent columns."""
    key = tuple((type(one).__name__, column.name) for column, one in held)
    train = tables.once(("codes", key), lambda: [one.codes(column.train) for column, one in held])
    rng = tables.generator(("codes", key))
    parts = {
        "train": train,
        "synthetic": [one.codes(column.synthetic) for column, one in held],
        "independent": tables.once(
            ("shuffled codes", key), lambda: [rng.permutation(codes) for codes in train]
        ),
    }
    if tables.has_holdout:
        parts["holdout"] = [
            one.codes(column.holdout) for column, one in held if column.holdout is not None
        ]
    return parts


def _combinations(
    pair: tuple[Classed, Classed],
    empty: Mask,
    counts: NDArray[np.intp],
    made: tuple[Codes, Codes],
) -> list[dict[str, Any]]:
    """The impossible combinations of two columns and how many synthetic rows hold each."""
    first, second = pair
    rows = int(counts.sum())
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / max(1, rows)
    held = np.bincount(made[0] * second.size + made[1], minlength=empty.size).reshape(empty.shape)
    return [
        {
            "columns": [first.name, second.name],
            "labels": [first.names[i], second.names[j]],
            "expected_rows": float(expected[i, j]),
            "synthetic_rows": int(held[i, j]),
        }
        for i, j in zip(*np.nonzero(empty), strict=True)
    ]


DEPENDENCIES = Metric(
    key="dependencies",
    title="Dependencies between columns",
    group=GROUP,
    measure=measure_dependencies,
    weight=0.7,
)
IMPOSSIBLE_COMBINATIONS = Metric(
    key="impossible",
    title="Combinations that never occur",
    group=GROUP,
    measure=measure_impossible,
    weight=0.4,
)
