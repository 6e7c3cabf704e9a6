"""CART: what it learns, and that everything about it says that nothing is promised."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import understudy as us
from understudy.curator import MemoryCurator
from understudy.errors import InputError, ModelError
from understudy.privacy import Budget, Ledger, NonPrivateBudget
from understudy.schema import Schema
from understudy.source import SensitiveTable, from_frame
from understudy.synthesize.model import Model
from understudy.synthesize.tensors import from_bytes, to_bytes
from understudy.synthesize.tree.cart import Cart
from understudy.testing.tables import example_tables


def frame(rows: int = 3_000, seed: int = 0) -> pa.Table:
    """A number that goes with a label, an interaction (a XOR b = c), and gaps."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 2, rows), rng.integers(0, 2, rows)
    place = rng.choice(["north", "south", "east"], rows)
    level = np.where(place == "south", 50, 20) + rng.integers(0, 10, rows)
    return pa.table(
        {
            "a": pa.array(np.array(["no", "yes"])[a]),
            "b": pa.array(np.array(["no", "yes"])[b]),
            "c": pa.array(np.array(["no", "yes"])[a ^ b]),
            "place": pa.array(place),
            "level": pa.array([None if i % 20 == 0 else int(v) for i, v in enumerate(level)]),
        }
    )


def fit(table: SensitiveTable) -> tuple[Model, NonPrivateBudget]:
    budget = NonPrivateBudget()
    return Cart().fit(MemoryCurator(table, budget=budget), Schema()), budget


def test_interactions_numbers_and_gaps_come_back() -> None:
    model, _ = fit(from_frame(frame()))
    made = model.sample(4_000, seed=1).to_pydict()
    a, b, c = (np.array(made[name]) == "yes" for name in "abc")
    assert np.mean((a ^ b) == c) > 0.98
    level = np.array([np.nan if v is None else v for v in made["level"]])
    south = np.array(made["place"]) == "south"
    assert np.nanmin(level[south]) >= 50 > np.nanmax(level[~south])
    assert 0.03 < np.isnan(level).mean() < 0.07
    assert round(model.rows) == 3_000


def test_a_finite_budget_is_refused_and_untouched() -> None:
    budget = Budget(1.0)
    with pytest.raises(InputError, match="no epsilon can be promised"):
        Cart().fit(MemoryCurator(from_frame(frame(50)), budget=budget), Schema())
    assert budget.events == ()


def test_everything_says_that_nothing_is_promised(tmp_path: Path) -> None:
    book = Ledger(tmp_path / "ledger")
    run = us.synthesize(
        frame(400),
        epsilon=us.NON_PRIVATE,
        synthesizer="cart",
        ledger=book,
        asset="t",
        evaluate=False,
    )
    assert run.evidence.label.epsilon == run.evidence.label.epsilon_spent == math.inf
    assert not run.evidence.label.is_private
    assert run.model.privacy["epsilon"] == math.inf
    record = book.show("t")
    assert any(charge.event.kind == "non-private" for charge in record.charges)
    assert record.epsilon(1e-6) == math.inf
    out = run.save(tmp_path / "release", key=None)
    assert json.loads((out / "evidence.json").read_text())["label"]["epsilon"] == "Infinity"
    assert "Infinity" in (out / "manifest.json").read_text()
    assert "no differential privacy" in (out / "report.html").read_text()
    assert Model.load(out / "model").privacy["epsilon"] == math.inf
    book.set_policy("t", 5.0, 1e-5)
    with pytest.raises(us.UnderstudyError, match="limit"):
        us.synthesize(
            frame(100), epsilon=us.NON_PRIVATE, synthesizer="cart", ledger=book, asset="t"
        )


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"epsilon": 1.0, "synthesizer": "cart"}, "no private form"),
        ({"epsilon": us.NON_PRIVATE, "synthesizer": "aim"}, "no form without privacy"),
        ({"epsilon": us.NON_PRIVATE}, "name the synthesizer"),
        ({"epsilon": math.inf, "synthesizer": "cart"}, "finite"),
    ],
)
def test_promises_that_cannot_be_are_refused(settings: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        us.synthesize(frame(30), **settings)


def test_models_travel_without_a_pickle_and_sample_alike(tmp_path: Path) -> None:
    model, _ = fit(from_frame(frame(600)))
    again = Model.load(model.save(tmp_path / "m"))
    assert again.sample(500, seed=3).equals(model.sample(500, seed=3))
    assert not again.sample(500, seed=4).equals(model.sample(500, seed=3))
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [
        "arrays.safetensors",
        "model.json",
    ]


@pytest.mark.parametrize("part", ["left", "starts", "codes", "feature", "counts"])
def test_damaged_trees_are_refused(tmp_path: Path, part: str) -> None:
    model, _ = fit(from_frame(frame(600)))
    place = model.save(tmp_path / "m")
    arrays = from_bytes((place / "arrays.safetensors").read_bytes())
    named = f"codes.{part}_2"
    arrays[named] = arrays[named] * 0 if part in ("left", "counts") else arrays[named][:-1]
    (place / "arrays.safetensors").write_bytes(to_bytes(arrays))
    with pytest.raises(ModelError, match="damaged"):
        Model.load(place)


@pytest.mark.parametrize("example", example_tables(), ids=lambda example: example.name)
def test_awkward_tables(example: object) -> None:
    budget = NonPrivateBudget(example.unit)
    model = Cart().fit(MemoryCurator(example.table, budget=budget), Schema())
    for rows in (0, 1, 120):
        made = model.sample(rows, seed=0)
        assert made.num_rows == rows
        assert made.column_names == [header.name for header in example.table.headers]


def test_large_draws_come_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = fit(from_frame(frame(300)))
    monkeypatch.setattr("understudy.synthesize.tree.codes._CHUNK", 64)
    assert model.sample(1_000, seed=0).num_rows == 1_000


@pytest.mark.parametrize(
    "settings", [{"least_leaf": 0}, {"depth": 0}, {"depth": 61}, {"most_parents": 0}]
)
def test_settings_out_of_range(settings: dict[str, int]) -> None:
    with pytest.raises(InputError):
        Cart(**settings)
