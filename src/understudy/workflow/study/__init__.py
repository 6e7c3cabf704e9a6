"""Studies: many generators, budgets and splits, measured, attacked and laid side by side.

`Study.read` takes a file, `Study.run` does its cells and returns `StudyResults`. What may not
happen here: a synthetic table that is kept, or a figure that leaves as anything but internal.
"""

from __future__ import annotations

from understudy.release.study import StudyResults
from understudy.workflow.study.plan import StudyPlan
from understudy.workflow.study.reading import load_study
from understudy.workflow.study.running import Study

__all__ = ["Study", "StudyPlan", "StudyResults", "load_study"]
