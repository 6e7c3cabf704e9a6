"""Means, totals, quantiles, shares and cross-tables: golden values, planted errors, calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from understudy.evaluate import Figure, InternalFigures, evaluate
from understudy.evaluate.official.crosstabs import CROSSTABS, cell_distances
from understudy.evaluate.official.estimates import (
    ESTIMATES,
    Estimate,
    mean_of,
    quantiles_of,
    share_of,
    total_of,
)

BOTH = (ESTIMATES, CROSSTABS)
KEYS = ("means_within", "totals_within", "quantiles_within", "shares_within", "crosstabs_within")


def survey(rows: int = 2000, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    region = rng.choice(["n", "s", "e", "w"], rows, p=[0.4, 0.3, 0.2, 0.1])
    pay = rng.gamma(4, 10, rows) + 10 * (region == "n")
    pay[rng.random(rows) < 0.1] = np.nan
    work = np.where(rng.random(rows) < 0.3 + 0.3 * (region == "s"), "yes", "no")
    return pa.table({"region": region, "pay": pa.array(pay, from_pandas=True), "work": work,
                     "age": rng.uniform(18, 80, rows)})  # fmt: skip


def found(train: pa.Table, synthetic: pa.Table, holdout: Any = None) -> InternalFigures:
    return evaluate(train, holdout, synthetic, metrics=BOTH)


def one(figures: InternalFigures, key: str) -> Figure:
    figure = figures.figure(key)
    assert figure is not None
    return figure


def test_by_hand() -> None:
    """Mean of 1, 2, 3: error 1/sqrt(3); total of (1, -, 2) in six rows: 6 ± 6/sqrt(3)."""
    mean = mean_of(np.array([1.0, 2.0, 3.0, np.nan]))
    assert mean is not None
    assert (mean.value, mean.error) == (2.0, pytest.approx(3**-0.5))
    total = total_of(np.array([1.0, np.nan, 2.0]), 6)
    assert total is not None
    assert (total.value, total.error) == (6.0, pytest.approx(6 * 3**-0.5))
    assert share_of(20, 100) == Estimate(value=0.2, error=pytest.approx(0.04))
    assert mean.distance(Estimate(value=3.0, error=1.0)) == pytest.approx(3**0.5)
    assert mean_of(np.array([1.0])) is None
    assert quantiles_of(np.array([np.nan]), [0.5]) is None


def test_a_constant_is_right_or_infinitely_far() -> None:
    exact = Estimate(value=5.0, error=0.0)
    assert exact.distance(exact) == 0.0
    assert exact.distance(Estimate(value=5.1, error=1.0)) == np.inf


def test_woodruffs_error_of_a_median_is_the_bootstraps() -> None:
    rng = np.random.default_rng(0)
    values = rng.exponential(size=2001)
    drawn = [np.median(rng.choice(values, values.size)) for _ in range(800)]
    found = quantiles_of(values, [0.5])
    assert found is not None
    assert found[0].error == pytest.approx(np.std(drawn), rel=0.25)


def test_a_rounded_numbers_quantile_may_move_by_a_step() -> None:
    """Half of the rows at 1 and half at 2: either may be the median, 3 may not, nor may 0."""
    found = quantiles_of(np.repeat([1.0, 2.0], [501, 499]), [0.5])
    assert found is not None
    assert found[0].value == 1.0
    assert found[0].distance(Estimate(value=2.0, error=1.0)) == pytest.approx(2.7718, abs=1e-4)
    assert found[0].distance(Estimate(value=3.0, error=1.0)) > 5
    assert found[0].distance(Estimate(value=0.0, error=1.0)) == np.inf


def test_cells_by_hand() -> None:
    """Shares 0.2 and 0.8 of 100, error 0.04 each; 28 and 71 of 100; below five rows is not judged."""
    cells, apart = cell_distances(np.array([20, 80, 0]), np.array([28, 71, 1]))
    assert cells.tolist() == [0, 1]
    assert apart.tolist() == pytest.approx([2.0, -2.25])


def test_identical_tables_reach_one_and_sizes_do_not_matter() -> None:
    train = survey()
    twice = pa.concat_tables([train, train])
    for made in (train, twice):
        figures = found(train, made)
        assert [one(figures, key).value for key in KEYS] == [1.0] * 5


def test_a_shifted_mean_and_a_lost_label_are_named() -> None:
    train = survey()
    pay = np.asarray(train["pay"].to_numpy()) * 1.2
    made = train.set_column(1, "pay", pa.array(pay, from_pandas=True))
    region = ["n" if value == "w" else value for value in train["region"].to_pylist()]
    made = made.set_column(0, "region", pa.array(region))
    figures = found(train, made, survey(seed=5))
    means = one(figures, "means_within")
    assert means.value == 0.5
    assert figures.charts["estimates_drawn"]["rows"][0]["label"].startswith(("region", "mean of"))
    worst = means.detail["worst"][0]
    assert worst["column"] == "pay"
    assert worst["synthetic"] == pytest.approx(1.2 * worst["real"])
    assert worst["distance"] == pytest.approx(0.2 * worst["real"] / worst["error"])
    lost = next(row for row in figures.charts["estimates"] if row["what"] == "w")
    assert lost["synthetic"] == 0.0
    assert one(figures, "totals_within").value == 0.5


def test_shuffled_columns_keep_shares_and_lose_cells() -> None:
    train = survey()
    rng = np.random.default_rng(1)
    made = pa.table({name: train[name].take(pa.array(rng.permutation(train.num_rows)))
                     for name in train.column_names})  # fmt: skip
    figures = found(train, made, survey(seed=5))
    assert one(figures, "shares_within").value == 1.0
    cells = one(figures, "crosstabs_within")
    assert cells.anchors.holdout is not None
    assert cells.anchors.independent is not None
    assert cells.value < cells.anchors.holdout - 0.03
    assert cells.value == pytest.approx(cells.anchors.independent, abs=0.03)
    assert set(cells.detail["worst"][0]["columns"]) <= {"region", "work", "pay"}


@pytest.mark.parametrize(
    "columns",
    [
        {"a": [None] * 50},
        {"a": [1.5]},
        {"a": [2.5] * 50, "b": ["x"] * 50},
        {"a": [f"v{i}" for i in range(2000)] * 2, "b": list(np.arange(4000) / 3)},
        {"a": np.array(["2020-01-01"] * 60, dtype="datetime64[s]"), "b": list(range(60))},
    ],
)
def test_awkward_tables_say_what_is_skipped(columns: dict[str, Any]) -> None:
    table = pa.table(columns)
    figures = found(table, table)
    keys = [figure.key for figure in figures.figures] + [skip.key for skip in figures.skipped]
    assert sorted(keys) == sorted(KEYS)
    assert all(figure.value == 1.0 for figure in figures.figures)


def test_another_real_half_stays_within_sampling_error() -> None:
    """95 % of all cells, as promised: the wage survey of the statsmodels data set `fair`."""
    from statsmodels.datasets import fair

    frame = fair.load_pandas().data
    order = np.random.default_rng(2).permutation(len(frame))
    halves = [pa.Table.from_pandas(frame.iloc[part], preserve_index=False)
              for part in np.array_split(order, 2)]  # fmt: skip
    figures = found(halves[0], halves[1])
    cells = one(figures, "crosstabs_within")
    assert 0.9 < cells.value < 0.99
    assert cells.interval is not None
    assert cells.interval[0] < 0.95 < cells.interval[1] + 0.02


@pytest.mark.statistical
def test_two_samples_are_within_95_times_of_100() -> None:
    """400 pairs of samples, 2 means each: 0.95 within; sd 0.011 at n = 800 (alpha < 1e-7 at 0.06).

    A tolerance of 1.96 instead of 2.77 gives 0.834 and fails.
    """
    shares = []
    for seed in range(400):
        figures = found(survey(300, 2 * seed), survey(300, 2 * seed + 1))
        shares.append(one(figures, "means_within").value)
    assert np.mean(shares) == pytest.approx(0.95, abs=0.06)
