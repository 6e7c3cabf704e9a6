"""Find the coefficients of the predictor on the calibration half of the tables.

    python -m benchmarks.planner.fit benchmarks/results/planner.jsonl

writes `src/understudy/workflow/planning/coefficients.json`. Rows of held-out tables are ignored
here; they are what the benchmark reports on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import least_squares, nnls

from understudy.workflow.planning import effort, prediction
from understudy.workflow.planning.noise import pairs_of

from .cases import Observed, observed
from .tables import TABLES

OUT = Path(__file__).resolve().parents[2] / "src/understudy/workflow/planning/coefficients.json"
PAIR_PARTS = (
    "larger",
    "both",
    "sampling",
    "noise",
    *(f"{left}_{numbers}" for left in ("uncounted", "merged") for numbers in range(3)),
)
QUANTILES, UNUSUAL, SINGLE = (0.1, 0.9), 5.0, 0.2


def power_law(features: np.ndarray, seen: np.ndarray, rounds: int = 60) -> list[float]:
    """Powers of a product that fits the mean of the usual columns.

    A start in the median (least absolute deviations of logarithms), then a gamma regression on
    what lies below `UNUSUAL` times it: a column whose zeros hide among many different values is
    another matter, and one such column would bend the curve for all.
    """
    target = np.log(np.maximum(seen, 1e-3))
    powers = np.linalg.lstsq(features, target, rcond=None)[0]
    for _ in range(rounds):
        weights = 1.0 / np.maximum(np.abs(target - features @ powers), 1e-3)
        tilted = features * weights[:, None]
        powers = np.linalg.solve(tilted.T @ features, tilted.T @ target)
    usual = seen < UNUSUAL * np.exp(features @ powers)
    kept, found = features[usual], seen[usual]
    ridge = 1e-6 * np.eye(features.shape[1])
    for _ in range(rounds):
        mean = np.exp(kept @ powers)
        working = kept @ powers + (found - mean) / mean
        powers = np.linalg.solve(kept.T @ kept + ridge, kept.T @ working)
    return [round(float(power), 4) for power in powers]


def quadrature(features: np.ndarray, seen: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Non-negative weights of squares under a root that meet the mean over each case's pairs.

    Ratios count, and far ones less (a soft absolute value): `owner` numbers the case of a pair.
    Single pairs count a little too, so that the parts are told apart.
    """
    squares, pairs = features**2, np.bincount(owner)
    mean_seen = np.log(np.bincount(owner, seen) / pairs)
    single = np.log(np.maximum(seen, 0.01))
    each = SINGLE / np.sqrt(pairs[owner])

    def off(roots: np.ndarray) -> np.ndarray:
        told = np.sqrt(np.maximum(squares @ roots**2, 1e-6))
        means = np.log(np.bincount(owner, told) / pairs) - mean_seen
        return np.concatenate([means, each * (np.log(told) - single)])

    start = np.full(features.shape[1], 0.3)
    found = least_squares(off, start, bounds=(0.0, 2.0), loss="soft_l1", f_scale=0.2)
    return np.asarray(found.x**2 * (features != 0).any(axis=0))


def sum_of_parts(features: np.ndarray, seen: np.ndarray, floor: float) -> np.ndarray:
    """Non-negative weights of a sum that fits with relative errors."""
    scale = 1.0 / np.maximum(seen, floor)
    weights = np.zeros(features.shape[1])
    for _ in range(40):
        weights, _ = nnls(features * scale[:, None], seen * scale)
        scale = 1.0 / np.maximum(features @ weights, floor)
    return weights


def fit_columns(cases: Sequence[Observed]) -> dict[str, list[float]]:
    """Powers for label columns and for number columns, from those described."""
    found: dict[str, list[float]] = {}
    for shape in ("labels", "numbers"):
        features, seen = [], []
        for case in cases:
            for column in case.facts.modelled:
                reading = prediction.readings(column)[0][0]
                known = column.shape != "unknown" and column.name in case.singles
                if known and reading.shape == shape:
                    features.append(prediction.column_features(reading, case.facts, case.noise))
                    seen.append(case.singles[column.name])
        found[shape] = power_law(np.array(features), np.array(seen))
    return found


PairRows = Iterable[tuple[dict[str, float], bool, float]]


def fit_pairs(
    cases: Sequence[Observed], rows: Callable[[Observed], PairRows] | None = None
) -> dict[str, dict[str, float]]:
    """Weights of the squares of a pair's parts for every synthesizer; `rows` as `pair_rows`."""
    rows = rows or pair_rows
    found: dict[str, dict[str, float]] = {}
    for name in sorted({case.synthesizer for case in cases}):
        features, seen, owner = [], [], []
        chosen = [case for case in cases if case.synthesizer == name and any(rows(case))]
        for number, case in enumerate(chosen):
            for parts, counted, error in rows(case):
                owner.append(number)
                rooms = [parts[f"room_{numbers}"] for numbers in range(3)]
                features.append(
                    [
                        parts["larger"],
                        parts["both"],
                        parts["sampling"],
                        parts["noise"],
                        *(0.0 if counted else room for room in rooms),
                        *(room if counted else 0.0 for room in rooms),
                    ]
                )
                seen.append(error)
        weights = quadrature(np.array(features), np.array(seen), np.array(owner))
        found[name] = dict(zip(PAIR_PARTS, weights.round(4).tolist(), strict=True))
    return found


def pair_rows(case: Observed) -> Iterator[tuple[dict[str, float], bool, float]]:
    """Features of every compared pair from what its columns' errors were, and its own error.

    Pairs of a column that is unusually far off are left out, as in `power_law`.
    """
    told = {
        column.name: prediction.column_error(column, case.facts, case.noise)
        for column in case.facts.modelled
    }
    for pair in pairs_of(case.facts):
        names = pair[0].name, pair[1].name
        error = case.pairs.get(frozenset(names))
        usual = all(case.singles.get(name, 1.0) < UNUSUAL * told[name] for name in names)
        if error is not None and usual:
            errors = case.singles[names[0]], case.singles[names[1]]
            parts = prediction.pair_features(pair, errors, case.facts, case.noise)
            yield parts, frozenset(names) in case.counted, error


def fit_effort(cases: Sequence[Observed]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Weights of seconds and of memory."""
    seconds: dict[str, Any] = {"fit": {}}
    for name in sorted({case.synthesizer for case in cases}):
        chosen = [case for case in cases if case.synthesizer == name]
        features = [effort.fit_features(case.facts, case.noise) for case in chosen]
        seconds["fit"][name] = named_weights(features, [case.made for case in chosen])
    judged = [case for case in cases if case.evaluated]
    seconds["evaluate"] = named_weights(
        [effort.evaluate_features(case.facts) for case in judged],
        [case.evaluated or 0.0 for case in judged],
    )
    tasked = [case for case in cases if case.tasked]
    seconds["task"] = named_weights(
        [effort.evaluate_features(case.facts) for case in tasked],
        [case.tasked or 0.0 for case in tasked],
    )
    memory = {
        "weights": named_weights(
            [effort.memory_features(case.facts, case.noise) for case in cases],
            [case.memory for case in cases],
        )
    }
    return seconds, memory


def named_weights(
    features: Sequence[Mapping[str, float]], seen: Sequence[float]
) -> dict[str, float]:
    """Non-negative weights by name."""
    if not features:
        return {}
    names = list(features[0])
    matrix = np.array([[row[name] for name in names] for row in features])
    weights = sum_of_parts(matrix, np.array(seen), 0.05)
    return {
        name: float(f"{weight:.4g}") for name, weight in zip(names, weights, strict=True) if weight
    }


def factors(ratios: Sequence[float], least: float = 1.1) -> list[float]:
    """Factors between which four of five ratios lie, at least 10 % either way."""
    low, high = np.quantile(np.array(ratios), QUANTILES)
    return [round(min(float(low), 1 / least), 3), round(max(float(high), least), 3)]


def fit_spreads(cases: Sequence[Observed]) -> dict[str, dict[str, list[float]]]:
    """Ranges of what was seen over what is predicted, with and without a described table."""
    seen: dict[str, dict[str, list[float]]] = {
        kind: {"described": [], "undescribed": []}
        for kind in ("column", "pair", "column_mean", "pair_mean")
    }
    for case in cases:
        side = "described" if case.described else "undescribed"
        found = prediction.predict(case.facts, case.noise, case.synthesizer)
        columns = [
            (case.singles[name], told.value)
            for name, told in found.columns.items()
            if name in case.singles
        ]
        pairs = [
            (case.pairs[frozenset(pair.columns)], pair.error.value)
            for pair in found.pairs
            if frozenset(pair.columns) in case.pairs
        ]
        for kind, rows in (("column", columns), ("pair", pairs)):
            seen[kind][side] += [error / max(told, 1e-6) for error, told in rows]
            if rows:
                error, told = np.mean(np.array(rows), axis=0)
                seen[f"{kind}_mean"][side].append(float(error / max(told, 1e-6)))
    return {
        kind: {side: factors(ratios) for side, ratios in sides.items()}
        for kind, sides in seen.items()
    }


NEUTRAL = {
    kind: {side: [1.0, 1.0] for side in ("described", "undescribed")}
    for kind in ("column", "pair", "column_mean", "pair_mean")
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit on the calibration tables and write the coefficients."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    cases = [case for case in observed(options.runs) if case.fit]
    found: dict[str, Any] = {
        "tables": [case.name for case in TABLES if case.fit],
        "cases": len(cases),
        "columns": {},
        "pairs": {},
        "spread": NEUTRAL,
        "seconds": {},
        "memory": {},
    }

    def write() -> None:
        options.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        prediction.coefficients.cache_clear()

    found["columns"] = fit_columns(cases)
    write()
    found["pairs"] = fit_pairs(cases)
    seconds, memory = fit_effort(cases)
    seconds["kernel"] = round(effort.kernel_seconds(), 4)
    seconds["spread"] = factors(
        [
            case.made
            / effort.total(
                seconds["fit"][case.synthesizer], effort.fit_features(case.facts, case.noise)
            )
            for case in cases
        ],
        least=1.5,
    )
    memory["spread"] = factors(
        [
            case.memory
            / effort.total(memory["weights"], effort.memory_features(case.facts, case.noise))
            for case in cases
        ]
    )
    found |= {"seconds": seconds, "memory": memory}
    write()
    found["spread"] = fit_spreads(cases)
    write()
    sys.stdout.write(f"{len(cases)} cases; wrote {options.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
