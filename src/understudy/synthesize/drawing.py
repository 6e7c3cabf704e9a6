"""Many synthetic rows in chunks, so that their number does not decide the memory.

What may not happen here: chunks that depend on who draws them. A seed gives the same rows in this
process, in a pool and on a cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

    from understudy.synthesize.model import Model


def draw_chunks(
    model: Model,
    rows: int,
    *,
    at_once: int,
    seed: int | None = None,
    leave_out: int = 0,
    executor: Executor | None = None,
) -> Iterator[pa.Table]:
    """Draw synthetic rows chunk by chunk.

    Parameters
    ----------
    model
        A fitted model.
    rows
        How many in all, 0 or more.
    at_once
        Rows of a chunk.
    seed
        Makes the draw reproducible for the same `at_once`.
    leave_out
        Chunks at the beginning that are there already.
    executor
        Draws chunks elsewhere, a few ahead of the one that is used: a process pool, Dask's
        `Client.get_executor()`. By default this process draws.

    Yields
    ------
    Tables of the model's columns, together `rows` rows; one of no rows when none are asked for.
    """
    starts = range(0, max(rows, 1), at_once)
    work = (
        (model, min(at_once, rows - start), _seed_of(seed, place))
        for place, start in enumerate(starts)
        if place >= leave_out
    )
    if executor is None:
        for chunk in work:
            yield _draw(*chunk)
        return
    ahead = 2 * (getattr(executor, "_max_workers", None) or 2)
    waiting: list[Future[pa.Table]] = []
    for chunk in work:
        waiting.append(executor.submit(_draw, *chunk))
        if len(waiting) > ahead:
            yield waiting.pop(0).result()
    for future in waiting:
        yield future.result()


def _seed_of(seed: int | None, place: int) -> int | None:
    """The seed of one chunk; the first chunk has the seed itself."""
    if seed is None or place == 0:
        return seed
    words = np.random.SeedSequence([seed, place]).generate_state(2, np.uint64)
    return int(words[0]) << 64 | int(words[1])


def _draw(model: Model, rows: int, seed: int | None) -> pa.Table:
    """One chunk."""
    return model.sample(rows, seed=seed)
