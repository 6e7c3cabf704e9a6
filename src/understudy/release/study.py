"""Results of a study as one tidy table: a row for each figure of each cell. Internal.

The file is Parquet; what the study was, by which version and on which machine is in its metadata.
What may not happen here: a row of a table that was compared, or a figure that is changed.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from understudy.errors import FormatError, InputError
from understudy.release.value import Value

LAYOUT = 1
"""Of the results file; a newer one is refused."""

Status = Literal["done", "failed", "timed out", "missing"]
Kind = Literal["real", "synthesizer", "learner"]
Row = dict[str, Any]

SCHEMA = pa.schema(
    [
        ("dataset", pa.string()),
        ("kind", pa.string()),
        ("method", pa.string()),
        ("epsilon", pa.float64()),
        ("seed", pa.int32()),
        ("fold", pa.int32()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("figure", pa.string()),
        ("setting", pa.string()),
        ("model", pa.string()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
    ]
)
"""Columns of the results.

`kind` is `real`, `synthesizer` or `learner`; `epsilon` is infinite for a fit without privacy and
null for real rows; `fold` 0 is the baseline (a part held out, by seed), others are of
cross-validation; a cell that did not end has one row, with its `status` and `reason`. `setting`
is `trtr`, `tstr`, `tsts` or `independent` for scores of a `model`, otherwise what was measured.
"""

_KEY = b"understudy_study"


class StudiedTable(Value):
    """What a data set of a study is like, for telling how alike another table is.

    Parameters
    ----------
    name
        The data set's.
    rows
        Rows that a fit learns from.
    columns, numbers
        Columns, and how many of them hold numbers or dates.
    classes
        Labels of the target; 0 for a number, None without a target.
    """

    name: str
    rows: int = Field(ge=1)
    columns: int = Field(ge=1)
    numbers: int = Field(ge=0)
    classes: int | None = None


class StudyAbout(Value):
    """What a results file is of: the study, the program, the machine.

    `plan` is the study file as text, `methods` names every generator and learner in its order,
    `seconds` is what the cells took together by the clock.
    """

    layout: int = LAYOUT
    title: str
    about: str = ""
    plan: str
    datasets: tuple[str, ...]
    synthesizers: tuple[str, ...]
    learners: tuple[str, ...] = ()
    epsilons: tuple[float, ...]
    delta: float
    seeds: int
    folds: int
    repeats: int = 1
    version: str
    created: str
    machine: str
    absent: tuple[tuple[str, str], ...] = ()
    tables: tuple[StudiedTable, ...] = ()
    seconds: float = Field(default=0.0, ge=0)


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyResults:
    """Results of a study.

    Parameters
    ----------
    about
        What they are of.
    table
        Rows with the columns of `SCHEMA`.
    """

    about: StudyAbout
    table: pa.Table = field(repr=False)

    @classmethod
    def of(cls, about: StudyAbout, rows: Iterable[Row]) -> Self:
        """Results from rows."""
        return cls(about=about, table=pa.Table.from_pylist(list(rows), schema=SCHEMA))

    @property
    def records(self) -> list[Row]:
        """Every row as a mapping."""
        found: list[Row] = self.table.to_pylist()
        return found

    def to_bytes(self) -> bytes:
        """The file's bytes: the same for the same results."""
        text = self.about.model_dump_json().encode()
        out = io.BytesIO()
        told = self.table.replace_schema_metadata({_KEY: text})
        pq.write_table(told, out, compression="zstd", use_dictionary=True)
        return out.getvalue()

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a results file.

        Raises
        ------
        InputError
            It cannot be read.
        FormatError
            It is no results file, or of a newer layout.
        """
        try:
            table = pq.read_table(path)
        except OSError as problem:
            raise InputError(f"{path} cannot be read: {problem.strerror or 'no Parquet'}") from None
        except pa.ArrowException:
            raise FormatError(f"{path} is no Parquet file") from None
        told = (table.schema.metadata or {}).get(_KEY)
        if told is None or table.schema.names != SCHEMA.names:
            raise FormatError(f"{path} holds no results of a study")
        if json.loads(told).get("layout", 0) > LAYOUT:
            raise FormatError(
                f"{path} was written by a newer version", hint="upgrade understudy", newest=LAYOUT
            )
        about = StudyAbout.model_validate_json(told)
        return cls(about=about, table=table.cast(SCHEMA))


def joined(results: Sequence[StudyResults]) -> StudyResults:
    """Results of several studies as one, for pages that show them together."""
    first = results[0]
    return StudyResults(about=first.about, table=pa.concat_tables([one.table for one in results]))


def cell_of(row: Mapping[str, Any]) -> tuple[str, str, str, float | None, int, int]:
    """The coordinates of a row's cell."""
    return (
        row["dataset"], row["kind"], row["method"], row["epsilon"], row["seed"], row["fold"],
    )  # fmt: skip


def finite(value: float | None) -> bool:
    """Whether a figure is there."""
    return value is not None and math.isfinite(value)
