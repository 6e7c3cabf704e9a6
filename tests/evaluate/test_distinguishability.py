"""pMSE against its null, classifier two-sample tests, and the columns that give a table away."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from understudy.evaluate import Figure, InternalFigures, Metric, Settings, evaluate
from understudy.evaluate.apart.logistic import fit_logistic
from understudy.evaluate.apart.pooled import arrays_of, compact, pile, with_products
from understudy.evaluate.apart.propensity import (
    PROPENSITY,
    Propensity,
    logistic_propensity,
    null_of_fixed_rows,
    null_of_two_samples,
    tree_propensity,
)
from understudy.evaluate.apart.two_sample import (
    TWO_SAMPLE,
    auc_of_folds,
    boosted,
    linear,
    separation,
)
from understudy.evaluate.columns import read_tables
from understudy.evaluate.task.models import quiet_single_threaded

BOTH = (PROPENSITY, TWO_SAMPLE)


def table(rows: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    return pa.table(
        {
            "x": x,
            "y": 2 * x + rng.normal(size=rows) / 2,
            "c": [f"c{v}" for v in np.digitize(x, [-1, 0, 1])],
            "d": [f"d{v}" for v in rng.integers(0, 3, rows)],
            "u": rng.exponential(size=rows),
        }
    )


def of(found: InternalFigures, key: str) -> Figure:
    figure = found.figure(key)
    assert figure is not None, key
    return figure


def test_logistic_regression_is_the_maximum_likelihood_of_statsmodels() -> None:
    statsmodels = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(500, 4)) * [1.0, 100.0, 0.01, 3.0] + [0.0, 5000.0, 0.0, -2.0]
    labels = rng.random(500) < 1 / (1 + np.exp(-matrix[:, 0] - matrix[:, 3]))
    wide = np.column_stack([matrix, matrix[:, 0] + matrix[:, 3], np.ones(500)])
    fitted = fit_logistic(wide, labels)
    theirs = statsmodels.Logit(labels, statsmodels.add_constant(matrix)).fit(disp=0)
    assert fitted.parameters == 5  # the sum and the constant are none
    assert np.abs(fitted.probabilities(wide) - theirs.predict()).max() < 1e-4


def test_separated_labels_end_at_certain_probabilities() -> None:
    matrix = np.arange(40.0)[:, None]
    labels = np.arange(40) >= 20
    fitted = fit_logistic(matrix, labels)
    assert np.abs(fitted.probabilities(matrix) - labels).mean() < 0.05


def test_the_nulls_are_those_of_the_papers() -> None:
    # Snoke et al. 2018: with c = 1/2 the null is (k - 1) / (8 N).
    assert null_of_fixed_rows(11, 0.5, 5000) == pytest.approx(10 / 40_000)
    assert null_of_two_samples(11, 0.5, 5000) == pytest.approx(10 / 20_000)
    for share in (0.2, 0.5, 0.8):
        ratio = null_of_fixed_rows(7, share, 900) / null_of_two_samples(7, share, 900)
        assert ratio == pytest.approx(1 - share)


def null_ratios(fits: int, rows: int, columns: int, seed: int) -> np.ndarray[Any, Any]:
    """Ratios between halves of one population, sizes unequal."""
    rng = np.random.default_rng(seed)
    other = np.arange(3 * rows) < rows
    return np.array(
        [
            logistic_propensity(rng.standard_t(8, size=(3 * rows, columns)), other).ratio
            for _ in range(fits)
        ]
    )


def test_two_real_samples_have_a_ratio_near_one_whatever_their_sizes() -> None:
    """120 fits of 12 freedoms: the mean is chi-squared of 1440 over 1440.

    n = 120, alpha = 1e-9 (six deviations of 0.0373 are 0.224); Snoke's null would give 1.5
    (c = 1/3), more than twice as far.
    """
    ratios = null_ratios(120, 200, 12, seed=3)
    assert abs(ratios.mean() - 1.0) < 6.2 * np.sqrt(2 / (12 * 120))


@pytest.mark.statistical
def test_the_nulls_hold_for_their_own_way_of_drawing() -> None:
    """Two samples against rows drawn from the model fitted to the real rows; 1500 fits each.

    alpha = 1e-7 per mean (5.3 deviations of sqrt(2 / (8 * 1500)) = 0.0129, 0.07); each null is
    off by 50 % for the other way of drawing. Ranges of 95 % hold at their level (binomial).
    """
    fits, rows, columns = 1500, 400, 8
    ratios = null_ratios(fits, rows, columns, seed=4)
    assert abs(ratios.mean() - 1.0) < 0.07
    low, high = Propensity(pmse=1.0, null=1.0, freedom=float(columns)).null_range
    outside = np.count_nonzero((ratios < low) | (ratios > high))
    assert abs(outside - 0.05 * fits) < 5.3 * np.sqrt(0.05 * 0.95 * fits)
    rng = np.random.default_rng(5)
    other = np.arange(3 * rows) < rows
    drawn = []
    for _ in range(fits):
        real = rng.normal(size=(2 * rows, columns))
        model = real.mean(axis=0) + rng.normal(size=(rows, columns)) * real.std(axis=0)
        found = logistic_propensity(np.concatenate([model, real]), other)
        drawn.append(found.pmse / null_of_fixed_rows(found.parameters, 1 / 3, 3 * rows))
    assert abs(np.mean(drawn) - 1.0) < 0.07


@pytest.mark.statistical
def test_the_tree_and_products_have_a_ratio_near_one_between_real_halves(
    shared_data: Any,
) -> None:
    """Thirty random pairs of 2,000 real rows of Adult; alpha = 1e-7.

    The mean of thirty ratios spreads by about 0.1 / sqrt(30) = 0.02 for the tree (its null is
    simulated ten times) and 0.1 / sqrt(30) for products; 0.12 is more than five deviations.
    """
    from pyarrow import csv

    whole = csv.read_csv(shared_data / "adult" / "adult_train.csv")
    rng = np.random.default_rng(6)
    trees, products = [], []
    with quiet_single_threaded():
        for _ in range(30):
            rows = rng.permutation(whole.num_rows)[:4000]
            tables = read_tables(
                whole.take(rows[:2000]), None, whole.take(rows[2000:]), rng=rng
            )  # fmt: skip
            part = pile(tables.columns, arrays_of(tables, "synthetic"), 2000, rng)
            trees.append(tree_propensity(part.ordinal, part.other, rng).ratio)
            small = compact(part, 16)
            assert small is not None
            products.append(logistic_propensity(with_products(small), part.other).ratio)
    assert abs(np.mean(trees) - 1.0) < 0.12
    assert abs(np.mean(products) - 1.0) < 0.12


def test_auc_is_that_of_all_pairs_and_of_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(7)
    scores = np.round(rng.normal(size=300), 1)
    truth = rng.random(300) < 0.3
    found = auc_of_folds([scores], [truth])
    yes, no = scores[truth], scores[~truth]
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a, b in product(yes, no)]
    assert found.auc == pytest.approx(np.mean(pairs), abs=1e-12)
    assert found.auc == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    assert found.interval[0] < found.auc < found.interval[1]
    area = np.trapezoid(found.roc[1], found.roc[0])
    assert area == pytest.approx(found.auc, abs=0.02)
    assert found.roc[:, 0].tolist() == [0.0, 0.0]
    assert found.roc[:, -1].tolist() == [1.0, 1.0]


@pytest.mark.statistical
def test_the_interval_of_a_cross_fitted_auc_covers_a_half() -> None:
    """300 linear fits between samples of one population.

    Coverage at least 95 % is asked; at 95 % fewer than 260 of 300 has probability below 1e-7,
    and DeLong's interval alone covers 86 % (258 expected).
    """
    rng = np.random.default_rng(8)
    covered = 0
    with quiet_single_threaded():
        for _ in range(300):
            other = rng.permutation(np.arange(400) < 200)
            matrix = rng.normal(size=(400, 8)).astype(np.float32)
            low, high = separation(matrix, other, linear, rng=rng).interval
            covered += low <= 0.5 <= high
    assert covered >= 280


def test_a_linear_classifier_is_blind_to_how_columns_go_together_and_trees_are_not() -> None:
    rng = np.random.default_rng(9)
    train = table(1500)
    shuffled = pa.table(
        {name: rng.permutation(train.column(name).to_numpy()) for name in train.column_names}
    )
    found = evaluate(train, table(1500, seed=1), shuffled, metrics=BOTH)
    assert of(found, "c2st_linear").value < 0.57
    assert of(found, "pmse_logistic").value < 2.0
    assert of(found, "c2st_boosted").interval is not None
    assert of(found, "c2st_boosted").value > 0.9
    for key in ("pmse_interactions", "pmse_cart"):
        figure = of(found, key)
        assert figure.value > 3.0, key
        assert figure.detail["within_the_null_range"] is False
        assert figure.anchors.independent == pytest.approx(figure.value, rel=0.4)


def test_other_half_of_another_size_is_as_good_as_the_holdout() -> None:
    found = evaluate(table(1500), table(900, seed=1), table(2600, seed=2), metrics=BOTH)
    for key in ("pmse_logistic", "pmse_interactions", "pmse_cart"):
        figure = of(found, key)
        assert figure.value < 2.5, key
        assert figure.detail["rows"]["of_each_table"] == 900
    for key in ("c2st_linear", "c2st_boosted"):
        figure = of(found, key)
        assert figure.interval is not None
        assert figure.interval[0] < 0.5 < figure.interval[1], key
    assert of(found, "c2st_boosted").detail["columns_that_give_it_away"] == []
    assert "giveaways" not in found.charts
    assert set(found.charts["c2st_roc"]["series"]) == {
        "synthetic", "holdout", "independent", "synthetic, linear",
    }  # fmt: skip


@pytest.mark.parametrize(("first", "second"), [("x", "u"), ("x", "y")])
def test_a_swapped_pair_of_columns_is_named(first: str, second: str) -> None:
    train, other = table(1500), table(1500, seed=2)
    swapped = other.set_column(other.column_names.index(first), first, other[second])
    swapped = swapped.set_column(other.column_names.index(second), second, other[first])
    found = evaluate(train, None, swapped, metrics=(TWO_SAMPLE,))
    telling = of(found, "c2st_boosted").detail["columns_that_give_it_away"]
    assert {one["column"] for one in telling[:2]} == {first, second}
    assert telling[1]["auc_of_the_rest"] < 0.56
    assert found.charts["giveaways"]["rows"][0]["label"] == "all columns"


def test_an_anchor_is_measured_once_for_several_tables() -> None:
    from understudy.evaluate import evaluate_all

    found = evaluate_all(
        table(300), table(300, seed=1),
        {"one": table(300, seed=2), "two": table(300, seed=3)}, metrics=BOTH,
    )  # fmt: skip
    for key in ("pmse_cart", "c2st_boosted"):
        one, two = (of(found.tables[name], key) for name in ("one", "two"))
        assert one.anchors == two.anchors
        assert one.value != two.value


def test_too_few_rows_and_too_many_columns_are_said() -> None:
    few = evaluate(table(20), None, table(20, seed=1), metrics=BOTH)
    assert not few.figures
    assert {one.key for one in few.skipped} == {
        "pmse_logistic", "pmse_interactions", "pmse_cart", "c2st_linear", "c2st_boosted",
    }  # fmt: skip
    rng = np.random.default_rng(0)
    wide = [pa.table({f"n{i}": rng.normal(size=150) for i in range(30)}) for _ in range(2)]
    found = evaluate(wide[0], None, wide[1], metrics=(PROPENSITY,))
    assert [one.key for one in found.skipped] == ["pmse_interactions"]
    assert {one.key for one in found.figures} == {"pmse_logistic", "pmse_cart"}


@pytest.mark.parametrize("metric", [PROPENSITY, TWO_SAMPLE])
def test_quick_takes_fewer_rows_and_says_how_many(metric: Metric) -> None:
    tables = read_tables(table(3000), None, table(3000, seed=1), rng=np.random.default_rng(0))
    told = {}
    for quick in (True, False):
        found = metric.measure(tables, Settings(quick=quick), np.random.default_rng(0))
        told[quick] = {one.key: one.detail["rows"]["of_each_table"] for one in found.figures}
    assert told[True] == dict.fromkeys(told[False], 2000)
    assert told[False] == dict.fromkeys(told[True], 3000)


def test_boosted_trees_see_an_exclusive_or() -> None:
    rng = np.random.default_rng(11)
    matrix = rng.normal(size=(2000, 2)).astype(np.float32)
    other = (matrix[:, 0] > 0) != (matrix[:, 1] > 0)
    with quiet_single_threaded():
        assert separation(matrix, other, linear, rng=rng).auc < 0.6
        assert separation(matrix, other, boosted, rng=rng).auc > 0.95


def test_a_wide_table_is_compared_on_a_sample_of_its_columns() -> None:
    rng = np.random.default_rng(12)
    wide = [pa.table({f"n{i}": rng.normal(size=80) for i in range(160)}) for _ in range(2)]
    found = evaluate(wide[0], None, wide[1], metrics=(TWO_SAMPLE,))
    rows = of(found, "c2st_linear").detail["rows"]
    assert (rows["columns"], rows["of_columns"]) == (150, 160)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("real", "other"),
    [
        ({"a": [5.5] * 80, "b": ["x"] * 80}, {"a": [5.5] * 80, "b": ["x"] * 80}),
        ({"a": [""] * 80, "b": ["x", "y"] * 40}, {"a": ["5"] * 70, "b": ["z"] * 70}),
        ({"a": np.arange(80) / 7}, {"a": np.full(60, 1e300)}),
    ],
)
def test_awkward_tables_are_told_apart_or_not(real: Any, other: Any) -> None:
    for figure in evaluate(pa.table(real), None, pa.table(other), metrics=BOTH).figures:
        assert figure.interval is not None
        assert figure.interval[0] <= figure.value <= figure.interval[1], figure.key
