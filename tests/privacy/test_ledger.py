"""The ledger: records, policies, totals, and files that cannot be used."""

from __future__ import annotations

import json
import math
import os
import sqlite3
from typing import TYPE_CHECKING

import dp_accounting as dpa
import pytest

from understudy.errors import InputError, LedgerError, PolicyRefused
from understudy.privacy import (
    Budget,
    DpAccountingEvent,
    Event,
    Exponential,
    Gaussian,
    Ledger,
    NonPrivate,
    NonPrivateBudget,
    PartitionSelection,
    Relation,
    Unit,
    default_path,
    epsilon,
)

if TYPE_CHECKING:
    from pathlib import Path

EVENTS: tuple[Event, ...] = (
    Gaussian(label="histogram of age", stage="domain", columns=("age",), sigma=50.0),
    Exponential(label="edge", stage="select", columns=("age", "sex"), epsilon=0.01),
    PartitionSelection(label="towns", stage="domain", columns=("town",), sigma=80.0, failure=1e-8),
    DpAccountingEvent.of(dpa.LaplaceDpEvent(90.0), label="total"),
    DpAccountingEvent.of(dpa.LaplaceDpEvent(90.0), label="another total"),
)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "folder" / "ledger.sqlite")


def test_what_is_written_is_shown(ledger: Ledger) -> None:
    run = ledger.open_run("survey", 1.0, 1e-6, Unit(), who="ana", purpose="teaching")
    for event in EVENTS:
        ledger.charge(run, event)
    told = ledger.show("survey")
    assert tuple(charge.event for charge in told.charges) == EVENTS
    assert {charge.who for charge in told.charges} == {"ana"}
    (record,) = told.runs
    assert (record.id, record.who, record.purpose, record.charges) == (run, "ana", "teaching", 5)
    assert record.unit == Unit().statement
    (total,) = told.totals
    assert total.charges == 5
    assert list(total.others.values()) == [2]
    assert told.epsilon(1e-5) == pytest.approx(epsilon(EVENTS, 1e-5), rel=1e-9)
    assert ledger.assets() == ("survey",)
    assert ledger.show("unheard of").charges == ()
    assert ledger.show("unheard of").epsilon(1e-6) == 0.0


def test_another_connection_sees_it_at_once(ledger: Ledger) -> None:
    run = ledger.open_run("survey", 1.0, 1e-6, Unit())
    ledger.charge(run, EVENTS[0])
    with Ledger(ledger.path) as other:
        assert len(other.show("survey").charges) == 1
    ledger.close()
    ledger.charge(run, EVENTS[0])
    assert len(ledger.show("survey").charges) == 2


def test_commits_are_synced(ledger: Ledger) -> None:
    with ledger._transaction() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_budget_writes_before_it_returns(ledger: Ledger) -> None:
    """Trap 19: as many rows in the ledger as events in the budget, in the same order."""
    budget = Budget(1.0, 1e-6, ledger=ledger, asset="survey", who="ana")
    for event in EVENTS[:3]:
        budget.charge(event)
        with Ledger(ledger.path) as other:
            written = tuple(charge.event for charge in other.show("survey").charges)
        assert written == budget.events
    assert ledger.show("survey").runs[0].id == budget.run


def test_all_or_nothing(ledger: Ledger) -> None:
    ledger.set_policy("survey", 1.0, 1e-6)
    run = ledger.open_run("survey", 0.1, 1e-7, Unit())
    with pytest.raises(PolicyRefused):
        ledger.charge_all(run, [EVENTS[0], Gaussian(label="too much", sigma=1.0)])
    assert ledger.show("survey").charges == ()
    assert len(ledger.charge_all(run, [EVENTS[0]] * 3)) == 3


def test_policy_stops_at_its_limit(ledger: Ledger) -> None:
    policy = ledger.set_policy("survey", 1.0, 1e-6, who="steward")
    assert ledger.policy("survey") == policy
    run = ledger.open_run("survey", 0.5, 1e-7, Unit())
    event = Gaussian(label="counts", sigma=20.0)
    with pytest.raises(PolicyRefused) as refused:  # noqa: PT012 - one of many is refused
        for _ in range(1000):
            ledger.charge(run, event)
    events = [charge.event for charge in ledger.show("survey").charges]
    assert epsilon(events, 1e-6) <= 1.0 < epsilon([*events, event], 1e-6)
    assert refused.value.facts["limit_epsilon"] == 1.0
    assert "policy" in str(refused.value)


def test_a_run_that_cannot_finish_is_refused_before_it_starts(ledger: Ledger) -> None:
    ledger.set_policy("survey", 1.0, 1e-6)
    with pytest.raises(PolicyRefused):
        Budget(1.5, 1e-6, ledger=ledger, asset="survey")
    assert ledger.show("survey").runs == ()
    budget = Budget(1.0, 1e-6, ledger=ledger, asset="survey")
    budget.charge(Gaussian(label="all", sigma=math.sqrt(0.5 / budget.rho)))
    with pytest.raises(PolicyRefused):
        Budget(0.1, 1e-6, ledger=ledger, asset="survey")
    with pytest.raises(PolicyRefused):
        ledger.check("survey", 0.5, 1e-7)
    ledger.check("another", 100.0, 1e-3)
    ledger.set_policy("survey", 3.0, 4e-6)
    ledger.check("survey", 0.5, 1e-7)
    Budget(0.1, 1e-6, ledger=ledger, asset="survey")


def test_delta_of_selections_counts_against_the_policy(ledger: Ledger) -> None:
    """Trap 20: the δ of runs adds up; it is not available again for the next run."""
    ledger.set_policy("survey", 10.0, 1e-6)
    run = ledger.open_run("survey", 1.0, 1e-7, Unit())
    event = PartitionSelection(label="towns", sigma=1e3, failure=4e-7)
    ledger.charge(run, event)
    ledger.charge(run, event)
    with pytest.raises(PolicyRefused):
        ledger.charge(run, event)


def test_non_private_runs_meet_every_policy(ledger: Ledger) -> None:
    budget = NonPrivateBudget(ledger=ledger, asset="open")
    budget.charge(NonPrivate(label="all"))
    assert ledger.show("open").epsilon(1e-6) == math.inf
    ledger.set_policy("open", 1e6, 1e-3)
    with pytest.raises(PolicyRefused):
        NonPrivateBudget(ledger=ledger, asset="open")
    with pytest.raises(PolicyRefused):
        budget.charge(NonPrivate(label="again"))


def test_units_are_not_added_to_each_other(ledger: Ledger) -> None:
    """Trap 6 and 12: ρ per row and ρ per person are different currencies."""
    rows = ledger.open_run("survey", 1.0, 1e-6, Unit())
    people = Unit(column="person", max_rows=3)
    ledger.charge(rows, EVENTS[0])
    ledger.charge(ledger.open_run("survey", 1.0, 1e-6, people), EVENTS[0])
    assert len(ledger.show("survey").totals) == 2
    assert ledger.show("survey").epsilon(1e-6) == math.inf
    ledger.set_policy("survey", 5.0, 1e-5)
    with pytest.raises(PolicyRefused, match="unit"):
        ledger.charge(rows, EVENTS[0])
    with pytest.raises(PolicyRefused, match="unit"):
        ledger.check("survey", 0.1, 1e-7, Unit(relation=Relation.REPLACE_ONE))


def test_policies_keep_their_history(ledger: Ledger) -> None:
    for limit in (1.0, 2.0, 0.5):
        ledger.set_policy("survey", limit, 1e-6)
    assert ledger.policy("survey").epsilon == 0.5  # type: ignore[union-attr]
    with ledger._transaction() as connection:
        assert connection.execute("SELECT count(*) FROM policies").fetchone() == (3,)
    for bad in ((0.0, 1e-6), (1.0, 0.5), (math.inf, 1e-6)):
        with pytest.raises(InputError):
            ledger.set_policy("survey", *bad)
    with pytest.raises(InputError):
        ledger.set_policy("", 1.0, 1e-6)


def test_unknown_run(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no such run"):
        ledger.charge("nobody", EVENTS[0])


def test_totals_equal_the_sum_of_charges(ledger: Ledger) -> None:
    run = ledger.open_run("survey", 1.0, 1e-6, Unit())
    for _ in range(20):
        ledger.charge_all(run, EVENTS)
    told = ledger.show("survey")
    exact = math.fsum(c.event.rho for c in told.charges if c.event.rho is not None)
    assert exact <= told.totals[0].rho <= exact * (1 + 1e-12)
    assert told.totals[0].delta == pytest.approx(2e-7, rel=1e-9)


def test_only_public_names_are_in_the_file(ledger: Ledger) -> None:
    """The events' own fields are all that is stored about a question."""
    run = ledger.open_run("survey", 1.0, 1e-6, Unit())
    ledger.charge(run, EVENTS[0])
    with ledger._transaction() as connection:
        (text,) = connection.execute("SELECT event FROM charges").fetchone()
    assert json.loads(text) == EVENTS[0].to_json()


def test_default_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("UNDERSTUDY_LEDGER", str(tmp_path / "named.sqlite"))
    assert default_path() == tmp_path / "named.sqlite"
    with Ledger() as ledger:
        assert ledger.path.exists()
    monkeypatch.delenv("UNDERSTUDY_LEDGER")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(os, "name", "posix")
    assert default_path() == tmp_path / "understudy" / "ledger.sqlite"


def test_a_file_that_is_not_a_ledger(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a database " * 100)
    with pytest.raises(LedgerError, match="not a ledger") as refused:
        Ledger(text)
    assert "not a database" not in str(refused.value)
    foreign = tmp_path / "other.sqlite"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE people (name TEXT)")
    connection.close()
    before = foreign.read_bytes()
    with pytest.raises(LedgerError, match="not a ledger"):
        Ledger(foreign)
    assert foreign.read_bytes() == before


def test_a_damaged_ledger(ledger: Ledger) -> None:
    run = ledger.open_run("survey", 1.0, 1e-6, Unit())
    for _ in range(50):
        ledger.charge_all(run, EVENTS)
    ledger.close()
    content = bytearray(ledger.path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    ledger.path.write_bytes(content)
    with pytest.raises(LedgerError):
        Ledger(ledger.path).charge(run, EVENTS[0])


def test_a_newer_ledger(ledger: Ledger) -> None:
    with ledger._transaction() as connection:
        connection.execute("PRAGMA user_version = 99")
    ledger.close()
    with pytest.raises(LedgerError, match="newer"):
        Ledger(ledger.path)


def test_a_locked_ledger(ledger: Ledger) -> None:
    run = ledger.open_run("survey", 1.0, 1e-6, Unit())
    ledger.close()
    with Ledger(ledger.path, patience=0.1) as other:
        blocker = sqlite3.connect(ledger.path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="locked"):
            other.charge(run, EVENTS[0])
        blocker.execute("ROLLBACK")
        blocker.close()
        other.charge(run, EVENTS[0])
        assert len(other.show("survey").charges) == 1


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(LedgerError, match="folder"):
        Ledger(tmp_path / "file" / "ledger.sqlite")
    with pytest.raises(LedgerError, match="opened"):
        Ledger(tmp_path)
