"""The ledger: a SQLite file of what was spent on each asset, by whom, when, and its limit.

A charge is one transaction: take the file's write lock (`BEGIN IMMEDIATE`), compare the asset's
new total with its policy, write, and sync to disk, before the answer is computed. A crash can
lose an answer, never a charge; two processes cannot overspend together. The asset's total is
kept in one row, so a charge costs the same after a million others.

What may not happen here: a value from the data, a charge that is removed or changed, a charge
that returns before it is on disk. The file must lie on a local disk: SQLite's locks do not
hold on network file systems.
"""

from __future__ import annotations

import getpass
import json
import math
import os
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from understudy.errors import InputError, LedgerError, PolicyRefused
from understudy.privacy.events import Event, from_json
from understudy.privacy.ledger_file import LedgerFile
from understudy.privacy.records import (
    AssetRecord,
    ChargeRecord,
    Policy,
    RunRecord,
    Total,
)
from understudy.privacy.unit import Unit

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable


def _now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _somebody(who: str | None) -> str:
    """A name for the record: the one given, or the user the process runs as."""
    if who:
        return who
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def _unit_key(unit: Unit) -> str:
    """The unit as text, so that totals of different units are never added."""
    return json.dumps([unit.column, unit.max_rows, str(unit.relation)])


class Ledger(LedgerFile):
    """An append-only record of privacy spending, shared by processes on one machine.

    Parameters
    ----------
    path
        The SQLite file; made with its folder when absent. By default `default_path()`.
    patience
        Seconds to wait for another process's transaction before giving up.

    Raises
    ------
    LedgerError
        The file is not a ledger, damaged, newer than this program, locked, or not writable.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from understudy.privacy.events import Gaussian
    >>> with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder, "l")) as ledger:
    ...     run = ledger.open_run("survey", 1.0, 1e-6, Unit(), who="ana")
    ...     ledger.charge(run, Gaussian(label="rows", sigma=10.0))
    ...     ledger.show("survey").totals[0].charges
    1
    1
    """

    def open_run(
        self,
        asset: str,
        epsilon: float,
        delta: float,
        unit: Unit,
        *,
        who: str | None = None,
        purpose: str | None = None,
        rho: float | None = None,
        delta_selection: float = 0.0,
    ) -> str:
        """Check the whole (ε, δ) against the policy, register a run, and return its id.

        `rho` and `delta_selection` are the most the run can charge; see `check`.
        """
        run = uuid.uuid4().hex
        who = _somebody(who)
        with self._transaction() as connection:
            self._check(
                connection,
                asset,
                epsilon=epsilon,
                delta=delta,
                unit=unit,
                rho=rho,
                delta_selection=delta_selection,
            )
            connection.execute(
                "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (run, asset, _now(), who, purpose, epsilon, delta, unit.statement, _unit_key(unit)),
            )
        return run

    def charge(self, run: str, event: Event) -> int:
        """Write one charge to disk and return its number; see `charge_all`."""
        return self.charge_all(run, (event,))[0]

    def charge_all(self, run: str, events: Iterable[Event]) -> tuple[int, ...]:
        """Write several charges in one transaction: all are on disk on return, or none is.

        Raises
        ------
        PolicyRefused
            The asset's total with these events would exceed its policy; nothing is written.
        LedgerError
            The ledger cannot be written; nothing is written.
        """
        asked = tuple(events)
        numbers = []
        with self._transaction() as connection:
            found = connection.execute(
                "SELECT asset, unit, unit_key FROM runs WHERE id = ?", (run,)
            ).fetchone()
            if found is None:
                raise LedgerError("the ledger has no such run", path=str(self.path), run=run)
            asset, unit, key = found
            relation = json.loads(key)[2]
            total = self._total(connection, asset, key) or Total(unit=unit, relation=relation)
            total = total.plus(asked)
            self._obey(connection, asset, key, total, asked=asked[0].label if asked else "")
            for event in asked:
                row = (run, asset, _now(), event.kind, event.stage, event.label, event.rho,
                       event.delta, json.dumps(event.to_json()))  # fmt: skip
                cursor = connection.execute(
                    "INSERT INTO charges (run, asset, at, kind, stage, label, rho, delta, event)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    row,
                )
                numbers.append(int(cursor.lastrowid or 0))
            connection.execute(
                "INSERT OR REPLACE INTO totals VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (asset, key, unit, relation, total.rho, total.delta,
                 json.dumps(total.others), total.charges),
            )  # fmt: skip
        return tuple(numbers)

    def check(
        self,
        asset: str,
        epsilon: float,
        delta: float,
        unit: Unit | None = None,
        *,
        rho: float | None = None,
        delta_selection: float = 0.0,
    ) -> None:
        """Refuse a run that could not finish: everything spent so far and all of (ε, δ).

        Parameters
        ----------
        asset
            Public name of the data.
        epsilon, delta
            What the run will ask for.
        unit
            Whom it protects; a row by default.
        rho, delta_selection
            The most it can charge; by default the ρ of ε at δ less `delta_selection`.

        Raises
        ------
        PolicyRefused
            The asset's policy does not allow it.
        """
        with self._transaction("DEFERRED") as connection:
            self._check(
                connection,
                asset,
                epsilon=epsilon,
                delta=delta,
                unit=unit or Unit(),
                rho=rho,
                delta_selection=delta_selection,
            )

    def _check(
        self,
        connection: sqlite3.Connection,
        asset: str,
        *,
        epsilon: float,
        delta: float,
        unit: Unit,
        rho: float | None,
        delta_selection: float,
    ) -> None:
        """Compare the total after a whole run with the policy, within a transaction."""
        if not asset:
            raise InputError("an asset needs a name")
        if self._policy(connection, asset) is None:
            return
        if rho is None:
            from understudy.privacy.accountant import calibrate_rho

            finite = math.isfinite(epsilon)
            rho = calibrate_rho(epsilon, delta - delta_selection) if finite else math.inf
            rho *= 1 - 1e-9
        key = _unit_key(unit)
        before = self._total(connection, asset, key) or Total(
            unit=unit.statement, relation=str(unit.relation)
        )
        after = Total(
            unit=before.unit,
            relation=before.relation,
            rho=before.rho + rho,
            delta=before.delta + delta_selection,
            others=before.others,
        )
        self._obey(connection, asset, key, after, asked=f"a run with epsilon {epsilon:g}")

    def _obey(
        self, connection: sqlite3.Connection, asset: str, key: str, total: Total, *, asked: str
    ) -> None:
        """Raise unless a new total stays within the asset's policy."""
        policy = self._policy(connection, asset)
        if policy is None:
            return
        (others,) = connection.execute(
            "SELECT count(*) FROM totals WHERE asset = ? AND unit_key <> ?", (asset, key)
        ).fetchone()
        if others:
            raise PolicyRefused(
                "the asset was used under another privacy unit, and the two cannot be added",
                hint="use the same unit, or name the data as another asset",
                asset=asset,
                unit=total.unit,
            )
        after = total.epsilon(policy.delta)
        if after <= policy.epsilon:
            return
        before = self._total(connection, asset, key)
        raise PolicyRefused(
            "the asset's limit does not allow this",
            hint="ask for less, or have the limit raised with 'understudy ledger policy'",
            asset=asset,
            asked=asked,
            limit_epsilon=policy.epsilon,
            limit_delta=policy.delta,
            spent_epsilon=round(before.epsilon(policy.delta), 6) if before else 0.0,
            spent_delta=before.delta if before else 0.0,
            after_epsilon=round(after, 6),
        )

    @staticmethod
    def _policy(connection: sqlite3.Connection, asset: str) -> Policy | None:
        """The newest policy of an asset."""
        row = connection.execute(
            "SELECT epsilon, delta, who, at FROM policies WHERE asset = ?"
            " ORDER BY number DESC LIMIT 1",
            (asset,),
        ).fetchone()
        if row is None:
            return None
        return Policy(asset=asset, epsilon=row[0], delta=row[1], who=row[2], at=row[3])

    @staticmethod
    def _total(connection: sqlite3.Connection, asset: str, key: str) -> Total | None:
        """What was spent on an asset under one unit."""
        row = connection.execute(
            "SELECT unit, relation, rho, delta, others, charges FROM totals"
            " WHERE asset = ? AND unit_key = ?",
            (asset, key),
        ).fetchone()
        if row is None:
            return None
        return Total(
            unit=row[0], relation=row[1], rho=row[2], delta=row[3], others=json.loads(row[4]),
            charges=row[5],
        )  # fmt: skip

    def policy(self, asset: str) -> Policy | None:
        """The asset's limit, or None."""
        with self._transaction("DEFERRED") as connection:
            return self._policy(connection, asset)

    def set_policy(
        self, asset: str, epsilon: float, delta: float, who: str | None = None
    ) -> Policy:
        """Set the most that may be spent on an asset, all runs together; history is kept.

        A limit below what is already spent is allowed: it refuses everything from now on.
        """
        from understudy.privacy.budget import check_privacy

        check_privacy(epsilon, delta)
        if not asset:
            raise InputError("an asset needs a name")
        made = Policy(asset=asset, epsilon=epsilon, delta=delta, who=_somebody(who), at=_now())
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO policies (asset, epsilon, delta, who, at) VALUES (?, ?, ?, ?, ?)",
                (asset, made.epsilon, made.delta, made.who, made.at),
            )
        return made

    def assets(self) -> tuple[str, ...]:
        """Names of all assets with a run or a policy."""
        with self._transaction("DEFERRED") as connection:
            rows = connection.execute(
                "SELECT asset FROM runs UNION SELECT asset FROM policies ORDER BY 1"
            ).fetchall()
        return tuple(name for (name,) in rows)

    def show(self, asset: str) -> AssetRecord:
        """Everything the ledger knows about an asset: limit, totals, runs, charges."""
        with self._transaction("DEFERRED") as connection:
            keys = connection.execute(
                "SELECT unit_key FROM totals WHERE asset = ? ORDER BY 1", (asset,)
            ).fetchall()
            totals = [self._total(connection, asset, key) for (key,) in keys]
            runs = connection.execute(
                "SELECT r.id, r.opened, r.who, r.purpose, r.epsilon, r.delta, r.unit,"
                " count(c.number), coalesce(sum(c.rho), 0.0), coalesce(sum(c.delta), 0.0)"
                " FROM runs r LEFT JOIN charges c ON c.run = r.id WHERE r.asset = ?"
                " GROUP BY r.id ORDER BY r.opened, min(c.number)",
                (asset,),
            ).fetchall()
            charges = connection.execute(
                "SELECT c.number, c.run, c.at, r.who, c.event FROM charges c"
                " JOIN runs r ON r.id = c.run WHERE c.asset = ? ORDER BY c.number",
                (asset,),
            ).fetchall()
            policy = self._policy(connection, asset)
        return AssetRecord(
            asset=asset,
            policy=policy,
            totals=tuple(total for total in totals if total is not None),
            runs=tuple(
                RunRecord(
                    id=row[0],
                    asset=asset,
                    opened=row[1],
                    who=row[2],
                    purpose=row[3],
                    epsilon=row[4],
                    delta=row[5],
                    unit=row[6],
                    charges=row[7],
                    spent_rho=row[8],
                    spent_delta=row[9],
                )
                for row in runs
            ),
            charges=tuple(
                ChargeRecord(
                    number=row[0],
                    run=row[1],
                    at=row[2],
                    who=row[3],
                    event=from_json(json.loads(row[4])),
                )
                for row in charges
            ),
        )
