"""The only composer: plan, fit, sample, evaluate, release.

Command line, browser and Python call the same verbs from here. What may not happen here: an
algorithm, a chart, or a decision about privacy that belongs further down.
"""

from __future__ import annotations

from understudy.workflow.main_job import Job, open_budget, prepare_job, run_job, synthesize
from understudy.workflow.plan import (
    Known,
    StagePlan,
    expected_seconds,
    known_facts,
    planned_stages,
)
from understudy.workflow.run import Run, write_release

__all__ = [
    "Job",
    "Known",
    "Run",
    "StagePlan",
    "expected_seconds",
    "known_facts",
    "open_budget",
    "planned_stages",
    "prepare_job",
    "run_job",
    "synthesize",
    "write_release",
]
