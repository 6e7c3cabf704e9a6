"""What a schema leaves out of a column does not come out of noise, and is not lost if it is there.

Noise here is that of ε = 1 over 60 columns, some 20 rows a count.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from understudy.curator import LabelCells, MemoryCurator
from understudy.prepare.attributes import REST
from understudy.prepare.learn import Prepared, learn
from understudy.privacy import Budget
from understudy.schema import Column, Kind, Schema
from understudy.source import from_frame
from understudy.synthesize.baseline.independent import Independent
from understudy.testing.neighbours import neighbours
from understudy.testing.replay import record, replay_all

ROWS, WIDTH, FITS = 3_000, 60, 8
LABELS = ("a", "b", "c")


def columns(**facts: object) -> list[Column]:
    return [Column(name=f"column{index}", **facts) for index in range(WIDTH)]


def learned(table: pa.Table, declared: list[Column]) -> Prepared:
    curator = MemoryCurator(from_frame(table), budget=Budget(1.0, 1e-9))
    return learn(curator, Schema(columns=declared))


@pytest.mark.parametrize("kind", [Kind.CATEGORY, Kind.NUMBER])
def test_no_cell_is_invented_outside_what_is_declared(kind: Kind) -> None:
    """480 columns: 11 or more inventions at two standard deviations, 0.003 at the 4.5 in force.

    Three or more are one in 10⁸ runs; at two standard deviations fewer than three are one in 1,000.
    """
    rng = np.random.default_rng(0)
    if kind is Kind.CATEGORY:
        declared = columns(kind=kind, categories=LABELS, nulls=())
        cells = rng.choice(np.array(LABELS), (WIDTH, ROWS))
    else:
        declared = columns(kind=kind, minimum=0, maximum=9, decimals=0, nulls=())
        cells = rng.integers(0, 10, (WIDTH, ROWS)).astype(str)
    table = pa.table({f"column{index}": part for index, part in enumerate(cells)})
    invented = 0
    for _ in range(FITS):
        for item in learned(table, declared).attributes:
            within = len(LABELS) if isinstance(item.encoding, LabelCells) else item.encoding.cells
            invented += bool(np.any(item.counts[within:]))
    assert invented <= 2


def test_cells_outside_a_declared_domain_show_where_many_rows_hold_them() -> None:
    """A declaration that is wrong for a fifth of the rows, twice, is no crash and no silence."""
    cells = np.random.default_rng(1).choice(["a", "b", "c", "z", "null"], ROWS)
    column = pa.array([None if cell == "null" else str(cell) for cell in cells])
    declared = [Column(name="grade", kind=Kind.CATEGORY, categories=LABELS, nulls=())]
    curator = MemoryCurator(from_frame(pa.table({"grade": column})), budget=Budget(1.0))
    made = Independent().fit(curator, Schema(columns=declared)).sample(ROWS, seed=1)
    drawn = made.column("grade").to_pylist()
    assert set(drawn) == {*LABELS, None, REST}
    # Standard deviations: sampling 22 rows, noise below 10; 150 is more than five of both.
    assert abs(drawn.count(None) - ROWS / 5) < 150
    assert abs(drawn.count(REST) - ROWS / 5) < 150


def test_a_declared_mark_is_kept_where_few_rows_hold_it() -> None:
    cells = ["N"] * 150 + ["a", "b", "c"] * ((ROWS - 150) // 3)
    declared = [Column(name="grade", kind=Kind.CATEGORY, categories=LABELS, nulls=("N",))]
    item = learned(pa.table({"grade": cells}), declared).attributes[0]
    assert isinstance(item.encoding, LabelCells)
    # Noise is some three rows.
    assert item.counts[item.encoding.labels.index("N")] == pytest.approx(150, abs=30)
    assert item.counts[item.encoding.labels.index(None)] == 0.0


def test_declared_domains_pass_record_and_replay() -> None:
    table = from_frame(pa.table({"grade": ["a", "b", None, "z"] * 200}))
    schema = Schema(columns=[Column(name="grade", categories=LABELS, nulls=())])
    recording = record(lambda curator: Independent().fit(curator, schema), table)
    for verdict in replay_all(recording, neighbours(table, np.random.default_rng(0))):
        verdict.require()
