"""`understudy learn` and `understudy predict` from the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.csv as pc
import pytest
from tests.cli.conftest import CANARY, Command

SCHEMA = """\
columns:
  - {name: age, minimum: 18, maximum: 90, decimals: 0, nulls: []}
  - {name: city, categories: [Basel, Ghent, Lille], nulls: []}
  - {name: smokes, categories: ["no", "yes"], nulls: []}
"""


@pytest.fixture
def schema(home: Path) -> Path:
    (home / "schema.yaml").write_text(SCHEMA)
    return home / "schema.yaml"


@pytest.fixture
def learner(command: Command, home: Path, survey: Path, schema: Path) -> Path:
    answer = command(
        "learn", survey, "--target", "smokes", "--epsilon", 3, "--schema", schema,
        "--learner", "histogram_nb", "-o", home / "learner", "--quiet",
    )  # fmt: skip
    assert answer.code == 0, answer.all
    assert not answer.out
    return home / "learner"


def test_it_says_what_was_learned_and_spent(
    command: Command, home: Path, survey: Path, schema: Path, charges: Callable[[], int]
) -> None:
    answer = command(
        "learn", survey, "--target", "smokes", "--epsilon", 2, "--schema", schema,
        "-o", home / "learner",
    )  # fmt: skip
    assert answer.code == 0, answer.all
    for told in ("Learned to predict smokes", "no, yes", "of 2", "adding or removing one row",
                 "for yes", "city", "Next: understudy predict"):  # fmt: skip
        assert told in answer.out, told
    assert charges() > 0
    assert {path.name for path in (home / "learner").iterdir()} == {
        "predictor.json", "arrays.npz",
    }  # fmt: skip


def test_rows_are_predicted_in_their_order(
    command: Command, home: Path, learner: Path, charges: Callable[[], int]
) -> None:
    (home / "new.csv").write_text("id,city,age\n7,Basel,30\n9,Ghent,\n8,Nowhere,99999\n")
    before = charges()
    answer = command("predict", learner, home / "new.csv", "-o", home / "told.csv", "--keep", "id")
    assert answer.code == 0, answer.all
    assert "3 predictions" in answer.out
    told = pc.read_csv(home / "told.csv")
    assert told.column_names == [
        "id",
        "predicted smokes",
        "probability of no",
        "probability of yes",
    ]
    assert told["id"].to_pylist() == [7, 9, 8]
    assert told["probability of yes"][0].as_py() < told["probability of yes"][1].as_py()
    assert charges() == before


def test_nothing_is_promised_in_so_many_words(command: Command, home: Path, survey: Path) -> None:
    answer = command(
        "learn", survey, "--target", "smokes", "--non-private", "-o", home / "open",
    )  # fmt: skip
    assert answer.code == 0, answer.all
    assert "nothing is promised" in answer.err
    assert "of inf" in answer.out


@pytest.mark.parametrize(
    ("settings", "code", "said"),
    [
        (("--target", "smokes"), 2, "give --epsilon or --non-private"),
        (("--target", "smokes", "--epsilon", 1, "--non-private"), 2, "one of them"),
        (("--target", "smoks", "--epsilon", 1), 2, "smokes"),
        (("--target", "smokes", "--epsilon", 0), 2, "positive"),
        (("--target", "smokes", "--epsilon", 1, "--delta", 0.3), 2, "delta"),
        (("--target", "smokes", "--epsilon", 1, "--learner", "logistik"), 2, "logistic"),
        (("--target", "smokes", "--epsilon", 1, "--unit-column", "person"), 2, "person"),
        (("--target", "smokes", "--epsilon", 1, "--max-rows-per-unit", 3), 2, "--unit-column"),
        (("--target", "smokes", "--epsilon", 1, "--schema", "absent.yaml"), 2, "absent.yaml"),
        (("--target", "smokes", "--epsilon", 1, "--stream"), 2, "take gaussian_nb"),
    ],
)
def test_bad_input_spends_nothing(
    *,
    settings: tuple[object, ...],
    code: int,
    said: str,
    command: Command,
    home: Path,
    survey: Path,
    charges: Callable[[], int],
) -> None:
    answer = command("learn", survey, "-o", home / "learner", *settings)
    assert answer.code == code, answer.all
    assert said in answer.err
    assert charges() == 0
    assert not (home / "learner").exists()


def test_a_folder_is_not_replaced_unasked(
    command: Command, home: Path, survey: Path, learner: Path, charges: Callable[[], int]
) -> None:
    before = charges()
    asked = ("learn", survey, "--target", "smokes", "--epsilon", 1, "-o", learner)
    answer = command(*asked)
    assert answer.code == 5
    assert charges() == before
    assert command(*asked, "--force", "--learner", "gaussian_nb").code in (0, 2)


def test_prediction_refuses_what_it_cannot_use(
    command: Command, home: Path, survey: Path, learner: Path
) -> None:
    out = home / "told.csv"
    assert command("predict", home, survey, "-o", out).code == 7
    (home / "odd.csv").write_text(f"city\n{CANARY}\n")
    answer = command("predict", learner, home / "odd.csv", "-o", out)
    assert answer.code == 2
    assert "'age'" in answer.err
    assert CANARY not in answer.all
    assert command("predict", learner, survey, "-o", out, "--keep", "agee").code == 2
    assert command("predict", learner, survey, "-o", home / "told.doc").code == 2
    out.write_text("mine")
    assert command("predict", learner, survey, "-o", out).code == 5
    assert out.read_text() == "mine"
