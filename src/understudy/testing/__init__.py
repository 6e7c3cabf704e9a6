"""What a new part must pass: record/replay, conformance suites, neighbours and small tables.

Plain functions that raise AssertionError with a clear text, usable from pytest or a shell by
whoever writes a synthesizer or a curator. What may not happen here: anything a release needs;
these functions read rows and keep exact answers, and belong in tests.
"""

from understudy.testing.attacks import check_attack
from understudy.testing.conformance import (
    check_budget_kept,
    check_model_file,
    check_noise_unseeded,
    check_replay,
    check_sampling,
    check_schema_kept,
    check_synthesizer,
)
from understudy.testing.curators import check_curator
from understudy.testing.metrics import check_metric, golden_tables
from understudy.testing.neighbours import Neighbour, neighbours
from understudy.testing.replay import Recording, Verdict, record, replay, replay_all
from understudy.testing.tables import example_tables

__all__ = [
    "Neighbour",
    "Recording",
    "Verdict",
    "check_attack",
    "check_budget_kept",
    "check_curator",
    "check_metric",
    "check_model_file",
    "check_noise_unseeded",
    "check_replay",
    "check_sampling",
    "check_schema_kept",
    "check_synthesizer",
    "example_tables",
    "golden_tables",
    "neighbours",
    "record",
    "replay",
    "replay_all",
]
