"""Naive Bayes, private by noisy tables of the target and every other column.

The idea, in two sentences. Every column is counted together with the target, on merged levels, and
the probabilities of naive Bayes are read from these noisy tables; what they say beyond the noise is
kept, the rest is what the column says of everybody. Nothing but counts is asked, so it works
wherever rows can be counted: in memory, in a stream, in a database.

A number is either its levels as they are, or a Gaussian in each class whose mean and variance come
from the same noisy table: bounds and widths of the levels were paid for or declared, never read from
the rows. What may not happen here: a class, a bound or a moment that was not paid for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from understudy.curator import Count, Curator, NumberCells
from understudy.errors import InputError
from understudy.learn.fitting import Progress, Task, begun, plan_rest, predictor, silent
from understudy.learn.inputs import Input, inputs_of
from understudy.learn.predictor import Floats, Predictor
from understudy.prepare.attributes import Attribute
from understudy.privacy.budget import NonPrivateBudget
from understudy.schema import Schema

STAGE = "tables"
"""The stage of a run that the tables are paid from."""

_SIGNAL = 4_500.0


@dataclass(frozen=True, kw_only=True)
class Bayes:
    """Naive Bayes over levels of columns.

    Parameters
    ----------
    numbers
        `levels`: a number says what its range says. `gaussian`: it is Gaussian within a class.
    bins
        Most ranges of a number, 2 to 256; None decides by the noise at hand.
    smoothing
        Part of a number's whole variance that is added to its variance in every class, in (0, 1];
        for `gaussian`.

    Raises
    ------
    InputError
        A setting out of range.

    Guarantees
    ----------
    (ε, δ) of the curator's budget, under its unit; everything after the counts is post-processing.

    >>> Bayes().numbers
    'levels'
    """

    name: ClassVar[str] = "naive_bayes"

    numbers: Literal["levels", "gaussian"] = "levels"
    bins: int | None = None
    smoothing: float = 0.01

    def __post_init__(self) -> None:
        if self.numbers not in ("levels", "gaussian"):
            raise InputError("numbers must be 'levels' or 'gaussian'", numbers=self.numbers)
        if self.bins is not None and not 2 <= self.bins <= 256:
            raise InputError("bins must lie in 2 to 256", bins=self.bins)
        if not 0 < self.smoothing <= 1:
            raise InputError("smoothing must lie in (0, 1]", smoothing=self.smoothing)

    def fit(
        self,
        curator: Curator,
        schema: Schema,
        *,
        target: str,
        classes: Sequence[Any] | None = None,
        progress: Progress = silent,
    ) -> Predictor:
        """Learn columns, count each with the target; see `Learner.fit`."""
        task = begun(curator, schema, target=target, classes=classes, progress=progress)
        bins, least = self._settled(task)
        inputs = inputs_of(task.prepared, target, bins=bins, least=least)
        plan_rest(curator.budget, STAGE)
        progress("counting every column with the target", 0.4)
        counted, sigmas = _counted(curator, task, inputs)
        priors = _priors(task, counted, sigmas)
        tables = [
            self._said(item, table, sigma)
            for item, table, sigma in zip(inputs, counted, sigmas, strict=True)
        ]
        made = predictor(
            task,
            inputs,
            tables,
            np.log(priors),
            name="gaussian_nb" if self.numbers == "gaussian" else "histogram_nb",
            settings={**asdict(self), "bins": bins},
        )
        progress("done", 1.0)
        return made

    def _settled(self, task: Task) -> tuple[int, float]:
        """Ranges of a number, and the least share of a level of its own."""
        usual = 16 if self.numbers == "levels" else 32
        if math.isinf(task.signal):
            return self.bins or 4 * usual, 0.0
        stands = max(task.signal, 1.0) / _SIGNAL
        bins = int(np.clip(round(usual * stands**0.4), 4, 4 * usual))
        return self.bins or bins, float(np.clip(5.0 / max(task.signal, 1.0), 1e-3, 0.03))

    def _said(self, item: Input, table: Floats, sigma: float) -> Floats:
        """Log-likelihood of every level in every class, shape `(levels, classes)`."""
        if self.numbers == "gaussian" and isinstance(item.attribute.encoding, NumberCells):
            return _gaussian(item, table, sigma, self.smoothing)
        return _frequencies(item, table, sigma)


def _counted(
    curator: Curator, task: Task, inputs: Sequence[Input]
) -> tuple[list[Floats], list[float]]:
    """Noisy tables of every column with the classes, shape `(levels, classes)`, and their noise.

    Noise is spread so that the summed expected error of the tables is least.
    """
    if not inputs:
        return [], []
    cells = np.array([item.levels * task.classes.encoding.size for item in inputs], dtype=float)
    weights = cells ** (2.0 / 3.0)
    budget = curator.budget
    open_door = isinstance(budget, NonPrivateBudget)
    rho = budget.scale_rho if open_door else budget.remaining_rho
    rhos = rho * (1 - 1e-9) * weights / weights.sum()
    sigmas = [float(curator.unit.count_l2 / math.sqrt(2.0 * one)) for one in rhos]
    answers = curator.ask(
        [
            Count(encodings=(item.encoding, task.classes.encoding), sigma=sigma, stage=STAGE)
            for item, sigma in zip(inputs, sigmas, strict=True)
        ]
    )
    codes = list(task.classes.codes)
    return [np.asarray(answer)[:, codes] for answer in answers], sigmas


def _priors(task: Task, counted: Sequence[Floats], sigmas: Sequence[float]) -> Floats:
    """Share of every class: the mean of all tables' totals, each by its precision."""
    prepared = task.prepared
    totals, weights = [task.classes.shares * prepared.rows], [0.0 if counted else 1.0]
    for table, sigma in zip(counted, sigmas, strict=True):
        totals.append(table.sum(axis=0))
        weights.append(1.0 / (len(table) * sigma**2))
    mean = np.average(np.array(totals), axis=0, weights=weights)
    mean = np.maximum(mean, 1.0)
    return np.asarray(mean / mean.sum())


def _frequencies(item: Input, table: Floats, sigma: float) -> Floats:
    """Noisy shares of the levels in each class, drawn towards those of everybody."""
    levels = item.levels
    everybody = (item.shares + 1e-4) / (1.0 + 1e-4 * levels)
    held = max(sigma, 1.0) * levels
    kept = np.maximum(table, 0.0)
    shares = (kept + held * everybody[:, None]) / (kept.sum(axis=0) + held)
    return np.asarray(np.log(shares))


def _gaussian(item: Input, table: Floats, sigma: float, smoothing: float) -> Floats:
    """Log-density at the middle of every level's cells, by each class's mean and variance.

    Marks and unreadable cells say how frequent they are; the density is of the others.
    """
    centres, squares, line = _moments(item)
    if not line.any():
        return _frequencies(item, table, sigma)
    mass = item.shares * line
    mean = float(mass @ centres / mass.sum())
    variance = max(float(mass @ squares / mass.sum()) - mean**2, 1e-12)
    kept = np.maximum(table, 0.0) * line[:, None]
    held = max(sigma, 1.0)
    weight = kept.sum(axis=0) + held
    means = (kept.T @ centres + held * mean) / weight
    second = (kept.T @ squares + held * (variance + mean**2)) / weight
    variances = np.clip(second - means**2, 0.0, None) + smoothing * variance
    away = (centres[:, None] - means) ** 2 + (squares - centres**2)[:, None]
    density = -0.5 * np.log(variances) - 0.5 * away / variances
    plain = _frequencies(item, table, sigma)
    there = np.log(np.exp(plain[line]).sum(axis=0))
    said = np.where(line[:, None], there + density, plain)
    return np.asarray(said, dtype=np.float64)


def _moments(item: Input) -> tuple[Floats, Floats, np.ndarray]:
    """Mean and mean square of every level's numbers, and which levels lie on the line."""
    encoding = item.attribute.encoding
    assert isinstance(encoding, NumberCells)
    middle, width = _middles(item.attribute)
    shares, into = item.attribute.shares[: encoding.cells], item.into[: encoding.cells]
    floor = 1e-9 / max(encoding.cells, 1)
    mass = np.bincount(into, weights=shares + floor, minlength=item.levels)
    first = np.bincount(into, weights=(shares + floor) * middle, minlength=item.levels)
    second = np.bincount(
        into, weights=(shares + floor) * (middle**2 + width**2 / 12.0), minlength=item.levels
    )
    line = mass > 0
    safe = np.where(line, mass, 1.0)
    return first / safe, second / safe, line


def _middles(item: Attribute) -> tuple[Floats, Floats]:
    """Middle and width of every cell, in units of the whole range, so that squares stay small."""
    assert isinstance(item.encoding, NumberCells)
    edges = np.asarray(item.encoding.edges, dtype=np.float64)
    reach = float(edges[-1] - edges[0]) or 1.0
    lattice = 1.0 if item.encoding.reading.unit is not None else 0.0
    low = (edges[:-1] - edges[0]) / reach
    high = (np.maximum(edges[1:] - lattice, edges[:-1]) - edges[0]) / reach
    return (low + high) / 2.0, high - low
