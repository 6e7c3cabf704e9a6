"""The ledger across processes: kill -9, concurrent runs, a folder without write permission."""

from __future__ import annotations

import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

import understudy.privacy
from understudy.errors import LedgerError
from understudy.privacy import Gaussian, Ledger, Unit
from understudy.privacy.ledger_file import LedgerFile

SOURCE = str(Path(understudy.privacy.__file__).parents[2])

CHARGER = """
import sys
from understudy.errors import PolicyRefused
from understudy.privacy import Gaussian, Ledger, Unit
ledger = Ledger(sys.argv[1])
run = sys.argv[2] or ledger.open_run("survey", 0.01, 1e-9, Unit())
for _ in range(int(sys.argv[3])):
    try:
        print(ledger.charge(run, Gaussian(label="counts", sigma=100.0)), flush=True)
    except PolicyRefused:
        print("refused", flush=True)
"""

STOPPED = """
import os, signal, sys
from understudy.privacy import Gaussian, Ledger, Unit
ledger = Ledger(sys.argv[1])
run = ledger.open_run("survey", 0.01, 1e-9, Unit())
ledger.charge(run, Gaussian(label="counts", sigma=100.0))
with ledger._transaction() as connection:
    connection.execute("UPDATE totals SET rho = 0")
    connection.execute("DELETE FROM charges")
    os.kill(os.getpid(), signal.SIGKILL)
"""

FORKED = """
import os, sys
from understudy.privacy import Gaussian, Ledger, Unit
ledger = Ledger(sys.argv[1])
run = ledger.open_run("survey", 0.01, 1e-9, Unit())
child = os.fork()
for _ in range(10):
    ledger.charge(run, Gaussian(label="counts", sigma=100.0))
if child:
    assert os.waitpid(child, 0)[1] == 0
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    """A Python process that knows where the package is."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "PYTHONPATH": SOURCE, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def assert_consistent(path: Path, charges: int) -> None:
    """Totals are the sum of the charges, and there are as many as expected."""
    with Ledger(path) as ledger:
        told = ledger.show("survey")
    assert len(told.charges) == told.totals[0].charges == charges
    exact = math.fsum(charge.event.rho or 0.0 for charge in told.charges)
    assert told.totals[0].rho == pytest.approx(exact, rel=1e-12)


def test_kill_loses_no_charge(tmp_path: Path) -> None:
    """Every charge that returned is on disk after SIGKILL; at most one more is."""
    path = tmp_path / "ledger.sqlite"
    process = start(CHARGER, str(path), "", "100000")
    assert process.stdout is not None
    answered = 0
    for line in process.stdout:
        answered = int(line)
        if answered == 40:
            process.send_signal(signal.SIGKILL)
    process.wait()
    with Ledger(path) as ledger:
        written = len(ledger.show("survey").charges)
    assert answered >= 40
    assert answered <= written <= answered + 1
    assert_consistent(path, written)


def test_kill_inside_a_transaction_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    process = start(STOPPED, str(path))
    assert process.wait() == -signal.SIGKILL, process.communicate()
    assert_consistent(path, 1)
    with Ledger(path, patience=1.0) as ledger:
        run = ledger.open_run("survey", 0.01, 1e-9, Unit())
        ledger.charge(run, Gaussian(label="counts", sigma=100.0))
    assert_consistent(path, 2)


def test_four_processes_cannot_overspend(tmp_path: Path) -> None:
    """Sixty charges are tried by four processes; the policy has room for 17."""
    path = tmp_path / "ledger.sqlite"
    event = Gaussian(label="counts", sigma=100.0)
    with Ledger(path) as ledger:
        ledger.set_policy("survey", understudy.privacy.epsilon([event] * 17, 1e-6) * 1.0001, 1e-6)
        runs = [ledger.open_run("survey", 0.01, 1e-9, Unit(), who=f"user {i}") for i in range(4)]
    processes = [start(CHARGER, str(path), run, "15") for run in runs]
    told = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, told
    lines = [line for output, _ in told for line in output.split()]
    assert len(lines) == 60
    assert lines.count("refused") == 43
    assert_consistent(path, 17)


def test_four_processes_make_one_new_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "ledger.sqlite"
    processes = [start(CHARGER, str(path), "", "5") for _ in range(4)]
    told = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, told
    assert_consistent(path, 20)


def test_whoever_makes_the_file_waits_for_others_that_are_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second process may be writing before the first has changed the file's journal."""
    path = tmp_path / "ledger.sqlite"
    other: list[sqlite3.Connection] = []

    def held_for_a_moment(self: LedgerFile, connection: sqlite3.Connection) -> None:
        other.append(sqlite3.connect(path, isolation_level=None, check_same_thread=False))
        other[0].execute("BEGIN IMMEDIATE")
        freed = threading.Timer(0.3, lambda: other[0].execute("ROLLBACK"))
        freed.start()
        original(self, connection)
        freed.join()

    original = LedgerFile._write_ahead
    monkeypatch.setattr(LedgerFile, "_write_ahead", held_for_a_moment)
    Ledger(path)
    assert other[0].execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_opens_its_own_connection(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    process = start(FORKED, str(path))
    output = process.communicate()
    assert process.returncode == 0, output
    assert_consistent(path, 20)


def complaint_of_an_ordinary_user(path: Path) -> str:
    """What opening the ledger says in a forked child without root's rights."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            Ledger(path)
            told = "opened"
        except LedgerError as refused:
            told = str(refused)
        except BaseException as other:  # noqa: BLE001 - the child must always end below
            told = repr(other)
        os.write(writer, told.encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as stream:
        return stream.read()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("exists", [False, True])
def test_a_folder_without_write_permission(exists: bool) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        path = folder / "ledger.sqlite"
        if exists:
            with Ledger(path) as ledger:
                ledger.set_policy("survey", 1.0, 1e-6)
            path.chmod(0o444)
        folder.chmod(0o555)
        complaint = complaint_of_an_ordinary_user(path)
        assert "the ledger is read-only" in complaint or "cannot be opened" in complaint
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
