"""What the page of a study shows: tables in the form of the literature, curves over ε, gaps.

What may not happen here: a figure that is not in the results, or advice on which method to take.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from understudy import __version__
from understudy.evaluate.chart import lines
from understudy.release.study_summary import SCORES, Fit, Mean, Summary, spell
from understudy.release.wording import HANDLE_AS_PERSONAL
from understudy.report.charts import Chart, draw_charts
from understudy.report.spelling import spell_delta, spell_number

if TYPE_CHECKING:
    from understudy.release.study import StudyResults

_TOGETHER = 4
"""Methods of one chart that a reader can tell apart."""

_TITLES = {"accuracy": "Accuracy", "auc": "AUC", "f1": "F1", "recall": "Recall", "r2": "R²",
           "rmse": "RMSE"}  # fmt: skip
_SETTINGS = {"trtr": "TRTR", "tstr": "TSTR", "tsts": "TSTS", "independent": "floor"}
_LIKENESS = (
    ("workload_error_1", "synthetic", "1-way error"),
    ("workload_error_2", "synthetic", "2-way error"),
    ("workload_error_3", "synthetic", "3-way error"),
    ("pmse_ratio", "synthetic", "pMSE ratio"),
    ("pmse_ratio_tree", "synthetic", "pMSE ratio, tree"),
    ("shape_error", "synthetic", "Shape error"),
    ("trend_error", "synthetic", "Trend error"),
    ("k_marginal", "synthetic", "k-marginal"),
    ("sra", "tsts", "SRA (TSTS)"),
    ("sra", "tstr", "SRA (TSTR)"),
    ("mia_success", "attack", "Attack's success"),
    ("mia_auc", "attack", "Attack's AUC"),
)
_COST = (
    ("cpu_seconds", "fit", "CPU s"),
    ("wall_seconds", "fit", "Wall s"),
    ("peak_mib", "fit", "Peak MiB"),
    ("cpu_seconds", "measure", "CPU s, measuring"),
)


def study_view(results: StudyResults) -> dict[str, Any]:
    """Everything the template needs."""
    summary = Summary(results)
    return {
        "handling": HANDLE_AS_PERSONAL,
        "software": f"understudy {__version__}",
        "about": results.about,
        "sentences": tuple(_sentences(summary)),
        "findings": summary.findings,
        "gaps": summary.gaps,
        "datasets": tuple(_dataset(summary, name) for name in results.about.datasets),
        "lost": tuple(_lost(summary)),
    }


def _sentences(summary: Summary) -> Iterator[str]:
    """What was compared, and what it cost."""
    about = summary.about
    budgets = ", ".join(spell(epsilon) for epsilon in about.epsilons)
    yield (
        f"{len(about.synthesizers)} generators"
        + (f" and {len(about.learners)} private learners" if about.learners else "")
        + f" on {len(about.datasets)} data sets at ε {budgets} (δ = {spell_delta(about.delta)}): "
        f"{summary.cells} cells, {len(summary.lost)} of them without figures. The baseline has "
        f"{about.seeds} splits"
        + (f", cross-validation {about.folds} folds with the generator refitted in each."
           if about.folds else ".")
    )  # fmt: skip
    yield (
        f"{about.seconds / 3600:.1f} hours of cells on {about.machine}; understudy {about.version}, "
        f"{about.created}. Figures computed on real rows are covered by no ε: keep this page where "
        "the data is."
    )
    for name, why in about.absent:
        yield f"Not measured: {name}, because {why}."


def _dataset(summary: Summary, name: str) -> dict[str, Any]:
    """Everything about one data set."""
    scores = SCORES if summary.headline(name) == "auc" else ("r2", "rmse")
    return {
        "name": name,
        "rows": _rows_told(summary, name),
        "scores": tuple(_TITLES[score] for score in scores),
        "table": tuple(_table(summary, name, scores)) if summary.headline(name) else (),
        "folds": summary.about.folds,
        "charts": tuple(_charts(summary, name)),
        "models": _by_model(summary, name),
        "likeness": _plain_table(summary, name, _LIKENESS),
        "cost": _plain_table(summary, name, _COST),
    }


def _rows_told(summary: Summary, name: str) -> str:
    """Rows of the baseline."""
    train = summary.mean(Fit(name, "real", None), "rows", "train")
    held = summary.mean(Fit(name, "real", None), "rows", "holdout")
    if train is None or held is None:
        return ""
    return f"{train.value:,.0f} rows to learn from, {held.value:,.0f} held out"


def _table(summary: Summary, name: str, scores: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The literature's table: every method, ε and setting; baseline and cross-validation."""
    for method, epsilon, setting in _settings(summary, name):
        cells = [
            _cell(_score(summary, Fit(name, method, epsilon), score, setting, folds=folds), score)
            for folds in ((False, True) if summary.about.folds else (False,))
            for score in scores
        ]
        if any(cell != "–" for cell in cells):
            yield (_method(method), "" if epsilon is None else spell(epsilon),
                   _SETTINGS[setting], *cells)  # fmt: skip


def _settings(summary: Summary, name: str) -> Iterator[tuple[str, float | None, str]]:
    """Rows of the table: real rows, then every fit."""
    yield "real", None, "trtr"
    yield "real", None, "independent"
    for method in summary.about.synthesizers:
        for epsilon in summary.epsilons(method, name):
            yield method, epsilon, "tstr"
            yield method, epsilon, "tsts"
    for method in summary.about.learners:
        for epsilon in summary.epsilons(method, name):
            yield method, epsilon, "trtr"


def _score(
    summary: Summary, fit: Fit, score: str, setting: str, *, folds: bool = False
) -> Mean | None:
    """A score averaged over the models; a learner is one model."""
    model = "" if fit.method in summary.about.learners else None
    return summary.mean(fit, score, setting, model, folds=folds)


def _method(method: str) -> str:
    """A method as tables call it."""
    return "real rows" if method == "real" else method


def _cell(mean: Mean | None, score: str) -> str:
    """A score in percent with half the width of its interval; numbers as they are."""
    if mean is None:
        return "–"
    if score in {"r2", "rmse"}:
        return spell_number(mean.value)
    if mean.low is None or mean.high is None:
        return f"{100 * mean.value:.1f}"
    half = min(50 * (mean.high - mean.low), 100.0)
    return f"{100 * mean.value:.1f} ± {half:.1f}"


def _charts(summary: Summary, name: str) -> Iterator[Chart]:
    """Performance and success of membership inference against ε, a few methods at a time."""
    about, score = summary.about, summary.headline(name)
    groups = [
        about.synthesizers[start : start + _TOGETHER]
        for start in range(0, len(about.synthesizers), _TOGETHER)
    ]
    made: dict[str, Any] = {}
    learned = [about.learners] if about.learners else []
    for place, names in enumerate([*groups, *learned] if score else []):
        setting = "trtr" if names is about.learners else "tstr"
        series = _series(names, summary, name, partial(_score, summary, score=score,
                                                       setting=setting))  # fmt: skip
        shown = ", ".join(series)
        _flat(series, "real", _score(summary, Fit(name, "real", None), score, "trtr"))
        if shown:
            rows = "real rows under ε" if setting == "trtr" else "synthetic rows"
            made[f"performance {place}"] = lines(
                title=f"Performance against ε: {shown}", group="performance", x="ε",
                y=f"{_TITLES[score]} on real rows", series=series, log=True,
                about=f"Trained on {rows}, judged by real rows, mean over models; bands are 95 % "
                "intervals over seeds.",
            )  # fmt: skip
    for place, names in enumerate(groups):
        series = _series(names, summary, name, partial(summary.attack, figure="mia_success"))
        shown = ", ".join(series)
        blind = summary.attack(Fit(name, "real", None), "mia_success", "blind")
        if shown:
            _flat(series, "blind baseline", blind)
            made[f"attack {place}"] = lines(
                title=f"Membership inference against ε: {shown}", group="attack", x="ε",
                y="share of guesses that are right", series=series, log=True,
                about="0.5 is guessing. The blind baseline never sees a synthetic row; bands are "
                "95 % intervals of the candidates' draw.",
            )  # fmt: skip
    yield from draw_charts(made)


def _series(
    names: Sequence[str],
    summary: Summary,
    dataset: str,
    value: Callable[[Fit], Mean | None],
) -> dict[str, dict[str, list[float]]]:
    """A curve for each method over the budgets that are finite."""
    series: dict[str, dict[str, list[float]]] = {}
    for method in names:
        told = [
            (epsilon, mean)
            for epsilon in summary.epsilons(method, dataset)
            if math.isfinite(epsilon) and (mean := value(Fit(dataset, method, epsilon))) is not None
        ]
        if not told:
            continue
        one = {"x": [e for e, _ in told], "y": [mean.value for _, mean in told]}
        if any(mean.low is not None for _, mean in told):
            one["low"] = [_within(m.value if m.low is None else m.low) for _, m in told]
            one["high"] = [_within(m.value if m.high is None else m.high) for _, m in told]
        series[method] = one
    return series


def _within(end: float) -> float:
    """An end of a band where shares can be; with two splits Student's interval is wider."""
    return min(max(end, 0.0), 1.0)


def _flat(series: dict[str, dict[str, list[float]]], name: str, mean: Mean | None) -> None:
    """Add what does not depend on ε, as a flat line over the budgets."""
    places = sorted({x for one in series.values() for x in one["x"]})
    if mean is None or len(places) < 2:
        return
    ends = [places[0], places[-1]]
    one = {"x": ends, "y": [mean.value] * 2}
    if mean.low is not None and mean.high is not None:
        one |= {"low": [_within(mean.low)] * 2, "high": [_within(mean.high)] * 2}
    series[name] = one


def _by_model(summary: Summary, name: str) -> dict[str, Any]:
    """The headline score of every model: TSTR and TSTS beside TRTR."""
    score, models = summary.headline(name), summary.models(name)
    rows = []
    for method, epsilon, setting in _settings(summary, name) if score else ():
        if method in summary.about.learners:
            continue
        cells = [
            _cell(summary.mean(Fit(name, method, epsilon), score, setting, model), score)
            for model in models
        ]
        if any(cell != "–" for cell in cells):
            rows.append((_method(method), "" if epsilon is None else spell(epsilon),
                         _SETTINGS[setting], *cells))  # fmt: skip
    title = _TITLES.get(score, "")
    return {"title": title, "heads": ("", "ε", "Setting", *models), "rows": rows}


def _plain_table(
    summary: Summary, name: str, columns: Sequence[tuple[str, str, str]]
) -> dict[str, Any]:
    """Figures of every fit, a column each; columns that nobody has are left out."""
    methods = (*summary.about.synthesizers, *summary.about.learners)
    rows = [
        (method, epsilon, [_figure(summary, Fit(name, method, epsilon), *one) for one in columns])
        for method in methods
        for epsilon in summary.epsilons(method, name)
    ]
    held = [_figure(summary, Fit(name, "real", None), *one) for one in columns]
    kept = [place for place in range(len(columns)) if any(row[2][place] for row in rows)]
    told: list[tuple[str, ...]] = [
        (method, spell(epsilon), *(_spelled(means[place]) for place in kept))
        for method, epsilon, means in rows
        if any(means)
    ]
    if any(held[place] for place in kept):
        told.insert(0, ("holdout, blind", "", *(_spelled(held[place]) for place in kept)))
    return {"heads": ("", "ε", *(columns[place][2] for place in kept)), "rows": told}


def _figure(summary: Summary, fit: Fit, key: str, setting: str, _title: str) -> Mean | None:
    """A figure of a fit; of real rows the holdout's, and the attacker's who never sees a release."""
    real = fit.method == "real"
    if setting == "attack":
        return summary.attack(fit, key, "blind" if real else "chosen")
    return summary.mean(fit, key, "holdout" if real and setting == "synthetic" else setting)


def _spelled(mean: Mean | None) -> str:
    """A figure with half the width of its interval."""
    if mean is None:
        return "–"
    if mean.low is None or mean.high is None:
        return spell_number(mean.value)
    return f"{spell_number(mean.value)} ± {spell_number((mean.high - mean.low) / 2, 2)}"


def _lost(summary: Summary) -> Iterator[tuple[str, ...]]:
    """Cells without figures, alike ones together."""
    counted: dict[tuple[str, ...], int] = {}
    for row in summary.lost:
        epsilon = row["epsilon"]
        key: tuple[str, ...] = (
            str(row["dataset"]), str(row["method"]),
            spell(epsilon) if isinstance(epsilon, float) else "",
            "cross-validation" if row["fold"] else "baseline", str(row["status"]),
            str(row["reason"]),
        )  # fmt: skip
        counted[key] = counted.get(key, 0) + 1
    for key, count in counted.items():
        yield (*key, str(count))
