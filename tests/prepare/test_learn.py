"""From questions to attributes: what is learned, what is declared, what it costs.

Budgets are generous (ε = 60, σ of about a row) where a test looks at what was found, so that it
fails by chance less than once in 1e9 runs.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from understudy.curator import LabelCells, MemoryCurator, NumberCells
from understudy.errors import InputError, SchemaError
from understudy.prepare.learn import Prepared, learn
from understudy.prepare.roles import Route
from understudy.privacy import Budget, Unit
from understudy.schema import Column, IdentifierKind, Kind, Schema
from understudy.source import SensitiveTable, from_frame
from understudy.synthesize.baseline.independent import Independent

ROWS = 3_000


def texts(**cells: list[str | None]) -> SensitiveTable:
    return from_frame(pa.table({name: pa.array(part, pa.string()) for name, part in cells.items()}))


def prepared(
    table: SensitiveTable, *columns: Column, epsilon: float = 60.0, unit: Unit | None = None
) -> tuple[Prepared, Budget]:
    budget = Budget(epsilon, unit=unit)
    return learn(MemoryCurator(table, budget=budget), Schema(columns=columns)), budget


def sampled(table: SensitiveTable, *columns: Column, rows: int = 400) -> list[Any]:
    """Cells of the first synthetic column."""
    budget = Budget(60.0)
    model = Independent().fit(MemoryCurator(table, budget=budget), Schema(columns=columns))
    return model.sample(rows, seed=1).column(0).to_pylist()


def drawn(options: list[str | None], shares: list[float] | None = None) -> list[str | None]:
    return [
        options[place] for place in np.random.default_rng(3).choice(len(options), ROWS, p=shares)
    ]


def test_a_whole_number_column_is_found_with_its_range() -> None:
    ages = np.clip(np.random.default_rng(1).normal(45, 12, ROWS), 18, 90).astype(int)
    found, _ = prepared(texts(years=[str(age) for age in ages]))
    item = found.attributes[0]
    assert item.kind is Kind.NUMBER
    assert isinstance(item.encoding, NumberCells)
    assert item.encoding.reading.decimals == 0
    assert item.encoding.edges[0] <= ages.min()
    assert item.encoding.edges[-1] > np.quantile(ages, 0.99)
    assert item.counts.sum() == pytest.approx(found.rows)
    assert abs(found.rows - ROWS) < 60


def test_labels_are_found_and_rare_ones_are_not() -> None:
    cells = drawn(["north", "south", "east"], [0.6, 0.3, 0.1])
    cells[0] = "only once"
    found, budget = prepared(texts(side=cells))
    item = found.attributes[0]
    assert isinstance(item.encoding, LabelCells)
    assert {"north", "south", "east"} <= set(item.encoding.labels)
    assert "only once" not in item.encoding.labels
    assert item.paid["labels"] == "partition selection"
    assert 0 < budget.spent_delta_selection <= budget.delta_selection


def test_everything_declared_charges_no_kinds_and_no_ranges() -> None:
    table = texts(
        age=[str(place % 60) for place in range(500)],
        town=["Aa", "Bergen"] * 250,
        member=["yes", "no"] * 250,
        day=["2021-01-02"] * 500,
    )
    _, budget = prepared(
        table,
        Column(name="age", minimum=0, maximum=59, decimals=0, nulls=()),
        Column(name="town", categories=("Aa", "Bergen"), nulls=()),
        Column(name="member", true="yes", false="no", nulls=()),
        Column(name="day", kind=Kind.DATE, format="%Y-%m-%d", minimum=dt.date(2020, 1, 1),
               maximum=dt.date(2022, 1, 1), nulls=()),
    )  # fmt: skip
    stages = {event.stage for event in budget.events}
    assert "kinds" not in stages
    assert "distinct" not in stages
    assert budget.spent_delta_selection == 0
    assert {e.columns for e in budget.events if e.stage == "domain"} <= {("age",), ("day",)}


def test_declared_bounds_clip_and_hold() -> None:
    values = [str(value) for value in np.random.default_rng(2).integers(-500, 5_000, ROWS)]
    made = sampled(texts(pay=values), Column(name="pay", minimum=0, maximum=1_000, decimals=0))
    numbers = np.array([float(cell) for cell in made if cell])
    assert numbers.min() >= 0
    assert numbers.max() <= 1_000
    assert (numbers > 900).mean() > 0.5


def test_one_declared_bound_is_enough() -> None:
    values = [str(value) for value in np.random.default_rng(2).integers(5, 300, ROWS)]
    made = sampled(texts(pay=values), Column(name="pay", minimum=5, decimals=0))
    assert min(float(cell) for cell in made if cell) >= 5


def test_declared_categories_take_the_rest_together() -> None:
    cells = drawn(["a", "b", "unheard"], [0.5, 0.3, 0.2])
    found, _ = prepared(
        texts(side=cells), Column(name="side", categories=("a", "b", "c"), nulls=())
    )
    item = found.attributes[0]
    assert isinstance(item.encoding, LabelCells)
    assert item.encoding.labels[:3] == ("a", "b", "c")
    assert "unheard" not in item.encoding.labels
    assert item.shares[-1] == pytest.approx(0.2, abs=0.05)
    assert item.paid["labels"] == "declared"


@pytest.mark.parametrize("mark", ["", "NA", "?", None])
def test_null_marks_come_back_as_they_were(mark: str | None) -> None:
    cells = drawn(["12", "15", "19", mark], [0.3, 0.3, 0.2, 0.2])
    made = sampled(texts(size=cells))
    assert {"12", "15", "19"} <= set(made)
    gone = [cell for cell in made if cell == mark]
    assert 0.1 < len(gone) / len(made) < 0.3
    others = {"", "NA", "?", None} - {mark}
    assert not others & set(made)


@pytest.mark.parametrize(
    ("cells", "pattern"),
    [
        (["0012", "0130", "1999"], r"\d{4}"),
        (["1.50", "2.25", "10.00"], r"\d+\.\d{2}"),
        (["yes", "no"], r"yes|no"),
        (["31.12.2020", "01.02.2021", "15.07.2022"], r"\d{2}\.\d{2}\.\d{4}"),
        (["08:15", "23:59", "00:00"], r"\d{2}:\d{2}"),
        (["A", "B", "C"], r"[ABC]"),
    ],
)
def test_text_comes_back_as_it_is_spelled(cells: list[str | None], pattern: str) -> None:
    made = pa.array(sampled(texts(x=drawn(cells))))
    hits = pa.compute.match_substring_regex(made, f"^(?:{pattern})$").to_pylist()
    assert np.mean(np.array(hits, dtype=float)) > 0.97


def frames() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    whole = rng.integers(0, 50, ROWS)
    stamps = pd.Timestamp("2022-01-01", tz="Europe/Paris") + pd.to_timedelta(
        rng.integers(0, 10**6, ROWS), unit="s"
    )
    pandas = pd.DataFrame(
        {
            "whole": pd.array(np.where(whole > 40, None, whole), dtype="Int64"),
            "flag": rng.random(ROWS) < 0.3,
            "label": pd.Categorical(rng.choice(["x", "y"], ROWS)),
            "when": stamps,
            "ratio": np.where(whole > 45, np.nan, whole / 8.0),
            "text": rng.choice(["p", "q"], ROWS),
        }
    )
    polars = pl.DataFrame(
        {
            "whole": pl.Series(whole, dtype=pl.Int16),
            "flag": pl.Series((whole > 10).tolist(), dtype=pl.Boolean),
            "label": pl.Series([f"l{v % 3}" for v in whole], dtype=pl.Categorical),
            "when": pl.Series([dt.date(2021, 1, 1 + int(v) % 28) for v in whole]),
            "ratio": pl.Series((whole / 4.0).tolist(), dtype=pl.Float32),
        }
    )
    return {"pandas": pandas, "polars": polars}


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_typed_frames_come_back_in_kind(library: str) -> None:
    frame = frames()[library]
    table = from_frame(frame)
    model = Independent().fit(MemoryCurator(table, budget=Budget(60.0)), Schema())
    made = table.give_back(model.sample(500, seed=2))
    assert type(made) is type(frame)
    assert list(made.columns) == list(frame.columns)
    if library == "pandas":
        assert [str(kind) for kind in made.dtypes] == [str(kind) for kind in frame.dtypes]
        assert 0.1 < made["whole"].isna().mean() < 0.3
        assert made["ratio"].isna().mean() < 0.2
        assert np.allclose(made["ratio"].dropna().round(3), made["ratio"].dropna(), atol=1e-12)
        assert made["when"].min() >= pd.Timestamp("2021-06-01", tz="Europe/Paris")
        assert set(made["label"].dropna()) <= {"x", "y", "(other)"}
    else:
        assert made.schema == frame.schema
        assert set(made["label"].drop_nulls()) <= {"l0", "l1", "l2", "(other)"}
        assert made["when"].min() >= dt.date(2020, 1, 1)


def test_a_key_is_recognised_by_its_distinct_cells_and_never_modelled() -> None:
    found, _ = prepared(texts(code=[f"AB-{place:06d}" for place in range(ROWS)]))
    item = found.attributes[0]
    assert item.standin is not None
    assert item.standin.kind is IdentifierKind.KEY
    assert item.encoding.size <= 2


def test_actions_on_identifiers() -> None:
    table = texts(email=[f"p{place}@example.org" for place in range(500)], x=["1", "2"] * 250)
    replaced, _ = prepared(table)
    assert replaced.attribute("email").standin is not None
    dropped, _ = prepared(table, Column(name="email", action="drop"))
    assert [item.name for item in dropped.attributes] == ["x"]
    assert dropped.roles[0].route is Route.DROP
    kept, _ = prepared(table, Column(name="email", kind=Kind.CATEGORY, action="keep"))
    assert kept.attribute("email").standin is None


def test_the_unit_column_is_an_identifier() -> None:
    rng = np.random.default_rng(5)
    table = texts(who=[f"w{place}" for place in rng.integers(0, 400, ROWS)], side=drawn(["a", "b"]))
    found, budget = prepared(table, unit=Unit(column="who", max_rows=4))
    assert found.attribute("who").standin is not None
    assert found.rows < ROWS * 0.75
    assert budget.epsilon_spent() <= 60.0
    kept, _ = prepared(
        table, Column(name="who", action="keep"), unit=Unit(column="who", max_rows=4)
    )
    assert kept.attribute("who").standin is None


def test_refusals_come_before_any_charge() -> None:
    table = texts(a=["1"], b=["x"])
    budget = Budget(1.0)
    columns = (Column(name="a", action="drop"), Column(name="b", action="drop"))
    with pytest.raises(InputError, match="every column"):
        learn(MemoryCurator(table, budget=budget), Schema(columns=columns))
    lengths = from_frame(pa.table({"d": pa.array([1, 2], pa.duration("s"))}))
    with pytest.raises(SchemaError, match="'d'"):
        learn(MemoryCurator(lengths, budget=budget), Schema())
    assert budget.events == ()


AWKWARD = {
    "one cell": {"a": ["1"]},
    "one null": {"a": [None]},
    "constant": {"a": ["7"] * 50, "b": ["same"] * 50},
    "all null": {"a": [None] * 50, "b": [""] * 50},
    "odd": {"a": ["NaN", "inf", "1e400", "-0.0", "x" * 5_000, "", None] * 7},
    "mixed": {"a": ["1", "two", "3.0", "2020-01-01", "yes"] * 20},
}


@pytest.mark.parametrize("cells", AWKWARD.values(), ids=AWKWARD.keys())
@pytest.mark.parametrize("epsilon", [0.05, 1.0, 60.0])
def test_awkward_tables_are_learned(cells: dict[str, list[str | None]], epsilon: float) -> None:
    found, budget = prepared(texts(**cells), epsilon=epsilon)
    assert len(found.attributes) == len(cells)
    for item in found.attributes:
        assert item.counts.shape == (item.encoding.size,)
        assert item.counts.min() >= 0
        assert np.isfinite(item.variances).all()
        assert item.counts.sum() == pytest.approx(found.rows)
    assert found.rows >= 1
    assert budget.epsilon_spent() <= epsilon


def test_a_table_without_columns_that_can_be_told_apart_from_noise_still_samples() -> None:
    assert len(sampled(texts(a=[None]), rows=5)) == 5
