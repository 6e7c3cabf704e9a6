"""The benchmark of dense tables: its made tables, and its page."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pandas")
pytest.importorskip("scipy")

from benchmarks.aim.measure import anchors
from benchmarks.dense.page import page
from benchmarks.dense.tables import CASES, MADE, Made


def test_made_tables_are_of_one_population_and_dense() -> None:
    made = Made(columns=5, levels=4, causes=1, explained=(0.5, 0.8), rows=4_000)
    first, same, other = made.draw(0), made.draw(0), made.draw(1)
    for name in first.codes:
        assert np.array_equal(first.codes[name], same.codes[name])
        shares = [np.bincount(one.codes[name], minlength=4) / 4_000 for one in (first, other)]
        assert 0 < np.abs(shares[0] - shares[1]).max() < 0.05
    told = anchors(first.codes, first.sizes)
    assert told["independent columns"]["tvd2"] > 5 * told["two real halves"]["tvd2"]


def test_every_made_table_is_a_case() -> None:
    assert set(MADE) <= {case.name for case in CASES}


def test_the_page_says_where_margnet_loses() -> None:
    row = {"case": "nltcs", "epsilon": 1.0, "seed": 0, "fit_cpu_s": 2.0, "tvd1": 0.1, "tvd3": 0.3}
    told = page(
        [
            {**row, "name": "margnet", "tvd2": 0.2, "day": "2026-01-02"},
            {**row, "name": "aim", "tvd2": 0.1, "fit_cpu_s": 4.0},
            {"case": "nltcs", "epsilon": None, "name": "two real halves", "tvd2": 0.05},
        ]
    )
    assert "0.2000 against 0.1000 (+100 %)" in told
    assert "2.0 against 4.0 (-50 %)" in told
    assert "margnet loses: 2-way to `aim` (0.2000 against 0.1000)." in told
    assert "two real halves" in told
    assert "2026-01-02" in told
