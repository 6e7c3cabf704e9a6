"""The ways of finding nearest rows agree, so that their times may be compared."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.attacks.distances import WAYS, rows_of


@pytest.mark.parametrize("way", sorted(WAYS))
def test_a_way_gives_the_distances_of_the_formula(way: str) -> None:
    queries, table = rows_of(40, 1), rows_of(300, 2)
    gap = np.abs(queries[0][:, None] - table[0][None]).sum(axis=2)
    known = (gap + (queries[1][:, None] != table[1][None]).sum(axis=2)).min(axis=1) / 15
    assert WAYS[way](queries, table) == pytest.approx(known, abs=1e-5)
