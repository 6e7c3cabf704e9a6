"""Logistic regression, private by noisy sums of everybody's clipped gradients.

The idea, in three sentences. Labels are told apart one by one and numbers by a few ranges of about
equal mass, so a row is one level per column. Every step sums the clipped gradients of all rows, adds
noise (`curator.batches`), and moves with momentum; the scores of the second half of the steps are
averaged. Everybody takes part in every step: for a model of a hundred numbers, few steps with all
rows beat many on samples (Bassily, Smith & Thakurta 2014, arXiv:1405.7085, has the theory of both).

How many steps, how many ranges and how much the scores are held back follow from noisy counts and
what is left of the budget. What may not happen here: a step size, a number of steps or an end that
follows the rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from understudy.curator import Curator
from understudy.curator.batches import STAGE, BatchPlan, open_rows
from understudy.curator.encodings import Encoding
from understudy.errors import InputError
from understudy.learn.fitting import Progress, Task, begun, plan_rest, predictor, silent
from understudy.learn.inputs import Input, inputs_of
from understudy.learn.predictor import Floats, Predictor, softmax
from understudy.privacy.budget import NonPrivateBudget
from understudy.schema import Schema

_SIGNAL = 4_500.0
"""Rows over noise at which the settings below were measured: half of Adult at ε = 1."""

_FEWEST, _MOST, _OPEN = 12, 240, 400
"""Steps: under little privacy budget, under much, and without privacy."""

_SPREAD = 10.0
"""Variance of all columns together beyond which they are scaled down, so that steps stay stable."""

_MICROBATCH = 65_536


@dataclass(frozen=True, kw_only=True)
class Logistic:
    """Logistic regression over levels of columns; of several classes together.

    Parameters
    ----------
    bins
        Most ranges of a number, 2 to 64; None decides by the noise at hand.
    steps
        How many, 1 to 10,000; None decides by the noise at hand.
    clip
        L2 norm to which a unit's gradient is clipped, above 0.
    ridge
        Weight of the penalty on scores, 0 or more; None decides by the noise at hand.

    Raises
    ------
    InputError
        A setting out of range.

    Guarantees
    ----------
    Under a finite budget (ε, δ) of it, by `curator.batches.BatchPlan`. Under `NON_PRIVATE` none.

    >>> Logistic().name
    'logistic'
    """

    name: ClassVar[str] = "logistic"

    bins: int | None = None
    steps: int | None = None
    clip: float = 2.0
    ridge: float | None = None

    def __post_init__(self) -> None:
        if self.bins is not None and not 2 <= self.bins <= 64:
            raise InputError("bins must lie in 2 to 64", bins=self.bins)
        if self.steps is not None and not 1 <= self.steps <= 10_000:
            raise InputError("steps must lie in 1 to 10,000", steps=self.steps)
        if not (math.isfinite(self.clip) and self.clip > 0):
            raise InputError("clip must be above 0", clip=self.clip)
        if self.ridge is not None and not (math.isfinite(self.ridge) and self.ridge >= 0):
            raise InputError("ridge must be 0 or more", ridge=self.ridge)

    def fit(
        self,
        curator: Curator,
        schema: Schema,
        *,
        target: str,
        classes: Sequence[Any] | None = None,
        progress: Progress = silent,
    ) -> Predictor:
        """Learn columns, then scores by noisy steps; see `Learner.fit`.

        Raises
        ------
        InputError
            The rows cannot be had one by one, or the target cannot be predicted.
        BudgetExceeded
            ε is too small for any step; nothing was charged.
        """
        if not curator.gives_rows:
            raise InputError(
                "logistic regression needs the rows in memory, and this place only counts them",
                hint="read the table into memory, or take gaussian_nb or histogram_nb",
            )
        open_door = isinstance(curator.budget, NonPrivateBudget)
        if not open_door:
            curator.budget.noise_multiplier(1.0, self.steps or _FEWEST)
        task = begun(curator, schema, target=target, classes=classes, progress=progress)
        bins, steps, ridge, least = self._settled(task)
        prepared = task.prepared
        inputs = inputs_of(prepared, target, bins=bins, least=least)
        plan_rest(curator.budget, STAGE)
        told = {**asdict(self), "bins": bins, "steps": steps, "ridge": ridge}
        if task.classes.count < 2:
            return predictor(
                task, [], [], np.zeros(task.classes.count), name=self.name, settings=told
            )
        rows = Levels(inputs, task)
        encodings: list[Encoding] = [item.encoding for item in inputs]
        encodings.append(task.classes.encoding)
        gradient: Callable[[], npt.NDArray[Any]]
        if open_door:
            gradient = _exact_mean(rows, curator, encodings)
        else:
            plan = BatchPlan(
                curator,
                encodings,
                probability=1.0,
                steps=steps,
                clip=self.clip,
                expected=prepared.rows,
                microbatch=_MICROBATCH,
            )
            gradient = partial(plan.step, rows)
        scores = _descend(
            rows,
            gradient,
            steps=steps,
            ridge=ridge,
            progress=lambda done: progress("taking noisy steps", 0.3 + 0.7 * done),
        )
        tables, intercept = rows.tables(scores)
        return predictor(task, inputs, tables, intercept, name=self.name, settings=told)

    def _settled(self, task: Task) -> tuple[int, int, float, float]:
        """Ranges of a number, steps, penalty, and the least share of a level of its own."""
        signal, prepared = task.signal, task.prepared
        if math.isinf(signal):
            ridge = 1.0 / prepared.rows if self.ridge is None else self.ridge
            return self.bins or 16, self.steps or _OPEN, ridge, 0.0
        stands = max(signal, 1.0) / _SIGNAL
        bins = int(np.clip(round(8.0 * stands**0.4), 4, 16))
        steps = int(np.clip(round(60.0 * math.sqrt(stands)), _FEWEST, _MOST))
        ridge = min(1e-3 / stands, 1.0)
        least = float(np.clip(5.0 / max(signal, 1.0), 1e-3, 0.03))
        return (
            self.bins or bins,
            self.steps or steps,
            ridge if self.ridge is None else self.ridge,
            least,
        )


class Levels:
    """What logistic regression does with the rows of a step: `curator.batches.Gradients`.

    A row is the concatenation, over columns, of its level less the share of every level, times a
    public scale, and a one. With two classes there is one score per level; with more, one for each.

    Parameters
    ----------
    inputs
        Columns on their levels; codes come in this order, the target's code last.
    task
        Has the classes.
    """

    def __init__(self, inputs: Sequence[Input], task: Task) -> None:
        self._place = task.classes.place()
        self.outputs = 1 if task.classes.count == 2 else task.classes.count
        shares = [item.shares for item in inputs]
        spread = sum(1.0 - float(share @ share) for share in shares)
        self.scale = min(1.0, math.sqrt(_SPREAD / max(spread, 1e-9)))
        self._quiet = [_silent_levels(item) for item in inputs]
        self._centres = shares
        self._sizes = [item.levels for item in inputs]
        self._squares = [
            np.where(quiet, 0.0, self.scale**2 * (1.0 - 2.0 * share + share @ share))
            for quiet, share in zip(self._quiet, shares, strict=True)
        ]
        self.size = (sum(self._sizes) + 1) * self.outputs
        self.scores = np.zeros(self.size)
        self.scores[-self.outputs :] = self._start(task)
        self._codes: npt.NDArray[np.integer[Any]] = np.zeros((0, len(inputs) + 1), dtype=np.int64)
        self._residual = np.zeros((0, self.outputs))

    def _start(self, task: Task) -> Floats:
        """The intercept to begin with: the shares of the classes, as they were paid for."""
        logs = np.log(task.classes.shares)
        return np.asarray(logs[1:] - logs[0] if self.outputs == 1 else logs - logs.mean())

    def norms(self, codes: npt.NDArray[np.integer[Any]], step: int) -> Floats:
        """L2 norm of each row's gradient, shape `(rows,)`: a product of two norms."""
        tables, total = self._levels(self.scores)
        squared = np.ones(len(codes))
        scores = np.tile(total, (len(codes), 1))
        for column, (table, squares) in enumerate(zip(tables, self._squares, strict=True)):
            scores += table[codes[:, column]]
            squared += squares[codes[:, column]]
        self._codes, self._residual = codes, self._residuals(scores, self._place[codes[:, -1]])
        return np.asarray(np.sqrt(squared * (self._residual**2).sum(axis=1)))

    def weighted(self, weights: npt.NDArray[np.floating[Any]]) -> Floats:
        """Sum of those rows' gradients, each times its weight, shape `(size,)`."""
        residual = self._residual * weights[:, None]
        whole = residual.sum(axis=0)
        parts = []
        for column, size in enumerate(self._sizes):
            codes = self._codes[:, column]
            sums = np.column_stack(
                [
                    np.bincount(codes, weights=residual[:, output], minlength=size)
                    for output in range(self.outputs)
                ]
            )
            quiet = self._quiet[column]
            heard = whole - sums[quiet].sum(axis=0)
            sums[quiet] = 0.0
            parts.append(self.scale * (sums - np.outer(self._centres[column], heard)))
        return np.concatenate([*(part.ravel() for part in parts), whole])

    def _residuals(self, scores: Floats, truth: npt.NDArray[np.int64]) -> Floats:
        """Probability less truth; zero for rows without a known class."""
        if self.outputs == 1:
            residual = 1.0 / (1.0 + np.exp(-np.clip(scores, -50.0, 50.0)))
            residual[truth == 1] -= 1.0
        else:
            residual = softmax(scores)
            known = np.flatnonzero(truth >= 0)
            residual[known, truth[known]] -= 1.0
        residual[truth < 0] = 0.0
        return np.asarray(residual)

    def _levels(self, flat: Floats) -> tuple[list[Floats], Floats]:
        """What every level adds to the scores, shape `(levels, outputs)`, and the intercept."""
        tables, start = [], 0
        for size, share, quiet in zip(self._sizes, self._centres, self._quiet, strict=True):
            part = flat[start : start + size * self.outputs].reshape(size, self.outputs)
            start += size * self.outputs
            table = self.scale * (part - share @ part)
            table[quiet] = 0.0
            tables.append(table)
        return tables, flat[start:]

    def tables(self, flat: Floats) -> tuple[list[Floats], Floats]:
        """Scores of every level for every class, and the intercept."""
        tables, intercept = self._levels(flat)
        if self.outputs > 1:
            return tables, intercept
        both = np.array([[-0.5, 0.5]])
        return [table @ both for table in tables], (intercept[None, :] @ both)[0]


def _exact_mean(
    rows: Levels, curator: Curator, encodings: Sequence[Encoding]
) -> Callable[[], Floats]:
    """The mean gradient of all rows, for a fit without privacy."""
    codes = open_rows(curator, encodings, label="rows for logistic regression").codes
    weights = np.ones(len(codes))

    def mean() -> Floats:
        rows.norms(codes, 0)
        return rows.weighted(weights) / len(codes)

    return mean


def _silent_levels(item: Input) -> npt.NDArray[np.bool_]:
    """Levels that hold silent codes alone."""
    loud = np.zeros(item.levels, dtype=bool)
    loud[item.into[~item.silent]] = True
    return ~loud


def _descend(
    rows: Levels,
    gradient: Callable[[], npt.NDArray[Any]],
    *,
    steps: int,
    ridge: float,
    progress: Callable[[float], None],
) -> Floats:
    """Steps with momentum from no effect at all; the mean of the scores of their second half."""
    rate, momentum = (1.2 if rows.outputs == 1 else 0.6), 0.85
    held = np.full(rows.size, ridge)
    held[-rows.outputs :] = 0.0
    moving, mean = np.zeros(rows.size), np.zeros(rows.size)
    late = steps - steps // 2
    for step in range(steps):
        moving = momentum * moving + gradient() + held * rows.scores
        rows.scores = rows.scores - rate * moving
        if step >= steps - late:
            mean += rows.scores / late
        if step % 16 == 15 or step == steps - 1:
            progress((step + 1) / steps)
    return mean
