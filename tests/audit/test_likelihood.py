"""The attacker's likelihood against enumeration and against the mechanisms themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from understudy.audit.likelihood import CERTAIN, log_ratio
from understudy.curator import Candidate, Choose, Count, Discover, Distinct, Found, LabelCells
from understudy.curator.protocol import Tally, add_noise
from understudy.privacy import Unit

UNIT = Unit()
CELLS = LabelCells(column="a", labels=("x", "y"))


def mass(value: float, centre: int, sigma: float) -> float:
    steps = np.arange(-2_000, 2_001)
    return math.exp(-((value - centre) ** 2) / (2 * sigma**2)) / float(
        np.exp(-(steps**2) / (2 * sigma**2)).sum()
    )


def test_counts() -> None:
    question = Count(encodings=(CELLS,), sigma=2.0, stage="s")
    answer = np.array([4.0, -1.0, 0.0])
    ratio = log_ratio(question, answer, np.array([2, 0, 5]), np.array([3, 0, 5]), UNIT)
    assert ratio == pytest.approx(math.log(mass(4, 3, 2.0) / mass(4, 2, 2.0)))


def test_distinct_cells() -> None:
    question = Distinct(column="a", sigma=3.0, stage="s")
    assert log_ratio(question, 7.0, 4, 4, UNIT) == 0.0
    expected = math.log(mass(7, 5, 3.0) / mass(7, 4, 3.0))
    assert log_ratio(question, 7.0, 4, 5, UNIT) == pytest.approx(expected)


def test_choices_sum_to_one_and_match_the_mechanism() -> None:
    offers = tuple(
        Candidate(encodings=(CELLS,), expected=np.zeros(3), penalty=float(k)) for k in range(3)
    )
    question = Choose(candidates=offers, epsilon=1.4, stage="s")
    without, present = np.array([1.0, 2.0, 0.5]), np.array([2.0, 2.0, 1.5])

    def chances(scores: np.ndarray) -> np.ndarray:
        weights = np.exp(1.4 * scores / 2)
        return weights / weights.sum()

    for choice in range(3):
        expected = math.log(chances(present)[choice] / chances(without)[choice])
        assert log_ratio(question, choice, without, present, UNIT) == pytest.approx(expected)


def found(shown: dict[str, float], threshold: float) -> Found:
    return Found(labels=tuple(shown), counts=np.array(list(shown.values())), threshold=threshold)


def test_discoveries() -> None:
    question = Discover(column="a", sigma=2.0, delta=1e-4, stage="s", known=("k",))
    without = Tally(labels=("k", "u", "w"), counts=np.array([3, 5, 9]))
    present = Tally(labels=("k", "u", "w"), counts=np.array([4, 5, 10]))
    both = log_ratio(question, found({"k": 2.0, "w": 12.0}, 11.0), without, present, UNIT)
    expected = math.log(mass(2, 4, 2.0) / mass(2, 3, 2.0) * mass(12, 10, 2.0) / mass(12, 9, 2.0))
    assert both == pytest.approx(expected)
    hidden = log_ratio(question, found({"k": 2.0}, 11.0), without, present, UNIT)
    below = [sum(mass(v, c, 2.0) for v in range(-60, 11)) for c in (9, 10)]
    expected = math.log(mass(2, 4, 2.0) / mass(2, 3, 2.0) * below[1] / below[0])
    assert hidden == pytest.approx(expected)


def test_a_label_that_only_the_canary_has_is_certain_evidence() -> None:
    question = Discover(column="a", sigma=2.0, delta=1e-4, stage="s")
    without = Tally(labels=("u",), counts=np.array([5]))
    present = Tally(labels=("u", "new"), counts=np.array([5, 1]))
    assert log_ratio(question, found({"new": 12.0}, 11.0), without, present, UNIT) > CERTAIN / 2
    silent = log_ratio(question, found({}, 11.0), without, present, UNIT)
    assert silent == pytest.approx(math.log(sum(mass(v, 1, 2.0) for v in range(-60, 11))))
    assert silent < 0


@pytest.mark.parametrize("known", [(), ("w",)])
def test_likelihood_ratios_average_to_one(known: tuple[str, ...]) -> None:
    """E[exp(ratio)] without and E[exp(-ratio)] with the canary are 1, by the real mechanism.

    n = 1,500 draws each; exp(ratio) has standard deviation at most 0.4 here (σ = 3), so 6 standard
    errors, alpha about 2e-9, are 0.062; a ratio that used σ = 4 instead of 3 is off by 0.05 to 0.1.
    """
    question = Discover(column="a", sigma=3.0, delta=0.01, stage="s", known=known)
    without = Tally(labels=("u", "w"), counts=np.array([12, 3]))
    present = Tally(labels=("u", "w"), counts=np.array([12, 4]))
    for exact, sign in ((without, 1), (present, -1)):
        answers = [add_noise(question, exact, UNIT) for _ in range(1_500)]
        ratios = [sign * log_ratio(question, a, without, present, UNIT) for a in answers]
        assert np.mean(np.exp(ratios)) == pytest.approx(1.0, abs=0.062)
