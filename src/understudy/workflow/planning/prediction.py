"""How far the synthetic table is expected to be from the real one, per column and per pair.

The idea, in three sentences. What noise and sampling do to a histogram is known from its size,
its noise and the number of rows; how the cells are spread and how strongly columns depend on
each other is not, and no look at the data is allowed. So each figure is a formula of the known
quantities whose few coefficients were found on public tables (`benchmarks.planner`), and comes
with the range in which four of five cases lay there. Where a column is not described at all,
the expectation is the mixture of a number column and a column of a few labels.

Errors are total variation distances as the evaluation measures them: numbers on 32 quantile
bins, labels as they are. What may not happen here: a number that depends on rows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from understudy.workflow.planning.facts import ColumnFacts, Facts
from understudy.workflow.planning.noise import Noise, pairs_of

BINS = 33
"""Levels on which the evaluation compares a number column: 32 bins and the missing."""

NUMBERS_SHARE = 0.35
"""Chance that a column nobody described holds numbers: about what public tables show."""

_FEW = 5.0
_MOST_LABELS = 150
_DROWNED = 0.3
_PARTS = ("larger", "both", "sampling", "noise")


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """An expected figure and the range in which four of five cases of the calibration lay."""

    value: float
    low: float
    high: float

    @classmethod
    def around(cls, value: float, factors: Sequence[float], *, most: float = math.inf) -> Estimate:
        """A value with its range as factors, capped.

        >>> Estimate.around(0.2, (0.5, 2.0))
        Estimate(value=0.2, low=0.1, high=0.4)
        """
        low, high = factors
        return cls(value=min(value, most), low=min(value * low, most), high=min(value * high, most))


@dataclass(frozen=True, kw_only=True, slots=True)
class PairError:
    """Expected error of one pair of columns.

    Parameters
    ----------
    columns
        The two names.
    error
        Expected total variation distance, whether or not the pair will be counted.
    counted, uncounted
        The same if the run chooses to count the pair, and if it does not.
    """

    columns: tuple[str, str]
    error: Estimate
    counted: float
    uncounted: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """Expected errors of all columns and pairs, and their means; empty when nothing is known."""

    columns: Mapping[str, Estimate] = field(default_factory=dict)
    pairs: tuple[PairError, ...] = ()
    column_mean: Estimate | None = None
    pair_mean: Estimate | None = None
    sampling: float | None = None


@cache
def coefficients() -> Mapping[str, Any]:
    """Coefficients found on the calibration half of the benchmark's tables."""
    text = files("understudy.workflow.planning").joinpath("coefficients.json").read_text("utf-8")
    found: Mapping[str, Any] = json.loads(text)
    return found


def is_calibrated(synthesizer: str) -> bool:
    """Whether there are coefficients for a synthesizer of this name."""
    return synthesizer in calibrated()


def calibrated() -> tuple[str, ...]:
    """Synthesizers whose errors are predicted."""
    return tuple(coefficients()["pairs"])


def predict(facts: Facts, noise: Noise, synthesizer: str) -> Prediction:
    """Expected errors under these facts and this noise.

    Parameters
    ----------
    facts, noise
        Public facts, and what `expected_noise` made of them.
    synthesizer
        Name of a synthesizer that is calibrated.
    """
    weights = coefficients()["pairs"]
    modelled = facts.modelled
    bare = {column.name: column_error(column, facts, noise) for column in modelled}
    columns = {
        column.name: Estimate.around(
            bare[column.name], spread_of("column", float(column.shape != "unknown")), most=1.0
        )
        for column in modelled
    }
    described = sum(column.shape != "unknown" for column in modelled) / max(len(modelled), 1)
    found = tuple(_pairs(facts, noise, bare, weights[synthesizer]))
    return Prediction(
        columns=columns,
        pairs=tuple(pair for pair, _ in found),
        column_mean=_mean(list(bare.values()), "column_mean", described),
        pair_mean=_mean([pair.error.value for pair, _ in found], "pair_mean", described),
        sampling=float(np.mean([sampled for _, sampled in found])) if found else None,
    )


def column_error(column: ColumnFacts, facts: Facts, noise: Noise) -> float:
    """Expected total variation distance of one column, 0 to 1."""
    known = coefficients()["columns"]
    mixed = sum(
        chance * _power(column_features(reading, facts, noise), known[reading.shape])
        for reading, chance in readings(column)
    )
    lost = drowned(facts, noise) if column.classes else 0.0
    return 1.0 - (1.0 - mixed) * (1.0 - lost)


def guesses(column: ColumnFacts) -> tuple[ColumnFacts, ColumnFacts]:
    """What an undescribed column may be: numbers, or a few labels."""
    return replace(column, shape="numbers"), replace(column, shape="labels", domain=_FEW)


def drowned(facts: Facts, noise: Noise) -> float:
    """Chance that noise hides what an undescribed column holds, 0 to 1."""
    relative = noise.kinds / facts.rows
    if relative <= 0:
        return 0.0
    return float(1.0 / (1.0 + (_DROWNED / relative) ** 4))


def column_features(column: ColumnFacts, facts: Facts, noise: Noise) -> np.ndarray:
    """Logarithms of what a column's error is a product of powers of.

    Labels: what noise does to a histogram whose cells fall off like 1/rank, and their number.
    Numbers, compared on a fixed number of bins: relative noise.
    """
    relative = noise.singles[column.name] / facts.rows
    spread = profile(column)
    if column.shape == "numbers":
        return np.array([1.0, np.log(relative)])
    moved = 0.5 * float(np.minimum(0.8 * relative, spread).sum())
    return np.array([1.0, np.log(max(moved, 1e-12)), np.log(len(spread))])


def profile(column: ColumnFacts) -> np.ndarray:
    """How a column's cells are taken to be spread over its levels: a public assumption."""
    if column.shape == "numbers":
        size = int(max(2.0, min(column.domain or BINS, BINS)))
        return np.full(size, 1.0 / size)
    size = int(max(2.0, min(column.domain or _FEW, _MOST_LABELS)))
    falling = 1.0 / np.arange(1, size + 1)
    return np.asarray(falling / falling.sum())


def sampling_error(first: np.ndarray, second: np.ndarray, rows: float) -> float:
    """Expected total variation between two samples of so many rows of one joint distribution.

    With cells of mean λ both counts are Poisson, and E|X − Y| = 2λ e^{−2λ}(I₀(2λ) + I₁(2λ)).

    >>> round(sampling_error(np.array([0.5, 0.5]), np.array([1.0]), 10_000), 4)
    0.008
    """
    from scipy.special import ive

    shares = np.outer(first, second)
    mean = 2.0 * rows * shares
    return float((shares * (ive(0, mean) + ive(1, mean))).sum())


def pair_features(
    pair: tuple[ColumnFacts, ColumnFacts],
    errors: tuple[float, float],
    facts: Facts,
    noise: Noise,
) -> dict[str, float]:
    """What a pair's error is a weighted sum of, before it is known whether it is counted.

    `larger` and `both` are of its columns' own errors, `sampling` what rows alone make, `noise`
    how far noise moves its counted table, `room_0` to `room_2` how far a pair with so many number
    columns can depart from independence.
    """
    rooms, sampled, moved = [0.0, 0.0, 0.0], 0.0, 0.0
    for first, likely in readings(pair[0]):
        for second, too in readings(pair[1]):
            sizes, share = (len(profile(first)), len(profile(second))), likely * too
            here = math.sqrt((1.0 - 1.0 / sizes[0]) * (1.0 - 1.0 / sizes[1]))
            rooms[(first.shape == "numbers") + (second.shape == "numbers")] += share * here
            sampled += share * _sampling(first.shape, sizes[0], second.shape, sizes[1], facts.rows)
            if math.isfinite(noise.pair):
                cells = _merged(first, noise) * _merged(second, noise)
                relative = noise.pair / facts.rows
                moved += share * here * min(0.4 * cells * relative, math.sqrt(relative), 1.0)
    return {
        "larger": max(errors),
        "both": sum(errors),
        "sampling": sampled,
        "noise": moved,
        **{f"room_{numbers}": room for numbers, room in enumerate(rooms)},
    }


def weighted(weights: Mapping[str, float], found: Mapping[str, float], *, counted: bool) -> float:
    """The error of a pair: singles, sampling and dependence, in quadrature.

    Where each part is large the others overlap with it, so squares are added, not errors. What is
    left of dependence is what merging levels hides when the pair is counted, and what follows from
    other pairs when it is not, which is no less. Noise is in both: of a counted pair its own, of
    another that of the pairs it follows from, and what was too little to be seen.
    """
    left = 0.0
    for k in range(3):
        follows = 0.0 if counted else weights[f"uncounted_{k}"]
        left += max(weights[f"merged_{k}"], follows) * found[f"room_{k}"] ** 2
    total = left + sum(weights[name] * found[name] ** 2 for name in _PARTS)
    return float(min(math.sqrt(total), 1.0))


def spread_of(kind: str, described: float) -> tuple[float, float]:
    """Factors between which four of five figures lay, by the share of columns described."""
    known = coefficients()["spread"][kind]
    low, high = (
        math.exp(
            described * math.log(known["described"][side])
            + (1.0 - described) * math.log(known["undescribed"][side])
        )
        for side in (0, 1)
    )
    return low, high


def _pairs(
    facts: Facts, noise: Noise, errors: Mapping[str, float], weights: Mapping[str, float]
) -> Iterator[tuple[PairError, float]]:
    """Every pair with its expected error, and the part of it that sampling alone makes."""
    together = pairs_of(facts)
    chance = min(1.0, noise.counted / max(len(together), 1))
    alike: dict[tuple[Any, ...], tuple[Estimate, float, float, float]] = {}
    for pair in together:
        first, second = pair
        own = errors[first.name], errors[second.name]
        key = (first.shape, first.domain, second.shape, second.domain, *own)
        if key not in alike:
            found = pair_features(pair, own, facts, noise)
            alike[key] = _pair(pair, found, weights, chance)
        error, counted, uncounted, sampled = alike[key]
        names = (first.name, second.name)
        yield PairError(columns=names, error=error, counted=counted, uncounted=uncounted), sampled


def _pair(
    pair: tuple[ColumnFacts, ColumnFacts],
    found: Mapping[str, float],
    weights: Mapping[str, float],
    chance: float,
) -> tuple[Estimate, float, float, float]:
    """Expected error of one pair; counted, uncounted; and what sampling alone makes of it."""
    counted = weighted(weights, found, counted=True)
    uncounted = weighted(weights, found, counted=False)
    described = sum(column.shape != "unknown" for column in pair) / 2
    error = chance * counted + (1.0 - chance) * uncounted
    return (
        Estimate.around(error, spread_of("pair", described), most=1.0),
        counted,
        uncounted,
        math.sqrt(weights["sampling"]) * found["sampling"],
    )


def _mean(values: Sequence[float], kind: str, described: float) -> Estimate | None:
    """The mean of figures with its range; None without any."""
    if not values:
        return None
    return Estimate.around(float(np.mean(values)), spread_of(kind, described), most=1.0)


def readings(column: ColumnFacts) -> tuple[tuple[ColumnFacts, float], ...]:
    """What a column may be, with its chance; numbers on a short lattice behave like labels."""
    if column.shape == "numbers" and column.domain is not None and column.domain <= BINS:
        return ((replace(column, shape="labels"), 1.0),)
    if column.shape != "unknown":
        return ((column, 1.0),)
    numbers, labels = guesses(column)
    return (numbers, NUMBERS_SHARE), (labels, 1.0 - NUMBERS_SHARE)


def _merged(column: ColumnFacts, noise: Noise) -> float:
    """Levels of a column in a counted pair."""
    return min(float(len(profile(column))), float(noise.levels))


def _power(vector: np.ndarray, powers: Sequence[float]) -> float:
    """A product of powers, capped at 1."""
    return float(min(np.exp(float(vector @ np.asarray(powers))), 1.0))


@lru_cache(maxsize=4096)
def _sampling(first: str, one: int, second: str, other: int, rows: float) -> float:
    """Sampling error of a pair by the shapes and sizes of its columns."""
    left = ColumnFacts(
        name="", role="modelled", shape=first, domain=one, classes=False, distinct=False
    )
    return sampling_error(profile(left), profile(replace(left, shape=second, domain=other)), rows)
