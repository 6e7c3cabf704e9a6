"""Advice as a value: what to try first, what else was looked at, and how sure that is.

What may not happen here: a number that depends on rows of the table that is asked about.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Sure = Literal["fairly sure", "somewhat sure", "a guess"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Alike:
    """How alike a data set of the study is.

    Parameters
    ----------
    name
        The data set's.
    size, columns
        Rows learned from and columns, in the study.
    distance
        0 for the same facts; 1 is tenfold rows or columns, or numbers in the place of labels.
        None where the study does not say what the data set is like.
    weight
        Part that it has in the advice, in 0 to 1.
    """

    name: str
    size: int | None
    columns: int | None
    distance: float | None
    weight: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One generator or learner at one ε, as the study lets expect it.

    Parameters
    ----------
    method
        Its name.
    epsilon
        For the new table.
    loss
        What is lost against real rows: of the score of models trained on the table, or, without a
        target, the mean error of pairs.
    low, high
        Its 95 % range over splits and data sets.
    tied
        Whether it cannot be told from the best at this ε.
    attack
        AUC of the study's membership attack at this noise; None where nothing was attacked.
    outside
        Whether the study had to be read outside its budgets.
    """

    method: str
    epsilon: float
    loss: float
    low: float
    high: float
    tied: bool = False
    attack: float | None = None
    outside: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What to try first.

    Parameters
    ----------
    synthesizer, epsilon
        The advice.
    goal
        What was weighed: `task` (models that predict a target) or `pairs`.
    sure
        `fairly sure`, `somewhat sure` or `a guess`.
    why, doubts
        Sentences.
    ties
        Synthesizers that the study cannot tell from the chosen one at this ε.
    options
        Every synthesizer at the advised ε, the best first.
    budgets
        The advised synthesizer at every ε.
    learner
        Where only the target matters: the private learner that loses least; None without.
    alike
        The study's data sets, the most alike first.
    study
        Title and date of the study.
    size
        Rows learned from, as declared or assumed.
    """

    synthesizer: str
    epsilon: float
    goal: Literal["task", "pairs"]
    sure: Sure
    why: tuple[str, ...]
    doubts: tuple[str, ...]
    ties: tuple[str, ...]
    options: tuple[Option, ...]
    budgets: tuple[Option, ...]
    learner: Option | None
    alike: tuple[Alike, ...]
    study: str
    size: float
    size_declared: bool

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)
