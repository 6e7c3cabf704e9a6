"""A saved plan is held to: what changed is named, and nothing is charged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.planning.conftest import declared, people

import understudy as us
from understudy.errors import FormatError, InputError, SchemaError
from understudy.privacy import Ledger
from understudy.schema import Column
from understudy.synthesize.marginal.mst import MST
from understudy.workflow import named_synthesizer, plan_of, prepare_job

ASKED: dict[str, Any] = {"epsilon": 1.0, "schema": declared(), "synthesizer": "mst"}


def _renamed(table: pa.Table) -> pa.Table:
    return table.rename_columns(["years", "city", "smokes"])


CHANGES: dict[str, tuple[Callable[[pa.Table], pa.Table], dict[str, Any], str]] = {
    "gone": (lambda t: t.drop_columns(["smokes"]), {"schema": None}, "column 'smokes' is gone"),
    "new": (lambda t: t.append_column("extra", t["city"]), {}, "column 'extra' is new"),
    "renamed": (_renamed, {"schema": None}, "column 'years' is new"),
    "order": (lambda t: t.select(["city", "age", "smokes"]), {}, "another order"),
    "type": (
        lambda t: t.set_column(0, "age", t["age"].cast(pa.int64())),
        {},
        "column 'age' was stored as string and is int64",
    ),
    "facts": (
        lambda t: t,
        {"schema": declared().model_copy(update={"columns": (
            Column(name="age", minimum=0, maximum=90, decimals=0, nulls=()),
            *declared().columns[1:],
        )})},
        "the schema of column 'age' has changed (minimum)",
    ),
    "rows": (lambda t: t, {"schema": declared(9_000)}, "'rows' of the schema"),
    "epsilon": (lambda t: t, {"epsilon": 2.0}, "epsilon was 1 and is 2"),
    "delta": (lambda t: t, {"delta": 1e-7}, "delta was 1e-06 and is 1e-07"),
    "synthesizer": (lambda t: t, {"synthesizer": "independent"}, "synthesizer was mst"),
    "settings": (lambda t: t, {"synthesizer": MST(chords=0)}, "settings of mst"),
    "target": (lambda t: t, {"target": "smokes"}, "target was none and is smokes"),
    "holdout": (lambda t: t, {"holdout": 0.5}, "holdout was 0.2 and is 0.5"),
    "unit": (lambda t: t, {"unit_column": "city"}, "unit was"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_named_and_nothing_is_charged(change: str, tmp_path: Path) -> None:
    made = us.plan(people(), **ASKED).save(tmp_path / "plan.json")
    altered, settings, words = CHANGES[change]
    book = Ledger(tmp_path / "ledger.sqlite")
    with pytest.raises(InputError, match="not what was planned") as refused:
        us.synthesize(altered(people()), **{**ASKED, **settings}, plan=made, ledger=book, asset="a")
    assert words in str(refused.value)
    assert not book.show("a").runs


def test_the_same_job_passes_with_a_plan_or_its_file(tmp_path: Path) -> None:
    plan = us.plan(people(), **ASKED)
    for given in (plan, plan.save(tmp_path / "plan.json"), str(tmp_path / "plan.json")):
        prepare_job(people(), **ASKED, plan=given)


def test_a_schema_alone_fits_any_storage_of_the_same_columns() -> None:
    plan = us.plan(**ASKED)
    prepare_job(people(), **ASKED, plan=plan)
    typed = people().set_column(0, "age", people()["age"].cast(pa.int64()))
    prepare_job(typed, **ASKED, plan=plan)
    with pytest.raises(InputError, match="column 'age' is gone"):
        prepare_job(people().drop_columns(["age"]), epsilon=1.0, plan=plan)


def test_a_note_is_no_change() -> None:
    noted = declared().model_copy(
        update={"columns": tuple(c.model_copy(update={"note": "x"}) for c in declared().columns)}
    )
    prepare_job(people(), epsilon=1.0, schema=noted, plan=us.plan(people(), **ASKED))


def test_the_plan_before_a_run_is_the_plan() -> None:
    """`synthesize` announces what `plan` says: the same functions."""
    job = prepare_job(people(), **ASKED)
    before, planned = plan_of(job).to_json(), us.plan(people(), **ASKED).to_json()
    assert before == planned


@pytest.mark.parametrize(
    "content",
    [None, "", "no json", "[]", '{"format": "other"}', '{"format": "understudy-plan/1"}',
     '{"format": "understudy-plan/1", "basis": {"headers": 3}}'],
)  # fmt: skip
def test_a_file_that_is_no_plan(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(FormatError, match="plan"):
        prepare_job(people(), **ASKED, plan=path)


def test_without_a_name_the_planned_synthesizer_runs() -> None:
    """A magnitude that only the plan knew may have decided on the synthesizer."""
    asked: dict[str, Any] = {"epsilon": 0.1, "schema": declared(None)}
    plan = us.plan(people(), **asked, rows_magnitude=40)
    assert plan.synthesizer == "independent"
    assert prepare_job(people(), **asked).synthesizer.name == "aim"
    assert prepare_job(people(), **asked, plan=plan).synthesizer.name == "independent"


@pytest.mark.parametrize("target", [None, "smokes"])
@pytest.mark.parametrize("rows", [None, 40, 5_000])
def test_what_is_recommended_is_what_would_run(rows: int | None, target: str | None) -> None:
    asked: dict[str, Any] = {"epsilon": 0.1, "schema": declared(rows), "target": target}
    assert prepare_job(people(), **asked).synthesizer == named_synthesizer(
        us.plan(people(), **asked).synthesizer
    )


PURPOSES = """
purposes:
  smoking by city:
    kind: table
    columns: [smokes, city]
    tolerance: {tvd: 0.1}
"""


def test_a_plan_with_purposes_is_for_a_job_with_them(tmp_path: Path) -> None:
    """They steer by the workload; `independent` has none, and its plan holds either way."""
    contract = tmp_path / "purposes.yaml"
    contract.write_text(PURPOSES)
    asked = {**ASKED, "synthesizer": "aim"}
    steered = us.plan(people(), **asked, purposes=contract).save(tmp_path / "plan.json")
    bare = us.plan(people(), **asked)
    prepare_job(people(), **asked, purposes=contract, plan=steered)
    for plan, purposes in ((steered, None), (bare, contract)):
        with pytest.raises(InputError, match="the purposes"):
            prepare_job(people(), **asked, purposes=purposes, plan=plan)
    alone = {**ASKED, "synthesizer": "independent"}
    prepare_job(people(), **alone, purposes=contract, plan=us.plan(people(), **alone))


def test_purposes_of_other_columns_are_refused(tmp_path: Path) -> None:
    contract = tmp_path / "purposes.yaml"
    contract.write_text(PURPOSES.replace("city]", "town]"))
    with pytest.raises(SchemaError, match="town"):
        us.plan(people(), **ASKED, purposes=contract)
    contract.write_text(PURPOSES)
    with pytest.raises(SchemaError, match="protected unit"):
        us.plan(people(), **ASKED, purposes=contract, unit_column="city")


def test_a_plan_is_plain_json(tmp_path: Path) -> None:
    told = json.loads(us.plan(people(), **ASKED).save(tmp_path / "plan.json").read_text())
    assert told["format"] == "understudy-plan/1"
    assert {"stages", "columns", "pairs", "seconds", "memory", "synthesizer", "advice"} <= set(told)
    with pytest.raises(us.UnderstudyError, match="cannot be written"):
        us.plan(people(), **ASKED).save(tmp_path / "no" / "folder" / "plan.json")
