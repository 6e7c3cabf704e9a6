"""Large tables are looked at through samples: what is sampled, and how far that is off."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from understudy.evaluate import CROSSTABS, MARGINALS, PAIRS, SHAPES, evaluate_all

ROWS, CAP = 30_000, 3_000


def table(seed: int) -> pa.Table:
    """Numbers, one of the first table's very far, beside labels that depend on them."""
    rng = np.random.default_rng(seed)
    number = rng.normal(size=ROWS)
    label = np.clip((number + rng.normal(0, 0.5, ROWS)) + 3, 0, 5).astype(int)
    number[0] = 500.0 if seed == 0 else number[0]
    return pa.table({"number": number, "label": [f"l{one}" for one in label]})


def test_a_sample_is_cut_where_all_rows_are_cut() -> None:
    """One far value moves every cut of SDMetrics: cuts must not depend on who was sampled."""
    tables = table(0), table(1)
    everyone, some = (
        evaluate_all(tables[0], None, {"made": tables[1]}, metrics=(PAIRS,), row_cap=cap)
        .tables["made"]
        .figure("pair_trends_all")
        for cap in (10**9, CAP)
    )
    assert everyone is not None
    assert some is not None
    assert some.detail["sampled"]
    assert some.value == pytest.approx(everyone.value, abs=3 * some.detail["sampling_error"] + 0.01)


def test_shapes_look_at_all_rows() -> None:
    tables = table(0), table(1)
    first, second = (
        evaluate_all(tables[0], None, {"made": tables[1]}, metrics=(SHAPES,), row_cap=cap).tables[
            "made"
        ]
        for cap in (10**9, CAP)
    )
    assert first.figure("shapes").value == second.figure("shapes").value  # type: ignore[union-attr]


def test_a_figure_on_sampled_rows_says_so() -> None:
    found = evaluate_all(
        table(0), table(2), {"made": table(1)}, metrics=(PAIRS, MARGINALS), row_cap=CAP
    ).tables["made"]
    assert found.sampled == {"train": CAP, "holdout": CAP, "synthetic": CAP}
    assert found.rows["synthetic"] == ROWS
    for key in ("pair_trends_all", "tvd_2way"):
        figure = found.figure(key)
        assert figure is not None
        assert figure.detail["sampled"]


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_a_sample_of_real_rows_is_as_good_as_its_own_share(share: float) -> None:
    """Six samples of `share` of the rows are told within a factor of 1.5, on average over them.

    The geometric mean over six independent draws of all three tables. One draw errs by a factor
    of 1.1 (pairs) to 1.4 (single columns), so that 1.5 is more than three standard errors; the
    seed is fixed.
    """
    rng = np.random.default_rng(11)

    def draw(rows: int) -> pa.Table:
        first = rng.integers(0, 12, (4, rows))
        second = (first + rng.integers(0, 6, (4, rows))) % 12
        return pa.table(
            {f"c{at}": [f"v{one}" for one in codes] for at, codes in enumerate([*first, *second])}
        )

    rows = int(4000 * share)
    metrics = (SHAPES, PAIRS, MARGINALS, CROSSTABS)
    found = [
        evaluate_all(draw(4000), draw(4000), {"made": draw(rows)}, metrics=metrics).tables["made"]
        for _ in range(6)
    ]
    for key in (
        "tvd_3way",
        "tvd_2way",
        "tvd_1way",
        "shapes",
        "pair_trends_all",
        "crosstabs_within",
    ):
        told = np.array([one.figure(key).anchors.subsample for one in found], dtype=float)  # type: ignore[union-attr]
        assert abs(np.log(told).mean() - np.log(share)) < np.log(1.5), key
