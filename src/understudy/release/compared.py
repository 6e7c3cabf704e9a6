"""Internal evidence from the figures of an evaluation.

What may not happen here: anything public. This module does not know the public type.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

from understudy.release.internal import (
    AnsweredPurpose,
    ComparedColumn,
    InternalEvidence,
    InternalFigure,
    LedgerRow,
    PairTrends,
    PurposeCriterion,
    PurposeLine,
    RuleResult,
    SkippedFigure,
    SmokeTest,
    SmokeWord,
    TaskResult,
    TaskScore,
    Timing,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from understudy.evaluate.distributions import Distribution
    from understudy.evaluate.figure import Figure
    from understudy.evaluate.internal import InternalFigures
    from understudy.evaluate.purposes import Answer

HEADLINE = ("tvd_1way", "tvd_2way", "tvd_3way", "quality", "shapes", "pair_trends", "tstr_auc",
            "tstr_r2", "ci_overlap", "c2st_boosted", "pmse_cart", "sra", "rules")  # fmt: skip
_SCORES = {"auc": "AUC", "accuracy": "Accuracy", "f1": "F1", "recall": "Recall", "r2": "R²",
           "rmse": "RMSE"}  # fmt: skip
_DAYS = 86_400


def internal_of(
    found: InternalFigures,
    *,
    created: dt.datetime,
    rules: Mapping[str, str] | None = None,
    ledger: Iterable[LedgerRow] = (),
    timings: Iterable[Timing] = (),
    notes: Iterable[str] = (),
) -> InternalEvidence:
    """Make internal evidence from an evaluation.

    Parameters
    ----------
    found
        What `evaluate` returned.
    created
        When it was made, with a time zone.
    rules
        Expression of each rule by its name.
    ledger, timings, notes
        Rows of the ledger, seconds of the other parts of the run, remarks.

    Returns
    -------
    Internal evidence: handle as personal data.
    """
    named = {figure.key for figure in found.figures}
    trends = found.pair_trends
    seconds = [Timing(name=f"evaluate: {name}", seconds=value) for name, value
               in found.timings.items()]  # fmt: skip
    left_out = [f"{column} was not compared: {reason}" for column, reason in found.left_out]
    return InternalEvidence(
        created=created,
        figures=tuple(InternalFigure.model_validate(figure) for figure in map(bare, found.figures)),
        headline=tuple(key for key in HEADLINE if key in named),
        skipped=tuple(SkippedFigure.model_validate(one) for one in found.skipped),
        columns=tuple(_columns(found)),
        pairs=_pairs(trends) if trends else None,
        tasks=tuple(_tasks(found)),
        rules=tuple(_rules(found.figure("rules"), rules or {})),
        purposes=tuple(_purpose(answer) for answer in found.answers),
        smoke=_smoke(found.charts.get("smoke")),
        charts=drawable(found.charts),
        ledger=tuple(ledger),
        timings=(*timings, *seconds),
        counts=tuple((f"{name} rows", count) for name, count in found.rows.items()),
        notes=(*notes, *left_out),
    )


def bare(figure: Figure) -> dict[str, Any]:
    """A figure in JSON's types; a figure of many columns speaks of the table."""
    told = figure.to_json()
    if len(figure.columns) > 2:
        told["columns"] = ()
    return told


def drawable(charts: Mapping[str, Any]) -> dict[str, Any]:
    """The charts that a page can draw by their form, whatever metric made them."""
    return {
        key: dict(chart)
        for key, chart in charts.items()
        if isinstance(chart, Mapping) and "form" in chart
    }


def _columns(found: InternalFigures) -> Iterator[ComparedColumn]:
    """Each compared column with its shape score."""
    shapes = found.figure("shapes")
    rows = shapes.detail.get("per_column", ()) if shapes else ()
    scores = {row["column"]: row["score"] for row in rows}
    for shown in found.distributions:
        score = scores.get(shown.column)
        yield _column(shown, None if score is None or math.isnan(score) else float(score))


def _column(shown: Distribution, score: float | None) -> ComparedColumn:
    """One column, with the shares of what is missing and of labels that are not listed."""
    more: dict[str, Any] = {
        "name": shown.column,
        "kind": shown.kind,
        "real_null": shown.missing[0],
        "synthetic_null": shown.missing[1],
        "score": score,
    }
    if shown.edges:
        labels = _moments(shown.edges) if shown.kind == "datetime" else None
        return ComparedColumn(
            edges=shown.edges, edge_labels=labels, real=shown.real, synthetic=shown.synthetic,
            **more,
        )  # fmt: skip
    if any(shown.other):
        more |= {"real_other": shown.other[0], "synthetic_other": shown.other[1]}
    return ComparedColumn(labels=shown.labels, real=shown.real, synthetic=shown.synthetic, **more)


def _moments(edges: tuple[float, ...]) -> tuple[str, ...]:
    """Edges in seconds since 1970 as dates, or as moments when they lie close together."""
    close = edges[-1] - edges[0] < len(edges) * _DAYS
    start = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    told = []
    for edge in edges:
        try:
            moment = start + dt.timedelta(seconds=edge)
        except OverflowError:
            return tuple(f"{one:.4g}" for one in edges)
        told.append(moment.strftime("%m-%d %H:%M") if close else moment.date().isoformat())
    return tuple(told)


def _pairs(trends: Mapping[str, Any]) -> PairTrends:
    """The matrix of pair similarities."""
    return PairTrends(
        columns=tuple(trends["columns"]),
        similarity=tuple(tuple(row) for row in trends["score"]),
    )


def _tasks(found: InternalFigures) -> Iterator[TaskResult]:
    """The scores of every model by target, the headline score first."""
    results: dict[str, dict[str, Any]] = {}
    for figure in found.group("task"):
        models = figure.detail.get("per_model")
        if not models or not {"tstr", "trtr"} <= set(models):
            continue
        told = figure.detail
        result = results.setdefault(str(told["target"]), {"scores": []})
        metric = figure.key.removeprefix("tstr_")
        if metric in {"auc", "r2"}:
            result["chance"] = told.get("baseline")
            result["finding"] = told.get("finding", "")
            result["folds"] = told.get("rounds")
            result["judged"] = told.get("interval", "")
        ends = told.get("intervals", {})
        result["scores"] += [
            TaskScore(
                classifier=model,
                metric=_SCORES.get(metric, metric),
                tstr=value,
                trtr=models["trtr"].get(model),
                interval=ends.get("tstr", {}).get(model),
                trtr_interval=ends.get("trtr", {}).get(model),
                tsts=models.get("tsts", {}).get(model),
                independent=models.get("independent", {}).get(model),
                baseline=told.get("baseline"),
            )
            for model, value in models["tstr"].items()
        ]
    for target, result in results.items():
        yield TaskResult(target=target, **{**result, "scores": tuple(result["scores"])})


def _rules(figure: Figure | None, expressions: Mapping[str, str]) -> Iterator[RuleResult]:
    """How often each rule is broken."""
    for row in figure.detail.get("rules", ()) if figure else ():
        yield RuleResult(
            name=row["rule"],
            expr=expressions.get(row["rule"], ""),
            synthetic=row.get("synthetic"),
            real=row.get("train"),
        )


def _purpose(answer: Answer) -> AnsweredPurpose:
    """One answered purpose."""
    return AnsweredPurpose(
        name=answer.name,
        kind=answer.kind,
        sentence=answer.sentence,
        weight=answer.weight,
        note=answer.note,
        verdict=answer.verdict,
        criteria=tuple(
            PurposeCriterion(
                measure=one.measure,
                tolerance=one.tolerance,
                better=one.better,
                holds=one.holds,
                value=one.value,
                holdout=one.holdout,
                independent=one.independent,
            )
            for one in answer.criteria
        ),
        anchor=answer.anchor,
        holdout_passes=answer.holdout_passes,
        independent_passes=answer.independent_passes,
        reason=answer.reason,
        heads=answer.breakdown.heads,
        lines=tuple(PurposeLine(cells=line) for line in answer.breakdown.lines),
        lines_left_out=answer.breakdown.left_out,
    )


def _smoke(told: Mapping[str, Any] | None) -> SmokeTest | None:
    """The verdict of the smoke test, in the words allowed for evidence."""
    if told is None or told["word"] not in get_args(SmokeWord):
        return None
    return SmokeTest(
        word=told["word"], text=told["verdict"], reason=told["reason"], limit=told.get("limit")
    )
