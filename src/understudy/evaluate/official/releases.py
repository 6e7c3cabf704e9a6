"""Coverage over releases: whether intervals computed from them hold the real estimates.

An analyst takes a release for real rows and computes a mean, a share or a coefficient with its
nominal 95 % interval. Counted is how often that interval holds the real estimate, and, for
several releases of the same rows, how often an interval combined from all of them agrees with
real rows that no release was made from. What may not happen here: a rule of combination whose
conditions are not stated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from understudy.errors import SchemaError
from understudy.evaluate.figure import (
    Anchors,
    Comparison,
    Figure,
    Measured,
    Metric,
    Settings,
    Skipped,
)
from understudy.evaluate.intervals import wilson
from understudy.evaluate.official.estimates import Estimate, lines_of
from understudy.evaluate.reading import CannotAnswer
from understudy.evaluate.regressions.choosing import chosen_formula
from understudy.evaluate.regressions.fitting import Coefficients, regressions_can_be_fitted
from understudy.evaluate.regressions.measuring import compared
from understudy.schema.formulas import Formula, parse_formula

if TYPE_CHECKING:
    from understudy.evaluate.columns import Tables

GROUP = "statistics"
NOMINAL = 0.95
Rule = Literal["plug-in", "posterior"]
NAIVE = "share of nominal 95 % intervals from synthetic rows that hold the real estimate"
COMBINED = (
    "J. P. Reiter, Inference for partially synthetic, public use microdata sets, Survey "
    "Methodology 29 (2003); G. M. Raab, B. Nowok, C. Dibben, Practical data synthesis for large "
    "samples, Journal of Privacy and Confidentiality 7 (2016)"
)
_Z = 1.959964
_LISTED = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Combined:
    """One estimate from several releases.

    Parameters
    ----------
    value, error
        Mean over the releases and its standard error about the population's value.
    low, high
        95 % interval, by Student's t.
    degrees
        Degrees of freedom; infinite where the releases agree exactly.
    between, within
        Variance between the releases, and mean of their own variances.
    """

    value: float
    error: float
    low: float
    high: float
    degrees: float
    between: float
    within: float


def combine(
    releases: Sequence[Estimate], *, share: float = 1.0, rule: Rule = "plug-in"
) -> Combined:
    """Combine the same estimate from several releases of one table.

    Parameters
    ----------
    releases
        At least two; each with the error an analyst computes as if its rows were real.
    share
        Rows of a release over rows of the real table.
    rule
        `plug-in` for generators fitted to the real rows that draw from the fitted model (all of
        ours): T = share · within + between / m. For a share of 1 it is Reiter's rule for
        partially synthetic data; noise that each release draws anew is part of `between`.
        With two releases that differ much its interval is short (92 % for 95 %); five are enough.
        `posterior` for fully synthetic data drawn from a posterior predictive distribution:
        T = (1 + 1/m) · between - within, and share · within where that is not positive.

    Raises
    ------
    ValueError
        If there are fewer than two releases.

    References: Reiter 2003 and Raab et al. 2016 (`plug-in`); T. E. Raghunathan, J. P. Reiter,
    D. B. Rubin, Multiple imputation for statistical disclosure limitation, Journal of Official
    Statistics 19 (2003), and J. P. Reiter, ibid. 18 (2002) (`posterior`).

    >>> made = [Estimate(value=v, error=0.5) for v in (1.0, 2.0, 3.0)]
    >>> one = combine(made)
    >>> one.value, round(one.error**2, 6), round(one.degrees, 4)
    (2.0, 0.583333, 6.125)
    """
    count = len(releases)
    if count < 2:
        raise ValueError("at least two releases are combined")
    values = np.array([one.value for one in releases])
    between = float(values.var(ddof=1))
    within = float(np.mean([one.error**2 for one in releases]))
    if rule == "plug-in":
        sampling, drawn = share * within, between / count
    else:
        sampling, drawn = -within, (1 + 1 / count) * between
        if sampling + drawn <= 0:
            sampling, drawn = share * within, 0.0
    variance = sampling + drawn
    degrees = (count - 1) * (variance / drawn) ** 2 if drawn > 0 else float("inf")
    half = _t(degrees) * variance**0.5
    mean = float(values.mean())
    return Combined(
        value=mean,
        error=variance**0.5,
        low=mean - half,
        high=mean + half,
        degrees=degrees,
        between=between,
        within=within,
    )


def covers(made: Estimate, real: float) -> bool:
    """Whether a nominal 95 % interval holds a value.

    >>> covers(Estimate(value=1.0, error=0.5), 1.9), covers(Estimate(value=1.0, error=0.5), 2.0)
    (True, False)
    """
    return abs(made.value - real) <= _Z * made.error + 1e-12 * max(1.0, abs(real))


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimand:
    """One number of the population, as each table tells it; None where it is not defined.

    `key` is its kind (`mean`, `share`, `coefficient`), its column or formula, and what of it.
    """

    key: tuple[str, str, str]
    real: Estimate
    holdout: Estimate | None = None
    releases: tuple[Estimate | None, ...] = field(default=(), repr=False)

    @property
    def covered(self) -> list[bool]:
        """Whether each release's interval holds the real estimate."""
        return [one is not None and covers(one, self.real.value) for one in self.releases]


def measure_interval_coverage(
    tables: Tables, _settings: Settings, _rng: np.random.Generator
) -> Measured:
    """Share of the means and shares whose interval from synthetic rows holds the real estimate."""
    key, title = "interval_coverage", "Intervals that hold the real estimate"
    estimands = _of_columns([tables])
    if not estimands:
        reason = "no mean or share has an error on the real rows"
        return Measured(skipped=(Skipped(key=key, title=title, group=GROUP, reason=reason),))
    value = float(np.mean([one.covered[0] for one in estimands]))
    figure = Figure(
        key=key,
        title=title,
        group=GROUP,
        value=value,
        better="near",
        target=NOMINAL,
        interval=wilson(value, len(estimands)),
        anchors=Anchors(holdout=_holdout(estimands)),
        explanation=(
            f"An analyst who takes the synthetic rows for real ones gives 95 % intervals for "
            f"{len(estimands)} means and shares of labels: this share of them holds the real "
            "estimate. Rows drawn from the real distributions reach 95 %; the holdout reaches "
            "about 83 % when it is as large as the real table, for it varies too."
        ),
        reference=NAIVE,
        detail={"by_kind": _by_kind(estimands), "estimands": len(estimands),
                "interval": "Wilson, as if the estimates were independent of one another"},
    )  # fmt: skip
    return Measured(figures=(figure,))


def measure_coverage(
    tables: Sequence[Tables], names: Sequence[str], settings: Settings, _rng: np.random.Generator
) -> Measured:
    """Coverage over several synthetic tables, read as repeated releases of the same rows."""
    estimands = _of_columns(tables)
    coefficients, skipped = _of_regressions(tables, settings)
    estimands += coefficients
    title = "Intervals that hold the real estimate, over all releases"
    if not estimands:
        reason = "no mean, share or coefficient has an error on the real rows"
        skipped.append(Skipped(key="coverage", title=title, group=GROUP, reason=reason))
        return Measured(skipped=tuple(skipped))
    held = np.array([one.covered for one in estimands])
    value = float(held.mean())
    figure = Figure(
        key="coverage",
        title=title,
        group=GROUP,
        value=value,
        better="near",
        target=NOMINAL,
        interval=wilson(value, held.size),
        seeds=len(tables),
        anchors=Anchors(holdout=_holdout(estimands)),
        explanation=(
            f"Share of {held.size:,} nominal 95 % intervals ({len(estimands)} means, shares and "
            f"coefficients from each of {len(tables)} releases) that hold the real estimate. It "
            "says something about a generator if the tables are repeated releases of it."
        ),
        reference=NAIVE,
        detail={
            "by_release": {name: float(held[:, at].mean()) for at, name in enumerate(names)},
            "by_kind": _by_kind(estimands),
            "estimands": len(estimands),
            "releases": len(tables),
            "interval": "Wilson (binomial) over all intervals, as if they were independent",
        },
    )
    combined, missed, rows = _combined(estimands, tables)
    return Measured(
        figures=(figure, *combined),
        skipped=(*skipped, *missed),
        charts={"coverage": {"releases": list(names), "worst": rows[:_LISTED]}},
    )


def _combined(
    estimands: Sequence[Estimand], tables: Sequence[Tables]
) -> tuple[list[Figure], list[Skipped], list[dict[str, Any]]]:
    """What intervals combined from all releases reach on real rows that no release came from."""
    rows: list[dict[str, Any]] = []
    agreed: list[bool] = []
    ceiling: list[bool] = []
    share = float(np.mean([one.sampled["synthetic"] / one.sampled["train"] for one in tables]))
    for one in estimands:
        known = [made for made in one.releases if made is not None]
        total = combine(known, share=share) if len(known) > 1 else None
        rows.append(_row(one, total))
        if one.holdout is None:
            continue
        ceiling.append(_agree(one.real, one.holdout, _Z))
        agreed.append(
            total is not None
            and _agree(Estimate(value=total.value, error=total.error), one.holdout,
                       _t(total.degrees))
        )  # fmt: skip
    rows.sort(key=lambda row: (row["covered"], -(row["distance"] or np.inf)))
    key, title = "combined_coverage", "Combined intervals that agree with the holdout"
    if not agreed:
        reason = "no holdout: nothing stands for the population"
        return [], [Skipped(key=key, title=title, group=GROUP, reason=reason)], rows
    value = float(np.mean(agreed))
    figure = Figure(
        key=key,
        title=title,
        group=GROUP,
        value=value,
        better="near",
        target=NOMINAL,
        interval=wilson(value, len(agreed)),
        seeds=len(tables),
        anchors=Anchors(holdout=float(np.mean(ceiling))),
        explanation=(
            f"Estimates combined from {len(tables)} releases with an interval for the population, "
            "by the rule for generators fitted to the real rows: this share of them agrees with "
            "the real holdout at 95 %. The holdout's mark is what the real table itself reaches."
        ),
        reference=COMBINED,
        detail={
            "rule": "plug-in: T = share · within + between / releases",
            "share": share,
            "estimands": len(agreed),
            "interval": "Wilson over the estimates, as if they were independent of one another",
        },
    )
    return [figure], [], rows


def _of_columns(tables: Sequence[Tables]) -> list[Estimand]:
    """Means and shares of every table; those without an error on the real rows are left out."""
    found: dict[tuple[str, str, str], Estimand] = {}
    for at, one in enumerate(tables):
        for line in lines_of(one):
            if line.key[0] not in ("mean", "share") or line.real.error == 0:
                continue
            have = found.get(line.key)
            before = (None,) * at if have is None else have.releases
            found[line.key] = Estimand(
                key=line.key,
                real=line.real,
                holdout=line.holdout,
                releases=(*before, line.synthetic),
            )
    return [_filled(one, len(tables)) for one in found.values()]


def _filled(one: Estimand, count: int) -> Estimand:
    """An estimand with None for the releases at the end that lack it."""
    missing = (None,) * (count - len(one.releases))
    return Estimand(
        key=one.key, real=one.real, holdout=one.holdout, releases=(*one.releases, *missing)
    )


def _of_regressions(
    tables: Sequence[Tables], settings: Settings
) -> tuple[list[Estimand], list[Skipped]]:
    """Coefficients of the regressions that are named, or of those chosen for the targets."""
    if not regressions_can_be_fitted():
        return [], [_skip("regressions need statsmodels: install understudy[regression]")]
    found: list[Estimand] = []
    skipped: list[Skipped] = []
    for formula in _formulas(tables[0], settings):
        try:
            fits = [compared(one, formula, quick=settings.quick) for one in tables]
        except CannotAnswer as why:
            skipped.append(_skip(f"{formula.text}: {why}"))
            continue
        real, held = fits[0].fits["train"], fits[0].fits.get("holdout")
        for at, name in enumerate(fits[0].names):
            one = _coefficient(real, at)
            if one is not None:
                found.append(
                    Estimand(
                        key=("coefficient", formula.text, name),
                        real=one,
                        holdout=_coefficient(held, at),
                        releases=tuple(_coefficient(each.fits["synthetic"], at) for each in fits),
                    )
                )
    return found, skipped


def _formulas(tables: Tables, settings: Settings) -> list[Formula]:
    """Formulas that can be read; what cannot is told by the metric of regressions."""
    names = [column.name for column in tables.columns]
    found: list[Formula] = []
    for text in settings.regressions:
        try:
            found.append(parse_formula(text).checked(names))
        except SchemaError:
            continue
    if settings.regressions:
        return found
    for target in () if settings.quick else settings.targets:
        try:
            found.append(chosen_formula(tables, target))
        except CannotAnswer:
            continue
    return found


def _coefficient(one: Coefficients | None, at: int) -> Estimate | None:
    """A coefficient and its error, None where it is not estimated."""
    if one is None or np.isnan(one.value[at]):
        return None
    return Estimate(value=float(one.value[at]), error=float(one.error[at]))


def _agree(first: Estimate, second: Estimate, quantile: float) -> bool:
    """Whether two independent estimates of one number differ by no more than chance."""
    return bool(
        abs(first.value - second.value) <= quantile * (first.error**2 + second.error**2) ** 0.5
    )


def _holdout(estimands: Sequence[Estimand]) -> float | None:
    """Share of the holdout's own intervals that hold the real estimate."""
    held = [covers(one.holdout, one.real.value) for one in estimands if one.holdout is not None]
    return float(np.mean(held)) if held else None


def _by_kind(estimands: Sequence[Estimand]) -> Mapping[str, float]:
    """Coverage of means, of shares, of coefficients."""
    kinds = dict.fromkeys(one.key[0] for one in estimands)
    return {
        kind: float(np.mean([one.covered for one in estimands if one.key[0] == kind]))
        for kind in kinds
    }


def _row(one: Estimand, total: Combined | None) -> dict[str, Any]:
    """An estimand as a line of a table."""
    return {
        "kind": one.key[0],
        "column": one.key[1],
        "what": one.key[2],
        "real": one.real.value,
        "error": one.real.error,
        "releases": [None if made is None else made.value for made in one.releases],
        "covered": float(np.mean(one.covered)),
        "combined": None
        if total is None
        else {"value": total.value, "low": total.low, "high": total.high},
        "distance": None if total is None else abs(total.value - one.real.value) / one.real.error,
    }


def _t(degrees: float) -> float:
    """The 97.5 % quantile of Student's t."""
    from scipy.stats import t

    return float(t.ppf(0.975, degrees)) if np.isfinite(degrees) else _Z


def _skip(reason: str) -> Skipped:
    """Coefficients that are not counted."""
    title = "Coverage of coefficients"
    return Skipped(key="coverage", title=title, group=GROUP, reason=reason)


INTERVAL_COVERAGE = Metric(
    key="interval_coverage",
    title="Intervals that hold the real estimate",
    group=GROUP,
    measure=measure_interval_coverage,
    weight=0.1,
)
RELEASES_COVERAGE = Comparison(
    key="coverage", title="Coverage over releases", group=GROUP, measure=measure_coverage,
    weight=1.0,
)  # fmt: skip
