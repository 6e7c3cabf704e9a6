"""The benchmark's own measurements, against brute force and known answers."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

pd = pytest.importorskip("pandas")

from benchmarks.adult_half import measure, prepare, split, table  # noqa: E402


def small(seed: int, rows: int = 400) -> pd.DataFrame:
    """A table with a heavy number, a plain one, a label and a missing mark."""
    rng = np.random.default_rng(seed)
    gain = np.where(rng.random(rows) < 0.8, 0, rng.integers(1, 1000, rows)).astype(str)
    gain[rng.random(rows) < 0.05] = "?"
    return pd.DataFrame(
        {
            "gain": gain,
            "weight": rng.integers(10_000, 99_999, rows).astype(str),
            "job": rng.choice(["a", "b", "?"], rows),
            "income": rng.choice(["<=50K", ">50K"], rows, p=[0.7, 0.3]),
        }
    )


def test_a_table_is_at_no_distance_from_itself() -> None:
    real = small(0)
    found = measure.marginal_errors(real, real.sample(frac=1, random_state=1))
    assert found["tvd1"] == found["tvd2"] == found["tvd3"] == 0


def test_distances_are_those_of_brute_force() -> None:
    real, synthetic = small(0), small(1, rows=300)
    synthetic.loc[:9, "job"] = "never seen"
    levels = measure.cut(real)
    coded = [
        pd.DataFrame({name: levels[name].codes(side[name]) for name in real})
        for side in (real, synthetic)
    ]
    for size, key in ((1, "tvd1"), (2, "tvd2"), (3, "tvd3")):
        distances = []
        for clique in combinations(real.columns, size):
            left, right = (side.value_counts(list(clique), normalize=True) for side in coded)
            distances.append(left.subtract(right, fill_value=0).abs().sum() / 2)
        found = measure.marginal_errors(real, synthetic)[key]
        assert found == pytest.approx(np.mean(distances), abs=1e-12)


def test_a_heavy_value_is_its_own_bin_and_the_rest_is_cut_at_32_quantiles() -> None:
    cells = pd.Series([str(v) for v in [0] * 320 + list(range(1, 641))])
    bins = measure.NumberBins.of(cells)
    assert bins.heavy.tolist() == [0]
    counts = np.bincount(bins.codes(cells))
    assert counts[0] == 320
    assert counts[1:].tolist() == [20] * 32
    assert bins.codes(pd.Series(["", "-5", "10000"])).tolist() == [bins.size - 1, 1, 32]


def test_numbers_match_however_they_are_spelled() -> None:
    real = small(0)
    respelled = real.assign(weight=real["weight"] + ".0")
    assert measure.marginal_errors(real, respelled)["tvd1"] == 0


def test_only_a_table_that_knows_the_target_teaches_it() -> None:
    rng = np.random.default_rng(0)
    real = small(0, rows=1500)
    real["income"] = np.where(real["weight"].astype(int) > 55_000, ">50K", "<=50K")
    train, test = real[:750], real[750:]
    shuffled = train.assign(income=rng.permutation(train["income"].to_numpy()))
    assert measure.tstr_auc(train, test, train, target="income")["mean"] > 0.95
    # 750 rows with shuffled labels: the AUC's spread is 0.02, so 0.35 to 0.65 is beyond 7 σ.
    assert 0.35 < measure.tstr_auc(train, test, shuffled, target="income")["mean"] < 0.65
    one_class = train.assign(income=">50K")
    assert measure.tstr_auc(train, test, one_class, target="income")["mean"] == 0.5


def test_the_gift_costs_no_discretisation() -> None:
    real = small(0)
    gift = prepare.Gift(real=real)
    codes, sizes = gift.encode(real)
    assert all(codes[name].max() < size for name, size in sizes.items())
    back = gift.decode(codes, np.random.default_rng(0))
    found = measure.marginal_errors(real.replace({"gain": {"?": ""}}), back)
    assert found["tvd3"] == 0


def test_a_grid_gives_back_numbers_of_the_same_cell() -> None:
    axis = prepare.ADULT_GRID["fnlwgt"]
    codes = np.arange(axis.levels)
    rng = np.random.default_rng(0)
    back = axis.refill(codes, rng)
    assert (axis.codes(pd.Series(back)) == codes).all()
    assert set(prepare.ADULT_GRID["capital-gain"].refill(np.zeros(9, int), rng)) == {"0"}


def test_the_halves_are_disjoint_and_always_the_same(shared_data: Path) -> None:
    left, right = split.halves(shared_data)
    again, _ = split.halves(shared_data)
    assert left.shape == right.shape == (24_421, 15)
    assert left.equals(again)
    assert not set(left.index) & set(right.index)
    assert set(left["income"]) == {"<=50K", ">50K"}


def test_the_table_says_where_we_lose() -> None:
    good = {"fit_s": 1.0, "sample_s": 0.1, "rss_mib": 300.0, "tvd1": 0.01, "tvd2": 0.05}
    row = {"epsilon": 1.0, "seed": 0, "tvd3": 0.1, "tstr": 0.8}
    rows = [
        {"name": "ours", **good, **row},
        {"name": "dpmm", **good, **row, "fit_s": 100.0, "tstr": 0.85},
    ]
    text = table.markdown(rows)
    assert "×100.00" in text
    assert "We lose: TSTR AUC to dpmm (0.800 against 0.850)." in text
