"""The commands as a person uses them, one after the other."""

from __future__ import annotations

import json
import re
import shutil
import stat
from pathlib import Path

import pytest
from tests.cli.conftest import Command


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the release of a survey and the key that signed it, made once."""
    from tests.cli.conftest import invoke, write_survey

    home = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(home / "config"))
        write_survey(home / "survey.csv")
        answer = invoke(
            "synthesize", home / "survey.csv", "-o", home / "release", "--epsilon", 2,
            "--target", "smokes", "--ledger", home / "book.sqlite",
        )  # fmt: skip
    assert answer.code == 0, answer.err
    return home


@pytest.fixture
def release(finished: Path, home: Path) -> Path:
    """A copy of the finished release, beside its key."""
    shutil.copytree(finished / "config", home / "config")
    return Path(shutil.copytree(finished / "release", home / "release"))


def test_a_release_has_its_parts(release: Path) -> None:
    names = {path.relative_to(release).as_posix() for path in release.rglob("*") if path.is_file()}
    assert {
        "synthetic.csv", "model/model.json", "model/arrays.safetensors", "evidence.json", "report.html",
        "manifest.json", "internal/report.html", "internal/evidence.json",
    } <= names  # fmt: skip


def test_it_says_what_will_be_spent_and_what_was(
    command: Command, home: Path, survey: Path
) -> None:
    answer = command(
        "synthesize", survey, "-o", home / "r", "--epsilon", 1, "--purpose", "teaching"
    )
    before, _, after = answer.out.partition("After:")
    for told in ("3 columns", "one row", "ε = 1", "δ = 1e-06", "At 1\xa0% false positives", "Plan:",
                 "nothing was spent on this asset before", "takes"):  # fmt: skip
        assert told in before
    for told in ("spent  ε", "INTERNAL", "signed by", "sha256:", "Next"):
        assert told in after
    assert "%" in answer.err, "progress goes to stderr"
    shown = re.sub(r"sha256:\w+", "", answer.out)
    assert "300" not in shown, "the number of real rows is not public"
    again = command("synthesize", survey, "-o", home / "r2", "--epsilon", 1)
    assert "1 run before on this asset" in again.out


def test_shares_planned_hold_the_shares_spent(release: Path, survey: Path) -> None:
    from understudy.release import PublicEvidence
    from understudy.workflow import plan_of, prepare_job

    plan = {stage.stage: stage for stage in plan_of(prepare_job(survey, epsilon=2.0)).stages}
    evidence = PublicEvidence.from_json((release / "evidence.json").read_text())
    spent = {stage.name: stage.spent for stage in evidence.label.stages if stage.spent}
    assert set(spent) <= set(plan)
    for name in set(spent) - {"pairs", "domain"}:
        assert plan[name].low - 0.005 <= spent[name] <= plan[name].high + 0.005, name
    assert sum(stage.high for stage in plan.values()) >= 1


def test_quiet_is_quiet(command: Command, home: Path, survey: Path) -> None:
    answer = command("synthesize", survey, "-o", home / "r", "--epsilon", 1, "--quiet")
    assert (answer.code, answer.all) == (0, "")


def test_without_evaluation_nothing_internal_is_written(
    command: Command, home: Path, survey: Path
) -> None:
    answer = command("synthesize", survey, "-o", home / "r", "--epsilon", 1, "--no-evaluate")
    assert answer.code == 0
    assert not (home / "r/internal").exists()
    assert "INTERNAL" not in answer.out


def test_a_failed_evaluation_loses_no_release(
    command: Command, home: Path, survey: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from understudy.workflow import main_job

    monkeypatch.setattr(main_job, "measured", lambda *_, **__: None)
    answer = command("synthesize", survey, "-o", home / "r", "--epsilon", 1, "--quiet")
    assert answer.code == 0
    assert "no internal part" in answer.err
    assert command("verify", home / "r").code == 0


def test_force_replaces_a_release(command: Command, release: Path, survey: Path) -> None:
    before = (release / "manifest.json").read_bytes()
    arguments = ("synthesize", survey, "-o", release, "--epsilon", 1, "-q", "--no-evaluate")
    assert command(*arguments).code == 5
    assert command(*arguments, "--force").code == 0
    assert (release / "manifest.json").read_bytes() != before
    assert command("verify", release).code == 0


def test_verify_names_what_was_changed(command: Command, release: Path) -> None:
    good = command("verify", release)
    assert (good.code, "verified" in good.out) == (0, True)
    assert "ok      synthetic.csv" in good.out
    table = release / "synthetic.csv"
    table.write_text(table.read_text() + "1,2,3\n")
    bad = command("verify", release)
    assert bad.code == 6
    assert "changed synthetic.csv" in bad.out
    assert "synthetic.csv" in bad.err
    assert "verified" not in bad.out


def test_verify_with_a_key(command: Command, release: Path, home: Path) -> None:
    own = home / "config/understudy/signing-key.pem"
    answer = command("verify", release, "--key", own)
    assert answer.code == 0
    assert "came with the release" not in answer.out
    other = home / "other.pem"
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    other.write_bytes(
        Ed25519PrivateKey.generate().private_bytes(
            s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()
        )
    )
    assert command("verify", release, "--key", other).code == 6
    assert command("verify", home / "nothing").code == 6


@pytest.mark.parametrize("name", ["more.csv", "more.tsv.gz", "more.parquet"])
def test_sample(name: str, command: Command, release: Path, home: Path) -> None:
    from understudy.source import read_table

    assert not (home / "survey.csv").exists(), "sampling does not need the data"
    out = home / name
    answer = command("sample", release / "model", "-n", 50, "-o", out, "--seed", 3)
    assert answer.code == 0, answer.err
    assert "50 synthetic rows" in answer.out
    table = read_table(out)
    assert table.column_names == ("age", "city", "smokes")
    assert table.rows.num_rows == 50
    assert command("sample", release, "-n", 50, "-o", out, "--seed", 3).code == 5
    first = out.read_bytes()
    assert command("sample", release, "-n", 50, "-o", out, "--seed", 3, "--force").code == 0
    assert out.read_bytes() == first


def test_sample_refuses(command: Command, release: Path, home: Path) -> None:
    assert command("sample", home / "nowhere", "-o", home / "x.csv").code == 7
    assert command("sample", release, "-n", -1, "-o", home / "x.csv").code == 2
    assert command("sample", release, "-o", home / "x.docx").code == 2
    huge = command("sample", release, "-n", 10**12, "-o", home / "x.csv")
    assert (huge.code, "disk" in huge.err) == (5, True), huge.err
    (release / "model/model.json").write_text("{}")
    assert command("sample", release, "-o", home / "x.csv").code == 7
    assert not list(home.glob("*x.*"))


def test_inspect_places_every_value(command: Command, release: Path) -> None:
    from understudy.synthesize.tensors import from_bytes

    told = json.loads(command("inspect", release, "--json").out)
    assert told["totals"]["unknown"] == 0
    facts = json.loads((release / "model/model.json").read_text())
    held = from_bytes((release / "model/arrays.safetensors").read_bytes())
    numbers = sum(int(array.size) for array in held.values())

    def leaves(value: object) -> int:
        if isinstance(value, dict):
            return sum(map(leaves, value.values()))
        return sum(map(leaves, value)) if isinstance(value, list) else 1

    assert sum(told["totals"].values()) == numbers + leaves(facts)
    assert told["totals"]["charge"] > numbers
    assert told["totals"]["declared"] == 0
    assert {column["name"] for column in told["columns"]} == {"age", "city", "smokes"}


def test_inspect_for_people(command: Command, release: Path) -> None:
    everything = command("inspect", release / "model")
    assert everything.code == 0
    for told in ("Columns", "city", "own cost", "All values in the file", "container"):
        assert told in everything.out
    one = command("inspect", release, "--column", "city")
    assert one.code == 0
    for told in ("Facts", "labels[0]", "Noisy rows in every cell", "Charges that read it"):
        assert told in one.out
    assert command("inspect", release, "--column", "town").code == 7


def test_inspect_knows_what_was_declared(command: Command, home: Path, survey: Path) -> None:
    (home / "s.yaml").write_text(
        "columns:\n  smokes: {categories: [yes, no], nulls: []}\n"
        "  age: {minimum: 0, maximum: 120, decimals: 0, nulls: []}\n"
    )
    assert command(
        "synthesize", survey, "-o", home / "r", "--epsilon", 1, "--schema", home / "s.yaml",
        "-q", "--no-evaluate",
    ).code == 0  # fmt: skip
    told = json.loads(command("inspect", home / "r", "--json").out)
    declared = {item["path"] for item in told["items"] if item["origin"] == "declared"}
    assert any(".labels[" in path for path in declared)
    assert any(".kind" in path for path in declared)


def test_schema_draft_declares_nothing(command: Command, home: Path, survey: Path) -> None:
    from understudy.schema import load_schema

    out = home / "schema.yaml"
    answer = command("schema", survey, "-o", out)
    assert answer.code == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "keep the draft where the data is" in answer.err
    found = load_schema(out)
    assert found.declared_public() == []
    assert [column.name for column in found.columns] == ["age", "city", "smokes"]
    text = out.read_text()
    for told in ("# kind: number", "# minimum: ", "# categories: [", "Basel", "your"):
        assert told in text or told == "your"
    assert command("schema", survey, "-o", out).code == 5
    assert command("schema", survey).out == text


def test_schema_draft_uncommented_is_a_schema_that_fits(
    command: Command, home: Path, survey: Path
) -> None:
    from understudy.schema import check_against, load_schema
    from understudy.source import read_table

    draft = command("schema", survey).out
    head, _, body = draft.partition("columns:")
    fields = "\n".join(
        line.replace("    # ", "    ", 1)
        if line.startswith("    # ") and "seen in" not in line
        else line
        for line in body.splitlines()
    )
    (home / "s.yaml").write_text(head + "columns:" + fields)
    schema = load_schema(home / "s.yaml")
    check_against(schema, read_table(survey).headers)
    assert len(schema.declared_public()) > 6


def test_evaluate(command: Command, release: Path, survey: Path, home: Path) -> None:
    from understudy.release.judged import EvaluationEvidence

    out = home / "figures"
    answer = command(
        "evaluate", "--train", survey, "--holdout", survey, "--synthetic",
        release / "synthetic.csv", "--target", "smokes", "-o", out,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    assert "INTERNAL" in answer.out
    assert "rows of the holdout are rows of the training table too" in answer.err
    assert {path.name for path in out.iterdir()} == {
        "evidence.json",
        "figures.csv",
        "report.html",
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()} == {0o600}
    evidence = EvaluationEvidence.from_json((out / "evidence.json").read_text())
    assert {"tvd_2way", "tstr_auc"} <= set(evidence.tables[0].evidence.headline)
    page = (out / "report.html").read_text()
    assert "How the table was made is not known here" in page
    assert "rows of the holdout are rows of the training table too" in page
    assert "<script" not in page
    assert command("evaluate", "--train", survey, "--synthetic", survey, "-o", out).code == 5


def test_evaluate_refuses(command: Command, survey: Path, home: Path) -> None:
    other = home / "other.csv"
    other.write_text("x,y\n1,2\n3,4\n")
    out = ("-o", home / "f")
    strangers = command("evaluate", "--train", survey, "--synthetic", other, *out)
    assert (strangers.code, "columns" in strangers.err) == (2, True)
    unknown = command(
        "evaluate", "--train", survey, "--synthetic", survey, "--target", "agee", *out
    )
    assert (unknown.code, "'age'" in unknown.err) == (2, True)
    assert command("evaluate", "--train", home / "none.csv", "--synthetic", survey, *out).code == 2
    assert not (home / "f").exists()


def test_evaluate_from_python() -> None:
    import pandas as pd

    import understudy as us

    frame = pd.DataFrame({"a": [1.5, 2.5, 3.5, 4.5] * 10, "b": ["x", "y", "x", "y"] * 10})
    found = us.evaluate(frame, synthetic=frame)
    figure = found.figures.figure("shapes")
    assert figure is not None
    assert figure.value == pytest.approx(1.0)
    assert found.evidence.figures


def test_ledger(command: Command, home: Path, survey: Path) -> None:
    assert (
        command("synthesize", survey, "-o", home / "r", "--epsilon", 2, "-q", "--no-evaluate").code
        == 0
    )
    every = command("ledger", "assets")
    assert str(survey) in every.out
    assert command("ledger", "show").out == every.out
    one = command("ledger", "show", survey)
    for told in ("Runs", "Charges", "singles", "none; set one"):
        assert told in one.out
    assert command("ledger", "show", "survey.csv").out == one.out
    limit = command("ledger", "policy", survey, "--epsilon", 3, "--delta", 1e-5)
    assert (limit.code, "at most ε = 3" in limit.out) == (0, True)
    told = json.loads(command("ledger", "show", survey, "--json").out)
    assert told["policy"]["epsilon"] == 3
    assert 0 < told["spent"]["epsilon"] <= 2
    assert len(told["charges"]) == told["runs"][0]["charges"] > 0
    assert "charges" not in json.loads(command("ledger", "assets", "--json").out)[0]
    assert command("ledger", "show", "nothing").code == 2
    assert command("ledger", "policy", survey, "--epsilon", -3, "--delta", 1e-5).code == 2


def test_no_ledger_is_made_by_asking(command: Command, home: Path) -> None:
    answer = command("ledger", "show")
    assert answer.code == 4
    assert not (home / "ledger.sqlite").exists()


def test_version(command: Command) -> None:
    from understudy import __version__

    assert command("--version").out == f"understudy {__version__}\n"


def test_names_from_a_file_cannot_command_the_terminal(command: Command, home: Path) -> None:
    table = home / "t.csv"
    table.write_text("a[red]b,\x1b[31mc\n" + "1,2\n3,4\n" * 40)
    answer = command("synthesize", table, "-o", home / "out", "--epsilon", 1)
    if answer.code == 0:
        assert command("inspect", home / "out").code == 0
        answer = command("inspect", home / "out")
        assert "a[red]b" in answer.out
    assert "\x1b" not in answer.all


@pytest.mark.slow
def test_demo(command: Command, home: Path) -> None:
    pytest.importorskip("statsmodels")
    answer = command("demo", "-o", home / "demo")
    assert answer.code == 0, answer.err
    for told in ("6,366", "INTERNAL", "affair", "marriage_rating", "understudy verify"):
        assert told in answer.out
    assert command("verify", home / "demo").code == 0
