"""Advice follows from the study and from public facts, and says when it is a guess."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.choosing.invented import FLAT, study

import understudy as us
from understudy.errors import FormatError, InputError, SchemaError
from understudy.schema import Column, Schema
from understudy.source import SensitiveTable

LABELS = ("a", "b", "c")


def declared(columns: int = 10, rows: int | None = 10_000) -> Schema:
    """Half numbers, half labels; the last label is what is predicted."""
    made = [
        Column(name=f"n{place}", minimum=0, maximum=9, decimals=0, nulls=())
        if place % 2
        else Column(name=f"l{place}", categories=LABELS, nulls=())
        for place in range(columns)
    ]
    return Schema(columns=tuple(made), rows=rows)


def test_the_least_loss_is_advised_with_its_reasons() -> None:
    told = us.choose(schema=declared(), target="l0", epsilon=1.0, study=study())
    assert told.synthesizer == "aim"
    assert told.epsilon == 1.0
    assert [one.method for one in told.options] == ["aim", "mst", "independent"]
    assert told.options[0].loss == pytest.approx(0.06, abs=0.02)
    assert not told.ties
    assert told.sure == "fairly sure"
    assert "aim" in told.why[0]
    assert "mst" in told.why[1]


def test_the_smallest_epsilon_that_is_good_enough() -> None:
    """Between 1 (.06) and 10 (.02), read on the logarithm: 5 loses .032."""
    told = us.choose(schema=declared(), target="l0", study=study(spread=0.001))
    assert told.epsilon == 5.0
    assert [one.epsilon for one in told.budgets] == [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]
    generous = us.choose(schema=declared(), target="l0", study=study(spread=0.001), tolerance=0.05)
    assert generous.epsilon == 1.0


def test_rows_stand_in_for_epsilon() -> None:
    """Ten times the rows bear a tenth of ε: as many rows for one unit of noise."""
    few = us.choose(schema=declared(), target="l0", epsilon=10.0, study=study(spread=0.0))
    many = us.choose(
        schema=declared(rows=100_000), target="l0", epsilon=1.0, study=study(spread=0.0)
    )
    assert many.options[0].loss == pytest.approx(few.options[0].loss, abs=0.004)
    person = us.choose(
        schema=declared().model_copy(update={"unit": None}), target="l0", epsilon=10.0,
        study=study(spread=0.0), unit_column="n1", max_rows_per_unit=10,
    )  # fmt: skip
    assert person.options[0].loss > few.options[0].loss + 0.02


def test_ties_are_said_as_ties() -> None:
    close = {"aim": FLAT["mst"], "mst": [one - 0.002 for one in FLAT["mst"]]}
    told = us.choose(schema=declared(), target="l0", epsilon=1.0, study=study(close, spread=0.02))
    assert told.synthesizer == "aim"
    assert told.ties == ("mst",)
    assert {one.method for one in told.options if one.tied} == {"mst", "aim"}
    assert not any("next" in text for text in told.why)


def test_a_difference_in_every_split_is_no_tie() -> None:
    """Splits differ by far more than the two methods do, and yet one is better in each."""
    apart = {"aim": FLAT["aim"], "mst": [one + 0.02 for one in FLAT["aim"]]}
    told = us.choose(schema=declared(), target="l0", epsilon=1.0, study=study(apart, spread=0.002))
    assert not told.ties


def test_tables_that_disagree_make_a_tie() -> None:
    """mst is better on one table and worse on the other."""
    apart = study(
        {"aim": FLAT["aim"], "mst": FLAT["aim"]}, spread=0.0,
        shift={"survey": 0.03, "clinic": -0.03},
    )  # fmt: skip
    told = us.choose(schema=declared(11), target="l0", epsilon=1.0, study=apart)
    assert {told.synthesizer, *told.ties} == {"aim", "mst"}


def test_the_more_alike_table_weighs_more() -> None:
    tables = {"small": (1_000, 5), "large": (200_000, 30)}
    apart = study(
        {"aim": FLAT["aim"], "mst": FLAT["aim"]}, tables=tables, spread=0.001,
        shift={"small": 0.05, "large": -0.05},
    )  # fmt: skip
    small = us.choose(schema=declared(5, 1_000), target="l0", epsilon=1.0, study=apart)
    large = us.choose(schema=declared(30, 200_000), target="l0", epsilon=1.0, study=apart)
    assert small.alike[0].name == "small"
    assert large.alike[0].name == "large"
    assert small.alike[0].weight > 0.9
    assert (small.synthesizer, large.synthesizer) == ("aim", "mst")


def test_without_a_target_pairs_are_weighed() -> None:
    told = us.choose(schema=declared(), epsilon=1.0, study=study())
    assert told.goal == "pairs"
    assert told.learner is None
    assert "pairs are off" in told.why[0]


def test_a_learner_is_named_where_only_the_target_matters() -> None:
    told = us.choose(
        schema=declared(),
        target="l0",
        epsilon=1.0,
        study=study(learners={"logistic": (0.1, 0.01, 0.0)}),
    )
    assert told.learner is not None
    assert told.learner.method == "logistic"
    assert told.learner.loss < told.options[0].loss


def test_attacks_of_the_study_are_told() -> None:
    told = us.choose(schema=declared(), target="l0", epsilon=1.0, study=study(attack=0.61))
    assert told.options[0].attack == pytest.approx(0.61)


@pytest.mark.parametrize(
    ("settings", "made", "sure", "doubt"),
    [
        ({"schema": declared(rows=None)}, {}, "somewhat sure", "nobody declares the rows"),
        ({"schema": declared(10, 10_000_000)}, {}, "a guess", "much like the table"),
        ({"schema": declared()}, {"seeds": 1}, "a guess", "1 split"),
        ({"schema": declared()}, {"seeds": 2}, "somewhat sure", "2 splits"),
        ({"schema": declared()}, {"told": False}, "a guess", "does not say what its data sets"),
        ({"schema": declared(), "epsilon": 1e-4}, {}, "a guess", "nearest ε stands in"),
        ({"schema": declared(60)}, {}, "a guess", "as wide"),
    ],
)
def test_it_says_when_it_is_not_sure(
    settings: dict[str, Any], made: dict[str, Any], sure: str, doubt: str
) -> None:
    told = us.choose(**{"target": "l0", "epsilon": 1.0, **settings}, study=study(**made))
    assert told.sure == sure
    assert any(doubt in text for text in told.doubts)


def test_a_wide_table_is_left_to_the_planner() -> None:
    told = us.choose(schema=declared(60), target="l0", epsilon=1.0, study=study())
    assert told.synthesizer == "residual"
    assert "60 columns" in told.why[0]


def test_no_row_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rows may be out of reach altogether; and other rows change nothing."""
    made = study()
    table = pa.table({"x": ["1", "2"], "y": ["u", "v"]})
    (tmp_path / "a.csv").write_text("x,y\n1,u\n2,v\n")
    (tmp_path / "b.csv").write_text("x,y\n" + "77,w\n" * 5_000)

    def refuse(self: SensitiveTable) -> None:
        raise AssertionError("rows were read")

    monkeypatch.setattr(SensitiveTable, "rows", property(refuse))
    told = [
        us.choose(tmp_path / name, target="y", study=made, rows_magnitude=5_000).to_json()
        for name in ("a.csv", "b.csv")
    ]
    assert told[0] == told[1]
    us.choose(table, target="y", study=made, rows_magnitude=5_000)


def test_foreign_generators_are_not_advised() -> None:
    strange = {"aim": FLAT["aim"], "somebody's": (0.0, 0.0, 0.0)}
    told = us.choose(schema=declared(), target="l0", epsilon=1.0, study=study(strange))
    assert told.synthesizer == "aim"
    assert len(told.options) == 1


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"target": "nobody"}, InputError),
        ({"epsilon": 0.0}, InputError),
        ({"epsilon": 1.0, "delta": 0.4}, InputError),
        ({"tolerance": 0.0}, InputError),
        ({"tolerance": 1.5}, InputError),
        ({"rows_magnitude": 0.0}, InputError),
        ({"unit_column": "nobody"}, InputError),
        ({"max_rows_per_unit": 3}, InputError),
        ({"schema": Schema()}, InputError),
        ({"schema": "absent.yaml"}, SchemaError),
    ],
)
def test_bad_input(settings: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        us.choose(**{"schema": declared(), "study": study(), **settings})


def test_a_study_that_says_nothing_about_it() -> None:
    with pytest.raises(InputError, match="says nothing"):
        us.choose(schema=declared(), study=study({"somebody's": (0.1, 0.1, 0.1)}))


def test_files_that_are_no_study(tmp_path: Path) -> None:
    from pyarrow import parquet

    parquet.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    (tmp_path / "text.parquet").write_text("no Parquet")
    for name, error in (
        ("other.parquet", FormatError),
        ("text.parquet", FormatError),
        ("absent.parquet", InputError),
    ):
        with pytest.raises(error):
            us.choose(schema=declared(), study=tmp_path / name)


def test_the_shipped_study_advises() -> None:
    from understudy.workflow.choosing import shipped_study

    try:
        measured = shipped_study()
    except InputError:
        pytest.skip("no measured study in this checkout")
    assert measured.about.tables
    told = us.choose(schema=declared(), target="l0")
    assert told.synthesizer in {"aim", *told.ties}
    assert told.study.startswith(measured.about.title)


def test_a_saved_study_advises_the_same(tmp_path: Path) -> None:
    made = study()
    (tmp_path / "results.parquet").write_bytes(made.to_bytes())
    asked: dict[str, Any] = {"schema": declared(), "target": "l0"}
    assert us.choose(**asked, study=made) == us.choose(**asked, study=tmp_path / "results.parquet")
