"""Purposes: golden values by hand, identical tables pass, broken ones fail, nothing is guessed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from understudy.evaluate import Answer, InternalFigures, evaluate, purposes_metric
from understudy.evaluate.purposes.subgroups import figure_by_group
from understudy.evaluate.purposes.tables import conditional_distances
from understudy.evaluate.regressions.agreement import interval_overlap, same_conclusion
from understudy.evaluate.regressions.fitting import Coefficients, fit
from understudy.schema import loads_purposes

CONTRACT = """
purposes:
  table: {kind: table, columns: [pay, rich], by: [sex], tolerance: {tvd: 0.03, cell_share: 0.03}}
  margins: {kind: table, columns: [age, pay, sex, rich], ways: 2, cuts: {age: [30, 50]},
            tolerance: {tvd: 0.03}}
  linear: {kind: regression, outcome: pay, predictors: [age, sex],
           tolerance: {interval_overlap: 0.9, same_conclusion: 1, coefficient_difference: 0.01}}
  logistic: {kind: regression, outcome: rich, equals: yes, model: logistic, predictors: [age, sex],
             tolerance: {interval_overlap: 0.9}}
  classifier: {kind: classifier, target: rich, predictors: [age, pay],
               models: [RandomForest], tolerance: {auc_gap: 0.02}}
  mean: {kind: subgroup, statistic: mean, variable: pay, by: [sex], tolerance: {absolute: 0.1}}
  median: {kind: subgroup, statistic: median, variable: age, by: [rich], tolerance: {relative: 0.02}}
  share: {kind: subgroup, statistic: share, variable: rich, equals: yes, by: [sex],
          tolerance: {absolute: 0.02}}
  above: {kind: subgroup, statistic: share, variable: age, above: 40, tolerance: {absolute: 0.02}}
"""


def people(rows: int = 1500, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], rows)
    age = rng.integers(18, 80, rows)
    pay = (20 + age / 4 + 5 * (sex == "m") + rng.normal(0, 4, rows)).round(2)
    rich = np.where(pay + rng.normal(0, 3, rows) > 36, "yes", "no")
    return pa.table({"age": age.astype(str), "sex": sex, "pay": pay.astype(str), "rich": rich})


def answers(
    train: pa.Table, synthetic: pa.Table, holdout: pa.Table | None, contract: str = CONTRACT,
    **settings: Any,
) -> InternalFigures:  # fmt: skip
    metric = purposes_metric(loads_purposes(contract))
    return evaluate(train, holdout, synthetic, metrics=(metric,), **settings)


def one(name: str, found: InternalFigures) -> Answer:
    answer = found.answer(name)
    assert answer is not None
    return answer


def shuffled(table: pa.Table, *names: str) -> pa.Table:
    rng = np.random.default_rng(9)
    for name in names:
        column = table.column(name).take(pa.array(rng.permutation(table.num_rows)))
        table = table.set_column(table.column_names.index(name), name, column)
    return table


def test_interval_overlap_by_hand() -> None:
    """Karr et al. 2006, equation 2: [0, 4] and [3, 5] share [3, 4]: (1/4 + 1/2) / 2 = 0.375."""
    low, high = np.array([0.0, 0.0, 0.0, 1.0, -2.0]), np.array([4.0, 1.0, 2.0, 1.0, 2.0])
    low2, high2 = np.array([3.0, 2.0, 0.0, 1.0, -1.0]), np.array([5.0, 3.0, 2.0, 1.0, 1.0])
    found = interval_overlap((low, high), (low2, high2))
    assert found.tolist() == [0.375, 0.0, 1.0, 1.0, 0.75]


def test_a_regression_by_hand() -> None:
    """y = 1, 3, 2, 4 on x = 0, 1, 2, 3: slope 0.8, se sqrt(0.9 / 5), t(2) = 4.302653."""
    found = fit(
        np.array([1.0, 3.0, 2.0, 4.0]), np.array([[0.0], [1.0], [2.0], [3.0]]), family="linear"
    )
    assert found is not None
    assert found.value[0] == pytest.approx(0.8)
    half = 4.302652729911275 * np.sqrt(0.9 / 5)
    assert (found.low[0], found.high[0]) == pytest.approx((0.8 - half, 0.8 + half))


def test_a_logistic_regression_is_the_log_odds_ratio() -> None:
    """A 2 x 2 table: log(30·40 / (10·20)), variance the sum of reciprocals (Woolf 1955)."""
    x = np.repeat([0.0, 0.0, 1.0, 1.0], [40, 10, 20, 30])
    y = np.repeat([0.0, 1.0, 0.0, 1.0], [40, 10, 20, 30])
    found = fit(y, x[:, None], family="logistic")
    assert found is not None
    assert found.value[0] == pytest.approx(np.log(6.0), abs=1e-6)
    error = np.sqrt(1 / 40 + 1 / 10 + 1 / 20 + 1 / 30)
    assert found.high[0] - found.value[0] == pytest.approx(1.959964 * error, rel=1e-4)


def test_a_conclusion_is_sign_and_significance() -> None:
    def told(values: list[float], p: list[float]) -> Coefficients:
        empty = np.zeros(len(values))
        return Coefficients(value=np.array(values), low=empty, high=empty, p=np.array(p))

    real = told([1, 1, 1, 1, 1], [0.01, 0.01, 0.2, 0.2, 0.01])
    other = told([2, -2, -2, 2, np.nan], [0.01, 0.01, 0.3, 0.01, np.nan])
    assert same_conclusion(real, other).tolist() == [True, False, True, False, False]


def test_conditional_distances_by_hand() -> None:
    real = np.array([0, 0, 0, 1, 0, 1, 1])
    other = np.array([0, 1, 1, 1, 0, 0])
    groups = np.array([0, 0, 0, 0, 1, 1, 2]), np.array([0, 0, 0, 0, 1, -1]), 3
    tvd, cell = conditional_distances([real], [other], [2], groups)
    assert tvd.tolist() == [0.5, 0.5, 1.0]
    assert cell.tolist() == [0.5, 0.5, 1.0]


def test_medians_by_group_are_numpys() -> None:
    rng = np.random.default_rng(1)
    values, groups = rng.normal(size=200), rng.integers(-1, 5, 200)
    values[::7] = np.nan
    found = figure_by_group(values, groups, 6, median=True)
    for group in range(5):
        assert found[group] == np.nanmedian(values[groups == group])
    assert np.isnan(found[5])


@pytest.mark.parametrize("seed", range(2))
def test_identical_tables_pass_everything(seed: int) -> None:
    table = people(seed=seed)
    rows = np.random.default_rng(seed).permutation(table.num_rows)
    found = answers(table, table.take(pa.array(rows)), people(600, seed + 50), seed=seed)
    for answer in found.answers:
        if answer.kind == "classifier":
            continue  # another order of rows, another forest
        assert answer.verdict == "pass", answer
        for criterion in answer.criteria:
            best = 1.0 if criterion.better == "higher" else 0.0
            assert criterion.value == pytest.approx(best, abs=1e-9)
    assert one("classifier", answers(table, table, people(600, seed + 50))).verdict == "pass"
    assert len(found.answers) == 9
    assert InternalFigures.from_json(found.to_json()).answers == found.answers


def test_a_permuted_target_fails_what_rests_on_it() -> None:
    table = people()
    found = answers(table, shuffled(table, "rich"), people(600, 50))
    verdicts = {answer.name: answer.verdict for answer in found.answers}
    assert verdicts == {
        "table": "fail", "margins": "fail", "linear": "pass", "logistic": "fail",
        "classifier": "fail", "mean": "pass", "median": "fail", "share": "fail", "above": "pass",
    }  # fmt: skip
    gap = one("classifier", found).criteria[0]
    assert gap.value is not None
    assert gap.value > 0.3
    assert gap.independent is not None
    assert one("classifier", found).independent_passes is False


def test_the_holdout_says_whether_real_rows_would_pass() -> None:
    table, other = people(), people(1500, 7)
    found = answers(table, shuffled(table, "pay"), other)
    again = answers(table, other, other)
    for answer in found.answers:
        if answer.kind == "classifier":
            continue
        twin = one(answer.name, again)
        assert [c.holdout for c in answer.criteria] == [c.value for c in twin.criteria]
        assert answer.holdout_passes == (twin.verdict == "pass")
    assert one("mean", found).anchor == "real holdout of 1,500 rows"
    without = answers(table, table, None)
    assert {a.verdict for a in without.answers if a.kind != "classifier"} == {"pass"}
    assert one("mean", without).holdout_passes is None
    assert one("classifier", without).verdict == "not answered"
    assert "held out" in one("classifier", without).reason


def test_a_group_or_a_label_that_is_lost_fails() -> None:
    table = people()
    women = table.filter(pa.compute.equal(table["sex"], "f"))
    found = answers(table, women, people(600, 50))
    for name in ("table", "mean", "share"):
        assert one(name, found).verdict == "fail"
    assert one("mean", found).criteria[0].value is None
    assert one("table", found).criteria[0].value == 1.0
    linear = {c.measure: c for c in one("linear", found).criteria}
    assert linear["coefficient_difference"].value is None
    assert linear["interval_overlap"].value is not None
    assert linear["interval_overlap"].value < 0.9


def test_small_groups_are_not_judged() -> None:
    table = people(1000)
    rare = pa.table({"age": ["30"] * 5, "sex": ["x"] * 5, "pay": ["1"] * 5, "rich": ["no"] * 5})
    real = pa.concat_tables([table, rare])
    contract = (
        "purposes: {m: {kind: subgroup, variable: pay, by: sex, fewest: %d, "
        "tolerance: {absolute: 0.1}}}"
    )
    assert one("m", answers(real, table, None, contract % 6)).verdict == "pass"
    assert one("m", answers(real, table, None, contract % 5)).verdict == "fail"
    assert one("m", answers(real, table, None, contract % 5000)).verdict == "not answered"


@pytest.mark.parametrize(
    ("contract", "why"),
    [
        ("{kind: subgroup, variable: sex, tolerance: {absolute: 1}}", "holds no numbers"),
        ("{kind: subgroup, statistic: share, variable: sex, equals: q, tolerance: {absolute: 1}}",
         "does not occur"),
        ("{kind: classifier, target: pay, tolerance: {auc_gap: 0.1}}", "make it yes or no"),
        ("{kind: table, columns: [gone], tolerance: {tvd: 0.1}}", "cannot be compared"),
        ("{kind: regression, outcome: sex, predictors: [age], tolerance: {interval_overlap: 1}}",
         "holds no numbers"),
        ("{kind: regression, outcome: pay, predictors: [one], tolerance: {interval_overlap: 1}}",
         "no predictor that varies"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_says_why(contract: str, why: str) -> None:
    table = people(300).append_column("one", pa.array(["1"] * 300))
    answer = one("p", answers(table, table, people(100, 3).append_column("one", pa.array(["1"] * 100)),
                              f"purposes: {{p: {contract}}}"))  # fmt: skip
    assert answer.verdict == "not answered"
    assert why in answer.reason


def test_booleans_and_missing_cells_are_read() -> None:
    flag = pa.array([True, False, None, True] * 50)
    pay = pa.array([1.0, 2.0, 3.0, None] * 50)
    table = pa.table({"flag": flag, "pay": pay})
    contract = """
purposes:
  yes: {kind: subgroup, statistic: share, variable: flag, equals: true, tolerance: {absolute: 0.01}}
  pay: {kind: subgroup, variable: pay, by: flag, tolerance: {absolute: 0.01}}
  all: {kind: table, columns: [flag, pay], tolerance: {tvd: 0.01}}
"""
    found = answers(table, table, None, contract)
    assert [answer.verdict for answer in found.answers] == ["pass"] * 3
    assert one("yes", found).breakdown.lines[0][1] == pytest.approx(2 / 3)


def test_without_statsmodels_a_regression_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from understudy.evaluate.purposes import regressions

    monkeypatch.setattr(regressions, "regressions_can_be_fitted", lambda: False)
    table = people(200)
    assert "understudy[regression]" in one("linear", answers(table, table, None)).reason
