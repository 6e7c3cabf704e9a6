"""An invented clinic: what was decided follows from age and ward, with a coin's help."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

WARDS = ("north", "south", "west")


def clinic(rows: int, seed: int) -> pa.Table:
    """People with an age, a ward, a weight with gaps, and what was decided about them."""
    draw = np.random.default_rng(seed)
    age = draw.integers(18, 91, rows)
    ward = draw.integers(0, 3, rows)
    weight = np.round(draw.normal(70, 12, rows), 1)
    gone = draw.random(rows) < 0.2
    score = 0.08 * (age - 55) + np.array([-1.0, 0.0, 1.5])[ward] + np.where(gone, 1.0, 0.0)
    kept = draw.random(rows) < 1 / (1 + np.exp(-score))
    return pa.table(
        {
            "age": age,
            "ward": pa.array([WARDS[one] for one in ward]),
            "weight": pa.array(weight, mask=gone),
            "kept": pa.array(np.where(kept, "yes", "no")),
        }
    )


@pytest.fixture(scope="session")
def patients() -> pa.Table:
    """Six thousand to learn from."""
    return clinic(6_000, 1)


@pytest.fixture(scope="session")
def unseen() -> pa.Table:
    """Four thousand to predict."""
    return clinic(4_000, 2)
