"""Purposes: what a release is for, declared before anything is generated.

A set of purposes is a contract between the steward and the recipient: tables, regressions,
classifiers and figures of subgroups, each with a weight and a tolerance. It is a public choice;
it steers where the budget goes, and the evidence answers each purpose. What may not happen here:
a look at rows.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from understudy.schema.column import Frozen, Label
from understudy.schema.tolerances import (
    ClassifierTolerance,
    RegressionTolerance,
    SubgroupTolerance,
    TableTolerance,
)

MOST_TOGETHER = 8
"""Most columns of one table."""

CLASSIFIERS = (
    "LogisticRegression",
    "GaussianNB",
    "RandomForest",
    "AdaBoost",
    "Bagging",
    "GradientBoosting",
)
"""Classifiers that a purpose may name."""

Margin = tuple[tuple[str, ...], float]
"""Columns counted together and how much the table matters, above 0."""

_Number = Annotated[float, Field(allow_inf_nan=False)]


class Cuts(Frozen):
    """Where a number column is cut into classes: ascending upper ends, exclusive."""

    column: str
    at: tuple[_Number, ...] = Field(min_length=1, max_length=100)

    @field_validator("at")
    @classmethod
    def _ascending(cls, at: tuple[float, ...]) -> tuple[float, ...]:
        """Refuse cuts out of order."""
        if any(after <= before for before, after in itertools.pairwise(at)):
            raise ValueError("cuts ascend, each once")
        return at


class _Purpose(Frozen):
    """What every purpose says."""

    name: str = Field(min_length=1, max_length=200)
    weight: float = Field(default=1.0, ge=0, le=1000, allow_inf_nan=False)
    note: str | None = None

    @property
    def columns_named(self) -> tuple[str, ...]:
        """Columns it speaks of, each once."""
        raise NotImplementedError

    def margins(self, names: Sequence[str]) -> Iterator[Margin]:
        """Tables it rests on, for a table with these columns, each with a weight up to 1."""
        raise NotImplementedError


class _Grouped(_Purpose):
    """A purpose that speaks of classes and groups of rows."""

    by: tuple[Label, ...] = Field(default=(), max_length=4)
    bins: int = Field(default=10, ge=2, le=100)
    cuts: tuple[Cuts, ...] = ()
    fewest: int = Field(default=30, ge=1)

    @field_validator("by", mode="before")
    @classmethod
    def _one_or_more(cls, by: object) -> object:
        """Accept one name for a list of one."""
        return (by,) if isinstance(by, str) else by

    @field_validator("cuts", mode="before")
    @classmethod
    def _by_column(cls, cuts: object) -> object:
        """Accept a mapping of columns to cuts."""
        if isinstance(cuts, Mapping):
            return tuple({"column": name, "at": at} for name, at in cuts.items())
        return cuts

    @model_validator(mode="after")
    def _cut_once(self) -> _Grouped:
        """Refuse a column that is named twice, and cuts of a column that is not named."""
        named = list(self._listed())
        if len(set(named)) < len(named):
            raise ValueError("a column is named twice")
        cut = [cuts.column for cuts in self.cuts]
        if len(set(cut)) < len(cut) or not set(cut) <= set(named):
            raise ValueError("cuts are given once, for columns of the purpose")
        return self

    def _listed(self) -> tuple[str, ...]:
        """Columns as listed, repeated ones included."""
        raise NotImplementedError

    @property
    def columns_named(self) -> tuple[str, ...]:
        """Columns it speaks of."""
        return self._listed()

    def edges(self, column: str) -> tuple[float, ...] | None:
        """Declared cuts of a column, if any."""
        return next((cuts.at for cuts in self.cuts if cuts.column == column), None)


class TablePurpose(_Grouped):
    """A table: the joint distribution of some columns, or all their k-way margins.

    Parameters
    ----------
    columns
        One to eight columns.
    ways
        Instead of the one joint table, all tables of so many of the columns.
    by
        Grouping columns: the tolerance then holds within every group.
    bins, cuts
        Numbers are cut into so many classes of about equal real counts, or at declared cuts.
    fewest
        Groups with fewer real rows are not judged.
    tolerance
        `tvd`, `cell_share`, or both.

    >>> purpose = TablePurpose(name="t", columns=["a", "b", "c"], ways=2, tolerance={"tvd": 0.05})
    >>> [margin for margin, _ in purpose.margins("abc")]
    [('a', 'b'), ('a', 'c'), ('b', 'c')]
    """

    kind: Literal["table"] = "table"
    columns: tuple[Label, ...] = Field(min_length=1, max_length=32)
    ways: int | None = Field(default=None, ge=1, le=MOST_TOGETHER)
    tolerance: TableTolerance

    @model_validator(mode="after")
    def _fits(self) -> TablePurpose:
        """Refuse a table of too many columns."""
        size = self.ways or len(self.columns)
        if size > len(self.columns):
            raise ValueError(f"ways is {size}, but only {len(self.columns)} columns are named")
        if size + len(self.by) > MOST_TOGETHER:
            raise ValueError(
                f"a table has at most {MOST_TOGETHER} columns, those of `by` included; "
                "ask for its margins with `ways`"
            )
        return self

    def _listed(self) -> tuple[str, ...]:
        return (*self.columns, *self.by)

    @property
    def tables(self) -> tuple[tuple[str, ...], ...]:
        """The tables, each without the grouping columns."""
        return tuple(itertools.combinations(self.columns, self.ways or len(self.columns)))

    def margins(self, names: Sequence[str]) -> Iterator[Margin]:
        """Every table with its grouping columns."""
        for table in self.tables:
            yield (*table, *self.by), 1.0

    @property
    def sentence(self) -> str:
        """What it asks for, in words."""
        what = " × ".join(self.columns)
        if self.ways is not None and self.ways < len(self.columns):
            what = f"every {self.ways} of {', '.join(self.columns)}"
        return f"table of {what}" + (f", by {' × '.join(self.by)}" if self.by else "")


class _Outcome(_Purpose):
    """A purpose with an outcome that may be made yes or no."""

    equals: Label | None = None
    above: _Number | None = None

    @model_validator(mode="after")
    def _one_way(self) -> _Outcome:
        """Refuse two ways to make an outcome yes or no."""
        if self.equals is not None and self.above is not None:
            raise ValueError("give `equals` or `above`, not both")
        return self

    @property
    def yes(self) -> str:
        """How an outcome becomes yes or no, in words; empty when it does not."""
        if self.equals is not None:
            return f" = {self.equals}"
        return "" if self.above is None else f" > {self.above:g}"


class RegressionPurpose(_Outcome):
    """A regression of an outcome on predictors.

    Parameters
    ----------
    outcome
        The dependent variable; for `logistic` made yes or no by `equals` (a label) or `above`.
    predictors
        One to thirty columns: numbers enter as they are, labels as indicators.
    model
        `linear` or `logistic`.
    tolerance
        `interval_overlap`, `same_conclusion`, `coefficient_difference`.

    >>> purpose = RegressionPurpose(name="r", outcome="y", predictors=["a", "b"],
    ...     tolerance={"interval_overlap": 0.5})
    >>> list(purpose.margins("yab"))
    [(('y', 'a'), 1.0), (('y', 'b'), 1.0)]
    """

    kind: Literal["regression"] = "regression"
    outcome: Label
    predictors: tuple[Label, ...] = Field(min_length=1, max_length=30)
    model: Literal["linear", "logistic"] = "linear"
    tolerance: RegressionTolerance

    @model_validator(mode="after")
    def _sound(self) -> RegressionPurpose:
        """Refuse a predictor named twice, and an outcome that does not fit the model."""
        if len({self.outcome, *self.predictors}) <= len(self.predictors):
            raise ValueError("outcome and predictors are different columns, each named once")
        if (self.model == "logistic") != bool(self.yes):
            raise ValueError(
                "a logistic model needs `equals` or `above`, which say when the outcome is yes"
                if self.model == "logistic"
                else "`equals` and `above` belong to a logistic model"
            )
        return self

    @property
    def columns_named(self) -> tuple[str, ...]:
        """The outcome and the predictors."""
        return (self.outcome, *self.predictors)

    def margins(self, names: Sequence[str]) -> Iterator[Margin]:
        """Outcome with every predictor."""
        return _centred(self.outcome, self.predictors)

    @property
    def sentence(self) -> str:
        """What it asks for, in words."""
        return f"{self.model} regression: {self.outcome}{self.yes} ~ {' + '.join(self.predictors)}"


class ClassifierPurpose(_Outcome):
    """Classifiers that predict a target.

    Parameters
    ----------
    target
        The column to predict; `equals` (a label) or `above` (a number) make it yes or no.
    predictors
        Columns to predict from; by default all others.
    models
        Names of classifiers; their mean counts.
    tolerance
        `auc_gap`.
    """

    kind: Literal["classifier"] = "classifier"
    target: Label
    predictors: tuple[Label, ...] = ()
    models: tuple[
        Literal[
            "LogisticRegression",
            "GaussianNB",
            "RandomForest",
            "AdaBoost",
            "Bagging",
            "GradientBoosting",
        ],
        ...,
    ] = Field(default=("LogisticRegression", "RandomForest", "GradientBoosting"), min_length=1)
    tolerance: ClassifierTolerance

    @model_validator(mode="after")
    def _sound(self) -> ClassifierPurpose:
        """Refuse a column or a classifier named twice."""
        if len({self.target, *self.predictors}) <= len(self.predictors):
            raise ValueError("target and predictors are different columns, each named once")
        if len(set(self.models)) < len(self.models):
            raise ValueError("a classifier is named twice")
        return self

    @property
    def columns_named(self) -> tuple[str, ...]:
        """The target and the predictors it names."""
        return (self.target, *self.predictors)

    def margins(self, names: Sequence[str]) -> Iterator[Margin]:
        """Target with every predictor."""
        others = self.predictors or tuple(name for name in names if name != self.target)
        return _centred(self.target, others)

    @property
    def sentence(self) -> str:
        """What it asks for, in words."""
        given = ", ".join(self.predictors) or "all other columns"
        return f"classifiers of {self.target}{self.yes} from {given}"


class SubgroupPurpose(_Grouped, _Outcome):
    """A mean, median or share of one variable in every subgroup.

    Parameters
    ----------
    statistic
        `mean`, `median`, or `share` (of rows where the variable `equals` a label or lies
        `above` a number).
    variable
        The column it is taken of.
    by
        Grouping columns; none for the whole table.
    tolerance
        `absolute`, `relative`, or both.

    >>> SubgroupPurpose(name="s", statistic="mean", variable="pay", by="sex",
    ...     tolerance={"relative": 0.1}).sentence
    'mean of pay by sex'
    """

    kind: Literal["subgroup"] = "subgroup"
    statistic: Literal["mean", "median", "share"] = "mean"
    variable: Label
    tolerance: SubgroupTolerance

    @model_validator(mode="after")
    def _sound(self) -> SubgroupPurpose:
        """Refuse a share of nothing, and a mean of yes and no."""
        if (self.statistic == "share") != bool(self.yes):
            raise ValueError(
                "a share needs `equals` or `above`, which say what is counted"
                if self.statistic == "share"
                else "`equals` and `above` belong to the statistic `share`"
            )
        return self

    def _listed(self) -> tuple[str, ...]:
        return (self.variable, *self.by)

    def margins(self, names: Sequence[str]) -> Iterator[Margin]:
        """The variable with its groups."""
        yield (self.variable, *self.by), 1.0

    @property
    def sentence(self) -> str:
        """What it asks for, in words."""
        groups = f" by {', '.join(self.by)}" if self.by else ""
        return f"{self.statistic} of {self.variable}{self.yes}{groups}"


Purpose = Annotated[
    TablePurpose | RegressionPurpose | ClassifierPurpose | SubgroupPurpose,
    Field(discriminator="kind"),
]
"""One purpose, told by its `kind`."""

KINDS: dict[str, type[_Purpose]] = {
    "table": TablePurpose,
    "regression": RegressionPurpose,
    "classifier": ClassifierPurpose,
    "subgroup": SubgroupPurpose,
}
"""The kinds of purposes."""


class Purposes(Frozen):
    """What a release is for: purposes with weights and tolerances.

    Parameters
    ----------
    purposes
        At least one; names differ.
    floor
        What a pair of columns weighs that no purpose names, beside a purpose of weight 1; 0 to 1.
        At 0 such pairs are left to the synthesizer.

    >>> Purposes(purposes=[{"name": "t", "kind": "table", "columns": ["a"],
    ...     "tolerance": {"tvd": 0.05}}]).columns
    ('a',)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    purposes: tuple[Purpose, ...] = Field(min_length=1, max_length=500)
    floor: float = Field(default=0.5, ge=0, le=1, allow_inf_nan=False)

    @model_validator(mode="after")
    def _named_once(self) -> Purposes:
        """Refuse two purposes of one name, and a contract in which nothing counts."""
        names = [purpose.name for purpose in self.purposes]
        twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
        if twice is not None:
            raise ValueError(f"two purposes are named {twice!r}")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that purposes name, in order of appearance."""
        named = itertools.chain.from_iterable(p.columns_named for p in self.purposes)
        return tuple(dict.fromkeys(named))

    def margins(self, names: Sequence[str]) -> dict[tuple[str, ...], float]:
        """Every table the purposes rest on with its weight; tables of several add up.

        Parameters
        ----------
        names
            Columns of the table; tables with others are left out.
        """
        place = {name: index for index, name in enumerate(names)}
        found: dict[tuple[str, ...], float] = {}
        for purpose in self.purposes:
            for margin, share in purpose.margins(names):
                known = all(name in place for name in margin)
                if known and purpose.weight > 0:
                    key = tuple(sorted(margin, key=place.__getitem__))
                    found[key] = found.get(key, 0.0) + share * purpose.weight
        return found


def told(value: Any) -> str:
    """A number of a purpose as text.

    >>> told(0.05), told(3.0)
    ('0.05', '3')
    """
    return f"{value:g}" if isinstance(value, float) and math.isfinite(value) else str(value)


def _centred(outcome: str, predictors: Sequence[str]) -> Iterator[Margin]:
    """Outcome with every predictor."""
    for one in predictors:
        yield (outcome, one), 1.0
