"""One snapshot for a run: the same rows, the same coins, the same rows of a person."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from tests.engines.places import Place, Server

from understudy.curator import Count, Discover, Distinct, LabelCells
from understudy.curator.database import DatabaseCurator
from understudy.errors import InputError, SchemaError
from understudy.privacy import Budget, Unit
from understudy.source.expressions import HELD, SURPLUS, TRAIN

pytestmark = pytest.mark.engines


def crowd() -> pa.Table:
    """One person with a thousand rows, each unlike the others; many with three; nobody's rows."""
    who = ["busy"] * 1000 + [f"p{n // 3}" for n in range(900)] + [None] * 5
    return pa.table(
        {
            "person": pa.array(who, pa.string()),
            "row": pa.array(range(len(who)), pa.int32()),
            "weight": pa.array(np.random.default_rng(1).random(len(who))),
        }
    )


def test_a_person_of_a_thousand_rows(place: Place) -> None:
    """Which rows of a person count is decided once: every question speaks of the same ones."""
    table = place.open(crowd())
    snapshot = table.snapshot(unit_column="person", max_rows=2)
    budget = Budget(1.0, unit=Unit(column="person", max_rows=2))
    curator = DatabaseCurator(snapshot, budget=budget)
    assert int(curator.exact(Count(encodings=(), sigma=1.0, stage="t"))) == 2 + 600 + 2
    person = LabelCells(column="person", labels=("busy", None))
    rows = LabelCells(column="row", labels=tuple(str(n) for n in range(1000)))
    seen = []
    for policy in ("auto", "count", "stream", "auto"):
        again = DatabaseCurator(snapshot, budget=budget, policy=policy)  # type: ignore[arg-type]
        alone = np.asarray(again.exact(Count(encodings=(rows,), sigma=1.0, stage="t")))
        both = np.asarray(again.exact(Count(encodings=(person, rows), sigma=1.0, stage="t")))
        assert both[0, :1000].sum() == 2
        assert np.array_equal(both.sum(axis=0), alone)
        tally = again.exact(Discover(column="row", sigma=1.0, delta=1e-9, stage="t"))
        told = {label for label in tally.labels if int(label or 0) < 1000}
        assert told == set(np.flatnonzero(alone[:1000]).astype(str))
        assert again.exact(Distinct(column="row", sigma=1.0, stage="t")) == 604
        seen.append(alone)
    assert all(np.array_equal(one, seen[0]) for one in seen)


def test_another_run_keeps_other_rows(place: Place) -> None:
    """Two runs agree on the two rows of a thousand with probability 2 in a million."""
    table = place.open(crowd())
    kept = []
    for _ in range(2):
        stream = table.snapshot(unit_column="person", max_rows=2).stream(TRAIN)
        rows = pa.Table.from_batches(stream.batches(("person", "row")))
        kept.append({n for who, n in zip(*rows.to_pydict().values(), strict=True) if who == "busy"})
    assert kept[0] != kept[1]


def test_a_snapshot_for_another_unit_is_refused(place: Place) -> None:
    snapshot = place.open(crowd()).snapshot(unit_column="person", max_rows=5)
    with pytest.raises(InputError, match="another unit"):
        DatabaseCurator(snapshot, budget=Budget(1.0, unit=Unit(column="person", max_rows=2)))


def test_persons_are_held_out_whole(place: Place) -> None:
    """n = 302 people at a share of 0.3: 54 to 127 held out with probability above 1 - 1e-5."""
    snapshot = place.open(crowd()).snapshot(holdout=0.3, unit_column="person", max_rows=2)
    parts = {
        part: Counter(
            cell.as_py()
            for batch in snapshot.stream(part).batches(("person",))
            for cell in batch.column(0)
        )
        for part in (TRAIN, SURPLUS, HELD)
    }
    assert not parts[HELD].keys() & (parts[TRAIN].keys() | parts[SURPLUS].keys())
    assert sum(sum(part.values()) for part in parts.values()) == 1905
    assert 54 <= len(parts[HELD]) <= 127
    assert max(parts[TRAIN].values()) <= 2
    assert set(parts[SURPLUS]) <= {name for name, count in parts[TRAIN].items() if count == 2}


def test_rows_are_held_out_one_by_one(place: Place) -> None:
    """Rows that are the same all over have coins of their own; n = 2000, 0.5 ± 0.06, 5.4 sigma."""
    table = place.open(pa.table({"a": pa.array(["x"] * 2000)}))
    snapshot = table.snapshot(holdout=0.5)
    held = sum(batch.num_rows for batch in snapshot.stream(HELD).batches(("a",)))
    assert 880 <= held <= 1120
    assert snapshot.count() == 2000 - held


def test_rows_written_meanwhile_are_not_seen(postgres: Place, server: Server) -> None:
    table = postgres.open(crowd())
    snapshot = table.snapshot()
    budget = Budget(1.0)
    first = DatabaseCurator(snapshot, budget=budget)
    total = Count(encodings=(), sigma=1.0, stage="t")
    before = int(first.exact(total))
    with server.connect() as other:
        other.execute(f'INSERT INTO "{table.name}" SELECT * FROM "{table.name}"')
        other.execute(f"DELETE FROM \"{table.name}\" WHERE person = 'busy'")
    for policy in ("auto", "stream"):
        again = DatabaseCurator(snapshot, budget=budget, policy=policy)  # type: ignore[arg-type]
        assert int(again.exact(total)) == before
        busy = Count(
            encodings=(LabelCells(column="person", labels=("busy",)),), sigma=1.0, stage="t"
        )
        assert np.asarray(again.exact(busy)).tolist() == [1000, before - 1000]


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE {} ADD COLUMN extra integer",
        "ALTER TABLE {} DROP COLUMN weight",
        "ALTER TABLE {} ALTER COLUMN row TYPE bigint",
        "ALTER TABLE {} RENAME COLUMN row TO place",
        "DROP TABLE {}",
    ],
)
def test_columns_that_change_before_a_run_are_refused(
    postgres: Place, server: Server, change: str
) -> None:
    table = postgres.open(crowd())
    with server.connect() as other:
        other.execute(change.format(f'"{table.name}"'))
    with pytest.raises((SchemaError, InputError)):
        table.snapshot()
