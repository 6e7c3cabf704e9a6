"""A prediction problem: which rows teach, which rows judge, and why there is none.

The real training table decides what the classes are; a class that it lacks cannot be learned and
its rows are counted, not used. What may not happen here: training, or a judging row that anything
was trained on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.evaluate.task.encoding import Encoding, fit_encoding
from understudy.evaluate.task.models import CLASSIFIERS, REGRESSORS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from understudy.evaluate.columns import Column, Tables

CLASSES = 20
MOST_CLASSES = 200
SMALLEST_HOLDOUT = 30
TEST_ROWS = 10_000
CLASS_SCORES = ("auc", "accuracy", "f1", "recall")
NUMBER_SCORES = ("r2", "rmse")
_CLASS_CODES = 30
_WIDEST = 3_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Rows of one table: target (codes or numbers) and the arrays of the other columns."""

    target: NDArray[Any] = field(repr=False)
    arrays: tuple[NDArray[Any], ...] = field(repr=False)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.target.size)

    def at(self, rows: NDArray[np.intp]) -> Part:
        """These rows only."""
        return Part(target=self.target[rows], arrays=tuple(a[rows] for a in self.arrays))

    def some(self, cap: int, rng: np.random.Generator) -> Part:
        """At most `cap` rows, drawn without replacement."""
        if self.rows <= cap:
            return self
        return self.at(np.sort(rng.choice(self.rows, cap, replace=False)))

    def joined(self, other: Part) -> Part:
        """These rows, then the other's."""
        arrays = zip(self.arrays, other.arrays, strict=True)
        return Part(
            target=np.concatenate([self.target, other.target]),
            arrays=tuple(np.concatenate(pair) for pair in arrays),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """What is predicted from what.

    Parameters
    ----------
    target
        Column that models predict.
    classes
        Number of classes, 0 for a number.
    positive
        Code of the rarer class of two, None otherwise.
    inputs
        Columns that models predict from, one encoding each.
    real, synthetic
        Rows with a known target that teach.
    holdout
        Real rows with a known target that nothing was learned from; None without a holdout.
    notes
        What a reader must know: merged classes, rows that could not be used.
    """

    target: str
    classes: int
    positive: int | None
    inputs: tuple[str, ...]
    encodings: tuple[Encoding, ...] = field(repr=False)
    real: Part
    synthetic: Part
    holdout: Part | None
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models."""
        return CLASSIFIERS if self.classes else REGRESSORS

    @property
    def scores(self) -> tuple[str, ...]:
        """Names of the scores, the headline first."""
        return CLASS_SCORES if self.classes else NUMBER_SCORES


def pose(tables: Tables, target: str, *, held_out: bool = True) -> Problem | str:
    """Set up the problem of a target, or say why there is none.

    Parameters
    ----------
    tables
        The tables; their sampled columns are used.
    target
        Column to predict.
    held_out
        Whether rows held out are needed to judge.
    """
    column = tables.column(target)
    if column is None:
        return _why_absent(tables, target)
    if held_out and (not tables.has_holdout or column.holdout is None):
        return "no holdout: without real rows held out a model cannot be tested honestly"
    others = [other for other in tables.columns if other.name != column.name]
    if not others:
        return "no column besides the target"
    targets, classes, notes = targets_of(column)
    if classes == 1:
        return "the target has a single value in the real training table"
    levels = int(notes.get("levels", classes))
    if levels > MOST_CLASSES:
        return (
            f"the target has {levels:,} classes: no classifier is trained on more than "
            f"{MOST_CLASSES}; merge them, or declare the column a number or an identifier"
        )
    real = known_rows(targets["train"], [c.train for c in others])
    synthetic = known_rows(targets["synthetic"], [c.synthetic for c in others])
    holdout = None
    if column.holdout is not None:
        held = [c.holdout for c in others if c.holdout is not None]
        holdout = known_rows(targets["holdout"], held)
    reason = _untestable(real, synthetic, holdout if held_out else None, classes)
    if reason is not None:
        return reason
    if synthetic.rows < len(targets["synthetic"]):
        unknown = column.synthetic >= column.real_levels if column.is_category else np.empty(0)
        notes["synthetic_rows_without_known_target"] = len(targets["synthetic"]) - synthetic.rows
        notes["synthetic_rows_of_unknown_classes"] = int(np.count_nonzero(unknown))
    counts = np.bincount(real.target, minlength=2) if classes else np.empty(0)
    most = max(2, _WIDEST // len(others))
    return Problem(
        target=column.name,
        classes=classes,
        positive=int(np.argmin(counts)) if classes == 2 else None,
        inputs=tuple(other.name for other in others),
        encodings=tuple(fit_encoding(other, most=most) for other in others),
        real=real,
        synthetic=synthetic,
        holdout=holdout,
        notes=notes,
    )


def targets_of(column: Column) -> tuple[dict[str, NDArray[Any]], int, dict[str, Any]]:
    """Targets of the three tables, the number of classes (0 for numbers), and notes.

    Codes are ordered by real frequency; beyond `CLASSES` the rarest share the last one. A code
    of -1 stands for missing and for classes that the real training table lacks.
    """
    arrays: dict[str, NDArray[Any]] = {"train": column.train, "synthetic": column.synthetic}
    if column.holdout is not None:
        arrays["holdout"] = column.holdout
    notes: dict[str, Any] = {}
    levels = column.real_levels
    if not column.is_category:
        distinct = np.unique(column.train[~np.isnan(column.train)])
        if not (column.whole and distinct.size <= _CLASS_CODES) and distinct.size > 1:
            return {name: values.astype(np.float64) for name, values in arrays.items()}, 0, notes
        levels = int(distinct.size)
        arrays = {name: _codes_of(values, distinct) for name, values in arrays.items()}
        counts = np.bincount(arrays["train"][arrays["train"] >= 0], minlength=levels)
        rank = np.empty(levels + 1, dtype=np.int64)
        rank[np.argsort(-counts, kind="stable")] = np.arange(levels)
        rank[-1] = -1
        arrays = {name: rank[codes] for name, codes in arrays.items()}
    classes = max(1, min(levels, CLASSES))
    coded = {}
    for name, codes in arrays.items():
        known = (codes >= 0) & (codes < levels)
        coded[name] = np.where(known, np.minimum(codes, classes - 1), -1).astype(np.int64)
    if levels > classes:
        notes["levels"] = levels
        notes["classes_merged"] = levels - classes + 1
    return coded, classes, notes


def known_rows(target: NDArray[Any], arrays: Sequence[NDArray[Any]]) -> Part:
    """The rows whose target is known."""
    known = target >= 0 if target.dtype.kind == "i" else np.isfinite(target)
    return Part(target=target, arrays=tuple(arrays)).at(np.nonzero(known)[0])


def _why_absent(tables: Tables, target: str) -> str:
    """Say why a target is not among the compared columns."""
    told = dict(tables.left_out).get(target)
    if told is None:
        return f"the target {target!r} is not among the comparable columns"
    if told.startswith("identifies"):
        return (
            f"the target {target!r} identifies rows: there is nothing to learn about a column "
            "that differs in every row"
        )
    return f"the target {target!r} is {told}"


def _codes_of(values: NDArray[np.float64], distinct: NDArray[np.float64]) -> NDArray[np.int64]:
    """Place of each value among the distinct ones, -1 for others."""
    if distinct.size == 0:
        return np.full(values.size, -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(distinct, values), distinct.size - 1)
    return np.where(distinct[place] == values, place, -1).astype(np.int64)


def _untestable(real: Part, synthetic: Part, holdout: Part | None, classes: int) -> str | None:
    """Say why nothing can be tested, or None."""
    if holdout is not None and holdout.rows < SMALLEST_HOLDOUT:
        return f"fewer than {SMALLEST_HOLDOUT} holdout rows have a known target"
    if real.rows < 2:
        return "fewer than two training rows have a known target"
    if synthetic.rows == 0:
        return "no synthetic row has a target that occurs in the real training table"
    if holdout is None:
        return None
    if classes and np.unique(holdout.target).size < 2:
        return "the target has a single class in the holdout"
    if not classes and np.all(holdout.target == holdout.target[0]):
        return "the target is constant in the holdout"
    return None
