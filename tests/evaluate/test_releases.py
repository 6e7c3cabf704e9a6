"""Coverage over releases: combination by hand, calibrated intervals, and releases that miss."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest

from understudy.evaluate import ComparedFigures, Figure, evaluate_all
from understudy.evaluate.official.estimates import Estimate
from understudy.evaluate.official.releases import (
    INTERVAL_COVERAGE,
    RELEASES_COVERAGE,
    combine,
    covers,
)


def survey(rows: int = 1500, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    region = rng.choice([f"r{i}" for i in range(8)], rows)
    age = rng.uniform(18, 80, rows)
    pay = 10 + age / 4 + rng.normal(0, 5, rows)
    work = rng.choice(["a", "b", "c", "d", "e"], rows)
    return pa.table({"region": region, "age": age, "pay": pay, "work": work})


def drawn(table: pa.Table, seed: int) -> pa.Table:
    """A release of a right generator: rows of the real table, drawn again."""
    rng = np.random.default_rng(seed)
    return table.take(pa.array(rng.integers(0, table.num_rows, table.num_rows)))


def found(
    train: pa.Table, holdout: pa.Table | None, releases: dict[str, pa.Table],
    regressions: tuple[str, ...] = (),
) -> ComparedFigures:  # fmt: skip
    return evaluate_all(
        train, holdout, releases, metrics=(INTERVAL_COVERAGE,), comparisons=(RELEASES_COVERAGE,),
        regressions=regressions,
    )  # fmt: skip


def across(figures: ComparedFigures, key: str) -> Figure:
    return next(one for one in figures.across.figures if one.key == key)


def test_combination_by_hand() -> None:
    """Values 1, 2, 3 of error 0.5: between 1, within 1/4.

    Plug-in: 1/4 + 1/3 = 7/12, degrees 2 (1 + (1/4)/(1/3))^2 = 6.125; at twice the rows 1/2 + 1/3.
    Posterior: (4/3) 1 - 1/4 = 13/12, degrees 2 (1 - (1/4)/(4/3))^2.
    """
    made = [Estimate(value=value, error=0.5) for value in (1.0, 2.0, 3.0)]
    one = combine(made)
    assert (one.value, one.between, one.within) == (2.0, 1.0, 0.25)
    assert one.error**2 == pytest.approx(7 / 12)
    assert one.degrees == pytest.approx(6.125)
    assert one.high - one.value == pytest.approx(2.43456 * (7 / 12) ** 0.5, rel=1e-3)
    assert combine(made, share=2.0).error ** 2 == pytest.approx(5 / 6)
    posterior = combine(made, rule="posterior")
    assert posterior.error**2 == pytest.approx(13 / 12)
    assert posterior.degrees == pytest.approx(2 * (1 - 0.25 / (4 / 3)) ** 2)
    alike = [Estimate(value=1.0, error=0.5)] * 3
    assert combine(alike, rule="posterior").error == pytest.approx(0.5)
    assert combine(alike).degrees == np.inf
    with pytest.raises(ValueError, match="at least two"):
        combine(made[:1])


def test_an_interval_holds_its_ends() -> None:
    made = Estimate(value=0.0, error=1.0)
    assert covers(made, 1.959)
    assert not covers(made, -1.961)
    assert covers(Estimate(value=1.0, error=0.0), 1.0)
    assert not covers(Estimate(value=1.0, error=0.0), 1.1)


def test_right_releases_cover_at_their_level() -> None:
    train = survey()
    figures = found(
        train, survey(seed=99), {f"r{i}": drawn(train, i) for i in range(8)}, ("pay ~ age + work",)
    )
    coverage, combined = across(figures, "coverage"), across(figures, "combined_coverage")
    assert coverage.value == pytest.approx(0.95, abs=0.05)
    assert set(coverage.detail["by_kind"]) == {"mean", "share", "coefficient"}
    assert len(coverage.detail["by_release"]) == 8
    assert coverage.seeds == 8
    assert coverage.interval is not None
    assert coverage.interval[0] < 0.95 < coverage.interval[1]
    assert combined.value == pytest.approx(combined.anchors.holdout, abs=0.15)
    single = figures.tables["r0"].figure("interval_coverage")
    assert single is not None
    assert single.value > 0.8


def test_releases_that_miss_are_caught() -> None:
    train = survey()
    shifted = {
        f"r{i}": drawn(train, i).set_column(2, "pay", pa.array(np.asarray(train["pay"]) + 1.5))
        for i in range(3)
    }
    figures = found(train, survey(seed=99), shifted, ("pay ~ age",))
    assert across(figures, "coverage").detail["by_kind"]["mean"] <= 0.5
    worst = figures.across.charts["coverage"]["worst"]
    assert ("mean", "pay") in {(row["kind"], row["column"]) for row in worst[:3]}
    assert all(row["covered"] <= after["covered"] for row, after in itertools.pairwise(worst))


def test_without_a_holdout_the_combination_is_skipped_and_told() -> None:
    train = survey(300)
    figures = found(train, None, {"a": drawn(train, 1), "b": drawn(train, 2)})
    assert across(figures, "coverage").anchors.holdout is None
    assert any(one.key == "combined_coverage" and "no holdout" in one.reason
               for one in figures.across.skipped)  # fmt: skip


def test_a_label_that_a_release_lacks_is_not_covered() -> None:
    train = survey(400)
    lost = drawn(train, 1)
    region = ["r0" if label == "r7" else label for label in lost["region"].to_pylist()]
    lost = lost.set_column(0, "region", pa.array(region))
    constant = lost.set_column(1, "age", pa.array([40.0] * 400))
    figures = found(train, None, {"a": lost, "b": constant}, ("pay ~ age",))
    rows = {tuple(row[k] for k in ("kind", "column", "what")): row
            for row in figures.across.charts["coverage"]["worst"]}  # fmt: skip
    assert rows["share", "region", "r7"]["covered"] == 0.0
    assert rows["mean", "age", "mean"]["covered"] <= 0.5
    assert rows["coefficient", "pay ~ age", "age"]["releases"][1] is None
    assert rows["coefficient", "pay ~ age", "age"]["covered"] <= 0.5


def test_nothing_to_estimate_is_skipped() -> None:
    table = pa.table({"a": ["x"] * 60})
    figures = found(table, None, {"a": table, "b": table})
    assert not figures.across.figures
    assert figures.across.skipped


@pytest.mark.statistical
@pytest.mark.parametrize("noise", [0.0, 0.15])
def test_the_plug_in_rule_covers_the_population(noise: float) -> None:
    """4000 runs of 5 releases, each with noise of its own: 95 % (sd 0.0035) hold the true mean.

    Accepted within 0.02 (5.8 sd, alpha < 1e-7). Leaving out between/m covers 92.6 % without noise.
    """
    rng = np.random.default_rng(7)
    rows, held, bare = 100, 0, 0
    runs = 4000
    for _ in range(runs):
        real = rng.normal(size=rows)
        made = []
        for _release in range(5):
            centre = real.mean() + noise * rng.normal()
            values = rng.normal(centre, real.std(ddof=1), rows)
            made.append(Estimate(value=values.mean(), error=values.std(ddof=1) / rows**0.5))
        one = combine(made)
        held += one.low <= 0 <= one.high
        bare += abs(one.value) <= 1.96 * one.within**0.5
    assert held / runs == pytest.approx(0.95, abs=0.02)
    assert bare < held - 0.015 * runs
