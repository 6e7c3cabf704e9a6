"""`understudy plan` and `synthesize --plan` from the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import CANARY, Command

SCHEMA = """\
columns:
  - {name: age, minimum: 18, maximum: 90, decimals: 0, nulls: []}
  - {name: city, categories: [Basel, Ghent, Lille], nulls: []}
  - {name: smokes, categories: ["no", "yes"], nulls: []}
rows: 300
"""


@pytest.fixture
def schema(home: Path) -> Path:
    (home / "schema.yaml").write_text(SCHEMA)
    return home / "schema.yaml"


def test_it_says_what_to_expect(
    command: Command, survey: Path, schema: Path, charges: Callable[[], int]
) -> None:
    answer = command("plan", survey, "--epsilon", 1, "--schema", schema)
    assert answer.code == 0
    for told in ("ε = 1", "about 240 to learn from", "Shares of the budget", "singles", "█",
                 "Expected error of every column", "city × smokes", "s of processor time",
                 "MiB", "expected error of pairs", "Nothing was charged"):  # fmt: skip
        assert told in answer.out, told
    assert charges() == 0


def test_json_is_the_saved_plan(command: Command, home: Path, survey: Path, schema: Path) -> None:
    saved = home / "plan.json"
    answer = command("plan", survey, "--epsilon", 1, "--schema", schema, "--json", "--save", saved)
    assert json.loads(answer.out) == json.loads(saved.read_text())


def test_a_schema_alone(command: Command, schema: Path) -> None:
    answer = command("plan", schema, "--epsilon", 1)
    assert answer.code == 0
    assert "schema: 3 columns" in answer.out


def test_the_page_is_self_contained(command: Command, home: Path, schema: Path) -> None:
    awkward = "<script>alert(1)</script>"
    text = SCHEMA.replace("rows: 300", f'  - {{name: "{awkward}", categories: [a, b]}}')
    (home / "awkward.yaml").write_text(text)
    answer = command("plan", home / "awkward.yaml", "--epsilon", 1, "--html", home / "plan.html")
    page = (home / "plan.html").read_text()
    assert answer.code == 0
    assert awkward not in page
    assert "heat map" not in page.lower() or "svg" in page
    assert page.count("<svg") >= 5
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!\#)""", page)
    assert "http" not in page.replace("http-equiv", "")


def test_a_target_error_is_turned_round(command: Command, schema: Path) -> None:
    answer = command("plan", schema, "--target-error", 0.1, "--rows-magnitude", "1e5")
    assert "is needed" in answer.out
    answer = command("plan", schema, "--target-error", 0.001, "--rows-magnitude", 50)
    assert "cannot be reached: sampling error alone" in answer.out


def test_the_machine_is_measured_when_asked(command: Command, schema: Path) -> None:
    answer = command("plan", schema, "--epsilon", 1, "--measure-machine", "--json")
    assert json.loads(answer.out)["seconds"]["value"] > 0


def test_synthesize_is_held_to_its_plan(
    command: Command, home: Path, survey: Path, schema: Path, charges: Callable[[], int]
) -> None:
    saved = home / "plan.json"
    asked = ("--epsilon", 1, "--schema", schema, "--synthesizer", "mst")
    command("plan", survey, *asked, "--save", saved)
    survey.write_text(survey.read_text().replace("smokes", "vapes", 1))
    answer = command("synthesize", survey, "-o", home / "out", "--epsilon", 1, "--plan", saved)
    assert answer.code == 2
    assert "column 'smokes' is gone" in answer.err
    assert charges() == 0
    assert not (home / "out").exists()
    survey.write_text(survey.read_text().replace("vapes", "smokes", 1))
    answer = command("synthesize", survey, "-o", home / "out", *asked, "--plan", saved)
    assert answer.code == 0
    assert "pairs of columns off by" in answer.out


BAD: dict[str, tuple[tuple[object, ...], str]] = {
    "nothing asked": ((), "epsilon"),
    "epsilon": (("--epsilon", 0), "epsilon"),
    "delta": (("--epsilon", 1, "--delta", 0.5), "delta"),
    "rows": (("--epsilon", 1, "--rows-magnitude", 0), "magnitude"),
    "rows nan": (("--epsilon", 1, "--rows-magnitude", "nan"), "magnitude"),
    "error": (("--target-error", 2), "target error"),
    "target": (("--epsilon", 1, "--target", "agee"), "'age'"),
    "unit": (("--epsilon", 1, "--unit-column", "person"), "unit"),
    "bound": (("--epsilon", 1, "--max-rows-per-unit", 3), "unit"),
    "synthesizer": (("--epsilon", 1, "--synthesizer", "mts"), "mst"),
    "holdout": (("--epsilon", 1, "--holdout", 1), "holdout"),
    "schema": (("--epsilon", 1, "--schema", "nowhere.yaml"), "schema"),
    "delimiter": (("--epsilon", 1, "--delimiter", "::"), "delimiter"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_refused(case: str, command: Command, survey: Path) -> None:
    arguments, word = BAD[case]
    answer = command("plan", survey, *arguments)
    assert answer.code == 2
    assert word in answer.err
    assert "Traceback" not in answer.all


@pytest.mark.parametrize(
    "content", [None, b"", b"age,age\n", b"PK\x03\x04", b"columns: 3\n", b"rows: 5\n"]
)
def test_bad_files_are_refused(content: bytes | None, command: Command, home: Path) -> None:
    schema_like = content is not None and content.startswith((b"columns", b"rows"))
    path = home / ("input.yaml" if schema_like else "input.csv")
    if content is not None:
        path.write_bytes(content)
    answer = command("plan", path, "--epsilon", 1)
    assert answer.code == 2
    assert answer.err.startswith("error: ")


def test_no_cell_is_shown(command: Command, home: Path) -> None:
    path = home / "input.csv"
    path.write_text(f"age,city\n31,{CANARY}\n")
    answer = command("plan", path, "--epsilon", 1)
    assert answer.code == 0
    assert CANARY not in answer.all
