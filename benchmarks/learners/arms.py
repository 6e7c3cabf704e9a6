"""What is compared: every arm gets the half to learn from and ranks the half to test on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.learners.cases import Case, write

DELTA = 1e-6
OPEN = "none"
"""What stands in the place of ε without privacy."""

DRIVER = Path(__file__).resolve().parents[1] / "drivers" / "peer_diffprivlib.py"

Told = tuple[str, np.ndarray]
"""An arm's name and its probability of the rarer class for every row of the test half."""


def ours(case: Case, epsilon: float | str) -> Iterator[Told]:
    """Our learners, told nothing of the table."""
    import understudy as us
    from understudy.learn import LEARNERS

    for maker in LEARNERS():
        promise = us.NON_PRIVATE if epsilon == OPEN else epsilon
        fitted = maker(epsilon=promise, delta=DELTA).fit(case.train, case.target)
        known = [str(label) for label in fitted.classes_]
        told = np.zeros(len(case.test))  # the rarer class may have drowned in the noise
        if case.positive in known:
            told = fitted.predict_proba(case.test)[:, known.index(case.positive)]
        yield maker.name, told


def classifiers(case: Case) -> dict[str, Any]:
    """Scikit-learn's usual form of the same models, and of trees, on the real or a synthetic half."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    numbers = list(case.bounds)
    labels = [name for name in case.train if name not in case.bounds and name != case.target]

    def wide() -> Any:
        return make_column_transformer(
            (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), labels),
        )

    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return {
        "LogisticRegression": make_pipeline(wide(), LogisticRegression(max_iter=400)),
        "GaussianNB": make_pipeline(wide(), GaussianNB(var_smoothing=0.01)),
        "HistGradientBoosting": make_pipeline(
            make_column_transformer(("passthrough", numbers), (ordinal, labels)),
            HistGradientBoostingClassifier(random_state=0),
        ),
    }


def trained_on(case: Case, table: pd.DataFrame, prefix: str) -> Iterator[Told]:
    """Scikit-learn's models trained on a table."""
    from threadpoolctl import threadpool_limits

    truth = (table[case.target].astype(str) == case.positive).to_numpy()
    for name, model in classifiers(case).items():
        with threadpool_limits(1):
            model.fit(_text(case, case.inputs(table)), truth)
            yield f"{prefix}{name}", model.predict_proba(_text(case, case.inputs(case.test)))[:, 1]


def _text(case: Case, inputs: pd.DataFrame) -> pd.DataFrame:
    """Inputs with labels as text, alike for real and synthetic tables."""
    others = {name: inputs[name].astype(str) for name in inputs if name not in case.bounds}
    return inputs.assign(**others)


def synthetic(case: Case, epsilon: float | str) -> Iterator[Told]:
    """The models trained on a table that aim made at the same (ε, δ), told nothing but the target."""
    import understudy as us

    run = us.synthesize(
        case.train,
        epsilon=float(epsilon),
        delta=DELTA,
        synthesizer="aim",
        target=case.target,
        holdout=0.0,
        evaluate=False,
    )
    yield from trained_on(case, run.synthetic, "aim, then ")


def peer(python: Path) -> Callable[[Case, float | str], Iterator[Told]]:
    """Diffprivlib in an environment of its own, told bounds, labels and classes."""

    def arm(case: Case, epsilon: float | str) -> Iterator[Told]:
        folder = write(case, Path("/tmp") / f"learners-{case.name}")  # noqa: S108  scratch, made anew
        told = {
            "target": case.target,
            "positive": case.positive,
            "bounds": dict(case.bounds),
            "labels": {
                name: sorted({*case.train[name].astype(str), *case.test[name].astype(str)})
                for name in case.train
                if name not in case.bounds and name != case.target
            },
        }
        (folder / "public.json").write_text(json.dumps(told))
        subprocess.run([python, DRIVER, folder, str(epsilon)], check=True)
        found = np.load(folder / "told.npz")
        for name in found.files:
            yield f"diffprivlib {name}", found[name]

    return arm
