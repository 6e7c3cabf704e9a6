"""Means, totals, quantiles and shares of columns, each with the error of the real estimate.

The yardstick is the standard error that the real estimate has anyway: a difference of 2.8 standard
errors (1.96 times the root of 2) is what two real samples of this size stay within 19 times out
of 20. What may not happen here: looking at two columns together (that is `crosstabs`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluate.chart import intervals
from understudy.evaluate.figure import Anchors, Figure, Measured, Metric, Settings, Skipped
from understudy.evaluate.intervals import wilson
from understudy.evaluate.subsample import share_as_good

if TYPE_CHECKING:
    from understudy.evaluate.columns import Column, Tables

Floats = NDArray[np.float64]
Key = tuple[str, str, str]
"""Kind of estimate, column, and what of it: `("quantile", "age", "median")`."""

GROUP = "statistics"
TOLERANCE = 1.959964 * 2**0.5
"""Real standard errors that an estimate may be away."""
QUANTILES = {"10 %": 0.1, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "90 %": 0.9}
REFERENCE = (
    "difference in standard errors of the real estimate; W. G. Cochran, Sampling Techniques, 1977, "
    "chapters 2 and 3; quantiles by R. S. Woodruff, JASA 47 (1952)"
)
_WITHIN = TOLERANCE + 1e-9
_MOST_SHARES = 50
_FEWEST = 5
_LISTED = 20
_DRAWN = 15
_TITLES = {
    "mean": "Means within sampling error",
    "total": "Totals within sampling error",
    "quantile": "Quantiles within sampling error",
    "share": "Shares of labels within sampling error",
}
_KEYS = {
    "mean": "means_within",
    "total": "totals_within",
    "quantile": "quantiles_within",
    "share": "shares_within",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A number about a population and its standard error.

    `below` and `above` are errors to either side where they differ, as those of quantiles do.
    """

    value: float
    error: float
    below: float | None = None
    above: float | None = None

    def distance(self, other: Estimate) -> float:
        """How far another value is, in standard errors of this one; infinite where that is 0.

        >>> Estimate(value=1.0, error=0.5).distance(Estimate(value=2.0, error=9.0))
        2.0
        """
        apart = abs(self.value - other.value)
        if apart <= 1e-12 * max(1.0, abs(self.value)):
            return 0.0
        side = self.above if other.value > self.value else self.below
        error = self.error if side is None else side
        return apart / error if error > 0 else float("inf")


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One estimate on every table."""

    key: Key
    real: Estimate
    synthetic: Estimate | None = None
    holdout: Estimate | None = None
    distances: Mapping[str, float] = field(default_factory=dict)


def mean_of(values: Floats) -> Estimate | None:
    """The mean of the known values and its standard error; None below two values.

    >>> one = mean_of(np.array([1.0, 2.0, 3.0, np.nan]))
    >>> one.value, round(one.error, 4)
    (2.0, 0.5774)
    """
    known = values[~np.isnan(values)]
    if known.size < 2:
        return None
    return Estimate(value=float(known.mean()), error=float(known.std(ddof=1) / known.size**0.5))


def total_of(values: Floats, rows: int) -> Estimate | None:
    """The total over a population of so many rows, and its standard error; missing adds nothing.

    Parameters
    ----------
    values
        One per sampled row, NaN for missing.
    rows
        Rows of the population the total is told for.

    >>> total_of(np.array([1.0, np.nan, 2.0]), 6).value
    6.0
    """
    one = mean_of(np.nan_to_num(values, nan=0.0))
    return None if one is None else Estimate(value=one.value * rows, error=one.error * rows)


def quantiles_of(values: Floats, at: Sequence[float]) -> list[Estimate] | None:
    """Quantiles and Woodruff's standard errors; None below two values.

    The error to either side comes from the values at the ends of the interval of its share, so
    that a number that moves by a step of its rounding is far away only if the step is.

    >>> found = quantiles_of(np.arange(101.0), [0.5])
    >>> found[0].value, round(found[0].error, 2)
    (50.0, 4.98)
    """
    known = values[~np.isnan(values)]
    if known.size < 2:
        return None
    shares = np.asarray(at)
    half = TOLERANCE * np.sqrt(shares * (1 - shares) / known.size)
    ends = np.clip(np.concatenate([shares, shares - half, shares + half]), 0.0, 1.0)
    value, low, high = np.split(np.quantile(known, ends), 3)
    return [
        Estimate(
            value=float(v),
            error=float((b - a) / (2 * TOLERANCE)),
            below=float((v - a) / TOLERANCE),
            above=float((b - v) / TOLERANCE),
        )
        for v, a, b in zip(value, low, high, strict=True)
    ]


def share_of(count: int, rows: int) -> Estimate:
    """A share of rows and its standard error.

    >>> one = share_of(20, 100)
    >>> one.value, one.error
    (0.2, 0.04)
    """
    share = count / rows
    return Estimate(value=share, error=float((share * (1 - share) / rows) ** 0.5))


def estimates_of(column: Column, values: NDArray[Any], *, rows: int) -> dict[Key, Estimate]:
    """Every estimate about one column of one table.

    Parameters
    ----------
    column
        The column; its real rows decide which labels have a share.
    values
        Its cells in that table.
    rows
        Rows that totals are told for.
    """
    name = column.name
    if column.is_category:
        shares: dict[Key, Estimate] = {}
        if values.size:
            counts = np.bincount(values[values >= 0], minlength=len(column.levels))
            for code, label in enumerate(column.levels[: min(column.real_levels, _MOST_SHARES)]):
                shares["share", name, label] = share_of(int(counts[code]), values.size)
        return shares
    found: dict[Key, Estimate] = {}
    mean, total = mean_of(values), total_of(values, rows)
    if mean is not None and total is not None:
        found["mean", name, "mean"] = mean
        if column.kind == "numeric":
            found["total", name, "total"] = total
    for what, one in zip(QUANTILES, quantiles_of(values, [*QUANTILES.values()]) or (),
                         strict=False):  # fmt: skip
        found["quantile", name, what] = one
    return found


def lines_of(tables: Tables) -> list[Line]:
    """Every estimate on real, synthetic and held-out rows; totals are told for the real rows."""
    rows = tables.sampled["train"]
    lines: list[Line] = []
    for column in tables.columns:

        def real_ones(
            column: Column = column,
        ) -> tuple[dict[Key, Estimate], dict[Key, Estimate]]:
            held = column.holdout
            return (
                estimates_of(column, column.train, rows=rows),
                {} if held is None else estimates_of(column, held, rows=rows),
            )

        real, holdout = tables.once(("estimates", column.name), real_ones)
        made = estimates_of(column, column.synthetic, rows=rows)
        for key, one in real.items():
            if key[0] == "share" and one.value * column.train.size < _FEWEST:
                continue
            others = {"synthetic": made.get(key), "holdout": holdout.get(key)}
            lines.append(
                Line(
                    key=key,
                    real=one,
                    **others,
                    distances={
                        part: one.distance(other)
                        for part, other in others.items()
                        if other is not None
                    },
                )
            )
    return lines


def measure_estimates(tables: Tables, settings: Settings, _rng: np.random.Generator) -> Measured:
    """Share of the means, totals, quantiles and shares that stay within sampling error."""
    lines = lines_of(tables)
    figures: list[Figure] = []
    skipped: list[Skipped] = []
    worst: list[dict[str, Any]] = []
    for kind, title in _TITLES.items():
        chosen = [line for line in lines if line.key[0] == kind]
        if not chosen:
            reason = "no column of numbers" if kind != "share" else "no column of labels"
            skipped.append(Skipped(key=_KEYS[kind], title=title, group=GROUP, reason=reason))
            continue
        listed = sorted(chosen, key=lambda line: -line.distances.get("synthetic", np.inf))
        worst += [told(line) for line in listed[:_LISTED]]
        figures.append(_figure(kind, chosen, listed, tables, quick=settings.quick))
    charts = {"estimates": worst, **({"estimates_drawn": _drawn(lines)} if lines else {})}
    return Measured(figures=tuple(figures), skipped=tuple(skipped), charts=charts)


def within(lines: Sequence[Line], part: str) -> float:
    """Share of estimates within the tolerance; one that is not defined is not."""
    return float(np.mean([line.distances.get(part, np.inf) <= _WITHIN for line in lines]))


def told(line: Line) -> dict[str, Any]:
    """A line of a table, in JSON's types; a distance without bound is None."""
    apart = line.distances.get("synthetic")
    return {
        "kind": line.key[0],
        "column": line.key[1],
        "what": line.key[2],
        "real": line.real.value,
        "error": line.real.error,
        "synthetic": None if line.synthetic is None else line.synthetic.value,
        "holdout": None if line.holdout is None else line.holdout.value,
        "distance": apart if apart is not None and np.isfinite(apart) else None,
    }


def _of_sample(lines: Sequence[Line], tables: Tables, rows: NDArray[np.intp]) -> float:
    """Share of the same estimates that some rows of the holdout get within the tolerance."""
    names = {line.key[1] for line in lines}
    found: dict[Key, Estimate] = {}
    for column in tables.columns:
        if column.name in names and column.holdout is not None:
            found |= estimates_of(column, column.holdout[rows], rows=tables.sampled["train"])
    near = [line.key in found and line.real.distance(found[line.key]) <= _WITHIN for line in lines]
    return float(np.mean(near))


def _figure(
    kind: str, lines: Sequence[Line], worst: Sequence[Line], tables: Tables, *, quick: bool
) -> Figure:
    """The figure of one kind of estimate."""
    apart = np.array([line.distances.get("synthetic", np.inf) for line in lines])
    value = within(lines, "synthetic")
    held = within(lines, "holdout") if tables.has_holdout else None
    subsample = None
    if not quick:
        subsample = share_as_good(
            tables, ("estimates", kind), value, held, lambda rows: _of_sample(lines, tables, rows)
        )
    return Figure(
        key=_KEYS[kind],
        title=_TITLES[kind],
        group=GROUP,
        value=value,
        better="higher",
        target=0.95,
        interval=wilson(value, len(lines)),
        anchors=Anchors(holdout=held, independent=1.0, subsample=subsample),
        explanation=(
            f"Share of {len(lines)} estimates that are at most 2.8 standard errors of the real "
            "estimate away, as two real samples of this size are 19 times out of 20."
        ),
        reference=REFERENCE,
        detail={
            "estimates": len(lines),
            "median_distance": float(np.median(apart)),
            "worst": [told(line) for line in worst[:_LISTED]],
            "rows": dict(tables.sampled),
            "interval": "Wilson over the estimates, as if they were independent of one another",
        },
    )


def _drawn(lines: Sequence[Line]) -> dict[str, Any]:
    """The estimates that are farthest away, in standard errors of the real one."""
    far = [
        line
        for line in lines
        if line.synthetic is not None and line.real.error > 0 and line.key[0] != "total"
    ]
    far.sort(key=lambda line: -line.distances["synthetic"])
    rows = []
    for line in far[:_DRAWN]:
        others = {"synthetic": line.synthetic, "real holdout": line.holdout}
        points: dict[str, tuple[float, float | None, float | None]] = {
            part: ((one.value - line.real.value) / line.real.error, None, None)
            for part, one in others.items()
            if one is not None
        }
        kind, column, what = line.key
        label = f"{kind} of {column}" if kind == "mean" else f"{column}: {what}"
        rows.append((label, {"real": (0.0, -TOLERANCE, TOLERANCE), **points}))
    return intervals(
        title="Estimates farthest from the real ones",
        group=GROUP,
        rows=rows,
        about=(
            "Means, quantiles and shares of labels: distance from the real estimate in its own "
            "standard errors. Two real samples stay within the real estimate's interval."
        ),
        unit="standard errors",
        zero=0.0,
    )


ESTIMATES = Metric(
    key="estimates",
    title="Means, totals, quantiles",
    group=GROUP,
    measure=measure_estimates,
    weight=0.3,
)
