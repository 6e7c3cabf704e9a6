"""Plan a run before anything is charged, from public facts alone.

`facts` are what is public; `stages` and `noise` follow the run's own arithmetic from them;
`prediction` and `effort` say what errors, time and memory to expect, with coefficients found on
public tables; `choice` and `reach` turn that into a synthesizer, advice and the ε needed.

What may not happen here: rows, or a charge.
"""

from __future__ import annotations

from understudy.workflow.planning.agreement import check_agreement
from understudy.workflow.planning.choice import Advice, choose_synthesizer, default_synthesizer
from understudy.workflow.planning.effort import measured_speed
from understudy.workflow.planning.facts import Facts, facts_of
from understudy.workflow.planning.known import Known, known_facts
from understudy.workflow.planning.making import AUTO, plan, plan_of
from understudy.workflow.planning.prediction import Estimate, PairError
from understudy.workflow.planning.reach import Reach, epsilon_for
from understudy.workflow.planning.stages import StagePlan, planned_stages
from understudy.workflow.planning.value import Basis, ColumnPlan, Plan

__all__ = [
    "AUTO",
    "Advice",
    "Basis",
    "ColumnPlan",
    "Estimate",
    "Facts",
    "Known",
    "PairError",
    "Plan",
    "Reach",
    "StagePlan",
    "check_agreement",
    "choose_synthesizer",
    "default_synthesizer",
    "epsilon_for",
    "facts_of",
    "known_facts",
    "measured_speed",
    "plan",
    "plan_of",
    "planned_stages",
]
