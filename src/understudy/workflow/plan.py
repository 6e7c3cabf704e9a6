"""What a job will do before it does it: shares of the budget, what is declared, how long.

Everything here is known from the schema, the header and the size of a file. What may not happen
here: a look at rows, or a charge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from understudy.prepare.roles import by_name, may_be_key, needs_classes
from understudy.prepare.shares import (
    DISTINCT_SHARE,
    ROWS_SHARE,
    kinds_share,
    later_shares,
)
from understudy.privacy.accountant import calibrate_rho
from understudy.privacy.budget import SELECTION_SHARE
from understudy.schema import Column
from understudy.source import Header
from understudy.source.memory import require_disk
from understudy.synthesize.baseline.independent import Independent
from understudy.synthesize.marginal.mst import MST
from understudy.workflow.dossier import STAGES
from understudy.workflow.main_job import Job

_BYTES_A_CELL, _REPORTS = 8, 4 << 20
_SIZES = tuple(10.0**exponent for exponent in range(1, 10))


@dataclass(frozen=True, kw_only=True, slots=True)
class StagePlan:
    """A part of the run and the shares of ρ between which it will lie, 0 to 1.

    How large a share is exactly depends on the noisy number of rows, which costs budget itself.
    """

    stage: str
    note: str
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What is public about the columns, by name.

    Parameters
    ----------
    declared
        Columns with at least one declared fact.
    kinds_learned
        Columns whose kind, null marks or format are decided by noisy counts.
    identifiers
        Columns taken for direct identifiers, declared or by their name.
    dropped
        Columns the schema leaves out.
    """

    declared: tuple[str, ...]
    kinds_learned: tuple[str, ...]
    identifiers: tuple[str, ...]
    dropped: tuple[str, ...]


def planned_stages(job: Job) -> tuple[StagePlan, ...]:
    """How the budget of a job will be divided; empty for a synthesizer with a plan of its own."""
    known = isinstance(job.synthesizer, MST | Independent)
    return tuple(_stages(job)) if known else ()


def _stages(job: Job) -> Iterator[StagePlan]:
    """Stages in the order of the run, each between its extremes over all sizes of tables."""
    pairs = [(header, job.schema.column(header.name)) for header in job.table.headers]
    untyped = sum(needs_classes(header, column) for header, column in pairs)
    rho = calibrate_rho(job.epsilon, job.delta * (1 - SELECTION_SHARE))
    shares = [_shares(job, size, rho, untyped) for size in _SIZES]
    for stage in shares[0]:
        values = [share[stage] for share in shares]
        unused = stage == "distinct" and not any(may_be_key(h, c) for h, c in pairs)
        if max(values) > 0 and not unused:
            yield StagePlan(stage=stage, note=STAGES[stage], low=min(values), high=max(values))


def _shares(job: Job, size: float, rho: float, untyped: int) -> dict[str, float]:
    """Shares of every stage if the table had so many rows."""
    sensitivity, columns = job.unit.count_l2, len(job.table.headers)
    first = {
        "rows": ROWS_SHARE,
        "kinds": kinds_share(size, rho, sensitivity, untyped),
        "distinct": DISTINCT_SHARE,
    }
    spent = sum(first.values())
    later = later_shares(size, rho, sensitivity, spent=spent, columns=columns)
    if isinstance(job.synthesizer, Independent):
        return first | {"domain": later["domain"], "singles": 1 - spent - later["domain"]}
    select = getattr(job.synthesizer, "select_share", 0.0)
    rest = max(0.0, 1 - spent - sum(later.values()) - select)
    return first | later | {"select": select, "pairs": rest}


def known_facts(job: Job) -> Known:
    """What the schema and the header say about the columns for free."""
    pairs = [(header, job.schema.column(header.name)) for header in job.table.headers]
    return Known(
        declared=tuple(h.name for h, c in pairs if c.declares_anything or c.action),
        kinds_learned=tuple(h.name for h, c in pairs if needs_classes(h, c)),
        identifiers=tuple(h.name for h, c in pairs if _is_identifier(h, c)),
        dropped=tuple(h.name for h, c in pairs if c.action == "drop"),
    )


def _is_identifier(header: Header, column: Column) -> bool:
    """Whether a column is taken for an identifier before anything is asked."""
    if column.action in ("keep", "drop"):
        return False
    return column.identifier is not None or by_name(header, column) is not None


def expected_seconds(
    size: int, columns: int, *, evaluate: bool = True, target: bool = False
) -> tuple[int, int]:
    """About how long a job takes on two cores, from public facts alone.

    Parameters
    ----------
    size
        Bytes of the table as plain text, about.
    columns
        How many columns it has.
    evaluate, target
        Whether usefulness is measured, and whether classifiers are trained for a target.

    Returns
    -------
    A lower and an upper figure in seconds, calibrated on thirty public tables.

    >>> expected_seconds(4_000_000, 15, target=True)
    (10, 37)
    """
    megabytes = size / 1e6
    seconds = 2.5 + 0.6 * megabytes + 0.06 * columns
    if evaluate:
        seconds += 1.5 + min(1.2 * megabytes, 12.0) + 0.06 * columns
    if evaluate and target:
        seconds += 2.0 + min(megabytes, 6.0) + 0.1 * columns
    return max(1, round(0.5 * seconds)), max(3, round(1.8 * seconds))


def room_to_release(folder: str | Path, *, size: int, columns: int, rows: int | None) -> None:
    """Refuse a job whose release would not fit on the disk, before anything is spent.

    Parameters
    ----------
    folder
        Where the release will lie; its nearest existing parent is asked.
    size
        Bytes of the input file: the synthetic one is about as large.
    columns, rows
        Of the synthetic table; rows are None when they are not asked for.

    Raises
    ------
    OutputError
        With what is needed and what is free.
    """
    place = Path(folder).expanduser().resolve()
    while not place.exists():
        place = place.parent
    table = size if rows is None else rows * columns * _BYTES_A_CELL
    require_disk(int(1.2 * table) + _REPORTS, place)
