"""Rules violated: the share of rows that break what the schema says always holds.

The real rows are measured the same way, because real tables break rules too. What may not happen
here: parsing rules (that is the schema's), or naming a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import SchemaError
from understudy.evaluate.figure import Anchors, Figure, Measured, Metric, Settings, Skipped
from understudy.evaluate.intervals import wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from understudy.evaluate.columns import Column, Tables

REFERENCE = "share of rows for which a declared rule is surely false (SQL's CHECK)"


def broken_share(masks: Sequence[NDArray[np.bool_]]) -> float:
    """Share of rows that break at least one rule.

    >>> broken_share([np.array([True, False]), np.array([True, False])])
    0.5
    """
    return float(np.mean(np.logical_or.reduce(masks))) if masks else 0.0


def cells_for_rules(column: Column, values: NDArray[Any]) -> NDArray[Any]:
    """Return what a rule compares: numbers, datetime64, booleans or labels, None for missing."""
    if column.kind == "datetime":
        missing = np.isnan(values)
        moments = np.where(missing, 0.0, values * 1e6).round().astype("datetime64[us]")
        moments[missing] = np.datetime64("NaT")
        return moments
    if not column.is_category:
        return values
    labels = np.array([*column.levels, None], dtype=object)
    if column.levels and set(column.levels) <= {"true", "false"}:
        labels = np.array([level == "true" for level in column.levels] + [None], dtype=object)
    return np.asarray(labels[values])


def measure_rules(tables: Tables, settings: Settings, rng: np.random.Generator) -> Measured:
    """Share of synthetic rows that break a rule, rule by rule in `detail`."""
    if not settings.rules:
        return Measured()
    arrays: dict[str, Sequence[NDArray[Any]]] = {
        "synthetic": [column.synthetic for column in tables.columns],
        "train": [column.train for column in tables.columns],
        "independent": tables.shuffled(rng),
    }
    if tables.has_holdout:
        arrays["holdout"] = [c.holdout for c in tables.columns if c.holdout is not None]
    broken: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in arrays}
    rows: list[dict[str, Any]] = []
    skipped: list[Skipped] = []
    for number, rule in enumerate(settings.rules, start=1):
        label = str(getattr(rule, "name", None) or f"rule {number}")
        try:
            masks = {name: _violations(rule, tables, values) for name, values in arrays.items()}
        except SchemaError as error:
            skipped.append(Skipped(key="rules", title=label, group="rules", reason=error.message))
            continue
        for name, mask in masks.items():
            broken[name].append(mask)
        rows.append({"rule": label, **{name: float(mask.mean()) for name, mask in masks.items()}})
    if not rows:
        return Measured(skipped=tuple(skipped))
    shares = {name: broken_share(masks) for name, masks in broken.items()}
    figure = Figure(
        key="rules",
        title="Rows that break a rule",
        group="rules",
        value=shares["synthetic"],
        better="lower",
        target=0.0,
        interval=wilson(shares["synthetic"], tables.sampled["synthetic"]),
        anchors=Anchors(holdout=shares.get("holdout"), independent=shares["independent"]),
        explanation="Share of synthetic rows for which at least one declared rule is false.",
        reference=REFERENCE,
        detail={"rules": rows, "train": shares["train"], "rows": dict(tables.sampled)},
    )
    return Measured(figures=(figure,), skipped=tuple(skipped))


def _violations(rule: Any, tables: Tables, arrays: Sequence[NDArray[Any]]) -> NDArray[np.bool_]:
    """Rows of one table that break a rule."""
    from understudy.schema.rules import violations

    cells = {
        column.name: cells_for_rules(column, values)
        for column, values in zip(tables.columns, arrays, strict=True)
    }
    return np.asarray(violations(rule, cells), dtype=np.bool_)


RULES = Metric(
    key="rules", title="Rows that break a rule", group="rules", measure=measure_rules, weight=0.2
)
