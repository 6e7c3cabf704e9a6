"""Frequent values of a number column are found, paid for, and given back exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from understudy.curator import MemoryCurator
from understudy.prepare import domains, singles
from understudy.prepare.learn import learn
from understudy.prepare.spikes import drop_points, give_cells, worth_asking
from understudy.privacy import Budget
from understudy.schema import Column, Kind, Schema
from understudy.source import from_frame
from understudy.synthesize.baseline.independent import Independent
from understudy.testing.neighbours import neighbours
from understudy.testing.replay import record, replay_all

ROWS = 8_000


def amounts(storage: str) -> pa.Table:
    """Round amounts over a wide range: three in four are 1000, 5000 or 250000."""
    rng = np.random.default_rng(3)
    round_ones = rng.choice([1_000, 5_000, 250_000], ROWS)
    values = np.where(rng.random(ROWS) < 0.75, round_ones, rng.integers(1, 2_000, ROWS) * 137)
    made = {"text": values.astype(str), "int": values, "float": values / 10}[storage]
    return pa.table({"amount": made, "other": rng.integers(0, 3, ROWS)})


@pytest.mark.parametrize("storage", ["text", "int", "float"])
def test_a_value_that_many_rows_share_comes_back_as_often(storage: str) -> None:
    table = amounts(storage)
    curator = MemoryCurator(from_frame(table), budget=Budget(2.0, 1e-6))
    prepared = learn(curator, Schema())
    attribute = prepared.attribute("amount")
    codes = np.random.default_rng(0).choice(len(attribute.shares), ROWS, p=attribute.shares)
    drawn = attribute.decode(codes, np.random.default_rng(1)).to_pylist()
    real = table.column("amount").to_pylist()
    for value in sorted(set(real), key=real.count)[-3:]:
        # Standard deviations: sampling 43 rows, noise below 40; 350 is more than five of both.
        assert abs(drawn.count(value) - real.count(value)) < 350


def test_a_declared_number_keeps_its_frequent_values_and_is_no_key() -> None:
    """Declaring bounds may not cost accuracy: half of all rows are 0 on a wide line."""
    rng = np.random.default_rng(4)
    gains = np.where(rng.random(ROWS) < 0.5, 0, rng.integers(1, 500, ROWS) * 200)
    table = pa.table(
        {"gain": pa.array(gains.astype(str)), "row": pa.array(np.arange(ROWS).astype(str))}
    )
    declared = Schema(
        columns=[
            Column(name="gain", minimum=0, maximum=99_999, decimals=0, nulls=()),
            Column(name="row", minimum=0, maximum=ROWS, decimals=0, nulls=()),
        ]
    )
    prepared = learn(MemoryCurator(from_frame(table), budget=Budget(2.0, 1e-6)), declared)
    attribute = prepared.attribute("gain")
    codes = np.random.default_rng(0).choice(len(attribute.shares), ROWS, p=attribute.shares)
    drawn = attribute.decode(codes, np.random.default_rng(1)).to_pylist()
    # Standard deviations: sampling 55 rows or fewer, noise below 60; 500 is five of both.
    assert abs(drawn.count("0") - int((gains == 0).sum())) < 500
    assert prepared.attribute("row").kind is Kind.NUMBER


def balances(storage: str, zeros: float) -> pa.Table:
    """Amounts that are nearly all distinct, but for zeros and for a cap of a million."""
    rng = np.random.default_rng(5)
    values = rng.integers(1, 99_999_999, ROWS)
    values[: int(zeros * ROWS)] = 0
    values[int(0.9 * ROWS) :] = 100_000_000
    made = values.astype(str) if storage == "text" else values / 100
    return pa.table({"balance": made})


def drawn_from(table: pa.Table, column: Column) -> np.ndarray:
    """Numbers drawn from the column alone, at ε = 1 and with its declared facts."""
    curator = MemoryCurator(from_frame(table), budget=Budget(1.0, 1e-6))
    attribute = learn(curator, Schema(columns=[column])).attribute("balance")
    codes = np.random.default_rng(0).choice(len(attribute.shares), ROWS, p=attribute.shares)
    drawn = attribute.decode(codes, np.random.default_rng(1))
    return np.array([float(cell) for cell in drawn.to_pylist()])


@pytest.mark.parametrize("low", [0, -1_000_000])
@pytest.mark.parametrize("storage", ["text", "float"])
def test_zeros_and_caps_among_distinct_numbers_survive_declared_bounds(
    storage: str, low: int
) -> None:
    """Distinct shares near one, so that nobody asks for frequent values; bounds are known."""
    decimals, most = (0, 100_000_000) if storage == "text" else (2, 1_000_000)
    declared = Column(
        name="balance", kind=Kind.NUMBER, minimum=low, maximum=most, decimals=decimals, nulls=()
    )
    drawn = drawn_from(balances(storage, 0.25), declared)
    # Standard deviations: sampling 39 and 27 rows, noise below 40; 350 is more than five of both.
    assert abs(int((drawn == 0).sum()) - 0.25 * ROWS) < 350
    assert abs(int((drawn == most).sum()) - 0.1 * ROWS) < 350


def test_a_column_without_zeros_gets_none() -> None:
    declared = Column(
        name="balance", kind=Kind.NUMBER, minimum=0, maximum=2_000_000, decimals=2, nulls=()
    )
    # 3σ of noise is passed once in 700 fits: in 3 of 12 once in a million runs. Without that
    # threshold half of the fits have zeros.
    table = balances("float", 0.0)
    assert sum(bool((drawn_from(table, declared) == 0).any()) for _ in range(12)) <= 2


def test_what_public_points_hold_by_noise_alone_goes_to_the_wider_neighbour() -> None:
    edges = np.array([-100.0, 0.0, 1.0, 10.0])
    counts, noise = np.array([300.0, 20.0, 90.0]), np.full(3, 100.0)
    spread = drop_points(edges, counts, noise, [0.0, 500.0, -7.0])
    assert spread == pytest.approx([320 * 100 / 101, 320 / 101, 90.0])
    assert drop_points(edges, counts, noise / 4, [0.0]).tolist() == counts.tolist()


def test_points_taken_from_the_rows_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    table = from_frame(balances("float", 0.25))
    column = Column(name="balance", minimum=0, maximum=1_000_000, decimals=2)

    def peeking(curator: Any) -> Any:
        cells = curator.inner._table.rows.column("balance")
        mean = float(round(pc.sum(cells).as_py() * 100) % 1_000_003)
        for room in (domains, singles):
            monkeypatch.setattr(room, "public_points", lambda _role: (mean,))
        return Independent().fit(curator, Schema(columns=[column]))

    verdicts = replay_all(record(peeking, table), neighbours(table, np.random.default_rng(0)))
    assert not all(verdict.passed for verdict in verdicts)


def test_public_points_pass_record_and_replay() -> None:
    table = from_frame(balances("text", 0.25))
    schema = Schema(columns=[Column(name="balance", minimum=0, maximum=10**8, decimals=0)])
    recording = record(lambda curator: Independent().fit(curator, schema), table)
    for verdict in replay_all(recording, neighbours(table, np.random.default_rng(0))):
        verdict.require()


def test_frequent_values_are_charged_to_labels_with_their_delta() -> None:
    curator = MemoryCurator(from_frame(amounts("int")), budget=Budget(1.0, 1e-6))
    learn(curator, Schema())
    events = [e for e in curator.budget.events if e.kind == "partition" and e.stage == "domain"]
    assert [event.columns for event in events] == [("amount",)]
    assert curator.budget.spent_delta_selection <= curator.budget.delta_selection
    assert curator.budget.epsilon_spent() <= 1.0


def test_nothing_is_asked_of_short_ranges_or_of_columns_that_hardly_repeat() -> None:
    curator = MemoryCurator(
        from_frame(
            pa.table(
                {"small": np.arange(ROWS) % 40, "unlike": np.random.default_rng(0).random(ROWS)}
            )
        ),
        budget=Budget(1.0, 1e-6),
    )
    prepared = learn(curator, Schema())
    assert not [e for e in curator.budget.events if e.kind == "partition"]
    small = next(role for role in prepared.roles if role.name == "small")
    assert not worth_asking(small, np.array([0.0, 1.0, 40.0]), ROWS)


def test_a_cell_of_its_own_keeps_the_others_and_their_parents() -> None:
    edges, parents = give_cells(
        np.array([0.0, 10.0, 100.0]), np.array([0, 1]), [10.0, 50.0, 99.0, 500.0]
    )
    assert edges.tolist() == [0, 10, 11, 50, 51, 99, 100]
    assert parents.tolist() == [0, 1, 1, 1, 1, 1]


def test_frequent_values_pass_record_and_replay() -> None:
    table = from_frame(amounts("text"))
    fit = Independent().fit
    recording = record(lambda curator: fit(curator, Schema()), table)
    asked = [event for event in recording.events if event.kind == "partition"]
    assert asked, "the table was made so that frequent values are asked for"
    for verdict in replay_all(recording, neighbours(table, np.random.default_rng(0))):
        verdict.require()


def test_frequent_values_taken_from_the_rows_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    table = from_frame(amounts("int"))

    def peeking(curator: Any) -> Any:
        amount = curator.inner._table.rows.column("amount")
        most = float(pc.max(amount).as_py() % 200_000)
        monkeypatch.setattr(domains, "positions", lambda *_: (most,))
        return Independent().fit(curator, Schema())

    verdicts = replay_all(record(peeking, table), neighbours(table, np.random.default_rng(0)))
    assert not all(verdict.passed for verdict in verdicts)
