"""One measured number with everything needed to read it honestly.

A figure never travels alone: it says which way is good, what the real holdout reaches, what
independent columns reach, how certain it is and where it is defined. What may not happen here:
measuring, and a value that is not a finite number (a metric that cannot be computed is
`Skipped`, with the reason).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    from understudy.evaluate.columns import Tables
    from understudy.evaluate.purposes.answer import Answer

Better = Literal["higher", "lower", "near"]
_BETTER = ("higher", "lower", "near")


@dataclass(frozen=True, kw_only=True, slots=True)
class Anchors:
    """The same measurement on tables whose quality is known.

    Parameters
    ----------
    holdout
        Real rows that nothing was learned from: the ceiling. None without a holdout.
    independent
        Real columns, each shuffled by itself: the floor. None where it is not defined.
    subsample
        Share of the real rows (0 to 1) that does as well; None where it is not measured.
    """

    holdout: float | None = None
    independent: float | None = None
    subsample: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A measured number, its anchors, its uncertainty and its explanation.

    Parameters
    ----------
    key
        Stable identifier in snake case.
    title, explanation, reference
        Name, meaning in one or two sentences, and where the definition comes from.
    group
        Part of the report it belongs to: `shapes`, `marginals`, `task`, `rules`, `smoke`, …
    value
        The number, finite.
    better
        `higher`, `lower`, or `near` (`target` is then the good value).
    target
        The best possible or the wanted value.
    interval
        Lower and upper end of a 95 % interval; what varies in it is said in `detail`.
    seeds
        How many seeds the value is the mean of, at least 1.
    anchors
        The same measurement on the real holdout and on independent columns.
    unit
        Unit of the value, empty for a share between 0 and 1.
    columns
        Columns it is about; empty for the whole table.
    detail
        Anything else a statistician asks for, in JSON's types.

    Raises
    ------
    ValueError
        If the value is not finite, `better` is unknown or `seeds` is below 1.

    >>> figure = Figure(key="k", title="t", group="shapes", value=0.5, better="higher",
    ...                 explanation="e", reference="r", interval=(0.25, 0.75))
    >>> Figure.from_json(figure.to_json()) == figure
    True
    """

    key: str
    title: str
    group: str
    value: float
    better: Better
    explanation: str
    reference: str
    target: float | None = None
    interval: tuple[float, float] | None = None
    seeds: int = 1
    anchors: Anchors = field(default_factory=Anchors)
    unit: str = ""
    columns: tuple[str, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Refuse what no reader could interpret."""
        if not math.isfinite(self.value):
            raise ValueError(f"figure {self.key} is not finite")
        if self.better not in _BETTER:
            raise ValueError(f"figure {self.key}: better is one of {_BETTER}")
        if self.seeds < 1:
            raise ValueError(f"figure {self.key}: seeds is at least 1")

    def to_json(self) -> dict[str, Any]:
        """Return the figure in JSON's types, ready for `json.dumps`."""
        return plain(asdict(self))  # type: ignore[no-any-return]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Figure:
        """Rebuild a figure from `to_json`."""
        interval = data.get("interval")
        return cls(
            **{
                **data,
                "interval": None if interval is None else (interval[0], interval[1]),
                "anchors": Anchors(**data.get("anchors", {})),
                "columns": tuple(data.get("columns", ())),
            }
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Skipped:
    """What was not measured, and why; nothing is dropped in silence.

    >>> Skipped(key="tstr_auc", title="TSTR AUC", group="task", reason="no holdout").reason
    'no holdout'
    """

    key: str
    title: str
    group: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What a metric may depend on besides the tables.

    Parameters
    ----------
    target
        Column that a model is to predict, or None.
    targets
        Every column that a model is to predict, `target` first.
    quick
        Whether seconds count more than intervals.
    folds
        Folds of cross-validation; 0 for one split.
    regressions
        Formulas of regressions to compare, such as `hours ~ age + sex`.
    subgroups
        Columns whose levels are sub-populations to be served too.
    seeds
        Repetitions of what is random in the measuring itself, at least 1.
    rules
        Rules of the schema (objects with `name` and `expr`).
    training_rows
        Most rows any model is trained on.
    """

    target: str | None = None
    targets: tuple[str, ...] = ()
    quick: bool = False
    folds: int = 0
    regressions: tuple[str, ...] = ()
    subgroups: tuple[str, ...] = ()
    seeds: int = 1
    rules: tuple[Any, ...] = ()
    training_rows: int = 25_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What a metric found: figures, what it skipped, charts in JSON's types, answered purposes.

    Charts made by `understudy.evaluate.chart` (lines, intervals, rankings) are drawn by the
    report without knowing the metric.
    """

    figures: tuple[Figure, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    charts: Mapping[str, Any] = field(default_factory=dict, repr=False)
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """A metric: one file with a pure measurement and one of these, listed in a tuple.

    Parameters
    ----------
    key, title, group
        As in `Figure`; they name the metric in progress, timings and reasons for skipping.
    measure
        `(tables, settings, rng) -> Measured`. It reads the tables, changes nothing, and draws
        only from `rng`.
    weight
        Its share of the running time relative to the others, for progress.
    per_target
        Whether it is measured once for every target, `settings.target` naming the one.
    """

    key: str
    title: str
    group: str
    measure: Callable[[Tables, Settings, np.random.Generator], Measured]
    weight: float = 1.0
    per_target: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A metric over several synthetic tables: a ranking, or coverage over repeated releases.

    Parameters
    ----------
    key, title, group
        As in `Metric`.
    measure
        `(tables, names, settings, rng) -> Measured`: one `Tables` and one name for every
        synthetic table, in order. It is asked only when there are at least two.
    weight
        As in `Metric`.
    """

    key: str
    title: str
    group: str
    measure: Callable[[Sequence[Tables], Sequence[str], Settings, np.random.Generator], Measured]
    weight: float = 1.0


def plain(value: object) -> Any:
    """Turn numpy scalars, arrays and tuples into JSON's types; a number that is not finite to None.

    >>> plain({"a": (1, float("nan"))})
    {'a': [1, None]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
