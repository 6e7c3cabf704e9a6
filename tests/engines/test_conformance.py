"""Every engine counts as brute force does, and a fit on it survives record and replay."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from tests.engines.places import Place

from understudy.curator import Curator
from understudy.privacy import Unit
from understudy.schema import Schema
from understudy.source import from_frame
from understudy.synthesize.marginal.aim import AIM
from understudy.synthesize.marginal.margnet import MargNet
from understudy.synthesize.marginal.mst import MST
from understudy.synthesize.model import Model
from understudy.synthesize.protocol import Synthesizer
from understudy.testing import check_curator, neighbours, record, replay_all
from understudy.testing.curators import (
    check_charged_first,
    check_exact_answers,
    check_one_row_one_cell,
    check_refuses_first,
    check_says_nothing,
    check_unit_bounded,
    odd_table,
)
from understudy.testing.tables import survey, typed, visits

pytestmark = pytest.mark.engines

# A Spark job takes half a second however few its rows are: what differs between policies is
# shown on the other engines.
POLICIES = [
    *(
        (engine, policy)
        for engine in ("postgres", "duck")
        for policy in ("auto", "count", "stream")
    ),
]


@pytest.mark.parametrize(("engine", "policy"), POLICIES)
def test_conformance(engine: str, policy: str, request: pytest.FixtureRequest) -> None:
    place: Place = request.getfixturevalue(engine)
    # A text of PostgreSQL cannot hold the character NUL at all.
    check_curator(place.curator(policy), odd=odd_table(nul=engine != "postgres"))


def test_conformance_of_spark(spark: Place) -> None:
    """The same checks; rows alone are a handful of the oddest."""
    factory, odd = spark.curator("auto"), odd_table()
    check_exact_answers(factory, odd)
    check_one_row_one_cell(factory, odd.with_rows(odd.rows.slice(2, 4)))
    check_charged_first(factory, odd)
    check_refuses_first(factory, odd)
    check_unit_bounded(factory)
    check_says_nothing(factory)


@pytest.mark.parametrize("maker", [MST, AIM, MargNet])
@pytest.mark.parametrize("example", ["survey", "typed", "visits"])
def test_replay(place: Place, example: str, maker: Callable[[], Synthesizer]) -> None:
    if (place.name == "spark" or maker is not MST) and example != "visits":
        pytest.skip("text and types are replayed with MST on the engines that are fast")
    rng = np.random.default_rng(5)
    unit = Unit(column="patient", max_rows=3) if example == "visits" else Unit()
    rows = {"survey": survey, "typed": typed, "visits": visits}[example](rng)
    if example == "survey":
        rows = rows.drop_columns(["email"])

    def fit(curator: Curator) -> Model:
        return maker().fit(curator, Schema())

    kept = 150 if place.name != "spark" else 60
    recording = record(
        fit, from_frame(rows.slice(0, kept)), unit=unit, curator=place.curator("auto")
    )
    found = list(neighbours(recording.table, rng, unit, odd=2))
    found = found if place.name != "spark" else found[:2]
    if place.name == "postgresql":
        found = [other for other in found if _fits_postgresql(other.table.rows)]
    verdicts = replay_all(recording, found, curator=place.curator("auto"))
    for verdict in verdicts:
        verdict.require()
    assert len(verdicts) > 1


def _fits_postgresql(rows: pa.Table) -> bool:
    """Whether a server can hold every cell: no NUL, no moment beyond the calendar."""
    try:
        cells = [cell for column in rows.columns for cell in column.to_pylist()]
    except (OverflowError, ValueError):
        return False
    return not any(isinstance(cell, str) and "\0" in cell for cell in cells)
