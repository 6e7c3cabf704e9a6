"""Files of integer codes, which is what peers read and write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def load_codes(path: Path) -> dict[str, NDArray[np.int64]]:
    """Read a CSV of integer codes."""
    with path.open() as lines:
        names = next(lines).rstrip("\n").split(",")
        codes = np.loadtxt(lines, delimiter=",", dtype=np.int64, ndmin=2)
    return {name: codes[:, place] for place, name in enumerate(names)}


def save_codes(columns: Mapping[str, NDArray[np.int64]], path: Path) -> None:
    """Write a CSV of integer codes."""
    table = np.column_stack([np.asarray(column) for column in columns.values()])
    np.savetxt(path, table, fmt="%d", delimiter=",", header=",".join(columns), comments="")
