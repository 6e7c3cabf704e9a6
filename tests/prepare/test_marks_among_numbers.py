"""Marks that many cells of a number column hold, such as N for "not applicable", are not lost.

A table of 7,000 rows and 12 columns at ε = 1: noise on a column's range is some 150 rows, and
partition selection at a δ of 10⁻⁹ needs six to seven times its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from understudy.curator import MemoryCurator, NumberCells
from understudy.prepare import domains
from understudy.prepare.learn import Prepared, learn
from understudy.prepare.shares import ODD_LEAST, ODD_MOST, odd_part
from understudy.privacy import Budget
from understudy.schema import Kind, Schema
from understudy.source import from_frame
from understudy.synthesize.baseline.independent import Independent
from understudy.testing.neighbours import neighbours
from understudy.testing.replay import record, replay_all

ROWS, WIDTH, MARKED, FITS, DELTA = 7_000, 12, 1_050, 6, 1e-9


def table(spelling: str) -> pa.Table:
    """Four columns of numbers of which 15 % hold a mark, among twelve."""
    rng = np.random.default_rng(0)
    cells = rng.integers(0, 50, (WIDTH, ROWS)).astype("U9")
    cells[:4, :MARKED] = spelling
    return pa.table({f"column{index}": part for index, part in enumerate(cells)})


def learned(spelling: str) -> tuple[Prepared, Budget]:
    budget = Budget(1.0, DELTA)
    curator = MemoryCurator(from_frame(table(spelling)), budget=budget)
    return learn(curator, Schema(), singles_part=0.4), budget


def lost(prepared: Prepared, spelling: str) -> int:
    """Columns whose mark holds less than half of its rows."""
    count = 0
    for item in prepared.attributes[:4]:
        assert item.kind is Kind.NUMBER
        assert isinstance(item.encoding, NumberCells)
        marks = item.encoding.marks
        held = item.counts[item.encoding.cells + marks.index(spelling)] if spelling in marks else 0
        count += bool(held < MARKED / 2)
    return count


def test_a_letter_is_a_mark_that_nobody_has_to_ask_for() -> None:
    """Its class has one spelling, and its count is 15 times the noise of a class.

    A column that has to be asked is asked in every fit: four marked ones are 24 questions. Noise
    alone makes a value look frequent, and its column asked, in 3 % of columns: 2.2 questions in 72
    on average (400 fits), and more than 12 once in 10⁶ runs.
    """
    asked = 0
    for _ in range(FITS):
        prepared, budget = learned("N")
        assert lost(prepared, "N") == 0
        asked += sum(event.kind == "partition" for event in budget.events)
    assert asked <= 12


def test_a_word_is_found_where_the_classes_say_that_many_cells_are_no_numbers() -> None:
    """Of 24 columns one may be lost; with the usual tenth of a column's share, most are.

    Noise is some 90 rows and the threshold some 580: the mark is five standard deviations above
    it, and a loss in 24 columns comes once in 10⁵ runs, two once in 10¹⁰.
    """
    assert sum(lost(learned("unk")[0], "unk") for _ in range(FITS)) <= 1


def test_no_more_is_spent_than_domains_were_given() -> None:
    for spelling in ("N", "unk"):
        _, budget = learned(spelling)
        assert budget.epsilon_spent() <= 1.0
        assert budget.spent_delta_selection <= budget.delta_selection
        domain = next(share for share in budget.shares if share.stage == "domain")
        assert domain.spent_rho <= domain.planned_rho * (1 + 1e-9)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.02, 0.1, 0.2, 0.5, 1.0])
def test_what_a_search_gets_is_bounded(share: float) -> None:
    part = odd_part(share, ROWS, 6e-5, 1.0, DELTA)
    assert ODD_LEAST <= part <= ODD_MOST


def test_marks_pass_record_and_replay() -> None:
    for spelling in ("N", "unk"):
        source = from_frame(table(spelling))
        recording = record(lambda curator: Independent().fit(curator, Schema()), source)
        for verdict in replay_all(recording, neighbours(source, np.random.default_rng(0))):
            verdict.require()


def test_a_part_taken_from_the_rows_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    source = from_frame(table("unk"))

    def peeking(curator: Any) -> Any:
        rows = curator.inner._table.rows.num_rows
        monkeypatch.setattr(domains, "odd_part", lambda *_: 0.1 + rows / 100_000)
        return Independent().fit(curator, Schema())

    verdicts = replay_all(record(peeking, source), neighbours(source, np.random.default_rng(0)))
    assert not all(verdict.passed for verdict in verdicts)
