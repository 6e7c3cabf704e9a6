"""The only composer: plan, fit, sample, evaluate, release.

Command line, browser and Python call the same verbs from here. What may not happen here: an
algorithm, a chart, or a decision about privacy that belongs further down.
"""

from __future__ import annotations

from understudy.workflow.main_job import Job, prepare_job, run_job, synthesize
from understudy.workflow.run import Run

__all__ = ["Job", "Run", "prepare_job", "run_job", "synthesize"]
