"""Invented studies, of which it is known what they should advise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from understudy.release.study import StudiedTable, StudyAbout, StudyResults

EPSILONS = (0.1, 1.0, 10.0)
MODEL = "LogisticRegression"
FLAT: Mapping[str, Sequence[float]] = {
    "aim": (0.20, 0.06, 0.02),
    "mst": (0.22, 0.10, 0.05),
    "independent": (0.30, 0.30, 0.30),
}
"""Loss of each synthesizer at each ε, on a table of 10,000 rows."""


def study(
    losses: Mapping[str, Sequence[float]] = FLAT,
    *,
    tables: Mapping[str, tuple[int, int]] = {"survey": (10_000, 10), "clinic": (8_000, 12)},
    seeds: int = 4,
    spread: float = 0.004,
    learners: Mapping[str, Sequence[float]] = {},
    told: bool = True,
    shift: Mapping[str, float] = {},
    attack: float = 0.5,
) -> StudyResults:
    """Results in which losses are what is asked for, but for a spread over splits."""
    draw = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []

    def add(
        dataset: str, kind: str, method: str, epsilon: float | None, seed: int, **row: Any
    ) -> None:
        rows.append(
            {"dataset": dataset, "kind": kind, "method": method, "epsilon": epsilon, "seed": seed,
             "fold": 0, "status": "done", "reason": "", "setting": "", "model": "", "low": None,
             "high": None, **row}
        )  # fmt: skip

    for name in tables:
        for seed in range(seeds):
            level = 0.85 + 0.03 * draw.standard_normal()
            add(
                name,
                "real",
                "real",
                None,
                seed,
                figure="auc",
                setting="trtr",
                model=MODEL,
                value=level,
            )
            for method, lost in losses.items():
                for epsilon, loss in zip(EPSILONS, lost, strict=True):
                    away = spread * draw.standard_normal() + shift.get(name, 0.0) * (
                        method == "mst"
                    )
                    add(name, "synthesizer", method, epsilon, seed, figure="auc", setting="tstr",
                        model=MODEL, value=level - loss - away)  # fmt: skip
                    add(name, "synthesizer", method, epsilon, seed, figure="workload_error_2",
                        setting="synthetic", value=loss + away)  # fmt: skip
                    add(name, "synthesizer", method, epsilon, seed, figure="mia_auc", setting="attack",
                        model="chosen", value=attack, low=attack - 0.02, high=attack + 0.02)  # fmt: skip
            for method, lost in learners.items():
                for epsilon, loss in zip(EPSILONS, lost, strict=True):
                    add(name, "learner", method, epsilon, seed, figure="auc", setting="trtr",
                        value=level - loss)  # fmt: skip
    about = StudyAbout(
        title="An invented study", plan="", datasets=tuple(tables), synthesizers=tuple(losses),
        learners=tuple(learners), epsilons=EPSILONS, delta=1e-6, seeds=seeds, folds=0,
        version="0", created="2026-01-01", machine="none",
        tables=tuple(
            StudiedTable(name=name, rows=count, columns=columns, numbers=columns // 2, classes=2)
            for name, (count, columns) in tables.items()
        ) if told else (),
    )  # fmt: skip
    return StudyResults.of(about, rows)


NONE = math.inf
