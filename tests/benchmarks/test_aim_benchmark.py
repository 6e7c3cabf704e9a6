"""The benchmark of AIM: its distances against brute force, its log, and its page."""

from __future__ import annotations

import json
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

pd = pytest.importorskip("pandas")

from benchmarks.aim import cases, measure, nist, page  # noqa: E402
from benchmarks.coded import load_codes, save_codes  # noqa: E402
from benchmarks.contestant import Contestant, StoppedError  # noqa: E402
from benchmarks.runs import Log  # noqa: E402
from benchmarks.zcdp import zcdp_rho  # noqa: E402

SIZES = {"a": 3, "b": 4, "c": 2, "d": 5}


def codes(seed: int, rows: int) -> dict[str, np.ndarray]:
    """Codes of a small domain."""
    rng = np.random.default_rng(seed)
    return {name: rng.integers(0, size, rows) for name, size in SIZES.items()}


def test_distances_are_those_of_brute_force() -> None:
    real, other = codes(0, 200), codes(1, 150)
    other["a"][:5] = 3  # a level that the domain has not
    frames = [pd.DataFrame(real), pd.DataFrame(other)]
    found = measure.errors(real, other, SIZES)
    for ways in (1, 2, 3):
        distances = []
        for clique in combinations(SIZES, ways):
            left, right = (frame.value_counts(list(clique), normalize=True) for frame in frames)
            distances.append(left.subtract(right, fill_value=0).abs().sum() / 2)
        assert found[f"tvd{ways}"] == pytest.approx(np.mean(distances), abs=1e-12)


def test_a_domain_too_large_to_lay_out_gives_the_same_distance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, other = codes(0, 200), codes(1, 150)
    dense = measure.errors(real, other, SIZES)
    monkeypatch.setattr(measure, "DENSE", 1)
    assert measure.errors(real, other, SIZES) == pytest.approx(dense, abs=1e-12)


def test_anchors_keep_single_columns_and_lose_what_binds_them() -> None:
    rng = np.random.default_rng(0)
    column = rng.integers(0, 2, 1000)
    found = measure.anchors({"a": column, "b": column, "c": column}, dict.fromkeys("abc", 2))
    assert found["independent columns"]["tvd1"] == 0
    assert found["independent columns"]["tvd2"] > 0.4
    assert found["two real halves"]["tvd2"] < 0.1


def test_codes_survive_a_file(tmp_path: Path) -> None:
    data = cases.Coded(codes=codes(0, 20), sizes=SIZES)
    table, domain = data.write(tmp_path)
    again = load_codes(table)
    assert list(again) == list(json.loads(domain.read_text())) == list(SIZES)
    assert all((again[name] == data.codes[name]).all() for name in SIZES)
    save_codes({"only": np.array([4])}, tmp_path / "one.csv")
    assert load_codes(tmp_path / "one.csv")["only"].tolist() == [4]


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.name)
def test_every_table_lies_within_its_domain(case: cases.Case, shared_data: Path) -> None:
    data = case.load(shared_data)
    assert list(data.codes) == list(data.sizes)
    for name, column in data.codes.items():
        assert len(column) == data.rows
        assert column.min() >= 0
        assert column.max() < data.sizes[name]


def test_rho_of_the_peers_is_not_more_than_ours_would_be_worth() -> None:
    from understudy.privacy import calibrate_rho

    for epsilon, delta in ((0.1, 1e-9), (1.0, 1e-9), (10.0, 1e-6)):
        assert zcdp_rho(epsilon, delta) == pytest.approx(calibrate_rho(epsilon, delta), rel=1e-4)


def test_a_log_keeps_the_last_row_of_a_key(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    log = Log(path=path, keys=("name", "seed"))
    log.note({"name": "x", "seed": 0, "fit_s": 1.0})
    log.note({"name": "x", "seed": 0, "fit_s": 2.0})
    log.note({"name": "x", "seed": 1, "fit_s": 3.0})
    again = Log(path=path, keys=("name", "seed"))
    assert [row["fit_s"] for row in again.rows] == [2.0, 3.0]
    assert again.holds({"name": "x", "seed": 1})
    assert not again.holds({"name": "y", "seed": 1})


def driven(tmp_path: Path, script: str, cpu_seconds: int | None = None) -> dict[str, float]:
    """Run a driver made up for the test."""
    driver = tmp_path / "driver.py"
    driver.write_text(script)
    contestant = Contestant(name="x", title="X", driver=str(driver), given="codes")
    return contestant.drive(
        Path(sys.executable),
        source=tmp_path / "codes.csv",
        domain=None,
        epsilon=1.0,
        delta=1e-9,
        seed=0,
        out=tmp_path / "out",
        cpu_seconds=cpu_seconds,
    )


NOTES = """
import json, pathlib, sys
from benchmarks.stopwatch import Stopwatch
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
watch = Stopwatch()
sum(range(10**6))
watch.fitted()
watch.sampled()
watch.write(out, told=sys.argv)
"""


def test_a_driver_is_told_what_to_do_and_a_finished_run_is_not_done_again(tmp_path: Path) -> None:
    took = driven(tmp_path, NOTES)
    assert took["fit_cpu_s"] > 0
    assert took["fit_rss_mib"] > 1
    assert "--codes" in took["told"]
    assert driven(tmp_path, "raise SystemExit(1)") == took


def test_a_driver_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        driven(tmp_path, "while True: pass", cpu_seconds=1)


def test_the_page_is_written_from_rows_and_says_where_we_lose() -> None:
    base = {"case": "adult", "epsilon": 1.0, "day": "2026-11-22", "fit_rss_mib": 300.0}
    fit = {"fit_s": 2.0, "fit_cpu_s": 2.0, "sample_cpu_s": 0.1, "tvd1": 0.01}
    rows = [
        {**base, **fit, "name": "ours-aim", "seed": 0, "tvd2": 0.03, "tvd3": 0.08},
        {**base, **fit, "name": "ours-aim", "seed": 1, "tvd2": 0.05, "tvd3": 0.1},
        {**base, **fit, "name": "opendp", "seed": 0, "fit_cpu_s": 30.0, "tvd2": 0.08, "tvd3": 0.08},
        {**base, "name": "dpmm", "seed": 0, "stopped": 1000},
        {"case": "adult", "name": "two real halves", "epsilon": None, "seed": 0, "tvd2": 0.03},
    ]
    text = page.page(rows, [], [])
    assert "| Adult, ε = 1: all pairs | ≤ 0.038 | 0.04 | **missed** |" in text
    assert "0.0400 (0.0300–0.0500)" in text
    assert "faster than OpenDP dp.mbi AIM, CPU | ≥ ×20 | ×15 | **missed** |" in text
    assert "faster than dpmm AIM, CPU | ≥ ×20 | more than ×500 | reached |" in text
    assert "dpmm AIM, stopped after 1000 CPU s" in text
    assert "We lose: 3-way to OpenDP dp.mbi AIM (0.0900 against 0.0800)." in text


def test_nists_score_of_the_table_itself_is_a_thousand() -> None:
    table = pd.DataFrame({name: ["1", "2", "N", "3"] for name in nist.FEATURES})
    assert nist.scores(table, table) == pytest.approx({"k2": 1000.0, "k3": 1000.0})
