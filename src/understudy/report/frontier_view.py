"""What the page of a frontier shows: utility over ε, risk over ε, one against the other.

What may not happen here: a figure that is not in the evidence, or advice on which ε to take.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from understudy import __version__
from understudy.evaluate.chart import lines
from understudy.release.wording import HANDLE_AS_PERSONAL
from understudy.report.charts import draw_charts
from understudy.report.spelling import spell_delta, spell_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from understudy.release.frontier import FrontierCell, FrontierEvidence

Series = dict[str, dict[str, list[float]]]


def frontier_view(evidence: FrontierEvidence) -> dict[str, Any]:
    """Everything the template needs besides the evidence itself."""
    done = [cell for cell in evidence.cells if not cell.failed]
    return {
        "handling": HANDLE_AS_PERSONAL,
        "software": f"understudy {__version__}",
        "sentences": tuple(_sentences(evidence, done)),
        "charts": draw_charts({**_utility(done), **_risk(evidence, done)}),
        "rows": tuple(_row(cell) for cell in evidence.cells),
        "heads": _heads(done),
        "attacked": any(cell.risks for cell in done),
        "failed": sum(bool(cell.failed) for cell in evidence.cells),
    }


def _sentences(evidence: FrontierEvidence, done: list[FrontierCell]) -> Iterable[str]:
    """What was done, and what it cost."""
    names = list(dict.fromkeys(cell.synthesizer for cell in evidence.cells))
    epsilons = sorted({cell.epsilon for cell in evidence.cells})
    yield (
        f"{len(done)} fits of {', '.join(names)} at ε {', '.join(f'{e:g}' for e in epsilons)} "
        f"(δ = {spell_delta(evidence.delta)}) on {evidence.train_rows:,} rows, measured and attacked with "
        f"{evidence.holdout_rows:,} rows that no fit saw."
    )
    yield (
        f"The fits together spent ε = {evidence.epsilon_sum:g}. None of their tables was kept, and "
        "figures computed on real rows are covered by no ε: keep this page where the data is."
    )
    if any(risk.word == "leak detected" for cell in done for risk in cell.risks):
        yield "An attack told training rows from others beyond chance in at least one fit."


def _grouped(
    cells: Iterable[FrontierCell], value: Callable[[FrontierCell], float | None]
) -> Series:
    """Mean over seeds by synthesizer and ε, with the smallest and the largest where there are."""
    found: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for cell in cells:
        one = value(cell)
        if one is not None and math.isfinite(one):
            found[cell.synthesizer][cell.epsilon].append(one)
    series: Series = {}
    for name, by_epsilon in found.items():
        places = sorted(by_epsilon)
        told = {"x": places, "y": [sum(by_epsilon[e]) / len(by_epsilon[e]) for e in places]}
        if any(len(values) > 1 for values in by_epsilon.values()):
            told["low"] = [min(by_epsilon[e]) for e in places]
            told["high"] = [max(by_epsilon[e]) for e in places]
        series[name] = told
    return series


def _utility(cells: list[FrontierCell]) -> Mapping[str, Any]:
    """A chart for each figure of usefulness, with its anchors as flat lines."""
    charts: dict[str, Any] = {}
    titles = {figure.key: figure.title for cell in cells for figure in cell.figures}
    for key, title in titles.items():
        series = _grouped(cells, lambda cell, key=key: _figure(cell, key, "value"))  # type: ignore[misc]
        places = sorted({x for one in series.values() for x in one["x"]})
        for anchor, name in (("holdout", "holdout"), ("independent", "exact independent columns")):
            values = [v for cell in cells if (v := _figure(cell, key, anchor)) is not None]
            if values and len(places) > 1:
                mean = sum(values) / len(values)
                series[name] = {"x": [places[0], places[-1]], "y": [mean, mean]}
        better = next(f.better for cell in cells for f in cell.figures if f.key == key)
        charts[f"utility_{key}"] = lines(
            title=title, group="utility", x="ε", y=title, series=series, log=True,
            about=f"{better.capitalize()} is better. Bands span the seeds.",
        )  # fmt: skip
    return charts


def _risk(evidence: FrontierEvidence, cells: list[FrontierCell]) -> Mapping[str, Any]:
    """The strongest attack beside the bound, and utility against risk."""
    worst = _grouped(cells, lambda cell: cell.worst_auc.value if cell.worst_auc else None)
    if not worst:
        return {}
    places = [epsilon for epsilon, _ in evidence.bounds]
    series: Series = {
        **worst,
        "bound on any attack": {"x": places, "y": [bound for _, bound in evidence.bounds]},
    }
    told = (
        "0.5 is guessing. The bound holds against every attacker; attacks only show what these "
        "attackers reach, and the largest of several is a little above 0.5 by chance."
    )
    charts = {}
    charts["risk"] = lines(
        title="Strongest membership attack", group="risk", x="ε", y="AUC", series=series, log=True,
        about=told,
    )  # fmt: skip
    pairs = _grouped(cells, lambda cell: _figure(cell, "tvd_2way", "value"))
    both = {
        name: {"x": worst[name]["y"], "y": pairs[name]["y"]}
        for name in worst
        if name in pairs and len(pairs[name]["y"]) == len(worst[name]["y"])
    }
    if both:
        charts["against"] = lines(
            title="Utility against risk", group="risk", x="AUC of the strongest attack",
            y="error of 2-way marginals", series=both,
            about="One point for each ε. Down is more useful, left is less exposed; "
            "near 0.5 the order is chance.",
        )  # fmt: skip
    return charts


def _figure(cell: FrontierCell, key: str, what: str) -> float | None:
    """A value or an anchor of a figure of a cell."""
    found = next((figure for figure in cell.figures if figure.key == key), None)
    return None if found is None else getattr(found, what)


def _heads(cells: list[FrontierCell]) -> tuple[str, ...]:
    """Column heads of the table of cells."""
    titles = dict.fromkeys(figure.title for cell in cells for figure in cell.figures)
    return ("Synthesizer", "ε", "Seed", *titles, "Strongest attack", "AUC", "Verdict", "Seconds")


def _row(cell: FrontierCell) -> tuple[str, ...]:
    """A cell as a line of the table."""
    head = (cell.synthesizer, f"{cell.epsilon:g}", str(cell.seed))
    worst = cell.worst_auc
    words = {risk.word for risk in cell.risks}
    told = next(
        (word for word in ("leak detected", "not detected", "not assessed") if word in words), "–"
    )
    return (
        *head,
        *(spell_number(figure.value) for figure in cell.figures),
        worst.key.replace("_", " ") if worst else "–",
        spell_number(worst.value) if worst else "–",
        f"failed: {cell.failed}" if cell.failed else told,
        f"{cell.seconds:.1f}",
    )
