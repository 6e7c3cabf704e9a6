"""Turn the planner round: the ε at which an error is expected, or why none will do.

What may not happen here: a number that depends on rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from understudy.errors import InputError
from understudy.workflow.planning.facts import Facts
from understudy.workflow.planning.noise import expected_noise
from understudy.workflow.planning.prediction import Estimate, calibrated, is_calibrated, predict
from understudy.workflow.planning.stages import has_plan

LEAST, MOST = 0.01, 100.0
"""ε between which an answer is looked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """The ε needed for a mean error of pairs.

    Parameters
    ----------
    error
        Mean total variation distance over all pairs that was asked for.
    epsilon
        ε at which it is expected; None when no ε up to `MOST` reaches it.
    low, high
        ε at which it is reached if errors turn out at the better, the worse end of their range;
        None where no ε does.
    sampling
        The part of the error that rows alone make, whatever ε is.
    why
        Why it cannot be reached, when it cannot.
    """

    error: float
    epsilon: float | None
    low: float | None
    high: float | None
    sampling: float
    why: str | None


def epsilon_for(facts: Facts, synthesizer: Any, error: float) -> Reach:
    """The ε at which the mean error of pairs is expected to be `error`.

    Parameters
    ----------
    facts
        Public facts; their ε is not used.
    synthesizer
        Whose errors are predicted.
    error
        Mean total variation distance over pairs (columns, when there is one), in (0, 1).

    Raises
    ------
    InputError
        The error is outside (0, 1), no column is modelled, or the synthesizer is not calibrated.
    """
    if not 0 < error < 1:
        raise InputError("the target error is a share of rows, in (0, 1)", target_error=error)
    if not (has_plan(synthesizer) and is_calibrated(synthesizer.name)):
        raise InputError(
            f"the errors of {synthesizer.name!r} are not known beforehand",
            hint=f"name one that is calibrated: {', '.join(calibrated())}",
        )
    if not facts.modelled:
        raise InputError("no column is modelled, so there is no error to aim at")

    def at(epsilon: float) -> Estimate:
        there = replace(facts, epsilon=epsilon)
        found = predict(there, expected_noise(there, synthesizer), synthesizer.name)
        told = found.pair_mean or found.column_mean
        assert told is not None
        return told

    there = replace(facts, epsilon=MOST)
    best = predict(there, expected_noise(there, synthesizer), synthesizer.name)
    sampling = best.sampling or 0.0
    middle = _smallest(lambda epsilon: at(epsilon).value <= error)
    why = None
    if middle is None and sampling >= error:
        why = (
            f"sampling error alone is about {sampling:.2g}: with so few rows even two real tables "
            "of this size would differ by that"
        )
    elif middle is None:
        least = at(MOST).value
        why = f"even at ε = {MOST:g} an error of about {least:.2g} is expected"
    return Reach(
        error=error,
        epsilon=middle,
        low=_smallest(lambda epsilon: at(epsilon).low <= error),
        high=_smallest(lambda epsilon: at(epsilon).high <= error),
        sampling=sampling,
        why=why,
    )


def _smallest(reached: Callable[[float], bool]) -> float | None:
    """Smallest ε that reaches it, to 2 %; None when the largest does not."""
    low, high = LEAST, MOST
    if not reached(high):
        return None
    if reached(low):
        return low
    while high / low > 1.02:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high
