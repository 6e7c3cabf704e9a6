"""The only composer: plan, fit, sample, evaluate, release.

Command line, browser and Python call the same verbs from here. Names are looked up when they are
first used (PEP 562): an evaluation need not wait for what plans and fits. What may not happen
here: an algorithm, a chart, or a decision about privacy that belongs further down.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from understudy.workflow.cross_validation import cross_validate
    from understudy.workflow.drafting import draft_schema
    from understudy.workflow.evaluation import Evaluation, evaluate, free_folder
    from understudy.workflow.inspection import ORIGINS, Inspection, Item, inspect_model
    from understudy.workflow.main_job import (
        Job,
        open_budget,
        prepare_job,
        run_job,
        synthesize,
    )
    from understudy.workflow.models import load_model, room_to_sample
    from understudy.workflow.named import named_synthesizer
    from understudy.workflow.places import as_place
    from understudy.workflow.planning import (
        Known,
        Plan,
        StagePlan,
        choose_synthesizer,
        known_facts,
        plan,
        plan_of,
    )
    from understudy.workflow.room import room_to_release
    from understudy.workflow.run import Run, write_release

_HOMES = {
    "Evaluation": "understudy.workflow.evaluation",
    "Inspection": "understudy.workflow.inspection",
    "Item": "understudy.workflow.inspection",
    "Job": "understudy.workflow.main_job",
    "Known": "understudy.workflow.planning",
    "ORIGINS": "understudy.workflow.inspection",
    "Plan": "understudy.workflow.planning",
    "Run": "understudy.workflow.run",
    "StagePlan": "understudy.workflow.planning",
    "as_place": "understudy.workflow.places",
    "choose_synthesizer": "understudy.workflow.planning",
    "cross_validate": "understudy.workflow.cross_validation",
    "draft_schema": "understudy.workflow.drafting",
    "evaluate": "understudy.workflow.evaluation",
    "free_folder": "understudy.workflow.evaluation",
    "inspect_model": "understudy.workflow.inspection",
    "known_facts": "understudy.workflow.planning",
    "load_model": "understudy.workflow.models",
    "named_synthesizer": "understudy.workflow.named",
    "open_budget": "understudy.workflow.main_job",
    "plan": "understudy.workflow.planning",
    "plan_of": "understudy.workflow.planning",
    "prepare_job": "understudy.workflow.main_job",
    "room_to_release": "understudy.workflow.room",
    "room_to_sample": "understudy.workflow.models",
    "run_job": "understudy.workflow.main_job",
    "synthesize": "understudy.workflow.main_job",
    "write_release": "understudy.workflow.run",
}
"""Which module each name lives in."""

__all__ = [
    "ORIGINS",
    "Evaluation",
    "Inspection",
    "Item",
    "Job",
    "Known",
    "Plan",
    "Run",
    "StagePlan",
    "as_place",
    "choose_synthesizer",
    "cross_validate",
    "draft_schema",
    "evaluate",
    "free_folder",
    "inspect_model",
    "known_facts",
    "load_model",
    "named_synthesizer",
    "open_budget",
    "plan",
    "plan_of",
    "prepare_job",
    "room_to_release",
    "room_to_sample",
    "run_job",
    "synthesize",
    "write_release",
]


def __getattr__(name: str) -> Any:
    """Import what a name stands for, once."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    found = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found
