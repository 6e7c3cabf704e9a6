"""The law of the noise: accepted at the right scale, rejected when a known bug is put back.

False alarms: each statistical check has alpha = 1e-9, and this file makes fewer than 100 of
them on correct noise, so it fails by chance less than once in ten million runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from understudy.privacy import discrete_gaussian, exponential_choice

ALPHA = 1e-9
CELLS = 12_000

IntArray = npt.NDArray[np.int64]
Mechanism = Callable[[IntArray, float], IntArray]


def law(sigma: float) -> tuple[IntArray, npt.NDArray[np.float64]]:
    """Support and probabilities of the discrete Gaussian, cut where less than 1e-40 is left."""
    support = np.arange(-math.ceil(14 * sigma) - 2, math.ceil(14 * sigma) + 3)
    mass = np.exp(-(support.astype(np.float64) ** 2) / (2 * sigma**2))
    return support, mass / mass.sum()


def right_law(noise: npt.NDArray[np.generic], sigma: float) -> bool:
    """Chi-square of the noise against the exact law, in at most 24 bins of expected ≥ 40.

    With 12,000 draws and alpha = 1e-9 a scale off by ×2/3 or ×3/2 moves the statistic by more
    than 1,000 where about 90 is the limit (power above 1 - 1e-12).
    """
    values = noise.astype(np.float64).ravel()
    if not np.array_equal(values, np.rint(values)):
        return False
    support, mass = law(sigma)
    if values.min() < support[0] or values.max() > support[-1]:
        return False
    cumulated = np.cumsum(mass)
    least = max(1 / 24, 40 / values.size)
    edges, reached = [], 0.0
    for index, total in enumerate(cumulated):
        if total - reached >= least and 1 - total >= least:
            edges.append(index)
            reached = total
    bins = np.searchsorted(edges, values - support[0], side="left")
    observed = np.bincount(bins.astype(np.int64), minlength=len(edges) + 1)
    expected = np.diff([0.0, *cumulated[edges], 1.0]) * values.size
    statistic = float(((observed - expected) ** 2 / expected).sum())
    return bool(statistic < stats.chi2.isf(ALPHA, len(edges)))


def right_everywhere(mechanism: Mechanism, sigma: float) -> bool:
    """The law holds on empty cells, on full cells, and for few and for many rows."""
    counts = np.zeros(CELLS, dtype=np.int64)
    counts[CELLS // 3 :] = 50
    counts[2 * CELLS // 3 :] = 10_000_000
    noise = mechanism(counts, sigma) - counts
    thirds = [noise[: CELLS // 3], noise[CELLS // 3 : 2 * CELLS // 3], noise[2 * CELLS // 3 :]]
    return right_law(noise, sigma) and all(right_law(part, sigma) for part in thirds)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.3, 40.0, 1234.5])
def test_right_noise_is_accepted(sigma: float) -> None:
    """Traps 7 and 10: exact law at every scale, whatever the counts."""
    assert right_everywhere(discrete_gaussian, sigma)


def wrong(bug: str) -> Mechanism:
    """A mechanism with one of the published bugs put back."""
    chance = np.random.default_rng(7)

    def on_some_cells(counts: IntArray, sigma: float) -> IntArray:
        return np.where(counts > 0, discrete_gaussian(counts, sigma), counts)

    def floating(counts: IntArray, sigma: float) -> IntArray:
        return counts + chance.normal(0, sigma, counts.shape)  # type: ignore[no-any-return]

    def rounded_laplace(counts: IntArray, sigma: float) -> IntArray:
        noise = np.rint(chance.laplace(0, sigma / math.sqrt(2), counts.shape))
        return counts + noise.astype(np.int64)

    def clipped(counts: IntArray, sigma: float) -> IntArray:
        return np.maximum(discrete_gaussian(counts, sigma), 0)

    def once(counts: IntArray, sigma: float) -> IntArray:
        return counts + discrete_gaussian(np.zeros(1, dtype=np.int64), sigma)[0]

    return {
        "scale × 2/3": lambda counts, sigma: discrete_gaussian(counts, sigma * 2 / 3),
        "scale × 3/2": lambda counts, sigma: discrete_gaussian(counts, sigma * 3 / 2),
        "7: scaled for probabilities": lambda counts, sigma: discrete_gaussian(
            counts, sigma / counts.size
        ),
        "9: cells that occur": on_some_cells,
        "10: rate for scale": lambda counts, sigma: discrete_gaussian(counts, 1 / sigma),
        "10: variance for scale": lambda counts, sigma: discrete_gaussian(counts, sigma**2),
        "13: floating point": floating,
        "wrong family": rounded_laplace,
        "clipped at zero": clipped,
        "21: one draw for all": once,
    }[bug]


@pytest.mark.parametrize(
    "bug",
    [
        "scale × 2/3",
        "scale × 3/2",
        "7: scaled for probabilities",
        "9: cells that occur",
        "10: rate for scale",
        "10: variance for scale",
        "13: floating point",
        "wrong family",
        "clipped at zero",
        "21: one draw for all",
    ],
)
def test_wrong_noise_is_rejected(bug: str) -> None:
    assert not right_everywhere(wrong(bug), 3.3)


def test_cells_are_independent() -> None:
    """Correlation of neighbouring cells and of the two halves: n = 12,000, |r| < 6.2 / √n.

    A shared draw for pairs of cells (r = 1) or half-shared noise (r = 0.5) is far outside.
    """
    noise = discrete_gaussian(np.zeros(CELLS, dtype=np.int64), 30.0).astype(np.float64)
    for other in (np.roll(noise, 1), np.roll(noise, CELLS // 2), noise[::-1]):
        assert abs(np.corrcoef(noise, other)[0, 1]) < 6.2 / math.sqrt(CELLS) * math.sqrt(2)


def test_golden_variance() -> None:
    """Trap 10: the variance is σ², not 1/σ² and not σ; n = 12,000, alpha = 1e-9: ±8%.

    Canonne, Kamath & Steinke 2020 (arXiv:2004.00010): it is below σ² by less than 1e-8 here.
    """
    for sigma in (2.0, 25.0):
        noise = discrete_gaussian(np.zeros(CELLS, dtype=np.int64), sigma)
        assert float(np.var(noise)) == pytest.approx(sigma**2, rel=0.08)


Choice = Callable[[npt.ArrayLike, float, float], int]


def right_frequencies(choose: Choice, scores: npt.ArrayLike, width: float, epsilon: float) -> bool:
    """Chi-square of 3,000 choices against P ∝ exp(ε·score / 2Δ), alpha = 1e-9."""
    exact = np.asarray(scores, dtype=np.float64)
    weights = np.exp(epsilon * (exact - exact.max()) / (2 * width))
    expected = 3000 * weights / weights.sum()
    picked = [choose(scores, width, epsilon) for _ in range(3000)]
    observed = np.bincount(picked, minlength=expected.size)
    statistic = float(((observed - expected) ** 2 / expected).sum())
    return bool(statistic < stats.chi2.isf(ALPHA, expected.size - 1))


SCORES = (0, 1, 2, 4, 5)


@pytest.mark.parametrize(
    ("scores", "width", "epsilon"),
    [
        (SCORES, 2, 2.0),
        (SCORES, 1, 0.5),
        ([0.0, 0.25, 1.5, 2.0], 0.5, 1.0),
        ([0.0, -0.1, -0.2], 0.3, 3.0),
        ([7, 7, 7, 7], 3, 1.0),
        ([1e9, 1e9 + 1.0], 1.0, 1.0),
    ],
)
def test_choices_follow_the_formula(scores: list[float], width: float, epsilon: float) -> None:
    assert right_frequencies(exponential_choice, scores, width, epsilon)


@pytest.mark.parametrize("factor", [2 / 3, 3 / 2, 2.0, 0.5])
def test_wrong_constants_are_rejected(factor: float) -> None:
    """ε/Δ instead of ε/2Δ (×2), halved sensitivities and scales by 2/3 and 3/2 are seen.

    At ε = 2, Δ = 2 and n = 3,000 the non-centrality is above 300 for each; the limit is 50.
    """

    def choose(scores: npt.ArrayLike, width: float, epsilon: float) -> int:
        return exponential_choice(scores, width, epsilon * factor)

    assert not right_frequencies(choose, SCORES, 2, 2.0)


def test_permute_and_flip_is_not_the_exponential_mechanism() -> None:
    """Exponential noise (OpenDP's choice under pure DP) has no bounded range: it is rejected."""
    chance = np.random.default_rng(3)

    def choose(scores: npt.ArrayLike, width: float, epsilon: float) -> int:
        exact = np.asarray(scores, dtype=np.float64)
        return int(np.argmax(exact + chance.exponential(2 * width / epsilon, exact.size)))

    assert not right_frequencies(choose, (0, 1), 1, 2.0)
