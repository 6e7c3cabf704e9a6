"""Counting, drawing and replay over Dask: any executor will do, and Dask's is one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from understudy.curator import MemoryCurator, StreamCurator
from understudy.errors import InternalError
from understudy.privacy import Budget
from understudy.schema import Schema
from understudy.source import read_stream, read_table
from understudy.synthesize.drawing import draw_chunks
from understudy.synthesize.marginal.mst import MST
from understudy.testing.tables import typed

pytestmark = pytest.mark.engines


@pytest.fixture(scope="module")
def cluster() -> Iterator[Executor]:
    """Two worker processes on this machine, as a cluster's would be elsewhere."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
        ) as local,
        distributed.Client(local) as client,
    ):
        yield client.get_executor()


def test_a_cluster_counts_and_draws_what_one_process_does(
    cluster: Executor, tmp_path: Path
) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(typed(np.random.default_rng(1), rows=4000), path, row_group_size=100)
    budget = Budget(1.0)
    curator = StreamCurator(read_stream(path), budget=budget, executor=cluster)
    asked: list[Any] = []
    exact = curator.exact_all
    curator.exact_all = lambda questions: asked.append(questions) or exact(questions)  # type: ignore[method-assign, func-returns-value, assignment]
    model = MST().fit(curator, Schema())
    assert budget.epsilon_spent() <= 1.0
    memory = MemoryCurator(read_table(path), budget=Budget(1.0))
    for questions in asked:
        for one, other in zip(exact(questions), memory.exact_all(questions), strict=True):
            if hasattr(one, "labels"):
                assert dict(zip(one.labels, one.counts, strict=True)) == dict(
                    zip(other.labels, other.counts, strict=True)
                )
            else:
                assert np.array_equal(one, other)
    there = list(draw_chunks(model, 2500, at_once=1000, seed=3, executor=cluster))
    here = list(draw_chunks(model, 2500, at_once=1000, seed=3))
    assert [chunk.num_rows for chunk in there] == [1000, 1000, 500]
    assert all(one.equals(other) for one, other in zip(there, here, strict=True))


def test_a_worker_that_fails_keeps_the_charge_and_says_no_cell(
    cluster: Executor, tmp_path: Path
) -> None:
    from understudy.curator import Distinct

    path = tmp_path / "t.parquet"
    pq.write_table(typed(np.random.default_rng(1)), path)
    budget = Budget(1.0)
    curator = StreamCurator(read_stream(path), budget=budget, executor=cluster)
    with pytest.raises(InternalError) as problem:
        curator.ask([Distinct(column="nothing", sigma=50.0, stage="t")])
    assert problem.value.__context__ is None
    assert len(budget.events) == 1
