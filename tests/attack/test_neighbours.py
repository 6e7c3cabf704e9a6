"""Distances: equal to the definition, row by row, in bounded memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from understudy.attack.distance import Points
from understudy.attack.neighbours import closest, smallest, survey, typical_gap


def points(rows: int, seed: int, *, missing: bool = False) -> Points:
    rng = np.random.default_rng(seed)
    ranks = rng.random((rows, 3)).astype(np.float32)
    if missing:
        ranks[rng.random(ranks.shape) < 0.2] = 2.0
    return Points(ranks=ranks, labels=rng.integers(-1, 4, (rows, 4)).astype(np.int32))


def defined(queries: Points, table: Points) -> np.ndarray:
    """The definition, pair by pair."""
    gaps = np.minimum(np.abs(queries.ranks[:, None] - table.ranks[None]), 1.0).sum(axis=2)
    unequal = (queries.labels[:, None] != table.labels[None]).sum(axis=2)
    return (gaps + unequal) / 7.0


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("rows", [3, 700])
def test_a_survey_is_the_definition(rows: int, missing: bool) -> None:
    queries, table = points(90, 1, missing=missing), points(rows, 2, missing=missing)
    known = defined(queries, table)
    around = survey(queries, table, nearest=5, bandwidth=0.1, radius=0.3)
    kept = min(5, rows)
    assert np.allclose(around.distances, np.sort(known, axis=1)[:, :kept], atol=1e-6)
    there = np.take_along_axis(known, around.places, axis=1)
    assert np.allclose(there, around.distances, atol=1e-6)
    assert np.allclose(around.density, np.exp(-0.5 * (known / 0.1) ** 2).mean(axis=1), atol=1e-6)
    inside = np.where(known <= 0.3, np.log(0.3 / np.maximum(known, 3e-4)), 0.0)
    assert np.allclose(around.within, inside.sum(axis=1), atol=1e-3)
    assert np.allclose(closest(queries, table)[0][:, 0], known.min(axis=1), atol=1e-6)


def test_many_levels_are_told_apart() -> None:
    for top in (254, 255, 65_535, 70_000):
        labels = np.array([[0], [top - 1], [top]], dtype=np.int32)
        table = Points(ranks=np.zeros((3, 0), np.float32), labels=labels)
        assert closest(table, table)[0].ravel().tolist() == [0.0, 0.0, 0.0]
        assert closest(table, table)[1].ravel().tolist() == [0, 1, 2]


def test_the_smallest_are_found_wherever_they_lie() -> None:
    rng = np.random.default_rng(0)
    block = rng.integers(0, 50, (20, 5_000)).astype(np.float32)
    values, places = smallest(block, 7)
    assert (values == np.sort(block, axis=1)[:, :7]).all()
    assert (np.take_along_axis(block, places, axis=1) == values).all()
    assert all(len(set(row)) == 7 for row in places.tolist())


def test_memory_does_not_grow_with_the_square() -> None:
    queries, table = points(2_000, 3), points(30_000, 4)
    tracemalloc.start()
    survey(queries, table, nearest=3, bandwidth=0.1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 << 20 < 2_000 * 30_000 * 4


def test_the_typical_gap_is_positive() -> None:
    same = Points(ranks=np.zeros((50, 1), np.float32), labels=np.zeros((50, 0), np.int32))
    assert typical_gap(same, np.random.default_rng(0)) > 0
