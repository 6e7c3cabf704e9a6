"""What a study file declares: data sets, generators, learners, budgets, and how all are measured.

A plan is a public choice, made before anything is fitted. What may not happen here: a look at
rows, or a path that is opened.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from understudy.schema.column import Frozen

VERSION = 1
"""Of study files; older ones would be read, newer ones are refused."""

SAMPLES = ("fair", "rand-hie", "breast-cancer")
"""Real microdata that dependencies ship, by name."""

MODELS = (
    "LogisticRegression",
    "GaussianNB",
    "RandomForest",
    "AdaBoost",
    "Bagging",
    "GradientBoosting",
    "Ridge",
    "DecisionTree",
)
"""Models of a task, for labels and for numbers."""

TOKENS = ("train", "out", "epsilon", "delta", "rows", "seed", "target")
"""What stands in braces in a command."""

Budget = float
"""An ε; infinite for a fit that promises nothing."""


def _budget(given: object) -> object:
    """`none` for a fit without privacy, else a number."""
    if isinstance(given, str) and given.strip().lower() in {"none", "inf", "non-private"}:
        return math.inf
    return given


Epsilon = Annotated[float, BeforeValidator(_budget), Field(gt=0)]


class DataSet(Frozen):
    """A table to compare on, and the column that models predict.

    Parameters
    ----------
    name
        What results call it.
    sample, path
        Real microdata that a dependency ships, or a file; one of the two. A path is relative to
        the folder of data.
    target
        Column that models predict; None for no task.
    declared
        Path of a schema file beside the study file.
    rows
        Most rows that are used: a random part, the same in every cell.
    drop
        Columns that are left out.
    where
        Where a file that is not there can be had.
    """

    name: str
    sample: Literal["fair", "rand-hie", "breast-cancer"] | None = None
    path: str | None = None
    target: str | None = None
    declared: str | None = None
    rows: Annotated[int, Field(ge=100)] | None = None
    drop: tuple[str, ...] = ()
    where: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> DataSet:
        """A table comes from one place."""
        if (self.sample is None) == (self.path is None):
            raise ValueError("a data set has a sample or a path, one of them")
        return self


class Maker(Frozen):
    """A generator of synthetic rows: one of ours with settings, or a command.

    Parameters
    ----------
    name
        What results call it.
    use
        Name of a synthesizer of ours; by default the entry's own name.
    settings
        Its settings.
    command
        Another program, run once for each fit: it reads `{train}` (CSV) and writes `{out}` (CSV).
    limit
        Seconds a command may take.
    epsilons
        In the place of the study's; `none` is a fit without privacy.
    """

    name: str
    use: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    command: str | None = None
    limit: Annotated[float, Field(gt=0)] = 600.0
    epsilons: tuple[Epsilon, ...] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Maker:
        """A command has no settings of ours, and says where its files are."""
        if self.command is None:
            return self
        if self.use is not None or self.settings:
            raise ValueError("a command has no `use` and no `settings`")
        for token in ("{train}", "{out}"):
            if token not in self.command:
                raise ValueError(f"the command does not say {token}")
        return self


class LearnerEntry(Frozen):
    """A learner that trains on real rows under a budget, beside training on synthetic ones.

    Parameters
    ----------
    name, use, settings, epsilons
        As of a generator.
    """

    name: str
    use: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    epsilons: tuple[Epsilon, ...] | None = None


class Scoring(Frozen):
    """What is measured of every synthetic table.

    Parameters
    ----------
    training_rows
        Most rows that teach a model.
    models
        Models of the task; all that fit the target by default.
    workload
        Columns at a time whose joint distribution is compared.
    pmse_rows
        Most rows of each table that pMSE tells apart; 0 for none.
    sdmetrics
        Whether SDMetrics' column shapes and pair trends are measured.
    k_marginal
        Columns of NIST's k-marginal score; none by default.
    numbers
        Those of them that are cut into twentieths.
    k
        Columns at a time.
    """

    training_rows: Annotated[int, Field(ge=50)] = 4_000
    models: tuple[str, ...] | None = None
    workload: tuple[Annotated[int, Field(ge=1, le=3)], ...] = (1, 2, 3)
    pmse_rows: Annotated[int, Field(ge=0)] = 2_000
    sdmetrics: bool = False
    k_marginal: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    k: Annotated[int, Field(ge=1, le=5)] = 3

    @field_validator("models")
    @classmethod
    def _known_models(cls, given: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Models have names we know."""
        strange = [name for name in given or () if name not in MODELS]
        if strange:
            raise ValueError(f"there is no model {strange[0]!r}; there are {', '.join(MODELS)}")
        return given


class Attacking(Frozen):
    """Membership inference on every fit of the baseline.

    Parameters
    ----------
    candidates
        Most members, and most controls; a third of each chooses threshold and attack.
    """

    candidates: Annotated[int, Field(ge=150, le=20_000)] = 1_500


class StudyPlan(Frozen):
    """A whole study, as its file declares it.

    Parameters
    ----------
    understudy_study
        Version of the file.
    title, about
        For people.
    datasets, synthesizers, learners
        What is compared, on what.
    epsilons, delta
        Budgets of every fit; `none` is a fit without privacy.
    seeds
        Splits and fits of the baseline.
    folds, repeats
        Folds of cross-validation with the generator refitted in each (0 for none), and how often
        they are cut.
    holdout
        Share of the rows that the baseline's fits do not see.
    evaluation, attack
        What is measured; an attack only when it is named.
    """

    understudy_study: Literal[1]
    title: str
    about: str = ""
    datasets: tuple[DataSet, ...]
    synthesizers: tuple[Maker, ...] = ()
    learners: tuple[LearnerEntry, ...] = ()
    epsilons: tuple[Epsilon, ...] = (1.0,)
    delta: Annotated[float, Field(gt=0, lt=0.01)] = 1e-6
    seeds: Annotated[int, Field(ge=1, le=1_000)] = 3
    folds: Annotated[int, Field(ge=0, le=100)] = 0
    repeats: Annotated[int, Field(ge=1, le=100)] = 1
    holdout: Annotated[float, Field(ge=0.05, le=0.9)] = 0.3
    evaluation: Scoring = Scoring()
    attack: Attacking | None = None

    @model_validator(mode="after")
    def _something_to_do(self) -> StudyPlan:
        """Names are told apart, and there is something to compare."""
        if not self.datasets:
            raise ValueError("name at least one data set")
        if not self.synthesizers and not self.learners:
            raise ValueError("name at least one synthesizer or learner")
        names = [one.name for one in self.synthesizers] + [one.name for one in self.learners]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"a synthesizer and a learner are both called {twice!r}")
        if self.folds == 1:
            raise ValueError("folds is at least 2, or 0 for none")
        if len(set(self.epsilons)) < len(self.epsilons) or not self.epsilons:
            raise ValueError("name epsilons, each once")
        return self

    def budgets(self, entry: Maker | LearnerEntry) -> tuple[float, ...]:
        """The ε of every fit of an entry."""
        return self.epsilons if entry.epsilons is None else entry.epsilons
