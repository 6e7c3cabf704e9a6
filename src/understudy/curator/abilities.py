"""What each place of rows can do, and what it cannot or does not do yet, with the reason.

One declaration, from which the documentation's table is printed; a test holds the page to it and
the conformance suite holds the places to it.

What may not happen here: a promise that no suite has seen kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

Word: TypeAlias = Literal["yes", "not yet", "cannot", "untested"]

SUBJECTS: Mapping[str, str] = MappingProxyType(
    {
        "conformance": "Answers equal brute force for every odd cell",
        "persons": "At most M rows of a person, chosen once for a run",
        "replay": "Record and replay of a fit",
        "snapshot": "The same rows from the first question to the last",
        "streams": "More rows than memory holds",
        "there": "Counts where the rows are",
        "processes": "Counts in other processes",
        "types": "Every type of a column",
        "resume": "A run that lost its source goes on",
    }
)
"""What is asked of a place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ability:
    """Whether a place can do something, and why not or within which bounds."""

    word: Word
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}" if self.reason else self.word


_YES = Ability(word="yes")
_RESUME = Ability(
    word="not yet", reason="it ends with code 8; start again, what was charged stays charged"
)
_ONE_SESSION = Ability(word="cannot", reason="the copy belongs to one session")
_NESTED = "nested cells, binary, JSON and intervals are refused; drop them or cast them in a view"

PLACES: Mapping[str, Mapping[str, Ability]] = MappingProxyType(
    {
        "memory": {
            "conformance": _YES,
            "persons": _YES,
            "replay": _YES,
            "snapshot": _YES,
            "streams": Ability(word="cannot", reason="the rows are in memory"),
            "there": _YES,
            "processes": Ability(word="cannot", reason="rows in memory are not sent away"),
            "types": Ability(word="yes", reason="nested columns are refused"),
            "resume": Ability(word="cannot", reason="rows and run end together"),
        },
        "streamed files": {
            "conformance": _YES,
            "persons": _YES,
            "replay": _YES,
            "snapshot": Ability(word="yes", reason="a file that changes in the middle is refused"),
            "streams": _YES,
            "there": _YES,
            "processes": _YES,
            "types": Ability(word="yes", reason="nested columns are refused"),
            "resume": Ability(word="not yet", reason="start again; what was charged stays charged"),
        },
        "PostgreSQL": {
            "conformance": Ability(word="yes", reason="its text holds no NUL"),
            "persons": _YES,
            "replay": _YES,
            "snapshot": Ability(
                word="yes", reason="needs the right to temporary tables, so no hot standby"
            ),
            "streams": _YES,
            "there": Ability(word="yes", reason="by `policy`; streaming was faster on one machine"),
            "processes": _ONE_SESSION,
            "types": Ability(word="yes", reason=f"{_NESTED}; infinite moments are null"),
            "resume": _RESUME,
        },
        "DuckDB": {
            "conformance": _YES,
            "persons": _YES,
            "replay": _YES,
            "snapshot": _YES,
            "streams": _YES,
            "there": Ability(word="yes", reason="columns of text, whole numbers, dates, booleans"),
            "processes": _ONE_SESSION,
            "types": Ability(word="yes", reason=_NESTED),
            "resume": _RESUME,
        },
        "Spark": {
            "conformance": Ability(word="yes", reason="in local mode; no cluster was at hand"),
            "persons": _YES,
            "replay": Ability(word="yes", reason="of persons; types are replayed elsewhere"),
            "snapshot": Ability(
                word="yes", reason="a local checkpoint; a lost executor ends the run"
            ),
            "streams": _YES,
            "there": Ability(word="yes", reason="columns of text, whole numbers, dates, booleans"),
            "processes": Ability(word="not yet", reason="our encoding does not run on executors"),
            "types": Ability(word="yes", reason=_NESTED),
            "resume": _RESUME,
        },
        "other Ibis backends": {
            subject: Ability(word="untested")
            if subject not in ("processes", "resume")
            else (_ONE_SESSION if subject == "processes" else _RESUME)
            for subject in SUBJECTS
        },
    }
)
"""Places of rows and what they can do."""

UNTESTED = (
    "BigQuery",
    "Databricks",
    "MySQL",
    "Microsoft SQL Server",
    "Oracle",
    "Snowflake",
    "Trino",
)
"""Warehouses that Ibis speaks and nobody here has run on."""


def markdown() -> str:
    """The table of the documentation.

    >>> markdown().splitlines()[0]
    '| | memory | streamed files | PostgreSQL | DuckDB | Spark | other Ibis backends |'
    """
    lines = [f"| | {' | '.join(PLACES)} |", f"|---{'|---' * len(PLACES)}|"]
    for subject, told in SUBJECTS.items():
        cells = " | ".join(str(place[subject]) for place in PLACES.values())
        lines.append(f"| **{told}** | {cells} |")
    return "\n".join(lines) + "\n"
