"""Material of charts that the report draws without knowing the metric.

A metric puts one of these under a key of its own into `Measured.charts`; the report finds it by
its form, draws it in the metric's group and stands its numbers as a table beneath. The names
`real`, `synthetic`, `holdout`, `independent` and `expected` have their own marks; any other name
is told apart by its dash. What may not happen here: drawing, or a number that is not finite
where one is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from understudy.evaluate.figure import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LINES, INTERVALS, RANKING = "lines", "intervals", "ranking"


def lines(
    *,
    title: str,
    group: str,
    x: str,
    y: str,
    series: Mapping[str, Mapping[str, Sequence[float]]],
    about: str = "",
    diagonal: bool = False,
    log: bool = False,
) -> dict[str, Any]:
    """Curves over a common axis: ROC curves, augmentation, coverage by level.

    Parameters
    ----------
    title, about
        Its name, and what to read from it in a sentence.
    group
        The group of figures it stands with.
    x, y
        What the axes count.
    series
        Name to `{"x": [...], "y": [...]}`, and `low` and `high` where there is an interval.
        At most a hundred points each, of equal length.
    diagonal
        Whether the line from (0, 0) to (1, 1) is drawn: chance.
    log
        Whether the horizontal axis is logarithmic; every x is above 0 then.

    >>> chart = lines(title="ROC", group="task", x="false alarms", y="found",
    ...               series={"synthetic": {"x": [0, 1], "y": [0, 1]}}, diagonal=True)
    >>> chart["form"], sorted(chart["series"])
    ('lines', ['synthetic'])
    """
    for one in series.values():
        if len({len(values) for values in one.values()}) != 1:
            raise ValueError(f"chart {title!r}: a series has lists of unequal length")
    told = {"x": x, "y": y, "series": series, "diagonal": diagonal, "log": log}
    return _chart(LINES, title, group, about, told)


def intervals(
    *,
    title: str,
    group: str,
    rows: Sequence[tuple[str, Mapping[str, tuple[float, float | None, float | None]]]],
    about: str = "",
    unit: str = "",
    zero: float | None = None,
) -> dict[str, Any]:
    """Points with intervals, a row for each thing: coefficients, errors by marginal order.

    Parameters
    ----------
    title, about, group
        As in `lines`.
    rows
        (label, name to (value, lower end, upper end)); ends are None where there is none.
    unit
        Unit of the values.
    zero
        A value to draw a line at, such as 0 for coefficients or 1 for ratios.

    >>> chart = intervals(title="Coefficients", group="statistics",
    ...                   rows=[("age", {"real": (0.5, 0.4, 0.6), "synthetic": (0.4, 0.2, 0.6)})])
    >>> chart["rows"][0]["label"], chart["rows"][0]["values"]["real"]
    ('age', [0.5, 0.4, 0.6])
    """
    told = {
        "rows": [{"label": label, "values": values} for label, values in rows],
        "unit": unit,
        "zero": zero,
    }
    return _chart(INTERVALS, title, group, about, told)


def ranking(
    *,
    title: str,
    group: str,
    rows: Sequence[tuple[str, float, float]],
    left: str = "real",
    right: str = "synthetic",
    better: str = "higher",
    about: str = "",
) -> dict[str, Any]:
    """Two rankings of the same things, best above, joined by lines that cross where they differ.

    Parameters
    ----------
    title, about, group
        As in `lines`.
    rows
        (label, value on the left, value on the right).
    left, right
        What the two sides are.
    better
        `higher` or `lower` values come first.

    >>> ranking(title="Models", group="rankings", rows=[("A", 0.9, 0.8), ("B", 0.7, 0.85)])["form"]
    'ranking'
    """
    told = {
        "rows": [{"label": label, "left": one, "right": other} for label, one, other in rows],
        "left": left,
        "right": right,
        "better": better,
    }
    return _chart(RANKING, title, group, about, told)


def _chart(
    form: str, title: str, group: str, about: str, told: Mapping[str, Any]
) -> dict[str, Any]:
    """The fields that every chart has, then its own."""
    chart: dict[str, Any] = plain(
        {"form": form, "title": title, "group": group, "about": about, **told}
    )
    return chart
