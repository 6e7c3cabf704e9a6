"""Tables that cannot be measured as a whole: each gets figures for the rest and a reason."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from understudy.errors import InputError
from understudy.evaluate import ComparedFigures, evaluate_all
from understudy.workflow import evaluate

ROWS = 240


def table(rows: int = ROWS, seed: int = 0, **more: Any) -> pa.Table:
    """A small table of three columns, and more."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, rows)
    return pa.table(
        {
            "age": age,
            "sex": rng.choice(["f", "m"], rows),
            "income": np.where(age + rng.normal(0, 10, rows) > 50, "high", "low"),
            **more,
        }
    )


def measure(train: pa.Table, holdout: pa.Table | None, made: pa.Table, **how: Any) -> Any:
    """Everything, quickly."""
    found: ComparedFigures = evaluate_all(train, holdout, {"made": made}, quick=True, **how)
    return found.tables["made"]


def reasons(found: Any, group: str) -> str:
    """Why something of a group was skipped."""
    return " ".join(one.reason for one in found.skipped if one.group == group)


def test_a_target_with_one_class_in_the_holdout() -> None:
    held = table(seed=1)
    held = held.set_column(2, "income", pa.array(["low"] * ROWS))
    found = measure(table(), held, table(seed=2), targets=("income",))
    assert found.figure("tstr_auc") is None
    assert "single class in the holdout" in reasons(found, "task")
    assert found.figure("shapes") is not None


def test_a_constant_target() -> None:
    def fixed(one: pa.Table) -> pa.Table:
        return one.set_column(2, "income", pa.array(["low"] * ROWS))

    found = measure(fixed(table()), fixed(table(seed=1)), fixed(table(seed=2)), targets=("income",))
    assert found.figure("tstr_auc") is None
    assert "single value" in reasons(found, "task")


def test_a_target_that_the_synthetic_table_lacks() -> None:
    made = table(seed=2).drop_columns(["income"])
    found = evaluate_all(
        table(), table(seed=1), {"with": table(seed=2), "without": made},
        targets=("income",), quick=True,
    )  # fmt: skip
    assert found.tables["with"].figure("tstr_auc") is not None
    assert found.tables["without"].figure("tstr_auc") is None
    assert "'income'" in reasons(found.tables["without"], "task")
    assert ("income", "not in the synthetic table") in found.tables["without"].left_out


def test_a_synthetic_target_with_labels_of_its_own() -> None:
    made = table(seed=2).set_column(2, "income", pa.array(["?"] * ROWS))
    found = measure(table(), table(seed=1), made, targets=("income",))
    assert "no synthetic row" in reasons(found, "task")


def test_twenty_rows() -> None:
    found = measure(table(20), table(20, 1), table(20, 2), targets=("income",))
    assert found.figure("shapes") is not None
    assert "holdout rows" in reasons(found, "task")


def test_a_row() -> None:
    found = measure(table(1), None, table(1, 2), targets=("income",))
    assert all(np.isfinite(figure.value) for figure in found.figures)


def test_unseen_categories_are_shown() -> None:
    made = table(seed=2).set_column(1, "sex", pa.array(["x", "f"] * (ROWS // 2)))
    found = measure(table(), table(seed=1), made)
    (shown,) = [one for one in found.distributions if one.column == "sex"]
    assert shown.other[0] == 0
    assert shown.other[1] == pytest.approx(0.5) or "x" in shown.labels


def test_other_columns_are_named() -> None:
    made = table(seed=2, extra=["e"] * ROWS).drop_columns(["sex"])
    found = measure(table(), table(seed=1), made)
    assert set(found.left_out) == {
        ("sex", "not in the synthetic table"),
        ("extra", "not in the training table"),
    }


def test_a_column_of_nothing() -> None:
    found = measure(
        table(empty=pa.nulls(ROWS)), table(seed=1, empty=pa.nulls(ROWS)),
        table(seed=2, empty=pa.nulls(ROWS)), targets=("income",),
    )  # fmt: skip
    assert found.figure("tstr_auc") is not None
    assert "empty" in found.figure("shapes").detail["without_values"]


def test_many_categories_take_no_longer_than_they_must() -> None:
    rows = 60_000
    rng = np.random.default_rng(3)

    def wide(seed: int) -> pa.Table:
        labels = np.char.add("label ", (rng.integers(0, 1_000_000, rows) // 2).astype(str))
        return table(rows, seed, code=labels)

    began = time.process_time()
    found = evaluate_all(
        wide(0), wide(1), {"made": wide(2)}, kinds={"code": "categorical"}, quick=True
    ).tables["made"]
    assert time.process_time() - began < 60
    assert found.kinds["code"] == "categorical"


@pytest.mark.parametrize(
    ("train", "made", "words"),
    [
        (table(0), table(), "has no rows"),
        (table(), table(0), "has no rows"),
        (table(), pa.table({"x": [1, 2]}), "none of the real table's columns"),
    ],
)
def test_what_cannot_be_compared_is_refused(train: Any, made: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        evaluate(train, made)


def test_wrong_words_are_refused_before_any_work() -> None:
    some = table()
    with pytest.raises(InputError, match="'incom' for the target") as refused:
        evaluate(some, some, target=["age", "incom"])
    assert "income" in str(refused.value.hint)
    with pytest.raises(InputError, match="'sx' for the subgroup"):
        evaluate(some, some, subgroups="sx")
    with pytest.raises(InputError, match="folds"):
        evaluate(some, some, folds=1)
    with pytest.raises(InputError, match="no synthetic table"):
        evaluate(some, [])
