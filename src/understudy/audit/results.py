"""What an audit may say: counted mistakes, lower bounds with their ceiling, one of four words.

What may not happen here: a fit, and any other word.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from understudy.audit import bounds
from understudy.errors import InputError
from understudy.evaluate.intervals import rate_at_most
from understudy.privacy.accountant import epsilon_of

Floats = npt.NDArray[np.float64]
Word = Literal["violated", "leak detected", "not detected", "not assessed"]

CONFIDENCE = 0.95
"""All bounds of one audit hold together with at least this probability."""

CALIBRATION = 0.25
"""Share of the fits on which thresholds are chosen; the others are counted."""

FEWEST = 40
"""Fits per table below which nothing is concluded."""

SUSPECTED = 500.0
"""Size of a score from which it was decided by a suspicion of missing noise."""

_MIDDLE_SHARE = 0.8

_BOUNDS = (
    "epsilon_direct",
    "rho_direct",
    "epsilon_zcdp",
    "mu",
    "epsilon_gaussian",
    "limit_direct",
    "limit_zcdp",
    "limit_gaussian",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """Mistakes counted at one threshold, and the upper bounds of their rates.

    Parameters
    ----------
    threshold
        Chosen on other fits; a score at or above it is taken for the canary.
    false_alarms, misses
        Mistakes among the counted fits without and with the canary.
    fpr_at_most, fnr_at_most
        Clopper–Pearson upper bounds; in the middle, both are the bound of the mean rate.
    """

    threshold: float
    false_alarms: int
    misses: int
    fpr_at_most: float
    fnr_at_most: float


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditResult:
    """One audit of one synthesizer on one pair of neighbours.

    Parameters
    ----------
    synthesizer, settings
        What was audited.
    view
        What the attacker sees: every noisy answer, or synthetic rows alone.
    neighbours
        Name of the pair of tables.
    attacker
        The number by which she decides.
    epsilon, delta
        The claim.
    rho
        The zCDP budget behind the claim; infinite where none was claimed.
    runs
        Finished fits per table: without, with the canary.
    failed
        Fits among them that raised one of our errors; what they answered before counts.
    confidence
        With which all bounds hold together.
    counted
        Fits of each table that the bounds rest on; the others chose thresholds.
    epsilon_direct
        Lower bound on ε at δ from the rates alone. Assumes nothing.
    rho_direct, epsilon_zcdp
        Lower bound on ρ from the rates, and the ε the accountant gives it. Assumes nothing but
        that a zCDP mechanism was claimed.
    mu, epsilon_gaussian
        Lower bound on μ, and its ε at δ. Assumes a Gaussian trade-off curve, which sums of noisy
        counts have; the sharpest of the three.
    limit_direct, limit_zcdp, limit_gaussian
        The same three for an attacker without a mistake: the most this audit could have said.
    readings
        "middle", for ρ and μ; "above" and "below", for the two directions of ε.
    identity
        None of a black box. Means of exp(score) without and of exp(−score) with the canary; near 1 when the attacker's
        likelihood is right, noise included.
    word, reason
        The verdict, and why.
    seconds
        Time of all fits, summed over workers.
    """

    synthesizer: str
    settings: dict[str, Any] = field(default_factory=dict)
    view: Literal["white-box", "black-box"] = "white-box"
    neighbours: str
    attacker: str = "the likelihood ratio of every noisy answer"
    epsilon: float
    delta: float
    rho: float
    runs: tuple[int, int]
    failed: int
    confidence: float
    counted: int
    epsilon_direct: float
    rho_direct: float
    epsilon_zcdp: float
    mu: float
    epsilon_gaussian: float
    limit_direct: float
    limit_zcdp: float
    limit_gaussian: float
    readings: dict[str, Reading]
    identity: tuple[float, float] | None
    word: Word
    reason: str
    seconds: float

    @property
    def epsilon_lower(self) -> float:
        """The largest lower bound on ε; where no ρ was claimed, the one that assumes nothing."""
        if math.isinf(self.rho):
            return self.epsilon_direct
        return max(self.epsilon_direct, self.epsilon_zcdp, self.epsilon_gaussian)

    @property
    def text(self) -> str:
        """The verdict in a sentence."""
        return f"{self.word}: {self.reason}"

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` makes an equal result; infinity is null."""
        return without_infinity(asdict(self))

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> AuditResult:
        """The result that `to_json` wrote."""
        values = with_infinity(told)
        values["runs"] = tuple(told["runs"])
        values["identity"] = told["identity"] and tuple(told["identity"])
        values["readings"] = {
            name: Reading(**reading) for name, reading in told["readings"].items()
        }
        return cls(**values)


def without_infinity(told: dict[str, Any]) -> dict[str, Any]:
    """The same with null for infinity, which JSON does not have."""
    return {
        name: None if isinstance(value, float) and math.isinf(value) else value
        for name, value in told.items()
    }


def with_infinity(told: dict[str, Any]) -> dict[str, Any]:
    """The same with infinity for null."""
    return {name: math.inf if value is None else value for name, value in told.items()}


def worst(results: Sequence[AuditResult]) -> AuditResult:
    """The result that speaks loudest against the claim: by its word, then by its bound."""
    if not results:
        raise InputError("no audit to choose from")
    order = {word: rank for rank, word in enumerate(get_args(Word))}
    return min(results, key=lambda result: (order[result.word], -result.epsilon_lower))


def conclude(
    without: Floats,
    present: Floats,
    *,
    epsilon: float,
    delta: float,
    rho: float,
    facts: dict[str, Any],
    confidence: float = CONFIDENCE,
    centre: float | None = None,
) -> AuditResult:
    """Bounds and verdict from the attacker's scores.

    Parameters
    ----------
    without, present
        Scores of independent fits on the table without and with the canary, in the order of
        the fits; the first quarter chooses thresholds.
    epsilon, delta, rho
        The claim.
    facts
        The other fields of `AuditResult`: synthesizer, settings, neighbours, failed, seconds.
    confidence
        Of all bounds together, in (0, 1).
    centre
        A threshold for ρ and μ that was fixed before any fit, such as 0 for a log-likelihood
        ratio: all fits are counted at it. None chooses one on the first quarter.

    Guarantees
    ----------
    Five bounds on rates (one for ρ and μ, four for the two directions of ε), each with a failure
    probability, the sum of which is 1 − confidence, from fits that did not choose thresholds: with
    that confidence no lower bound exceeds its true value.
    """
    even = min(len(without), len(present))
    cut = int(np.ceil(CALIBRATION * even))
    learn = without[:cut], present[:cut]
    count = without[cut:even], present[cut:even]
    shared: dict[str, Any] = {
        **facts,
        "epsilon": epsilon,
        "delta": delta,
        "rho": rho,
        "runs": (len(without), len(present)),
        "confidence": confidence,
        "counted": even - cut,
    }
    if even < FEWEST:
        return _nothing(shared, f"fewer than {FEWEST} fits per table")
    middle_failure, failure = _failures(confidence)
    middle = (
        _read_middle(count, _middle(learn), middle_failure)
        if centre is None
        else _read_middle((without[:even], present[:even]), centre, middle_failure)
    )
    above = _read(count, _edge(learn, even - cut, failure, delta, above=True), failure)
    below = _read(count, _edge(learn, even - cut, failure, delta, above=False), failure)
    readings = {"middle": middle, "above": above, "below": below}
    told: dict[str, Any] = _bounds(
        readings,
        counted=even - cut,
        pooled=2 * (even if centre is not None else even - cut),
        claim=(delta, rho),
        failures=(middle_failure, failure),
    )
    word, reason = _verdict(told, epsilon, delta, rho, confidence)
    return AuditResult(
        **shared,
        **told,
        readings=readings,
        identity=_identity(without, present) if facts.get("view") != "black-box" else None,
        word=word,
        reason=reason,
    )


def recounted(result: AuditResult) -> AuditResult:
    """The same result with every bound and its word computed anew from the counts it states.

    For results that come from a file: where it differs, the file was changed. Counts that were
    invented together with their bounds are not noticed.

    Raises
    ------
    InputError
        The counts are not such as an audit has.
    """
    even = min(result.runs)
    if result.word == "not assessed" and even < FEWEST:
        zeros: dict[str, Any] = dict.fromkeys(_BOUNDS, 0.0)
        return replace(result, **zeros, readings={})
    middle_failure, failure = _failures(result.confidence)
    pooled = 2 * (even if result.view == "white-box" else result.counted)
    readings = {}
    for name in ("middle", "above", "below"):
        read = result.readings.get(name)
        most = pooled // 2 if name == "middle" else result.counted
        if read is None or not (
            0 <= read.false_alarms <= most
            and 0 <= read.misses <= most
            and result.counted == even - int(np.ceil(CALIBRATION * even)) > 0
        ):
            raise InputError("the counts are not those of an audit", reading=name)
        rates = (
            [read.false_alarms + read.misses] * 2
            if name == "middle"
            else [read.false_alarms, read.misses]
        )
        chances = (pooled, middle_failure) if name == "middle" else (result.counted, failure)
        fpr, fnr = (float(rate_at_most(count, *chances)) for count in rates)
        readings[name] = replace(read, fpr_at_most=fpr, fnr_at_most=fnr)
    told: dict[str, Any] = _bounds(
        readings,
        counted=result.counted,
        pooled=pooled,
        claim=(result.delta, result.rho),
        failures=(middle_failure, failure),
    )
    word, reason = _verdict(told, result.epsilon, result.delta, result.rho, result.confidence)
    return replace(result, **told, readings=readings, word=word, reason=reason)


def _failures(confidence: float) -> tuple[float, float]:
    """The chance of failure of the bound in the middle, and of each of the four others."""
    middle = (1.0 - confidence) * _MIDDLE_SHARE
    return middle, (1.0 - confidence - middle) / 4


def _bounds(
    readings: dict[str, Reading],
    *,
    counted: int,
    pooled: int,
    claim: tuple[float, float],
    failures: tuple[float, float],
) -> dict[str, float]:
    """Every lower bound and its ceiling; `claim` is (δ, ρ), `pooled` the trials in the middle."""
    middle, above, below = (readings[name] for name in ("middle", "above", "below"))
    delta, rho = claim
    direct = max(
        float(bounds.epsilon_at_least(above.fpr_at_most, above.fnr_at_most, delta)),
        float(bounds.epsilon_at_least(below.fnr_at_most, below.fpr_at_most, delta)),
    )
    rho_direct = bounds.rho_at_least(middle.fpr_at_most, middle.fnr_at_most, delta)
    mu = float(bounds.mu_at_least(middle.fpr_at_most, middle.fnr_at_most))
    best, edge = bounds.ceiling(pooled, failures[0]), bounds.ceiling(counted, failures[1])

    def zcdp(least: float) -> float:
        return 0.0 if math.isinf(rho) else epsilon_of(least, {}, delta)

    return {
        "epsilon_direct": direct,
        "rho_direct": rho_direct,
        "epsilon_zcdp": zcdp(rho_direct),
        "mu": mu,
        "epsilon_gaussian": bounds.epsilon_of_mu(mu, delta) if delta else 0.0,
        "limit_direct": float(bounds.epsilon_at_least(edge, edge, delta)),
        "limit_zcdp": zcdp(bounds.rho_at_least(best, best, delta)),
        "limit_gaussian": (
            bounds.epsilon_of_mu(float(bounds.mu_at_least(best, best)), delta) if delta else 0.0
        ),
    }


def _verdict(
    told: dict[str, float], epsilon: float, delta: float, rho: float, confidence: float
) -> tuple[Word, str]:
    """One of the four words; only bounds that assume nothing can say that a claim is violated."""
    at = f"at delta {delta:g}, with {confidence:.0%} confidence"
    if told["epsilon_direct"] > epsilon:
        bound = told["epsilon_direct"]
        return "violated", f"epsilon is at least {bound:.3g} {at}; claimed is {epsilon:g}"
    if told["rho_direct"] > rho:
        bound = told["rho_direct"]
        return "violated", (
            f"rho is at least {bound:.3g} with {confidence:.0%} confidence; charged is {rho:.3g}, "
            f"from which epsilon {epsilon:g} was computed"
        )
    lower = told["epsilon_direct"]
    if not math.isinf(rho):
        lower = max(lower, told["epsilon_zcdp"], told["epsilon_gaussian"])
    limit = f"limit of detection {told['limit_direct']:.3g} without assumptions"
    if lower > 0:
        where = "within" if lower <= epsilon else "but only by its Gaussian shape above"
        return "leak detected", (
            f"epsilon is at least {lower:.3g} {at}, {where} the claim of {epsilon:g}; {limit}"
        )
    return "not detected", f"{limit}, {at}"


def _nothing(shared: dict[str, Any], reason: str) -> AuditResult:
    """The result of an audit that cannot conclude."""
    zeros: dict[str, Any] = dict.fromkeys(_BOUNDS, 0.0)
    return AuditResult(
        **shared,
        **zeros,
        readings={},
        identity=(1.0, 1.0),
        word="not assessed",
        reason=reason,
    )


def _read(count: tuple[Floats, Floats], threshold: float, failure: float) -> Reading:
    """Count mistakes at a threshold and bound their rates."""
    alarms, misses = int((count[0] >= threshold).sum()), int((count[1] < threshold).sum())
    return Reading(
        threshold=threshold,
        false_alarms=alarms,
        misses=misses,
        fpr_at_most=float(rate_at_most(alarms, len(count[0]), failure)),
        fnr_at_most=float(rate_at_most(misses, len(count[1]), failure)),
    )


def _read_middle(count: tuple[Floats, Floats], threshold: float, failure: float) -> Reading:
    """Count mistakes of both kinds together and bound their mean rate."""
    read = _read(count, threshold, failure)
    trials = len(count[0]) + len(count[1])
    mean = float(rate_at_most(read.false_alarms + read.misses, trials, failure))
    return replace(read, fpr_at_most=mean, fnr_at_most=mean)


def _cuts(learn: tuple[Floats, Floats]) -> tuple[Floats, Floats, Floats]:
    """Thresholds between scores (and at zero), and both rates at each of them."""
    pooled = np.unique(np.concatenate(learn))
    between = (pooled[1:] + pooled[:-1]) / 2
    if len(between) > 400:
        between = np.quantile(between, np.linspace(0, 1, 401))
    cuts = np.append(between, 0.0)
    without, present = np.sort(learn[0]), np.sort(learn[1])
    alarms = 1.0 - np.searchsorted(without, cuts) / len(without)
    return cuts, alarms, np.searchsorted(present, cuts) / len(present)


def _middle(learn: tuple[Floats, Floats]) -> float:
    """The threshold with fewest mistakes, or one nearer to zero that is no surely worse.

    Zero is the best threshold of a true likelihood ratio whose trade-off curve is symmetric.
    """
    cuts, alarms, misses = _cuts(learn)
    mean = (alarms + misses) / 2
    least = float(mean.min())
    slack = float(np.sqrt(max(least * (1 - least), 1e-12) / (2 * len(learn[0]))))
    fair = cuts[mean <= least + slack]
    return float(fair[np.argmin(np.abs(fair))])


def _edge(
    learn: tuple[Floats, Floats], size: int, failure: float, delta: float, *, above: bool
) -> float:
    """The threshold that promises the largest ε in one direction."""
    cuts, alarms, misses = _cuts(learn)
    fpr = rate_at_most(alarms * size, size, failure)
    fnr = rate_at_most(misses * size, size, failure)
    pair = (fpr, fnr) if above else (fnr, fpr)
    promise = bounds.epsilon_at_least(*pair, delta)
    best = np.flatnonzero(promise >= promise.max() - 1e-12)
    return float(cuts[best[len(best) // 2]])


def _identity(without: Floats, present: Floats) -> tuple[float, float]:
    """E[exp(score)] without the canary and E[exp(−score)] with it: 1 for the true likelihood.

    Scores that a suspicion of missing noise decided are no likelihoods and are left out.
    """
    likelihoods = [one[np.abs(one) < SUSPECTED] for one in (without, -present)]
    with np.errstate(over="ignore"):
        means = [float(np.exp(one).mean()) if one.size else 1.0 for one in likelihoods]
    return min(means[0], 1e300), min(means[1], 1e300)
