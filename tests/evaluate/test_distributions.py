"""Chart material by hand: bins, outer bins, labels, missing and unseen."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from understudy.evaluate.columns import Column, read_tables
from understudy.evaluate.distributions import bin_edges, distribution


def test_bins_by_hand_with_values_beyond_and_missing() -> None:
    column = Column(
        name="a",
        kind="numeric",
        train=np.array([1.0, 2.0, 2.0, 3.0]),
        holdout=None,
        synthetic=np.array([-50.0, 3.0, 99.0, np.nan]),
        whole=True,
    )
    shown = distribution(column)
    assert shown.edges == (0.5, 1.5, 2.5, 3.5)
    assert shown.real == (0.25, 0.5, 0.25)
    assert shown.synthetic == (0.25, 0.0, 0.5)
    assert shown.missing == (0.0, 0.25)


@pytest.mark.parametrize("whole", [True, False])
def test_bins_are_few_and_leave_out_the_tails(whole: bool) -> None:
    values = np.concatenate([np.arange(1000.0), [1e9]])
    edges = bin_edges(values, whole=whole)
    assert len(edges) <= 25
    assert edges[-1] < 2000


def test_numbers_used_as_labels_stand_by_frequency() -> None:
    table = pa.table({"a": ["3", "1", "1", "2", "2", "2"] * 10})
    (column,) = read_tables(table, None, table, rng=np.random.default_rng(0)).columns
    assert column.levels == ("2", "1", "3")
    assert column.train[:3].tolist() == [2, 1, 1]
    assert distribution(column).real == pytest.approx((1 / 2, 1 / 3, 1 / 6))
