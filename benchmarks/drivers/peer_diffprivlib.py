"""diffprivlib's learners on one case; run by `python -m benchmarks.learners` with its own interpreter.

Bounds, labels and classes are handed over for free, so that nothing of the training half is read
without noise but the cells themselves; δ is 0, which is a stronger promise than the others make.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from diffprivlib.models import GaussianNB, LogisticRegression, RandomForestClassifier


def features(table: pd.DataFrame, public: dict) -> np.ndarray:
    """Numbers scaled to 0 to 1 by their bounds, labels one by one."""
    columns = []
    for name, (low, high) in public["bounds"].items():
        numbers = pd.to_numeric(table[name]).to_numpy(dtype=float)
        columns.append(np.clip((numbers - low) / (high - low), 0.0, 1.0)[:, None])
    for name, labels in public["labels"].items():
        cells = table[name].astype(str).to_numpy()
        columns.append((cells[:, None] == np.array(labels)[None, :]).astype(float))
    return np.hstack(columns)


def main() -> None:
    """Fit every model once and leave its probabilities."""
    folder, epsilon = Path(sys.argv[1]), float(sys.argv[2])
    public = json.loads((folder / "public.json").read_text())
    train, test = (
        pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)
        for name in ("train", "test")
    )
    truth = (train[public["target"]] == public["positive"]).to_numpy().astype(int)
    wide, seen = features(train, public), features(test, public)
    longest = float(np.sqrt(len(public["bounds"]) + len(public["labels"])))
    bounds = (np.zeros(wide.shape[1]), np.ones(wide.shape[1]))
    models = {
        "LogisticRegression": LogisticRegression(epsilon=epsilon, data_norm=longest, max_iter=400),
        "GaussianNB": GaussianNB(epsilon=epsilon, bounds=bounds),
        "RandomForest": RandomForestClassifier(epsilon=epsilon, bounds=bounds, classes=[0, 1]),
    }
    told = {}
    for name, model in models.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(wide, truth)
            told[name] = np.nan_to_num(model.predict_proba(seen)[:, 1], nan=0.5)
    np.savez(folder / "told.npz", **told)


if __name__ == "__main__":
    main()
