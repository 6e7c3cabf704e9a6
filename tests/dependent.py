"""An invented table whose columns depend on each other, for tests of synthesizers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def frame(rows: int = 1_500, seed: int = 0) -> pa.Table:
    """c = a XOR b, and a number that goes with a label, with gaps."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 2, rows), rng.integers(0, 2, rows)
    place = rng.choice(["north", "south", "east"], rows)
    level = np.where(place == "south", 50, 20) + rng.integers(0, 10, rows)
    words = np.array(["no", "yes"])
    return pa.table(
        {
            "a": pa.array(words[a]),
            "b": pa.array(words[b]),
            "c": pa.array(words[a ^ b]),
            "place": pa.array(place),
            "level": pa.array([None if i % 20 == 0 else int(v) for i, v in enumerate(level)]),
        }
    )
