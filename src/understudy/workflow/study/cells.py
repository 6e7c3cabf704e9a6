"""The cells of a study: every data set, generator or learner, budget, seed and fold, in order.

A cell's coordinates hold digests of what it depends on (the rows' origin, the settings, how it is
measured), so that a study whose file changes keeps the cells that the change does not touch. What
may not happen here: a look at rows.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from understudy.synthesize import SYNTHESIZERS
from understudy.workflow.study.plan import DataSet, LearnerEntry, Maker, StudyPlan
from understudy.workflow.study.reading import build, learners

REAL = "real"
"""The method of cells about real rows alone: computed once for each data set and split."""

Cell = dict[str, Any]


def cells_of(plan: StudyPlan) -> list[Cell]:
    """Every cell: baselines first, real rows before what is compared with them.

    Parameters
    ----------
    plan
        The study; data sets that are not there are left out of it by the caller.

    >>> from understudy.workflow.study.reading import loads_study
    >>> made = cells_of(loads_study('''
    ... understudy_study: 1
    ... title: One
    ... datasets: {marriages: {sample: fair, target: affair}}
    ... synthesizers: {mst: }
    ... epsilons: [1, none]
    ... seeds: 1
    ... '''))
    >>> [(cell["kind"], cell["method"], cell["epsilon"]) for cell in made]
    [('real', 'real', ''), ('synthesizer', 'mst', '1'), ('synthesizer', 'mst', 'none')]
    """
    return [cell for split in splits_of(plan) for cell in _of_split(plan, *split)]


def splits_of(plan: StudyPlan) -> list[tuple[int, int]]:
    """(seed, fold) of every split: fold 0 is the baseline, others are of cross-validation.

    The first repetition of the folds follows the second seed: a study that is stopped early has
    both halves of its tables.
    """
    baseline = [(seed, 0) for seed in range(plan.seeds)]
    folds = [
        (repeat, fold) for repeat in range(plan.repeats) for fold in range(1, plan.folds + 1)
    ] if plan.folds else []  # fmt: skip
    first = min(2, len(baseline))
    return [*baseline[:first], *folds[: plan.folds], *baseline[first:], *folds[plan.folds :]]


def _of_split(plan: StudyPlan, seed: int, fold: int) -> Iterator[Cell]:
    """The cells of one split of every data set."""
    measured = digest_of(plan.evaluation.model_dump(mode="json"))
    attack = plan.attack.model_dump(mode="json") if plan.attack and not fold else None
    for data in plan.datasets:
        place = {
            "dataset": data.name,
            "seed": seed,
            "fold": fold,
            "data": digest_of(
                data.model_dump(mode="json", exclude={"name", "where"})
                | ({"holdout": plan.holdout} if not fold else {"folds": plan.folds})
            ),
            "measured": digest_of({"evaluation": measured, "attack": attack}),
        }
        yield {**place, "kind": REAL, "method": REAL, "epsilon": "", "settings": ""}
        for entry in plan.synthesizers:
            for epsilon in plan.budgets(entry):
                yield {
                    **place, "kind": "synthesizer", "method": entry.name,
                    "epsilon": spell_epsilon(epsilon), "settings": _settings(plan, entry),
                }  # fmt: skip
        if data.target is None:
            continue
        for learner in plan.learners:
            for epsilon in dict.fromkeys((math.inf, *plan.budgets(learner))):
                yield {
                    **place, "kind": "learner", "method": learner.name,
                    "epsilon": spell_epsilon(epsilon), "settings": _settings(plan, learner),
                }  # fmt: skip


def _settings(plan: StudyPlan, entry: Maker | LearnerEntry) -> str:
    """Digest of an entry with every setting, those by default too, and δ."""
    told = entry.model_dump(mode="json", exclude={"name", "epsilons", "limit"})
    if isinstance(entry, LearnerEntry):
        known = learners()
        told["settings"] = _resolved(build(entry, known, epsilon=1.0))
    elif entry.command is None:
        told["settings"] = _resolved(build(entry, {one.name: one for one in SYNTHESIZERS()}))
    return digest_of({**told, "use": entry.use or entry.name, "delta": plan.delta})


def _resolved(made: object) -> dict[str, str]:
    """Every setting of a synthesizer or learner as text."""
    if is_dataclass(made) and not isinstance(made, type):
        return {one.name: repr(getattr(made, one.name)) for one in fields(made)}
    names = inspect.signature(type(made)).parameters
    return {name: repr(getattr(made, name, None)) for name in names}


def digest_of(told: object) -> str:
    """Twelve letters that tell declarations apart."""
    text = json.dumps(told, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def spell_epsilon(epsilon: float) -> str:
    """An ε as coordinates spell it.

    >>> spell_epsilon(0.5), spell_epsilon(math.inf)
    ('0.5', 'none')
    """
    return "none" if math.isinf(epsilon) else f"{epsilon:.12g}"


def read_epsilon(text: str) -> float | None:
    """The ε of a cell: infinite without privacy, None for real rows."""
    if not text:
        return None
    return math.inf if text == "none" else float(text)


def entry_of(plan: StudyPlan, cell: Mapping[str, Any]) -> Maker | LearnerEntry:
    """The generator or learner of a cell."""
    named: tuple[Maker | LearnerEntry, ...] = (*plan.synthesizers, *plan.learners)
    return next(one for one in named if one.name == cell["method"])


def data_of(plan: StudyPlan, cell: Mapping[str, Any]) -> DataSet:
    """The data set of a cell."""
    return next(one for one in plan.datasets if one.name == cell["dataset"])
