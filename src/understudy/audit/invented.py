"""Small generated tables to try a part on: awkward ones, and one like a survey.

What may not happen here: real people. Everything is drawn from a seeded generator.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from understudy.privacy import Unit
from understudy.source import SensitiveTable, from_frame


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """A table, what it is for, and whom its rows belong to."""

    name: str
    table: SensitiveTable
    unit: Unit = field(default_factory=Unit)
    awkward: bool = True


def example_tables(seed: int = 0) -> tuple[Example, ...]:
    """Every example: a survey in text and in types, visits of people, and awkward tables.

    >>> [example.name for example in example_tables()][:3]
    ['survey', 'typed', 'visits']
    """
    rng = np.random.default_rng(seed)
    texts = {
        "one column": {"answer": rng.choice(["yes", "no"], 120).tolist()},
        "one row": {"age": ["41"], "town": ["Aa"], "note": [""]},
        "constant": {"age": ["7"] * 90, "town": ["Aa"] * 90},
        "all null": {"age": [""] * 80, "town": ["NA"] * 80, "pay": [None] * 80},
        "10,000 categories": {
            "code": [f"k{place}" for place in range(10_000)] * 2,
            "flag": rng.choice(["a", "b"], 20_000).tolist(),
        },
    }
    return (
        Example(name="survey", table=from_frame(survey(rng)), awkward=False),
        Example(name="typed", table=from_frame(typed(rng)), awkward=False),
        Example(
            name="visits",
            table=from_frame(visits(rng)),
            unit=Unit(column="patient", max_rows=3),
            awkward=False,
        ),
        *(
            Example(
                name=name,
                table=from_frame(pa.table({k: pa.array(v, pa.string()) for k, v in cells.items()})),
            )
            for name, cells in texts.items()
        ),
    )


def survey(rng: np.random.Generator, rows: int = 400) -> pa.Table:
    """Text as a CSV file holds it: numbers, labels, dates, booleans, marks, an identifier."""
    age = np.clip(rng.normal(44, 15, rows), 16, 95).astype(int)
    pay = np.round(np.exp(rng.normal(7 + age / 90, 0.6)), 2)
    town = rng.choice(["Aa", "Bergen", "Cork", "Delft"], rows, p=[0.5, 0.3, 0.15, 0.05])
    day = dt.date(2021, 1, 1)
    columns = {
        "age": [str(value) for value in age],
        "pay": [
            f"{value:.2f}" if kept else "?"
            for value, kept in zip(pay, rng.random(rows) > 0.1, strict=True)
        ],
        "town": town.tolist(),
        "member": np.where(rng.random(rows) < age / 120, "yes", "no").tolist(),
        "joined": [
            (day + dt.timedelta(days=int(d))).isoformat() for d in rng.integers(0, 900, rows)
        ],
        "email": [f"p{place}@example.org" for place in range(rows)],
    }
    return pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()})


def typed(rng: np.random.Generator, rows: int = 300) -> pa.Table:
    """A typed container: integers with nulls, floats, booleans, categories, moments, decimals."""
    gone = rng.random(rows) < 0.1
    moment = np.datetime64("2022-03-01T00:00:00", "us")
    stamps = moment + rng.integers(0, 10**7, rows).astype("timedelta64[s]")
    whole = rng.integers(0, 90, rows)
    return pa.table(
        {
            "count": pa.array(whole, pa.int64(), mask=gone),
            "small": pa.array(rng.integers(0, 4, rows).astype(np.int8)),
            "score": pa.array(np.round(rng.normal(0, 3, rows), 1)),
            "ratio": pa.array(rng.random(rows).astype(np.float32), mask=gone[::-1]),
            "flag": pa.array(rng.random(rows) < 0.3),
            "colour": pa.array(rng.choice(["red", "green"], rows)).dictionary_encode(),
            "seen": pa.array(stamps).cast(pa.timestamp("us", tz="UTC")),
            "day": pa.array(stamps.astype("datetime64[D]")),
            "price": pa.array(whole * 100).cast(pa.decimal128(19, 0)).cast(pa.decimal128(21, 2)),
        }
    )


def visits(rng: np.random.Generator, people: int = 700) -> pa.Table:
    """Visits of people, between one and nine each."""
    each = np.minimum(rng.geometric(0.35, people), 9)
    who = np.repeat(np.arange(people), each)
    ward = rng.choice(["A", "B", "C"], people)[who]
    return pa.table(
        {
            "patient": pa.array([f"P{code:04d}" for code in who]),
            "ward": pa.array(ward.tolist()),
            "days": pa.array([str(value) for value in rng.geometric(0.3, len(who))]),
        }
    )
