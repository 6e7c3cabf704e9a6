"""Shapes and pairs on arrays: by hand, at the bounds, and against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.evaluate.columns import Column
from understudy.evaluate.fidelity.scoring import (
    compare_pairs,
    contingency_similarity,
    correlation_similarity,
    correlations,
    mean_score,
    pair_values,
)
from understudy.evaluate.fidelity.shapes import ks_complement, tv_complement
from understudy.evaluate.tallies import cramers_v, joint, tally, total_variation

NAN = float("nan")


def test_ks_by_hand() -> None:
    real = np.array([1.0, 2.0, 2.0, 3.0, NAN])
    assert ks_complement(real, np.array([1.0, 2.0, 2.0, 3.0])) == 1.0
    assert ks_complement(real, np.array([10.0, 11.0])) == 0.0
    assert ks_complement(real, np.array([2.0, 2.0])) == pytest.approx(0.75)
    assert ks_complement(real, np.array([0.0, 0.0, 3.0])) == pytest.approx(1 - 2 / 3)
    assert np.isnan(ks_complement(real, np.array([NAN])))


def test_ks_is_scipys() -> None:
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(5)
    for _ in range(20):
        a = rng.integers(0, 12, rng.integers(1, 90)).astype(float)
        b = rng.normal(5, 3, rng.integers(1, 90)).round(rng.integers(0, 3))
        assert ks_complement(a, b) == pytest.approx(1 - ks_2samp(a, b).statistic, abs=1e-12)


def test_tv_by_hand_with_missing_and_unseen() -> None:
    real = np.array([0, 0, 1, -1])
    assert tv_complement(real, np.array([0, 0, 1, 1, -1]), 2) == pytest.approx(1 - 1 / 6)
    assert tv_complement(real, np.array([2, 2]), 3) == pytest.approx(0.0, abs=1e-6)
    assert np.isnan(tv_complement(real, np.array([-1]), 2))


def test_correlations_leave_out_missing_pairs_and_constants() -> None:
    rng = np.random.default_rng(0)
    columns = [rng.normal(size=50) for _ in range(4)]
    columns[1] = columns[0] * 2 + rng.normal(size=50) / 3
    columns[0][:7] = NAN
    columns[2][3:20] = NAN
    columns.append(np.full(50, 3.25))
    columns.append(1e12 + rng.integers(0, 3, 50))
    found = correlations(columns)
    for i in (0, 1, 2, 3, 5):
        for j in (0, 1, 2, 3, 5):
            both = ~np.isnan(columns[i]) & ~np.isnan(columns[j])
            expected = np.corrcoef(columns[i][both], columns[j][both])[0, 1]
            assert found[i, j] == pytest.approx(expected, abs=1e-9)
    assert np.isnan(found[4]).all()


def test_a_column_constant_only_where_the_other_is_known_has_no_correlation() -> None:
    first = np.array([1.0, 1.0, 1.0, 5.0])
    second = np.array([2.0, 3.0, 4.0, NAN])
    assert np.isnan(correlations([first, second])[0, 1])


def test_correlation_similarity_spans_the_range() -> None:
    assert correlation_similarity(1.0, -1.0) == 0.0
    assert correlation_similarity(0.25, 0.25) == 1.0


def test_contingency_by_hand() -> None:
    real = (np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]))
    half = (np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
    score, strength = contingency_similarity(real, half, (2, 2))
    assert score == 0.5
    assert strength == pytest.approx(1.0)
    assert contingency_similarity(half, half, (2, 2))[1] == pytest.approx(0.0, abs=1e-12)


def test_sparse_tables_equal_dense_ones() -> None:
    rng = np.random.default_rng(1)
    a = rng.integers(0, 40, (3, 500))
    b = rng.integers(0, 40, (3, 300))
    flat, cells = zip(*(joint(list(t), [40, 40, 40]) for t in (a, b)), strict=True)
    dense = total_variation(*(np.bincount(f, minlength=cells[0]) for f in flat))
    huge = [joint(list(t), [40, 40, 10**9])[0] for t in (a, b)]
    sparse = tally(huge, 40 * 40 * 10**9)
    assert sparse[0].sum() == 500
    assert sparse[1].sum() == 300
    assert total_variation(*sparse) == pytest.approx(dense, abs=1e-12)


def test_joint_codes_stay_exact_beyond_62_bits() -> None:
    rng = np.random.default_rng(2)
    codes = [rng.integers(0, 10**9, 50).repeat(2) for _ in range(5)]
    flat, _ = joint(codes, [10**9] * 5)
    rows = {tuple(int(c[i]) for c in codes): set() for i in range(100)}
    for i in range(100):
        rows[tuple(int(c[i]) for c in codes)].add(int(flat[i]))
    assert all(len(merged) == 1 for merged in rows.values())
    assert len(set(flat.tolist())) == len(rows)


def test_cramers_v_is_scipys() -> None:
    from scipy.stats.contingency import association

    table = np.array([[10, 3, 0], [2, 8, 5]])
    first, second = np.nonzero(table)
    found = cramers_v(table[first, second], first, second)
    assert found == pytest.approx(association(table, method="cramer"), abs=1e-12)
    assert np.isnan(cramers_v(np.array([4, 5]), np.array([0, 0]), np.array([0, 1])))


def test_a_mixed_pair_is_cut_over_each_tables_own_range() -> None:
    """As SDMetrics does it: a shifted copy of a number has the same bins."""
    values = np.repeat(np.arange(20.0), 5)
    codes = np.repeat(np.array([0, 1]), 50)
    number = Column(
        name="n", kind="numeric", train=values, holdout=None, synthetic=values * 3 + 1000
    )
    label = Column(
        name="c",
        kind="categorical",
        train=codes,
        holdout=None,
        synthetic=codes,
        levels=("a", "b"),
        real_levels=2,
    )
    real = [pair_values(number, number.train), pair_values(label, label.train)]
    other = [pair_values(number, number.synthetic), pair_values(label, label.synthetic)]
    (pair,) = compare_pairs([number, label], real, other)
    assert pair.metric == "ContingencySimilarity"
    assert pair.score == pytest.approx(1.0)
    assert pair.related


def test_only_related_pairs_count_in_the_report() -> None:
    rng = np.random.default_rng(3)
    a, b, c = rng.normal(size=(3, 400))
    columns = [
        Column(name=name, kind="numeric", train=values, holdout=None, synthetic=values)
        for name, values in (("a", a), ("b", a + 0.1 * b), ("c", c))
    ]
    real = [pair_values(column, column.train) for column in columns]
    shuffled = [pair_values(column, rng.permutation(column.train)) for column in columns]
    pairs = compare_pairs(columns, real, shuffled)
    assert [pair.related for pair in pairs] == [True, False, False]
    related = mean_score(pairs, related_only=True)
    every = mean_score(pairs, related_only=False)
    assert related == pytest.approx(pairs[0].score)
    assert related is not None
    assert every is not None
    assert related < 0.6 < every
