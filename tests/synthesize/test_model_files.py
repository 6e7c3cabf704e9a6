"""Model folders: what they hold, what is refused, and that a loaded model is the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from understudy.curator import MemoryCurator
from understudy.errors import ModelError
from understudy.privacy import Budget
from understudy.schema import Schema
from understudy.source import from_frame
from understudy.synthesize.marginal.mst import MST
from understudy.synthesize.model import (
    ARRAYS_NAME,
    FORMAT_VERSION,
    JSON_NAME,
    OLD_ARRAYS_NAME,
    Model,
)
from understudy.synthesize.tensors import from_bytes, to_bytes
from understudy.testing.replay import digest_of
from understudy.testing.tables import survey, typed


@pytest.fixture(scope="module", params=["text", "typed"])
def model(request: pytest.FixtureRequest) -> Model:
    rng = np.random.default_rng(0)
    table = from_frame(survey(rng) if request.param == "text" else typed(rng))
    return MST().fit(MemoryCurator(table, budget=Budget(8.0)), Schema())


def test_a_loaded_model_is_the_same(model: Model, tmp_path: Path) -> None:
    loaded = Model.load(model.save(tmp_path / "m"))
    assert digest_of(loaded) == digest_of(model)
    assert loaded.sample(50, seed=3).equals(model.sample(50, seed=3))
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [ARRAYS_NAME, JSON_NAME]


def test_saving_again_replaces(model: Model, tmp_path: Path) -> None:
    place = model.save(tmp_path / "m")
    model.save(place)
    assert digest_of(Model.load(place)) == digest_of(model)


def test_the_json_is_plain_and_says_what_made_it(model: Model, tmp_path: Path) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    text = (model.save(tmp_path / "m") / JSON_NAME).read_text("utf-8")
    facts = json.loads(text, parse_constant=refuse)
    assert facts["understudy_model"] == FORMAT_VERSION
    assert facts["synthesizer"] == "mst"
    assert set(facts["settings"]) >= {"select_share", "chords", "target"}


def test_arrays_are_numbers_and_nothing_else(model: Model, tmp_path: Path) -> None:
    held = from_bytes((model.save(tmp_path / "m") / ARRAYS_NAME).read_bytes())
    assert {array.dtype.kind for array in held.values()} <= set("iuf")


def test_models_of_older_versions_are_read_and_replaced(model: Model, tmp_path: Path) -> None:
    """Version 2 kept its arrays in an archive of NumPy files."""
    place = model.save(tmp_path / "m")
    arrays = from_bytes((place / ARRAYS_NAME).read_bytes())
    np.savez_compressed(place / OLD_ARRAYS_NAME, allow_pickle=False, **arrays)
    with pytest.raises(ModelError, match="damaged"):
        Model.load(place)
    (place / ARRAYS_NAME).unlink()
    facts = json.loads((place / JSON_NAME).read_text("utf-8"))
    (place / JSON_NAME).write_text(json.dumps({**facts, "understudy_model": 2}), "utf-8")
    old = Model.load(place)
    assert digest_of(old) == digest_of(model)
    old.save(place)
    assert sorted(path.name for path in place.iterdir()) == [ARRAYS_NAME, JSON_NAME]


def damage(folder: Path, how: str) -> None:  # noqa: C901  a line a case
    """Spoil a model folder."""
    json_file, arrays_file = folder / JSON_NAME, folder / ARRAYS_NAME
    facts: dict[str, Any] = json.loads(json_file.read_text("utf-8"))
    match how:
        case "no json":
            json_file.unlink()
        case "no arrays":
            arrays_file.unlink()
        case "cut json":
            json_file.write_text(json_file.read_text("utf-8")[:200])
        case "cut arrays":
            arrays_file.write_bytes(arrays_file.read_bytes()[:300])
        case "text for arrays":
            arrays_file.write_text("not a zip")
        case "a list":
            json_file.write_text("[]")
        case "foreign":
            json_file.write_text('{"model": 1}')
        case "newer":
            json_file.write_text(json.dumps({**facts, "understudy_model": FORMAT_VERSION + 1}))
        case "no columns":
            json_file.write_text(json.dumps({**facts, "columns": None}))
        case "unknown kind":
            facts["columns"][0]["kind"] = "horoscope"
            json_file.write_text(json.dumps(facts))
        case "unknown codes":
            json_file.write_text(json.dumps({**facts, "codes": {"kind": "oracle"}}))
        case "missing array":
            held = from_bytes(arrays_file.read_bytes())
            arrays_file.write_bytes(to_bytes(dict(list(held.items())[1:])))


@pytest.mark.parametrize(
    "how",
    ["no json", "no arrays", "cut json", "cut arrays", "text for arrays", "a list", "foreign",
     "newer", "no columns", "unknown kind", "unknown codes", "missing array"],
)  # fmt: skip
def test_a_damaged_model_is_a_clear_error(model: Model, tmp_path: Path, how: str) -> None:
    folder = model.save(tmp_path / "m")
    damage(folder, how)
    with pytest.raises(ModelError) as problem:
        Model.load(folder)
    assert problem.value.exit_code == 7


def test_no_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model here"):
        Model.load(tmp_path / "nothing")
