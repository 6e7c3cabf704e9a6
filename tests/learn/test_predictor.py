"""The file of a learner: JSON and arrays, nothing of rows, and every damage noticed."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import understudy as us
from understudy.errors import ModelError
from understudy.learn import Predictor
from understudy.learn.predictor import ARRAYS_NAME, JSON_NAME, centred, softmax
from understudy.release.canary import find_values


@pytest.fixture(scope="module")
def told(patients: pa.Table) -> Predictor:
    return us.learn(patients, target="kept", epsilon=4.0)


def test_it_comes_back_as_it_was(told: Predictor, patients: pa.Table, tmp_path: Path) -> None:
    again = Predictor.load(told.save(tmp_path / "a"))
    assert again.to_json()[0] == told.to_json()[0]
    assert np.array_equal(again.scores(patients), told.scores(patients))
    assert again.privacy["charges"]
    assert again.settings["steps"] > 0


def test_it_holds_what_is_allowed(told: Predictor, tmp_path: Path) -> None:
    told.save(tmp_path)
    facts = json.loads((tmp_path / JSON_NAME).read_text())
    assert set(facts) == {
        "understudy_predictor", "learner", "settings", "privacy", "rows", "target", "target_type",
        "labels", "columns",
    }  # fmt: skip
    with zipfile.ZipFile(tmp_path / ARRAYS_NAME) as archive:
        names = {name.removesuffix(".npy").split(".")[-1] for name in archive.namelist()}
    assert {name.rstrip("0123456789") for name in names} == {
        "intercept", "scores_", "counts", "variances", "edges",
    }  # fmt: skip


def test_no_cell_of_one_person_is_in_the_file(patients: pa.Table, tmp_path: Path) -> None:
    wards = patients.column("ward").to_pylist()
    wards[5] = "Zxqv7391"
    ages = patients.column("age").to_pylist()
    ages[6] = 7_391_224_551
    table = patients.set_column(1, "ward", pa.array(wards)).set_column(0, "age", pa.array(ages))
    for name in ("logistic", "gaussian_nb"):
        place = us.learn(table, target="kept", epsilon=10.0, learner=name).save(tmp_path / name)
        assert not find_values(place, ["Zxqv7391", 7_391_224_551])


def test_the_scorecard_tells_the_strongest_first(told: Predictor) -> None:
    lines = told.scorecard()
    assert lines[0]["column"] in ("age", "ward")
    assert {line["class"] for line in lines} == {"no", "yes"}
    west = next(x for x in lines if x["cell"] == "west" and x["class"] == "yes")
    north = next(x for x in lines if x["cell"] == "north" and x["class"] == "yes")
    assert west["score"] > 0 > north["score"]


def test_columns_say_nothing_on_average(told: Predictor) -> None:
    for item, table in zip(told.attributes, told.tables, strict=True):
        assert np.abs(item.shares @ table).max() < 1e-9


@pytest.mark.parametrize(
    "damage",
    [
        lambda place: (place / JSON_NAME).unlink(),
        lambda place: (place / ARRAYS_NAME).unlink(),
        lambda place: (place / JSON_NAME).write_text("{"),
        lambda place: (place / JSON_NAME).write_text("[]"),
        lambda place: (place / JSON_NAME).write_text("{}"),
        lambda place: (place / ARRAYS_NAME).write_bytes(b"PK\x03\x04 no archive"),
        lambda place: change(place, "understudy_predictor", 99),
        lambda place: change(place, "labels", ["a"]),
        lambda place: change(place, "columns", [{"header": {}}]),
        lambda place: change(place, "labels", None),
        lambda place: np.savez(place / ARRAYS_NAME, intercept=np.zeros(2)),
    ],
)
def test_damage_is_noticed(damage: object, told: Predictor, tmp_path: Path) -> None:
    told.save(tmp_path)
    damage(tmp_path)  # type: ignore[operator]
    with pytest.raises(ModelError):
        Predictor.load(tmp_path)


def change(place: Path, name: str, value: object) -> None:
    facts = json.loads((place / JSON_NAME).read_text())
    (place / JSON_NAME).write_text(json.dumps({**facts, name: value}))


def test_a_pickle_is_not_opened(told: Predictor, tmp_path: Path) -> None:
    told.save(tmp_path)
    np.savez(tmp_path / ARRAYS_NAME, intercept=np.array([{"a": 1}, None], dtype=object))
    with pytest.raises(ModelError):
        Predictor.load(tmp_path)


def test_a_synthesizers_model_is_no_learner(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no learner here"):
        Predictor.load(tmp_path)


def test_softmax_survives_extremes() -> None:
    shares = softmax(np.array([[1e300, -1e300, 0.0], [-1e9, -1e9, -1e9]]))
    assert np.isfinite(shares).all()
    assert np.allclose(shares.sum(axis=1), 1.0)


def test_moving_scores_changes_no_prediction() -> None:
    draw = np.random.default_rng(0)
    tables = [draw.normal(size=(4, 3)), draw.normal(size=(5, 3))]
    intercept = draw.normal(size=3)
    shares = [np.full(4, 0.25), np.full(5, 0.2)]
    moved, start = centred(tables, intercept, shares)
    before = softmax((intercept + tables[0][1] + tables[1][3])[None])
    assert np.allclose(softmax((start + moved[0][1] + moved[1][3])[None]), before)
