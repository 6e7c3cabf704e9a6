"""Pure measurements of a synthetic table against real halves; no synthesizer is imported here.

Tables are pandas frames whose cells are the text of the file. What each figure is:

- *marginals*: mean total variation distance over all pairs and triples of columns (triples are
  sampled with a fixed seed where there are more than `MOST_TRIPLES`). In a numeric column a
  value that holds 1/32 of the real half or more is its own bin, and what is left is cut at 32
  quantile bins; a missing mark is a level of its own; a label that the real half lacks is one
  more level.
- *task*: six classifiers with their defaults are trained on the table (numbers as they are,
  labels as the real half's codes) and tested on the real half that no synthesizer saw; the mean
  of their AUC.

    python -m benchmarks.adult_half.measure --real half_a.csv --test half_b.csv --synthetic s.csv
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

BINS = 32
MOST_TRIPLES = 500
MISSING = frozenset({"", "?", "NA", "NaN", "nan", "None"})
CLASSIFIERS = (
    "LogisticRegression",
    "GaussianNB",
    "RandomForest",
    "AdaBoost",
    "Bagging",
    "GradientBoosting",
)

Codes = NDArray[np.int64]


def read_cells(path: str | Path) -> pd.DataFrame:
    """Read a CSV with every cell as its text, nothing taken for missing."""
    return pd.read_csv(path, dtype=str, keep_default_na=False, na_filter=False)


def as_cells(table: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with text cells and nulls as empty text."""
    return table.astype(object).where(table.notna(), "").astype(str)


def is_missing(cells: pd.Series) -> NDArray[np.bool_]:
    """Tell which cells are a missing mark."""
    return cells.str.strip().isin(MISSING).to_numpy()


def numbers(cells: pd.Series) -> NDArray[np.float64]:
    """Read cells as numbers; what is missing or unreadable becomes NaN."""
    return pd.to_numeric(cells.mask(is_missing(cells)), errors="coerce").to_numpy(dtype=float)


def is_numeric(cells: pd.Series) -> bool:
    """Tell whether every cell that is not missing reads as a number."""
    missing = is_missing(cells)
    return bool((~missing).any()) and not np.isnan(numbers(cells[~missing])).any()


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberBins:
    """Levels of a numeric column: one per heavy value, quantile bins for the rest, one missing."""

    heavy: NDArray[np.float64]
    edges: NDArray[np.float64]

    @classmethod
    def of(cls, cells: pd.Series, bins: int = BINS) -> NumberBins:
        """Cut the real column: heavy values apart, the rest at `bins` quantile bins."""
        values = numbers(cells)
        values = values[~np.isnan(values)]
        distinct, counts = np.unique(values, return_counts=True)
        heavy = distinct[counts * bins >= len(values)]
        rest = values[~np.isin(values, heavy)]
        inner = np.linspace(0, 1, bins + 1)[1:-1]
        edges = np.unique(np.quantile(rest, inner, method="lower")) if len(rest) else np.empty(0)
        return cls(heavy=heavy, edges=edges)

    @property
    def size(self) -> int:
        """Number of levels."""
        return len(self.heavy) + len(self.edges) + 2

    def codes(self, cells: pd.Series) -> Codes:
        """Level of each cell; values beyond the real range fall into the outer bins."""
        values = numbers(cells)
        missing = np.isnan(values)
        known = np.where(missing, 0.0, values)
        codes = len(self.heavy) + np.searchsorted(self.edges, known, side="left")
        if len(self.heavy):
            place = np.minimum(np.searchsorted(self.heavy, known), len(self.heavy) - 1)
            codes = np.where(self.heavy[place] == known, place, codes)
        return np.where(missing, self.size - 1, codes).astype(np.int64)


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelLevels:
    """Levels of a categorical column: the real labels and one for every label they lack."""

    labels: tuple[str, ...]

    @classmethod
    def of(cls, cells: pd.Series) -> LabelLevels:
        """Take the labels of the real column, missing marks among them."""
        return cls(labels=tuple(sorted(cells.unique())))

    @property
    def size(self) -> int:
        """Number of levels."""
        return len(self.labels) + 1

    def codes(self, cells: pd.Series) -> Codes:
        """Level of each cell."""
        codes = pd.Index(self.labels, dtype=object).get_indexer(cells.astype(object))
        return np.where(codes < 0, len(self.labels), codes).astype(np.int64)


def cut(real: pd.DataFrame, bins: int = BINS) -> dict[str, NumberBins | LabelLevels]:
    """Choose the levels of every column from the real half."""
    return {
        name: NumberBins.of(cells, bins) if is_numeric(cells) else LabelLevels.of(cells)
        for name, cells in real.items()
    }


def marginal(codes: Sequence[Codes], sizes: Sequence[int]) -> NDArray[np.float64]:
    """Normalised histogram over the product of the columns' levels."""
    flat = np.zeros(len(codes[0]), dtype=np.int64)
    for code, size in zip(codes, sizes, strict=True):
        flat = flat * size + code
    return np.bincount(flat, minlength=int(np.prod(sizes))) / max(1, len(flat))


def marginal_errors(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    *,
    bins: int = BINS,
    most_triples: int = MOST_TRIPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Mean total variation distance of 1-, 2- and 3-way marginals, and where it is.

    Returns the means (`tvd1`, `tvd2`, `tvd3`), every column's own (`columns`) and the mean of the
    pairs that each column is in (`pairs_of`).
    """
    real, synthetic = as_cells(real), as_cells(synthetic)[list(real.columns)]
    levels = cut(real, bins)
    names = list(real.columns)
    sizes = {name: levels[name].size for name in names}
    ours = {name: levels[name].codes(synthetic[name]) for name in names}
    theirs = {name: levels[name].codes(real[name]) for name in names}

    def distance(clique: Sequence[str]) -> float:
        shape = [sizes[name] for name in clique]
        left = marginal([theirs[name] for name in clique], shape)
        right = marginal([ours[name] for name in clique], shape)
        return 0.5 * float(np.abs(left - right).sum())

    singles = {name: distance([name]) for name in names}
    pairs = {pair: distance(pair) for pair in combinations(names, 2)}
    triples = list(combinations(names, 3))
    if len(triples) > most_triples:
        chosen = np.random.default_rng(seed).choice(len(triples), most_triples, replace=False)
        triples = [triples[place] for place in sorted(chosen)]
    return {
        "tvd1": float(np.mean(list(singles.values()))),
        "tvd2": float(np.mean(list(pairs.values()))) if pairs else 0.0,
        "tvd3": float(np.mean([distance(triple) for triple in triples])) if triples else 0.0,
        "columns": singles,
        "pairs_of": {
            name: float(np.mean([value for pair, value in pairs.items() if name in pair]))
            for name in names
            if pairs
        },
    }


def features(real: pd.DataFrame, table: pd.DataFrame, target: str) -> NDArray[np.float64]:
    """Turn a table into a matrix: numbers as they are (missing: the median), labels as codes."""
    columns = []
    for name, cells in real.drop(columns=target).items():
        if is_numeric(cells):
            middle = float(np.nanmedian(numbers(cells)))
            columns.append(np.nan_to_num(numbers(table[name]), nan=middle))
        else:
            columns.append(LabelLevels.of(cells).codes(table[name]).astype(float))
    return np.column_stack(columns)


def classifier(name: str, seed: int) -> Any:
    """Build one of the six classifiers with its library's defaults."""
    from sklearn import ensemble, linear_model, naive_bayes

    makers = {
        "LogisticRegression": lambda: linear_model.LogisticRegression(max_iter=1000),
        "GaussianNB": naive_bayes.GaussianNB,
        "RandomForest": lambda: ensemble.RandomForestClassifier(random_state=seed),
        "AdaBoost": lambda: ensemble.AdaBoostClassifier(random_state=seed),
        "Bagging": lambda: ensemble.BaggingClassifier(random_state=seed),
        "GradientBoosting": lambda: ensemble.GradientBoostingClassifier(random_state=seed),
    }
    return makers[name]()


def tstr_auc(
    real: pd.DataFrame, test: pd.DataFrame, synthetic: pd.DataFrame, *, target: str, seed: int = 0
) -> dict[str, float]:
    """AUC on the untouched real half of six classifiers trained on `synthetic`, and their mean.

    The positive class is the rarer label of the real half. A synthetic table with one class only
    teaches nothing: every AUC is then 0.5.
    """
    from sklearn.metrics import roc_auc_score

    real, test = as_cells(real), as_cells(test)
    synthetic = as_cells(synthetic)[list(real.columns)]
    positive = real[target].value_counts().index[-1]
    learn, judge = features(real, synthetic, target), features(real, test, target)
    taught = (synthetic[target] == positive).to_numpy()
    truth = (test[target] == positive).to_numpy()
    scores = {}
    for name in CLASSIFIERS:
        if taught.all() or not taught.any():
            scores[name] = 0.5
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = classifier(name, seed).fit(learn, taught)
        scores[name] = float(roc_auc_score(truth, model.predict_proba(judge)[:, 1]))
    return {"mean": float(np.mean(list(scores.values()))), **scores}


def measure(
    real: pd.DataFrame, test: pd.DataFrame, synthetic: pd.DataFrame, *, target: str, seed: int = 0
) -> dict[str, Any]:
    """Measure marginals and task of one synthetic table."""
    return {
        "marginals": marginal_errors(real, synthetic),
        "tstr": tstr_auc(real, test, synthetic, target=target, seed=seed),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure a synthetic CSV from the command line and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--real", required=True, type=Path, help="half that was synthesized")
    parser.add_argument("--test", type=Path, help="half that was not; without it no task figures")
    parser.add_argument("--synthetic", required=True, type=Path)
    parser.add_argument("--target", default="income")
    parser.add_argument("--seed", default=0, type=int, help="of the classifiers")
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    real, synthetic = read_cells(options.real), read_cells(options.synthetic)
    answer: dict[str, Any] = {"marginals": marginal_errors(real, synthetic)}
    if options.test is not None:
        test = read_cells(options.test)
        answer["tstr"] = tstr_auc(real, test, synthetic, target=options.target, seed=options.seed)
    answer["seconds"] = round(time.perf_counter() - began, 2)
    json.dump(answer, sys.stdout, indent=1)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
