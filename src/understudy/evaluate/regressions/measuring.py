"""Regressions named by formula: coefficient tables side by side, and how well they agree.

Every regression is fitted on the real training rows, the synthetic rows, the real holdout and
independent columns. Where none is named, each target that allows it gets one of main effects. What
may not happen here: a fit (that is `fitting`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import SchemaError
from understudy.evaluate.chart import intervals
from understudy.evaluate.figure import Anchors, Figure, Measured, Metric, Settings, Skipped
from understudy.evaluate.reading import CannotAnswer, Parts, parts_of
from understudy.evaluate.regressions.agreement import Agreement, agreement
from understudy.evaluate.regressions.choosing import NAMED, chosen_formula
from understudy.evaluate.regressions.design import Prepared, prepared
from understudy.evaluate.regressions.fitting import Coefficients, fit, regressions_can_be_fitted
from understudy.schema.formulas import Formula, parse_formula

if TYPE_CHECKING:
    from understudy.evaluate.columns import Tables

GROUP = "statistics"
MOST_DRAWN = 30
"""Most coefficients of one forest plot."""
_LOOKED_AT = 1000
_DRAWN = {"real": "real", "synthetic": "synthetic", "real holdout": "holdout"}
QUICK_ROWS = 10_000
"""Most rows of a table that a quick evaluation fits."""
OVERLAP = (
    "A. F. Karr et al., A framework for evaluating the utility of data altered to protect "
    "confidentiality, The American Statistician 60 (2006), interval overlap"
)
DIFFERENCE = (
    "J. Snoke et al., General and specific utility measures for synthetic data, JRSS A 181 (2018), "
    "standardised difference of coefficients"
)
CONCLUSION = "share of coefficients with the same sign and the same significance at 5 %"
INTERVAL = "sampling of the synthetic rows: jackknife over tenths, one Newton step each"


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One regression on every table, coefficients in the units of the columns.

    Parameters
    ----------
    text
        The formula.
    chosen
        Whether nobody named it.
    names
        The coefficients that are estimated on the real rows.
    fits
        By part; None where nothing could be estimated.
    agreements
        By part besides the real one.
    not_estimated
        Coefficients that the real rows do not determine: they follow from others, or a label
        separates the outcome.
    """

    text: str
    chosen: bool
    prepared: Prepared = field(repr=False)
    names: tuple[str, ...] = field(repr=False)
    fits: Mapping[str, Coefficients | None] = field(repr=False)
    agreements: Mapping[str, Agreement | None] = field(repr=False)
    not_estimated: tuple[str, ...] = field(default=(), repr=False)


def check_regressions(formulas: Sequence[str], names: Sequence[str]) -> tuple[Formula, ...]:
    """Read formulas against the columns of a table, before any work is done.

    Parameters
    ----------
    formulas
        Such as `hours ~ age + C(sex)`; see `understudy.schema.formulas`.
    names
        Columns of the table.

    Raises
    ------
    SchemaError
        One is not a formula, or names a column that is not there (with the nearest name).

    >>> check_regressions(["hours ~ ."], ["hours", "age"])[0].terms[0][0].column
    'age'
    """
    return tuple(parse_formula(text).checked(names) for text in formulas)


def compared(tables: Tables, formula: Formula, *, quick: bool = False, chosen: bool = False,
             ) -> Compared:  # fmt: skip
    """Fit one regression on every table; what depends on real rows only is computed once.

    Raises
    ------
    CannotAnswer
        It cannot be estimated on the real rows.
    """
    key = ("regression", formula.text, formula.terms, quick)
    parts = parts_of(tables, formula.columns, tables.generator(key))
    if quick:
        parts = _fewer(parts, QUICK_ROWS)
    made = prepared(parts, formula.outcome, formula.terms)

    def fitted(part: str) -> Coefficients | None:
        found = fit(made.outcomes[part], made.designs[part], family=made.family)
        return None if found is None else found.per(made.scales)

    real = tables.once((*key, "train"), partial(fitted, "train"))
    if real is None:
        raise CannotAnswer(
            "it cannot be estimated on the real rows: the predictors separate yes from no, or "
            "too few rows are complete"
        )
    kept = ~np.isnan(real.value)
    fits = {"train": real, "synthetic": fitted("synthetic")}
    for part in parts.others:
        if part != "synthetic":
            fits[part] = tables.once((*key, part), partial(fitted, part))
    held = {part: None if one is None else one.at(kept) for part, one in fits.items()}
    real = real.at(kept)
    return Compared(
        text=formula.text,
        chosen=chosen,
        prepared=made,
        names=tuple(n for n, there in zip(made.names, kept, strict=True) if there),
        fits=held,
        agreements={
            part: None if one is None else agreement(real, one)
            for part, one in held.items()
            if part != "train"
        },
        not_estimated=tuple(n for n, there in zip(made.names, kept, strict=True) if not there),
    )


def measure_regressions(tables: Tables, settings: Settings, _rng: np.random.Generator) -> Measured:
    """Every regression that was named, or one for every target that allows it."""
    if not regressions_can_be_fitted():
        return _skipped("regressions need statsmodels: install understudy[regression]")
    wanted, skipped = _wanted(tables, settings)
    figures: list[Figure] = []
    forest: list[dict[str, Any]] = []
    drawn: dict[str, Any] = {}
    for number, (formula, chosen) in enumerate(wanted, start=1):
        try:
            found = compared(tables, formula, quick=settings.quick, chosen=chosen)
        except CannotAnswer as why:
            skipped.append(_skip(formula.text, str(why)))
            continue
        made, missed = _figures(found, "" if number == 1 else f"_{number}")
        figures += made
        skipped += missed
        forest.append(_forest(found))
        drawn[f"forest_{number}"] = _drawn(found)
    charts = {"forest": forest, **drawn} if forest else {}
    return Measured(figures=tuple(figures), skipped=tuple(skipped), charts=charts)


def _wanted(tables: Tables, settings: Settings) -> tuple[list[tuple[Formula, bool]], list[Skipped]]:
    """The formulas to fit, whether each was chosen here, and what could not be read."""
    names = [column.name for column in tables.columns]
    found: list[tuple[Formula, bool]] = []
    skipped: list[Skipped] = []
    for text in settings.regressions:
        try:
            found.append((parse_formula(text).checked(names), False))
        except SchemaError as error:
            skipped.append(_skip(text, str(error)))
    if settings.regressions:
        return found, skipped
    if settings.quick:
        reason = f"none is named, and a quick evaluation chooses none; {NAMED}"
        return found, [_skip("", reason)]
    targets = settings.targets or ((settings.target,) if settings.target else ())
    for target in targets:
        try:
            found.append((chosen_formula(tables, target), True))
        except CannotAnswer as why:
            skipped.append(_skip(f"{target} ~ …", str(why)))
    if not targets:
        reason = f"no regression is named, and no target; {NAMED}"
        return found, [_skip("", reason)]
    return found, skipped


def _figures(found: Compared, suffix: str) -> tuple[list[Figure], list[Skipped]]:
    """Overlap, difference and conclusion of one regression."""
    made = found.agreements["synthetic"]
    real = found.fits["train"]
    assert real is not None
    about = _about(found)
    detail = {
        "formula": found.text,
        "family": found.prepared.family,
        "event": found.prepared.event,
        "named": not found.chosen,
        "rows": {part: None if one is None else one.rows for part, one in found.fits.items()},
        "incomplete_rows": dict(found.prepared.incomplete),
        "dispersion": {
            part: None if one is None else one.dispersion for part, one in found.fits.items()
        },
        "not_estimated_on_real_rows": list(found.not_estimated),
        "interval": INTERVAL,
    }
    columns: tuple[str, ...] = ()
    overlap = Figure(
        key=f"ci_overlap{suffix}",
        title=f"Overlap of intervals: {found.text}",
        group=GROUP,
        value=_overlap(made),
        better="higher",
        target=1.0,
        interval=None if made is None else made.overlap_interval,
        anchors=_anchors(found, _overlap),
        explanation=(
            f"{about} Mean overlap of the 95 % intervals of its {len(found.names)} coefficients "
            "on real and on synthetic rows. Two equally large samples of one population reach "
            "0.71 on average where the model's errors are right."
        ),
        reference=OVERLAP,
        columns=columns,
        detail={**detail, "coefficients": _rows(found)},
    )
    same = Figure(
        key=f"same_conclusion{suffix}",
        title=f"Same conclusions: {found.text}",
        group=GROUP,
        value=_conclusion(made),
        better="higher",
        target=1.0,
        anchors=_anchors(found, _conclusion),
        explanation=(
            "Share of the coefficients that lead to the same conclusion: the same sign and "
            "significant at 5 % on both, or not significant on both."
        ),
        reference=CONCLUSION,
        detail={
            "formula": found.text,
            "sign": None if made is None else float(made.sign.mean()),
            "significance": None if made is None else float(made.significance.mean()),
            "coefficients": len(found.names),
            "interval": "none: a share of coefficients that depend on one another",
        },
    )
    key, title = f"coefficient_difference{suffix}", f"Difference of coefficients: {found.text}"
    apart = None if made is None else made.mean_difference
    if made is None or apart is None:
        reason = "it cannot be estimated on the synthetic rows"
        return [overlap, same], [Skipped(key=key, title=title, group=GROUP, reason=reason)]
    difference = Figure(
        key=key,
        title=title,
        group=GROUP,
        value=apart,
        better="lower",
        target=0.0,
        unit="standard errors",
        interval=made.difference_interval,
        anchors=_anchors(found, lambda one: None if one is None else one.mean_difference),
        explanation=(
            "Mean distance between real and synthetic coefficients in standard errors of the "
            "real ones. Two equally large samples of one population differ by 1.1 on average "
            "where the model's errors are right."
        ),
        reference=DIFFERENCE,
        detail={
            "formula": found.text,
            "largest": float(np.nanmax(made.difference)),
            "lost": int(np.isnan(made.difference).sum()),
            "interval": INTERVAL,
        },
    )
    return [overlap, difference, same], []


def _about(found: Compared) -> str:
    """What the regression is, in a sentence."""
    family = found.prepared.family
    kind = {"linear": "Linear", "logistic": "Logistic", "poisson": "Poisson"}[family]
    chosen = (
        " that nobody named: main effects of the columns that go most with the outcome"
        if found.chosen
        else ""
    )
    return f"{kind} regression{chosen}."


def _overlap(one: Agreement | None) -> float:
    """Mean overlap; 0 where nothing could be estimated."""
    return 0.0 if one is None else float(one.overlap.mean())


def _conclusion(one: Agreement | None) -> float:
    """Share of same conclusions; 0 where nothing could be estimated."""
    return 0.0 if one is None else float(one.conclusion.mean())


def _anchors(found: Compared, read: Any) -> Anchors:
    """The same number on the holdout and on independent columns."""
    held = found.agreements
    return Anchors(
        holdout=read(held["holdout"]) if "holdout" in held else None,
        independent=read(held["independent"]),
    )


def _rows(found: Compared) -> list[dict[str, Any]]:
    """The coefficient table, in the formula's order."""
    real, made = found.fits["train"], found.fits["synthetic"]
    held, told = found.fits.get("holdout"), found.agreements["synthetic"]
    assert real is not None
    rows: list[dict[str, Any]] = []
    for at, name in enumerate(found.names):
        row: dict[str, Any] = {"term": name, "real": _cell(real, at)}
        row["synthetic"] = None if made is None else _cell(made, at)
        row["holdout"] = None if held is None else _cell(held, at)
        if told is not None:
            row |= {
                "overlap": float(told.overlap[at]),
                "signed_overlap": float(told.signed[at]),
                "difference": float(told.difference[at]),
                "same_conclusion": bool(told.conclusion[at]),
            }
        rows.append(row)
    return rows


def _cell(one: Coefficients, at: int) -> dict[str, float] | None:
    """Value, interval, standard error and p-value of one coefficient."""
    if np.isnan(one.value[at]):
        return None
    return {
        "value": float(one.value[at]),
        "low": float(one.low[at]),
        "high": float(one.high[at]),
        "error": float(one.error[at]),
        "p": float(one.p[at]),
    }


def _forest(found: Compared) -> dict[str, Any]:
    """What a forest plot draws."""
    return {
        "formula": found.text,
        "family": found.prepared.family,
        "event": found.prepared.event,
        "named": not found.chosen,
        "not_estimated": list(found.not_estimated),
        "rows": _rows(found),
    }


def _drawn(found: Compared) -> dict[str, Any]:
    """A forest plot: numbers per real standard deviation, labels against the reference."""
    made = found.prepared
    estimated = dict(zip(made.names, range(len(made.names)), strict=True))
    rows = []
    for row in _rows(found)[:MOST_DRAWN]:
        at = estimated[row["term"]]
        column = made.designs["train"][:, at] * made.scales[at]
        label, factor = row["term"], 1.0
        if np.unique(column[:_LOOKED_AT]).size > 2:
            factor = float(column.std())
            label = f"{label}, per {factor:.3g}"
        points = {
            name: (cell["value"] * factor, cell["low"] * factor, cell["high"] * factor)
            for name, part in _DRAWN.items()
            if (cell := row.get(part)) is not None
        }
        rows.append((label, points))
    more = len(found.names) - len(rows)
    return intervals(
        title=f"Coefficients: {found.text}",
        group=GROUP,
        rows=rows,
        about=(
            "Each coefficient with its 95 % interval on real, synthetic and held-out rows: numbers "
            "per real standard deviation, labels against the most frequent one."
            + (f" {more} more are in the figures." if more else "")
        ),
        unit="" if made.family == "linear" else "on the log scale",
        zero=0.0,
    )


def _fewer(parts: Parts, most: int) -> Parts:
    """Every so-many-th row of each table, so that at most so many are left."""
    steps = {part: -(-rows // most) for part, rows in parts.rows.items()}
    arrays = {
        part: {name: values[:: steps[part]] for name, values in held.items()}
        for part, held in parts.arrays.items()
    }
    rows = {part: len(next(iter(held.values()))) for part, held in arrays.items()}
    return Parts(columns=parts.columns, arrays=arrays, rows=rows)


def _skip(text: str, reason: str) -> Skipped:
    """A regression that was not compared."""
    title = f"Regression {text}" if text else "Regressions"
    return Skipped(key="ci_overlap", title=title, group=GROUP, reason=reason)


def _skipped(reason: str) -> Measured:
    """No regression at all."""
    return Measured(skipped=(_skip("", reason),))


REGRESSIONS = Metric(
    key="regressions",
    title="Regressions",
    group=GROUP,
    measure=measure_regressions,
    weight=3.0,
)
