"""How long a run will take and how much memory, from public facts alone.

Seconds are processor seconds of one core of the machine the coefficients were found on; another
machine is slower or faster by a factor that `measured_speed` can tell, and other people's work
on it is not foreseen. What may not happen here: a number that depends on rows.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from understudy.workflow.planning.facts import Facts
from understudy.workflow.planning.noise import Noise
from understudy.workflow.planning.prediction import Estimate, coefficients

_CLASSES, _UNCALIBRATED = 110.0, 6.0
_KERNEL_ROUNDS, _KERNEL_SIZE = 5, 400_000


def fit_features(facts: Facts, noise: Noise) -> dict[str, float]:
    """What learning and sampling take time for."""
    columns = float(len(facts.modelled))
    cells = sum(noise.sizes.values()) + _CLASSES * sum(column.classes for column in facts.columns)
    return {
        "start": 1.0,
        "columns": columns,
        "couples": columns * (columns - 1.0) / 2.0,
        "table": facts.rows * columns / 1e6,
        "untyped": facts.rows * sum(column.classes for column in facts.columns) / 1e6,
        "drawn": cells / 1e3,
        "counted": noise.counted * float(noise.levels) ** 2 / 1e3,
        "scans": facts.rows * noise.counted / 1e6,
        "offers": noise.counted * columns * (columns - 1.0) / 2e3,
    }


def evaluate_features(facts: Facts) -> dict[str, float]:
    """What measuring usefulness takes time for: at most 50,000 rows are looked at."""
    columns, rows = float(len(facts.modelled)), min(facts.rows, 50_000.0)
    return {
        "start": 1.0,
        "columns": columns,
        "couples": columns * (columns - 1.0) / 2.0,
        "table": rows * columns / 1e6,
        "sampled_pairs": rows * columns * (columns - 1.0) / 2e6,
    }


def memory_features(facts: Facts, noise: Noise) -> dict[str, float]:
    """What memory is taken by."""
    columns = float(len(facts.modelled))
    return {
        "start": 1.0,
        "columns": columns,
        "table": facts.rows * columns / 1e6,
        "counted": noise.counted * float(noise.levels) ** 2 / 1e3,
    }


def total(weights: Mapping[str, float], found: Mapping[str, float]) -> float:
    """A weighted sum of features; an unknown one weighs nothing."""
    return float(sum(weights.get(name, 0.0) * value for name, value in found.items()))


def expected_seconds(
    facts: Facts,
    noise: Noise,
    synthesizer: str,
    *,
    evaluate: bool = True,
    speed: float = 1.0,
) -> Estimate:
    """Processor seconds of a run, the evaluation with it when it is wanted.

    Parameters
    ----------
    facts, noise
        Of the run.
    evaluate
        Whether usefulness is measured; classifiers are trained when there is a target.
    synthesizer
        Its name; one that is not calibrated takes as long as `mst`, or up to six times that.
    speed
        How fast this machine is against the one the coefficients were found on, above 0.
    """
    known = coefficients()["seconds"]
    weights = known["fit"].get(synthesizer, known["fit"]["mst"])
    seconds = total(weights, fit_features(facts, noise))
    if evaluate:
        seconds += total(known["evaluate"], evaluate_features(facts))
        if facts.target is not None:
            seconds += total(known["task"], evaluate_features(facts))
    low, high = known["spread"]
    if synthesizer not in known["fit"]:
        high *= _UNCALIBRATED
    return Estimate.around(max(seconds, 0.5) / speed, (low, high))


def expected_memory(facts: Facts, noise: Noise) -> Estimate:
    """Largest resident memory of a run in MiB."""
    known = coefficients()["memory"]
    return Estimate.around(total(known["weights"], memory_features(facts, noise)), known["spread"])


def measured_speed() -> float:
    """How fast this machine is: a small kernel of sorting, counting and text, timed now.

    Processor seconds, the best of a few rounds; 1 is the machine the coefficients were found on.
    It touches no data.
    """
    reference = float(coefficients()["seconds"]["kernel"])
    return reference / kernel_seconds()


def kernel_seconds() -> float:
    """Processor seconds of the small kernel."""
    numbers = np.arange(_KERNEL_SIZE) * 2_654_435_761 % 1_000_003
    best = float("inf")
    for _ in range(_KERNEL_ROUNDS):
        began = time.process_time()
        np.unique(numbers, return_counts=True)
        np.bincount(numbers % 4096)
        sum(len(str(number)) for number in range(60_000))
        best = min(best, time.process_time() - began)
    return best
