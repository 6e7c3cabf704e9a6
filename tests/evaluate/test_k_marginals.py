"""The k-marginal score in an evaluation: equal to the function, with a reading and anchors."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from understudy.evaluate import evaluate, k_marginal
from understudy.evaluate.fidelity.k_marginals import K_MARGINALS, SHARES


def people(rows: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 4, rows)
    return pa.table(
        {
            "age": group * 10 + rng.integers(0, 12, rows),
            "town": np.array(["n", "s", "e", "w"])[group],
            "job": np.array(["a", "b", "c"])[(group + rng.integers(0, 2, rows)) % 3],
            "sex": np.array(["f", "m"])[rng.integers(0, 2, rows)],
        }
    )


def figure_of(train: pa.Table, holdout: pa.Table | None, made: pa.Table, **how: bool):  # noqa: ANN201
    return evaluate(train, holdout, made, metrics=(K_MARGINALS,), **how).figure("k_marginal")


def test_it_is_the_score_of_the_function() -> None:
    train, made = people(2_000, 0), people(2_000, 1)
    found = figure_of(train, None, made)
    assert found.value == pytest.approx(k_marginal(train, made, k=3, numbers=["age"]).score)
    assert figure_of(train, None, train).value == pytest.approx(1_000.0)


def test_a_sample_of_a_share_reads_as_that_share() -> None:
    """Scores of samples wander by a few per mille; twice and half the share are far away."""
    train = people(4_000, 0)
    for share in (0.05, 0.2):
        rows = np.random.default_rng(5).permutation(4_000)[: int(share * 4_000)]
        found = figure_of(train, people(4_000, 1), train.take(rows))
        assert found.anchors.subsample is not None
        assert share / 2 < found.anchors.subsample < share * 2


def test_anchors_stand_on_either_side() -> None:
    found = figure_of(people(3_000, 0), people(3_000, 1), people(3_000, 2))
    assert found.anchors.holdout is not None
    assert found.anchors.independent is not None
    assert found.anchors.independent < found.value
    assert abs(found.value - found.anchors.holdout) < 25
    assert found.interval is not None
    assert found.interval[0] <= found.value <= found.interval[1]


def test_quick_leaves_the_samples_out() -> None:
    found = figure_of(people(500, 0), people(500, 1), people(500, 2), quick=True)
    assert found.anchors.subsample is None
    assert [share for share in SHARES if not 0 < share < 1] == []


def test_one_column_has_no_marginals() -> None:
    table = people(100, 0).select(["age"])
    found = evaluate(table, None, table, metrics=(K_MARGINALS,))
    assert [one.key for one in found.skipped] == ["k_marginal"]
