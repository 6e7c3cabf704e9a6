"""A table that was accepted is finished: no answer, however odd, ends a run that has paid.

Cells that a typed container cannot hold (a label for the rest in a column of integers, an e-mail
address in one, a null in a dtype without) once ended runs after the budget was spent.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from understudy.curator import MemoryCurator
from understudy.errors import SchemaError
from understudy.privacy.budget import Budget
from understudy.privacy.unit import Unit
from understudy.schema import Column, Schema
from understudy.source import from_frame
from understudy.synthesize.marginal.mst import MST
from understudy.workflow import synthesize

MAKERS = {
    "integers": lambda g, n: pa.array(g.integers(-(2**63), 2**63 - 1, n)),
    "bytes": lambda g, n: pa.array((np.arange(n) % 256).astype(np.uint8)),
    "few": lambda g, n: pa.array(g.integers(0, 4, n).astype(np.int8)),
    "keys": lambda g, n: pa.array(np.arange(n)),
    "floats": lambda g, n: pa.array(g.normal(0, 10.0 ** int(g.integers(-9, 9)), n)),
    "halves": lambda g, n: pa.array(g.random(n).astype(np.float16)),
    "odd floats": lambda g, n: pa.array(np.where(g.random(n) < 0.5, np.nan, np.inf)),
    "flags": lambda g, n: pa.array(g.random(n) < 0.5),
    "coded": lambda g, n: pa.array(g.integers(0, 9, n)).dictionary_encode(),
    "labels": lambda g, n: pa.array(g.choice(["x", "y"], n)).dictionary_encode(),
    "moments": lambda g, n: pa.array(g.integers(-(10**18), 10**18, n)).cast(pa.timestamp("ns")),
    "days": lambda g, n: pa.array(g.integers(0, 9999, n).astype(np.int32)).cast(pa.date32()),
    "times": lambda g, n: pa.array(g.integers(0, 86_400, n).astype(np.int32)).cast(pa.time32("s")),
    "sums": lambda g, n: pa.array(g.integers(0, 9, n)).cast(pa.decimal128(38, 0)),
    "words": lambda g, n: pa.array(g.choice(["a", "b", "", "NA"], n).tolist()),
    "all different": lambda g, n: pa.array([f"k{i}" for i in range(n)], pa.large_string()),
    "nothing": lambda g, n: pa.nulls(n, pa.string()),
    "dates": lambda g, n: pa.array(
        [(dt.date(2000, 1, 1) + dt.timedelta(days=int(d))).isoformat() for d in range(n)]
    ),
}
NAMES = ("a × b", "email", "rows", "phone", "name", 'q"t', "数", "<b>", "n" * 300, "(other)", "id")
FRAMES = {"arrow": lambda t: t, "pandas": lambda t: t.to_pandas(), "polars": pl.from_arrow}


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    kinds=st.lists(st.sampled_from(sorted(MAKERS)), min_size=1, max_size=6),
    name=st.sampled_from(NAMES),
    rows=st.sampled_from([1, 2, 10, 60, 300]),
    epsilon=st.floats(0.01, 20.0),
    holdout=st.sampled_from([0.0, 0.2, 0.95]),
    frame=st.sampled_from(sorted(FRAMES)),
    bound=st.sampled_from([None, 1, 50]),
    maker=st.sampled_from(["mst", "residual", "privbayes", "independent"]),
    seed=st.integers(0, 2**16),
)
def test_every_small_table_is_finished_within_its_budget(  # noqa: PLR0917  drawn, not called
    kinds: list[str],
    name: str,
    rows: int,
    epsilon: float,
    holdout: float,
    frame: str,
    bound: int | None,
    maker: str,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    columns = {f"{name} {place}": MAKERS[kind](rng, rows) for place, kind in enumerate(kinds)}
    if bound is not None:
        columns["who"] = pa.array([str(code) for code in rng.integers(0, rows // 4 + 1, rows)])
    run = synthesize(
        FRAMES[frame](pa.table(columns)),
        epsilon=epsilon,
        holdout=holdout,
        unit_column=None if bound is None else "who",
        max_rows_per_unit=bound,
        synthesizer=maker,
        rows=20,
        evaluate=False,
    )
    assert len(run.synthetic) == 20
    assert [column.type for column in run.table.columns] == [h.type for h in run._source.headers]
    assert run.evidence.label.epsilon_spent <= epsilon


@pytest.mark.parametrize("share", [0.05, 0.3, 0.49])
@pytest.mark.parametrize("columns", [1, 2, 3, 9])
def test_a_large_share_for_choosing_leaves_something_to_count_with(
    share: float, columns: int
) -> None:
    rng = np.random.default_rng(0)
    frame = pa.table({f"c{i}": rng.choice(["a", "b", "c"], 200).tolist() for i in range(columns)})
    run = synthesize(
        frame, epsilon=0.3, synthesizer=MST(select_share=share, chords=7), evaluate=False
    )
    assert run.table.num_rows


def test_columns_without_null_stay_so() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"f{i}": rng.random(4) < 0.5 for i in range(12)})
    frame["small"] = np.arange(4, dtype=np.uint8)
    schema = Schema(columns=(Column(name="small", kind="category"),))
    for _ in range(3):
        run = synthesize(frame, epsilon=0.05, schema=schema, evaluate=False, rows=50)
        assert run.synthetic.dtypes.equals(frame.dtypes)


@pytest.mark.parametrize(
    "column",
    [
        Column(name="c", minimum=1e19),
        Column(name="c", maximum=-1e300),
        Column(name="c", minimum=1e300, decimals=9, nulls=()),
        Column(name="c", minimum=1e18, maximum=1e18 + 128, decimals=9),
    ],
)
def test_bounds_beyond_every_number_are_bounds(column: Column) -> None:
    frame = pa.table({"c": [str(value) for value in range(200)]})
    run = synthesize(frame, epsilon=5.0, schema=Schema(columns=(column,)), evaluate=False)
    assert run.table.num_columns == 1


def test_a_format_nobody_can_read_is_refused_before_anything_is_charged() -> None:
    budget = Budget(1.0, 1e-6, Unit())
    curator = MemoryCurator(from_frame(pa.table({"c": ["2020-W01"]})), budget=budget)
    schema = Schema(columns=(Column(name="c", format="%G-W%V"),))
    with pytest.raises(SchemaError):
        MST().fit(curator, schema)
    assert not budget.events


def test_an_order_of_labels_is_claimed_only_when_it_is_declared() -> None:
    labels = ["low", "mid", "high"]
    frame = pd.DataFrame({"c": pd.Categorical(labels * 100, categories=labels, ordered=True)})
    learned = synthesize(frame, epsilon=5.0, evaluate=False).synthetic["c"]
    assert not learned.cat.ordered
    schema = Schema(columns=(Column(name="c", categories=tuple(labels), ordered=True),))
    declared = synthesize(frame, epsilon=5.0, schema=schema, evaluate=False).synthetic["c"]
    assert declared.dtype == frame["c"].dtype
