"""The only composer: plan, fit, sample, evaluate, release.

Command line, browser and Python call the same verbs from here. What may not happen here: an
algorithm, a chart, or a decision about privacy that belongs further down.
"""

from __future__ import annotations

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
from understudy.workflow.plan import (
    Known,
    StagePlan,
    expected_seconds,
    known_facts,
    planned_stages,
    room_to_release,
)
from understudy.workflow.run import Run, write_release

__all__ = [
    "ORIGINS",
    "Evaluation",
    "Inspection",
    "Item",
    "Job",
    "Known",
    "Run",
    "StagePlan",
    "draft_schema",
    "evaluate",
    "expected_seconds",
    "free_folder",
    "inspect_model",
    "known_facts",
    "load_model",
    "named_synthesizer",
    "open_budget",
    "planned_stages",
    "prepare_job",
    "room_to_release",
    "room_to_sample",
    "run_job",
    "synthesize",
    "write_release",
]
