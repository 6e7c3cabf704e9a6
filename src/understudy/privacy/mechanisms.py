"""The only place where noise is drawn, and the only module that imports `opendp`.

Every mechanism on counts works on exact integers (no floating-point noise), takes its randomness
from OpenDP's cryptographic generator, which the operating system seeds, and checks OpenDP's own
privacy map against the ρ that was charged before it draws. Sums of gradients are too long for
that: `gaussian_sum` and `coins` take a cipher's stream under a key of the operating system.

What may not happen here: a seed, a scale that is zero or not finite, noise on some cells only,
a global random state read or changed, a charge (that is the budget's, and it comes first).
"""

from __future__ import annotations

import functools
import math
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from understudy.errors import InputError, InternalError

if TYPE_CHECKING:
    from types import ModuleType

IntArray: TypeAlias = npt.NDArray[np.int64]
Measurement: TypeAlias = Any

_BATCH = 8_192
_LATTICE = 2**20
_REACH = 2.0**31
_SLACK = 1e-9
_HIGHEST = 2**62


def _opendp() -> ModuleType:
    """OpenDP's low-level modules; `contrib` is its switch for mechanisms with written proofs."""
    import opendp.domains
    import opendp.measurements
    import opendp.measures
    import opendp.metrics
    import opendp.mod

    opendp.mod.enable_features("contrib")
    return opendp


def _scale(name: str, value: float) -> float:
    """A scale as float, refused unless positive and within 10⁻¹⁵ to 10¹⁵."""
    scale = float(value)
    if not 1e-15 <= scale <= 1e15:
        facts: dict[str, Any] = {name: scale}
        raise InputError(f"{name} must be between 1e-15 and 1e15", **facts)
    return scale


@functools.lru_cache(maxsize=256)
def _gaussian(sigma: float) -> Measurement:
    """OpenDP's discrete Gaussian over integer vectors, its ρ compared with D²/(2σ²)."""
    odp = _opendp()
    measurement = odp.measurements.make_gaussian(
        odp.domains.vector_domain(odp.domains.atom_domain(T="i64")),
        odp.metrics.l2_distance(T="f64"),
        scale=sigma,
    )
    theirs, ours = measurement.map(1.0), 0.5 / sigma / sigma
    if not theirs <= ours * (1 + _SLACK):
        raise InternalError("OpenDP's ρ is not the one charged", theirs=theirs, ours=ours)
    return measurement


def _cores() -> int:
    """Cores this process may use; OpenDP samples outside Python's lock, so threads help."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _within(exact: npt.NDArray[Any]) -> IntArray:
    """Integers as int64, clipped at ±2⁶² so that nothing wraps around."""
    if exact.dtype.kind == "u":
        exact = np.minimum(exact, np.uint64(_HIGHEST))
    whole: IntArray = exact.astype(np.int64)
    return np.clip(whole, -_HIGHEST, _HIGHEST)


def discrete_gaussian(counts: npt.ArrayLike, sigma: float) -> IntArray:
    """Integer counts plus independent discrete Gaussian noise on every cell.

    Parameters
    ----------
    counts
        Integers of any shape; every cell of the domain, the empty ones too. Clipped at ±2⁶².
    sigma
        Scale σ in counts, > 0 and finite. Never divided by a number of rows.

    Returns
    -------
    numpy.ndarray of int64
        The same shape; values may be negative.

    Raises
    ------
    InputError
        σ is not positive and finite, or the counts are not integers.

    Guarantees
    ----------
    D²/(2σ²)-zCDP for L2 sensitivity D (Canonne, Kamath & Steinke 2020, arXiv:2004.00010,
    Theorem 14). Sampled exactly; the support is the integers whatever the counts are.

    >>> noisy = discrete_gaussian([5, 0, 7], sigma=2.0)
    >>> noisy.shape, noisy.dtype
    ((3,), dtype('int64'))
    """
    exact = np.asarray(counts)
    if exact.size and exact.dtype.kind not in "iub":
        raise InputError("noise is added to integer counts only", dtype=str(exact.dtype))
    measurement = _gaussian(_scale("sigma", sigma))
    flat = np.ascontiguousarray(_within(exact)).reshape(-1)
    noisy = np.empty_like(flat)

    def draw(start: int) -> None:
        part = flat[start : start + _BATCH]
        noisy[start : start + part.size] = measurement(part)

    starts = range(0, flat.size, _BATCH)
    if len(starts) < 2:
        for start in starts:
            draw(start)
    else:
        with ThreadPoolExecutor(min(len(starts), _cores())) as pool:
            list(pool.map(draw, starts))
    return noisy.reshape(exact.shape)


@functools.lru_cache(maxsize=256)
def _largest(reach: int, epsilon: float) -> Measurement:
    """OpenDP's exponential mechanism over integer scores, its ρ compared with ε²/8."""
    odp = _opendp()
    measurement = odp.measurements.make_noisy_max(
        odp.domains.vector_domain(odp.domains.atom_domain(T="i64")),
        odp.metrics.linf_distance(T="i64"),
        odp.measures.zero_concentrated_divergence(),
        scale=2.0 * reach / epsilon,
    )
    theirs, ours = measurement.map(reach), epsilon * epsilon / 8.0
    if not theirs <= ours * (1 + _SLACK):
        raise InternalError("OpenDP's ρ is not the one charged", theirs=theirs, ours=ours)
    return measurement


def exponential_choice(scores: npt.ArrayLike, sensitivity: float, epsilon: float) -> int:
    """Choose one of a public list of candidates, P[i] ∝ exp(ε·scores[i] / (2Δ)).

    Integer scores with a whole Δ are used exactly. Other scores are rounded to the lattice
    Δ/2²⁰ and the noise is scaled for Δ·(1 + 2⁻²⁰): rounding is monotone and commutes with whole
    steps, so two scores that differ by Δ plus floating-point error below one step stay within
    2²⁰ + 1 steps.

    Parameters
    ----------
    scores
        One finite score per candidate, higher is better; |score| / Δ is clipped at 2³¹.
    sensitivity
        Δ > 0: no score changes by more between neighbours.
    epsilon
        ε > 0 of the exponent above; the charge is `Exponential(epsilon=ε)`, ρ = ε²/8.

    Returns
    -------
    int
        Index of the chosen candidate.

    Raises
    ------
    InputError
        No candidates, a score that is not finite, Δ or ε not positive and finite.

    Guarantees
    ----------
    ε-bounded range, hence (ε²/8)-zCDP; see `events.Exponential`. Drawn as the largest of
    scores plus exact Gumbel noise of scale 2Δ/ε.

    >>> exponential_choice([0, 1_000_000], sensitivity=1, epsilon=1.0)
    1
    """
    width, budget = _scale("sensitivity", sensitivity), _scale("epsilon", epsilon)
    exact = np.asarray(scores)
    if exact.ndim != 1 or exact.size == 0 or exact.dtype.kind not in "iufb":
        raise InputError("scores must be a non-empty list of numbers")
    if not np.all(np.isfinite(exact)):
        raise InputError("every score must be finite")
    if exact.dtype.kind != "f" and width.is_integer() and width < 2**31:
        steps, reach = _within(exact), int(width)
    else:
        with np.errstate(over="ignore"):
            ratio = np.clip(exact.astype(np.float64) / width, -_REACH, _REACH)
        steps, reach = np.rint(ratio * _LATTICE).astype(np.int64), _LATTICE + 1
    measurement = _largest(reach, budget)
    return int(measurement(steps))


def _tail(sigma: float, least: int) -> float:
    """An upper bound on P[N ≥ least] of the discrete Gaussian N, for least ≥ 1.

    The first 64 terms are added, the rest is below its first term plus the integral (the
    density decreases); the normaliser is at least its middle terms, and at least σ√(2π) by
    Poisson summation.
    """
    width = 2.0 * sigma * sigma
    head = math.fsum(math.exp(-(k * k) / width) for k in range(least, least + 64))
    after = least + 64
    rest = math.exp(-(after * after) / width) + sigma * math.sqrt(math.pi / 2) * math.erfc(
        after / (sigma * math.sqrt(2.0))
    )
    middle = 1.0 + 2.0 * math.fsum(math.exp(-(k * k) / width) for k in range(1, 9))
    return (head + rest) / max(middle, sigma * math.sqrt(2 * math.pi))


def _crossing(sigma: float, threshold: int, max_partitions: int, max_rows: int) -> float:
    """Bound on the probability that any label of one unit alone reaches the threshold.

    A unit with m labels and R rows: the tail is convex in the count below the threshold, so
    the sum over its labels is largest with one row on m - 1 labels and the rest on one; that
    is convex in m again, so the largest m or m = 1 is the worst.
    """
    most = min(max_partitions, max_rows)
    single = _tail(sigma, threshold - 1)
    return max(
        (used - 1) * single + _tail(sigma, threshold - (max_rows - used + 1)) for used in (1, most)
    )


@functools.lru_cache(maxsize=1024)
def partition_threshold(
    sigma: float, delta: float, max_partitions: int = 1, max_rows: int = 1
) -> int:
    """The least noisy count at which a label that occurs may be shown.

    Parameters
    ----------
    sigma
        Scale of the discrete Gaussian on every label's count, > 0.
    delta
        Probability in (0, 1) that a unit's own labels may cross.
    max_partitions
        Labels that one unit may carry, M ≥ 1.
    max_rows
        Rows that one unit may contribute in total, R ≥ 1.

    Returns
    -------
    int
        τ: show a label when its noisy count is ≥ τ.

    Raises
    ------
    InputError
        A parameter out of range.

    Guarantees
    ----------
    Let D′ be D and one unit more. Labels of D keep counts at L2 distance ≤ R. The labels that
    only D′ holds have counts c₁ + … + c_m ≤ R with m ≤ min(M, R), and one of them is shown with
    probability ≤ Σ P[N ≥ τ − c_i] ≤ δ. Given that none is, both outputs are the same function
    of two discrete Gaussian histograms, so the release is δ-approximate R²/(2σ²)-zCDP (Bun &
    Steinke 2016, Definition 8.1). The P[N ≥ ·] is an upper bound of the exact discrete tail,
    by 10⁻⁶ on the safe side.

    >>> partition_threshold(10.0, 1e-7)
    54
    """
    scale, aim = _scale("sigma", sigma), _scale("delta", delta)
    if aim >= 1 or max_partitions < 1 or max_rows < 1:
        raise InputError(
            "a threshold needs delta below 1 and bounds of 1 or more",
            delta=aim,
            max_partitions=max_partitions,
            max_rows=max_rows,
        )
    low, high = max_rows, max_rows + 1
    while _crossing(scale, high, max_partitions, max_rows) * (1 + 1e-6) > aim:
        low, high = high, max_rows + 2 * (high - max_rows)
    while high - low > 1:
        middle = (low + high) // 2
        if _crossing(scale, middle, max_partitions, max_rows) * (1 + 1e-6) > aim:
            low = middle
        else:
            high = middle
    return high


def _stream(size: int) -> npt.NDArray[np.uint64]:
    """So many independent uniform 64-bit numbers: AES-256 in counter mode under a fresh key.

    The key comes from the operating system for every call and is forgotten with it, so that a
    number once drawn cannot be drawn again, by nobody.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CTR

    encryptor = Cipher(AES(os.urandom(32)), CTR(bytes(16))).encryptor()
    return np.frombuffer(encryptor.update(bytes(8 * size)), dtype=np.uint64)


def coins(size: int, probability: float) -> npt.NDArray[np.bool_]:
    """Independent coins, one for each unit, by the operating system's entropy.

    Parameters
    ----------
    size
        How many coins, 0 or more.
    probability
        Chance of each to be True, in (0, 1]; rounded down by at most 2⁻⁵³ of itself.

    >>> bool(coins(5, 1.0).all())
    True
    """
    if not 0 < probability <= 1:
        raise InputError("a probability of sampling lies in (0, 1]", probability=probability)
    if probability == 1:
        return np.ones(size, dtype=bool)
    return _stream(size) < np.uint64(int(math.ldexp(probability, 64)))


def places(size: int, among: int) -> npt.NDArray[np.int64]:
    """Independent uniform choices of one of several places, by the operating system's entropy.

    Parameters
    ----------
    size
        How many choices, 0 or more.
    among
        How many places there are, 1 to 2³²; a place is preferred by less than 2⁻³² of its chance.

    >>> places(3, 1).tolist()
    [0, 0, 0]
    """
    if not 1 <= among <= 2**32:
        raise InputError("there must be 1 place or more, and at most 2^32", among=among)
    return (_stream(size) % np.uint64(among)).astype(np.int64)


_PAIRS = 1 << 14


def _standard_gaussians(size: int) -> npt.NDArray[np.float64]:
    """Standard Gaussians by Box and Muller's method: 64 bits of radius, 24 of angle.

    In parts that stay in the processor's cache.
    """
    pairs = (size + 1) // 2
    drawn = np.empty(2 * pairs)
    for start in range(0, pairs, _PAIRS):
        count = min(_PAIRS, pairs - start)
        bits = _stream(2 * count)
        # (k + 1/2) / 2⁶⁴ is never 0, so the radius is finite, and reaches 9.5 deviations.
        radius = (bits[:count].astype(np.float64) + 0.5) * 2.0**-64
        np.log(radius, out=radius)
        radius *= -2.0
        np.sqrt(radius, out=radius)
        angle = (bits[count:] >> np.uint64(40)).astype(np.float32)
        angle *= np.float32(2.0 * np.pi * 2.0**-24)
        there = drawn[2 * start : 2 * (start + count)]
        np.multiply(radius, np.cos(angle), out=there[:count])
        np.multiply(radius, np.sin(angle), out=there[count:])
    return drawn[:size]


_GRAINS = 2.0**24


def gaussian_sum(
    total: npt.ArrayLike, sensitivity: float, multiplier: float
) -> npt.NDArray[np.float64]:
    """A vector of real numbers plus independent Gaussian noise, on a lattice.

    Parameters
    ----------
    total
        Finite numbers of any shape: a sum to which one unit adds a vector of L2 norm at most
        `sensitivity`.
    sensitivity
        The clip C, > 0.
    multiplier
        σ/C, > 0; the charge is a Gaussian of this multiplier.

    Returns
    -------
    numpy.ndarray of float64
        The same shape; every number is a multiple of C/2²⁴.

    Raises
    ------
    InputError
        A number that is not finite, a scale that is not positive.

    Guarantees
    ----------
    The Gaussian mechanism (Dwork & Roth 2014, appendix A; for the sampled one Abadi et al. 2016,
    arXiv:1607.00133) on integers. The sum is rounded to the lattice, the noise is rounded to it
    too, and both are added as whole numbers, so that every output has the same support whatever
    the rows are: the holes of floating-point noise (Mironov 2012) are not there. Rounding two
    sums of d numbers moves their difference by at most √d lattice steps; noise is scaled for it.
    What is left is that floats stand for an exact logarithm and angle: unlike `discrete_gaussian`
    this sampler is not exact. It is for sums of a hundred thousand numbers, thousands of times.

    >>> noisy = gaussian_sum(np.zeros(3), sensitivity=1.0, multiplier=2.0)
    >>> noisy.shape, noisy.dtype
    ((3,), dtype('float64'))
    """
    clip, sigmas = _scale("sensitivity", sensitivity), _scale("multiplier", multiplier)
    exact = np.asarray(total, dtype=np.float64)
    if not np.all(np.isfinite(exact)):
        raise InputError("a sum of gradients must be finite before noise is added")
    grain = clip / _GRAINS
    wider = 1.0 + math.sqrt(exact.size) / _GRAINS
    whole = np.rint(exact / grain)
    noise = _standard_gaussians(exact.size)
    noise *= sigmas * wider * _GRAINS
    np.rint(noise, out=noise)
    whole += noise.reshape(exact.shape)
    whole *= grain
    return whole
