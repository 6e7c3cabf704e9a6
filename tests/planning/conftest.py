"""A described table and an undescribed one, small enough to be learned in a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from understudy.schema import Column, Schema, dump_schema

ROWS = 4_000


def people(rows: int = ROWS, seed: int = 1) -> pa.Table:
    """Three columns that depend on each other; every cell is text."""
    draw = np.random.default_rng(seed)
    age = np.clip(draw.normal(45, 15, rows), 18, 90).astype(int)
    city = np.where(age > 50, draw.choice(["Ghent", "Lille"], rows), "Basel")
    smokes = np.where(draw.random(rows) < age / 120, "yes", "no")
    return pa.table({"age": age.astype(str), "city": city, "smokes": smokes})


def declared(rows: int | None = ROWS) -> Schema:
    """What a codebook says of these columns."""
    return Schema(
        columns=[
            Column(name="age", minimum=18, maximum=90, decimals=0, nulls=()),
            Column(name="city", categories=("Basel", "Ghent", "Lille"), nulls=()),
            Column(name="smokes", categories=("no", "yes"), nulls=()),
        ],
        rows=rows,
    )


@pytest.fixture
def survey(tmp_path: Path) -> Path:
    """The table as a CSV."""
    pyarrow.csv.write_csv(people(), tmp_path / "people.csv")
    return tmp_path / "people.csv"


@pytest.fixture
def schema_file(tmp_path: Path) -> Path:
    """Its schema as a file."""
    dump_schema(declared(), tmp_path / "people.yaml")
    return tmp_path / "people.yaml"
