"""Fit with and without the contract, answer every purpose, and write a page of differences.

Each run is a draw of the noise, which has no seed, so runs of the two arms are independent and the
interval of their difference is Welch's. A run that is in the results already is not made again.

    python -m benchmarks.purposes --out results --page docs/benchmarks/purposes.md
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
ARMS = ("plain", "steered")
FIELDS = (
    "synthesizer",
    "arm",
    "run",
    "epsilon",
    "figure",
    "value",
    "tolerance",
    "holdout",
    "better",
)
OVERALL = {
    "tvd_1way": "all single columns, TVD",
    "tvd_2way": "all pairs, TVD",
    "tvd_3way": "triples, TVD",
    "seconds": "CPU seconds of the fit",
}


def halves(out: Path) -> tuple[Any, Any]:
    """The halves of raw Adult that `make benchmark-adult` uses: to learn from, to test on."""
    from benchmarks.adult_half.split import write_halves
    from understudy.source import read_table

    first, second = write_halves(out)
    return read_table(first), read_table(second)


def synthesizer(name: str) -> Any:
    """A synthesizer with its default settings."""
    from understudy.workflow import named_synthesizer

    return named_synthesizer(name)


def one_run(
    name: str, arm: str, tables: tuple[Any, Any], epsilon: float, contract_file: Path
) -> Iterator[dict[str, Any]]:
    """Figures of one fit."""
    from understudy.curator import MemoryCurator
    from understudy.evaluate import evaluate, purposes_metric
    from understudy.evaluate.fidelity.marginals import MARGINALS
    from understudy.privacy import Budget
    from understudy.schema import Schema, load_purposes
    from understudy.synthesize.steering import steer

    train, held = tables
    contract = load_purposes(contract_file)
    made = synthesizer(name)
    if arm == "steered":
        made = steer(made, contract, [header.name for header in train.headers]).synthesizer
    started = time.process_time()
    model = made.fit(MemoryCurator(train, budget=Budget(epsilon, 1e-6)), Schema())
    seconds = time.process_time() - started
    synthetic = model.sample(seed=0)
    metrics = (MARGINALS, purposes_metric(contract))
    found = evaluate(train.rows, held.rows, synthetic, metrics=metrics)
    for answer in found.answers:
        for one in answer.criteria:
            yield {
                "figure": f"{answer.name} ({one.measure})", "value": one.value,
                "tolerance": one.tolerance, "holdout": one.holdout, "better": one.better,
            }  # fmt: skip
    for figure in found.figures:
        yield {"figure": figure.key, "value": figure.value, "holdout": figure.anchors.holdout,
               "better": "lower"}  # fmt: skip
    yield {"figure": "seconds", "value": seconds, "better": "lower"}


def difference(first: Sequence[float], second: Sequence[float]) -> tuple[float, float, float]:
    """Mean of the second less the first, with Welch's 95 % interval.

    >>> difference([1.0, 1.0], [3.0, 3.0])
    (2.0, 2.0, 2.0)
    """
    from scipy.stats import t

    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    parts = [one.var(ddof=1) / one.size if one.size > 1 else math.nan for one in (a, b)]
    centre, variance = float(b.mean() - a.mean()), sum(parts)
    if not variance > 0:
        return (centre, centre, centre) if variance == 0 else (centre, -math.inf, math.inf)
    degrees = variance**2 / sum(
        part**2 / (one.size - 1) for part, one in zip(parts, (a, b), strict=True)
    )
    half = float(t.ppf(0.975, degrees)) * math.sqrt(variance)
    return centre, centre - half, centre + half


def page(rows: Sequence[dict[str, str]]) -> str:
    """The page: for every synthesizer a table of both arms and their difference."""
    lines = []
    for name in dict.fromkeys(row["synthesizer"] for row in rows):
        mine = [row for row in rows if row["synthesizer"] == name]
        runs = {arm: len({r["run"] for r in mine if r["arm"] == arm}) for arm in ARMS}
        lines += [
            f"### `{name}`, ε = {mine[0]['epsilon']}: {runs['plain']} and {runs['steered']} runs", "",
            "| | tolerance | real half | without | with | difference (95 %) | met without, with |",
            "|---|---|---|---|---|---|---|",
        ]  # fmt: skip
        lines.append(_line(_met(mine), "purposes met, of all"))
        lines += [_line(mine, figure) for figure in dict.fromkeys(row["figure"] for row in mine)]
        lines.append("")
    return "\n".join(lines)


def _met(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """How many tolerances each run meets, as one more figure."""
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        if row["tolerance"]:
            value = float(row["value"]) if row["value"] else math.nan
            bound, low = float(row["tolerance"]), row["better"] == "lower"
            key = row["arm"], row["run"]
            counts[key] = counts.get(key, 0) + bool(value <= bound if low else value >= bound)
    base = dict.fromkeys(FIELDS, "") | {"figure": "purposes met, of all", "better": "higher"}
    return [{**base, "arm": arm, "run": run, "value": str(n)} for (arm, run), n in counts.items()]


def _line(rows: Sequence[dict[str, str]], figure: str) -> str:
    """One figure in both arms."""
    mine = [row for row in rows if row["figure"] == figure]
    values = {
        arm: [float(r["value"]) if r["value"] else math.nan for r in mine if r["arm"] == arm]
        for arm in ARMS
    }
    told = mine[0]
    lost = sum(math.isnan(value) for held in values.values() for value in held)
    known = {arm: [v for v in held if not math.isnan(v)] for arm, held in values.items()}
    if not all(known.values()):
        return f"| {OVERALL.get(figure, figure)} | | | – | – | – | |"
    centre, low, high = difference(known["plain"], known["steered"])
    good = (high < 0) if told["better"] == "lower" else (low > 0)
    bad = (low > 0) if told["better"] == "lower" else (high < 0)
    word = "better" if good else "worse" if bad else "no difference shown"
    met = ""
    if told["tolerance"]:
        bound = float(told["tolerance"])
        count = {
            arm: sum((v <= bound) if told["better"] == "lower" else (v >= bound) for v in held)
            for arm, held in known.items()
        }
        met = f"{count['plain']}, {count['steered']}"
    gone = f"; lost in {lost} runs" if lost else ""
    cells = (
        OVERALL.get(figure, figure), told["tolerance"], _spell(told["holdout"]),
        f"{np.mean(known['plain']):.4g}", f"{np.mean(known['steered']):.4g}",
        f"{centre:+.3g} ({low:+.3g} to {high:+.3g}): {word}{gone}", met,
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _spell(text: str) -> str:
    """A number of the results, shortly."""
    return f"{float(text):.4g}" if text else "–"


def main() -> None:
    """Make the runs that are missing, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--page", type=Path)
    parser.add_argument("--contract", type=Path, default=HERE / "adult.yaml")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--synthesizers", nargs="+", default=["mst", "aim"])
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    results = options.out / f"purposes_{options.contract.stem}.csv"
    rows: list[dict[str, str]] = []
    if results.is_file():
        with results.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    done = {(r["synthesizer"], r["arm"], r["run"], r["epsilon"]) for r in rows}
    tables = halves(options.out)
    for run in range(options.runs):
        for name in options.synthesizers:
            for arm in ARMS:
                key = {"synthesizer": name, "arm": arm, "run": str(run),
                       "epsilon": f"{options.epsilon:g}"}  # fmt: skip
                if tuple(key.values()) in done:
                    continue
                found = one_run(name, arm, tables, options.epsilon, options.contract)
                rows += [
                    {field: "" if row.get(field) is None else str(row[field]) for field in FIELDS}
                    for row in ({**key, **one} for one in found)
                ]
                with results.open("w", encoding="utf-8", newline="") as file:
                    writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
                    writer.writeheader()
                    writer.writerows(rows)
    if options.page:
        head, mark, _ = options.page.read_text("utf-8").partition("<!-- figures -->\n")
        options.page.write_text(
            head + (mark or "\n<!-- figures -->\n") + "\n" + page(rows), "utf-8"
        )
    else:
        print(page(rows))


if __name__ == "__main__":
    main()
