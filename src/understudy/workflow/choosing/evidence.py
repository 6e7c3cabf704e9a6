"""What a study says of another table: losses read at the noise that table would have.

Noise is measured against rows. A fit at ε on n rows is read in the study at ε · n / n', where n' are
the rows of the study's data set: as many rows per unit of noise. Between the study's budgets losses
are interpolated on the logarithm of ε, beyond them the nearest budget stands. What may not happen
here: rows, or a difference between two methods that is not made split by split.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from understudy.release.study import StudyResults
from understudy.release.study_summary import Fit, Summary
from understudy.workflow.choosing.value import Alike
from understudy.workflow.planning.facts import Facts

Goal = Literal["task", "pairs"]
Floats = npt.NDArray[np.float64]

PAIRS = "workload_error_2"
_WIDTH = 0.5
_LEAST_WEIGHT = 1e-3


@dataclass(frozen=True, kw_only=True)
class Told:
    """Losses of one method at one ε: mean, half of its 95 % range, and whether budgets were left.

    `splits` holds, per data set, the loss of every split.
    """

    mean: float
    half: float
    outside: bool
    splits: Mapping[str, Mapping[int, float]]


class Evidence:
    """A study as seen from a new table.

    Parameters
    ----------
    results
        Of the study.
    facts
        Public facts of the new table.
    goal
        What is weighed.
    """

    def __init__(self, results: StudyResults, facts: Facts, goal: Goal) -> None:
        self.summary, self.facts, self.goal = Summary(results), facts, goal
        self.kinds = {str(row["method"]): str(row["kind"]) for row in results.records}
        self.datasets = tuple(name for name in self.summary.about.datasets if self._is_told(name))
        self.alike = self._alike()

    def _is_told(self, dataset: str) -> bool:
        """Whether a data set has figures of the kind that is weighed."""
        methods = [name for name, kind in self.kinds.items() if kind == "synthesizer"]
        return any(self._losses(dataset, method) for method in methods)

    def methods(self, kind: str) -> tuple[str, ...]:
        """Methods of a kind with figures at a finite ε on every data set that is told of."""
        names = [name for name, what in self.kinds.items() if what == kind]
        return tuple(
            name
            for name in names
            if self.datasets and all(self._losses(data, name) for data in self.datasets)
        )

    def _losses(self, dataset: str, method: str) -> dict[float, dict[int, float]]:
        """Loss by ε and seed, at finite ε."""
        found: dict[float, dict[int, float]] = {}
        score = self.summary.headline(dataset)
        kind = self.kinds.get(method)
        for epsilon in self.summary.epsilons(method, dataset):
            if not math.isfinite(epsilon):
                continue
            fit, real = Fit(dataset, method, epsilon), Fit(dataset, "real", None)
            if self.goal == "pairs":
                values = self.summary.by_split(fit, PAIRS, "synthetic")
            elif not score:
                continue
            elif kind == "learner":
                values = _less(
                    self.summary.by_split(real, score, "trtr", None), self._own(fit, score)
                )
            else:
                values = _less(
                    self.summary.by_split(real, score, "trtr", None),
                    self.summary.by_split(fit, score, "tstr", None),
                )
            if values:
                found[epsilon] = {seed: value for (seed, _), value in values.items()}
        return found

    def _own(self, fit: Fit, score: str) -> dict[tuple[int, int], float]:
        """A learner's own score by split: it is the model, so there is one of them."""
        for setting in ("trtr", "private", "learner"):
            for model in (fit.method, ""):
                values = self.summary.by_split(fit, score, setting, model)
                if values:
                    return values
        return {}

    def told(self, method: str, epsilon: float) -> Told | None:
        """Losses of a method at an ε for the new table; None where the study has none."""
        splits: dict[str, dict[int, float]] = {}
        outside = False
        for data in self.datasets:
            losses = self._losses(data, method)
            if not losses:
                return None
            at = epsilon * self._factor(data)
            values, left = _read(losses, at)
            splits[data] = values
            outside = outside or left
        if not splits:
            return None
        mean, half = self._mean(splits)
        return Told(mean=mean, half=half, outside=outside, splits=splits)

    def difference(self, one: Told, other: Told) -> tuple[float, float]:
        """How much more `one` loses, and the half-width of its 95 % range, split by split."""
        paired = {
            data: {
                seed: value - other.splits[data][seed]
                for seed, value in values.items()
                if seed in other.splits[data]
            }
            for data, values in one.splits.items()
        }
        if not all(paired.values()):
            return one.mean - other.mean, math.hypot(one.half, other.half)
        return self._mean(paired)

    def attack(self, method: str, epsilon: float) -> float | None:
        """AUC of the membership attack at the nearest noise, weighed over data sets."""
        found, weights = [], []
        for data, weight in self._weights().items():
            grid = [e for e in self.summary.epsilons(method, data) if math.isfinite(e)]
            if not grid:
                continue
            at = epsilon * self._factor(data)
            near = min(grid, key=lambda one: abs(math.log(one / at)))
            told = self.summary.attack(Fit(data, method, near), "mia_auc")
            if told is not None:
                found.append(told.value)
                weights.append(weight)
        return float(np.average(found, weights=weights)) if found else None

    def seeds(self, method: str) -> int:
        """Fewest splits that a method has at any ε, on any data set."""
        counts = [
            len(values) for data in self.datasets for values in self._losses(data, method).values()
        ]
        return min(counts, default=0)

    def _factor(self, dataset: str) -> float:
        """Rows of the new table over those of a data set, for one unit's rows."""
        studied = next((t for t in self.summary.about.tables if t.name == dataset), None)
        if studied is None:
            return 1.0
        facts = self.facts
        return facts.rows / facts.sensitivity / studied.rows

    def _mean(self, splits: Mapping[str, Mapping[int, float]]) -> tuple[float, float]:
        """Weighed mean over data sets, and half of its 95 % range: of splits, and between tables.

        Student's, with as many degrees of freedom as there are splits beyond the first of each.
        """
        from scipy.stats import t

        weights = self._weights()
        share = np.array([weights[data] for data in splits])
        share = share / share.sum()
        values = [np.array(list(one.values())) for one in splits.values()]
        means = np.array([one.mean() for one in values])
        within = np.array([one.var(ddof=1) / one.size if one.size > 1 else 0.0 for one in values])
        mean = float(share @ means)
        between = float(share @ (means - mean) ** 2)
        error = math.sqrt(float(share**2 @ within) + between * float(share @ share))
        freedom = max(sum(one.size - 1 for one in values), 1)
        return mean, float(t.ppf(0.975, freedom)) * error

    def _weights(self) -> dict[str, float]:
        """The part of every data set."""
        return {one.name: one.weight for one in self.alike if one.name in self.datasets}

    def _alike(self) -> tuple[Alike, ...]:
        """How alike the data sets are, the most alike first."""
        known = {one.name: one for one in self.summary.about.tables}
        facts = self.facts
        columns = max(len(facts.modelled), 1)
        told = [column.shape for column in facts.modelled if column.shape != "unknown"]
        numbers = told.count("numbers") / len(told) if len(told) > columns / 2 else None
        distances: dict[str, float | None] = {}
        sizes: dict[str, int] = {}
        for name in self.datasets:
            studied = known.get(name)
            if studied is None:
                distances[name] = None
                continue
            sizes[name] = studied.rows
            apart = [
                0.5 * math.log10(facts.rows / studied.rows),
                math.log10(columns / studied.columns),
            ]
            if numbers is not None:
                apart.append(numbers - studied.numbers / studied.columns)
            distances[name] = math.hypot(*apart)
        raw = {
            name: math.exp(-((one or 0.0) ** 2) / (2 * _WIDTH**2)) + _LEAST_WEIGHT
            for name, one in distances.items()
        }
        whole = sum(raw.values())
        found = [
            Alike(
                name=name,
                size=sizes.get(name),
                columns=known[name].columns if name in known else None,
                distance=distance,
                weight=raw[name] / whole,
            )
            for name, distance in distances.items()
        ]
        return tuple(sorted(found, key=lambda one: (one.distance is None, one.distance or 0.0)))


def _less(
    real: Mapping[tuple[int, int], float], ours: Mapping[tuple[int, int], float]
) -> dict[tuple[int, int], float]:
    """What real rows score more, split by split."""
    return {split: real[split] - value for split, value in ours.items() if split in real}


def _read(losses: Mapping[float, Mapping[int, float]], at: float) -> tuple[dict[int, float], bool]:
    """Losses by seed at an ε between budgets, and whether it lies outside them.

    >>> _read({1.0: {0: 0.2}, 10.0: {0: 0.1}}, 10**0.5)[0][0]
    0.15...
    >>> _read({1.0: {0: 0.2}, 10.0: {0: 0.1}}, 100.0)
    ({0: 0.1}, True)
    """
    grid: Sequence[float] = sorted(losses)
    seeds = set.intersection(*(set(losses[one]) for one in grid))
    if not seeds:
        near = min(grid, key=lambda one: abs(math.log(one / at)))
        return dict(losses[near]), True
    logs = np.log(grid)
    outside = not grid[0] * 0.99 <= at <= grid[-1] * 1.01
    told = {
        seed: float(np.interp(math.log(at), logs, [losses[one][seed] for one in grid]))
        for seed in sorted(seeds)
    }
    return told, outside
