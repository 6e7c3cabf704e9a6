"""The k-marginal score, against its definition by hand and by brute force."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest

from understudy.errors import InputError
from understudy.evaluate.fidelity.nist import k_marginal


def drawn(seed: int, rows: int, shift: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    age = [str(value) for value in rng.integers(shift, 80 + shift, rows)]
    age[0] = "N"
    return pa.table(
        {
            "age": age,
            "sex": rng.choice(["1", "2"], rows).tolist(),
            "job": rng.choice(["a", "b", "c", ""], rows).tolist(),
            "own": rng.choice(["y", "n"], rows, p=[0.8, 0.2]).tolist(),
        }
    )


def test_a_table_in_another_order_is_identical() -> None:
    real = drawn(0, 300)
    turned = real.take(np.random.default_rng(1).permutation(300)).select(
        ["own", "age", "job", "sex"]
    )
    for k in (1, 2, 3, 4):
        found = k_marginal(real, turned, k=k, numbers=["age"])
        assert found.score == pytest.approx(1000.0, abs=1e-9)


def test_tables_that_share_no_level_score_nothing() -> None:
    real = pa.table({"a": ["x", "y"], "b": ["1", "2"], "c": ["p", "q"]})
    other = pa.table({"a": ["z", "z"], "b": ["3", "3"], "c": ["r", "r"]})
    assert k_marginal(real, other).score == pytest.approx(0.0, abs=1e-9)


def test_a_small_case_by_hand() -> None:
    real = pa.table({"a": ["x", "x", "y", "y"], "b": ["1", "1", "2", "2"], "c": ["p"] * 4})
    other = pa.table({"a": ["x", "x", "x", "y"], "b": ["1", "1", "2", "2"], "c": ["p"] * 4})
    # a: (2, 2) against (3, 1); a and b: x1, y2 (2, 2) against x1, x2, y2 (2, 1, 1).
    assert k_marginal(real, other, k=1).score == pytest.approx((750 + 1000 + 1000) / 3)
    assert k_marginal(real, other, k=2).score == pytest.approx((750 + 750 + 1000) / 3)
    assert k_marginal(real, other, k=3).score == pytest.approx(750)
    by_column = k_marginal(real, other, k=2).columns
    assert by_column == pytest.approx({"a": 750, "b": 875, "c": 875})


def test_scores_are_those_of_brute_force() -> None:
    pd = pytest.importorskip("pandas")
    real, other = drawn(0, 500), drawn(1, 400, shift=5)
    frames = [real.to_pandas(), other.to_pandas()]
    known = [pd.to_numeric(frame["age"], errors="coerce") for frame in frames]
    places = (known[0].dropna().rank(pct=True) * 20).astype(int).clip(upper=19)
    highest = known[0].dropna().groupby(places).max().to_numpy()
    for frame, numbers in zip(frames, known, strict=True):
        cut = np.searchsorted(highest[:-1], numbers.fillna(0), side="left")
        frame["age"] = np.where(numbers.isna(), "N", cut.astype(str))
    for k in (1, 2, 3):
        scores = []
        for members in combinations(real.column_names, k):
            left, right = (frame.value_counts(list(members), normalize=True) for frame in frames)
            scores.append((2 - left.subtract(right, fill_value=0).abs().sum()) * 500)
        found = k_marginal(real, other, k=k, numbers=["age"])
        assert found.score == pytest.approx(np.mean(scores), abs=1e-9)


def test_a_number_that_is_not_named_keeps_its_levels_and_a_named_one_is_cut() -> None:
    real = pa.table({"n": [str(value) for value in range(100)]})
    near = pa.table({"n": [f"{value}.4" for value in range(100)]})
    assert k_marginal(real, near, k=1).score == pytest.approx(0.0, abs=1e-9)
    # Twenty bins of five: the last of all but one bin moves into the next one.
    assert k_marginal(real, near, k=1, numbers=["n"]).score == pytest.approx(990.0)


@pytest.mark.parametrize(
    "asked",
    [{"k": 0}, {"k": 5}, {"bins": 1}, {"bins": 1_001}, {"numbers": ["height"]}],
)
def test_what_cannot_be_scored_is_refused(asked: dict[str, object]) -> None:
    real = drawn(0, 10)
    with pytest.raises(InputError):
        k_marginal(real, real, **asked)  # type: ignore[arg-type]


def test_a_missing_column_and_an_empty_table_are_refused() -> None:
    real = drawn(0, 10)
    with pytest.raises(InputError):
        k_marginal(real, real.drop_columns(["sex"]))
    with pytest.raises(InputError):
        k_marginal(real, real.slice(0, 0))
