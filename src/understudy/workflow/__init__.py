"""The only composer: plan, fit, sample, evaluate, release.

Command line, browser and Python call the same verbs from here. What may not happen here: an
algorithm, a chart, or a decision about privacy that belongs further down.
"""

from __future__ import annotations

from understudy.workflow.cross_validation import cross_validate
from understudy.workflow.drafting import draft_schema
from understudy.workflow.evaluation import Evaluation, evaluate, free_folder
from understudy.workflow.inspection import ORIGINS, Inspection, Item, inspect_model
from understudy.workflow.main_job import (
    Job,
    named_synthesizer,
    open_budget,
    prepare_job,
    run_job,
    synthesize,
)
from understudy.workflow.models import load_model, room_to_sample
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
