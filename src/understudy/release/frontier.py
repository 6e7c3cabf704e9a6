"""Evidence of a frontier: utility and risk of every cell. Internal; never released.

What may not happen here: a synthetic row, or a verdict.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Literal, Self

from pydantic import Field

from understudy.release.value import Value


class FrontierFigure(Value):
    """A figure of usefulness of one cell, with its anchors."""

    key: str
    title: str
    better: Literal["higher", "lower", "near"]
    value: float
    interval: tuple[float, float] | None = None
    holdout: float | None = None
    independent: float | None = None


class FrontierRisk(Value):
    """What one attack achieved on one cell."""

    key: str
    title: str
    statistic: str
    value: float
    low: float
    high: float
    control: float
    word: str
    limit: float | None = None
    tpr_1: float | None = None


class FrontierCell(Value):
    """One fit: what it was, how useful it is, what attacks achieved."""

    synthesizer: str
    epsilon: float
    seed: int
    failed: str = ""
    seconds: float = Field(ge=0)
    figures: tuple[FrontierFigure, ...] = ()
    risks: tuple[FrontierRisk, ...] = ()

    @property
    def worst_auc(self) -> FrontierRisk | None:
        """The membership attack with the largest AUC."""
        found = [risk for risk in self.risks if risk.statistic == "AUC"]
        return max(found, key=lambda risk: risk.value, default=None)

    @property
    def text(self) -> str:
        """The cell in a line."""
        head = f"{self.synthesizer} ε = {self.epsilon:g} seed {self.seed}"
        if self.failed:
            return f"{head}: failed, {self.failed}"
        told = [f"{figure.key} {figure.value:.3g}" for figure in self.figures]
        worst = self.worst_auc
        if worst is not None:
            told.append(f"strongest attack {worst.key} AUC {worst.value:.3f}")
        return f"{head}: {', '.join(told)}"


class FrontierEvidence(Value):
    """A whole frontier, computed on real data.

    `bounds` holds for each ε the largest AUC that any membership attacker can reach,
    `epsilon_sum` what all fits together spent.
    """

    schema_version: Literal[1] = 1
    part: Literal["internal"] = "internal"
    created: dt.datetime
    title: str
    delta: float
    target: str | None = None
    train_rows: int
    holdout_rows: int
    level: str | None = None
    cells: tuple[FrontierCell, ...]
    bounds: tuple[tuple[float, float], ...] = ()
    epsilon_sum: float = 0.0

    def to_json(self) -> str:
        """Write as indented JSON text that ends in a newline."""
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read JSON text, refusing fields that are not part of the type."""
        return cls.model_validate_json(text)

    def to_csv(self) -> str:
        """Every number as a row: synthesizer, epsilon, seed, group, key, value, low, high."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ("synthesizer", "epsilon", "seed", "group", "key", "value", "low", "high",
             "holdout", "independent")
        )  # fmt: skip
        for cell in self.cells:
            place = (cell.synthesizer, cell.epsilon, cell.seed)
            for figure in cell.figures:
                low, high = figure.interval or ("", "")
                writer.writerow(
                    (*place, "utility", figure.key, figure.value, low, high,
                     figure.holdout, figure.independent)
                )  # fmt: skip
            for risk in cell.risks:
                writer.writerow(
                    (*place, "risk", risk.key, risk.value, risk.low, risk.high, "", risk.control)
                )
        for epsilon, bound in self.bounds:
            writer.writerow(("any", epsilon, "", "bound", "auc", bound, "", "", "", ""))
        return file.getvalue()
