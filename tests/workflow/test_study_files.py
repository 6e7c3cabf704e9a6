"""Study files: strict, of one version, with line and field in every error."""

from __future__ import annotations

from pathlib import Path

import pytest

import understudy as us
from understudy.errors import InputError, SchemaError
from understudy.workflow.study.reading import load_study, loads_study

STUDIES = sorted((Path(__file__).parents[2] / "studies").glob("*.yaml"))
HEAD = """understudy_study: 1
title: One
datasets:
  marriages: {sample: fair, target: affair}
"""


def read(text: str) -> object:
    return loads_study(HEAD + text, origin="study.yaml")


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_studies_of_this_project_can_be_read(path: Path) -> None:
    plan = load_study(path)
    assert plan.datasets
    assert plan.title


def test_the_thesis_has_public_tables_four_budgets_and_folds() -> None:
    plan = load_study(next(path for path in STUDIES if path.stem == "thesis"))
    assert plan.epsilons == (0.1, 1.0, 10.0, 100.0)
    assert len(plan.datasets) == 2
    assert all(one.sample is not None and one.target is not None for one in plan.datasets)
    assert plan.folds > 1
    assert plan.attack is not None


def test_settings_get_their_types_and_their_values_in_values() -> None:
    plan = read("synthesizers: {quick: {use: argn, settings: {epochs: 3, private: {steps: 7}}}}")
    from understudy.synthesize import SYNTHESIZERS
    from understudy.workflow.study.reading import build

    made = build(plan.synthesizers[0], {one.name: one for one in SYNTHESIZERS()})  # type: ignore[attr-defined]
    assert (made.epochs, made.private.steps) == (3, 7)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("synthesizers: {mts: }", "line 5: there is no synthesizer 'mts'. did you mean 'mst'?"),
        ("synthesizers: {mst: {settings: {cliks: 3}}}", "'mst' has no setting 'cliks'"),
        ("synthesizers:\n  mst:\n    limit: soon", "line 7: synthesizers.mst.limit"),
        ("synthesizers: {mst: {comand: x}}", "unknown field 'comand'. did you mean 'command'?"),
        ("synthesizers: {a: {command: run}}", "the command does not say {train}"),
        ("synthesizers: {a: {command: 'x {train} {out}', use: mst}}", "no `use`"),
        ("learners: {logistics: }", "there is no learner 'logistics'"),
        ("synthesizers: {mst: }\nepsilon: [1]", "line 6: the file has the unknown field 'epsilon'"),
        ("synthesizers: {mst: }\nepsilons: [-1]", "epsilons.0"),
        ("synthesizers: {mst: }\nepsilons: [1, 1]", "each once"),
        ("synthesizers: {mst: }\nfolds: 1", "at least 2"),
        ("synthesizers: {mst: }\nevaluation: {models: [Forest]}", "there is no model 'Forest'"),
        ("synthesizers: {mst: }\nattack: {candidates: 5}", "line 6: attack.candidates"),
        ("", "at least one synthesizer or learner"),
    ],
)
def test_an_error_names_line_and_field(text: str, told: str) -> None:
    with pytest.raises(SchemaError) as problem:
        read(text)
    assert "study.yaml" in str(problem.value)
    assert told in str(problem.value)


@pytest.mark.parametrize(
    ("version", "told"),
    [("0", "older than what is read"), ("2", "upgrade understudy"), ("new", "is missing")],
)
def test_another_version_is_refused_with_what_to_do(version: str, told: str) -> None:
    text = HEAD.replace("understudy_study: 1", f"understudy_study: {version}")
    with pytest.raises(SchemaError, match="line 1") as problem:
        loads_study(text + "synthesizers: {mst: }")
    assert told in str(problem.value)


def test_an_unknown_sample_is_told_with_those_there_are() -> None:
    with pytest.raises(SchemaError, match="rand-hie"):
        loads_study(HEAD.replace("fair", "fairr") + "synthesizers: {mst: }")


def test_a_file_that_is_not_there_is_left_out_with_where_it_can_be_had(tmp_path: Path) -> None:
    more = "  adult: {path: adult.csv, target: income, where: get it from the archive}\n"
    study = us.Study.loads(HEAD + more + "synthesizers: {mst: }", data=tmp_path)
    assert [one.name for one in study.plan.datasets] == ["marriages"]
    assert study.absent[0][0] == "adult"
    assert "get it from the archive" in study.absent[0][1]
    alone = HEAD.replace("{sample: fair, target: affair}", "{path: no.csv}")
    with pytest.raises(InputError, match="--data"):
        us.Study.loads(alone + "synthesizers: {mst: }", data=tmp_path)


def test_only_keeps_what_is_named_and_refuses_what_is_not_there() -> None:
    text = HEAD + "synthesizers: {mst: , aim: , notyet: }"
    assert [one.name for one in loads_study(text, only=("aim",)).synthesizers] == ["aim"]
    with pytest.raises(InputError, match="did you mean 'aim'"):
        loads_study(text, only=("aym",))
