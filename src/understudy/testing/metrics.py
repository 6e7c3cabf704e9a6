"""What every usefulness metric must pass: ours and other people's.

`check_metric` runs everything on small tables made by arithmetic. What may not happen here: a
check that only our own metrics could pass.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from understudy.evaluate import Measured, Metric, Settings, Tables, evaluate_all, read_tables
from understudy.evaluate.figure import Figure, plain
from understudy.schema import Rule, Schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROWS = 300


def golden_tables() -> tuple[pa.Table, pa.Table, pa.Table]:
    """Training, held-out and synthetic tables for golden values; the same on every machine.

    Returns
    -------
    tuple
        Three tables of 300 rows: a number, a count of few values, a label, a moment and a
        two-class target that depends on them. In the synthetic one the label is turned round.

    >>> [table.num_rows for table in golden_tables()]
    [300, 300, 300]
    """
    return _arithmetic(0), _arithmetic(1), _arithmetic(2, turned=True)


def _arithmetic(start: int, *, turned: bool = False) -> pa.Table:
    """A table from a linear congruence, so that no library's generator decides a golden value."""
    state = 12_345 + 6_789 * start
    draws = np.empty((ROWS, 5))
    for place in np.ndindex(draws.shape):
        state = (1_103_515_245 * state + 12_345) % 2**31
        draws[place] = state / 2**31
    label = np.array(["north", "east", "south"])[(draws[:, 2] * 3).astype(int)]
    number = np.round(100 * draws[:, 0] + 20 * (label == "south"), 1)
    target = number + 40 * draws[:, 4] > 85
    return pa.table(
        {
            "number": number,
            "few": (draws[:, 1] * 4).astype(int),
            "label": label[::-1] if turned else label,
            "moment": pa.array((draws[:, 3] * 86_400 * 365).astype(np.int64), pa.timestamp("s")),
            "target": np.where(target, "yes", "no"),
        }
    )


def check_metric(
    metric: Metric,
    *,
    golden: Mapping[str, float] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    slack: float = 0.1,
) -> None:
    """Raise unless a metric keeps what the report relies on.

    Parameters
    ----------
    metric
        What to check.
    golden
        Key of a figure to its value on `golden_tables`, equal to 1e-9; a value computed by hand
        or by another program, not by the metric itself.
    bounds
        Key of a figure to the least and the largest value it can have, ends included.
    slack
        By how much, relative to the distance of the anchors, a copy of the training table may
        fall short of the holdout.

    Raises
    ------
    AssertionError
        With a text that says which promise was broken.

    >>> from understudy.evaluate import SHAPES
    >>> check_metric(SHAPES, bounds={"shapes": (0.0, 1.0)})
    """
    assert isinstance(metric, Metric), f"a metric is a Metric, not {type(metric).__name__}"
    train, held, made = golden_tables()
    found = _measure(metric, train, held, made)
    _check_told(metric, found)
    _check_pure(metric)
    copied = _measure(metric, train, held, train)
    shuffled = _measure(metric, train, held, _shuffled(train))
    for key, value in (golden or {}).items():
        figure = _named(found, key)
        assert math.isclose(figure.value, value, rel_tol=0, abs_tol=1e-9), (
            f"{key} is {figure.value!r} on the golden tables, not {value!r}"
        )
    everything = [found, copied, shuffled, *_awkward(metric)]
    for key, (low, high) in (bounds or {}).items():
        _named(found, key)
        for one in everything:
            for figure in one.figures:
                assert figure.key != key or low <= figure.value <= high, (
                    f"{key} is {figure.value!r}, outside {low} to {high}"
                )
    _check_identity(copied, shuffled, slack)


def _measure(metric: Metric, train: pa.Table, held: pa.Table | None, made: pa.Table) -> Measured:
    """Measure one synthetic table, with a target, a group and a rule where there are such columns."""
    there = set(train.schema.names)
    rules = (Rule(name="floor", expr="number >= 0"),) if "number" in there else ()
    found = evaluate_all(
        train, held, {"made": made}, metrics=(metric,), targets=("target",),
        subgroups=("label",) if "label" in there else (), schema=Schema(rules=rules),
    )  # fmt: skip
    one = found.tables["made"]
    figures = tuple(figure for figure in one.figures if figure.key != "quality")
    return Measured(figures=figures, skipped=one.skipped, charts=one.charts)


def _named(found: Measured, key: str) -> Figure:
    """The figure of a key."""
    figures = [figure for figure in found.figures if figure.key == key]
    assert figures, f"no figure {key!r} on the golden tables; skipped: {found.skipped}"
    return figures[0]


def _shuffled(table: pa.Table) -> pa.Table:
    """Every column shuffled by itself."""
    rng = np.random.default_rng(0)
    return pa.table(
        {n: table.column(n).take(pa.array(rng.permutation(ROWS))) for n in table.schema.names}
    )


def _check_told(metric: Metric, found: Measured) -> None:
    """Every figure explains itself, and charts are JSON."""
    assert found.figures or found.skipped, f"{metric.key} neither measured nor said why not"
    for figure in found.figures:
        assert figure.explanation.strip(), f"{figure.key} has no explanation"
        assert figure.reference.strip(), f"{figure.key} has no reference"
        assert figure.group == metric.group or figure.group, f"{figure.key} has no group"
        assert figure.better != "near" or figure.target is not None, (
            f"{figure.key} is best near a value but names no target"
        )
        json.dumps(figure.to_json())
    for skipped in found.skipped:
        assert skipped.reason.strip(), f"{skipped.key} was skipped without a reason"
    json.dumps(plain(found.charts))


def _check_pure(metric: Metric) -> None:
    """The same seed gives the same figures, tables stay as they are, global state is not used."""
    train, held, made = golden_tables()
    settings = Settings(target="target", targets=("target",))

    def read() -> Tables:
        return read_tables(train, held, made, rng=np.random.default_rng(0))

    tables = read()
    before = [column.train.tobytes() + column.synthetic.tobytes() for column in tables.columns]
    state = _global_state()
    first = metric.measure(tables, settings, np.random.default_rng(7))
    after = [column.train.tobytes() + column.synthetic.tobytes() for column in tables.columns]
    assert before == after, f"{metric.key} changes the tables it reads"
    again = metric.measure(read(), settings, np.random.default_rng(7))
    assert first.figures == again.figures, f"{metric.key} differs with the same seed"
    assert state == _global_state(), (
        f"{metric.key} draws from numpy's global generator, not from the one it is given"
    )


def _global_state() -> str:
    """Where numpy's global generator stands."""
    state = np.random.get_state(legacy=False)  # noqa: NPY002
    return str(plain(state))


def _awkward(metric: Metric) -> Iterator[Measured]:
    """Tables that have undone metrics: no holdout, a row, constants, nothing known, strangers."""
    train, held, made = golden_tables()
    constant = pa.table({"label": ["x"] * ROWS, "target": ["yes"] * ROWS, "number": [1.5] * ROWS})
    nothing = pa.table(
        {name: pa.nulls(ROWS, made.schema.field(name).type) for name in made.schema.names}
    )
    strange = made.set_column(2, "label", pa.array(["nowhere"] * ROWS))
    cases: dict[str, tuple[pa.Table, pa.Table | None, pa.Table]] = {
        "no holdout": (train, None, made),
        "one row": (train.slice(0, 1), held, made.slice(0, 1)),
        "constant columns": (constant, constant, constant),
        "nothing known": (train, held, nothing),
        "labels that are all unseen": (train, held, strange),
        "one column": (train.select(["number"]), held, made),
    }
    for name, (real, control, other) in cases.items():
        try:
            found = _measure(metric, real, control, other)
        except Exception as problem:
            raise AssertionError(f"{metric.key} fails on {name}: {problem!r}") from problem
        for figure in found.figures:
            for anchor in (figure.anchors.holdout, figure.anchors.independent):
                assert anchor is None or math.isfinite(anchor), (
                    f"an anchor of {figure.key} is not finite on {name}"
                )
        yield found


def _check_identity(copied: Measured, shuffled: Measured, slack: float) -> None:
    """A copy of the training table does as well as the holdout and no worse than a shuffle."""
    others = {_name(figure): figure for figure in shuffled.figures}
    for figure in copied.figures:
        held, floor = figure.anchors.holdout, figure.anchors.independent
        if held is not None and floor is not None:
            way = abs(_goodness(figure, held) - _goodness(figure, floor))
            short = _goodness(figure, held) - _goodness(figure, figure.value)
            assert short <= slack * way + 1e-9, (
                f"a copy of the training table gets {figure.value:.4g} for {figure.key}, "
                f"the holdout {held:.4g}: an identical table must do as well"
            )
        other = others.get(_name(figure))
        if other is not None:
            ahead = _goodness(other, other.value) - _goodness(figure, figure.value)
            size = max(abs(figure.value), abs(other.value))
            assert ahead <= slack * size + 1e-9, (
                f"shuffled columns get {other.value:.4g} for {figure.key}, "
                f"a copy {figure.value:.4g}: `better` points the wrong way"
            )


def _name(figure: Figure) -> tuple[Any, ...]:
    """What tells figures of a metric apart."""
    return (figure.key, figure.title, figure.columns)


def _goodness(figure: Figure, value: float) -> float:
    """A value so that more is better."""
    if figure.better == "near":
        return -abs(value - (figure.target or 0.0))
    return value if figure.better == "higher" else -value
