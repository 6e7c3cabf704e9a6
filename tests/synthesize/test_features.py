"""Columns as network inputs: there and back, by tables that only paid-for numbers decide."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.cells.reading import Reading
from understudy.curator import Curator, LabelCells, NumberCells
from understudy.errors import ModelError
from understudy.prepare.attributes import Attribute
from understudy.prepare.learn import learn
from understudy.schema import Column, Kind, Schema
from understudy.source import from_frame
from understudy.source.table import headers_of
from understudy.synthesize.neural.features import (
    FEW_CELLS,
    MOST_CLASSES,
    Back,
    Feature,
    Features,
    feature,
    mixture,
)
from understudy.testing import neighbours, record, replay_all

NUMBER = headers_of(pa.schema([("n", pa.int64())]))[0]
LABEL = headers_of(pa.schema([("l", pa.string())]))[0]


def numbers(counts: Any, edges: Any = None, special: Any = (0.0, 0.0)) -> Attribute:
    """A number column with counts for its cells, then for the null and the rest."""
    edges = np.arange(len(counts) + 1.0) if edges is None else np.asarray(edges, dtype=float)
    encoding = NumberCells(
        column="n", reading=Reading(kind=Kind.NUMBER, decimals=0), edges=tuple(edges.tolist())
    )
    held = np.concatenate([np.asarray(counts, dtype=float), special])
    return Attribute(header=NUMBER, kind=Kind.NUMBER, encoding=encoding, counts=held,
                     variances=np.ones(len(held)), ordered=True)  # fmt: skip


def labels(counts: Any) -> Attribute:
    """A label column with counts for its labels and the rest."""
    held = np.asarray(counts, dtype=float)
    encoding = LabelCells(column="l", labels=tuple(str(place) for place in range(len(held) - 1)))
    return Attribute(header=LABEL, kind=Kind.CATEGORY, encoding=encoding, counts=held,
                     variances=np.ones(len(held)))  # fmt: skip


def there_and_back(item: Feature, codes: np.ndarray, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    table = Features(columns=(item,))
    held = codes[:, None]
    values = table.values(held, rng.uniform(0.001, 0.999, held.shape))
    made: np.ndarray = table.decode(table.modes(held), values, rng)[item.column]
    return made


def two_hills() -> np.ndarray:
    x = np.arange(200.0)
    hills: np.ndarray = 900 * np.exp(-((x - 40) ** 2) / 200) + 500 * np.exp(-((x - 150) ** 2) / 50)
    return hills.round()


# ------------------------------------------------------------------ there and back


def test_numbers_come_back_as_the_cell_they_were() -> None:
    counts = two_hills()
    counts[[40, 60]] += [9_000, 4_000]
    item = feature(numbers(counts, special=(300.0, 0.0)))
    assert item.valued
    assert item.back.valued.sum() < item.modes
    codes = np.flatnonzero(item.shares > 1e-6)
    assert np.array_equal(there_and_back(item, codes), codes)
    alone = [code for code in (40, 60, 200) if (item.mode == item.mode[code]).sum() <= 2]
    assert alone == [40, 60, 200]


def test_two_hills_are_two_groups_of_modes_and_values_use_their_range() -> None:
    item = feature(numbers(two_hills()))
    assert not set(item.mode[:95].tolist()) & set(item.mode[120:200].tolist())
    assert 2 <= item.modes <= 10
    middle = (item.low + item.high) / 2
    for mode in range(item.modes):
        held = (item.mode == mode) & (item.shares > 0)
        weight = item.shares[held] / item.shares[held].sum()
        spread = np.sqrt(weight @ (middle[held] - weight @ middle[held]) ** 2)
        assert 0.05 < spread < 0.6


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.floats(0, 1e6), min_size=1, max_size=120),
    widths=st.lists(st.sampled_from([1.0, 2.0, 64.0, 1e9, 1e290]), min_size=1, max_size=120),
    special=st.tuples(st.floats(0, 1e5), st.floats(0, 1e5)),
)
def test_any_column_gives_sound_tables(
    counts: list[float], widths: list[float], special: tuple[float, float]
) -> None:
    size = min(len(counts), len(widths))
    edges = np.concatenate([[0.0], np.cumsum(widths[:size])])
    edges = edges[np.append(True, np.diff(edges) > 0)]
    item = feature(numbers(counts[: len(edges) - 1], edges, special))
    codes = np.arange(len(item.mode))
    assert item.mode.min() >= 0
    assert item.mode.max() < item.modes
    assert np.all((item.low >= -1) & (item.high <= 1) & (item.low <= item.high))
    assert np.isfinite(item.low).all()
    Back.from_arrays("x.", item.back.to_arrays("x."))
    made = there_and_back(item, codes)
    assert np.array_equal(item.mode[made], item.mode)


def test_columns_of_few_filled_cells_have_no_values() -> None:
    counts = np.zeros(60)
    counts[: 2 * FEW_CELLS : 2] = 10.0
    item = feature(numbers(counts))
    assert not item.valued
    assert item.modes == FEW_CELLS
    filled = np.flatnonzero(counts)
    assert np.array_equal(there_and_back(item, filled), filled)
    assert set(there_and_back(item, np.arange(62)).tolist()) <= set(filled.tolist())


def test_very_many_labels_share_classes_and_come_back_by_their_shares() -> None:
    counts = np.r_[np.full(50_000, 2.0), 0.0]
    counts[:3] = [50_000, 20_000, 10_000]
    item = feature(labels(counts))
    assert item.labels
    assert item.modes <= MOST_CLASSES
    codes = np.repeat(np.arange(3), 50)
    assert np.array_equal(there_and_back(item, codes), codes)
    others = there_and_back(item, np.full(4_000, 40_000))
    assert len(np.unique(others)) > 3_000
    assert others.max() < 50_000


def test_columns_merged_before_come_back_as_their_own_codes() -> None:
    into = np.array([0, 0, 1, 2, 2])
    table = Features.of([labels([7.0, 2.0, 1.0])])
    shares = np.array([0.5, 0.2, 0.2, 0.1, 0.0])
    back = table.backs({"l": into}, {"l": shares})[0]
    uniform = np.random.default_rng(0).random(3_000)
    made = np.bincount(back(np.repeat([0, 1, 2], 1_000), uniform), minlength=5)
    assert made[2:].tolist() == [1_000, 1_000, 0]
    assert abs(made[0] - 714) < 100


def test_a_code_without_a_share_never_comes_back() -> None:
    item = feature(labels([5.0, 0.0, 3.0, 0.0]))
    made = there_and_back(item, np.tile(np.arange(4), 500))
    assert set(made.tolist()) == {0, 2}


def test_inputs_of_a_row_depend_on_that_row_alone() -> None:
    table = Features.of([numbers(two_hills()), labels([4.0, 3.0, 2.0])])
    codes = np.array([[3, 0], [150, 1], [40, 2]])
    uniform = np.random.default_rng(0).random(codes.shape)
    made = table.encode(codes, uniform)
    assert made.shape == (3, table.width)
    assert made.dtype == np.float32
    for row in range(3):
        assert np.array_equal(made[row], table.encode(codes[[row]], uniform[[row]])[0])
    start = table.starts[1]
    assert np.array_equal(made[:, start:], np.eye(3, dtype=np.float32))


# ------------------------------------------------------------------ nothing from rows


def test_tables_are_a_pure_function_of_shares() -> None:
    """Trap 3: nothing random, and a common factor of the counts changes nothing."""
    one, again = feature(numbers(two_hills())), feature(numbers(two_hills() * 4.0))
    for name in ("mode", "low", "high"):
        assert np.array_equal(getattr(one, name), getattr(again, name))


class Tables:
    """Something like a model, of which nothing but a column's tables is compared."""

    rows = 1.0

    def __init__(self, item: Feature) -> None:
        self.held = {name: getattr(item, name) for name in ("mode", "low", "high")}

    def to_json(self) -> Any:
        return {}, self.held

    def sample(self, rows: int, seed: int) -> pa.Table:
        return pa.table({"none": [0] * min(rows, seed)})


def leaky(curator: Curator, item: Attribute) -> Attribute:
    """The bug: a mixture of the rows themselves."""
    codes = curator.inner.encoded((item.encoding,)).codes  # type: ignore[attr-defined]
    exact = np.bincount(codes[:, 0], minlength=item.encoding.size).astype(float)
    return replace(item, counts=exact)


@pytest.mark.parametrize("bug", [False, True])
def test_replay_knows_a_mixture_of_rows_from_one_of_paid_for_numbers(bug: bool) -> None:
    """Traps 1, 3: equal noisy answers, equal tables on every neighbour."""
    rng = np.random.default_rng(0)
    table = from_frame(pa.table({"n": rng.normal(500, 90, 80).round().astype(int)}))
    schema = Schema(columns=(Column(name="n", kind=Kind.NUMBER, minimum=0, maximum=1_000),))

    def fit(curator: Curator) -> Any:
        prepared = learn(curator, schema, everything=True)
        items = [leaky(curator, item) if bug else item for item in prepared.attributes]
        return Tables(Features.of(items).columns[0])

    recording = record(fit, table, epsilon=5.0)
    others = list(neighbours(recording.table, np.random.default_rng(1), None, odd=2))
    verdicts = replay_all(recording, others)
    assert all(verdict.passed for verdict in verdicts) is not bug


# ------------------------------------------------------------------ damage


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("starts", np.array([0, 1, 1])),
        ("codes", np.array([0, -1, 2])),
        ("ends", np.array([np.nan, 0.0, 0.0])),
        ("ends", np.zeros(2)),
        ("valued", np.zeros(0, dtype=bool)),
    ],
)
def test_damaged_tables_are_refused(name: str, value: np.ndarray) -> None:
    arrays = {
        "codes": np.arange(3),
        "starts": np.array([0, 1, 3]),
        "ends": np.array([1.0, 0.5, 1.0]),
        "valued": np.array([False, True]),
    }
    assert Back.from_arrays("", arrays).modes == 2
    with pytest.raises(ModelError, match="damaged"):
        Back.from_arrays("", {**arrays, name: value})


def test_a_mixture_of_one_cell() -> None:
    mean, spread, share = mixture(np.array([3.0]), np.array([1.0]), np.array([1.0]))
    assert (mean.tolist(), share.tolist()) == ([3.0], [1.0])
    assert spread[0] > 0
