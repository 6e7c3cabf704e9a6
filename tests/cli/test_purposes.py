"""Purposes on the command line: checked before spending, told inside and outside, required."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Command

GOOD = """
purposes:
  smokers by city:
    kind: table
    columns: [smokes]
    by: [city]
    tolerance: {tvd: 1}
    weight: 2
  ages:
    kind: subgroup
    statistic: mean
    variable: age
    by: [smokes]
    tolerance: {absolute: %s}
"""


@pytest.fixture
def contract(home: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = home / "purposes.yaml"
        path.write_text(text, "utf-8")
        return path

    return write


def test_check_names_what_each_purpose_rests_on(
    command: Command, survey: Path, contract: Callable[[str], Path], charges: Callable[[], int]
) -> None:
    path = contract(GOOD % 100)
    answer = command("purposes", "check", path, survey)
    assert answer.code == 0
    assert "table of smokes, by city" in answer.out
    assert "mean of age by smokes" in answer.out
    assert "2 tables by their weights" in answer.out
    assert charges() == 0
    assert "were not checked" in command("purposes", "check", path).err


BAD = {
    "unknown column": (GOOD.replace("[smokes]", "[smoke]") % 1, "did you mean 'smokes'"),
    "unknown kind": (GOOD.replace("subgroup", "subgruop") % 1, "did you mean 'subgroup'"),
    "negative weight": (GOOD.replace("weight: 2", "weight: -2") % 1, "line 8"),
    "tolerance": (GOOD.replace("tvd: 1", "tvd: 2") % 1, "purposes.smokers by city.tolerance.tvd"),
    "yaml": ("purposes: [", "not valid YAML"),
    "empty": ("", "no purposes are named"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("verb", ["check", "synthesize", "evaluate"])
def test_a_bad_contract_is_refused_before_anything_is_spent(  # noqa: PLR0917
    case: str, verb: str, command: Command, survey: Path, home: Path,
    contract: Callable[[str], Path], charges: Callable[[], int],
) -> None:  # fmt: skip
    text, told = BAD[case]
    path = contract(text)
    out = home / "out"
    answer = {
        "check": lambda: command("purposes", "check", path, survey),
        "synthesize": lambda: command("synthesize", survey, "-o", out, "--epsilon", 1,
                                      "--purposes", path),
        "evaluate": lambda: command("evaluate", "--train", survey, "--synthetic", survey, "-o", out,
                                    "--purposes", path),
    }[verb]()  # fmt: skip
    assert answer.code == 2
    assert told in answer.err
    assert charges() == 0
    assert not out.exists()


def test_a_schema_is_enough_to_check_and_can_contradict(
    command: Command, home: Path, contract: Callable[[str], Path]
) -> None:
    schema = home / "schema.yaml"
    path = contract(GOOD % 1)
    schema.write_text("columns: {age: {minimum: 0, maximum: 99}, city: {}, smokes: {}}")
    assert command("purposes", "check", path, "--schema", schema).code == 0
    schema.write_text("columns: {age: {minimum: 0, maximum: 99}, smokes: {}}")
    assert command("purposes", "check", path, "--schema", schema).code == 2
    schema.write_text("columns: {age: {kind: category}, city: {}, smokes: {}}")
    assert "it needs a number" in command("purposes", "check", path, "--schema", schema).err


@pytest.mark.parametrize(("tolerance", "code"), [("100", 0), ("1e-9", 9)])
def test_a_release_is_written_whether_or_not_purposes_are_met(  # noqa: PLR0917
    tolerance: str, code: int, command: Command, survey: Path, home: Path,
    contract: Callable[[str], Path],
) -> None:  # fmt: skip
    path, out = contract(GOOD % tolerance), home / "out"
    answer = command("synthesize", survey, "-o", out, "--epsilon", 10, "--purposes", path,
                     "--require-purposes", "--seed", 1)  # fmt: skip
    assert answer.code == code, answer.all
    assert (out / "report.html").is_file()
    assert command("verify", out).code == 0
    assert "steered which tables" in answer.out
    assert "from charged numbers alone" in answer.out
    assert "INTERNAL: purposes answered on real rows" in answer.out
    assert ("not met on the real rows: 1 of 2 purposes" in answer.err) == (code == 9)
    public = json.loads((out / "evidence.json").read_text("utf-8"))
    inside = json.loads((out / "internal" / "evidence.json").read_text("utf-8"))
    assert [one["name"] for one in public["purposes"]] == ["smokers by city", "ages"]
    assert "steered" in public["steering"]
    verdicts = [one["verdict"] for one in inside["purposes"]]
    assert verdicts == ["pass", "pass" if code == 0 else "fail"]
    assert not {one["verdict"] for one in public["purposes"]} & {"pass", "fail"}


def test_without_being_required_the_exit_code_stays_0(
    command: Command, survey: Path, home: Path, contract: Callable[[str], Path]
) -> None:
    path = contract(GOOD % "1e-9")
    answer = command("evaluate", "--train", survey, "--synthetic", survey, "-o", home / "a",
                     "--purposes", path, "-q", "--require-purposes")  # fmt: skip
    assert answer.code == 0  # a table is itself
    other = home / "other.csv"
    text = survey.read_text("utf-8").splitlines()
    other.write_text("\n".join([text[0], *text[1:120]]) + "\n", "utf-8")
    asked = ("evaluate", "--train", survey, "--synthetic", other, "--purposes", path)
    answer = command(*asked, "-o", home / "b")
    assert answer.code == 0
    assert "fail" in answer.out
    assert command(*asked, "-o", home / "c", "--require-purposes", "-q").code == 9
    assert (home / "c" / "report.html").is_file()


@pytest.mark.parametrize(
    "arguments",
    [("--require-purposes",), ("--require-purposes", "--no-evaluate", "--purposes", "p.yaml")],
)
def test_purposes_that_are_not_answered_cannot_be_required(
    arguments: tuple[str, ...], command: Command, survey: Path, home: Path,
    charges: Callable[[], int],
) -> None:  # fmt: skip
    answer = command("synthesize", survey, "-o", home / "out", "--epsilon", 1, *arguments)
    assert answer.code == 2
    assert "--purposes" in answer.err
    assert charges() == 0


def test_a_purpose_may_not_name_the_unit(
    command: Command, survey: Path, home: Path, contract: Callable[[str], Path],
    charges: Callable[[], int],
) -> None:  # fmt: skip
    answer = command("synthesize", survey, "-o", home / "out", "--epsilon", 1, "--unit-column",
                     "city", "--purposes", contract(GOOD % 1))  # fmt: skip
    assert answer.code == 2
    assert "names the protected unit" in answer.err
    assert charges() == 0
