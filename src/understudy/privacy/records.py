"""What the ledger holds, as frozen rows, and the layout of its file.

What may not happen here: a value from the data. Assets, labels, stages and columns are public
names; ε, δ and ρ are parameters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from understudy.privacy.events import Event

LAYOUT = 1
"""Version of the file's layout, kept in SQLite's `user_version`."""

TABLES = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, asset TEXT NOT NULL, opened TEXT NOT NULL, who TEXT NOT NULL,
    purpose TEXT, epsilon REAL NOT NULL, delta REAL NOT NULL, unit TEXT NOT NULL,
    unit_key TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS charges (
    number INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL REFERENCES runs (id),
    asset TEXT NOT NULL, at TEXT NOT NULL, kind TEXT NOT NULL, stage TEXT NOT NULL,
    label TEXT NOT NULL, rho REAL, delta REAL NOT NULL, event TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS charges_of_asset ON charges (asset, number);
CREATE TABLE IF NOT EXISTS policies (
    number INTEGER PRIMARY KEY AUTOINCREMENT, asset TEXT NOT NULL, epsilon REAL NOT NULL,
    delta REAL NOT NULL, who TEXT NOT NULL, at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS totals (
    asset TEXT NOT NULL, unit_key TEXT NOT NULL, unit TEXT NOT NULL, relation TEXT NOT NULL,
    rho REAL NOT NULL, delta REAL NOT NULL, others TEXT NOT NULL, charges INTEGER NOT NULL,
    PRIMARY KEY (asset, unit_key)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """The most that may ever be spent on an asset, all runs together."""

    asset: str
    epsilon: float
    delta: float
    who: str
    at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Total:
    """What was spent on an asset under one unit: Σρ, Σδ, and events that are not zCDP."""

    unit: str
    relation: str
    rho: float = 0.0
    delta: float = 0.0
    others: dict[str, int] = field(default_factory=dict)
    charges: int = 0

    def plus(self, events: tuple[Event, ...]) -> Total:
        """Add events to a total, every sum rounded up."""
        rho, delta, others = self.rho, self.delta, dict(self.others)
        for event in events:
            if event.rho is not None:
                rho = math.nextafter(rho + event.rho, math.inf)
            if event.delta:
                delta = math.nextafter(delta + event.delta, math.inf)
            tree = getattr(event, "tree", None)
            if tree is not None:
                others[tree] = others.get(tree, 0) + 1
        return Total(
            unit=self.unit,
            relation=self.relation,
            rho=rho,
            delta=delta,
            others=others,
            charges=self.charges + len(events),
        )

    def epsilon(self, delta: float) -> float:
        """Cumulative ε at a total δ, by the accountant; infinite when Σδ uses δ up."""
        from understudy.privacy.accountant import epsilon_of
        from understudy.privacy.unit import Relation

        return epsilon_of(
            self.rho, self.others, delta - self.delta, relation=Relation(self.relation)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """One run: what it promised, for what, and what it has spent."""

    id: str
    asset: str
    opened: str
    who: str
    purpose: str | None
    epsilon: float
    delta: float
    unit: str
    charges: int
    spent_rho: float
    spent_delta: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ChargeRecord:
    """One charge, as it was written before its answer."""

    number: int
    run: str
    at: str
    who: str
    event: Event


@dataclass(frozen=True, kw_only=True, slots=True)
class AssetRecord:
    """Everything the ledger knows about one asset."""

    asset: str
    policy: Policy | None
    totals: tuple[Total, ...]
    runs: tuple[RunRecord, ...]
    charges: tuple[ChargeRecord, ...]

    def epsilon(self, delta: float) -> float:
        """Cumulative ε at δ when one unit was used; infinite when units were mixed."""
        if not self.totals:
            return 0.0
        return self.totals[0].epsilon(delta) if len(self.totals) == 1 else math.inf
