"""The main job on a table in a database, and what is left when the database goes away."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest
from tests.engines.places import PASSWORD, Place, Server, running

import understudy as us
from understudy.errors import SourceError
from understudy.testing.tables import typed, visits
from understudy.workflow import open_budget, prepare_job, run_job

pytestmark = pytest.mark.engines

SECONDS = 240


def understudy(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "understudy.cli", *arguments],
        env={**os.environ, "HOME": str(home), "XDG_DATA_HOME": str(home), **environment},
        capture_output=True, text=True, timeout=SECONDS, check=False, cwd=home,
    )  # fmt: skip


def numbers(rows: int) -> pa.Table:
    rng = np.random.default_rng(2)
    return pa.table(
        {
            "person": pa.array(rng.integers(0, rows // 2, rows), pa.int64()),
            "ward": pa.array(rng.choice(["A", "B", "C"], rows).tolist()),
            "days": pa.array(rng.geometric(0.2, rows), pa.int32()),
            "pay": pa.array(rng.normal(100, 20, rows).round(2)),
            "acute": pa.array(rng.random(rows) < 0.3),
        }
    )


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_release_from_a_server_holds_no_secret(
    server: Server, postgres: Place, tmp_path: Path
) -> None:
    """The password is in the environment, and in nothing that is printed or written."""
    url = server.put(numbers(1500))
    done = understudy(
        "synthesize", url, "-o", "release", "--epsilon", "1", "-y", "--target", "acute",
        "--unit-column", "person", "--max-rows-per-unit", "2", "--ledger", "ledger.sqlite",
        home=tmp_path, PGPASSWORD=PASSWORD,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "PostgreSQL, 5 columns" in done.stdout
    told = (done.stdout + done.stderr).encode() + everything_in(tmp_path)
    assert PASSWORD.encode() not in told
    assert b"tester@" not in told
    made = arrow_parquet.read_table(tmp_path / "release" / "synthetic.parquet")
    assert made.schema.field("days").type == pa.int32()
    assert made.schema.field("acute").type == pa.bool_()
    assert understudy("verify", "release", home=tmp_path).returncode == 0
    shown = understudy("ledger", "show", "--ledger", "ledger.sqlite", home=tmp_path)
    assert f"127.0.0.1:{server.port}/postgres?table=public." in shown.stdout.replace("\n", "")


def test_an_address_with_a_password_is_refused(server: Server, tmp_path: Path) -> None:
    url = server.url("t").replace("tester@", f"tester:{PASSWORD}@")
    for command in (["synthesize", url, "-o", "out", "--epsilon", "1"], ["schema", url]):
        done = understudy(*command, home=tmp_path)
        assert done.returncode == 2
        assert "carries a password" in done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        assert PASSWORD.encode() not in everything_in(tmp_path)
        assert not (tmp_path / "out").exists()


def test_a_schema_is_drafted(server: Server, postgres: Place, tmp_path: Path) -> None:
    done = understudy("schema", server.put(numbers(400)), home=tmp_path, PGPASSWORD=PASSWORD)
    assert done.returncode == 0, done.stderr
    assert "ward" in done.stdout
    assert PASSWORD not in done.stdout + done.stderr


@pytest.mark.parametrize("when", [1, 4])
def test_a_server_that_is_killed_in_the_middle(
    when: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is half-written, the ledger has what was charged, and no session hangs."""
    pytest.importorskip("ibis")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with running() as server:
        url = server.put(numbers(3000))
        job = prepare_job(url, epsilon=1.0, ledger=tmp_path / "ledger", asset="t")
        budget = open_budget(job)
        told: list[str] = []
        charge = budget.charge_all

        def charged(events: Any) -> None:
            charge(events)
            told.append("charged")
            if len(told) == when:
                server.kill()

        object.__setattr__(budget, "charge_all", charged)
        with pytest.raises(SourceError) as problem:
            run_job(job, budget=budget)
    assert problem.value.exit_code == 8
    assert PASSWORD not in str(problem.value)
    assert len(told) == when
    record = us.Ledger(tmp_path / "ledger").show("t")
    assert len(record.charges) == len(budget.events) > 0


def test_the_command_ends_clearly_when_the_server_is_killed(tmp_path: Path) -> None:
    pytest.importorskip("ibis")
    with running() as server:
        url = server.put(numbers(60_000))
        process = subprocess.Popen(
            [sys.executable, "-m", "understudy.cli", "synthesize", url, "-o", "release",
             "--epsilon", "1", "-y", "--ledger", "ledger.sqlite"],
            env={**os.environ, "HOME": str(tmp_path), "PGPASSWORD": PASSWORD},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        )  # fmt: skip
        until = time.monotonic() + SECONDS
        while time.monotonic() < until and process.poll() is None and not _charged(tmp_path):
            time.sleep(0.05)
        server.kill()
        out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 8, out + err
    assert "nothing was written; the ledger holds what was charged" in " ".join(err.split())
    assert PASSWORD not in out + err
    assert not (tmp_path / "release").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".release")]


def _charged(folder: Path) -> bool:
    """Whether the ledger holds a charge."""
    import sqlite3

    try:
        with sqlite3.connect(f"file:{folder / 'ledger.sqlite'}?mode=ro", uri=True) as ledger:
            tables = [row[0] for row in ledger.execute("SELECT name FROM sqlite_master")]
            return any(
                "charge" in name and ledger.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
                for name in tables
            )
    except sqlite3.Error:
        return False


@pytest.mark.parametrize("rows", [typed, visits])
def test_a_run_on_every_engine(place: Place, rows: Any) -> None:
    table = rows(np.random.default_rng(3))
    unit = {"unit_column": "patient", "max_rows_per_unit": 2} if rows is visits else {}
    run = us.synthesize(place.put(table), epsilon=2.0, seed=1, **unit)
    assert run.table.column_names == table.column_names
    assert run.internal is not None
    assert run.table.num_rows > 0


def test_an_ibis_table_and_a_spark_frame(session: Any, tmp_path: Path) -> None:
    ibis = pytest.importorskip("ibis")
    backend = ibis.duckdb.connect()
    table = backend.create_table("t", numbers(800))
    run = us.synthesize(table.filter(table.days > 1).select("ward", "days"), epsilon=1.0, seed=1)
    assert run.table.column_names == ["ward", "days"]
    left = backend.raw_sql("SELECT table_name FROM information_schema.tables").fetchall()
    assert left == [("t",)]
    arrow_parquet.write_table(numbers(800), tmp_path / "t.parquet")
    frame = session.read.parquet(str(tmp_path / "t.parquet")).select("ward", "acute")
    run = us.synthesize(frame, epsilon=1.0, seed=1)
    assert run.table.column_names == ["ward", "acute"]
