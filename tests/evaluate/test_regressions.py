"""Regressions by formula: golden values by hand and by statsmodels, and every kind of bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from understudy.errors import SchemaError
from understudy.evaluate import InternalFigures, evaluate
from understudy.evaluate.regressions.agreement import agreement, interval_overlap, signed_overlap
from understudy.evaluate.regressions.fitting import (
    Coefficients,
    fit,
    independent_columns,
    regressions_can_be_fitted,
)
from understudy.evaluate.regressions.measuring import REGRESSIONS, check_regressions

pytestmark = pytest.mark.skipif(not regressions_can_be_fitted(), reason="needs statsmodels")


def people(rows: int = 1200, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], rows, p=[0.4, 0.6])
    age = rng.uniform(18, 80, rows).round(1)
    pay = (20 + age / 4 + 5 * (sex == "f") + rng.normal(0, 4, rows)).round(2)
    visits = rng.poisson(np.exp(1 - age / 80 + 0.5 * (sex == "f")))
    rich = np.where(pay + rng.normal(0, 6, rows) > 36, "yes", "no")
    return pa.table({"age": age, "sex": sex, "pay": pay, "visits": visits, "rich": rich})


def found(
    train: pa.Table, synthetic: pa.Table, *formulas: str, holdout: pa.Table | None = None,
    **settings: Any,
) -> InternalFigures:  # fmt: skip
    return evaluate(
        train, holdout, synthetic, metrics=(REGRESSIONS,), regressions=formulas, **settings
    )


def table_of(figures: InternalFigures, key: str = "ci_overlap") -> dict[str, Any]:
    figure = figures.figure(key)
    assert figure is not None, figures.skipped
    return {row["term"]: row for row in figure.detail["coefficients"]}


def reasons(figures: InternalFigures) -> str:
    return "; ".join(f"{one.title}: {one.reason}" for one in figures.skipped)


def test_overlap_by_hand() -> None:
    """Karr et al. 2006: [1, 3] and [2, 6] share [2, 3]: (1/2 + 1/4) / 2 = 0.375; apart is 0."""
    ends = np.array([1.0, 0.0, 0.0]), np.array([3.0, 1.0, 2.0])
    others = np.array([2.0, 3.0, 0.5]), np.array([6.0, 5.0, 1.5])
    assert interval_overlap(ends, others).tolist() == [0.375, 0.0, 0.75]
    assert signed_overlap(ends, others).tolist() == [0.375, -1.5, 0.75]


def test_agreement_by_hand() -> None:
    """Intervals are ±2 and values 0.5, 4, lost: errors 2/1.959964."""
    real = Coefficients(
        value=np.array([1.0, 1.0, 1.0]), low=np.array([-1.0, -1.0, -1.0]),
        high=np.array([3.0, 3.0, 3.0]), p=np.array([0.3, 0.3, 0.01]),
    )  # fmt: skip
    other = Coefficients(
        value=np.array([0.5, 4.0, np.nan]), low=np.array([-1.5, 2.0, np.nan]),
        high=np.array([2.5, 6.0, np.nan]), p=np.array([0.6, 0.01, np.nan]),
    )  # fmt: skip
    one = agreement(real, other)
    assert one.overlap.tolist() == [0.875, 0.25, 0.0]
    assert one.difference[:2] == pytest.approx([0.5 * 1.959964 / 2, 3 * 1.959964 / 2])
    assert one.mean_difference == pytest.approx(1.75 * 1.959964 / 2)
    assert one.conclusion.tolist() == [True, False, False]
    assert one.sign.tolist() == [True, True, False]
    assert one.significance.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("formula", "patsy", "family"),
    [
        ("pay ~ age*sex + poly(age, 2)", "pay ~ age*C(sex, Treatment('m')) + I(age**2)", "linear"),
        ("log(pay) ~ sqrt(age)", "np.log(pay) ~ np.sqrt(age)", "linear"),
        ("rich ~ age + C(sex)", "rich ~ age + C(sex, Treatment('m'))", "logistic"),
        ("pay > 34 ~ log(age)", "I(1*(pay > 34)) ~ np.log(age)", "logistic"),
        ("poisson(visits) ~ age:sex + age", "visits ~ age:I(1*(sex=='f')) + age", "poisson"),
    ],
)
def test_coefficients_are_statsmodels(formula: str, patsy: str, family: str) -> None:
    import statsmodels.api as sm
    import statsmodels.formula.api as smf

    table = people()
    frame = table.to_pandas().assign(rich=lambda f: 1 * (f.rich == "yes"))
    if frame.rich.mean() > 0.5:
        frame.rich = 1 - frame.rich  # the rarer of two labels counts as yes
    how: dict[str, Any] = {"scale": "X2"} if family == "poisson" else {}
    model = {
        "linear": lambda: smf.ols(patsy, frame).fit(),
        "logistic": lambda: smf.glm(patsy, frame, family=sm.families.Binomial()).fit(),
        "poisson": lambda: smf.glm(patsy, frame, family=sm.families.Poisson()).fit(**how),
    }[family]()
    rows = table_of(found(table, table, formula))
    ours = sorted((row["real"]["value"], row["real"]["error"], row["real"]["p"],
                   row["real"]["low"], row["real"]["high"]) for row in rows.values())  # fmt: skip
    ends = model.conf_int().to_numpy()
    theirs = sorted(zip(model.params, model.bse, model.pvalues, ends[:, 0], ends[:, 1],
                        strict=True))  # fmt: skip
    drop = int(np.argmin([abs(one[0] - model.params["Intercept"]) for one in theirs]))
    del theirs[drop]
    np.testing.assert_allclose(np.array(ours), np.array(theirs), rtol=2e-4, atol=1e-9)


def test_the_left_out_tenths_are_near_a_refit() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2000, 2))
    y = (rng.random(2000) < 1 / (1 + np.exp(-x @ [1.0, -0.5]))).astype(float)
    whole = fit(y, x, family="logistic")
    assert whole is not None
    assert whole.left_out is not None
    for group in (0, 7):
        kept = np.arange(2000) % 10 != group
        again = fit(y[kept], x[kept], family="logistic")
        assert again is not None
        assert whole.left_out[group] == pytest.approx(again.value, abs=2e-3)


def test_identical_tables_agree_and_shuffled_columns_do_not() -> None:
    table = people(2000)
    formulas = ("pay ~ age + sex", "rich ~ age + sex", "poisson(visits) ~ age + sex")
    figures = found(table, table, *formulas, holdout=people(2000, 9))
    for suffix in ("", "_2", "_3"):
        overlap = figures.figure(f"ci_overlap{suffix}")
        apart = figures.figure(f"coefficient_difference{suffix}")
        same = figures.figure(f"same_conclusion{suffix}")
        assert overlap is not None
        assert apart is not None
        assert same is not None
        assert (overlap.value, apart.value, same.value) == (pytest.approx(1), 0.0, 1.0)
        assert overlap.anchors.independent == pytest.approx(0.0, abs=0.2)
        assert overlap.anchors.holdout is not None
        assert 0.2 < overlap.anchors.holdout < 1
        assert apart.anchors.independent is not None
        assert apart.anchors.independent > 4
        assert overlap.interval is not None
        assert overlap.interval[0] <= overlap.value <= overlap.interval[1]
    assert [one["formula"] for one in figures.charts["forest"]] == list(formulas)


def test_one_regression_per_target_when_none_is_named() -> None:
    table = people()
    figures = evaluate(
        table, None, table, metrics=(REGRESSIONS,), targets=("rich", "pay"), target="rich"
    )
    titles = [one.title for one in figures.figures if one.key.startswith("ci_overlap")]
    assert len(titles) == 2
    assert titles[0].startswith("Overlap of intervals: rich ~ pay")
    assert "nobody named" in figures.figures[0].explanation
    assert "name one" in reasons(found(table, table))


def test_predictors_that_mean_the_same_are_not_chosen_together() -> None:
    table = people()
    twin = table.append_column("years", pa.array(np.asarray(table["age"]) * 12))
    figures = evaluate(twin, None, twin, metrics=(REGRESSIONS,), target="pay")
    title = figures.figures[0].title
    assert ("age" in title) != ("years" in title)


def test_labels_are_against_the_most_frequent_and_rare_ones_share_one() -> None:
    rng = np.random.default_rng(3)
    towns = np.array([f"t{i}" for i in range(4000)])
    town = np.where(
        rng.random(6000) < 0.5, rng.choice(["a", "b", "c"], 6000), rng.choice(towns, 6000)
    )
    table = pa.table({"town": town, "pay": rng.normal(size=6000)})
    rows = table_of(
        evaluate(table, None, table, metrics=(REGRESSIONS,), regressions=("pay ~ town",),
                 kinds={"town": "categorical"})
    )  # fmt: skip
    assert len(rows) == 3
    assert "town: rarer" in rows


def test_numbers_as_labels() -> None:
    table = people()
    rows = table_of(found(table, table, "pay ~ C(visits)"))
    assert all(name.startswith("visits") for name in rows)
    assert len(rows) > 3


def test_collinear_columns_are_named_and_left_out() -> None:
    x = np.random.default_rng(0).normal(size=(50, 2))
    design = np.column_stack([x, x.sum(axis=1), x[:, 0] * 3 + 1, np.ones(50)])
    assert independent_columns(design).tolist() == [True, True, False, False, False]
    table = people()
    twin = table.append_column("twice", pa.array(np.asarray(table["age"]) * 2 + 5))
    figure = found(twin, twin, "pay ~ age + sex + twice").figure("ci_overlap")
    assert figure is not None
    assert figure.detail["not_estimated_on_real_rows"] == ["twice"]
    assert figure.value == 1.0


def test_a_coefficient_that_synthetic_rows_do_not_determine_counts_as_lost() -> None:
    table = people()
    made = table.set_column(1, "sex", pa.array(["m"] * table.num_rows))
    figures = found(table, made, "pay ~ age + sex")
    assert table_of(figures)["sex = f"]["synthetic"] is None
    assert table_of(figures)["sex = f"]["overlap"] == 0.0
    apart = figures.figure("coefficient_difference")
    assert apart is not None
    assert apart.detail["lost"] == 1
    constant = table.set_column(2, "pay", pa.array([30.0] * table.num_rows))
    figures = found(table, constant, "pay ~ age + sex")
    overlap = figures.figure("ci_overlap")
    assert overlap is not None
    assert overlap.value == 0.0
    assert "cannot be estimated on the synthetic rows" in reasons(figures)


def test_separation_is_told_and_not_estimated() -> None:
    x = np.repeat([0.0, 1.0], 100)
    assert fit(x, x[:, None], family="logistic") is None
    rng = np.random.default_rng(0)
    noise = rng.normal(size=200)
    y = np.where(x > 0, 1.0, (rng.random(200) < 0.5).astype(float))
    half = fit(y, np.column_stack([x, noise]), family="logistic")
    assert half is not None
    assert np.isnan(half.value[0])
    assert not np.isnan(half.value[1])
    table = pa.table({"y": np.where(x > 0, "yes", "no"), "x": x + rng.normal(0, 0.01, 200)})
    assert "separate yes from no" in reasons(found(table, table, "y ~ x"))


@pytest.mark.parametrize(
    ("formula", "why"),
    [
        ("pay ~ agee", "did you mean 'age'"),
        ("pay ~ age - sex", "backticks"),
        ("logit(pay) ~ age", "say which counts as yes"),
        ("sex == 'q' ~ age", "does not occur"),
        ("linear(sex) ~ age", "holds no numbers"),
        ("poisson(pay) ~ age", "negative numbers"),
        ("pay ~ log(sex)", "holds no numbers"),
        ("pay ~ same", "no predictor that varies"),
        ("same ~ pay", "does not vary"),
        ("pay ~ empty", "no predictor that varies"),
    ],
)
def test_what_cannot_be_done_says_why(formula: str, why: str) -> None:
    table = people(300)
    table = table.set_column(2, "pay", pa.array(np.asarray(table["pay"]) - 40))
    table = table.append_column("same", pa.array([1.5] * 300))
    table = table.append_column("empty", pa.array([None] * 300, pa.float64()))
    assert why in reasons(found(table, table, formula))


def test_few_rows_and_a_label_of_many() -> None:
    tiny = people(12)
    assert "too few" in reasons(found(tiny, tiny, "pay ~ age"))
    rng = np.random.default_rng(0)
    three = pa.table({"y": rng.choice(["a", "b", "c"], 300), "x": rng.normal(size=300)})
    assert "logit(y == 'label')" in reasons(found(three, three, "y ~ x"))


def test_negative_synthetic_counts_and_missing_cells_are_left_out_and_counted() -> None:
    table = people(600)
    visits = np.asarray(table["visits"]).astype(float)
    visits[:5] = -1
    age = np.asarray(table["age"]).copy()
    made = table.set_column(3, "visits", pa.array(visits)).set_column(
        0, "age", pa.array(age, mask=np.arange(600) % 10 == 9)
    )
    figure = found(table, made, "poisson(visits) ~ age").figure("ci_overlap")
    assert figure is not None
    assert figure.detail["incomplete_rows"]["synthetic"] == 65


def test_formulas_are_checked_before_any_work() -> None:
    assert len(check_regressions(["a ~ b", "b ~ ."], ["a", "b"])) == 2
    with pytest.raises(SchemaError, match="did you mean 'age'"):
        check_regressions(["pay ~ ages"], ["pay", "age"])


def test_real_microdata() -> None:
    """Fair's survey of 1974: half against half reaches what two samples reach."""
    from statsmodels.datasets import fair

    frame: pd.DataFrame = fair.load_pandas().data
    order = np.random.default_rng(4).permutation(len(frame))
    halves = [pa.Table.from_pandas(frame.iloc[part], preserve_index=False)
              for part in np.array_split(order, 2)]  # fmt: skip
    figures = found(
        halves[0], halves[1], "affairs > 0 ~ age + yrs_married + religious + rate_marriage",
        "rate_marriage ~ C(educ) + age", holdout=halves[1],
    )  # fmt: skip
    for key in ("ci_overlap", "ci_overlap_2"):
        figure = figures.figure(key)
        assert figure is not None
        assert figure.value == pytest.approx(figure.anchors.holdout)
        assert figure.value > 0.4
    assert table_of(figures)["rate_marriage"]["real"]["value"] < -0.5


@pytest.mark.statistical
def test_two_samples_overlap_by_071() -> None:
    """200 pairs of samples of a right model: mean overlap 0.712, sd of the mean below 0.009.

    E of 1 - |Z| sqrt(2) / (2 * 1.96), cut at 0: 0.7125. n = 200 x 3 coefficients; accepted within
    0.05 (5.5 sd, alpha < 1e-7); errors that are 20 % wrong move it by 0.07.
    """
    overlaps = []
    for seed in range(200):
        both = []
        for half in (0, 1):
            rng = np.random.default_rng([seed, half])
            x = rng.normal(size=(400, 3))
            both.append(fit(x @ [1.0, 0.2, 0.0] + rng.normal(size=400), x))
        assert both[0] is not None
        assert both[1] is not None
        overlaps.append(agreement(both[0], both[1]).overlap.mean())
    assert np.mean(overlaps) == pytest.approx(0.7125, abs=0.05)


def test_a_formula_that_does_not_fit_is_refused_before_any_work() -> None:
    import understudy as us

    table = people(100)
    with pytest.raises(SchemaError, match="did you mean 'age'"):
        us.evaluate(table, table, regressions="pay ~ agee")


def test_without_statsmodels_the_reason_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from understudy.evaluate.regressions import measuring

    monkeypatch.setattr(measuring, "regressions_can_be_fitted", lambda: False)
    table = people(100)
    assert "understudy[regression]" in reasons(found(table, table, "pay ~ age"))


def test_real_counts_overdispersed_and_ordered_answers() -> None:
    """Doctor visits of the RAND health insurance experiment, and the election study of 1996."""
    from statsmodels.datasets import anes96, randhie

    for load, formula, term, sign in (
        (randhie.load_pandas, "poisson(mdvis) ~ lncoins + physlm + disea", "disea", 1),
        (anes96.load_pandas, "logit(vote) ~ PID + age + selfLR", "PID", 1),
    ):
        frame = load().data
        order = np.random.default_rng(6).permutation(len(frame))
        parts = [pa.Table.from_pandas(frame.iloc[part], preserve_index=False)
                 for part in np.array_split(order, 2)]  # fmt: skip
        figures = found(parts[0], parts[1], formula)
        figure = figures.figure("ci_overlap")
        assert figure is not None, figures.skipped
        assert figure.value > 0.3
        assert np.sign(table_of(figures)[term]["real"]["value"]) == sign
        if "poisson" in formula:
            assert figure.detail["dispersion"]["train"] > 3
