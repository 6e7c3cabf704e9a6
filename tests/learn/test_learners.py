"""What learners learn: close to the form without privacy, of any table that synthesizers take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.learn.conftest import WARDS

import understudy as us
from understudy.errors import BudgetError, InputError, SchemaError
from understudy.evaluate.task.scores import auc
from understudy.learn import LEARNERS, Bayes, Logistic, Predictor
from understudy.schema import Column, Schema
from understudy.workflow.learning import learners, predictions

NAMES = [maker.name for maker in LEARNERS()]


def ranked(
    predictor: Predictor, table: pa.Table, target: str = "kept", label: str = "yes"
) -> float:
    truth = np.asarray(table.column(target).to_pylist()) == label
    share = predictor.predict_proba(table)[:, predictor.labels.index(label)]
    return float(auc(truth.astype(np.int64), np.column_stack([1 - share, share]))[0])


@pytest.mark.parametrize("name", NAMES)
def test_it_comes_close_to_the_form_without_privacy(
    name: str, patients: pa.Table, unseen: pa.Table
) -> None:
    """n = 6,000 at ε = 4. The noise of AUC over fits is about .004: .05 are ten deviations."""
    exact = us.learn(patients, target="kept", epsilon=us.NON_PRIVATE, learner=name)
    noisy = us.learn(patients, target="kept", epsilon=4.0, learner=name)
    assert ranked(exact, unseen) > 0.83
    assert ranked(noisy, unseen) > ranked(exact, unseen) - 0.05
    assert noisy.labels == ("no", "yes")
    assert noisy.learner == name
    assert 3.99 < noisy.privacy["epsilon_spent"] <= 4.0
    assert exact.privacy["epsilon"] == np.inf


def test_there_is_one_list_of_learners() -> None:
    assert list(learners()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_number_speaks(name: str, patients: pa.Table) -> None:
    told = us.learn(patients, target="kept", epsilon=us.NON_PRIVATE, learner=name)
    asked = pa.table(
        {"age": [50, 50], "ward": ["south"] * 2, "weight": pa.array([None, 70.0], pa.float64())}
    )
    gone, known = told.predict_proba(asked)[:, 1]
    assert gone > known + 0.1


@pytest.mark.parametrize("name", NAMES)
def test_what_nobody_had_says_nothing(name: str, patients: pa.Table) -> None:
    """A label that was never seen leaves the other columns to speak, as if it were absent."""
    told = us.learn(patients, target="kept", epsilon=4.0, learner=name)
    wards = [*WARDS, "Zxqv7391"]
    asked = pa.table({"age": [50] * 4, "ward": wards, "weight": [70.0] * 4})
    *seen, odd = told.predict_proba(asked)[:, 1]
    assert min(seen) < odd < max(seen)


@pytest.mark.parametrize("name", NAMES)
def test_three_classes(name: str, patients: pa.Table, unseen: pa.Table) -> None:
    """n = 6,000, ε = 4: a third of the rows would be right by chance, 41 % is ten deviations off."""
    told = us.learn(patients, target="ward", epsilon=4.0, learner=name)
    assert told.labels == WARDS
    shares = told.predict_proba(unseen)
    assert shares.shape == (4_000, 3)
    assert np.allclose(shares.sum(axis=1), 1.0)
    assert (told.predict(unseen) == np.asarray(unseen.column("ward").to_pylist())).mean() > 0.41


def test_numbers_as_classes_come_back_as_numbers(patients: pa.Table) -> None:
    flag = pa.array(np.asarray(patients.column("kept").to_pylist()) == "yes").cast(pa.int8())
    told = us.learn(patients.append_column("flag", flag), target="flag", epsilon=2.0)
    assert told.classes.dtype == np.int8
    assert set(told.predict(patients.slice(0, 50)).tolist()) <= {0, 1}


def test_a_boolean_needs_nothing_found(patients: pa.Table) -> None:
    flag = pa.array(np.asarray(patients.column("kept").to_pylist()) == "yes")
    told = us.learn(patients.append_column("flag", flag), target="flag", epsilon=0.01)
    assert told.classes.tolist() == [False, True]


def test_declared_classes_are_the_classes(patients: pa.Table) -> None:
    """Also one that no row has: what rows have cannot be told from the classes."""
    told = us.learn(patients, target="kept", epsilon=1.0, classes=("yes", "no", "perhaps"))
    assert told.labels == ("yes", "no", "perhaps")
    assert told.predict_proba(patients).shape == (6_000, 3)
    schema = Schema(columns=(Column(name="kept", categories=("yes", "no", "never"), nulls=()),))
    assert us.learn(patients, target="kept", epsilon=1.0, schema=schema).labels[-1] == "never"


def test_a_rare_class_is_not_a_class(patients: pa.Table) -> None:
    """One row of a class of its own: shown with a chance below δ = 1e-6."""
    cells = patients.column("kept").to_pylist()
    cells[17] = "Zxqv7391"
    table = patients.set_column(3, "kept", pa.array(cells))
    for name in NAMES:
        told = us.learn(table, target="kept", epsilon=10.0, learner=name)
        assert told.labels == ("no", "yes")
        assert "Zxqv" not in str(told.to_json())


def test_noise_that_drowns_all_classes_says_what_to_declare() -> None:
    table = pa.table({"x": ["a", "b", "a"], "y": ["u", "v", "u"]})
    with pytest.raises(InputError, match="declare the classes"):
        us.learn(table, target="y", epsilon=0.1)
    assert us.learn(table, target="y", epsilon=0.1, classes=("u", "v")).labels == ("u", "v")


def test_one_class_is_predicted_for_everybody() -> None:
    table = pa.table({"x": list("ab") * 300, "y": ["u"] * 600})
    for name in NAMES:
        told = us.learn(table, target="y", epsilon=5.0, learner=name)
        assert told.predict_proba(table).tolist() == [[1.0]] * 600


def test_a_table_of_nothing_but_the_target_and_identifiers(patients: pa.Table) -> None:
    keys = [f"p-{place:06}" for place in range(6_000)]
    table = patients.select(["kept"]).append_column("id", pa.array(keys))
    told = us.learn(table, target="kept", epsilon=5.0)
    assert told.columns == ()
    share = told.predict_proba(table)[:, 1]
    assert np.ptp(share) == 0
    assert abs(share[0] - np.mean(np.asarray(table["kept"].to_pylist()) == "yes")) < 0.05


@pytest.mark.parametrize("name", ["gaussian_nb", "histogram_nb"])
def test_counting_is_enough_for_naive_bayes(
    name: str, tmp_path: Path, patients: pa.Table, unseen: pa.Table
) -> None:
    from pyarrow import parquet

    parquet.write_table(patients, tmp_path / "patients.parquet")
    told = us.learn(
        tmp_path / "patients.parquet", target="kept", epsilon=4.0, learner=name, stream=True
    )
    assert ranked(told, unseen) > 0.8
    with pytest.raises(InputError, match="take gaussian_nb or histogram_nb"):
        us.learn(tmp_path / "patients.parquet", target="kept", epsilon=4.0, stream=True)


def test_a_person_has_many_rows(patients: pa.Table, unseen: pa.Table) -> None:
    person = pa.array(np.arange(6_000) // 2)
    table = patients.append_column("person", person)
    for name in NAMES:
        told = us.learn(
            table,
            target="kept",
            epsilon=8.0,
            learner=name,
            unit_column="person",
            max_rows_per_unit=2,
        )
        assert "person" not in told.columns
        assert "at most 2 rows" in told.privacy["unit"]
        assert ranked(told, unseen) > 0.75


def test_ages_as_text_are_ages(patients: pa.Table, unseen: pa.Table, tmp_path: Path) -> None:
    """Learned from a CSV, where all is text; used on a typed frame."""
    from pyarrow import csv

    csv.write_csv(patients, tmp_path / "patients.csv")
    told = us.learn(tmp_path / "patients.csv", target="kept", epsilon=4.0)
    assert ranked(told, unseen) > 0.8


def test_the_ledger_has_every_charge(tmp_path: Path, patients: pa.Table) -> None:
    ledger = us.Ledger(tmp_path / "ledger.sqlite")
    for name in NAMES:
        told = us.learn(
            patients, target="kept", epsilon=1.0, learner=name, ledger=ledger, asset="patients"
        )
        record = ledger.show("patients")
        mine = [c for c in record.charges if c.run == record.runs[-1].id]
        assert len(mine) == len(told.privacy["charges"])
    assert {run.purpose for run in record.runs} == {"learning to predict kept"}
    ledger.set_policy("patients", 1.5, 1e-5)
    with pytest.raises(BudgetError):
        us.learn(patients, target="kept", epsilon=1.0, ledger=ledger, asset="patients")


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"target": "kepd"}, InputError),
        ({"learner": "logistics"}, InputError),
        ({"epsilon": -1.0}, InputError),
        ({"epsilon": "1"}, InputError),
        ({"delta": 0.5}, InputError),
        ({"classes": ("yes",)}, InputError),
        ({"classes": ("yes", "yes")}, InputError),
        ({"max_rows_per_unit": 3}, InputError),
        ({"unit_column": "person"}, InputError),
        ({"unit_column": "kept"}, InputError),
        ({"schema": Schema(columns=(Column(name="kept", action="drop"),))}, SchemaError),
        ({"schema": Schema(columns=(Column(name="kept", kind="date"),))}, SchemaError),
        ({"schema": Schema(columns=(Column(name="kept", kind="identifier"),))}, SchemaError),
        ({"schema": Schema(columns=(Column(name="nobody", kind="number"),))}, SchemaError),
    ],
)
def test_bad_input_is_refused_before_anything_is_spent(
    settings: dict[str, Any], error: type[Exception], patients: pa.Table, tmp_path: Path
) -> None:
    ledger = us.Ledger(tmp_path / "ledger.sqlite")
    asked: dict[str, Any] = {"target": "kept", "epsilon": 1.0, **settings}
    with pytest.raises(error):
        us.learn(patients, ledger=ledger, asset="patients", **asked)
    assert "patients" not in ledger.assets() or not ledger.show("patients").charges


def test_a_target_alone_is_refused(patients: pa.Table) -> None:
    with pytest.raises(InputError, match="no column to predict"):
        us.learn(patients.select(["kept"]), target="kept", epsilon=1.0)


@pytest.mark.parametrize(
    "settings",
    [{"bins": 1}, {"steps": 0}, {"clip": 0.0}, {"clip": np.nan}, {"ridge": -1.0}, {"bins": 65}],
)
def test_settings_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Logistic(**settings)


@pytest.mark.parametrize("settings", [{"bins": 1}, {"numbers": "bins"}, {"smoothing": 0.0}])
def test_settings_of_naive_bayes_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Bayes(**settings)


def test_wide_tables_of_copies_stay_stable() -> None:
    """Twenty columns that say the same: the steepest direction there is."""
    draw = np.random.default_rng(3)
    truth = draw.random(800) < 0.5
    copies = {f"c{i}": np.where(truth, "a", "b") for i in range(20)}
    table = pa.table({**copies, "y": np.where(truth, "u", "v")})
    told = us.learn(table, target="y", epsilon=us.NON_PRIVATE)
    assert (told.predict(table) == np.where(truth, "u", "v")).mean() == 1.0
    assert all(np.abs(scores).max() < 20 for scores in told.tables)
    noisy = us.learn(table, target="y", epsilon=1.0, classes=("u", "v"))
    assert (noisy.predict(table) == np.where(truth, "u", "v")).mean() > 0.9


def test_predictions_as_a_table(patients: pa.Table) -> None:
    told = us.learn(patients, target="kept", epsilon=5.0, learner="histogram_nb")
    made = predictions(told, patients.slice(0, 9), keep=["age"])
    assert made.column_names == [
        "age", "predicted kept", "probability of no", "probability of yes",
    ]  # fmt: skip
    assert made.num_rows == 9
    with pytest.raises(InputError, match="to keep"):
        predictions(told, patients, keep=["agee"])
    with pytest.raises(InputError, match="'ward'"):
        told.predict(patients.drop_columns(["ward"]))
