"""What the trap tests share: a small table, the checks, and bugs' access to the rows.

A bug that is put back needs the rows that our code cannot reach; `Leak` hands them over.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from understudy.curator import Curator, MemoryCurator
from understudy.errors import UnderstudyError
from understudy.privacy import Unit
from understudy.schema import Schema
from understudy.source import SensitiveTable, from_frame
from understudy.synthesize.baseline.independent import Independent
from understudy.synthesize.marginal.mst import MST
from understudy.synthesize.model import Model
from understudy.synthesize.protocol import Synthesizer
from understudy.testing import neighbours, record, replay_all

EPSILON = 8.0


def narrow(rows: int = 240, seed: int = 0) -> SensitiveTable:
    """Four text columns: whole numbers, labels with a rare one, a boolean, decimals with gaps."""
    rng = np.random.default_rng(seed)
    age = np.clip(rng.normal(40, 14, rows), 1, 99).astype(int)
    town = rng.choice(["Aa", "Bergen", "Cork"], rows, p=[0.6, 0.3, 0.1]).tolist()
    town[0] = "a rare place"
    cells = {
        "age": [str(value) for value in age],
        "town": town,
        "member": np.where(age > 40, "yes", "no").tolist(),
        "pay": [f"{value * 31.25:.2f}" if value % 9 else "?" for value in age],
    }
    return from_frame(pa.table({name: pa.array(part, pa.string()) for name, part in cells.items()}))


class Leak:
    """The rows and the curator of the fit that is running, for bugs that read them."""

    table: SensitiveTable
    curator: MemoryCurator

    def cells(self, column: str) -> list[str]:
        """Cells of a column, straight from the rows."""
        return self.table.rows.column(column).to_pylist()

    @property
    def size(self) -> int:
        """Exact number of rows."""
        return self.table.rows.num_rows

    def numbers(self, column: str) -> np.ndarray:
        """Cells of a column as floats, where they can be read."""
        found = []
        for cell in self.cells(column):
            try:
                number = float(cell)
            except (TypeError, ValueError):
                continue
            if np.isfinite(number):
                found.append(number)
        return np.array(found)


def replays(
    synthesizer: Synthesizer | None = None,
    table: SensitiveTable | None = None,
    *,
    schema: Schema | None = None,
    unit: Unit | None = None,
    odd: int = 3,
) -> None:
    """Raise unless record/replay passes on every adversarial neighbour."""
    fit = (synthesizer or MST()).fit

    def run(curator: Curator) -> Model:
        return fit(curator, schema or Schema())

    recording = record(run, table or narrow(), epsilon=EPSILON, unit=unit)
    others = neighbours(recording.table, np.random.default_rng(1), unit, odd=odd)
    for verdict in replay_all(recording, others):
        verdict.require()


def both() -> tuple[Synthesizer, Synthesizer]:
    """Both built-in synthesizers."""
    return Independent(), MST()


def caught(check: Callable[[], object]) -> str:
    """What the check said when it failed; the test fails when it did not."""
    with pytest.raises((AssertionError, UnderstudyError)) as problem:
        check()
    return str(problem.value)
