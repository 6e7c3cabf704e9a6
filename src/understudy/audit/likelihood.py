"""The attacker: how much likelier an answer is with the canary than without.

The insider knows every row but one, every question with its noise, and every answer that left
the curator. Given the exact answers on both tables, the log-likelihood ratio of the answers is
the most powerful statistic there is (Neyman & Pearson), whatever the questions were: they are
functions of earlier answers, so their own likelihood cancels.

What may not happen here: a question, a draw.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from understudy.curator.protocol import Tally
from understudy.curator.questions import (
    Answer,
    Choose,
    Count,
    Discover,
    Distinct,
    Found,
    Question,
)
from understudy.errors import InternalError
from understudy.privacy import Unit

CERTAIN = 1e6
"""Stands for an infinite ratio: an answer that only one of the tables can give."""


def log_ratio(question: Question, answer: Answer, without: Any, present: Any, unit: Unit) -> float:
    """Log-odds of an answer: ln P[answer | with the canary] − ln P[answer | without it].

    Parameters
    ----------
    question, answer
        What was asked and what left the curator.
    without, present
        Exact answers on the table without and with the canary.
    unit
        The unit of the run; its bound on rows enters the exponential mechanism.

    Returns
    -------
    float
        Positive when the answer speaks for the canary; at most `CERTAIN` in size.
    """
    match question:
        case Count() | Distinct():
            noisy = np.asarray(answer, dtype=float)
            ratio = _gaussian(noisy, np.asarray(without), np.asarray(present), question.sigma)
        case Choose():
            assert isinstance(answer, int)
            scale = question.epsilon / (2.0 * unit.count_l1)
            ratio = _log_choice(present, answer, scale) - _log_choice(without, answer, scale)
        case Discover():
            assert isinstance(answer, Found)
            ratio = _discovery(question, answer, without, present)
        case _:
            raise InternalError("unknown question", kind=type(question).__name__)
    return float(np.clip(ratio, -CERTAIN, CERTAIN))


def _gaussian(
    noisy: npt.NDArray[Any], without: npt.NDArray[Any], present: npt.NDArray[Any], sigma: float
) -> float:
    """Log-likelihood ratio of discrete Gaussian answers; normalisers are equal and cancel."""
    moved = without != present
    near, far = noisy[moved] - present[moved], noisy[moved] - without[moved]
    return float(((far - near) * (far + near)).sum() / (2.0 * sigma * sigma))


def _log_choice(scores: npt.NDArray[Any], chosen: int, scale: float) -> float:
    """Log-probability of one candidate under the exponential mechanism."""
    exponents = scale * np.asarray(scores, dtype=float)
    top = exponents.max()
    return float(exponents[chosen] - top - np.log(np.exp(exponents - top).sum()))


def _discovery(question: Discover, found: Found, without: Tally, present: Tally) -> float:
    """Log-likelihood ratio of a partition selection, label by label."""
    before = dict(zip(without.labels, without.counts.tolist(), strict=True))
    after = dict(zip(present.labels, present.counts.tolist(), strict=True))
    shown = dict(zip(found.labels, found.counts.tolist(), strict=True))
    known, least = set(question.known), round(found.threshold)
    ratio = 0.0
    for label in {*before, *after}:
        one, other = before.get(label), after.get(label)
        if one == other:
            continue
        if label in known:
            one, other = one or 0, other or 0
        ratio += _label(other, shown.get(label), question.sigma, least, free=label in known)
        ratio -= _label(one, shown.get(label), question.sigma, least, free=label in known)
    return ratio


def _label(
    count: int | None, shown: float | None, sigma: float, least: int, *, free: bool
) -> float:
    """Log-probability of what was shown of one label, without the Gaussian's normaliser.

    A label that does not occur (`count` None) is never shown; one that was not shown fell below
    the threshold, for which the normaliser is needed.
    """
    if count is None:
        return 0.0 if shown is None else -CERTAIN
    if shown is None:
        return -CERTAIN if free else _log_below(sigma, least - count)
    return -((shown - count) ** 2) / (2.0 * sigma * sigma) - _log_normaliser(sigma)


@lru_cache(maxsize=4096)
def _log_normaliser(sigma: float) -> float:
    """Logarithm of the sum of exp(−k²/2σ²) over all integers."""
    reach = math.ceil(40 * sigma) + 1
    steps = np.arange(1, reach + 1, dtype=float)
    return math.log1p(2.0 * float(np.exp(-steps * steps / (2 * sigma * sigma)).sum()))


@lru_cache(maxsize=4096)
def _log_below(sigma: float, limit: int) -> float:
    """Log-probability that N < limit for the discrete Gaussian N, for a limit of at least 1."""
    steps = np.arange(limit, limit + math.ceil(40 * sigma) + 1, dtype=float)
    tail = np.exp(-steps * steps / (2 * sigma * sigma) - _log_normaliser(sigma)).sum()
    return math.log1p(-min(float(tail), 1.0 - 1e-15))
