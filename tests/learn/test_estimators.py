"""The learners keep scikit-learn's contract as far as privacy lets them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import check_estimator

import understudy as us
from understudy.errors import InputError
from understudy.learn import LEARNERS, GaussianNB, HistogramNB, LogisticRegression, Predictor
from understudy.schema import Column, Schema

_ROWS = (
    "whether a column of floats holds few values is a fact of the rows, which nobody has paid for"
)
AGAINST_PRIVACY = {
    "check_classifiers_regression_target": _ROWS,
    "check_supervised_y_no_nan": "a row without a class teaches nothing; refusing would tell of it",
    "check_fit2d_1sample": "one row is refused in words of ours: no class stands out of the noise",
    "check_supervised_y_2d": "a column as a matrix is taken for what it is, without a warning",
}
"""Checks that are meant to fail, and why."""

NOISE = {"check_fit_idempotent": "two fits have two noises"}


@pytest.mark.parametrize(
    ("maker", "epsilon"),
    [
        pytest.param(LogisticRegression, us.NON_PRIVATE, marks=pytest.mark.slow),
        pytest.param(LogisticRegression, 500.0, marks=pytest.mark.slow),
        pytest.param(GaussianNB, us.NON_PRIVATE, marks=pytest.mark.slow),
        pytest.param(GaussianNB, 500.0, marks=pytest.mark.slow),
        (HistogramNB, us.NON_PRIVATE),
        pytest.param(HistogramNB, 500.0, marks=pytest.mark.slow),
    ],
)
def test_scikit_learn_accepts_it(maker: Any, epsilon: Any) -> None:
    """Under a promise ε is large: the checks have some twenty rows."""
    expected = AGAINST_PRIVACY | ({} if epsilon is us.NON_PRIVATE else NOISE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        told = check_estimator(
            maker(epsilon=epsilon), expected_failed_checks=expected, on_fail=None
        )
    failed = {one["check_name"] for one in told if one["status"] == "failed"}
    assert not failed - set(expected)
    assert sum(one["status"] == "passed" for one in told) > 40


@pytest.mark.parametrize("maker", LEARNERS())
def test_frames_of_every_kind(maker: Any, patients: pa.Table) -> None:
    some = patients.slice(0, 2_000)
    for frame in (some, some.to_pandas(), pl.from_arrow(some)):
        fitted = maker(epsilon=5.0).fit(frame, "kept")
        assert fitted.classes_.tolist() == ["no", "yes"]
        assert fitted.feature_names_in_.tolist() == ["age", "ward", "weight"]
        assert fitted.n_features_in_ == 3
        assert fitted.score(frame, "kept") > 0.65
        assert fitted.predict(frame).shape == (2_000,)
        assert 4.99 < fitted.epsilon_spent_ <= 5.0


def test_classes_apart_from_the_frame(patients: pa.Table) -> None:
    truth = patients.column("kept")
    inputs = patients.drop_columns(["kept"])
    for classes in (truth, truth.to_pandas(), np.asarray(truth.to_pylist()), truth.to_pylist()):
        fitted = HistogramNB(epsilon=5.0).fit(inputs, classes)
        assert fitted.score(inputs, classes) > 0.65
    assert fitted.predictor_.target == "target"
    named = HistogramNB(epsilon=5.0).fit(inputs, pd.Series(truth.to_pylist(), name="verdict"))
    assert named.predictor_.target == "verdict"


def test_it_is_cloned_set_and_cross_validated(patients: pa.Table) -> None:
    plain = LogisticRegression(epsilon=1.0, steps=20, schema=Schema(), asset="clinic")
    again = clone(plain).set_params(epsilon=2.0)
    assert again.get_params()["epsilon"] == 2.0
    assert again.get_params()["steps"] == 20
    assert plain.epsilon == 1.0
    frame = patients.to_pandas()
    told = cross_val_score(again, frame.drop(columns="kept"), frame["kept"], cv=2)
    assert told.shape == (2,)
    assert told.mean() > 0.65


def test_epsilon_has_to_be_said() -> None:
    with pytest.raises(TypeError):
        LogisticRegression()


def test_there_is_no_seed() -> None:
    for maker in LEARNERS():
        names = set(maker(epsilon=1.0).get_params())
        assert not {name for name in names if "seed" in name or "random" in name}


def test_two_fits_differ_under_a_promise_alone(patients: pa.Table) -> None:
    some = patients.slice(0, 500)
    for maker in LEARNERS():
        for epsilon, same in ((5.0, False), (us.NON_PRIVATE, True)):
            state = np.random.get_state()[1].copy()  # noqa: NPY002
            first, second = (maker(epsilon=epsilon).fit(some, "kept") for _ in range(2))
            told = [one.predict_proba(some) for one in (first, second)]
            assert np.array_equal(*told) == same
            assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_scores_and_probabilities_agree(patients: pa.Table) -> None:
    fitted = GaussianNB(epsilon=3.0).fit(patients, "kept")
    ahead = fitted.decision_function(patients)
    assert np.allclose(1 / (1 + np.exp(-ahead)), fitted.predict_proba(patients)[:, 1])
    three = GaussianNB(epsilon=3.0).fit(patients, "ward")
    assert three.decision_function(patients).shape == (6_000, 3)


def test_a_column_of_the_schema_is_believed(patients: pa.Table, tmp_path: Path) -> None:
    schema = Schema(
        columns=(
            Column(name="age", minimum=18, maximum=90, nulls=()),
            Column(name="ward", categories=("north", "south", "west"), nulls=()),
            Column(name="kept", categories=("no", "yes"), nulls=()),
        )
    )
    us.write_schema(schema, tmp_path / "schema.yaml")
    for told in (schema, str(tmp_path / "schema.yaml")):
        fitted = LogisticRegression(epsilon=1.0, schema=told).fit(patients, "kept")
        (age,) = [item for item in fitted.predictor_.attributes if item.name == "age"]
        assert age.paid["range"] == "declared"


def test_the_unit_of_the_schema_is_the_unit(patients: pa.Table) -> None:
    table = patients.append_column("person", pa.array(np.arange(6_000) // 3))
    schema = Schema(unit="person", max_rows_per_unit=3)
    fitted = LogisticRegression(epsilon=5.0, schema=schema).fit(table, "kept")
    assert "at most 3 rows" in fitted.privacy_["unit"]
    other = LogisticRegression(epsilon=5.0, schema=schema, unit=us.Unit()).fit(table, "kept")
    assert other.privacy_["unit"] == "adding or removing one row"


@pytest.mark.parametrize(
    ("frame", "classes"),
    [
        ([[1.0], [2.0]], [0]),
        ([1.0, 2.0], [0, 1]),
        ([[1.0], [2.0]], None),
        ("patients.csv", "kept"),
        ([[1.0], [2.0]], [[0, 1], [1, 0]]),
        (np.array([["a", 1], [2, "b"]], dtype=object), [0, 1]),
    ],
)
def test_bad_frames_are_refused(frame: Any, classes: Any) -> None:
    with pytest.raises(InputError):
        LogisticRegression(epsilon=1.0).fit(frame, classes)


def test_errors_are_value_errors_too(patients: pa.Table) -> None:
    with pytest.raises(ValueError, match="no column 'kepd'"):
        LogisticRegression(epsilon=1.0).fit(patients, "kepd")
    with pytest.raises(ValueError, match="bins"):
        LogisticRegression(epsilon=1.0, bins=1).fit(patients, "kept")
    fitted = HistogramNB(epsilon=5.0).fit(patients, "kept")
    with pytest.raises(ValueError, match="'ward'"):
        fitted.predict(patients.drop_columns(["ward"]))
    with pytest.raises(ValueError, match="one class for every row"):
        fitted.score(patients, ["yes"])
    with pytest.raises(NotFittedError):
        HistogramNB(epsilon=5.0).predict(patients)


def test_errors_show_no_cell(patients: pa.Table) -> None:
    cells = pd.DataFrame({"x": ["Zxqv7391", 3.0, 4.0]})
    with pytest.raises(InputError) as refused:
        LogisticRegression(epsilon=1.0).fit(cells, [0, 1, 0])
    assert "Zxqv" not in str(refused.value)


def test_an_unknown_class_counts_as_wrong(patients: pa.Table) -> None:
    fitted = HistogramNB(epsilon=5.0).fit(patients, "kept")
    assert fitted.score(patients.slice(0, 4), ["a", "b", "c", None]) == 0.0


def test_it_is_saved(patients: pa.Table, tmp_path: Path) -> None:
    fitted = LogisticRegression(epsilon=5.0).fit(patients, "kept")
    again = Predictor.load(fitted.save(tmp_path / "learner"))
    assert np.array_equal(again.predict_proba(patients), fitted.predict_proba(patients))
