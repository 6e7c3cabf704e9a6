"""Rows under conditions, with other shares and around given cells, from the command line."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from tests.cli.conftest import Command


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of a survey, made once; the survey itself is gone."""
    from tests.cli.conftest import write_survey

    from understudy.curator import MemoryCurator
    from understudy.privacy import Budget
    from understudy.schema import Schema
    from understudy.source import read_table
    from understudy.synthesize.marginal.mst import MST

    home = tmp_path_factory.mktemp("fitted")
    write_survey(home / "survey.csv")
    table = read_table(home / "survey.csv")
    model = MST().fit(MemoryCurator(table, budget=Budget(8.0)), Schema())
    return model.save(home / "model")


@pytest.fixture
def model(fitted: Path, home: Path) -> Path:
    """A copy of the model."""
    return Path(shutil.copytree(fitted, home / "model"))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_rows_under_a_condition(command: Command, model: Path, home: Path) -> None:
    out = home / "old.csv"
    where = "age >= 65 and (smokes = 'yes' or city = 'Basel')"
    answer = command("sample", model, "-o", out, "-n", 200, "--where", where, "--seed", 1)
    assert answer.code == 0, answer.err
    assert "not the distribution of the population" in answer.out
    found = rows_of(out)
    assert len(found) == 200
    assert all(int(row["age"]) >= 65 for row in found)
    assert all(row["smokes"] == "yes" or row["city"] == "Basel" for row in found)
    note = (home / "old.csv.about.txt").read_text("utf-8")
    assert where in note
    assert "not the distribution of the population" in note
    again = command("sample", model, "-o", out, "-n", 200, "--where", where, "--seed", 1, "--force")
    assert again.code == 0
    assert rows_of(out) == found


def test_plain_rows_have_no_note(command: Command, model: Path, home: Path) -> None:
    answer = command("sample", model, "-o", home / "plain.csv", "-n", 20)
    assert answer.code == 0
    assert "population" not in answer.out
    assert not list(home.glob("*.about.txt"))


def test_as_many_rows_as_meet_the_condition(command: Command, model: Path, home: Path) -> None:
    assert command("sample", model, "-o", home / "x.csv", "--where", "smokes").code == 0
    assert 50 < len(rows_of(home / "x.csv")) < 130


def test_other_shares(command: Command, model: Path, home: Path) -> None:
    out = home / "even.csv"
    answer = command(
        "sample", model, "-o", out, "-n", 400, "--rebalance", "smokes: yes=0.5, no=50%",
        "--rebalance", "age: <30=0.1, 30 to 64=0.5, >=65=0.4",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    ages = [int(row["age"]) for row in rows_of(out)]
    assert sum(age < 30 for age in ages) in range(37, 44)
    assert sum(age >= 65 for age in ages) in range(157, 164)
    only = command("sample", model, "-o", home / "b.csv", "-n", 400, "--rebalance", "smokes: yes=1")
    assert only.code == 0
    assert {row["smokes"] for row in rows_of(home / "b.csv")} == {"yes"}


def test_a_table_is_filled_in(command: Command, model: Path, home: Path) -> None:
    given = home / "partial.csv"
    given.write_text("city,age\nBasel,\n,25\nGhent,70\nGhent,\nZxqv7391,33\n", "utf-8")
    out = home / "full.csv"
    answer = command("sample", model, "--given", given, "-o", out, "--seed", 4)
    assert answer.code == 0, answer.err
    found = rows_of(out)
    assert list(found[0]) == ["age", "city", "smokes"]
    assert [found[i]["city"] for i in (0, 2, 3, 4)] == ["Basel", "Ghent", "Ghent", "Zxqv7391"]
    assert [found[i]["age"] for i in (1, 2, 4)] == ["25", "70", "33"]
    assert all(row["age"] and row["city"] and row["smokes"] for row in found)
    note = (home / "full.csv.about.txt").read_text("utf-8")
    assert "given" in note
    assert "Zxqv7391" not in note + answer.all
    assert "Zxqv7391" not in (model / "model.json").read_text("utf-8")


def test_given_and_a_condition(command: Command, model: Path, home: Path) -> None:
    given = home / "partial.csv"
    given.write_text("city\n" + "Basel\nGhent\n" * 30, "utf-8")
    out = home / "full.csv"
    answer = command(
        "sample", model, "--given", given, "-o", out, "--where", "age >= 50 or smokes = 'no'"
    )
    assert answer.code == 0, answer.err
    assert all(int(r["age"]) >= 50 or r["smokes"] == "no" for r in rows_of(out))
    assert Counter(row["city"] for row in rows_of(out)) == {"Basel": 30, "Ghent": 30}


def test_a_model_keeps_what_was_done(command: Command, model: Path, home: Path) -> None:
    kept = home / "kept"
    answer = command(
        "sample", model, "--where", "age >= 40 or smokes = 'yes'", "--rebalance",
        "smokes: yes=0.5, no=0.5", "--save-model", kept,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    told = command("inspect", kept).out
    assert "age >= 40 or smokes = 'yes'" in told
    assert "not the distribution of the population" in told
    everything = json.loads(command("inspect", kept, "--json").out)
    assert everything["totals"]["unknown"] == 0
    assert command("sample", kept, "-o", home / "k.csv", "-n", 100).code == 0
    assert "Only rows where" in (home / "k.csv.about.txt").read_text("utf-8")
    assert command("sample", model, "--where", "smokes", "--save-model", kept).code == 5


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--where", "agee >= 3"], "did you mean 'age'"),
        (["--where", "age >="], "not a condition"),
        (["--where", "age >= 3000"], "probability zero"),
        (["--where", "city = 'Zxqv7391'"], "no label like that"),
        (["--rebalance", "smokes"], "a column and a colon"),
        (["--rebalance", "smoke: yes=0.5"], "did you mean 'smokes'"),
        (["--rebalance", "smokes: yes=0.5, no=0.9"], "more than 1"),
        (["--given", "nowhere.csv"], "nowhere.csv"),
        (["--given", "odd.csv"], "no column 'agee'"),
        (["--given", "odd.csv", "-n", "5"], "has no --rows"),
    ],
)
def test_wrong_input(
    command: Command, model: Path, home: Path, options: list[str], told: str
) -> None:
    options = [str(home / one) if one.endswith(".csv") else one for one in options]
    (home / "odd.csv").write_text("agee\nZxqv7391\n", "utf-8")
    answer = command("sample", model, "-o", home / "x.csv", *options)
    assert answer.code == 2
    assert told in answer.err
    assert "Zxqv7391" not in answer.all
    assert not list(home.glob("x.csv*"))


def test_nothing_to_write_is_refused(command: Command, model: Path) -> None:
    assert command("sample", model, "--where", "smokes").code == 2


def test_a_share(command: Command, model: Path) -> None:
    answer = command("query", model, "--probability", "smokes = 'yes' and age >= 40")
    assert answer.code == 0, answer.err
    assert "90 % interval" in answer.out
    assert "privacy noise" in answer.out
    told = json.loads(
        command("query", model, "--probability", "smokes", "--given", "age >= 40", "--json").out
    )
    assert 0 <= told["low"] <= told["share"] <= told["high"] <= 1


def test_a_table(command: Command, model: Path) -> None:
    answer = command("query", model, "--marginal", "age,smokes", "--cut", "age=30,65")
    assert answer.code == 0, answer.err
    assert "30 to 64" in answer.out
    assert "expected total variation distance" in answer.out
    told = json.loads(command("query", model, "--marginal", "city", "--json").out)
    assert abs(sum(cell["share"] for cell in told["cells"]) - 1) < 1e-9


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "either --probability or --marginal"),
        (["--probability", "smokes", "--marginal", "age"], "either"),
        (["--marginal", "agee"], "did you mean 'age'"),
        (["--marginal", ""], "needs columns"),
        (["--marginal", "age", "--cut", "age"], "column and values"),
        (["--marginal", "city", "--cut", "city=3"], "has labels"),
        (["--marginal", "age", "--given", "smokes"], "goes with --probability"),
        (["--probability", "smokes", "--cut", "age=3"], "goes with --marginal"),
        (["--probability", "smokes", "--level", "2"], "between 0 and 1"),
        (["--probability", "city = 'Zxqv7391'"], "no label like that"),
    ],
)
def test_wrong_questions(command: Command, model: Path, options: list[str], told: str) -> None:
    answer = command("query", model, *options)
    assert answer.code == 2
    assert told in answer.err
    assert "Zxqv7391" not in answer.all
