"""Privacy: units, events, the accountant, the filter of a run, the ledger, and all noise.

What may not happen here: anything that knows tables, columns or synthesizers. Rows enter only
as integer counts or scores in `mechanisms`, after the charge for them has been written.
"""

from __future__ import annotations

from understudy.privacy.accountant import calibrate_rho, epsilon
from understudy.privacy.budget import (
    DEFAULT_DELTA,
    NON_PRIVATE,
    Budget,
    NonPrivateBudget,
    Promise,
    StageShare,
    check_privacy,
)
from understudy.privacy.events import (
    DpAccountingEvent,
    Event,
    Exponential,
    Gaussian,
    NonPrivate,
    PartitionSelection,
)
from understudy.privacy.ledger import Ledger
from understudy.privacy.ledger_file import default_path
from understudy.privacy.mechanisms import (
    discrete_gaussian,
    exponential_choice,
    partition_threshold,
)
from understudy.privacy.records import AssetRecord, ChargeRecord, Policy, RunRecord, Total
from understudy.privacy.unit import Relation, Unit

__all__ = [
    "DEFAULT_DELTA",
    "NON_PRIVATE",
    "AssetRecord",
    "Budget",
    "ChargeRecord",
    "DpAccountingEvent",
    "Event",
    "Exponential",
    "Gaussian",
    "Ledger",
    "NonPrivate",
    "NonPrivateBudget",
    "PartitionSelection",
    "Policy",
    "Promise",
    "Relation",
    "RunRecord",
    "StageShare",
    "Total",
    "Unit",
    "calibrate_rho",
    "check_privacy",
    "default_path",
    "discrete_gaussian",
    "epsilon",
    "exponential_choice",
    "partition_threshold",
]
