"""The page of the purposes benchmark: intervals, words that follow from them, the contract."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from benchmarks.purposes.__main__ import FIELDS, difference, page

from understudy.schema import load_purposes


def test_the_interval_is_welchs() -> None:
    """Two samples of three: variances 1 and 4, so the error is √(5/3) with 2.94 degrees."""
    centre, _low, high = difference([1.0, 2.0, 3.0], [4.0, 6.0, 8.0])
    assert centre == 4.0
    assert high - centre == pytest.approx(3.2163 * math.sqrt(5 / 3), rel=1e-3)
    assert difference([1.0], [2.0])[1:] == (-math.inf, math.inf)


def row(arm: str, run: int, value: float) -> dict[str, str]:
    told = {"synthesizer": "mst", "arm": arm, "run": run, "epsilon": 1, "figure": "t (tvd)",
            "value": value, "tolerance": 0.05, "holdout": 0.01, "better": "lower"}  # fmt: skip
    return {name: str(told[name]) for name in FIELDS}


def test_a_word_is_said_only_where_the_interval_leaves_out_zero() -> None:
    plain = [row("plain", run, 0.08 + 0.001 * run) for run in range(4)]
    better = [row("steered", run, 0.03 + 0.001 * run) for run in range(4)]
    same = [row("steered", run, 0.07 + 0.01 * run) for run in range(4)]
    assert ": better | 0, 4 |" in page([*plain, *better])
    assert "| purposes met, of all |  | – | 0 | 1 |" in page([*plain, *better])
    assert "no difference shown" in page([*plain, *same])
    lost = [{**one, "value": ""} for one in better]
    assert "–" in page([*plain, *lost])


def test_the_contract_can_be_read() -> None:
    path = Path(__file__).parents[2] / "benchmarks" / "purposes" / "adult.yaml"
    assert len(load_purposes(path).purposes) == 6
