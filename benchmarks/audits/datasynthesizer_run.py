"""One run of DataSynthesizer in its correlated mode, for `understudy audit --command`.

    python datasynthesizer_run.py INPUT OUTPUT EPSILON ROWS SEED

Domains are declared where the package lets one declare them, so that what an audit finds is its
noise. What may not happen here: anything but the package's own two calls.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path


def main(given: str, made: str, epsilon: str, rows: str, seed: str) -> None:
    """Describe the table under ε and generate rows."""
    from DataSynthesizer.DataDescriber import DataDescriber
    from DataSynthesizer.DataGenerator import DataGenerator

    with tempfile.TemporaryDirectory() as folder:
        domain, described = Path(folder, "domain.json"), Path(folder, "description.json")
        domain.write_text(
            json.dumps({"colour": ["blue", "green", "red", "violet"], "shape": ["round", "square"]})
        )
        describer = DataDescriber(histogram_bins=4, category_threshold=0)
        describer.describe_dataset_in_correlated_attribute_mode(
            given,
            k=1,
            epsilon=float(epsilon),
            attribute_to_datatype={"colour": "String", "shape": "String", "size": "Integer"},
            attribute_to_is_categorical={"colour": True, "shape": True, "size": False},
            attribute_to_is_candidate_key=dict.fromkeys(("colour", "shape", "size"), False),
            categorical_attribute_domain_file=str(domain),
            numerical_attribute_ranges={"size": [0, 15]},
            seed=int(seed),
        )
        describer.save_dataset_description_to_file(str(described))
        generator = DataGenerator()
        generator.generate_dataset_in_correlated_attribute_mode(
            int(rows), str(described), seed=int(seed)
        )
        generator.save_synthetic_data(made)


if __name__ == "__main__":
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        main(*sys.argv[1:])
