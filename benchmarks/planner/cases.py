"""What happened, beside the public facts that were known beforehand."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from understudy.schema import Schema
from understudy.source import Header, read_table
from understudy.workflow import named_synthesizer
from understudy.workflow.planning.facts import Facts, facts_of
from understudy.workflow.planning.noise import Noise, expected_noise

from .tables import TABLES, codebook, data_folder


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """One run: what was public before it, and what it did."""

    table: str
    fit: bool
    described: bool
    synthesizer: str
    epsilon: float
    facts: Facts
    noise: Noise
    made: float
    evaluated: float | None
    tasked: float | None
    memory: float
    singles: Mapping[str, float]
    pairs: Mapping[frozenset[str], float]
    counted: frozenset[frozenset[str]]


def magnitude(rows: int) -> float:
    """What a steward declares: the number of rows to one digit.

    >>> magnitude(48_842), magnitude(1_309)
    (50000.0, 1000.0)
    """
    unit = 10.0 ** math.floor(math.log10(rows))
    return round(rows / unit) * unit


@cache
def _public(name: str) -> tuple[tuple[Header, ...], Schema]:
    """Headers and codebook of a table."""
    case = next(case for case in TABLES if case.name == name)
    table = read_table(data_folder() / case.path)
    return table.headers, codebook(table.rows)


def observed(path: Path) -> Iterator[Observed]:
    """Every run of a file of lines, with its facts."""
    fitted = {case.name: case.fit for case in TABLES}
    for line in path.read_text("utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        headers, declared = _public(row["table"])
        described = row["schema"] == "declared"
        facts = facts_of(
            headers,
            declared if described else Schema(),
            epsilon=row["epsilon"],
            delta=1e-6,
            rows=magnitude(row["rows"]),
            holdout=0.0,
        )
        yield Observed(
            table=row["table"],
            fit=fitted[row["table"]],
            described=described,
            synthesizer=row["synthesizer"],
            epsilon=row["epsilon"],
            facts=facts,
            noise=expected_noise(facts, named_synthesizer(row["synthesizer"])),
            made=row["made_s"],
            evaluated=row["evaluate_s"],
            tasked=row.get("task_s"),
            memory=row["rss_mib"],
            singles=row["singles"],
            pairs={frozenset((one, other)): error for one, other, error in row["pairs"]},
            counted=frozenset(frozenset(row[:2]) for row in row["counted"]),
        )
