"""Anonymeter's three attacks on one release: what they found and how long they took.

python peer_anonymeter.py --train A.csv --holdout B.csv --release R.csv --out FILE.json
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from anonymeter.evaluators import InferenceEvaluator, LinkabilityEvaluator, SinglingOutEvaluator


def told(make: Callable[[int], Any]) -> dict[str, Any]:
    """Run an attack once on few targets (its first call compiles), then in earnest."""
    make(20)
    wall, busy = time.perf_counter(), time.process_time()
    results = make(0).results()
    took = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - busy}
    risk = results.risk()
    return {
        **took,
        "trials": int(results.n_attacks_ori),
        "attack": float(results.n_success),
        "control": float(results.n_control),
        "baseline": float(results.n_baseline),
        "risk": float(risk.value),
        "interval": [float(end) for end in risk.ci],
    }


def main() -> None:
    """Run all three attacks."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("train", "holdout", "release", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    train, holdout, release = (
        pd.read_csv(path) for path in (options.train, options.holdout, options.release)
    )
    columns = list(train.columns)
    halves = columns[: len(columns) // 2], columns[len(columns) // 2 :]
    found: dict[str, Any] = {}

    def single_out(mode: str) -> Callable[[int], Any]:
        return lambda few: SinglingOutEvaluator(
            train, release, n_attacks=few or 500, control=holdout
        ).evaluate(mode=mode)

    for mode in ("univariate", "multivariate"):
        found[mode] = told(single_out(mode))
    found["linkability"] = told(
        lambda few: LinkabilityEvaluator(
            train, release, aux_cols=halves, n_attacks=few or 2_000, control=holdout
        ).evaluate()
    )

    def infer(secret: str) -> Callable[[int], Any]:
        return lambda few: InferenceEvaluator(
            train,
            release,
            aux_cols=[column for column in columns if column != secret],
            secret=secret,
            regression=pd.api.types.is_numeric_dtype(train[secret]),
            n_attacks=few or 1_000,
            control=holdout,
        ).evaluate()

    for secret in columns:
        found[f"inference of {secret}"] = told(infer(secret))
    options.out.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
