"""Whatever wrote the table: the same values in another writer's spelling get the same figures."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from understudy.errors import FormatError
from understudy.evaluate import PAIRS, SHAPES, InternalFigures, evaluate_all

ROWS = 400


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """A real table of every kind, as a program holds it."""
    rng = np.random.default_rng(5)
    age = rng.integers(18, 80, ROWS)
    return pd.DataFrame(
        {
            "age": age,
            "hours": np.round(rng.gamma(4.0, 9.0, ROWS), 1),
            "education": np.where(age > 40, "HS-grad", "Bachelors"),
            "children": rng.integers(0, 4, ROWS),
            "born": [dt.date(1940, 1, 1) + dt.timedelta(days=int(80 * one)) for one in age],
            "smokes": rng.random(ROWS) < 0.3,
            "income": np.where(rng.random(ROWS) < 0.3, ">50K", "<=50K"),
        }
    )


def texts(frame: pd.DataFrame) -> pa.Table:
    """The table as a CSV file holds it: nothing but text."""
    columns = {name: [str(value) for value in frame[name]] for name in frame.columns}
    return pa.table(columns)


def figures(train: pa.Table, synthetic: pa.Table) -> InternalFigures:
    """Shapes and pairs against the training table."""
    found = evaluate_all(train, None, {"made": synthetic}, metrics=(SHAPES, PAIRS))
    return found.tables["made"]


def scores(found: InternalFigures) -> tuple[float, float]:
    """The two scores."""
    return tuple(found.figure(key).value for key in ("shapes", "pair_trends"))  # type: ignore[union-attr,return-value]


def as_floats(frame: pd.DataFrame) -> pa.Table:
    """Every whole number with a point, as programs write that know missing numbers only as NaN."""
    made = frame.assign(age=frame["age"].astype(float), children=frame["children"].astype(float))
    return texts(made)


def as_parquet_of_pandas(frame: pd.DataFrame) -> pa.Table:
    """Typed cells with an index column, labels as large text, dates as timestamps."""
    made = frame.assign(born=pd.to_datetime(frame["born"])).set_index(frame.index[::-1])
    table = pa.Table.from_pandas(made, preserve_index=True)
    at = table.schema.get_field_index("education")
    return table.set_column(at, "education", table["education"].cast(pa.large_string()))


def as_categories(frame: pd.DataFrame) -> pa.Table:
    """Dictionary-encoded labels, numbers among them."""
    made = frame.assign(
        education=frame["education"].astype("category"),
        children=frame["children"].astype("category"),
        income=frame["income"].astype("category"),
    )
    return pa.Table.from_pandas(made, preserve_index=False)


def as_nullable(frame: pd.DataFrame) -> pa.Table:
    """Nullable numbers and text of pandas."""
    return pa.Table.from_pandas(frame.convert_dtypes(), preserve_index=False)


def with_blanks(frame: pd.DataFrame) -> pa.Table:
    """A blank before every label, as in a file whose commas are followed by one."""
    made = frame.assign(income=" " + frame["income"], education=" " + frame["education"] + " ")
    return texts(made)


def in_small_letters(frame: pd.DataFrame) -> pa.Table:
    """Booleans as other languages write them, labels in small letters."""
    made = frame.assign(smokes=frame["smokes"].map({True: "true", False: "false"}))
    return texts(made.assign(education=frame["education"].str.lower()))


def with_times(frame: pd.DataFrame) -> pa.Table:
    """Dates with a midnight behind them."""
    return texts(frame.assign(born=[f"{one} 00:00:00" for one in frame["born"]]))


def in_another_order(frame: pd.DataFrame) -> pa.Table:
    """Columns the other way round."""
    return texts(frame[list(frame.columns[::-1])])


HABITS = [as_floats, as_parquet_of_pandas, as_categories, as_nullable, with_blanks,
          in_small_letters, with_times, in_another_order]  # fmt: skip


@pytest.mark.parametrize("habit", HABITS)
def test_a_spelling_changes_no_figure(habit: Any, people: pd.DataFrame) -> None:
    train = texts(people)
    made = people.sample(frac=1.0, random_state=1).assign(
        age=np.sort(people["age"]), income=np.roll(people["income"], 3)
    )
    found = figures(train, habit(made))
    plain = figures(train, texts(made))
    assert scores(found) == pytest.approx(scores(plain), abs=1e-12)
    assert found.kinds == plain.kinds
    assert all(name == "__index_level_0__" for name, _ in found.left_out)
    assert all(sum(one.other) == 0 for one in found.distributions)


@pytest.mark.parametrize("habit", HABITS)
def test_the_real_table_may_have_that_spelling_too(habit: Any, people: pd.DataFrame) -> None:
    found = figures(habit(people), texts(people))
    assert scores(found) == pytest.approx((1.0, 1.0), abs=1e-9)


def test_labels_that_differ_only_in_spelling_stay_apart() -> None:
    train = pa.table({"a": ["x", "X", " x"] * 30, "b": ["p", "q", "r"] * 30})
    made = pa.table({"a": ["x", "X", "X "] * 30, "b": ["p", "q", "r"] * 30})
    found = evaluate_all(train, None, {"made": made}, metrics=(SHAPES,)).tables["made"]
    rows = {row["column"]: row["score"] for row in found.figure("shapes").detail["per_column"]}  # type: ignore[union-attr]
    assert rows["a"] < 0.7, "a label that fits two is not taken for one of them"


def test_a_file_that_begins_with_nameless_row_numbers(people: pd.DataFrame, tmp_path: Any) -> None:
    """What `frame.to_csv(path)` writes: dpmm's, SDV's and CTGAN's users do; a real table is asked."""
    import understudy as us

    people.to_csv(tmp_path / "real.csv", index=False)
    people.to_csv(tmp_path / "made.csv")
    found = us.evaluate(tmp_path / "real.csv", tmp_path / "made.csv", quick=True)
    assert scores(found.figures) == pytest.approx((1.0, 1.0))
    assert [name for name, _ in found.figures.left_out] == ["row numbers"]
    with pytest.raises(FormatError, match="has no name"):
        us.evaluate(tmp_path / "made.csv", tmp_path / "real.csv")


def test_csv_and_parquet_mixed_from_files(people: pd.DataFrame, tmp_path: Any) -> None:
    import understudy as us

    people.to_csv(tmp_path / "real.csv", index=False)
    people.to_parquet(tmp_path / "made.parquet")
    people.astype({"age": float}).to_csv(tmp_path / "made.csv", index=False)
    found = us.evaluate(
        tmp_path / "real.csv", [tmp_path / "made.parquet", tmp_path / "made.csv"], quick=True
    )
    assert list(found.tables) == ["made.parquet", "made.csv"]
    first, second = (scores(one) for one in found.tables.values())
    assert first == pytest.approx(second, abs=1e-12)
    assert first == pytest.approx((1.0, 1.0))
