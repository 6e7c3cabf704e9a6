"""Fitting the generator again and again, on tables chosen by coins: what shadow attacks rest on.

Records become a table, a generator learns from it and is sampled, and the rows come back as
records. Refits are independent, so they go through joblib. What may not happen here: a label of
the release that is attacked, or a fit that is counted as the release's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.attack.protocol import Generator, Mask, Records
from understudy.errors import UnderstudyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from understudy.evaluate.columns import Column

SHARE_FAILED = 0.1
"""Share of refits that may fail before the attack is given up."""


class RefitError(UnderstudyError):
    """The generator failed too often to say anything."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Refit:
    """One refit: which targets were among the rows, and the release.

    Parameters
    ----------
    present
        Coins of the targets.
    release
        Synthetic rows as records.
    """

    present: Mask
    release: Records


def refits(
    generator: Generator,
    columns: Sequence[Column],
    base: Records,
    targets: Records,
    *,
    count: int,
    rng: np.random.Generator,
    workers: int = 1,
) -> Iterator[Refit]:
    """Fit the generator on the base and on every target with probability one half.

    Parameters
    ----------
    generator
        `(table, seed) -> table`; the seed is for what is random outside its private mechanisms.
    columns
        What the records' arrays mean.
    base
        Rows that are always there; none of them is a target.
    targets
        Rows that are there by coins, tossed anew for every refit.
    count
        Number of refits.
    workers
        Processes at once.

    Raises
    ------
    RefitError
        More than a tenth of the refits failed.
    """
    from concurrent.futures import BrokenExecutor

    from joblib import Parallel, delayed

    coins = rng.random((count, targets.rows)) < 0.5
    seeds = rng.integers(2**31, size=count)
    jobs = (
        delayed(_one)(
            generator, columns, table_of(base.joined(targets.at(coin)), columns), int(seed)
        )
        for coin, seed in zip(coins, seeds, strict=True)
    )
    failed = 0
    run = Parallel(n_jobs=workers, return_as="generator", batch_size=1)
    try:
        for coin, found in zip(coins, run(jobs), strict=True):
            if isinstance(found, str):
                failed += 1
                if failed > max(1.0, SHARE_FAILED * count):
                    raise RefitError(
                        f"the generator failed in {failed} of {count} refits",
                        hint=f"the last time with {found}",
                    )
                continue
            yield Refit(present=coin, release=found)
    except BrokenExecutor:
        raise RefitError(
            "a process that fitted the generator again was ended from outside",
            hint="memory may have run out: fewer refits at a time need less",
        ) from None


def _one(
    generator: Generator, columns: Sequence[Column], table: pa.Table, seed: int
) -> Records | str:
    """One refit on shuffled rows, or the kind of error that ended it."""
    shuffled = table.take(np.random.default_rng(seed).permutation(table.num_rows))
    try:
        return records_of(generator(shuffled, seed), columns)
    except Exception as problem:  # noqa: BLE001 - somebody else's program may fail in any way
        return type(problem).__name__


def table_of(records: Records, columns: Sequence[Column]) -> pa.Table:
    """Records as a typed table: labels as text, whole numbers as integers.

    >>> from understudy.attack.refit import records_of
    >>> import pyarrow as pa
    >>> from understudy.evaluate import read_tables
    >>> table = pa.table({"a": [1, 2, 3], "b": ["x", "y", None]})
    >>> columns = read_tables(table, None, table, rng=np.random.default_rng(0)).columns
    >>> records = Records(arrays=tuple(column.train for column in columns))
    >>> again = table_of(records, columns)
    >>> again.equals(table), records_of(again, columns).arrays[1].tolist()
    (True, [0, 1, -1])
    """
    import pyarrow as pa

    made = {
        column.name: _cells(array, column)
        for array, column in zip(records.arrays, columns, strict=True)
    }
    return pa.table(made)


def _cells(array: Any, column: Column) -> pa.Array:
    """One column as Arrow has it."""
    import pyarrow as pa

    if column.is_category:
        levels = pa.array(column.levels, pa.string())
        return levels.take(pa.array(array, mask=array < 0))
    missing = np.isnan(array)
    if column.kind == "datetime":
        whole = np.where(missing, 0, array).round().astype(np.int64)
        return pa.array(whole, pa.int64(), mask=missing).cast(pa.timestamp("s"))
    if column.whole and not np.abs(array[~missing]).max(initial=0) >= 2**53:
        return pa.array(np.where(missing, 0, array).astype(np.int64), mask=missing)
    return pa.array(array, pa.float64(), mask=missing)


def records_of(table: pa.Table, columns: Sequence[Column]) -> Records:
    """A generator's table as records; a label nobody has gets the next code.

    Raises
    ------
    KeyError
        A column is missing.
    """
    return Records(arrays=tuple(_values(table.column(one.name), one) for one in columns))


def _values(cells: pa.ChunkedArray, column: Column) -> Any:
    """One column of a release as an array."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    if column.is_category:
        places = pc.index_in(cells.cast(pa.string()), value_set=pa.array(column.levels))
        codes = pc.fill_null(places, len(column.levels)).to_numpy().astype(np.int32)
        codes[pc.is_null(cells).to_numpy(zero_copy_only=False)] = -1
        return codes
    if column.kind == "datetime":
        cells = cells.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
    return cells.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
