"""Peers' networks, each by its package's own documented calls, as a study's command runs them.

    python peer_network.py ctgan --input train.csv --output synthetic.csv --epsilon none --seed 0

`ctgan` and `tvae` are those of the `ctgan` package; `engine` is mostlyai-engine, with its DP mode
when there is an ε; `dpctgan`, `pategan` and `patectgan` are SmartNoise's, which are given public
bounds and labels (`--domain`) for free. Run by the interpreter that has the package.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd


def main() -> None:
    """Fit, sample as many rows, write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", choices=sorted({**NETWORKS}))
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--domain", type=Path, help="JSON: a column's bounds, or its labels")
    parser.add_argument("--epsilon", default="none")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=2.0)
    options = parser.parse_args()
    options.epsilon = None if options.epsilon == "none" else float(options.epsilon)

    import torch

    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    table = pd.read_csv(options.input)
    NETWORKS[options.which](table, options).to_csv(options.output, index=False)


def ctgan_package(table: pd.DataFrame, options: argparse.Namespace) -> pd.DataFrame:
    """CTGAN or TVAE for so many epochs; labels are what is not a number."""
    import ctgan

    made = {"ctgan": ctgan.CTGAN, "tvae": ctgan.TVAE}[options.which](epochs=options.epochs)
    labels = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    numbers = [name for name in table if name not in labels]
    # The package takes no missing number.
    table = table.fillna(dict.fromkeys(labels, "") | table[numbers].median().to_dict())
    made.fit(table, labels)
    return made.sample(len(table))


def engine(table: pd.DataFrame, options: argparse.Namespace) -> pd.DataFrame:
    """mostlyai-engine within so many minutes; its own defaults under an ε."""
    from mostlyai import engine as network

    network.set_random_state(options.seed)
    promise: dict[str, Any] = {}
    if options.epsilon is not None:
        from mostlyai.engine.domain import DifferentialPrivacyConfig

        # Its default for values is 1; the rest is for training.
        half = min(1.0, options.epsilon / 2)
        promise["differential_privacy"] = DifferentialPrivacyConfig(
            max_epsilon=options.epsilon - half, value_protection_epsilon=half
        )
    with tempfile.TemporaryDirectory() as folder:
        space = Path(folder)
        network.split(workspace_dir=space, tgt_data=table, model_type="TABULAR")
        network.analyze(workspace_dir=space, **promise)
        network.encode(workspace_dir=space)
        network.train(workspace_dir=space, max_training_time=options.minutes, **promise)
        network.generate(workspace_dir=space, sample_size=len(table))
        return pd.read_parquet(space / "SyntheticData")


def smartnoise(table: pd.DataFrame, options: argparse.Namespace) -> pd.DataFrame:
    """SmartNoise's synthesizer with its defaults, all of ε for training."""
    from snsynth import Synthesizer
    from snsynth.transform import (
        ChainTransformer,
        LabelTransformer,
        MinMaxTransformer,
        OneHotEncoder,
        TableTransformer,
    )

    domain = json.loads(options.domain.read_text())
    steps = []
    for name in table:
        known = domain[name]
        if isinstance(known, dict):
            steps.append(MinMaxTransformer(lower=known["low"], upper=known["high"], negative=True))
        else:
            steps.append(ChainTransformer([LabelTransformer(), OneHotEncoder()]))
    made = Synthesizer.create(options.which, epsilon=options.epsilon)
    made.fit(table, transformer=TableTransformer(steps), preprocessor_eps=0.0)
    drawn = made.sample(len(table))
    # It gives numbers as fractions; a user would round those that were whole.
    whole = [name for name in table if pd.api.types.is_integer_dtype(table[name])]
    return drawn.assign(**{name: drawn[name].astype(float).round().astype(int) for name in whole})


NETWORKS = {
    "ctgan": ctgan_package,
    "tvae": ctgan_package,
    "engine": engine,
    "dpctgan": smartnoise,
    "pategan": smartnoise,
    "patectgan": smartnoise,
}


if __name__ == "__main__":
    main()
