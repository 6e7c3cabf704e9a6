"""Write the results page from results files: `python -m benchmarks.studies --page docs/results.md`.

Every number of the page is read from `studies/results/*.parquet`; sentences are the findings that
`understudy.release.study_summary` computes. What may not happen here: a number that is typed.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from understudy.release.study import StudyResults
from understudy.release.study_summary import SCORES, Fit, Mean, Summary, spell

HERE = Path(__file__).resolve().parents[2]
RESULTS = HERE / "studies" / "results"
COMMANDS = {
    "thesis": "understudy study studies/thesis.yaml -o study/thesis --workers 2",
    "tabsyn": "understudy study studies/tabsyn.yaml -o study/tabsyn --data FOLDER --workers 2",
    "nist": "understudy study studies/nist.yaml -o study/nist --data FOLDER --workers 2",
}
REMARKS = {
    "thesis": (
        "The published comparison is of other tables and of other implementations (DP-GAN, DP-CTGAN, "
        "PATE-GAN, PATE-CTGAN with their libraries' accounting), so its figures cannot be "
        "reproduced one by one; its qualitative findings can be looked for, and that is what follows. "
        "The best known of them: PATE-GAN's 65.9 % AUC on real rows beside 79.8 % of models that "
        "real rows taught, where synthetic rows alone showed no such loss. The cells were made in "
        "the course of one day of development, cheap methods first; where a method's defaults "
        "changed meanwhile, its older cells were left out, but for aim's. What the time did not "
        "allow is told as not done yet."
    ),
    "tabsyn": (
        "As TabDiff's authors report for Adult (arXiv 2410.20626): TabDiff 0.63 % shape and 1.49 % trend "
        "error and AUC 0.912, TabSyn 0.81 %, 1.93 % and 0.909, CTGAN 16.8 %, 20.2 % and 0.886. Those come from "
        "diffusion and GAN models without privacy, XGBoost tuned on all rows and a fixed split; ours "
        "from scikit-learn's boosting on at most 4,000 rows and drawn splits. The AUC of real rows "
        "in the table says what this measurement reaches at most."
    ),
    "nist": (
        "The score is computed as SDNist does without areas: two features at a time. The holdout's "
        "score is what other people of the same population reach."
    ),
}
LIKENESS = (
    ("shape_error", "shape error"),
    ("trend_error", "trend error"),
    ("k_marginal", "k-marginal"),
    ("workload_error_1", "1-way error"),
    ("workload_error_2", "2-way error"),
    ("workload_error_3", "3-way error"),
    ("pmse_ratio", "pMSE ratio"),
)


def page(results: Sequence[tuple[str, StudyResults]]) -> str:
    """The page as Markdown."""
    lines = [
        "# Results of the studies",
        "",
        (
            "Made by `python -m benchmarks.studies --page docs/results.md` from the results files in "
            "`studies/results/`; nothing on this page is typed by hand but what the studies are. "
            "[Studies](study.md) says how each figure is measured and how to read it. ± is half of a "
            "95 % interval, over seeds (Student's) or folds (Nadeau and Bengio's); figures without it "
            "come from one split. A dash is a cell that was not done or failed."
        ),
        "",
    ]
    if not results:
        lines += ["No results are committed yet.", ""]
    for name, found in results:
        lines += _study(name, found)
    return "\n".join(lines).rstrip() + "\n"


def _study(name: str, results: StudyResults) -> Iterator[str]:
    """One study."""
    about, told = results.about, Summary(results)
    done = told.cells - len(told.lost)
    yield f"## {about.title}"
    yield ""
    yield f"    {COMMANDS.get(name, f'understudy study {name}.yaml')}"
    yield ""
    yield (
        f"{about.created}, understudy {about.version}, {about.machine}. {done} of {told.cells} cells have "
        f"figures; together they took {about.seconds / 3600:.1f} hours by the clock of a machine that "
        f"had other work, and {_cpu(told) / 60:.0f} minutes of processor time."
    )
    yield ""
    if name in REMARKS:
        yield REMARKS[name]
        yield ""
    yield from _lost(told)
    for one in told.findings:
        yield f"- **{one.title}: {one.word}.** {one.text}"
    yield ""
    if told.gaps:
        yield "Fits that look good to synthetic rows alone:"
        yield ""
        for gap in told.gaps:
            yield f"- {gap.text}"
        yield ""
    for data in about.datasets:
        yield from _dataset(told, data)


def _cpu(told: Summary) -> float:
    """Processor seconds of all cells that ended."""
    return sum(
        value
        for key, values in told.values.items()
        if key[3] == "cpu_seconds"
        for value in values.values()
    )


def _lost(told: Summary) -> Iterator[str]:
    """Cells without figures, alike ones together."""
    counted: dict[tuple[str, str], list[str]] = {}
    for row in told.lost:
        why = str(row["reason"] or row["status"])
        counted.setdefault((str(row["method"]), why), []).append(str(row["dataset"]))
    if counted:
        listed = "; ".join(
            f"{method}: {len(cells)} ({why})" for (method, why), cells in counted.items()
        )
        yield f"Cells without figures: {listed}."
        yield ""


def _dataset(told: Summary, data: str) -> Iterator[str]:
    """The tables of one data set."""
    real = Fit(data, "real", None)
    train, held = told.mean(real, "rows", "train"), told.mean(real, "rows", "holdout")
    if train is None or held is None:
        return
    yield f"### {data}"
    yield ""
    yield f"{train.value:,.0f} rows teach, {held.value:,.0f} are held out."
    yield ""
    score = told.headline(data)
    if score:
        yield from _scores(told, data, SCORES if score == "auc" else ("r2", "rmse"))
        yield ""
    yield from _likeness(told, data)
    yield ""


def _scores(told: Summary, data: str, scores: Sequence[str]) -> Iterator[str]:
    """The literature's table: baseline and cross-validation."""
    parts = (False, True) if told.about.folds else (False,)
    heads = ["", "ε", "setting"]
    for folds in parts:
        for score in scores:
            heads.append(
                f"{score.upper() if score == 'auc' else score}" + (", CV" if folds else "")
            )
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for method, epsilon, setting in _rows(told, data):
        model = "" if method in told.about.learners else None
        cells = [
            _cell(
                told.mean(Fit(data, method, epsilon), score, setting, model, folds=folds),
                percent=len(scores) == 4,
            )
            for folds in parts
            for score in scores
        ]
        if any(cell != "–" for cell in cells):
            named = {"independent": "floor"}.get(setting, setting.upper())
            label = "real rows" if method == "real" else method
            at = "" if epsilon is None else spell(epsilon)
            yield f"| {label} | {at} | {named} | {' | '.join(cells)} |"


def _rows(told: Summary, data: str) -> Iterator[tuple[str, float | None, str]]:
    """Real rows, then every fit in both settings, then learners."""
    yield "real", None, "trtr"
    yield "real", None, "independent"
    for method in told.about.synthesizers:
        for epsilon in told.epsilons(method, data):
            yield method, epsilon, "tstr"
            yield method, epsilon, "tsts"
    for method in told.about.learners:
        for epsilon in told.epsilons(method, data):
            yield method, epsilon, "trtr"


def _likeness(told: Summary, data: str) -> Iterator[str]:
    """Likeness, rankings, membership inference and cost of every fit."""
    fits = [
        Fit(data, method, epsilon)
        for method in told.about.synthesizers
        for epsilon in told.epsilons(method, data)
    ]
    kept = [
        (key, title)
        for key, title in LIKENESS
        if any(told.mean(fit, key, "synthetic") for fit in fits)
    ]
    attacked = any(told.attack(fit, "mia_success") for fit in fits)
    heads = ["", "ε", *(title for _, title in kept), "SRA"]
    heads += ["membership success", "AUC"] if attacked else []
    heads += ["CPU s of a fit", "MiB"]
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    real = Fit(data, "real", None)
    cells = [_plain(told.mean(real, key, "holdout")) for key, _ in kept] + ["–"]
    if attacked:
        cells += [_plain(told.attack(real, key, "blind")) for key in ("mia_success", "mia_auc")]
    yield f"| real holdout, blind attacker | | {' | '.join(cells)} | – | – |"
    for fit in fits:
        if told.mean(fit, "rows", "synthetic") is None:
            continue
        cells = [_plain(told.mean(fit, key, "synthetic")) for key, _ in kept]
        cells.append(_plain(told.mean(fit, "sra", "tsts")))
        if attacked:
            cells += [_plain(told.attack(fit, key)) for key in ("mia_success", "mia_auc")]
        for key in ("cpu_seconds", "peak_mib"):
            cost = told.mean(fit, key, "fit")
            cells.append(
                "–"
                if cost is None
                else f"{cost.value:.1f}"
                if cost.value < 100
                else f"{cost.value:.0f}"
            )
        yield f"| {fit.method} | {spell(fit.epsilon or math.inf)} | {' | '.join(cells)} |"


def _cell(mean: Mean | None, *, percent: bool) -> str:
    """A score, in percent where it is a share."""
    if mean is None:
        return "–"
    if not percent:
        return f"{mean.value:.3g}"
    if mean.low is None or mean.high is None:
        return f"{100 * mean.value:.1f}"
    return f"{100 * mean.value:.1f} ± {min(50 * (mean.high - mean.low), 100):.1f}"


def _plain(mean: Mean | None) -> str:
    """A figure with half of its interval."""
    if mean is None:
        return "–"
    if mean.low is None or mean.high is None:
        return f"{mean.value:.3g}"
    return f"{mean.value:.3g} ± {(mean.high - mean.low) / 2:.2g}"


def main() -> None:
    """Read the results and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, default=HERE / "docs" / "results.md")
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    order = list(COMMANDS)
    files = sorted(
        asked.results.glob("*.parquet"),
        key=lambda file: (order.index(file.stem) if file.stem in order else len(order), file.stem),
    )
    text = page([(file.stem, StudyResults.read(file)) for file in files])
    asked.page.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
