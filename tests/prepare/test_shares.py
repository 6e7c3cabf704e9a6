"""How single columns share with pairs: by rows over noise, never by anything that was not paid for."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.curator import MemoryCurator
from understudy.prepare.learn import learn
from understudy.prepare.shares import FEW, RICH, part_of_singles
from understudy.privacy import Budget
from understudy.schema import Schema
from understudy.source import from_frame


@given(
    rows=st.lists(st.floats(0.0, 1e9), min_size=2, max_size=2).map(sorted),
    rho=st.floats(1e-6, 50.0),
    few=st.floats(0.01, 1.0),
    rich=st.floats(0.01, 1.0),
)
def test_the_part_lies_between_its_ends_and_goes_one_way(
    rows: list[float], rho: float, few: float, rich: float
) -> None:
    parts = [part_of_singles(n, rho, 1.0, few=few, rich=rich) for n in rows]
    assert all(min(few, rich) - 1e-9 <= part <= max(few, rich) + 1e-9 for part in parts)
    assert (parts[1] - parts[0]) * (rich - few) >= -1e-9
    assert part_of_singles(rows[0], rho, 1.0, few=few, rich=None) == few


def test_the_ends_are_where_they_are_said_to_be() -> None:
    for signal, part in ((FEW, 0.9), (RICH, 0.6), (2 * RICH, 0.6), (0.5 * FEW, 0.9)):
        assert part_of_singles(signal, 0.5, 1.0, few=0.9, rich=0.6) == pytest.approx(part)
        assert part_of_singles(4 * signal, 0.5, 4.0, few=0.9, rich=0.6) == pytest.approx(part)


@pytest.mark.parametrize(("rows", "part"), [(60, 0.9), (6_000, 0.6)])
def test_what_single_columns_get_is_charged_to_them(rows: int, part: float) -> None:
    rng = np.random.default_rng(0)
    cells = {name: rng.choice(["a", "b", "c"], rows).tolist() for name in "xyz"}
    table = from_frame(pa.table(cells))
    charged = []
    for rich in (None, 0.6):
        budget = Budget(20.0)
        learn(MemoryCurator(table, budget=budget), Schema(), singles_part=0.9, rich_part=rich)
        singles = [event.rho or 0.0 for event in budget.events if event.stage == "singles"]
        charged.append(sum(singles) / budget.rho)
    assert charged[1] / charged[0] == pytest.approx(part / 0.9, rel=0.15 if part == 0.9 else 0.02)
