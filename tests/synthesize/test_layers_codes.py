"""A saved stack of layers as a generator of codes, without PyTorch."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from understudy.cells.reading import Reading
from understudy.curator import LabelCells, NumberCells
from understudy.errors import ModelError
from understudy.prepare.attributes import Attribute
from understudy.schema import Kind
from understudy.source.table import headers_of
from understudy.synthesize.model import Model
from understudy.synthesize.neural.features import Features
from understudy.synthesize.neural.layers_codes import Conditions, LayersCodes

NAMES = ("label", "number")


def columns() -> tuple[Attribute, ...]:
    """A label column and a number column with values, a spike and a null."""
    label, number = headers_of(pa.schema([("label", pa.string()), ("number", pa.int64())]))
    counts = np.r_[np.full(60, 10.0), 50.0, 0.0]
    counts[20] = 400.0
    cells = NumberCells(
        column="number",
        reading=Reading(kind=Kind.NUMBER, decimals=0),
        edges=tuple(np.arange(61.0).tolist()),
    )
    return (
        Attribute(header=label, kind=Kind.CATEGORY,
                  encoding=LabelCells(column="label", labels=("a", "b")),
                  counts=np.array([600.0, 390.0, 10.0]), variances=np.ones(3)),
        Attribute(header=number, kind=Kind.NUMBER, encoding=cells, counts=counts,
                  variances=np.ones(62), ordered=True),
    )  # fmt: skip


TABLE = Features.of(columns())
SHARES = tuple(item.shares for item in TABLE.columns)


def stack(*, residual: bool = True, told: bool = True, seed: int = 0) -> LayersCodes:
    rng = np.random.default_rng(seed)
    conditions = Conditions(columns=(0,), shares=(TABLE.columns[0].mode_shares,))
    width = 6 + (conditions.width if told else 0)
    outputs = sum(item.modes + int(item.back.valued.sum()) for item in TABLE.columns)
    layers = []
    for size in (16, 8, outputs):
        weight = rng.normal(0, 0.7, (size, width)).astype(np.float32)
        layers.append((weight, rng.normal(0, 0.3, size).astype(np.float32)))
        width = size + (width if residual else 0)
    return LayersCodes(
        columns=NAMES,
        backs=tuple(item.back for item in TABLE.columns),
        layers=tuple(layers),
        noise=6,
        residual=residual,
        conditions=conditions if told else Conditions(columns=(), shares=()),
        spread=0.01,
        facts={"steps": 3},
    )


def model(codes: LayersCodes) -> Model:
    return Model(attributes=columns(), codes=codes, rows=300.0, synthesizer="gan")


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("told", [False, True])
def test_models_travel_without_pickle_and_draw_without_pytorch(
    residual: bool, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    made = model(stack(residual=residual, told=told))
    again = Model.load(made.save(tmp_path / "m"))
    assert again.sample(500, seed=4).equals(made.sample(500, seed=4))
    assert isinstance(again.codes, LayersCodes)
    assert again.codes.facts == {"steps": 3}
    assert made.sample(0, seed=0).num_rows == 0


def test_layers_say_what_their_matrices_say() -> None:
    codes = stack(residual=True, told=False)
    inputs = np.random.default_rng(3).normal(size=(5, 6)).astype(np.float32)
    held = inputs
    for weight, bias in codes.layers[:-1]:
        held = np.concatenate([np.maximum(held @ weight.T + bias, 0.0), held], axis=1)
    wanted = held @ codes.layers[-1][0].T + codes.layers[-1][1]
    assert np.allclose(codes.outputs(inputs), wanted, atol=1e-5)


def test_calibrated_columns_come_out_as_they_were_counted() -> None:
    """n = 40,000 rows spread evenly: 0.02 is 8 standard deviations of plain draws."""
    before, after = stack(), stack().calibrated(SHARES)
    rng = np.random.default_rng(1)
    far = []
    for codes in (before, after):
        drawn = codes.draw(40_000, rng)
        shares = [
            np.bincount(drawn[name], minlength=len(wanted)) / 40_000
            for name, wanted in zip(NAMES, SHARES, strict=True)
        ]
        far.append([0.5 * np.abs(a - b).sum() for a, b in zip(shares, SHARES, strict=True)])
    assert max(far[1]) < 0.02
    assert max(far[0]) > 0.2


def test_conditions_are_drawn_by_their_shares_and_heard() -> None:
    conditions = Conditions(
        columns=(0, 1), shares=(np.array([0.2, 0.8]), np.array([3.0, 0.0, 1.0]))
    )
    column, mode = conditions.draw(40_000, np.random.default_rng(0))
    counts = np.bincount(conditions.places(column, mode), minlength=5) / 40_000
    assert np.abs(counts - [0.1, 0.4, 0.375, 0.0, 0.125]).max() < 0.02
    told = conditions.encode(column, mode)
    assert told.shape == (40_000, 5)
    assert told.sum(axis=1).tolist() == [1.0] * 40_000
    # A network that repeats its condition draws the label column by the condition's shares.
    codes = stack(residual=False)
    weight = np.zeros((len(codes.layers[-1][1]), 9), dtype=np.float32)
    weight[:3, 6:] = 40.0 * np.eye(3)
    plain = replace(codes, layers=((weight, codes.layers[-1][1] * 0),))
    drawn = plain.draw(20_000, np.random.default_rng(0))["label"]
    shares = np.bincount(drawn, minlength=3) / 20_000
    assert np.abs(shares - SHARES[0]).max() < 0.02


def test_linear_values_and_a_spread_per_value() -> None:
    codes = stack()
    values = sum(int(back.valued.sum()) for back in codes.backs)
    spread = np.full(len(codes.layers[-1][1]), 0.3)
    wide = replace(codes, values="linear", spread=spread)
    facts, arrays = wide.to_arrays()
    again = LayersCodes.from_arrays(facts, arrays)
    one, two = (c.draw(300, np.random.default_rng(0))["number"] for c in (wide, again))
    assert np.array_equal(one, two)
    assert values > 0


@pytest.mark.parametrize(
    "damage",
    [
        {"weight_1": lambda held: held[:, :-1]},
        {"bias_2": lambda held: held * np.nan},
        {"condition_0": lambda held: held[:-1]},
        {"condition_0": lambda held: -held},
        {"back_1.codes": lambda held: held[:-1]},
    ],
)
def test_damaged_files_are_refused(damage: dict[str, Any]) -> None:
    facts, arrays = stack().to_arrays()
    held = {**arrays, **{name: change(arrays[name]) for name, change in damage.items()}}
    with pytest.raises(ModelError, match="damaged"):
        LayersCodes.from_arrays(facts, held)
    for wrong in ({"activation": "eval"}, {"values": "?"}, {"conditions": [7]}):
        with pytest.raises((ModelError, KeyError)):
            LayersCodes.from_arrays({**facts, **wrong}, arrays)
