"""Discretisation from noisy histograms: cuts, ranges, combination of rounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import InternalError
from understudy.prepare.discretise import (
    Round,
    combine,
    magnitude_edges,
    occupied,
    split,
    to_simplex,
)


@pytest.mark.parametrize("unit", [None, 1.0, 0.01])
def test_the_first_cut_is_public_and_covers_the_line(unit: float | None) -> None:
    edges = magnitude_edges(unit)
    assert np.all(np.diff(edges) > 0)
    assert edges[0] < -1e15 * (unit or 1)
    assert edges[-1] > 1e15 * (unit or 1)
    assert np.array_equal(edges, magnitude_edges(unit))


def test_a_range_covers_what_is_occupied_and_one_cell_more() -> None:
    counts = np.zeros(30)
    counts[10:14] = 500.0
    assert occupied(counts, 5.0) == (9, 14)
    assert occupied(np.zeros(5), 5.0) == (0, 4)
    edge = np.zeros(5)
    edge[0] = edge[4] = 100.0
    assert occupied(edge, 5.0) == (0, 4)


def test_when_nothing_stands_out_a_run_of_small_numbers_beats_one_huge_one() -> None:
    edges = magnitude_edges(1.0)
    counts = np.zeros(len(edges) - 1)
    small = int(np.searchsorted(edges, 1.0))
    counts[small : small + 4] = (1.0, 1.5, 2.4, 2.4)
    for far in (small + 40, small - 30):
        noisy = counts.copy()
        noisy[far] = 3.5
        first, last = occupied(noisy, 1.0, edges)
        assert edges[first] >= -1
        assert edges[last + 1] <= 64


def test_a_single_noisy_spike_far_away_is_not_a_range() -> None:
    counts = np.zeros(100)
    counts[20] = 1_000.0
    counts[90] = 3.0 * 7.0
    assert occupied(counts, 7.0) == (19, 21)


@settings(max_examples=80, deadline=None)
@given(
    counts=st.lists(st.floats(-50, 5_000), min_size=1, max_size=12),
    target=st.floats(1.0, 500.0),
    unit=st.sampled_from([None, 1.0]),
)
def test_cuts_refine_and_know_their_parents(
    counts: list[float], target: float, unit: float | None
) -> None:
    edges = np.cumsum(np.r_[0.0, 2.0 ** np.arange(len(counts))])
    fine, parents = split(edges, np.array(counts), target=target, unit=unit, signal=4 * target)
    assert np.all(np.diff(fine) > 0)
    assert set(edges) <= set(fine)
    assert len(parents) == len(fine) - 1
    assert sorted(set(parents.tolist())) == list(range(len(counts)))
    for cell, parent in enumerate(parents):
        assert edges[parent] <= fine[cell] < fine[cell + 1] <= edges[parent + 1]
    if unit is not None:
        assert np.array_equal(fine, np.rint(fine))


@pytest.mark.parametrize("points", [3, 121, 1_001, 99_991])
def test_a_range_of_any_width_is_cut(points: int) -> None:
    fine, _ = split(np.array([0.0, points]), np.array([6_400.0]), target=100.0, unit=1.0)
    assert min(points, 64) <= len(fine) - 1 <= min(points, 96)
    widths = np.diff(fine)
    assert widths.max() - widths.min() <= 1
    assert np.array_equal(fine, np.rint(fine))


@settings(max_examples=80, deadline=None)
@given(values=st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=40), total=st.floats(0.0, 1e5))
def test_the_simplex_is_reached(values: list[float], total: float) -> None:
    found = to_simplex(np.array(values), total)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(total, rel=1e-6, abs=1e-6)


def test_the_simplex_keeps_order_and_what_is_on_it() -> None:
    values = np.array([3.0, -1.0, 2.0])
    assert np.allclose(to_simplex(np.array([1.0, 2.0]), 3.0), [1.0, 2.0])
    found = to_simplex(values, 4.0)
    assert list(np.argsort(found, kind="stable")) == [1, 2, 0]


def test_rounds_agree_after_they_are_combined() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([400.0, 100.0, 50.0, 450.0])
    coarse = Round(edges=np.array([0.0, 2.0, 4.0]), counts=np.array([503.0, 498.0]), sigma=3.0)
    fine = Round(
        edges=np.array([0.0, 1.0, 2.0, 3.0, 4.0]),
        counts=truth + rng.normal(0, 3.0, 4),
        sigma=3.0,
        parents=np.array([0, 0, 1, 1]),
    )
    counts, variances = combine([coarse, fine])
    assert counts.min() >= 0
    assert np.allclose(counts, truth, atol=15)
    assert np.all(variances <= 9.0)


def test_a_family_that_noise_explains_is_spread_evenly() -> None:
    coarse = Round(edges=np.array([0.0, 4.0]), counts=np.array([400.0]), sigma=1.0)
    fine = Round(
        edges=np.arange(5.0),
        counts=np.array([100.5, 99.5, 100.2, 99.9]),
        sigma=5.0,
        parents=np.zeros(4, dtype=int),
    )
    counts, _ = combine([coarse, fine])
    assert np.allclose(counts, 100.0, atol=1.0)
    with pytest.raises(InternalError):
        combine([])
