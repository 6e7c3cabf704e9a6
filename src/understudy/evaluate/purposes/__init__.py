"""Purposes answered on real rows: pass or fail, with what real rows themselves would reach.

One file for each kind of purpose. Everything here is computed on real rows without a charge, so
every answer is internal. What may not happen here: a public answer.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from understudy.evaluate.figure import Measured, Metric, Settings
from understudy.evaluate.purposes.answer import Answer, Breakdown, Criterion, unanswered
from understudy.evaluate.purposes.classifiers import answer_classifier
from understudy.evaluate.purposes.regressions import answer_regression
from understudy.evaluate.purposes.subgroups import answer_subgroup
from understudy.evaluate.purposes.tables import answer_table
from understudy.evaluate.reading import CannotAnswer
from understudy.evaluate.regressions.agreement import interval_overlap
from understudy.evaluate.regressions.fitting import regressions_can_be_fitted
from understudy.schema import (
    ClassifierPurpose,
    Purpose,
    Purposes,
    RegressionPurpose,
    TablePurpose,
)

if TYPE_CHECKING:
    from understudy.evaluate.columns import Tables

__all__ = [
    "Answer",
    "Breakdown",
    "Criterion",
    "answer_purposes",
    "interval_overlap",
    "purposes_metric",
    "regressions_can_be_fitted",
]


def answer_purposes(
    purposes: Purposes, tables: Tables, rng: np.random.Generator
) -> tuple[Answer, ...]:
    """Answer every purpose; what cannot be answered says why."""
    start = int(rng.integers(1 << 31))
    return tuple(
        _answer(one, tables, np.random.default_rng([start, zlib.crc32(one.name.encode())]))
        for one in purposes.purposes
    )


def purposes_metric(purposes: Purposes) -> Metric:
    """The answers as a metric, for `evaluate(..., metrics=...)`."""

    def measure(tables: Tables, _settings: Settings, rng: np.random.Generator) -> Measured:
        return Measured(answers=answer_purposes(purposes, tables, rng))

    weight = sum(6.0 if one.kind == "classifier" else 1.0 for one in purposes.purposes)
    return Metric(
        key="purposes", title="Purposes", group="purposes", measure=measure, weight=weight
    )


def _answer(purpose: Purpose, tables: Tables, rng: np.random.Generator) -> Answer:
    """The answer to one purpose."""
    try:
        if isinstance(purpose, TablePurpose):
            return answer_table(purpose, tables, rng)
        if isinstance(purpose, RegressionPurpose):
            return answer_regression(purpose, tables, rng)
        if isinstance(purpose, ClassifierPurpose):
            return answer_classifier(purpose, tables, rng)
        return answer_subgroup(purpose, tables, rng)
    except CannotAnswer as why:
        return unanswered(purpose, str(why))
