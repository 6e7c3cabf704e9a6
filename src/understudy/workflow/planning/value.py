"""A plan as a value: what was asked, what is expected, and how it is written and read.

What may not happen here: a figure that depends on rows, or a time of day: the same public facts
give the same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from understudy.errors import FormatError, OutputError
from understudy.workflow.planning.choice import Advice
from understudy.workflow.planning.prediction import Estimate, PairError
from understudy.workflow.planning.reach import Reach
from understudy.workflow.planning.stages import StagePlan

FORMAT = "understudy-plan/1"
"""What a plan's file says it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnPlan:
    """What is expected of one column.

    Parameters
    ----------
    name, role
        `modelled`, `replaced` by stand-ins, or `dropped`.
    known
        What is declared of its domain, in words.
    levels
        Cells its final histogram is expected to have; 0 when it is not modelled.
    sigma
        Noise of each of them, in rows; None when it is not modelled.
    error
        Expected total variation distance; None when it is not modelled.
    """

    name: str
    role: str
    known: str
    levels: int
    sigma: float | None
    error: Estimate | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Basis:
    """What a plan holds true for: `synthesize --plan` compares it with the table.

    Parameters
    ----------
    headers
        Name and storage of every column; the storage is None for a schema alone.
    schema
        The declared facts as JSON.
    epsilon, delta, synthesizer, settings, unit, target, holdout
        What was asked.
    """

    headers: tuple[tuple[str, str | None], ...]
    schema: str
    epsilon: float
    delta: float
    synthesizer: str
    settings: str
    unit: str
    target: str | None
    holdout: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a run will do and how well, before anything is charged.

    Parameters
    ----------
    basis
        What was asked, and of which table.
    name
        What the table is called.
    synthesizer, reason
        Which synthesizer, and why.
    rows, rows_declared
        Magnitude of the rows learned from; whether it was declared or assumed.
    stages
        How the budget is divided.
    columns, pairs
        Expected errors.
    column_mean, pair_mean
        Their means over the table; None without columns or pairs.
    seconds, memory
        Processor seconds; MiB.
    counted, levels
        About how many pairs are counted, on at most how many merged levels.
    advice
        What to do before spending.
    reach
        The ε that a target error needs, when one was asked for.
    """

    basis: Basis
    name: str
    synthesizer: str
    reason: str
    rows: float
    rows_declared: bool
    stages: tuple[StagePlan, ...]
    columns: tuple[ColumnPlan, ...]
    pairs: tuple[PairError, ...]
    column_mean: Estimate | None
    pair_mean: Estimate | None
    seconds: Estimate
    memory: Estimate
    counted: int
    levels: int
    advice: tuple[Advice, ...]
    reach: Reach | None = None

    @property
    def epsilon(self) -> float:
        """ε the figures are for."""
        return self.basis.epsilon

    @property
    def delta(self) -> float:
        """δ the figures are for."""
        return self.basis.delta

    def column(self, name: str) -> ColumnPlan:
        """The plan of one column; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def pair(self, first: str, second: str) -> PairError:
        """The plan of one pair, in either order; KeyError when there is none."""
        for pair in self.pairs:
            if set(pair.columns) == {first, second}:
                return pair
        raise KeyError((first, second))

    def to_json(self) -> dict[str, Any]:
        """Plain values, the same for the same public facts."""
        told: dict[str, Any] = {"format": FORMAT, **asdict(self)}
        rounded: dict[str, Any] = _rounded(told)
        return rounded

    def to_html(self) -> str:
        """One self-contained page with a heat map of the pairs."""
        from understudy.report import render_plan

        return render_plan(self.to_json())

    def save(self, path: str | Path) -> Path:
        """Write the plan as JSON, for `synthesize --plan`.

        Raises
        ------
        OutputError
            The file cannot be written.
        """
        return written(path, json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n")


def written(path: str | Path, text: str) -> Path:
    """Write a small text file, and return its path.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    place = Path(path)
    try:
        place.write_text(text, "utf-8")
    except OSError as problem:
        raise OutputError(f"{place} cannot be written: {problem.strerror}") from None
    return place


def load_basis(path: str | Path) -> Basis:
    """Read what a saved plan holds true for.

    Raises
    ------
    FormatError
        The file is missing, or not a plan of this version.
    """
    place = Path(path)
    try:
        told = json.loads(place.read_text("utf-8"))
    except OSError as problem:
        raise FormatError(f"the plan {place} cannot be read: {problem.strerror}") from None
    except ValueError:
        raise FormatError(f"the plan {place} is not JSON") from None
    if not isinstance(told, Mapping) or told.get("format") != FORMAT:
        raise FormatError(f"{place} is not a plan", hint="make one: understudy plan … --save FILE")
    try:
        basis = told["basis"]
        headers = tuple((str(name), kind) for name, kind in basis["headers"])
        return Basis(**{**basis, "headers": headers})
    except (KeyError, TypeError, ValueError):
        raise FormatError(f"the plan {place} is damaged", hint="make it again") from None


def _rounded(value: Any) -> Any:
    """Plain values with six digits, infinite ones as None."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _rounded(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(part) for part in value]
    return value
