"""Each engine as a fixture: PostgreSQL, DuckDB, local Spark; what cannot be had is skipped."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest
from tests.engines.places import PASSWORD, Place, Server, duck_url, running


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    pytest.importorskip("ibis")
    pytest.importorskip("psycopg")
    with running() as made:
        yield made


@pytest.fixture
def postgres(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    place = Place(name="postgresql", put=server.put)
    yield place
    place.close()


@pytest.fixture
def duck(tmp_path: Path) -> Iterator[Place]:
    pytest.importorskip("ibis")
    place = Place(name="duckdb", put=lambda table: duck_url(tmp_path, table))
    yield place
    place.close()


@pytest.fixture(scope="session")
def session() -> Iterator[Any]:
    """A small local Spark, as a cluster would be: four partitions, three after a shuffle."""
    sql = pytest.importorskip("pyspark.sql")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java 17 or later")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    folder = tempfile.mkdtemp(prefix="understudy-spark-")
    made = (
        sql.SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "3")
        .config("spark.driver.memory", "1g")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.warehouse.dir", folder)
        .getOrCreate()
    )
    made.sparkContext.setLogLevel("OFF")
    yield made
    made.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def spark(session: Any, tmp_path: Path) -> Iterator[Place]:
    pytest.importorskip("ibis")

    def put(table: pa.Table) -> str:
        folder = tmp_path / uuid.uuid4().hex
        folder.mkdir()
        half = (table.num_rows + 1) // 2
        arrow_parquet.write_table(table.slice(0, half), folder / "a.parquet")
        if table.num_rows > half:
            arrow_parquet.write_table(table.slice(half), folder / "b.parquet")
        return f"spark+parquet://{folder}"

    place = Place(name="spark", put=put)
    yield place
    place.close()


@pytest.fixture(params=["postgres", "duck", "spark"])
def place(request: pytest.FixtureRequest) -> Place:
    """Each engine in turn."""
    found: Place = request.getfixturevalue(request.param)
    return found
