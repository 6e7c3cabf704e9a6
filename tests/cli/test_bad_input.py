"""Bad input: a clear line, the right exit code, no budget spent, nothing written, no value told."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import CANARY, Command

GOOD = f"age,city\n31,Ghent\n45,{CANARY}\n"


def _bytes(text: str) -> bytes:
    return text.encode()


FILES: dict[str, tuple[bytes | None, str]] = {
    "missing": (None, "no file"),
    "empty": (b"", "empty"),
    "header-only": (b"age,city\n", "no rows"),
    "ragged": (_bytes(f"{GOOD}12,{CANARY},{CANARY},3\n"), "line"),
    "duplicate-names": (_bytes(f"age,age\n1,{CANARY}\n"), "age"),
    "unnamed": (_bytes(f"age,\n1,{CANARY}\n"), "name"),
    "latin-1": (f"age,city\n1,{CANARY}\xe9\xe8\n".encode("latin-1"), "encoding"),
    "utf-16": (_bytes(GOOD).decode().encode("utf-16-le"), ""),
    "nul": (_bytes(f"age,city\n1,{CANARY}\x00\n"), "not text"),
    "torn-gzip": (gzip.compress(_bytes(GOOD) * 50)[:40], ""),
    "torn-parquet": (b"PAR1" + _bytes(CANARY) * 9, ""),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_cannot_be_used(
    case: str, command: Command, home: Path, charges: Callable[[], int]
) -> None:
    content, word = FILES[case]
    path = home / "input.csv"
    if content is not None:
        path.write_bytes(content)
    answer = command("synthesize", path, "-o", home / "out", "--epsilon", 1)
    assert answer.code == 2
    assert answer.err.startswith("error: ")
    assert word.lower() in answer.err.lower()
    assert "Traceback" not in answer.all
    assert CANARY not in answer.all
    assert not (home / "out").exists()
    assert charges() == 0
    assert not [entry for entry in home.iterdir() if "understudy-writing" in entry.name]


ARGUMENTS: dict[str, tuple[tuple[object, ...], int, str]] = {
    "epsilon-zero": (("--epsilon", 0), 2, "epsilon"),
    "epsilon-negative": (("--epsilon", -1), 2, "epsilon"),
    "epsilon-nan": (("--epsilon", "nan"), 2, "epsilon"),
    "epsilon-infinite": (("--epsilon", "inf"), 2, "epsilon"),
    "epsilon-text": (("--epsilon", "one"), 2, "epsilon"),
    "delta": (("--epsilon", 1, "--delta", 0.5), 2, "delta"),
    "target": (("--epsilon", 1, "--target", "agee"), 2, "'age'"),
    "unit": (("--epsilon", 1, "--unit-column", "person"), 2, "unit"),
    "bound-alone": (("--epsilon", 1, "--max-rows-per-unit", 3), 2, "unit"),
    "bound-zero": (("--epsilon", 1, "--unit-column", "city", "--max-rows-per-unit", 0), 2, "row"),
    "rows": (("--epsilon", 1, "--rows", 0), 2, "rows"),
    "holdout": (("--epsilon", 1, "--holdout", 1), 2, "holdout"),
    "synthesizer": (("--epsilon", 1, "--synthesizer", "mts"), 2, "mst"),
    "schema-missing": (("--epsilon", 1, "--schema", "nowhere.yaml"), 2, "schema"),
    "delimiter": (("--epsilon", 1, "--delimiter", "::"), 2, "delimiter"),
    "encoding": (("--epsilon", 1, "--encoding", "utf-99"), 2, "encoding"),
    "key": (("--epsilon", 1, "--key", "nowhere.pem"), 2, "key"),
    "option": (("--epsilon", 1, "--epsilonn", 2), 2, "epsilonn"),
    "no-epsilon": ((), 2, "epsilon"),
    "both promises": (("--epsilon", 1, "--non-private"), 2, "--non-private"),
    "cart promises nothing": (("--epsilon", 1, "--synthesizer", "cart"), 2, "no private form"),
    "aim promises always": (("--non-private", "--synthesizer", "aim"), 2, "without privacy"),
    "aim keeps no training": (("--epsilon", 1, "--checkpoint", "kept"), 2, "argn"),
    "nothing for auto": (("--non-private",), 2, "cart"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_an_argument_that_cannot_be_used(
    case: str, command: Command, home: Path, survey: Path, charges: Callable[[], int]
) -> None:
    arguments, code, word = ARGUMENTS[case]
    answer = command("synthesize", survey, "-o", home / "out", *arguments)
    assert answer.code == code
    assert word in answer.err
    assert "Traceback" not in answer.all
    assert not (home / "out").exists()
    assert charges() == 0


SCHEMAS = {
    "unknown column": "columns:\n  agee: {minimum: 0, maximum: 120}\n",
    "unknown field": "columns:\n  age: {minimun: 0}\n",
    "two kinds at once": "columns:\n  age: {kind: number, categories: [a, b]}\n",
    "bounds the wrong way": "columns:\n  age: {minimum: 9, maximum: 1}\n",
    "rule on nothing": "rules:\n  - height > 3\n",
    "not yaml": "columns: [",
    "target dropped": "columns:\n  smokes: {action: drop}\n",
    "all dropped": "columns:\n  age: {action: drop}\n  city: {action: drop}\n  smokes: {action: drop}\n",
}


@pytest.mark.parametrize("case", SCHEMAS)
def test_a_schema_that_contradicts(
    case: str, command: Command, home: Path, survey: Path, charges: Callable[[], int]
) -> None:
    (home / "schema.yaml").write_text(SCHEMAS[case])
    answer = command(
        "synthesize", survey, "-o", home / "out", "--epsilon", 1, "--target", "smokes",
        "--schema", home / "schema.yaml",
    )  # fmt: skip
    assert answer.code == 2
    assert answer.err.splitlines()[-1] != ""
    assert "error: " in answer.err
    assert not (home / "out").exists()
    assert charges() == 0


def test_values_outside_declared_bounds_are_clipped_not_printed(
    command: Command, home: Path
) -> None:
    table = home / "t.csv"
    table.write_text(
        "age,city\n" + "".join(f"{20 + n % 50},Ghent\n" for n in range(200)) + "987654,Ghent\n"
    )
    (home / "schema.yaml").write_text("columns:\n  age: {minimum: 0, maximum: 120, decimals: 0}\n")
    answer = command(
        "synthesize", table, "-o", home / "out", "--epsilon", 5, "--schema", home / "schema.yaml"
    )
    assert answer.code == 0
    assert "987654" not in answer.all
    ages = [
        int(line.split(",")[0]) for line in (home / "out/synthetic.csv").read_text().split()[1:]
    ]
    assert ages
    assert 0 <= min(ages) <= max(ages) <= 120


SMALL = {
    "one row": "age,city\n31,Ghent\n",
    "one column": "age\n" + "31\n44\n" * 40,
    "one row, one column": "age\n31\n",
    "all null": "age,city\n" + ",\n" * 60,
    "all null, marked": "age,city\n" + "NA,?\n" * 60,
    "a column of constants": "age,city\n" + "7,Ghent\n" * 60,
    "every cell different": "age,code\n" + "".join(f"{n},c{n}x{n * 7}\n" for n in range(90)),
}


@pytest.mark.parametrize("case", SMALL)
def test_small_and_empty_tables_work(case: str, command: Command, home: Path) -> None:
    table = home / "t.csv"
    table.write_text(SMALL[case])
    answer = command("synthesize", table, "-o", home / "out", "--epsilon", 1)
    assert answer.code == 0, answer.err
    assert (home / "out/synthetic.csv").read_text().splitlines()[0] == SMALL[case].splitlines()[0]
    assert command("verify", home / "out").code == 0


def test_an_output_folder_in_use(
    command: Command, home: Path, survey: Path, charges: Callable[[], int]
) -> None:
    (home / "out").mkdir()
    (home / "out/mine.txt").write_text("mine")
    for force in ((), ("--force",)):
        answer = command("synthesize", survey, "-o", home / "out", "--epsilon", 1, *force)
        assert answer.code == 5
        assert "out" in answer.err
    assert (home / "out/mine.txt").read_text() == "mine"
    assert charges() == 0


def test_an_output_folder_of_another_run(
    command: Command, home: Path, survey: Path, charges: Callable[[], int]
) -> None:
    from understudy.release import stage

    with pytest.raises(RuntimeError), stage(home / "out"):  # noqa: PT012
        answer = command("synthesize", survey, "-o", home / "out", "--epsilon", 1)
        assert answer.code == 5
        assert "in use" in answer.err
        raise RuntimeError
    assert charges() == 0


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write anywhere")
def test_an_output_folder_that_cannot_be_written(
    command: Command, home: Path, survey: Path, charges: Callable[[], int]
) -> None:
    (home / "closed").mkdir(mode=0o500)
    assert command("synthesize", survey, "-o", home / "closed/out", "--epsilon", 1).code == 5
    assert charges() == 0


def test_a_ledger_that_is_none(command: Command, home: Path, survey: Path) -> None:
    book = home / "book.sqlite"
    book.write_text("not a ledger, " * 100)
    answer = command("synthesize", survey, "-o", home / "out", "--epsilon", 1, "--ledger", book)
    assert answer.code == 4
    assert "ledger" in answer.err
    assert not (home / "out").exists()


def test_a_ledger_that_is_read_only(
    command: Command, home: Path, survey: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    book = home / "book.sqlite"
    made = command("ledger", "policy", "it", "--epsilon", 1, "--delta", 1e-6, "--ledger", book)
    assert made.code == 0
    opened = sqlite3.connect

    def locked(path: Path, **settings: object) -> sqlite3.Connection:
        return opened(f"file:{path}?mode=ro", uri=True, **settings)  # type: ignore[arg-type]

    # A superuser may write anywhere, so the file is opened as it would be for anybody else.
    monkeypatch.setattr(sqlite3, "connect", locked)
    arguments = ("synthesize", survey, "-o", home / "out", "--epsilon", 1, "--ledger", book)
    answer = command(*arguments)
    assert answer.code == 4
    assert "read-only" in answer.err
    assert opened(book).execute("SELECT count(*) FROM runs").fetchone() == (0,)
    assert not (home / "out").exists()


def test_a_ledger_over_its_limit(
    command: Command, home: Path, survey: Path, charges: Callable[[], int]
) -> None:
    assert command("ledger", "policy", survey, "--epsilon", 1.2, "--delta", 1e-6).code == 0
    assert command("synthesize", survey, "-o", home / "one", "--epsilon", 1, "-q").code == 0
    spent = charges()
    answer = command("synthesize", survey, "-o", home / "two", "--epsilon", 1)
    assert answer.code == 3
    assert "limit" in answer.err
    assert charges() == spent > 0
    assert not (home / "two").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_leaves_nothing_half_written(
    number: signal.Signals, code: int, home: Path, survey: Path, charges: Callable[[], int]
) -> None:
    out = home / "out"
    # The run is stopped where it is about to write, after everything was charged.
    program = (
        "import understudy.workflow.run as run, os, time\n"
        "import understudy.workflow as workflow\n"
        "def wait(*_, **__):\n    print('READY', flush=True)\n    time.sleep(60)\n"
        "run.write_tables = wait\n"
        "from understudy.cli import main\nmain()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "synthesize", str(survey), "-o", str(out), "--epsilon",
         "1", "--no-evaluate", "--quiet"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "READY\n"
    process.send_signal(number)
    _, complaint = process.communicate(timeout=30)
    assert process.returncode == code
    assert "nothing was written" in complaint
    assert f"{charges()} charges" in complaint
    assert charges() > 0
    assert "Traceback" not in complaint
    assert sorted(path.name for path in home.iterdir() if "out" in path.name) == []


def test_a_killed_run_is_cleared_by_the_next(home: Path, survey: Path, command: Command) -> None:
    out = home / "out"
    program = (
        "import understudy.workflow.run as run, time\n"
        "def wait(*_, **__):\n    print('READY', flush=True)\n    time.sleep(60)\n"
        "run.render = None\nrun.write_tables = wait\n"
        "from understudy.cli import main\nmain()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "synthesize", str(survey), "-o", str(out), "--epsilon",
         "1", "--no-evaluate", "--quiet"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "READY\n"
    process.kill()
    process.wait(timeout=30)
    time.sleep(0.1)
    assert not out.exists()
    assert command("synthesize", survey, "-o", out, "--epsilon", 1, "-q", "--no-evaluate").code == 0
    assert command("verify", out).code == 0


def test_a_full_disk(
    command: Command, home: Path, survey: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    import understudy.workflow.run as writing

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writing, "write_tables", full)
    answer = command("synthesize", survey, "-o", home / "out", "--epsilon", 1, "--no-evaluate")
    assert answer.code == 5
    assert "space" in answer.err or "full" in answer.err
    assert not (home / "out").exists()


def test_a_disk_too_small_is_noticed_before_anything_is_spent(
    command: Command,
    home: Path,
    survey: Path,
    charges: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import shutil
    from types import SimpleNamespace

    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=20 << 20))
    answer = command("synthesize", survey, "-o", home / "out", "--epsilon", 1, "--rows", 10**7)
    assert answer.code == 5
    assert "GiB on disk" in answer.err
    assert charges() == 0
    assert not (home / "out").exists()


def test_no_memory_and_the_unexpected(
    command: Command, home: Path, survey: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from understudy.workflow import places

    def unexpected(problem: Exception) -> Callable[..., None]:
        def fail(*_: object, **__: object) -> None:
            raise problem

        return fail

    monkeypatch.setattr(places, "read_table", unexpected(MemoryError(CANARY)))
    answer = command("synthesize", survey, "-o", home / "out", "--epsilon", 1)
    assert (answer.code, "memory" in answer.err) == (2, True)
    monkeypatch.setattr(places, "read_table", unexpected(ValueError(CANARY)))
    answer = command("synthesize", survey, "-o", home / "out", "--epsilon", 1)
    assert answer.code == 1
    assert "UNDERSTUDY_DEBUG" in answer.err
    assert "ValueError" in answer.err
    assert CANARY not in answer.all
    monkeypatch.setenv("UNDERSTUDY_DEBUG", "1")
    with pytest.raises(ValueError, match=CANARY):
        command("synthesize", survey, "-o", home / "out", "--epsilon", 1)


def test_a_reader_that_hangs_up() -> None:
    line = f"{sys.executable} -m understudy schema --help | head -c 1 > /dev/null; echo $?"
    found = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert "Traceback" not in found.stderr
