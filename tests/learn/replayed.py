"""Record/replay over a learner: what it leaves is compared byte for byte, predictions too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from understudy.curator import Curator
from understudy.learn import Bayes, Learner, Logistic, Predictor
from understudy.privacy import Unit
from understudy.schema import Schema
from understudy.source import SensitiveTable, from_frame
from understudy.testing import Recording, neighbours, record
from understudy.testing.neighbours import Neighbour
from understudy.testing.replay import SAME, replay

EPSILON = 8.0
FEW_STEPS = Logistic(steps=6)
ALL: tuple[Learner, ...] = (FEW_STEPS, Bayes(), Bayes(numbers="gaussian"))


class Left:
    """A predictor in the shape in which a replay compares what a fit left."""

    def __init__(self, made: Predictor) -> None:
        self.made, self.rows = made, made.rows

    def to_json(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return self.made.to_json()

    def sample(self, rows: int, *, seed: int) -> pa.Table:
        asked = pa.table(
            {
                name: pa.array(np.random.default_rng(seed).integers(0, 90, rows).astype(str))
                for name in (*self.made.columns, "anything")
            }
        )
        return pa.table({"told": self.made.predict_proba(asked).ravel()})


def narrow(rows: int = 240, seed: int = 0) -> SensitiveTable:
    """Numbers, labels with a rare one, decimals with gaps, and a target; all as text."""
    draw = np.random.default_rng(seed)
    age = np.clip(draw.normal(40, 14, rows), 1, 99).astype(int)
    town = draw.choice(["Aa", "Bergen", "Cork"], rows, p=[0.6, 0.3, 0.1]).tolist()
    town[0] = "a rare place"
    cells = {
        "age": [str(value) for value in age],
        "town": town,
        "pay": [f"{value * 31.25:.2f}" if value % 9 else "?" for value in age],
        "member": np.where(age > 40, "yes", "no").tolist(),
    }
    return from_frame(pa.table({name: pa.array(part, pa.string()) for name, part in cells.items()}))


def recorded(
    learner: Learner,
    table: SensitiveTable | None = None,
    *,
    unit: Unit | None = None,
    classes: Sequence[str] | None = ("no", "yes"),
    target: str = "member",
) -> Recording:
    """A fit that was watched."""

    def run(curator: Curator) -> Any:
        return Left(learner.fit(curator, Schema(), target=target, classes=classes))

    return record(run, table or narrow(), epsilon=EPSILON, unit=unit)


def replays(learner: Learner, **named: Any) -> float:
    """Raise unless every adversarial neighbour passes; the largest part of a sensitivity used."""
    unit = named.get("unit")
    recording = recorded(learner, **named)
    others = neighbours(recording.table, np.random.default_rng(1), unit, odd=3)
    same = Neighbour(name=SAME, table=recording.table)
    largest = 0.0
    for other in (same, *others):
        verdict = replay(recording, other)
        verdict.require()
        largest = max(largest, verdict.largest)
    return largest
