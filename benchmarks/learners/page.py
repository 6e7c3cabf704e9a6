"""The page of the comparison, between two marks of a file; everything around them is written by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.learners.cases import CASES

BEGIN, END = "<!-- begin: results -->", "<!-- end: results -->"
NAMES = {
    ("learner", "logistic"): "`us.learn.LogisticRegression`",
    ("learner", "gaussian_nb"): "`us.learn.GaussianNB`",
    ("learner", "histogram_nb"): "`us.learn.HistogramNB`",
    ("sklearn", "LogisticRegression"): "scikit-learn LogisticRegression",
    ("sklearn", "GaussianNB"): "scikit-learn GaussianNB",
    ("sklearn", "HistGradientBoosting"): "scikit-learn HistGradientBoosting",
    ("synthetic", "aim, then LogisticRegression"): "`aim`, then LogisticRegression",
    ("synthetic", "aim, then GaussianNB"): "`aim`, then GaussianNB",
    ("synthetic", "aim, then HistGradientBoosting"): "`aim`, then HistGradientBoosting",
    (
        "peer",
        "diffprivlib LogisticRegression",
    ): "diffprivlib LogisticRegression (told bounds, labels, classes)",
    ("peer", "diffprivlib GaussianNB"): "diffprivlib GaussianNB (the same)",
    ("peer", "diffprivlib RandomForest"): "diffprivlib RandomForestClassifier (the same)",
}


def write_page(path: Path, rows: Sequence[dict[str, Any]], leaks: Mapping[str, Any]) -> None:
    """Put the tables between the marks of a page, which must have them."""
    text = path.read_text("utf-8")
    head, rest = text.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    told = "\n".join(part for part in (tables(rows), leaked(leaks)) if part)
    path.write_text(f"{head}{BEGIN}\n\n{told}\n{END}{tail}", "utf-8")


def leaked(leaks: Mapping[str, Any]) -> str:
    """What a peer tells of one row, as a table; empty where it was not asked."""
    if not leaks:
        return ""
    heads = ["diffprivlib, bounds declared", "classes of 500 rows", "with one row of a third class",
             "same `random_state`, same noise", "warnings"]  # fmt: skip
    lines = ["### One row of a class of its own", "", _row(heads), _row(["---"] * len(heads))]
    for name, one in leaks.items():
        cells = [one["classes_without"], one["classes_with_one_row"],
                 "yes" if one["same_noise_again"] else "no", one["privacy_warnings"]]  # fmt: skip
        lines.append(_row([name, *map(str, cells)]))
    return "\n".join(lines) + "\n"


def tables(rows: Sequence[dict[str, Any]]) -> str:
    """One table per case: AUC and accuracy by ε."""
    parts = []
    for case in dict.fromkeys(row["case"] for row in rows):
        mine = [row for row in rows if row["case"] == case]
        budgets = sorted({row["epsilon"] for row in mine if row["epsilon"] != "none"}, key=float)
        title = CASES[case]().title
        heads = [
            "AUC / accuracy",
            *(f"ε = {float(b):g}" for b in budgets),
            "without privacy",
            "CPU s",
        ]
        lines = [f"### {title}", "", _row(heads), _row(["---"] * len(heads))]
        for key, name in NAMES.items():
            found = [row for row in mine if (row["arm"], row["model"]) == key]
            if found:
                cells = [told([r for r in found if r["epsilon"] == b]) for b in (*budgets, "none")]
                seconds = np.median([row["cpu_s"] for row in found])
                lines.append(_row([name, *cells, "" if key[0] == "peer" else f"{seconds:.1f}"]))
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def told(rows: Sequence[dict[str, Any]]) -> str:
    """Mean over fits of AUC and accuracy, with the spread of one fit.

    >>> told([{"auc": 0.9, "accuracy": 0.8}])
    '.900 / .800'
    >>> told([{"auc": 0.9, "accuracy": 0.8}, {"auc": 0.88, "accuracy": 0.82}])
    '.890 ± .014 / .810 ± .014'
    """
    if not rows:
        return "–"
    return " / ".join(_spread([row[name] for row in rows]) for name in ("auc", "accuracy"))


def _spread(values: Sequence[float]) -> str:
    """A mean and a standard deviation without leading zeros."""
    mean = f"{np.mean(values):.3f}".lstrip("0")
    if len(values) < 2:
        return mean
    spread = float(np.std(values, ddof=1))
    return f"{mean} ± {spread:.3f}".replace("± 0.", "± .") if math.isfinite(spread) else mean


def _row(cells: Sequence[str]) -> str:
    """A line of a table."""
    return "| " + " | ".join(cells) + " |"
